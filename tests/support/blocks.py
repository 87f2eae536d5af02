"""Blocks of records for tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa

from lib.sources.records import RECORDS

if TYPE_CHECKING:
    from collections.abc import Sequence


def block(
    *values: bytes | None,
    partition: int | Sequence[int] = 0,
    offsets: Sequence[int] | None = None,
    timestamps: Sequence[int] | None = None,
    keys: Sequence[bytes | None] | None = None,
    headers: Sequence[list[tuple[str, bytes]] | None] | None = None,
) -> pa.RecordBatch:
    """A block of one partition, offsets from 0, timestamps from 1000 ms, unless said otherwise."""
    n = len(values)
    partitions = [partition] * n if isinstance(partition, int) else list(partition)
    columns = [
        partitions,
        range(n) if offsets is None else offsets,
        range(1_000, 1_000 + n) if timestamps is None else timestamps,
        [0] * n,
        [None] * n if keys is None else keys,
        values,
        [None] * n if headers is None else headers,
    ]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, RECORDS, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=RECORDS)


def values_of(*records: dict[str, object]) -> list[bytes]:
    return [json.dumps(record).encode() for record in records]
