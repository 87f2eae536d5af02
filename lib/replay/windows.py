"""Windows, and what is the same in every engine: how events make, join and miss them.

An engine is described by numbers. Its clock (watermark or stream time) as each event meets it; how
far apart two events may be and still share a session (`reach_ms`); which sessions it still holds
for events to join (`held_from`); how far behind the clock a session may end (`late_ms`); and
whether it looks for a session to join before it calls an event late. Everything else is one
algorithm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.core.jit import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.replay.input import ReplayInput

NEVER: Final = -(2**62)
"""A clock that has not begun: earlier than every event, and far from overflow."""

NO_INDEX: Final = -1
"""No window took the event; the window had no final result by the end of the topic."""


@dataclass(frozen=True)
class SessionWindow:
    """Events of a key form a window while each is within `gap_ms` of the next."""

    gap_ms: int

    def __post_init__(self) -> None:
        if self.gap_ms < 1:
            raise ValueError(f"gap_ms must be at least 1, not {self.gap_ms}")


@dataclass(frozen=True)
class TumblingWindow:
    """Every `size_ms` a window, aligned to the epoch."""

    size_ms: int

    def __post_init__(self) -> None:
        if self.size_ms < 1:
            raise ValueError(f"size_ms must be at least 1, not {self.size_ms}")


Window = SessionWindow | TumblingWindow


@dataclass(frozen=True, eq=False)
class Replay:
    """What an engine would have made of a topic.

    Arrays with one element an event, in arrival order:

    Attributes
    ----------
    kept
        bool. False: the engine dropped the event as late.
    missed_by_ms
        int64, 0 where kept. A delay, lateness or grace larger by this much would have kept the
        event for certain. (A smaller increase may do where it also keeps a session open that the
        event would have joined.)
    window
        int32, the number of the window that took the event in the end, or `NO_INDEX`.
    boundary
        bool. The event came alone in the last millisecond in which Kafka Streams takes one: its
        result comes out at once, and without a cache the store does not find it again. (The store
        in memory also counts it as dropped.) False in the other engines.
    clock
        int64, the watermark or stream time that the event was judged by; `NEVER` before the first.

    Arrays with one element a window, in the order of their first events:

    key
        int32.
    start, end
        int64, epoch milliseconds, as the engine reports them.
    last
        int64, event time of the newest event.
    count
        int64, number of events.
    closed_at
        int64, index of the last event that had arrived when the final result came out, or
        `NO_INDEX`.
    closed_ms
        int64, received time of that moment, epoch milliseconds, or `NO_INDEX`.
    """

    kept: NDArray[np.bool_]
    missed_by_ms: NDArray[np.int64]
    window: NDArray[np.int32]
    boundary: NDArray[np.bool_]
    clock: NDArray[np.int64]
    key: NDArray[np.int32]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    last: NDArray[np.int64]
    count: NDArray[np.int64]
    closed_at: NDArray[np.int64]
    closed_ms: NDArray[np.int64]

    @property
    def dropped(self) -> int:
        """Number of events dropped as late."""
        return len(self.kept) - int(np.count_nonzero(self.kept))


@dataclass(frozen=True, eq=False)
class EngineClock:
    """A watermark or stream time as it rises.

    Attributes
    ----------
    value
        int64, strictly rising, epoch milliseconds.
    after
        int64, how many events had arrived when it took the value.
    at_ms
        int64, the received time of that moment.
    """

    value: NDArray[np.int64]
    after: NDArray[np.int64]
    at_ms: NDArray[np.int64]

    def seen_by(self, events: int) -> NDArray[np.int64]:
        """Return the clock that each of the first `events` events finds on arrival."""
        values = np.concatenate([[NEVER], self.value])
        return np.repeat(values, np.diff(self.after, prepend=0, append=events))

    def reaches(self, value: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return when the clock is first at or past each value.

        Returns
        -------
        tuple
            Index of the last event that had arrived, and the received time; `NO_INDEX` where never.
        """
        rise = np.searchsorted(self.value, value)
        after = np.append(self.after - 1, NO_INDEX)
        at_ms = np.append(self.at_ms, NO_INDEX)
        return after[rise], at_ms[rise]


def newest_so_far(event_time: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the largest event time up to and including each event."""
    return np.maximum.accumulate(event_time) if len(event_time) else event_time


def rising(value: NDArray[np.int64], at_ms: NDArray[np.int64]) -> EngineClock:
    """Return the clock that shows `value[i]` once event i has arrived, at `at_ms[i]`."""
    rises = np.flatnonzero(np.diff(value, prepend=NEVER))
    return EngineClock(value=value[rises], after=rises + 1, at_ms=at_ms[rises])


@dataclass(frozen=True, eq=False)
class Taken:
    """Which window took which event, before an engine says when the windows closed.

    As in `Replay`; `first` is the event time of a window's oldest event.
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


def take_sessions(
    arrivals: ReplayInput,
    clock: NDArray[np.int64],
    *,
    held_from: NDArray[np.int64],
    reach_ms: int,
    late_ms: int,
    joins_first: bool,
) -> Taken:
    """Return the session windows that the events form.

    Parameters
    ----------
    arrivals
        The events.
    clock
        What each event is judged by.
    held_from
        A session can be joined by an event while its last event is not older than this. Never
        falls, for the events of a key.
    reach_ms
        Two events of a key share a session when they are at most this far apart.
    late_ms
        A session is late once its last event + `late_ms` ≤ clock.
    joins_first
        Whether an event is late when the session is that it joins (Flink, Kafka Streams), or when
        a session of its own would be (Spark, Beam).
    """
    window, missed, key, first, last = _take_sessions(
        arrivals.event_time,
        arrivals.key,
        clock,
        held_from,
        arrivals.keys,
        reach_ms,
        late_ms,
        joins_first,
    )
    return Taken(window=window, missed_by_ms=missed, key=key, first=first, last=last)


@compiled
def _take_sessions(
    event_time: NDArray[np.int64],
    key: NDArray[np.int32],
    clock: NDArray[np.int64],
    held_from: NDArray[np.int64],
    keys: int,
    reach: int,
    late_for: int,
    joins_first: bool,
) -> tuple[
    NDArray[np.int32], NDArray[np.int64], NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]
]:
    # The sessions of a key are a list linked by age, walked from the one touched last: arrivals
    # are mostly in order, and late ones come in bursts that are. A session that can no longer be
    # joined stays in the list until a walk meets it.
    n = len(event_time)
    window = np.full(n, NO_INDEX, np.int32)
    missed = np.zeros(n, np.int64)
    owner = np.empty(n, np.int32)
    first, last = np.empty(n, np.int64), np.empty(n, np.int64)
    older, newer = np.empty(n, np.int32), np.empty(n, np.int32)
    merged_into = np.empty(n, np.int32)
    touched = np.full(keys, NO_INDEX, np.int32)
    sessions = 0
    for i in range(n):
        t, k = event_time[i], key[i]
        late = t + late_for <= clock[i]
        if late and not joins_first:
            missed[i] = clock[i] - (t + late_for) + 1
            continue
        at, above = _newest_within(touched[k], t + reach, held_from[i], first, last, older, newer)
        if late:
            newest = _newest_joined(at, t, reach, held_from[i], last, older)
            if newest + late_for <= clock[i]:
                missed[i] = clock[i] - (newest + late_for) + 1
                touched[k] = at if at != NO_INDEX else above
                continue
        home, below, oldest, newest = _merge(
            at, t, reach, held_from[i], first, last, older, merged_into
        )
        if home == NO_INDEX:
            home = sessions
            sessions += 1
            owner[home] = k
            merged_into[home] = home
        first[home], last[home] = oldest, newest
        _link(below, home, older, newer)
        _link(home, above, older, newer)
        touched[k] = home
        window[i] = home
    final = _number_final(merged_into[:sessions])
    for i in range(n):
        if window[i] != NO_INDEX:
            window[i] = final[window[i]]
    ended = merged_into[:sessions] == np.arange(sessions)
    return (
        window,
        missed,
        owner[:sessions][ended],
        first[:sessions][ended],
        last[:sessions][ended],
    )


@compiled
def _newest_within(
    at: int,
    limit: int,
    held_from: int,
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    older: NDArray[np.int32],
    newer: NDArray[np.int32],
) -> tuple[int, int]:
    """Return the newest session that begins by `limit` and can be joined, and the one above it.

    What can no longer be joined on the way down from there leaves the list.
    """
    above = NO_INDEX
    while at != NO_INDEX and newer[at] != NO_INDEX and first[at] <= limit:
        at = newer[at]
    while at != NO_INDEX and first[at] > limit:
        above = at
        at = _next_held(older[at], held_from, last, older)
        _link(at, above, older, newer)
    if above == NO_INDEX:
        at = _next_held(at, held_from, last, older)
        _link(at, above, older, newer)
    return at, above


@compiled
def _next_held(at: int, held_from: int, last: NDArray[np.int64], older: NDArray[np.int32]) -> int:
    """Return the first session from `at` towards older ones that can still be joined."""
    while at != NO_INDEX and last[at] < held_from:
        at = older[at]
    return at


@compiled
def _link(below: int, above: int, older: NDArray[np.int32], newer: NDArray[np.int32]) -> None:
    """Make two sessions neighbours in the list."""
    if above != NO_INDEX:
        older[above] = below
    if below != NO_INDEX:
        newer[below] = above


@compiled
def _newest_joined(
    at: int,
    t: int,
    reach: int,
    held_from: int,
    last: NDArray[np.int64],
    older: NDArray[np.int32],
) -> int:
    """Return the newest event of the session that an event at `t` would be in."""
    newest = t
    while at != NO_INDEX and last[at] >= t - reach:
        newest = max(newest, last[at])
        at = _next_held(older[at], held_from, last, older)
    return newest


@compiled
def _merge(
    at: int,
    t: int,
    reach: int,
    held_from: int,
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    older: NDArray[np.int32],
    merged_into: NDArray[np.int32],
) -> tuple[int, int, int, int]:
    """Merge the sessions that an event at `t` reaches, from `at` towards older ones.

    Returns the oldest in number of those merged, the first session not reached, and the bounds.
    """
    home = NO_INDEX
    oldest = newest = t
    while at != NO_INDEX and last[at] >= t - reach:
        oldest, newest = min(oldest, first[at]), max(newest, last[at])
        if home == NO_INDEX:
            home = at
        elif at < home:
            merged_into[home] = at
            home = at
        else:
            merged_into[at] = home
        at = _next_held(older[at], held_from, last, older)
    return home, at, oldest, newest


@compiled
def _number_final(merged_into: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return each session's number among those not merged into another."""
    number = np.empty(len(merged_into), np.int32)
    final = 0
    for session in range(len(merged_into)):
        # A session merges into one of smaller number, which has its final one already.
        if merged_into[session] == session:
            number[session] = final
            final += 1
        else:
            number[session] = number[merged_into[session]]
    return number


def take_tumbling(
    arrivals: ReplayInput, clock: NDArray[np.int64], *, size_ms: int, late_ms: int
) -> Taken:
    """Return the tumbling windows that the events fill.

    Parameters
    ----------
    arrivals
        The events.
    clock
        What each event is judged by.
    size_ms
        Length of a window.
    late_ms
        An event is late once its window's exclusive end + `late_ms` ≤ clock.
    """
    end = (arrivals.event_time // size_ms + 1) * size_ms
    missed = np.maximum(clock - (end + late_ms) + 1, 0)
    kept = missed == 0
    window = np.full(len(arrivals), NO_INDEX, dtype=np.int32)
    window[kept] = _number_pairs(arrivals.key[kept], end[kept])
    windows = int(window.max()) + 1 if len(window) else 0
    key = np.zeros(windows, dtype=np.int32)
    key[window[kept]] = arrivals.key[kept]
    first = np.full(windows, np.iinfo(np.int64).max)
    last = np.full(windows, np.iinfo(np.int64).min)
    np.minimum.at(first, window[kept], arrivals.event_time[kept])
    np.maximum.at(last, window[kept], arrivals.event_time[kept])
    return Taken(window=window, missed_by_ms=missed, key=key, first=first, last=last)


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


def not_before_joined(
    closed: tuple[NDArray[np.int64], NDArray[np.int64]], taken: Taken, arrivals: ReplayInput
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return when the final results came out: a closed window has a new one when it is joined.

    Parameters
    ----------
    closed
        When the clock first closed each window, as from `EngineClock.reaches`.
    taken
        Which window took which event.
    arrivals
        The events.
    """
    closed_at, closed_ms = closed
    joined = np.full(len(taken.key), NO_INDEX, dtype=np.int64)
    index = np.flatnonzero(taken.kept)
    joined[taken.window[index]] = index  # the last assignment to an element stays
    again = (closed_at != NO_INDEX) & (joined > closed_at)
    return (
        np.where(again, joined, closed_at),
        np.where(again, arrivals.received[joined], closed_ms),
    )


def replay_of(
    taken: Taken,
    clock: NDArray[np.int64],
    bounds: tuple[NDArray[np.int64], NDArray[np.int64]],
    closed: tuple[NDArray[np.int64], NDArray[np.int64]],
    boundary: NDArray[np.bool_] | None = None,
) -> Replay:
    """Return the replay of `taken` with what is the engine's own.

    Parameters
    ----------
    taken
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
    kept = taken.kept
    return Replay(
        kept=kept,
        missed_by_ms=taken.missed_by_ms,
        window=taken.window,
        boundary=np.zeros(len(kept), dtype=bool) if boundary is None else boundary,
        clock=clock,
        key=taken.key,
        start=bounds[0],
        end=bounds[1],
        last=taken.last,
        count=taken.count,
        closed_at=closed[0],
        closed_ms=closed[1],
    )


def exclusive_bounds(taken: Taken, window: Window) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return start and exclusive end, as Flink, Spark and Beam report them."""
    if isinstance(window, SessionWindow):
        return taken.first, taken.last + window.gap_ms
    start = taken.first // window.size_ms * window.size_ms
    return start, start + window.size_ms
