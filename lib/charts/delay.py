"""Charts of delay: its distribution, and how it went over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import altair as alt
import numpy as np
import pandas as pd

from lib.analysis import delays
from lib.charts import colours
from lib.charts.delay_data import FEWEST, SHARES, DelayOverTime, over_time_question
from lib.charts.picture import (
    ABOVE,
    EXTENT_PX,
    FIT,
    OVER_TIME_PX,
    TIME,
    TITLE,
    Picture,
    along,
    delays_up,
    duration_axis,
    gridless,
    picked,
    places,
    stacked,
    zoom,
)
from lib.charts.rows import client_lanes
from lib.charts.texts import drawn_names
from lib.charts.times import TimeScale, drawn_times, time_axis, time_tooltip
from lib.core.blockwise import answered
from lib.core.columns import CLIENT, EVENT_TIME, EVENTS, FROM, RECEIVED_TIME, TO
from lib.core.formatting import counted, delay_text, duration, percent, share_texts
from lib.events.client_names import written

_LEAST_S: Final = 0.0005
"""Where delays of 0 and below are drawn on a log axis, s."""

_BANDS: Final = {
    "to 90 %": ("p50", "p90", colours.RECEIVED_TIME_COLOUR),
    "to 99 %": ("p90", "p99", colours.LATE),
}
"""What the chart calls each band; its ends, columns of `delays.find_over_time`; its colour."""

_LINES: Final = {
    "50 %": ("p50", colours.EVENT_TIME_COLOUR),
    "all": ("max", colours.NEUTRAL),
}
"""Likewise, each line."""

_EVENT: Final = "one event"


def distribution(binned: pd.DataFrame, by: str | None, largest_ms: int) -> Picture:
    """Draw how many events have which delay, and the share with a longer one, on a log axis.

    Parameters
    ----------
    binned
        What `lib.analysis.delays.delay_distribution` returns.
    by
        Its column that tells groups apart; None for the topic as a whole.
    largest_ms
        The largest delay.
    """
    drawn = binned.assign(
        low=np.maximum(binned[FROM] / 1000, _LEAST_S),
        high=binned[TO] / 1000,
        longer=share_texts(binned[delays.LONGER]),
    )
    colour: Any = alt.ColorValue(colours.RECEIVED_TIME_COLOUR)
    if by is not None:
        lanes = client_lanes(binned[by].cat.categories, binned[by].cat.codes.to_numpy())
        drawn["who"] = [written(client) for client in binned[by]]
        colour = alt.Color("who:N", title="Client", scale=colours.client_colours(lanes))
    tooltip = [
        *([alt.Tooltip("who:N", title="Client")] if by is not None else []),
        alt.Tooltip("low:Q", title="Longer than (s)", format=",.3f"),
        alt.Tooltip("high:Q", title="Up to (s)", format=",.3f"),
        alt.Tooltip(f"{EVENTS}:Q", title="Events", format=","),
        alt.Tooltip("longer:N", title="Share longer"),
    ]
    base = alt.Chart(drawn).encode(color=colour, tooltip=tooltip)
    end = float(drawn["high"].max())
    most = float(drawn[delays.SHARE].max())
    shares = _shares(base, 0.9 if by is None else 0.45, most, end)
    chart = stacked([shares, _survival(base, drawn, end)], spacing=16)
    events = int(binned[EVENTS].sum())
    longer = _share_longer(binned, 1000)
    return Picture(
        chart,
        f"Distribution of the delay of {counted(events, 'event')}: {percent(longer)} took longer "
        f"than 1 s; the longest {delay_text(largest_ms)}",
        f"{counted(events, 'event')}; delays of 0 and below are in the first bar. The curve is "
        f"the share of them that took longer, up to the largest delay, {delay_text(largest_ms)}.",
    )


def _share_longer(binned: pd.DataFrame, ms: int) -> float:
    """Return the share of events with a delay beyond a limit that bins end at."""
    beyond = binned.loc[binned[FROM] >= ms, EVENTS].sum()
    return float(beyond / max(binned[EVENTS].sum(), 1))


def _log_delay(field: str, end_s: float, title: str | None) -> alt.X:
    return alt.X(
        field,
        title=title,
        scale=alt.Scale(type="log", domain=[_LEAST_S, end_s], nice=False),
        axis=duration_axis(_LEAST_S, end_s, zero_at=_LEAST_S),
    )


def _shares(base: alt.Chart, opacity: float, most: float, end_s: float) -> alt.Chart:
    chart: alt.Chart = (
        base.mark_rect(opacity=opacity, stroke=None)
        .encode(
            x=_log_delay("low:Q", end_s, None),
            x2=alt.X2("high"),
            y2=alt.datum(0),
            y=alt.Y(
                f"{delays.SHARE}:Q",
                title="Share of events",
                stack=None,
                scale=alt.Scale(domain=[0, 1.05 * most], nice=False),
                axis=alt.Axis(
                    tickCount=4,
                    labelExpr="format(100 * datum.value, '~g') + ' %'",
                    minExtent=EXTENT_PX,
                ),
            ),
        )
        .properties(height=170, title=alt.Title("How many events have which delay", **TITLE))
    )
    return chart


def _survival(base: alt.Chart, drawn: pd.DataFrame, end_s: float) -> alt.Chart:
    least = float(drawn.loc[drawn[delays.LONGER] > 0, delays.LONGER].min())
    decades = int(np.ceil(-np.log10(least))) if least < 1 else 1  # NaN where all have one delay
    low = 10.0**-decades
    chart: alt.Chart = (
        base.transform_filter(f"datum.{delays.LONGER} > 0")
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=_log_delay("high:Q", end_s, "Delay"),
            y=alt.Y(
                f"{delays.LONGER}:Q",
                title="Share longer",
                scale=alt.Scale(type="log", domain=[low, 1], nice=False),
                axis=alt.Axis(
                    values=[10.0**-n for n in range(decades + 1)],
                    tickCount=decades + 1,
                    labelExpr="format(100 * datum.value, '~g') + ' %'",
                    minExtent=EXTENT_PX,
                ),
            ),
        )
        .properties(
            height=44 * max(decades, 3),
            title=alt.Title("How many events take longer", **TITLE),
        )
    )
    return chart


@dataclass(frozen=True)
class Words:
    """What the chart of delay over time calls what it draws."""

    title: str = "Delay over event time"
    across: str = "Event time"
    arrived: str = "Received time"
    client: str = "Client"


_OF_EVENTS: Final = Words()


def over_time(
    events: pd.DataFrame, *, zero_ms: int, scale: TimeScale, words: Words = _OF_EVENTS
) -> Picture:
    """Draw the delay over event time: quantiles of stretches, and every event where there are few.

    Parameters
    ----------
    events
        Rows of the events table with a received time, at least one.
    words
        What its times and clients are called; other words are of no records that can be clicked.
    """
    found = answered(over_time_question(events))
    return drawn_over_time(found, zero_ms=zero_ms, scale=scale, words=words)


def drawn_over_time(
    found: DelayOverTime, *, zero_ms: int, scale: TimeScale, words: Words = _OF_EVENTS
) -> Picture:
    """Draw what `over_time_question` found; the rest as in `over_time`."""
    full, few, width = found.stretches, found.points, found.width_ms
    low = min(found.delay[0], 0) / 1000 * 1.3 - 0.002
    high = max(found.delay[1], 1) / 1000 * 1.3
    margin = max((found.event[1] - found.event[0]) // 100, 1)
    ends = found.event[0] - margin, found.event[1] + margin
    x = gridless(time_axis(TIME, words.across, scale, domain_ms=ends, zero_ms=zero_ms))
    y = alt.Y(
        "delay:Q",
        title="Delay",
        **delays_up(low, high, OVER_TIME_PX),
    )
    colour = _what(bands=bool(len(full)), points=bool(len(few)))
    layers = _bands(full, colour, zero_ms, scale) if len(full) else []
    are_records = len(few) > 0 and words is _OF_EVENTS
    if len(few):
        points = _events(few, colour, zero_ms, scale, words)
        layers.append(points.add_params(picked()) if are_records else points)
    chart = alt.LayerChart(
        layer=[layers[0].encode(x=x, y=y), *layers[1:]],
        height=OVER_TIME_PX,
        autosize=FIT,
        title=alt.Title(words.title, **TITLE),
    )
    return Picture(
        chart.add_params(zoom("x")),
        f"{words.title} of {counted(found.events, 'event')}; the longest is "
        f"{delay_text(found.delay[1])}",
        _over_time_reading(len(few), width, are_bands=bool(len(full))),
        are_records=are_records,
    )


def _over_time_reading(few: int, width_ms: int, *, are_bands: bool) -> str:
    if not are_bands:
        return (
            "The only event is a point." if few == 1 else f"Each of the {few:,} events is a point."
        )
    points = f" Where a stretch has fewer than {FEWEST} events, each is a point." if few else ""
    return (
        f"In each stretch of {duration(width_ms)}, half of the events have no more delay than the "
        "blue line says, 90 % no more than the first band goes up to, 99 % than the second, and "
        f"all no more than the grey line.{points}"
    )


def _bands(
    full: pd.DataFrame, colour: alt.Color, zero_ms: int, scale: TimeScale
) -> list[alt.Chart]:
    quantiles = [delays.quantile_name(share) for share in SHARES]
    told = {
        TIME: drawn_times(full[FROM], zero_ms, scale),
        "end": drawn_times(full[TO], zero_ms, scale),
        "events": full[EVENTS].to_numpy(),
        **{each: full[each].astype("float64").to_numpy() / 1000 for each in quantiles},
    }
    bands = pd.concat(
        pd.DataFrame({**told, "delay": told[low], "top": told[high], "what": name})
        for name, (low, high, _) in _BANDS.items()
    ).astype({"what": "category"})
    tooltip = [
        time_tooltip(TIME, "From", scale),
        time_tooltip("end", "To", scale),
        alt.Tooltip("events:Q", title="Events", format=","),
        *(
            alt.Tooltip(f"{each}:Q", title=f"{_said(each)} up to (s)", format=",.3f")
            for each in quantiles
        ),
    ]
    # The stroke shows a band that has no height.
    band = (
        alt.Chart(bands)
        .mark_rect(opacity=colours.POINT_OPACITY, strokeWidth=1, clip=True)
        .encode(x2=alt.X2("end"), y2=alt.Y2("top"), color=colour, tooltip=tooltip)
    )
    lines = pd.concat(
        pd.DataFrame({**told, "delay": told[quantile], "what": name})
        for name, (quantile, _) in _LINES.items()
    ).astype({"what": "category"})
    line = (
        alt.Chart(lines)
        .mark_rule(strokeWidth=2.5, clip=True)
        .encode(x=along(TIME, scale), x2=alt.X2("end"), y="delay:Q", color=colour, tooltip=tooltip)
    )
    return [band, line]


def _said(quantile: str) -> str:
    return "all" if quantile == "max" else f"{quantile[1:]} %"


def _events(
    few: pd.DataFrame, colour: alt.Color, zero_ms: int, scale: TimeScale, words: Words
) -> alt.Chart:
    [client] = drawn_names(few[CLIENT])
    points = pd.DataFrame(
        {
            TIME: drawn_times(few[EVENT_TIME], zero_ms, scale),
            "received": drawn_times(few[RECEIVED_TIME], zero_ms, scale),
            "delay": (few[RECEIVED_TIME] - few[EVENT_TIME]).to_numpy() / 1000,
            "client": client,
            "what": _EVENT,
            **(places(few) if words is _OF_EVENTS else {}),
        }
    ).astype({"what": "category"})
    chart: alt.Chart = (
        alt.Chart(points)
        .mark_point(size=26, filled=True, opacity=1, clip=True)
        .encode(
            x=along(TIME, scale),
            y=alt.Y("delay:Q"),
            color=colour,
            tooltip=[
                alt.Tooltip("client:N", title=words.client),
                time_tooltip(TIME, words.across, scale),
                time_tooltip("received", words.arrived, scale),
                alt.Tooltip("delay:Q", title="Delay (s)", format=",.3f"),
            ],
        )
    )
    return chart


def _what(*, bands: bool, points: bool) -> alt.Color:
    half, every = _LINES
    told = {half: _LINES[half][1]} if bands else {}
    told |= {name: colour for name, (_, _, colour) in _BANDS.items() if bands}
    told |= {every: _LINES[every][1]} if bands else {}
    told |= {_EVENT: colours.WATERMARK} if points else {}
    return alt.Color(
        "what:N",
        title="Delay not exceeded by",
        scale=alt.Scale(domain=list(told), range=list(told.values())),
        legend=alt.Legend(**ABOVE) if bands else None,
    )
