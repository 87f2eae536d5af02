"""The fastest reader of JSON: records of one layout, without parsing them.

A program writes its events with one call, so most topics' records differ in their values alone.
The first record of a block is cut into constant bytes and slots for values; the others are
compared with the constants, and only the slots are read: several times as fast as a parser.
A record that is not beyond doubt read as `json.loads` reads it is left.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from lib.core.jit import compiled, inlined
from lib.decoding.json_parts import RecordPart, Unread
from lib.decoding.merge import as_dictionary, table_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Integers = NDArray[np.int64]

FEWEST: Final = 500
"""Fewer records are left to a parser, so that a small topic never waits for machine code."""

EXAMPLES: Final = 4
"""Records, from all over a block, whose layouts are tried: one may be odd, and a topic may have
events of several kinds."""

MISFITS: Final = 16

MOST_FIELDS: Final = 100
MOST_DEPTH: Final = 100

NOT_READ: Final = -1
NULL: Final = 0
INTEGER: Final = 1
FLOAT: Final = 2
BOOLEAN: Final = 3
TEXT: Final = 4

_TOKEN: Final = re.compile(rb'"[^"]*"|[-+.\w]+|[^ \t\r\n]')
_KINDS: Final = (
    (NULL, re.compile(rb"null")),
    (INTEGER, re.compile(rb"-?\d+")),
    (FLOAT, re.compile(rb"-?\d+\.\d+")),
    (BOOLEAN, re.compile(rb"true|false")),
    (TEXT, re.compile(rb'"[^"]*"')),
)

_INTEGER_DIGITS: Final = 18
"""All integers of so many digits fit int64."""

_EXACT_DIGITS: Final = 15
"""Integers of so many digits are exact as float64, and so are powers of ten up to 10^22; their
quotient is then what every correct parser gives (Clinger, "How to read floating point numbers
accurately", 1990)."""

_POWERS: Final = 10.0 ** np.arange(_EXACT_DIGITS + 1)
_ZERO, _NINE, _MINUS, _POINT, _QUOTE, _BACKSLASH, _SPACE = b'09-."\\ '
_EACH: Final = np.uint64(0x0101_0101_0101_0101)
_TRUE: Final = np.frombuffer(b"true", np.uint8)
_FALSE: Final = np.frombuffer(b"false", np.uint8)
_NULL: Final = np.frombuffer(b"null", np.uint8)


@dataclass(frozen=True)
class Layout:
    """How records are written.

    Attributes
    ----------
    names
        The field of each slot, nested ones with dots.
    kinds
        What each slot has where it is not null: `INTEGER`, `FLOAT`, `BOOLEAN` or `TEXT`.
    constants
        The bytes before each slot, and those behind the last.
    """

    names: tuple[str, ...]
    kinds: tuple[int, ...]
    constants: tuple[bytes, ...]

    def widened(self, other: Layout | None) -> Layout:
        """Return the layout with fractions where `other` has some and differs in nothing else."""
        if other is None or (self.names, self.constants) != (other.names, other.constants):
            return self
        pairs = list(zip(self.kinds, other.kinds, strict=True))
        if not all(one == two or {one, two} == {INTEGER, FLOAT} for one, two in pairs):
            return self
        return Layout(self.names, tuple(map(max, pairs)), self.constants)


def read_layouts(values: Unread) -> tuple[list[RecordPart], Unread]:
    """Read the records that have the layout of one of `EXAMPLES` records."""
    parts: list[RecordPart] = []
    for number in range(EXAMPLES):
        if len(values) < FEWEST:
            break
        example = values.bytes[len(values) * number // EXAMPLES].as_py()
        fit, fields = read_layout(values.bytes, layout_of(example))
        if fit.any():
            parts.append(RecordPart(values.where(fit).rows, fields))
            values = values.where(~fit)
    return parts, values


def read_layout(values: pa.Array, layout: Layout | None) -> tuple[NDArray[np.bool_], pa.Table]:
    """Read the records that have a layout.

    Parameters
    ----------
    values
        Bytes without nulls.
    layout
        The layout. Where it has integers and some of the first misfits fractions, so has it.

    Returns
    -------
    Which records fit, and the fields of those: int64, double, bool, or string, as a dictionary
    where texts repeat. Null where a record has null; without fields that are null in all.
    """
    while layout is not None:
        slots = _Slots.of(layout, values)
        fit = slots.read()
        misfits = values.take(pa.array(np.flatnonzero(~fit)[:MISFITS])).to_pylist()
        wider = reduce(Layout.widened, map(layout_of, misfits), layout)
        if wider == layout:
            try:
                return fit, slots.columns(fit)
            except pa.ArrowInvalid:  # a text is not UTF-8
                break
        layout = wider
    return np.zeros(len(values), bool), table_of({}, 0)


def warm_up() -> None:
    """Compile what is compiled, or load it from numba's cache, so that the first load is fast."""
    record = b'{"a":"x","b":1}'
    read_layout(pa.array([record], pa.binary()), layout_of(record))


def layout_of(record: bytes) -> Layout | None:
    """Return the layout of a record; None where it is no object, or has what is not read here.

    Examples
    --------
    >>> layout_of(b'{"a":1,"b":{"c":"x"}}')
    Layout(names=('a', 'b.c'), kinds=(1, 4), constants=(b'{"a":', b',"b":{"c":', b'}}'))
    """
    if not _is_plain_object(record):
        return None
    fields = list(_fields(record))
    leaves = [(".".join(path), token) for path, token in fields if token[0] != b"{"]
    kinds = [_kind(token[0]) for _, token in leaves]
    doubtful = NOT_READ in kinds or _repeat(path for path, _ in fields)
    if doubtful or _repeat(name for name, _ in leaves) or len(leaves) > MOST_FIELDS:
        return None
    slots = [(*leaf, kind) for leaf, kind in zip(leaves, kinds, strict=True) if kind != NULL]
    edges = [0, *(edge for _, token, _ in slots for edge in token.span()), len(record)]
    constants = [record[begin:end] for begin, end in zip(edges[::2], edges[1::2], strict=True)]
    names, kinds = tuple(name for name, *_ in slots), [kind for *_, kind in slots]
    return Layout(names, tuple(kinds), tuple(constants)) if slots else None


def _is_plain_object(record: bytes) -> bool:
    """Return whether `record` is a JSON object without escapes."""
    if record.count(b"{") > MOST_DEPTH or b"\\" in record:
        return False
    try:
        return isinstance(json.loads(record.decode()), dict)
    except (ValueError, RecursionError):
        return False


def _fields(record: bytes) -> Iterator[tuple[tuple[str, ...], re.Match[bytes]]]:
    """Yield the path of each field of an object, and the token that its value begins with."""
    path: list[str] = []
    key_is_next = False
    for token in _TOKEN.finditer(record):
        text = token[0]
        if text == b"{":
            if path:
                yield tuple(path), token
            path.append("")
            key_is_next = True
        elif text == b"}":
            path.pop()
        elif text in (b",", b":"):
            key_is_next = text == b","
        elif key_is_next:
            path[-1] = text[1:-1].decode()
        else:
            yield tuple(path), token


def _kind(token: bytes) -> int:
    return next((kind for kind, form in _KINDS if form.fullmatch(token)), NOT_READ)


def _repeat(items: Iterator[object]) -> bool:
    found = list(items)
    return len(set(found)) < len(found)


@dataclass(frozen=True)
class _Slots:
    """The values of records in the slots of their layout.

    Attributes
    ----------
    layout
        The layout of the records.
    data, bounds
        The records' bytes, and where each record begins in them, and the end.
    numbers
        int64, a row a slot, a column a record that fits: an integer; the bits of a float; 0 or 1;
        where a text begins, times 2^32, plus its bytes.
    present
        uint8, 0 where it is null.
    """

    layout: Layout
    data: Bytes
    bounds: NDArray[np.int32]
    numbers: Integers
    present: Bytes

    @classmethod
    def of(cls, layout: Layout, values: pa.Array) -> _Slots:
        """Return the slots of `values`, to be read."""
        _, offsets, data = values.buffers()
        bounds = np.frombuffer(offsets, np.int32)[values.offset :][: len(values) + 1]
        shape = len(layout.kinds), len(values)
        numbers, present = np.empty(shape, np.int64), np.ones(shape, np.uint8)
        return cls(layout, np.frombuffer(data, np.uint8), bounds, numbers, present)

    def read(self) -> NDArray[np.bool_]:
        """Read the records, and return which fit."""
        constants = np.frombuffer(b"".join(self.layout.constants), np.uint8)
        edges = np.cumsum([0, *map(len, self.layout.constants)], dtype=np.int64)
        kinds = np.array(self.layout.kinds, np.int64)
        fit = np.empty(len(self.bounds) - 1, np.bool_)
        _read_records(
            self.data, self.bounds, constants, edges, kinds, self.numbers, self.present, fit
        )
        return fit

    def columns(self, fit: NDArray[np.bool_]) -> pa.Table:
        """Return the slots of the records that fit as columns.

        Raises
        ------
        pa.ArrowInvalid
            When there is text that is not UTF-8.
        """
        rows = int(fit.sum())
        columns: dict[str, pa.Array] = {}
        for slot, (name, kind) in enumerate(zip(self.layout.names, self.layout.kinds, strict=True)):
            numbers, present = self.numbers[slot, :rows], self.present[slot, :rows]
            if present.any():
                columns[name] = _column(kind, self.data, numbers, present)
        return table_of(columns, rows)


def _column(kind: int, data: Bytes, numbers: Integers, present: Bytes) -> pa.Array:
    if kind == TEXT:
        return texts_at(data, numbers, present)
    if kind == BOOLEAN:
        return pa.array(numbers.astype(bool), mask=None if present.all() else present == 0)
    return array_of(pa.float64() if kind == FLOAT else pa.int64(), numbers.copy(), present)


def array_of(kind: pa.DataType, values: NDArray[Any], present: Bytes) -> pa.Array:
    """Return values of 4 or 8 bytes as a column of a type, null where `present` is 0."""
    return pa.Array.from_buffers(kind, len(values), [_validity(present), pa.py_buffer(values)])


def _validity(present: Bytes) -> pa.Buffer | None:
    return None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))


def texts_at(data: Bytes, spans: Integers, present: Bytes) -> pa.Array:
    """Return the texts at `spans`, as a dictionary where they repeat.

    Parameters
    ----------
    data
        The bytes that they are in.
    spans
        Where each begins, times 2^32, plus how many bytes it has.
    present
        0 where there is none.

    Raises
    ------
    pa.ArrowInvalid
        When one of them is not UTF-8.
    """
    offsets = np.zeros(len(spans) + 1, np.int32)
    np.cumsum((spans & 0xFFFF_FFFF) * present, out=offsets[1:])
    text = np.empty(offsets[-1], np.uint8)
    _copy_texts(data, spans, offsets, text)
    buffers = [_validity(present), pa.py_buffer(offsets), pa.py_buffer(text)]
    return as_dictionary(pa.Array.from_buffers(pa.binary(), len(spans), buffers))


@compiled
def _read_records(
    data: Bytes,
    bounds: NDArray[np.int32],
    constants: Bytes,
    edges: Integers,
    kinds: Integers,
    numbers: Integers,
    present: Bytes,
    fit: NDArray[np.bool_],
) -> None:
    """Read the slots of the records that fit, one behind the other; note which those are."""
    last, row = len(kinds), 0
    for record in range(len(fit)):
        at, stop = int(bounds[record]), int(bounds[record + 1])
        for slot in range(last):
            at = _skip(data, at, stop, constants, edges[slot], edges[slot + 1])
            number, end = _read(kinds[slot], data, at, stop)
            if end < 0:
                end = _skip(data, at, stop, _NULL, 0, 4)
                present[slot, row] = 0
            numbers[slot, row] = number
            at = end
            if at < 0:
                break
        fit[record] = _skip(data, at, stop, constants, edges[last], edges[last + 1]) == stop
        if fit[record]:
            row += 1
        else:
            present[:, row] = 1


@inlined
def _skip(data: Bytes, at: int, stop: int, text: Bytes, begin: int, end: int) -> int:
    """Return where the bytes `begin` to `end` of `text` end in `data`; -1 if they are not `at`."""
    length = end - begin
    if at < 0 or stop - at < length or not _are_equal(data, at, text, begin, length):
        return -1
    return at + length


@inlined
def _are_equal(data: Bytes, at: int, text: Bytes, begin: int, length: int) -> bool:
    step = 0
    while step + 8 <= length:
        if _eight(data, at + step) != _eight(text, begin + step):
            return False
        step += 8
    while step < length:
        if data[at + step] != text[begin + step]:
            return False
        step += 1
    return True


@inlined
def _eight(data: Bytes, at: int) -> np.uint64:
    """Return eight bytes as a number; the compiler makes one instruction of it."""
    first = np.uint64(at)
    number = np.uint64(data[first])
    for step in range(1, 8):
        number |= np.uint64(data[first + np.uint64(step)]) << np.uint64(8 * step)
    return number


@inlined
def _read(kind: int, data: Bytes, at: int, stop: int) -> tuple[int, int]:
    """Return the number of what is in a slot, and where it ends; -1 if it is not of this kind."""
    if at < 0:
        return 0, -1
    if kind == INTEGER:
        return _read_integer(data, at, stop)
    if kind == TEXT:
        return _read_text(data, at, stop)
    if kind == FLOAT:
        return _read_float(data, at, stop)
    end = _skip(data, at, stop, _TRUE, 0, 4)
    return (1, end) if end >= 0 else (0, _skip(data, at, stop, _FALSE, 0, 5))


@inlined
def _read_integer(data: Bytes, at: int, stop: int) -> tuple[int, int]:
    """Read an integer that surely fits int64; not -0, which is a float to some."""
    negative = at < stop and data[at] == _MINUS
    first = at + 1 if negative else at
    value, end = _read_digits(data, 0, first, stop)
    digits = end - first
    if digits == 0 or digits > _INTEGER_DIGITS:
        return 0, -1
    if data[first] == _ZERO and (negative or digits > 1):
        return 0, -1
    return -value if negative else value, end


@inlined
def _read_digits(data: Bytes, value: int, at: int, stop: int) -> tuple[int, int]:
    """Return `value` with the digits that follow appended, and where they end."""
    while at < stop and _ZERO <= data[at] <= _NINE:
        value = 10 * value + (data[at] - _ZERO)
        at += 1
    return value, at


@inlined
def _read_float(data: Bytes, at: int, stop: int) -> tuple[int, int]:
    """Read a decimal number that is sure to be rounded correctly, as the bits of a float."""
    negative = at < stop and data[at] == _MINUS
    first = at + 1 if negative else at
    value, point = _read_digits(data, 0, first, stop)
    whole, decimals, end = point - first, 0, point
    if whole == 0 or (data[first] == _ZERO and whole > 1):
        return 0, -1
    if point < stop and data[point] == _POINT:
        value, end = _read_digits(data, value, point + 1, stop)
        decimals = end - point - 1
        if decimals == 0:
            return 0, -1
    elif negative and value == 0:
        return 0, -1
    if whole + decimals > _EXACT_DIGITS:
        return 0, -1
    number = value / _POWERS[decimals]
    return int(np.float64(-number if negative else number).view(np.int64)), end


@inlined
def _read_text(data: Bytes, at: int, stop: int) -> tuple[int, int]:
    """Read a text without escapes: where it begins, times 2^32, plus how many bytes it has."""
    if at == stop or data[at] != _QUOTE:
        return 0, -1
    end = at + 1
    while end + 8 <= stop and not _ends_text(_eight(data, end)):
        end += 8
    while end < stop and data[end] != _QUOTE:
        if data[end] < _SPACE or data[end] == _BACKSLASH:
            return 0, -1
        end += 1
    if end == stop:
        return 0, -1
    return ((at + 1) << 32) | (end - at - 1), end + 1


@inlined
def _ends_text(eight: np.uint64) -> bool:
    """Return whether a quote, a backslash or a control character is among eight bytes.

    Subtracting a number from each byte borrows from its upper bit where the byte is smaller
    (Anderson, "Bit twiddling hacks").
    """
    quote, backslash = eight ^ (_EACH * np.uint64(_QUOTE)), eight ^ (_EACH * np.uint64(_BACKSLASH))
    found = (quote - _EACH) & ~quote
    found |= (backslash - _EACH) & ~backslash
    found |= (eight - _EACH * np.uint64(_SPACE)) & ~eight
    return bool(found & (_EACH << np.uint64(7)))


@compiled
def _copy_texts(data: Bytes, spans: Integers, offsets: NDArray[np.int32], text: Bytes) -> None:
    for row in range(len(spans)):
        begin, to = np.uint64(spans[row] >> 32), np.uint64(offsets[row])
        for step in range(np.uint64(offsets[row + 1]) - to):
            text[to + step] = data[begin + step]
