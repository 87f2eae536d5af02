"""How often each value occurs: exact quantiles of whole numbers, of parts that can be merged.

Times are whole milliseconds, so what is counted has far fewer values than events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.analysis import kernels
from lib.core.blockwise import Pool, added
from lib.core.jit import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lib.analysis.kernels import Floats, Ints
    from lib.core.blockwise import Steps


PARTS_OF_MS: Final = 16
"""What lies between whole milliseconds is counted in sixteenths: where a clock's drift is in it."""


@dataclass(frozen=True, eq=False)
class Tally:
    """The values that occur, rising, and how often each does; int64."""

    value: Ints
    count: Ints

    @classmethod
    def of(cls, values: Ints) -> Tally:
        """Return the tally of values in any order."""
        return cls(*kernels.tally(values))

    @classmethod
    def of_ms(cls, values: Floats) -> Tally:
        """Return the tally of floating milliseconds, counted in `PARTS_OF_MS`."""
        return cls.of(_in_parts(values))

    def __add__(self, other: Tally) -> Tally:
        """Return the tally of both."""
        if not len(self.value):
            return other
        both = np.concatenate((self.value, other.value))
        order = np.argsort(both, kind="stable")
        both, times = both[order], np.concatenate((self.count, other.count))[order]
        first = np.flatnonzero(np.diff(both, prepend=both[:1] - 1))
        return Tally(both[first], np.add.reduceat(times, first))

    @property
    def n(self) -> int:
        """Number of values counted."""
        return int(self.count.sum())

    def at(self, ranks: Ints) -> Ints:
        """Return the values at some places of the sorted values, from 0."""
        found: Ints = self.value[np.searchsorted(np.cumsum(self.count), ranks, side="right")]
        return found

    def quantiles(self, shares: Sequence[float]) -> Ints:
        """Return the result of `kernels.quantiles_within` for one group of at least one value."""
        return self.at(kernels.ranks(np.array([self.n]), shares)[0])

    @property
    def median(self) -> float:
        """The median of at least one value; half way between the middle two of an even number."""
        middle = np.array([(self.n - 1) // 2, self.n // 2])
        return float(self.at(middle).mean())

    @property
    def sizes(self) -> Tally:
        """The tally of the values without their signs."""
        negative = self.value < 0
        positive = Tally(self.value[~negative], self.count[~negative])
        return positive + Tally(-self.value[negative][::-1], self.count[negative][::-1])

    def below(self, value: int) -> int:
        """Return how many values are below one."""
        return int(self.count[self.value < value].sum())


@compiled
def _in_parts(values: Floats) -> Ints:
    parts = np.empty(len(values), np.int64)
    for at in range(len(values)):
        parts[at] = np.int64(np.rint(values[at] * PARTS_OF_MS))
    return parts


_WIDTHS: Final = (3_600_000, 1_000, 1)  # an hour, a second, a millisecond


def find_median(values: Ints) -> Steps[float]:
    """Find the median of at least one value, as `np.median` does; 0 without any.

    Counted by hours first, then by seconds in the hours of the middle two, then by milliseconds:
    what is pooled is small, however many values there are.
    """
    below, first, last = 0, 0, 0
    middle, near = np.empty(0, np.int64), values
    for width in _WIDTHS:
        tally = yield Pool(Tally.of(near // width), added)
        if not tally.n:
            return 0.0
        if not len(middle):
            middle = np.array([(tally.n - 1) // 2, tally.n // 2])
        first, last = map(int, tally.at(middle - below))
        below += tally.below(first)
        bins = near // width
        near = near[(bins == first) | (bins == last)]
    return (first + last) / 2


NO_VALUES: Final = Tally(np.empty(0, np.int64), np.empty(0, np.int64))


_BINS: Final = 1 << 13  # of either sign; more than `kernels.bins` has for any number
_LARGEST: Final = 1 << 50  # in ms, 35,000 years: no two times are as far apart


def find_quantiles(
    codes: NDArray[np.int32], groups: int, values: Ints, shares: Sequence[float]
) -> Steps[tuple[Ints, Ints]]:
    """Find the sizes of groups, and quantiles in each, as `kernels.quantiles_within` does.

    Counted in bins first, 1.6 % wide, then by value in the bins that hold a quantile: what is
    pooled is small, however many values there are. Of a group without values, quantiles are 0.

    Parameters
    ----------
    codes
        The group of each value, from 0 to before `groups`.
    """
    cells = codes.astype(np.int64) * _BINS + kernels.bins(values) + _BINS // 2
    binned: Tally = yield Pool(Tally.of(cells), added)
    sizes = np.bincount(binned.value // _BINS, binned.count, groups).astype(np.int64)
    places = (np.cumsum(sizes) - sizes)[:, np.newaxis] + kernels.ranks(sizes, shares)
    places = places[sizes > 0]
    ends = np.cumsum(binned.count)
    at = np.searchsorted(ends, places, side="right")
    bins = binned.value % _BINS - _BINS // 2
    some = np.unique(at[np.abs(bins[at]) >= kernels.ALONE])
    number = np.zeros(groups * _BINS, np.int64)
    number[binned.value[some]] = np.arange(1, len(some) + 1)
    of_some = number[cells]
    looked = of_some > 0
    inside: Tally = yield Pool(Tally.of(of_some[looked] * _LARGEST + values[looked]), added)
    found = bins[at]
    is_of_some = np.isin(at, some)
    before = (np.cumsum(binned.count[some]) - binned.count[some])[
        np.searchsorted(some, at[is_of_some])
    ]
    rank = before + (places - ends[at] + binned.count[at])[is_of_some]
    found[is_of_some] = (inside.at(rank) + _LARGEST // 2) % _LARGEST - _LARGEST // 2
    quantiles = np.zeros((groups, len(shares)), np.int64)
    quantiles[sizes > 0] = found
    return sizes, quantiles
