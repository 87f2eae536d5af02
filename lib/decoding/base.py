"""What every decoder takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from lib.core.columns import HEADER, KEY, OFFSET, PARTITION, RECEIVED_TIME, RECEIVED_TIME_TYPE
from lib.decoding.merge import as_dictionary
from lib.decoding.rejected import MAX_EXCERPTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lib.core.part import Part


@dataclass(frozen=True)
class Decoded:
    """A block of records as columns.

    Attributes
    ----------
    columns
        One row a good record, in the block's order: the value's fields, nested ones flattened with
        dots, then `KafkaPartition` int32, `KafkaOffset` int64, `KafkaTimestamp` int64 (epoch ms),
        `KafkaTimestampType` int8, and the extras asked for. A field is int64, double, bool, or
        string (as a dictionary where strings repeat); null where a record lacks it. A field whose
        values are of several types, a list, or an integer beyond int64 is text: strings as they
        are, everything else as JSON. Where records hold several events there is a row an event,
        and its place in its record, `PlaceInRecord` int64.
    rejected
        One row a record that could not be read, schema `REJECTED`.
    parts
        Which parts of a topic the records say that they are (`lib.core.part`).
    """

    columns: pa.Table
    rejected: pa.Table
    parts: tuple[Part, ...] = ()


def with_record_columns(
    fields: pa.Table, records: pa.RecordBatch, rows: pa.Array, extras: Sequence[str]
) -> pa.Table:
    """Append where the records stand in the log; these names win over a value's fields."""
    kafka = {
        PARTITION: records.column("partition").take(rows),
        OFFSET: records.column("offset").take(rows),
        RECEIVED_TIME: records.column("timestamp").take(rows),
        RECEIVED_TIME_TYPE: records.column("timestamp_type").take(rows),
    }
    kafka |= {extra: _at(rows, _extra(records, extra)) for extra in extras}
    columns = {n: fields[n] for n in fields.column_names if n not in kafka}
    return pa.table(columns | kafka)


def _at(rows: pa.Array, column: pa.Array) -> pa.Array:
    """Return what a column has at `rows`, rising: where they repeat, not the texts themselves."""
    at = rows.to_numpy()
    repeat = bool((at[1:] == at[:-1]).any())
    return (column.dictionary_encode() if repeat else column).take(rows)


def _extra(records: pa.RecordBatch, source: str) -> pa.Array:
    if source == KEY:
        raw = records.column("key")
    else:
        name = source.removeprefix(HEADER)
        raw = pc.map_lookup(records.column("headers"), pa.scalar(name), "last")
    try:
        return as_dictionary(raw)
    except pa.ArrowInvalid:
        texts = [
            None if v is None else v.decode(errors="backslashreplace") for v in raw.to_pylist()
        ]
        return as_dictionary(pa.array(texts, pa.string()))


class Decoder(Protocol):
    """Turns the values of records into columns.

    A block of records in, its columns and its rejected records out; a decoder keeps no state
    between blocks, so that blocks can be decoded in any order and anywhere.
    """

    @property
    def name(self) -> str:
        """What the load report calls the format, for example "JSON"."""
        ...

    @property
    def needs_headers(self) -> bool:
        """Whether the blocks have to have their headers."""
        ...

    def decode(
        self, records: pa.RecordBatch, *, extras: Sequence[str] = (), excerpts: int = MAX_EXCERPTS
    ) -> Decoded:
        """Decode a block of records.

        Parameters
        ----------
        records
            A block of schema `lib.sources.records.RECORDS`.
        extras
            Columns to keep from outside the value: `@key`, `@header:NAME` (text; null where
            absent).
        excerpts
            How many of the rejected records may keep an excerpt of their value.

        Returns
        -------
        Decoded
            Good and rejected records; together as many as `records` has rows, or more where
            records hold several events.
        """
        ...
