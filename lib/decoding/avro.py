"""Avro values to columns, by a program that is made once for each schema.

What becomes a column: numbers as int64 or double, booleans, texts, enums as text; records with
dotted names; of a union each branch. Maps become an object's fields, arrays are text of JSON, as
they are when they are written as JSON. Of the logical types timestamps are integers of their unit,
decimals doubles while they have at most 15 digits (which a double holds) and else text, and the
others text: dates, times of day and durations as ISO 8601 has them, UUIDs.
"""

from __future__ import annotations

import io
import json
import struct
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import UUID

import fastavro
import numpy as np
import pyarrow as pa
from fastavro.schema import parse_schema

from lib.core.errors import SchemaError
from lib.decoding import avro_walk as walk
from lib.decoding.merge import MAX_FIELDS, as_text
from lib.decoding.slots import (
    Columns,
    NotReadableError,
    Read,
    Slot,
    Values,
    booleans,
    converted,
    decimal_text,
    doubles,
    integers,
    named,
    objects,
    text_of_bytes,
    texts,
    with_one_column_a_name,
)
from lib.sources.schemas import Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

Tree: TypeAlias = Any
"""A part of a schema, as `fastavro` parses it: a name, a union's branches, or a type's fields."""

_SCRATCH: Final = 0
"""The slot of what is walked over and not kept."""

_LARGEST_PROGRAM: Final = 20_000
"""Instructions; where records repeated in records would need more, they are kept as bytes."""

_SCALARS: Final = {
    "null": walk.NULL,
    "boolean": walk.BOOLEAN,
    "int": walk.LONG,
    "long": walk.LONG,
    "float": walk.FLOAT,
    "double": walk.DOUBLE,
    "bytes": walk.TEXT,
    "string": walk.TEXT,
}
_UNITS: Final = {"millis": "ms", "micros": "us", "nanos": "ns"}
_DOUBLE_DIGITS: Final = 15
"""Decimal digits that a double surely holds."""


@dataclass(frozen=True)
class _Leaf:
    """A slot, the column that it is of, and how it becomes one."""

    name: str
    columns: Callable[[Slot], Columns]
    unit: str = ""


@dataclass(frozen=True)
class _Program:
    """How the values of one schema are read. Slot 0 is scratch, slot n of `leaves[n - 1]`."""

    instructions: NDArray[np.int64]
    targets: NDArray[np.int64]
    leaves: tuple[_Leaf, ...]


def read(schema: Schema, values: Values) -> Read:
    """Read values that are Avro of a schema, each without what frames it.

    Raises
    ------
    SchemaError
        When the schema cannot be used.
    """
    program = _program(schema)
    good, reasons = np.arange(len(values)), dict[int, str]()
    while True:
        slots, status = _walk(program, values.take(good))
        failed = np.flatnonzero(status)
        found = {int(good[row]): walk.WHY[int(status[row])] for row in failed}
        if not found:
            try:
                columns = with_one_column_a_name(
                    (leaf.columns(slot) for leaf, slot in zip(program.leaves, slots, strict=True)),
                    len(good),
                )
                units = {leaf.name: leaf.unit for leaf in program.leaves if leaf.unit}
                return Read(columns, good, reasons, units)
            except NotReadableError as fault:
                failed = fault.rows
                found = {int(good[row]): fault.reason for row in failed}
        reasons |= found
        good = np.delete(good, failed)


def warm_up() -> None:
    """Compile what is compiled, or load it from numba's cache."""
    read(Schema("AVRO", '"long"'), Values.of(pa.array([b"\x02"], pa.binary())))


def _walk(program: _Program, values: Values) -> tuple[list[Slot], NDArray[np.uint8]]:
    shape = len(program.leaves) + 1, len(values)
    numbers, present = np.empty(shape, np.int64), np.zeros(shape, np.uint8)
    status = np.empty(len(values), np.uint8)
    walk.walk(
        values.data,
        values.starts,
        values.stops,
        program.instructions,
        program.targets,
        numbers,
        present,
        status,
    )
    slots = [Slot(values.data, n, p) for n, p in zip(numbers[1:], present[1:], strict=True)]
    return slots, status


@lru_cache(maxsize=256)
def parsed(schema: Schema) -> tuple[Any, Mapping[str, Any]]:
    """Return an Avro schema as `fastavro` parses it, and its named types by their full names.

    Raises
    ------
    SchemaError
        When it is no Avro schema.
    """
    named: dict[str, Any] = {}
    try:
        _parse_references(schema, named, set())
        return parse_schema(json.loads(schema.text), named_schemas=named), named
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise SchemaError(
            f"The Avro schema cannot be used: {type(error).__name__}: {error}.",
            "Check the schema in the registry.",
        ) from error
    except fastavro.schema.SchemaParseException as error:
        raise SchemaError(
            f"The Avro schema cannot be used: {error}.", "Check the schema in the registry."
        ) from error


def _parse_references(schema: Schema, named: dict[str, Any], done: set[Schema]) -> None:
    for _, needed in schema.references:
        if needed not in done:
            done.add(needed)
            _parse_references(needed, named, done)
            parse_schema(json.loads(needed.text), named_schemas=named)


@lru_cache(maxsize=256)
def _program(schema: Schema) -> _Program:
    tree, named = parsed(schema)
    try:
        return _Compiler(named).program(tree)
    except RecursionError as error:
        raise SchemaError(
            "The Avro schema is nested too deeply.", "Check the schema in the registry."
        ) from error


@dataclass
class _Compiler:
    """Makes the program of a schema."""

    named: Mapping[str, Any]
    code: list[list[int]] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    leaves: list[_Leaf] = field(default_factory=list)
    calls: list[tuple[list[int], str]] = field(default_factory=list)
    """`CALL`s whose target is not known yet, with the record that they are to walk over."""

    def program(self, tree: Tree) -> _Program:
        self._value(tree, (), ())
        self._add(walk.DONE)
        bodies: dict[str, int] = {}
        while self.calls:
            call, name = self.calls.pop()
            if name not in bodies:
                bodies[name] = len(self.code)
                for item in self.named[name]["fields"]:
                    self._value(item["type"], None, ())
                self._add(walk.RETURN)
            call[1] = bodies[name]
        targets = np.array(self.targets, np.int64)
        return _Program(np.array(self.code, np.int64), targets, tuple(self.leaves))

    def _add(self, kind: int, one: int = 0, two: int = 0) -> list[int]:
        instruction = [kind, one, two]
        self.code.append(instruction)
        return instruction

    def _slot(self, leaf: _Leaf) -> int:
        self.leaves.append(leaf)
        return len(self.leaves)

    def _value(self, tree: Tree, path: tuple[str, ...] | None, around: tuple[str, ...]) -> None:
        """Add what walks over a value; without a path it is not kept.

        `around` has the names of the records that the value is in.
        """
        tree = self.named.get(tree, tree) if isinstance(tree, str) else tree
        kind = _kind(tree)
        if kind == "union":
            self._union(tree, path, around)
        elif kind in _SCALARS or kind in ("enum", "fixed"):
            self._scalar(tree, kind, path)
        elif path is not None and (kind in ("array", "map") or self._is_too_much(tree, around)):
            name = ".".join(path)
            slot = self._slot(_kept(name, tree, self.named))
            self._add(walk.MARK, slot)
            self._value(tree, None, ())
            self._add(walk.CAPTURE, slot)
        elif path is None and kind in ("array", "map"):
            self._items(tree, kind)
        elif path is None:
            self.calls.append((self._add(walk.CALL), tree["name"]))
        else:
            for item in tree["fields"]:
                self._value(item["type"], (*path, item["name"]), (*around, tree["name"]))

    def _is_too_much(self, record: Tree, around: tuple[str, ...]) -> bool:
        large = len(self.leaves) > MAX_FIELDS or len(self.code) > _LARGEST_PROGRAM
        return large or record["name"] in around

    def _union(
        self, branches: Sequence[Any], path: tuple[str, ...] | None, around: tuple[str, ...]
    ) -> None:
        first = len(self.targets)
        self.targets += [0] * len(branches)
        self._add(walk.UNION, first, len(branches))
        jumps = []
        for number, branch in enumerate(branches):
            self.targets[first + number] = len(self.code)
            self._value(branch, path, around)
            jumps.append(self._add(walk.JUMP))
        for jump in jumps:
            jump[1] = len(self.code)

    def _items(self, tree: Tree, kind: str) -> None:
        begin = len(self.code)
        block = self._add(walk.BLOCK)
        if kind == "map":
            self._add(walk.TEXT, _SCRATCH)
        self._value(tree["values" if kind == "map" else "items"], None, ())
        self._add(walk.NEXT, begin)
        block[1] = len(self.code)

    def _scalar(self, tree: Tree, kind: str, path: tuple[str, ...] | None) -> None:
        null_field = kind == "null" and path != ()
        kept = path is not None and not null_field
        slot = self._slot(_leaf(".".join(path or ()), tree, kind)) if kept else _SCRATCH
        if kind == "enum":
            self._add(walk.ENUM, slot, len(tree["symbols"]))
        elif kind == "fixed":
            self._add(walk.FIXED, slot, tree["size"])
        elif not null_field:
            self._add(_SCALARS[kind], slot)


def _kind(tree: Tree) -> str:
    if isinstance(tree, list):
        return "union"
    kind = tree if isinstance(tree, str) else tree["type"]
    return "record" if kind == "error" else str(kind)


def _leaf(name: str, tree: Tree, kind: str) -> _Leaf:
    """Return what a value without parts becomes."""
    logical = _logical_type(tree)
    by, _, unit = logical.rpartition("-")
    if kind == "long" and by in ("timestamp", "local-timestamp") and unit in _UNITS:
        return _Leaf(name, partial(_one, name, integers), _UNITS[unit])
    convert = _conversion(tree, kind)
    if kind == "enum":
        make: Callable[[Slot], pa.Array] = partial(named, name_of=tree["symbols"].__getitem__)
    elif convert is None:
        make = _PLAIN[kind]
    elif kind in ("int", "long"):
        make = partial(named, name_of=convert)
    else:
        exact = logical == "decimal" and tree["precision"] <= _DOUBLE_DIGITS
        make = partial(converted, convert=convert, kind=pa.float64() if exact else pa.string())
    return _Leaf(name, partial(_one, name, make))


def _one(name: str, make: Callable[[Slot], pa.Array], slot: Slot) -> Columns:
    return {name: make(slot)}


_PLAIN: Final[Mapping[str, Callable[[Slot], pa.Array]]] = {
    "null": booleans,
    "boolean": booleans,
    "int": integers,
    "long": integers,
    "float": doubles,
    "double": doubles,
    "string": texts,
}


# Logical types


def _logical_type(tree: Tree) -> str:
    return str(tree.get("logicalType", "")) if isinstance(tree, dict) else ""


def _conversion(tree: Tree, kind: str) -> Callable[[Any], Any] | None:
    """Return what makes a column's value of one in Avro; None where they are the same."""
    logical = _logical_type(tree)
    if logical == "decimal" and kind in ("bytes", "fixed"):
        exact = tree["precision"] <= _DOUBLE_DIGITS
        return partial(_decimal, scale=tree.get("scale", 0), exact=exact)
    found = _CONVERSIONS.get((kind, logical))
    return text_of_bytes if found is None and kind in ("bytes", "fixed") else found


def _decimal(value: bytes, scale: int, *, exact: bool) -> float | str:
    text = decimal_text(value, scale)
    return float(text) if exact else text


def _date(days: int) -> str:
    return date.fromordinal(_EPOCH + days).isoformat()


def _time_of_day(number: int, unit: str) -> str:
    per_second = 1_000 if unit == "milliseconds" else 1_000_000
    seconds, part = divmod(number, per_second)
    minutes, second = divmod(seconds, 60)
    micros = part * (1_000_000 // per_second)
    return time(minutes // 60, minutes % 60, second, micros).isoformat(unit)


def _duration(value: bytes) -> str:
    months, days, ms = struct.unpack("<III", value)
    return f"P{months}M{days}DT{Decimal(ms).scaleb(-3):f}S"


def _uuid(value: bytes) -> str:
    return str(UUID(bytes=value))


_EPOCH: Final = date(1970, 1, 1).toordinal()
_CONVERSIONS: Final[Mapping[tuple[str, str], Callable[[Any], str]]] = {
    ("int", "date"): _date,
    ("int", "time-millis"): partial(_time_of_day, unit="milliseconds"),
    ("long", "time-micros"): partial(_time_of_day, unit="microseconds"),
    ("fixed", "duration"): _duration,
    ("fixed", "uuid"): _uuid,
}


# Arrays, maps and records in themselves: `fastavro` reads what the walk has gone through


def _kept(name: str, tree: Tree, named_types: Mapping[str, Any]) -> _Leaf:
    alone = parse_schema(_alone(tree, named_types, {}))

    def value(content: bytes) -> Tree:
        return fastavro.schemaless_reader(io.BytesIO(content), alone, None)

    if tree["type"] == "array":
        as_json = partial(converted, convert=lambda c: as_text(value(c)), kind=pa.string())
        return _Leaf(name, partial(_one, name, as_json))
    return _Leaf(name, partial(objects, name=name, convert=value))


def _alone(tree: Tree, named_types: Mapping[str, Any], names: dict[str, str]) -> Tree:
    """Return a part of a schema with all that it needs, and our logical type where one converts.

    Names are new ones, without namespaces: `names` has those given so far.
    """
    if isinstance(tree, list):
        return [_alone(branch, named_types, names) for branch in tree]
    name = tree if isinstance(tree, str) else tree.get("name")
    if name in names:
        return names[name]
    tree = named_types.get(name, tree)
    kind = _kind(tree)
    part: dict[str, Any] = {"type": kind}
    if isinstance(tree, dict):
        part |= {n: tree[n] for n in ("size", "symbols") if n in tree}
        if name:
            part["name"] = names[name] = f"T{len(names)}"
        for inner in ("items", "values"):
            if inner in tree:
                part[inner] = _alone(tree[inner], named_types, names)
        if "fields" in tree:
            part["fields"] = [
                {"name": item["name"], "type": _alone(item["type"], named_types, names)}
                for item in tree["fields"]
            ]
    convert = _conversion(tree, kind)
    if convert is not None:
        part |= {"logicalType": _OURS, "convert": convert}
    return part


_OURS: Final = "skewline"


def _as_ours(value: object, schema: Tree, _: object) -> object:
    return schema["convert"](value)


fastavro.read.LOGICAL_READERS.update(
    {f"{kind}-{_OURS}": _as_ours for kind in ("int", "long", "bytes", "fixed")}
)
