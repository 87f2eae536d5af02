"""Random numbers and segmented arithmetic, shared by the simulator's parts."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.simulate.scenario import Scenario


def generator(scenario: Scenario, purpose: str) -> np.random.Generator:
    """Return the random numbers for one purpose.

    Each purpose has a stream of its own: other losses, or another network, leave the sessions
    as they were.
    """
    return np.random.default_rng([scenario.seed, zlib.crc32(purpose.encode())])


def log_uniform(
    rng: np.random.Generator, bounds: tuple[float, float], size: int
) -> NDArray[np.float64]:
    """Return `size` numbers whose logarithms are uniform between those of `bounds`."""
    low, high = np.log(bounds)
    return np.exp(rng.uniform(low, high, size))


def segmented_cumsum(values: NDArray[np.float64], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the running sum inside each segment, from 0 at the segment's first element.

    `sizes` are the lengths of the segments, which lie one after the other in `values`.
    """
    total: NDArray[np.float64] = np.cumsum(values)
    before: NDArray[np.float64] = np.repeat(total[np.cumsum(sizes) - sizes], sizes)
    return total - before


def segmented_cummax(
    values: NDArray[np.float64], segment: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the running maximum inside each segment; `segment` names each value's."""
    return np.asarray(pd.Series(values).groupby(segment).cummax(), dtype=np.float64)
