"""Histograms of counts that an analysis made."""

from __future__ import annotations

from typing import Final

import altair as alt
import pandas as pd

from lib.analysis import sessions
from lib.charts import colours
from lib.charts.picture import FIT, TITLE, Picture
from lib.core.formatting import counted

MOST_DOTS: Final = 60
"""Sessions that are drawn as a dot each; more are bars."""


def session_histogram(counts: pd.Series[int], bins: int) -> Picture:
    """Draw sessions by their number of events: bars, or a dot a session where there are few.

    Parameters
    ----------
    counts
        Number of events of each session, at least one.
    bins
        Of the histogram.
    """
    table = sessions.count_histogram(counts, bins)
    few = len(counts) <= MOST_DOTS
    chart = _dots(counts, table) if few else _bars(table)
    least, median, most = int(counts.min()), counts.median(), int(counts.max())
    drawn = "Each session is a dot." if few else "The height of a bar is a number of sessions."
    return Picture(
        chart.properties(
            autosize=FIT, title=alt.Title("Sessions by their number of events", **TITLE)
        ),
        f"{counted(len(counts), 'session')} with {least:,} to {most:,} events, median {median:,g}",
        f"{counted(len(counts), 'session')} with {least:,} to {counted(most, 'event')}, median "
        f"{median:,g}. {drawn}",
    )


def _x(field: str, table: pd.DataFrame) -> alt.X:
    return alt.X(
        field,
        title="Events in the session",
        scale=alt.Scale(
            domain=[table[sessions.BIN_START].iloc[0], table[sessions.BIN_END].iloc[-1]],
            nice=False,
            zero=False,
        ),
    )


def _dots(counts: pd.Series[int], table: pd.DataFrame) -> alt.Chart:
    """Draw each session as a dot, those of a bin above one another."""
    place = table[sessions.BIN_START].searchsorted(counts, side="right")
    drawn = pd.DataFrame({"events": counts.to_numpy(), "bin": place})
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
                axis=alt.Axis(values=list(range(most + 1)), format="d", labelOverlap=True),
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
                f"{sessions.SESSIONS}:Q", title="Sessions", axis=alt.Axis(tickMinStep=1, format="d")
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
