"""Files of records: JSON Lines, CSV and Parquet, as blocks of schema `RECORDS`.

A line of a JSON Lines file is a value; or an envelope as `kcat -C -J` writes it; or a line as
`kafka-console-consumer` prints it with `print.timestamp=true`. A row of a CSV or Parquet file
becomes a JSON object with a field a column.

Where the file has them, `KafkaPartition` and `KafkaOffset` say where a record stood in its topic,
and a column with one of the names in `RECEIVED` says when it was received. Otherwise records are in
partition 0 at the number of their row, and have no timestamp: `lib.events.table.build_events` then
takes them as received as early as their order allows. The events table, written as CSV or Parquet,
is read back as the topic it came from.
"""

from __future__ import annotations

import json
import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

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
from lib.core.time_units import READABLE, Unit, event_times, recognise_unit
from lib.sources.files.input_file import Limits, check_form, content_of, faults_of
from lib.sources.files.kcat import is_recorded, json_strings, recorded_lines
from lib.sources.files.lines import lines_of
from lib.sources.files.positions import check_rising
from lib.sources.records import (
    CREATE_TIME,
    LOG_APPEND_TIME,
    NO_TIMESTAMP,
    NO_TIMESTAMP_TYPE,
    RECORDS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from lib.sources.files.input_file import InputFile

JSON_LINES: Final = (".jsonl", ".ndjson")
CSV: Final = (".csv", ".tsv")
PARQUET: Final = (".parquet",)
FORMATS: Final = JSON_LINES + CSV + PARQUET
"""Endings of the names of files that can be read, before that of a compression."""

BLOCK_ROWS: Final = 20_000
_CSV_BLOCK_BYTES: Final = 4 << 20

RECEIVED: Final = (
    "kafkatimestamp",
    "receivedtimestamp",
    "receivedtime",
    "receivedat",
    "received",
    "ingestedat",
    "ingesttime",
    "ingestiontime",
    "arrivaltime",
    "arrivedat",
    "brokertime",
    "brokertimestamp",
    "servertime",
    "servertimestamp",
    "logappendtime",
)
"""Names of a column with the received time, without case and punctuation, the best first."""


def records_of(file: InputFile) -> Iterator[pa.RecordBatch]:
    """Yield the records of a file as blocks of schema `RECORDS`, in the file's order.

    Raises
    ------
    UnreadableFileError
        When the file is not what its name says, is truncated or too large, or offsets of a
        partition do not rise; blocks before the fault have been yielded by then.
    """
    ends: dict[int, int] = {}
    for block in _blocks_of(file):
        check_rising(file.name, block, ends)
        yield block


def _blocks_of(file: InputFile) -> Iterator[pa.RecordBatch]:
    if file.stem.endswith(PARQUET):
        return _parquet(file)
    return _csv(file) if file.stem.endswith(CSV) else _json_lines(file)


# JSON Lines


def _json_lines(file: InputFile) -> Iterator[pa.RecordBatch]:
    lines = lines_of(file)
    first = next(lines, None)
    if first is None or not len(first):
        return
    beginning = first[0].as_py()
    every = chain([first], lines)
    if is_recorded(beginning):
        before = 0
        for block in every:
            yield recorded_lines(file, block, before)
            before += len(block)
    elif _CONSOLE_LINE.match(beginning):
        yield from _console(file, every)
    else:
        _check_no_array(file, first)
        yield from _values(every)


def _check_no_array(file: InputFile, lines: pa.BinaryArray) -> None:
    """Raise if a file is one JSON array, not JSON Lines."""
    beginning = lines[0].as_py().strip()
    if not beginning.startswith(b"["):
        return
    try:
        whole = json.loads(beginning)
    except (ValueError, RecursionError):
        whole = None
    if whole is None or (len(lines) == 1 and whole and isinstance(whole[0], dict)):
        raise UnreadableFileError(
            f"The file {file.name} is one JSON array, not one record a line.",
            "Write a record a line, for example with: jq -c '.[]'",
        )


def _values(blocks: Iterator[pa.BinaryArray]) -> Iterator[pa.RecordBatch]:
    """Yield records whose values are the lines."""
    places: _Places | None = None
    for values in blocks:
        if places is None:
            places = _places_in(_names_in(values[0].as_py()))
        found = {name: _field_of(values, name) for name in places.names}
        yield places.records(values, found)


def _names_in(line: bytes) -> list[str]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return []
    return list(record) if isinstance(record, dict) else []


def _field_of(values: pa.Array, name: str) -> pa.Array:
    """Return what a field of JSON objects holds, as text; null where they lack it."""
    quoted = re.escape(json.dumps(name, ensure_ascii=False))
    pattern = rf'{quoted}[ \t]*:[ \t]*"?(?P<value>[^",}} \t][^",}}]*)'
    return pc.extract_regex(values, pattern).field("value").cast(pa.string(), safe=False)


_CONSOLE_LINE: Final = re.compile(rb"(?:(?:CreateTime|LogAppendTime):-?\d+|NO_TIMESTAMP)\t")
_CONSOLE_PARTS: Final = (
    r"(?s)^(?:(?P<kind>CreateTime|LogAppendTime):(?P<timestamp>-?\d{1,18})|NO_TIMESTAMP)\t"
    r"(?:Partition:(?P<partition>\d{1,9})\t)?(?:Offset:(?P<offset>\d{1,18})\t)?"
    r"(?:(?P<key>.*)\t)?(?P<value>[^\t]*)$"
)


def _console(file: InputFile, blocks: Iterator[pa.BinaryArray]) -> Iterator[pa.RecordBatch]:
    """Yield records from lines as the console consumer prints them, with tabs between the parts."""
    row = 0
    for lines in blocks:
        parts = pc.extract_regex(lines, _CONSOLE_PARTS)
        part = {name: _part(parts, name) for name in ("kind", "timestamp", "partition", "offset")}
        if part["offset"].null_count not in (0, len(lines)):
            raise UnreadableFileError(
                f"In the file {file.name} a line has no offset.",
                "Print one record a line, all with the same properties.",
            )
        kind = pc.if_else(pc.equal(part["kind"], b"CreateTime"), CREATE_TIME, LOG_APPEND_TIME)
        number = pa.array(np.arange(row, row + len(lines)))
        # A line that is none is a value that no decoder takes, so that it is counted.
        value = pc.if_else(parts.is_valid(), pc.struct_field(parts, "value"), lines)
        yield pa.RecordBatch.from_arrays(
            [
                pc.fill_null(_integers(part["partition"]), 0).cast(pa.int32()),
                pc.coalesce(_integers(part["offset"]), number),
                pc.fill_null(_integers(part["timestamp"]), NO_TIMESTAMP),
                pc.fill_null(kind, NO_TIMESTAMP_TYPE).cast(pa.int8()),
                _without_null_text(_part(parts, "key")),
                _without_null_text(value),
                pa.nulls(len(lines), RECORDS.field("headers").type),
            ],
            schema=RECORDS,
        )
        row += len(lines)


def _part(parts: pa.StructArray, name: str) -> pa.Array:
    """Return what a group of a pattern matched, null where it took no part."""
    found = pc.struct_field(parts, name)
    return pc.if_else(pc.equal(found, b""), pa.scalar(None, found.type), found)


def _integers(text: pa.Array) -> pa.Array:
    return text.cast(pa.string()).cast(pa.int64())


def _without_null_text(values: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(values, b"null"), pa.scalar(None, pa.binary()), values)


# Where the records of a table stand


@dataclass
class _Places:
    """Which columns of a file say where its records stand and when they were received."""

    partition: str | None
    offset: str | None
    received: str | None
    timestamp_type: str | None
    unit: Unit | None = None
    row: int = field(default=0, init=False)

    @property
    def names(self) -> list[str]:
        every = (self.partition, self.offset, self.received, self.timestamp_type)
        return [name for name in every if name is not None]

    def records(self, values: pa.Array, columns: Mapping[str, pa.Array]) -> pa.RecordBatch:
        """Return values as records, from the columns of this block."""
        rows = np.arange(self.row, self.row + len(values))
        self.row += len(values)
        timestamps = self._timestamps(columns, len(values))
        zeros, unknown = np.zeros_like(rows), np.full_like(rows, NO_TIMESTAMP_TYPE)
        return pa.RecordBatch.from_arrays(
            [
                pa.array(_whole(columns, self.partition, otherwise=zeros), pa.int32()),
                pa.array(_whole(columns, self.offset, otherwise=rows), pa.int64()),
                pa.array(timestamps, pa.int64()),
                pa.array(_whole(columns, self.timestamp_type, otherwise=unknown), pa.int8()),
                pa.nulls(len(values), pa.binary()),
                values.cast(pa.binary()),
                pa.nulls(len(values), RECORDS.field("headers").type),
            ],
            schema=RECORDS,
        )

    def _timestamps(self, columns: Mapping[str, pa.Array], rows: int) -> NDArray[np.int64]:
        if self.received is None:
            return np.full(rows, NO_TIMESTAMP)
        column = columns[self.received]
        self.unit = self.unit or recognise_unit(column)
        if self.unit is None:
            return np.full(rows, NO_TIMESTAMP)
        times = event_times(column, self.unit)
        return np.where(times.problem == READABLE, times.ms, NO_TIMESTAMP)


def _places_in(names: list[str]) -> _Places:
    plain = {name: re.sub(r"[^a-z0-9]", "", name.lower()) for name in names}
    received = [name for name in names if plain[name] in RECEIVED]
    return _Places(
        PARTITION if PARTITION in names else None,
        OFFSET if OFFSET in names else None,
        min(received, key=lambda name: RECEIVED.index(plain[name]), default=None),
        RECEIVED_TIME_TYPE if RECEIVED_TIME_TYPE in names else None,
    )


def _fields_in(names: list[str]) -> list[str]:
    """Return the columns that are fields of the value, not of the record, nor normalized times."""
    normalized = {EVENT_TIME_0, RECEIVED_TIME_0} if RECEIVED_TIME in names else set()
    return [name for name in names if name not in KAFKA_COLUMNS | normalized]


def _whole(
    columns: Mapping[str, pa.Array], name: str | None, otherwise: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the whole numbers of a column, others where it has none or is not there."""
    if name is None:
        return otherwise
    text = columns[name].cast(pa.string())
    fits = pc.fill_null(pc.match_substring_regex(text, r"^\d{1,18}$"), False)
    numbers = pc.if_else(fits, text, "0").cast(pa.int64()).to_numpy()
    return np.where(fits.to_numpy(zero_copy_only=False), numbers, otherwise)


# CSV


def _csv(file: InputFile) -> Iterator[pa.RecordBatch]:
    names, delimiter = _csv_header(file)
    if not names:
        return
    ragged: list[bytes] = []

    def keep(row: pyarrow.csv.InvalidRow) -> str:
        ragged.append(row.text.encode())
        return "skip"

    places = _places_in(names)
    with content_of(file) as stream, _table_faults(file, "CSV"):
        reader = pyarrow.csv.open_csv(
            stream,
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=_CSV_BLOCK_BYTES),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=keep
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=[""],
                check_utf8=False,
            ),
        )
        for block in reader:
            columns = dict(zip(block.schema.names, block.columns, strict=True))
            cells = {name: _csv_cells(columns[name]) for name in _fields_in(names)}
            yield places.records(_objects(cells, len(block)), columns)
            if ragged:
                yield _ragged(file, places, ragged)
                ragged.clear()


def _ragged(file: InputFile, places: _Places, rows: list[bytes]) -> pa.RecordBatch:
    """Return rows with too few or too many cells as values that no decoder takes."""
    if places.offset is not None:
        raise UnreadableFileError(
            f"In the file {file.name} a row has not as many cells as the first.",
            "Write the file again.",
        )
    nothing = {name: pa.nulls(len(rows), pa.string()) for name in places.names}
    return places.records(pa.array(rows, pa.binary()), nothing)


def _csv_header(file: InputFile) -> tuple[list[str], str]:
    """Return the names of the columns, and what is between them."""
    with content_of(file) as stream:
        beginning = stream.read(1 << 20)
    check_form(file, beginning, "CSV")
    header = beginning.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]
    delimiter = max(",;\t|", key=lambda mark: header.count(mark.encode()))
    if not header.strip():
        return [], delimiter
    try:
        header.decode()
    except UnicodeDecodeError:
        raise UnreadableFileError(
            f"The first line of the file {file.name} is not UTF-8.",
            "Save it as CSV in UTF-8, with the names of the columns in the first line.",
        ) from None
    with _table_faults(file, "CSV"):
        read = pyarrow.csv.open_csv(
            pa.BufferReader(header + b"\n"),
            parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter),
        )
        names = read.schema.names
    if len(set(names)) < len(names):
        raise UnreadableFileError(
            f"In the file {file.name} two columns have the same name.", "Rename one of them."
        )
    return names, delimiter


_JSON_SCALAR: Final = (
    r"^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|NaN|-?Infinity)$"
)


def _csv_cells(column: pa.Array) -> pa.Array:
    """Return cells as JSON: what is written like a number or truth value is one, else text."""
    scalar = pc.fill_null(pc.match_substring_regex(column, _JSON_SCALAR), False)
    cells = column.cast(pa.binary())
    return pc.if_else(scalar, cells, json_strings(cells))


# Parquet


def _parquet(file: InputFile) -> Iterator[pa.RecordBatch]:
    with tempfile.TemporaryFile() as copy:
        if file.compression is not None:
            with content_of(file) as stream, faults_of(file):
                while piece := stream.read(1 << 20):
                    copy.write(piece)
            copy.seek(0)
            opened = pa.PythonFile(copy, mode="r")
        else:
            opened = file.opened()
        with opened, _table_faults(file, "Parquet"):
            yield from _parquet_rows(file, pq.ParquetFile(opened))


def _parquet_rows(file: InputFile, parquet: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    metadata = parquet.metadata
    size = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    if size > Limits().content_bytes:
        raise UnreadableFileError(
            f"The file {file.name} holds {size >> 20:,} MB, more than is allowed.",
            "Split it, or keep only the records of interest.",
        )
    names = parquet.schema_arrow.names
    places, fields = _places_in(names), _fields_in(names)
    for block in parquet.iter_batches(
        BLOCK_ROWS, columns=list(dict.fromkeys([*fields, *places.names]))
    ):
        columns = dict(zip(block.schema.names, block.columns, strict=True))
        cells = {name: _parquet_cells(columns[name]) for name in fields}
        yield places.records(_objects(cells, len(block)), columns)


def _parquet_cells(column: pa.Array) -> pa.Array:
    """Return the values of a column as JSON."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _parquet_cells(column.dictionary_decode())
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_decimal(kind):
        return pc.fill_null(column.cast(pa.string()), "null").cast(pa.binary())
    if pa.types.is_floating(kind):
        return _fractions(column)
    if pa.types.is_nested(kind) or pa.types.is_null(kind):
        texts = [json.dumps(value, default=str, ensure_ascii=False) for value in column.to_pylist()]
        return pa.array(texts, pa.string()).cast(pa.binary())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return json_strings(column.cast(pa.binary()))
    return json_strings(column.cast(pa.string()).cast(pa.binary()))


def _fractions(column: pa.Array) -> pa.Array:
    """Return floats as JSON that is read as floats: 1.0, not 1; NaN is missing, as in pandas."""
    text = column.cast(pa.float64()).cast(pa.string())
    whole = pc.match_substring_regex(text, r"^-?\d+$")
    text = pc.if_else(whole, pc.binary_join_element_wise(text, ".0", ""), text)
    for arrow, python in (("nan", "null"), ("-nan", "null"), ("inf", "Infinity")):
        text = pc.if_else(pc.equal(text, arrow), python, text)
    text = pc.if_else(pc.equal(text, "-inf"), "-Infinity", text)
    return pc.fill_null(text, "null").cast(pa.binary())


# Rows as objects


def _objects(cells: Mapping[str, pa.Array], rows: int) -> pa.Array:
    """Return rows as JSON objects, from cells that are JSON."""
    if not cells:
        return pa.repeat(pa.scalar(b"{}"), rows)
    parts: list[Any] = []
    for number, (name, column) in enumerate(cells.items()):
        parts += [b"," if number else b"{", json.dumps(name).encode() + b":", column]
    return pc.binary_join_element_wise(*parts, b"}", b"")


@contextmanager
def _table_faults(file: InputFile, form: str) -> Iterator[None]:
    """Turn what goes wrong in a table's own format into a sentence."""
    try:
        with faults_of(file):
            yield
    except pa.ArrowException as fault:
        raise UnreadableFileError(
            f"The file {file.name} cannot be read as {form}: {_first_line(fault)}.",
            "Copy it again, or give it the ending of what it holds.",
        ) from fault


def _first_line(fault: Exception) -> str:
    return str(fault).partition("\n")[0].strip().rstrip(".")
