"""The formats of files that hold records, by the endings of their names.

A format is a function: a file in, blocks of its records out, in the file's order. JSON values,
whoever wrote them, come as blocks of schema `RECORDS`; rows of a table as `lib.sources.records`
says of tables.

The events table, written as CSV, Parquet or JSON, is read back as the topic it came from.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lib.sources.files import arrow, avro_container, csv, parquet, text
from lib.sources.files.archives import TARS, untarred
from lib.sources.files.encodings import beginning_of
from lib.sources.files.input_file import ARCHIVE, COMPRESSIONS, unzipped
from lib.sources.files.positions import check_rising
from lib.sources.records import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa

    from lib.sources.files.input_file import InputFile


def _table(file: InputFile) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a table in text; the records of JSON or printed lines named as one."""
    beginning = beginning_of(file, "CSV").lstrip(b"\xef\xbb\xbf \t\r\n")
    other = beginning.startswith((b"{", b"[{")) or text.are_printed(beginning)
    yield from (text if other else csv).read(file)


def _avro(file: InputFile) -> Iterator[pa.RecordBatch]:
    """Yield the records of an Avro object container file."""
    yield from text.records_of_values(avro_container.values_of(file), file.first_row)


FORMATS: Final[Mapping[str, Callable[[InputFile], Iterator[pa.RecordBatch]]]] = {
    ".jsonl": text.read,
    ".ndjson": text.read,
    ".json": text.read,
    ".csv": _table,
    ".tsv": _table,
    ".parquet": parquet.read,
    ".pq": parquet.read,
    ".arrow": arrow.read,
    ".arrows": arrow.read,
    ".ipc": arrow.read,
    ".feather": arrow.read,
    ".avro": _avro,
    ".txt": text.read,
    ".log": text.read,
    ".sql": text.read,
}
"""Ending of a file's name, before that of a compression → what reads it. Others hold text."""

PACKED: Final = ("", *COMPRESSIONS, ARCHIVE)

UPLOADS: Final = (*(form + end for form in FORMATS for end in PACKED), ARCHIVE, *TARS)
"""Endings of the names of files that can be read."""

_ENDING: Final = re.compile(r"\.[a-z][a-z0-9_]{0,7}$")


def has_ending(name: str) -> bool:
    """Return whether a file's name says what it holds; those that Firehose writes do not."""
    name = name.lower()
    for ending in COMPRESSIONS:
        name = name.removesuffix(ending)
    return _ENDING.search(name) is not None


def records_of(file: InputFile) -> Iterator[pa.RecordBatch]:
    """Yield the records of a file in blocks, in the file's order.

    Raises
    ------
    UnreadableFileError
        When the file is not what its name says, is truncated or too large, or offsets of a
        partition do not rise; blocks before the fault have been yielded by then.
    """
    file = untarred(unzipped(file))
    read = next((read for end, read in FORMATS.items() if file.stem.endswith(end)), text.read)
    ends: dict[int, int] = {}
    for block in read(file):
        if reason_of(block) is None:
            check_rising(file.name, block, ends)
        yield block
