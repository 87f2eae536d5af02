"""The colours that mean something, the same on every page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt

if TYPE_CHECKING:
    from lib.charts.rows import Lanes

EVENT_TIME_COLOUR: Final = "#2f7de1"
RECEIVED_TIME_COLOUR: Final = "#f07f13"
LATE: Final = "#d6336c"
WATERMARK: Final = "#2a9d8f"
NEUTRAL: Final = "#8a94a6"

# Twenty hues for clients, as many as the notebook's tab20; readable on light and dark.
_CLIENTS: Final = (
    "#4c78c8", "#e68a2e", "#3fa45b", "#d1495b", "#8d6cc9", "#a0705a", "#d972b8", "#7f8794",
    "#a8a434", "#2fa9b8", "#7ba3e0", "#f0b36e", "#86c98f", "#ec8f94", "#b9a0e0", "#c9a08f",
    "#eba6d3", "#aab1bc", "#cdc96a", "#80cdd6",
)  # fmt: skip


def client_colours(lanes: Lanes) -> alt.Scale:
    """Return the colour scale of a chart's lanes.

    A client's colour follows from its place among all clients of the topic, so that it is the
    same whatever else is visible; groups of clients share a neutral one.
    """
    if not lanes.are_clients:
        return alt.Scale(range=[NEUTRAL])
    return alt.Scale(
        domain=lanes.labels, range=[_CLIENTS[place % len(_CLIENTS)] for place in lanes.first]
    )
