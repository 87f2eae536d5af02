"""Parquet: a field a column, of any type."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

from lib.core.errors import UnreadableFileError
from lib.core.part import Part
from lib.sources.files.input_file import Limits, random_access, table_faults
from lib.sources.files.tables import BLOCK_ROWS, Rows, table_records
from lib.sources.records import noted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lib.sources.files.input_file import InputFile


ORIGIN: Final = b"skewline"
"""Key in the schema's metadata of a JSON object that says where a file's events are from."""

FILTERED: Final = "where"
CUT: Final = "cut"
"""Names in that object of what says which part of a topic they are (`lib.core.part.Part`)."""


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
        note = _part_note(parquet.schema_arrow.metadata or {})
        batches = (_with_all(names, batch) for batch in parquet.iter_batches(BLOCK_ROWS))
        for block in table_records(file, names, map(Rows, batches)):
            yield noted(block, note)


def _with_all(names: list[str], batch: pa.RecordBatch) -> pa.RecordBatch:
    if batch.schema.names != names:  # its row groups and its schema are damaged apart
        raise pa.ArrowInvalid(f"{batch.num_columns} of {len(names)} columns are there")
    return batch


def _part_note(metadata: Mapping[bytes, bytes]) -> str:
    """Return which part of a topic the file is; "" where it does not say that it is one."""
    try:
        origin = json.loads(metadata.get(ORIGIN, b"{}"))
        part = Part(tuple(map(str, origin.get(FILTERED, ()))), bool(origin.get(CUT, True)))
    except (ValueError, AttributeError, TypeError):
        return ""  # not Skewline's own
    return part.note


def _check_size(file: InputFile, metadata: pq.FileMetaData) -> None:
    size = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    if size > Limits().content_bytes:
        raise UnreadableFileError(
            f"The file {file.name} holds {size >> 20:,} MB, more than is allowed.",
            "Split it, or keep only the records of interest.",
        )
