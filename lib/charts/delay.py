"""Charts of delay: the skew plot, its distribution, and how it went over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import altair as alt
import numpy as np
import pandas as pd

from lib.analysis import delays
from lib.charts import colours
from lib.charts.comparison import MOST_POINTS
from lib.charts.rows import bin_width, client_lanes, written
from lib.charts.texts import drawn_names
from lib.charts.times import TimeScale, drawn_times, time_axis, time_tooltip
from lib.core.columns import CLIENT, EVENT_TIME, RECEIVED_TIME

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIXELS: Final = 1_400
"""Width of a wide chart: the watermark's step line is exact to one of so many pixel columns."""

MOST_BINS: Final = 90
"""Bins of the skew plot on either axis, where it counts."""

_LEAST_S: Final = 0.0005
"""Where delays of 0 and below are drawn on a log axis, s."""

_QUANTILES: Final = {"p50": "half", "p90": "90 %", "p99": "99 %"}
"""Columns of `lib.analysis.delays.delay_over_time`, and what the chart calls them."""


@dataclass(frozen=True)
class SkewPlot:
    """The chart, how many events it stands for, and whether each is a point."""

    chart: alt.LayerChart
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
    """

    watermark_ms: NDArray[np.int64]
    late: NDArray[np.bool_]
    words: tuple[str, str]


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


def skew_plot(
    table: pd.DataFrame,
    rows: NDArray[np.int64] | slice,
    judged: LateMarks,
    *,
    zero_ms: int,
    scale: TimeScale,
) -> SkewPlot:
    """Draw event time across and received time up, with the ideal diagonal and the watermark.

    An event on the diagonal arrived when it happened; one above it arrived later. One left of
    the watermark's step line is behind the watermark when it arrives.

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
    ends = (int(min(event.min(), received.min())), int(max(event.max(), received.max())) + 1)
    if len(event) <= MOST_POINTS:
        reality = _points(table.iloc[rows], late, judged.words, zero_ms, scale, ends)
    else:
        reality = _counts(event, received, late, judged.words, zero_ms, scale, ends)
    steps = watermark_steps(judged.watermark_ms[rows], received, ends)
    layers = [_diagonal(ends, zero_ms, scale), reality, _watermark(steps, zero_ms, scale)]
    chart = alt.LayerChart(layer=layers, height=430)
    zoom = alt.selection_interval(name="zoom", bind="scales")
    return SkewPlot(
        chart.add_params(zoom), len(event), len(event) <= MOST_POINTS, int(np.count_nonzero(late))
    )


def _x(field: str, ends: tuple[int, int], zero_ms: int, scale: TimeScale) -> alt.X:
    return time_axis(field, "Event time", scale, domain_ms=ends, zero_ms=zero_ms)


def _y(field: str, ends: tuple[int, int], zero_ms: int, scale: TimeScale) -> alt.Y:
    x = time_axis(field, "Received time", scale, domain_ms=ends, zero_ms=zero_ms)
    return alt.Y(**x._kwds)  # noqa: SLF001 (the same channel on the other axis)


def _diagonal(ends: tuple[int, int], zero_ms: int, scale: TimeScale) -> alt.Chart:
    at = drawn_times(np.array(ends), zero_ms, scale)
    line = pd.DataFrame({"event": at, "received": at})
    chart: alt.Chart = (
        alt.Chart(line)
        .mark_line(strokeDash=[5, 4], color=colours.NEUTRAL, strokeWidth=1.5)
        .encode(x=_x("event", ends, zero_ms, scale), y=_y("received", ends, zero_ms, scale))
    )
    return chart


def _watermark(steps: pd.DataFrame, zero_ms: int, scale: TimeScale) -> alt.Chart:
    drawn = pd.DataFrame(
        {name: drawn_times(steps[name], zero_ms, scale) for name in ("received", "watermark")}
    )
    kind: Literal["quantitative", "temporal"] = (
        "quantitative" if scale is TimeScale.ZERO else "temporal"
    )
    chart: alt.Chart = (
        alt.Chart(drawn)
        .mark_line(interpolate="step-before", color=colours.WATERMARK, strokeWidth=2, clip=True)
        .encode(
            x=alt.X("watermark", type=kind),
            y=alt.Y("received", type=kind),
            order=alt.Order("received", type=kind),
        )
    )
    return chart


def _points(
    seen: pd.DataFrame,
    late: NDArray[np.bool_],
    words: tuple[str, str],
    zero_ms: int,
    scale: TimeScale,
    ends: tuple[int, int],
) -> alt.Chart:
    [client] = drawn_names(seen[CLIENT])
    points = pd.DataFrame(
        {
            "event": drawn_times(seen[EVENT_TIME], zero_ms, scale),
            "received": drawn_times(seen[RECEIVED_TIME], zero_ms, scale),
            "client": client,
            "delay": (seen[RECEIVED_TIME] - seen[EVENT_TIME]).to_numpy() / 1000.0,
            "which": pd.Categorical(np.where(late, words[1], words[0])),
        }
    )
    chart: alt.Chart = (
        alt.Chart(points)
        .mark_circle(size=38, opacity=0.6)
        .encode(
            x=_x("event", ends, zero_ms, scale),
            y=_y("received", ends, zero_ms, scale),
            color=_late_colour(words),
            tooltip=[
                alt.Tooltip("client:N", title="Client"),
                time_tooltip("event", "Event time", scale),
                time_tooltip("received", "Received time", scale),
                alt.Tooltip("delay:Q", title="Delay (s)", format=",.3f"),
                alt.Tooltip("which:N", title="It is"),
            ],
        )
    )
    return chart


def _counts(
    event: NDArray[np.int64],
    received: NDArray[np.int64],
    late: NDArray[np.bool_],
    words: tuple[str, str],
    zero_ms: int,
    scale: TimeScale,
    ends: tuple[int, int],
) -> alt.Chart:
    cells = _cells(event, received, late, ends)
    bounds = "event", "event_end", "received", "received_end"
    drawn = pd.DataFrame({name: drawn_times(cells[name], zero_ms, scale) for name in bounds})
    drawn["events"] = cells["events"].astype(np.int32)
    drawn["which"] = pd.Categorical(np.where(cells["late"], words[1], words[0]))
    chart: alt.Chart = (
        alt.Chart(drawn)
        .mark_rect(stroke=None)
        .encode(
            x=_x("event", ends, zero_ms, scale),
            x2="event_end",
            y=_y("received", ends, zero_ms, scale),
            y2="received_end",
            color=_late_colour(words),
            opacity=alt.Opacity(
                "events:Q", scale=alt.Scale(type="log", range=[0.3, 1]), legend=None
            ),
            tooltip=[
                time_tooltip("event", "Event time from", scale),
                time_tooltip("received", "Received from", scale),
                alt.Tooltip("events:Q", title="Events", format=","),
                alt.Tooltip("which:N", title="They are"),
            ],
        )
    )
    return chart


def _cells(
    event: NDArray[np.int64],
    received: NDArray[np.int64],
    late: NDArray[np.bool_],
    ends: tuple[int, int],
) -> pd.DataFrame:
    """Return how many events are in each cell of event and received time, late ones apart.

    One row a cell with events: its bounds in epoch ms, `events` int64, `late` bool.
    """
    width = bin_width(ends[1] - ends[0], MOST_BINS)
    across, up = (event - ends[0]) // width, (received - ends[0]) // width
    bins = int((ends[1] - ends[0]) // width) + 1
    counts = np.bincount((across * bins + up) * 2 + late)
    filled = np.flatnonzero(counts)
    x, y = ends[0] + filled // 2 // bins * width, ends[0] + filled // 2 % bins * width
    return pd.DataFrame(
        {
            "event": x,
            "event_end": x + width,
            "received": y,
            "received_end": y + width,
            "events": counts[filled],
            "late": filled % 2 == 1,
        }
    )


def _late_colour(words: tuple[str, str]) -> alt.Color:
    return alt.Color(
        "which:N",
        title=None,
        scale=alt.Scale(domain=list(words), range=[colours.RECEIVED_TIME_COLOUR, colours.LATE]),
        legend=alt.Legend(orient="top"),
    )


def distribution(binned: pd.DataFrame, by: str | None) -> alt.VConcatChart:
    """Draw how many events have which delay, and the share with a longer one, on a log axis.

    Parameters
    ----------
    binned
        What `lib.analysis.delays.delay_distribution` returns.
    by
        Its column that tells groups apart; None for the topic as a whole.
    """
    drawn = binned.assign(
        low=np.maximum(binned[delays.FROM] / 1000, _LEAST_S), high=binned[delays.TO] / 1000
    )
    colour: Any = alt.value(colours.RECEIVED_TIME_COLOUR)
    if by is not None:
        lanes = client_lanes(binned[by].cat.categories, binned[by].cat.codes.to_numpy())
        drawn["who"] = [written(client) for client in binned[by]]
        colour = alt.Color("who:N", title="Client", scale=colours.client_colours(lanes))
    tooltip = [
        *([alt.Tooltip("who:N", title="Client")] if by is not None else []),
        alt.Tooltip("low:Q", title="Longer than (s)", format=",.3f"),
        alt.Tooltip("high:Q", title="Up to (s)", format=",.3f"),
        alt.Tooltip(f"{delays.EVENTS}:Q", title="Events", format=","),
        alt.Tooltip(f"{delays.LONGER}:Q", title="Share longer", format=".4%"),
    ]
    base = alt.Chart(drawn).encode(color=colour, tooltip=tooltip)
    chart: alt.VConcatChart = alt.vconcat(
        _shares(base, 0.75 if by is None else 0.45), _survival(base), spacing=8
    ).resolve_scale(x="shared")
    return chart


def _shares(base: alt.Chart, opacity: float) -> alt.Chart:
    chart: alt.Chart = (
        base.mark_rect(opacity=opacity, stroke=None)
        .encode(
            x=alt.X("low:Q", title=None, scale=alt.Scale(type="log", nice=False)),
            x2="high",
            y2=alt.datum(0),
            y=alt.Y(
                f"{delays.SHARE}:Q", title="Share of events", stack=None, axis=alt.Axis(format="%")
            ),
        )
        .properties(height=170)
    )
    return chart


def _survival(base: alt.Chart) -> alt.Chart:
    chart: alt.Chart = (
        base.transform_filter(f"datum.{delays.LONGER} > 0")
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=alt.X("high:Q", title="Delay, s", scale=alt.Scale(type="log", nice=False)),
            y=alt.Y(
                f"{delays.LONGER}:Q",
                title="Share with a longer delay",
                scale=alt.Scale(type="log"),
                axis=alt.Axis(format="~%"),
            ),
        )
        .properties(height=200)
    )
    return chart


def over_time(stretches: pd.DataFrame, *, zero_ms: int, scale: TimeScale) -> alt.LayerChart:
    """Draw quantiles of delay over event time, on a log axis.

    Parameters
    ----------
    stretches
        What `lib.analysis.delays.delay_over_time` returns, with p50, p90 and p99.
    """
    chart = (
        alt.Chart(_quantiles_over_time(stretches, zero_ms, scale))
        .mark_line(interpolate="step-after", strokeWidth=1.8)
        .encode(
            x=time_axis("from", "Event time", scale, domain_ms=None, zero_ms=zero_ms),
            y=alt.Y("delay:Q", title="Delay, s", scale=alt.Scale(type="log")),
            color=alt.Color(
                "quantile:N",
                title="Delay not exceeded by",
                sort=list(_QUANTILES.values()),
                scale=alt.Scale(
                    domain=list(_QUANTILES.values()),
                    range=[colours.EVENT_TIME_COLOUR, colours.RECEIVED_TIME_COLOUR, colours.LATE],
                ),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=[
                time_tooltip("from", "From", scale),
                alt.Tooltip("quantile:N", title="Events"),
                alt.Tooltip("delay:Q", title="Delay (s)", format=",.3f"),
                alt.Tooltip("events:Q", title="Events in the stretch", format=","),
            ],
        )
    )
    zoom = alt.selection_interval(name="zoom", bind="scales", encodings=["x"])
    return alt.LayerChart(layer=[chart], height=320).add_params(zoom)


def _quantiles_over_time(stretches: pd.DataFrame, zero_ms: int, scale: TimeScale) -> pd.DataFrame:
    """Return one row a stretch with events and quantile; delays in s, at least `_LEAST_S`."""
    filled = stretches[stretches[delays.EVENTS] > 0]
    drawn = pd.DataFrame(
        {
            "from": drawn_times(filled[delays.FROM], zero_ms, scale),
            "events": filled[delays.EVENTS].to_numpy(),
            **{
                words: np.maximum(filled[name].astype("float64").to_numpy() / 1000, _LEAST_S)
                for name, words in _QUANTILES.items()
            },
        }
    )
    return drawn.melt(["from", "events"], list(_QUANTILES.values()), "quantile", "delay")
