"""The one shape in which records travel from a topic to the decoder.

Every source yields Arrow record batches of schema `RECORDS`: columns, never a Python object
a record. Rows of a table (CSV, Parquet) need no decoding from bytes: their `value` is a struct
with a field a column. A column that the table gives no type is bytes, as they were written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from lib.sources.base import Span

if TYPE_CHECKING:
    from collections.abc import Mapping

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

_REASON: Final = b"rejected for"
_NOTE: Final = b"note"
_EXPIRED: Final = b"expired"
_WAITING: Final = b"waiting"
_VALUE: Final = RECORDS.get_field_index("value")
_NO_RECORDS: Final = pa.RecordBatch.from_pylist([], RECORDS)


def with_values(records: pa.RecordBatch, values: pa.Array) -> pa.RecordBatch:
    """Return a block of records with other values: bytes, or structs."""
    return records.set_column(_VALUE, pa.field("value", values.type), values)


def rows_as_values(columns: Mapping[str, pa.Array], rows: int) -> pa.StructArray:
    """Return the rows of a table as values."""
    if not columns:
        return pa.array([{}] * rows, pa.struct([]))
    return pa.StructArray.from_arrays(list(columns.values()), names=list(columns))


def rejected_for(reason: str, records: pa.RecordBatch) -> pa.RecordBatch:
    """Return a block of records that the source knows to be none, marked with the reason."""
    return records.replace_schema_metadata({_REASON: reason.encode(errors="replace")})


def reason_of(records: pa.RecordBatch) -> str | None:
    """Return why a source rejects a block of records; None if it does not."""
    reason = (records.schema.metadata or {}).get(_REASON)
    return None if reason is None else reason.decode()


def noted(records: pa.RecordBatch, *notes: str) -> pa.RecordBatch:
    """Return a block of records with sentences on how its file was read, for the load report."""
    if not any(notes):
        return records
    note = " ".join(filter(None, (note_of(records), *notes)))
    return records.replace_schema_metadata(
        (records.schema.metadata or {}) | {_NOTE: note.encode(errors="replace")}
    )


def note_of(records: pa.RecordBatch) -> str | None:
    """Return the sentence on how a block's file was read; None if there is none."""
    note = (records.schema.metadata or {}).get(_NOTE)
    return None if note is None else note.decode()


def expired(span: Span) -> pa.RecordBatch:
    """Return a block without records that says which offsets expired before they were read."""
    said = f"{span.partition} {span.start} {span.end}".encode()
    return _NO_RECORDS.replace_schema_metadata({_EXPIRED: said})


def expired_in(records: pa.RecordBatch) -> Span | None:
    """Return which offsets expired before they were read, if a block says so."""
    said = (records.schema.metadata or {}).get(_EXPIRED)
    return None if said is None else Span(*map(int, said.split()))


def waiting(sentence: str) -> pa.RecordBatch:
    """Return a block without records that says what is waited for."""
    return _NO_RECORDS.replace_schema_metadata({_WAITING: sentence.encode(errors="replace")})


def waiting_in(records: pa.RecordBatch) -> str:
    """Return what a block without records waits for; "" where it says nothing."""
    said: bytes = (records.schema.metadata or {}).get(_WAITING, b"")
    return said.decode()


def header_names(records: pa.RecordBatch) -> list[str]:
    """Return the names of the headers that occur in a block of records, sorted."""
    headers = records.column("headers")
    present = headers.filter(pc.is_valid(headers))
    return sorted(pc.unique(present.keys).to_pylist()) if len(present) else []


def payload_bytes(records: pa.RecordBatch) -> int:
    """Return how many bytes the keys and values of a block of records have."""
    return sum(map(_bytes_in, (records.column("key"), records.column("value"))))


def _bytes_in(values: pa.Array) -> int:
    if pa.types.is_struct(values.type):
        return int(values.nbytes)
    return pc.sum(pc.binary_length(values)).as_py() or 0
