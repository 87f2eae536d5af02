"""Outages on a timeline: one row a client, its silences and its bursts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt
import numpy as np
import pandas as pd

from lib.analysis import outages
from lib.charts import colours
from lib.charts.rows import client_lanes
from lib.charts.texts import drawn_names
from lib.charts.times import TimeScale, drawn_times, time_axis, time_tooltip
from lib.core.columns import CLIENT

if TYPE_CHECKING:
    from lib.charts.rows import Lanes

GRID: Final = alt.Axis(grid=True)

MOST_OUTAGES: Final = 1_000
"""Outages drawn at most, those with the most events first."""

KIND_COLOURS: Final = {
    outages.BUFFERED: colours.RECEIVED_TIME_COLOUR,
    outages.MOSTLY_LOST: colours.LATE,
    outages.QUIET: colours.NEUTRAL,
}


def outage_timeline(
    table: pd.DataFrame, *, domain_ms: tuple[int, int], zero_ms: int, scale: TimeScale
) -> alt.LayerChart:
    """Draw each silence as a bar, and the burst that ended it as a tick at its end.

    Parameters
    ----------
    table
        Rows of the outages that `lib.analysis.outages.outages_of` returns, at least one.
    domain_ms
        First and last received time of the visible events, epoch ms.
    """
    touched = table[outages.HELD_BACK] + table[outages.LOST]
    shown = table.loc[touched.nlargest(MOST_OUTAGES).index]
    lanes = client_lanes(shown[CLIENT].cat.categories, shown[CLIENT].cat.codes.to_numpy())
    title = "Client" if lanes.are_clients else "Clients"
    base = alt.Chart(_bars(shown, lanes, zero_ms, scale)).encode(
        y=alt.Y("row:O", title=title, scale=alt.Scale(domain=lanes.labels), axis=GRID),
        color=alt.Color(
            "kind:N",
            title=None,
            scale=alt.Scale(domain=list(KIND_COLOURS), range=list(KIND_COLOURS.values())),
            legend=alt.Legend(orient="top"),
        ),
        tooltip=_tooltip(scale),
    )
    axis = time_axis("heard", "Received time", scale, domain_ms=domain_ms, zero_ms=zero_ms)
    silence = base.mark_bar(height=9, opacity=0.55, cornerRadius=2, clip=True).encode(
        x=axis, x2="back"
    )
    burst = (
        base.transform_filter("datum.held > 0")
        .mark_tick(thickness=3, size=20, clip=True)
        .encode(x=alt.X("back", type="quantitative" if scale is TimeScale.ZERO else "temporal"))
    )
    zoom = alt.selection_interval(name="zoom", bind="scales", encodings=["x"])
    chart = alt.LayerChart(layer=[silence, burst], height=110 + 30 * len(lanes.labels))
    return chart.add_params(zoom)


def _tooltip(scale: TimeScale) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("client:N", title="Client"),
        alt.Tooltip("kind:N", title="Kind"),
        time_tooltip("heard", "Last heard", scale),
        time_tooltip("back", "Back at", scale),
        alt.Tooltip("silence:Q", title="Silence (s)", format=",.1f"),
        alt.Tooltip("held:Q", title="Events held back", format=","),
        alt.Tooltip("lost:Q", title="Events lost", format=","),
    ]


def _bars(shown: pd.DataFrame, lanes: Lanes, zero_ms: int, scale: TimeScale) -> pd.DataFrame:
    """Return what the chart draws of outages, one row each."""
    start = shown[outages.LAST_HEARD].fillna(shown[outages.START]).astype(np.int64)
    [client] = drawn_names(shown[CLIENT])
    return pd.DataFrame(
        {
            "row": lanes.named(lanes.of(shown[CLIENT].cat.codes.to_numpy())),
            "client": client,
            "kind": pd.Categorical(shown[outages.KIND].astype(str)),
            "heard": drawn_times(start, zero_ms, scale),
            "back": drawn_times(shown[outages.BACK_AT], zero_ms, scale),
            "held": shown[outages.HELD_BACK].to_numpy(),
            "lost": shown[outages.LOST].to_numpy(),
            "silence": (shown[outages.BACK_AT] - start).to_numpy() / 1000,
        }
    )
