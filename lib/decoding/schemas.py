"""Values (and keys) whose schema a registry has, to columns: Avro, Protobuf, JSON Schema.

A block is taken apart by the schemas that its records name; each part is read with its own, and the
rows are put back in the block's order. Records whose schema cannot be had are rejected with its id
and the reason; records that name none are read as JSON.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from lib.core.columns import KEY
from lib.core.errors import SchemaError
from lib.core.schemas import NoSchemas
from lib.decoding import avro, json_schema, protobuf
from lib.decoding import json as plain_json
from lib.decoding.base import Decoded, with_record_columns
from lib.decoding.merge import concat, table_of
from lib.decoding.rejected import MAX_EXCERPTS, rejected_records
from lib.decoding.slots import ReadColumns, Values
from lib.decoding.wire_format import IN_HEADERS, Framed, framed, recognise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from lib.core.schemas import Schema, SchemaSource
    from lib.decoding.wire_format import RecordPart, WireForm

TYPES: Final = {"AVRO": "Avro", "PROTOBUF": "Protobuf", "JSON": "JSON Schema"}
"""What the load report calls a type of schema."""

NOT_A_RECORD: Final = "not a record"


@dataclass(frozen=True)
class SchemaDecoder:
    """A decoder of values whose schema a registry has, as a `lib.decoding.base.Decoder`.

    Attributes
    ----------
    schemas
        Where the schemas come from.
    name
        What the load report calls the format, for example "Confluent Avro".
    needs_headers
        Whether the blocks have to have their headers.
    first
        The schema of the first record, where records begin as Confluent's serializers write them,
        and it could be had.
    """

    schemas: SchemaSource
    name: str = "schema registry"
    needs_headers: bool = True
    first: Schema | None = None

    def decode(
        self, records: pa.RecordBatch, *, extras: Sequence[str] = (), excerpts: int = MAX_EXCERPTS
    ) -> Decoded:
        """Decode a block of records; see `lib.decoding.base.Decoder`."""
        if KEY in extras:
            records = self._with_readable_keys(records)
        values = Values.of(records.column("value"))
        empty = np.flatnonzero(~records.column("value").is_valid().to_numpy(zero_copy_only=False))
        reasons = dict.fromkeys(empty.tolist(), plain_json.TOMBSTONE)
        parts = [*self._read(records, values, "value", empty)]
        for part in parts:
            reasons |= part.reasons
            alone = part.columns.get("")
            if alone is not None:
                bad = part.good[alone.is_valid().to_numpy(zero_copy_only=False)]
                reasons |= dict.fromkeys(bad.tolist(), NOT_A_RECORD)
        rows, fields = _joined(parts, reasons)
        columns = with_record_columns(fields, records, pa.array(rows), extras)
        return Decoded(columns, rejected_records(records, reasons, excerpts))

    def _read(
        self, records: pa.RecordBatch, values: Values, part: RecordPart, done: NDArray[np.int64]
    ) -> Iterator[ReadColumns]:
        """Yield what is read of the values (or keys) of a block, but for those at `done`."""
        left = np.ones(len(values), bool)
        left[done] = False
        for one in framed(records, part):
            left[one.rows] = False
            bodies = values.take(one.rows).beginning(one.starts)
            for found in self._with_its_schema(one, bodies):
                yield found.at(one.rows)
        rows = np.flatnonzero(left)
        if len(rows):
            yield json_schema.read(values.take(rows)).at(rows)

    def _with_its_schema(self, one: Framed, bodies: Values) -> Iterator[ReadColumns]:
        try:
            schema = self.schemas.schema(one.id)
            yield from _read_with(schema, one, bodies)
        except SchemaError as error:
            if json_schema.looks_like_objects(bodies):
                yield json_schema.read(bodies)
            else:
                reason = f"begins with {one.id}: {error.what}"
                yield ReadColumns(
                    {}, np.empty(0, np.int64), dict.fromkeys(range(len(bodies)), reason)
                )

    def _with_readable_keys(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return `records` with the keys that name a schema as text: as it is, or as JSON."""
        keys = records.column("key")
        found = framed(records, "key")
        if not found:
            return records
        texts = keys.to_pylist()
        values = Values.of(keys)
        for one in found:
            bodies = values.take(one.rows).beginning(one.starts)
            for part in self._with_its_schema(one, bodies):
                for row, text in zip(one.rows[part.good].tolist(), _texts(part), strict=True):
                    texts[row] = text
        place = records.schema.get_field_index("key")
        return records.set_column(place, "key", pa.array(texts, pa.binary()))


def schema_decoder(records: pa.RecordBatch, schemas: SchemaSource) -> SchemaDecoder | None:
    """Return the decoder of a topic that begins with `records`; None if they name no schema.

    Parameters
    ----------
    records
        The first block, with headers.
    schemas
        Where the schemas come from.
    """
    form = recognise(records)
    if form is None:
        return None
    first = next(one for one in framed(records) if one.form == form)
    try:
        schema = schemas.schema(first.id)
        kind = f" {TYPES[schema.type]}"
    except SchemaError:
        schema, kind = None, ""
    name = form if form == "Avro single objects" else f"{_MAKERS.get(form, form)}{kind}"
    behind_id = schema if form == "Confluent" else None
    return SchemaDecoder(schemas, name, form in IN_HEADERS, behind_id)


def warm_up() -> None:
    """Compile what is compiled, or load it from numba's cache, so that the first load is fast."""
    avro.warm_up()
    protobuf.warm_up()
    values = pa.array([b'\0\0\0\0\1{"a":1}'], pa.binary())
    SchemaDecoder(NoSchemas()).decode(json_schema.numbered(values))


_MAKERS: Final[Mapping[WireForm, str]] = {
    "Confluent, GUID in headers": "Confluent",
    "Apicurio, ids in headers": "Apicurio",
}


def _read_with(schema: Schema, one: Framed, bodies: Values) -> Iterator[ReadColumns]:
    if schema.type == "PROTOBUF":
        found = protobuf.read(schema, bodies, one.message)
    elif schema.type == "AVRO":
        found = iter([avro.read(schema, bodies)])
    else:
        found = iter([json_schema.read(bodies)])
    for part in found:
        kind = TYPES[schema.type]
        reasons = {row: f"not {kind} of {one.id}: {why}" for row, why in part.reasons.items()}
        yield replace(part, reasons=reasons)


def _joined(
    parts: Sequence[ReadColumns], reasons: Mapping[int, str]
) -> tuple[NDArray[np.int64], pa.Table]:
    """Return the rows that were read, and their columns in the block's order."""
    rows = np.concatenate([np.empty(0, np.int64), *(part.good for part in parts)])
    tables = [_fields(part) for part in parts if len(part.good)]
    table = tables[0] if len(tables) == 1 else concat(tables)
    keep = np.array([row not in reasons for row in rows.tolist()], bool) if reasons else None
    if (rows[1:] > rows[:-1]).all() and (keep is None or keep.all()):
        return rows, table
    order = np.argsort(rows, kind="stable")
    if keep is not None:
        order = order[keep[order]]
    return rows[order], table.take(pa.array(order))


def _fields(part: ReadColumns) -> pa.Table:
    return table_of({n: c for n, c in part.columns.items() if n}, len(part.good))


def _texts(part: ReadColumns) -> list[bytes]:
    """Return what was read, a text a row: what is no record as it is, records as JSON."""
    table = pa.table(part.columns) if part.columns else table_of({}, len(part.good))
    found = []
    for row in table.to_pylist():
        present = {name: value for name, value in row.items() if value is not None}
        value = present.get("", present)
        found.append((value if isinstance(value, str) else json.dumps(value)).encode())
    return found
