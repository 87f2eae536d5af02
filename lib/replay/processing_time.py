"""Windows on received time, which processing-time windows would come to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lib.replay.assignment import (
    assign_aligned,
    assign_sessions,
    exclusive_bounds,
    replay_of,
)
from lib.replay.windows import NEVER, NO_INDEX, SessionWindow

if TYPE_CHECKING:
    from lib.replay.input import ReplayInput
    from lib.replay.windows import Replay, Window


def replay_processing_time(events: ReplayInput, window: Window) -> Replay:
    """Return the windows by received time: what processing-time windows make of outages.

    No event is late. Starts and ends are received times, ends exclusive; a result comes out when
    the clock, here the last received time, reaches the end's last millisecond, as in Flink. A
    window's last event is by event time, so that latencies compare.
    """
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
    closed = end - 1 <= events.received.max(initial=NEVER)
    arrived = np.searchsorted(events.received, end - 1, side="left") - 1
    return replay_of(
        assignment,
        never,
        (start, end),
        (np.where(closed, arrived, NO_INDEX), np.where(closed, end - 1, NO_INDEX)),
    )
