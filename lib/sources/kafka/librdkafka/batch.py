"""librdkafka's messages gathered into Arrow blocks by compiled loops, without the GIL.

A message is read and copied in one go. Messages are freed many at once, and only then: glibc
locks what one thread allocates and another frees, and the two get in each other's way least when
neither does both in turn.

The addresses of C functions are passed to the loops, so that their machine code can be kept on
disk.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import pyarrow as pa
from numba import types
from numba.experimental import function_type  # noqa: F401 (makes numba know `_CFunction`)

from lib.core.jit import compiled, inlined
from lib.sources.kafka.librdkafka.bindings import (
    ENDED,
    MESSAGE,
    NativeFunction,
    NoLibraryError,
    address_of,
    headers_of,
    library,
)
from lib.sources.kafka.librdkafka.pointers import copy_bytes, int32_at, int64_at
from lib.sources.kafka.progress import Reach
from lib.sources.records import RECORDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_ERR, _PARTITION, _OFFSET, _KEY, _KEY_SIZE, _VALUE, _VALUE_SIZE = (
    MESSAGE.fields[name][1]  # type: ignore[index]
    for name in ("err", "partition", "offset", "key", "key_len", "payload", "len")
)
"""Where the fields of a message are."""


class _CFunction:
    """A C function as an argument of compiled code.

    As `types.WrapperAddressProtocol`, but its type is made once and not at every call.
    """

    def __init__(self, function: NativeFunction, returned: types.Type, *taken: types.Type) -> None:
        self._address = address_of(function)
        self._signature = returned(*taken)
        self._numba_type_ = types.FunctionType(self._signature)

    def __wrapper_address__(self) -> int:
        return self._address

    def signature(self) -> types.Type:
        return self._signature


def _c_function(
    function: NativeFunction, returned: types.Type, *taken: types.Type
) -> Callable[..., int]:
    return cast("Callable[..., int]", _CFunction(function, returned, *taken))


@dataclass(frozen=True)
class Functions:
    """What the loops call."""

    library: ctypes.CDLL
    timestamp: Callable[..., int]
    headers: Callable[..., int]
    destroy: Callable[..., int]


def functions_of(library: ctypes.CDLL) -> Functions:
    """Return the functions of a library, as `bindings.library` gives it."""
    at = types.intp
    return Functions(
        library,
        _c_function(library.rd_kafka_message_timestamp, types.int64, at, at),
        _c_function(library.rd_kafka_message_headers, types.int32, at, at),
        _c_function(library.rd_kafka_message_destroy, types.void, at),
    )


class Texts(NamedTuple):
    """Room for a column of bytes.

    Attributes
    ----------
    offsets
        int32, where each begins in `content`, and the last one ends.
    present
        bool, False where it is null.
    content
        uint8.
    """

    offsets: NDArray[np.int32]
    present: NDArray[np.bool]
    content: NDArray[np.uint8]


class Room(NamedTuple):
    """Room for the columns of a block, but for the headers, of which it has the addresses."""

    partition: NDArray[np.int32]
    offset: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    timestamp_type: NDArray[np.int8]
    headers: NDArray[np.intp]
    key: Texts
    value: Texts


def room_for(records: int, content: int) -> Room:
    """Return room for so many records that have so many bytes of keys and of values."""
    return Room(
        np.empty(records, np.int32),
        np.empty(records, np.int64),
        np.empty(records, np.int64),
        np.empty(records, np.int8),
        np.empty(records, np.intp),
        _room_for_texts(records, content),
        _room_for_texts(records, content),
    )


def _room_for_texts(records: int, content: int) -> Texts:
    # Of the content only what is written to takes memory.
    offsets = np.zeros(records + 1, np.int32)
    return Texts(offsets, np.empty(records, np.bool), np.empty(content, np.uint8))


def fill(
    room: Room,
    rows: int,
    addresses: NDArray[np.intp],
    reach: Reach,
    functions: Functions,
    *,
    headers: bool,
) -> tuple[int, int, int]:
    """Copy messages, as long as there is room, behind the `rows` that `room` has.

    Messages at or behind the end of their partition are left out. `reach` moves to behind what
    was seen; to the end where the end is reported.

    Parameters
    ----------
    headers
        Whether headers are looked for.

    Returns
    -------
    The rows that the room has then, how many messages were taken, and the error that the next one
    has; 0 if it is none.
    """
    said = np.zeros(1, np.int64)
    rows, taken, error = _fill(
        room,
        rows,
        addresses,
        reach,
        headers,
        said.ctypes.data,
        room.key.content.ctypes.data,
        room.value.content.ctypes.data,
        functions.timestamp,
        functions.headers,
    )
    return rows, taken, error


def block(room: Room, rows: int, functions: Functions) -> pa.RecordBatch:
    """Return the `rows` that have been filled as a block of schema `RECORDS`."""
    columns = [pa.array(column[:rows]) for column in room[:4]]
    texts = [_binary(texts, rows) for texts in (room.key, room.value)]
    headers = _headers(room.headers[:rows], functions)
    return pa.RecordBatch.from_arrays([*columns, *texts, headers], schema=RECORDS)


def bytes_of(address: int) -> int:
    """Return how many bytes key and value of the message at an address have together."""
    message = np.frombuffer(ctypes.string_at(address, MESSAGE.itemsize), MESSAGE)[0]
    return int(message["len"] + message["key_len"])


def destroy(addresses: NDArray[np.intp], functions: Functions) -> None:
    """Free the messages at `addresses`."""
    _call_each(addresses, functions.destroy)


def warm_up() -> None:
    """Compile the loops, or load what was compiled, so that the first read is fast."""
    try:
        functions = functions_of(library())
    except NoLibraryError:  # then kafka-python reads, which needs no loops
        return
    none, room, nowhere = np.empty(0, np.intp), room_for(1, 1), np.zeros(1, np.int64)
    fill(room, 0, none, Reach(nowhere, nowhere), functions, headers=True)
    block(room, 0, functions)
    destroy(none, functions)


def _binary(texts: Texts, rows: int) -> pa.BinaryArray:
    offsets, present = texts.offsets[: rows + 1], texts.present[:rows]
    valid = None if present.all() else pa.array(present).buffers()[1]
    buffers = [valid, pa.py_buffer(offsets), pa.py_buffer(texts.content[: offsets[-1]])]
    return pa.Array.from_buffers(pa.binary(), rows, buffers)


def _headers(addresses: NDArray[np.intp], functions: Functions) -> pa.Array:
    kind = RECORDS.field("headers").type
    if not addresses.any():
        return pa.nulls(len(addresses), kind)
    library = functions.library
    headers = (headers_of(library, one) if one else None for one in addresses.tolist())
    return pa.array([some or None for some in headers], kind)


@compiled
def _fill(
    room: Room,
    rows: int,
    addresses: NDArray[np.intp],
    reach: Reach,
    wants_headers: bool,
    said_at: int,
    keys_at: int,
    values_at: int,
    timestamp: Callable[..., int],
    find_headers: Callable[..., int],
) -> tuple[int, int, int]:
    for taken in range(len(addresses)):
        message = addresses[taken]
        error = int32_at(message + _ERR)
        partition = int32_at(message + _PARTITION)
        offset = int64_at(message + _OFFSET)
        if error == ENDED:
            reach.positions[partition] = max(reach.positions[partition], reach.ends[partition])
            continue
        if error != 0:
            return rows, taken, error
        if offset < reach.ends[partition]:
            if not _has_room(room, rows, message):
                return rows, taken, 0
            room.partition[rows], room.offset[rows] = partition, offset
            room.timestamp[rows] = timestamp(message, said_at)
            # librdkafka counts from 0, "not available"; the protocol from -1.
            room.timestamp_type[rows] = int32_at(said_at) - 1
            room.headers[rows] = 0
            if wants_headers and find_headers(message, said_at) == 0:
                room.headers[rows] = int64_at(said_at)
            _append(room.key, keys_at, rows, message, _KEY, _KEY_SIZE)
            _append(room.value, values_at, rows, message, _VALUE, _VALUE_SIZE)
            rows += 1
        reach.positions[partition] = max(reach.positions[partition], offset + 1)
    return rows, len(addresses), 0


@inlined
def _has_room(room: Room, row: int, message: int) -> bool:
    key_size, value_size = int64_at(message + _KEY_SIZE), int64_at(message + _VALUE_SIZE)
    return (
        row < len(room.offset)
        and room.key.offsets[row] + key_size <= len(room.key.content)
        and room.value.offsets[row] + value_size <= len(room.value.content)
    )


@inlined
def _append(
    texts: Texts, content_at: int, row: int, message: int, pointer: int, length: int
) -> None:
    """Append the bytes whose address and size stand at `pointer` and `length` in a message."""
    begin, size = int64_at(message + pointer), int64_at(message + length)
    at = texts.offsets[row]
    texts.present[row] = begin != 0
    if begin != 0:
        copy_bytes(content_at + at, begin, size)
        at += size
    texts.offsets[row + 1] = at


@compiled
def _call_each(addresses: NDArray[np.intp], function: Callable[..., int]) -> None:
    for i in range(len(addresses)):
        function(addresses[i])
