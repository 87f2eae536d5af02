"""What is drawn only when somebody opens it: a page with less on it is there sooner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


@st.fragment
def expander(label: str, fill: Callable[[], None], **options: Any) -> None:  # noqa: ANN401
    """Draw an expander that `fill` draws into once it is open; as `popover`, of `st.expander`."""
    place = st.expander(label, on_change="rerun", **options)
    if place.open:
        with place:
            fill()


@st.fragment
def popover(label: str, fill: Callable[[], None], **options: Any) -> None:  # noqa: ANN401
    """Draw a popover that `fill` draws into once it is open.

    Streamlit keeps `fill` as long as the page is open: it must not hold a topic, see
    `lib.ui.tables.weakly`. `options` are more of `st.popover`.
    """
    place = st.popover(label, on_change="rerun", **options)
    if place.open:
        with place:
            fill()
