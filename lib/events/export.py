"""A topic as it was loaded, in one Parquet file that opens again as a source."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

from lib.decoding.rejected import reasons_of
from lib.sources.files.parquet import CUT, FILTERED, ORIGIN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import BinaryIO

    import pandas as pd

    from lib.core.part import Part
    from lib.events.fields import Fields
    from lib.events.table import EventsTable

_ROWS_AT_ONCE: Final = 100_000


def write_capture(
    events: EventsTable,
    to: Path | BinaryIO,
    *,
    topic: str,
    source: str,
    fields: Fields,
    corrected: Sequence[object] = (),
    part: Part | None = None,
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
        Where they are from: kept in the file beside how many records were rejected for which
        reason, for whoever is given it.
    corrected
        The clients whose event times are not as they were read
        (`lib.analysis.client_clocks.correct`); kept, too.
    part
        Which part of the topic the events are: whoever opens the file is told.
    """
    table, reasons = events.table, reasons_of(events.rejected)
    origin: dict[str, object] = {
        "topic": topic,
        "source": source,
        "fields": asdict(fields),
        "rejected": dict(zip(reasons["reason"], reasons["records"].tolist(), strict=True)),
        "corrected": list(map(str, corrected)),
    }
    if part is not None and part.conditions:
        origin |= {FILTERED: part.conditions, CUT: part.is_cut}
    schema = _schema(table).with_metadata({ORIGIN: json.dumps(origin).encode()})
    with pq.ParquetWriter(to, schema, compression="zstd") as writer:
        for start in range(0, len(table), _ROWS_AT_ONCE):
            writer.write_table(_to_arrow(table[start : start + _ROWS_AT_ONCE], schema))


def _schema(table: pd.DataFrame) -> pa.Schema:
    schema = pa.Schema.from_pandas(table.head(0), preserve_index=False)
    return pa.schema([pa.field(f.name, _plain(f.type)) for f in schema])


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return the type of what a dictionary holds: Parquet makes dictionaries of its own."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.string() if pa.types.is_large_string(kind) else kind


def _to_arrow(rows: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pandas(rows, preserve_index=False).cast(schema)
