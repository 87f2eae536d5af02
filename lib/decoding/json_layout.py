"""Records of one layout, read without parsing JSON.

A program writes its events with one call, so most topics' records differ in their values alone.
The first record of a block is cut into constant bytes and slots for values; the others are
compared with the constants, and only the slots are read: several times as fast as a parser.
Whatever is not beyond doubt what `json.loads` makes of it is left to one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from lib.core.jit import compiled, inlined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Integers = NDArray[np.int64]

FEWEST: Final = 500
"""Records from which on it is worth while; with fewer nobody has to wait for machine code."""

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

    def widened(self, other: Layout | None) -> Layout | None:
        """Return the layout with fractions where `other` has some; None if it differs otherwise."""
        if other is None or (self.names, self.constants) != (other.names, other.constants):
            return None
        pairs = list(zip(self.kinds, other.kinds, strict=True))
        if not all(one == two or {one, two} == {INTEGER, FLOAT} for one, two in pairs):
            return None
        return Layout(self.names, tuple(map(max, pairs)), self.constants)


def uniform_columns(values: pa.Array, fewest: int = FEWEST) -> dict[str, pa.Array] | None:
    """Return the flattened fields of records of one layout; None where they might not be.

    Parameters
    ----------
    values
        Bytes without nulls.
    fewest
        Fewer values than that, at least 1, are not read at all.

    Returns
    -------
    The fields in the order of the records: int64, double, bool, or string, as a dictionary (int32,
    in the order of first occurrence) where texts occur twice or more on average. Null where a
    record has null; without fields that all have.
    """
    layout = layout_of(values[0].as_py()) if len(values) >= fewest else None
    while layout is not None:
        slots = _Slots.of(layout, values)
        fit = slots.read()
        if fit == len(values):
            return slots.columns()
        wider = layout.widened(layout_of(values[fit].as_py()))
        layout = None if wider == layout else wider
    return None


def warm_up() -> None:
    """Compile what is compiled, or load it from numba's cache, so that the first load is fast."""
    uniform_columns(pa.array([b'{"a":"x","b":1}', b'{"a":"y","b":1}'] * FEWEST, pa.binary()))
    uniform_columns(pa.array([b'{"a":"%d"}' % row for row in range(FEWEST)], pa.binary()))


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
        int64, a row a slot, a column a record: an integer; the bits of a float; 0 or 1; where a
        text begins, times 2^32, plus its bytes.
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

    def read(self) -> int:
        """Read the records up to the first that does not fit, and return how many those are."""
        constants = np.frombuffer(b"".join(self.layout.constants), np.uint8)
        edges = np.cumsum([0, *map(len, self.layout.constants)], dtype=np.int64)
        kinds = np.array(self.layout.kinds, np.int64)
        return _read_records(
            self.data, self.bounds, constants, edges, kinds, self.numbers, self.present
        )

    def columns(self) -> dict[str, pa.Array] | None:
        """Return the slots as columns, None if there is text that is not UTF-8."""
        columns: dict[str, pa.Array] = {}
        for slot, (name, kind) in enumerate(zip(self.layout.names, self.layout.kinds, strict=True)):
            try:
                columns[name] = self._column(slot, kind)
            except pa.ArrowInvalid:
                return None
        return columns

    def _column(self, slot: int, kind: int) -> pa.Array:
        numbers, present = self.numbers[slot], self.present[slot]
        if kind == TEXT:
            return texts_at(self.data, numbers, present)
        if kind == BOOLEAN:
            return pa.array(numbers.astype(bool), mask=None if present.all() else present == 0)
        return array_of(pa.float64() if kind == FLOAT else pa.int64(), numbers.copy(), present)


def array_of(kind: pa.DataType, values: NDArray[Any], present: Bytes) -> pa.Array:
    """Return values of 4 or 8 bytes as a column of a kind, null where `present` is 0."""
    buffers = [_validity(present), pa.py_buffer(values)]
    return pa.Array.from_buffers(kind, len(values), buffers)


def _validity(present: Bytes) -> pa.Buffer | None:
    return None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))


def texts_at(data: Bytes, spans: Integers, present: Bytes) -> pa.Array:
    """Return the texts at `spans`, as a dictionary where they repeat.

    Raises
    ------
    pa.ArrowInvalid
        When one of them is not UTF-8.
    """
    codes = np.zeros(len(spans), np.int32)  # 0 where there is none
    firsts = np.empty(len(spans) // 2, np.int64)
    table = np.full(1 << len(spans).bit_length(), -1, np.int32)
    distinct = _number_texts(data, spans, present, codes, firsts, table)
    if distinct > len(firsts):
        return _strings(data, spans, present)
    words = firsts[:distinct]
    return pa.DictionaryArray.from_arrays(
        array_of(pa.int32(), codes, present), _strings(data, words, np.ones(distinct, np.uint8))
    )


def _strings(data: Bytes, spans: Integers, present: Bytes) -> pa.Array:
    offsets = np.zeros(len(spans) + 1, np.int32)
    np.cumsum((spans & 0xFFFF_FFFF) * present, out=offsets[1:])
    text = np.empty(offsets[-1], np.uint8)
    _copy_texts(data, spans, offsets, text)
    buffers = [_validity(present), pa.py_buffer(offsets), pa.py_buffer(text)]
    strings = pa.Array.from_buffers(pa.string(), len(spans), buffers)
    strings.validate(full=True)
    return strings


@compiled
def _read_records(
    data: Bytes,
    bounds: NDArray[np.int32],
    constants: Bytes,
    edges: Integers,
    kinds: Integers,
    numbers: Integers,
    present: Bytes,
) -> int:
    """Read the slots of the records up to the first that does not fit; return how many fit."""
    records, last = len(bounds) - 1, len(kinds)
    for record in range(records):
        at, stop = int(bounds[record]), int(bounds[record + 1])
        for slot in range(last):
            at = _skip(data, at, stop, constants, edges[slot], edges[slot + 1])
            number, end = _read(kinds[slot], data, at, stop)
            if end < 0:
                end = _skip(data, at, stop, _NULL, 0, 4)
                present[slot, record] = 0
            numbers[slot, record] = number
            at = end
            if at < 0:
                return record
        if _skip(data, at, stop, constants, edges[last], edges[last + 1]) != stop:
            return record
    return records


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
def _number_texts(
    data: Bytes,
    spans: Integers,
    present: Bytes,
    codes: NDArray[np.int32],
    firsts: Integers,
    table: NDArray[np.int32],
) -> int:
    """Give texts numbers in the order of first occurrence, by a hash table with linear probing.

    Returns how many there are; puts the number of each text into `codes`, and where each first
    occurs into `firsts`. Gives up, returning more than `len(firsts)`, where there are more.
    """
    mask, distinct = len(table) - 1, 0
    for row in range(len(spans)):
        if not present[row]:
            continue
        begin, length = spans[row] >> 32, spans[row] & 0xFFFF_FFFF
        place = _hash(data, begin, length) & mask
        while table[place] >= 0:
            first = firsts[table[place]]
            if first & 0xFFFF_FFFF == length and _are_equal(data, begin, data, first >> 32, length):
                break
            place = (place + 1) & mask
        if table[place] < 0:
            if distinct == len(firsts):
                return distinct + 1
            table[place] = distinct
            firsts[distinct] = spans[row]
            distinct += 1
        codes[row] = table[place]
    return distinct


@inlined
def _hash(data: Bytes, at: int, length: int) -> int:
    found, step = np.uint64(length), 0
    while step + 8 <= length:
        found = _mixed(found ^ _eight(data, at + step))
        step += 8
    while step < length:
        found = _mixed(found ^ np.uint64(data[at + step]))
        step += 1
    return int(_mixed(found) >> np.uint64(1))


@inlined
def _mixed(number: np.uint64) -> np.uint64:
    product = number * np.uint64(0x9E37_79B9_7F4A_7C15)
    return product ^ (product >> np.uint64(32))


@compiled
def _copy_texts(data: Bytes, spans: Integers, offsets: NDArray[np.int32], text: Bytes) -> None:
    for row in range(len(spans)):
        begin, to = spans[row] >> 32, offsets[row]
        for step in range(offsets[row + 1] - to):
            text[to + step] = data[begin + step]
