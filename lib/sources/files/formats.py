"""The formats of files that hold records, by the endings of their names.

A format is a function: a file in, blocks of its records out, in the file's order. JSON values,
whoever wrote them, come as blocks of schema `RECORDS`; rows of a table as `lib.sources.records`
says of tables.

The events table, written as CSV or Parquet, is read back as the topic it came from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lib.sources.files import csv, json_lines, parquet
from lib.sources.files.positions import check_rising

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa

    from lib.sources.files.input_file import InputFile

FORMATS: Final[Mapping[str, Callable[[InputFile], Iterator[pa.RecordBatch]]]] = {
    ".jsonl": json_lines.read,
    ".ndjson": json_lines.read,
    ".csv": csv.read,
    ".tsv": csv.read,
    ".parquet": parquet.read,
}
"""Ending of a file's name, before that of a compression → what reads it. Others hold lines."""


def records_of(file: InputFile) -> Iterator[pa.RecordBatch]:
    """Yield the records of a file in blocks, in the file's order.

    Raises
    ------
    UnreadableFileError
        When the file is not what its name says, is truncated or too large, or offsets of a
        partition do not rise; blocks before the fault have been yielded by then.
    """
    read = next((read for end, read in FORMATS.items() if file.stem.endswith(end)), json_lines.read)
    ends: dict[int, int] = {}
    for block in read(file):
        check_rising(file.name, block, ends)
        yield block
