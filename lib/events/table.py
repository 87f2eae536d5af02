"""The events table: one row a record, in arrival order, with normalized times."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    EVENT_TIME_0,
    MISSING_TIME,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
    RECEIVED_TIME_0,
    RECEIVED_TIME_TYPE,
    RECORD_TIME,
    SENT_TIME,
    SEQUENCE,
    SESSION,
)
from lib.core.errors import FieldsError
from lib.core.parallel import in_parallel
from lib.core.times.reading import (
    FAR_AHEAD,
    FAR_OUTSIDE,
    MISSING,
    NOT_A_TIME,
    READABLE,
    UNCLEAR_ZONE,
)
from lib.decoding.merge import concat, texts
from lib.decoding.rejected import (
    EXCERPT_BYTES,
    IS_FAR_AHEAD,
    IS_FAR_BEFORE,
    MAX_EXCERPTS,
    REJECTED,
)
from lib.events.derived_sessions import derive_sessions
from lib.events.fields import FROM_PARTITION, RECORD_TIME_FIELD, RECORD_TIMESTAMP, Fields
from lib.events.pandas_columns import append, compact, integers, join, names
from lib.events.time_columns import TimeNotes, column_of, parts_of_times, read_time, record_times

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from lib.events.pandas_columns import Column

    Columns = dict[str, Column]


class TimeDomain(StrEnum):
    """The clock of the client, or of the record."""

    EVENT = "event"
    RECEIVED = "received"

    @property
    def milliseconds(self) -> str:
        """The column of this clock in epoch ms."""
        return EVENT_TIME if self is TimeDomain.EVENT else RECEIVED_TIME

    @property
    def seconds(self) -> str:
        """The column of this clock in seconds since zero."""
        return EVENT_TIME_0 if self is TimeDomain.EVENT else RECEIVED_TIME_0


@dataclass(frozen=True)
class TimeWindow:
    """The visible stretch: seconds since zero on one clock, both ends included."""

    clock: TimeDomain = TimeDomain.EVENT
    start_s: float = -math.inf
    end_s: float = math.inf

    @property
    def is_whole(self) -> bool:
        """Whether it leaves no event out, also none without a time on its clock."""
        return math.isinf(self.start_s)


THE_CLIENT: Final = "all"
"""`ClientID` of every event where the topic has no client field."""


def names_clients(clients: Iterable[object]) -> bool:
    """Return whether any of the clients is named by a field of the topic."""
    return any(client != THE_CLIENT for client in clients)


_PIECE: Final = 1 << 14

_SAMPLE: Final = 10_000
"""Times of which the median is taken, spread over a table."""

_LARGE: Final = 100_000
"""Rows from which on columns are made side by side; of fewer, starting threads takes longer."""


@dataclass(frozen=True)
class EventsTable:
    """A topic's events.

    Attributes
    ----------
    table
        The events table: one row an event, in arrival order, index 0, 1, 2, … Columns
        `Timestamp` and `KafkaTimestamp` int64 (epoch ms), `ClientID` and `SessionID` category,
        their categories sorted and of their own type, `EventID` Int64 where the topic has it,
        `KafkaPartition` int32, `KafkaOffset` int64, `EventTimestamp0` and `ReceivedTimestamp0`
        float64 (seconds since zero), `KafkaTimestampType` int8 (`lib.sources.records`); then the
        topic's other fields: text that repeats as category, whole numbers in the smallest type
        that holds them. Shared between viewers: never change it.
    zero_ms
        The event time of the first event in arrival order, epoch ms; 0 if there is none.
    rejected
        Records that lack a mapped field or whose event time cannot be read, schema
        `lib.decoding.rejected.REJECTED`.
    timestamp_types
        The kinds of record timestamps that occur (`lib.sources.records.CREATE_TIME`, …), sorted.
    notes
        How the times of each role ("event_time", "sent_time", "received_time") were read.
    has_event_time
        Whether there is a field for the event time. Without one `Timestamp` is `MISSING_TIME`
        throughout.
    """

    table: pd.DataFrame
    zero_ms: int
    rejected: pa.Table
    timestamp_types: tuple[int, ...]
    notes: Mapping[str, TimeNotes] = field(default_factory=dict)
    has_event_time: bool = True

    @cached_property
    def without_received(self) -> int:
        """How many events have no received time."""
        return int(np.count_nonzero(self.table[RECEIVED_TIME].to_numpy() == MISSING_TIME))

    @property
    def has_received_time(self) -> bool:
        """Whether any event has a received time."""
        return self.without_received < len(self.table)

    @cached_property
    def timed(self) -> pd.DataFrame:
        """The events that have both times: what delays are told from; the table itself if all."""
        if not self.has_event_time:
            return self.table.head(0)
        if not self.without_received:
            return self.table
        timed: pd.DataFrame = self.table[self.table[RECEIVED_TIME].to_numpy() != MISSING_TIME]
        return timed


def build_events(decoded: Sequence[pa.Table], fields: Fields) -> EventsTable:
    """Build the events table from decoded blocks, which is to append them to no events.

    Parameters, returns and raises as `append_events`.
    """
    return append_events(NO_EVENTS, decoded, fields)


def block_of_events(
    decoded: Sequence[pa.Table], fields: Fields, notes: Mapping[str, TimeNotes]
) -> EventsTable:
    """Return the events table of one block of a topic of which others were read before.

    Times are read in the forms that `notes` say of the first; a block in which no record has a
    field is no fault.
    """
    return append_events(replace(NO_EVENTS, notes=notes), decoded, fields, is_all=False)


def append_events(
    events: EventsTable, decoded: Sequence[pa.Table], fields: Fields, *, is_all: bool = True
) -> EventsTable:
    """Return `events` with decoded blocks: what building from all blocks gives.

    Except that times are judged by the median of a sample of the events that were there before. A
    mapped field takes the name of its column in the events table; another field that has this name
    already becomes `value.NAME`. No time is invented: an event without a received time keeps its
    place in its partition.

    Parameters
    ----------
    events
        Events of the topic, built with the same `fields`.
    decoded
        `lib.decoding.base.Decoded.columns` of each block; inside a partition in offset order, and
        behind `events`.
    fields
        Where the events table's columns come from.
    is_all
        Whether `events` and `decoded` are all that was read of the topic.

    Returns
    -------
    EventsTable
        Zero and both normalized times as in the notebook: `(ms - zero) / 1000.0`.

    Raises
    ------
    FieldsError
        When the first records of a topic all lack the event time, client or session field.
    """
    rows = concat([block for block in decoded if block.num_rows])
    if not rows.num_rows:
        return events
    is_first = events.table.empty
    if is_first and is_all and not events.rejected.num_rows:
        _require(rows, fields)
    read = _read_times(rows, fields, events)
    good, rejected = _split(rows, read, fields)
    rejected = pa.concat_tables([events.rejected, rejected]).unify_dictionaries()
    notes = {
        role: events.notes.get(role, TimeNotes()).and_then(of) for role, of in read.notes.items()
    }
    grown = replace(events, rejected=rejected, notes=notes, has_event_time=bool(fields.event_time))
    if not good.any():
        return grown
    times = read.ms
    if not good.all():
        rows, times = rows.filter(pa.array(good)), {role: ms[good] for role, ms in times.items()}
    columns = _to_columns(rows, times, fields)
    if not is_first:
        # With the few new rows in order, all rows mostly are, and the many need not be moved.
        columns = _joined(events.table, _in_order(columns), fields)
    table = _to_table(columns, fields)
    kinds = {*events.timestamp_types, *pc.unique(rows[RECEIVED_TIME_TYPE]).to_pylist()}
    return replace(grown, table=table, zero_ms=_zero(table), timestamp_types=tuple(sorted(kinds)))


def arrival_order(
    partition: NDArray[np.int32], received: NDArray[np.int64]
) -> NDArray[np.int64] | None:
    """Return the positions of records in arrival order, None if they are in it already.

    Offset order inside a partition; partitions merged by the running maximum of the record
    timestamp, ties by partition, then offset.

    Parameters
    ----------
    partition, received
        Partition and timestamp of each record; records of one partition in offset order.
    """
    if _is_in_order(partition, received):
        return None
    by_partition = _stable_order(partition)
    reached = _running_maximum(received[by_partition], partition[by_partition])
    order = by_partition[np.argsort(reached, kind="stable")]
    return None if (order[1:] > order[:-1]).all() else order


def keep_newest(events: EventsTable, count: int) -> EventsTable:
    """Return the last `count` events in arrival order; zero moves to the first of them."""
    if len(events.table) <= count:
        return events
    table = events.table.tail(count).reset_index(drop=True)
    for name in (CLIENT, SESSION):
        table[name] = table[name].cat.remove_unused_categories()
    zero = _zero(table)
    table[EVENT_TIME_0] = _seconds_since(zero, table[EVENT_TIME].to_numpy())
    table[RECEIVED_TIME_0] = _seconds_since(zero, table[RECEIVED_TIME].to_numpy())
    return replace(events, table=table, zero_ms=zero)


def window_rows(
    table: pd.DataFrame,
    clock: TimeDomain,
    start_s: float,
    end_s: float,
    clients: Collection[object] | None = None,
    fulfilling: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64] | slice:
    """Return the positions of the events inside a window of time, of some clients.

    Parameters
    ----------
    table
        An events table.
    clock
        The clock that the window is on.
    start_s, end_s
        First and last second since zero, both inclusive.
    clients
        The clients to keep; None for all.
    fulfilling
        Which events a filter leaves (`lib.events.filters.filtered`); None: all.

    Returns
    -------
    int64 positions in arrival order, or `slice(None)` where every event is inside, so that
    nothing is copied.
    """
    seconds = table[clock.seconds].to_numpy()
    if start_s == -np.inf and end_s == np.inf:  # an event without this time, too
        keep = np.ones(len(seconds), bool)
    else:
        keep = (seconds >= start_s) & (seconds <= end_s)
    if clients is not None:
        keep &= table[CLIENT].isin(list(clients)).to_numpy()
    if fulfilling is not None:
        keep &= fulfilling
    return slice(None) if keep.all() else np.flatnonzero(keep)


def _is_in_order(partition: NDArray[np.int32], received: NDArray[np.int64]) -> bool:
    """Return whether the timestamps alone put the records in arrival order."""
    if (received[1:] < received[:-1]).any():
        return False
    ties = received[1:] == received[:-1]
    return not (ties & (partition[1:] < partition[:-1])).any()


def _stable_order(partition: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the positions that sort `partition`; 16 bits, as nearly always, by radix sort."""
    small = len(partition) > 0 and partition.min() >= 0 and partition.max() < 1 << 15
    return np.argsort(partition.astype(np.int16) if small else partition, kind="stable")


def _running_maximum(values: NDArray[np.int64], partition: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the largest value so far in each partition; partitions stand one after another."""
    reached = values.copy()
    for piece in np.split(reached, np.flatnonzero(np.diff(partition)) + 1):
        np.maximum.accumulate(piece, out=piece)
    return reached


def _zero(table: pd.DataFrame) -> int:
    return int(table[EVENT_TIME].iloc[0]) if len(table) else 0


def _mapped(fields: Fields) -> Iterator[str]:
    """Yield the sources that an event must have, of the event time one."""
    yield from fields.event_time.sources
    for source in (fields.client, fields.session):
        if source is not None and source != FROM_PARTITION:
            yield source


def _require(rows: pa.Table, fields: Fields) -> None:
    needed = [(source,) for source in (fields.client, fields.session) if source is not None]
    for sources in (fields.event_time.sources, *needed):
        if sources and not any(map(partial(_has, rows), sources)):
            called = " or ".join(map(_called, sources))
            raise FieldsError(f"No record has {called}.", "Choose another field.")


def _has(rows: pa.Table, source: str) -> bool:
    if source == RECORD_TIMESTAMP and source not in rows.column_names:
        return bool((record_times(rows) != MISSING_TIME).any())
    return bool(column_of(rows, source).null_count < rows.num_rows)


def _called(source: str) -> str:
    """Return what a sentence calls a source."""
    kind, _, name = source.partition(":")
    if source == RECORD_TIMESTAMP:
        return "a record timestamp"
    return {"@key": "a key", "@header": f"a header “{name}”"}.get(kind, f"a field “{source}”")


@dataclass(frozen=True)
class _ReadTimes:
    """The times of some rows by role, `MISSING_TIME` where there is none; how they were read."""

    ms: dict[str, NDArray[np.int64]]
    event_problem: NDArray[np.uint8]
    notes: dict[str, TimeNotes]


def _read_times(rows: pa.Table, fields: Fields, before: EventsTable) -> _ReadTimes:
    """Read the times of rows behind those of `before`, in the forms that were found there."""
    clients = cache(partial(_clients, rows, fields))
    ms: dict[str, NDArray[np.int64]] = {}
    notes, problem = {}, np.full(rows.num_rows, READABLE, np.uint8)
    for role, name in _TIMES.items():
        wanted = getattr(fields, role)
        known = before.notes.get(role, TimeNotes()).forms
        found = read_time(
            rows,
            wanted,
            clients,
            known=known,
            around=_median(before.table, name),
            event_times=ms.get("event_time"),
        )
        ms[role], notes[role] = found.ms, found.notes
        if role == "event_time" and wanted:
            problem = found.problem
    return _ReadTimes(ms, problem, notes)


_TIMES: Final = {
    "event_time": EVENT_TIME,
    "sent_time": SENT_TIME,
    "received_time": RECEIVED_TIME,
}


def _median(table: pd.DataFrame, name: str) -> int | None:
    """Return the median of a sample of an events table's times in a column, None without."""
    times = _times_in(table, name)[:: 1 + len(table) // _SAMPLE]
    times = times[times != MISSING_TIME]
    return int(np.median(times)) if len(times) else None


def _clients(rows: pa.Table, fields: Fields) -> pd.Categorical[Any]:
    if fields.client is None:
        return _one_category(rows.num_rows)
    return names(column_of(rows, fields.client))


def _split(rows: pa.Table, read: _ReadTimes, fields: Fields) -> tuple[NDArray[np.bool_], pa.Table]:
    """Return which rows have every mapped field, and the rejected others."""
    named, problem = " or ".join(fields.event_time.sources), read.event_problem
    reasons = {
        MISSING: f"no {named}",
        NOT_A_TIME: f"{named} is not a time",
        FAR_OUTSIDE: f"{named} {IS_FAR_BEFORE}",
        FAR_AHEAD: f"{named} {IS_FAR_AHEAD}",
        UNCLEAR_ZONE: f"{named} has an abbreviation that does not name one zone: choose its zone",
    }
    for number, needed in enumerate((fields.client, fields.session), start=UNCLEAR_ZONE + 1):
        missing = _is_missing(rows, needed)
        if missing.any():
            problem = np.where(missing & (problem == READABLE), number, problem)
            reasons[number] = f"no {needed}"
    good = problem == READABLE
    if good.all():
        return good, REJECTED.empty_table()
    bad = rows.filter(pa.array(~good))
    why = [reasons[int(p)] for p in problem[~good]]
    first = next(iter(fields.event_time.sources), None)
    return good, _rejected(bad, why, first)


def _is_missing(rows: pa.Table, source: str | None) -> NDArray[np.bool_]:
    """Return in which rows a field is null or NaN."""
    if source is None:
        return np.zeros(rows.num_rows, bool)
    missing: NDArray[np.bool_] = column_of(rows, source).is_null(nan_is_null=True).to_numpy()
    return missing


def _rejected(rows: pa.Table, reasons: list[str], source: str | None) -> pa.Table:
    found = [] if source is None else texts(column_of(rows, source)[:MAX_EXCERPTS])
    excerpts = [None if text is None else f"{source}: {text}"[:EXCERPT_BYTES] for text in found]
    excerpts += [None] * (rows.num_rows - len(found))
    return pa.table(
        [
            rows[PARTITION],
            rows[OFFSET],
            rows[RECEIVED_TIME],
            pa.array(reasons, pa.string()).dictionary_encode(),
            pa.array(excerpts, pa.string()),
            pa.nulls(rows.num_rows, pa.binary()),
        ],
        schema=REJECTED,
    )


def _to_columns(rows: pa.Table, times: Mapping[str, NDArray[np.int64]], fields: Fields) -> Columns:
    """Return the rows as they are ordered, without what depends on other rows."""
    sequence = None if fields.sequence is None else integers(column_of(rows, fields.sequence))
    made: dict[str, Callable[[], Column]] = {
        EVENT_TIME: lambda: times["event_time"],
        RECEIVED_TIME: lambda: times["received_time"],
        CLIENT: partial(_clients, rows, fields),
    }
    if fields.session is not None:
        made[SESSION] = partial(names, column_of(rows, fields.session))
    if sequence is not None:
        made[SEQUENCE] = lambda: sequence
    if fields.sent_time:
        made[SENT_TIME] = lambda: times["sent_time"]
    if fields.received_time != RECORD_TIME_FIELD:
        at = record_times(rows, times["event_time"])
        if (at != MISSING_TIME).any():
            made[RECORD_TIME] = lambda: at
    made |= {name: rows[name].to_numpy for name in (PARTITION, OFFSET, RECEIVED_TIME_TYPE)}
    taken = {*made, SESSION, SEQUENCE, EVENT_TIME_0, RECEIVED_TIME_0, SENT_TIME, RECORD_TIME}
    times_of = parts_of_times(fields)
    used = {*_mapped(fields), *times_of, RECEIVED_TIME_TYPE, RECEIVED_TIME, PARTITION, OFFSET}
    if sequence is not None:
        used.add(str(fields.sequence))
    for name in rows.column_names:
        if name not in used:
            made[_unused_name(name, taken)] = partial(compact, rows[name])
    return in_parallel(made, worth_while=rows.num_rows >= _LARGE)


def _unused_name(name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"value.{name}"
    taken.add(name)
    return name


def _to_table(columns: Columns, fields: Fields) -> pd.DataFrame:
    """Return the events table of columns without those that depend on the order of all rows."""
    columns = _in_order(columns)
    times = np.asarray(columns[EVENT_TIME])
    zero = times[0] if len(times) else 0
    columns |= in_parallel(
        {
            EVENT_TIME_0: partial(_seconds_since, zero, times),
            RECEIVED_TIME_0: partial(_seconds_since, zero, np.asarray(columns[RECEIVED_TIME])),
        },
        worth_while=len(times) >= _LARGE,
    )
    if fields.session is None:
        clients = pd.Categorical(columns[CLIENT])
        columns[SESSION] = derive_sessions(clients, times, fields.session_gap_s)
    return pd.DataFrame({name: columns[name] for name in _in_table(columns)}, copy=False)


def _in_table(names: Collection[str]) -> list[str]:
    """Return names of columns in the order that they have in an events table."""
    return [*dict.fromkeys([*(name for name in _ORDER if name in names), *names])]


def _in_order(columns: Columns) -> Columns:
    """Return columns with their rows in arrival order."""
    partition, received = (np.asarray(columns[name]) for name in (PARTITION, RECEIVED_TIME))
    order = arrival_order(partition, received)
    if order is None:
        return columns
    moved = {name: partial(column.take, order) for name, column in columns.items()}
    return in_parallel(moved, worth_while=len(order) >= _LARGE)


def with_seconds(events: pd.DataFrame, zero_ms: int) -> pd.DataFrame:
    """Return events with both times in seconds since zero, too, as an events table has them."""
    clocks = {each.seconds: events[each.milliseconds].to_numpy() for each in TimeDomain}
    found = events.assign(**{name: _seconds_since(zero_ms, at) for name, at in clocks.items()})
    return found[_in_table([*map(str, found)])]


def _seconds_since(zero: int, times: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return `(times - zero) / 1000.0`, NaN for a missing time, a piece at a time for the cache."""
    seconds = np.empty(len(times))
    for first in range(0, len(times), _PIECE):
        piece = slice(first, first + _PIECE)
        np.divide(times[piece] - zero, 1000.0, out=seconds[piece])
    if len(times) and times.min() == MISSING_TIME:
        seconds[times == MISSING_TIME] = np.nan
    return seconds


_ORDER: Final = (
    EVENT_TIME,
    RECEIVED_TIME,
    CLIENT,
    SESSION,
    SEQUENCE,
    PARTITION,
    OFFSET,
    EVENT_TIME_0,
    RECEIVED_TIME_0,
    RECEIVED_TIME_TYPE,
    SENT_TIME,
    RECORD_TIME,
)


def _one_category(rows: int) -> pd.Categorical[Any]:
    return pd.Categorical.from_codes(np.zeros(rows, np.int8), categories=pd.Index([THE_CLIENT]))


def _joined(upper: pd.DataFrame, lower: Columns, fields: Fields) -> Columns:
    """Return the rows of both, without the columns that depend on the order of all rows."""
    dependent = {EVENT_TIME_0, RECEIVED_TIME_0, *([SESSION] if fields.session is None else [])}
    below = pd.DataFrame(lower, copy=False)
    both = dict.fromkeys([*upper.columns, *below.columns])
    made = {name: partial(_both, upper, below, name) for name in both if name not in dependent}
    return in_parallel(made, worth_while=len(upper) >= _LARGE)


def _both(upper: pd.DataFrame, below: pd.DataFrame, name: str) -> Column:
    """Return a column of both."""
    if name in (SENT_TIME, RECORD_TIME):
        return np.concatenate([_times_in(upper, name), _times_in(below, name)])
    if name in (EVENT_TIME, RECEIVED_TIME, PARTITION, OFFSET, RECEIVED_TIME_TYPE):
        return np.concatenate([upper[name].to_numpy(), below[name].to_numpy()])
    parts = _column_or_nulls(upper, name), _column_or_nulls(below, name)
    appended = append(*parts)
    return _retyped(name, join(*parts)) if appended is None else appended


def _times_in(frame: pd.DataFrame, name: str) -> NDArray[np.int64]:
    return frame[name].to_numpy() if name in frame else np.full(len(frame), MISSING_TIME)


def _column_or_nulls(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame[name] if name in frame else pd.Series([None] * len(frame), dtype="object")


def _retyped(name: str, column: pa.ChunkedArray) -> Column:
    """Return a column that has got values of another type, in the type of its role."""
    if name in (CLIENT, SESSION):
        return names(column)
    sequence = integers(column) if name == SEQUENCE else None
    return compact(column) if sequence is None else sequence


NO_EVENTS: Final = EventsTable(
    _to_table(
        {
            EVENT_TIME: np.empty(0, np.int64),
            RECEIVED_TIME: np.empty(0, np.int64),
            CLIENT: pd.Categorical([]),
            SESSION: pd.Categorical([]),
            PARTITION: np.empty(0, np.int32),
            OFFSET: np.empty(0, np.int64),
            RECEIVED_TIME_TYPE: np.empty(0, np.int8),
        },
        Fields(),
    ),
    0,
    REJECTED.empty_table(),
    (),
)
"""The events table of a topic without records."""
