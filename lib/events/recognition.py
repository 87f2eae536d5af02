"""Which field plays which role, recognised from some of a topic's records.

By name, by type and by behaviour: an event time moves with the times of receipt and is not far from
them; a received time does not fall from one record to the next and is not before the event; a
client repeats; a sequence number counts up. Fields that a known system writes stand for themselves
(`lib.events.systems`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    KAFKA_COLUMNS,
    KEY,
    MISSING_TIME,
    SESSION,
)
from lib.core.moments import YEAR_1990, YEAR_2100
from lib.core.times.forms import FORMS, UNITS, FormName
from lib.core.times.reading import READABLE, read_times
from lib.core.times.recognition import recognise_form
from lib.core.times.two_columns import whole_numbers
from lib.events.counters import sequence_of
from lib.events.field_names import (
    CLIENT_NAMES,
    FRACTIONS,
    OTHER_CLIENT_NAMES,
    SECONDS,
    SESSION_NAMES,
    best_named,
    role_of_name,
)
from lib.events.fields import JOINED, RECORD_TIME_FIELD, Fields, TimeField
from lib.events.pandas_columns import integers
from lib.events.sample import has_record_times, share_of, value_fields, values_of
from lib.events.systems import known_system
from lib.events.time_candidates import TimeCandidate
from lib.events.time_columns import column_of, per_second, record_times
from lib.events.time_roles import (
    could_be_event_time,
    event_score,
    event_time,
    received_time,
    sent_time,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_YEAR_2010: Final = 1_262_304_000_000

SOME: Final = 0.1
"""The share from which on a field is offered as a time."""


@dataclass(frozen=True)
class TimeOffer:
    """A field that could be a time: its name, the share of records that have it, and how written.

    `choices` are the forms of which people have to choose one, where the values do not tell;
    `is_likely` is whether its name does not say that it is the time of something else.
    """

    name: str
    share: float
    form: FormName | None
    choices: tuple[FormName, ...]
    is_likely: bool


@dataclass(frozen=True)
class Recognition:
    """What the roles of a topic's fields were recognised as, and what else they could be.

    Attributes
    ----------
    fields
        What is not recognised has no source.
    offers
        The fields that could be the event time, the likeliest first.
    shares
        Field → the share of the sampled records that have it.
    system
        The system whose events these are; "" where none is known.
    """

    fields: Fields
    offers: tuple[TimeOffer, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    system: str = ""


NOTHING: Final = Recognition(Fields(TimeField(), TimeField(), RECORD_TIME_FIELD, None, None, None))
"""What is recognised where there is no record."""

_NANOS: Final = 1_000_000_000


def recognise(sample: pa.Table) -> Recognition:
    """Recognise the roles of a topic's fields from some of its records.

    Parameters
    ----------
    sample
        Decoded records, `lib.decoding.base.Decoded.columns`; decoded with the key and all headers
        as extras. Any sample gives an answer.
    """
    sample = _with_joined(sample)
    names = value_fields(sample)
    shares = {n: share_of(sample[n]) for n in sample.column_names if n not in KAFKA_COLUMNS}
    candidates = _candidates(names, sample)
    known = known_system(sample.column_names)
    others = [c for c in candidates if c.name != known.stand_in]
    event = event_time(others, sample, known.event_time)
    event = event or event_time(candidates, sample, known.event_time)
    not_sent = [c for c in candidates if c.name != known.sent_time]
    received = received_time(not_sent, event, known.received_time)
    sent = sent_time(candidates, event, received, known.sent_time)
    taken = {c.name for c in (event, received, sent) if c is not None}
    able = [n for n in names if n in (CLIENT, SESSION) or _is_identifier(sample[n])]
    identifiers = [n for n in able if n not in taken]
    session = known.session or best_named(identifiers, SESSION, SESSION_NAMES)
    client = _client_of(sample, known.client, [n for n in identifiers if n != session])
    times = None if event is None else event.ms
    sequence = known.sequence or sequence_of(
        sample, session or client, {*taken, session, client}, times
    )
    by_record = has_record_times(sample, times)
    fields = Fields(
        event_time=_time_field(event, sample),
        sent_time=_time_field(sent, sample),
        received_time=RECORD_TIME_FIELD if by_record else _time_field(received, sample),
        client=client,
        session=session,
        sequence=sequence,
    )
    return Recognition(fields, _offers(candidates, sample), shares, known.name)


def _offers(candidates: Sequence[TimeCandidate], sample: pa.Table) -> tuple[TimeOffer, ...]:
    """Return the fields that could be the event time, the likeliest first."""
    return tuple(
        TimeOffer(
            name=c.name,
            share=c.share,
            form=c.recognised.form,
            choices=c.recognised.choices,
            is_likely=could_be_event_time(c),
        )
        for c in sorted(candidates, key=lambda c: -event_score(c, sample))
    )


def _with_joined(sample: pa.Table) -> pa.Table:
    """Return the sample with a field for every two that make one time."""
    for name in sample.column_names:
        stem, dot, own = name.rpartition(".")
        prefix, mark, word = ("", "", own) if own in SECONDS else own.rpartition("_")
        for other in FRACTIONS if word in SECONDS else ():
            sibling = f"{stem}{dot}{prefix}{mark}{other}"
            if sibling in sample.column_names and _is_split(sample, name, sibling):
                sample = _joined(sample, name, sibling)
    dates, clocks, digits = (
        [n for n in value_fields(sample) if _looks_like(sample[n], form)]
        for form in (_A_DATE, _A_TIME_OF_DAY, _DIGITS_OF_A_DAY)
    )
    for date, clock in _pairs(dates, clocks, digits):
        sample = _joined(sample, date, clock)
    return sample


def _pairs(
    dates: Sequence[str], clocks: Sequence[str], digits: Sequence[str]
) -> list[tuple[str, str]]:
    """Return dates with their times of day: those called the same but for that, or the only two.

    Digits alone, `digits`, may be anything: they have to be called the same, and a time.
    """
    called = [name for name in digits if _A_NAME_OF_TIME.search(name.lower())]
    alike = [(d, c) for d in dates for c in (*clocks, *called) if _of_what(d) == _of_what(c)]
    if not alike and len(dates) == len(clocks) == 1:
        return [(dates[0], clocks[0])]
    every = [name for pair in alike for name in pair]
    return [(d, c) for d, c in alike if every.count(d) == every.count(c) == 1]


def _of_what(name: str) -> str:
    """Return the name of a date or a time of day without what says that it is one."""
    return re.sub(r"date|day|time|clock|hour|datum|uhrzeit|zeit|[^a-z0-9.]", "", name.lower())


def _is_split(sample: pa.Table, seconds: str, fraction: str) -> bool:
    """Return whether one field is the fraction of the seconds in another.

    Always less than a second; and milli- or microseconds, which may be how long something took, are
    half a second or more somewhere, or stand with the seconds in an object of their own.
    """
    size = per_second(fraction)
    part, present = whole_numbers(sample[fraction])
    part = part[present]
    if size is None or not len(part) or part.min() < 0 or part.max() >= size:
        return False
    if _has_fractions(sample[seconds]) or _has_fractions(sample[fraction]):
        return False
    stem = seconds.rpartition(".")[0]
    beside = [n for n in sample.column_names if stem and n.startswith(f"{stem}.")]
    alone = len([n for n in beside if JOINED not in n]) == len((seconds, fraction))
    return size == _NANOS or alone or bool(2 * part.max() >= size)


def _has_fractions(column: pa.ChunkedArray) -> bool:
    if not pa.types.is_floating(column.type):
        return False
    return not pc.all(pc.equal(column, pc.floor(column)), min_count=0).as_py()


def _joined(sample: pa.Table, first: str, second: str) -> pa.Table:
    name = f"{first}{JOINED}{second}"
    return sample.append_column(name, column_of(sample, name))


def _looks_like(column: pa.ChunkedArray, form: str) -> bool:
    """Return whether all values look like a date or a time of day; numbers without zeros before."""
    is_number = pa.types.is_integer(column.type)
    if not (is_number or pa.types.is_string(column.type) or pa.types.is_dictionary(column.type)):
        return False
    present = values_of(column).drop_null()
    if is_number:
        if len(present) and pc.max(present).as_py() < _LEAST_OF_DIGITS:
            return False
        present = pc.utf8_lpad(present.cast(pa.string()), 6, "0")
    return len(present) > 0 and bool(pc.all(pc.match_substring_regex(present, form)).as_py())


_LEAST_OF_DIGITS: Final = 10_000
"""One o'clock, as hhmmss; what never is as much may be how long something took."""

_A_NAME_OF_TIME: Final = re.compile("time|clock|zeit|hora|heure|hour")
_A_DATE: Final = (
    r"^(?:19|20)\d\d-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])$|^\d{1,2}[./]\d{1,2}[./]\d{4}$"
)
_A_TIME_OF_DAY: Final = r"^\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?(\s*[AaPp]\.?[Mm]\.?)?$"
_DIGITS_OF_A_DAY: Final = r"^([01]\d|2[0-3])[0-5]\d[0-5]\d$"


def _time_field(found: TimeCandidate | None, sample: pa.Table) -> TimeField:
    """Return a candidate as a field, with its form where other times, not its values, tell it."""
    if found is None:
        return TimeField()
    form = found.recognised.form
    by_itself = recognise_form(sample[found.name]).form
    return TimeField((found.name,), form=None if form == by_itself else form)


# Times


def _candidates(names: Sequence[str], sample: pa.Table) -> list[TimeCandidate]:
    """Return the fields that are times, numbers counted from the epoch that other times ask for.

    Seconds since 1970, 1980 or 2001 overlap: the record timestamps tell which; without them fields
    whose values leave no doubt do, and then only of fields that are called a time.
    """
    records = record_times(sample)
    known = records[(records > YEAR_1990) & (records < YEAR_2100)]
    around = int(np.median(known)) if len(known) else None
    found = {name: _candidate(name, sample, around) for name in names}
    sure = [c for c in found.values() if c is not None and c.recognised.form in _SURE_FORMS]
    if around is None and sure:
        around = int(np.median([np.median(c.ms[c.ms != MISSING_TIME]) for c in sure]))
        doubtful = {*found} - {c.name for c in sure}
        for name in doubtful:
            if role_of_name(name) in ("event", "sent", "received"):
                found[name] = _candidate(name, sample, around)
    for name, candidate in list(found.items()):
        if candidate is not None and JOINED in name and per_second(name):
            found[name.partition(JOINED)[0]] = None  # the same time, less finely
    return [candidate for candidate in found.values() if candidate is not None]


_NEARLY_ALL, _HALF = 0.9, 0.5
"""Which share of a field's values are times of our age, and of one that is called a time.

Clients write 0 where they know no time, and clocks begin at 1970.
"""

_SURE_FORMS: Final = frozenset({"iso", "named_month", "mongo_date", "ms", "us", "ns"})


def _candidate(name: str, sample: pa.Table, around: int | None) -> TimeCandidate | None:
    """Return a field as a time; None where too few of its values are times of our age."""
    column, share = sample[name], share_of(sample[name])
    if name == EVENT_TIME:  # stands for itself, also in a topic that counts from 0
        recognised = recognise_form(column)
        times = read_times(column, recognised.form or "ms")
        ms = np.where(times.problem == READABLE, times.ms, MISSING_TIME)
        return TimeCandidate(name, share, recognised, ms) if (ms != MISSING_TIME).any() else None
    if share < SOME:
        return None
    recognised = recognise_form(column, around)
    form = recognised.form or (recognised.choices[0] if recognised.choices else None)
    if form is None:
        return None
    ms = _of_our_age(column, form)
    for unit in UNITS:  # some clients may write another unit than most
        ms = np.where(ms == MISSING_TIME, _of_our_age(column, unit), ms)
    least = _HALF if role_of_name(name) in ("event", "sent", "received") else _NEARLY_ALL
    if (ms != MISSING_TIME).sum() < least * share * len(column):
        return None
    return TimeCandidate(name, share, recognised, ms)


def _of_our_age(column: pa.ChunkedArray, form: FormName) -> NDArray[np.int64]:
    """Return a column's times in one form that are between 1990 and 2100; else `MISSING_TIME`."""
    times = read_times(column, form, zone="UTC" if FORMS[form].local else None, around=_YEAR_2010)
    good = (times.problem == READABLE) & (times.ms > YEAR_1990) & (times.ms < YEAR_2100)
    return np.where(good, times.ms, MISSING_TIME)


# Client, session and sequence number


def _is_identifier(column: pa.ChunkedArray) -> bool:
    """Return whether a field could tell things apart: whole numbers or text, in most records.

    Whole numbers may be written with a fraction: 97.0.
    """
    kind = column.type
    tells = pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_dictionary(kind)
    whole = pa.types.is_floating(kind) and integers(column) is not None
    return bool((tells or whole) and column.null_count * 2 <= len(column))


def _client_of(sample: pa.Table, known: str | None, names: Sequence[str]) -> str | None:
    """Return the client's field: a known system's, unless it is one value and another is several.

    The source of CloudEvents may be a client, or the one service that writes for all of them.
    """
    if known is not None and (_distinct(sample[known]) > 1 or len(sample) == 1):
        return known
    found = _client(sample, [n for n in names if n != known])
    return found if known is None or (found and _distinct(sample[found]) > 1) else known


def _client(sample: pa.Table, names: Sequence[str]) -> str | None:
    repeating = [n for n in names if n == CLIENT or _repeats(sample[n])]
    found = best_named(repeating, CLIENT, CLIENT_NAMES) or best_named(names, CLIENT, CLIENT_NAMES)
    if found is None and KEY in sample.column_names and _tells_clients_apart(sample[KEY]):
        return KEY
    return found or best_named(repeating, CLIENT, OTHER_CLIENT_NAMES)


def _repeats(column: pa.ChunkedArray) -> bool:
    return _distinct(column) * 2 <= len(column)


def _tells_clients_apart(column: pa.ChunkedArray) -> bool:
    return column.null_count == 0 and _distinct(column) > 1 and _repeats(column)


def _distinct(column: pa.ChunkedArray) -> int:
    return int(pc.count_distinct(values_of(column)).as_py())
