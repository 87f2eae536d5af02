import streamlit as st

from lib.charts.comparison import comparison
from lib.core.columns import CLIENT
from lib.ui import parameters
from lib.ui.brush import brushed_window
from lib.ui.groups import choose_group, in_open_group
from lib.ui.page import begin

visible = in_open_group(
    begin(
        "Comparison",
        "When each event happened, above when it was received. A stretch with events above and "
        "none below may be an outage.",
    )
)
height = st.slider(
    "Height of a panel, px",
    100,
    900,
    parameters.HEIGHT.default,
    step=20,
    key=parameters.HEIGHT.name,
    bind="query-params",
    width=320,
    help="Higher panels give each client more room.",
)
drawn = comparison(
    visible.table, visible.rows, zero_ms=visible.zero_ms, scale=visible.scale, height=height
)
choose_group(drawn.lanes, visible.table[CLIENT].cat.categories)
st.altair_chart(
    drawn.chart,
    width="stretch",
    key=parameters.COMPARISON_CHART,
    on_select=brushed_window(parameters.COMPARISON_CHART, visible.zero_ms),
    selection_mode=drawn.brushes,
    alt=drawn.alt,
)
st.caption(
    f"{drawn.caption} Scroll to zoom, drag to pan, double-click to reset; drag with shift to make "
    "a stretch the time window."
)
