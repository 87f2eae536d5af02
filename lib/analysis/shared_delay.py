"""What all clients' events waited for at a moment, as in a queue that they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.analysis import kernels
from lib.analysis.received import find_span
from lib.core.blockwise import Pool, added
from lib.core.jit import compiled

if TYPE_CHECKING:
    import numpy.typing as npt

    from lib.analysis.client_clocks import ClientTimes
    from lib.analysis.kernels import Codes, Ints
    from lib.core.blockwise import Steps

_MOMENTS: Final = 256
_FEWEST: Final = 16  # events a moment
_LEAST_MOMENTS: Final = 20  # fewer tell nothing of before and after
_AROUND: Final = 9  # moments before and after
_NOT_MOVING_MS: Final = 1_000
_ALIKE: Final = 0.25  # of a change
_NONE: Final = np.iinfo(np.int64).max


@dataclass(frozen=True)
class SharedDelay:
    """The smallest delay of any client at each moment, over what it is at best for that client.

    Attributes
    ----------
    begin, lasted
        The first received time, epoch ms, and how long all moments together last, ms.
    least, next
        The smallest, ms, and the smallest of all other clients; the largest int64 if there is none.
    whose
        Code of the client that has `least`, or -1 if it is one of another block.
    """

    begin: int
    lasted: int
    least: Ints
    next: Ints
    whose: Codes

    def explains(self, client: int, at: int, change: int) -> bool:
        """Return whether the others' delays were changing, too, when a client's did.

        Not where all changed at once, by as much: then there are two levels, and nothing between.
        """
        others = np.where(self.whose == client, self.next, self.least)
        here = (at - self.begin) * len(others) // self.lasted
        around = others[max(here - _AROUND, 0) : here + _AROUND + 1]
        over = around[around != _NONE] - around.min()
        alike = _ALIKE * abs(change)
        if over.max(initial=0) < max(_NOT_MOVING_MS, alike):
            return False
        return bool((np.minimum(over, np.abs(over - abs(change))) > alike).any())


def find_shared_delay(times: ClientTimes) -> Steps[SharedDelay | None]:
    """Find the shared delay of a topic; None where there are too few events to tell."""
    begin, last = yield from find_span(times.received)
    events = yield Pool(len(times.received), added)
    moments = min(_MOMENTS, events // _FEWEST)
    if moments < _LEAST_MOMENTS:
        return None
    lasted = last - begin + 1
    delay = times.received - times.shown
    delay = delay - kernels.bounds_within(times.clients, delay)[0][times.clients.codes]
    own = np.full((2, moments), _NONE)
    whose = np.full(moments, -1, np.int32)
    _find_least(times.clients.codes, times.received, delay, begin, lasted, own[0], own[1], whose)
    least, following = yield Pool(own, _smallest_two)
    return SharedDelay(begin, lasted, least, following, np.where(own[0] == least, whose, -1))


def _smallest_two(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> Ints:
    """Return the smallest two of each moment: blocks have no client in common."""
    found: Ints = np.sort(np.concatenate((one, other)), axis=0)[:2]
    return found


@compiled
def _find_least(
    codes: Codes,
    received: Ints,
    delay: Ints,
    begin: int,
    lasted: int,
    least: Ints,
    following: Ints,
    whose: Codes,
) -> None:
    """Find the smallest delay of each moment, whose it is, and the smallest of the others."""
    for event in range(len(received)):
        at = (received[event] - begin) * len(least) // lasted
        if codes[event] == whose[at]:
            least[at] = min(least[at], delay[event])
        elif delay[event] < least[at]:
            following[at], least[at], whose[at] = least[at], delay[event], codes[event]
        else:
            following[at] = min(following[at], delay[event])
