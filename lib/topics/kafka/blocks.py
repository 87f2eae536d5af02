"""Records of a client library collected into Arrow blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from lib.topics.records import RECORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCK_RECORDS: Final = 20_000
"""Records in a block: large enough to decode in bulk, small enough to show progress."""


def block_of(
    partitions: Sequence[int] | pa.Array,
    offsets: Sequence[int],
    timestamps: Sequence[int],
    timestamp_types: Sequence[int],
    keys: Sequence[bytes | None],
    values: Sequence[bytes | None],
    headers: Sequence[Sequence[tuple[str, bytes | None]] | None],
) -> pa.RecordBatch:
    """Return one block of schema `RECORDS` from its columns."""
    columns = (partitions, offsets, timestamps, timestamp_types, keys, values)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, RECORDS, strict=False)]
    header_type = RECORDS.field("headers").type
    present = any(headers)
    arrays.append(
        pa.array([h or None for h in headers], header_type)
        if present
        else pa.nulls(len(offsets), header_type)
    )
    return pa.RecordBatch.from_arrays(arrays, schema=RECORDS)
