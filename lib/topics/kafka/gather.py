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

RECORD: Final = np.dtype(
    [
        ("message", MESSAGE),
        ("timestamp", np.int64),
        ("timestamp_type", np.int32),  # rd_kafka_timestamp_type_t
        ("headers", np.intp),  # rd_kafka_headers_t; null: none
    ],
    align=True,
)
"""A message, and what librdkafka's functions say of it."""

_ADDRESS: Final = types.intp
_MESSAGE_BYTES: Final = MESSAGE.itemsize
_RECORD_BYTES: Final = RECORD.itemsize


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
        block(describe(none, functions), functions)
        destroy(none, functions)


def describe(addresses: NDArray[np.intp], functions: Functions) -> NDArray[Any]:
    """Return the `RECORD` of each message; the memory it points to lives as long as the message."""
    records = np.zeros(len(addresses), RECORD)
    _describe(
        records.ctypes.data,
        records["timestamp"],
        records["timestamp_type"].ctypes.data,
        records["headers"].ctypes.data,
        addresses,
        functions.move,
        functions.timestamp,
        functions.headers,
    )
    return records


def block(records: NDArray[Any], functions: Functions) -> pa.RecordBatch:
    """Return what `describe` gave as a block of schema `RECORDS`; its memory is its own."""
    messages = records["message"]
    columns = [
        pa.array(np.ascontiguousarray(messages["partition"])),
        pa.array(np.ascontiguousarray(messages["offset"])),
        pa.array(np.ascontiguousarray(records["timestamp"])),
        # librdkafka counts from 0, "not available"; the protocol from -1.
        pa.array((records["timestamp_type"] - 1).astype(np.int8)),
        _binary(messages["key"], messages["key_len"], functions),
        _binary(messages["payload"], messages["len"], functions),
        _headers(records["headers"], functions),
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
    kind = RECORDS.field("headers").type
    if not addresses.any():
        return pa.nulls(len(addresses), kind)
    library = functions.library
    headers = (headers_of(library, one) if one else None for one in addresses.tolist())
    return pa.array([some or None for some in headers], kind)


@_compiled
def _describe(
    records: int,
    timestamps: NDArray[np.int64],
    timestamp_types: int,
    headers: int,
    addresses: NDArray[np.intp],
    move: _CFunction,
    timestamp: _CFunction,
    find_headers: _CFunction,
) -> None:
    for i in range(len(addresses)):
        message, further = addresses[i], i * _RECORD_BYTES
        move(records + further, message, _MESSAGE_BYTES)
        timestamps[i] = timestamp(message, timestamp_types + further)
        find_headers(message, headers + further)  # where it has none, the zero is left


@_compiled
def _copy_bytes(
    to: int, offsets: NDArray[np.int64], begins: NDArray[np.intp], move: _CFunction
) -> None:
    for i in range(len(begins)):
        move(to + offsets[i], begins[i], offsets[i + 1] - offsets[i])


@_compiled
def _call_each(addresses: NDArray[np.intp], function: _CFunction) -> None:
    for i in range(len(addresses)):
        function(addresses[i])
