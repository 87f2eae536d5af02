"""Parquet: a field a column, of any type."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

from lib.core.errors import UnreadableFileError
from lib.sources.files.input_file import Limits, content_of, faults_of, table_faults
from lib.sources.files.places import columns_of
from lib.sources.records import rows_as_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lib.sources.files.input_file import InputFile

_BLOCK_ROWS: Final = 20_000


def read(file: InputFile) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Parquet file as tables.

    Raises
    ------
    UnreadableFileError
        When the file is no Parquet, or would hold more than is allowed.
    """
    with tempfile.TemporaryFile() as copy:
        if file.compression is not None:
            with content_of(file) as stream, faults_of(file):
                while piece := stream.read(1 << 20):
                    copy.write(piece)
            copy.seek(0)
            opened = pa.PythonFile(copy, mode="r")
        else:
            opened = file.opened()
        with opened, table_faults(file, "Parquet"):
            yield from _rows(file, pq.ParquetFile(opened))


def _rows(file: InputFile, parquet: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    metadata = parquet.metadata
    size = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    if size > Limits().content_bytes:
        raise UnreadableFileError(
            f"The file {file.name} holds {size >> 20:,} MB, more than is allowed.",
            "Split it, or keep only the records of interest.",
        )
    names = parquet.schema_arrow.names
    places, fields = columns_of(file, names)
    wanted = list(dict.fromkeys([*fields, *places.names]))
    for block in parquet.iter_batches(_BLOCK_ROWS, columns=wanted):
        columns = dict(zip(block.schema.names, block.columns, strict=True))
        values = rows_as_values({name: columns[name] for name in fields}, len(block))
        yield places.records(values, columns)
