"""CSV: the first line has the names of the fields, what is between cells is found out.

Arrow's reader gives up on a file where a row with too few or too many cells is not UTF-8. So bytes
are read as Latin-1, in which each is a character, and become bytes again afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from lib.core.errors import UnreadableFileError
from lib.sources.files.input_file import check_form, content_of, table_faults
from lib.sources.files.places import Places, columns_of
from lib.sources.records import rejected_for, rows_as_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lib.sources.files.input_file import InputFile

RAGGED: Final = "not as many cells as the first line has"
"""Why a row is rejected that has too few or too many cells."""

_BLOCK_BYTES: Final = 4 << 20
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_BYTES_AS_TEXT: Final = "latin1"
_SEPARATORS: Final = ",;\t|"


def read(file: InputFile) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a CSV file as tables; their cells are bytes, as they were written.

    Rows with too few or too many cells follow those around them, rejected.

    Raises
    ------
    UnreadableFileError
        When the file is no CSV, or its rows' offsets are not known.
    """
    names, separator = _header(file)
    if not names:
        return
    ragged: list[bytes] = []

    def keep(row: pyarrow.csv.InvalidRow) -> str:
        ragged.append(row.text.encode(_BYTES_AS_TEXT))
        return "skip"

    places, fields = columns_of(file, names)
    parsing = pyarrow.csv.ParseOptions(
        delimiter=separator, newlines_in_values=True, invalid_row_handler=keep
    )
    with content_of(file) as stream, table_faults(file, "CSV"):
        for block in _blocks(stream, names, parsing):
            columns = dict(zip(names, map(_as_bytes, block.columns), strict=True))
            values = rows_as_values({name: columns[name] for name in fields}, len(block))
            yield places.records(values, columns)
            if ragged:
                yield _rejected(file, places, ragged)
                ragged.clear()


def _blocks(
    stream: pa.NativeFile, names: list[str], parsing: pyarrow.csv.ParseOptions
) -> pyarrow.csv.CSVStreamingReader:
    """Return the blocks of a file, in which all cells are text, byte for byte."""
    return pyarrow.csv.open_csv(
        stream,
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False,
            block_size=_BLOCK_BYTES,
            skip_rows=1,
            column_names=names,
            encoding=_BYTES_AS_TEXT,
        ),
        parse_options=parsing,
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=["", "null"],
        ),
    )


def _as_bytes(cells: pa.Array) -> pa.Array:
    """Return text, a character for each byte, as these bytes."""
    if pc.all(pc.string_is_ascii(cells)).as_py():
        return cells.cast(pa.binary())
    texts = [None if text is None else text.encode(_BYTES_AS_TEXT) for text in cells.to_pylist()]
    return pa.array(texts, pa.binary())


def _rejected(file: InputFile, places: Places, rows: list[bytes]) -> pa.RecordBatch:
    if places.offset is not None:
        raise UnreadableFileError(
            f"In the file {file.name} a row has not as many cells as the first line.",
            "Write the file again.",
        )
    nothing = {name: pa.nulls(len(rows), pa.string()) for name in places.names}
    return rejected_for(RAGGED, places.records(pa.array(rows, pa.binary()), nothing))


def _header(file: InputFile) -> tuple[list[str], str]:
    """Return the names of the columns, and what is between them."""
    with content_of(file) as stream:
        beginning = stream.read(1 << 20)
    check_form(file, beginning, "CSV")
    header = beginning.removeprefix(_BYTE_ORDER_MARK).partition(b"\n")[0]
    separator = max(_SEPARATORS, key=lambda mark: header.count(mark.encode()))
    if not header.strip():
        return [], separator
    try:
        header.decode()
    except UnicodeDecodeError:
        raise UnreadableFileError(
            f"The first line of the file {file.name} is not UTF-8.",
            "Save it as CSV in UTF-8, with the names of the columns in the first line.",
        ) from None
    with table_faults(file, "CSV"):
        read = pyarrow.csv.open_csv(
            pa.BufferReader(header + b"\n"),
            parse_options=pyarrow.csv.ParseOptions(delimiter=separator),
        )
    return read.schema.names, separator
