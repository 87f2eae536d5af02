"""Directories in which Spark, or whoever writes files of parts, leaves one table."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from lib.core.errors import UnreadableFileError
from lib.sources.files.formats import records_of
from lib.sources.files.input_file import on_disk
from lib.sources.files.positions import check_rising
from lib.sources.records import reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

_SIGNS = ("part-*", "_SUCCESS", "*=*/part-*", "_spark_metadata")


def are_parts(folder: Path) -> bool:
    """Return whether a folder holds the parts of one table."""
    return any(next(folder.glob(sign), None) is not None for sign in _SIGNS)


def parts_in(folder: Path) -> list[Path]:
    """Return the files that are a table's parts, also those of partitions in folders of their own.

    Where the parts have offsets, the one with the smallest is first: Spark's names have no order.
    """
    inside = folder.resolve()
    found = [
        path
        for path in sorted(folder.rglob("part-*"))
        if path.is_file() and path.stat().st_size and path.resolve().is_relative_to(inside)
    ]
    return sorted(found, key=_first_place)


def records_in(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the records of a file, or of all parts in a folder one after the other.

    Raises
    ------
    UnreadableFileError
        As `lib.sources.files.formats.records_of`.
    """
    if not path.is_dir():
        yield from records_of(on_disk(path))
        return
    row, ends = 0, dict[int, int]()
    for part in parts_in(path):
        first, row = row, 0
        for block in records_of(replace(on_disk(part), first_row=first)):
            if reason_of(block) is None:
                check_rising(path.name, block, ends)
            row += len(block)
            yield block
        row += first


def _first_place(part: Path) -> tuple[int, int]:
    status = part.stat()
    return _first_place_of_version(part, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4_096)
def _first_place_of_version(part: Path, _modified_ns: int, _size: int) -> tuple[int, int]:
    try:
        first = next(records_of(on_disk(part)), None)
    except UnreadableFileError:  # reading it will say so
        first = None
    if first is None or not len(first):
        return (0, 0)
    return pc.min(first["offset"]).as_py(), pc.min(first["partition"]).as_py()
