"""Sorting and ranking inside groups of events.

Groups are the values of a column: clients, sessions, partitions. A counting sort, linear in the
number of events, brings the events of each group together; loops then go group by group, so that
their working set fits a processor's cache however large the topic is. All loops are compiled.
Positions and codes are int32: half the memory of int64, and enough for 2,147,483,647 events.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib.core.jit import compiled, inlined

if TYPE_CHECKING:
    from collections.abc import Sequence

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Value = TypeVar("Value", bound=np.generic)

_INT64_MAX: Final = np.iinfo(np.int64).max
_CACHED: Final = 1 << 15  # values sorted at once: 256 kB, half of a small second-level cache
_COUNTABLE: Final = 4  # values are counted, not sorted, in a range up to so many times their number


def ints(column: pd.Series[int]) -> Ints:
    """Return a column's values as int64, read-only.

    Always read-only, so that each loop is compiled for one type of array.
    """
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
        """Where each group begins when groups stand one after another, and the end of the last."""
        return np.concatenate((first_of_each(self.sizes), [len(self.codes)]))

    @cached_property
    def places(self) -> Codes | None:
        """Position of each event when groups stand one after another, arrival order kept in each.

        None where events stand so already.
        """
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
        if span <= _COUNTABLE * len(values):
            codes, used = _renumber(values.to_numpy(), low, span)
            return Groups(codes, pd.Index(used.astype(values.dtype)))
    found, labels = pd.factorize(values, sort=True)
    return Groups(found.astype(np.int32), pd.Index(labels))


def _renumber(values: npt.NDArray[Any], low: int, span: int) -> tuple[Codes, Ints]:
    """Return the code of each value, and the values that occur, of `span` from `low` on."""
    wide = np.promote_types(values.dtype, np.int32)
    above = np.subtract(values, low, dtype=wide).astype(np.int32, copy=False)
    used = np.zeros(span, np.bool_)
    _mark(above, used)
    numbers = np.cumsum(used, dtype=np.int32) - np.int32(1)
    return (above if used.all() else taken(numbers, above)), np.flatnonzero(used) + low


def whole_topic(events: pd.DataFrame) -> Groups:
    """Return one group of all events."""
    return Groups(np.zeros(len(events), np.int32), pd.Index(["topic"][: len(events)]))


def counts(codes: Codes, n: int) -> Ints:
    """Return how often each code from 0 to `n` − 1 occurs."""
    if n == 1:  # a loop would wait for the one count that it has just written
        return np.array([len(codes)])
    found = np.zeros(n, np.int64)
    _count(codes, found)
    return found


def first_of_each(sizes: Ints) -> Ints:
    """Return where each group begins when groups of these sizes stand one after another."""
    return np.cumsum(sizes) - sizes


def together(groups: Groups, values: npt.NDArray[Value]) -> npt.NDArray[Value]:
    """Return the values of events group after group, the order inside each kept."""
    if groups.places is None:
        return values
    found = np.empty(len(values), values.dtype)
    _put(_words(values), groups.places, _words(found))
    return found


def apart(groups: Groups, values: npt.NDArray[Value]) -> npt.NDArray[Value]:
    """Return values that stand group after group in the order of the events: undo `together`."""
    return values if groups.places is None else taken(values, groups.places)


def taken(values: npt.NDArray[Value], at: Codes) -> npt.NDArray[Value]:
    """Return the values at int32 positions, which NumPy would first convert to int64."""
    found = np.empty(len(at), values.dtype)
    _take(_words(values), at, _words(found))
    return found


def _words(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the values' bits as integers: one compiled loop moves all types of a size."""
    return values.view({4: np.int32, 8: np.int64}[values.itemsize])


def sort_within(bounds: Ints, values: Ints) -> tuple[Ints, Codes | None]:
    """Return values that stand group after group, rising inside each group; ties keep their order.

    Cheapest where they nearly rise already, as times and sequence numbers do in arrival order.

    Parameters
    ----------
    bounds
        `Groups.bounds` of the groups that the values stand in, one after another.

    Returns
    -------
    tuple
        The sorted values, and the position of each before sorting; None where nothing moved.
    """
    if _rises_within(bounds, values):
        return values, None
    low, span = _range(values)
    if _fits(bounds, span):
        order = np.argsort(_numbered(bounds, values, low, span), kind="stable")
    else:
        groups = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
        order = np.lexsort((values, groups))
    before = order.astype(np.int32)
    return taken(values, before), before


def _fits(bounds: Ints, span: int) -> bool:
    """Return whether `_numbered` stays inside int64."""
    return span <= _INT64_MAX // max(len(bounds) - 1, 1)


def _numbered(bounds: Ints, values: Ints, low: int, span: int) -> Ints:
    """Return one number for each value that orders by group, then by value."""
    keys = np.empty_like(values)
    _number(bounds, values, low, span, keys)
    return keys


def _range(values: Ints) -> tuple[int, int]:
    """Return the smallest value, and the number of whole numbers from it to the largest."""
    if not len(values):
        return 0, 1
    low = int(values.min())
    return low, int(values.max()) - low + 1


def steps_within(bounds: Ints, values: Ints, first: int) -> Ints:
    """Return the difference of each value from the next smaller one in its group.

    Parameters
    ----------
    bounds
        `Groups.bounds` of the groups that the values stand in, one after another.
    values
        In any order inside a group; a repeated value has the difference 0.
    first
        The result for a group's smallest value.
    """
    return steps_between(bounds, *sort_within(bounds, values), first)


def steps_between(bounds: Ints, rising: Ints, before: Codes | None, first: int) -> Ints:
    """Return the result of `steps_within` from that of `sort_within`."""
    steps = np.empty_like(rising)
    if before is None:
        _step(bounds, rising, first, steps)
    else:
        _put_steps(bounds, rising, before, first, steps)
    return steps


def first_within(groups: Groups) -> Codes:
    """Return the position of each group's first event."""
    found = np.empty(groups.n, np.int32)
    _find_first(groups.codes, found)
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
    if groups.n == 1:  # a loop would wait for the one value that it has just written
        return values.min(initial=low[0], keepdims=True), values.max(initial=high[0], keepdims=True)
    _bound(groups.codes, values, low, high)
    return low, high


def medians_within(groups: Groups, values: Floats) -> Floats:
    """Return the lower median of each group's values; 0 for a group without any."""
    found = np.zeros(groups.n)
    spare = np.empty((2, groups.sizes.max(initial=0)))
    _find_medians(groups.bounds, together(groups, values), spare[0], spare[1], found)
    return found


def quantiles_within(groups: Groups, values: Ints, shares: Sequence[float]) -> Ints:
    """Return, for each group and share, the smallest value that at least that share do not exceed.

    This is the inverse of the empirical distribution (Hyndman and Fan 1996, type 1): always one
    of the values, never one between two. Shape (groups, shares).
    """
    places = groups.bounds[:-1, np.newaxis] + ranks(groups.sizes, shares)
    low, span = _range(values)
    found: Ints
    if span * groups.n > _COUNTABLE * len(values):
        return _values_at(groups, together(groups, values), places)
    up_to = np.zeros(groups.n * span, np.int32)
    _tally(groups.codes, values, low, span, up_to)
    np.cumsum(up_to, out=up_to)
    found = np.searchsorted(up_to, places.astype(np.int32), side="right") % span + low
    return found


def ranks(sizes: Ints, shares: Sequence[float]) -> Ints:
    """Return the places, from 0, of quantiles in groups of some sizes; one row a group."""
    # Rounded, because 0.07 * 100 is a little more than 7.
    rank = np.ceil(np.round(sizes[:, np.newaxis] * np.asarray(shares), 6)).astype(np.int64)
    places: Ints = np.maximum(rank - 1, 0)
    return places


def _values_at(groups: Groups, values: Ints, places: Ints) -> Ints:
    """Return the values at some places once each group is sorted; one row of places a group."""
    found: Ints
    low, span = _range(values)
    if not _fits(groups.bounds, span):
        found = sort_within(groups.bounds, values)[0][places]
        return found
    keys = _numbered(groups.bounds, values, low, span)
    keys.sort()
    found = keys[places] - (np.arange(groups.n) * span - low)[:, np.newaxis]
    return found


def tally(values: Ints) -> tuple[Ints, Ints]:
    """Return the values that occur, rising, and how often each does."""
    low, span = _range(values)
    if span > _COUNTABLE * len(values):
        return np.unique(values, return_counts=True)
    times = np.zeros(span, np.int32)
    _count_above(values, low, times)
    found = np.flatnonzero(times)
    return found + low, times[found].astype(np.int64)


ALONE: Final = 128
"""Whole numbers whose size is less have a bin each."""


@compiled
def bins(values: Ints) -> Ints:
    """Return the bin of each value: rising with it, 1.6 % wide, of small values that value."""
    found = np.empty(len(values), np.int64)
    for event in range(len(values)):
        size = abs(values[event])
        doubled = max(math.frexp(size)[1] - 7, 0)  # how often a number of 7 digits is
        size = (size >> doubled) + doubled * (ALONE // 2)
        found[event] = size if values[event] >= 0 else -size
    return found


def count_up_to(values: npt.NDArray[Any], limits: npt.NDArray[Any]) -> Ints:
    """Return how many of the values do not exceed each of a few limits."""
    found = np.zeros(len(limits), np.int64)
    for first in range(0, len(values), _CACHED):  # sorting all at once would leave the caches
        found += np.searchsorted(np.sort(values[first : first + _CACHED]), limits, side="right")
    return found


def behind_running_max(
    codes: npt.NDArray[np.integer[Any]], values: Ints, before: Ints | None = None
) -> Ints:
    """Return how far each value is below the largest so far in its group; 0 for a new largest.

    Order inside a group is that of the array; `before` is the largest of each group before it.
    """
    behind = np.empty_like(values)
    groups = int(codes.max(initial=-1)) + 1
    largest = np.full(groups, ~_INT64_MAX) if before is None else before[:groups].copy()
    _fall_behind(codes.astype(np.int32, copy=False), values, largest, behind)
    return behind


@compiled
def _count(codes: Codes, found: Ints) -> None:
    for code in codes:
        found[code] += 1


@compiled
def _mark(codes: Codes, used: npt.NDArray[np.bool_]) -> None:
    for code in codes:
        used[code] = True


@compiled
def _count_above(values: Ints, low: int, found: Codes) -> None:
    for event in range(len(values)):
        found[values[event] - low] += 1


@compiled
def _find_first(codes: Codes, found: Codes) -> None:
    for event in range(len(codes) - 1, -1, -1):
        found[codes[event]] = event


@compiled
def _tally(codes: Codes, values: Ints, low: int, span: int, found: Codes) -> None:
    """Count how often each of the `span` values from `low` on occurs in each group."""
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
    """Give each event the next place of its group; `free` is the next one of each group."""
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
def _number(bounds: Ints, values: Ints, low: int, span: int, keys: Ints) -> None:
    for group in range(len(bounds) - 1):
        for at in range(bounds[group], bounds[group + 1]):
            keys[at] = group * span + (values[at] - low)


@compiled
def _step(bounds: Ints, rising: Ints, first: int, steps: Ints) -> None:
    for group in range(len(bounds) - 1):
        for at in range(bounds[group], bounds[group + 1]):
            steps[at] = first if at == bounds[group] else rising[at] - rising[at - 1]


@compiled
def _put_steps(bounds: Ints, rising: Ints, before: Codes, first: int, steps: Ints) -> None:
    for group in range(len(bounds) - 1):
        for at in range(bounds[group], bounds[group + 1]):
            step = first if at == bounds[group] else rising[at] - rising[at - 1]
            steps[before[at]] = step


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
    """Return the value of a rank, counted from 0; both arrays are overwritten.

    Hoare, "Algorithm 65: find", Communications of the ACM 4 (1961). Each value is copied, and the
    index moved on or not, so that there is no branch for the processor to mispredict.
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
