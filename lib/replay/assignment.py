"""Which window takes which event: the part that is the same in every engine.

What differs is given as numbers: the engine's clock (watermark or stream time) as each event meets
it; how far apart two events may be and still share a session (`reach_ms`); which sessions the
engine still holds, so that an event can join them (`held_from`); and how far behind the clock a
session may end before it is late (`late_ms`). One more thing is a yes or no: whether an event joins
sessions before it is judged (`joins_first`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lib.replay.sessions import find_sessions
from lib.replay.windows import NO_INDEX, Replay, SessionWindow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.replay.input import ReplayInput
    from lib.replay.windows import Window


@dataclass(frozen=True, eq=False)
class Assignment:
    """Which window took which event, before an engine says when the windows closed.

    Attributes as in `lib.replay.windows.Replay`; `first` is the event time of a window's oldest
    event.
    """

    window: NDArray[np.int32]
    missed_by_ms: NDArray[np.int64]
    key: NDArray[np.int32]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Which events a window took."""
        return self.window >= 0

    @property
    def count(self) -> NDArray[np.int64]:
        """Number of events of each window."""
        return np.bincount(self.window[self.kept], minlength=len(self.key)).astype(np.int64)


def assign_sessions(
    events: ReplayInput,
    clock: NDArray[np.int64],
    *,
    held_from: NDArray[np.int64],
    reach_ms: int,
    late_ms: int,
    joins_first: bool,
) -> Assignment:
    """Return the session windows that the events form.

    Parameters
    ----------
    events
        The events.
    clock
        What each event is judged by.
    held_from
        At each event, the event time from which on a session's last event must be for the session
        to be joined. Never falls, for the events of a key.
    reach_ms
        Two events of a key share a session when they are at most this far apart.
    late_ms
        A session is late once its last event + `late_ms` ≤ clock.
    joins_first
        Whether an event is late when the session that it joins is (Flink, Kafka Streams), or when
        a session of this event alone would be (Spark, Beam).
    """
    window, missed, key, first, last = find_sessions(
        events.event_time,
        events.key,
        clock,
        held_from,
        events.keys,
        reach_ms,
        late_ms,
        joins_first,
    )
    return Assignment(window=window, missed_by_ms=missed, key=key, first=first, last=last)


def assign_tumbling(
    events: ReplayInput, clock: NDArray[np.int64], *, size_ms: int, late_ms: int
) -> Assignment:
    """Return the tumbling windows that the events fill.

    Parameters
    ----------
    events
        The events.
    clock
        What each event is judged by.
    size_ms
        Length of a window.
    late_ms
        An event is late once its window's exclusive end + `late_ms` ≤ clock.
    """
    end = (events.event_time // size_ms + 1) * size_ms
    missed = np.maximum(clock - (end + late_ms) + 1, 0)
    kept = missed == 0
    window = np.full(len(events), NO_INDEX, dtype=np.int32)
    window[kept] = _number_pairs(events.key[kept], end[kept])
    windows = int(window.max()) + 1 if len(window) else 0
    key = np.zeros(windows, dtype=np.int32)
    key[window[kept]] = events.key[kept]
    first = np.full(windows, np.iinfo(np.int64).max)
    last = np.full(windows, np.iinfo(np.int64).min)
    np.minimum.at(first, window[kept], events.event_time[kept])
    np.maximum.at(last, window[kept], events.event_time[kept])
    return Assignment(window=window, missed_by_ms=missed, key=key, first=first, last=last)


def _number_pairs(key: NDArray[np.int32], end: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return a number for each pair of key and end, in the order of their first appearance."""
    order = np.lexsort((end, key))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(key[order]) != 0) | (np.diff(end[order]) != 0)
    sorted_number = np.cumsum(new) - 1
    first_seen = order[new]
    rank = np.empty(len(first_seen), dtype=np.int32)
    rank[np.argsort(first_seen)] = np.arange(len(first_seen), dtype=np.int32)
    number = np.empty(len(order), dtype=np.int32)
    number[order] = rank[sorted_number]
    return number


def final_results(
    closed: tuple[NDArray[np.int64], NDArray[np.int64]],
    assignment: Assignment,
    events: ReplayInput,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return when the final results came out: a closed window that is joined has a new result.

    Parameters
    ----------
    closed
        When the clock first closed each window, as from `EngineClock.reaches`.
    assignment
        Which window took which event.
    events
        The events.

    Returns
    -------
    tuple
        `closed_at` and `closed_ms`, as in `lib.replay.windows.Replay`.
    """
    closed_at, closed_ms = closed
    joined = np.full(len(assignment.key), NO_INDEX, dtype=np.int64)
    index = np.flatnonzero(assignment.kept)
    joined[assignment.window[index]] = index  # the last assignment to an element stays
    again = (closed_at != NO_INDEX) & (joined > closed_at)
    return (
        np.where(again, joined, closed_at),
        np.where(again, events.received[joined], closed_ms),
    )


def exclusive_bounds(
    assignment: Assignment, window: Window
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return start and exclusive end of each window, as Flink, Spark and Beam report them."""
    if isinstance(window, SessionWindow):
        return assignment.first, assignment.last + window.gap_ms
    start = assignment.first // window.size_ms * window.size_ms
    return start, start + window.size_ms


def replay_of(
    assignment: Assignment,
    clock: NDArray[np.int64],
    bounds: tuple[NDArray[np.int64], NDArray[np.int64]],
    closed: tuple[NDArray[np.int64], NDArray[np.int64]],
    boundary: NDArray[np.bool_] | None = None,
) -> Replay:
    """Return an assignment, with what is the engine's own, as a replay.

    Parameters
    ----------
    assignment
        Which window took which event.
    clock
        What each event was judged by.
    bounds
        Start and end of each window.
    closed
        `closed_at` and `closed_ms` of each window.
    boundary
        The flags of Kafka Streams; all False by default.
    """
    kept = assignment.kept
    return Replay(
        kept=kept,
        missed_by_ms=assignment.missed_by_ms,
        window=assignment.window,
        boundary=np.zeros(len(kept), dtype=bool) if boundary is None else boundary,
        clock=clock,
        key=assignment.key,
        start=bounds[0],
        end=bounds[1],
        last=assignment.last,
        count=assignment.count,
        closed_at=closed[0],
        closed_ms=closed[1],
    )
