"""Records of a client library collected into Arrow blocks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from lib.topics.records import RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BLOCK_RECORDS: Final = 20_000
"""Records in a block: large enough to decode in bulk, small enough to show progress."""

BLOCK_SECONDS: Final = 0.5
"""How long a block is gathered at most, so that progress shows where records come slowly."""

POLL_RECORDS: Final = 500
"""Records taken from a client library at once.

Fewer than the 700 new objects after which Python looks for garbage: a library makes an object a
record, and taken 20,000 at once they doubled the time.
"""


def piece_of(
    partitions: Sequence[int] | pa.Array,
    offsets: Sequence[int],
    timestamps: Sequence[int],
    timestamp_types: Sequence[int],
    keys: Sequence[bytes | None],
    values: Sequence[bytes | None],
    headers: Sequence[Sequence[tuple[str, bytes | None]] | None],
) -> pa.RecordBatch:
    """Return records, given as columns, as a batch of schema `RECORDS`."""
    columns = (partitions, offsets, timestamps, timestamp_types, keys, values)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, RECORDS, strict=False)]
    header_type = RECORDS.field("headers").type
    arrays.append(
        pa.array([h or None for h in headers], header_type)
        if any(headers)
        else pa.nulls(len(offsets), header_type)
    )
    return pa.RecordBatch.from_arrays(arrays, schema=RECORDS)


def in_blocks(pieces: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Join small batches of records, in their order, into blocks of some `BLOCK_RECORDS`."""
    gathered: list[pa.RecordBatch] = []
    rows, began = 0, time.monotonic()
    for piece in pieces:
        gathered.append(piece)
        rows += piece.num_rows
        if rows >= BLOCK_RECORDS or time.monotonic() - began > BLOCK_SECONDS:
            yield pa.concat_batches(gathered)
            gathered, rows, began = [], 0, time.monotonic()
    if gathered:
        yield pa.concat_batches(gathered)
