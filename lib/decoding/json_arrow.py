"""The second reader of JSON: Arrow's, on pieces of a block, with a schema learned from it.

Arrow's reader is given the fields and types that some records show, and fails at the first record
that does not fit. The piece before that record is read; the record is looked at: either it teaches
the schema what it lacked, or it is left to `json.loads`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.binary_values import is_utf8
from lib.core.json_objects import MisfitError, hold_one_object, objects_to_columns
from lib.decoding.json_parts import RecordPart
from lib.decoding.json_record import SCALARS
from lib.decoding.json_value import flatten, parse_object
from lib.decoding.merge import LARGEST_EXACT, MAX_FIELDS, in_decoded_types, table_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from lib.decoding.json_parts import Unread

SAMPLE: Final = 64
"""Records, from all over a block, from which its schema is learned."""

FEWEST: Final = 64
"""A smaller piece in which something does not fit is not cut again."""

CUT: Final = 16
"""Into how many pieces one is cut where it is not known what in it does not fit."""


def read_with_arrow(values: Unread) -> tuple[list[RecordPart], Unread]:
    """Read what Arrow's reader makes the same of as `json.loads`.

    Where records that do not fit follow one another closely, ever more records are left at once:
    cutting out each of them takes longer than reading all one by one.
    """
    left = ~_fit_for_arrow(values.bytes)
    fit = values.where(~left)
    schema = _Schema()
    schema.learn(fit.bytes[:: max(1, len(fit) // SAMPLE)])
    parts, places = [], np.flatnonzero(~left)
    start, size, odd = 0, len(fit), 1
    while start < len(fit):
        piece = fit[start : start + size]
        try:
            table = _parse(piece.bytes, schema.arrow)
        except MisfitError as misfit:
            if misfit.row:
                size = misfit.row
            elif misfit.row is None and size > FEWEST:
                size = max(FEWEST, size // CUT)
            elif not schema.learn(piece.bytes[: 1 if misfit.row == 0 else FEWEST]):
                stop = start + (odd if misfit.row == 0 else size)
                left[places[start:stop]] = True
                start, odd = stop, 2 * odd
        else:
            parts.append(RecordPart(piece.rows, table))
            odd = 1 if len(piece) >= FEWEST else odd
            start, size = start + len(piece), 2 * max(size, FEWEST)
    return parts, values.where(left)


@dataclass
class _Fields:
    """What the fields of an object have looked like: an object again, or a scalar's kind."""

    kinds: dict[str, _Fields | str] = field(default_factory=dict)

    def learn(self, record: Mapping[str, Any]) -> None:
        """Learn the fields of `record`; of a field that mixes kinds, the first kind is kept."""
        for name, value in record.items():
            seen = self.kinds.get(name, "null")
            if isinstance(value, dict) and seen == "null":
                seen = self.kinds[name] = _Fields()
            if isinstance(seen, str):
                self.kinds[name] = _wider(seen, _kind(value))
            elif isinstance(value, dict):
                seen.learn(value)

    @property
    def size(self) -> int:
        """How many fields there are when the object is flattened."""
        return sum(1 if isinstance(seen, str) else seen.size for seen in self.kinds.values())

    def schema(self) -> pa.Schema:
        return pa.schema([(name, _arrow_type(seen)) for name, seen in self.kinds.items()])


@dataclass
class _Schema:
    """The fields that records have shown so far, as the schema that Arrow's reader is given."""

    fields: _Fields = field(default_factory=_Fields)
    known: set[int] = field(default_factory=set)
    """Hashes of the fields and kinds that have been learned."""
    arrow: pa.Schema = field(default_factory=lambda: pa.schema([]))

    def learn(self, values: pa.Array) -> bool:
        """Learn what records look like, and return whether that has changed the schema.

        A schema of more than `MAX_FIELDS` is not learned.
        """
        for value in values.to_pylist():
            record = parse_object(value)[0] or {}
            flat = flatten(record)
            look = hash((*flat, *map(_kind, flat.values())))
            if look not in self.known and self.fields.size + len(flat) <= MAX_FIELDS:
                self.known.add(look)
                self.fields.learn(record)
        before, self.arrow = self.arrow, self.fields.schema()
        return not self.arrow.equals(before)


def _kind(value: object) -> str:
    """Return the kind of a value: its Python type; `[int]` is a list of int."""
    if isinstance(value, list):
        return f"[{reduce(_wider, map(_kind, value), 'null')}]"
    return "null" if value is None else type(value).__name__


def _wider(seen: str, kind: str) -> str:
    """Return the kind that holds values of both kinds; the first where only text does."""
    if seen == kind or kind == "null":
        return seen
    if seen == "null":
        return kind
    if seen.startswith("[") and kind.startswith("["):
        return f"[{_wider(seen[1:-1], kind[1:-1])}]"
    return "float" if {seen, kind} == {"int", "float"} else seen


def _arrow_type(seen: _Fields | str) -> pa.DataType:
    """Return the type under which Arrow's reader takes exactly what was seen, and null else."""
    if isinstance(seen, _Fields):
        return pa.struct(list(seen.schema()))
    if seen.startswith("["):
        # Never a list of null type: Arrow reads such lists wrongly. Empty lists fit any type.
        inner = pa.string() if seen == "[null]" else _arrow_type(seen[1:-1])
        return pa.null() if pa.types.is_null(inner) else pa.list_(inner)
    return SCALARS.get(seen, pa.null())


def _fit_for_arrow(values: pa.Array) -> NDArray[np.bool_]:
    """Return which values Arrow's reader may be given: UTF-8 that holds one braced thing."""
    try:
        text = values.cast(pa.string())
    except pa.ArrowInvalid:
        fit = np.array([is_utf8(value) for value in values.to_pylist()])
        if fit.any():
            fit[fit] = _fit_for_arrow(values.filter(pa.array(fit)))
        return fit
    return hold_one_object(text)


def _parse(values: pa.Array, schema: pa.Schema) -> pa.Table:
    """Return the flattened fields of `values`; raises `MisfitError` where a digit could be lost."""
    table = _flatten(objects_to_columns(values, schema))
    if len(set(table.column_names)) < table.num_columns or not all(map(_is_exact, table.columns)):
        raise MisfitError
    return in_decoded_types(table)


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
