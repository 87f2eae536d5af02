"""Replays of loaded topics and what follows from them, kept for all viewers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from lib.core.columns import CLIENT, SESSION
from lib.core.parallel import side_by_side
from lib.replay import of_topic
from lib.replay.advisor import Advice, elsewhere
from lib.replay.blame import Blame, blame
from lib.replay.engine import (
    DELAYS_S,
    GAPS_S,
    Setting,
    delay_ms,
    replay,
    with_delay,
    with_length,
)
from lib.replay.input import ReplayInput, key_columns, replay_input_of
from lib.replay.outcome import Outcome, outcome_of
from lib.replay.partitions import PartitionSkew, partition_skew
from lib.replay.sweep import curve, idle_settings, thinned, tradeoff_settings

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from lib.replay.goal import Goal
    from lib.replay.windows import Replay
    from lib.ui.page import Visible


def keys_of(visible: Visible) -> list[str]:
    """Return the columns that windows can be grouped by: what programs find in a record, too."""
    found: list[str] = _keys(visible.topic.version, visible)
    return found


def true_sessions(visible: Visible) -> NDArray[np.integer] | None:
    """Return the session code of every event; None where the topic itself has no sessions."""
    return of_topic.true_sessions(visible.topic)


def input_of(visible: Visible) -> ReplayInput:
    """Return the events of a topic as the engines read them, by what they are grouped by."""
    found: ReplayInput = _input(visible.version, visible)
    return found


def replay_of(visible: Visible, setting: Setting) -> tuple[Replay, Outcome]:
    """Return what the engine would have made of the whole topic, and that in numbers."""
    found: tuple[Replay, Outcome] = _replay(visible.version, setting, visible)
    return found


def curves_of(visible: Visible, setting: Setting) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the curves over the gap and over the delay, all else as in `setting`."""
    found: tuple[pd.DataFrame, pd.DataFrame] = _curves(visible.version, setting, visible)
    return found


def tradeoff_of(visible: Visible, setting: Setting) -> pd.DataFrame:
    """Return what the settings around one do to the whole topic."""
    found: pd.DataFrame = _tradeoff(visible.version, setting, visible)
    return found


def advice_of(visible: Visible, setting: Setting, goal: Goal) -> Advice | None:
    """Return what `lib.replay.advisor.advise` finds on the whole topic."""
    found: Advice | None = _advice(visible.version, setting, goal, visible)
    return found


def elsewhere_of(visible: Visible, setting: Setting) -> list[tuple[Setting, Outcome]]:
    """Return the nearest setting in each other engine, and what it does to the whole topic."""
    found: list[tuple[Setting, Outcome]] = _elsewhere(visible.version, setting, visible)
    return found


def blame_of(visible: Visible, setting: Setting, goal: Goal) -> tuple[Blame, Blame]:
    """Return because of which clients, and of which partitions, events are dropped."""
    found: tuple[Blame, Blame] = _blame(visible.version, setting, goal, visible)
    return found


def partitions_of(visible: Visible, goal: Goal, idle_ms: int) -> PartitionSkew:
    """Return how far the partitions of a topic are apart."""
    found: PartitionSkew = _partitions(visible.version, goal, idle_ms, visible)
    return found


def idle_of(visible: Visible, setting: Setting) -> dict[int | None, Outcome]:
    """Return what other idle timeouts do to the whole topic; none where they change nothing."""
    found: dict[int | None, Outcome] = _idle(visible.version, setting, visible)
    return found


@st.cache_data(max_entries=8, show_spinner=False)
def _keys(version: object, _visible: Visible) -> list[str]:  # noqa: ARG001
    derived = {SESSION} if _visible.topic.fields.session is None else set()
    return [name for name in key_columns(_visible.table) if name not in derived]


@st.cache_resource(max_entries=2, show_spinner=False)
def _input(version: object, _visible: Visible) -> ReplayInput:  # noqa: ARG001
    return replay_input_of(_visible.table, _visible.key)


@st.cache_resource(max_entries=2, show_spinner="Replaying the topic…")
def _replay(
    version: object,  # noqa: ARG001
    setting: Setting,
    _visible: Visible,
) -> tuple[Replay, Outcome]:
    return of_topic.replayed_with(_visible.topic, input_of(_visible), setting)


@st.cache_data(max_entries=32, show_spinner="Trying other settings…")
def _curves(
    version: object,  # noqa: ARG001
    setting: Setting,
    _visible: Visible,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    events, sessions = input_of(_visible), true_sessions(_visible)
    gaps, delays = (
        sorted({present, *(1000 * s for s in thinned(choices, len(events), curves=2))})
        for present, choices in (
            (setting.window.length_ms, GAPS_S),
            (delay_ms(setting), DELAYS_S),
        )
    )
    return (
        curve(events, [with_length(setting, gap) for gap in gaps], sessions),
        curve(events, [with_delay(setting, delay) for delay in delays], sessions),
    )


@st.cache_data(max_entries=32, show_spinner="Trying settings around the advice…")
def _tradeoff(version: object, setting: Setting, _visible: Visible) -> pd.DataFrame:  # noqa: ARG001
    events = input_of(_visible)
    return curve(events, tradeoff_settings(setting, len(events)), true_sessions(_visible))


@st.cache_resource(max_entries=16, show_spinner="Looking for a setting that holds…")
def _advice(
    version: object,  # noqa: ARG001
    setting: Setting,
    goal: Goal,
    _visible: Visible,
) -> Advice | None:
    return of_topic.advice_on(_visible.topic, input_of(_visible), setting, goal)


@st.cache_resource(max_entries=16, show_spinner="Trying the other engines…")
def _elsewhere(
    version: object,  # noqa: ARG001
    setting: Setting,
    _visible: Visible,
) -> list[tuple[Setting, Outcome]]:
    events, sessions = input_of(_visible), true_sessions(_visible)
    return [(each, _outcome(events, each, sessions)) for each in elsewhere(setting)]


@st.cache_resource(max_entries=8, show_spinner="Replaying without each client in turn…")
def _blame(
    version: object,  # noqa: ARG001
    setting: Setting,
    goal: Goal,
    _visible: Visible,
) -> tuple[Blame, Blame]:
    events, replayed = input_of(_visible), replay_of(_visible, setting)[0]
    clients = _visible.table[CLIENT].cat.codes.to_numpy()
    by_client, by_partition = (
        blame(events, setting, replayed, group, goal.most_dropped)
        for group in (clients, events.partition)
    )
    return by_client, by_partition


@st.cache_resource(max_entries=4, show_spinner=False)
def _partitions(
    version: object,  # noqa: ARG001
    goal: Goal,
    idle_ms: int,
    _visible: Visible,
) -> PartitionSkew:
    return partition_skew(input_of(_visible), goal.most_dropped, idle_ms)


@st.cache_resource(max_entries=16, show_spinner="Trying other idle timeouts…")
def _idle(
    version: object,  # noqa: ARG001
    setting: Setting,
    _visible: Visible,
) -> dict[int | None, Outcome]:
    events, sessions = input_of(_visible), true_sessions(_visible)
    return side_by_side(
        {
            idle: partial(_outcome, events, each, sessions)
            for idle, each in idle_settings(setting).items()
        }
    )


def _outcome(
    events: ReplayInput, setting: Setting, sessions: NDArray[np.integer] | None
) -> Outcome:
    return outcome_of(replay(events, setting), sessions)
