"""A compiled walk over Avro's binary encoding, by a program that `lib.core.avro_schemas` makes.

Every length is checked against its record, and so is how often anything is repeated: what the walk
has gone through to the end is Avro of its schema, and can be given to any reader.

The encoding: https://avro.apache.org/docs/1.12.0/specification/#binary-encoding.
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

LONG: Final = 0
TEXT: Final = 1
UNION: Final = 2
JUMP: Final = 3
NULL: Final = 4
DOUBLE: Final = 5
BOOLEAN: Final = 6
ENUM: Final = 7
FLOAT: Final = 8
FIXED: Final = 9
MARK: Final = 10
CAPTURE: Final = 11
BLOCK: Final = 12
NEXT: Final = 13
CALL: Final = 14
RETURN: Final = 15
DONE: Final = 16
"""Instructions, each with two numbers:

`LONG`, `TEXT` (bytes, too), `NULL`, `DOUBLE`, `BOOLEAN`, `FLOAT` slot; `ENUM` slot, symbols;
`FIXED` slot, size; `UNION` first of its targets, branches; `JUMP` to; `MARK` slot and `CAPTURE`
slot around what is kept as bytes; `BLOCK` exit and `NEXT` block around the items of an array or
map; `CALL` to.
"""

GOOD: Final = 0
TOO_SHORT: Final = 1
BAD_NUMBER: Final = 2
BAD_LENGTH: Final = 3
BAD_BRANCH: Final = 4
BAD_SYMBOL: Final = 5
BAD_BOOLEAN: Final = 6
TOO_DEEP: Final = 7
TOO_MANY: Final = 8
TOO_LONG: Final = 9

WHY: Final = {
    TOO_SHORT: "it ends too early",
    BAD_NUMBER: "a number has too many bytes",
    BAD_LENGTH: "a length is negative",
    BAD_BRANCH: "there is no such branch of a union",
    BAD_SYMBOL: "there is no such symbol of an enum",
    BAD_BOOLEAN: "a boolean is neither 0 nor 1",
    TOO_DEEP: "it is nested too deeply",
    TOO_MANY: "it has more items than bytes",
    TOO_LONG: "bytes are left over",
}
"""What a status means."""

DEEPEST: Final = 200
"""Arrays, maps and recursive records around a value at most."""

FREE_ITEMS: Final = 1_000
"""Items without a byte, such as null, that a record may have beyond its bytes."""


@compiled
def walk(
    data: Bytes,
    starts: Integers,
    stops: Integers,
    program: Integers,
    targets: Integers,
    numbers: Integers,
    present: Bytes,
    status: Bytes,
) -> int:
    """Walk over each record, fill the slots, and return how many records do not fit.

    Parameters
    ----------
    data, starts, stops
        The records.
    program
        int64, a row an instruction: which, and its two numbers.
    targets
        int64, where the branches of unions begin.
    numbers, present
        A row a slot, a column a record, to be filled as `lib.decoding.slots.Slot` says; `present`
        is all 0 before.
    status
        Of each record, to be filled.
    """
    stack = np.empty(DEEPEST, np.int64)
    bad = 0
    for record in range(len(starts)):
        found = _walk_one(
            data, starts[record], stops[record], program, targets, numbers, present, record, stack
        )
        status[record] = found
        bad += found != GOOD
    return bad


@inlined
def _walk_one(  # noqa: C901 (a loop over instructions; calls cost more than they explain)
    data: Bytes,
    at: Number,
    stop: Number,
    program: Integers,
    targets: Integers,
    numbers: Integers,
    present: Bytes,
    record: int,
    stack: Integers,
) -> Number:
    """Walk over one record; a negative `at` is the status with which it ended."""
    budget = stop - at + FREE_ITEMS
    step, depth = 0, 0
    while at >= 0:
        kind, one, two = program[step, 0], program[step, 1], program[step, 2]
        step += 1
        if kind == LONG:
            number, at = _long(data, at, stop)
            numbers[one, record] = number
            present[one, record] = 1
        elif kind == TEXT:
            length, at = _long(data, at, stop)
            numbers[one, record] = (at << 32) | length
            present[one, record] = 1
            at = _beyond(at, length, stop)
        elif kind == UNION:
            branch, at = _long(data, at, stop)
            if 0 <= branch < two:
                step = targets[one + branch]
            elif at >= 0:
                at = -BAD_BRANCH
        elif kind == JUMP:
            step = one
        elif kind == NULL:
            present[one, record] = 1
        elif kind <= FIXED:
            number, at = _scalar(kind, two, data, at, stop)
            numbers[one, record] = number
            present[one, record] = 1
        elif kind == MARK:
            numbers[one, record] = at
        elif kind == CAPTURE:
            begin = numbers[one, record]
            numbers[one, record] = (begin << 32) | (at - begin)
            present[one, record] = 1
        elif kind == BLOCK:
            count, at = _items(data, at, stop)
            budget -= count
            if at < 0 or count == 0:
                step = one
            elif budget < 0 or depth == DEEPEST:
                at = -TOO_MANY if budget < 0 else -TOO_DEEP
            else:
                stack[depth] = count
                depth += 1
        elif kind == NEXT:
            stack[depth - 1] -= 1
            if stack[depth - 1] == 0:
                depth -= 1
                step = one
            else:
                step = one + 1
        elif kind == CALL:
            budget -= 1
            if budget < 0 or depth == DEEPEST:
                at = -TOO_MANY if budget < 0 else -TOO_DEEP
            else:
                stack[depth] = step
                depth += 1
                step = one
        elif kind == RETURN:
            depth -= 1
            step = stack[depth]
        else:
            return GOOD if at == stop else TOO_LONG
    return -at


@inlined
def _long(data: Bytes, at: Number, stop: Number) -> tuple[Number, Number]:
    """Return a zigzag number of at most ten bytes, and where it ends."""
    value, shift = np.uint64(0), np.uint64(0)
    while at < stop and shift <= np.uint64(63):
        byte = np.uint64(data[at])
        at += 1
        value |= (byte & np.uint64(0x7F)) << shift
        if byte < np.uint64(0x80):
            return np.int64(value >> np.uint64(1)) ^ -np.int64(value & np.uint64(1)), at
        shift += np.uint64(7)
    return np.int64(0), np.int64(-TOO_SHORT if at >= stop else -BAD_NUMBER)


@inlined
def _beyond(at: Number, length: Number, stop: Number) -> Number:
    """Return where so many bytes end."""
    if at < 0:
        return at
    if length < 0:
        return -BAD_LENGTH
    return at + length if length <= stop - at else -TOO_SHORT


@inlined
def _items(data: Bytes, at: Number, stop: Number) -> tuple[Number, Number]:
    """Return how many items a block of an array or map has, and where the first begins."""
    count, at = _long(data, at, stop)
    if count < 0 and at >= 0:
        count = -count
        size, at = _long(data, at, stop)
        if at >= 0 and (size < 0 or count < 0):
            at = np.int64(-BAD_LENGTH)
        elif size > stop - at and at >= 0:
            at = np.int64(-TOO_SHORT)
    return count, at


@inlined
def _scalar(
    kind: Number, size: Number, data: Bytes, at: Number, stop: Number
) -> tuple[Number, Number]:
    """Return the number of a `DOUBLE`, `FLOAT`, `BOOLEAN`, `ENUM` or `FIXED`, and where it ends."""
    if kind == ENUM:
        number, at = _long(data, at, stop)
        outside = at >= 0 and not 0 <= number < size
        return number, np.int64(-BAD_SYMBOL) if outside else at
    if kind == BOOLEAN:
        size = 1
    elif kind == FLOAT:
        size = 4
    elif kind == DOUBLE:
        size = 8
    end = _beyond(at, size, stop)
    if end < 0:
        return np.int64(0), end
    if kind == FIXED:
        return (at << 32) | size, end
    bits = np.uint64(0)
    for byte in range(size):
        bits |= np.uint64(data[at + byte]) << np.uint64(8 * byte)
    if kind == BOOLEAN and bits > np.uint64(1):
        return np.int64(0), np.int64(-BAD_BOOLEAN)
    if kind == FLOAT:
        return np.int64(np.float64(np.uint32(bits).view(np.float32)).view(np.int64)), end
    return np.int64(bits), end
