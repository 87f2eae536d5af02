"""All that the first page offers to download, in one place."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from lib.core.formatting import counted
from lib.ui import parameters
from lib.ui.chart import download_picture
from lib.ui.export import shown_files
from lib.ui.lazy import popover
from lib.ui.report_download import report_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from lib.charts.picture import Picture
    from lib.ui.visible import Visible


def files(visible: Visible, drawn: Picture) -> None:
    """Offer the events that are shown, the report on the topic, and the picture above."""
    events, report = shown_files(visible), report_files(visible.topic)
    shown = f"The {counted(visible.count, 'event')} shown"
    popover("Download", partial(_fill, shown, events, report, drawn), icon=":material/download:")


def _fill(
    shown: str, events: Callable[[], None], report: Callable[[], None], drawn: Picture
) -> None:
    st.markdown(f"**{shown}**")
    events()
    st.markdown("**The whole topic**")
    report()
    st.markdown("**The picture above**")
    download_picture(
        drawn, parameters.STORY_CHART, "The picture, ", type="secondary", width="stretch"
    )
