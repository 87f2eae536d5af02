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
    PARTITION,
    SEQUENCE,
    SESSION,
)
from lib.core.durations import DAY_MS
from lib.core.moments import YEAR_1990, YEAR_2100
from lib.core.times.forms import FORMS, UNITS, FormName
from lib.core.times.reading import READABLE, read_times
from lib.core.times.recognition import Recognised, recognise_form
from lib.core.times.two_columns import whole_numbers
from lib.events.fields import JOINED, RECORD_TIME_FIELD, Fields, TimeField
from lib.events.pandas_columns import integers
from lib.events.systems import known_system
from lib.events.time_columns import column_of, per_second, record_times

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

NEARLY_ALL: Final = 0.5
"""The share of the records that must have a field for it to be taken for the event time."""

COMPLEMENTED: Final = 0.05
"""From which share of records on that lack the event time another field is asked about."""

SOME: Final = 0.1
"""The share from which on a field is offered as a time."""


@dataclass(frozen=True)
class TimeCandidate:
    """A field whose values are times of our age.

    Attributes
    ----------
    name
        The field.
    share
        The share of the records that have it.
    recognised
        How it is written.
    ms
        int64, epoch ms, a record each; `MISSING_TIME` where there is none.
    """

    name: str
    share: float
    recognised: Recognised
    ms: NDArray[np.int64]


@dataclass(frozen=True)
class TimeOffer:
    """A field that could be a time: its name, the share of records that have it, and how written.

    `choices` are the forms of which people have to choose one, where the values do not tell.
    """

    name: str
    share: float
    form: FormName | None
    choices: tuple[FormName, ...] = ()


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

_YEAR_2010: Final = 1_262_304_000_000
_MONTH_MS: Final = 30 * DAY_MS


def _words(text: str) -> tuple[str, ...]:
    """Return names, without case and punctuation, the likeliest first."""
    return tuple(text.split())


# Words inside a name, and what they make of a time.
_RECEIVED: Final = frozenset(
    _words(
        "received receive recv rcvd rcv receipt ingested ingest ingestion collector collected "
        "collect arrived arrival arrive observed enqueued enqueue server broker kafka appended "
        "append published publish now gateway realtime wall intake landed logged"
    )
)
_SENT: Final = frozenset(
    _words("sent send sending upload uploaded transmitted transmit tx stm flushed dispatched")
)
_NEITHER: Final = frozenset(
    _words(
        "processed processing etl loaded load updated update modified expires expired expiry "
        "expiration birth born dob install installed first last previous prev until end ended due "
        "scheduled deleted derived stored inserted valid touch exp iat nbf download start started "
        "deadline eta next renew renewal renews timeout ttl expire target planned promised"
    )
)
_EVENT: Final = _words(
    "eventtime eventtimestamp timestamp eventts ts time occurredat happenedat occurred clienttime "
    "clienttimestamp devicetime devicetimestamp t when datetime createdat created tst dtm "
    "recordedat measuredat at date"
)
_EVENT_WORDS: Final = frozenset(
    _words("event occurred happened original client device dvce source fix measured captured")
)
_SECONDS: Final = frozenset(
    _words("seconds _seconds epochSecond epochSeconds epoch_second epoch_seconds secs sec")
)
_FRACTIONS: Final = _words(
    "nanos nanoseconds _nanoseconds nano nanosec nsecs nsec micros microseconds micro microsec "
    "usecs usec millis milliseconds milli millisec msecs msec ms"
)
_NANOS: Final = 1_000_000_000
_SESSIONS: Final = _words(
    "sessionid session sessid sessionkey visitid visit tripid trip rideid ride journeyid journey "
    "connectionid runid conversationid callid sid domainsessionid"
)
_CLIENTS: Final = _words(
    "clientid client deviceid device userid user anonymousid distinctid userpseudoid domainuserid "
    "duid connectiondeviceid sensorid sensor vehicleid vehicle machineid machine customerid "
    "customer accountid account playerid player driverid installationid appsflyerid adid truckid "
    "truck gatewayid gateway stationid station terminalid imei mac uid did cid tid hostname "
    "host sourceid instance producerid logstreamname username partitionkey topic source"
)
_SEQUENCES: Final = _words(
    "eventid sequencenumber sequenceno sequenceid sequence seqnum seqno seqid seq eventnumber "
    "eventno eventindex messagenumber fcnt counter"
)


def recognise(sample: pa.Table) -> Recognition:
    """Recognise the roles of a topic's fields from some of its records.

    Parameters
    ----------
    sample
        Decoded records, `lib.decoding.base.Decoded.columns`; decoded with the key and all headers
        as extras. Any sample gives an answer.
    """
    sample = _with_joined(sample)
    names = _value_fields(sample)
    shares = {n: _share(sample[n]) for n in sample.column_names if n not in KAFKA_COLUMNS}
    candidates = _candidates(names, sample)
    known = known_system(sample.column_names)
    others = [c for c in candidates if c.name != known.stand_in]
    event = _event_time(others, sample, known.event_time)
    event = event or _event_time(candidates, sample, known.event_time)
    not_sent = [c for c in candidates if c.name != known.sent_time]
    received = _received_time(not_sent, event, known.received_time)
    sent = _sent_time(candidates, event, received, known.sent_time)
    taken = {c.name for c in (event, received, sent) if c is not None}
    able = [n for n in names if n in (CLIENT, SESSION) or _is_identifier(sample[n])]
    identifiers = [n for n in able if n not in taken]
    session = known.session or _named(identifiers, SESSION, _SESSIONS)
    client = _client_of(sample, known.client, [n for n in identifiers if n != session])
    sequence = known.sequence or _sequence(sample, session or client, {*taken, session, client})
    received_field = _time_field(received, sample)
    fields = Fields(
        event_time=_time_field(event, sample),
        sent_time=_time_field(sent, sample),
        received_time=RECORD_TIME_FIELD if _has_record_times(sample, event) else received_field,
        client=client,
        session=session,
        sequence=sequence,
    )
    likeliest = sorted(candidates, key=lambda c: -_event_score(c, sample))
    offers = tuple(
        TimeOffer(c.name, c.share, c.recognised.form, c.recognised.choices) for c in likeliest
    )
    return Recognition(fields, offers, shares, known.name)


def _with_joined(sample: pa.Table) -> pa.Table:
    """Return the sample with a field for every two that make one time."""
    for name in sample.column_names:
        stem, dot, own = name.rpartition(".")
        prefix, mark, word = ("", "", own) if own in _SECONDS else own.rpartition("_")
        for other in _FRACTIONS if word in _SECONDS else ():
            sibling = f"{stem}{dot}{prefix}{mark}{other}"
            if sibling in sample.column_names and _is_split(sample, name, sibling):
                sample = _joined(sample, name, sibling)
    dates = [n for n in _value_fields(sample) if _looks_like(sample[n], _A_DATE)]
    clocks = [n for n in _value_fields(sample) if _looks_like(sample[n], _A_TIME_OF_DAY)]
    if len(dates) == 1 and len(clocks) == 1:
        sample = _joined(sample, dates[0], clocks[0])
    return sample


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
    if not (pa.types.is_string(column.type) or pa.types.is_dictionary(column.type)):
        return False
    present = _values(column).drop_null()
    return len(present) > 0 and bool(pc.all(pc.match_substring_regex(present, form)).as_py())


_A_DATE: Final = r"^\d{4}-?\d{2}-?\d{2}$|^\d{1,2}[./]\d{1,2}[./]\d{4}$"
_A_TIME_OF_DAY: Final = r"^\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?$"


def _time_field(found: TimeCandidate | None, sample: pa.Table) -> TimeField:
    """Return a candidate as a field, with its form where other times, not its values, tell it."""
    if found is None:
        return TimeField()
    form = found.recognised.form
    by_itself = recognise_form(sample[found.name]).form
    return TimeField((found.name,), form=None if form == by_itself else form)


def _value_fields(sample: pa.Table) -> list[str]:
    return [n for n in sample.column_names if n not in KAFKA_COLUMNS and n != KEY]


def _share(column: pa.ChunkedArray) -> float:
    return float(1 - column.null_count / max(len(column), 1))


def _has_record_times(sample: pa.Table, event: TimeCandidate | None) -> bool:
    times = record_times(sample, None if event is None else event.ms)
    return bool((times != MISSING_TIME).any())


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
            if _role_of_name(name) in ("event", "sent", "received"):
                found[name] = _candidate(name, sample, around)
    for name, candidate in list(found.items()):
        if candidate is not None and JOINED in name and per_second(name):
            found[name.partition(JOINED)[0]] = None  # the same time, less finely
    return [candidate for candidate in found.values() if candidate is not None]


_SURE_FORMS: Final = frozenset({"iso", "named_month", "mongo_date", "ms", "us", "ns"})


def _candidate(name: str, sample: pa.Table, around: int | None) -> TimeCandidate | None:
    """Return a field as a time; None where most of its values are no times of our age."""
    column, share = sample[name], _share(sample[name])
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
    if (ms != MISSING_TIME).sum() < 0.9 * share * len(column):
        return None
    return TimeCandidate(name, share, recognised, ms)


def _of_our_age(column: pa.ChunkedArray, form: FormName) -> NDArray[np.int64]:
    """Return a column's times in one form that are between 1990 and 2100; else `MISSING_TIME`."""
    times = read_times(column, form, zone="UTC" if FORMS[form].local else None, around=_YEAR_2010)
    good = (times.problem == READABLE) & (times.ms > YEAR_1990) & (times.ms < YEAR_2100)
    return np.where(good, times.ms, MISSING_TIME)


def _own(name: str) -> str:
    """Return the name of a time without what only says how it is written."""
    first, joined, _ = name.partition(JOINED)
    if joined and per_second(name):
        return first.rpartition(".")[0] or first
    return name.removesuffix(".$date")


def _tokens(name: str) -> list[str]:
    """Return the words of a field's own name: event, enqueued, … of `EventEnqueuedUtcTime`."""
    own = _own(name).rpartition(".")[2]
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", own)
    return re.findall(r"[a-z]+", spaced.lower())


def _forms(name: str) -> Iterable[str]:
    """Return what a field may be known as: `Client.device_id` as clientdeviceid and deviceid."""
    parts = [re.sub(r"[^a-z0-9]", "", part.lower()) for part in _own(name).split(".")]
    return "".join(parts), "".join(parts[-2:]), parts[-1]


def _rank(name: str, known: Sequence[str]) -> int:
    """Return how well `name` fits: its place in `known`, or their number if it has none."""
    return min(known.index(form) if form in known else len(known) for form in _forms(name))


def _role_of_name(name: str) -> str:
    """Return the time that a name speaks of: "received", "sent", "event", "other", or ""."""
    if _rank(name, _EVENT) < len(_EVENT) and name.count(".") == 0:
        return "event"
    words = set(_tokens(name))
    for role, known in (("other", _NEITHER), ("sent", _SENT), ("received", _RECEIVED)):
        if words & known:
            return role
    parents = set(re.findall(r"[a-z]+", name.rpartition(".")[0].lower()))
    if _rank(name, _EVENT) < len(_EVENT) or words & _EVENT_WORDS:
        return "received" if parents & {"wall"} else "event"
    return ""


def _event_score(candidate: TimeCandidate, sample: pa.Table) -> float:
    """Return how much a field looks like the event time.

    Its name, that it moves with the record timestamps, that it is not far from them, and that
    nearly all records have it.
    """
    rank = _rank(candidate.name, _EVENT)
    named = 2 - rank / len(_EVENT) if rank < len(_EVENT) else 0.0
    role = _role_of_name(candidate.name)
    named += {"event": 0.4, "received": -1.5, "sent": -1.0, "other": -2.0}.get(role, 0.0)
    records = record_times(sample, candidate.ms)
    both = (candidate.ms != MISSING_TIME) & (records != MISSING_TIME)
    near = moves = 0.0
    if both.any():
        ms, record = candidate.ms[both], records[both]
        near = 0.5 * (float(np.median(np.abs(ms - record))) < DAY_MS)
        moves = _correlation(ms, record)
    present = candidate.ms[candidate.ms != MISSING_TIME]
    constant = np.ptp(present) == 0 and len(present) > 1
    dates = bool((present % DAY_MS == 0).all())
    return float(1 + named + moves + near + candidate.share - 3.0 * (constant or dates))


def _event_time(
    candidates: Sequence[TimeCandidate], sample: pa.Table, known: str | None
) -> TimeCandidate | None:
    """Return the likeliest event time; None where most records lack it or the form is unclear.

    Also where another field is the time of those that lack it: which of both comes first is for
    people to say.
    """
    for name in (EVENT_TIME, known):
        exact = next((c for c in candidates if c.name == name), None)
        if exact is not None:
            return exact
    # A field that says that it is the time of receipt or of sending is not the event's.
    able = [c for c in candidates if _role_of_name(c.name) in ("event", "")]
    best = max(able, key=lambda c: _event_score(c, sample), default=None)
    if best is not None and not _has_record_times(sample, best):
        best = next((c for c in able if _is_receipt_of(best, c)), best)
    if best is None or best.share <= NEARLY_ALL or best.recognised.form is None:
        return None
    lacking = best.ms == MISSING_TIME
    stand_ins = (c for c in able if c is not best and (c.ms[lacking] != MISSING_TIME).mean() > 0.5)
    return None if lacking.mean() > COMPLEMENTED and any(stand_ins) else best


def _received_time(
    candidates: Sequence[TimeCandidate],
    event: TimeCandidate | None,
    known: str | None,
) -> TimeCandidate | None:
    """Return the field that behaves as a time of receipt, by name first."""
    others = [c for c in candidates if event is None or c.name != event.name]
    exact = next((c for c in others if c.name == known), None)
    if exact is not None:
        return exact
    named = [c for c in others if _role_of_name(c.name) == "received" and _can_follow(c, event)]
    if named:
        return min(named, key=lambda c: (c.name.count("."), _lag(c, event)))
    behaving = [
        c for c in others if _role_of_name(c.name) not in ("sent", "other") and _behaves(c, event)
    ]
    return min(behaving, key=lambda c: _lag(c, event), default=None)


def _sent_time(
    candidates: Sequence[TimeCandidate],
    event: TimeCandidate | None,
    received: TimeCandidate | None,
    known: str | None,
) -> TimeCandidate | None:
    """Return the field that says when an event was sent: by name, and never before the event."""
    taken = {c.name for c in (event, received) if c is not None}
    others = [c for c in candidates if c.name not in taken]
    exact = next((c for c in others if c.name == known), None)
    if exact is not None or event is None:
        return exact
    named = [c for c in others if _role_of_name(c.name) == "sent" and _precedes(event, c)]
    return min(named, key=lambda c: _lag(c, event), default=None)


def _lags(later: TimeCandidate, earlier: TimeCandidate | None) -> NDArray[np.int64]:
    """Return how long after one time the other is, where records have both, ms."""
    if earlier is None:
        return np.empty(0, np.int64)
    both = (later.ms != MISSING_TIME) & (earlier.ms != MISSING_TIME)
    lags: NDArray[np.int64] = later.ms[both] - earlier.ms[both]
    return lags


def _lag(later: TimeCandidate, earlier: TimeCandidate | None) -> float:
    lags = _lags(later, earlier)
    return float(np.median(np.abs(lags))) if len(lags) else 0.0


def _can_follow(later: TimeCandidate, event: TimeCandidate | None) -> bool:
    """Return whether a time can be one of receipt: within a month of the event."""
    return _lag(later, event) < _MONTH_MS


def _precedes(event: TimeCandidate, later: TimeCandidate) -> bool:
    lags = _lags(later, event)
    return len(lags) > 0 and float(np.mean(lags >= 0)) > 0.9


def _behaves(candidate: TimeCandidate, event: TimeCandidate | None) -> bool:
    """Return whether a time rises from record to record and is not before the event."""
    if event is None or not _precedes(event, candidate) or not _can_follow(candidate, event):
        return False
    present = candidate.ms[candidate.ms != MISSING_TIME]
    return len(present) > 1 and float(np.mean(np.diff(present) >= 0)) > 0.99


def _is_receipt_of(candidate: TimeCandidate, event: TimeCandidate) -> bool:
    """Return whether what is named like an event time is when a server wrote down another.

    It rises from record to record, where the other, which it follows closely, does not.
    """
    if candidate is event or _tells_of_event(candidate.name) or _behaves(event, event):
        return False
    both = (candidate.ms != MISSING_TIME) & (event.ms != MISSING_TIME)
    follows = _correlation(candidate.ms[both], event.ms[both]) > 0.9 if both.any() else False
    return follows and _behaves(candidate, event)


def _tells_of_event(name: str) -> bool:
    return bool(_EVENT_WORDS & set(_tokens(name)))


def _correlation(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    x, y = a - np.mean(a), b - np.mean(b)
    spread = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum()) / spread if spread > 0 else 0.0


# Client, session and sequence number


def _is_identifier(column: pa.ChunkedArray) -> bool:
    """Return whether a field could tell things apart: whole numbers or text, in most records."""
    kind = column.type
    tells = pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_dictionary(kind)
    return bool(tells and column.null_count * 2 <= len(column))


def _named(names: Sequence[str], exact: str, known: Sequence[str]) -> str | None:
    if exact in names:
        return exact
    best = min(names, key=lambda name: _rank(name, known), default=None)
    return best if best is not None and _rank(best, known) < len(known) else None


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
    found = _named(repeating, CLIENT, _CLIENTS) or _named(names, CLIENT, _CLIENTS)
    if found is None and KEY in sample.column_names and _tells_clients_apart(sample[KEY]):
        return KEY
    return found


def _repeats(column: pa.ChunkedArray) -> bool:
    return _distinct(column) * 2 <= len(column)


def _tells_clients_apart(column: pa.ChunkedArray) -> bool:
    return column.null_count == 0 and _distinct(column) > 1 and _repeats(column)


def _distinct(column: pa.ChunkedArray) -> int:
    return int(pc.count_distinct(_values(column)).as_py())


def _values(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _sequence(sample: pa.Table, of: str | None, taken: set[str | None]) -> str | None:
    """Return the field that counts events: by name, or because it goes up by one in most steps."""
    able = [n for n in _value_fields(sample) if n not in taken]
    names = [n for n in able if pa.types.is_integer(sample[n].type)]
    if SEQUENCE in sample.column_names and SEQUENCE not in taken:
        return SEQUENCE
    named = _named(names, SEQUENCE, _SEQUENCES)
    if named is not None:
        return named
    called_so = [n for n in able if n not in names and _rank(n, _SEQUENCES) < len(_SEQUENCES)]
    written = [n for n in called_so if integers(sample[n]) is not None]  # as text, or 12.0
    if written:
        return _named(written, SEQUENCE, _SEQUENCES)
    counting = {name: _share_of_steps_by_one(sample, name, of) for name in names}
    best = max(counting, key=lambda name: counting[name], default=None)
    return best if best is not None and counting[best] >= 0.8 else None


_FEWEST_STEPS: Final = 10


def _share_of_steps_by_one(sample: pa.Table, name: str, of: str | None) -> float:
    """Return in how many steps, from one record of a session to its next, a field grows by one."""
    numbers = pc.fill_null(sample[name], 0).to_numpy()
    group = _values(sample[of if of is not None else PARTITION])
    if isinstance(group, pa.ChunkedArray):
        group = group.combine_chunks()
    codes = pc.fill_null(group.dictionary_encode().indices, -1).to_numpy()
    order = np.argsort(codes, kind="stable")
    same = np.diff(codes[order]) == 0
    if same.sum() < _FEWEST_STEPS:
        return 0.0
    return float((np.diff(numbers[order])[same] == 1).mean())
