"""Pieces that several pages show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from lib.charts.times import TimeScale
from lib.decode import reasons_of
from lib.topics.records import CREATE_TIME, LOG_APPEND_TIME, NO_TIMESTAMP_TYPE

if TYPE_CHECKING:
    import pyarrow as pa

    from lib.load import LoadedTopic
    from lib.ui.page import Visible

_KINDS = {
    CREATE_TIME: "CreateTime (the producer's clock)",
    LOG_APPEND_TIME: "LogAppendTime (the broker's clock)",
    NO_TIMESTAMP_TYPE: "none",
}


def moment(epoch_ms: int, visible: Visible) -> str:
    """Return a moment as the time switch wants it written."""
    if visible.scale is TimeScale.ZERO:
        return f"{(epoch_ms - visible.zero_ms) / 1000:,.3f} s"
    zone = st.context.timezone if visible.scale is TimeScale.LOCAL else "UTC"
    time = pd.Timestamp(epoch_ms, unit="ms", tz="UTC").tz_convert(zone or "UTC")
    return f"{time:%Y-%m-%d %H:%M:%S} {zone or 'UTC'}"


def load_report(topic: LoadedTopic) -> None:
    """Show what was read, how fast, and what was set aside."""
    report = topic.report
    partitions = len(topic.positions)
    with st.container(horizontal=True):
        st.metric("Records read", f"{report.total_records:,}", border=True)
        st.metric("Set aside", f"{topic.set_aside.num_rows:,}", border=True)
        st.metric("Partitions with records", f"{partitions:,}", border=True)
        st.metric("Last read", f"{report.read.bytes / 1e6:,.1f} MB", border=True)
        st.metric("Rate", f"{report.read.rate:,.0f} records/s", border=True)
    kinds = ", ".join(
        f"{_KINDS.get(kind, 'unknown')}: {count:,}"
        for kind, count in report.timestamp_types.items()
    )
    st.caption(f"Record timestamps by kind: {kinds or 'no record'}.")
    if topic.set_aside.num_rows:
        _set_aside(topic.set_aside, report.topic)


def _set_aside(set_aside: pa.Table, topic: str) -> None:
    st.markdown(f"**{set_aside.num_rows:,} records set aside, by reason**")
    st.dataframe(reasons_of(set_aside), hide_index=True, alt="Records set aside, by reason")
    st.dataframe(
        set_aside.slice(0, 1000).to_pandas(),
        hide_index=True,
        height=220,
        alt="Records set aside: partition, offset, reason and the beginning of the value",
    )
    st.download_button(
        "Download the list",
        lambda: set_aside.to_pandas().to_csv(index=False),
        file_name=f"{topic}-set-aside.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def shown_times(epoch_ms: pd.Series, visible: Visible) -> pd.Series:
    """Return times for a table as the time switch wants them: seconds, or zoned datetimes."""
    if visible.scale is TimeScale.ZERO:
        return (epoch_ms - visible.zero_ms) / 1000
    zone = st.context.timezone if visible.scale is TimeScale.LOCAL else "UTC"
    return pd.to_datetime(epoch_ms, unit="ms", utc=True).dt.tz_convert(zone or "UTC")


def in_seconds(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its quantile columns, ms (`lib.delays.quantile_name`), as seconds."""
    quantiles = [c for c in table.columns if re.fullmatch(r"min|max|p[0-9.]+", c)]
    shown = table.assign(**{c: table[c] / 1000 for c in quantiles})
    return shown.rename(columns={c: f"{c} (s)" for c in quantiles})
