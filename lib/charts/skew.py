"""The skew plot: when events arrived over when they happened, and the watermark among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import altair as alt
import numpy as np
import pandas as pd

from lib.charts import colours, density
from lib.charts.drawn_events import COLUMNS, MOST_POINTS, counts
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
from lib.charts.texts import drawn_names
from lib.charts.times import TimeScale, drawn_times, time_axis, time_tooltip
from lib.core.columns import CLIENT, EVENT_TIME, RECEIVED_TIME
from lib.core.formatting import counted, delay_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PIXELS: Final = 1_400
"""Width of a wide chart: the watermark's step line is exact to one of so many pixel columns."""

LONGEST_DIAGONAL_MS: Final = 15 * 60_000
"""Up to here received time is drawn over event time; beyond, delays would hide in the diagonal."""

HEIGHT: Final = 340

_ROWS: Final = HEIGHT // 2
"""Rows of the image: lines of a pixel would hardly be seen."""

_ACROSS: Final = 120
_UP: Final = 60
"""Cells that tell their number of events, on either axis, where events are counted."""

_LINEAR_S: Final = 0.01
"""Up to here the axis of delays is linear, on either side of 0."""

_SHAPES: Final = ("circle", "cross")


@dataclass(frozen=True)
class SkewPlot:
    """The picture, how many events it stands for, and how many of them are late."""

    picture: Picture
    events: int
    are_points: bool
    late: int


@dataclass(frozen=True)
class LateMarks:
    """How the events of a topic are judged, one element an event of the whole topic.

    Attributes
    ----------
    watermark_ms
        int64, epoch ms: the watermark or stream time when the event had arrived.
    late
        bool.
    words
        What an event is that is not late, and one that is.
    clock
        What the events are judged by.
    """

    watermark_ms: NDArray[np.int64]
    late: NDArray[np.bool_]
    words: tuple[str, str]
    clock: str = "watermark"


def behind_watermark(event_ms: NDArray[np.int64], delay_ms: int) -> LateMarks:
    """Return the events judged by the watermark M − D alone, M including the event itself."""
    watermark = np.maximum.accumulate(event_ms) - delay_ms
    return LateMarks(watermark, event_ms < watermark, ("in time", "behind the watermark"))


def watermark_steps(
    watermark_ms: NDArray[np.int64], received_ms: NDArray[np.int64], domain_ms: tuple[int, int]
) -> pd.DataFrame:
    """Return the watermark over received time as a step line that is right to a pixel column.

    Parameters
    ----------
    watermark_ms, received_ms
        The watermark when each event had arrived, and when it did, epoch ms, in arrival order;
        watermarks before 1970 are left out: that is how engines write that there is none.
    domain_ms
        The event times that the chart shows, epoch ms, from the first to the last.

    Returns
    -------
    Columns `received` and `watermark` int64 (epoch ms), both rising: from there on the watermark
    stands at that event time. The steps into each of `PIXELS` columns of the domain, and the last:
    the line is never ahead of the true one, and inside the domain never behind it by a column.
    """
    rises = np.flatnonzero(np.diff(watermark_ms, prepend=np.iinfo(np.int64).min // 2))
    rises = rises[watermark_ms[rises] >= 0]
    first, last = domain_ms
    visible = np.clip(watermark_ms[rises], first - 1, last + 1)
    column = (visible - first) * PIXELS // max(last - first, 1)
    kept = np.diff(column, prepend=column[:1] - 1) > 0
    kept[-1:] = True
    received = np.maximum.accumulate(received_ms)[rises]
    return pd.DataFrame({"received": received[kept], "watermark": watermark_ms[rises][kept]})


def delay_limit(steps: pd.DataFrame, domain_ms: tuple[int, int]) -> pd.DataFrame:
    """Return how long an event may be under way, by when it happened, to be ahead of a watermark.

    Parameters
    ----------
    steps
        What `watermark_steps` returns.
    domain_ms
        The event times that the chart shows, epoch ms.

    Returns
    -------
    Columns `event` int64 (epoch ms), rising, and `limit` int64 ms: an event that happened between
    two steps of the watermark may take until the watermark steps over it; `limit` falls by 1 ms a
    ms up to the next step, where it jumps up. A jump has two rows with the same `event`.
    """
    watermark, received = (steps[name].to_numpy() for name in ("watermark", "received"))
    if not len(watermark):
        return pd.DataFrame({"event": np.array([], np.int64), "limit": np.array([], np.int64)})
    first, last = domain_ms
    # Between steps that are far apart the line bends on an axis that is not linear.
    between = np.linspace(first, last, PIXELS, dtype=np.int64)
    between = between[(between < watermark[-1]) & ~np.isin(between, watermark)]
    passed = received[np.searchsorted(watermark, between)]
    event = np.concatenate((watermark, watermark[:-1], between))
    at = np.concatenate((received, received[1:], passed))
    order = np.lexsort((at, event))
    inside = (event >= first) & (event <= last)
    order = order[inside[order]]
    return pd.DataFrame({"event": event[order], "limit": (at - event)[order]})


@dataclass(frozen=True)
class _Frame:
    """The axes of a plot: event time across, and received time or delay up.

    `ends` are of event time, epoch ms; `up` of what goes up: epoch ms, or delay in ms.
    """

    ends: tuple[int, int]
    up: tuple[int, int]
    zero_ms: int
    scale: TimeScale
    is_diagonal: bool

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
            **delays_up(low, high, HEIGHT, linear_s=_LINEAR_S, grid=False),
        )

    def kind(self) -> Literal["quantitative", "temporal"]:
        is_number = self.scale is TimeScale.ZERO or not self.is_diagonal
        return "quantitative" if is_number else "temporal"

    def drawn_up(self, values_ms: NDArray[np.int64]) -> pd.Series:
        """Return received times, or delays, as the axis wants them."""
        if self.is_diagonal:
            return drawn_times(values_ms, self.zero_ms, self.scale)
        return pd.Series(values_ms / 1000.0)

    def place(self, values_ms: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return where values are between the ends of the axis up, from 0 to 1."""
        low, high = (self._even(np.array(end, np.float64)) for end in self.up)
        share: NDArray[np.float64] = (self._even(values_ms.astype(np.float64)) - low) / (high - low)
        return share

    def at(self, share: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the values at such places, ms."""
        low, high = (self._even(np.array(end, np.float64)) for end in self.up)
        even = low + share * (high - low)
        if not self.is_diagonal:
            even = np.sign(even) * np.expm1(np.abs(even)) * _LINEAR_S * 1000
        return np.round(even).astype(np.int64)

    def _even(self, values_ms: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.is_diagonal:
            return values_ms
        return np.sign(values_ms) * np.log1p(np.abs(values_ms) / (_LINEAR_S * 1000))


def skew_plot(
    table: pd.DataFrame,
    rows: NDArray[np.int64] | slice,
    judged: LateMarks,
    *,
    zero_ms: int,
    scale: TimeScale,
) -> SkewPlot:
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
    event, received = table[EVENT_TIME].to_numpy()[rows], table[RECEIVED_TIME].to_numpy()[rows]
    late = judged.late[rows]
    frame = _frame(event, received, zero_ms, scale)
    up = received if frame.is_diagonal else received - event
    are_points = len(event) <= MOST_POINTS
    if are_points:
        layers = [_points(table.iloc[rows], up, late, judged.words, frame)]
    else:
        layers = _counted(event, up, late, judged.words, frame)
    ideal = _line(_ideal(frame), frame).mark_line(
        strokeDash=[5, 4], color=colours.NEUTRAL, strokeWidth=1.5, clip=True
    )
    steps = watermark_steps(judged.watermark_ms[rows], received, frame.ends)
    first = layers[0].encode(x=frame.x(), y=frame.y())
    name = "Received time over event time" if frame.is_diagonal else "Delay over event time"
    chart = alt.LayerChart(
        layer=[first, ideal, _watermark(steps, frame), *layers[1:]],
        height=HEIGHT,
        autosize=FIT,
        title=alt.Title(name, **TITLE),
    )
    number = int(np.count_nonzero(late))
    picture = Picture(
        chart.add_params(zoom("x", "y"), *([picked()] if are_points else [])),
        f"{name} of {counted(len(event), 'event')}: {number:,} are {judged.words[1]}; the longest "
        f"delay is {delay_text(int((received - event).max()))}",
        _reading(
            len(event),
            number,
            judged,
            frame,
            are_points=are_points,
            shows_line=_shows_line(steps, frame),
        ),
        are_records=are_points,
    )
    return SkewPlot(picture, len(event), are_points, number)


def _frame(
    event: NDArray[np.int64], received: NDArray[np.int64], zero_ms: int, scale: TimeScale
) -> _Frame:
    """Return axes that no event is cut off by."""
    both = int(min(event.min(), received.min())), int(max(event.max(), received.max()))
    if both[1] - both[0] <= LONGEST_DIAGONAL_MS:
        margin = max((both[1] - both[0]) // 50, 1)
        ends = both[0] - margin, both[1] + margin
        return _Frame(ends, ends, zero_ms, scale, is_diagonal=True)
    margin = max((int(event.max()) - int(event.min())) // 100, 1)
    ends = int(event.min()) - margin, int(event.max()) + margin
    delay = received - event
    low, high = min(int(delay.min()), 0), max(int(delay.max()), 1)
    up = low + low // 3 - 2, high + high // 3 + 2
    return _Frame(ends, up, zero_ms, scale, is_diagonal=False)


def _shows_line(steps: pd.DataFrame, frame: _Frame) -> bool:
    """Return whether any of the watermark's line is inside of the axes."""
    if frame.is_diagonal:
        return bool((steps["watermark"] >= frame.ends[0]).any())
    return bool((delay_limit(steps, frame.ends)["limit"] <= frame.up[1]).any())


def _reading(
    events: int,
    late: int,
    judged: LateMarks,
    frame: _Frame,
    *,
    are_points: bool,
    shows_line: bool,
) -> str:
    drawn = "Every event is a point" if are_points else "All events are counted in cells"
    ideal = (
        "On the dashed diagonal an event arrives when it happens; above it, later."
        if frame.is_diagonal
        else "On the dashed line an event arrives when it happens; above it, later."
    )
    side = "left of" if frame.is_diagonal else "above"
    is_are = "is" if late == 1 else "are"
    line = f"The green line is the {judged.clock}; events {side} it come behind it."
    if not shows_line and not late:
        beyond = "to the left of" if frame.is_diagonal else "above"
        line = f"The {judged.clock} is {beyond} all that is drawn: none of it comes behind."
    return (
        f"{drawn}: {events:,}. {ideal} {line} Of those drawn {late:,} {is_are} {judged.words[1]}"
        f"{', marked with a cross' if late else ''}."
    )


def _line(points: pd.DataFrame, frame: _Frame) -> alt.Chart:
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


def _ideal(frame: _Frame) -> pd.DataFrame:
    ends = np.array(frame.ends)
    up = ends if frame.is_diagonal else np.zeros(2, np.int64)
    return pd.DataFrame(
        {
            TIME: drawn_times(ends, frame.zero_ms, frame.scale),
            "up": frame.drawn_up(up),
            "place": [0, 1],
        }
    )


def _watermark(steps: pd.DataFrame, frame: _Frame) -> alt.Chart:
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
        # As a delay it rises and falls with every step: many steps are a band, not to hide events.
        opacity=1.0 if frame.is_diagonal else 0.5,
        clip=True,
    )
    return chart


def _points(
    seen: pd.DataFrame,
    up: NDArray[np.int64],
    late: NDArray[np.bool_],
    words: tuple[str, str],
    frame: _Frame,
) -> alt.Chart:
    [client] = drawn_names(seen[CLIENT])
    event, received = seen[EVENT_TIME].to_numpy(), seen[RECEIVED_TIME].to_numpy()
    points = pd.DataFrame(
        {
            TIME: drawn_times(event, frame.zero_ms, frame.scale),
            "up": frame.drawn_up(up),
            "received": drawn_times(received, frame.zero_ms, frame.scale),
            "client": client,
            **({"delay": (received - event) / 1000.0} if frame.is_diagonal else {}),
            "which": pd.Categorical(np.where(late, words[1], words[0])),
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


def _counted(
    event: NDArray[np.int64],
    up: NDArray[np.int64],
    late: NDArray[np.bool_],
    words: tuple[str, str],
    frame: _Frame,
) -> list[alt.Chart]:
    """Draw counts: cells that tell them, an image of all events, and a cross for late ones."""
    across, row = _cell(event, up, frame, COLUMNS, _ROWS)
    fine = counts(_ROWS - 1 - row, across, (_ROWS, COLUMNS))
    most = int(fine.max())
    ends = np.array([frame.ends[0]]), np.array([frame.ends[1]])
    place = pd.DataFrame(
        {
            TIME: drawn_times(ends[0], frame.zero_ms, frame.scale),
            "end": drawn_times(ends[1], frame.zero_ms, frame.scale),
            "up": frame.drawn_up(np.array(frame.up[:1])),
            "top": frame.drawn_up(np.array(frame.up[1:])),
            "image": [density.image(fine, [colours.RECEIVED_TIME_COLOUR] * _ROWS, most)],
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
            url=alt.Url("image:N"),
        )
    )
    cells = _cells(event, up, late, words, frame)
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


def _told(cells: pd.DataFrame, frame: _Frame) -> alt.Chart:
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


def _cell(
    event: NDArray[np.int64], up: NDArray[np.int64], frame: _Frame, columns: int, rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the column and the row, from below, of each event."""
    first, last = frame.ends
    across = (event - first) * columns // (last - first)
    upward = (frame.place(up) * rows).astype(np.int64)
    return np.clip(across, 0, columns - 1), np.clip(upward, 0, rows - 1)


def _cells(
    event: NDArray[np.int64],
    up: NDArray[np.int64],
    late: NDArray[np.bool_],
    words: tuple[str, str],
    frame: _Frame,
) -> pd.DataFrame:
    """Return how many events are in each cell, late ones apart: a row a cell with events."""
    across, row = _cell(event, up, frame, _ACROSS, _UP)
    counts = np.bincount((across * _UP + row) * 2 + late)
    filled = np.flatnonzero(counts)
    x, y, which = filled // 2 // _UP, filled // 2 % _UP, filled % 2
    span = frame.ends[1] - frame.ends[0]
    left, middle, right = (
        frame.ends[0] + np.round((x + part) * span / _ACROSS).astype(np.int64)
        for part in (0, 0.5, 1)
    )
    low, centre, high = (frame.at((y + part) / _UP) for part in (0, 0.5, 1))
    times = {TIME: left, "middle": middle, "end": right}
    ups = {"up": low, "middle_up": centre, "top": high}
    return pd.DataFrame(
        {
            **{name: drawn_times(ms, frame.zero_ms, frame.scale) for name, ms in times.items()},
            **{name: frame.drawn_up(ms) for name, ms in ups.items()},
            "events": counts[filled].astype(np.int32),
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
