"""Clients' clocks: which are wrong, by how much, and what correcting them would do.

A client's delays are the network's minus its clock's offset. The network never takes less than
its minimum, so that a client's delays, drawn over event time, stand on a straight lower edge: its
height tells the clock's offset, its slope the clock's drift. The edge is the line below all
delays that is highest at the middle of them, the estimator of Moon, Skelly and Towsley
("Estimation and removal of clock skew from network delay measurements", INFOCOM 1999).

With only the topic, offsets are relative: to the typical client's smallest delay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib import delays, grouped
from lib.columns import CLIENT, EVENT_TIME, EVENT_TIME_0, RECEIVED_TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lib.grouped import Groups, Ints

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
"""No clock drifts more; a steeper edge is the fan of a flushed buffer."""

_BLOCKS: Final = 32  # of equally many events, of which the smallest delay stands for the edge
_INT64: Final = np.iinfo(np.int64)
_ROUNDS: Final = 26  # halving a slope's interval so often leaves less than 0.1 ppb of it


@dataclass(frozen=True)
class _Edge:
    """The lower edge of each client's delays: `height` + `slope` · (event time − `middle`).

    Heights are ms, slopes ms a ms, middles epoch ms on the client's clock; `span` is the time
    from a client's first event to its last, ms. `heard` is how many times the client was heard:
    the events of a burst count once, for they share their delay.
    """

    height: Floats
    slope: Floats
    middle: Floats
    span: Floats
    heard: Ints


def clocks(events: pd.DataFrame, *, sensitivity: float = SENSITIVITY) -> pd.DataFrame:
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

    Returns
    -------
    pd.DataFrame
        One row a client: `ClientID`; `Events` int64; `SmallestDelay` int64 ms; `Offset` float64
        ms, above zero where the clock is ahead, at the moment `At` (int64 epoch ms on the
        client's own clock, the middle of its events); `Drift` float64 ppm, above zero where the
        clock gains, exactly zero where the network alone explains it; `Future` int64,
        the events with a negative delay; `Wrong` bool.
    """
    groups, times, late = _columns(events)
    edge = _lower_edge(groups, times, late)
    lags = _lags(groups, times, late, edge)
    offset = np.median(edge.height) - edge.height if groups.n else edge.height
    smallest = grouped.quantiles_within(groups, late, [0.0])[:, 0]
    return pd.DataFrame(
        {
            CLIENT: groups.labels,
            EVENTS: groups.sizes,
            SMALLEST_DELAY: smallest,
            OFFSET: offset,
            DRIFT: 0.0 - edge.slope * 1e6,
            AT: np.rint(edge.middle).astype(np.int64),
            FUTURE: np.bincount(groups.codes[late < 0], minlength=groups.n),
            WRONG: _wrong(offset, edge, groups, lags, sensitivity),
        }
    )


def lag(events: pd.DataFrame) -> pd.Series[float]:
    """Return each event's delay above its client's own lower edge, float64 ms, at least 0.

    Free of the client's clock: neither offset nor drift matters. The result has the index of
    `events`.
    """
    groups, times, late = _columns(events)
    edge = _lower_edge(groups, times, late)
    return pd.Series(_lags(groups, times, late, edge), index=events.index, name="Lag")


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
    times = grouped.ints(events[EVENT_TIME])
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
    """Return each event's client, event time and delay."""
    times = grouped.ints(events[EVENT_TIME])
    return grouped.group_by(events, CLIENT), times, grouped.ints(events[RECEIVED_TIME]) - times


def _lags(groups: Groups, times: Ints, late: Ints, edge: _Edge) -> Floats:
    floor = edge.height[groups.codes]
    if edge.slope.any():
        floor = floor + edge.slope[groups.codes] * (times - edge.middle[groups.codes])
    return np.maximum(late - floor, 0.0)


def _lower_edge(groups: Groups, times: Ints, late: Ints) -> _Edge:
    """Return each client's lower edge; level where the network alone may have sloped it."""
    if not groups.n:
        none = np.empty(0)
        return _Edge(none, none, none, none, groups.sizes)
    order = grouped.order_by(groups.codes, times)
    codes, x, y = groups.codes[order], times[order], late[order].astype(np.float64)
    begins = grouped.first_of_each(groups.sizes)
    heard = _heard(groups, codes, x, y)
    lowest = _lowest_of_blocks(groups.sizes, y)
    wild = _wild(groups, codes, y, lowest)
    lowest = lowest[~wild[lowest]]
    y[wild] = np.inf
    first = np.minimum.reduceat(np.where(wild, _INT64.max, x), begins)
    last = np.maximum.reduceat(np.where(wild, _INT64.min, x), begins)
    middle, span = (first + last) / 2, (last - first).astype(np.float64)
    slope = _slopes(codes[lowest], groups.n, x[lowest] - middle[codes[lowest]], y[lowest])
    slope[np.abs(slope) > MAX_DRIFT_PPM * 1e-6] = 0.0

    def height(slopes: Floats) -> Floats:
        return np.minimum.reduceat(y - slopes[codes] * (x - middle[codes]), begins)

    if slope.any():
        sloping = _Edge(height(slope), slope, middle, span, heard)
        lags = np.sort(_lags(groups, times, late, sloping))
        # A slope rests on the outer quarters of the events; either may be too high by chance.
        by_chance = 2 * _rarest(lags, heard / 4, groups.n)
        slope[np.abs(slope) * span <= by_chance] = 0.0
    return _Edge(height(slope), slope, middle, span, heard)


def _heard(groups: Groups, codes: Ints, x: Ints, y: Floats) -> Ints:
    """Return how often each client was heard; in a burst, events arrive closer than they happen."""
    same = np.diff(codes, prepend=-1) == 0
    apart = np.diff(y, prepend=0) >= -np.diff(x, prepend=0) / 2
    return np.bincount(codes[~same | apart], minlength=groups.n)


def _wild(groups: Groups, codes: Ints, y: Floats, lowest: Ints) -> npt.NDArray[np.bool_]:
    """Return which delays are wild: single wrong times, not a wrong clock.

    They are below Tukey's outer fence of the lowest delays of their client's blocks, at least
    3 ms below the quartile, and fewer than a block: more of them are where the edge is.
    """
    blocks = grouped.Groups(codes[lowest], groups.labels)
    of_blocks = y[lowest].astype(np.int64)
    low, high = grouped.quantiles_within(blocks, of_blocks, [0.25, 0.75]).T
    wild = y < (low - 3 * np.maximum(high - low, 1))[codes]
    few = np.bincount(codes[wild], minlength=groups.n) * _BLOCKS < groups.sizes
    found: npt.NDArray[np.bool_] = wild & few[codes]
    return found


def _lowest_of_blocks(sizes: Ints, y: Floats) -> Ints:
    """Return where the smallest delay of each block stands; clients one after another."""
    blocks = np.minimum(sizes, _BLOCKS)
    first_block, first = grouped.first_of_each(blocks), grouped.first_of_each(sizes)
    number = np.arange(blocks.sum()) - np.repeat(first_block, blocks)
    # Block k of b of a client with n events begins at its event ⌈k·n / b⌉.
    begins = np.repeat(first, blocks) - (
        -number * np.repeat(sizes, blocks) // np.repeat(blocks, blocks)
    )
    smallest = np.minimum.reduceat(y, begins)
    block_sizes = np.diff(begins, append=len(y))
    at = np.flatnonzero(y == np.repeat(smallest, block_sizes))
    block_of = np.searchsorted(begins, at, side="right")
    return at[np.flatnonzero(np.diff(block_of, prepend=0))]


def _slopes(codes: Ints, n: int, x: Floats, y: Floats) -> Floats:
    """Return, for each client, the slope of the line below its points that is highest at x = 0.

    The line touches a point left of 0 and one right of it. Seen from a slope, the lowest point
    on either side; if the left one is the lower, the slope must rise, else it must fall. Points
    are ordered by client and x; a client without points on both sides gets slope 0.
    """
    sizes = np.bincount(codes, minlength=n)
    begins = grouped.first_of_each(sizes)
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
    offset: Floats, edge: _Edge, groups: Groups, lags: Floats, sensitivity: float
) -> npt.NDArray[np.bool_]:
    if not groups.n:
        return np.empty(0, np.bool_)
    ordered = np.sort(lags)
    usual = sensitivity * max(float(np.median(np.abs(offset))), ordered[len(ordered) // 2], 1.0)
    by_chance = _rarest(ordered, edge.heard.astype(np.float64), groups.n)
    behind = -offset > np.maximum(usual, by_chance)
    drifts = np.abs(edge.slope) * edge.span > usual
    wrong: npt.NDArray[np.bool_] = (offset > usual) | behind | drifts
    return wrong
