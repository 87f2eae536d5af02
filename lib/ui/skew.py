"""The skew plot with its adjustable watermark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from lib.charts import delay as charts
from lib.core.columns import EVENT_TIME
from lib.ui import parameters

if TYPE_CHECKING:
    from lib.ui.page import Visible


def skew_plot(visible: Visible) -> None:
    """Show received time over event time, and the watermark for a delay that can be set."""
    seconds = st.number_input(
        "Watermark delay D, s",
        min_value=0.0,
        max_value=float(parameters.LARGEST),
        value=parameters.WATERMARK_DELAY.default,
        step=1.0,
        key=parameters.WATERMARK_DELAY.name,
        bind="query-params",
        width=220,
        help="The watermark is the largest event time seen so far, minus D. An event behind it is "
        "late at D, before any session gap, allowed lateness or grace.",
    )
    skew = charts.skew_plot(
        visible.table,
        visible.rows,
        charts.behind_watermark(visible.table[EVENT_TIME].to_numpy(), round(seconds * 1000)),
        zero_ms=visible.zero_ms,
        scale=visible.scale,
    )
    st.altair_chart(
        skew.chart,
        key=parameters.SKEW_CHART,
        alt=f"Received time over event time; {skew.late:,} events are late",
    )
    drawn = "Every event is a point" if skew.are_points else "Counts of all events"
    st.caption(
        f"{drawn}: {skew.events:,} in the window. On the dashed diagonal an event arrives when it "
        f"happens; above it, later. The green line is the watermark of the whole topic: "
        f"{skew.late:,} events are behind it."
    )
