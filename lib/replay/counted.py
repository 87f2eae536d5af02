"""Whole numbers by how often each occurs: what is pooled of milliseconds is small, and exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Counted:
    """The values that occur, rising, and how often each does; int64."""

    value: NDArray[np.int64]
    times: NDArray[np.int64]

    @classmethod
    def of(cls, values: NDArray[np.int64]) -> Counted:
        """Return those of values in any order."""
        return cls(*np.unique(values, return_counts=True))

    def __add__(self, other: Counted) -> Counted:
        """Return those of both."""
        both = np.concatenate((self.value, other.value))
        value, which = np.unique(both, return_inverse=True)
        times = np.zeros(len(value), dtype=np.int64)
        np.add.at(times, which, np.concatenate((self.times, other.times)))
        return Counted(value, times)

    def __len__(self) -> int:
        return int(self.times.sum())

    def upper(self, share: float) -> int:
        """Return the smallest value that no more than a share of them, 0 to 1, are above.

        0 without any value.
        """
        if not len(self.value):
            return 0
        rank = max(0, len(self) - 1 - int(share * len(self)))
        return int(self.value[np.searchsorted(np.cumsum(self.times), rank, side="right")])
