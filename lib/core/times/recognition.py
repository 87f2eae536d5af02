"""In which form the times of a column are written, and which groups of rows write another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, overload

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.durations import DAY_MS
from lib.core.times.forms import FORMS, NUMBERS, UNITS, FormName, Unit
from lib.core.times.looks import (
    DAY_FIRST,
    EITHER,
    KINDS,
    MONTH_FIRST,
    NAMES,
    NEITHER,
    SMALL,
    Looks,
    decide,
    looks_of,
)
from lib.core.times.reading import READABLE, read_times
from lib.core.times.values import is_present, one_piece

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CLEAR: Final = 0.9
_CLOSE_MS: Final = 31 * DAY_MS
_WRONG_MS: Final = 5 * 365 * DAY_MS

_SOME: Final = 10_000
"""Values of a form that tell when its times are."""

_SURE: Final[tuple[FormName, ...]] = (
    *UNITS, "named_month", "java_array", "dotnet_date", "mongo_date", "seconds_nanos",
)  # fmt: skip
"""The forms that a single value leaves no doubt of, among times of our age."""


@dataclass(frozen=True)
class Recognised:
    """How the times in a column are written.

    Attributes
    ----------
    form
        The form of most values; None if they are no times, or if only people can tell.
    share
        The share of the values that are there which are times in this form, or in the first
        choice, once a zone is chosen where one is lacking.
    local
        Whether some of them lack a zone.
    choices
        The forms of which one has to be chosen, where the values do not tell: 01/02/2024.
    """

    form: FormName | None
    share: float = 0.0
    local: bool = False
    choices: tuple[FormName, ...] = ()


@dataclass(frozen=True)
class GroupForms:
    """How groups of rows, such as clients, write their times.

    Attributes
    ----------
    main
        The form that most values have whose group is clear.
    others
        The groups that clearly write another form, by form: int64 codes, sorted.
    unclear
        Groups with several forms, or with one that does not fit the other groups' times; sorted
        int64 codes. They are read as `main`, so most of their values are no times of the topic.
    single
        The rows whose value can only be in another form than their group's, by form: positions,
        sorted. A client that is updated writes another form from then on.
    """

    main: Recognised
    others: dict[FormName, NDArray[np.int64]]
    unclear: NDArray[np.int64]
    single: dict[FormName, NDArray[np.intp]] = field(default_factory=dict)


def recognise_form(column: pa.ChunkedArray | pa.Array, around: int | None = None) -> Recognised:
    """Recognise how the times in a column are written, by their look and size.

    Numbers below 10^11 are seconds (until the year 5138), below 10^14 milliseconds, below 10^17
    microseconds, else nanoseconds; small ones, which no epoch shows, are milliseconds if whole.
    Some sizes are those of other epochs (.NET ticks), or of digits such as 20240102030410.

    Parameters
    ----------
    around
        Epoch ms that the times should be near, such as the median record timestamp. Where they are
        years off it, and counted from another epoch within a month of it, it is that one. Of two
        orders of day and month it is the one in which they are within a day of it.
    """
    column = one_piece(column)
    values = pc.drop_null(column)
    form, choices = _form_of(values, around)
    if choices and around is not None:
        near = [each for each in choices if _is_within_a_day(values, each, around)]
        form, choices = (near[0], ()) if len(near) == 1 else (form, choices)
    tried = form or (choices[0] if choices else None)
    if tried is None:
        return Recognised(None)
    times = read_times(values, tried, zone="UTC", around=around)
    share = float(np.mean(times.problem == READABLE))
    return Recognised(form, share, FORMS[tried].local and times.local > 0, choices)


def recognise_unit(column: pa.ChunkedArray | pa.Array) -> Unit | None:
    """Return which of the common forms `recognise_form` finds; None if it is none of them."""
    form, _ = _form_of(pc.drop_null(one_piece(column)), None)
    return form if form in UNITS else None


def recognise_forms(
    column: pa.ChunkedArray | pa.Array, groups: NDArray[np.integer], around: int | None = None
) -> GroupForms:
    """Recognise the form of a column group by group, for `read_times_by_group`.

    A group writes another form than the most if nine in ten of its values look like it, and it
    puts them within a month of the others' times, or within a day for another epoch. A single
    value does if it is text of another form, or a number of another unit that puts it within a
    month of those that are as the most are: a clock that restarted at 1970 is no other unit.

    Parameters
    ----------
    groups
        An integer code per row, such as the client's.
    around
        As in `recognise_form`.
    """
    column = one_piece(column)
    values, rows = pc.drop_null(column), np.flatnonzero(is_present(column))
    codes, group = np.unique(groups[rows].astype(np.int64), return_inverse=True)
    looks = looks_of(values)
    counts = np.bincount(group * KINDS + looks.kinds, minlength=len(codes) * KINDS)
    kind, share = decide(counts.reshape(-1, KINDS))
    kind = np.where(share >= _CLEAR, kind, NEITHER)
    if not (kind < EITHER).any():
        main = recognise_form(values, around)
        single = _single_forms(values, looks, main, np.full(len(values), -1))
        none = codes[:0] if main.form or main.choices else codes
        return GroupForms(main, {}, none, {form: rows[at] for form, at in single.items()})
    weights = np.bincount(kind, np.bincount(group), minlength=KINDS)[:EITHER]
    main_kind = EITHER - 1 - int(weights[::-1].argmax())  # of equals the smaller unit
    of_main = values.filter(pa.array((kind == main_kind)[group]))
    main = recognise_form(of_main, around)
    found = _other_forms(_group_times(values, group, looks, kind), kind, main, of_main)
    single = _single_forms(values, looks, main, found[group])
    fits = (kind == main_kind) | (kind == SMALL)
    if main.form in ("day_first", "month_first") and not {DAY_FIRST, MONTH_FIRST} <= set(kind):
        fits |= kind == EITHER
    others = {NAMES[k]: codes[found == k] for k in np.unique(found[found >= 0])}
    unclear = codes[(found < 0) & ~fits]
    return GroupForms(main, others, unclear, {form: rows[at] for form, at in single.items()})


def other_epoch(count: float, form: FormName, around: int) -> FormName | None:
    """Return the form of numbers that brings `count` near `around`, where `form` is years off.

    Parameters
    ----------
    count
        The number as it is written; the median of many.
    form
        How it was taken.
    around
        Epoch ms that it should be near.
    """
    if FORMS[form].unit_ms is None:
        return None
    gaps = {other.name: abs(_ms(count, other.name) - around) for other in NUMBERS}
    best = min(gaps, key=lambda name: gaps[name])
    return best if gaps[form] > _WRONG_MS and gaps[best] <= _CLOSE_MS else None


@overload
def _ms(counts: float, form: FormName) -> float: ...
@overload
def _ms(counts: NDArray[np.float64], form: FormName) -> NDArray[np.float64]: ...
def _ms(counts: Any, form: FormName) -> Any:
    """Return about which epoch ms counts in a form are; leap seconds do not matter here."""
    return counts * float(FORMS[form].unit_ms or 1) + FORMS[form].zero_ms


def _form_of(values: pa.Array, around: int | None) -> tuple[FormName | None, tuple[FormName, ...]]:
    """Return the form of values, or None and those that it may be."""
    looks = looks_of(values)
    (kind,), (_share,) = decide(np.bincount(looks.kinds, minlength=KINDS)[np.newaxis])
    if kind == EITHER:
        return None, ("day_first", "month_first")
    if kind == NEITHER:
        return None, ()
    sizes = looks.sizes[~np.isnan(looks.sizes)]
    form: FormName = NAMES[kind] if kind < EITHER else "ms" if looks.whole else "s"
    if around is not None and len(sizes):
        form = other_epoch(float(np.median(sizes)), form, around) or form
    elif kind == SMALL and not looks.whole and _are_excel_days(sizes):
        form = "excel_days"
    return form, ()


def _is_within_a_day(values: pa.Array, form: FormName, around: int) -> bool:
    """Return whether most times in a form are near `around`, in whatever zone they may be."""
    read = read_times(values, form, zone="UTC")
    ok = read.problem == READABLE
    return bool(ok.any()) and abs(float(np.median(read.ms[ok])) - around) <= DAY_MS


def _are_excel_days(sizes: NDArray[np.float64]) -> bool:
    """Return whether numbers are days of 2009 to 2036 with a time of day, within a year or so."""
    low, high = float(sizes.min()), float(sizes.max())
    return low >= 40_000 and high < 50_000 and high - low < 400 and bool((sizes % 1 > 0).any())


@dataclass(frozen=True)
class _GroupTimes:
    """The median of each group: as times in its own form, as numbers; NaN where it has none."""

    ms: NDArray[np.float64]
    numbers: NDArray[np.float64]


def _group_times(
    values: pa.Array, group: NDArray[np.int64], looks: Looks, kind: NDArray[np.int64]
) -> _GroupTimes:
    numbers = _medians(looks.sizes, group, len(kind))
    ms = np.full(len(kind), np.nan)
    for k in np.unique(kind[kind < EITHER]):
        if FORMS[NAMES[k]].unit_ms is not None:
            times = _ms(numbers, NAMES[k])
        else:
            rows = np.flatnonzero((kind == k)[group])
            read = read_times(values.take(pa.array(rows)), NAMES[k], zone="UTC")
            ok = read.problem == READABLE
            times = _medians(read.ms[ok].astype(np.float64), group[rows[ok]], len(kind))
        ms[kind == k] = times[kind == k]
    return _GroupTimes(ms, numbers)


def _other_forms(
    times: _GroupTimes, kind: NDArray[np.int64], main: Recognised, of_main: pa.Array
) -> NDArray[np.int64]:
    """Return the form of each group that has clearly another one than `main`; else -1."""
    found = np.full(len(kind), -1)
    span = _span(of_main, main)
    if main.form is None or span is None:
        return found
    own = _gap(times.ms, span)
    near = (own <= _CLOSE_MS) & (kind < EITHER)
    found[near] = kind[near]
    numbers = [_ms(times.numbers, form.name) for form in NUMBERS]
    gaps: NDArray[np.float64] = np.stack([_gap(ms, span) for ms in numbers])
    best = np.argmin(gaps, axis=0)
    other = (own > _WRONG_MS) & (np.min(gaps, axis=0) <= DAY_MS) & (kind != NEITHER)
    found[other] = np.array([NAMES.index(form.name) for form in NUMBERS])[best[other]]
    found[found == NAMES.index(main.form)] = -1
    return found


def _single_forms(
    values: pa.Array, looks: Looks, main: Recognised, of_group: NDArray[np.int64]
) -> dict[FormName, NDArray[np.intp]]:
    """Return the positions of values that can only be in another form than their group's, by form.

    `of_group` is the form of each value's group, -1 where it is the main one.
    """
    if main.form is None:
        return {}
    main_kind = NAMES.index(main.form)
    not_own = np.flatnonzero(looks.kinds != np.where(of_group < 0, main_kind, of_group))
    other = {form: not_own[looks.kinds[not_own] == NAMES.index(form)] for form in _SURE}
    if not any(map(len, other.values())):
        return {}
    of_main = np.flatnonzero(looks.kinds == main_kind)
    span = _span(values.take(pa.array(of_main[:: 1 + len(of_main) // _SOME])), main)
    if span is None:
        return {}
    for form, at in other.items():
        if FORMS[form].unit_ms is not None:
            other[form] = at[_gap(_ms(looks.sizes[at], form), span) <= _CLOSE_MS]
    return {form: at for form, at in other.items() if len(at)}


def _span(values: pa.Array, main: Recognised) -> tuple[float, float] | None:
    """Return from when to when nearly all times in the main form are, epoch ms; None without."""
    read = None if main.form is None else read_times(values, main.form)
    if read is None or not (read.problem == READABLE).any():
        return None
    low, high = np.quantile(read.ms[read.problem == READABLE], (0.01, 0.99))
    return float(low), float(high)


def _gap(ms: NDArray[np.float64], span: tuple[float, float]) -> NDArray[np.float64]:
    """Return how far times are outside a span; infinite where there is none."""
    outside = np.nan_to_num(np.maximum(span[0] - ms, ms - span[1]), nan=np.inf)
    return np.asarray(np.maximum(outside, 0), np.float64)


def _medians(
    values: NDArray[np.float64], group: NDArray[np.int64], groups: int
) -> NDArray[np.float64]:
    """Return the median of each group's values; NaN where it has none."""
    medians = pd.Series(values).groupby(group).median().reindex(range(groups))
    found: NDArray[np.float64] = np.asarray(medians, np.float64)
    return found
