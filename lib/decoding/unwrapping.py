"""What events are wrapped in once they are decoded, an entry each in `WRAPPINGS`.

| wrapping | what becomes of it |
|---|---|
| events in a field | a row for each element of the array in the field: a schema's, or JSON text |
| JSON text in a field | the fields of its objects become `field.name`; other text stays |
| base64 in a field | the same, of the JSON that it stands for |
| Connect | the fields of `payload` are the event's, `schema` goes; where `unpacking` left it |
| Debezium | `before`, `after`, `source` and `op` stay as they are |
| CloudEvents | its attributes stay as they are |
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import partial, reduce
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.columns import KAFKA_COLUMNS, OFFSET, PARTITION, PLACE
from lib.decoding import json_schema
from lib.decoding.inner_arrays import LOOKED_AT, path_of_events
from lib.decoding.json_arrays import NO_ARRAY, element_counts, elements
from lib.decoding.json_value import parse_object
from lib.decoding.merge import EXTRAS, OTHER_FIELDS, as_dictionary, concat, table_of
from lib.decoding.slots import Values
from lib.decoding.unpacking import CONNECT, EVENTS_IN_FIELD, MAX_BLOCK_EVENTS, SHARE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray

    _Read = Callable[[str], bytes]
    """Returns the JSON that a text holds."""

DEBEZIUM: Final = "Debezium"
CLOUD_EVENTS: Final = "CloudEvents"

NAMED: Final = 3
"""More fields than these are only counted."""

_SCHEMA, _PAYLOAD = "schema", "payload"
AS_THEY_ARE: Final = (DEBEZIUM, CLOUD_EVENTS)
"""Layers that are known, and whose fields stay where they are."""


@dataclass(frozen=True)
class Wrapping:
    """What decoded events are wrapped in.

    Attributes
    ----------
    layer
        What it is called where it can be chosen.
    name
        What the load report calls it.
    unwrap
        Returns the events without it, a row each as before; of `EVENTS_IN_FIELD` a row for each
        event of a record, with its place in that.
    """

    layer: str
    name: str
    unwrap: Callable[[pa.Table], pa.Table]


def recognise(
    sample: pa.Table, chosen: Collection[str] | None = None, *, with_arrays: bool = False
) -> tuple[Wrapping, ...]:
    """Return what decoded events are wrapped in, the outermost first, from some of them.

    Parameters
    ----------
    chosen
        The only layers that count.
    with_arrays
        Whether no array was opened before: those of values that a schema reads are not, nor those
        that are text in a field.
    """
    found: list[Wrapping] = []
    for recognised in (_events_in_field, *WRAPPINGS) if with_arrays else WRAPPINGS:
        wrapping = recognised(sample)
        if wrapping is not None and (chosen is None or wrapping.layer in chosen):
            found.append(wrapping)
            sample = wrapping.unwrap(sample)
    return tuple(found)


def _events_in_field(sample: pa.Table) -> Wrapping | None:
    """Return the field whose array holds the events; what is in another array is left closed."""
    rows = sample.select(_fields(sample)).slice(0, LOOKED_AT).to_pylist()
    path = path_of_events([*map(_with_arrays, rows)], (), wanted=False)
    if path is None:
        return None
    (name,) = path
    return Wrapping(EVENTS_IN_FIELD, f"events in {name}", partial(_each_element, name=name))


def _with_arrays(row: dict[str, object]) -> dict[str, object]:
    """Return a row with its arrays as lists: they are text of JSON."""
    return {n: _array_of(v) if isinstance(v, str) and v[:1] == "[" else v for n, v in row.items()}


def _array_of(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _each_element(table: pa.Table, name: str) -> pa.Table:
    """Return each row once for each element of the array in a field, with the fields of that.

    An array that holds more than a block may stays as it is.
    """
    if name not in table.column_names or not _is_text(table[name]):
        return table
    texts = table[name].cast(pa.string()).combine_chunks()
    arrays = Values.of(pc.fill_null(texts, "").cast(pa.binary()))
    counts = element_counts(arrays)
    counts[np.cumsum(np.maximum(counts, 1)) > MAX_BLOCK_EVENTS] = NO_ARRAY
    there = counts > 0
    rows = np.repeat(np.arange(len(counts)), np.where(there, counts, 1))
    inner = elements(arrays.take(there), counts[there]).to_arrow().cast(pa.string())
    each = pc.replace_with_mask(texts.take(pa.array(rows)), pa.array(there[rows]), inner)
    found = table.drop_columns([name])
    found = pa.table({n: _repeated(found[n], rows) for n in found.column_names})
    found = _with_places(found.add_column(table.column_names.index(name), name, each))
    return _expanded(found, name, str.encode)


def _repeated(column: pa.ChunkedArray, rows: NDArray[np.int64]) -> pa.ChunkedArray:
    """Return what a column has at rows that repeat: not the texts themselves, which may be long."""
    is_plain = pa.types.is_string(column.type)
    return (column.dictionary_encode() if is_plain else column).take(pa.array(rows))


def _with_places(table: pa.Table) -> pa.Table:
    """Return events, those of a record behind one another, with the place of each in its record."""
    record = np.stack([table[n].to_numpy() for n in (PARTITION, OFFSET)])
    begins = np.flatnonzero(np.diff(record, prepend=-1).any(axis=0))
    sizes = np.diff(begins, append=table.num_rows)
    place = pa.array(np.arange(table.num_rows) - np.repeat(begins, sizes))
    if PLACE in table.column_names:
        return table.set_column(table.column_names.index(PLACE), PLACE, place)
    return table.append_column(PLACE, place)


def _text_in_fields(sample: pa.Table) -> Wrapping | None:
    return _objects_in_fields(sample, "JSON text", str.encode)


def _base64_in_fields(sample: pa.Table) -> Wrapping | None:
    return _objects_in_fields(sample, "base64", _of_base64)


def _objects_in_fields(sample: pa.Table, form: str, read: _Read) -> Wrapping | None:
    fields = [n for n in _fields(sample) if n != OTHER_FIELDS]
    names = [n for n in fields if _holds_objects(sample[n], read)]
    if not names:
        return None
    where = ", ".join(names) if len(names) <= NAMED else f"{len(names)} fields"
    unwrap = partial(_expanded_all, names=names, read=read)
    return Wrapping(f"{form} in fields", f"{form} in {where}", unwrap)


def _of_base64(text: str) -> bytes:
    """Return what base64 stands for; nothing where a text is none."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def _holds_objects(column: pa.ChunkedArray, read: _Read) -> bool:
    if not _is_text(column):
        return False
    found = [parse_object(read(t))[0] for t in column.drop_null()[:LOOKED_AT].to_pylist()]
    objects = sum(record is not None for record in found)
    return any(found) and objects >= SHARE * len(found)


def _connect(sample: pa.Table) -> Wrapping | None:
    names = _fields(sample)
    is_one = all(name.partition(".")[0] in (_SCHEMA, _PAYLOAD) for name in names)
    if is_one and f"{_SCHEMA}.type" in names and _has(names, _PAYLOAD):
        return Wrapping(CONNECT, CONNECT, _payload_alone)
    return None


def _debezium(sample: pa.Table) -> Wrapping | None:
    names = _fields(sample)
    is_change = "op" in names and (_has(names, "before") or _has(names, "after"))
    if is_change and "source.ts_ms" in names:
        return Wrapping(DEBEZIUM, DEBEZIUM, _as_it_is)
    return None


def _cloud_events(sample: pa.Table) -> Wrapping | None:
    is_one = {"specversion", "id", "source", "type"} <= set(_fields(sample))
    return Wrapping(CLOUD_EVENTS, CLOUD_EVENTS, _as_it_is) if is_one else None


WRAPPINGS: Final[tuple[Callable[[pa.Table], Wrapping | None], ...]] = (
    _text_in_fields,
    _text_in_fields,  # in what was text before
    _text_in_fields,
    _base64_in_fields,
    _connect,
    _debezium,
    _cloud_events,
)
"""What recognises each wrapping, in the order in which they are tried."""


def _fields(table: pa.Table) -> list[str]:
    names = table.column_names
    return [n for n in names if n not in KAFKA_COLUMNS and not n.startswith(EXTRAS)]


def _has(names: Sequence[str], field: str) -> bool:
    return any(name == field or name.startswith(f"{field}.") for name in names)


def _is_text(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_dictionary(column.type))


def _as_it_is(table: pa.Table) -> pa.Table:
    return table


def _payload_alone(table: pa.Table) -> pa.Table:
    """Return the payload's fields under their own names, but where another column has the name."""
    table = table.select([n for n in table.column_names if not _has([n], _SCHEMA)])
    taken = set(table.column_names)
    short = (name.removeprefix(f"{_PAYLOAD}.") for name in table.column_names)
    pairs = zip(table.column_names, short, strict=True)
    return table.rename_columns([name if new in taken else new for name, new in pairs])


def _expanded_all(table: pa.Table, names: Sequence[str], read: _Read) -> pa.Table:
    return reduce(partial(_expanded, read=read), names, table)


def _expanded(table: pa.Table, name: str, read: _Read) -> pa.Table:
    """Return `table` with the objects that the texts of a field hold as fields of their own."""
    if name not in table.column_names or not _is_text(table[name]):
        return table
    texts = table[name].cast(pa.string()).combine_chunks()
    if read is str.encode:
        values = texts.cast(pa.binary())
    else:
        values = pa.array([None if t is None else read(t) for t in texts.to_pylist()], pa.binary())
    begins = pc.match_substring_regex(values, r"^\s*\{")
    rows = np.flatnonzero(pc.fill_null(begins, False).to_numpy(zero_copy_only=False))
    found = json_schema.read(Values.of(values.take(pa.array(rows))))
    if not len(found.good):
        return table
    places = np.full(len(texts), -1)
    places[rows[found.good]] = np.arange(len(found.good))
    at = pa.array(places, mask=places < 0)
    inside = name.removesuffix("_base64")  # CloudEvents' data is the same in either field
    fields = {f"{inside}.{n}": pa.chunked_array([c.take(at)]) for n, c in found.columns.items()}
    left = pc.if_else(pa.array(places < 0), texts, pa.scalar(None, pa.string()))
    return _with_fields(table, name, left, fields)


def _with_fields(
    table: pa.Table, name: str, left: pa.Array, fields: dict[str, pa.ChunkedArray]
) -> pa.Table:
    """Return `table` with other fields behind a field of which only `left` is left."""
    place = table.column_names.index(name)
    table = table.remove_column(place)
    if left.null_count < len(left):
        table = table.add_column(place, name, as_dictionary(left))
        place += 1
    for field, column in fields.items():
        if field in table.column_names:
            both = _either(column, table[field])
            table = table.set_column(table.column_names.index(field), field, both)
        else:
            table = table.add_column(place, field, column)
            place += 1
    return table


def _either(first: pa.ChunkedArray, second: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the first column where it has a value, else the second, in a type that holds both."""
    has = first.is_valid().to_numpy()
    pieces = [
        table_of({"": c.filter(pa.array(keep))}, 0) for c, keep in ((first, has), (second, ~has))
    ]
    order = np.argsort(np.concatenate([np.flatnonzero(has), np.flatnonzero(~has)]))
    return concat(pieces)[""].take(pa.array(order))
