"""What can be chosen of the picture of both clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from lib.charts.comparison import ORDERS
from lib.ui import parameters

if TYPE_CHECKING:
    from lib.charts.comparison_data import RowOrder


def choose_panels() -> tuple[RowOrder, int]:
    """Draw what rows are sorted by and how high a panel is; return both, the height in px."""
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
    return labels[order], height
