"""Values that are JSON behind the bytes that name their schema; the schema itself is not needed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from lib.core.columns import KAFKA_COLUMNS, OFFSET
from lib.decoding.json import JSON
from lib.decoding.slots import ReadColumns, Values
from lib.sources.records import RECORDS, with_values


def read(values: Values) -> ReadColumns:
    """Read values that are JSON, each without what frames it."""
    decoded = JSON.decode(numbered(values.to_arrow()), excerpts=0)
    table = decoded.columns.combine_chunks()
    columns = {
        name: table[name].chunk(0)
        for name in table.column_names
        if name not in KAFKA_COLUMNS and table.num_rows
    }
    rejected = decoded.rejected
    reasons = zip(rejected[OFFSET].to_pylist(), rejected["reason"].to_pylist(), strict=True)
    return ReadColumns(columns, table[OFFSET].to_numpy(), dict(reasons))


def looks_like_objects(values: Values) -> bool:
    """Return whether every value begins and ends as a JSON object does."""
    if not len(values) or (values.stops - values.starts < 2).any():
        return False
    begins = values.data[values.starts] == ord("{")
    return bool((begins & (values.data[values.stops - 1] == ord("}"))).all())


def numbered(values: pa.Array) -> pa.RecordBatch:
    """Return values as records whose offsets are their positions."""
    rows = len(values)
    columns = {
        "partition": pa.array(np.zeros(rows, np.int32)),
        "offset": pa.array(np.arange(rows)),
        "timestamp": pa.array(np.zeros(rows, np.int64)),
        "timestamp_type": pa.array(np.zeros(rows, np.int8)),
        "key": pa.nulls(rows, pa.binary()),
        "value": pa.nulls(rows, pa.binary()),
        "headers": pa.nulls(rows, RECORDS.field("headers").type),
    }
    return with_values(pa.RecordBatch.from_arrays(list(columns.values()), schema=RECORDS), values)
