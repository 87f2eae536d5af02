"""Histograms of counts that an analysis made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt

from lib.analysis import sessions
from lib.charts import colours

if TYPE_CHECKING:
    import pandas as pd


def session_histogram(bins: pd.DataFrame) -> alt.Chart:
    """Draw sessions by their number of events.

    Parameters
    ----------
    bins
        What `lib.analysis.sessions.count_histogram` returns.
    """
    chart: alt.Chart = (
        alt.Chart(bins[bins[sessions.SESSIONS] > 0])
        .mark_bar(color=colours.EVENT_TIME_COLOUR, stroke=None)
        .encode(
            x=alt.X(
                f"{sessions.BIN_START}:Q",
                bin="binned",
                title="Events in the session",
                scale=alt.Scale(
                    domain=[bins[sessions.BIN_START].iloc[0], bins[sessions.BIN_END].iloc[-1]],
                    nice=False,
                    zero=False,
                ),
            ),
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
        .properties(height=300)
    )
    return chart
