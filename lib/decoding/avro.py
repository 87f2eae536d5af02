"""Avro values to columns, by a program that is made once for each schema.

What becomes a column: numbers as int64 or double, booleans, texts, enums as text; records with
dotted names; of a union each branch. Maps become an object's fields, arrays are text of JSON, as
they are when they are written as JSON. Of the logical types timestamps are integers of their unit,
decimals doubles while they have at most 15 digits (which a double holds) and else text, and the
others text: dates, times of day and durations as ISO 8601 has them, UUIDs.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from lib.core import avro_walk as walk
from lib.core.avro_schemas import (
    DOUBLE_DIGITS,
    Leaf,
    WalkProgram,
    conversion,
    logical_type,
    program_of,
    reader_of,
)
from lib.core.schemas import Schema
from lib.decoding.merge import as_text
from lib.decoding.slots import (
    Columns,
    ReadColumns,
    Slot,
    Values,
    booleans,
    check,
    converted,
    doubles,
    integers,
    named,
    objects,
    read_with,
    singles,
    texts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


def read(schema: Schema, values: Values) -> ReadColumns:
    """Read values that are Avro of a schema, each without what frames it.

    Raises
    ------
    SchemaError
        When the schema cannot be used.
    """
    program, makers = program_of(schema), _makers(schema)

    def columns_of(some: Values) -> Iterator[Columns]:
        numbers, present, status = program.walk(some.data, some.starts, some.stops)
        check(status, walk.WHY)
        for make, slot in zip(makers, zip(numbers, present, strict=True), strict=True):
            yield make(Slot(some.data, *slot))

    return read_with(columns_of, values)


def warm_up() -> None:
    """Compile what is compiled, or load it from numba's cache."""
    read(Schema("AVRO", '"long"'), Values.of(pa.array([b"\x02"], pa.binary())))


@lru_cache(maxsize=256)
def _makers(schema: Schema) -> list[Callable[[Slot], Columns]]:
    """Return what makes columns of each slot of the schema's program."""
    program = program_of(schema)
    return [_maker(leaf, program) for leaf in program.leaves]


def _maker(leaf: Leaf, program: WalkProgram) -> Callable[[Slot], Columns]:
    if leaf.kind in ("map", "record"):
        read_one = reader_of(leaf.tree, program.named)
        return partial(objects, name=leaf.name, convert=read_one)
    if leaf.kind == "array":
        read_one = reader_of(leaf.tree, program.named)
        as_json = partial(converted, convert=lambda c: as_text(read_one(c)), kind=pa.string())
        return partial(_one, leaf.name, as_json)
    return partial(_one, leaf.name, _scalar_maker(leaf))


def _one(name: str, make: Callable[[Slot], pa.Array], slot: Slot) -> Columns:
    return {name: make(slot)}


def _scalar_maker(leaf: Leaf) -> Callable[[Slot], pa.Array]:
    """Return what makes a column of a value without parts."""
    if leaf.kind == "enum":
        return partial(named, name_of=leaf.tree["symbols"].__getitem__)
    convert = conversion(leaf.tree, leaf.kind)
    if convert is None:
        return _PLAIN[leaf.kind]
    if leaf.kind in ("int", "long"):
        return partial(named, name_of=convert)
    is_decimal = logical_type(leaf.tree) == "decimal"
    exact = is_decimal and leaf.tree["precision"] <= DOUBLE_DIGITS
    return partial(converted, convert=convert, kind=pa.float64() if exact else pa.string())


_PLAIN: Final[Mapping[str, Callable[[Slot], pa.Array]]] = {
    "null": booleans,
    "boolean": booleans,
    "int": integers,
    "long": integers,
    "float": singles,
    "double": doubles,
    "string": texts,
}
