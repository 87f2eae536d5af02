"""What the picture of both clocks draws: asked of blocks that have all events of their clients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from lib.analysis.outages import affected
from lib.charts.drawn_events import COLUMNS, MOST_POINTS, in_arrival_order, one_by_one
from lib.charts.rows import LANE, bin_width, client_lanes, count_cells
from lib.core.blockwise import Answer, Pool, added, either, stacked
from lib.core.columns import CLIENT, MISSING_TIME
from lib.events.table import TimeDomain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from lib.charts.rows import Lanes
    from lib.core.blockwise import Question, Steps

MOST_CELLS: Final = 3_000
"""Cells of one panel that tell their number of events."""

_WEIGHT: Final = "weight"

Extent = tuple[int, int]

Group = tuple[Any, Any]
"""The first and the last of some clients that follow one another."""


class RowOrder(StrEnum):
    """What the rows of clients are sorted by."""

    AFFECTED = "affected"
    DELAY = "delay"
    EVENTS = "events"
    CLIENT = "client"


@dataclass(frozen=True, eq=False)
class ComparisonData:
    """What is drawn of some events.

    Attributes
    ----------
    events
        How many they are.
    lanes
        The rows, by client codes in `clients`.
    clients
        The clients, as the categories of the events table.
    extents
        First and last time on each clock that any event has a time of, epoch ms.
    domain_ms
        What the axis across shows, epoch ms.
    width_ms
        Of a cell; None where every event is a point.
    points
        The events, with the place of their row as `lane`; None where they are counted.
    cells
        Number of events in each cell of a row, for each clock; empty where they are points.
    told, told_ms
        The same in cells of `told_ms`, which are wide enough to be pointed at.
    """

    events: int
    lanes: Lanes
    clients: pd.Index
    extents: Mapping[TimeDomain, Extent]
    domain_ms: Extent
    width_ms: int | None
    points: pd.DataFrame | None
    cells: Mapping[TimeDomain, NDArray[np.int64]]
    told: Mapping[TimeDomain, NDArray[np.int64]]
    told_ms: int

    def __add__(self, other: ComparisonData) -> ComparisonData:
        """Return that of the events of both, which have everything else in common."""
        if self.points is not None and other.points is not None:
            return replace(self, points=stacked(self.points, other.points))
        return replace(
            self,
            cells={clock: cells + other.cells[clock] for clock, cells in self.cells.items()},
            told={clock: cells + other.told[clock] for clock, cells in self.told.items()},
        )


@dataclass(frozen=True, eq=False)
class _Seen:
    """What a block has: a row a client with its weight, and the extent on each clock."""

    events: int
    clients: pd.DataFrame
    extents: Mapping[TimeDomain, Extent]

    def __add__(self, other: _Seen) -> _Seen:
        both = {
            clock: _around([each.extents[clock] for each in (self, other) if clock in each.extents])
            for clock in TimeDomain
            if clock in self.extents or clock in other.extents
        }
        return _Seen(self.events + other.events, stacked(self.clients, other.clients), both)


def find_in_group(
    table: pd.DataFrame, rows: NDArray[np.int64] | slice, group: Group | None
) -> Steps[NDArray[np.int64] | slice]:
    """Find those of `rows` that are of the clients of a group; all, where none of a block is."""
    if group is None:
        return rows
    first, last = group
    clients = table[CLIENT].cat.categories
    of_group = np.append((clients >= first) & (clients <= last), False)
    inside = np.flatnonzero(of_group[table[CLIENT].cat.codes.to_numpy()[rows]])
    any_inside = yield Pool(len(inside) > 0, either)
    if not any_inside:
        return rows
    return inside if isinstance(rows, slice) else rows[inside]


def comparison_question(
    table: pd.DataFrame,
    rows: NDArray[np.int64] | slice = slice(None),
    *,
    most_lanes: int,
    outages: pd.DataFrame | None = None,
    order: RowOrder = RowOrder.CLIENT,
) -> Question[ComparisonData]:
    """Ask what is drawn of the events at `rows` of a block that has all events of its clients.

    Parameters
    ----------
    table, rows
        The block, and the positions of its visible events; of all blocks, at least one.
    most_lanes
        Rows of clients at most.
    outages
        Rows of `lib.analysis.outages.outages_of`, by which rows are sorted where it is asked for.
    order
        Of the rows.
    """
    codes = table[CLIENT].cat.codes.to_numpy()[rows].astype(np.int32)
    own = table[CLIENT].cat.categories
    every = {clock: table[clock.milliseconds].to_numpy()[rows] for clock in TimeDomain}
    weighed = _clients(codes, own, every, order)
    seen: _Seen = yield Pool(_Seen(len(codes), weighed, _extents(every)), added)
    lanes, clients = _lanes(seen, most_lanes, outages, order)
    domain = _around([*seen.extents.values()])
    domain = domain[0], max(domain[1], domain[0] + 1)
    here = lanes
    if not clients.equals(own):
        here = replace(lanes, of_client=lanes.of(clients.get_indexer(own)))
    found = ComparisonData(seen.events, lanes, clients, seen.extents, domain, None, None, {}, {}, 0)
    if seen.events > MOST_POINTS:
        times = {clock: every[clock] for clock in seen.extents}
        return Answer(_counted(found, here, codes, times), added, _finished)
    points = one_by_one(table, rows, **{LANE: here.of(codes)})
    margin = (domain[1] - domain[0]) // 100  # or the frame would cut the outermost points
    found = replace(found, points=points, domain_ms=(domain[0] - margin, domain[1] + margin))
    return Answer(found, added, _finished)


def _clients(
    codes: NDArray[np.int32],
    clients: pd.Index,
    times: Mapping[TimeDomain, NDArray[np.int64]],
    order: RowOrder,
) -> pd.DataFrame:
    """Return the clients with visible events, and what their row is sorted by: largest first."""
    known = codes >= 0
    events = np.bincount(codes[known], minlength=len(clients))
    weight = events.astype(np.float64)
    if order is RowOrder.DELAY:
        received = times[TimeDomain.RECEIVED]
        known &= received != MISSING_TIME
        weight = np.full(len(clients), -np.inf)
        np.maximum.at(weight, codes[known], received[known] - times[TimeDomain.EVENT][known])
    present = np.flatnonzero(events)
    named = pd.Categorical.from_codes(present, categories=clients, validate=False)
    return pd.DataFrame({CLIENT: named, _WEIGHT: weight[present]})


def _lanes(
    seen: _Seen, most: int, outages: pd.DataFrame | None, order: RowOrder
) -> tuple[Lanes, pd.Index]:
    """Return the lanes of all blocks' clients, and these."""
    clients = seen.clients[CLIENT].cat.categories
    codes = seen.clients[CLIENT].cat.codes.to_numpy()
    weights = None
    if order is RowOrder.AFFECTED and outages is not None:
        of_all = outages.assign(**{CLIENT: outages[CLIENT].cat.set_categories(clients)})
        weights = affected(of_all, len(clients))
    elif order in {RowOrder.DELAY, RowOrder.EVENTS}:
        weights = np.full(len(clients), -np.inf)
        weights[codes] = seen.clients[_WEIGHT]
    return client_lanes(clients, codes, most, weights), clients


def _counted(
    found: ComparisonData,
    lanes: Lanes,
    codes: NDArray[np.int32],
    times: Mapping[TimeDomain, NDArray[np.int64]],
) -> ComparisonData:
    start, end = found.domain_ms
    width = -(-(end - start) // COLUMNS)
    span = COLUMNS * width
    told_ms = bin_width(span, max(40, MOST_CELLS // len(lanes.labels)))
    cells, told = (
        {
            clock: count_cells(lanes, codes, ms, start_ms=start, width_ms=each, columns=columns)
            for clock, ms in times.items()
        }
        for each, columns in ((width, COLUMNS), (told_ms, span // told_ms + 1))
    )
    domain = (start, start + span)
    return replace(found, domain_ms=domain, width_ms=width, cells=cells, told=told, told_ms=told_ms)


def _extents(times: Mapping[TimeDomain, NDArray[np.int64]]) -> dict[TimeDomain, Extent]:
    found = {}
    for clock, ms in times.items():
        last = int(ms.max(initial=MISSING_TIME))
        if last != MISSING_TIME:
            first = int(ms.min())
            if first == MISSING_TIME:  # which is the least of all numbers
                first = int(ms[ms != MISSING_TIME].min())
            found[clock] = first, last
    return found


def _around(extents: list[Extent]) -> Extent:
    return min(first for first, _ in extents), max(last for _, last in extents)


def _finished(found: ComparisonData) -> ComparisonData:
    if found.points is None:
        return found
    return replace(found, points=in_arrival_order(found.points))
