"""Loops that vectorising cannot express, or only through columns that no cache holds.

Compiled by numba; the machine code is kept on disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound="Callable[..., object]")


def compiled(function: Function) -> Function:
    """Return `function` compiled on its first call, or loaded from numba's cache."""
    return cast("Function", njit(cache=True, nogil=True)(function))


def inlined(function: Function) -> Function:
    """Return `function` as a part of each compiled function that calls it.

    It may be given arrays, and make none: numba counts no references in it. A function that
    counts them does so at every call, which takes longer than what it is called for.
    """
    return cast("Function", njit(forceinline=True, nogil=True, _nrt=False)(function))
