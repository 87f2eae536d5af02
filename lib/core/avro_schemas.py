"""Avro schemas made ready for reading: parsed, as programs of the walk, and as readers of parts.

Shared by the files that hold Avro and by the decoder of values.
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
from fastavro.schema import parse_schema

from lib.core import avro_walk as walk
from lib.core.binary_values import decimal_text, text_of_bytes
from lib.core.errors import SchemaError
from lib.core.single_precision import one_as_written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from lib.core.schemas import Schema

Tree: TypeAlias = Any
"""A part of a schema, as `fastavro` parses it: a name, a union's branches, or a type's fields."""

SCALARS: Final = {
    "null": walk.NULL,
    "boolean": walk.BOOLEAN,
    "int": walk.LONG,
    "long": walk.LONG,
    "float": walk.FLOAT,
    "double": walk.DOUBLE,
    "bytes": walk.TEXT,
    "string": walk.TEXT,
}
"""Types without a name, and the instruction that reads each."""

DOUBLE_DIGITS: Final = 15
"""Decimal digits that a double surely holds."""

_SCRATCH: Final = 0
"""The slot of what is walked over and not kept."""

_MOST_LEAVES: Final = 2_000
_LARGEST_PROGRAM: Final = 20_000
"""Instructions; where records repeated in records would need more, they are kept as bytes."""


@dataclass(frozen=True)
class Leaf:
    """What has a slot of its own: a value without parts; or an array, map or record, as bytes."""

    name: str
    tree: Tree
    kind: str


@dataclass(frozen=True)
class WalkProgram:
    """How the values of one schema are walked over.

    Attributes
    ----------
    instructions, targets
        As `lib.core.avro_walk.walk` takes them.
    leaves
        What is in the slots behind the first.
    named
        The named types of the schema.
    """

    instructions: NDArray[np.int64]
    targets: NDArray[np.int64]
    leaves: tuple[Leaf, ...]
    named: Mapping[str, Any]

    def walk(
        self, data: NDArray[np.uint8], starts: NDArray[np.int64], stops: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.uint8]]:
        """Walk over values in a buffer.

        Returns
        -------
        Of each leaf a row of numbers and one of what is present, as `lib.core.avro_walk.walk`
        fills them, and the status of each value.
        """
        shape = len(self.leaves) + 1, len(starts)
        numbers, present = np.empty(shape, np.int64), np.zeros(shape, np.uint8)
        status = np.empty(len(starts), np.uint8)
        walk.walk(data, starts, stops, self.instructions, self.targets, numbers, present, status)
        return numbers[1:], present[1:], status


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
def program_of(schema: Schema) -> WalkProgram:
    """Return the program of a schema.

    Raises
    ------
    SchemaError
        When the schema cannot be used.
    """
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
    leaves: list[Leaf] = field(default_factory=list)
    calls: list[tuple[list[int], str]] = field(default_factory=list)
    """`CALL`s whose target is not known yet, with the record that they are to walk over."""

    def program(self, tree: Tree) -> WalkProgram:
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
        code, targets = np.array(self.code, np.int64), np.array(self.targets, np.int64)
        return WalkProgram(code, targets, tuple(self.leaves), self.named)

    def _add(self, kind: int, one: int = 0, two: int = 0) -> list[int]:
        instruction = [kind, one, two]
        self.code.append(instruction)
        return instruction

    def _slot(self, path: tuple[str, ...], tree: Tree, kind: str) -> int:
        self.leaves.append(Leaf(".".join(path), tree, kind))
        return len(self.leaves)

    def _value(self, tree: Tree, path: tuple[str, ...] | None, around: tuple[str, ...]) -> None:
        """Add what walks over a value; without a path it is not kept.

        `around` has the names of the records that the value is in.
        """
        tree = self.named.get(tree, tree) if isinstance(tree, str) else tree
        kind = kind_of(tree)
        if kind == "union":
            self._union(tree, path, around)
        elif kind in SCALARS or kind in ("enum", "fixed"):
            self._scalar(tree, kind, path)
        elif path is not None and (kind in ("array", "map") or self._is_too_much(tree, around)):
            slot = self._slot(path, tree, kind)
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
        large = len(self.leaves) > _MOST_LEAVES or len(self.code) > _LARGEST_PROGRAM
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
        slot = _SCRATCH if path is None or null_field else self._slot(path, tree, kind)
        if kind == "enum":
            self._add(walk.ENUM, slot, len(tree["symbols"]))
        elif kind == "fixed":
            self._add(walk.FIXED, slot, tree["size"])
        elif not null_field:
            self._add(SCALARS[kind], slot)


def kind_of(tree: Tree) -> str:
    """Return the kind of a type: that of a scalar, "enum", "fixed", "record", "union", …."""
    if isinstance(tree, list):
        return "union"
    kind = tree if isinstance(tree, str) else tree["type"]
    return "record" if kind == "error" else str(kind)


# Logical types


def logical_type(tree: Tree) -> str:
    """Return the logical type of a type; "" where it has none, or one that it cannot have."""
    logical = str(tree.get("logicalType", "")) if isinstance(tree, dict) else ""
    if logical == "decimal":
        numbers = tree.get("precision"), tree.get("scale", 0)
        return logical if all(isinstance(number, int) for number in numbers) else ""
    size = _SIZES.get(logical)
    return "" if size and kind_of(tree) == "fixed" and tree["size"] != size else logical


_SIZES: Final = {"uuid": 16, "duration": 12}


def conversion(tree: Tree, kind: str) -> Callable[[Any], Any] | None:
    """Return what makes a column's value of one in Avro; None where they are the same."""
    logical = logical_type(tree)
    if logical == "decimal" and kind in ("bytes", "fixed"):
        exact = tree["precision"] <= DOUBLE_DIGITS
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


# What is kept as bytes: `fastavro` reads what the walk has gone through


def reader_of(tree: Tree, named: Mapping[str, Any]) -> Callable[[bytes], Any]:
    """Return what reads an array, map or record from bytes that a walk has gone through.

    It gives lists, dicts and what JSON can have, by the rules of `conversion`.
    """
    alone = parse_schema(_alone(tree, named, {}))

    def read(content: bytes) -> Tree:
        return fastavro.schemaless_reader(io.BytesIO(content), alone, None)

    return read


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
    kind = kind_of(tree)
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
    convert = one_as_written if kind == "float" else conversion(tree, kind)
    if convert is not None:
        part |= {"logicalType": _OURS, "convert": convert}
    return part


_OURS: Final = "skewline"


def _as_ours(value: object, schema: Tree, _: object) -> object:
    return schema["convert"](value)


fastavro.read.LOGICAL_READERS.update(
    {f"{kind}-{_OURS}": _as_ours for kind in ("int", "long", "float", "bytes", "fixed")}
)
