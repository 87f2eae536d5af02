"""Decoded tables below one another: one type a field, rare fields as JSON text in one column."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.columns import HEADER, KAFKA_COLUMNS, KEY
from lib.decoding.json_value import parse_object

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

OTHER_FIELDS: Final = "OtherFields"
"""The column that has, as JSON text, the fields too rare for a column of their own."""

EXTRAS: Final = (KEY, HEADER)
"""How names of columns from outside a value begin."""

MAX_FIELDS: Final = 2_000

FEW_FIELDS: Final = 100

RARE: Final = 0.1

LARGEST_EXACT: Final = 2**53
"""Integers up to here are exact as float64."""


def table_of(columns: Mapping[str, pa.Array | pa.ChunkedArray], rows: int) -> pa.Table:
    """Return columns as a table, which without columns still has `rows` rows."""
    return pa.table(dict(columns)) if columns else pa.table({"": pa.nulls(rows)}).select([])


def common_fields(counts: Mapping[str, int], rows: int) -> Collection[str]:
    """Return the fields that get a column of their own: all, unless there are very many."""
    if len(counts) <= FEW_FIELDS:
        return counts.keys()
    often = [n for n, count in counts.items() if count >= RARE * rows and n != OTHER_FIELDS]
    return set(sorted(often, key=lambda name: -counts[name])[:MAX_FIELDS])


def as_dictionary(column: pa.Array) -> pa.Array:
    """Return text that repeats, twice or more on average, as a dictionary; other text as strings.

    A column of another type stays as it is; bytes count as text.

    Raises
    ------
    pa.ArrowInvalid
        When bytes are not UTF-8.
    """
    if not (pa.types.is_string(column.type) or pa.types.is_binary(column.type)):
        return column
    encoded = column.dictionary_encode()
    if len(encoded.dictionary) * 2 > len(column):
        return column.cast(pa.string())
    # Each text is checked once, however often it occurs.
    words = encoded.dictionary.cast(pa.string())
    return pa.DictionaryArray.from_arrays(encoded.indices, words)


def as_text(value: object) -> str | None:
    """Return a value as a field of several types has it: text as it is, the rest as JSON.

    One number is one text, so that it is one client however it is written: 54, 54.0 and 5.4e1 are
    "54". NaN is no value.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if abs(value) <= LARGEST_EXACT and value.is_integer():
            return str(int(value))
    return json.dumps(value, ensure_ascii=False)


def texts(column: pa.ChunkedArray | pa.Array) -> list[str | None]:
    """Return the values of a column as a decoded field of several types has them."""
    return [as_text(value) for value in column.to_pylist()]


def others_as_text(own: object, rare: dict[str, Any]) -> str | None:
    """Return what `OTHER_FIELDS` has of a record, as a JSON object.

    Parameters
    ----------
    own
        What is there already: a JSON object as text, to which the others are added; or the value
        of a field that happens to have this name.
    rare
        The fields too rare for a column.
    """
    if own is None:
        return as_text(rare) if rare else None
    found = parse_object(own.encode())[0] if isinstance(own, str) else None
    return as_text(({OTHER_FIELDS: own} if found is None else found) | rare)


def in_decoded_types(table: pa.Table) -> pa.Table:
    """Return `table` without empty columns, lists as text, text that repeats as dictionaries."""
    columns = {
        name: as_dictionary(_without_lists(column.combine_chunks()))
        for name, column in zip(table.column_names, table.columns, strict=True)
        if column.null_count < table.num_rows
    }
    return table_of(columns, table.num_rows)


def _without_lists(column: pa.Array) -> pa.Array:
    return pa.array(texts(column), pa.string()) if pa.types.is_list(column.type) else column


def concat(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of decoded tables below one another.

    A field of several types becomes text. Where there are more than `FEW_FIELDS` fields, those in
    fewer than one in ten records, and any beyond `MAX_FIELDS`, are kept as one JSON text in
    `OTHER_FIELDS`.
    """
    rows = sum(table.num_rows for table in tables)
    counts: Counter[str] = Counter()
    for table in tables:
        for name, column in zip(table.column_names, table.columns, strict=True):
            counts[name] += len(column) - column.null_count
    always = {n for n in counts if n in KAFKA_COLUMNS or n == OTHER_FIELDS or n.startswith(EXTRAS)}
    fields = {n: count for n, count in counts.items() if n not in always}
    common = {*common_fields(fields, rows), *always}
    if len(common) < len(counts):
        tables = [_gather(table, common) for table in tables]
    names = dict.fromkeys(name for table in tables for name in table.column_names)
    return table_of({name: _concat_column(name, tables) for name in names}, rows)


def _gather(table: pa.Table, common: Collection[str]) -> pa.Table:
    """Return `table` with the fields that are not common as one JSON text a record."""
    rare: list[dict[str, Any]] = [{} for _ in range(table.num_rows)]
    for name in table.column_names:
        if name not in common:
            rows = np.flatnonzero(table[name].is_valid().to_numpy()).tolist()
            for row, value in zip(rows, table[name].drop_null().to_pylist(), strict=True):
                rare[row][name] = value
    has_own = OTHER_FIELDS in table.column_names
    own = table[OTHER_FIELDS].to_pylist() if has_own else [None] * table.num_rows
    columns = {name: table[name] for name in table.column_names if name in common}
    columns[OTHER_FIELDS] = pa.array(map(others_as_text, own, rare), pa.string())
    return table_of(columns, table.num_rows)


def _concat_column(name: str, tables: Sequence[pa.Table]) -> pa.ChunkedArray:
    columns = [t[name] if name in t.column_names else None for t in tables]
    target = _common_type([c for c in columns if c is not None])
    chunks: list[pa.Array] = []
    for column, table in zip(columns, tables, strict=True):
        if column is None:
            chunks.append(pa.nulls(table.num_rows, target))
        else:
            chunks.extend(_convert(chunk, target) for chunk in column.chunks)
    return pa.chunked_array(chunks, target).unify_dictionaries()


def _common_type(columns: Sequence[pa.ChunkedArray]) -> pa.DataType:
    types = {c.type for c in columns} - {pa.null()}
    if not types:
        return pa.null()
    if len(types) == 1:
        return next(iter(types))
    if types == {pa.int64(), pa.float64()}:
        ends = [pc.min_max(c).as_py().values() for c in columns if c.type == pa.int64()]
        if all(end is None or abs(end) <= LARGEST_EXACT for both in ends for end in both):
            return pa.float64()
    dictionary = pa.dictionary(pa.int32(), pa.string())
    return dictionary if dictionary in types else pa.string()


def _convert(chunk: pa.Array, target: pa.DataType) -> pa.Array:
    if chunk.type == target:
        return chunk
    if pa.types.is_floating(target) or pa.types.is_null(chunk.type):
        return chunk.cast(target)
    if pa.types.is_dictionary(chunk.type):
        chunk = chunk.cast(pa.string())
    elif not pa.types.is_string(chunk.type):
        chunk = pa.array(texts(chunk), pa.string())
    return chunk.dictionary_encode() if pa.types.is_dictionary(target) else chunk
