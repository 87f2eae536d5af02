"""The notebook's figure: event time above received time, one row a client, axes shared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import altair as alt
import numpy as np
import pandas as pd

from lib.charts import colours
from lib.charts.held_back import outage_layers
from lib.charts.rows import END, EVENTS, LANE, START, Lanes, bin_width, client_lanes, count_bins
from lib.charts.texts import drawn_names
from lib.charts.times import TimeScale, drawn_times, time_axis, time_tooltip
from lib.core.columns import CLIENT, EVENT_TIME, MISSING_TIME, RECEIVED_TIME, SEQUENCE, SESSION
from lib.core.formatting import counted, duration
from lib.events.table import TimeDomain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MOST_POINTS: Final = 5_000
"""Events drawn one by one; beyond, they are counted."""

MOST_CELLS: Final = 6_000
"""Counts drawn in one panel."""

TIME: Final = "time"
"""The field across, in both panels: only with one name does zooming one panel zoom the other."""

BRUSHES: Final = {TimeDomain.EVENT: "brush_event", TimeDomain.RECEIVED: "brush_received"}
"""Names of the selections that set the time window, on either clock; their field is `TIME`."""

_TITLES: Final = {
    TimeDomain.EVENT: ("Event time: when it happened", colours.EVENT_TIME_COLOUR),
    TimeDomain.RECEIVED: ("Received time: when it arrived", colours.RECEIVED_TIME_COLOUR),
}


@dataclass(frozen=True)
class ComparisonChart:
    """The chart, and what it shows: every event a point, or counts of `width_ms`."""

    chart: alt.VConcatChart
    events: int
    lanes: Lanes
    width_ms: int | None
    clocks: tuple[TimeDomain, ...] = tuple(TimeDomain)

    @property
    def brushes(self) -> list[str]:
        """The names of the selections that set the time window, one a panel."""
        return [BRUSHES[clock] for clock in self.clocks]

    @property
    def alt(self) -> str:
        """What is drawn, for those who do not see it."""
        below = ", and below by received time" if len(self.clocks) > 1 else ""
        return f"Events of each client by event time{below}"

    @property
    def what(self) -> str:
        """What is drawn and how many events it stands for."""
        who = counted(self.lanes.clients, "client")
        if not self.lanes.are_clients:
            who += f" in {len(self.lanes.labels)} groups"
        if self.width_ms is None:
            where = "both panels" if len(self.clocks) > 1 else "the panel"
            return f"Every one of the {self.events:,} events of {who} is a point in {where}."
        cell = duration(self.width_ms)
        return f"Counts of all {self.events:,} events of {who}: a cell is one row and {cell}."

    @property
    def caption(self) -> str:
        """What is drawn, when more of it would be, and how it moves."""
        drawn = self.what
        if self.width_ms is not None:
            drawn += f" Up to {MOST_POINTS:,} events in the window are drawn as points."
        return f"{drawn} Both panels move together." if len(self.clocks) > 1 else drawn


def comparison(
    table: pd.DataFrame,
    rows: NDArray[np.int64] | slice,
    *,
    zero_ms: int,
    scale: TimeScale,
    height: int,
    outages: pd.DataFrame | None = None,
) -> ComparisonChart:
    """Draw the events at `rows` of an events table on both clocks.

    Parameters
    ----------
    table, rows
        The events table and the positions of the visible events, at least one.
    zero_ms, scale
        The table's zero, epoch ms, and how times are written.
    height
        Of one panel, px.
    outages
        Rows of the outages that `lib.analysis.outages.outages_of` returns, to be shaded.
    """
    codes = table[CLIENT].cat.codes.to_numpy()[rows]
    lanes = client_lanes(table[CLIENT].cat.categories, codes)
    every = {clock: table[clock.milliseconds].to_numpy()[rows] for clock in TimeDomain}
    times = {clock: ms for clock, ms in every.items() if (ms != MISSING_TIME).any()}
    low, high = _extent(times)
    most_bins = max(60, MOST_CELLS // len(lanes.labels))
    width = None if len(codes) <= MOST_POINTS else bin_width(high - low, most_bins)
    if width is None:
        points = _points(table, rows, lanes, zero_ms, scale)
        panels = [_point_panel(points, clock, scale) for clock in times]
        margin = (high - low) // 100  # or the frame would cut the outermost points
        domain = (low - margin, high + margin)
    else:
        panels = [
            _count_panel(lanes, codes, ms, zero_ms, scale, low, width) for ms in times.values()
        ]
        domain = (low, high + width)
    over: dict[TimeDomain, list[alt.Chart]] = {}
    if outages is not None:
        row_px = height / max(1, len(lanes.labels))
        shade = partial(outage_layers, outages, lanes, zero_ms=zero_ms, scale=scale, row_px=row_px)
        over = {clock: shade(clock) for clock in times}
    framed = [
        _framed(panel, clock, lanes, zero_ms, scale, domain, height, over.get(clock, []))
        for clock, panel in zip(times, panels, strict=True)
    ]
    chart = alt.vconcat(*framed, spacing=24, params=_interactions(list(times))).resolve_scale(
        x="shared", y="shared", color="shared"
    )
    return ComparisonChart(chart, len(codes), lanes, width, tuple(times))


def _interactions(clocks: Sequence[TimeDomain]) -> list[alt.TopLevelSelectionParameter]:
    """Return the zoom, on all panels so that each moves all, and a brush on each.

    Dragging pans; with shift it brushes the stretch that becomes the time window.
    """
    views = [clock.value for clock in clocks]
    drag = "[pointerdown[{}event.shiftKey], window:pointerup] > window:pointermove!"
    zoom = alt.IntervalSelectionConfig(
        type="interval", encodings=["x"], on=drag.format("!"), translate=drag.format("!")
    )
    brush = alt.IntervalSelectionConfig(
        type="interval", encodings=["x"], on=drag.format(""), translate=False, zoom=False
    )
    return [
        alt.TopLevelSelectionParameter(name="zoom", select=zoom, bind="scales", views=views),
        *(
            alt.TopLevelSelectionParameter(name=name, select=brush, views=[clock.value])
            for clock, name in BRUSHES.items()
            if clock in clocks
        ),
    ]


def _extent(times: dict[TimeDomain, NDArray[np.int64]]) -> tuple[int, int]:
    low = min(int(ms[ms != MISSING_TIME].min()) for ms in times.values())
    high = max(int(ms.max()) for ms in times.values())
    return low, max(high, low + 1)


def _points(
    table: pd.DataFrame,
    rows: NDArray[np.int64] | slice,
    lanes: Lanes,
    zero_ms: int,
    scale: TimeScale,
) -> pd.DataFrame:
    seen = table.iloc[rows]
    client, session = drawn_names(seen[CLIENT], seen[SESSION])
    points = pd.DataFrame(
        {
            "row": lanes.named(lanes.of(seen[CLIENT].cat.codes.to_numpy())),
            "client": client,
            "session": session,
            "event": drawn_times(seen[EVENT_TIME], zero_ms, scale),
            "received": drawn_times(seen[RECEIVED_TIME], zero_ms, scale),
            "delay": _delays_s(seen),
        }
    )
    if SEQUENCE in seen:
        points["number"] = seen[SEQUENCE].astype("float64").to_numpy()
    return points


def _delays_s(events: pd.DataFrame) -> NDArray[np.float64]:
    """Return delays in seconds, NaN where there is no received time."""
    received = events[RECEIVED_TIME].to_numpy()
    delays = (received - events[EVENT_TIME].to_numpy()) / 1000.0
    return np.where(received == MISSING_TIME, np.nan, delays)


def _point_panel(points: pd.DataFrame, clock: TimeDomain, scale: TimeScale) -> alt.Chart:
    tooltip = [
        alt.Tooltip("client:N", title="Client"),
        alt.Tooltip("session:N", title="Session"),
        *([alt.Tooltip("number:Q", title="Event")] if "number" in points else []),
        time_tooltip("event", "Event time", scale),
        time_tooltip("received", "Received time", scale),
        alt.Tooltip("delay:Q", title="Delay (s)", format=",.3f"),
    ]
    # Both panels draw from one table, sent once.
    panel: alt.Chart = (
        alt.Chart(points)
        .transform_calculate(calculate=f"datum.{clock.value}", as_=TIME)
        .mark_circle(size=46, opacity=0.55)
        .encode(tooltip=tooltip)
    )
    return panel


def _count_panel(
    lanes: Lanes,
    codes: NDArray[np.integer],
    times_ms: NDArray[np.int64],
    zero_ms: int,
    scale: TimeScale,
    start_ms: int,
    width_ms: int,
) -> alt.Chart:
    known = times_ms != MISSING_TIME
    counts = count_bins(
        lanes.of(codes[known]), times_ms[known], start_ms=start_ms, width_ms=width_ms
    )
    cells = pd.DataFrame(
        {
            "row": lanes.named(counts[LANE].to_numpy()),
            TIME: drawn_times(counts[START], zero_ms, scale),
            "end": drawn_times(counts[END], zero_ms, scale),
            "events": counts[EVENTS].astype("int32"),
        }
    )
    panel: alt.Chart = (
        alt.Chart(cells)
        .mark_rect(stroke=None)
        .encode(
            x2="end",
            opacity=alt.Opacity(
                "events:Q", scale=alt.Scale(type="log", range=[0.25, 1]), legend=None
            ),
            tooltip=[
                alt.Tooltip("row:N", title="Clients" if not lanes.are_clients else "Client"),
                time_tooltip(TIME, "From", scale),
                time_tooltip("end", "To", scale),
                alt.Tooltip("events:Q", title="Events", format=","),
            ],
        )
    )
    return panel


def _framed(
    panel: alt.Chart,
    clock: TimeDomain,
    lanes: Lanes,
    zero_ms: int,
    scale: TimeScale,
    domain_ms: tuple[int, int],
    height: int,
    over: Sequence[alt.Chart],
) -> alt.Chart | alt.LayerChart:
    text, colour = _TITLES[clock]
    title = "Event time" if clock is TimeDomain.EVENT else "Received time"
    drawn = panel.encode(
        x=time_axis(TIME, title, scale, domain_ms=domain_ms, zero_ms=zero_ms),
        y=alt.Y(
            "row:O",
            title="Client",
            scale=alt.Scale(domain=lanes.labels),
            axis=alt.Axis(labelLimit=140, grid=True),
        ),
        color=alt.Color("row:N", scale=colours.client_colours(lanes), legend=None),
    ).properties(name=clock.value)
    head = alt.Title(text, color=colour, anchor="start", fontSize=14)
    if not over:
        return drawn.properties(height=height, title=head)
    return alt.LayerChart(layer=[drawn, *over], height=height, title=head)
