"""The pages of the app, in the order of the menu."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

if TYPE_CHECKING:
    from streamlit.navigation.page import Page


_ICON: Final = Path(__file__).with_name("icon.svg")
_STYLE: Final = Path(__file__).with_name("style.css")

_FIRST: Final = "overview"
_PAGES: Final = (
    (
        "overview",
        "Overview",
        "dashboard",
        "What stands out, the picture, figures, the advice, and what the load did.",
    ),
    (
        "comparison",
        "Comparison",
        "compare_arrows",
        "Event time above received time, one row a client.",
    ),
    (
        "sessions",
        "Sessions",
        "bar_chart",
        "Events per session as a histogram, and every session in a table.",
    ),
    (
        "delay",
        "Delay",
        "schedule",
        "The skew plot, the distribution of delay, and whose clock is wrong.",
    ),
    (
        "outages",
        "Outages",
        "signal_disconnected",
        "Who was silent while events went on, and what came in a burst.",
    ),
    (
        "windows",
        "Windows",
        "view_week",
        "What Flink, Kafka Streams, Spark and Beam would have dropped and split.",
    ),
    ("records", "Records", "article", "The records themselves, as they are in the topic."),
    (
        "live",
        "Live",
        "stream",
        "The end of the topic as it grows: delay, silences and drops as they come.",
    ),
    (
        "topics",
        "Two topics",
        "compare",
        "A second topic beside the first: a mirror, a pipeline, yesterday.",
    ),
    ("glossary", "Glossary", "dictionary", "What the words on the pages mean."),
)
"""File in `pages`, title, icon, and what the page tells."""


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
                f"pages/{name}.py",
                title=title,
                icon=f":material/{icon}:",
                help=told,
                default=name == _FIRST,
            )
            for name, title, icon, told in _PAGES
        ]
    )
