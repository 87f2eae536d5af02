"""A topic as it was loaded, in one Parquet file that opens again as a source."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from lib.decoding.rejected import reasons_of
from lib.events.fields import Fields, to_query

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import BinaryIO

    import pandas as pd

    from lib.events.table import EventsTable

MANIFEST: Final = b"skewline"
"""Key of the manifest in the metadata of the Parquet schema."""

VERSION: Final = 1
_ROWS_AT_ONCE: Final = 100_000


def write_capture(
    events: EventsTable,
    to: Path | BinaryIO,
    *,
    topic: str,
    source: str,
    fields: Fields,
    corrected: Sequence[object] = (),
) -> None:
    """Write a topic's events, and where they come from, as Parquet.

    Opened as a file (`lib.sources.files.folder`), it gives equal events: the columns have the
    notebook's names, which stand for themselves. Takes memory for 100,000 events at a time.

    Parameters
    ----------
    events
        The events.
    to
        The file, replaced if it exists; or one that is open for writing bytes.
    topic, source, fields
        What the manifest says of their origin.
    corrected
        The clients whose event times are not as they were read
        (`lib.analysis.client_clocks.correct`).
    """
    table = events.table
    manifest = _manifest(events, topic, source, fields) | {"corrected": list(map(str, corrected))}
    schema = _schema(table).with_metadata({MANIFEST: json.dumps(manifest).encode()})
    with pq.ParquetWriter(to, schema, compression="zstd") as writer:
        for start in range(0, len(table), _ROWS_AT_ONCE):
            writer.write_table(_to_arrow(table[start : start + _ROWS_AT_ONCE], schema))


def read_manifest(path: Path | BinaryIO) -> dict[str, Any] | None:
    """Return what a capture says of its origin; None for another Parquet file.

    Returns
    -------
    dict
        `version`, `topic`, `source`, `fields` (as in the address bar), `events`, `zero_ms`,
        `timestamp_types` (of `lib.sources.records`), `rejected` (records by reason) and
        `corrected` (clients whose event times are not as they were read).
    """
    manifest = (pq.read_schema(path).metadata or {}).get(MANIFEST)
    if manifest is None:
        return None
    found: dict[str, Any] = json.loads(manifest)
    return found


def _manifest(events: EventsTable, topic: str, source: str, fields: Fields) -> dict[str, Any]:
    reasons = reasons_of(events.rejected)
    return {
        "version": VERSION,
        "topic": topic,
        "source": source,
        "fields": to_query(fields),
        "events": len(events.table),
        "zero_ms": events.zero_ms,
        "timestamp_types": list(events.timestamp_types),
        "rejected": dict(zip(reasons["reason"], reasons["records"].tolist(), strict=True)),
    }


def _schema(table: pd.DataFrame) -> pa.Schema:
    schema = pa.Schema.from_pandas(table.head(0), preserve_index=False)
    return pa.schema([pa.field(f.name, _plain(f.type)) for f in schema])


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return the type of what a dictionary holds: Parquet makes dictionaries of its own."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.string() if pa.types.is_large_string(kind) else kind


def _to_arrow(rows: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pandas(rows, preserve_index=False).cast(schema)
