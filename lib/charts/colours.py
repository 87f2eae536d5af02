"""The colours that mean something, the same on every page.

All are about equally light, so that marks stand out from a light and from a dark page by 3 : 1, and
those that mean something can be told apart by people who do not tell red from green, or blue from
yellow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt

if TYPE_CHECKING:
    from lib.charts.rows import Lanes

EVENT_TIME_COLOUR: Final = "#2f7de1"
RECEIVED_TIME_COLOUR: Final = "#bf6600"
LATE: Final = "#d6336c"
WATERMARK: Final = "#007c59"
NEUTRAL: Final = "#76818f"

# Text needs 4.5 : 1, which no colour has on a light and on a dark page: Vega tells which it is on.
ON_LIGHT: Final = "!background || luminance(background) > 0.4"
TEXT: Final = {"expr": f"{ON_LIGHT} ? '#596273' : '#dfe5ee'"}
PAGE: Final = {"expr": "background || 'white'"}
LATE_TEXT: Final = {"expr": f"{ON_LIGHT} ? '#a8174a' : '#ff9dbd'"}

POINT_OPACITY: Final = 0.85
"""Of marks that may lie on one another: a single one still stands out."""

# Twenty hues for clients, as many as the notebook's tab20.
CLIENTS: Final = (
    "#4976cb", "#b46400", "#208a44", "#c25656", "#8a66c2", "#008496", "#b65791", "#847a00",
    "#007ebf", "#bf5a35", "#368577", "#916b97", "#8e753e", "#7074a9", "#a26779", "#67804d",
    "#3a809a", "#a06c4c", "#428469", "#896d9e",
)  # fmt: skip


LINES: Final = CLIENTS[:10]
"""Hues for lines and bars that are neither clients nor clocks."""


def client_colours(lanes: Lanes) -> alt.Scale:
    """Return the colour scale of a chart's lanes.

    A client's colour follows from its place among all clients of the topic, so that it is the
    same whatever else is visible; groups of clients share a neutral one.
    """
    return alt.Scale(domain=lanes.labels, range=lane_colours(lanes))


def lane_colours(lanes: Lanes) -> list[str]:
    """Return the colour of each lane, as `client_colours` has it."""
    return [
        CLIENTS[place % len(CLIENTS)] if size == 1 else NEUTRAL
        for place, size in zip(lanes.first, lanes.sizes, strict=True)
    ]
