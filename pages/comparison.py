import streamlit as st

from lib.charts.comparison import ORDERS, comparison
from lib.core.columns import CLIENT
from lib.events.table import TimeDomain
from lib.ui import parameters
from lib.ui.answers import analysis_of
from lib.ui.chart import show_over_time
from lib.ui.cluster_pages import comparison_told
from lib.ui.groups import choose_group, in_open_group
from lib.ui.page import begin

visible = in_open_group(
    begin(
        "Comparison",
        "When each event happened, above when it was received. A stretch with events above and "
        "none below may be an outage.",
        of_cluster=comparison_told,
    )
)
labels = {label: order for order, label in ORDERS.items()}
with st.container(horizontal=True, vertical_alignment="bottom"):
    order = st.selectbox(
        "Rows by",
        list(labels),
        index=list(labels).index(parameters.ORDER.default),
        key=parameters.ORDER.name,
        bind="query-params",
        width=200,
        help="Most affected: the clients with the most events held back by outages, or lost in "
        "them, are at the top. Where not every client has a row, those at the top have one.",
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
        help="The higher a panel, the more clients have a row of their own.",
    )
found = visible.outages(analysis_of(visible.topic).outages) if visible.delays_tell else None
drawn = visible.found(
    ("comparison", height, order),
    lambda: comparison(
        visible.table,
        visible.rows,
        zero_ms=visible.zero_ms,
        scale=visible.scale,
        height=height,
        outages=found,
        order=labels[order],
    ),
)
choose_group(drawn.lanes, visible.table[CLIENT].cat.categories)
show_over_time(
    drawn.picture,
    parameters.COMPARISON_CHART,
    TimeDomain.EVENT,
    visible.zero_ms,
    drawn.brushes,
)
