"""Where the records of a file stood in their topic, and when they were received.

Where the file has them, `KafkaPartition` and `KafkaOffset` say where a record stood, and a field
with one of the names in `RECEIVED` says when it was received. Otherwise records are in partition 0
at the number of their row, and have no timestamp: `lib.events.table.build_events` then takes them
as received as early as their order allows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.columns import (
    EVENT_TIME_0,
    KAFKA_COLUMNS,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
    RECEIVED_TIME_0,
    RECEIVED_TIME_TYPE,
)
from lib.core.errors import UnreadableFileError
from lib.core.time_units import READABLE, Unit, event_times, recognise_unit
from lib.sources.records import NO_TIMESTAMP, NO_TIMESTAMP_TYPE, RECORDS, with_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from lib.sources.files.input_file import InputFile

RECEIVED: Final = (
    "kafkatimestamp",
    "receivedtimestamp",
    "receivedtime",
    "receivedat",
    "received",
    "ingestedat",
    "ingesttime",
    "ingestiontime",
    "arrivaltime",
    "arrivedat",
    "brokertime",
    "brokertimestamp",
    "servertime",
    "servertimestamp",
    "logappendtime",
)
"""Names of a field with the received time, without case and punctuation, the best first."""


@dataclass
class Places:
    """Which fields of a file say where its records stand; goes through the file row by row."""

    partition: str | None
    offset: str | None
    received: str | None
    timestamp_type: str | None
    unit: Unit | None = None
    row: int = field(default=0, init=False)

    @property
    def names(self) -> list[str]:
        """The names of those fields."""
        every = (self.partition, self.offset, self.received, self.timestamp_type)
        return [name for name in every if name is not None]

    def records(self, values: pa.Array, columns: Mapping[str, pa.Array]) -> pa.RecordBatch:
        """Return the next values of the file as a block of records.

        Parameters
        ----------
        columns
            What the fields in `names` hold: numbers, or text as strings or bytes.
        """
        rows = np.arange(self.row, self.row + len(values))
        self.row += len(values)
        zeros, unknown = np.zeros_like(rows), np.full_like(rows, NO_TIMESTAMP_TYPE)
        places = pa.RecordBatch.from_arrays(
            [
                pa.array(_whole(columns, self.partition, otherwise=zeros), pa.int32()),
                pa.array(_whole(columns, self.offset, otherwise=rows), pa.int64()),
                pa.array(self._timestamps(columns, len(values)), pa.int64()),
                pa.array(_whole(columns, self.timestamp_type, otherwise=unknown), pa.int8()),
                *(pa.nulls(len(values), kind) for kind in RECORDS.types[4:]),
            ],
            schema=RECORDS,
        )
        return with_values(places, values)

    def _timestamps(self, columns: Mapping[str, pa.Array], rows: int) -> NDArray[np.int64]:
        nothing = np.full(rows, NO_TIMESTAMP)
        if self.received is None:
            return nothing
        column = _readable(columns[self.received])
        self.unit = self.unit or recognise_unit(column)
        if self.unit is None:
            return nothing
        times = event_times(column, self.unit)
        return np.where(times.problem == READABLE, times.ms, NO_TIMESTAMP)


def places_in(names: Sequence[str]) -> Places:
    """Return which of a file's fields say where its records stand."""
    plain = {name: re.sub(r"[^a-z0-9]", "", name.lower()) for name in names}
    received = [name for name in names if plain[name] in RECEIVED]
    return Places(
        PARTITION if PARTITION in names else None,
        OFFSET if OFFSET in names else None,
        min(received, key=lambda name: RECEIVED.index(plain[name]), default=None),
        RECEIVED_TIME_TYPE if RECEIVED_TIME_TYPE in names else None,
    )


def columns_of(file: InputFile, names: Sequence[str]) -> tuple[Places, list[str]]:
    """Return which of a table's columns say where its rows stand, and which are fields of theirs.

    Those are all but Kafka's and, in an events table, the normalized times.

    Raises
    ------
    UnreadableFileError
        When two columns have the same name.
    """
    if len(set(names)) < len(names):
        raise UnreadableFileError(
            f"In the file {file.name} two columns have the same name.", "Rename one of them."
        )
    normalized = {EVENT_TIME_0, RECEIVED_TIME_0} if RECEIVED_TIME in names else set()
    return places_in(names), [n for n in names if n not in KAFKA_COLUMNS | normalized]


def _whole(
    columns: Mapping[str, pa.Array], name: str | None, otherwise: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the whole numbers of a column, others where it has none or is not there."""
    if name is None:
        return otherwise
    text = _readable(columns[name]).cast(pa.string())
    fits = pc.fill_null(pc.match_substring_regex(text, r"^\d{1,18}$"), False)
    numbers = pc.if_else(fits, text, "0").cast(pa.int64()).to_numpy()
    return np.where(fits.to_numpy(zero_copy_only=False), numbers, otherwise)


def _readable(column: pa.Array) -> pa.Array:
    """Return a column with text in place of bytes; null where they are not UTF-8."""
    if not pa.types.is_binary(column.type):
        return column
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        texts = [None if v is None else v.decode(errors="replace") for v in column.to_pylist()]
        return pa.array([None if t and "\ufffd" in t else t for t in texts], pa.string())
