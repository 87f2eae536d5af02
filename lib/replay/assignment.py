"""Which window takes which event: the part that is the same in every engine.

What differs is given as numbers: the engine's clock (watermark or stream time) as each event meets
it; how far apart two events may be and still share a session (`reach_ms`); which sessions the
engine still holds, so that an event can join them (`held_from`); and how far behind the clock a
session may end before it is late (`late_ms`). One more thing is a yes or no: whether an event joins
sessions before it is judged (`joins_first`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lib.core.jit import compiled
from lib.replay.sessions import find_sessions
from lib.replay.windows import NEVER, NO_INDEX, Replay, SessionWindow

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lib.replay.input import ReplayInput
    from lib.replay.windows import AlignedWindow, Window


@dataclass(frozen=True, eq=False)
class Assignment:
    """Which window took which event, before an engine says when the windows closed.

    Attributes as in `lib.replay.windows.Replay`; `start` is the event time of a session's oldest
    event. `members` has two arrays, an element each for every window that took an event: the index
    of the event, rising, and the number of the window.
    """

    window: NDArray[np.int32]
    missed_by_ms: NDArray[np.int64]
    missed_windows: NDArray[np.int32]
    members: tuple[NDArray[np.int64], NDArray[np.int32]]
    key: NDArray[np.int32]
    start: NDArray[np.int64]
    last: NDArray[np.int64]

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Which events a window took."""
        return self.window >= 0

    @property
    def count(self) -> NDArray[np.int64]:
        """Number of events of each window."""
        return np.bincount(self.members[1], minlength=len(self.key)).astype(np.int64)


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
    index = np.flatnonzero(window >= 0)
    return Assignment(
        window=window,
        missed_by_ms=missed,
        missed_windows=(window < 0).astype(np.int32),
        members=(index, window[index]),
        key=key,
        start=first,
        last=last,
    )


def assign_aligned(
    events: ReplayInput,
    clock: NDArray[np.int64],
    window: AlignedWindow,
    *,
    late_ms: int,
    since_ms: int = NEVER,
) -> Assignment:
    """Return the tumbling or hopping windows that the events fill.

    Parameters
    ----------
    events
        The events.
    clock
        What each event is judged by.
    window
        The kind of windows. Each that an event lies in is judged by itself.
    late_ms
        An event is late for a window once the window's exclusive end + `late_ms` ≤ clock.
    since_ms
        No window begins before this.
    """
    size, advance = window.size_ms, window.advance_ms
    newest = events.event_time // advance * advance
    parts = np.clip((newest - since_ms) // advance + 1, 0, window.parts).astype(np.int32)
    late_by = clock - (newest + size + late_ms)
    taking = np.clip(-(late_by // advance), 0, parts).astype(np.int32)
    # A row each for the windows that take an event, of an event the oldest first.
    member = np.repeat(np.arange(len(events)), taking)
    back = np.repeat(np.cumsum(taking), taking) - np.arange(len(member)) - 1
    start = newest[member] - back * advance
    number = _number_pairs(events.key[member], start)
    of_window = np.unique(number, return_index=True)[1]
    window_of = np.full(len(events), NO_INDEX, dtype=np.int32)
    window_of[member] = number  # the last assignment to an element stays: the newest window
    last = np.full(len(of_window), np.iinfo(np.int64).min)
    np.maximum.at(last, number, events.event_time[member])
    return Assignment(
        window=window_of,
        missed_by_ms=np.maximum(late_by + 1, 0),
        missed_windows=parts - taking,
        members=(member, number),
        key=events.key[member[of_window]],
        start=start[of_window],
        last=last,
    )


def _number_pairs(key: NDArray[np.int32], start: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return a number for each pair of key and start, in the order of their first appearance."""
    order = np.lexsort((start, key))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(key[order]) != 0) | (np.diff(start[order]) != 0)
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
    index, window = assignment.members
    joined[window] = index  # the last assignment to an element stays
    again = (closed_at != NO_INDEX) & (events.place(joined) > closed_at)
    return (
        np.where(again, events.place(joined), closed_at),
        np.where(again, events.received[joined], closed_ms),
    )


def exclusive_bounds(
    assignment: Assignment, window: Window
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return start and exclusive end of each window, as Flink, Spark and Beam report them."""
    if isinstance(window, SessionWindow):
        return assignment.start, assignment.last + window.gap_ms
    return assignment.start, assignment.start + window.size_ms


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
        missed_windows=assignment.missed_windows,
        boundary=np.zeros(len(kept), dtype=bool) if boundary is None else boundary,
        clock=clock,
        key=assignment.key,
        start=bounds[0],
        end=bounds[1],
        last=assignment.last,
        count=assignment.count,
        closed_at=closed[0],
        closed_ms=closed[1],
        members=assignment.members,
    )


def stopped(replay: Replay, events: int, because: str) -> Replay:
    """Return the replay of the first events as that of all: the application died at the next.

    Parameters
    ----------
    replay
        Of the events until then.
    events
        Number of all events.
    because
        Why, as a sentence.
    """
    stopped_at = len(replay.kept)
    nothing = {"window": NO_INDEX, "clock": NEVER}
    each_event: dict[str, Any] = {
        name: np.pad(
            getattr(replay, name), (0, events - stopped_at), constant_values=nothing.get(name, 0)
        )
        for name in ("window", *_OF_EVENTS)
    }
    return replace(replay, **each_event, stopped_at=stopped_at, stopped_because=because)


@compiled
def sort_stably(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return `np.argsort` of small whole numbers from 0, stable, in linear time."""
    place = np.zeros(values.max() + 2 if len(values) else 1, np.int64)
    for value in values:
        place[value + 1] += 1
    place = np.cumsum(place)
    order = np.empty(len(values), np.int64)
    for i in range(len(values)):
        order[place[values[i]]] = i
        place[values[i]] += 1
    return order


def replay_in_order(
    events: ReplayInput, turn: NDArray[np.int64], replay: Callable[[ReplayInput], Replay]
) -> Replay:
    """Return the replay of events that are read in another order than they arrived.

    Parameters
    ----------
    events
        The events in arrival order.
    turn
        When each is read: the smallest first, of equal ones the first to arrive.
    replay
        Replays events in the order in which they are read. `closed_at` it returns as it is to be.

    Returns
    -------
    Replay
        In arrival order.
    """
    if (turn[1:] >= turn[:-1]).all():
        return replay(events)
    order = sort_stably(turn)
    read = replay(replace(events.taken(order), arrival=None))
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    event, window = order[read.members[0]], read.members[1]
    by_event = sort_stably(event)
    event, window = event[by_event], window[by_event]
    first = np.empty(len(read.key), dtype=np.int64)
    first[window[::-1]] = event[::-1]  # the last assignment to an element stays
    windows = np.argsort(first, kind="stable")
    number = np.empty(len(windows) + 1, dtype=np.int32)
    number[windows] = np.arange(len(windows), dtype=np.int32)
    number[NO_INDEX] = NO_INDEX
    each_event = {name: getattr(read, name)[back] for name in _OF_EVENTS}
    each_window = {name: getattr(read, name)[windows] for name in _OF_WINDOWS}
    return replace(
        read,
        **each_event,
        **each_window,
        window=number[read.window[back]],
        members=(event, number[window]),
    )


_OF_EVENTS: Final = ("kept", "missed_by_ms", "missed_windows", "boundary", "clock")
_OF_WINDOWS: Final = ("key", "start", "end", "last", "count", "closed_at", "closed_ms")
