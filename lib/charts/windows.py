"""What settings of an engine would do: curves over gap and delay, and gaps between events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import altair as alt
import numpy as np
import pandas as pd

from lib.charts import colours
from lib.core.columns import (
    DROPPED_SHARE,
    EVENTS,
    EXACT_SHARE,
    FROM_MS,
    LATENCY_MEDIAN_MS,
    SHARE_BELOW,
    TO_MS,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_DELAY_S: Final = 0.5
"""Where a delay of 0 is drawn on a log axis, s."""


class _Panel(NamedTuple):
    field: str
    name: str
    colour: str
    number_format: str


_PANELS: Final = (
    _Panel("exact", "Sessions exact", colours.WATERMARK, "~%"),
    _Panel("dropped", "Events dropped", colours.LATE, "~%"),
    _Panel("latency", "Result latency, s", colours.EVENT_TIME_COLOUR, ",~f"),
)


def setting_curve(
    table: pd.DataFrame, column: str, current_ms: int, title: str
) -> dict[str, alt.LayerChart]:
    """Draw what one parameter does: sessions exact, events dropped, and the latency as the price.

    One chart each, by its name, to stand one below the other: Streamlit does not fit panels of
    several layers to the page.

    Parameters
    ----------
    table
        What `lib.replay.sweep.curve` returns.
    column
        The parameter that goes across: `GapMs` or `DelayMs`.
    current_ms
        The present setting, marked with a line.
    title
        Of the axis.
    """
    drawn = pd.DataFrame(
        {
            "x": np.maximum(table[column] / 1000, NO_DELAY_S),
            "dropped": table[DROPPED_SHARE],
            "latency": table[LATENCY_MEDIAN_MS] / 1000,
        }
    )
    if EXACT_SHARE in table:
        drawn["exact"] = table[EXACT_SHARE]
    return {
        panel.name: _panel(drawn, panel, current_ms, title if panel is _PANELS[-1] else None)
        for panel in _PANELS
        if panel.field in drawn
    }


def _panel(
    drawn: pd.DataFrame, panel: _Panel, current_ms: int, title: str | None
) -> alt.LayerChart:
    field, name, colour, number = panel
    x = alt.X(
        "x:Q",
        title=title,
        scale=alt.Scale(
            type="log", nice=False, padding=8, domain=[drawn["x"].min(), drawn["x"].max()]
        ),
        axis=alt.Axis(labelBound=True),
    )
    line = (
        alt.Chart(drawn.dropna(subset=[field]))
        .mark_line(point=alt.OverlayMarkDef(size=40, color=colour), strokeWidth=2, color=colour)
        .encode(
            x=x,
            y=alt.Y(
                f"{field}:Q", title=name, axis=alt.Axis(format=number, tickCount=4, minExtent=40)
            ),
            tooltip=[
                alt.Tooltip("x:Q", title="Set to (s)", format=",~g"),
                alt.Tooltip(f"{field}:Q", title=name, format=".3~%" if "%" in number else ",.3~f"),
            ],
        )
    )
    now = (
        alt.Chart(pd.DataFrame({"x": [max(current_ms / 1000, NO_DELAY_S)]}))
        .mark_rule(color=colours.NEUTRAL, strokeDash=[4, 3], strokeWidth=1.5)
        .encode(x=x)
    )
    return alt.LayerChart(layer=[line, now], height=155 if title is None else 180)


def gap_histogram(bins: pd.DataFrame, marked_ms: Sequence[tuple[str, int]]) -> alt.LayerChart:
    """Draw the gaps between neighbouring events of a client, on a log axis, with marks on it.

    Parameters
    ----------
    bins
        What `lib.replay.gaps.gap_distribution` returns.
    marked_ms
        Names and places of vertical lines, for example the knee.
    """
    return alt.LayerChart(layer=[_gap_bars(bins), _marks(marked_ms)], height=260)


def _gap_bars(bins: pd.DataFrame) -> alt.Chart:
    drawn = pd.DataFrame(
        {
            "low": np.maximum(bins[FROM_MS], 0.5) / 1000,
            "high": np.maximum(bins[TO_MS], 1) / 1000,
            "events": bins[EVENTS],
            "below": bins[SHARE_BELOW],
        }
    )
    bars: alt.Chart = (
        alt.Chart(drawn)
        .mark_rect(color=colours.EVENT_TIME_COLOUR, stroke=None)
        .encode(
            x=alt.X("low:Q", title="Time between events, s", scale=alt.Scale(type="log")),
            x2="high",
            y=alt.Y("events:Q", title="Events"),
            y2=alt.datum(0),
            tooltip=[
                alt.Tooltip("low:Q", title="From (s)", format=",.3f"),
                alt.Tooltip("high:Q", title="To (s)", format=",.3f"),
                alt.Tooltip("events:Q", title="Gaps", format=","),
                alt.Tooltip("below:Q", title="Share below", format=".2%"),
            ],
        )
    )
    return bars


def _marks(marked_ms: Sequence[tuple[str, int]]) -> alt.Chart:
    marks = pd.DataFrame(
        [(name, max(ms, 1) / 1000) for name, ms in marked_ms], columns=["name", "at"]
    )
    rules: alt.Chart = (
        alt.Chart(marks)
        .mark_rule(strokeWidth=2)
        .encode(
            x="at:Q",
            color=alt.Color(
                "name:N",
                title=None,
                scale=alt.Scale(range=[colours.LATE, colours.WATERMARK]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=[alt.Tooltip("name:N"), alt.Tooltip("at:Q", title="At (s)", format=",.3f")],
        )
    )
    return rules
