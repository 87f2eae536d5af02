"""Who has fallen silent in a followed topic, and who is back.

A client's own waits between arrivals, counted in bins, tell what is usual for it. It is silent
when it has not been heard for longer than `BEYOND` times what 95 % of its waits do not exceed, and
for a second at least. Of what comes when it is back, those events were held back that were due in
the silence, counted from the client's smallest delay, and waited for a second at least. That is a
plainer rule than that of the Outages page, which looks at the whole topic at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.live.late import Batch

    Int64s = NDArray[np.int64]

BEYOND: Final = 4
FEWEST: Final = 20
"""Waits of a client from which on its usual one is known."""
SHORTEST_MS: Final = 1_000
KEPT: Final = 200
"""Silences that ended which are remembered."""

_MOST: Final = 0.95
"""Not more: a silence is a wait as well, and is to change little of what is usual."""

_BINS: Final = 72
_BEFORE: Final = -(2**62)
_UNKNOWN: Final = 2**62


@dataclass(frozen=True)
class Ended:
    """A silence that ended: whose, from when to when (epoch ms), and what it held back."""

    client: int
    last_heard_ms: int
    back_ms: int
    held_back: int = 0


@dataclass(frozen=True, eq=False)
class Silence:
    """What is known of each client, by its code; times in epoch ms.

    Attributes
    ----------
    heard, waits, least
        When it was last heard; how often it waited how long, in bins; its smallest delay.
    usual, limit
        The wait that half of its waits do not exceed, and from when on it is silent, ms; 2⁶² where
        too few waits are known.
    ended
        The last silences that ended, oldest first.
    """

    heard: Int64s
    waits: NDArray[np.int32]
    least: Int64s
    usual: Int64s
    limit: Int64s
    ended: tuple[Ended, ...] = ()


_NOBODY: Final = np.zeros(0, np.int64)
NOBODY: Final = Silence(_NOBODY, np.zeros((0, _BINS), np.int32), _NOBODY, _NOBODY, _NOBODY)


def silent(silence: Silence, now_ms: int) -> Int64s:
    """Return the clients that are silent now, the longest silent first."""
    found = np.flatnonzero(now_ms - silence.heard > silence.limit)
    return found[np.argsort(silence.heard[found], kind="stable")]


def heard(before: Silence, new: Batch, clients: int) -> Silence:
    """Return what is known after further events; `clients` is how many there are so far."""
    known = _grown(before, clients)
    if not len(new):
        return known
    order = np.argsort(new.key, kind="stable")
    key, received = new.key[order], new.received[order]
    delay = received - new.event_time[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    previous = np.concatenate(([_BEFORE], received[:-1]))
    previous[first] = known.heard[key[first]]
    least = known.least.copy()
    np.minimum.at(least, key, delay)
    wait = received - previous
    counted = previous != _BEFORE
    waits = known.waits.copy()
    np.add.at(waits, (key[counted], _bin(wait[counted])), 1)
    last = known.heard.copy()
    np.maximum.at(last, key, received)
    back = np.flatnonzero(counted & (wait > known.limit[key]))
    which = back[-KEPT:]
    columns = (values[which].tolist() for values in (key, previous, received))
    ended = [Ended(*silence) for silence in zip(*columns, strict=True)]
    of_all = [*known.ended, *ended][-KEPT:]
    due = received - (delay - least[key])
    usual, limit, again = known.usual.copy(), known.limit.copy(), key[first]
    usual[again], limit[again] = _usual_and_limit(waits[again])
    return Silence(last, waits, least, usual, limit, _held_back(of_all, key, received, due))


def renumbered(silence: Silence, number: NDArray[np.int32]) -> Silence:
    """Return the same with codes of clients `number`, by their old codes; −1 forgets one."""
    kept = number >= 0
    return Silence(
        heard=silence.heard[kept],
        waits=silence.waits[kept],
        least=silence.least[kept],
        usual=silence.usual[kept],
        limit=silence.limit[kept],
        ended=tuple(replace(each, client=int(number[each.client])) for each in silence.ended),
    )


def _usual_and_limit(waits: NDArray[np.int32]) -> tuple[Int64s, Int64s]:
    limit = np.maximum(BEYOND * _quantile(waits, _MOST), SHORTEST_MS)
    known = waits.sum(axis=1) >= FEWEST
    return _quantile(waits, 0.5), np.where(known, limit, _UNKNOWN)


def _held_back(
    ended: list[Ended], key: NDArray[np.int32], received: Int64s, due: Int64s
) -> tuple[Ended, ...]:
    """Return silences with further events that waited for the end of each; `key` rises."""
    found = []
    for each in ended:
        own = slice(*np.searchsorted(key, (each.client, each.client + 1)))
        in_silence = (due[own] > each.last_heard_ms) & (due[own] <= each.back_ms - SHORTEST_MS)
        held = in_silence & (received[own] >= each.back_ms)
        found.append(replace(each, held_back=each.held_back + int(np.count_nonzero(held))))
    return tuple(found)


def _grown(before: Silence, clients: int) -> Silence:
    more = clients - len(before.heard)
    if not more:
        return before
    return replace(
        before,
        heard=np.concatenate((before.heard, np.full(more, _BEFORE))),
        waits=np.concatenate((before.waits, np.zeros((more, _BINS), np.int32))),
        least=np.concatenate((before.least, np.full(more, _UNKNOWN))),
        usual=np.concatenate((before.usual, np.full(more, _UNKNOWN))),
        limit=np.concatenate((before.limit, np.full(more, _UNKNOWN))),
    )


def _bin(wait: Int64s) -> Int64s:
    """Return the bin of each wait: two an octave."""
    found: Int64s = np.clip(2 * np.log2(np.maximum(wait, 1)), 0, _BINS - 1).astype(np.int64)
    return found


def _quantile(waits: NDArray[np.int32], share: float) -> Int64s:
    """Return the end of the bin in which each row's quantile lies, ms."""
    total = waits.sum(axis=1, keepdims=True)
    place = (np.cumsum(waits, axis=1) < np.ceil(share * total)).sum(axis=1)
    found: Int64s = np.ceil(2 ** ((place + 1) / 2)).astype(np.int64)
    return found
