"""Charts of what delay is made of: per client, and over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import altair as alt
import numpy as np
import pandas as pd

from lib.analysis import delay_parts
from lib.analysis.delay_parts import DelayPart
from lib.charts import colours
from lib.charts.picture import ABOVE, FIT, OVER_TIME_PX, TIME, TITLE, delays_up
from lib.charts.texts import drawn_names
from lib.charts.times import TimeScale, drawn_times, time_axis, time_tooltip
from lib.core.columns import CLIENT, EVENTS, FROM, TO

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_CLIENTS: Final = 40
"""Clients in one chart: those with the longest parts."""

WORDS: Final = {
    DelayPart.BUFFERING: "before it was sent",
    DelayPart.NETWORK: "network, and sending again",
    DelayPart.CLOCK: "clock and fastest transit",
    DelayPart.PIPELINE: "collector to broker",
}
"""What a chart calls each part."""

_COLOURS: Final = {
    DelayPart.BUFFERING: colours.EVENT_TIME_COLOUR,
    DelayPart.NETWORK: colours.RECEIVED_TIME_COLOUR,
    DelayPart.CLOCK: colours.NEUTRAL,
    DelayPart.PIPELINE: colours.WATERMARK,
}

_SHARES: Final = {"p50": "half", "p90": "90 %", "p99": "99 %"}


@dataclass(frozen=True)
class PartsChart:
    """The chart, and how many of the topic's clients it shows."""

    chart: alt.Chart
    shown: int
    clients: int


def per_client(by_client: pd.DataFrame, share: str = "p50") -> PartsChart:
    """Draw the parts of each client's delay beside one another, the longest clients first.

    Quantiles of parts do not add up to that of the delay: each part has bars of its own.

    Parameters
    ----------
    by_client
        `lib.analysis.delay_parts.DelayParts.by_client`.
    share
        Its column to draw.
    """
    longest = by_client[share].abs().groupby(by_client[CLIENT], observed=True).max()
    chosen = longest.nlargest(MOST_CLIENTS).index
    rows = by_client[by_client[CLIENT].isin(chosen)]
    order = {client: place for place, client in enumerate(chosen)}
    drawn = pd.DataFrame(
        {
            "client": drawn_names(rows[CLIENT])[0],
            "place": [order[client] for client in rows[CLIENT]],
            "part": _words(rows[delay_parts.PART]),
            "seconds": rows[share].to_numpy() / 1000,
            "events": rows[EVENTS].to_numpy(),
        }
    )
    told = [part for part in DelayPart if WORDS[part] in set(drawn["part"])]
    chart: alt.Chart = (
        alt.Chart(drawn)
        .mark_bar()
        .encode(
            x=alt.X("seconds:Q", title=f"{_SHARES[share]} of the events, no more than, s"),
            y=alt.Y(
                "client:N", title="Client", sort=alt.EncodingSortField("place", order="ascending")
            ),
            yOffset=alt.YOffset("part:N", sort=[WORDS[part] for part in told]),
            color=_colour(told),
            tooltip=[
                alt.Tooltip("client:N", title="Client"),
                alt.Tooltip("part:N", title="Part"),
                alt.Tooltip("seconds:Q", title=f"No more for {_SHARES[share]} (s)", format=",.3f"),
                alt.Tooltip("events:Q", title="Events", format=","),
            ],
        )
        .properties(
            height=alt.Step(8),
            title=alt.Title(f"What the delay of each client is made of, {_SHARES[share]}", **TITLE),
        )
    )
    return PartsChart(chart, len(chosen), len(longest))


def over_time(
    stretches: pd.DataFrame, *, zero_ms: int, scale: TimeScale, share: str = "p90"
) -> alt.Chart:
    """Draw a quantile of each part over event time.

    On an axis that is linear around 0 and logarithmic beyond: a clock's part may be below zero.

    Parameters
    ----------
    stretches
        `lib.analysis.delay_parts.DelayParts.over_time`.
    share
        Its column to draw.
    """
    drawn = pd.DataFrame(
        {
            TIME: drawn_times(stretches[FROM], zero_ms, scale),
            "part": _words(stretches[delay_parts.PART]),
            "seconds": stretches[share].to_numpy() / 1000,
            "events": stretches[EVENTS].to_numpy(),
        }
    )
    low = min(float(drawn["seconds"].min()), 0.0) * 1.2 - 0.05
    high = max(float(drawn["seconds"].max()), 0.1) * 1.2
    ends = int(stretches[FROM].min()), int(stretches[TO].max())
    told = [part for part in DelayPart if WORDS[part] in set(drawn["part"])]
    chart: alt.Chart = (
        alt.Chart(drawn)
        .mark_line(interpolate="step-after", strokeWidth=1.8)
        .encode(
            x=time_axis(TIME, "Event time", scale, domain_ms=ends, zero_ms=zero_ms),
            y=alt.Y(
                "seconds:Q",
                title="Part of the delay",
                **delays_up(low, high, OVER_TIME_PX, linear_s=0.1),
            ),
            color=_colour(told),
            tooltip=[
                time_tooltip(TIME, "From", scale),
                alt.Tooltip("part:N", title="Part"),
                alt.Tooltip("seconds:Q", title=f"No more for {_SHARES[share]} (s)", format=",.3f"),
                alt.Tooltip("events:Q", title="Events in the stretch", format=","),
            ],
        )
        .properties(
            height=OVER_TIME_PX,
            autosize=FIT,
            title=alt.Title(f"{_SHARES[share]} of the events had no more, over time", **TITLE),
        )
    )
    return chart


def _words(parts: pd.Series) -> pd.Categorical:
    names = [WORDS[DelayPart(part)] for part in parts.cat.categories]
    return pd.Categorical(np.array(names, object)[parts.cat.codes], categories=names)


def _colour(told: Sequence[DelayPart]) -> alt.Color:
    return alt.Color(
        "part:N",
        title="Part of the delay",
        sort=[WORDS[part] for part in told],
        scale=alt.Scale(
            domain=[WORDS[part] for part in told], range=[_COLOURS[part] for part in told]
        ),
        legend=alt.Legend(**ABOVE, labelLimit=0),
    )
