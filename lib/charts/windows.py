"""What settings of an engine would do: curves over gap and delay, and gaps between events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt
import numpy as np
import pandas as pd

from lib.charts import colours

if TYPE_CHECKING:
    from collections.abc import Sequence

DROPPED: Final = "events dropped"
EXACT: Final = "sessions exact"
NO_DELAY_S: Final = 0.5
"""Where a delay of 0 is drawn on a log axis, s."""


def setting_curve(
    table: pd.DataFrame, column: str, current_ms: int, title: str
) -> alt.VConcatChart:
    """Draw shares dropped and exact above, the latency that they cost below, over one parameter.

    Parameters
    ----------
    table
        What `lib.whatif.curves.curve` returns.
    column
        The parameter that goes across: `GapMs` or `DelayMs`.
    current_ms
        The present setting, marked with a line.
    title
        Of the axis.
    """
    across = np.maximum(table[column] / 1000, NO_DELAY_S)
    kinds = {DROPPED: table["DroppedShare"]}
    if "ExactShare" in table:
        kinds[EXACT] = table["ExactShare"]
    shares = pd.concat(
        [pd.DataFrame({"x": across, "share": share, "what": what}) for what, share in kinds.items()]
    )
    latency = pd.DataFrame({"x": across, "latency": table["LatencyMedianMs"] / 1000}).dropna()
    x = alt.X("x:Q", title=None, scale=alt.Scale(type="log", nice=False))
    now = (
        alt.Chart(pd.DataFrame({"x": [max(current_ms / 1000, NO_DELAY_S)]}))
        .mark_rule(color=colours.NEUTRAL, strokeDash=[4, 3], strokeWidth=1.5)
        .encode(x="x:Q")
    )
    lines = (
        alt.Chart(shares)
        .mark_line(point=alt.OverlayMarkDef(size=45), strokeWidth=2)
        .encode(
            x=x,
            y=alt.Y("share:Q", title="Share", axis=alt.Axis(format="%")),
            color=alt.Color(
                "what:N",
                title=None,
                scale=alt.Scale(
                    domain=list(kinds), range=[colours.LATE, colours.WATERMARK][: len(kinds)]
                ),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=[
                alt.Tooltip("x:Q", title=f"{title}", format=",~g"),
                alt.Tooltip("what:N", title="Share of"),
                alt.Tooltip("share:Q", title="Share", format=".3%"),
            ],
        )
    )
    price = (
        alt.Chart(latency)
        .mark_line(point=alt.OverlayMarkDef(size=45), strokeWidth=2, color=colours.EVENT_TIME)
        .encode(
            x=alt.X("x:Q", title=title, scale=alt.Scale(type="log", nice=False)),
            y=alt.Y("latency:Q", title="Result latency, s"),
            tooltip=[
                alt.Tooltip("x:Q", title=f"{title}", format=",~g"),
                alt.Tooltip("latency:Q", title="Median result latency (s)", format=",.3f"),
            ],
        )
    )
    chart: alt.VConcatChart = alt.vconcat(
        alt.LayerChart(layer=[lines, now], height=170),
        alt.LayerChart(layer=[price, now], height=110),
        spacing=6,
    ).resolve_scale(x="shared")
    return chart


def gap_histogram(bins: pd.DataFrame, marked_ms: Sequence[tuple[str, int]]) -> alt.LayerChart:
    """Draw the gaps between neighbouring events of a client, on a log axis, with marks on it.

    Parameters
    ----------
    bins
        What `lib.whatif.gaps.gap_distribution` returns.
    marked_ms
        Names and places of vertical lines, for example the knee.
    """
    drawn = pd.DataFrame(
        {
            "low": np.maximum(bins["FromMs"], 0.5) / 1000,
            "high": np.maximum(bins["ToMs"], 1) / 1000,
            "events": bins["Events"],
            "below": bins["ShareBelow"],
        }
    )
    marks = pd.DataFrame(
        [(name, max(ms, 1) / 1000) for name, ms in marked_ms], columns=["name", "at"]
    )
    bars = (
        alt.Chart(drawn)
        .mark_rect(color=colours.EVENT_TIME, stroke=None)
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
    rules = (
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
    return alt.LayerChart(layer=[bars, rules], height=260)
