"""A stretch brushed in a chart becomes the time window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from lib.charts.comparison import BRUSHES, TIME
from lib.events.table import TimeDomain
from lib.ui.time_window import show_stretch

if TYPE_CHECKING:
    from collections.abc import Callable


def brushed_window(chart: str, zero_ms: int) -> Callable[[], None]:
    """Return the callback that makes the stretch brushed in the chart of that key the window."""

    def set_window() -> None:
        selected = st.session_state[chart].selection
        for clock, name in BRUSHES.items():
            if TIME in selected.get(name, {}):
                ends = [_seconds(value, zero_ms) for value in selected[name][TIME]]
                show_stretch(TimeDomain(clock), min(ends), max(ends))

    return set_window


def _seconds(value: float, zero_ms: int) -> float:
    """Return a place on the time axis in seconds since zero; datetimes come as epoch ms."""
    return (value - zero_ms) / 1000 if abs(value) > 1e10 else value
