"""Histograms of counts that an analysis made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt
import numpy as np
import pandas as pd

from lib.analysis import sessions
from lib.charts import colours
from lib.charts.picture import FIT, TITLE, Picture, counts_axis
from lib.core.formatting import counted

if TYPE_CHECKING:
    from lib.analysis.tally import Tally

MOST_DOTS: Final = 60
"""Sessions that are drawn as a dot each; more are bars."""


def session_histogram(sizes: Tally, bins: int) -> Picture:
    """Draw sessions by their number of events: bars, or a dot a session where there are few.

    Parameters
    ----------
    sizes
        How many sessions have how many events; at least one.
    bins
        Of the histogram.
    """
    table = sessions.count_histogram(sizes, bins)
    few = sizes.n <= MOST_DOTS
    chart = _dots(sizes, table) if few else _bars(table)
    least, median, most = int(sizes.value[0]), sizes.median, int(sizes.value[-1])
    sizes_text = f"{least:,} to {counted(most, 'event')}, median {median:,g}"
    if least == most:
        sizes_text = f"{counted(most, 'event')}{' each' if sizes.n > 1 else ''}"
    drawn = "Each session is a dot." if few else "The height of a bar is a number of sessions."
    return Picture(
        chart.properties(
            autosize=FIT, title=alt.Title("Sessions by their number of events", **TITLE)
        ),
        f"{counted(sizes.n, 'session')} with {sizes_text}",
        f"{counted(sizes.n, 'session')} with {sizes_text}. {drawn}",
    )


def _x(field: str, table: pd.DataFrame) -> alt.X:
    low, high = float(table[sessions.BIN_START].iloc[0]), float(table[sessions.BIN_END].iloc[-1])
    return alt.X(
        field,
        title="Events in the session",
        scale=alt.Scale(domain=[low, high], nice=False, zero=False),
        axis=counts_axis(low, high, ticks=16),
    )


def _dots(sizes: Tally, table: pd.DataFrame) -> alt.Chart:
    """Draw each session as a dot, those of a bin above one another."""
    events = np.repeat(sizes.value, sizes.count)
    place = table[sessions.BIN_START].searchsorted(events, side="right")
    drawn = pd.DataFrame({"events": events, "bin": place})
    drawn["nth"] = drawn.groupby("bin").cumcount() + 1
    alike = drawn.groupby("events")["bin"].transform("size")
    most = int(drawn["nth"].max())
    chart: alt.Chart = (
        alt.Chart(drawn.assign(alike=alike))
        .mark_circle(size=110, color=colours.EVENT_TIME_COLOUR, opacity=1)
        .encode(
            x=_x("events:Q", table),
            y=alt.Y(
                "nth:Q",
                title="Sessions",
                scale=alt.Scale(domain=[0, most + 1], nice=False),
                axis=alt.Axis(values=list(range(most + 1)), format=",d", labelOverlap=True),
            ),
            tooltip=[
                alt.Tooltip("events:Q", title="Events in the session", format=","),
                alt.Tooltip("alike:Q", title="Sessions with as many", format=","),
            ],
        )
        .properties(height=min(60 + 16 * most, 300))
    )
    return chart


def _bars(table: pd.DataFrame) -> alt.Chart:
    chart: alt.Chart = (
        alt.Chart(table[table[sessions.SESSIONS] > 0])
        .mark_bar(color=colours.EVENT_TIME_COLOUR, stroke=None)
        .encode(
            x=_x(f"{sessions.BIN_START}:Q", table).bin("binned"),
            x2=sessions.BIN_END,
            y=alt.Y(
                f"{sessions.SESSIONS}:Q",
                title="Sessions",
                axis=counts_axis(0, int(table[sessions.SESSIONS].max())),
            ),
            tooltip=[
                alt.Tooltip(f"{sessions.BIN_START}:Q", title="From (events)", format=",.1f"),
                alt.Tooltip(f"{sessions.BIN_END}:Q", title="To (events)", format=",.1f"),
                alt.Tooltip(f"{sessions.SESSIONS}:Q", title="Sessions", format=","),
            ],
        )
        .properties(height=240)
    )
    return chart
