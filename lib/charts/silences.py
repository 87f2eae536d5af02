"""Outages as marks over other marks: no counting can hide them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt
import numpy as np
import pandas as pd

from lib.analysis import outages
from lib.charts import colours
from lib.charts.picture import TIME, along
from lib.charts.texts import drawn_names
from lib.charts.times import drawn_times, time_tooltip
from lib.core.columns import CLIENT, LAST_HEARD, LOST

if TYPE_CHECKING:
    from lib.charts.rows import Lanes
    from lib.charts.times import TimeScale

MOST_OUTAGES: Final = 1_000
"""Outages drawn at most, those with the most events first."""

KIND_COLOURS: Final = {
    outages.BUFFERED: colours.RECEIVED_TIME_COLOUR,
    outages.MOSTLY_LOST: colours.LATE,
    outages.QUIET: colours.NEUTRAL,
}


def worst(table: pd.DataFrame) -> pd.DataFrame:
    """Return the `MOST_OUTAGES` outages that touch the most events."""
    return table.loc[outages.touched(table).nlargest(MOST_OUTAGES).index]


def silence_marks(
    table: pd.DataFrame, lanes: Lanes, *, zero_ms: int, scale: TimeScale
) -> list[alt.Chart]:
    """Return two layers for a chart with `lanes`: silences as lines, bursts as bars at their ends.

    Parameters
    ----------
    table
        Rows of `lib.analysis.outages.outages_of`, at least one.
    """
    drawn = _drawn(worst(table), lanes, zero_ms, scale)
    kinds = [kind for kind in KIND_COLOURS if kind in set(drawn["kind"])]
    base = alt.Chart(drawn).encode(y=alt.Y(field="row", type="ordinal"), tooltip=_tooltip(scale))
    legend = alt.Legend(orient="top", symbolType="stroke", symbolStrokeWidth=3)
    line = base.mark_rule(strokeWidth=2.5, clip=True).encode(
        x=along(TIME, scale), x2=alt.X2(field="back"), color=_kind(kinds, legend)
    )
    burst = (
        base.transform_filter("datum.held > 0")
        # An outline shows bursts that are shorter than a pixel, and what lies in longer ones.
        .mark_bar(filled=False, strokeWidth=2, clip=True)
        .encode(x=along("back", scale), x2=alt.X2(field="end"), color=_kind(kinds, None))
    )
    return [line, burst]


def _kind(kinds: list[str], legend: alt.Legend | None) -> alt.Color:
    scale = alt.Scale(domain=kinds, range=[KIND_COLOURS[kind] for kind in kinds])
    return alt.Color(field="kind", type="nominal", title=None, scale=scale, legend=legend)


def _tooltip(scale: TimeScale) -> list[alt.Tooltip]:
    return [
        alt.Tooltip(field="client", type="nominal", title="Client"),
        alt.Tooltip(field="kind", type="nominal", title="Kind"),
        time_tooltip(TIME, "Last heard", scale),
        time_tooltip("back", "Back at", scale),
        alt.Tooltip(field="silence", type="quantitative", title="Silence (s)", format=",.1f"),
        alt.Tooltip(field="held", type="quantitative", title="Events held back", format=","),
        alt.Tooltip(field="lost", type="quantitative", title="Events lost", format=","),
    ]


def _drawn(shown: pd.DataFrame, lanes: Lanes, zero_ms: int, scale: TimeScale) -> pd.DataFrame:
    """Return what a chart draws of outages, one row each."""
    start = shown[LAST_HEARD].fillna(shown[outages.START]).astype(np.int64)
    [client] = drawn_names(shown[CLIENT])
    return pd.DataFrame(
        {
            "row": lanes.named(lanes.of(shown[CLIENT].cat.codes.to_numpy())),
            "client": client,
            "kind": pd.Categorical(shown[outages.KIND].astype(str)),
            TIME: drawn_times(start, zero_ms, scale),
            "back": drawn_times(shown[outages.BACK_AT], zero_ms, scale),
            "end": drawn_times(shown[outages.BURST_END], zero_ms, scale),
            "held": shown[outages.HELD_BACK].to_numpy(),
            "lost": shown[LOST].to_numpy(),
            "silence": (shown[outages.BACK_AT] - start).to_numpy() / 1000,
        }
    )
