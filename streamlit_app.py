"""Skewline, the app: page config, navigation, the shared sidebar; nothing else."""

import streamlit as st

from lib.ui.sidebar import sidebar
from lib.ui.view import set_view

st.set_page_config(page_title="Skewline", page_icon=":material/timeline:", layout="wide")

page = st.navigation(
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
    ]
)
set_view(sidebar())
page.run()
