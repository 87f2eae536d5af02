"""Outages over the two-panel picture: silences shaded, the worst bursts labelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import altair as alt
import numpy as np
import pandas as pd

from lib.analysis import outages
from lib.charts import colours
from lib.charts.times import TimeScale, drawn_times, time_tooltip
from lib.core.columns import CLIENT, LAST_HEARD, LOST
from lib.core.formatting import counted, duration
from lib.events.table import TimeDomain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from lib.charts.rows import Lanes

MOST_SHADED: Final = 200
"""Outages shaded at most, those that touch the most events first."""

MOST_LABELLED: Final = 5

_LABEL: Final[Mapping[str, Any]] = {
    "align": "right", "dx": -8, "fontWeight": "bold", "fontSize": 12, "clip": True
}  # fmt: skip

_ROOM: Final = 0.15
"""The share of a panel that a label takes."""


def outage_layers(
    table: pd.DataFrame,
    lanes: Lanes,
    clock: TimeDomain,
    *,
    zero_ms: int,
    scale: TimeScale,
    row_px: float,
    domain_ms: tuple[int, int],
) -> list[alt.Chart]:
    """Return what shades outages on a panel and, by received time, labels the worst bursts.

    Parameters
    ----------
    table
        Rows of the outages that `lib.analysis.outages.outages_of` returns.
    lanes
        The panel's rows; clients without one are left out.
    row_px
        Height of a row.
    domain_ms
        What the panel spans, epoch ms.
    """
    shaded = _worst(table, lanes)
    if shaded.empty:
        return []
    drawn = _drawn(shaded, lanes, zero_ms, scale, domain_ms)
    kind: Final = "quantitative" if scale is TimeScale.ZERO else "temporal"
    base = alt.Chart(drawn).encode(y=alt.Y(field="row", type="ordinal"), tooltip=_tooltip(scale))
    # A rule and not a bar: its rows may be those of points, which have no height.
    silence = base.mark_rule(
        strokeWidth=max(6.0, 0.8 * row_px), opacity=0.2, color=colours.LATE, clip=True
    ).encode(x=alt.X(field="silent", type=kind), x2=alt.X2(field="back"))
    if clock is TimeDomain.EVENT:
        return [silence]
    labelled = base.transform_filter("datum.label != ''").encode(
        x=alt.X(field="back", type=kind), text=alt.Text(field="label", type="nominal")
    )
    # In the silence, where no event is; where it is too short, events shine through the halo.
    page: Final = colours.PAGE
    halo = labelled.mark_text(color=page, stroke=page, strokeWidth=4, opacity=0.85, **_LABEL)
    return [silence, halo, labelled.mark_text(color=colours.LATE_TEXT, **_LABEL)]


def _worst(table: pd.DataFrame, lanes: Lanes) -> pd.DataFrame:
    told = table[table[outages.KIND] != outages.QUIET]
    told = told[lanes.of(told[CLIENT].cat.codes.to_numpy()) >= 0]
    touched = told[outages.HELD_BACK] + told[LOST]
    return told.loc[touched.nlargest(MOST_SHADED).index]


def _drawn(
    shown: pd.DataFrame, lanes: Lanes, zero_ms: int, scale: TimeScale, domain_ms: tuple[int, int]
) -> pd.DataFrame:
    """Return what is drawn of outages, the worst first, one row each."""
    start = shown[LAST_HEARD].fillna(shown[outages.START]).astype(np.int64)
    silence = (shown[outages.BACK_AT] - start).to_numpy()
    rows = lanes.of(shown[CLIENT].cat.codes.to_numpy())
    return pd.DataFrame(
        {
            "row": lanes.named(rows),
            "silent": drawn_times(start, zero_ms, scale),
            "back": drawn_times(shown[outages.BACK_AT], zero_ms, scale),
            "held": shown[outages.HELD_BACK].to_numpy(),
            "lost": shown[LOST].to_numpy(),
            "silence": [duration(ms) for ms in silence],
            "label": _labels(shown, rows, domain_ms),
        }
    )


def _labels(shown: pd.DataFrame, rows: NDArray[np.int32], domain_ms: tuple[int, int]) -> list[str]:
    """Return what the worst bursts are called; one that would lie on another's name is not."""
    labels = [""] * len(shown)
    room = _ROOM * (domain_ms[1] - domain_ms[0])
    ends: list[tuple[int, int]] = []
    for place in range(min(len(shown), MOST_LABELLED)):
        row, back = int(rows[place]), int(shown[outages.BACK_AT].iloc[place])
        taken = any(of == row and abs(back - end) < room for of, end in ends)
        if taken or back - domain_ms[0] < room:
            continue
        ends.append((row, back))
        held, lost = int(shown[outages.HELD_BACK].iloc[place]), int(shown[LOST].iloc[place])
        labels[place] = f"burst of {held:,} ▸" if held else f"{counted(lost, 'event')} lost"
    return labels


def _tooltip(scale: TimeScale) -> list[alt.Tooltip]:
    return [
        alt.Tooltip(field="row", type="nominal", title="Client"),
        time_tooltip("silent", "Last heard", scale),
        time_tooltip("back", "Back at", scale),
        alt.Tooltip(field="silence", type="nominal", title="Silence"),
        alt.Tooltip(field="held", type="quantitative", title="Events held back", format=","),
        alt.Tooltip(field="lost", type="quantitative", title="Events lost", format=","),
    ]
