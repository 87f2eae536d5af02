"""A topic as it was loaded, in one Parquet file that opens again as a source."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

from lib.sources.files.parquet import CUT, FILTERED, ORIGIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

    import pandas as pd

    from lib.core.part import Part
    from lib.events.fields import Fields

_ROWS_AT_ONCE: Final = 100_000
_NONE: Final[Mapping[str, int]] = MappingProxyType({})


def write_capture(
    tables: Iterable[pd.DataFrame],
    to: Path | BinaryIO,
    *,
    topic: str,
    source: str,
    fields: Fields,
    rejected: Mapping[str, int] = _NONE,
    corrected: Sequence[object] = (),
    part: Part | None = None,
) -> None:
    """Write a topic's events, and where they come from, as Parquet.

    Opened as a file (`lib.sources.files.folder`), it gives equal events: the columns have the
    notebook's names, which stand for themselves. Takes memory for 100,000 events at a time.

    Parameters
    ----------
    tables
        The events table, or pieces of it that follow one another; at least one.
    to
        The file, replaced if it exists; or one that is open for writing bytes.
    topic, source, fields, rejected
        Where they are from, and how many records were rejected for which reason: kept in the file
        for whoever is given it.
    corrected
        The clients whose event times are not as they were read
        (`lib.analysis.client_clocks.correct`); kept, too.
    part
        Which part of the topic the events are: whoever opens the file is told.
    """
    origin: dict[str, object] = {
        "topic": topic,
        "source": source,
        "fields": asdict(fields),
        "rejected": dict(rejected),
        "corrected": list(map(str, corrected)),
    }
    if part is not None and part.conditions:
        origin |= {FILTERED: part.conditions, CUT: part.is_cut}
    pieces = iter(tables)
    first = next(pieces)
    schema = _schema(first).with_metadata({ORIGIN: json.dumps(origin).encode()})
    rows = (
        _to_arrow(table[start : start + _ROWS_AT_ONCE], schema)
        for table in chain([first], pieces)
        for start in range(0, len(table), _ROWS_AT_ONCE)
    )
    with pq.ParquetWriter(to, schema, compression="zstd") as writer:
        for group in in_groups(rows, _ROWS_AT_ONCE):
            writer.write_table(group)


def in_groups(pieces: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Yield pieces of a table that follow one another as pieces of so many rows, the last of less.

    Each is in one chunk: a file is the same then however its rows came.
    """
    waiting: pa.Table | None = None
    for piece in pieces:
        waiting = piece if waiting is None else pa.concat_tables([waiting, piece])
        while waiting.num_rows >= rows:
            yield waiting.slice(0, rows).combine_chunks()
            waiting = waiting.slice(rows)
    if waiting is not None and waiting.num_rows:
        yield waiting.combine_chunks()


def _schema(table: pd.DataFrame) -> pa.Schema:
    schema = pa.Schema.from_pandas(table.head(0), preserve_index=False)
    return pa.schema([pa.field(f.name, _plain(f.type)) for f in schema])


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return the type of what a dictionary holds: Parquet makes dictionaries of its own."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.string() if pa.types.is_large_string(kind) else kind


def _to_arrow(rows: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pandas(rows, preserve_index=False).cast(schema)
