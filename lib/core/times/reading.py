"""Columns of times, read as epoch milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.times.forms import FORMS
from lib.core.times.numbers import from_floats, from_integers, from_number_text
from lib.core.times.texts import read_text
from lib.core.times.values import UnplacedTimes, is_present, no_values, one_piece, put_together
from lib.core.times.zones import WHATEVER_IS_WRITTEN, find_zone, to_instants

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from lib.core.times.forms import Form, FormName

FAR_MS: Final = 20 * 365 * 86_400_000
"""An event time farther than 20 years from the topic's median is no time of this topic.

Where a few clients write seconds and the rest milliseconds, reading one as the other is half a
century off; the clock of a device that restarted at 1970 is too.
"""

READABLE: Final = 0
MISSING: Final = 1
NOT_A_TIME: Final = 2
FAR_OUTSIDE: Final = 3
FAR_AHEAD: Final = 4
UNCLEAR_ZONE: Final = 5
"""A time with an abbreviation behind it that does not name one zone, where none is chosen."""

_LARGEST_WHOLE: Final = 9.0e18


@dataclass(frozen=True)
class ReadTimes:
    """A column of times.

    Attributes
    ----------
    ms
        int64, epoch ms: the millisecond in which it happened. 0 where there is none.
    problem
        uint8: `READABLE`, `MISSING`, `NOT_A_TIME`, `UNCLEAR_ZONE`, `FAR_AHEAD`, or, far before,
        `FAR_OUTSIDE`.
    local
        How many values are times without a zone, read in the chosen one; without one, in UTC.
    ambiguous
        How many were twice on the clocks of their zone, which were set back; read as the first.
    nonexistent
        How many were never on the clocks of their zone, which were set forward.
    """

    ms: NDArray[np.int64]
    problem: NDArray[np.uint8]
    local: int = 0
    ambiguous: int = 0
    nonexistent: int = 0


def read_times(
    column: pa.ChunkedArray | pa.Array,
    form: FormName,
    *,
    zone: str | None = None,
    around: int | None = None,
) -> ReadTimes:
    """Read a column of times written in one form; nothing is guessed row by row.

    Parameters
    ----------
    column
        Numbers, text, or Arrow's timestamps and dates, which are "iso".
    form
        How they are written. What is written otherwise is no time.
    zone
        The IANA zone or fixed offset (`lib.core.times.zones.find_zone`) of times without one:
        text that names none, and any number, which counts local time then; with
        `WHATEVER_IS_WRITTEN` behind it, of text that names one too. None: UTC, but not of text with
        an abbreviation that means several zones, such as CST.
    around
        Epoch ms that times may be at most 20 years from; None: the median of the column.

    Raises
    ------
    FieldsError
        When there is no such zone.
    """
    column = one_piece(column)
    return _times(column, _read(pc.drop_null(column), FORMS[form], zone), around)


def read_times_by_group(
    column: pa.ChunkedArray | pa.Array,
    groups: NDArray[np.integer],
    main: FormName,
    others: Mapping[FormName, NDArray[np.integer]],
    single: Mapping[FormName, NDArray[np.intp]] | None = None,
    *,
    zone: str | None = None,
    around: int | None = None,
) -> ReadTimes:
    """Read a column in which some groups of rows, such as clients, or some rows write another form.

    Parameters
    ----------
    groups
        A code per row.
    main, others, single
        The form of the most, the groups that write each other one, and the rows that do, whatever
        their group, as `lib.core.times.recognition.recognise_forms` finds them.
    """
    column = one_piece(column)
    single = single or {}
    form_of = np.zeros(len(column), np.int8)
    for number, codes in enumerate(others.values(), start=1):
        form_of[np.isin(groups, codes)] = number
    for number, rows in enumerate(single.values(), start=1 + len(others)):
        form_of[rows] = number
    values, present = pc.drop_null(column), form_of[is_present(column)]
    parts = [
        (rows, _read(values.take(pa.array(rows)), FORMS[form], zone))
        for number, form in enumerate((main, *others, *single))
        if len(rows := np.flatnonzero(present == number))
    ]
    return _times(column, put_together(len(values), parts), around)


def _read(values: pa.Array, form: Form, zone: str | None) -> UnplacedTimes:
    """Read values, none of them null; of a dictionary, each of its entries once."""
    if pa.types.is_dictionary(values.type):
        return _read(values.dictionary, form, zone).take(values.indices.to_numpy())
    found = _read_number(values, form) if form.unit_ms else _read_written(values, form.name)
    if zone is not None:
        everything = form.unit_ms is not None or zone.endswith(WHATEVER_IS_WRITTEN)
        return _in_zone(found, zone, everything=everything)
    if found.unknown_zone.any():
        unknown = found.unknown_zone & found.ok
        found = replace(found, ok=found.ok & ~unknown, unknown_zone=unknown)
    return found


def _read_number(values: pa.Array, form: Form) -> UnplacedTimes:
    if pa.types.is_string(values.type):
        found = from_number_text(values, form)
    elif pa.types.is_integer(values.type):
        found = from_integers(values.to_numpy(), form)
    elif pa.types.is_floating(values.type):
        found = from_floats(values.to_numpy(), form)
    else:
        return no_values(len(values))
    return replace(found, local=np.ones(len(values), bool)) if form.local else found


def _read_written(values: pa.Array, form: FormName) -> UnplacedTimes:
    kind = values.type
    if pa.types.is_string(kind):
        return read_text(values, form)
    if form == "iso" and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return _from_stamps(values)
    if form == "compact" and pa.types.is_integer(kind):
        return read_text(values.cast(pa.string()), form)
    if form == "compact" and pa.types.is_floating(kind):
        numbers = values.to_numpy()
        rows = np.flatnonzero((np.abs(numbers) < _LARGEST_WHOLE) & (numbers == np.floor(numbers)))
        whole = pa.array(numbers[rows].astype(np.int64)).cast(pa.string())
        return put_together(len(numbers), [(rows, read_text(whole, form))])
    return no_values(len(values))


def _from_stamps(values: pa.Array) -> UnplacedTimes:
    """Return Arrow's own timestamps and dates; those without a zone are local times."""
    local = getattr(values.type, "tz", None) is None
    if pa.types.is_date32(values.type):
        unit, values = "days", values.cast(pa.int32())
    else:
        unit = getattr(values.type, "unit", "ms")
    found = from_integers(values.cast(pa.int64()).to_numpy(), FORMS[cast("FormName", unit)])
    return replace(found, local=np.full(len(values), local))


def _in_zone(found: UnplacedTimes, zone: str, *, everything: bool) -> UnplacedTimes:
    """Take local times, or every one, as what the clocks of a zone showed."""
    local = found.ok & (found.local | everything)
    rows = np.flatnonzero(local)
    instants = to_instants(found.ms[rows], find_zone(zone))
    ms = found.ms.copy()
    ambiguous, nonexistent = found.ambiguous.copy(), found.nonexistent.copy()
    ms[rows], ambiguous[rows] = instants.ms, instants.ambiguous
    nonexistent[rows] = instants.nonexistent
    return UnplacedTimes(ms, found.ok, local, found.unknown_zone, ambiguous, nonexistent)


def _times(column: pa.Array, found: UnplacedTimes, around: int | None) -> ReadTimes:
    """Judge the values of a column that are there, and put them back into its rows."""
    problem = np.where(found.ok, READABLE, NOT_A_TIME).astype(np.uint8)
    problem[~found.ok & found.unknown_zone] = UNCLEAR_ZONE
    ms = found.ms if found.ok.all() else np.where(found.ok, found.ms, 0)
    _mark_far(ms, problem, around)
    readable = problem == READABLE
    counts = [
        int(np.count_nonzero(doubt & readable))
        for doubt in (found.local, found.ambiguous, found.nonexistent)
    ]
    if not column.null_count:
        return ReadTimes(ms, problem, *counts)
    present = is_present(column)
    every_ms = np.zeros(len(column), np.int64)
    every_problem = np.full(len(column), MISSING, np.uint8)
    every_ms[present], every_problem[present] = ms, problem
    return ReadTimes(every_ms, every_problem, *counts)


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
    problem[readable & far] = np.where(ms > around, FAR_AHEAD, FAR_OUTSIDE)[readable & far]
