"""The headers of records, in every way that tools write them.

Names and values in turn (kcat), objects with `key` and `value` (rpk, AKHQ, Offset Explorer), with
`Key` and `Value` in base64 (kaf), one object (kafka-ui), an object with bytes as numbers for each
(AWS Lambda), maps and lists of structs (Parquet).
"""

from __future__ import annotations

import base64
import json
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from lib.sources.records import RECORDS

BAD_HEADERS: Final = "headers that are not names and values"

_KIND: Final = RECORDS.field("headers").type
_NONE: Final = (None, b"", b"null", b"[]", b"{}", b"NO_HEADERS")

Pairs = list[tuple[str, bytes | None]]


def headers_of(column: pa.Array) -> tuple[pa.MapArray, pa.BooleanArray]:
    """Return a column as the headers of records, and where it has something else.

    Rare and short, so one record after the other.

    Parameters
    ----------
    column
        JSON as bytes or text; lists, maps or structs as Parquet has them.
    """
    if pa.types.is_null(column.type) or column.null_count == len(column):
        return pa.nulls(len(column), _KIND), pa.array([False] * len(column))
    if pa.types.is_string(column.type):
        column = column.cast(pa.binary())
    if pa.types.is_binary(column.type):
        empty = pc.is_in(column, pa.array(_NONE, pa.binary()))
        if pc.all(empty).as_py():
            return pa.nulls(len(column), _KIND), pa.array([False] * len(column))
    found = [_pairs_of(value) for value in column.to_pylist()]
    bad = pa.array([pairs is None for pairs in found])
    return pa.array([pairs or None for pairs in found], _KIND), bad


def _pairs_of(value: object) -> Pairs | None:
    """Return the headers of a record; None if these are none."""
    if value in _NONE:
        return []
    if isinstance(value, bytes):
        try:
            value = json.loads(value.decode("utf-8", "surrogateescape"))
        except (ValueError, RecursionError):
            return None
    try:
        return _pairs(value)
    except (TypeError, ValueError):
        return None


def _pairs(value: object) -> Pairs:
    if isinstance(value, dict):
        return [(_name(name), _content(each)) for name, each in value.items()]
    if not isinstance(value, list):
        raise TypeError("headers are a list or an object")
    if all(isinstance(each, dict) for each in value):
        return [pair for each in value for pair in _pairs_in(each)]
    if all(isinstance(each, list | tuple) for each in value):
        return [(_name(name), _content(each)) for name, each in value]
    return [(_name(n), _content(v)) for n, v in zip(value[::2], value[1::2], strict=True)]


def _pairs_in(header: dict[str, Any]) -> Pairs:
    if "Key" in header:  # as Go writes bytes
        name, content = header["Key"], header.get("Value")
        return [(_name(base64.b64decode(name)), base64.b64decode(content) if content else None)]
    if "key" in header:
        return [(_name(header["key"]), _content(header.get("value")))]
    return [(_name(name), _content(each)) for name, each in header.items()]


def _name(name: object) -> str:
    if isinstance(name, bytes):
        return name.decode(errors="replace")
    if not isinstance(name, str):
        raise TypeError("a header's name is text")
    return name.encode("utf-8", "surrogateescape").decode(errors="replace")


def _content(value: object) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, list) and all(isinstance(byte, int) for byte in value):
        return bytes(byte % 256 for byte in value)  # Java's bytes have a sign
    if isinstance(value, dict) and "payload" in value:  # Redpanda Console
        return _content(value["payload"])
    return json.dumps(value).encode()
