"""Numbers of less than double precision, as people and other tools write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POWERS: Final = [float(10**digits) for digits in range(23)]
"""Powers of ten that a double holds exactly."""


def as_written(numbers: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return floats of 32 or 16 bits as the doubles of the shortest decimals that they stand for.

    A float of 0.1 is 0.10000000149011612 as a double, which no one wrote and no filter `x = 0.1`
    finds; here it is 0.1. What is whole stays what it is.
    """
    with np.errstate(invalid="ignore"):  # of a NaN that signals
        found = numbers.astype(np.float64)
    open_ones = np.flatnonzero(np.isfinite(found) & (found != np.trunc(found)))
    for power in _POWERS[1:]:
        if not len(open_ones):
            break
        decimal = np.rint(found[open_ones] * power) / power
        fits = decimal.astype(numbers.dtype) == numbers[open_ones]
        found[open_ones[fits]] = decimal[fits]
        open_ones = open_ones[~fits]
    for place in open_ones:  # with more decimals than doubles have powers of ten for
        found[place] = float(str(numbers[place]))
    return found


def one_as_written(number: float) -> float:
    """Return `as_written` of one float of 32 bits."""
    return number if number.is_integer() or np.isnan(number) else float(str(np.float32(number)))
