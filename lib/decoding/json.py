"""Record values to columns, in bulk; what cannot be read is rejected, never lost silently.

Arrow's JSON reader parses whole pieces of a block against the schema that the block's first
records show. A piece that does not fit is cut up, and in the end read record by record, which
also teaches the schema what it lacked; so one bad record costs nothing but itself. Either way a
value is what `json.loads` makes of it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.json_objects import MisfitError, hold_one_object, objects_to_columns
from lib.decoding.base import Decoded, with_record_columns
from lib.decoding.json_layout import uniform_columns
from lib.decoding.merge import (
    LARGEST_EXACT,
    MAX_FIELDS,
    OTHER_FIELDS,
    as_dictionary,
    as_text,
    common_fields,
    concat,
    table_of,
    texts,
)
from lib.decoding.rejected import MAX_EXCERPTS, rejected_records

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

MAX_DEPTH: Final = 100
SAMPLE: Final = 64
SINGLES: Final = 1_024
FEWEST: Final = 64
CUT: Final = 16


TOMBSTONE: Final = "tombstone (null value)"
NOT_UTF8: Final = "not UTF-8"
NOT_JSON: Final = "not JSON"
NOT_AN_OBJECT: Final = "not a JSON object"
TOO_DEEP: Final = "nested too deeply"
TOO_MANY_DIGITS: Final = "a number with too many digits"
NOT_UNICODE: Final = "text that is not Unicode (half a surrogate pair)"

_STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]', re.DOTALL)


def decode(
    records: pa.RecordBatch, *, extras: Sequence[str] = (), excerpts: int = MAX_EXCERPTS
) -> Decoded:
    """Decode the JSON values of a block of records.

    Parameters
    ----------
    records
        A block of schema `lib.sources.records.RECORDS`.
    extras
        Columns to keep from outside the value: `@key`, `@header:NAME` (text; null where absent).
    excerpts
        How many of the records rejected may keep an excerpt of their value.

    Returns
    -------
    Decoded
        Good records and rejected ones; together as many as `records` has rows.
    """
    values = records.column("value")
    present = values.is_valid().to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(present)
    reading = _Reading(reasons=dict.fromkeys(np.flatnonzero(~present).tolist(), TOMBSTONE))
    reading.read(_take(values, rows), rows)
    good = reading.result()
    columns = with_record_columns(good.table, records, pa.array(good.rows), extras)
    return Decoded(columns, rejected_records(records, reading.reasons, excerpts))


@dataclass(frozen=True)
class _Part:
    """Decoded rows of a block: their positions in it, and their flattened fields."""

    rows: NDArray[np.int64]
    table: pa.Table


@dataclass
class _Object:
    """What the fields of an object have looked like: an object again, or a scalar's kind."""

    fields: dict[str, _Object | str] = field(default_factory=dict)

    def learn(self, record: Mapping[str, Any]) -> None:
        for name, value in record.items():
            seen = self.fields.get(name, "null")
            if isinstance(value, dict) and seen == "null":
                seen = self.fields[name] = _Object()
            if isinstance(seen, str):
                self.fields[name] = _wider(seen, _kind(value))
            elif isinstance(value, dict):
                seen.learn(value)

    @property
    def size(self) -> int:
        """How many fields there are when the object is flattened."""
        return sum(1 if isinstance(seen, str) else seen.size for seen in self.fields.values())

    def schema(self) -> pa.Schema:
        return pa.schema([(name, _arrow_type(seen)) for name, seen in self.fields.items()])


@dataclass
class _Reading:
    """What is known so far of the block being read."""

    shape: _Object = field(default_factory=_Object)
    parts: list[_Part] = field(default_factory=list)
    single: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Flattened records, by position, that were read one by one."""
    reasons: dict[int, str] = field(default_factory=dict)
    """Why a record cannot be read, by position."""
    known: set[int] = field(default_factory=set)
    """Hashes of the fields and types that `shape` has learned."""

    def read(self, values: pa.Array, rows: NDArray[np.int64]) -> None:
        """Read `values`, which stand at `rows` of the block, in bulk where they allow it."""
        columns = uniform_columns(values)
        if columns is not None:
            self.parts.append(_Part(rows, pa.table(columns)))
            return
        bulk = _fit_for_bulk(values)
        together, alone = np.flatnonzero(bulk), np.flatnonzero(~bulk)
        step = max(1, len(together) // SAMPLE)
        for value in values.take(pa.array(together[::step])).to_pylist():
            record = _loads(value)[0] or {}
            self._learn(record, flatten(record))
        self._read_in_bulk(_take(values, together), rows[together])
        self._read_one_by_one(_take(values, alone), rows[alone])

    def _read_in_bulk(self, values: pa.Array, rows: NDArray[np.int64]) -> None:
        """Parse `values` in pieces as large as they allow, what does not fit one by one.

        Where the parser names the record that does not fit, those before it are parsed and it is
        read alone; where records misfit in a row, ever more of them at once. Where it does not,
        the piece is cut, down to `FEWEST`.
        """
        start, size, alone = 0, len(values), 1
        while start < len(values):
            stop = start + size
            try:
                table = _parse(values[start:stop], self.shape.schema())
            except MisfitError as misfit:
                if misfit.row:
                    size = misfit.row
                elif misfit.row is None and size > FEWEST:
                    size = max(FEWEST, size // CUT)
                else:
                    stop = start + (size if misfit.row is None else alone)
                    self._read_one_by_one(values[start:stop], rows[start:stop])
                    start, alone = stop, 2 * alone
            else:
                self.parts.append(_Part(rows[start:stop], table))
                start, size, alone = stop, 2 * max(size, FEWEST), 1

    def _read_one_by_one(self, values: pa.Array, rows: NDArray[np.int64]) -> None:
        """Parse each value with `json.loads`, learning what its fields look like."""
        for row, value in zip(rows.tolist(), values.to_pylist(), strict=True):
            record, reason = _loads(value)
            if record is None:
                self.reasons[row] = reason
            else:
                self.single[row] = flatten(record)
                self._learn(record, self.single[row])

    def _learn(self, record: dict[str, Any], flat: dict[str, Any]) -> None:
        """Learn what a record looks like, unless it is known or would make the schema boundless."""
        kinds: tuple[object, ...] = tuple(map(type, flat.values()))
        if list in kinds:
            kinds = tuple(map(_kind, flat.values()))
        look = hash((*flat, *kinds))
        if look in self.known:
            return
        self.known.add(look)
        if self.shape.size + len(flat) <= MAX_FIELDS:
            self.shape.learn(record)

    def result(self) -> _Part:
        """Return the good rows, in the block's order."""
        parts = [*self.parts, *_to_parts(self.single)]
        rows = np.concatenate([np.empty(0, np.int64), *(part.rows for part in parts)])
        table = concat([part.table for part in parts])
        if (rows[1:] > rows[:-1]).all():
            return _Part(rows, table)
        order = np.argsort(rows)
        return _Part(rows[order], table.take(pa.array(order)))


def _kind(value: object) -> str:
    """Return the kind of a value: its Python type; `[int]` is a list of int."""
    if isinstance(value, list):
        return f"[{reduce(_wider, map(_kind, value), 'null')}]"
    return "null" if value is None else type(value).__name__


def _wider(seen: str, kind: str) -> str:
    """Return the kind that holds values of both kinds; `mixed` if only text does."""
    if seen == kind or kind == "null":
        return seen
    if seen == "null":
        return kind
    if seen.startswith("[") and kind.startswith("["):
        return f"[{_wider(seen[1:-1], kind[1:-1])}]"
    return "float" if {seen, kind} == {"int", "float"} else "mixed"


_ARROW_TYPES: Final = {
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "str": pa.string(),
}


def _arrow_type(seen: _Object | str) -> pa.DataType:
    """Return the type under which Arrow's reader takes exactly what was seen, and null else."""
    if isinstance(seen, _Object):
        return pa.struct(list(seen.schema()))
    if seen.startswith("["):
        # Never a list of null type: Arrow reads such lists wrongly. Empty lists fit any type.
        inner = pa.string() if seen == "[null]" else _arrow_type(seen[1:-1])
        return pa.null() if pa.types.is_null(inner) else pa.list_(inner)
    return _ARROW_TYPES.get(seen, pa.null())


def _take(values: pa.Array, rows: NDArray[np.int64]) -> pa.Array:
    return values if len(rows) == len(values) else values.take(pa.array(rows))


def _fit_for_bulk(values: pa.Array) -> NDArray[np.bool_]:
    """Return which values Arrow's reader may be given: UTF-8 that holds one braced thing."""
    try:
        text = values.cast(pa.string())
    except pa.ArrowInvalid:
        fit = np.array([_is_utf8(v) for v in values.to_pylist()])
        if fit.any():
            fit[fit] = _fit_for_bulk(values.filter(pa.array(fit)))
        return fit
    return hold_one_object(text)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _parse(values: pa.Array, schema: pa.Schema) -> pa.Table:
    """Return the flattened fields of `values`; raises `MisfitError` where a digit could be lost."""
    fields = _uniform_fields(values, schema)
    if fields is not None:
        return fields
    table = _flatten(objects_to_columns(values, schema))
    if len(set(table.column_names)) < table.num_columns or not all(map(_is_exact, table.columns)):
        raise MisfitError
    return _compact(table)


def _uniform_fields(values: pa.Array, schema: pa.Schema) -> pa.Table | None:
    """Return the fields of values of one layout, if Arrow's reader would make the same of them."""
    columns = uniform_columns(values)
    if columns is None:
        return None
    wanted = {field.name: field.type for field in _flatten(schema.empty_table()).schema}
    if any(wanted.get(name) != _plain_type(column) for name, column in columns.items()):
        return None
    return pa.table({name: columns[name] for name in wanted if name in columns})


def _plain_type(column: pa.Array) -> pa.DataType:
    return column.type.value_type if pa.types.is_dictionary(column.type) else column.type


def _flatten(table: pa.Table) -> pa.Table:
    rows = table.num_rows
    while any(pa.types.is_struct(f.type) for f in table.schema):
        table = table.flatten()
    return table if table.num_columns else table_of({}, rows)


def _is_exact(column: pa.ChunkedArray) -> bool:
    """Return whether no integer can have lost digits on its way to float64."""
    while pa.types.is_list(column.type):
        column = pc.list_flatten(column)
    if not pa.types.is_floating(column.type):
        return True
    largest = pc.max(pc.abs(column)).as_py()
    return largest is None or not largest >= LARGEST_EXACT


def _compact(table: pa.Table) -> pa.Table:
    """Return `table` without empty columns, lists as text, text that repeats as dictionaries."""
    columns = {
        name: as_dictionary(_without_lists(column.combine_chunks()))
        for name, column in zip(table.column_names, table.columns, strict=True)
        if column.null_count < table.num_rows
    }
    return table_of(columns, table.num_rows)


def _without_lists(column: pa.Array) -> pa.Array:
    return pa.array(texts(column), pa.string()) if pa.types.is_list(column.type) else column


def _to_parts(records: Mapping[int, dict[str, Any]]) -> Iterator[_Part]:
    """Yield flattened records, by position, as columns."""
    common = common_fields(Counter(n for r in records.values() for n in r), len(records))
    everything = list(records.items())
    for start in range(0, len(everything), SINGLES):
        some = everything[start : start + SINGLES]
        rows = np.array([row for row, _ in some], np.int64)
        yield _Part(rows, _to_table([record for _, record in some], common))


def records_to_columns(records: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return objects as `decode` gives them: a row each, nested fields under dotted names."""
    return concat([part.table for part in _to_parts(dict(enumerate(map(flatten, records))))])


def _to_table(records: Sequence[dict[str, Any]], common: Collection[str]) -> pa.Table:
    every = dict.fromkeys(name for record in records for name in record)
    names = [name for name in every if name in common]
    columns = {name: _to_array([record.get(name) for record in records]) for name in names}
    if len(names) < len(every):
        rest = [{n: v for n, v in record.items() if n not in common} for record in records]
        columns[OTHER_FIELDS] = _to_array([as_text(others) if others else None for others in rest])
    return _compact(table_of(columns, len(records)))


def _loads(value: bytes) -> tuple[dict[str, Any] | None, str]:
    """Return the object that `value` holds, or None and why it holds none."""
    try:
        text = value.decode()
        if _depth(text) > MAX_DEPTH:
            return None, TOO_DEEP
        record = json.loads(text)
        if "\\u" in text:
            json.dumps(record, ensure_ascii=False).encode()
    except UnicodeDecodeError:
        return None, NOT_UTF8
    except UnicodeEncodeError:
        return None, NOT_UNICODE
    except json.JSONDecodeError:
        return None, NOT_JSON
    except ValueError:  # Python's own bound on the digits of an integer
        return None, TOO_MANY_DIGITS
    return (record, "") if isinstance(record, dict) else (None, NOT_AN_OBJECT)


def _depth(text: str) -> int:
    """Return an upper bound of the nesting in `text`, exact where there is much of it."""
    opened = text.count("{") + text.count("[")
    if opened <= MAX_DEPTH:
        return opened
    depth = deepest = 0
    for token in _STRING_OR_BRACKET.findall(text):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token, 0)
        deepest = max(deepest, depth)
    return deepest


def flatten(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return `record` with nested objects' fields under dotted names; nested ones win a clash.

    Examples
    --------
    >>> flatten({"a": 1, "b": {"c": 2, "d": {"e": 3}}})
    {'a': 1, 'b.c': 2, 'b.d.e': 3}
    """
    flat: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = {}
    for name, value in record.items():
        (nested if isinstance(value, dict) else flat)[name] = value
    for name, value in nested.items():
        for inner, item in flatten(value).items():
            flat[f"{name}.{inner}"] = item
    return flat


def _to_array(values: list[Any]) -> pa.Array:
    kinds = {type(v) for v in values} - {type(None)}
    if kinds == {int, float} and _are_exact(values):
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    if len(kinds) == 1:
        try:
            return pa.array(values, _ARROW_TYPES[kinds.pop().__name__])
        except (KeyError, OverflowError):
            pass
    return pa.array([as_text(v) for v in values], pa.string())


def _are_exact(values: Iterable[Any]) -> bool:
    return all(abs(v) <= LARGEST_EXACT for v in values if isinstance(v, int))
