"""Session windows, event by event, in compiled loops.

The sessions of a key are a list linked by age. A search starts at the session that was touched
last, since events arrive mostly in order and late ones in bursts that are in order, too. A session
that no event can join any more stays in the list until a search meets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lib.core.jit import compiled
from lib.replay.windows import NO_INDEX

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    Int32s: TypeAlias = NDArray[np.int32]
    Int64s: TypeAlias = NDArray[np.int64]


@compiled
def find_sessions(
    event_time: Int64s,
    key: Int32s,
    clock: Int64s,
    held_from: Int64s,
    keys: int,
    reach: int,
    late_for: int,
    joins_first: bool,
) -> tuple[Int32s, Int64s, Int32s, Int64s, Int64s]:
    """Return window and `missed_by_ms` of the events; key, first and last time of the windows.

    The parameters are those of `lib.replay.assignment.assign_sessions`.
    """
    n, count = len(key), 0
    window, missed = np.full(n, NO_INDEX, np.int32), np.zeros(n, np.int64)
    first, last = np.empty(n, np.int64), np.empty(n, np.int64)
    older, newer = np.empty(n, np.int32), np.empty(n, np.int32)
    owner, merged_into = np.empty(n, np.int32), np.empty(n, np.int32)
    touched = np.full(keys, NO_INDEX, np.int32)
    for i in range(n):
        t, k, held = event_time[i], key[i], held_from[i]
        late = t + late_for <= clock[i]
        newest, at, above = t, NO_INDEX, NO_INDEX
        if joins_first or not late:
            at, above = _newest_within(touched[k], t + reach, held, first, last, older, newer)
            touched[k] = at if at != NO_INDEX else above
            if late:
                newest = _newest_joined(at, t, reach, held, last, older)
        if newest + late_for <= clock[i]:
            missed[i] = clock[i] - (newest + late_for) + 1
            continue
        home, below = _merge(at, t, reach, held, count, first, last, older, merged_into)
        _link(below, home, older, newer)
        _link(home, above, older, newer)
        touched[k] = window[i] = home
        if home == count:
            owner[home], count = k, count + 1
    kept = _number_anew(window, merged_into[:count])
    return window, missed, owner[:count][kept], first[:count][kept], last[:count][kept]


@compiled
def _newest_within(
    at: int,
    limit: int,
    held_from: int,
    first: Int64s,
    last: Int64s,
    older: Int32s,
    newer: Int32s,
) -> tuple[int, int]:
    """Return the newest session that begins by `limit` and can be joined, and its newer neighbour.

    Sessions met on the way that no event can join any more leave the list.
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
def _next_held(at: int, held_from: int, last: Int64s, older: Int32s) -> int:
    """Return the first session from `at` towards older ones that can still be joined."""
    while at != NO_INDEX and last[at] < held_from:
        at = older[at]
    return at


@compiled
def _link(below: int, above: int, older: Int32s, newer: Int32s) -> None:
    """Make two sessions neighbours in the list; either may be `NO_INDEX`."""
    if above != NO_INDEX:
        older[above] = below
    if below != NO_INDEX:
        newer[below] = above


@compiled
def _newest_joined(at: int, t: int, reach: int, held_from: int, last: Int64s, older: Int32s) -> int:
    """Return the time of the newest event of the session that an event at `t` would be in."""
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
    unused: int,
    first: Int64s,
    last: Int64s,
    older: Int32s,
    merged_into: Int32s,
) -> tuple[int, int]:
    """Merge an event at `t` with the sessions that it reaches, from `at` towards older ones.

    Returns the smallest number of these sessions, into which the others go, or `unused`, the number
    of a new session, where the event reaches none; and the first session that it does not reach.
    """
    home = unused
    oldest = newest = t
    while at != NO_INDEX and last[at] >= t - reach:
        oldest, newest = min(oldest, first[at]), max(newest, last[at])
        merged_into[max(home, at)] = min(home, at)
        home = min(home, at)
        at = _next_held(older[at], held_from, last, older)
    merged_into[home] = home
    first[home], last[home] = oldest, newest
    return home, at


@compiled
def _number_anew(window: Int32s, merged_into: Int32s) -> NDArray[np.bool_]:
    """Give the sessions that are left in the end new numbers in `window`; return which are left."""
    number = np.empty(len(merged_into), np.int32)
    left = 0
    for session in range(len(merged_into)):
        # A session merges into one of smaller number, which has its new number already.
        if merged_into[session] == session:
            number[session] = left
            left += 1
        else:
            number[session] = number[merged_into[session]]
    for i in range(len(window)):
        if window[i] != NO_INDEX:
            window[i] = number[window[i]]
    is_left: NDArray[np.bool_] = merged_into == np.arange(len(merged_into))
    return is_left
