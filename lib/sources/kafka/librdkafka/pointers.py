"""Memory at an address, for compiled code: numba has no function for it.

Nothing is checked: an address must be of memory that is there, as long as it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable

_BYTES: Final = ir.IntType(8).as_pointer()


def _reader_of(kind: types.Type) -> Callable[[int], int]:
    @intrinsic  # type: ignore[untyped-decorator]
    def read(_: Any, __: int) -> Any:  # noqa: ANN401 (numba is untyped)
        def generate(context: Any, builder: Any, _: Any, arguments: Any) -> Any:  # noqa: ANN401
            pointer = context.get_value_type(kind).as_pointer()
            return builder.load(builder.inttoptr(arguments[0], pointer))

        return kind(types.intp), generate

    function: Callable[[int], int] = read
    return function


int32_at: Final = _reader_of(types.int32)
"""Return the int32 at an address."""

int64_at: Final = _reader_of(types.int64)
"""Return the int64 at an address."""


@intrinsic  # type: ignore[untyped-decorator]
def copy_bytes(_: Any, to: int, begin: int, size: int) -> Any:  # noqa: ANN401, ARG001
    """Copy `size` bytes from the address `begin` to the address `to`; they must not overlap."""

    def generate(context: Any, builder: Any, _: Any, arguments: Any) -> Any:  # noqa: ANN401
        to, begin = (builder.inttoptr(address, _BYTES) for address in arguments[:2])
        cgutils.raw_memcpy(builder, to, begin, arguments[2], itemsize=1)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), generate
