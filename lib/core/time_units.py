"""Event times: how topics write them, and epoch milliseconds."""

from __future__ import annotations

from lib.core.times.forms import UNITS, Unit
from lib.core.times.reading import (
    FAR_MS,
    FAR_OUTSIDE,
    MISSING,
    NOT_A_TIME,
    READABLE,
    Times,
    event_times,
)
from lib.core.times.recognition import recognise_unit

__all__ = [
    "FAR_MS",
    "FAR_OUTSIDE",
    "MISSING",
    "NOT_A_TIME",
    "READABLE",
    "UNITS",
    "Times",
    "Unit",
    "event_times",
    "recognise_unit",
]
