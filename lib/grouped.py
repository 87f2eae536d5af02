"""Sorting and ranking inside groups of events, without a Python loop over events or groups.

Groups are the categories of a column: clients, sessions, partitions. Everything is linear, or a
sort of integers, in the number of events.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

Ints = npt.NDArray[np.int64]

_DIGIT: Final = 16  # bits; NumPy sorts 16-bit integers stably in linear time
_INT64_MAX: Final = np.iinfo(np.int64).max


def ints(column: pd.Series[int]) -> Ints:
    """Return the column's values as int64."""
    return np.asarray(column.array, dtype=np.int64)


@dataclass(frozen=True)
class Groups:
    """Which group each event is in.

    Attributes
    ----------
    codes
        The group of each event: int64 from 0 to `n` − 1, every one of them in use.
    labels
        The name of each group, in category order; a `Categorical` with all the categories of
        the column, so that a chart gives a client the same colour in every table.
    """

    codes: Ints
    labels: pd.Categorical[Any] | pd.Index[Any]

    @property
    def n(self) -> int:
        """Number of groups."""
        return len(self.labels)

    @cached_property
    def sizes(self) -> Ints:
        """Number of events of each group."""
        return np.bincount(self.codes, minlength=self.n).astype(np.int64)


def group_by(events: pd.DataFrame, column: str) -> Groups:
    """Return the groups that a column splits events into; groups without events are left out.

    Events whose value is missing are a group of their own, before all others.
    """
    values = events[column]
    if isinstance(values.dtype, pd.CategoricalDtype):
        raw = values.cat.codes.to_numpy() + np.int64(1)  # a missing value has code -1
        counts = np.bincount(raw, minlength=len(values.cat.categories) + 1)
        used = np.flatnonzero(counts)
        renumbered = np.cumsum(counts > 0) - 1
        return Groups(renumbered[raw], pd.Categorical.from_codes(used - 1, dtype=values.dtype))
    codes, labels = pd.factorize(values, sort=True)
    return Groups(codes.astype(np.int64), pd.Index(labels))


def everything(events: pd.DataFrame) -> Groups:
    """Return one group that has every event."""
    return Groups(np.zeros(len(events), np.int64), pd.Index(["topic"][: len(events)]))


def stable_order(codes: Ints) -> Ints:
    """Return the order that brings groups together and keeps the order inside each.

    A least-significant-digit radix sort, linear in the number of events.
    """
    order = np.argsort(codes.astype(np.uint16), kind="stable")
    highest = int(codes.max(initial=0))
    for shift in range(_DIGIT, highest.bit_length(), _DIGIT):
        digit = (codes[order] >> shift).astype(np.uint16)
        order = order[np.argsort(digit, kind="stable")]
    return order


def order_by(codes: Ints, values: Ints) -> Ints:
    """Return the order by group, inside a group by value, ties as they stand.

    Cheapest where values nearly rise inside each group already, as times and running numbers do
    in arrival order.
    """
    order = stable_order(codes)
    keys = _keys(codes[order], values[order])
    if keys is None:
        order = np.argsort(values, kind="stable")
        return order[stable_order(codes[order])]
    if (keys[1:] >= keys[:-1]).all():
        return order
    return order[np.argsort(keys, kind="stable")]


def sort_within(groups: Groups, values: Ints) -> Ints:
    """Return the values, group after group, rising inside each group."""
    keys = _keys(groups.codes, values)
    if keys is None:
        return values.take(order_by(groups.codes, values))
    keys.sort()
    low, span = _range(values)
    keys -= np.repeat(np.arange(groups.n) * span, groups.sizes)
    keys += low
    return keys


def _keys(codes: Ints, values: Ints) -> Ints | None:
    """Return one number an event that orders by group, then value; None if int64 is too small."""
    low, span = _range(values)
    if span > _INT64_MAX // (int(codes.max(initial=0)) + 1):
        return None
    return codes * span + (values - low)


def _range(values: Ints) -> tuple[int, int]:
    """Return the smallest value, and how many there can be from it to the largest."""
    if not len(values):
        return 0, 1
    low = int(values.min())
    return low, int(values.max()) - low + 1


def bounds_within(groups: Groups, values: Ints) -> tuple[Ints, Ints]:
    """Return each group's smallest and largest value."""
    if not groups.n:
        return values, values
    by_group = values[stable_order(groups.codes)]
    begins = first_of_each(groups.sizes)
    return np.minimum.reduceat(by_group, begins), np.maximum.reduceat(by_group, begins)


def first_of_each(sizes: Ints) -> Ints:
    """Return where each group begins when groups of these sizes stand one after another."""
    return np.cumsum(sizes) - sizes


def quantiles_within(groups: Groups, values: Ints, shares: Sequence[float]) -> Ints:
    """Return, for each group and share, the smallest value that at least that share do not exceed.

    This is the inverse of the empirical distribution (Hyndman and Fan 1996, type 1): always one
    of the values, never one between two. Shape (groups, shares).
    """
    sizes = groups.sizes[:, np.newaxis]
    # Rounded, because 0.07 * 100 is a little more than 7.
    rank = np.ceil(np.round(sizes * np.asarray(shares), 6)).astype(np.int64)
    begins = first_of_each(groups.sizes)[:, np.newaxis]
    found: Ints = sort_within(groups, values)[begins + np.maximum(rank - 1, 0)]
    return found


def behind_running_max(codes: Ints, values: Ints) -> Ints:
    """Return how far each value is below the largest so far in its group; 0 for a new largest.

    Order inside a group is that of the array.
    """
    if len(values) == 0:
        return values
    order = stable_order(codes)
    # Each group is raised above all groups before it, so that one running maximum does for all.
    low, span = _range(values)
    raised = values[order] - low + codes[order] * span
    behind = np.empty_like(values)
    behind[order] = np.maximum.accumulate(raised) - raised
    return behind
