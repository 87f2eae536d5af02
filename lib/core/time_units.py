"""Event times: how topics write them, and epoch milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

Unit = Literal["s", "ms", "us", "ns", "iso"]
"""How event times are written: a number of s, ms, µs or ns since 1970, or ISO 8601 text."""

UNITS: Final[tuple[Unit, ...]] = get_args(Unit)

FAR_MS: Final = 20 * 365 * 86_400_000
"""An event time farther than 20 years from the topic's median is no time of this topic.

Where a few clients write seconds and the rest milliseconds, reading one as the other is half a
century off; the clock of a device that restarted at 1970 is too.
"""

READABLE: Final = 0
MISSING: Final = 1
NOT_A_TIME: Final = 2
FAR_OUTSIDE: Final = 3

_MICROS: Final = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}
_LARGEST: Final = 9.0e18
_INTEGER: Final = r"^[+-]?[0-8]?\d{1,18}$"  # all of these fit int64
_NUMBER: Final = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$"
_ISO: Final = r"^\d{4}-\d\d-\d\d|^\d{8}T\d\d"
_PIECE: Final = 1 << 16


@dataclass(frozen=True)
class Times:
    """A column of event times.

    Attributes
    ----------
    ms
        int64, epoch ms: the millisecond in which it happened. 0 where there is none.
    problem
        uint8: `READABLE`, `MISSING`, `NOT_A_TIME` or `FAR_OUTSIDE`.
    """

    ms: NDArray[np.int64]
    problem: NDArray[np.uint8]


def event_times(column: pa.ChunkedArray | pa.Array, unit: Unit, around: int | None = None) -> Times:
    """Read a column of event times written in one unit; nothing is guessed row by row.

    Parameters
    ----------
    column
        Numbers, numbers as text, or ISO 8601 text, without an offset taken as UTC.
    unit
        How they are written. What is written otherwise is no time.
    around
        Epoch ms that times may be at most 20 years from; None: the median of the column.
    """
    column = _plain(column)
    values = pc.drop_null(column)
    if unit == "iso":
        ms, ok = _from_iso(values) if pa.types.is_string(values.type) else _none(values)
    elif pa.types.is_string(values.type):
        ms, ok = _from_text(values, unit)
    elif pa.types.is_integer(values.type):
        ms, ok = _from_integers(values.to_numpy(), unit)
    elif pa.types.is_floating(values.type):
        ms, ok = _from_floats(values.to_numpy(), unit)
    else:
        ms, ok = _none(values)
    problem = np.where(ok, READABLE, NOT_A_TIME).astype(np.uint8)
    _mark_far(ms, problem, around)
    return _spread(column, Times(ms, problem))


def recognise_unit(column: pa.ChunkedArray | pa.Array) -> Unit | None:
    """Return how the times in a column are written, by form and size; None if they are no times.

    Numbers below 10^11 are seconds (until the year 5138), below 10^14 milliseconds, below 10^17
    microseconds, else nanoseconds; small integers, which no epoch shows, are milliseconds.
    """
    values = pc.drop_null(_plain(column))
    whole = not pa.types.is_floating(values.type)
    if pa.types.is_string(values.type):
        iso = pc.match_substring_regex(pc.utf8_trim_whitespace(values), _ISO)
        if len(values) and pc.sum(iso).as_py() * 2 >= len(values):
            return "iso"
        numbers, ok = _numbers(values)
        if ok.sum() * 2 < len(values):
            return None
        sizes = np.abs(numbers[ok])
        whole = bool(pc.all(pc.match_substring_regex(values, _INTEGER)).as_py())
    elif pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        sizes = np.abs(values.to_numpy().astype(np.float64))
        sizes = sizes[np.isfinite(sizes)]
    else:
        return None
    return _unit_of_size(float(np.median(sizes)), whole=whole) if len(sizes) else None


def _unit_of_size(size: float, *, whole: bool) -> Unit:
    if size < 1e8:
        return "ms" if whole else "s"
    return "s" if size < 1e11 else "ms" if size < 1e14 else "us" if size < 1e17 else "ns"


def _plain(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return `column` in one piece, dictionaries and large strings as strings."""
    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries().combine_chunks()
    if pa.types.is_dictionary(column.type) or pa.types.is_large_string(column.type):
        return column.cast(pa.string())
    return column


def _none(values: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    return np.zeros(len(values), np.int64), np.zeros(len(values), bool)


def _from_integers(
    values: NDArray[np.int64], unit: Unit
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    if unit == "s":
        ok = np.abs(values.astype(np.float64)) < _LARGEST / 1000
        return np.where(ok, values, 0) * 1000, ok
    return values // {"ms": 1, "us": 1000}.get(unit, 1_000_000), np.ones(len(values), bool)


def _from_floats(
    values: NDArray[np.float64], unit: Unit
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Round to µs, which undoes the binary fraction, then down to the ms it happened in."""
    with np.errstate(over="ignore"):  # what overflows is no time
        micros = values * _MICROS[unit]
    ok = np.isfinite(micros) & (np.abs(micros) < _LARGEST)
    return np.round(np.where(ok, micros, 0)).astype(np.int64) // 1000, ok


def _numbers(values: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    text = pc.utf8_trim_whitespace(values)
    ok = pc.match_substring_regex(text, _NUMBER)
    numbers = pc.if_else(ok, text, "0").cast(pa.float64())
    return numbers.to_numpy(), ok.to_numpy(zero_copy_only=False)


def _from_text(values: pa.Array, unit: Unit) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Read numbers as text; whole ones as integers, so that no digit is lost."""
    text = pc.utf8_trim_whitespace(values)
    whole = pc.match_substring_regex(text, _INTEGER)
    digits = pc.if_else(whole, pc.utf8_ltrim(text, "+"), "0")
    ms, ok = _from_integers(digits.cast(pa.int64()).to_numpy(), unit)
    is_whole = whole.to_numpy(zero_copy_only=False)
    if is_whole.all():
        return ms, ok
    numbers, are_numbers = _numbers(values)
    other_ms, other_ok = _from_floats(numbers, unit)
    return np.where(is_whole, ms, other_ms), np.where(is_whole, ok, are_numbers & other_ok)


def _from_iso(values: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    for kind in (pa.timestamp("us", "UTC"), pa.timestamp("us")):
        try:
            micros = values.cast(kind).cast(pa.int64()).to_numpy()
        except pa.ArrowInvalid:  # offsets missing or not wanted, more digits, or no times at all
            continue
        return micros // 1000, np.ones(len(values), bool)
    text = pc.utf8_trim_whitespace(values)
    text = pc.if_else(pc.match_substring_regex(text, _ISO), text, pa.scalar(None, pa.string()))
    pieces = [_from_any_iso(text[i : i + _PIECE]) for i in range(0, len(text), _PIECE)]
    ms, ok = zip(*pieces, strict=True) if pieces else ((), ())
    return np.concatenate([np.empty(0, np.int64), *ms]), np.concatenate([np.empty(0, bool), *ok])


def _from_any_iso(text: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    times = pd.to_datetime(text.to_pandas(), format="ISO8601", utc=True, errors="coerce")
    ok = times.notna().to_numpy()
    micros = times.dt.as_unit("us").astype("int64").to_numpy()
    return np.where(ok, micros, 0) // 1000, ok


def _mark_far(ms: NDArray[np.int64], problem: NDArray[np.uint8], around: int | None) -> None:
    readable = problem == READABLE
    if not readable.any():
        return
    if around is None:
        times = ms if readable.all() else ms[readable]
        if int(times.max()) - int(times.min()) <= FAR_MS:
            return  # then none is farther than that from the median
        around = int(np.median(times))
    far = np.abs(ms.astype(np.float64) - around) > FAR_MS
    problem[readable & far] = FAR_OUTSIDE


def _spread(column: pa.Array, times: Times) -> Times:
    """Put the times of the values that are there back into the column's rows."""
    if not column.null_count:
        return times
    present = column.is_valid().to_numpy(zero_copy_only=False)
    ms = np.zeros(len(column), np.int64)
    problem = np.full(len(column), MISSING, np.uint8)
    ms[present], problem[present] = times.ms, times.problem
    return Times(ms, problem)
