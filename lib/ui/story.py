"""The topic's story: the two-panel picture with its outages, and how many events it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.charts.comparison import comparison
from lib.charts.picture import RECORD
from lib.ui import parameters
from lib.ui.answers import analysis_of
from lib.ui.chart import brushed, draw_chart
from lib.ui.record_links import open_picked

if TYPE_CHECKING:
    from lib.charts.picture import Picture
    from lib.ui.page import Visible

_PANEL_PX: Final = 130
CHART_PX: Final = 2 * _PANEL_PX + 222
"""Both panels with titles and axes."""


def picture(visible: Visible) -> Picture:
    """Draw event time above received time, with the worst outages shaded, and return it."""
    found = analysis_of(visible.topic).outages if visible.delays_tell else None
    shaded = None if found is None else visible.outages(found)
    drawn = visible.found(
        ("story",),
        lambda: comparison(
            visible.table,
            visible.rows,
            zero_ms=visible.zero_ms,
            scale=visible.scale,
            height=_PANEL_PX,
            outages=shaded,
        ),
    )
    zero_ms, as_picture = visible.zero_ms, drawn.picture
    with st.container(height=CHART_PX, border=False):
        selected = draw_chart(
            drawn.chart,
            width="stretch",
            key=parameters.STORY_CHART,
            on_select=lambda: brushed(parameters.STORY_CHART, zero_ms),
            selection_mode=[*drawn.brushes, *([RECORD] if as_picture.are_records else [])],
            alt=drawn.alt,
        )
    st.caption(drawn.caption)
    open_picked(list(selected["selection"].get(RECORD, ())), parameters.STORY_CHART)
    return as_picture
