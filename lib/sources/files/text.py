"""Files of text: how they hold records is told from the text, never from the file's name alone.

A value a line; lines that a tool printed; JSON values one behind the other, in arrays, or in an
array inside one document. Where the values are objects of an envelope, their records come out.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from lib.sources.files import csv
from lib.sources.files.aws_lambda import ENVELOPE, is_event, records_of_events
from lib.sources.files.bulk import are_bulk, documents_of
from lib.sources.files.codings import of_base64
from lib.sources.files.csv_form import is_table
from lib.sources.files.declared import declared
from lib.sources.files.document_tables import MOST_TABLES, array_lines, table_in
from lib.sources.files.documents import longest_array
from lib.sources.files.encodings import (
    BEGINNING_BYTES,
    old_encoding_of_json,
    pieces_of,
    read_as,
)
from lib.sources.files.envelope import Unpacking, envelope_in
from lib.sources.files.event_stream import are_server_sent, data_of
from lib.sources.files.json_text import cut, members, unquoted
from lib.sources.files.lines import BLOCK_BYTES, LONGEST_LINE, lines_of, split_lines, values_of
from lib.sources.files.notations import converted, of_pairs, of_python
from lib.sources.files.places import own_places
from lib.sources.files.printed import (
    Printed,
    holds_json,
    printed_as,
    printed_records,
    why_no_record,
)
from lib.sources.records import noted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lib.sources.files.codings import Decode
    from lib.sources.files.document_tables import DocumentTable
    from lib.sources.files.documents import EventArray
    from lib.sources.files.input_file import InputFile
    from lib.sources.files.notations import Notation

    _Take = Callable[[Iterable[pa.BinaryArray]], Iterator[pa.BinaryArray]]

_SAMPLE: Final = 200
_BEGINS: Final = ("{", "[")
_SEVERAL: Final = re.compile(rb"\}[^\w\s\"\[\]{},:]{0,4}\{")
_MARKS: Final = re.compile(rb"\}[^\w\"\[\]{},:]{0,8}\{")


def read(file: InputFile) -> Iterator[pa.RecordBatch]:
    """Yield the records of a file as blocks of schema `RECORDS`.

    Raises
    ------
    UnreadableFileError
        When the file cannot be read to its end.
    """
    pieces = pieces_of(file, BEGINNING_BYTES)
    text = next(pieces, b"")
    whole = next(pieces, None) is None
    if declared(text.decode(errors="replace")):
        yield from csv.read(file)
        return
    old = old_encoding_of_json(text)
    if old is None:
        yield from _records(file, text, whole=whole)
        return
    as_unicode = text.decode(old, "replace").encode()
    for block in _records(replace(file, encoding=old), as_unicode, whole=whole):
        yield noted(block, read_as(old))


def _records(file: InputFile, text: bytes, *, whole: bool) -> Iterator[pa.RecordBatch]:
    """Yield the records of a file whose text begins so, and is the whole of it or not."""
    every = split_lines(text if whole else text.rpartition(b"\n")[0] or text)
    lines, first = _some(every), every[:_SAMPLE].to_pylist()
    loaded = [_loaded(line) for line in lines]
    others = [line for line, found in zip(lines, loaded, strict=True) if not _is_value(found)]
    if values_in := _values_among(lines, first):
        yield from records_of_values(values_in(lines_of(file)), file.first_row)
    elif len(lines) > 1 and (rows := array_lines([_loaded(line) for line in first])):
        for block in records_of_values(rows.objects(lines_of(file)), file.first_row):
            yield noted(block, rows.sentence)
    elif len(lines) > 1 and _are_lines(len(lines), others):
        yield from records_of_values(map(_without_comments, lines_of(file)), file.first_row)
    elif whole and (document := of_python(text)):
        objects, _, _ = cut(document, within=False, final=True)
        yield from records_of_values([objects], file.first_row)
    elif notation := _notation(lines):
        yield from records_of_values(converted(lines_of(file), notation), file.first_row)
    elif len(others) * 2 >= len(lines) > 0 and (printed := _printed(lines, first)):
        yield from printed_records(printed, lines_of(file), file.first_row)
    elif any(line.lstrip(b" \t,").startswith((b"{", b"[")) for line in lines):
        yield from _values(file, text, whole=whole)
    elif not holds_json(first[:1]) and is_table(text.decode(errors="replace")):
        yield from csv.read(file)
    else:
        yield from records_of_values(lines_of(file), file.first_row)


def are_printed(beginning: bytes) -> bool:
    """Return whether the lines of a text that begins so are printed, and the first has no names."""
    every = split_lines(beginning.rpartition(b"\n")[0] or beginning)
    first = every[:_SAMPLE].to_pylist()
    return holds_json(first[:1]) and _printed(_some(every), first) is not None


def _notation(lines: Sequence[bytes]) -> Notation | None:
    """Return in which notation most of some lines are objects; None if in none, or in JSON."""
    return next(
        (
            notation
            for notation in (of_python, of_pairs)
            if sum(notation(line) is not None for line in lines) * 2 > len(lines)
        ),
        None,
    )


def _printed(lines: Sequence[bytes], first: Sequence[bytes]) -> Printed | None:
    """Return how lines are printed; what parts objects on them is no part of them.

    Two objects on each of several lines may be keys and values.
    """
    between = sum(line.lstrip().startswith((b",{", b", {")) for line in lines)
    objects = [len(_MARKS.findall(line)) + line.lstrip().startswith(b"{") for line in lines]
    several = sum(count > 1 + (len(lines) > 1) for count in objects)
    return None if max(between, several) * 2 > len(lines) else printed_as(lines, first)


def _values_among(lines: Sequence[bytes], first: Sequence[bytes]) -> _Take | None:
    """Return what takes the values out of lines of a known kind; None if they are of none."""
    if are_bulk(first):
        return documents_of
    return data_of if are_server_sent(lines) else None


def _without_comments(lines: pa.BinaryArray) -> pa.BinaryArray:
    are_comments = pc.match_substring_regex(lines, r"^\s*(?:#|//)")
    if not pc.any(are_comments).as_py():
        return lines  # to copy them takes four times as long as to look for comments
    return lines.filter(pc.invert(are_comments))


def _are_lines(count: int, others: Sequence[bytes]) -> bool:
    """Return whether most of some lines are an object each, and none holds several."""
    return len(others) * 2 < count and not any(map(_SEVERAL.search, others))


def _is_value(found: object) -> bool:
    """Return whether a JSON value may be an event: an object, or the text of one."""
    return isinstance(found, dict) or (isinstance(found, str) and found.lstrip()[:1] in _BEGINS)


def _some(values: pa.BinaryArray) -> list[bytes]:
    """Return a few of many values, from all over them."""
    step = max(1, len(values) // _SAMPLE)
    some: list[bytes] = values.take(pa.array(range(0, len(values), step), pa.int64())).to_pylist()
    return some


def _loaded(text: bytes) -> object:
    try:
        return json.loads(text.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return None


def _values(file: InputFile, text: bytes, *, whole: bool) -> Iterator[pa.RecordBatch]:
    """Yield the records of JSON values that stand one behind the other, in arrays or a document."""
    found, _, inside = cut(text, within=False, final=whole)
    one = not inside and len(found) == int(whole)
    if one and whole and is_event(_loaded(found[0].as_py())):
        one = False
    array = longest_array(file) if one else None
    table = _table(file, array, text) if one else None
    if table is not None:
        for block in records_of_values(table.blocks(), file.first_row):
            yield noted(block, table.sentence)
        return
    if array is None or (array.objects == 1 and whole and not _is_most(array.start, text)):
        yield from records_of_values(values_of(file), file.first_row)
        return
    for block in records_of_values(values_of(file, array.start), file.first_row):
        yield noted(block, array.sentence)


def _table(file: InputFile, array: EventArray | None, text: bytes) -> DocumentTable | None:
    """Return the events of a document that are in no array; None if an array has more of them.

    Parameters
    ----------
    array
        Its longest array of objects.
    text
        How it begins.
    """
    filling = array is not None and not array.others and array.objects > MOST_TABLES
    if array is not None and filling and array.start < len(text):
        _, taken, _ = cut(text[array.start :], within=False, final=True, whole=False)
        if taken * 2 > len(text):
            return None
    pieces = []
    for piece in pieces_of(file, BLOCK_BYTES):
        pieces.append(piece)
        if sum(map(len, pieces)) > LONGEST_LINE:
            return None
    table = table_in(_loaded(b"".join(pieces)))
    if table is None or array is None or not table.path or array.path.startswith(f"{table.path}."):
        return table
    return table if len(table.rows) > array.objects else None


def _is_most(start: int, text: bytes) -> bool:
    """Return whether most of a document lies in the array that begins at `start`."""
    return len(cut(text[start:], within=False, final=True)[0][0].as_py()) * 2 > len(text)


def records_of_values(
    blocks: Iterable[pa.BinaryArray], row: int, coding: Decode | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield records whose values are JSON, or are in envelopes that are.

    Parameters
    ----------
    coding
        Decodes the values in envelopes, where that is known.
    """
    blocks = (block for block in blocks if len(block))
    first = next(blocks, None)
    if first is None:
        return
    some = _some(first)
    every = chain([first], blocks)
    if is_event(_loaded(some[0])):
        yield from records_of_values(records_of_events(every), row, of_base64)
        return
    envelope = envelope_in(some) or (ENVELOPE if coding else None)
    if envelope is not None:
        unpacking = Unpacking(envelope, envelope.places(row), coding, begun=coding is not None)
        for objects in every:
            yield from unpacking.blocks(objects, why_no_record)
        return
    names = {name for value in some if isinstance(each := _loaded(value), dict) for name in each}
    places = own_places(sorted(names), row)
    for values in every:
        yield from places.blocks(values, _columns(values, list(places.names.values())))


def _columns(values: pa.BinaryArray, names: list[str]) -> dict[str, pa.Array]:
    if not names:
        return {}
    written, _ = members(values, names)
    return {name: unquoted(column)[0] for name, column in zip(names, written, strict=True)}
