"""The times of events, read from the fields that hold them."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from lib.core.columns import MISSING_TIME, PARTITION, RECEIVED_TIME
from lib.core.durations import MINUTE_MS
from lib.core.moments import YEAR_1990
from lib.core.times.diagnosis import SINGLE_PRECISION_MS
from lib.core.times.reading import (
    MISSING,
    READABLE,
    UNCLEAR_ZONE,
    ReadTimes,
    read_times,
    read_times_by_group,
)
from lib.core.times.recognition import recognise_form, recognise_forms
from lib.core.times.two_columns import date_and_time, seconds_and_fraction
from lib.events.fields import FROM_PARTITION, JOINED, RECORD_TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from lib.core.times.forms import FormName
    from lib.events.fields import Fields, TimeField

_SAMPLE: Final = 20_000
_LATEST_RECORD_TIME: Final = 253_402_300_799_999
"""The end of the year 9999: a record timestamp beyond it is none (µs and ns land there)."""


SECOND_MS: Final = 1_000
GRAINS_MS: Final = (
    *(minutes * MINUTE_MS for minutes in (60, 30, 15, 10, 5)),
    *SINGLE_PRECISION_MS,
    *(100 * SECOND_MS, MINUTE_MS, SECOND_MS),
)
"""How coarsely times are written: people's, and a float's of 32 bits, which is often written with
eight digits: seconds, or ms, to within 100 s."""


@dataclass(frozen=True)
class TimeNotes:
    """How the times of one role were read, in numbers of records.

    Attributes
    ----------
    forms
        Field → how its times are written.
    other_forms
        Form → the clients that write it where the others write another.
    single_forms
        Form → how many values are in it that are in another than their client's others.
    uneven
        Whether those of one form are whole seconds, and those of another are not.
    missing, unreadable
        Records that lack the time, and that have something else in its place.
    unclear_zone
        Those of them that are times with an abbreviation that does not name one zone, such as IST.
    local
        Times without a zone.
    as_utc
        Those of them that are read as UTC, as no zone is chosen.
    ambiguous, nonexistent
        Local times that were twice, or never, on the clocks of their zone.
    unit_ms
        The longest duration that all times are multiples of, ms; 0 where there is none.
    """

    forms: Mapping[str, FormName] = field(default_factory=dict)
    other_forms: Mapping[FormName, tuple[object, ...]] = field(default_factory=dict)
    single_forms: Mapping[FormName, int] = field(default_factory=dict)
    uneven: bool = False
    missing: int = 0
    unreadable: int = 0
    unclear_zone: int = 0
    local: int = 0
    as_utc: int = 0
    ambiguous: int = 0
    nonexistent: int = 0
    unit_ms: int = 0

    @property
    def grain_ms(self) -> int:
        """How finely the times are written: the longest of `GRAINS_MS` in `unit_ms`, or 1 ms."""
        return next((grain for grain in GRAINS_MS if self.unit_ms % grain == 0), 1)

    def and_then(self, later: TimeNotes) -> TimeNotes:
        """Return the notes on both of two parts of a topic."""
        others = {
            form: tuple(dict.fromkeys([*self.other_forms.get(form, ()), *clients]))
            for form, clients in {**self.other_forms, **later.other_forms}.items()
        }
        single = Counter(self.single_forms)
        single.update(later.single_forms)
        return TimeNotes(
            {**self.forms, **later.forms},
            {**self.other_forms, **others},
            single,
            self.uneven or later.uneven,
            self.missing + later.missing,
            self.unreadable + later.unreadable,
            self.unclear_zone + later.unclear_zone,
            self.local + later.local,
            self.as_utc + later.as_utc,
            self.ambiguous + later.ambiguous,
            self.nonexistent + later.nonexistent,
            math.gcd(self.unit_ms, later.unit_ms),
        )


@dataclass(frozen=True)
class TimeColumn:
    """The times of one role.

    Attributes
    ----------
    ms
        int64, epoch ms; `MISSING_TIME` where there is none.
    problem
        uint8, as `lib.core.times.reading.Times.problem`.
    notes
        How they were read.
    """

    ms: NDArray[np.int64]
    problem: NDArray[np.uint8]
    notes: TimeNotes


def parts_of(source: str) -> tuple[str, ...]:
    """Return the fields that a source is made of: itself, or the two that it joins."""
    return (source, *source.split(JOINED, 1)) if JOINED in source else (source,)


def parts_of_times(fields: Fields) -> set[str]:
    """Return the sources of the event, sent and received time, and what they are made of."""
    times = fields.event_time, fields.sent_time, fields.received_time
    return {part for time in times for source in time.sources for part in parts_of(source)}


_FRACTIONS: Final = {
    1_000_000_000: ("nanos", "nanoseconds", "nano", "nanosec", "nsecs", "nsec"),
    1_000_000: ("micros", "microseconds", "micro", "microsec", "usecs", "usec"),
    1_000: ("millis", "milliseconds", "milli", "millisec", "msecs", "msec"),
}


def per_second(source: str) -> int | None:
    """Return in what seconds are split that a source joins; None of a date and a time of day."""
    name = source.lower()
    if re.search(r"(^|[ ._])ms$", name):
        return 1_000
    return next((size for size, ends in _FRACTIONS.items() if name.endswith(ends)), None)


def column_of(rows: pa.Table, source: str) -> pa.ChunkedArray:
    """Return what decoded records have in a field, or the partition; nulls where they lack it."""
    if source == FROM_PARTITION:
        return rows[PARTITION]
    if source not in rows.column_names and JOINED in source:
        first, second = (column_of(rows, part) for part in source.split(JOINED, 1))
        size = per_second(source)
        whole = seconds_and_fraction(first, second, size) if size else date_and_time(first, second)
        return pa.chunked_array([whole])
    if source not in rows.column_names:
        return pa.chunked_array([pa.nulls(rows.num_rows)])
    return rows[source]


def record_times(rows: pa.Table, event_times: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Return the records' own timestamps, epoch ms; `MISSING_TIME` where a record has none.

    Negative and beyond the year 9999 is none. 0 is what tools write that know none: it is a time
    only where neither the timestamps nor the event times are dates: in a topic that counts from 0.
    """
    times: NDArray[np.int64] = rows[RECEIVED_TIME].to_numpy()
    if not len(times) or (times.min() > 0 and times.max() <= _LATEST_RECORD_TIME):
        return times
    dated = [of.max(initial=0) >= YEAR_1990 for of in (times, event_times) if of is not None]
    least = 1 if any(dated) else 0
    return np.where((times >= least) & (times <= _LATEST_RECORD_TIME), times, MISSING_TIME)


def read_time(
    rows: pa.Table,
    role: TimeField,
    clients: Callable[[], pd.Categorical[Any]],
    *,
    known: Mapping[str, FormName],
    around: int | None = None,
    event_times: NDArray[np.int64] | None = None,
) -> TimeColumn:
    """Read the times of a role: of each record from the first source that it has.

    Where some of a field's values are no times as most clients write them, the clients that write
    another form are found, and single values in another, and read so; what fits no form is no time.

    Parameters
    ----------
    rows
        Decoded records, `lib.decoding.base.Decoded.columns`.
    clients
        Returns the client of each record; called only where it matters.
    known
        Forms of fields that were recognised before.
    around
        As in `read_times`.
    event_times
        As in `record_times`.
    """
    ms = np.full(rows.num_rows, MISSING_TIME)
    problem = np.full(rows.num_rows, MISSING, np.uint8)
    notes = TimeNotes()
    for source in role.sources:
        left = problem == MISSING
        if not left.any():
            break
        if source == RECORD_TIMESTAMP and source not in rows.column_names:
            times, found = _read_record_times(rows, event_times)
        else:
            times, found = _read_source(rows, source, role, clients, known, around)
        notes = notes.and_then(found)
        np.copyto(ms, times.ms, where=left & (times.problem == READABLE))
        np.copyto(problem, times.problem, where=left)
    missing = int(np.count_nonzero(problem == MISSING))
    bad = int(np.count_nonzero(problem != READABLE)) - missing
    unclear = int(np.count_nonzero(problem == UNCLEAR_ZONE))
    unit_ms = _unit(ms, problem)
    rest = TimeNotes(missing=missing, unreadable=bad, unclear_zone=unclear, unit_ms=unit_ms)
    return TimeColumn(ms, problem, notes.and_then(rest))


def _unit(ms: NDArray[np.int64], problem: NDArray[np.uint8]) -> int:
    """Return what all times are multiples of, as in `TimeNotes`; mostly the first ones tell."""
    unit_ms = 0
    for part in (slice(_SAMPLE), slice(_SAMPLE, None)):
        times = ms[part][problem[part] == READABLE] if unit_ms != 1 else ms[:0]
        if unit_ms == 0 or (times % unit_ms).any():
            unit_ms = math.gcd(unit_ms, int(np.gcd.reduce(times)))
    return unit_ms


def _read_record_times(
    rows: pa.Table, event_times: NDArray[np.int64] | None
) -> tuple[ReadTimes, TimeNotes]:
    ms = record_times(rows, event_times)
    present = np.where(ms == MISSING_TIME, MISSING, READABLE).astype(np.uint8)
    return ReadTimes(ms, present), TimeNotes()


def _read_source(
    rows: pa.Table,
    source: str,
    role: TimeField,
    clients: Callable[[], pd.Categorical[Any]],
    known: Mapping[str, FormName],
    around: int | None,
) -> tuple[ReadTimes, TimeNotes]:
    column = column_of(rows, source)
    form = role.form or known.get(source) or _recognised(column, around)
    if form is None:
        none = np.where(column.is_null().to_numpy(), MISSING, MISSING + 1).astype(np.uint8)
        return ReadTimes(np.zeros(len(none), np.int64), none), TimeNotes()
    times = read_times(column, form, zone=role.zone, around=around)
    notes = TimeNotes({source: form})
    if role.form is None and (times.problem > MISSING).any():
        found = recognise_forms(column, clients().codes, around)
        main = found.main.form or form
        times = read_times_by_group(
            column, clients().codes, main, found.others, found.single, zone=role.zone, around=around
        )
        single = found.single
        if main != known.get(source, main):  # as none was before
            rest = np.isin(clients().codes, _all(found.others), invert=True)
            rest[_all(single)] = False
            single, main = {**single, main: np.flatnonzero(rest)}, known[source]
        notes = TimeNotes(
            {source: main},
            {form: tuple(_named(clients(), of)) for form, of in found.others.items()},
            _counts(times, single),
            uneven=_are_uneven(times, single),
        )
    return times, replace(
        notes,
        local=times.local,
        as_utc=times.local if role.zone is None else 0,
        ambiguous=times.ambiguous,
        nonexistent=times.nonexistent,
    )


def _counts(times: ReadTimes, single: Mapping[FormName, NDArray[np.intp]]) -> dict[FormName, int]:
    """Return how many of the rows of each form are times in it, of those that have any."""
    counts = {form: int((times.problem[at] == READABLE).sum()) for form, at in single.items()}
    return {form: count for form, count in counts.items() if count}


def _all(numbers: Mapping[FormName, NDArray[np.integer]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, np.int64), *numbers.values()], dtype=np.int64)


def _are_uneven(times: ReadTimes, single: Mapping[FormName, NDArray[np.intp]]) -> bool:
    """Return whether the times of one form are whole seconds, and those of another are not."""
    form_of = np.zeros(len(times.ms), np.int8)
    for number, at in enumerate(single.values(), start=1):
        form_of[at] = number
    finer = (times.ms % SECOND_MS != 0) & (times.problem == READABLE)
    return 0 < len(np.unique(form_of[finer])) < len(np.unique(form_of[times.problem == READABLE]))


def _recognised(column: pa.ChunkedArray, around: int | None) -> FormName | None:
    """Return the form of a column by its first rows; where they tell none, by some all over it."""
    form = recognise_form(column[:_SAMPLE], around).form
    if form is not None or len(column) <= _SAMPLE:
        return form
    values = column.drop_null()
    some = np.arange(0, len(values), 1 + len(values) // _SAMPLE)
    return recognise_form(values.take(pa.array(some)), around).form


def _named(clients: pd.Categorical[Any], codes: NDArray[np.int64]) -> list[object]:
    return [clients.categories[code] for code in codes.tolist() if code >= 0]
