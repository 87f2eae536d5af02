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

import pyarrow as pa
import pyarrow.compute as pc

from lib.sources.records import (
    CREATE_TIME,
    LOG_APPEND_TIME,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


SUFFIXES: Final = (".jsonl", ".jsonl.gz")
"""Endings of the names of files that `write_recorded` writes."""


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
