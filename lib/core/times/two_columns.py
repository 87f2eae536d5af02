"""Times that are written in two columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.times.numbers import INTEGER
from lib.core.times.values import is_present, matches, one_piece

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PER_SECOND: Final = 1_000_000_000
_RANGE: Final = np.iinfo(np.int64)


def seconds_and_fraction(
    seconds: pa.ChunkedArray | pa.Array,
    fraction: pa.ChunkedArray | pa.Array,
    per_second: int = _PER_SECOND,
) -> pa.Array:
    """Return two columns, of Protobuf's `Timestamp` or C's `timeval`, as one of form "ns".

    Null where there are no seconds. Protobuf leaves nanos out if they are 0: so the fraction is 0
    where there is none. Seconds that int64 nanoseconds do not hold become its largest or smallest.

    Parameters
    ----------
    seconds
        Seconds since 1970.
    fraction
        What is to be added, `per_second` of which are a second: nano-, micro- or milliseconds.
    """
    whole, present = whole_numbers(seconds)
    part, _ = whole_numbers(fraction)
    inside = np.abs(whole.astype(np.float64)) < _RANGE.max // _PER_SECOND - 1
    ns = np.where(inside, whole, 0) * _PER_SECOND
    ns += np.clip(part, 0, per_second - 1) * (_PER_SECOND // per_second)
    ns = np.where(inside, ns, np.where(whole > 0, _RANGE.max, _RANGE.min))
    return pa.array(ns, mask=~present)


def date_and_time(date: pa.ChunkedArray | pa.Array, time: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return a column of dates and one of times of day as text; null where either is missing."""
    day, clock = (one_piece(column).cast(pa.string()) for column in (date, time))
    if pa.types.is_integer(time.type):
        clock = pc.utf8_lpad(clock, 6, "0")  # 30410 is 03:04:10
    return pc.binary_join_element_wise(day, clock, " ")


def whole_numbers(
    column: pa.ChunkedArray | pa.Array,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return a column as whole numbers, 0 where it has none, and where it has any."""
    column = one_piece(column)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.less(pc.abs(column), 9e18), pc.floor(column), None).cast(pa.int64())
    elif not pa.types.is_integer(column.type):
        text = pc.fill_null(column.cast(pa.string()), "")
        found = pa.array(matches(text, INTEGER))
        column = pc.if_else(found, pc.utf8_ltrim(text, "+"), None).cast(pa.int64())
    return pc.fill_null(column, 0).to_numpy(), is_present(column)
