"""Which field is event time, client, session and sequence number; units of event times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Unit = Literal["s", "ms", "us", "ns", "iso"]
"""How event times are written: a number of s, ms, µs or ns since 1970, or ISO 8601 text."""


@dataclass(frozen=True)
class Fields:
    """Where the events table's columns come from.

    A source is a field of the value, nested ones with dots (`Data.ts`); or `@key`,
    `@header:NAME`, `@partition`. None: the topic has no such field. The defaults are the
    notebook's topic.

    Attributes
    ----------
    event_time
        The client's own time. None: the record timestamp stands in for it.
    unit
        How it is written.
    client
        Who sent the event. None: all events are one client's.
    session
        The session. None: derived per client by an inactivity gap of `session_gap_s`.
    sequence
        The running number in the session.
    session_gap_s
        Seconds without an event of the client, in event time, after which a derived session ends.
    """

    event_time: str | None = "Timestamp"
    unit: Unit = "ms"
    client: str | None = "ClientID"
    session: str | None = "SessionID"
    sequence: str | None = "EventID"
    session_gap_s: float = 30.0

    @property
    def extras(self) -> tuple[str, ...]:
        """The sources outside the value that `decode` must keep."""
        sources = (self.event_time, self.client, self.session, self.sequence)
        return tuple(dict.fromkeys(s for s in sources if s and s.startswith(("@key", "@header:"))))


_MS_PER_UNIT = {"s": 1000.0, "ms": 1.0, "us": 1 / 1000, "ns": 1 / 1_000_000}


def event_times(rows: pa.Table, fields: Fields) -> tuple[NDArray[np.int64], pa.Array]:
    """Return the event time of each row, epoch ms, and why it cannot be read (null: it can)."""
    name = fields.event_time
    if name is None:
        return rows["KafkaTimestamp"].to_numpy(), pa.nulls(rows.num_rows, pa.string())
    if name not in rows.column_names:
        column = pa.nulls(rows.num_rows, pa.int64())
    else:
        column = rows[name]
    if column.type == pa.int64() and fields.unit == "ms":
        times = pc.fill_null(column, 0).to_numpy()
    else:
        raise NotImplementedError(fields.unit)
    missing = column.is_null()
    if isinstance(missing, pa.ChunkedArray):
        missing = missing.combine_chunks()
    reasons = pc.if_else(missing, f"{name} is null", pa.scalar(None, pa.string()))
    return times, reasons
