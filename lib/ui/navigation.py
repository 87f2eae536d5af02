"""The pages of the app, in the order of the menu."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

if TYPE_CHECKING:
    from streamlit.navigation.page import Page


_ICON: Final = Path(__file__).with_name("icon.svg")
_STYLE: Final = Path(__file__).with_name("style.css")


def configure_page() -> None:
    """Set title, icon and style before `navigation`: a page's icon would come from another host.

    Embedded in another page, the app begins without its sidebar.
    """
    st.set_page_config(
        page_title="Skewline",
        page_icon=_ICON,
        layout="wide",
        initial_sidebar_state="collapsed" if st.context.is_embedded else "auto",
    )
    st.html(_STYLE)


def navigation() -> Page:
    """Draw the menu and return the page that the viewer asked for."""
    return st.navigation(
        [
            st.Page(
                "pages/overview.py",
                title="Overview",
                icon=":material/dashboard:",
                help="What stands out, the picture, figures, the advice, and what the load did.",
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
            st.Page(
                "pages/records.py",
                title="Records",
                icon=":material/article:",
                help="The records themselves, as they are in the topic.",
            ),
            st.Page(
                "pages/live.py",
                title="Live",
                icon=":material/stream:",
                help="The end of the topic as it grows: delay, silences and drops as they come.",
            ),
            st.Page(
                "pages/topics.py",
                title="Two topics",
                icon=":material/compare:",
                help="A second topic beside the first: a mirror, a pipeline, yesterday.",
            ),
            st.Page(
                "pages/glossary.py",
                title="Glossary",
                icon=":material/dictionary:",
                help="What the words on the pages mean.",
            ),
        ]
    )
