"""One session in detail: each event a line from when it happened to when it arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt
import numpy as np
import pandas as pd

from lib.charts import colours
from lib.charts.picture import FIT, TIME, TITLE, Picture, along, picked, places, zoom
from lib.charts.times import TimeScale, drawn_times, time_axis, time_tooltip
from lib.core.columns import EVENT_TIME, RECEIVED_TIME, SEQUENCE
from lib.core.formatting import counted, delay_text, duration

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_LINES: Final = 1_500
"""Events drawn of a longer session: late ones first, so that bursts are whole, then some others."""

_LATE: Final = 2
"""An event with more than this multiple of the session's median delay is late here."""

_HAPPENED: Final = "happened"
_ARRIVED: Final = "arrived"


def session_fan(session: pd.DataFrame, *, name: str, zero_ms: int, scale: TimeScale) -> Picture:
    """Draw the events of one session: happened above, arrived below, a line between.

    Upright lines came at once; a flushed buffer is a fan that closes where the burst arrived.

    Parameters
    ----------
    session
        Rows of the events table: the events of one session, at least one, with received times.
    name
        What the session is called.
    """
    shown, left_out = _shown(session)
    ends = pd.concat([shown[EVENT_TIME], shown[RECEIVED_TIME]])
    margin = int(ends.max() - ends.min()) // 50 + 1  # or the frame would cut the outermost events
    domain = (int(ends.min()) - margin, int(ends.max()) + margin)
    level = alt.Y(
        "above:O",
        title=None,
        scale=alt.Scale(domain=[_HAPPENED, _ARRIVED]),
        axis=alt.Axis(grid=False),
    )
    lines = _lines(shown, zero_ms, scale)
    base = alt.Chart(lines).encode(tooltip=_tooltip(scale, numbered="number" in lines))
    line = base.mark_rule(color=colours.NEUTRAL, opacity=0.6).encode(
        x=time_axis(TIME, "Time", scale, domain_ms=domain, zero_ms=zero_ms),
        x2=alt.X2("received"),
        y=level,
        y2=alt.Y2("below"),
    )
    happened = base.mark_circle(color=colours.EVENT_TIME_COLOUR, size=40).encode(
        x=along(TIME, scale), y=level
    )
    arrived = base.mark_square(color=colours.RECEIVED_TIME_COLOUR, size=40).encode(
        x=along("received", scale), y=alt.Y("below:O")
    )
    chart = alt.LayerChart(
        layer=[line, happened, arrived],
        height=150,
        autosize=FIT,
        title=alt.Title("When events happened, and arrived", **TITLE),
    )
    delay = session[RECEIVED_TIME] - session[EVENT_TIME]
    return Picture(
        chart.add_params(zoom("x"), picked()),
        f"{counted(len(session), 'event')} of session {name}, each from when it happened to when "
        f"it arrived; the largest delay is {delay_text(int(delay.max()))}",
        f"A line is an event: upright where it came at once. {left_out}".strip(),
        are_records=True,
    )


def _shown(session: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return the events to draw, and the sentence that says what is left out."""
    if len(session) <= MOST_LINES:
        return session.sort_values(EVENT_TIME), ""
    delay = (session[RECEIVED_TIME] - session[EVENT_TIME]).to_numpy()
    limit = _LATE * max(float(np.median(delay)), 1.0)
    late, others = np.flatnonzero(delay > limit), np.flatnonzero(delay <= limit)
    kept = _spread(late, MOST_LINES)
    some = _spread(others, MOST_LINES - len(kept))
    if len(late):
        all_of = "All" if len(kept) == len(late) else f"{len(kept):,} of the"
        drawn = (
            f"{all_of} {len(late):,} events with more than {duration(limit)} of delay, twice the "
            f"median, are drawn, and {len(some):,} of the {len(others):,} others, evenly spread."
        )
    else:
        drawn = f"{len(some):,} of the {len(others):,} events are drawn, evenly spread."
    return session.iloc[np.concatenate((kept, some))].sort_values(EVENT_TIME), drawn


def _spread(places: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    """Return so many of the places at most, evenly spread, the first and the last among them."""
    if len(places) <= number:
        return places
    return places[np.linspace(0, len(places) - 1, number).astype(np.int64)]


def _lines(shown: pd.DataFrame, zero_ms: int, scale: TimeScale) -> pd.DataFrame:
    """Return what the chart draws of events, one row each."""
    lines = pd.DataFrame(
        {
            TIME: drawn_times(shown[EVENT_TIME], zero_ms, scale),
            "received": drawn_times(shown[RECEIVED_TIME], zero_ms, scale),
            "delay": (shown[RECEIVED_TIME] - shown[EVENT_TIME]).to_numpy() / 1000,
            "above": _HAPPENED,
            "below": _ARRIVED,
            **places(shown),
        }
    )
    if SEQUENCE in shown:
        lines["number"] = shown[SEQUENCE].astype("float64").to_numpy()
    return lines


def _tooltip(scale: TimeScale, *, numbered: bool) -> list[alt.Tooltip]:
    return [
        *([alt.Tooltip("number:Q", title="Event")] if numbered else []),
        time_tooltip(TIME, "Happened", scale),
        time_tooltip("received", "Arrived", scale),
        alt.Tooltip("delay:Q", title="Delay (s)", format=",.3f"),
    ]
