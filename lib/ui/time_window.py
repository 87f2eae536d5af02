"""The time window: its slider, and what becomes of it when the topic grows or is another one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st

from lib.events.table import TimeDomain
from lib.ui import parameters
from lib.ui.switch import switch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lib.loading.load import LoadedTopic

Stretch = tuple[float, float]
"""Both ends, seconds since zero."""

CLOCKS: Final[Mapping[str, str]] = {
    TimeDomain.EVENT: "Event time",
    TimeDomain.RECEIVED: "Received time",
}
"""Clocks that a window can be on → what the sidebar and the URL call them."""


@dataclass(frozen=True)
class TimeWindow:
    """The visible stretch: seconds since zero on one clock, both ends included."""

    clock: TimeDomain
    start_s: float
    end_s: float


@dataclass(frozen=True)
class HeldWindow:
    """What the slider showed in the last run: of which topic, its ends, and the chosen stretch."""

    topic: tuple[str, str]
    domain: Stretch
    chosen: Stretch

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
        What the widget holds; None where it was not drawn in the last run.

    Returns
    -------
    (float, float) or None
        Rising, inside `domain`. Everything where everything was chosen, also of a topic that has
        grown or is another one; else the chosen stretch; everything where none of it is left.
        None: what the link says, or else everything.
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


def choose_window(source: str, topic: LoadedTopic) -> TimeWindow:
    """Draw the clock and the slider, and return the window that they make."""
    clock = TimeDomain.EVENT
    if topic.events.has_received_time:
        clock = TimeDomain(switch("Window on", CLOCKS, parameters.CLOCK))
    domain, step = _slider_domain(*extent_of(topic))
    key, name = parameters.WINDOW.name, (source, topic.report.topic)
    held: HeldWindow | None = st.session_state.get(parameters.HELD_WINDOW)
    shown = next_window(held, name, domain, st.session_state.get(key))
    if shown is not None:
        st.session_state[key] = shown
    chosen = st.slider(
        "Time window, s since zero",
        *domain,
        domain,
        step=step,
        format=f"%.{max(0, -round(math.log10(step)))}f",
        key=key,
        bind="query-params",
        help="Zero is the event time of the first record.",
    )
    start, end = sorted(chosen)  # a link may have them the wrong way round
    st.session_state[parameters.HELD_WINDOW] = HeldWindow(name, domain, (start, end))
    if (start, end) == domain:
        return TimeWindow(clock, -math.inf, math.inf)
    return TimeWindow(clock, start, end)


def show_stretch(clock: TimeDomain, start_s: float, end_s: float) -> None:
    """Make a stretch the window; only in a callback, before the slider is drawn."""
    st.session_state[parameters.CLOCK.name] = clock
    st.session_state[parameters.WINDOW.name] = (round(start_s, 3), round(end_s, 3))


def _slider_domain(first_s: float, last_s: float) -> tuple[Stretch, float]:
    """Return both ends of the slider, and a step of a power of ten that cuts it finely enough."""
    step = 10.0 ** math.floor(math.log10(max(last_s - first_s, 0.001) / 500))
    low = math.floor(first_s / step) * step
    return (low, max(math.ceil(last_s / step) * step, low + step)), step


def extent_of(topic: LoadedTopic) -> Stretch:
    """Return the first and last second since zero of a topic's events, on either clock."""
    return _extent(topic.version, topic)


@st.cache_data(max_entries=16, show_spinner=False)
def _extent(version: object, _topic: LoadedTopic) -> Stretch:  # noqa: ARG001
    table = _topic.events.table
    columns = [table[clock.seconds].to_numpy() for clock in TimeDomain]
    return float(np.nanmin(np.fmin(*columns))), float(np.nanmax(np.fmax(*columns)))
