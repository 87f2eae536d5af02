"""Replays of loaded topics and what follows from them, kept for all viewers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lib.core.blockwise import answered
from lib.core.columns import CLIENT, SESSION
from lib.core.parallel import in_parallel
from lib.replay import of_topic
from lib.replay.advisor import Advice, elsewhere
from lib.replay.blame import Blame, Fault, blame
from lib.replay.gaps import gaps_question
from lib.replay.input import ReplayInput, grouping_columns
from lib.replay.outcome import Outcome, TrueSessions
from lib.replay.partitions import PartitionSkew, partition_skew
from lib.replay.processing_time import OnReceived, on_received_question
from lib.replay.sweep import (
    curve,
    curve_settings,
    idle_settings,
    outcome_with,
    tradeoff_settings,
)
from lib.ui.held import Answer, answer_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from lib.replay.counted import Counted
    from lib.replay.engine import Setting
    from lib.replay.goal import Goal
    from lib.replay.windows import Replay
    from lib.ui.visible import Visible


def keys_of(visible: Visible) -> list[str]:
    """Return the columns that windows can be grouped by: what programs find in a record, too."""
    derived = {SESSION} if visible.topic.fields.session is None else set()
    return answer_of(
        ("keys", visible.topic.version),
        lambda: [name for name in grouping_columns(visible.table) if name not in derived],
    )


def true_sessions(visible: Visible) -> NDArray[np.integer] | None:
    """Return the session code of every event; None where the topic itself has no sessions."""
    return of_topic.true_sessions(visible.topic)


def input_of(visible: Visible) -> ReplayInput:
    """Return the events of a topic as the engines read them, by what they are grouped by."""
    return _of(visible, "replay input", lambda: of_topic.input_of(visible.topic, visible.key))


def replay_of(
    visible: Visible, setting: Setting, *, spinner: str = "Replaying the topic…"
) -> tuple[Replay, Outcome]:
    """Return what the engine would have made of the whole topic, and that in numbers."""
    return _of(
        visible,
        ("replay", setting),
        lambda: of_topic.replayed_with(visible.topic, input_of(visible), setting),
        spinner,
    )


def curves_of(
    visible: Visible, setting: Setting, advised_ms: int | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the curves over the gap and over the delay, all else as in `setting`.

    The advised delay is among those tried.
    """
    return _of(
        visible,
        ("curves", setting, advised_ms),
        lambda: _curves(visible, setting, advised_ms),
        "Trying other settings…",
    )


def tradeoff_of(visible: Visible, setting: Setting) -> pd.DataFrame:
    """Return what the settings around one do to the whole topic."""

    def tried() -> pd.DataFrame:
        events = input_of(visible)
        return curve(events, tradeoff_settings(setting, len(events)), true_sessions(visible))

    return _of(visible, ("tradeoff", setting), tried, "Trying settings around the advice…")


def advice_of(visible: Visible, setting: Setting, goal: Goal) -> Advice | None:
    """Return what `lib.replay.advisor.advise` finds on the whole topic."""
    return _of(
        visible,
        ("advice", setting, goal),
        lambda: of_topic.advice_on(visible.topic, input_of(visible), setting, goal),
        "Looking for a setting that holds…",
    )


def elsewhere_of(visible: Visible, setting: Setting) -> list[tuple[Setting, Outcome]]:
    """Return the nearest setting in each other engine, and what it does to the whole topic."""

    def tried() -> list[tuple[Setting, Outcome]]:
        events, sessions = input_of(visible), true_sessions(visible)
        return [(each, outcome_with(events, each, sessions)) for each in elsewhere(setting)]

    return _of(visible, ("elsewhere", setting), tried, "Trying the other engines…")


def received_of(visible: Visible, setting: Setting) -> OnReceived:
    """Return what the same windows make of received times."""
    return _of(
        visible,
        ("received", setting),
        lambda: answered(
            on_received_question(
                input_of(visible),
                replay_of(visible, setting)[0],
                TrueSessions.here(true_sessions(visible)),
                setting.window,
            )
        ),
    )


def gaps_of(visible: Visible) -> Counted:
    """Return how far apart the events of a key are."""
    return _of(visible, "gaps", lambda: answered(gaps_question(input_of(visible))))


def fault_of(visible: Visible, setting: Setting, goal: Goal, idle_ms: int) -> Fault:
    """Return whose fault it is that events are dropped.

    A partition is silent where it has sent nothing for longer than `idle_ms`.
    """
    clients, partitions = _of(
        visible,
        ("blame", setting, goal),
        lambda: _blame(visible, setting, goal),
        "Replaying without each client in turn…",
    )
    names = visible.table[CLIENT].cat.categories
    return Fault(clients, partitions, names, _partitions_of(visible, goal, idle_ms))


def _partitions_of(visible: Visible, goal: Goal, idle_ms: int) -> PartitionSkew:
    return _of(
        visible,
        ("partitions", goal, idle_ms),
        lambda: partition_skew(input_of(visible), goal.most_dropped, idle_ms),
    )


def idle_of(visible: Visible, setting: Setting) -> dict[int | None, Outcome]:
    """Return what other idle timeouts do to the whole topic; none where they change nothing."""

    def tried() -> dict[int | None, Outcome]:
        events, sessions = input_of(visible), true_sessions(visible)
        return in_parallel(
            {
                idle: partial(outcome_with, events, each, sessions)
                for idle, each in idle_settings(setting).items()
            }
        )

    return _of(visible, ("idle", setting), tried, "Trying other idle timeouts…")


def _of(
    visible: Visible, question: object, find: Callable[[], Answer], spinner: str = ""
) -> Answer:
    return answer_of((question, visible.version), find, spinner=spinner)


def _curves(
    visible: Visible, setting: Setting, advised_ms: int | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    events, sessions = input_of(visible), true_sessions(visible)
    over_gap, over_delay = curve_settings(setting, len(events), advised_ms)
    return curve(events, over_gap, sessions), curve(events, over_delay, sessions)


def _blame(visible: Visible, setting: Setting, goal: Goal) -> tuple[Blame, Blame]:
    events, replayed = input_of(visible), replay_of(visible, setting)[0]
    clients = visible.table[CLIENT].cat.codes.to_numpy()
    by_client, by_partition = (
        blame(events, setting, replayed, group, goal.most_dropped)
        for group in (clients, events.partition)
    )
    return by_client, by_partition
