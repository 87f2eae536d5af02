"""Times as numbers that count from an epoch."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.times.values import UnplacedTimes, matches, values_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.core.times.forms import Form

INTEGER: Final = r"^[+-]?[0-8]?\d{1,18}$"  # all of these fit int64
NUMBER: Final = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$"

_LARGEST: Final = 9.0e18

# GPS has no leap seconds. UTC had one before each of these days; none since (IERS Bulletin C).
_LEAPS: Final = (
    *((1981, 7), (1982, 7), (1983, 7), (1985, 7), (1988, 1), (1990, 1), (1991, 1), (1992, 7)),
    *((1993, 7), (1994, 7), (1996, 1), (1997, 7), (1999, 1), (2006, 1), (2009, 1), (2012, 7)),
    *((2015, 7), (2017, 1)),
)
_LEAP_GPS_MS: Final = np.array(
    [
        int(datetime(year, month, 1, tzinfo=UTC).timestamp() + leaps) * 1000
        for leaps, (year, month) in enumerate(_LEAPS, start=1)
    ]
)


def from_integers(counts: NDArray[np.int64], form: Form) -> UnplacedTimes:
    """Return the times that whole numbers count."""
    unit = form.unit_ms or 1
    ok = np.ones(len(counts), bool)
    if unit > 1:
        ok = np.abs(counts.astype(np.float64)) < _LARGEST / float(unit)
        ms = np.where(ok, counts, 0) * unit.numerator
    else:
        ms = counts // unit.denominator
    return values_of(_since_epoch(ms, form), ok)


def from_floats(counts: NDArray[np.float64], form: Form) -> UnplacedTimes:
    """Return the times that numbers with a fraction count.

    They are rounded to what such a number can hold, which undoes the binary fraction, then down to
    the millisecond in which it happened.
    """
    with np.errstate(over="ignore"):  # what overflows is no time
        micros = counts * float((form.unit_ms or 1) * 1000)
    ok = np.isfinite(micros) & (np.abs(micros) < _LARGEST)
    grains = np.round(np.where(ok, micros, 0) / form.grain_us).astype(np.int64)
    return values_of(_since_epoch(grains * form.grain_us // 1000, form), ok)


def from_number_text(text: pa.Array, form: Form) -> UnplacedTimes:
    """Return the times that numbers as text count; whole ones as integers, no digit lost."""
    text = pc.utf8_trim_whitespace(text)
    whole = matches(text, INTEGER)
    digits = pc.if_else(whole, pc.utf8_ltrim(text, "+"), "0")
    found = from_integers(digits.cast(pa.int64()).to_numpy(), form)
    if whole.all():
        return found
    numbers, are_numbers = to_numbers(text)
    other = from_floats(numbers, form)
    return values_of(
        np.where(whole, found.ms, other.ms), np.where(whole, found.ok, are_numbers & other.ok)
    )


def to_numbers(text: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return text without margins as numbers, 0 where it is none, and where it is one."""
    ok = matches(text, NUMBER)
    return pc.if_else(ok, text, "0").cast(pa.float64()).to_numpy(), ok


def _since_epoch(ms: NDArray[np.int64], form: Form) -> NDArray[np.int64]:
    if form.name == "gps_s":
        ms = ms - 1000 * np.searchsorted(_LEAP_GPS_MS, ms + form.zero_ms, side="right")
    return ms + form.zero_ms if form.zero_ms else ms
