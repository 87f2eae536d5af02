"""A chart on a page: its picture, how it is read, and its stretch as the time window."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import streamlit as st
from altair.utils.schemapi import disable_debug_mode

from lib.charts import colours
from lib.charts.comparison import BRUSHES
from lib.charts.embedded import png_of, svg_of
from lib.charts.picture import RECORD, TIME, ZOOM
from lib.events.table import TimeDomain
from lib.ui import parameters
from lib.ui.inputs.time_window import show_stretch
from lib.ui.record_links import open_picked, open_records

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import altair as alt

    from lib.charts.picture import Picture

    Chart = alt.Chart | alt.LayerChart | alt.VConcatChart

_MOVES: Final = "Ctrl and wheel zoom, dragging moves, a double click resets."
_BRUSHES: Final = " Drag with Shift to choose a time window."
_CLICKS: Final = " A click on an event leads to its record."
_ZOOMS: Final = " Zoom in for the records of a stretch."
"""Where marks are many events each."""
_TEXTS: Final = {"labelColor": colours.TEXT, "titleColor": colours.TEXT}
_STYLE: Final = {
    "axis": _TEXTS,
    "axisY": {"labelFlush": False},
    "legend": {**_TEXTS, "layout": {"top": {"direction": "vertical"}}},
}
"""Over Streamlit's own: labels stand at their lines, and legends one below the other, which a phone
has room for."""
_PADDING: Final = {"bottom": 4, "right": 16}
"""No empty strip is below a chart, and a label at its end is whole. Of the chart itself: Streamlit
gives each one, so that of a style does not count."""
_FORMATS: Final = {"SVG": ("image/svg+xml", svg_of), "PNG": ("image/png", png_of)}


# Altair would check every part of a chart against its schema when it is made: a third of the time
# of a run, in which no other viewer is served. The tests check it.
disable_debug_mode()


def draw_chart(picture: Picture, **options: Any) -> Any:  # noqa: ANN401
    """Draw a chart and return what `st.vega_lite_chart` returns."""
    chart = picture.sent
    spec = {**chart.spec, "config": _STYLE, "padding": _PADDING, "datasets": chart.tables}
    return st.vega_lite_chart(spec=spec, width="stretch", alt=picture.alt, **options)


def download_picture(picture: Picture, key: str, called: str = "", **options: Any) -> None:  # noqa: ANN401
    """Offer a chart, with its title and words, as SVG and as PNG.

    `options` are more of `st.download_button`.
    """
    for name, (mime, make) in _FORMATS.items():
        st.download_button(
            f"{called}{name}",
            partial(make, picture),
            file_name=f"{key}.{name.lower()}",
            mime=mime,
            key=f"{key}_{name.lower()}",
            icon=":material/image:",
            on_click="ignore",
            **{"type": "tertiary", **options},
            help=f"Downloads the chart with its title and what it shows, as {name}.",
        )


def show_picture(picture: Picture, key: str, note: str = "") -> None:
    """Show a chart, how it is read, and what else is to be said."""
    draw_chart(picture, key=key)
    if said := f"{picture.reading} {note}".strip():
        st.caption(said)
    with st.container(horizontal=True):
        download_picture(picture, key)


@st.fragment
def show_over_time(
    picture: Picture,
    key: str,
    clock: TimeDomain,
    zero_ms: int,
    brushes: Sequence[str] = (),
    note: str = "",
) -> None:
    """Show a chart over time that can be moved, and what it is moved to as the next time window.

    Parameters
    ----------
    clock
        The clock of the time across.
    zero_ms
        The topic's zero, epoch ms.
    brushes
        Names of the chart's selections that set the window at once.
    note
        What else is to be said.
    """
    number = f"{key}_moved"
    moved: int = st.session_state.setdefault(number, 0)  # of another key, a chart begins anew
    drawn = f"{key}_{moved}" if moved else key
    draw_chart(
        picture,
        key=drawn,
        on_select=lambda: brushed(drawn, zero_ms),
        selection_mode=[ZOOM, *brushes, *([RECORD] if picture.are_records else [])],
    )
    if st.session_state.pop(parameters.BRUSHED, False):
        st.rerun()
    selected = st.session_state[drawn]["selection"]
    stretch = _stretch(selected.get(ZOOM, {}), zero_ms)
    more = f"{_BRUSHES if brushes else ''}{_CLICKS if picture.are_records else _ZOOMS}"
    st.caption(f"{picture.reading} {note} {_MOVES}{more}")
    open_picked(list(selected.get(RECORD, ())), key)  # {} before the first click
    with st.container(horizontal=True):
        _offer_zoomed(key, clock, stretch, lambda: st.session_state.update({number: moved + 1}))
        download_picture(picture, key)


def _offer_zoomed(
    key: str, clock: TimeDomain, stretch: tuple[float, float] | None, reset: Callable[[], None]
) -> None:
    """Offer the stretch that a chart is zoomed to, None: it is not, as window and records."""
    not_zoomed = stretch is None
    if st.button(
        "Make what is shown the time window",
        key=f"{key}_window",
        type="tertiary",
        icon=":material/crop:",
        disabled=not_zoomed,
        on_click=_show,
        args=(clock, stretch),
        help="After zooming: every page then shows only this stretch.",
    ):
        st.rerun()
    open_records("what is shown", _show, clock, stretch, key=f"{key}_records", disabled=not_zoomed)
    st.button(
        "Reset the zoom",
        key=f"{key}_reset",
        type="tertiary",
        icon=":material/zoom_out_map:",
        disabled=not_zoomed,
        on_click=reset,
    )


def brushed(chart: str, zero_ms: int) -> None:
    """Make a stretch that was brushed in a chart the window."""
    selected = st.session_state[chart].selection
    for clock, name in BRUSHES.items():
        stretch = _stretch(selected.get(name, {}), zero_ms)
        if stretch is not None:
            show_stretch(TimeDomain(clock), *stretch)
            st.session_state[parameters.BRUSHED] = True


def _show(clock: TimeDomain, stretch: tuple[float, float] | None) -> None:
    if stretch is not None:
        show_stretch(clock, *stretch)


def _stretch(selected: Mapping[str, Sequence[float]], zero_ms: int) -> tuple[float, float] | None:
    """Return the stretch of a selection, seconds since zero; datetimes come as epoch ms."""
    if TIME not in selected:
        return None
    ends = [(v - zero_ms) / 1000 if abs(v) > 1e10 else v for v in selected[TIME]]
    return min(ends), max(ends)
