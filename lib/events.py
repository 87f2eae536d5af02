"""The events table: one row a record, in arrival order, with normalized times."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.types import union_categoricals

from lib.columns import (
    CLIENT,
    EVENT_TIME,
    EVENT_TIME_0,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
    RECEIVED_TIME_0,
    RECEIVED_TIME_TYPE,
    SEQUENCE,
    SESSION,
)
from lib.decode import SET_ASIDE, concat
from lib.fields import event_times

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from lib.fields import Fields

__all__ = [
    "CLIENT",
    "EVENT_TIME",
    "EVENT_TIME_0",
    "OFFSET",
    "PARTITION",
    "RECEIVED_TIME",
    "RECEIVED_TIME_0",
    "RECEIVED_TIME_TYPE",
    "SEQUENCE",
    "SESSION",
    "Clock",
    "Events",
    "arrival_order",
    "build_events",
    "extend_events",
    "newest",
    "select_window",
    "window_rows",
]


class Clock(StrEnum):
    """Which of an event's two times is meant."""

    EVENT = "event"
    RECEIVED = "received"

    @property
    def milliseconds(self) -> str:
        """The column of this clock in epoch ms."""
        return EVENT_TIME if self is Clock.EVENT else RECEIVED_TIME

    @property
    def seconds(self) -> str:
        """The column of this clock in seconds since zero."""
        return EVENT_TIME_0 if self is Clock.EVENT else RECEIVED_TIME_0


@dataclass(frozen=True)
class Events:
    """A topic's events.

    Attributes
    ----------
    table
        The events table: one row an event, in arrival order, index 0, 1, 2, … Columns
        `Timestamp` and `KafkaTimestamp` int64 (epoch ms), `ClientID` and `SessionID` category,
        `EventID` Int64 where the topic has it, `KafkaPartition` int32, `KafkaOffset` int64,
        `EventTimestamp0` and `ReceivedTimestamp0` float64 (seconds since zero), then the
        topic's other fields. Shared between viewers: never change it.
    zero_ms
        The event time of the first event in arrival order, epoch ms; 0 if there is none.
    set_aside
        Records whose event time cannot be read, schema `lib.decode.SET_ASIDE`.
    """

    table: pd.DataFrame
    zero_ms: int
    set_aside: pa.Table


def build_events(decoded: Sequence[pa.Table], fields: Fields) -> Events:
    """Build the events table from decoded blocks.

    Parameters
    ----------
    decoded
        `lib.decode.Decoded.columns` of each block; inside a partition in offset order.
    fields
        Where the events table's columns come from. A mapped field takes the name of its column
        in the events table; another field of that name becomes `value.NAME`.

    Returns
    -------
    Events
        Zero and both normalized times as in the notebook: `(ms - zero) / 1000.0`.
    """
    rows = concat(decoded)
    if not rows.num_columns:
        rows = _NO_RECORDS
    rows = rows.take(pa.array(arrival_order(rows)))
    times, reasons = event_times(rows, fields)
    rows, times, set_aside = _without_unreadable(rows, times, reasons)
    received = rows[RECEIVED_TIME].to_numpy()
    zero = int(times[0]) if len(times) else 0
    columns: dict[str, Any] = {
        EVENT_TIME: times,
        RECEIVED_TIME: received,
        CLIENT: _category(_source(rows, fields.client)),
        SESSION: _category(_source(rows, fields.session)),
    }
    sequence = _integers(_source(rows, fields.sequence)) if fields.sequence else None
    if sequence is not None:
        columns[SEQUENCE] = sequence
    columns |= {
        PARTITION: rows[PARTITION].to_numpy(),
        OFFSET: rows[OFFSET].to_numpy(),
        EVENT_TIME_0: (times - zero) / 1000.0,
        RECEIVED_TIME_0: (received - zero) / 1000.0,
    }
    return Events(pd.DataFrame(columns | _other_fields(rows, fields, columns)), zero, set_aside)


def extend_events(before: Events, decoded: Sequence[pa.Table], fields: Fields) -> Events:
    """Return `before` with further records of the same topic, as if all had been read at once.

    Parameters
    ----------
    before
        What has been read; it is not changed.
    decoded
        Decoded blocks of records that stand behind those of `before` in their partitions.
    fields
        The fields that `before` was built with.
    """
    new = build_events(decoded, fields)
    set_aside = pa.concat_tables([before.set_aside, new.set_aside], promote_options="permissive")
    if new.table.empty:
        return Events(before.table, before.zero_ms, set_aside)
    names = dict.fromkeys([*before.table.columns, *new.table.columns])
    both = {name: _joined(before.table, new.table, name) for name in names}
    order = arrival_order(
        pa.table({name: np.asarray(both[name]) for name in (PARTITION, RECEIVED_TIME)})
    )
    table = pd.DataFrame(both, copy=False).take(order).reset_index(drop=True)
    zero = int(table[EVENT_TIME].iloc[0])
    table[EVENT_TIME_0] = (table[EVENT_TIME] - zero) / 1000.0
    table[RECEIVED_TIME_0] = (table[RECEIVED_TIME] - zero) / 1000.0
    return Events(table, zero, set_aside)


def newest(events: Events, count: int) -> Events:
    """Return the last `count` events in arrival order; zero moves to the first of them."""
    if len(events.table) <= count:
        return events
    table = events.table.tail(count).reset_index(drop=True)
    for name in (CLIENT, SESSION):
        table[name] = table[name].cat.remove_unused_categories()
    zero = int(table[EVENT_TIME].iloc[0])
    table[EVENT_TIME_0] = (table[EVENT_TIME] - zero) / 1000.0
    table[RECEIVED_TIME_0] = (table[RECEIVED_TIME] - zero) / 1000.0
    return Events(table, zero, events.set_aside)


def _joined(before: pd.DataFrame, new: pd.DataFrame, name: str) -> pd.Series:
    """Return column `name` of both tables, one below the other; missing where one lacks it."""
    columns = [table.get(name) for table in (before, new)]
    if all(isinstance(c, pd.Series) and isinstance(c.dtype, pd.CategoricalDtype) for c in columns):
        united: pd.Categorical = union_categoricals(columns, sort_categories=True)
        return pd.Series(united)
    known = next(c for c in columns if c is not None)
    parts = [
        pd.Series(pd.NA, index=table.index, dtype=_nullable(known)) if c is None else c
        for table, c in zip((before, new), columns, strict=True)
    ]
    joined: pd.Series = pd.concat(parts, ignore_index=True)
    return joined


def _nullable(column: pd.Series) -> object:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.dtype
    return column.convert_dtypes().dtype


_NO_RECORDS = pa.table(
    {
        PARTITION: pa.array([], pa.int32()),
        OFFSET: pa.array([], pa.int64()),
        RECEIVED_TIME: pa.array([], pa.int64()),
        RECEIVED_TIME_TYPE: pa.array([], pa.int8()),
    }
)


def arrival_order(rows: pa.Table) -> NDArray[np.int64]:
    """Return the positions of `rows` in arrival order.

    Offset order inside a partition; partitions merged by the running maximum of the record
    timestamp, ties by partition, then offset. Rows of one partition must be in offset order.
    """
    partition = rows[PARTITION].to_numpy()
    order = np.argsort(partition, kind="stable")
    reached = rows[RECEIVED_TIME].to_numpy()[order]
    starts = np.flatnonzero(np.diff(partition[order])) + 1
    for piece in np.split(reached, starts):
        np.maximum.accumulate(piece, out=piece)
    return order[np.argsort(reached, kind="stable")]


def window_rows(
    table: pd.DataFrame,
    clock: Clock,
    start_s: float,
    end_s: float,
    clients: Collection[object] | None = None,
) -> NDArray[np.int64] | slice:
    """Return the positions of the events inside a window of time, of some clients.

    Parameters
    ----------
    table
        An events table.
    clock
        The clock that the window is on.
    start_s, end_s
        First and last second since zero, both inclusive.
    clients
        The clients to keep; None for all.

    Returns
    -------
    int64 positions in arrival order, or `slice(None)` where every event is inside, so that
    nothing is copied.
    """
    seconds = table[clock.seconds].to_numpy()
    keep = (seconds >= start_s) & (seconds <= end_s)
    if clients is not None:
        of = table[CLIENT].cat
        # One more than there are categories: code -1, no client, is the last.
        chosen = np.append(of.categories.isin(list(clients)), False)
        keep &= chosen[of.codes.to_numpy()]
    return slice(None) if keep.all() else np.flatnonzero(keep)


def select_window(
    table: pd.DataFrame,
    clock: Clock,
    start_s: float,
    end_s: float,
    clients: Collection[object] | None = None,
) -> pd.DataFrame:
    """Return the events inside a window of time, of some clients; see `window_rows`."""
    rows = window_rows(table, clock, start_s, end_s, clients)
    return table if isinstance(rows, slice) else table.take(rows)


def _without_unreadable(
    rows: pa.Table, times: NDArray[np.int64], reasons: pa.ChunkedArray | pa.Array
) -> tuple[pa.Table, NDArray[np.int64], pa.Table]:
    bad = reasons.is_valid()
    lost = rows.filter(bad)
    set_aside = pa.table(
        [
            lost[PARTITION],
            lost[OFFSET],
            lost[RECEIVED_TIME],
            reasons.filter(bad).dictionary_encode(),
            pa.nulls(lost.num_rows, pa.string()),
        ],
        schema=SET_ASIDE,
    )
    if not lost.num_rows:
        return rows, times, set_aside
    return rows.filter(pc.invert(bad)), times[~bad.to_numpy(zero_copy_only=False)], set_aside


def _source(rows: pa.Table, source: str | None) -> pa.ChunkedArray | pa.Array:
    if source is None:
        return pa.repeat(pa.scalar("all"), rows.num_rows)
    if source == "@partition":
        return rows[PARTITION]
    if source not in rows.column_names:
        return pa.nulls(rows.num_rows, pa.string())
    return rows[source]


def _category(column: pa.ChunkedArray | pa.Array) -> pd.Categorical:
    """Return `column` as a category whose categories are sorted and keep their type."""
    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries().combine_chunks()
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    words = encoded.dictionary.to_pandas()
    codes = encoded.indices.fill_null(-1).to_numpy()
    present = np.zeros(len(words), bool)
    present[codes[codes >= 0]] = True
    order = words[present].sort_values().index.to_numpy()
    renumbered = np.full(len(words) + 1, -1, np.int64)
    renumbered[order] = np.arange(len(order))
    categories = pd.Index(words.to_numpy()[order], dtype=words.dtype)
    return pd.Categorical.from_codes(renumbered[codes], categories=categories)


def _integers(column: pa.ChunkedArray | pa.Array) -> pd.Series | None:
    """Return `column` as Int64, or None where its values are no integers."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    try:
        numbers = column.cast(pa.int64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    missing = np.asarray(numbers.is_null())
    values = np.asarray(numbers.fill_null(0))
    return pd.Series(pd.arrays.IntegerArray(values.copy(), missing.copy()))


def _other_fields(rows: pa.Table, fields: Fields, taken: dict[str, Any]) -> dict[str, Any]:
    mapped = {fields.event_time, fields.client, fields.session, RECEIVED_TIME_TYPE}
    mapped |= {PARTITION, OFFSET, RECEIVED_TIME}
    if SEQUENCE in taken:
        mapped.add(fields.sequence)
    return {
        f"value.{name}" if name in taken else name: _compact(rows[name])
        for name in rows.column_names
        if name not in mapped
    }


_INTEGER_TYPES = (pa.int8(), pa.int16(), pa.int32(), pa.int64())


def _compact(column: pa.ChunkedArray) -> Any:  # noqa: ANN401 - any of pandas' array types
    """Return `column` in the smallest pandas type that keeps its values."""
    if pa.types.is_dictionary(column.type):
        return _category(column)
    if column.type == pa.int64():
        return _small_integers(column)
    if pa.types.is_boolean(column.type) and column.null_count:
        return pd.Series(column.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get))
    return column.to_pandas()


def _small_integers(column: pa.ChunkedArray) -> pd.Series:
    bounds = pc.min_max(column).as_py()
    low, high = bounds["min"] or 0, bounds["max"] or 0
    small = next(t for t in _INTEGER_TYPES if _holds(t, low) and _holds(t, high))
    if not column.null_count:
        return column.cast(small).to_pandas()
    missing = np.asarray(column.is_null())
    values = column.fill_null(0).cast(small).to_numpy()
    return pd.Series(pd.arrays.IntegerArray(values.copy(), missing.copy()))


def _holds(kind: pa.DataType, value: int) -> bool:
    limit = 1 << (kind.bit_width - 1)
    return -limit <= value < limit
