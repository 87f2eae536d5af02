"""Which values of a distribution are too large to belong to it, learnt from the values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from lib.analysis import kernels
from lib.core.blockwise import Pool, added

if TYPE_CHECKING:
    from collections.abc import Callable

    from lib.analysis.kernels import Ints
    from lib.core.blockwise import Steps

Floats = npt.NDArray[np.float64]

_STEPS: Final = 4  # thresholds tried in an octave, a doubling of the value
_ERRORS: Final = 2.0  # standard errors by which a piece of the curve is taken flatter than it is
_PIECES: Final = (1, 2, 3)  # lengths of the pieces that are continued, octaves


@dataclass(frozen=True)
class Survival:
    """How many of `n` values are `beyond` each point of a `grid`, which rises by equal factors."""

    grid: Floats
    beyond: Ints
    n: int


def find_survival(values: Floats) -> Steps[Survival]:
    """Find the survival curve of values, on a grid around those above zero; empty without any."""
    lowest = np.min(values, initial=np.inf, where=values > 0)
    smallest, largest, n = yield Pool((lowest, values.max(initial=0), len(values)), _widest)
    if largest <= 0:
        return Survival(np.empty(0), np.empty(0, np.int64), n)
    steps = int(np.ceil(_STEPS * np.log2(largest / smallest)))
    grid = smallest * 2 ** (np.arange(-_STEPS, steps + 1) / _STEPS)
    beyond = yield Pool(len(values) - kernels.count_up_to(values, grid), added)
    return Survival(grid, beyond, n)


def _widest(
    one: tuple[float, float, int], other: tuple[float, float, int]
) -> tuple[float, float, int]:
    return min(one[0], other[0]), max(one[1], other[1]), one[2] + other[2]


def threshold_of(
    curve: Survival, false_share: float, expected_share: Callable[[Floats], Floats] | None = None
) -> float:
    """Return the value beyond which at most `false_share` of the values are to be expected.

    The expectation comes from the values. On log-log axes the survival curve of network delays
    gets steeper or stays straight: uniform, gamma, lognormal, bounded and Pareto delays all do.
    Any piece of the curve, continued straight, therefore bounds what is to be expected further
    out; where far more is found, it has another cause. What is found is taken out, and the rest
    is judged again, until nothing more is found.

    Parameters
    ----------
    curve
        Of values of any unit; none of zero or less is ever beyond.
    false_share
        Share of the values beyond the threshold that may be expected ones, 0 to 1.
    expected_share
        If known otherwise: the share of all values that is to be expected beyond each of some
        values, at least.

    Returns
    -------
    float
        The threshold; infinite where nothing is beyond expectation.
    """
    grid, beyond = curve.grid, curve.beyond
    found = len(grid)
    if not found:
        return np.inf
    known = expected_share(grid) * curve.n if expected_share else np.zeros(len(grid))
    while True:
        taken_out = beyond[found] if found < len(grid) else 0
        expected = np.maximum(continued(np.maximum(beyond - taken_out, 0)), known)
        enough = np.flatnonzero((beyond > 0) & (expected <= false_share * beyond))
        if not len(enough) or enough[0] >= found:
            return float(grid[found]) if found < len(grid) else np.inf
        found = int(enough[0])


def continued(beyond: Ints) -> Floats:
    """Return the smallest count that a piece of the curve, continued straight, gives further out.

    `beyond` is the survival curve: how many values are beyond each point of the grid. Each piece
    is taken flatter than it is, by `_ERRORS` standard errors of its count.
    """
    least = np.full(len(beyond), np.inf)
    place = np.arange(len(beyond))
    for octaves in _PIECES:
        length = octaves * _STEPS
        ahead, behind = beyond[length:], beyond[:-length]
        fall = np.minimum((ahead + _ERRORS * np.sqrt(ahead) + 1) / np.maximum(behind, 1), 1.0)
        distance = place - place[length:, np.newaxis]
        lines = (ahead[:, np.newaxis] + 1) * fall[:, np.newaxis] ** (distance / length)
        lines[distance < 0] = np.inf
        least = np.minimum(least, lines.min(axis=0, initial=np.inf))
    return least
