"""Rows of tables, CSV's and Parquet's, as decoded records: names and types are as JSON gives them.

A column that its table gives no type is bytes, as they were written. It is what all its cells look
like: whole numbers, numbers, or true and false; else it is text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.binary_values import is_utf8
from lib.core.single_precision import as_written
from lib.decoding.base import Decoded, with_record_columns
from lib.decoding.json_value import NOT_UTF8
from lib.decoding.merge import LARGEST_EXACT, as_dictionary, concat, table_of
from lib.decoding.rejected import MAX_EXCERPTS, REJECTED, rejected_records
from lib.sources.files.tables import is_bytes
from lib.sources.records import with_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from lib.decoding.base import Decoder

_WHOLE: Final = r"^-?(?:0|[1-9]\d*)$"
_NUMBER: Final = (
    r"^(?:-?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|NaN|nan|-?Infinity|-?inf)$"
)
_TRUTH: Final = r"^(?:true|false|True|False|TRUE|FALSE)$"
_FIRST: Final = 64
"""Cells that are looked at before all are: where a column is text, they mostly show it."""


@dataclass(frozen=True)
class _Tabular:
    """`lib.decoding.base.Decoder` of values that are rows of a table."""

    name: str = "table"
    needs_headers: bool = False

    def decode(
        self, records: pa.RecordBatch, *, extras: Sequence[str] = (), excerpts: int = MAX_EXCERPTS
    ) -> Decoded:
        values = records.column("value")
        readable = _readable(values)
        good, bad = (pa.array(np.flatnonzero(rows)) for rows in (readable, ~readable))
        if len(bad):
            values = values.take(good)
        columns = {name: _decoded(column) for name, column in _flat(values)}
        present = {name: c for name, c in columns.items() if c.null_count < len(c)}
        fields = concat([table_of(present, len(values))])
        rejected = _rejected(records.take(bad), excerpts) if len(bad) else REJECTED.empty_table()
        return Decoded(with_record_columns(fields, records, good, extras), rejected)


TABULAR: Final[Decoder] = _Tabular()


def _flat(values: pa.StructArray) -> Iterator[tuple[str, pa.Array]]:
    """Yield the columns of structs, nested ones last and with dots in their names; no codes."""
    names = [field.name for field in values.type]
    columns = list(zip(names, map(_without_codes, values.flatten()), strict=True))
    yield from ((n, column) for n, column in columns if not pa.types.is_struct(column.type))
    for name, column in columns:
        if pa.types.is_struct(column.type):
            yield from ((f"{name}.{inner}", nested) for inner, nested in _flat(column))


def _without_codes(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _readable(values: pa.StructArray) -> NDArray[np.bool_]:
    """Return in which rows all bytes are UTF-8."""
    readable = np.ones(len(values), bool)
    for _, column in _flat(values):
        if is_bytes(column.type):
            readable &= _is_utf8(column)
    return readable


def _is_utf8(column: pa.Array) -> NDArray[np.bool_] | bool:
    try:
        column.cast(pa.string())
    except pa.ArrowInvalid:
        return np.array([value is None or is_utf8(value) for value in column.to_pylist()])
    return True


def _rejected(records: pa.RecordBatch, excerpts: int) -> pa.Table:
    """Return records as rejected; the excerpt is of their cells that are bytes, in one line."""
    cells = [column for _, column in _flat(records.column("value")) if is_bytes(column.type)]
    lines = pc.binary_join_element_wise(
        *(cell.cast(pa.binary()) for cell in cells), b",", null_handling="replace"
    )
    reasons = dict.fromkeys(range(len(records)), NOT_UTF8)
    return rejected_records(with_values(records, lines), reasons, excerpts)


def _decoded(column: pa.Array) -> pa.Array:
    """Return a column as a field of decoded records."""
    kind = column.type
    if is_bytes(kind):
        return as_dictionary(_as_it_looks(column.cast(pa.string())))
    if pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale <= 0):
        return _whole(column)
    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        return _without_nan(_single(column))
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _without_nan(column.cast(pa.float64()))
    if pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return column
    return as_dictionary(_text(column))


def _whole(column: pa.Array) -> pa.Array:
    """Return whole numbers as int64; as text where one is beyond it."""
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column.cast(pa.string())


def _single(column: pa.Array) -> pa.Array:
    numbers = as_written(column.fill_null(0).to_numpy())
    return pa.array(numbers, mask=column.is_null().to_numpy(zero_copy_only=False))


def _without_nan(numbers: pa.Array) -> pa.Array:
    """Return floats with null for NaN, which says that there is none, as in pandas."""
    return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)


def _text(column: pa.Array) -> pa.Array:
    """Return anything else as text: lists as JSON, times as ISO 8601."""
    if not pa.types.is_nested(column.type):
        try:
            text = column.cast(pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return _each(column, str)
        # Arrow writes a space, with which no text such as '2018-10-28T11:35' compares.
        is_moment = pa.types.is_timestamp(column.type)
        return pc.replace_substring(text, " ", "T") if is_moment else text
    return _each(column, partial(json.dumps, default=str, ensure_ascii=False))


def _each(column: pa.Array, written: Callable[[Any], str]) -> pa.Array:
    return pa.array([None if v is None else written(v) for v in column.to_pylist()], pa.string())


def _as_it_looks(cells: pa.Array) -> pa.Array:
    """Return text as numbers or truth values if all of it looks so, else as it was written."""
    if _all_match(cells, _WHOLE):
        try:
            return cells.cast(pa.int64())
        except pa.ArrowInvalid:  # too large
            return cells
    if _all_match(cells, _NUMBER):
        numbers = cells.cast(pa.float64())
        large = pc.greater_equal(pc.abs(numbers), LARGEST_EXACT)
        loses_digits = pc.and_(large, pc.match_substring_regex(cells, _WHOLE))
        return cells if pc.any(loses_digits).as_py() else _without_nan(numbers)
    return cells.cast(pa.bool_()) if _all_match(cells, _TRUTH) else cells


def _all_match(cells: pa.Array, pattern: str) -> bool:
    return all(
        pc.all(pc.match_substring_regex(some, pattern)).as_py() for some in (cells[:_FIRST], cells)
    )
