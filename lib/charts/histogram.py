"""Histograms of counts that were made in `lib`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt

from lib.charts import colours

if TYPE_CHECKING:
    import pandas as pd


def session_histogram(bins: pd.DataFrame) -> alt.Chart:
    """Draw sessions by their number of events.

    Parameters
    ----------
    bins
        Columns `start`, `end`, `sessions`, as `lib.analysis.sessions.count_histogram` returns them.
    """
    chart: alt.Chart = (
        alt.Chart(bins[bins["sessions"] > 0])
        .mark_bar(color=colours.EVENT_TIME_COLOUR, stroke=None)
        .encode(
            x=alt.X(
                "start:Q",
                bin="binned",
                title="Events in the session",
                scale=alt.Scale(
                    domain=[bins["start"].iloc[0], bins["end"].iloc[-1]], nice=False, zero=False
                ),
            ),
            x2="end",
            y=alt.Y("sessions:Q", title="Sessions", axis=alt.Axis(tickMinStep=1, format="d")),
            tooltip=[
                alt.Tooltip("start:Q", title="From (events)", format=",.1f"),
                alt.Tooltip("end:Q", title="To (events)", format=",.1f"),
                alt.Tooltip("sessions:Q", title="Sessions", format=","),
            ],
        )
        .properties(height=300)
    )
    return chart
