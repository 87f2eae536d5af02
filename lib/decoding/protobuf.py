"""Protobuf values to columns, by tables that are made once for each message of a schema.

What becomes a column, by the name that it has in the `.proto` file: numbers as int64 or double,
booleans, texts, enums as text, messages with dotted names. A field without presence that is not
written has its default, as in Protobuf; any other is null. Maps become an object's fields, repeated
fields are text of JSON. Timestamps are integers, µs; durations doubles, seconds; wrappers what they
wrap.

Repeated numbers and texts and maps of them are read by `lib.decoding.protobuf_lists`. What the walk
only notes (other maps and repeated fields, groups, messages in themselves) is read by `protobuf`
itself, a record at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor as Kind
from google.protobuf.message import DecodeError

from lib.core.binary_values import decimal_text, text_of_bytes
from lib.core.jit import compiled
from lib.core.single_precision import one_as_written
from lib.decoding import protobuf_lists
from lib.decoding import protobuf_walk as walk
from lib.decoding.json_record import records_to_columns
from lib.decoding.merge import MAX_FIELDS
from lib.decoding.proto_files import CompiledFile, compiled_file
from lib.decoding.protobuf_lists import (
    Occurrences,
    by_records,
    list_column,
    map_columns,
    message_column,
)
from lib.decoding.slots import (
    Columns,
    NotReadableError,
    ReadColumns,
    Slot,
    Values,
    booleans,
    check,
    converted,
    doubles,
    integers,
    named,
    read_with,
    singles,
    texts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
    from google.protobuf.message import Message
    from numpy.typing import NDArray

    from lib.core.schemas import Schema

_AnyMessage: TypeAlias = Any
"""A message, whose class is made as the program runs."""

_Plain: TypeAlias = Any
"""The value of a field, or what JSON has for it."""

MOST_MESSAGES: Final = 64
"""Messages of one schema that a block's records may be."""

NO_MESSAGE: Final = "it does not say which message of the schema it is"

_KINDS: Final = {
    Kind.TYPE_INT64: walk.VARINT,
    Kind.TYPE_UINT64: walk.VARINT,
    Kind.TYPE_INT32: walk.SIGNED_32,
    Kind.TYPE_ENUM: walk.SIGNED_32,
    Kind.TYPE_UINT32: walk.UNSIGNED_32,
    Kind.TYPE_SINT64: walk.ZIGZAG,
    Kind.TYPE_SINT32: walk.ZIGZAG_32,
    Kind.TYPE_BOOL: walk.BOOLEAN,
    Kind.TYPE_FIXED64: walk.FIXED_64,
    Kind.TYPE_SFIXED64: walk.FIXED_64,
    Kind.TYPE_DOUBLE: walk.FIXED_64,
    Kind.TYPE_FIXED32: walk.FIXED_32,
    Kind.TYPE_SFIXED32: walk.SIGNED_FIXED_32,
    Kind.TYPE_FLOAT: walk.FLOAT,
    Kind.TYPE_STRING: walk.TEXT,
    Kind.TYPE_BYTES: walk.TEXT,
}
_LISTED: Final = frozenset(_KINDS) - {
    Kind.TYPE_ENUM,
    Kind.TYPE_BYTES,
    Kind.TYPE_UINT64,
    Kind.TYPE_FIXED64,
}
"""Types of which lists and maps are read by `protobuf_lists`."""

_TIMESTAMP: Final = "google.protobuf.Timestamp"
_DURATION: Final = "google.protobuf.Duration"
_DECIMALS: Final = ("confluent.type.Decimal", "confluent.types.Decimal")
_WRAPPERS: Final = tuple(
    f"google.protobuf.{kind}Value"
    for kind in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)
_BY_PROTOBUF: Final = (
    "google.protobuf.Struct",
    "google.protobuf.Value",
    "google.protobuf.ListValue",
    "google.protobuf.FieldMask",
)
_ANY: Final = "google.protobuf.Any"
_NOT_FLAT: Final = (*_BY_PROTOBUF, *_DECIMALS, _ANY)
_WELL_KNOWN: Final = (*_NOT_FLAT, *_WRAPPERS, _TIMESTAMP, _DURATION)

_TO_SECONDS: Final = 9_000_000_000_000
"""Seconds of which µs fit int64; Protobuf's own timestamps end with the year 9999."""


@dataclass(frozen=True)
class _Column:
    """A column, and the slots that it is made of."""

    name: str
    slots: tuple[int, ...]
    message: int
    """The slot that says whether the message is there that the column is a field of."""
    implicit: bool
    """Whether the field has no presence: its default where it is not written."""
    make: Callable[..., pa.Array]


@dataclass(frozen=True)
class _List:
    """A repeated field of numbers, texts or flat messages, or a map of numbers or texts."""

    path: tuple[FieldDescriptor, ...]
    kind: int
    make: Callable[..., pa.Array]
    element: _Tables | None
    """How the messages are read, or the entries of a map; None of numbers and texts."""
    is_map: bool = False

    @property
    def name(self) -> str:
        """The name of its column."""
        return ".".join(step.name for step in self.path)


@dataclass(frozen=True)
class _Tables:
    """How the records of one message are read."""

    messages: NDArray[np.int64]
    fields: NDArray[np.int64]
    slots: int
    columns: tuple[_Column, ...]
    others: tuple[tuple[FieldDescriptor, ...], ...]
    """The paths of the fields that the walk only notes."""
    lists: tuple[_List, ...]
    """The fields of which it notes every element."""
    type: type[Message]


def read(
    schema: Schema, values: Values, message: bytes | str | None = None
) -> Iterator[ReadColumns]:
    """Yield the values that are the same message of a schema, each without the schema's id.

    The positions in what is yielded are those in `values`.

    Parameters
    ----------
    message
        Which message of the schema they are: its name, or indexes as they are written; None where
        each value begins with them.

    Raises
    ------
    SchemaError
        When the schema cannot be used.
    """
    rows = np.arange(len(values))
    if message is not None:
        name = _full_name(compiled_file(schema), message)
        yield _read(_tables(schema, name), values, rows) if name else _without_message(rows)
        return
    ends = np.empty(len(values), np.int64)
    _find_index_ends(values.data, values.starts, values.stops, ends)
    for _ in range(MOST_MESSAGES):
        if not len(rows):
            return
        first = int(rows[0])
        name, end = _message_of(schema, values[first], int(ends[first] - values.starts[first]))
        if end:
            same = _begin_with(values.take(rows), values[first][:end])
            alike = rows[same]
            behind = values.take(alike).beginning(values.starts[alike] + end)
            yield _read(_tables(schema, name), behind, alike)
        else:
            same = np.arange(len(rows)) == 0
            yield _without_message(rows[same])
        rows = rows[~same]
    yield _without_message(rows)


def warm_up() -> None:
    """Compile what is compiled, or load it from numba's cache."""
    nothing = Values.of(pa.array([b"\x00"], pa.binary()))
    ends, slots = np.empty(1, np.int64), np.zeros((3, 1), np.int64)
    _find_index_ends(nothing.data, nothing.starts, nothing.stops, ends)
    messages, fields = np.array([[0, 0, walk.ROOT]]), np.empty((0, 6), np.int64)
    present, status = np.zeros((3, 1), np.uint8), np.empty(1, np.uint8)
    bounds, elements = (nothing.data, nothing.starts, nothing.stops), np.empty((5, 0), np.int64)
    walk.walk(*bounds, messages, fields, slots, present, status, elements)
    protobuf_lists.warm_up()


def _without_message(rows: NDArray[np.int64]) -> ReadColumns:
    return ReadColumns({}, np.empty(0, np.int64), dict.fromkeys(rows.tolist(), NO_MESSAGE))


def _begin_with(values: Values, beginning: bytes) -> NDArray[np.bool_]:
    alike = values.stops - values.starts >= len(beginning)
    for place, byte in enumerate(beginning):
        at = np.minimum(values.starts + place, len(values.data) - 1)
        alike &= values.data[at] == np.uint8(byte)
    return alike


# Which message


@compiled
def _find_index_ends(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> None:
    """Find where the message indexes end with which values begin; -1 where they begin with none.

    The number of indexes, then each, as zigzag varints; of the number one byte, so at most 63.
    """
    for row in range(len(starts)):
        at, stop = starts[row], stops[row]
        ends[row] = -1
        if at == stop or data[at] >= 0x80 or data[at] & 1:
            continue
        left = data[at] >> 1
        at += 1
        while left and at < stop:
            left -= data[at] < 0x80
            at += 1
        if not left:
            ends[row] = at


def _message_of(schema: Schema, value: bytes, length: int) -> tuple[str, int]:
    """Return which message a value is, and how many bytes say so; 0 where none do.

    Confluent's serializers write the indexes of the message, Apicurio's the message `Ref` with its
    name, behind its length.
    """
    file = compiled_file(schema)
    size = value[0] if value else 0
    if 2 < size < len(value) and value[1] == 0x0A and value[2] == size - 2:
        name = _full_name(file, value[3 : 1 + size].decode(errors="replace"))
        if name:
            return name, 1 + size
    name = _full_name(file, value[:length]) if length > 0 else ""
    return name, length if name else 0


def _full_name(file: CompiledFile, message: bytes | str) -> str:
    """Return the full name of a message, given by a name or its indexes; "" if it is not there."""
    if isinstance(message, bytes):
        return file.message_at(_indexes(message)) or ""
    names = file.messages()
    return next((full for full in names if message in (full, full.rpartition(".")[2])), "")


def _indexes(written: bytes) -> tuple[int, ...]:
    """Return the indexes that are written before a value: how many, and each, as zigzag varints."""
    numbers, number, shift = [], 0, 0
    for byte in written:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append((number >> 1) ^ -(number & 1))
            number = shift = 0
    return tuple(numbers[1:]) or (0,)


# Values to columns


def _read(tables: _Tables, values: Values, rows: NDArray[np.int64]) -> ReadColumns:
    return read_with(partial(_columns, tables), values).at(rows)


def _columns(tables: _Tables, values: Values) -> Iterator[Columns]:
    numbers, present, elements = _walked(tables, values)
    for column in tables.columns:
        slots = [
            _slot(values, numbers[slot], present[slot], present[column.message], column.implicit)
            for slot in column.slots
        ]
        yield {column.name: column.make(*slots)}
    noted = np.flatnonzero(present[walk.OTHERS])
    if len(noted):
        yield _others(tables, values, noted, tables.others)
    for number, one in enumerate(tables.lists):
        found = elements[:, elements[walk.LIST] == number]
        if found.shape[1]:
            yield _listed(tables, values, one, found)


def _walked(
    tables: _Tables, values: Values
) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]:
    """Return the numbers and presences of all slots, and the elements of `tables.lists`."""
    shape = tables.slots, len(values)
    numbers, present = np.empty(shape, np.int64), np.zeros(shape, np.uint8)
    status = np.empty(len(values), np.uint8)
    bounds = values.data, values.starts, values.stops
    room = int((values.stops - values.starts).sum()) // 2 if tables.lists else 0
    elements = np.empty((5, room), np.int64)
    count = walk.walk(*bounds, tables.messages, tables.fields, numbers, present, status, elements)
    check(status, walk.WHY)
    return numbers, present, elements[:, :count]


def _listed(tables: _Tables, values: Values, one: _List, found: NDArray[np.int64]) -> Columns:
    """Return the column of a repeated field, or those of a map."""
    records = found[walk.RECORD]
    bodies = Values(values.data, found[walk.BEGIN], found[walk.STOP])
    occurrences = Occurrences(records, bodies, found[walk.PACKED].astype(bool))
    if one.element is None:
        return {one.name: list_column(occurrences, one.kind, one.make, len(values))}
    with by_records(records):
        fields = dict(pair for some in _columns(one.element, bodies) for pair in some.items())
    if not one.is_map:
        return {one.name: message_column(occurrences, fields, len(values))}
    columns = map_columns(occurrences, one.name, fields, len(values))
    return columns or _others(tables, values, np.unique(records), (one.path,))


def _slot(
    values: Values,
    numbers: NDArray[np.int64],
    present: NDArray[np.uint8],
    message: NDArray[np.uint8],
    implicit: bool,
) -> Slot:
    if not implicit or present.all():
        return Slot(values.data, numbers, present)
    return Slot(values.data, np.where(present, numbers, 0), message)


def _others(
    tables: _Tables,
    values: Values,
    noted: NDArray[np.int64],
    paths: tuple[tuple[FieldDescriptor, ...], ...],
) -> Columns:
    """Return the fields at some paths as `protobuf` reads them, of the records `noted`."""
    found, failed = [], []
    for row in noted.tolist():
        try:
            found.append(_found(tables.type.FromString(values[row]), paths))
        except (DecodeError, ValueError, OverflowError, RecursionError):
            failed.append(row)
    if failed:
        raise NotReadableError(dict.fromkeys(failed, "it is not this message"))
    places = np.full(len(values), -1, np.int64)
    places[noted] = np.arange(len(noted))
    table = records_to_columns(found)
    indices = pa.array(places, mask=places < 0)
    return {name: table[name].combine_chunks().take(indices) for name in table.column_names}


def _found(message: _AnyMessage, paths: tuple[tuple[FieldDescriptor, ...], ...]) -> dict[str, Any]:
    found = {}
    for path in paths:
        inner = message
        for step in path[:-1]:
            inner = getattr(inner, step.name) if inner and inner.HasField(step.name) else None
        if inner is not None and _is_written(inner, path[-1]):
            value = _plain(getattr(inner, path[-1].name), path[-1])
            found[".".join(step.name for step in path)] = value
    return found


# Tables


@lru_cache(maxsize=256)
def _tables(schema: Schema, name: str) -> _Tables:
    return _Builder().tables(compiled_file(schema).descriptor(name))


@dataclass
class _Builder:
    """Makes the tables of a message."""

    messages: list[list[int]] = field(default_factory=list)
    fields: list[list[int]] = field(default_factory=list)
    columns: list[_Column] = field(default_factory=list)
    others: list[tuple[FieldDescriptor, ...]] = field(default_factory=list)
    lists: list[_List] = field(default_factory=list)
    slots: int = walk.ROOT

    def tables(self, descriptor: Descriptor) -> _Tables:
        self._message(descriptor, (), ())
        return _Tables(
            np.array(self.messages, np.int64).reshape(-1, 3),
            np.array(self.fields, np.int64).reshape(-1, 6),
            self.slots,
            tuple(self.columns),
            tuple(self.others),
            tuple(self.lists),
            message_factory.GetMessageClass(descriptor),
        )

    def _slot(self) -> int:
        self.slots += 1
        return self.slots - 1

    def _message(
        self, message: Descriptor, path: tuple[FieldDescriptor, ...], around: tuple[str, ...]
    ) -> int:
        """Add a message; return its row."""
        row, first, there = len(self.messages), len(self.fields), self._slot()
        self.messages.append([first, first + len(message.fields), there])
        self.fields += [[] for _ in message.fields]
        oneofs = {oneof.name: self._slot() for oneof in message.oneofs}
        around = (*around, message.full_name)
        for place, item in enumerate(message.fields, first):
            begin = self.slots
            kind, child = self._field(item, (*path, item), there, around)
            if kind == walk.LISTED:
                begin = len(self.lists) - 1
            oneof = oneofs[item.containing_oneof.name] if item.containing_oneof else walk.SCRATCH
            tag = walk.tag_of(item.number, kind)
            self.fields[place] = [tag, kind, begin, self.slots, child, oneof]
        return row

    def _field(
        self,
        item: FieldDescriptor,
        path: tuple[FieldDescriptor, ...],
        there: int,
        around: tuple[str, ...],
    ) -> tuple[int, int]:
        """Add the slots of a field; return its kind, and what `CHILD` says of it."""
        name = ".".join(step.name for step in path)
        message = item.message_type
        one = _list_of(path)
        if one is not None:
            self.lists.append(one)
            return walk.LISTED, walk.tag_of(0, one.kind)
        if item.is_repeated or item.type == Kind.TYPE_GROUP or self._is_too_much(item, around):
            self.others.append(path)
            return walk.OTHER, 0
        if message is None:
            implicit = not item.has_presence
            self.columns.append(_Column(name, (self._slot(),), there, implicit, _maker(item)))
            return _KINDS[item.type], 0
        before = len(self.columns)
        child = self._message(message, path, around)
        inner = self.columns[before:]
        if message.full_name in (_TIMESTAMP, _DURATION):
            slots = tuple(slot for column in inner for slot in column.slots)
            make = _timestamps if message.full_name == _TIMESTAMP else _durations
            self.columns[before:] = [_Column(name, slots, inner[0].message, True, make)]
        elif message.full_name in _WRAPPERS:
            self.columns[before:] = [replace(inner[0], name=name)]
        return walk.MESSAGE, child

    def _is_too_much(self, item: FieldDescriptor, around: tuple[str, ...]) -> bool:
        if item.message_type is None:
            return False
        name, fields = item.message_type.full_name, len(item.message_type.fields)
        return name in around or name in _NOT_FLAT or len(self.fields) + fields > MAX_FIELDS


def _list_of(path: tuple[FieldDescriptor, ...]) -> _List | None:
    """Return how the elements of a repeated field are read; None if `protobuf` has to read them.

    It has to where a oneof, whose last member counts, may undo elements that came before.
    """
    item = path[-1]
    if not item.is_repeated or any(step.containing_oneof for step in path):
        return None
    if item.type in _LISTED:
        return _List(path, _KINDS[item.type], _maker(item), None)
    element = item.message_type
    if element is None or item.type == Kind.TYPE_GROUP or element.full_name in _WELL_KNOWN:
        return None
    if any(part.is_repeated or part.type not in _LISTED for part in element.fields):
        return None
    tables = _Builder().tables(element)
    if not element.GetOptions().map_entry:
        return _List(path, walk.TEXT, texts, tables)
    columns = tuple(replace(column, implicit=True) for column in tables.columns)
    return _List(path, walk.TEXT, texts, replace(tables, columns=columns), is_map=True)


def _maker(item: FieldDescriptor) -> Callable[..., pa.Array]:
    if item.enum_type is not None:
        return partial(_enums, enum=item.enum_type)
    return _MAKERS.get(item.type, integers)


def _unsigned(slot: Slot) -> pa.Array:
    """Return unsigned integers; as text where some are beyond int64."""
    if not (slot.present.astype(bool) & (slot.numbers < 0)).any():
        return integers(slot)
    numbers = pa.array(slot.numbers.view(np.uint64), mask=slot.present == 0)
    return numbers.cast(pa.string())


def _enums(slot: Slot, enum: EnumDescriptor) -> pa.Array:
    if enum.is_closed:  # a number without a name is then as good as not written
        known = np.isin(slot.numbers, list(enum.values_by_number))
        slot = replace(slot, present=slot.present & known)
    return named(slot, partial(_name_in, enum))


def _timestamps(seconds: Slot, nanos: Slot) -> pa.Array:
    outside = seconds.present.astype(bool) & (np.abs(seconds.numbers) > _TO_SECONDS)
    if outside.any():
        rows = np.flatnonzero(outside).tolist()
        raise NotReadableError(dict.fromkeys(rows, "a timestamp is beyond any time"))
    micros = seconds.numbers * 1_000_000 + nanos.numbers // 1_000
    return pa.array(micros, mask=seconds.present == 0)


def _durations(seconds: Slot, nanos: Slot) -> pa.Array:
    return pa.array(seconds.numbers + nanos.numbers / 1e9, mask=seconds.present == 0)


_MAKERS: Final[Mapping[int, Callable[..., pa.Array]]] = {
    Kind.TYPE_UINT64: _unsigned,
    Kind.TYPE_FIXED64: _unsigned,
    Kind.TYPE_BOOL: booleans,
    Kind.TYPE_DOUBLE: doubles,
    Kind.TYPE_FLOAT: singles,
    Kind.TYPE_STRING: texts,
    Kind.TYPE_BYTES: partial(converted, convert=text_of_bytes, kind=pa.string()),
}


# A message as plain values


def _is_written(message: _AnyMessage, item: FieldDescriptor) -> bool:
    if item.is_repeated:
        return len(getattr(message, item.name)) > 0
    return not item.has_presence or message.HasField(item.name)


def _plain(value: _Plain, item: FieldDescriptor) -> _Plain:
    """Return the value of a field as JSON can have it, by the rules of this module."""
    if not item.is_repeated:
        return _plain_one(value, item)
    entry = item.message_type
    if entry is None or not entry.GetOptions().map_entry:
        return [_plain_one(one, item) for one in value]
    kind = entry.fields_by_name["value"]
    return {_name_of_key(key): _plain_one(one, kind) for key, one in value.items()}


def _name_of_key(key: object) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def _plain_one(value: _Plain, item: FieldDescriptor) -> _Plain:
    if item.message_type is not None:
        return _plain_message(value)
    if item.enum_type is not None:
        return _name_in(item.enum_type, value)
    if item.type == Kind.TYPE_FLOAT:
        return one_as_written(value)
    return text_of_bytes(value) if isinstance(value, bytes) else value


def _plain_message(message: _AnyMessage) -> _Plain:
    name = message.DESCRIPTOR.full_name
    if name == _TIMESTAMP:
        return message.seconds * 1_000_000 + message.nanos // 1_000
    if name == _DURATION:
        return message.seconds + message.nanos / 1e9
    if name in _WRAPPERS:
        return _plain_one(message.value, message.DESCRIPTOR.fields_by_name["value"])
    if name in _DECIMALS:
        return decimal_text(message.value, message.scale)
    if name == _ANY:
        return {"@type": message.type_url, "value": text_of_bytes(message.value)}
    if name in _BY_PROTOBUF:
        return json_format.MessageToDict(message)
    return {
        item.name: _plain(getattr(message, item.name), item)
        for item in message.DESCRIPTOR.fields
        if _is_written(message, item)
    }


def _name_in(enum: EnumDescriptor, number: int) -> str:
    found = enum.values_by_number.get(number)
    return str(number) if found is None else str(found.name)
