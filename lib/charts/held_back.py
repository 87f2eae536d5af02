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

_NO_ROOM: Final = "datum.room * width < 7.5 * length(datum.label)"

_LABEL: Final[Mapping[str, Any]] = {
    "align": "right", "dx": -8, "fontWeight": "bold", "fontSize": 12, "clip": True,
    "text": alt.ExprRef(f"{_NO_ROOM} ? '' : datum.label"),
}  # fmt: skip
"""Of a burst's name, which is left out where the panel is too narrow for it."""


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
    labelled = base.transform_filter("datum.label != ''").encode(x=alt.X(field="back", type=kind))
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
            **_labels(shown, rows, domain_ms),
        }
    )


def _labels(
    shown: pd.DataFrame, rows: NDArray[np.int32], domain_ms: tuple[int, int]
) -> dict[str, list[str] | list[float]]:
    """Return what the worst bursts are called, and the share of the panel that is free for it.

    That is as far as the panel's begin, or the burst of a worse one in the same row.
    """
    begin, end = domain_ms
    labels, room = [""] * len(shown), [0.0] * len(shown)
    before: dict[int, list[int]] = {}
    for place in range(min(len(shown), MOST_LABELLED)):
        back = int(shown[outages.BACK_AT].iloc[place])
        worse = before.setdefault(int(rows[place]), [])
        free = min([back - begin, *(abs(back - other) for other in worse)])
        room[place] = free / max(end - begin, 1)
        worse.append(back)
        held, lost = int(shown[outages.HELD_BACK].iloc[place]), int(shown[LOST].iloc[place])
        labels[place] = f"burst of {held:,} ▸" if held else f"{counted(lost, 'event')} lost"
    return {"label": labels, "room": room}


def _tooltip(scale: TimeScale) -> list[alt.Tooltip]:
    return [
        alt.Tooltip(field="row", type="nominal", title="Client"),
        time_tooltip("silent", "Last heard", scale),
        time_tooltip("back", "Back at", scale),
        alt.Tooltip(field="silence", type="nominal", title="Silence"),
        alt.Tooltip(field="held", type="quantitative", title="Events held back", format=","),
        alt.Tooltip(field="lost", type="quantitative", title="Events lost", format=","),
    ]
