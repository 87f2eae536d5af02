"""What recognition asks of a sample of decoded records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from lib.core.columns import KAFKA_COLUMNS, KEY, MISSING_TIME
from lib.events.time_columns import record_times

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def value_fields(sample: pa.Table) -> list[str]:
    """Return the fields of the records' values."""
    return [n for n in sample.column_names if n not in KAFKA_COLUMNS and n != KEY]


def share_of(column: pa.ChunkedArray) -> float:
    """Return the share of the records that have a field, 0 to 1."""
    return float(1 - column.null_count / max(len(column), 1))


def values_of(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column with its values in place of numbers in a dictionary."""
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def has_record_times(sample: pa.Table, event_times: NDArray[np.int64] | None) -> bool:
    """Return whether any record has a timestamp of its own."""
    return bool((record_times(sample, event_times) != MISSING_TIME).any())
