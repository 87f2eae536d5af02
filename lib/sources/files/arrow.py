"""Arrow's own format, as a file (Feather) or as a stream: a field a column, of any type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from lib.core.errors import UnreadableFileError
from lib.sources.files.input_file import random_access, table_faults
from lib.sources.files.tables import BLOCK_ROWS, Rows, table_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lib.sources.files.input_file import InputFile

_FILE: Final = b"ARROW1"
_FEATHER_1: Final = b"FEA1"


def read(file: InputFile) -> Iterator[pa.RecordBatch]:
    """Yield the rows of an Arrow file as tables, or the records that they are envelopes of.

    Raises
    ------
    UnreadableFileError
        When the file is no Arrow, or is damaged.
    """
    with random_access(file) as opened, table_faults(file, "Arrow"):
        beginning = opened.read(len(_FILE))
        if beginning.startswith(_FEATHER_1):
            raise UnreadableFileError(
                f"The file {file.name} is Feather of version 1.", "Write it anew as version 2."
            )
        is_file = beginning == _FILE
        opened.seek(0)
        if is_file:
            reader = pa.ipc.open_file(opened)
            batches = map(reader.get_batch, range(reader.num_record_batches))
        else:
            reader = pa.ipc.open_stream(opened)
            batches = iter(reader)
        yield from table_records(file, reader.schema.names, map(Rows, _checked(batches)))


def _checked(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield batches in blocks; a damaged one raises before it is read wrongly."""
    for batch in batches:
        batch.validate(full=True)
        for start in range(0, len(batch), BLOCK_ROWS):
            yield batch.slice(start, BLOCK_ROWS)
