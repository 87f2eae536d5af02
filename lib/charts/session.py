"""One session in detail: each event a line from when it happened to when it arrived."""

from __future__ import annotations

from typing import Final

import altair as alt
import pandas as pd

from lib.charts import colours
from lib.charts.times import TimeScale, drawn_times, time_axis, time_tooltip
from lib.core.columns import EVENT_TIME, RECEIVED_TIME, SEQUENCE

MOST_LINES: Final = 1_500
"""Events drawn; of a longer session, those with the largest delays."""

_HAPPENED: Final = "happened"
_ARRIVED: Final = "arrived"


def session_fan(session: pd.DataFrame, *, zero_ms: int, scale: TimeScale) -> alt.LayerChart:
    """Draw the events of one session: happened above, arrived below, a line between.

    Upright lines came at once; a flushed buffer is a fan that closes where the burst arrived.

    Parameters
    ----------
    session
        Rows of the events table: the events of one session.
    """
    delay = session[RECEIVED_TIME] - session[EVENT_TIME]
    shown = session.loc[delay.nlargest(MOST_LINES).index].sort_values(EVENT_TIME)
    ends = pd.concat([shown[EVENT_TIME], shown[RECEIVED_TIME]])
    margin = int(ends.max() - ends.min()) // 50 + 1  # or the frame would cut the outermost events
    domain = (int(ends.min()) - margin, int(ends.max()) + margin)
    x = time_axis("event", "Time", scale, domain_ms=domain, zero_ms=zero_ms)
    level = alt.Y(
        "above:O",
        title=None,
        scale=alt.Scale(domain=[_HAPPENED, _ARRIVED]),
        axis=alt.Axis(grid=False),
    )
    lines = _lines(shown, zero_ms, scale)
    base = alt.Chart(lines).encode(tooltip=_tooltip(scale, numbered="number" in lines))
    line = base.mark_rule(color=colours.NEUTRAL, opacity=0.6).encode(
        x=x, x2="received", y=level, y2="below"
    )
    happened = base.mark_circle(color=colours.EVENT_TIME_COLOUR, size=40).encode(x=x, y=level)
    arrived = base.mark_circle(color=colours.RECEIVED_TIME_COLOUR, size=40).encode(
        x=time_axis("received", "Time", scale, domain_ms=domain, zero_ms=zero_ms),
        y=alt.Y("below:O"),
    )
    zoom = alt.selection_interval(name="zoom", bind="scales", encodings=["x"])
    return alt.LayerChart(layer=[line, happened, arrived], height=230).add_params(zoom)


def _lines(shown: pd.DataFrame, zero_ms: int, scale: TimeScale) -> pd.DataFrame:
    """Return what the chart draws of events, one row each."""
    lines = pd.DataFrame(
        {
            "event": drawn_times(shown[EVENT_TIME], zero_ms, scale),
            "received": drawn_times(shown[RECEIVED_TIME], zero_ms, scale),
            "delay": (shown[RECEIVED_TIME] - shown[EVENT_TIME]).to_numpy() / 1000,
            "above": _HAPPENED,
            "below": _ARRIVED,
        }
    )
    if SEQUENCE in shown:
        lines["number"] = shown[SEQUENCE].astype("float64").to_numpy()
    return lines


def _tooltip(scale: TimeScale, *, numbered: bool) -> list[alt.Tooltip]:
    return [
        *([alt.Tooltip("number:Q", title="Event")] if numbered else []),
        time_tooltip("event", "Happened", scale),
        time_tooltip("received", "Arrived", scale),
        alt.Tooltip("delay:Q", title="Delay (s)", format=",.3f"),
    ]
