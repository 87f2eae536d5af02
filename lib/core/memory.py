"""Memory: how much there is to use, how much a thing takes, and giving it back to the system."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator

_POWERS: Final = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?", re.IGNORECASE)
_MOST_HEAPS: Final = -8  # M_ARENA_MAX of glibc's malloc.h
_UNKNOWN_MACHINE: Final = 4 * 10**9
_SAMPLE: Final = 1_000
"""Objects that are looked at of a column of them."""


def keep_to_one_heap() -> None:
    """Have all threads take memory from one heap of the C library, for the life of the process.

    Each thread that runs a page would have a heap of its own, and of those the C library never
    gives back the end, up to 64 MB each: with 50 viewers the process grew by a quarter in ten
    minutes, while what was in use stayed the same. Threads that hold the interpreter's lock do not
    wait for one another here, and large arrays are made by few.
    """
    if sys.platform == "linux":
        option = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's own
        if option is not None:
            option(_MOST_HEAPS, 1)


def give_back_memory() -> None:
    """Return memory that Arrow and the C library hold but no longer use.

    A load takes several times the memory that its events need in the end, and so do the analyses.
    Without this the process keeps most of it: 240 bytes an event instead of 68 after a load,
    measured at 1,000,000 events.
    """
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's own; musl has none
        if trim is not None:
            trim(0)


def bytes_in(text: str) -> int | None:
    """Return the bytes that a size names: "4GB", "512 MB", "1.5GiB", "1000000"; None if none.

    Examples
    --------
    >>> bytes_in("1.5 GB"), bytes_in("1KiB"), bytes_in("much")
    (1500000000, 1024, None)
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        return None
    number, unit, binary = found.groups()
    factor: int = (1024 if binary else 1000) ** _POWERS[unit.upper()]
    return round(float(number) * factor)


def usable_bytes(root: Path = Path("/")) -> int:
    """Return how much memory this process may use: the machine's, or less where it is in a group.

    Linux groups processes (cgroups, versions 1 and 2), and containers are such groups: the least
    limit of the own group and those around it holds.

    Parameters
    ----------
    root
        Where `proc` and `sys` are.
    """
    limits = (_number(path) for path in _limits(root))
    return min([_machine_bytes(), *(limit for limit in limits if limit)])


def _machine_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):  # Windows
        return _UNKNOWN_MACHINE


def _limits(root: Path) -> Iterator[Path]:
    """Yield the files that may hold a limit. A container sees its own group as the topmost."""
    groups = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    for line in ["0::/", "1:memory:/", *lines]:
        _, controllers, name = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top, file = (
            (groups / "memory", "memory.limit_in_bytes") if controllers else (groups, "memory.max")
        )
        own = top / name.lstrip("/")
        yield from (folder / file for folder in (own, *own.parents) if folder.is_relative_to(top))


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # not there, or "max": no limit
        return None


def held_bytes(thing: object) -> int:
    """Return about how many bytes of memory a value holds: arrays, tables, and what has them.

    Data classes, mappings and sequences are looked into, other objects are not. What is there twice
    counts once.
    """
    return _bytes(thing, set())


def _bytes(thing: object, seen: set[int]) -> int:
    match thing:
        case np.ndarray():
            return _array_bytes(thing, seen)
        case pd.DataFrame():
            return sum(_bytes(part, seen) for part in (thing.index, *_columns(thing)))
        case pd.Series():
            return _bytes(thing.index, seen) + _bytes(thing.array, seen)
        case pd.RangeIndex():
            return 0
        case pd.Index():
            return _bytes(thing.array, seen)
        case pd.Categorical():
            return _bytes(thing.codes, seen) + _bytes(thing.categories, seen)
        case pd.api.extensions.ExtensionArray():
            plain = isinstance(thing, pd.arrays.NumpyExtensionArray)
            return _bytes(thing.to_numpy(), seen) if plain else int(thing.nbytes)
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    if isinstance(thing, pa.Table | pa.ChunkedArray | pa.Array | pa.RecordBatch):
        return int(thing.get_total_buffer_size())
    return sys.getsizeof(thing) + sum(_bytes(part, seen) for part in _parts(thing))


def _columns(frame: pd.DataFrame) -> Iterator[Any]:
    for place in range(frame.shape[1]):
        yield frame.iloc[:, place].array


def _array_bytes(array: np.ndarray[Any, Any], seen: set[int]) -> int:
    while isinstance(array.base, np.ndarray):
        array = array.base
    if id(array) in seen:
        return 0
    seen.add(id(array))
    size = array.nbytes
    if array.dtype == object and array.size:
        some = array.ravel()[:: max(1, array.size // _SAMPLE)]
        size += round(sum(map(sys.getsizeof, some)) / len(some) * array.size)
    return size


def _parts(thing: object) -> list[object]:
    """Return what a thing has now: another thread may add to it meanwhile, as a cached property."""
    if is_dataclass(thing) and not isinstance(thing, type) and hasattr(thing, "__dict__"):
        return [*vars(thing).values()]
    if isinstance(thing, Mapping):
        return [*thing.keys(), *thing.values()]
    return [*thing] if isinstance(thing, list | tuple | set | frozenset) else []
