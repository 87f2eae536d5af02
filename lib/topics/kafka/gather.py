"""librdkafka's messages gathered into Arrow blocks by compiled loops, without the GIL.

The addresses of C functions are passed to the loops, so that their machine code can be kept on
disk.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import numpy as np
import pyarrow as pa
from numba import njit, types
from numba.experimental import function_type  # noqa: F401 (makes numba know `_CFunction`)

from lib.topics.kafka.native import MESSAGE, NativeFunction, address_of, headers_of, library
from lib.topics.records import RECORDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Function = TypeVar("Function", bound="Callable[..., object]")

_ADDRESS: Final = types.intp
_MESSAGE_BYTES: Final = MESSAGE.itemsize


def _compiled(function: Function) -> Function:
    """Return `function` compiled to run without the GIL on its first call, or loaded from disk."""
    return cast("Function", njit(nogil=True, cache=True)(function))


class _CFunction(types.WrapperAddressProtocol):  # type: ignore[misc]  # numba is untyped
    """A C function as an argument of compiled code."""

    def __init__(self, function: NativeFunction, returned: types.Type, *taken: types.Type) -> None:
        self._address = address_of(function)
        self._signature = returned(*taken)

    def __wrapper_address__(self) -> int:
        return self._address

    def signature(self) -> types.Type:
        return self._signature


@dataclass(frozen=True)
class Functions:
    """What the loops call."""

    library: ctypes.CDLL
    move: _CFunction
    timestamp: _CFunction
    headers: _CFunction
    destroy: _CFunction


def functions_of(library: ctypes.CDLL) -> Functions:
    """Return the functions of `library`, as `lib.topics.kafka.native.library` gives it."""
    at = _ADDRESS
    return Functions(
        library,
        _CFunction(ctypes.memmove, at, at, at, at),
        _CFunction(library.rd_kafka_message_timestamp, types.int64, at, at),
        _CFunction(library.rd_kafka_message_headers, types.int32, at, at),
        _CFunction(library.rd_kafka_message_destroy, types.void, at),
    )


def warm_up() -> None:
    """Compile the loops, or load what was compiled, so that the first read is fast."""
    if found := library():
        none, functions = np.empty(0, np.intp), functions_of(found)
        block(none, structures(none, functions), functions)
        destroy(none, functions)


def structures(addresses: NDArray[np.intp], functions: Functions) -> NDArray[Any]:
    """Return copies of the `MESSAGE` at each address."""
    messages = np.empty(len(addresses), MESSAGE)
    _copy_structures(messages.ctypes.data, addresses, functions.move)
    return messages


def block(
    addresses: NDArray[np.intp], messages: NDArray[Any], functions: Functions
) -> pa.RecordBatch:
    """Return records as a block of schema `RECORDS`; its memory is its own.

    Parameters
    ----------
    addresses, messages
        Where the messages are, and the `structures` there; all of them are records.
    """
    timestamps = np.empty(len(addresses), np.int64)
    kinds = np.empty(len(addresses), np.int32)
    _copy_timestamps(timestamps, kinds, addresses, functions.timestamp)
    columns = [
        pa.array(np.ascontiguousarray(messages["partition"])),
        pa.array(np.ascontiguousarray(messages["offset"])),
        pa.array(timestamps),
        # rd_kafka_timestamp_type_t counts from 0, "not available"; the protocol from -1.
        pa.array((kinds - 1).astype(np.int8)),
        _binary(messages["key"], messages["key_len"], functions),
        _binary(messages["payload"], messages["len"], functions),
        _headers(addresses, functions),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=RECORDS)


def destroy(addresses: NDArray[np.intp], functions: Functions) -> None:
    """Free the messages at `addresses`."""
    _call_each(addresses, functions.destroy)


def _binary(
    begins: NDArray[np.intp], sizes: NDArray[np.intp], functions: Functions
) -> pa.BinaryArray:
    """Return a copy of the bytes of each size at each address; null where that is zero."""
    sizes = np.where(begins == 0, 0, sizes)
    offsets = np.zeros(len(begins) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    content = pa.allocate_buffer(int(offsets[-1]))
    _copy_bytes(content.address, offsets, np.ascontiguousarray(begins), functions.move)
    valid = pa.array(begins != 0).buffers()[1]
    buffers = [valid, pa.py_buffer(offsets.astype(np.int32)), content]
    return pa.Array.from_buffers(pa.binary(), len(begins), buffers)


def _headers(addresses: NDArray[np.intp], functions: Functions) -> pa.Array:
    at = np.zeros(len(addresses), np.intp)
    _find_headers(at, addresses, functions.headers)
    kind = RECORDS.field("headers").type
    if not at.any():
        return pa.nulls(len(at), kind)
    return pa.array(
        [headers_of(functions.library, one) or None if one else None for one in at.tolist()], kind
    )


@_compiled
def _copy_structures(to: int, addresses: NDArray[np.intp], move: _CFunction) -> None:
    for i in range(len(addresses)):
        move(to + i * _MESSAGE_BYTES, addresses[i], _MESSAGE_BYTES)


@_compiled
def _copy_timestamps(
    timestamps: NDArray[np.int64],
    kinds: NDArray[np.int32],
    addresses: NDArray[np.intp],
    timestamp: _CFunction,
) -> None:
    first_kind = np.intp(kinds.ctypes.data)
    for i in range(len(addresses)):
        timestamps[i] = timestamp(addresses[i], first_kind + i * kinds.itemsize)


@_compiled
def _copy_bytes(
    to: int, offsets: NDArray[np.int64], begins: NDArray[np.intp], move: _CFunction
) -> None:
    for i in range(len(begins)):
        move(to + offsets[i], begins[i], offsets[i + 1] - offsets[i])


@_compiled
def _find_headers(at: NDArray[np.intp], addresses: NDArray[np.intp], find: _CFunction) -> None:
    """Write where the headers of each message are; a message without any leaves its zero."""
    first = np.intp(at.ctypes.data)
    for i in range(len(addresses)):
        find(addresses[i], first + i * at.itemsize)


@_compiled
def _call_each(addresses: NDArray[np.intp], function: _CFunction) -> None:
    for i in range(len(addresses)):
        function(addresses[i])
