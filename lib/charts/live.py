"""Charts of a followed topic: its last minutes."""

from __future__ import annotations

from typing import Any, Final

import altair as alt
import pandas as pd

from lib.charts import colours
from lib.charts.picture import (
    ABOVE,
    EXTENT_PX,
    TIME,
    TITLE,
    Picture,
    counts_axis,
    delays_up,
    gridless,
    stacked,
)
from lib.charts.times import TimeScale, drawn_times, time_axis, time_tooltip
from lib.core.columns import EVENTS, FROM, TO
from lib.core.formatting import counted, duration
from lib.live.counts import DROPPED

_KEPT: Final = "taken, or not judged yet"
_BELOW_ONE_ANOTHER: Final[dict[str, Any]] = {
    "orient": "top",
    "columns": alt.ExprRef("width < 500 ? 1 : 0"),
    "labelLimit": 300,
}
"""A legend that needs a row for each entry on a phone."""

_ALL: Final = "received"
_LOST: Final = "dropped as late"
_COLOURS: Final = {
    _KEPT: colours.RECEIVED_TIME_COLOUR,
    _LOST: colours.LATE,
    _ALL: colours.RECEIVED_TIME_COLOUR,
}
_PX: Final = 140
"""Height of a panel."""

_SHARES: Final = {"50 %": "p50", "99 %": "p99"}


def last_minutes(
    table: pd.DataFrame, *, zero_ms: int, scale: TimeScale, delays: bool, drops: bool
) -> Picture:
    """Draw events of the last minutes, those that were dropped, and delays.

    Parameters
    ----------
    table
        What `lib.live.counts.over_time` returns, at least one row.
    delays, drops
        Whether delays are told, and which events were dropped.
    """
    width = int(table[TO].iloc[0] - table[FROM].iloc[0])
    ends = int(table[FROM].min()), int(table[TO].max())
    x = gridless(time_axis(TIME, "Received time", scale, domain_ms=ends, zero_ms=zero_ms))
    times = {
        TIME: drawn_times(table[FROM], zero_ms, scale),
        "end": drawn_times(table[TO], zero_ms, scale),
    }
    panels = [_events(table, times, x, width, scale, drops=drops)]
    panels += [_delays(table, times, x, scale)] if delays else []
    chart = stacked(panels, spacing=20, color="independent")
    of_drops = f", {table[DROPPED].sum():,} dropped as late" if drops else ""
    of_delays = (
        " Below: the delay that 50 % and 99 % of a stretch's events do not exceed, at most 6 % "
        "more than it is."
    )
    return Picture(
        chart,
        f"{counted(int(table[EVENTS].sum()), 'event')} of the last minutes{of_drops}",
        f"Stretches of {duration(width)} of received time.{of_delays if delays else ''}",
    )


def _events(
    table: pd.DataFrame,
    times: dict[str, pd.Series],
    x: alt.X,
    width: int,
    scale: TimeScale,
    *,
    drops: bool,
) -> alt.Chart:
    counts = {_LOST: table[DROPPED], _KEPT: (table[EVENTS] - table[DROPPED]).clip(lower=0)}
    if not drops:
        counts = {_ALL: table[EVENTS]}
    drawn = pd.concat(
        [
            pd.DataFrame({**times, "events": count.to_numpy(), "what": what})
            for what, count in counts.items()
        ]
    ).astype({"what": "category"})
    chart: alt.Chart = (
        alt.Chart(drawn, height=_PX)
        .mark_rect(clip=True)
        .encode(
            x=x,
            x2="end",
            y=alt.Y(
                "events:Q",
                title=f"Events in {duration(width)}",
                stack="zero",
                axis=counts_axis(0, int(table[EVENTS].max()), ticks=4, minExtent=EXTENT_PX),
            ),
            color=alt.Color(
                "what:N",
                title=None,
                scale=alt.Scale(domain=[*_COLOURS], range=[*_COLOURS.values()]),
                legend=alt.Legend(**_BELOW_ONE_ANOTHER, values=[_KEPT, _LOST]) if drops else None,
            ),
            order=alt.Order("what:N", sort="ascending"),
            tooltip=[
                time_tooltip(TIME, "From", scale),
                alt.Tooltip("what:N", title="Events"),
                alt.Tooltip("events:Q", title="How many", format=","),
            ],
        )
        .properties(title=alt.Title("Events received", **TITLE))
    )
    return chart


def _delays(
    table: pd.DataFrame, times: dict[str, pd.Series], x: alt.X, scale: TimeScale
) -> alt.Chart:
    drawn = _shares(table, times)
    high = max(float(drawn["delay"].max()) if len(drawn) else 0.0, 0.1) * 1.3
    up = delays_up(0.0, high, _PX)
    up["axis"]["minExtent"] = EXTENT_PX
    chart: alt.Chart = (
        alt.Chart(drawn, height=_PX)
        .mark_rule(strokeWidth=2.5, clip=True)
        .encode(
            x=x,
            x2="end",
            y=alt.Y("delay:Q", title="Delay", **up),
            color=alt.Color(
                "what:N",
                title="Delay not exceeded by",
                scale=alt.Scale(
                    domain=list(_SHARES), range=[colours.EVENT_TIME_COLOUR, colours.LATE]
                ),
                legend=alt.Legend(**ABOVE),
            ),
            tooltip=[
                time_tooltip(TIME, "From", scale),
                alt.Tooltip("what:N", title="Of the events"),
                alt.Tooltip("delay:Q", title="Delay up to (s)", format=",.3f"),
            ],
        )
        .properties(title=alt.Title("Delay of these events", **TITLE))
    )
    return chart


def _shares(table: pd.DataFrame, times: dict[str, pd.Series]) -> pd.DataFrame:
    """Return a row for each stretch with a known delay and each of `_SHARES`."""
    known = table["p50"].notna().to_numpy()
    shared = {name: values[known] for name, values in times.items()}
    drawn = [
        pd.DataFrame(
            {**shared, "delay": table[name][known].astype(float).to_numpy() / 1000, "what": what}
        )
        for what, name in _SHARES.items()
    ]
    return pd.concat(drawn).astype({"what": "category"})
