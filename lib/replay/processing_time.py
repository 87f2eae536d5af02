"""Windows on received time, which processing-time windows would come to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lib.core.blockwise import Answer, Pool
from lib.replay.assignment import (
    assign_aligned,
    assign_sessions,
    exclusive_bounds,
    replay_of,
)
from lib.replay.outcome import find_counts
from lib.replay.windows import NEVER, NO_INDEX, SessionWindow

if TYPE_CHECKING:
    from lib.core.blockwise import Question
    from lib.replay.input import ReplayInput
    from lib.replay.outcome import Counts, Outcome, TrueSessions
    from lib.replay.windows import Replay, Window


@dataclass(frozen=True)
class OnReceived:
    """What windows on received time make of a topic.

    Attributes
    ----------
    outcome
        That in numbers.
    kept
        How many events a window on event time took.
    elsewhere
        How many of these are in another window on received time; None of sessions. Of several
        hopping windows, the newest counts.
    """

    outcome: Outcome
    kept: int
    elsewhere: int | None


def on_received_question(
    events: ReplayInput,
    replayed: Replay,
    sessions: TrueSessions | None,
    window: Window,
) -> Question[OnReceived]:
    """Ask what windows on received time make of the events of some keys, beside a replay."""
    until = yield Pool(int(events.received.max(initial=NEVER)), max)
    received = replay_processing_time(events, window, until)
    kept = replayed.kept
    elsewhere = None
    if not isinstance(window, SessionWindow):
        start = replayed.start[replayed.window[kept]]
        elsewhere = int((start != received.start[received.window[kept]]).sum())
    counts = yield from find_counts(received, sessions)
    found = counts, int(kept.sum()), elsewhere
    return Answer(found, _both, _on_received)


def _both(
    one: tuple[Counts, int, int | None], other: tuple[Counts, int, int | None]
) -> tuple[Counts, int, int | None]:
    elsewhere = None if one[2] is None or other[2] is None else one[2] + other[2]
    return one[0] + other[0], one[1] + other[1], elsewhere


def _on_received(found: tuple[Counts, int, int | None]) -> OnReceived:
    counts, kept, elsewhere = found
    return OnReceived(counts.outcome, kept, elsewhere)


def replay_processing_time(
    events: ReplayInput, window: Window, until_ms: int | None = None
) -> Replay:
    """Return the windows by received time: what processing-time windows make of outages.

    No event is late. Starts and ends are received times, ends exclusive; a result comes out when
    the clock, here the last received time, reaches the end's last millisecond, as in Flink. A
    window's last event is by event time, so that latencies compare.

    Parameters
    ----------
    events
        The events; of a part of a topic, `closed_at` is the last of these that had arrived.
    until_ms
        When the last event of the topic was received, epoch ms; None: the last of these.
    """
    if until_ms is None:
        until_ms = int(events.received.max(initial=NEVER))
    never = np.full(len(events), NEVER, dtype=np.int64)
    arrivals = replace(events, event_time=events.received)
    if isinstance(window, SessionWindow):
        assignment = assign_sessions(
            arrivals, never, held_from=never, reach_ms=window.gap_ms, late_ms=0, joins_first=True
        )
    else:
        assignment = assign_aligned(arrivals, never, window, late_ms=0)
    start, end = exclusive_bounds(assignment, window)
    event, window_of = assignment.members
    newest = np.full(len(assignment.last), NEVER, dtype=np.int64)
    np.maximum.at(newest, window_of, events.event_time[event])
    assignment = replace(assignment, last=newest)
    closed = end - 1 <= until_ms
    # What is received in a window's last millisecond is in it, and so had arrived.
    arrived = events.place(np.searchsorted(events.received, end - 1, side="right") - 1)
    return replay_of(
        assignment,
        never,
        (start, end),
        (np.where(closed, arrived, NO_INDEX), np.where(closed, end - 1, NO_INDEX)),
    )
