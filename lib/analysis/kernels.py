"""Sorting and ranking inside groups of events.

Groups are the categories of a column: clients, sessions, partitions. Events of a group are brought
together by a counting sort, linear in the number of events, and then worked on group by group, so
that what is at work fits a processor's cache however large the topic is. All loops are compiled.
Positions and codes are int32: half the memory to move, and enough for two thousand million events.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib.core.jit import compiled, inlined

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Value = TypeVar("Value", bound=np.generic)

_INT64_MAX: Final = np.iinfo(np.int64).max
_RUN: Final = 32  # values that are sorted by insertion before runs are merged
_CACHED: Final = 1 << 15  # values sorted at once: half of a small second-level cache
_SPARSE: Final = 4  # times as many possible values as there are events are still counted


def ints(column: pd.Series[int]) -> Ints:
    """Return the column's values as int64, read-only: compiled loops are made for either kind."""
    values: Ints = np.asarray(column.array, dtype=np.int64).view()
    values.flags.writeable = False
    return values


@dataclass(frozen=True)
class Groups:
    """Which group each event is in.

    Attributes
    ----------
    codes
        The group of each event: int32 from 0 to `n` − 1, every one of them in use.
    labels
        The name of each group, in category order; a `Categorical` with all the categories of
        the column, so that a chart gives a client the same colour in every table.
    """

    codes: Codes
    labels: pd.Categorical[Any] | pd.Index[Any]

    @property
    def n(self) -> int:
        """Number of groups."""
        return len(self.labels)

    @cached_property
    def sizes(self) -> Ints:
        """Number of events of each group."""
        return counts(self.codes, self.n)

    @cached_property
    def bounds(self) -> Ints:
        """Where each group begins once groups stand one after another; and the end."""
        return np.concatenate((first_of_each(self.sizes), [len(self.codes)]))

    @cached_property
    def places(self) -> Codes | None:
        """Where each event stands then, the order inside each group kept; None: where it is."""
        if _rises(self.codes):
            return None
        places = np.empty(len(self.codes), np.int32)
        _number_places(self.codes, self.bounds.copy(), places)
        return places


def group_by(events: pd.DataFrame, column: str) -> Groups:
    """Return the groups that a column splits events into; groups without events are left out.

    Events whose value is missing are a group of their own, before all others.
    """
    values = events[column]
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes, used = _renumber(values.cat.codes.to_numpy(), -1, len(values.cat.categories) + 1)
        return Groups(codes, pd.Categorical.from_codes(used, dtype=values.dtype))
    if isinstance(values.dtype, np.dtype) and values.dtype.kind == "i":
        low, span = _range(values.to_numpy())
        if span <= _SPARSE * len(values):
            codes, used = _renumber(values.to_numpy(), low, span)
            return Groups(codes, pd.Index(used.astype(values.dtype)))
    found, labels = pd.factorize(values, sort=True)
    return Groups(found.astype(np.int32), pd.Index(labels))


def _renumber(values: npt.NDArray[Any], low: int, span: int) -> tuple[Codes, Ints]:
    """Return codes for those of `span` values from `low` on that occur, and which those are."""
    wide = np.promote_types(values.dtype, np.int32)
    above = np.subtract(values, low, dtype=wide).astype(np.int32, copy=False)
    used = counts(above, span) > 0
    numbers = np.cumsum(used, dtype=np.int32) - np.int32(1)
    return (above if used.all() else taken(numbers, above)), np.flatnonzero(used) + low


def everything(events: pd.DataFrame) -> Groups:
    """Return one group that has every event."""
    return Groups(np.zeros(len(events), np.int32), pd.Index(["topic"][: len(events)]))


def counts(codes: Codes, n: int) -> Ints:
    """Return how often each code from 0 to `n` − 1 occurs."""
    found = np.zeros(n, np.int64)
    _count(codes, found)
    return found


def first_of_each(sizes: Ints) -> Ints:
    """Return where each group begins when groups of these sizes stand one after another."""
    return np.cumsum(sizes) - sizes


def together(groups: Groups, values: npt.NDArray[Value]) -> npt.NDArray[Value]:
    """Return the values group after group, the order inside each kept."""
    if groups.places is None:
        return values
    found = np.empty(len(values), values.dtype)
    _put(_words(values), groups.places, _words(found))
    return found


def apart(groups: Groups, values: npt.NDArray[Value]) -> npt.NDArray[Value]:
    """Return the values that stand group after group where their events are: undo `together`."""
    return values if groups.places is None else taken(values, groups.places)


def taken(values: npt.NDArray[Value], at: Codes) -> npt.NDArray[Value]:
    """Return the values at positions; NumPy would first make 64-bit integers of those."""
    found = np.empty(len(at), values.dtype)
    _take(_words(values), at, _words(found))
    return found


def _words(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the values' bits as integers, for one compiled loop to move all of a size."""
    return values.view({4: np.int32, 8: np.int64}[values.itemsize])


def sort_runs(bounds: Ints, values: Ints) -> tuple[Ints, Codes | None]:
    """Return values that stand group after group as they rise inside each, ties as they stand.

    Cheapest where they nearly rise already, as times and sequence numbers do in arrival order.

    Returns
    -------
    tuple
        The values, and where each stood before; None where they rise, and nothing moved.
    """
    if _rises_within(bounds, values):
        return values, None
    values, stood = values.copy(), np.arange(len(values), dtype=np.int32)
    largest = int(np.diff(bounds).max())
    _sort_each(bounds, values, stood, np.empty(largest, np.int64), np.empty(largest, np.int32))
    return values, stood


def stable_order(codes: npt.NDArray[np.integer[Any]]) -> Codes:
    """Return the order that brings groups together and keeps the order inside each."""
    groups = _numbered(codes)
    return together(groups, np.arange(len(codes), dtype=np.int32))


def order_by(codes: npt.NDArray[np.integer[Any]], values: Ints) -> Codes:
    """Return the order by group, inside a group by value, ties as they stand."""
    groups = _numbered(codes)
    order = together(groups, np.arange(len(codes), dtype=np.int32))
    _, stood = sort_runs(groups.bounds, together(groups, values))
    return order if stood is None else taken(order, stood)


def _numbered(codes: npt.NDArray[np.integer[Any]]) -> Groups:
    """Return groups that may be empty."""
    return Groups(codes.astype(np.int32, copy=False), pd.RangeIndex(int(codes.max(initial=-1)) + 1))


def sort_within(groups: Groups, values: Ints) -> Ints:
    """Return the values, group after group, rising inside each group, in any order before."""
    found = together(groups, values)
    low, span = _range(values)
    if span > _INT64_MAX // max(groups.n, 1):
        return sort_runs(groups.bounds, found)[0]
    found = found - low
    for first, last in _pieces(groups.bounds):
        piece = found[groups.bounds[first] : groups.bounds[last]]
        # One number an event orders by group, then value: NumPy sorts integers very fast.
        above = np.repeat(np.arange(last - first) * span, groups.sizes[first:last])
        piece += above
        piece.sort()
        piece -= above
    found += low
    return found


def _pieces(bounds: Ints) -> Iterator[tuple[int, int]]:
    """Yield the first group and the one behind the last of pieces that fit the cache."""
    first, groups = 0, len(bounds) - 1
    while first < groups:
        fits = int(np.searchsorted(bounds, bounds[first] + _CACHED, side="right")) - 1
        last = max(fits, first + 1)
        yield first, last
        first = last


def _range(values: Ints) -> tuple[int, int]:
    """Return the smallest value, and how many there can be from it to the largest."""
    if not len(values):
        return 0, 1
    low = int(values.min())
    return low, int(values.max()) - low + 1


def steps_within(bounds: Ints, values: Ints, first: int) -> Ints:
    """Return how far each value is above the one below it in its group.

    Parameters
    ----------
    bounds
        `Groups.bounds` of the groups that the values stand in, one after another.
    values
        Of equal values, each is above the one that stands before it, by 0.
    first
        What a group's smallest value gets.
    """
    rising, stood = sort_runs(bounds, values)
    steps = np.empty_like(values)
    _step(bounds, rising, first, steps)
    if stood is None:
        return steps
    found = rising  # a copy, of no more use
    _put(steps, stood, found)
    return found


def last_within(groups: Groups, values: Codes) -> Codes:
    """Return the value of each group's last event."""
    found = np.empty(groups.n, np.int32)
    _put(values, groups.codes, found)
    return found


def bounds_within(groups: Groups, values: Ints) -> tuple[Ints, Ints]:
    """Return each group's smallest and largest value."""
    low = np.full(groups.n, _INT64_MAX)
    high = np.full(groups.n, ~_INT64_MAX)
    _bound(groups.codes, values, low, high)
    return low, high


def medians_within(groups: Groups, values: Floats) -> Floats:
    """Return each group's lower median, one of its values; 0 for a group without any."""
    found = np.zeros(groups.n)
    spare = np.empty((2, groups.sizes.max(initial=0)))
    _find_medians(groups.bounds, together(groups, values), spare[0], spare[1], found)
    return found


def median(values: Floats) -> float:
    """Return what `np.median` does, in a third of its time; there must be a value."""
    middle = len(values) // 2
    parted = np.partition(values, middle)
    upper = parted[middle]
    return float(upper if len(values) % 2 else (parted[:middle].max() + upper) / 2)


def quantiles_within(groups: Groups, values: Ints, shares: Sequence[float]) -> Ints:
    """Return, for each group and share, the smallest value that at least that share do not exceed.

    This is the inverse of the empirical distribution (Hyndman and Fan 1996, type 1): always one
    of the values, never one between two. Shape (groups, shares).
    """
    sizes = groups.sizes[:, np.newaxis]
    # Rounded, because 0.07 * 100 is a little more than 7.
    rank = np.ceil(np.round(sizes * np.asarray(shares), 6)).astype(np.int64)
    places = groups.bounds[:-1, np.newaxis] + np.maximum(rank - 1, 0)
    low, span = _range(values)
    found: Ints
    if span * groups.n > _SPARSE * len(values):
        found = sort_within(groups, values)[places]
        return found
    up_to = np.zeros(groups.n * span, np.int32)
    _tally(groups.codes, values, low, span, up_to)
    np.cumsum(up_to, out=up_to)
    found = np.searchsorted(up_to, places.astype(np.int32), side="right") % span + low
    return found


def tally(values: Ints) -> tuple[Ints, Ints]:
    """Return the values that occur, rising, and how often each does."""
    low, span = _range(values)
    if span > _SPARSE * len(values):
        return np.unique(values, return_counts=True)
    times = np.zeros(span, np.int32)
    _tally(np.zeros(len(values), np.int32), values, low, span, times)
    found = np.flatnonzero(times)
    return found + low, times[found].astype(np.int64)


def count_up_to(values: npt.NDArray[Any], edges: npt.NDArray[Any]) -> Ints:
    """Return how many of the values are at most each of a few edges."""
    found = np.zeros(len(edges), np.int64)
    for first in range(0, len(values), _CACHED):  # sorting all of them leaves the caches
        found += np.searchsorted(np.sort(values[first : first + _CACHED]), edges, side="right")
    return found


def behind_running_max(codes: npt.NDArray[np.integer[Any]], values: Ints) -> Ints:
    """Return how far each value is below the largest so far in its group; 0 for a new largest.

    Order inside a group is that of the array.
    """
    behind = np.empty_like(values)
    largest = np.full(int(codes.max(initial=-1)) + 1, ~_INT64_MAX)
    _fall_behind(codes.astype(np.int32, copy=False), values, largest, behind)
    return behind


@compiled
def _count(codes: Codes, found: Ints) -> None:
    for code in codes:
        found[code] += 1


@compiled
def _tally(codes: Codes, values: Ints, low: int, span: int, found: Codes) -> None:
    """Count how often each value occurs in each group; `span` are the values there can be."""
    for event in range(len(values)):
        found[codes[event] * span + (values[event] - low)] += 1


@compiled
def _rises(codes: Codes) -> bool:
    latest = 0
    for code in codes:
        if code < latest:
            return False
        latest = code
    return True


@compiled
def _number_places(codes: Codes, free: Ints, places: Codes) -> None:
    """Give each event the next place of its group, of which `free` is the first."""
    for event in range(len(codes)):
        code = codes[event]
        places[event] = free[code]
        free[code] += 1


@compiled
def _put(values: npt.NDArray[Any], places: Codes, found: npt.NDArray[Any]) -> None:
    for event in range(len(values)):
        found[places[event]] = values[event]


@compiled
def _take(values: npt.NDArray[Any], at: Codes, found: npt.NDArray[Any]) -> None:
    for event in range(len(at)):
        found[event] = values[at[event]]


@compiled
def _bound(codes: Codes, values: Ints, low: Ints, high: Ints) -> None:
    for event in range(len(values)):
        code, value = codes[event], values[event]
        low[code] = min(low[code], value)
        high[code] = max(high[code], value)


@compiled
def _fall_behind(codes: Codes, values: Ints, largest: Ints, behind: Ints) -> None:
    for event in range(len(values)):
        code = codes[event]
        largest[code] = max(largest[code], values[event])
        behind[event] = largest[code] - values[event]


@compiled
def _rises_within(bounds: Ints, values: Ints) -> bool:
    for group in range(len(bounds) - 1):
        for at in range(bounds[group] + 1, bounds[group + 1]):
            if values[at] < values[at - 1]:
                return False
    return True


@compiled
def _step(bounds: Ints, rising: Ints, first: int, steps: Ints) -> None:
    for group in range(len(bounds) - 1):
        for at in range(bounds[group], bounds[group + 1]):
            steps[at] = first if at == bounds[group] else rising[at] - rising[at - 1]


@compiled
def _find_medians(
    bounds: Ints, values: Floats, some: Floats, others: Floats, found: Floats
) -> None:
    for group in range(len(found)):
        begin, size = bounds[group], bounds[group + 1] - bounds[group]
        if size > 0:
            some[:size] = values[begin : begin + size]
            found[group] = _select(some, others, size, (size - 1) // 2)


@inlined
def _select(some: Floats, others: Floats, size: int, rank: int) -> float:
    """Return the value of a rank from 0 (Hoare's "find"); both arrays are written over.

    A value is always copied, and counts or not: there is no branch to foretell wrongly.
    """
    while True:
        one, two, three = some[size // 4], some[size // 2], some[3 * size // 4]
        pivot = max(min(one, two), min(max(one, two), three))
        below = above = 0
        for at in range(size):
            others[below] = some[at]
            below += some[at] < pivot
        if rank >= below:
            for at in range(size):
                others[above] = some[at]
                above += some[at] > pivot
            if rank < size - above:
                return float(pivot)
            rank -= size - above
        size = below if above == 0 else above
        some, others = others, some


@compiled
def _sort_each(bounds: Ints, values: Ints, stood: Codes, spare: Ints, spare_stood: Codes) -> None:
    """Sort each group by runs of `_RUN` values that are merged, in place of the values."""
    for group in range(len(bounds) - 1):
        begin, end = bounds[group], bounds[group + 1]
        for first in range(begin, end, _RUN):
            _insert(values, stood, first, min(first + _RUN, end))
        width = _RUN
        while width < end - begin:
            for middle in range(begin + width, end, 2 * width):
                last = min(middle + width, end)
                _merge(values, stood, middle - width, middle, last, spare, spare_stood)
            width *= 2


@inlined
def _insert(values: Ints, stood: Codes, first: int, last: int) -> None:
    """Sort a run by insertion."""
    for next_one in range(first + 1, last):
        value, place, at = values[next_one], stood[next_one], next_one
        while at > first and values[at - 1] > value:
            values[at], stood[at] = values[at - 1], stood[at - 1]
            at -= 1
        values[at], stood[at] = value, place


@inlined
def _merge(
    values: Ints, stood: Codes, first: int, middle: int, last: int, spare: Ints, spare_stood: Codes
) -> None:
    """Merge two runs side by side; of the left one only what is above the right one's first."""
    left = middle
    while left > first and values[left - 1] > values[middle]:
        left -= 1
    waiting = middle - left
    for at in range(waiting):
        spare[at], spare_stood[at] = values[left + at], stood[left + at]
    at = 0
    while at < waiting:
        if middle < last and values[middle] < spare[at]:
            values[left], stood[left] = values[middle], stood[middle]
            middle += 1
        else:
            values[left], stood[left] = spare[at], spare_stood[at]
            at += 1
        left += 1
