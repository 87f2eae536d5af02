"""Parquet: a field a column, of any type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from lib.core.errors import UnreadableFileError
from lib.sources.files.input_file import Limits, random_access, table_faults
from lib.sources.files.tables import BLOCK_ROWS, Rows, table_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from lib.sources.files.input_file import InputFile


def read(file: InputFile) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Parquet file as tables, or the records that they are envelopes of.

    Raises
    ------
    UnreadableFileError
        When the file is no Parquet, or would hold more than is allowed.
    """
    with random_access(file) as opened, table_faults(file, "Parquet"):
        parquet = pq.ParquetFile(opened)
        _check_size(file, parquet.metadata)
        names = parquet.schema_arrow.names
        yield from table_records(file, names, map(Rows, parquet.iter_batches(BLOCK_ROWS)))


def _check_size(file: InputFile, metadata: pq.FileMetaData) -> None:
    size = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    if size > Limits().content_bytes:
        raise UnreadableFileError(
            f"The file {file.name} holds {size >> 20:,} MB, more than is allowed.",
            "Split it, or keep only the records of interest.",
        )
