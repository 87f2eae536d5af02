"""Which field is event time, client, session and sequence number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
    RECEIVED_TIME_TYPE,
    SEQUENCE,
    SESSION,
)
from lib.core.errors import FieldsError
from lib.core.time_units import READABLE, UNITS, Unit, event_times, recognise_unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

KEY: Final = "@key"
HEADER: Final = "@header:"
FROM_PARTITION: Final = "@partition"

DEFAULT_GAP_S: Final = 30.0


@dataclass(frozen=True)
class Fields:
    """Where the events table's columns come from.

    A source is a field of the value, nested ones with dots (`Data.ts`); or `@key`,
    `@header:NAME`, `@partition`. The defaults are the notebook's topic.

    Attributes
    ----------
    event_time
        The client's own time. None: the record's timestamp stands in for it.
    unit
        How it is written.
    client
        Who sent the event. None: all events are one client's.
    session
        The session. None: derived per client by an inactivity gap.
    sequence
        The sequence number in the session. None: there is none.
    session_gap_s
        Seconds of event time without an event of the client after which a derived session ends.
    """

    event_time: str | None = EVENT_TIME
    unit: Unit = "ms"
    client: str | None = CLIENT
    session: str | None = SESSION
    sequence: str | None = SEQUENCE
    session_gap_s: float = DEFAULT_GAP_S

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise FieldsError(
                f"“{self.unit}” is no unit of time.", f"Choose one of {', '.join(UNITS)}."
            )
        if not self.session_gap_s > 0:
            raise FieldsError(
                f"A session gap of {self.session_gap_s} s is impossible.",
                "Choose one larger than zero.",
            )

    @property
    def sources(self) -> tuple[str | None, ...]:
        """The sources of event time, client, session and sequence number."""
        return self.event_time, self.client, self.session, self.sequence

    @property
    def extras(self) -> tuple[str, ...]:
        """The sources outside the value that a decoder has to keep (`extras`)."""
        return tuple(dict.fromkeys(s for s in self.sources if s and s.startswith((KEY, HEADER))))


def _names(text: str) -> tuple[str, ...]:
    """Return the words of `text`: names without case and punctuation, the likeliest first."""
    return tuple(text.split())


_EVENT_TIMES: Final = _names(
    "eventtime eventtimestamp timestamp eventts ts time occurredat happenedat occurred clienttime "
    "clienttimestamp devicetime devicetimestamp t when datetime createdat created sentat sendtime "
    "recordedat at date"
)
_OTHER_TIMES: Final = re.compile(
    r"receiv|ingest|process|server|broker|kafka|arriv|stored|insert|updat|expir|birth|until|(?<!s)end"
)
_SESSIONS: Final = _names(
    "sessionid session sessid sessionkey visitid visit tripid trip rideid ride journeyid journey "
    "connectionid runid conversationid callid sid"
)
_CLIENTS: Final = _names(
    "clientid client deviceid device userid user sensorid sensor vehicleid vehicle machineid "
    "machine customerid customer accountid account playerid player driverid installationid "
    "gatewayid gateway stationid station terminalid imei mac uid did cid hostname host sourceid "
    "source producerid"
)
_SEQUENCES: Final = _names(
    "eventid sequencenumber sequenceno sequenceid sequence seqnum seqno seqid seq eventnumber "
    "eventno eventindex messagenumber"
)


def recognise(sample: pa.Table) -> Fields:
    """Recognise the fields of a topic from some of its records.

    By name, by type, and by behaviour: a time field is one whose values move with the records'
    timestamps; a client repeats; a sequence number counts up in its session or client. The
    notebook's names always stand for themselves.

    Parameters
    ----------
    sample
        Decoded records, `lib.decoding.base.Decoded.columns`; decoded with `extras=("@key",)`, the
        record key is considered as the client.

    Returns
    -------
    Fields
        What is not recognised is None. Any sample gives an answer.
    """
    event_time, unit = _recognise_time(sample)
    names = [n for n in _identifiers(sample) if n != event_time]
    session = _named(names, SESSION, _SESSIONS)
    client = _recognise_client(sample, [n for n in names if n != session])
    taken = {event_time, session, client}
    sequence = _recognise_sequence(sample, session or client, taken)
    return Fields(event_time, unit, client, session, sequence)


def _value_fields(sample: pa.Table) -> list[str]:
    kafka = {PARTITION, OFFSET, RECEIVED_TIME, RECEIVED_TIME_TYPE}
    return [n for n in sample.column_names if n not in kafka and not n.startswith((KEY, HEADER))]


def _identifiers(sample: pa.Table) -> list[str]:
    """Return the fields that could tell things apart: whole numbers or text, in most records."""
    return [
        name
        for name in _value_fields(sample)
        if name in (CLIENT, SESSION)
        or (_is_identifier(sample[name].type) and sample[name].null_count * 2 <= len(sample[name]))
    ]


def _is_identifier(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_dictionary(kind)
    )


def _forms(name: str) -> Iterable[str]:
    """Return what a field may be known as: `Client.device_id` as clientdeviceid and deviceid."""
    parts = [re.sub(r"[^a-z0-9]", "", part.lower()) for part in name.split(".")]
    return "".join(parts), "".join(parts[-2:]), parts[-1]


def _rank(name: str, known: Sequence[str]) -> int:
    """Return how well `name` fits: its place in `known`, or their number if it has none."""
    return min(known.index(form) if form in known else len(known) for form in _forms(name))


def _named(names: Iterable[str], exact: str, known: Sequence[str]) -> str | None:
    names = list(names)
    if exact in names:
        return exact
    best = min(names, key=lambda name: _rank(name, known), default=None)
    return best if best is not None and _rank(best, known) < len(known) else None


def _recognise_time(sample: pa.Table) -> tuple[str | None, Unit]:
    if EVENT_TIME in sample.column_names:
        return EVENT_TIME, recognise_unit(sample[EVENT_TIME]) or "ms"
    scores = {name: _time_score(name, sample) for name in _value_fields(sample)}
    best = max(scores, key=lambda name: scores[name], default=None)
    if best is None or scores[best] <= 0:
        return None, "ms"
    return best, recognise_unit(sample[best]) or "ms"


_YEAR_1990: Final = 631_152_000_000
_YEAR_2100: Final = 4_102_444_800_000
_DAY_MS: Final = 86_400_000


def _time_score(name: str, sample: pa.Table) -> float:
    """Return how much a field looks like the event time; 0 if it does not.

    Its values must be times of our age in nearly all records. Then the name counts, that it moves
    with the record timestamps, and that it is not far from them.
    """
    unit = recognise_unit(sample[name])
    if unit is None:
        return 0.0
    times = event_times(sample[name], unit)
    good = (times.problem == READABLE) & (times.ms > _YEAR_1990) & (times.ms < _YEAR_2100)
    if good.mean() < 0.9:
        return 0.0
    ms, received = times.ms[good], sample[RECEIVED_TIME].to_numpy()[good]
    rank = _rank(name, _EVENT_TIMES)
    named = 2 - rank / len(_EVENT_TIMES) if rank < len(_EVENT_TIMES) else 0.0
    other = 1.5 if _OTHER_TIMES.search(name.rpartition(".")[2].lower()) else 0.0
    near = float(np.median(np.abs(ms - received))) < _DAY_MS
    return max(0.0, 1 + named + _correlation(ms, received) + 0.5 * near - other)


def _correlation(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    x, y = a - np.mean(a), b - np.mean(b)
    spread = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum()) / spread if spread > 0 else 0.0


def _recognise_client(sample: pa.Table, names: Sequence[str]) -> str | None:
    repeating = [n for n in names if n == CLIENT or _repeats(sample[n])]
    found = _named(repeating, CLIENT, _CLIENTS) or _named(names, CLIENT, _CLIENTS)
    if found is None and KEY in sample.column_names and _tells_clients_apart(sample[KEY]):
        return KEY
    return found


def _repeats(column: pa.ChunkedArray) -> bool:
    return int(pc.count_distinct(_values(column)).as_py()) * 2 <= len(column)


def _tells_clients_apart(column: pa.ChunkedArray) -> bool:
    distinct = int(pc.count_distinct(_values(column)).as_py())
    return column.null_count == 0 and distinct > 1 and _repeats(column)


def _values(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _recognise_sequence(sample: pa.Table, of: str | None, taken: set[str | None]) -> str | None:
    """Return the field that counts events: by name, or because it goes up by one in most steps."""
    names = [
        n for n in _value_fields(sample) if n not in taken and pa.types.is_integer(sample[n].type)
    ]
    if SEQUENCE in sample.column_names and SEQUENCE not in taken:
        return SEQUENCE
    named = _named(names, SEQUENCE, _SEQUENCES)
    if named is not None:
        return named
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
