"""The skew plot with its adjustable watermark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from lib.charts import skew as charts
from lib.charts.skew_data import behind_watermark
from lib.events.table import TimeDomain
from lib.ui import parameters
from lib.ui.chart import show_over_time

if TYPE_CHECKING:
    from lib.ui.visible import Visible


def skew_plot(visible: Visible) -> None:
    """Show when events arrived over when they happened, and a watermark that can be set."""
    delay_ms = choose_watermark()
    skew = visible.found(
        ("skew", delay_ms),
        lambda: charts.skew_plot(
            visible.table,
            visible.rows,
            behind_watermark(visible.table, delay_ms),
            zero_ms=visible.zero_ms,
            scale=visible.scale,
        ),
    )
    show_over_time(skew, parameters.SKEW_CHART, TimeDomain.EVENT, visible.zero_ms)


def choose_watermark() -> int:
    """Draw how far the watermark is behind the newest event and return it, ms."""
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
    return round(seconds * 1000)
