"""The skew plot: when events arrived over when they happened, and the watermark among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import altair as alt
import numpy as np
import pandas as pd

from lib.charts import colours, density
from lib.charts.picture import (
    FIT,
    TIME,
    TITLE,
    Picture,
    along,
    delays_up,
    gridless,
    picked,
    places,
    zoom,
)
from lib.charts.skew_data import (
    ACROSS,
    HEIGHT,
    LATE,
    LINEAR_S,
    ROWS,
    UP,
    Frame,
    LateMarks,
    SkewData,
    delay_limit,
    skew_question,
)
from lib.charts.texts import drawn_names
from lib.charts.times import TimeScale, drawn_times, time_axis, time_tooltip
from lib.core.blockwise import answered
from lib.core.columns import CLIENT, EVENT_TIME, RECEIVED_TIME
from lib.core.formatting import counted, delay_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_SHAPES: Final = ("circle", "cross")


@dataclass(frozen=True)
class _Axes(Frame):
    """The axes of a plot as they are drawn; `zero_ms` and `scale` as in `skew_plot`."""

    zero_ms: int
    scale: TimeScale

    def x(self) -> alt.X:
        axis = time_axis(TIME, "Event time", self.scale, domain_ms=self.ends, zero_ms=self.zero_ms)
        return axis if self.is_diagonal else gridless(axis)

    def y(self) -> alt.Y:
        if self.is_diagonal:
            x = time_axis(
                "up",
                "Received time",
                self.scale,
                domain_ms=self.up,
                zero_ms=self.zero_ms,
                upright=True,
            )
            return alt.Y(**x._kwds)  # noqa: SLF001 (the same channel on the other axis)
        low, high = self.up[0] / 1000, self.up[1] / 1000
        return alt.Y(
            "up:Q",
            title="Delay",
            **delays_up(low, high, HEIGHT, linear_s=LINEAR_S, grid=False),
        )

    def kind(self) -> Literal["quantitative", "temporal"]:
        is_number = self.scale is TimeScale.ZERO or not self.is_diagonal
        return "quantitative" if is_number else "temporal"

    def drawn_up(self, values_ms: NDArray[np.int64]) -> pd.Series:
        """Return received times, or delays, as the axis wants them."""
        if self.is_diagonal:
            return drawn_times(values_ms, self.zero_ms, self.scale)
        return pd.Series(values_ms / 1000.0)


def skew_plot(
    table: pd.DataFrame,
    rows: NDArray[np.int64] | slice,
    judged: LateMarks,
    *,
    zero_ms: int,
    scale: TimeScale,
) -> Picture:
    """Draw event time across, and up received time in short windows, else the delay.

    In a short window events that arrive when they happen are on a diagonal, and those left of the
    watermark's step line are behind it. In a long one, delays up to ten milliseconds are told apart
    as well as hours; events above the line are behind the watermark.

    Parameters
    ----------
    table, rows
        The events table in arrival order, and the positions of the visible events, at least one.
    judged
        The watermark, and which events are late; of the whole topic.
    zero_ms
        The table's zero, epoch ms.
    scale
        How times are written.
    """
    found = answered(skew_question(table, rows, judged))
    return drawn_skew(found, judged.words, judged.clock, zero_ms=zero_ms, scale=scale)


def drawn_skew(
    data: SkewData, words: tuple[str, str], clock: str, *, zero_ms: int, scale: TimeScale
) -> Picture:
    """Draw what `skew_question` found; the rest as in `skew_plot` and `LateMarks`."""
    frame = _Axes(data.frame.ends, data.frame.up, data.frame.is_diagonal, zero_ms, scale)
    if data.points is not None:
        layers = [_points(data.points, words, frame).add_params(picked())]
    else:
        layers = _counted(data, words, frame)
    x, y = frame.x(), frame.y()
    ideal = _line(_ideal(frame), frame).mark_line(
        strokeDash=[5, 4], color=colours.NEUTRAL, strokeWidth=1.5, clip=True
    )
    name = "Received time over event time" if frame.is_diagonal else "Delay over event time"
    # As a delay the watermark rises and falls with every step: many are a band, beneath the events.
    chart = alt.LayerChart(
        layer=[
            ideal.encode(x=x, y=y),
            _watermark(data.steps, frame),
            layers[0].encode(x=x, y=y),
            *layers[1:],
        ],
        height=HEIGHT,
        autosize=FIT,
        title=alt.Title(name, **TITLE),
    )
    return Picture(
        chart.add_params(zoom("x", "y")),
        f"{name} of {counted(data.events, 'event')}: {data.late:,} "
        f"{'is' if data.late == 1 else 'are'} {words[1]}; the longest "
        f"delay is {delay_text(data.longest_ms)}",
        _reading(data, words, clock, frame),
        are_records=data.points is not None,
    )


def _shows_line(steps: pd.DataFrame, frame: _Axes) -> bool:
    """Return whether any of the watermark's line is inside of the axes."""
    if frame.is_diagonal:
        return bool((steps["watermark"] >= frame.ends[0]).any())
    return bool((delay_limit(steps, frame.ends)["limit"] <= frame.up[1]).any())


def _reading(data: SkewData, words: tuple[str, str], clock: str, frame: _Axes) -> str:
    late = data.late
    drawn = "All events are counted in cells" if data.points is None else "Every event is a point"
    ideal = (
        "On the dashed diagonal an event arrives when it happens; above it, later."
        if frame.is_diagonal
        else "On the dashed line an event arrives when it happens; above it, later."
    )
    side = "left of" if frame.is_diagonal else "above"
    line = f"The green line is the {clock}; events {side} it come behind it."
    if not late and not _shows_line(data.steps, frame):
        beyond = "to the left of" if frame.is_diagonal else "above"
        line = f"The {clock} is {beyond} all that is drawn: none of it comes behind."
    return f"{drawn}: {data.events:,}. {ideal} {line} Of those drawn {_marked(late, words[1])}."


def _marked(late: int, word: str) -> str:
    if not late:
        return f"none is {word}"
    return f"{late:,} {'is' if late == 1 else 'are'} {word}, marked with a cross"


def _line(points: pd.DataFrame, frame: _Axes) -> alt.Chart:
    chart: alt.Chart = (
        alt.Chart(points)
        .mark_line()
        .encode(
            x=along(TIME, frame.scale),
            y=alt.Y("up", type=frame.kind()),
            order=alt.Order("place:Q"),
        )
    )
    return chart


def _ideal(frame: _Axes) -> pd.DataFrame:
    ends = np.array(frame.ends)
    up = ends if frame.is_diagonal else np.zeros(2, np.int64)
    return pd.DataFrame(
        {
            TIME: drawn_times(ends, frame.zero_ms, frame.scale),
            "up": frame.drawn_up(up),
            "place": [0, 1],
        }
    )


def _watermark(steps: pd.DataFrame, frame: _Axes) -> alt.Chart:
    if frame.is_diagonal:
        event, up = steps["watermark"], steps["received"]
    else:
        limit = delay_limit(steps, frame.ends)
        event, up = limit["event"], limit["limit"]
    drawn = pd.DataFrame(
        {
            TIME: drawn_times(event, frame.zero_ms, frame.scale),
            "up": frame.drawn_up(up.to_numpy()),
            "place": np.arange(len(event), dtype=np.int32),
        }
    )
    chart: alt.Chart = _line(drawn, frame).mark_line(
        interpolate="step-before" if frame.is_diagonal else "linear",
        color=colours.WATERMARK,
        strokeWidth=1.2,
        clip=True,
    )
    return chart


def _points(seen: pd.DataFrame, words: tuple[str, str], frame: _Axes) -> alt.Chart:
    [client] = drawn_names(seen[CLIENT])
    event, received = seen[EVENT_TIME].to_numpy(), seen[RECEIVED_TIME].to_numpy()
    up = received if frame.is_diagonal else received - event
    points = pd.DataFrame(
        {
            TIME: drawn_times(event, frame.zero_ms, frame.scale),
            "up": frame.drawn_up(up),
            "received": drawn_times(received, frame.zero_ms, frame.scale),
            "client": client,
            **({"delay": (received - event) / 1000.0} if frame.is_diagonal else {}),
            "which": pd.Categorical(np.where(seen[LATE], words[1], words[0])),
            **places(seen),
        }
    )
    chart: alt.Chart = (
        alt.Chart(points)
        .mark_point(size=38, filled=True, opacity=colours.POINT_OPACITY, clip=True)
        .encode(
            color=_late_colour(words),
            shape=_late_shape(words),
            tooltip=[
                alt.Tooltip("client:N", title="Client"),
                time_tooltip(TIME, "Event time", frame.scale),
                time_tooltip("received", "Received time", frame.scale),
                alt.Tooltip(
                    "delay:Q" if frame.is_diagonal else "up:Q", title="Delay (s)", format=",.3f"
                ),
                alt.Tooltip("which:N", title="It is"),
            ],
        )
    )
    return chart


def _counted(data: SkewData, words: tuple[str, str], frame: _Axes) -> list[alt.Chart]:
    """Draw counts: cells that tell them, an image of all events, and a cross for late ones."""
    most = int(data.cells.max())
    ends = np.array([frame.ends[0]]), np.array([frame.ends[1]])
    place = pd.DataFrame(
        {
            TIME: drawn_times(ends[0], frame.zero_ms, frame.scale),
            "end": drawn_times(ends[1], frame.zero_ms, frame.scale),
            "up": frame.drawn_up(np.array(frame.up[:1])),
            "top": frame.drawn_up(np.array(frame.up[1:])),
            **density.images(data.cells, [colours.RECEIVED_TIME_COLOUR] * ROWS, most),
        }
    )
    image = (
        alt.Chart(place)
        .mark_image(aspect=False, smooth=False, clip=True)
        .encode(
            x=along(TIME, frame.scale),
            x2=alt.X2("end"),
            y=alt.Y("up", type=frame.kind()),
            y2=alt.Y2("top"),
            url=density.url(),
        )
    )
    cells = _cells(data, words, frame)
    in_time, behind = (cells[cells["which"] == word] for word in words)
    told = _told(in_time, frame).mark_rect(opacity=0, stroke=None, clip=True)
    crosses = (
        _told(behind, frame)
        .mark_point(size=30, filled=True, opacity=colours.POINT_OPACITY, clip=True)
        .encode(
            x=along("middle", frame.scale),
            y=alt.Y("middle_up", type=frame.kind()),
            color=_late_colour(words),
            shape=_late_shape(words),
        )
    )
    bounds = told.encode(x2=alt.X2("end"), y2=alt.Y2("top"))
    return [bounds, image, crosses, density.legend(most)]


def _told(cells: pd.DataFrame, frame: _Axes) -> alt.Chart:
    up = (
        time_tooltip("up", "Received from", frame.scale)
        if frame.is_diagonal
        else alt.Tooltip("up:Q", title="Delay from (s)", format=",.3f")
    )
    chart: alt.Chart = (
        alt.Chart(cells)
        .mark_rect()
        .encode(
            tooltip=[
                time_tooltip(TIME, "Event time from", frame.scale),
                up,
                alt.Tooltip("events:Q", title="Events", format=","),
                alt.Tooltip("which:N", title="They are"),
            ]
        )
    )
    return chart


def _cells(data: SkewData, words: tuple[str, str], frame: _Axes) -> pd.DataFrame:
    """Return how many events are in each cell, late ones apart: a row a cell with events."""
    cell, which = np.nonzero(data.told)
    x, y = cell // UP, cell % UP
    span = frame.ends[1] - frame.ends[0]
    left, middle, right = (
        frame.ends[0] + np.round((x + part) * span / ACROSS).astype(np.int64)
        for part in (0, 0.5, 1)
    )
    low, centre, high = (frame.at((y + part) / UP) for part in (0, 0.5, 1))
    times = {TIME: left, "middle": middle, "end": right}
    ups = {"up": low, "middle_up": centre, "top": high}
    return pd.DataFrame(
        {
            **{name: drawn_times(ms, frame.zero_ms, frame.scale) for name, ms in times.items()},
            **{name: frame.drawn_up(ms) for name, ms in ups.items()},
            "events": data.told[cell, which].astype(np.int32),
            "which": pd.Categorical(np.array(words, object)[which], list(words)),
        }
    )


def _late_colour(words: Sequence[str]) -> alt.Color:
    return alt.Color(
        "which:N",
        title=None,
        scale=alt.Scale(domain=list(words), range=[colours.RECEIVED_TIME_COLOUR, colours.LATE]),
        legend=alt.Legend(orient="top"),
    )


def _late_shape(words: Sequence[str]) -> alt.Shape:
    return alt.Shape(
        "which:N", title=None, scale=alt.Scale(domain=list(words), range=list(_SHAPES))
    )
