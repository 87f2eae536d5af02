"""Pieces that several pages show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from lib.analysis.notices import first_rejected
from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    EVENT_TIME_0,
    MISSING_TIME,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
    RECEIVED_TIME_0,
    RECEIVED_TIME_TYPE,
    SEQUENCE,
    SESSION,
)
from lib.core.formatting import counted, escaped_markdown, size
from lib.decoding.rejected import BEGINNING
from lib.sources.records import CREATE_TIME, LOG_APPEND_TIME, NO_TIMESTAMP_TYPE
from lib.ui.record_links import open_selected, pick_record
from lib.ui.tables import MOST_ROWS, WholeTable, first_rows, show_table, weakly

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa
    from streamlit.elements.lib.column_types import ColumnConfig

    from lib.core.moments import Times
    from lib.loading.load import LoadedTopic
    from lib.ui.visible import Visible

_KINDS = {
    CREATE_TIME: "CreateTime (the producer's clock)",
    LOG_APPEND_TIME: "LogAppendTime (the broker's clock)",
    NO_TIMESTAMP_TYPE: "none",
}

_FIRST = (
    EVENT_TIME_0,
    RECEIVED_TIME_0,
    CLIENT,
    SESSION,
    SEQUENCE,
    EVENT_TIME,
    RECEIVED_TIME,
)
_LAST = (PARTITION, OFFSET)
_NAMES = (CLIENT, SESSION, SEQUENCE)
"""Written as they are where they are numbers, without separators."""

_SHOWN_BYTES = 32


def what_was_read(topic: LoadedTopic) -> str:
    """Return the load report in a few words."""
    read = counted(topic.report.total_records, "record")
    rejected = f"{topic.contents.rejected:,}" if topic.contents.rejected else "none"
    return f"{read} read, {rejected} rejected"


def load_report(topic: LoadedTopic) -> None:
    """Show what was read, how fast, and what was rejected."""
    with st.container(horizontal=True):
        _counts(topic)
        st.metric("Last read", size(topic.report.read.bytes), border=True)
        st.metric("Rate", f"{topic.report.read.rate:,.0f} records/s", border=True)
    _how_read(topic)
    if topic.rejected.num_rows:
        _rejected(topic.rejected, topic)


def load_report_in_numbers(topic: LoadedTopic) -> None:
    """Show what was read and what was rejected of a topic whose records are elsewhere."""
    with st.container(horizontal=True):
        _counts(topic)
        st.metric("Read", size(topic.report.read.bytes), border=True)
    _how_read(topic)
    if topic.contents.rejected:
        _reasons(topic.contents.reasons)


def _counts(topic: LoadedTopic) -> None:
    st.metric("Records read", f"{topic.report.total_records:,}", border=True)
    st.metric("Rejected", f"{topic.contents.rejected:,}", border=True)
    st.metric("Partitions with records", f"{len(topic.positions):,}", border=True)


def _how_read(topic: LoadedTopic) -> None:
    report = topic.report
    kinds = ", ".join(
        f"{_KINDS.get(kind, 'unknown')}: {count:,}"
        for kind, count in report.timestamp_types.items()
    )
    st.caption(f"Record timestamps by kind: {kinds or 'no record'}. {_read_by(topic)}")
    for note in report.notes:
        st.info(escaped_markdown(note), icon=":material/info:")


def _read_by(topic: LoadedTopic) -> str:
    reader = topic.report.reader
    why = f", since {reader.reason}" if reader.reason else ""
    form = f" Format: {topic.decoder.name}." if topic.decoder else ""
    return escaped_markdown(f"Reader: {reader.name}{why}.{form}")


def _rejected(rejected: pa.Table, topic: LoadedTopic) -> None:
    _reasons(topic.contents.reasons)
    _first_bytes(rejected)
    show_table(
        _listed(rejected.slice(0, MOST_ROWS)),
        whole=WholeTable(
            "the list",
            f"{topic.report.topic}-rejected.csv",
            rejected.num_rows,
            weakly(lambda topic: _listed(topic.rejected), topic),
        ),
        height=220,
        alt="Records rejected: partition, offset, reason and the beginning of the value",
    )


def _reasons(reasons: Mapping[str, int]) -> None:
    st.markdown(f"**{counted(sum(reasons.values()), 'record')} rejected, by reason**")
    table = pd.DataFrame({"Reason": list(reasons), "Records": list(reasons.values())})
    show_table(table, alt="Records rejected, by reason")


def _listed(rejected: pa.Table) -> pd.DataFrame:
    listed: pd.DataFrame = rejected.drop_columns(BEGINNING).to_pandas()
    return listed


def _first_bytes(rejected: pa.Table) -> None:
    """Show how the first rejected value begins, as bytes, and what that may be."""
    known = rejected[BEGINNING].drop_null()
    if not len(known):
        return
    first = known[0].as_py()[:_SHOWN_BYTES]
    guess = first_rejected(rejected)
    if guess:
        st.info(guess, icon=":material/lightbulb:")
    text = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in first)
    st.caption(f"How the first of them begins, {counted(len(first), 'byte')}")
    st.code(f"{first.hex(' ')}\n{text}", language=None, wrap_lines=True)


def first_records(visible: Visible, count: int, key: str, *, picks: bool = False) -> None:
    """Show the first events, in arrival order, the notebook's columns first.

    The record of the one that is selected can be opened; with `picks` it is, at once.
    """
    has_all = not visible.topic.events.without_received
    first_events(
        visible.first(count), visible.count, visible.times, key, has_all=has_all, picks=picks
    )


def first_events(
    first: pd.DataFrame, every: int, times: Times, key: str, *, has_all: bool, picks: bool = False
) -> None:
    """Show the first of `every` event shown, as `first_records` does.

    `has_all` is whether each has a received time.
    """
    rows = first[[PARTITION, OFFSET]].copy()  # the page keeps them: not the topic
    leading = [name for name in _FIRST if name in first]
    placed = [*leading, *_LAST, RECEIVED_TIME_TYPE]  # the load report says of what kind times are
    first = first[[*leading, *first.columns.difference(placed, sort=False), *_LAST]]
    if times.zone is not None:
        first = with_times_shown(first, (EVENT_TIME, RECEIVED_TIME), times)
    elif not has_all:
        received = first[RECEIVED_TIME].astype("Int64")
        first = first.assign(**{RECEIVED_TIME: received.mask(received == MISSING_TIME)})
    first = first_rows(first)
    chosen = show_table(
        first,
        key=key,
        on_select=(lambda: pick_record(key, rows)) if picks else "rerun",
        selection_mode="single-row",
        height=250,
        alt="The first records of the window in arrival order, with their normalized times",
        config={
            **dict.fromkeys(_NAMES, st.column_config.NumberColumn(format="%d")),
            EVENT_TIME_0: st.column_config.NumberColumn(format="%,.3f", help="s since zero"),
            RECEIVED_TIME_0: st.column_config.NumberColumn(format="%,.3f", help="s since zero"),
            EVENT_TIME: time_column(times, "Event time", of_zero="%d", unit="epoch ms"),
            RECEIVED_TIME: time_column(times, "Received time", of_zero="%d", unit="epoch ms"),
        },
    )
    which = "" if len(first) == every else f"The first {len(first):,} of "
    st.caption(
        f"{which}{counted(every, 'event')} shown, in arrival order. Select one for its record."
    )
    if not picks:
        open_selected(chosen.selection.rows, rows)


def time_column(
    times: Times, what: str, *, of_zero: str = "%,.3f", unit: str = "s since zero"
) -> ColumnConfig:
    """Return how a column of times is written in a table: as the time switch wants it."""
    if times.zone is None:
        return st.column_config.NumberColumn(format=of_zero, help=f"{what}, {unit}")
    return st.column_config.DatetimeColumn(
        format="YYYY-MM-DD HH:mm:ss.SSS", help=f"{what}, {clock_name(times)}"
    )


def clock_name(times: Times) -> str:
    """Return what times are written in, for a title: since zero, or the name of the zone."""
    return times.zone or "s since zero"


def shown_times(epoch_ms: pd.Series, times: Times) -> pd.Series:
    """Return times for a table as the time switch wants them: seconds, or zoned datetimes."""
    if times.zone is None:
        return ((epoch_ms - times.zero_ms) / 1000).mask(epoch_ms == MISSING_TIME)
    known = epoch_ms.mask(epoch_ms == MISSING_TIME)
    return pd.to_datetime(known, unit="ms", utc=True).dt.tz_convert(times.zone)


def with_times_shown(table: pd.DataFrame, columns: Iterable[str], times: Times) -> pd.DataFrame:
    """Return a table, for the screen or a file, with its times as the time switch wants them."""
    return table.assign(**{name: shown_times(table[name], times) for name in columns})
