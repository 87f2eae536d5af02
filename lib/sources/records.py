"""The one shape in which records travel from a topic to the decoder.

Every source yields Arrow record batches of schema `RECORDS`: columns, never a Python object
a record.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

NO_TIMESTAMP: Final = -1
"""`timestamp` of a record that has none (a topic older than Kafka 0.10)."""

NO_TIMESTAMP_TYPE: Final = -1
CREATE_TIME: Final = 0
LOG_APPEND_TIME: Final = 1

RECORDS: Final = pa.schema(
    [
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("timestamp", pa.int64(), nullable=False),  # epoch ms
        pa.field("timestamp_type", pa.int8(), nullable=False),  # CREATE_TIME, LOG_APPEND_TIME, …
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),  # null: a tombstone
        pa.field("headers", pa.map_(pa.string(), pa.binary())),  # null: none, or not asked for
    ]
)
"""Schema of a block of records, as they stand in the log: offset order inside a partition."""


def header_names(records: pa.RecordBatch) -> list[str]:
    """Return the names of the headers that occur in a block of records, sorted."""
    headers = records.column("headers")
    present = headers.filter(pc.is_valid(headers))
    return sorted(pc.unique(present.keys).to_pylist()) if len(present) else []


def payload_bytes(records: pa.RecordBatch) -> int:
    """Return how many bytes the keys and values of a block of records have."""
    lengths = (pc.sum(pc.binary_length(records.column(name))).as_py() for name in ("key", "value"))
    return sum(length or 0 for length in lengths)
