"""The reader of last resort: record by record with `json.loads`, whose answer is the right one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from lib.decoding.json_parts import RecordPart
from lib.decoding.json_value import flatten, parse_object
from lib.decoding.merge import (
    LARGEST_EXACT,
    OTHER_FIELDS,
    as_text,
    common_fields,
    concat,
    in_decoded_types,
    others_as_text,
    table_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from lib.decoding.json_parts import Unread

ROWS_AT_ONCE: Final = 1_024

SCALARS: Final = {
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "str": pa.string(),
}
"""The type of a column whose values have one Python type."""


def read_one_by_one(values: Unread) -> tuple[RecordPart, dict[int, str]]:
    """Return the values that are JSON objects, and why the others are none, by row."""
    rows: list[int] = []
    records: list[dict[str, Any]] = []
    reasons: dict[int, str] = {}
    for row, value in zip(values.rows.tolist(), values.bytes.to_pylist(), strict=True):
        record, reason = parse_object(value)
        if record is None:
            reasons[row] = reason
        else:
            rows.append(row)
            records.append(record)
    return RecordPart(np.array(rows, np.int64), records_to_columns(records)), reasons


def records_to_columns(records: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return objects as decoded columns: a row each, nested fields under dotted names."""
    flat = [flatten(record) for record in records]
    common = common_fields(Counter(name for record in flat for name in record), len(flat))
    starts = range(0, len(flat), ROWS_AT_ONCE)
    return concat([_to_table(flat[start : start + ROWS_AT_ONCE], common) for start in starts])


def _to_table(records: Sequence[dict[str, Any]], common: Collection[str]) -> pa.Table:
    every = dict.fromkeys(name for record in records for name in record)
    names = [name for name in every if name in common]
    columns = {name: _to_array([record.get(name) for record in records]) for name in names}
    if len(names) < len(every):
        columns[OTHER_FIELDS] = pa.array([_others(record, common) for record in records])
    return in_decoded_types(table_of(columns, len(records)))


def _others(record: dict[str, Any], common: Collection[str]) -> str | None:
    rare = {name: value for name, value in record.items() if name not in common}
    return others_as_text(rare.pop(OTHER_FIELDS, None), rare)


def _to_array(values: list[Any]) -> pa.Array:
    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {int, float} and _are_exact(values):
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    if len(kinds) == 1:
        try:
            return pa.array(values, SCALARS[kinds.pop().__name__])
        except (KeyError, OverflowError):
            pass
    return pa.array([as_text(v) for v in values], pa.string())


def _are_exact(values: Iterable[Any]) -> bool:
    return all(abs(v) <= LARGEST_EXACT for v in values if isinstance(v, int))
