"""A compiled walk over Protobuf's wire format, by tables that `lib.decoding.protobuf` makes.

Every length is checked against what it lies in; nothing is repeated without bytes of its own. What
comes twice counts as the encoding says: the last one of a scalar, parts of a message together, the
last member of a oneof (https://protobuf.dev/programming-guides/encoding/#last-one-wins).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from lib.core.jit import compiled, inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Integers = NDArray[np.int64]
    Number: TypeAlias = Any
    """int64, as compiled code has it."""

VARINT: Final = 0
SIGNED_32: Final = 1
UNSIGNED_32: Final = 2
ZIGZAG: Final = 3
ZIGZAG_32: Final = 4
BOOLEAN: Final = 5
FIXED_64: Final = 6
FIXED_32: Final = 7
SIGNED_FIXED_32: Final = 8
FLOAT: Final = 9
TEXT: Final = 10
MESSAGE: Final = 11
OTHER: Final = 12
LISTED: Final = 13
"""Kinds of fields: numbers that are varints; of 8 and 4 bytes; strings and bytes; a message; what
is only noted, in slot `OTHERS`, for another reader; what is repeated and noted element by
element."""

SCRATCH: Final = 0
OTHERS: Final = 1
ROOT: Final = 2
"""Slots that every table has: of what is not kept, of fields of kind `OTHER`, of the message.

What a later field replaces is noted as `OTHER`, too: it may be no text, which only `protobuf` sees.
"""

TAG, KIND, SLOT, END, CHILD, ONEOF = range(6)
"""Columns of the table of fields: the slots that a field and all in it have are `SLOT` to `END`,
`CHILD` is the row of its message, `ONEOF` the slot of its oneof. Of a field of kind `LISTED`,
`SLOT` is its number among those, and `CHILD` the wire type of its elements."""

LIST, RECORD, BEGIN, STOP, PACKED = range(5)
"""Rows of the table of elements: of which field and record one is, where its bytes are, and whether
they are several."""

GOOD: Final = 0
TOO_SHORT: Final = 1
BAD_NUMBER: Final = 2
BAD_TAG: Final = 3
TOO_DEEP: Final = 4

WHY: Final = {
    TOO_SHORT: "it ends too early",
    BAD_NUMBER: "a number has too many bytes",
    BAD_TAG: "a field has a number or type that there cannot be",
    TOO_DEEP: "it is nested too deeply",
}
"""What a status means."""

DEEPEST: Final = 100
"""Messages in messages at most, as in Protobuf's own readers."""

_WIRE_VARINT, _WIRE_64, _WIRE_LENGTH, _WIRE_GROUP, _WIRE_GROUP_END, _WIRE_32, _NO_WIRE = range(7)


def tag_of(number: int, kind: int) -> int:
    """Return what stands before a field of a kind; `OTHER` and `LISTED` may have any type."""
    if kind <= BOOLEAN:
        wire = _WIRE_VARINT
    elif kind <= FLOAT:
        wire = _WIRE_64 if kind == FIXED_64 else _WIRE_32
    else:
        wire = _NO_WIRE if kind >= OTHER else _WIRE_LENGTH
    return number << 3 | wire


@compiled
def walk(
    data: Bytes,
    starts: Integers,
    stops: Integers,
    messages: Integers,
    fields: Integers,
    numbers: Integers,
    present: Bytes,
    status: Bytes,
    elements: Integers,
) -> int:
    """Walk over each record, fill the slots, and return how many elements were noted.

    Parameters
    ----------
    data, starts, stops
        The records.
    messages
        int64, a row a message: its first row in `fields`, the row behind its last, and the slot
        that says whether it is there. The first row is that of the records.
    fields
        int64, a row a field, those of a message one below the other.
    numbers, present
        A row a slot, a column a record, to be filled as `lib.decoding.slots.Slot` says; `present`
        is all 0 before.
    status
        Of each record, to be filled.
    elements
        To be filled, a column an element; with room for half as many as there are bytes where some
        field is of kind `LISTED`.
    """
    # The last column: groups that are skipped.
    stack, total = np.empty((DEEPEST, 4), np.int64), np.zeros(1, np.int64)
    for record in range(len(starts)):
        status[record] = _walk_one(
            data,
            starts[record],
            stops[record],
            messages,
            fields,
            numbers,
            present,
            record,
            stack,
            elements,
            total,
        )
    return int(total[0])


@inlined
def _walk_one(  # noqa: C901 (a loop over instructions; calls cost more than they explain)
    data: Bytes,
    at: Number,
    stop: Number,
    messages: Integers,
    fields: Integers,
    numbers: Integers,
    present: Bytes,
    record: int,
    stack: Integers,
    elements: Integers,
    total: Integers,
) -> Number:
    """Walk over one record; a negative `at` is the status with which it ended."""
    message, depth, likely = 0, 0, messages[0, 0]
    present[messages[0, 2], record] = 1
    while at >= 0:
        if at == stop:
            if depth == 0:
                return GOOD
            depth -= 1
            stop, message, likely = stack[depth, 0], stack[depth, 1], stack[depth, 2]
            continue
        tag, at = _varint(data, at, stop)
        if at < 0 or tag < 8 or tag > 0xFFFF_FFFF:
            at = at if at < 0 else np.int64(-BAD_TAG)
            continue
        field = _find(fields, likely, messages[message, 0], messages[message, 1], tag)
        if field < 0 or fields[field, KIND] >= OTHER:
            begin, at = at, _skip(data, at, stop, tag, stack)
            if field >= 0 and fields[field, KIND] == OTHER:
                present[OTHERS, record] = 1
            elif field >= 0 and at >= 0:
                _note(fields, field, tag & 7, data, begin, at, record, elements, total)
            continue
        likely = field + 1
        slot = fields[field, SLOT]
        _take_of_oneof(fields, field, numbers, present, record)
        if fields[field, KIND] == MESSAGE:
            length, at = _length(data, at, stop)
            if at >= 0 and depth == DEEPEST:
                at = np.int64(-TOO_DEEP)
            if at >= 0:
                stack[depth, 0], stack[depth, 1], stack[depth, 2] = stop, message, likely
                depth += 1
                stop, message = at + length, fields[field, CHILD]
                likely = messages[message, 0]
                present[messages[message, 2], record] = 1
        else:
            if fields[field, KIND] == TEXT and present[slot, record]:
                present[OTHERS, record] = 1
            numbers[slot, record], at = scalar(fields[field, KIND], data, at, stop)
            present[slot, record] = 1
    return -at


@inlined
def _take_of_oneof(
    fields: Integers, field: Number, numbers: Integers, present: Bytes, record: int
) -> None:
    """Where a field is one of a oneof, forget another of it that came before."""
    oneof = fields[field, ONEOF]
    if oneof == SCRATCH:
        return
    before = numbers[oneof, record]
    if present[oneof, record] and before != field:
        present[OTHERS, record] = 1
        for other in range(fields[before, SLOT], fields[before, END]):
            present[other, record] = 0
    numbers[oneof, record] = field
    present[oneof, record] = 1


@inlined
def _note(
    fields: Integers,
    field: Number,
    wire: Number,
    data: Bytes,
    begin: Number,
    end: Number,
    record: int,
    elements: Integers,
    total: Integers,
) -> None:
    """Note an element, or several that are packed; of another type it is an unknown field."""
    of_one = fields[field, CHILD]
    if wire not in (of_one, _WIRE_LENGTH):
        return
    if wire == _WIRE_LENGTH:
        _, begin = _length(data, begin, end)
    at = total[0]
    elements[LIST, at], elements[RECORD, at] = fields[field, SLOT], record
    elements[BEGIN, at], elements[STOP, at] = begin, end
    elements[PACKED, at] = wire != of_one
    total[0] = at + 1


@inlined
def _find(fields: Integers, likely: Number, first: Number, behind: Number, tag: Number) -> Number:
    """Return the row of the field with a tag, -1 if there is none; `likely` is looked at first.

    A field of another type than its number's is none, but for those that may have any.
    """
    if likely < behind and fields[likely, TAG] == tag:
        return likely
    for field in range(first, behind):
        if fields[field, TAG] == tag:
            return field
        if fields[field, KIND] >= OTHER and fields[field, TAG] >> 3 == tag >> 3:
            return field
    return -1


@inlined
def _varint(data: Bytes, at: Number, stop: Number) -> tuple[Number, Number]:
    """Return a varint of at most ten bytes, as 64 bits with a sign, and where it ends."""
    value, shift = np.uint64(0), np.uint64(0)
    while at < stop and shift <= np.uint64(63):
        byte = np.uint64(data[at])
        at += 1
        value |= (byte & np.uint64(0x7F)) << shift
        if byte < np.uint64(0x80):
            return np.int64(value), at
        shift += np.uint64(7)
    return np.int64(0), np.int64(-TOO_SHORT if at >= stop else -BAD_NUMBER)


@inlined
def _length(data: Bytes, at: Number, stop: Number) -> tuple[Number, Number]:
    """Return how long what follows is, and where it begins."""
    length, at = _varint(data, at, stop)
    if at >= 0 and not 0 <= length <= stop - at:
        at = np.int64(-TOO_SHORT)
    return length, at


@inlined
def scalar(kind: Number, data: Bytes, at: Number, stop: Number) -> tuple[Number, Number]:
    """Return the number of a field that is no message, and where it ends."""
    if kind <= BOOLEAN:
        number, at = _varint(data, at, stop)
        return _of_kind(kind, number), at
    if kind == TEXT:
        length, at = _length(data, at, stop)
        return (at << 32) | length, at + length if at >= 0 else at
    size = 8 if kind == FIXED_64 else 4
    if stop - at < size:
        return np.int64(0), np.int64(-TOO_SHORT)
    bits = np.uint64(0)
    for byte in range(size):
        bits |= np.uint64(data[at + byte]) << np.uint64(8 * byte)
    number = np.int64(bits)
    if kind == SIGNED_FIXED_32:
        number = np.int64(np.int32(number))
    elif kind == FLOAT:
        number = np.int64(np.float64(np.uint32(bits).view(np.float32)).view(np.int64))
    return number, at + size


@inlined
def _of_kind(kind: Number, number: Number) -> Number:
    """Return a varint as the number that it is in a field of a kind."""
    if kind == SIGNED_32:
        return np.int64(np.int32(number & 0xFFFF_FFFF))
    if kind == UNSIGNED_32:
        return number & 0xFFFF_FFFF
    if kind == BOOLEAN:
        return np.int64(number != 0)
    if kind == VARINT:
        return number
    bits = np.uint64(number)
    if kind == ZIGZAG_32:
        bits &= np.uint64(0xFFFF_FFFF)
    return np.int64(bits >> np.uint64(1)) ^ -np.int64(bits & np.uint64(1))


@inlined
def _skip(data: Bytes, at: Number, stop: Number, tag: Number, stack: Integers) -> Number:
    """Return where a field ends that is not read; of a group everything in it."""
    if tag & 7 == _WIRE_GROUP:
        return _skip_group(data, at, stop, tag >> 3, stack[:, 3])
    return _skip_plain(data, at, stop, tag & 7)


@compiled
def _skip_group(
    data: Bytes, at: Number, stop: Number, number: Number, open_groups: Integers
) -> Number:
    open_groups[0] = number
    depth = 1
    while at >= 0 and depth:
        tag, at = _varint(data, at, stop)
        if at < 0:
            return at
        if tag > 0xFFFF_FFFF:  # of a group that nobody knows, protobuf takes a field 0, too
            return np.int64(-BAD_TAG)
        number, wire = tag >> 3, tag & 7
        if wire == _WIRE_GROUP:
            if depth == DEEPEST:
                return np.int64(-TOO_DEEP)
            open_groups[depth] = number
            depth += 1
        elif wire == _WIRE_GROUP_END:
            depth -= 1
            if open_groups[depth] != number:
                return np.int64(-BAD_TAG)
        else:
            at = _skip_plain(data, at, stop, wire)
    return at


@inlined
def _skip_plain(data: Bytes, at: Number, stop: Number, wire: Number) -> Number:
    if wire == _WIRE_VARINT:
        return _varint(data, at, stop)[1]
    if wire == _WIRE_LENGTH:
        length, at = _length(data, at, stop)
        return at + length if at >= 0 else at
    if wire not in (_WIRE_64, _WIRE_32):
        return np.int64(-BAD_TAG)
    size = 8 if wire == _WIRE_64 else 4
    return at + size if stop - at >= size else np.int64(-TOO_SHORT)
