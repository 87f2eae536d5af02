"""Where the records of a file stand, and when they were received, as far as the file says so.

Kafka's tools write partition, offset, timestamp, key and headers beside each value, and a table of
events that Skewline wrote has `KafkaPartition`, `KafkaOffset` and `KafkaTimestamp`. Where a file
has no offsets, a record stands at the number of its row; where it has no timestamps, its records
have none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.columns import (
    EVENT_TIME_0,
    KAFKA_COLUMNS,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
    RECEIVED_TIME_0,
    RECEIVED_TIME_TYPE,
)
from lib.core.errors import UnreadableFileError
from lib.core.times.reading import FAR_AHEAD, FAR_OUTSIDE, READABLE, read_times
from lib.core.times.recognition import recognise_form
from lib.sources.files.headers import BAD_HEADERS, headers_of
from lib.sources.records import (
    CREATE_TIME,
    LOG_APPEND_TIME,
    NO_TIMESTAMP,
    NO_TIMESTAMP_TYPE,
    RECORDS,
    noted,
    rejected_for,
    with_values,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lib.core.times.forms import FormName
    from lib.sources.files.input_file import InputFile

NO_PLACE: Final = "no partition or offset, which the other records of the file have"
TWICE: Final = "a partition and offset that another record of the file has"

OTHER_TOPIC: Final = "of another topic than the first record of the file"

_TOPICS: Final = (
    "The file holds records of several topics. Read are those of “{}”, its first record's; others, "
    "such as those of “{}”, are left out: what is told, silences too, is of the one topic alone. "
    "Give each topic a file of its own."
)
_NOT_READ: Final = (
    "The timestamps beside the records ({}, such as {}) cannot be read without doubt, so these "
    "have no received time."
)
_LOCAL: Final = (
    "The timestamps beside the records ({}) name no zone and are read as UTC: if they are local "
    "times, received times are off by the offset of their zone."
)
_OWN: Final = {
    "partition": PARTITION,
    "offset": OFFSET,
    "timestamp": RECEIVED_TIME,
    "timestamp_type": RECEIVED_TIME_TYPE,
}
_MOST_PARTITIONS: Final = 1_000_000
_UNKNOWN: Final = {
    "partition": 0,
    "offset": 0,
    "timestamp": NO_TIMESTAMP,
    "timestamp_type": NO_TIMESTAMP_TYPE,
}
_MILLISECONDS: Final = (RECEIVED_TIME, "ts")  # ours and kcat's, whatever their size


@dataclass
class Places:
    """Which fields of a file say where its records stand; goes through the file block by block.

    Attributes
    ----------
    names
        Column of `RECORDS`, or `topic` → name of the field that says it, of all but `value`.
    row
        How many rows came before.
    """

    names: Mapping[str, str]
    row: int = 0
    unit: FormName | None = field(default=None, init=False)
    _note: str = field(default="", init=False)
    _topic: str | None = field(default=None, init=False)
    _topics_note: str = field(default="", init=False)
    _last: pa.RecordBatch | None = field(default=None, init=False)

    def blocks(
        self,
        values: pa.Array,
        columns: Mapping[str, pa.Array],
        reasons: pa.StringArray | None = None,
        written: pa.BinaryArray | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the next rows of the file as blocks of records.

        Parameters
        ----------
        columns
            What the fields in `names` hold: numbers, times, text, or bytes of text.
        reasons
            Why a row is no record; null where it is one.
        written
            What is shown of rows that are none; `values` unless given. Where the file has
            offsets, they stand at the record before them, or else at the one behind.
        """
        found = {role: columns[name] for role, name in self.names.items()}
        records, reasons = self._records(values, found, reasons)
        self.row += len(values)
        records = noted(records, self._note, self._topics_note)
        if reasons is None:
            yield from _rising(records)
            return
        good = pc.is_null(reasons)
        beside = self._beside(records, good)
        if pc.any(good).as_py():
            yield from _rising(records.filter(good))
        rejected = with_values(beside, values if written is None else written)
        for reason in pc.unique(reasons.drop_null()).to_pylist():
            yield rejected_for(reason, rejected.filter(pc.equal(reasons, reason)))

    def _records(
        self, values: pa.Array, found: Mapping[str, pa.Array], reasons: pa.StringArray | None
    ) -> tuple[pa.RecordBatch, pa.StringArray | None]:
        columns = {role: read(found[role]) for role, read in _READ.items() if role in found}
        if "timestamp" in found:
            columns["timestamp"] = self._timestamps(found["timestamp"])
        if {"topic", "partition", "offset"} <= found.keys():
            reasons = self._of_one_topic(found["topic"], reasons)
        for role in ("partition", "offset"):
            if role in columns and columns[role].null_count:
                reasons = _also(reasons, columns[role].is_null(), NO_PLACE)
        if "headers" in found:
            columns["headers"], bad = headers_of(found["headers"])
            reasons = _also(reasons, bad, BAD_HEADERS) if pc.any(bad).as_py() else reasons
        if "offset" not in columns:
            columns["offset"] = pa.array(np.arange(self.row, self.row + len(values)))
        arrays = [_filled(columns.get(field.name), field, len(values)) for field in RECORDS]
        return with_values(pa.RecordBatch.from_arrays(arrays, schema=RECORDS), values), reasons

    def _beside(self, records: pa.RecordBatch, good: pa.BooleanArray) -> pa.RecordBatch:
        """Return what rejected rows get: the place of the record before, or else behind them."""
        records = with_values(records, pa.nulls(len(records), pa.binary()))
        known, before = records.filter(good), 1
        if self._last is not None:
            known, before = pa.concat_batches([self._last, known]), 0
        if "offset" in self.names and len(known):
            self._last = known[-1:]
            index = np.cumsum(good.to_numpy(zero_copy_only=False)) - before
            records = known.take(pa.array(np.maximum(index, 0)))
        unknown = pa.array(np.full(len(records), NO_TIMESTAMP))
        index = RECORDS.get_field_index("timestamp")
        return records.set_column(index, RECORDS.field("timestamp"), unknown)

    def _of_one_topic(
        self, column: pa.Array, reasons: pa.StringArray | None
    ) -> pa.StringArray | None:
        """Return the reasons, with one more for records of another topic than the file's first.

        Partitions and offsets are of a topic each.
        """
        topics = _readable(_bytes_of(column))
        if self._topic is None:
            self._topic = next(iter(topics.drop_null()[:1].to_pylist()), None)
        others = pc.fill_null(pc.not_equal(topics, pa.scalar(self._topic, pa.string())), False)
        if not pc.any(others).as_py():
            return reasons
        first = topics.filter(others)[0].as_py()
        self._topics_note = self._topics_note or _TOPICS.format(self._topic, first)
        return _also(reasons, others, OTHER_TOPIC)

    def _timestamps(self, column: pa.Array) -> pa.Array:
        column = _readable(column)
        if pa.types.is_timestamp(column.type):
            return column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
        if self.unit is None:
            plain = self.names["timestamp"] in _MILLISECONDS
            self.unit = "ms" if plain else recognise_form(column).form
        if self.unit is not None:
            times = read_times(column, self.unit)
            there = np.isin(times.problem, (READABLE, FAR_OUTSIDE, FAR_AHEAD))
            if times.local:
                self._note = _LOCAL.format(self.names["timestamp"])
            if there.any():
                return pa.array(times.ms, mask=~there)
        unread = column.drop_null()[:1].to_pylist()
        if unread:
            self._note = _NOT_READ.format(self.names["timestamp"], unread[0])
        return pa.nulls(len(column), pa.int64())


def own_places(names: Sequence[str], row: int = 0) -> Places:
    """Return the places of records that a table of events, written by Skewline, says of them."""
    return Places({role: name for role, name in _OWN.items() if name in names}, row)


def fields_of(file: InputFile, names: Sequence[str]) -> list[str]:
    """Return which of a table's columns are fields of its rows.

    Those are all but Kafka's and, in an events table, the normalized times.

    Raises
    ------
    UnreadableFileError
        When two columns have the same name.
    """
    if len(set(names)) < len(names):
        raise UnreadableFileError(
            f"In the file {file.name} two columns have the same name.", "Rename one of them."
        )
    normalized = {EVENT_TIME_0, RECEIVED_TIME_0} if RECEIVED_TIME in names else set()
    return [n for n in names if n not in KAFKA_COLUMNS | normalized]


def _filled(column: pa.Array | None, kind: pa.Field, rows: int) -> pa.Array:
    """Return a column of `RECORDS`; what a file does not say stands as unknown, partition 0."""
    unknown = _UNKNOWN.get(kind.name)
    if column is None:
        return pa.nulls(rows, kind.type) if unknown is None else _repeated(unknown, rows, kind)
    return (column if unknown is None else column.fill_null(unknown)).cast(kind.type)


def _repeated(value: int, rows: int, kind: pa.Field) -> pa.Array:
    return pa.array(np.full(rows, value), kind.type)


def _also(reasons: pa.StringArray | None, rows: pa.BooleanArray, reason: str) -> pa.StringArray:
    """Return the reasons, with one more for those of `rows` that have none yet."""
    if reasons is None:
        reasons = pa.nulls(len(rows), pa.string())
    return pc.if_else(pc.and_(rows, reasons.is_null()), reason, reasons)


def _rising(records: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yield records in offset order inside their partitions; then, rejected, what is there twice.

    Kafka's user interfaces write the newest record first.
    """
    partition, offset = records["partition"].to_numpy(), records["offset"].to_numpy()
    order = np.lexsort((offset, partition))
    same = partition[order][1:] == partition[order][:-1]
    steps = np.diff(offset[order])
    if (np.diff(order)[same] < 0).any():
        records = records.take(pa.array(order))
        order = np.arange(len(order))
    twice = np.zeros(len(order), bool)
    twice[order[1:][same & (steps == 0)]] = True
    if not twice.any():
        yield records
        return
    yield records.filter(pa.array(~twice))
    yield rejected_for(TWICE, records.filter(pa.array(twice)))


def _partitions(column: pa.Array) -> pa.Array:
    found = _whole(column)
    return pc.if_else(pc.less_equal(found, _MOST_PARTITIONS), found, pa.scalar(None, pa.int64()))


def _whole(column: pa.Array) -> pa.Array:
    """Return the whole numbers of a column from 0 on, null where it has none."""
    text = _readable(column)
    if not pa.types.is_string(text.type):
        text = text.cast(pa.string())
    if pc.any(pc.match_substring(text, ".")).as_py():  # a gap makes pandas write fractions
        text = pc.replace_substring_regex(text, r"\.0*$", "")
    fits = pc.fill_null(pc.match_substring_regex(text, r"^\d{1,18}$"), False)
    return pc.if_else(fits, text, pa.scalar(None, pa.string())).cast(pa.int64())


def _kinds(column: pa.Array) -> pa.Array:
    """Return timestamp types as `lib.sources.records` has them, however they are written."""
    if pa.types.is_integer(column.type):
        known = pc.is_in(column, pa.array([CREATE_TIME, LOG_APPEND_TIME], column.type))
        return pc.if_else(known, column.cast(pa.int64()), NO_TIMESTAMP_TYPE).cast(pa.int8())
    text = pc.utf8_lower(pc.fill_null(_readable(column).cast(pa.string()), ""))
    kinds = pc.if_else(
        pc.match_substring_regex(text, "^(?:log|1$)"),
        LOG_APPEND_TIME,
        pc.if_else(pc.match_substring_regex(text, "^(?:create|0$)"), CREATE_TIME, -1),
    )
    return kinds.cast(pa.int8())


def _bytes_of(column: pa.Array) -> pa.Array:
    if pa.types.is_binary(column.type):
        return column
    if pa.types.is_string(column.type) or pa.types.is_large_binary(column.type):
        return column.cast(pa.binary())
    try:
        return column.cast(pa.string()).cast(pa.binary())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.array([None if v is None else str(v).encode() for v in column.to_pylist()])


def _readable(column: pa.Array) -> pa.Array:
    """Return a column with text in place of bytes; null where they are not UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)):
        return column
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        texts = [None if v is None else v.decode(errors="replace") for v in column.to_pylist()]
        return pa.array([None if t and "\ufffd" in t else t for t in texts], pa.string())


_READ: Final[Mapping[str, Callable[[pa.Array], pa.Array]]] = {
    "partition": _partitions,
    "offset": _whole,
    "timestamp_type": _kinds,
    "key": _bytes_of,
}
