"""The topic's story: the two-panel picture with its outages, and how many events it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.charts.comparison import drawn_comparison
from lib.charts.comparison_data import comparison_question
from lib.charts.picture import RECORD
from lib.charts.rows import lanes_in
from lib.core.blockwise import answered
from lib.ui import parameters
from lib.ui.answers import analysis_of, is_analysed
from lib.ui.chart import brushed, draw_chart
from lib.ui.record_links import open_picked

if TYPE_CHECKING:
    import pandas as pd

    from lib.charts.comparison import ComparisonChart
    from lib.charts.comparison_data import ComparisonData
    from lib.ui.visible import Visible

_PANEL_PX: Final = 130
_AROUND_PX: Final = 89
"""Of a panel: its title and its axis."""
_LEGEND_PX: Final = 48
_BETWEEN_PX: Final = 24
_CAPTION_PX: Final = 84


def picture_data(visible: Visible) -> ComparisonData:
    """Return what the picture draws of the visible events: counted once, it is drawn twice."""
    return visible.found(
        ("picture data",),
        lambda: answered(
            comparison_question(visible.table, visible.rows, most_lanes=lanes_in(_PANEL_PX))
        ),
    )


def begun(visible: Visible, data: ComparisonData) -> None:
    """Draw the picture without its outages where it takes a while until they are found."""
    if visible.delays_tell and not is_analysed(visible.topic):
        drawn = _comparison(visible, data, None)
        with st.container(height=height_of(drawn), border=False):
            draw_chart(drawn.picture)
        st.caption("Outages are still being looked for.")


def story(visible: Visible, data: ComparisonData) -> ComparisonChart:
    """Return event time above received time, with the worst outages shaded."""
    found = analysis_of(visible.topic).outages if visible.delays_tell else None
    shaded = None if found is None else visible.outages(found)
    return visible.found(("story",), lambda: _comparison(visible, data, shaded))


def _comparison(
    visible: Visible, data: ComparisonData, shaded: pd.DataFrame | None
) -> ComparisonChart:
    return drawn_comparison(
        data, zero_ms=visible.zero_ms, scale=visible.scale, height=_PANEL_PX, outages=shaded
    )


def height_of(drawn: ComparisonChart, *, caption: bool = False) -> int:
    """Return how high the picture will be, px, so that nothing moves when it comes."""
    panels = len(drawn.clocks)
    chart = panels * (_PANEL_PX + _AROUND_PX + _BETWEEN_PX) - _BETWEEN_PX + 4
    return chart + _LEGEND_PX * drawn.legends + (_CAPTION_PX if caption else 0)


def picture(drawn: ComparisonChart, zero_ms: int) -> None:
    """Draw it, with how it is read."""
    with st.container(height=height_of(drawn), border=False):
        selected = draw_chart(
            drawn.picture,
            key=parameters.STORY_CHART,
            on_select=lambda: brushed(parameters.STORY_CHART, zero_ms),
            selection_mode=[*drawn.brushes, *([RECORD] if drawn.picture.are_records else [])],
        )
    st.caption(drawn.caption)
    open_picked(list(selected["selection"].get(RECORD, ())), parameters.STORY_CHART)
