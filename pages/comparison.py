import streamlit as st

from lib.charts.comparison import comparison
from lib.ui.page import begin

visible = begin(
    "Comparison",
    "When each event happened, above when it arrived: a gap that is filled above and empty below "
    "is an outage.",
)
height = st.slider(
    "Height of a panel, px",
    100,
    900,
    240,
    step=20,
    key="height",
    bind="query-params",
    width=320,
)
drawn = comparison(
    visible.table, visible.rows, zero_ms=visible.zero_ms, scale=visible.scale, height=height
)
st.altair_chart(
    drawn.chart,
    width="stretch",
    key="comparison",
    alt="Events of each client by event time, and below by received time",
)
st.caption(f"{drawn.caption} Scroll to zoom, drag to pan, double-click to reset: both panels move.")
