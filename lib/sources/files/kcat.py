"""Recorded topics: files with one record a line, as `kcat -C -J` writes them.

A line is a JSON object with the fields `topic`, `partition`, `offset`, `tstype` ("create",
"logappend" or "unknown"), `ts` (epoch ms), `broker`, `headers` (optional; a flat list of names and
values), `key` and `payload` (text or null). Bytes in texts stand as they are, escaped where JSON
asks for it.
"""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.errors import UnreadableFileError
from lib.core.json_objects import MisfitError, hold_one_object, objects_to_columns
from lib.sources.records import (
    CREATE_TIME,
    LOG_APPEND_TIME,
    NO_TIMESTAMP,
    NO_TIMESTAMP_TYPE,
    RECORDS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from lib.sources.files.input_file import InputFile

SUFFIXES: Final = (".jsonl", ".jsonl.gz")
"""Endings of the names of files that `write_recorded` writes."""

LINE: Final = pa.schema(
    [
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("tstype", pa.string()),
        ("ts", pa.int64()),
        ("headers", pa.list_(pa.binary())),
        ("key", pa.binary()),
        ("payload", pa.binary()),
    ]
)

_RECORD_AGAIN: Final = "Record the topic again with: kcat -C -J -e -t TOPIC > TOPIC.jsonl"


def write_recorded(path: Path, topic: str, batches: Iterable[pa.RecordBatch]) -> None:
    """Write records to `path`, compressed if its name ends in `.gz`.

    The same records give the same bytes.

    Parameters
    ----------
    path
        The file, replaced if it exists.
    topic
        The topic's name, for the field `topic`.
    batches
        Blocks of schema `RECORDS`, in the order to write.
    """
    with path.open("wb") as file:
        if path.suffix != ".gz":
            for batch in batches:
                file.write(_lines(topic, batch))
            return
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as compressed:
            for batch in batches:
                compressed.write(_lines(topic, batch))


def is_recorded(line: bytes) -> bool:
    """Return whether a line looks like one that kcat wrote."""
    try:
        record = json.loads(line.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and record.keys() >= {"partition", "offset", "payload"}


def recorded_lines(file: InputFile, blocks: Iterable[pa.BinaryArray]) -> Iterator[pa.RecordBatch]:
    """Yield the records that lines of a file hold, as blocks of schema `RECORDS`.

    Raises
    ------
    UnreadableFileError
        If a line is no record.
    """
    before = 0
    for lines in blocks:
        yield _records(file, lines, before)
        before += len(lines)


def _records(file: InputFile, lines: pa.BinaryArray, before: int) -> pa.RecordBatch:
    """Return the records of some lines, before which there were others: to name a bad one."""
    block = _columns(file, lines, before)
    types = _timestamp_types(block)
    return pa.RecordBatch.from_arrays(
        [
            block["partition"],
            block["offset"],
            pc.if_else(pc.equal(types, NO_TIMESTAMP_TYPE), NO_TIMESTAMP, block["ts"]),
            types,
            block["key"],
            block["payload"],
            _headers(file, block["headers"]),
        ],
        schema=RECORDS,
    )


# Writing


def _lines(topic: str, batch: pa.RecordBatch) -> bytes:
    types = batch["timestamp_type"]
    parts: list[Any] = [
        f'{{"topic":{json.dumps(topic)},"partition":'.encode(),
        _text(batch["partition"]),
        b',"offset":',
        _text(batch["offset"]),
        b',"tstype":"',
        pc.if_else(
            pc.equal(types, LOG_APPEND_TIME),
            b"logappend",
            pc.if_else(pc.equal(types, CREATE_TIME), b"create", b"unknown"),
        ),
        b'","ts":',
        _text(batch["timestamp"]),
        b',"broker":0',
        _headers_json(batch["headers"]),
        b',"key":',
        _json_strings(batch["key"]),
        b',"payload":',
        _json_strings(batch["value"]),
        b"}\n",
    ]
    lines = pc.binary_join_element_wise(*parts, b"")
    length = pc.sum(pc.binary_length(lines)).as_py() or 0
    return bytes(memoryview(lines.buffers()[2])[:length]) if length else b""


def _text(numbers: pa.Array) -> pa.Array:
    return pc.cast(pc.cast(numbers, pa.string()), pa.binary())


def _json_strings(values: pa.Array) -> pa.Array:
    """Return bytes, each as a JSON string, null as `null`."""
    escaped = pc.replace_substring(values, pattern=b"\\", replacement=b"\\\\")
    escaped = pc.replace_substring(escaped, pattern=b'"', replacement=b'\\"')
    if pc.any(pc.match_substring_regex(escaped, pattern="[\x01-\x1f]|\\x00")).as_py():
        for code in range(32):
            escaped = pc.replace_substring(
                escaped, pattern=bytes([code]), replacement=b"\\u%04X" % code
            )
    quoted = pc.binary_join_element_wise(b'"', escaped, b'"', b"")
    return pc.fill_null(quoted, b"null")


def _headers_json(headers: pa.Array) -> pa.Array | bytes:
    """Return each record's field `headers`, empty where it has none. Rare, so one by one."""
    if headers.null_count == len(headers):
        return b""
    return pa.array([_header_json(record) for record in headers.to_pylist()], pa.binary())


def _header_json(headers: list[tuple[str, bytes | None]] | None) -> bytes:
    if not headers:
        return b""
    flat = [
        item if item is None or isinstance(item, str) else item.decode("utf-8", "surrogateescape")
        for header in headers
        for item in header
    ]
    text = json.dumps(flat, ensure_ascii=False, separators=(",", ":"))
    return b',"headers":' + text.encode("utf-8", "surrogateescape")


# Reading


def _columns(file: InputFile, lines: pa.BinaryArray, before: int) -> pa.RecordBatch:
    try:
        if not hold_one_object(lines).all():
            raise MisfitError
        table = objects_to_columns(lines, LINE, others="ignore")
    except MisfitError as misfit:
        wrong = _first_bad(lines, before) or "a line cannot be read"
        raise UnreadableFileError(
            f"The file {file.name} is not a recorded topic: {wrong}.", _RECORD_AGAIN
        ) from misfit
    if table["partition"].null_count or table["offset"].null_count:
        raise UnreadableFileError(
            f"The file {file.name} is not a recorded topic: "
            "a line has no field “partition” or “offset”.",
            _RECORD_AGAIN,
        )
    (block,) = table.combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], LINE)]
    return block


def _first_bad(lines: pa.BinaryArray, before: int) -> str:
    """Say which line is the first that is no record, and why; "" if none is found."""
    for number, line in enumerate(lines.to_pylist(), start=before + 1):
        reason = _what_is_wrong(line)
        if reason:
            return f"line {number} {reason}"
    return ""


def _what_is_wrong(line: bytes) -> str:
    try:
        record = json.loads(line.decode("utf-8", "surrogateescape"))
    except ValueError:
        return "is not JSON"
    if not isinstance(record, dict):
        return "is not a JSON object"
    for names, kind, wanted in (
        (("partition", "offset", "ts"), int, "a whole number"),
        (("tstype", "key", "payload"), str, "text"),
        (("headers",), list, "a list"),
    ):
        for name in names:
            value = record.get(name)
            if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
                return f"has a field “{name}” that is not {wanted}"
    return ""


def _timestamp_types(block: pa.RecordBatch) -> pa.Array:
    types = pc.if_else(
        pc.equal(block["tstype"], "logappend"),
        LOG_APPEND_TIME,
        pc.if_else(pc.equal(block["tstype"], "create"), CREATE_TIME, NO_TIMESTAMP_TYPE),
    )
    return pc.cast(
        pc.if_else(
            pc.is_valid(block["ts"]), pc.fill_null(types, NO_TIMESTAMP_TYPE), NO_TIMESTAMP_TYPE
        ),
        pa.int8(),
    )


def _headers(file: InputFile, flat: pa.ListArray) -> pa.MapArray:
    """Return name, value, … lists as maps; null where a record has no headers."""
    kind = RECORDS.field("headers").type
    if flat.null_count == len(flat):
        return pa.nulls(len(flat), kind)
    items, lengths = flat.flatten(), pc.fill_null(pc.list_value_length(flat), 0).to_numpy()
    names, values = items[::2], items[1::2]
    if (lengths % 2).any() or names.null_count:
        raise UnreadableFileError(
            f"In the file {file.name} the headers of a record are not names and values in turn.",
            _RECORD_AGAIN,
        )
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths // 2)]).astype(np.int32))
    return pa.MapArray.from_arrays(
        offsets, pc.cast(names, pa.string()), values, mask=pc.is_null(flat)
    ).cast(kind)
