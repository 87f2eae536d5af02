"""The time window: its slider, and what becomes of it when the topic grows or is another one."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import streamlit as st

from lib.events.table import TimeDomain, TimeWindow
from lib.ui import parameters
from lib.ui.held import answer_of
from lib.ui.inputs.switch import switch

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from lib.core.moments import Times
    from lib.loading.load import LoadedTopic

_SHORT_S: Final = 60
_LONG_S: Final = 90 * 86_400

Stretch = tuple[float, float]
"""Both ends, seconds since zero."""

CLOCKS: Final[Mapping[str, str]] = {
    TimeDomain.EVENT: "Event time",
    TimeDomain.RECEIVED: "Received time",
}
"""Clocks that a window can be on → what the sidebar and the URL call them."""


@dataclass(frozen=True)
class HeldWindow:
    """What the slider showed in the last run: of which topic, its ends, and the chosen stretch."""

    topic: tuple[str, str]
    domain: Stretch
    chosen: Stretch
    times: Times | None = None
    """How the slider wrote them."""

    @property
    def is_whole(self) -> bool:
        """Whether everything was chosen."""
        return self.chosen == self.domain


def next_window(
    held: HeldWindow | None, topic: tuple[str, str], domain: Stretch, wanted: Stretch | None
) -> Stretch | None:
    """Return what the slider is to show.

    Parameters
    ----------
    held
        What it showed in the last run; None in the first.
    topic
        Source and name of the topic that is shown now.
    domain
        Both ends of the slider now.
    wanted
        What the slider holds, or in the first run the link; None where there is neither.

    Returns
    -------
    (float, float) or None
        Rising, inside `domain`. Everything where everything was chosen, also of a topic that has
        grown or is another one; else the chosen stretch; everything where none of it is left.
        None: everything.
    """
    if wanted is None:
        is_held = held is not None and held.topic == topic and not held.is_whole
        return _inside(held.chosen, domain) if held is not None and is_held else None
    if held is not None and held.is_whole and wanted == held.chosen:
        return domain
    return _inside(wanted, domain)


def _inside(stretch: Stretch, domain: Stretch) -> Stretch:
    low, high = sorted(stretch)
    if high < domain[0] or low > domain[1]:
        return domain
    return max(low, domain[0]), min(high, domain[1])


def choose_window(
    topic: tuple[str, str], ends: Stretch, times: Times, *, has_received_time: bool
) -> TimeWindow:
    """Draw the clock and the slider, and return the window that they make.

    Parameters
    ----------
    topic
        Its source and name.
    ends
        Its first and last second since zero, on either clock.
    """
    clock = TimeDomain.EVENT
    if has_received_time:
        clock = TimeDomain(
            switch(
                "The time window applies to",
                CLOCKS,
                parameters.CLOCK,
                help="Event time: shows what happened in the window. Received time: shows what "
                "arrived in it.",
            )
        )
    domain, step = _slider_domain(*ends)
    held: HeldWindow | None = st.session_state.get(parameters.HELD_WINDOW)
    times = _steady(times, domain)
    shown = next_window(held, topic, domain, _wanted(held)) or domain
    start, end = _slider(shown, domain, step, times)
    st.session_state[parameters.HELD_WINDOW] = HeldWindow(topic, domain, (start, end), times)
    if (start, end) == domain:
        parameters.drop(parameters.WINDOW)
        return TimeWindow(clock)
    parameters.put(
        parameters.WINDOW, *(f"{end:.3f}".rstrip("0").rstrip(".") for end in (start, end))
    )
    return TimeWindow(clock, start, end)


def _wanted(held: HeldWindow | None) -> Stretch | None:
    """Return what the link, the slider or `show_stretch` asks for; None where nothing does."""
    if parameters.WANTED_WINDOW in st.session_state:
        wanted: Stretch = st.session_state.pop(parameters.WANTED_WINDOW)
        return wanted
    if held is None:
        return _linked()
    moved = st.session_state.get(parameters.WINDOW.name)
    if moved is None or moved == _as_drawn(held.chosen, held.times):
        return None if moved is None else held.chosen  # exactly, whatever the slider can show
    low, high = (_since_zero(end, held.times) for end in moved)
    return low, high


def _steady(times: Times, domain: Stretch) -> Times:
    """Return how the slider writes times: in UTC where clocks of the zone are set meanwhile."""
    if times.zone is None:
        return times
    low, high = (times.zero_ms + round(1000 * end) for end in domain)
    passed = times.wall_clock(high) - times.wall_clock(low)
    is_steady = passed == dt.timedelta(milliseconds=high - low)
    return times if is_steady else replace(times, zone="UTC")


def _linked() -> Stretch | None:
    """Return the stretch that the link has; None where it has none that can be used."""
    try:
        start, end = map(float, parameters.get_all(parameters.WINDOW))
    except ValueError:
        return None
    return (start, end) if math.isfinite(start) and math.isfinite(end) else None


def _slider(shown: Stretch, domain: Stretch, step: float, times: Times) -> Stretch:
    """Draw the slider, dates where times are dates; return the stretch that it shows."""
    key, drawn = parameters.WINDOW.name, _as_drawn(shown, times)
    if st.session_state.get(key, drawn) != drawn:
        st.session_state[key] = drawn
    low, high = _as_drawn(domain, times)
    ends_ms = [times.zero_ms + round(1000 * end) for end in domain]
    if times.zone is None:
        title, form = "Time window, s since zero", f"%.{max(0, -round(math.log10(step)))}f"
    else:
        title = f"Time window, {times.zone}, {times.days(*ends_ms)}"
        form = _date_format(domain[1] - domain[0], one_day=low.date() == high.date())
    st.slider(
        title,
        low,
        high,
        drawn,
        step=step if times.zone is None else dt.timedelta(seconds=step),
        format=form,
        key=key,
        help="Only what lies between the two ends is shown, on every page; the link keeps it. "
        "Findings, outages and what engines would do are always found on the whole topic.",
    )
    return shown


def _date_format(span_s: float, *, one_day: bool) -> str:
    """Return how the slider writes its ends, as moment.js has it."""
    if span_s < _SHORT_S:
        return "HH:mm:ss.SSS"
    if one_day:
        return "HH:mm:ss"
    return "D MMM HH:mm" if span_s < _LONG_S else "D MMM YYYY"


def _as_drawn(stretch: Stretch, times: Times | None) -> tuple[Any, Any]:
    """Return a stretch as the slider takes it: seconds, or datetimes without a zone."""
    if times is None or times.zone is None:
        return stretch
    return tuple(times.wall_clock(times.zero_ms + round(1000 * end)) for end in stretch)  # type: ignore[return-value]


def _since_zero(drawn: float | dt.datetime, times: Times | None) -> float:
    if times is None or not isinstance(drawn, dt.datetime):
        return float(drawn)  # type: ignore[arg-type]
    return (times.epoch_ms(drawn) - times.zero_ms) / 1000


def show_stretch(clock: TimeDomain, start_s: float, end_s: float) -> None:
    """Make a stretch the window; only in a callback, before the slider is drawn."""
    st.session_state[parameters.CLOCK.name] = clock
    st.session_state[parameters.WANTED_WINDOW] = (round(start_s, 3), round(end_s, 3))


def show_all_time() -> None:
    """Make the whole topic the window; only in a callback."""
    st.session_state[parameters.WANTED_WINDOW] = (-math.inf, math.inf)


def _slider_domain(first_s: float, last_s: float) -> tuple[Stretch, float]:
    """Return both ends of the slider, and a step of a power of ten that cuts it finely enough."""
    step = max(0.001, 10.0 ** math.floor(math.log10(max(last_s - first_s, 0.001) / 500)))
    low = math.floor(first_s / step) * step
    high = max(math.ceil(last_s / step) * step, low + step)
    return (round(low, 3), round(high, 3)), step  # times are whole milliseconds


def extent_of(topic: LoadedTopic) -> Stretch:
    """Return the first and last second since zero of a topic's events, on either clock."""
    return answer_of(("extent", topic.version), lambda: _extent(topic.events.table))


def _extent(table: pd.DataFrame) -> Stretch:
    columns = [table[clock.seconds].to_numpy() for clock in TimeDomain]
    return float(np.nanmin(np.fmin(*columns))), float(np.nanmax(np.fmax(*columns)))
