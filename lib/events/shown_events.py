"""Events as people and programs elsewhere take them: readable times, units in names."""

from __future__ import annotations

import json
from io import BytesIO
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    EVENT_TIME_0,
    MISSED_BY_MS,
    MISSING_TIME,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
    RECEIVED_TIME_0,
    RECEIVED_TIME_TYPE,
    RECORD_TIME,
    SENT_TIME,
    SEQUENCE,
    SESSION,
)
from lib.core.moments import are_dates
from lib.core.part import COLUMN, Part
from lib.core.spreadsheets import csv_of
from lib.events.export import in_groups
from lib.sources.files.parquet import CUT, FILTERED, ORIGIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import BinaryIO

_TIMES: Final = {
    EVENT_TIME: "event_time",
    SENT_TIME: "sent_time",
    RECEIVED_TIME: "received_time",
    RECORD_TIME: "record_time",
}
_SINCE_ZERO: Final = {
    EVENT_TIME_0: "event_time_since_zero_s",
    RECEIVED_TIME_0: "received_time_since_zero_s",
}
_NAMES: Final = {
    CLIENT: "client",
    SESSION: "session",
    SEQUENCE: "sequence",
    PARTITION: "partition",
    OFFSET: "offset",
    MISSED_BY_MS: "missed_by_ms",
}

WHOLE: Final = Part()
_ROW_GROUP: Final = 1 << 20  # rows that Parquet keeps together


def shown_events(events: pd.DataFrame) -> pd.DataFrame:
    """Return rows of an events table, or of dropped events, for a file.

    Returns
    -------
    pd.DataFrame
        Of each time that is there, `event_time` and so on: text such as
        `2018-10-28T11:34:46.041Z`, missing where it is no date, and `event_time_ms`, Int64, epoch
        ms; `delay_ms`, Int64, received − event time; both normalized times as
        `event_time_since_zero_s`; `client`, `session`, `sequence`, `partition`, `offset`;
        `missed_by_ms` of dropped events; then the other fields, one that has a name from above as
        `value.NAME`.
    """
    columns: dict[str, Any] = {}
    for name, called in _TIMES.items():
        if name in events:
            columns[called] = _readable(events[name].to_numpy())
            columns[f"{called}_ms"] = _known(events[name].to_numpy())
    if EVENT_TIME in events and RECEIVED_TIME in events:
        columns["delay_ms"] = columns["received_time_ms"] - columns["event_time_ms"]
    columns |= {c: events[n].array for n, c in (_SINCE_ZERO | _NAMES).items() if n in events}
    done = {*_TIMES, *_SINCE_ZERO, *_NAMES, RECEIVED_TIME_TYPE}
    for other in (each for each in events if each not in done):
        called = str(other)
        while called in columns:
            called = f"value.{called}"
        columns[called] = events[other].array
    return pd.DataFrame(columns)


def _known(times: np.ndarray[Any, Any]) -> pd.arrays.IntegerArray:
    missing = times == MISSING_TIME
    return pd.arrays.IntegerArray(np.where(missing, 0, times), missing)


def _readable(times: np.ndarray[Any, Any]) -> pd.Series:
    """Return times as text in UTC; missing where they are no dates."""
    is_date = [are_dates(ms, ms) for ms in (times.min(), times.max())] if len(times) else []
    if all(is_date):  # as nearly always
        kept = np.ones(len(times), bool)
    else:
        kept = np.array([are_dates(ms, ms) for ms in times.tolist()], bool)
    moments = pa.array(times, mask=~kept).cast(pa.timestamp("ms"))
    texts = pc.binary_join_element_wise(pc.strftime(moments, "%Y-%m-%dT%H:%M:%S"), "Z", "")
    found: pd.Series = texts.to_pandas()
    return found


def written(form: str, tables: Iterable[pd.DataFrame], part: Part = WHOLE) -> bytes:
    """Return a table in a format: one of `FORMATS`, by its name.

    Parameters
    ----------
    tables
        The table, or pieces of it that follow one another; at least one.
    part
        Which part of a topic it is, as the file says.
    """
    _, _, write = FORMATS[form]
    to = BytesIO()
    write(tables, to, part)
    return to.getvalue()


def _write_csv(tables: Iterable[pd.DataFrame], to: BinaryIO, part: Part) -> None:
    """Write CSV that a spreadsheet opens safely."""
    texts = (csv_of(_said(t, part), with_names=n == 0) for n, t in enumerate(tables))
    to.writelines(text.encode(errors="replace") for text in texts)


def _write_json_lines(tables: Iterable[pd.DataFrame], to: BinaryIO, part: Part) -> None:
    """Write an object a line; what is missing is null."""
    for table in tables:
        if len(table):
            text = _said(table, part).to_json(
                orient="records", lines=True, force_ascii=False, double_precision=15
            )
            to.write(str(text).encode(errors="replace"))


def _write_parquet(tables: Iterable[pd.DataFrame], to: BinaryIO, part: Part) -> None:
    """Write Parquet; its schema's metadata say which part of a topic it is."""
    pieces = map(_plain, tables)
    first = next(pieces)
    schema = first.schema
    if part.conditions:
        origin = {FILTERED: part.conditions, CUT: part.is_cut}
        schema = schema.with_metadata({ORIGIN: json.dumps(origin)})
    rows = (piece.cast(schema) for piece in chain([first], pieces))
    with pq.ParquetWriter(to, schema, compression="zstd") as writer:
        for group in in_groups(rows, _ROW_GROUP):
            writer.write_table(group)


def _said(table: pd.DataFrame, part: Part) -> pd.DataFrame:
    """Return a table with a column more that says which part of a topic it is, if it is one."""
    if not part.conditions:
        return table
    said = pd.Categorical.from_codes(np.zeros(len(table), np.int64), pd.Index([part.text]))
    return table.assign(**{COLUMN: said})


def _plain(table: pd.DataFrame) -> pa.Table:
    """Return a table in which names are values: Parquet makes dictionaries of its own."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    plain = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in arrow.columns
    ]
    return pa.table(plain, names=arrow.column_names)


FORMATS: Final[Mapping[str, tuple[str, str, Callable[..., None]]]] = {
    "CSV": ("csv", "text/csv", _write_csv),
    "JSON Lines": ("jsonl", "application/jsonl", _write_json_lines),
    "Parquet": ("parquet", "application/vnd.apache.parquet", _write_parquet),
}
"""Name of a format → ending of its files, media type, and what writes it."""
