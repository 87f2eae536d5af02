"""Replays of loaded topics and what follows from them, kept for all viewers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from lib.core.columns import CLIENT, SESSION
from lib.replay.advisor import Advice, advise, elsewhere
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
from lib.replay.input import ReplayInput, replay_input_of
from lib.replay.outcome import Outcome, outcome_of
from lib.replay.partitions import PartitionSkew, partition_skew
from lib.replay.sweep import curve, thinned, tradeoff_settings

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from lib.loading.load import LoadedTopic
    from lib.replay.goal import Goal
    from lib.replay.windows import Replay


def true_sessions(topic: LoadedTopic) -> NDArray[np.integer] | None:
    """Return the session code of every event; None where the topic itself has no sessions."""
    if topic.fields.session is None:
        return None
    codes: NDArray[np.integer] = topic.events.table[SESSION].cat.codes.to_numpy()
    return codes


def input_of(topic: LoadedTopic) -> ReplayInput:
    """Return the events of a topic as the engines read them, by client."""
    found: ReplayInput = _input(topic.version, topic)
    return found


def replay_of(topic: LoadedTopic, setting: Setting) -> tuple[Replay, Outcome]:
    """Return what the engine would have made of the whole topic, and that in numbers."""
    found: tuple[Replay, Outcome] = _replay(topic.version, setting, topic)
    return found


def curves_of(topic: LoadedTopic, setting: Setting) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the curves over the gap and over the delay, all else as in `setting`."""
    found: tuple[pd.DataFrame, pd.DataFrame] = _curves(topic.version, setting, topic)
    return found


def tradeoff_of(topic: LoadedTopic, setting: Setting) -> pd.DataFrame:
    """Return what the settings around one do to the whole topic."""
    found: pd.DataFrame = _tradeoff(topic.version, setting, topic)
    return found


def advice_of(topic: LoadedTopic, setting: Setting, goal: Goal) -> Advice | None:
    """Return what `lib.replay.advisor.advise` finds on the whole topic."""
    found: Advice | None = _advice(topic.version, setting, goal, topic)
    return found


def elsewhere_of(topic: LoadedTopic, setting: Setting) -> list[tuple[Setting, Outcome]]:
    """Return the nearest setting in each other engine, and what it does to the whole topic."""
    found: list[tuple[Setting, Outcome]] = _elsewhere(topic.version, setting, topic)
    return found


def blame_of(topic: LoadedTopic, setting: Setting, goal: Goal) -> tuple[Blame, Blame]:
    """Return because of which clients, and of which partitions, events are dropped."""
    found: tuple[Blame, Blame] = _blame(topic.version, setting, goal, topic)
    return found


def partitions_of(topic: LoadedTopic, goal: Goal) -> PartitionSkew:
    """Return how far the partitions of a topic are apart."""
    found: PartitionSkew = _partitions(topic.version, goal, topic)
    return found


@st.cache_resource(max_entries=2, show_spinner=False)
def _input(version: object, _topic: LoadedTopic) -> ReplayInput:  # noqa: ARG001
    return replay_input_of(_topic.events.table)


@st.cache_resource(max_entries=2, show_spinner="Replaying the topic…")
def _replay(
    version: object,  # noqa: ARG001
    setting: Setting,
    _topic: LoadedTopic,
) -> tuple[Replay, Outcome]:
    replayed = replay(input_of(_topic), setting)
    return replayed, outcome_of(replayed, true_sessions(_topic))


@st.cache_data(max_entries=32, show_spinner="Trying other settings…")
def _curves(
    version: object,  # noqa: ARG001
    setting: Setting,
    _topic: LoadedTopic,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    events, sessions = input_of(_topic), true_sessions(_topic)
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
def _tradeoff(version: object, setting: Setting, _topic: LoadedTopic) -> pd.DataFrame:  # noqa: ARG001
    events = input_of(_topic)
    return curve(events, tradeoff_settings(setting, len(events)), true_sessions(_topic))


@st.cache_resource(max_entries=16, show_spinner="Looking for a setting that holds…")
def _advice(
    version: object,  # noqa: ARG001
    setting: Setting,
    goal: Goal,
    _topic: LoadedTopic,
) -> Advice | None:
    events = input_of(_topic)
    return advise(events, setting, goal, true_sessions(_topic)) if len(events) > 1 else None


@st.cache_resource(max_entries=16, show_spinner="Trying the other engines…")
def _elsewhere(
    version: object,  # noqa: ARG001
    setting: Setting,
    _topic: LoadedTopic,
) -> list[tuple[Setting, Outcome]]:
    events, sessions = input_of(_topic), true_sessions(_topic)
    return [(each, outcome_of(replay(events, each), sessions)) for each in elsewhere(setting)]


@st.cache_resource(max_entries=8, show_spinner="Replaying without each client in turn…")
def _blame(
    version: object,  # noqa: ARG001
    setting: Setting,
    goal: Goal,
    _topic: LoadedTopic,
) -> tuple[Blame, Blame]:
    events, replayed = input_of(_topic), replay_of(_topic, setting)[0]
    clients = _topic.events.table[CLIENT].cat.codes.to_numpy()
    by_client, by_partition = (
        blame(events, setting, replayed, group, goal.most_dropped)
        for group in (clients, events.partition)
    )
    return by_client, by_partition


@st.cache_resource(max_entries=4, show_spinner=False)
def _partitions(version: object, goal: Goal, _topic: LoadedTopic) -> PartitionSkew:  # noqa: ARG001
    return partition_skew(input_of(_topic), goal.most_dropped)
