"""What values look like, so in which form they may be written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.times.forms import FORMS, NUMBERS
from lib.core.times.numbers import INTEGER, to_numbers
from lib.core.times.patterns import DAY_AND_MONTH_LOOK, ISO_LOOK, LOOKS
from lib.core.times.texts import MARGIN, day_and_month
from lib.core.times.values import matches

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.core.times.forms import FormName

# From which size on numbers are what. Where epochs overlap, the one that gives a year from 2000 to
# 2060; for NTP from 2015 to 2036, when its 32 bits end.
_BANDS: Final[tuple[tuple[float, FormName | None], ...]] = (
    (0, None),  # small: no epoch shows
    (19_900_101, "compact"),
    (20_991_232, None),
    (1e8, "s"),
    (3_629_059_200, "ntp_s"),
    (1 << 32, "s"),
    (1e11, "ms"),
    (199_001_010_000, "compact"),
    (209_912_312_360, "ms"),
    (19_900_101_000_000, "compact"),
    (20_991_231_235_960, "ms"),
    (1e14, "us"),
    (12_591_158_400_000_000, "webkit_us"),
    (14_484_614_400_000_000, "us"),
    (19_900_101_000_000_000, "compact"),
    (20_991_231_235_960_000, "us"),
    (1e17, "ns"),
    (125_911_584_000_000_000, "filetime"),
    (144_846_144_000_000_000, "ns"),
    (630_822_816_000_000_000, "dotnet_ticks"),
    (649_757_376_000_000_000, "ns"),
)
_EDGES: Final = np.array([edge for edge, _ in _BANDS])
NAMES: Final = tuple(FORMS)
EITHER: Final = len(NAMES)  # day and month, in one order or the other
DOTTED: Final = EITHER + 1  # the same with dots, which is the day first if nothing says otherwise
NEITHER: Final = EITHER + 2  # no time
SMALL: Final = EITHER + 3
KINDS: Final = EITHER + 4
_OF_BAND: Final = np.array([SMALL if n is None else NAMES.index(n) for _, n in _BANDS])
_ISO: Final = NAMES.index("iso")
_COMPACT: Final = NAMES.index("compact")
DAY_FIRST: Final = NAMES.index("day_first")
MONTH_FIRST: Final = NAMES.index("month_first")
_NUMBERS: Final = np.array([*(NAMES.index(form.name) for form in NUMBERS), _COMPACT, SMALL])
_TEXTS: Final = np.setdiff1d(np.arange(KINDS), [*_NUMBERS, NEITHER])


@dataclass(frozen=True)
class Looks:
    """What values look like.

    Attributes
    ----------
    kinds
        int64: an index in `NAMES`, or one of the kinds below it.
    sizes
        float64: how large numbers are; NaN where there is none.
    whole
        Whether all numbers are whole.
    """

    kinds: NDArray[np.int64]
    sizes: NDArray[np.float64]
    whole: bool


def looks_of(values: pa.Array) -> Looks:
    """Return what values, none of them null, look like."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        each, rows = looks_of(values.dictionary), values.indices.to_numpy()
        return Looks(each.kinds[rows], each.sizes[rows], each.whole)
    kinds, sizes = np.full(len(values), NEITHER), np.full(len(values), np.nan)
    if pa.types.is_string(kind):
        return _looks_of_text(values)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        sizes = np.abs(values.to_numpy().astype(np.float64))
        sizes[~np.isfinite(sizes)] = np.nan
        kinds = _kinds_of_sizes(sizes)
    elif pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        kinds[:] = _ISO
    return Looks(kinds, sizes, not pa.types.is_floating(kind))


def _looks_of_text(text: pa.Array) -> Looks:
    kinds, sizes, whole = np.full(len(text), NEITHER), np.full(len(text), np.nan), True
    text = pc.utf8_trim(text, MARGIN)
    rest = np.flatnonzero(~matches(text, ISO_LOOK))
    kinds[:] = _ISO
    kinds[rest] = NEITHER
    other = text.take(pa.array(rest))
    numbers, are_numbers = to_numbers(other)
    sizes[rest[are_numbers]] = np.abs(numbers[are_numbers])
    kinds[rest[are_numbers]] = _kinds_of_sizes(np.abs(numbers[are_numbers]))
    whole = bool(matches(other.filter(pa.array(are_numbers)), INTEGER).all())
    for name, look in (*LOOKS.items(), (None, DAY_AND_MONTH_LOOK)):
        rest = rest[kinds[rest] == NEITHER]
        if not len(rest):
            break
        other = text.take(pa.array(rest))
        found = matches(other, look)
        kinds[rest[found]] = NAMES.index(name) if name else _order(other.filter(pa.array(found)))
    return Looks(kinds, sizes, whole)


def _order(dates: pa.Array) -> NDArray[np.int64]:
    """Return the kind of each date such as 13/02/2024: which number can only be the day."""
    first, second = day_and_month(dates)
    otherwise = np.where(matches(dates, r"\d\.\d\d?\.\d{4}"), DOTTED, EITHER)
    return np.select([first > 12, second > 12], [DAY_FIRST, MONTH_FIRST], otherwise)


def _kinds_of_sizes(sizes: NDArray[np.float64]) -> NDArray[np.int64]:
    band = np.searchsorted(_EDGES, sizes, side="right") - 1  # NaN stands behind all
    kinds = _OF_BAND[np.minimum(band, len(_EDGES) - 1)]
    digits = np.flatnonzero(kinds == _COMPACT)
    wrong = digits[~_are_digits_of_times(sizes[digits])]
    kinds[wrong] = _OF_BAND[band[wrong] - 1]
    kinds[np.isnan(sizes)] = NEITHER
    return kinds


def _are_digits_of_times(sizes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which numbers have month, day, hour and minute where yyyymmddhhmm… has them."""
    if not len(sizes):
        return np.empty(0, bool)
    length = np.floor(np.log10(sizes)).astype(np.int64) + 1
    minutes = np.floor(sizes * 10.0 ** (12 - length)).astype(np.int64)  # 8 digits get a midnight
    month, day, hour, minute = (minutes // 10**at % 100 for at in (6, 4, 2, 0))
    on_calendar = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    found: NDArray[np.bool_] = on_calendar & (hour < 24) & (minute < 60)
    whole: NDArray[np.bool_] = sizes == np.floor(sizes)
    return found & whole


def decide(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the kind that each group's values have, and the share of them that have it.

    Parameters
    ----------
    counts
        How many values of each group, a row each, are of each kind.
    """
    counts = _with_one_order(counts)
    every, total = np.arange(len(counts)), counts.sum(axis=1)
    text = _TEXTS[counts[:, _TEXTS].argmax(axis=1)]
    number = _NUMBERS[::-1][counts[:, _NUMBERS[::-1]].argmax(axis=1)]  # of equals the larger unit
    texts, numbers = counts[every, text], counts[:, _NUMBERS].sum(axis=1)
    kind = np.where(numbers > texts, number, text)
    kind = np.where(2 * np.maximum(texts, numbers) >= np.maximum(total, 1), kind, NEITHER)
    return kind, counts[every, kind] / np.maximum(total, 1)


def _with_one_order(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Take all of a group's dates for what those that can only be one make them."""
    counts = counts.copy()
    kinds = np.array([DAY_FIRST, MONTH_FIRST, EITHER, DOTTED])
    day, month, either, dotted = counts[:, kinds].T
    dates = counts[:, kinds].sum(axis=1)
    is_day = (month == 0) & ((day > 0) | ((either == 0) & (dotted > 0)))
    is_month = (month > 0) & (day == 0)
    counts[:, kinds] = 0
    kind = np.select([is_day, is_month], [DAY_FIRST, MONTH_FIRST], EITHER)
    counts[np.arange(len(counts)), kind] = dates
    return counts
