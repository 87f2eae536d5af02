"""How records say which schema they are written with: what stands before a value, or in headers.

| form | where the id is |
|---|---|
| Confluent | the value begins with 0, then 4 bytes of schema id |
| Confluent, GUID in headers | header `__value_schema_id`: 1, then the 16 bytes of a GUID |
| Apicurio | as Confluent's, or 0 and 8 bytes of global id (the first 4 are 0) |
| Apicurio, ids in headers | `apicurio.value.contentId` or `.globalId`, 8 bytes; of Protobuf the \
message's name is in `apicurio.protobuf.type` |
| AWS Glue | 3, then 0 or 5 (zlib), then the 16 bytes of a schema version's UUID |
| Avro single objects | C3 01, then 8 bytes of the schema's fingerprint |

Of keys the headers have `key` in their names instead of `value`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.jit import compiled
from lib.core.schemas import SchemaId
from lib.decoding.slots import Values
from lib.sources.records import header_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

RecordPart = Literal["value", "key"]
WireForm = Literal[
    "Confluent",
    "Confluent, GUID in headers",
    "Apicurio",
    "Apicurio, ids in headers",
    "AWS Glue",
    "Avro single objects",
]

IN_HEADERS: Final = ("Confluent, GUID in headers", "Apicurio, ids in headers")
"""The forms of which a block without headers has no trace."""


@dataclass(frozen=True)
class Framed:
    """Records of a block that name the same schema in the same way.

    Attributes
    ----------
    form
        How they name it.
    id
        Which it is.
    rows
        int64, where they stand in the block.
    starts
        int64, where what is written with the schema begins, in the buffer of `Values.of`.
    message
        Which message of a Protobuf schema they are, where headers say so: the indexes as they are
        written before a value otherwise, or its name.
    """

    form: WireForm
    id: SchemaId
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    message: bytes | str | None = None


def framed(records: pa.RecordBatch, part: RecordPart = "value") -> list[Framed]:
    """Return the records that name a schema, those with the same one together.

    Parameters
    ----------
    records
        A block of schema `lib.sources.records.RECORDS`.
    part
        Whose schema is asked for.
    """
    column = records.column(part)
    values = Values.of(column)
    left = np.array(column.is_valid().to_numpy(zero_copy_only=False))
    found = []
    for one in _by_headers(records, part, values):
        still = left[one.rows]  # not named by another header before, nor null
        if still.any():
            found.append(replace(one, rows=one.rows[still], starts=one.starts[still]))
            left[one.rows] = False
    return [*found, *_by_beginning(values, left)]


def recognise(records: pa.RecordBatch, part: RecordPart = "value") -> WireForm | None:
    """Return the form of which at least half of a block's values are; None if there is none."""
    present = len(records) - records.column(part).null_count
    counts: Counter[WireForm] = Counter()
    for one in framed(records, part):
        counts[one.form] += len(one.rows)
    best = counts.most_common(1)
    return best[0][0] if best and best[0][1] * 2 >= present else None


# Headers


def _by_headers(records: pa.RecordBatch, part: RecordPart, values: Values) -> Iterator[Framed]:
    names = header_names(records)
    guid = f"__{part}_schema_id"
    if guid in names:
        for value, rows in _alike(_header(records, guid)):
            if len(value) >= 17 and value[0] == 1:
                found = SchemaId("GUID", str(UUID(bytes=value[1:17])))
                form: WireForm = "Confluent, GUID in headers"
                yield Framed(form, found, rows, values.starts[rows], value[17:] or None)
    for name, kind in (("contentId", "schema id"), ("globalId", "global id")):
        header = f"apicurio.{part}.{name}"
        if header not in names:
            continue
        types = _header(records, "apicurio.protobuf.type")
        for value, rows in _alike(_header(records, header)):
            if len(value) == 8:
                found = SchemaId(kind, int.from_bytes(value, "big"))  # type: ignore[arg-type]
                for message, some in _alike(types.take(pa.array(rows))):
                    which = message.decode(errors="replace") or None
                    at = rows[some]
                    yield Framed("Apicurio, ids in headers", found, at, values.starts[at], which)


def _header(records: pa.RecordBatch, name: str) -> pa.Array:
    return pc.map_lookup(records.column("headers"), pa.scalar(name), "last")


def _alike(column: pa.Array) -> Iterator[tuple[bytes, NDArray[np.int64]]]:
    """Yield the different values of a column of bytes, and the rows of each; null as b""."""
    encoded = column.fill_null(b"").dictionary_encode()
    codes = encoded.indices.to_numpy()
    for code, value in enumerate(encoded.dictionary.to_pylist()):
        yield value, np.flatnonzero(codes == code)


# What a value begins with

_NONE, _CONFLUENT, _APICURIO, _SINGLE_OBJECT, _GLUE = range(5)
_BEHIND: Final = (0, 5, 9, 10, 18)
"""Bytes of what names the schema, by form."""


def _by_beginning(values: Values, left: NDArray[np.bool_]) -> Iterator[Framed]:
    forms, ids = np.empty(len(values), np.int8), np.empty(len(values), np.int64)
    _find_ids(values.data, values.starts, values.stops, left, forms, ids)
    for form, rows in _same(forms, np.arange(len(values))):
        starts = values.starts[rows] + _BEHIND[form]
        if form == _GLUE:
            prefixes = values.take(rows).beginning(starts - 16).until(starts)
            for version, some in _alike(prefixes.to_arrow()):
                found = SchemaId("Glue schema version", str(UUID(bytes=version)))
                yield Framed("AWS Glue", found, rows[some], starts[some])
        elif form != _NONE:
            for number, some in _same(ids[rows], np.arange(len(rows))):
                yield Framed(_FORMS[form], _id_of(form, number), rows[some], starts[some])


_FORMS: Final[Mapping[int, WireForm]] = {
    _CONFLUENT: "Confluent",
    _APICURIO: "Apicurio",
    _SINGLE_OBJECT: "Avro single objects",
}


def _id_of(form: int, number: int) -> SchemaId:
    if form == _SINGLE_OBJECT:
        return SchemaId("fingerprint", number.to_bytes(8, "big", signed=True).hex())
    return SchemaId("schema id" if form == _CONFLUENT else "global id", number)


@compiled
def _find_ids(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    left: NDArray[np.bool_],
    forms: NDArray[np.int8],
    ids: NDArray[np.int64],
) -> None:
    """Find in which form each value names its schema, and the number that does; 0 for `_GLUE`."""
    for row in range(len(starts)):
        at, length = starts[row], stops[row] - starts[row]
        forms[row], ids[row] = _NONE, 0
        if not left[row] or length < 5:
            continue
        first, second = data[at], data[at + 1]
        begin, end = at, at
        if first == 0:
            begin, end = at + 1, at + 5
            forms[row] = _CONFLUENT
            if not (data[at + 1] | data[at + 2] | data[at + 3] | data[at + 4]):
                forms[row] = _APICURIO if length >= 9 else _NONE
                begin, end = at + 5, at + 9 if length >= 9 else at + 5
        elif first == 0xC3 and second == 1 and length >= 10:
            forms[row], begin, end = _SINGLE_OBJECT, at + 2, at + 10
        elif first == 3 and second in (0, 5) and length >= 18:
            forms[row] = _GLUE
        for place in range(begin, end):
            ids[row] = ids[row] << 8 | data[place]
        if forms[row] == _APICURIO and ids[row] == 0:  # ids begin with 1: zeros name no schema
            forms[row] = _NONE


def _same(
    numbers: NDArray[np.int64] | NDArray[np.int8], rows: NDArray[np.int64]
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield the different numbers, and the rows of each."""
    if not len(numbers):
        return
    if (numbers == numbers[0]).all():  # as nearly always
        yield int(numbers[0]), rows
        return
    order = np.argsort(numbers, kind="stable")
    found, begins = np.unique(numbers[order], return_index=True)
    yield from zip(found.tolist(), np.split(rows[order], begins[1:]), strict=True)
