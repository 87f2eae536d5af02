"""Clocks that were set while their client ran, and what each showed before and after.

A clock that is set moves all delays of its client at once and for good; a network that is slow for
a while lets them come back. Of each client's delays, in the order of arrival, the smallest of each
of 32 blocks are looked at: a step is where three in a row lie on one side of its middle and the
three before on the other, if both levels then stay.

Not told apart: a clock that is set back, and a way that gets longer for good, by as much.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from lib.analysis import client_clocks, kernels
from lib.analysis.kernels import Groups
from lib.core.columns import CLIENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from lib.analysis.client_clocks import ClientTimes, LowerEnvelopes
    from lib.analysis.kernels import Ints

    Floats = npt.NDArray[np.float64]

AT: Final = "At"
SIZE: Final = "Size"
ZONE: Final = "Zone"
FROM: Final = "From"
TO: Final = "To"
EVENTS: Final = "Events"
LOW: Final = "Low"
LIKELY: Final = "Likely"
HIGH: Final = "High"
DRIFT: Final = "Drift"
MEASURED_AT: Final = "MeasuredAt"

SMALLEST_STEP_MS: Final = 1_000
QUARTER_HOUR_MS: Final = 900_000

_SIDE: Final = 3  # blocks on either side that show a step
_STEADY: Final = 8  # a level's quartiles are closer than the step's size over this
_ZONE_MARGIN_MS: Final = 2_000  # a zone's change is so near to quarter hours
_RESOLUTION_MS: Final = 1  # times are rounded down to whole milliseconds


@dataclass(frozen=True)
class ClockSteps:
    """Moments at which clocks were set, by client and time; one element a step.

    Attributes
    ----------
    client
        Code of the client, int64.
    at
        When the first event after it was received, int64 epoch ms.
    size
        By how much the clock was set forward (below zero: back), int64 ms.
    """

    client: Ints
    at: Ints
    size: Ints

    def table(self, clients: Groups) -> pd.DataFrame:
        """Return one row a step: `ClientID`; `At`, `Size`; `Zone`.

        The last says whether it is a whole number of quarter hours, as where a time zone changes.
        """
        quarters = np.rint(self.size / QUARTER_HOUR_MS)
        off = np.abs(self.size - quarters * QUARTER_HOUR_MS)
        return pd.DataFrame(
            {
                CLIENT: clients.labels.take(self.client),
                AT: self.at,
                SIZE: self.size,
                ZONE: (quarters != 0) & (off <= _ZONE_MARGIN_MS),
            }
        )


def clock_steps(times: ClientTimes) -> ClockSteps:
    """Return the moments at which clocks were set.

    Parameters
    ----------
    times
        `client_clocks.sent_times`: buffering hides a clock, so steps are best seen by sent times.
    """
    clients = times.clients
    received, before = kernels.sort_within(
        clients.bounds, kernels.together(clients, times.received)
    )
    delay = kernels.together(clients, times.received - times.shown)
    delay = delay if before is None else kernels.taken(delay, before)
    codes, lowest = client_clocks.lowest_of_blocks(clients, delay.astype(np.float64))
    jumps = (np.abs(np.diff(delay[lowest])) >= SMALLEST_STEP_MS) & (np.diff(codes) == 0)
    begins = Groups(codes, clients.labels).bounds
    rows = [
        (client, received[at], size)
        for client in np.unique(codes[1:][jumps]).tolist()
        for at, size in _steps(lowest[begins[client] : begins[client + 1]], delay, received)
    ]
    sizes = {(client, at): size for client, at, size in rows}
    found = np.array([(*place, sizes[place]) for place in sorted(sizes)], np.int64)
    return ClockSteps(*found.reshape(-1, 3).T)


def between_steps(times: ClientTimes, steps: ClockSteps) -> ClientTimes:
    """Return the times with a group for each stretch in which a client's clock was not set.

    Its labels have a client once for each of its stretches, in order.
    """
    clients = times.clients
    if not len(steps.client):
        return times
    number = np.bincount(steps.client, minlength=clients.n)
    earlier = np.cumsum(number) - number
    stepped = np.flatnonzero(number[clients.codes])
    low, span = int(times.received.min()), int(np.ptp(times.received)) + 1
    codes = clients.codes[stepped].astype(np.int64)
    events = codes * span + (times.received[stepped] - low)
    before = np.searchsorted(steps.client * span + (steps.at - low), events, "right")
    stretch = (np.arange(clients.n) + earlier)[clients.codes]
    stretch[stepped] += before - earlier[codes]
    labels = clients.labels.take(np.repeat(np.arange(clients.n), number + 1))
    return replace(times, clients=Groups(stretch.astype(np.int32), labels))


def clock_offsets(times: ClientTimes, envelopes: LowerEnvelopes) -> pd.DataFrame:
    """Return what to add to each client's clock to get the collector's time, as an interval.

    Received − sent time is the transit and that offset. Transit is never below zero: the lower
    envelope is the most that the offset can be. The least follows from the fastest transit of the
    fleet, the median of the envelopes that are not below zero, if most clocks are right; and from
    how much too high the envelope may be by chance.

    Parameters
    ----------
    times, envelopes
        `sent_times`, better `between_steps`, and their `lower_envelopes`.

    Returns
    -------
    pd.DataFrame
        One row a client and stretch between steps: `ClientID`; `From`, `To`, first and last
        received time, int64 epoch ms; `Events` int64; `Low`, `Likely` and `High`, float64 ms, at
        the moment `MeasuredAt` of the client's own clock (float64 epoch ms); `Drift`, what the
        offset gains, float64 ppm. `Likely` is the envelope less the fleet's fastest transit; where
        no client tells that, it is the envelope, and `Low` is minus infinity.
    """
    groups, height = times.clients, envelopes.height
    network = client_clocks.network_of(times, envelopes)
    too_high = too_low = np.zeros(groups.n)
    if groups.n:
        too_high = np.maximum(network.longest_by_chance(envelopes.heard), envelopes.blur)
        # A line that was levelled may have a drift of so much on either side of its middle.
        drift = np.maximum(network.longest_by_chance(envelopes.heard / 4), envelopes.blur)
        drift = np.maximum(drift, _RESOLUTION_MS)
        too_low = np.where(envelopes.slope == 0, drift, 0.0)
    first, last = kernels.bounds_within(groups, times.received)
    transit = fastest_transit(envelopes)
    return pd.DataFrame(
        {
            CLIENT: groups.labels,
            FROM: first,
            TO: last,
            EVENTS: groups.sizes,
            LOW: height - transit - too_high - _RESOLUTION_MS,
            LIKELY: height - (transit if np.isfinite(transit) else 0.0),
            HIGH: height + too_low + _RESOLUTION_MS,
            DRIFT: envelopes.slope * 1e6,
            MEASURED_AT: envelopes.middle,
        }
    )


def fastest_transit(envelopes: LowerEnvelopes) -> float:
    """Return the fastest transit of the fleet, ms; infinite where no envelope is above zero."""
    possible = envelopes.height[envelopes.height >= 0]
    return float(np.median(possible)) if len(possible) else np.inf


def _steps(blocks: Ints, delay: Ints, received: Ints) -> Iterator[tuple[int, int]]:
    """Yield each step of a client: the position of the first event after it, and its size.

    `blocks` are the positions of the smallest delay of each block, of which those of one upload
    count once.
    """
    blocks = blocks[np.diff(received[blocks], prepend=-1) > 0]
    level = delay[blocks]
    for place in _kept(_places(level), level, received[blocks]):
        before, after = (np.median(level[slice(*side)]) for side in _sides(place))
        between = delay[blocks[place - 1] : blocks[place] + 1]
        low = np.flatnonzero(between < (before + after) / 2)
        first = low[0] if before > after else low[-1] + 1
        yield int(blocks[place - 1] + first), round(before - after)


def _kept(places: list[int], level: Ints, received: Ints) -> list[int]:
    """Return the places whose levels stay, to either side, until the next.

    The least clear is left out until all are clear: what it parted then counts as one level.
    """
    while places:
        parts = [slice(*ends) for ends in pairwise([0, *places, len(level)])]
        middle = [float(np.median(level[part])) for part in parts]
        spread = np.array([np.subtract(*np.quantile(level[p], (0.75, 0.25))) for p in parts])
        # In a flushed buffer delays fall by as much as lies between the sent times.
        lasted = np.array([np.ptp(received[p]) for p in parts])
        spread[4 * spread > np.maximum(lasted, SMALLEST_STEP_MS)] = np.inf
        size = np.abs(np.diff(middle))
        unclear = np.maximum(spread[:-1], spread[1:]) * _STEADY - size
        # A level that is left and come back to was no clock's.
        back = np.abs(np.subtract(middle[2:], middle[:-2])) < size[1:] / 4
        unclear[1:][back] = np.inf
        if unclear.max() <= 0:
            break
        del places[int(unclear.argmax())]
    return places


def _places(level: Ints) -> list[int]:
    """Return the blocks with which another level may begin, rising and at least three apart."""
    if len(level) < 2 * _SIDE:
        return []
    low, middle, high = np.sort(sliding_window_view(level, _SIDE)).T[[0, _SIDE // 2, -1]]
    before, after = slice(None, -_SIDE), slice(_SIDE, None)
    size = np.abs(middle[after] - middle[before])
    noise = np.maximum((high - low)[before], (high - low)[after])
    apart = (high[before] < low[after]) | (high[after] < low[before])
    may = np.flatnonzero(apart & (size >= np.maximum(SMALLEST_STEP_MS, 4 * noise)))
    kept: list[int] = []
    for place in (may[np.argsort(-size[may], kind="stable")] + _SIDE).tolist():
        if all(abs(place - other) >= _SIDE for other in kept):
            kept.append(place)
    return sorted(kept)


def _sides(place: int) -> tuple[tuple[int, int], tuple[int, int]]:
    return (place - _SIDE, place), (place, place + _SIDE)
