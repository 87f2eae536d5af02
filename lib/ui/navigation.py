"""The pages of the app, in the order of the menu."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.navigation.page import Page


def navigation() -> Page:
    """Draw the menu and return the page that the viewer asked for."""
    return st.navigation(
        [
            st.Page(
                "pages/overview.py",
                title="Overview",
                icon=":material/dashboard:",
                help="Headline figures, the first records, and what the load did.",
                default=True,
            ),
            st.Page(
                "pages/comparison.py",
                title="Comparison",
                icon=":material/compare_arrows:",
                help="Event time above received time, one row a client.",
            ),
            st.Page(
                "pages/sessions.py",
                title="Sessions",
                icon=":material/bar_chart:",
                help="Events per session as a histogram, and every session in a table.",
            ),
            st.Page(
                "pages/delay.py",
                title="Delay",
                icon=":material/schedule:",
                help="The skew plot, the distribution of delay, and whose clock is wrong.",
            ),
            st.Page(
                "pages/outages.py",
                title="Outages",
                icon=":material/signal_disconnected:",
                help="Who was silent while events went on, and what came in a burst.",
            ),
            st.Page(
                "pages/windows.py",
                title="Windows",
                icon=":material/view_week:",
                help="What Flink, Kafka Streams, Spark and Beam would have dropped and split.",
            ),
        ]
    )
