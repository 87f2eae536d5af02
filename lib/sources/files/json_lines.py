"""JSON Lines: a line is a value, or a record as one of Kafka's tools writes it."""

from __future__ import annotations

import json
import re
from itertools import chain
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from lib.core.errors import UnreadableFileError
from lib.sources.files.console import is_printed, printed_lines
from lib.sources.files.kcat import is_recorded, recorded_lines
from lib.sources.files.lines import lines_of
from lib.sources.files.places import places_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lib.sources.files.input_file import InputFile


def read(file: InputFile) -> Iterator[pa.RecordBatch]:
    """Yield the records of a file as blocks of schema `RECORDS`; the first line says how it is.

    Raises
    ------
    UnreadableFileError
        When the file cannot be read to its end, or a line is not as the first one is.
    """
    lines = lines_of(file)
    first = next(lines, None)
    if first is None or not len(first):
        return
    beginning = first[0].as_py()
    every = chain([first], lines)
    if is_recorded(beginning):
        yield from recorded_lines(file, every)
    elif is_printed(beginning):
        yield from printed_lines(file, every)
    else:
        _check_no_array(file, first)
        yield from _values(every, _names_in(beginning))


def _check_no_array(file: InputFile, lines: pa.BinaryArray) -> None:
    """Raise if a file is one JSON array, not JSON Lines."""
    beginning = lines[0].as_py().strip()
    if not beginning.startswith(b"["):
        return
    try:
        whole = json.loads(beginning)
    except (ValueError, RecursionError):
        whole = None
    if whole is None or (len(lines) == 1 and whole and isinstance(whole[0], dict)):
        raise UnreadableFileError(
            f"The file {file.name} is one JSON array, not one record a line.",
            "Write a record a line, for example with: jq -c '.[]'",
        )


def _values(blocks: Iterable[pa.BinaryArray], names: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield records whose values are the lines."""
    places = places_in(names)
    for values in blocks:
        yield places.records(values, {name: _field_of(values, name) for name in places.names})


def _names_in(line: bytes) -> list[str]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return []
    return list(record) if isinstance(record, dict) else []


def _field_of(values: pa.Array, name: str) -> pa.Array:
    """Return what a field of JSON objects holds, as bytes; null where they lack it."""
    quoted = re.escape(json.dumps(name, ensure_ascii=False))
    pattern = rf'{quoted}[ \t]*:[ \t]*"?(?P<value>[^",}} \t][^",}}]*)'
    return pc.extract_regex(values, pattern).field("value")
