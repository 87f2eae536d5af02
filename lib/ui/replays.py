"""Replays of loaded topics and what follows from them, kept for all viewers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.core.columns import SESSION
from lib.replay.advisor import Advice, Goal, advise
from lib.replay.engine import DELAYS_S, GAPS_S, Setting, replay, with_delay, with_length
from lib.replay.input import ReplayInput, replay_input_of
from lib.replay.outcome import Outcome, outcome_of
from lib.replay.sweep import curve

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from lib.loading.load import LoadedTopic
    from lib.replay.windows import Replay

MOST_FOR_MANY: Final = 300_000
"""Events, the first in arrival order, on which many settings are tried at once."""


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
    """Return the curves over the gap and over the delay, all else as in `setting`.

    On the first `MOST_FOR_MANY` events.
    """
    found: tuple[pd.DataFrame, pd.DataFrame] = _curves(topic.version, setting, topic)
    return found


def advice_of(topic: LoadedTopic, setting: Setting, goal: Goal) -> Advice | None:
    """Return what `lib.replay.advisor.advise` finds on the first `MOST_FOR_MANY` events."""
    found: Advice | None = _advice(topic.version, setting, goal, topic)
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
    events, sessions = _first_of(_topic)
    gaps = [with_length(setting, 1000 * gap) for gap in GAPS_S]
    delays = [with_delay(setting, 1000 * delay) for delay in DELAYS_S]
    return curve(events, gaps, sessions), curve(events, delays, sessions)


@st.cache_resource(max_entries=16, show_spinner="Looking for the smallest setting…")
def _advice(
    version: object,  # noqa: ARG001
    setting: Setting,
    goal: Goal,
    _topic: LoadedTopic,
) -> Advice | None:
    events, sessions = _first_of(_topic)
    return advise(events, setting, goal, sessions) if len(events) > 1 else None


def _first_of(topic: LoadedTopic) -> tuple[ReplayInput, NDArray[np.integer] | None]:
    """Return the first events of a topic, at most `MOST_FOR_MANY`, and true sessions if any."""
    sessions = true_sessions(topic)
    events = input_of(topic).first(MOST_FOR_MANY)
    return events, None if sessions is None else sessions[:MOST_FOR_MANY]
