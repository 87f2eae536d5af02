"""CSV as people have it (`lib.sources.files.csv_form`): cells come out as they were written.

Arrow's reader gives up on a file where a row with too few or too many cells is not UTF-8. So bytes
are read as Latin-1, in which each is a character, and become bytes again afterwards.
"""

from __future__ import annotations

import csv
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from lib.core.errors import UnreadableFileError
from lib.sources.files.annotated_csv import LEFT_OUT, OF_QUERY, Tables, is_annotated, names_of_all
from lib.sources.files.csv_form import GROUPED, SHIELDED, form_of
from lib.sources.files.declared import declared
from lib.sources.files.drawn import cells_of, plain
from lib.sources.files.encodings import (
    UTF_8,
    as_stream,
    beginning_of,
    encoding_of,
    old_encoding_of,
    pieces_of,
    read_as,
)
from lib.sources.files.input_file import content_of, table_faults
from lib.sources.files.tables import Rows, table_records
from lib.sources.records import noted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lib.sources.files.csv_form import CsvForm
    from lib.sources.files.input_file import InputFile

    Rewrite = Callable[[Iterable[bytes]], Iterator[bytes]]
    """Makes plain CSV, in pieces, of another text in pieces."""

TOO_FEW: Final = "fewer cells than there are names"
TOO_MANY: Final = "more cells than there are names"
NAMES_AGAIN: Final = "the names of the columns once more"

_BLOCK_BYTES: Final = 4 << 20
_BYTES_AS_TEXT: Final = "latin1"
_NULLS: Final = ("", "null", "NULL", "Null", "None", "\\N", "N/A", "n/a", "#N/A", "-")
_DECIMAL_COMMA: Final = r"^(-?\d+),(\d+)$"


def read(file: InputFile) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a CSV file as tables, or the records that they are envelopes of.

    Rows with too few or too many cells follow those around them, rejected; empty cells too many at
    their end do not count.

    Raises
    ------
    UnreadableFileError
        When the file is no CSV.
    """
    beginning = beginning_of(file, "CSV")
    old = old_encoding_of(beginning)
    text = beginning.removeprefix(b"\xef\xbb\xbf").decode(old or UTF_8, "replace")
    rewrite, said = _rewriting(file, old, text)
    form = form_of(b"".join(rewrite([text.encode()])).decode() if rewrite else text)
    if form is None:
        return
    notes = [*form.notes, *said, *([read_as(old)] if old else [])]
    with _content(file, old, rewrite) as stream, table_faults(file, "CSV"):
        for block in table_records(
            file, list(form.names), _rows(file.name, stream, form), typed=False
        ):
            yield noted(block, *notes)


def _rewriting(
    file: InputFile, old: str | None, text: str
) -> tuple[Rewrite | None, tuple[str, ...]]:
    """Return what makes plain CSV of a file that begins with `text`, and what is to be said.

    None if it is plain.
    """
    if is_annotated(text):
        names = names_of_all(pieces_of(file, _BLOCK_BYTES, old))
        wanted = [name for name in names if name not in OF_QUERY]
        said = (LEFT_OUT,) if len(wanted) < len(names) else ()
        return lambda pieces: plain(pieces, Tables(wanted).cells), said
    if found := declared(text):
        lines, sentence = found
        return lambda pieces: plain(pieces, lines().cells), (sentence,)
    cells = cells_of(text)
    return None if cells is None else partial(plain, cells=cells), ()


@contextmanager
def _content(file: InputFile, old: str | None, rewrite: Rewrite | None) -> Iterator[pa.NativeFile]:
    with content_of(file) as stream:
        encoding = old or file.encoding or encoding_of(stream.read(2_000))
    if encoding == UTF_8 and rewrite is None:
        with content_of(file) as stream:
            yield stream
    else:
        pieces = pieces_of(file, _BLOCK_BYTES, encoding)
        yield as_stream(pieces if rewrite is None else rewrite(pieces))


def _rows(name: str, stream: pa.NativeFile, form: CsvForm) -> Iterator[Rows]:
    """Yield the rows of a file; what is no row comes behind those of its block, with the reason."""
    ragged: list[str] = []

    def keep(row: pyarrow.csv.InvalidRow) -> str:
        ragged.append(row.text)
        return "skip"

    names = list(form.names)
    for block in _blocks(stream, form, keep):
        columns, more = block.columns[: len(names)], block.columns[len(names) :]
        columns[0] = _without_marks(columns[0])
        table = pa.RecordBatch.from_arrays(list(map(_as_bytes, columns)), names=names)
        _check_order(name, table)
        yield _typed(_judged(table, more, ragged, form), form)
        ragged.clear()
    if ragged:
        nothing = pa.RecordBatch.from_arrays([pa.array([], pa.binary())] * len(names), names=names)
        yield _typed(_judged(nothing, [], ragged, form), form)


def _blocks(
    stream: pa.NativeFile, form: CsvForm, keep: Callable[[pyarrow.csv.InvalidRow], str]
) -> pyarrow.csv.CSVStreamingReader:
    """Return the blocks of a file, in which all cells are text, byte for byte."""
    names = [str(k) for k in range(form.width)]
    return pyarrow.csv.open_csv(
        stream,
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False,
            block_size=_BLOCK_BYTES,
            skip_rows=form.skipped,
            column_names=names,
            encoding=_BYTES_AS_TEXT,
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=form.separator,
            quote_char=form.quote,
            escape_char="\\" if form.escapes else False,
            newlines_in_values=True,
            invalid_row_handler=keep,
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=list(_NULLS),
        ),
    )


def _judged(table: pa.RecordBatch, more: list[pa.Array], ragged: list[str], form: CsvForm) -> Rows:
    """Return rows with those behind them that have another number of cells, mended or rejected.

    Parameters
    ----------
    more
        Columns beyond the names.
    """
    reasons = pc.if_else(_names_again(table), NAMES_AGAIN, pa.scalar(None, pa.string()))
    written = pa.nulls(len(table), pa.binary())
    for column in more:
        reasons = pc.if_else(column.is_valid(), TOO_MANY, reasons)
    if reasons.null_count < len(reasons):
        cells = [*table.columns, *map(_as_bytes, more)]
        mark = form.separator.encode()
        written = pc.binary_join_element_wise(*cells, mark, null_handling="replace")
    elif not ragged:
        return Rows(table)
    rows = [_split(text, form) for text in ragged]
    wide = [row if len(row) == len(form.names) else [None] * len(form.names) for row in rows]
    behind = [pa.array(column, pa.binary()) for column in zip(*wide, strict=True)]
    behind = behind or [pa.array([], pa.binary())] * len(form.names)
    added = pa.RecordBatch.from_arrays(behind, names=table.schema.names)
    more_reasons = pa.array([_reason(len(row), len(form.names)) for row in rows], pa.string())
    texts = pa.array([text.encode(_BYTES_AS_TEXT) for text in ragged], pa.binary())
    return Rows(
        pa.concat_batches([table, added]),
        pa.concat_arrays([reasons, more_reasons]),
        pa.concat_arrays([written, texts]),
    )


def _names_again(table: pa.RecordBatch) -> pa.BooleanArray:
    """Return which rows are the names, as where files were put one behind the other."""
    again = pa.array(np.full(len(table), table.num_columns > 1))
    for name, column in zip(table.schema.names, table.columns, strict=True):
        if not pc.any(again).as_py():
            break
        again = pc.and_(again, pc.fill_null(pc.equal(column, name.encode()), False))
    return again


def _check_order(file: str, table: pa.RecordBatch) -> None:
    """Raise where the names come again in another order, as those of another file."""
    names = [name.encode() for name in table.schema.names]
    for row in np.flatnonzero(pc.is_in(table[0], pa.array(names))):
        cells = [column[int(row)].as_py() for column in table.columns]
        if cells != names and set(cells) == set(names):
            raise UnreadableFileError(
                f"In the file {file} the columns have another order from some row on.",
                "Make it two files, each with its own names.",
            )


def _without_marks(cells: pa.Array) -> pa.Array:
    """Return cells at the beginning of lines without byte order marks and NULs before them."""
    if not pc.any(pc.match_substring_regex(cells, "^[\0\xef]")).as_py():
        return cells
    return pc.replace_substring_regex(cells, "^(?:\0|\xef\xbb\xbf)+", "")


def _split(text: str, form: CsvForm) -> list[bytes | None]:
    """Return the cells of a row, without empty ones beyond the names."""
    try:
        escape = "\\" if form.escapes else None
        cells = next(
            csv.reader([text], delimiter=form.separator, quotechar=form.quote, escapechar=escape),
            [],
        )
    except csv.Error:
        cells = text.split(form.separator)
    while len(cells) > len(form.names) and not cells[-1]:
        cells.pop()
    return [None if cell in _NULLS else cell.encode(_BYTES_AS_TEXT) for cell in cells]


def _reason(cells: int, names: int) -> str | None:
    return None if cells == names else TOO_FEW if cells < names else TOO_MANY


def _typed(rows: Rows, form: CsvForm) -> Rows:
    """Return rows with numbers as JSON has them, without rounded times and shields."""
    if not (form.decimals or form.rounded or form.shielded or form.grouped):
        return rows
    columns = [
        pc.replace_substring_regex(column, _DECIMAL_COMMA, r"\1.\2")
        if name in form.decimals
        else pa.nulls(len(column), column.type)
        if name in form.rounded
        else pc.replace_substring_regex(column, f"^(?:{SHIELDED})$", r"\1\2")
        if name in form.shielded
        else _without_groups(column)
        if name in form.grouped
        else column
        for name, column in zip(form.names, rows.block.columns, strict=True)
    ]
    block = pa.RecordBatch.from_arrays(columns, names=list(form.names))
    return rows._replace(block=block)


def _without_groups(cells: pa.Array) -> pa.Array:
    """Return cells without the marks before every three digits of those that are such numbers."""
    grouped = pc.match_substring_regex(cells, f"^{GROUPED}$")
    return pc.if_else(grouped, pc.replace_substring_regex(cells, r"\D", ""), cells)


def _as_bytes(cells: pa.Array) -> pa.Array:
    """Return text, a character for each byte, as these bytes."""
    if pc.all(pc.string_is_ascii(cells)).as_py() in (True, None):
        return cells.cast(pa.binary())
    texts = [None if text is None else text.encode(_BYTES_AS_TEXT) for text in cells.to_pylist()]
    return pa.array(texts, pa.binary())
