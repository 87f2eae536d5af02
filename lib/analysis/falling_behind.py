"""Topics of which everything falls behind: what all events pass is slower than they come.

The fastest event of a stretch tells what the way takes at least, whatever single clients do. Where
it takes longer from stretch to stretch, a queue grows that all events wait in.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.analysis import kernels
from lib.analysis.client_clocks import MAX_DRIFT_PPM
from lib.analysis.received import find_span
from lib.core.blockwise import Answer, answered
from lib.core.columns import EVENT_TIME, RECEIVED_TIME
from lib.core.jit import compiled

if TYPE_CHECKING:
    import pandas as pd

    from lib.analysis.kernels import Ints
    from lib.core.blockwise import Question

STRETCHES: Final = 10
LEAST_MS: Final = 10_000
"""By so much the fastest event takes longer in the end, at least."""

_MOST_AT_ONCE: Final = 0.5  # of it: beyond, something happened once
_FASTEST: Final = 0.9  # ms each ms: where event time stands still, delays rise by 1
_NONE: Final = np.iinfo(np.int64).max


@dataclass(frozen=True)
class FallingBehind:
    """How much later all events come in the end of a topic.

    Attributes
    ----------
    first, last
        The smallest delay in the first tenth of the time and in the last, ms.
    events
        Number of events.
    """

    first: int
    last: int
    events: int


def falling_behind(events: pd.DataFrame) -> FallingBehind | None:
    """Return how far everything falls behind; None where it does not.

    Time is cut into ten stretches of received time. Everything falls behind where the smallest
    delay is larger in each of them than in the one before, in all by 10 s and by more than clocks
    drift, and at no moment by half of that.

    Parameters
    ----------
    events
        Rows of an events table that have a received time, in any order.
    """
    return answered(falling_behind_question(events))


def falling_behind_question(events: pd.DataFrame) -> Question[FallingBehind | None]:
    """Ask for `falling_behind`, of blocks of any events."""
    received = kernels.ints(events[RECEIVED_TIME])
    first, last = yield from find_span(received)
    smallest = np.full(STRETCHES, _NONE)
    _find_smallest(received, kernels.ints(events[EVENT_TIME]), first, last, smallest)
    part = np.append(smallest, len(events))
    return Answer(part, _of_both, partial(_judged, lasted=last - first))


def _of_both(one: Ints, other: Ints) -> Ints:
    return np.append(np.minimum(one[:-1], other[:-1]), one[-1] + other[-1])


def _judged(part: Ints, *, lasted: int) -> FallingBehind | None:
    smallest, events = part[:-1], int(part[-1])
    if events < STRETCHES or (smallest == _NONE).any():
        return None
    rises = np.diff(smallest)
    whole = int(smallest[-1] - smallest[0])
    least = max(LEAST_MS, MAX_DRIFT_PPM * 1e-6 * lasted)
    if (rises <= 0).any() or rises.max() > _MOST_AT_ONCE * whole:
        return None
    if not least <= whole <= _FASTEST * lasted * (1 - 1 / STRETCHES):
        return None
    return FallingBehind(int(smallest[0]), int(smallest[-1]), events)


@compiled
def _find_smallest(received: Ints, happened: Ints, first: int, last: int, smallest: Ints) -> None:
    """Find the smallest delay of each stretch of received time."""
    lasted = last - first + 1
    stretch, begin, end = 0, first, first  # of the event before: divisions take long
    for event in range(len(received)):
        if not begin <= received[event] < end:
            stretch = (received[event] - first) * len(smallest) // lasted
            begin = first - (-stretch * lasted // len(smallest))
            end = first - (-(stretch + 1) * lasted // len(smallest))
        smallest[stretch] = min(smallest[stretch], received[event] - happened[event])
