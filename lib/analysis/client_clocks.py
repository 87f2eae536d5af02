"""Clients' clocks: which are wrong, by how much, and what correcting them would do.

A client's delays are the network's minus its clock's offset. The network never takes less than its
minimum, so that a client's delays, drawn over event time, stand on a straight lower envelope: its
height tells the clock's offset, its slope the clock's drift. The envelope is the line below all
delays that is highest at the middle of them, the estimator of Moon, Skelly and Towsley ("Estimation
and removal of clock skew from network delay measurements", INFOCOM 1999).

With only the topic, offsets are relative: to the typical client's smallest delay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib.analysis import delays, kernels
from lib.core.columns import CLIENT, EVENT_TIME, EVENT_TIME_0, RECEIVED_TIME
from lib.core.jit import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lib.analysis.kernels import Codes, Groups, Ints

Floats = npt.NDArray[np.float64]

EVENTS: Final = "Events"
SMALLEST_DELAY: Final = "SmallestDelay"
OFFSET: Final = "Offset"
DRIFT: Final = "Drift"
AT: Final = "At"
FUTURE: Final = "Future"
WRONG: Final = "Wrong"
CASE: Final = "Case"

SENSITIVITY: Final = 5.0
CHANCE: Final = 0.01
"""How likely it may be that the network alone makes any clock of a topic look wrong."""
MAX_DRIFT_PPM: Final = 1000.0
"""No clock drifts more; a steeper envelope is the fan of a flushed buffer."""

_BLOCKS: Final = 32  # of equally many events, of which the smallest delay stands for the envelope
_ROUNDS: Final = 26  # halving a slope's interval so often leaves less than 0.1 ppb of it


@dataclass(frozen=True)
class LowerEnvelopes:
    """The lower envelope of each client's delays: `height` + `slope` · (event time − `middle`).

    Heights are ms, slopes ms a ms, middles epoch ms on the client's clock; `span` is the time
    from a client's first event to its last, ms. `heard` is how many times the client was heard:
    the events of a burst count once, for they share their delay.
    """

    height: Floats
    slope: Floats
    middle: Floats
    span: Floats
    heard: Ints

    def lags(self, clients: Codes, times: Ints, received: Ints) -> Floats:
        """Return each event's delay above its client's envelope, ms, at least 0."""
        found = np.empty(len(clients))
        _find_lags(clients, times, received, self.height, self.slope, self.middle, found)
        return found


def clocks(
    events: pd.DataFrame,
    *,
    sensitivity: float = SENSITIVITY,
    envelopes: LowerEnvelopes | None = None,
) -> pd.DataFrame:
    """Return what each client's clock shows, against the topic's typical client.

    Parameters
    ----------
    events
        The events table, in any order.
    sensitivity
        How many times what is usual in the topic the offset of a wrong clock, or what its drift
        adds up to, must be: the typical delay above a client's smallest, or the typical
        difference between the clients' smallest, whichever is more. A clock that is behind must
        besides be so by more than a slow network explains, given how often the client was heard.
    envelopes
        `lower_envelopes` of the events, where it is known.

    Returns
    -------
    pd.DataFrame
        One row a client: `ClientID`; `Events` int64; `SmallestDelay` int64 ms; `Offset` float64
        ms, above zero where the clock is ahead, at the moment `At` (int64 epoch ms on the
        client's own clock, the middle of its events); `Drift` float64 ppm, above zero where the
        clock gains, exactly zero where the network alone explains it; `Future` int64,
        the events with a negative delay; `Wrong` bool.
    """
    clients, times, received = _columns(events)
    envelopes = _lower_envelopes(clients, times, received) if envelopes is None else envelopes
    lags = envelopes.lags(clients.codes, times, received)
    lags.sort()
    offset = np.median(envelopes.height) - envelopes.height if clients.n else envelopes.height
    late = received - times
    return pd.DataFrame(
        {
            CLIENT: clients.labels,
            EVENTS: clients.sizes,
            SMALLEST_DELAY: kernels.bounds_within(clients, late)[0],
            OFFSET: offset,
            DRIFT: 0.0 - envelopes.slope * 1e6,
            AT: np.rint(envelopes.middle).astype(np.int64),
            FUTURE: kernels.counts(clients.codes[late < 0], clients.n),
            WRONG: _wrong(offset, envelopes, lags, sensitivity),
        }
    )


def lower_envelopes(events: pd.DataFrame) -> LowerEnvelopes:
    """Return the lower envelope of each client's delays, in the order of `kernels.group_by`."""
    return _lower_envelopes(*_columns(events))


def lag(events: pd.DataFrame) -> pd.Series[float]:
    """Return each event's delay above its client's own lower envelope, float64 ms, at least 0.

    Free of the client's clock: neither offset nor drift matters. The result has the index of
    `events`.
    """
    clients, times, received = _columns(events)
    envelopes = _lower_envelopes(clients, times, received)
    lags = envelopes.lags(clients.codes, times, received)
    return pd.Series(lags, index=events.index, name="Lag")


def correct(events: pd.DataFrame, clock_table: pd.DataFrame) -> pd.DataFrame:
    """Return the events with the event times that right clocks would have given.

    Parameters
    ----------
    events
        The events table, left as it is.
    clock_table
        Rows of the result of `clocks`: of the clients to correct.

    Returns
    -------
    pd.DataFrame
        A new events table, in the same order, in which `Timestamp` and `EventTimestamp0` of
        those clients are less `Offset` and what `Drift` adds; zero stays where it was.
    """
    clients = events[CLIENT].cat
    row = clients.categories.get_indexer(pd.Index(clock_table[CLIENT]))
    fault = np.zeros((len(clients.categories) + 1, 3))  # the last: of events without a client
    fault[row] = clock_table[[OFFSET, DRIFT, AT]].to_numpy(np.float64)
    offset, drift, at = fault[clients.codes.to_numpy()].T
    times = kernels.ints(events[EVENT_TIME])
    wrong_by = np.rint(offset + drift * 1e-6 * (times - at)).astype(np.int64)
    since_zero = events[EVENT_TIME_0].to_numpy()
    zero = times[:1] - np.rint(since_zero[:1] * 1000).astype(np.int64)
    corrected = times - wrong_by
    return events.assign(**{EVENT_TIME: corrected, EVENT_TIME_0: (corrected - zero) / 1000})


def effect(
    events: pd.DataFrame,
    clock_table: pd.DataFrame,
    client: object,
    shares: Sequence[float] = delays.SHARES,
) -> pd.DataFrame:
    """Return what one client's clock does to the topic's out-of-orderness.

    Parameters
    ----------
    events
        The events table, in **arrival order**.
    clock_table
        The result of `clocks`.
    client
        The client to leave out, or to correct.
    shares
        Which quantiles of out-of-orderness, from 0 to 1.

    Returns
    -------
    pd.DataFrame
        Rows with `Case` "as it is", "without the client", "with its clock corrected"; `Events`
        and `OutOfOrder`, int64; one int64 column in ms for each share, over the whole topic.
    """
    own = clock_table[clock_table[CLIENT] == client]
    cases = {
        "as it is": events,
        "without the client": events[events[CLIENT] != client],
        "with its clock corrected": correct(events, own),
    }
    rows = [delays.out_of_orderness_quantiles(table, shares).head(1) for table in cases.values()]
    return pd.concat(rows, ignore_index=True).drop(columns="Scope").assign(Case=list(cases))


def _columns(events: pd.DataFrame) -> tuple[Groups, Ints, Ints]:
    """Return each event's client, event time and received time."""
    times, received = kernels.ints(events[EVENT_TIME]), kernels.ints(events[RECEIVED_TIME])
    return kernels.group_by(events, CLIENT), times, received


def _lower_envelopes(clients: Groups, times: Ints, received: Ints) -> LowerEnvelopes:
    """Return each client's lower envelope; level where the network alone may have sloped it."""
    if not clients.n:
        none = np.empty(0)
        return LowerEnvelopes(none, none, none, none, clients.sizes)
    bounds = clients.bounds
    x, y = _delays_over_time(clients, times, received)
    heard = np.empty(clients.n, np.int64)
    _count_heard(bounds, x, y, heard)
    codes, lowest = _lowest_of_blocks(clients, y)
    first, last = np.empty(clients.n, np.int64), np.empty(clients.n, np.int64)
    _leave_out(bounds, x, y, _fences(clients, codes, y[lowest]), first, last)
    tame = np.isfinite(y[lowest])
    codes, lowest = codes[tame], lowest[tame]
    middle, span = (first + last) / 2, (last - first).astype(np.float64)
    slope = _slopes(codes, clients.n, x[lowest] - middle[codes], y[lowest])
    slope[np.abs(slope) > MAX_DRIFT_PPM * 1e-6] = 0.0
    height = np.empty(clients.n)
    _find_heights(bounds, x, y, slope, middle, height)
    if slope.any():
        lags = LowerEnvelopes(height, slope, middle, span, heard).lags(
            clients.codes, times, received
        )
        lags.sort()
        # A slope rests on the outer quarters of the events; either may be too high by chance.
        by_chance = 2 * _rarest(lags, heard / 4, clients.n)
        slope[np.abs(slope) * span <= by_chance] = 0.0
        _find_heights(bounds, x, y, slope, middle, height)
    return LowerEnvelopes(height, slope, middle, span, heard)


def _delays_over_time(clients: Groups, times: Ints, received: Ints) -> tuple[Ints, Floats]:
    """Return event times, client after client and rising, and the delays of those events."""
    x, stood = kernels.sort_within(clients.bounds, kernels.together(clients, times))
    late = np.subtract(received, times, out=np.empty(len(times)))
    late = kernels.together(clients, late)
    return x, late if stood is None else kernels.taken(late, stood)


def _lowest_of_blocks(clients: Groups, y: Floats) -> tuple[Codes, Ints]:
    """Return the client of each block, and where the block's smallest delay stands."""
    blocks = np.minimum(clients.sizes, _BLOCKS)
    lowest = np.empty(blocks.sum(), np.int64)
    _find_lowest(clients.bounds, y, lowest)
    return np.repeat(np.arange(clients.n, dtype=np.int32), blocks), lowest


def _fences(clients: Groups, codes: Codes, lowest: Floats) -> Floats:
    """Return Tukey's outer fence below the lowest delays of each client's blocks, ms.

    At least 3 ms below their quartile.
    """
    blocks = kernels.Groups(codes, clients.labels)
    shares = 0.25, 0.75
    low, high = kernels.quantiles_within(blocks, lowest.astype(np.int64), shares).T
    fences: Floats = (low - 3 * np.maximum(high - low, 1)).astype(np.float64)
    return fences


def _slopes(codes: Codes, n: int, x: Floats, y: Floats) -> Floats:
    """Return, for each client, the slope of the line below its points that is highest at x = 0.

    The line touches a point left of 0 and one right of it. Seen from a slope, the lowest point
    on either side; if the left one is the lower, the slope must rise, else it must fall. Points
    are ordered by client and x; a client without points on both sides gets slope 0.
    """
    sizes = np.bincount(codes, minlength=n)
    begins = kernels.first_of_each(sizes)
    splits = begins + np.bincount(codes[x <= 0], minlength=n)
    both = (splits > begins) & (splits < begins + sizes)
    sides = np.stack((begins, np.where(both, splits, begins)), axis=1).ravel()
    bound = MAX_DRIFT_PPM * 2e-6
    low, high = np.full(n, -bound), np.full(n, bound)
    for _ in range(_ROUNDS):
        slope = (low + high) / 2
        left, right = np.minimum.reduceat(y - slope[codes] * x, sides).reshape(n, 2).T
        rise = left < right
        low, high = np.where(rise, slope, low), np.where(rise, high, slope)
    return np.where(both, (low + high) / 2, 0.0)


def _rarest(ordered_lags: Floats, heard: Floats, clients: int) -> Floats:
    """Return the lag that a client heard so often has every time with a chance of `CHANCE`.

    For any client of the topic, that is: each one's chance is a share of it. `ordered_lags` are
    all clients' lags, rising.
    """
    each_time = (CHANCE / clients) ** (1 / np.maximum(heard, 1))
    rank = np.floor((1 - each_time) * len(ordered_lags)).astype(np.int64)
    return ordered_lags[np.minimum(rank, len(ordered_lags) - 1)]


def _wrong(
    offset: Floats, envelopes: LowerEnvelopes, ordered_lags: Floats, sensitivity: float
) -> npt.NDArray[np.bool_]:
    clients = len(offset)
    if not clients:
        return np.empty(0, np.bool_)
    middle = ordered_lags[len(ordered_lags) // 2]
    usual = sensitivity * max(float(np.median(np.abs(offset))), middle, 1.0)
    by_chance = _rarest(ordered_lags, envelopes.heard.astype(np.float64), clients)
    behind = -offset > np.maximum(usual, by_chance)
    drifts = np.abs(envelopes.slope) * envelopes.span > usual
    wrong: npt.NDArray[np.bool_] = (offset > usual) | behind | drifts
    return wrong


@compiled
def _find_lags(
    clients: Codes,
    times: Ints,
    received: Ints,
    height: Floats,
    slope: Floats,
    middle: Floats,
    found: Floats,
) -> None:
    for event in range(len(clients)):
        client, time = clients[event], times[event]
        floor = height[client] + slope[client] * (time - middle[client])
        found[event] = max((received[event] - time) - floor, 0.0)


@compiled
def _count_heard(bounds: Ints, x: Ints, y: Floats, heard: Ints) -> None:
    """Count how often each client was heard; in a burst, events arrive closer than they happen."""
    for client in range(len(heard)):
        heard[client] = bounds[client + 1] > bounds[client]
        for at in range(bounds[client] + 1, bounds[client + 1]):
            heard[client] += y[at] - y[at - 1] >= (x[at - 1] - x[at]) / 2


@compiled
def _find_lowest(bounds: Ints, y: Floats, lowest: Ints) -> None:
    """Find where the smallest delay of each of a client's equally large blocks stands."""
    block = 0
    for client in range(len(bounds) - 1):
        first, size = bounds[client], bounds[client + 1] - bounds[client]
        blocks = min(size, _BLOCKS)
        for number in range(blocks):
            # Block k of b of a client with n events begins at its event ⌈k·n / b⌉.
            begin = first + (number * size + blocks - 1) // blocks
            end = first + ((number + 1) * size + blocks - 1) // blocks
            lowest[block] = begin
            for at in range(begin + 1, end):
                if y[at] < y[lowest[block]]:
                    lowest[block] = at
            block += 1


@compiled
def _leave_out(bounds: Ints, x: Ints, y: Floats, fences: Floats, first: Ints, last: Ints) -> None:
    """Make wild delays infinite: single wrong times, not a wrong clock.

    They are below the fence, and fewer than a block: more of them are where the envelope is. Finds
    each client's first and last event time beside them.
    """
    for client in range(len(fences)):
        begin, end, fence = bounds[client], bounds[client + 1], fences[client]
        wild = 0
        for at in range(begin, end):
            wild += y[at] < fence
        if wild > 0 and wild * _BLOCKS < end - begin:
            for at in range(begin, end):
                if y[at] < fence:
                    y[at] = np.inf
        end -= 1
        while np.isinf(y[begin]):
            begin += 1
        while np.isinf(y[end]):
            end -= 1
        first[client], last[client] = x[begin], x[end]


@compiled
def _find_heights(
    bounds: Ints, x: Ints, y: Floats, slope: Floats, middle: Floats, height: Floats
) -> None:
    """Find the height of the highest line of each client's slope that is below its delays."""
    for client in range(len(height)):
        lowest = np.inf
        for at in range(bounds[client], bounds[client + 1]):
            lowest = min(lowest, y[at] - slope[client] * (x[at] - middle[client]))
        height[client] = lowest
