"""The notebook's figure: event time above received time, one row a client, axes shared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import altair as alt
import numpy as np
import pandas as pd

from lib.analysis import outages as found
from lib.charts import colours, density
from lib.charts.comparison_data import ComparisonData, RowOrder, comparison_question
from lib.charts.drawn_events import MOST_POINTS
from lib.charts.held_back import outage_layers
from lib.charts.picture import (
    TIME,
    TITLE,
    Picture,
    along,
    brush,
    gridless,
    of_views,
    picked,
    places,
    plain,
    rows_axis,
    scales,
    stacked,
    zoom,
)
from lib.charts.rows import (
    END,
    EVENTS,
    LANE,
    START,
    Lanes,
    filled_bins,
    lanes_in,
)
from lib.charts.silences import silence_marks
from lib.charts.texts import drawn_names
from lib.charts.times import TimeScale, drawn_times, time_axis, time_tooltip
from lib.core.blockwise import answered
from lib.core.columns import CLIENT, EVENT_TIME, MISSING_TIME, RECEIVED_TIME, SEQUENCE, SESSION
from lib.core.formatting import counted, duration
from lib.events.table import TimeDomain

if TYPE_CHECKING:
    from numpy.typing import NDArray

BRUSHES: Final = {TimeDomain.EVENT: "brush_event", TimeDomain.RECEIVED: "brush_received"}
"""Names of the selections that set the time window, on either clock; their field is `TIME`."""

_TITLES: Final = {
    TimeDomain.EVENT: ("Event time: when it happened", colours.EVENT_TIME_COLOUR),
    TimeDomain.RECEIVED: ("Received time: when it arrived", colours.RECEIVED_TIME_COLOUR),
}


ORDERS: Final = {
    RowOrder.AFFECTED: "Most affected",
    RowOrder.DELAY: "Largest delay",
    RowOrder.EVENTS: "Most events",
    RowOrder.CLIENT: "Client",
}
"""What the page calls them. Affected: events held back by outages, or lost in them."""


@dataclass(frozen=True)
class ComparisonChart:
    """The chart, and what it shows: every event a point, or counts of `width_ms`."""

    chart: alt.VConcatChart
    events: int
    lanes: Lanes
    width_ms: int | None
    clocks: tuple[TimeDomain, ...] = tuple(TimeDomain)
    outages: int = 0
    held_back: int = 0

    @property
    def brushes(self) -> list[str]:
        """The names of the selections that set the time window, one a panel."""
        return [BRUSHES[clock] for clock in self.clocks]

    @property
    def legends(self) -> int:
        """How many legends it has, each above a panel."""
        has_silences = self.outages > 0 and TimeDomain.RECEIVED in self.clocks
        return 0 if self.width_ms is None else 1 + has_silences

    @cached_property
    def picture(self) -> Picture:
        """The chart with its words."""
        return Picture(self.chart, self.alt, self.caption, are_records=self.width_ms is None)

    @property
    def alt(self) -> str:
        """What is drawn, with its figures, for those who do not see it."""
        below = ", and below by received time" if len(self.clocks) > 1 else ""
        who = f"{counted(self.events, 'event')} of {counted(self.lanes.clients, 'client')}"
        silences = (
            f". {counted(self.outages, 'outage')} held back {counted(self.held_back, 'event')}"
        )
        return f"{who} by event time{below}{silences if self.outages else ''}"

    @property
    def what(self) -> str:
        """What is drawn and how many events it stands for."""
        who = counted(self.lanes.clients, "client")
        if not self.lanes.are_clients:
            who += f" in {counted(len(self.lanes.labels), 'row')}"
        if self.width_ms is None:
            where = "both panels" if len(self.clocks) > 1 else "the panel"
            each = (
                "The only event" if self.events == 1 else f"Every one of the {self.events:,} events"
            )
            return f"{each} of {who} is a point in {where}."
        return (
            f"All {self.events:,} events of {who} are drawn, the more in a cell the stronger: a "
            f"cell is one row and {duration(self.width_ms)}."
        )

    @property
    def caption(self) -> str:
        """What is drawn, when more of it would be, and how it moves."""
        drawn = self.what
        if self.width_ms is not None:
            drawn += f" Up to {MOST_POINTS:,} events in the window are drawn as points."
        if self.outages:
            drawn += " The bar at the end of a shaded silence is its burst."
        return f"{drawn} Both panels move together." if len(self.clocks) > 1 else drawn


def comparison(
    table: pd.DataFrame,
    rows: NDArray[np.int64] | slice,
    *,
    zero_ms: int,
    scale: TimeScale,
    height: int,
    outages: pd.DataFrame | None = None,
    order: RowOrder = RowOrder.CLIENT,
) -> ComparisonChart:
    """Draw the events at `rows` of an events table on both clocks.

    Parameters
    ----------
    table, rows
        The events table and the positions of the visible events, at least one.
    zero_ms, scale
        The table's zero, epoch ms, and how times are written.
    height
        Of one panel, px: as many clients have a row of their own as can be read.
    outages
        Rows of `lib.analysis.outages.outages_of` to mark by received time; of visible clients.
    order
        Of the rows.
    """
    most = lanes_in(height)
    question = comparison_question(table, rows, most_lanes=most, outages=outages, order=order)
    return drawn_comparison(
        answered(question), zero_ms=zero_ms, scale=scale, height=height, outages=outages
    )


def drawn_comparison(
    data: ComparisonData,
    *,
    zero_ms: int,
    scale: TimeScale,
    height: int,
    outages: pd.DataFrame | None = None,
) -> ComparisonChart:
    """Draw what `comparison_question` found; the rest as in `comparison`."""
    lanes = data.lanes
    if data.points is not None:
        points = _points(data.points, lanes, zero_ms, scale)
        panels = {clock: [_point_panel(points, clock, lanes, scale)] for clock in data.extents}
    else:
        panels = _count_panels(data, zero_ms, scale, height)
    marked = _of_lanes(outages, data)
    # In a chart of several, Altair ends the name of a view with the place of its panel.
    views = {clock: f"view_{place}" for place, clock in enumerate(panels)}
    domain = data.domain_ms
    framed = [
        _framed(panel, clock, views[clock], lanes, marked, zero_ms, scale, domain, height)
        for clock, panel in panels.items()
    ]
    chart = _stacked(framed, views, are_points=data.points is not None)
    return ComparisonChart(
        chart,
        data.events,
        lanes,
        data.width_ms,
        tuple(data.extents),
        len(marked) if TimeDomain.RECEIVED in data.extents else 0,
        int(marked[found.HELD_BACK].sum()),
    )


def _of_lanes(outages: pd.DataFrame | None, data: ComparisonData) -> pd.DataFrame:
    """Return the outages, and not what is quiet, of clients that have a row."""
    if outages is None:
        return pd.DataFrame({found.HELD_BACK: pd.Series(dtype="int64")})
    told = outages[outages[found.KIND] != found.QUIET]
    told = told.assign(**{CLIENT: told[CLIENT].cat.set_categories(data.clients)})
    return told[data.lanes.of(told[CLIENT].cat.codes.to_numpy()) >= 0]


def _points(seen: pd.DataFrame, lanes: Lanes, zero_ms: int, scale: TimeScale) -> pd.DataFrame:
    client, session = drawn_names(seen[CLIENT], seen[SESSION])
    points = pd.DataFrame(
        {
            "row": lanes.named(seen[LANE].to_numpy()),
            "client": client,
            "session": session,
            "event": drawn_times(seen[EVENT_TIME], zero_ms, scale),
            "received": drawn_times(seen[RECEIVED_TIME], zero_ms, scale),
            "delay": _delays_s(seen),
            **places(seen),
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


def _point_panel(
    points: pd.DataFrame, clock: TimeDomain, lanes: Lanes, scale: TimeScale
) -> alt.Chart:
    tooltip = [
        alt.Tooltip(field="client", type="nominal", title="Client"),
        alt.Tooltip(field="session", type="nominal", title="Session"),
        *(
            [alt.Tooltip(field="number", type="quantitative", title="Event")]
            if "number" in points
            else []
        ),
        time_tooltip("event", "Event time", scale),
        time_tooltip("received", "Received time", scale),
        alt.Tooltip(field="delay", type="quantitative", title="Delay (s)", format=",.3f"),
    ]
    # Both panels draw from one table, sent once.
    panel: alt.Chart = (
        alt.Chart(points)
        .transform_calculate(calculate=f"datum.{clock.value}", as_=TIME)
        .mark_circle(size=46, opacity=colours.POINT_OPACITY)
        .encode(
            y=_row(lanes),
            color=alt.Color(
                field="row", type="nominal", scale=colours.client_colours(lanes), legend=None
            ),
            tooltip=tooltip,
        )
    )
    return panel


def _count_panels(
    data: ComparisonData, zero_ms: int, scale: TimeScale, height: int
) -> dict[TimeDomain, list[alt.Chart]]:
    """Draw counts: an image of all of them, and over it cells that nobody sees, which tell them.

    Both panels have one measure of shades.
    """
    start, end = data.domain_ms
    most = max(int(cells.max()) for cells in data.cells.values())
    shades = colours.lane_colours(data.lanes)
    panels = {}
    for clock, cells in data.cells.items():
        place = pd.DataFrame(
            {
                TIME: drawn_times(np.array([start]), zero_ms, scale),
                "end": drawn_times(np.array([end]), zero_ms, scale),
                **density.images(cells, shades, most),
            }
        )
        image = (
            alt.Chart(place)
            .mark_image(aspect=False, smooth=False, clip=True)
            .encode(
                x2=alt.X2(field="end"),
                y=alt.YValue(0),  # type: ignore[no-untyped-call]
                y2=alt.Y2Value(height),  # type: ignore[no-untyped-call]
                url=density.url(),
            )
        )
        told = _told_cells(data, clock, zero_ms, scale)
        panels[clock] = [told, image.encode(x=along(TIME, scale))]
    first = next(iter(panels.values()))
    first.append(density.legend(most))
    return panels


def _told_cells(
    data: ComparisonData, clock: TimeDomain, zero_ms: int, scale: TimeScale
) -> alt.Chart:
    lanes = data.lanes
    counts = filled_bins(data.told[clock], start_ms=data.domain_ms[0], width_ms=data.told_ms)
    told = pd.DataFrame(
        {
            "row": lanes.named(counts[LANE].to_numpy()),
            TIME: drawn_times(counts[START], zero_ms, scale),
            "end": drawn_times(counts[END], zero_ms, scale),
            "events": counts[EVENTS].astype("int32"),
        }
    )
    chart: alt.Chart = (
        alt.Chart(told)
        .mark_rect(stroke=None, opacity=0, clip=True)
        .encode(
            x2=alt.X2(field="end"),
            y=_row(lanes),
            tooltip=[
                alt.Tooltip(
                    field="row", type="nominal", title="Client" if lanes.are_clients else "Clients"
                ),
                time_tooltip(TIME, "From", scale),
                time_tooltip("end", "To", scale),
                alt.Tooltip(field="events", type="quantitative", title="Events", format=","),
            ],
        )
    )
    return chart


def _title_of(lanes: Lanes) -> str:
    return "Client" if lanes.are_clients else "Clients"


def _row(lanes: Lanes) -> alt.Y:
    return alt.Y(
        field="row",
        type="ordinal",
        title=_title_of(lanes),
        scale=alt.Scale(type="band", domain=lanes.labels, padding=0),
        axis=rows_axis(lanes.labels),
    )


def _stacked(
    panels: list[alt.LayerChart], views: dict[TimeDomain, str], *, are_points: bool
) -> alt.VConcatChart:
    """Return the panels below one another, so that zooming one zooms all."""
    chart = stacked(panels, y="shared", color="independent")
    of_all = [zoom("x", brushes=True), *([picked()] if are_points else [])]
    chart.params = [
        *(of_views(each, list(views.values())) for each in of_all),
        *(of_views(brush(BRUSHES[clock]), [view]) for clock, view in views.items()),
    ]
    return chart


def _framed(
    panel: list[alt.Chart],
    clock: TimeDomain,
    view: str,
    lanes: Lanes,
    outages: pd.DataFrame,
    zero_ms: int,
    scale: TimeScale,
    domain_ms: tuple[int, int],
    height: int,
) -> alt.LayerChart:
    """Return the panel of a clock; the first of its layers has the axes and is brushed."""
    text, colour = _TITLES[clock]
    title = "Event time" if clock is TimeDomain.EVENT else "Received time"
    x = time_axis(TIME, title, scale, domain_ms=domain_ms, zero_ms=zero_ms)
    first, *others = panel
    first = first.encode(x=gridless(x) if others else x).properties(name=view)
    layers = [first, *others]
    if len(outages):
        row_px = height / max(1, len(lanes.labels))
        shade, *label = outage_layers(
            outages, lanes, clock,
            zero_ms=zero_ms, scale=scale, row_px=row_px, domain_ms=domain_ms,
        )  # fmt: skip
        line, burst = silence_marks(outages, lanes, zero_ms=zero_ms, scale=scale)
        if clock is TimeDomain.EVENT:
            layers = [*layers, shade] if others else [shade, *layers]
        elif others:  # a shade alone would not be seen among counts
            layers += [shade, line, burst, *label]
        else:
            layers = [shade, burst, *layers, *label]
    return alt.LayerChart(
        layer=[plain(layer) for layer in layers],
        name=clock.value,
        height=height,
        title=alt.Title(text, **TITLE),
        view=alt.ViewBackground(stroke=colour),
        resolve=scales(color="independent"),
    )
