"""Charts of two topics: events and delay of both on one axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import altair as alt
import pandas as pd

from lib.analysis.side_by_side import TOPIC
from lib.charts import colours
from lib.charts.picture import (
    FIT,
    TIME,
    TITLE,
    Picture,
    delays_up,
    gridless,
    scales,
    zoom,
)
from lib.charts.rows import shown_name
from lib.charts.times import TimeScale, drawn_times, time_axis, time_tooltip
from lib.core.columns import EVENTS, FROM, TO
from lib.core.formatting import counted, duration

if TYPE_CHECKING:
    from collections.abc import Sequence

_COLOURS: Final = colours.LINES[:2]
_DELAYS_PX: Final = 200
_SHARES: Final = {"50 %": "p50", "99 %": "p99"}


def side_by_side(
    table: pd.DataFrame, names: Sequence[str], *, across: str, zero_ms: int, scale: TimeScale
) -> Picture:
    """Draw how many events two topics had over time, and how much delay.

    Parameters
    ----------
    table
        What `lib.analysis.side_by_side.side_by_side` returns.
    names
        What the topics are called.
    across
        The title of the time across.
    """
    called = [shown_name(name) for name in names]
    width = int(table[TO].iloc[0] - table[FROM].iloc[0])
    drawn = pd.DataFrame(
        {
            TIME: drawn_times(table[FROM], zero_ms, scale),
            "topic": pd.Categorical([called[place] for place in table[TOPIC]], called),
            "events": table[EVENTS].to_numpy(),
        }
    )
    ends = int(table[FROM].min()), int(table[TO].max())
    x = gridless(time_axis(TIME, across, scale, domain_ms=ends, zero_ms=zero_ms))
    colour = alt.Color(
        "topic:N",
        title=None,
        scale=alt.Scale(domain=called, range=list(_COLOURS)),
        legend=alt.Legend(orient="top", labelLimit=400),
    )
    told = _delays(table, drawn)
    panels: list[alt.Chart | alt.LayerChart] = [_events(drawn, x, colour, width, scale)]
    if len(told):
        panels.append(_over_time(told, x, colour, scale))
    chart: alt.VConcatChart = alt.vconcat(
        *panels,
        spacing=20,
        autosize=FIT,  # Streamlit would not fit panels of several layers to the page
        resolve=scales(x="shared"),
    )
    return Picture(chart, _finding(table, called), _reading(width, are_delays=bool(len(told))))


def _delays(table: pd.DataFrame, drawn: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each stretch with a delay and each share."""
    each = [
        drawn.assign(
            what=what, delay=table[name].astype("Float64").to_numpy(float, na_value=0.0)
        ).assign(delay=lambda rows: rows["delay"] / 1000)[table[name].notna().to_numpy()]
        for what, name in _SHARES.items()
    ]
    return pd.concat(each, ignore_index=True)


def _events(
    drawn: pd.DataFrame, x: alt.X, colour: alt.Color, width: int, scale: TimeScale
) -> alt.Chart:
    called = list(drawn["topic"].cat.categories)
    chart: alt.Chart = (
        alt.Chart(drawn, height=160)
        .mark_line(interpolate="step-after", clip=True)
        .encode(
            x=x,
            y=alt.Y("events:Q", title=f"Events in {duration(width)}"),
            color=colour,
            # The second is drawn on the first: where they are alike, both are to be seen.
            strokeWidth=alt.StrokeWidth(
                "topic:N", scale=alt.Scale(domain=called, range=[4, 1.5]), legend=None
            ),
            tooltip=_tooltip(scale, alt.Tooltip("events:Q", title="Events", format=",")),
        )
        .properties(title=alt.Title("Events over time", **TITLE))
        .add_params(zoom("x"))
    )
    return chart


def _over_time(told: pd.DataFrame, x: alt.X, colour: alt.Color, scale: TimeScale) -> alt.LayerChart:
    low = min(float(told["delay"].min()), 0.0) * 1.3 - 0.002
    high = max(float(told["delay"].max()), 0.001) * 1.3
    delays = alt.Chart(told).encode(
        x=x,
        y=alt.Y(
            "delay:Q",
            title="Delay",
            **delays_up(low, high, _DELAYS_PX),
        ),
        color=colour,
        tooltip=_tooltip(
            scale,
            alt.Tooltip("what:N", title="Of the events"),
            alt.Tooltip("delay:Q", title="Delay up to (s)", format=",.3f"),
        ),
    )
    lines = delays.mark_line(strokeWidth=2, clip=True).encode(
        strokeDash=alt.StrokeDash(
            "what:N",
            title="Delay not exceeded by",
            scale=alt.Scale(domain=list(_SHARES), range=[[1, 0], [4, 3]]),
            legend=alt.Legend(
                orient="top",
                symbolType="stroke",
                symbolStrokeColor=colours.NEUTRAL,
                symbolSize=300,
            ),
        )
    )
    # A line's own points would make the legend's strokes those of points, which have none.
    points = delays.mark_circle(size=12, opacity=colours.POINT_OPACITY, clip=True)
    return alt.LayerChart(
        layer=[lines, points], height=_DELAYS_PX, title=alt.Title("Delay over time", **TITLE)
    )


def _tooltip(scale: TimeScale, *own: alt.Tooltip) -> list[Any]:
    return [alt.Tooltip("topic:N", title="Topic"), time_tooltip(TIME, "From", scale), *own]


def _finding(table: pd.DataFrame, called: Sequence[str]) -> str:
    told = []
    for place, name in enumerate(called):
        own = table[table[TOPIC] == place]
        told.append(f"{name}: {counted(int(own[EVENTS].sum()), 'event')}")
    return "; ".join(told)


def _reading(width: int, *, are_delays: bool) -> str:
    of_delay = (
        " Below: the delay that 50 % of a stretch's events do not exceed, and dashed that of 99 %."
    )
    return f"Stretches of {duration(width)}.{of_delay if are_delays else ''}"
