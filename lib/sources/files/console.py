"""What `kafka-console-consumer` prints with `print.timestamp=true`: tabs between the parts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.errors import UnreadableFileError
from lib.sources.records import (
    CREATE_TIME,
    LOG_APPEND_TIME,
    NO_TIMESTAMP,
    NO_TIMESTAMP_TYPE,
    RECORDS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lib.sources.files.input_file import InputFile

_LINE: Final = re.compile(rb"(?:(?:CreateTime|LogAppendTime):-?\d+|NO_TIMESTAMP)\t")
_PARTS: Final = (
    r"(?s)^(?:(?P<kind>CreateTime|LogAppendTime):(?P<timestamp>-?\d{1,18})|NO_TIMESTAMP)\t"
    r"(?:Partition:(?P<partition>\d{1,9})\t)?(?:Offset:(?P<offset>\d{1,18})\t)?"
    r"(?:(?P<key>.*)\t)?(?P<value>[^\t]*)$"
)


def is_printed(line: bytes) -> bool:
    """Return whether a line looks like one that the console consumer printed."""
    return _LINE.match(line) is not None


def printed_lines(file: InputFile, blocks: Iterable[pa.BinaryArray]) -> Iterator[pa.RecordBatch]:
    """Yield the records that lines of a file hold, as blocks of schema `RECORDS`.

    A line that the console consumer does not print is a value as it stands: no decoder takes it,
    so it is counted.

    Raises
    ------
    UnreadableFileError
        When some lines have an offset and others none.
    """
    row = 0
    for lines in blocks:
        parts = pc.extract_regex(lines, _PARTS)
        part = {name: _part(parts, name) for name in ("kind", "timestamp", "partition", "offset")}
        if part["offset"].null_count not in (0, len(lines)):
            raise UnreadableFileError(
                f"In the file {file.name} a line has no offset.",
                "Print one record a line, all with the same properties.",
            )
        kind = pc.if_else(pc.equal(part["kind"], b"CreateTime"), CREATE_TIME, LOG_APPEND_TIME)
        number = pa.array(np.arange(row, row + len(lines)))
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
