"""The time axis: since zero, UTC or local; the same switch for every chart."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import altair as alt
import numpy as np
import pandas as pd

from lib.core.columns import MISSING_TIME
from lib.core.moments import Times

if TYPE_CHECKING:
    import numpy.typing as npt


class TimeScale(StrEnum):
    """How times are written on an axis."""

    ZERO = "zero"
    UTC = "utc"
    LOCAL = "local"


_TICKS: Final = {
    "year": "%Y",
    "quarter": "%b %Y",
    "month": "%b %Y",
    "week": "%-d %b",
    "date": "%-d %b",
    "day": "%-d %b",
    "hours": "%H:%M",
    "minutes": "%H:%M",
    "seconds": "%H:%M:%S",
    "milliseconds": "%H:%M:%S.%L",
}
"""How ticks are written, by what they fall on: in full, for one that is read alone."""

_ACROSS: Final = "width / 95"
_UPRIGHT: Final = "height / 40"
"""How many ticks an axis has, as Vega reads it."""

_EXACT: Final = "%Y-%m-%d %H:%M:%S.%L"


def drawn_times(
    epoch_ms: npt.NDArray[np.int64] | pd.Series, zero_ms: int, scale: TimeScale
) -> pd.Series:
    """Return times as the axis wants them: seconds since zero (float64) or UTC datetimes.

    A missing time is NaN or NaT, which is not drawn.
    """
    ms = np.asarray(epoch_ms, dtype=np.int64)
    missing = ms == MISSING_TIME
    known = np.where(missing, zero_ms, ms) if missing.any() else ms
    if scale is TimeScale.ZERO:
        return pd.Series((known - zero_ms) / 1000.0).mask(missing)
    return pd.Series(pd.to_datetime(known, unit="ms", utc=True)).mask(missing)


def time_axis(
    field: str,
    title: str,
    scale: TimeScale,
    *,
    domain_ms: tuple[int, int],
    zero_ms: int,
    upright: bool = False,
) -> alt.X:
    """Return the x channel of a time `field`, its unit in the title.

    `domain_ms` is the visible stretch, epoch ms; the title says its days. There are so few ticks
    that each has its label: of labels that are left out for want of room, odd ones may stay.
    `upright`: whether the axis goes up.
    """
    if scale is TimeScale.ZERO:
        seconds = [(ms - zero_ms) / 1000.0 for ms in domain_ms]
        return alt.X(
            field=field,
            type="quantitative",
            title=f"{title}, s since zero",
            scale=alt.Scale(domain=seconds, nice=False, zero=False),
        )
    zone = "UTC" if scale is TimeScale.UTC else "your time zone"
    # The server does not know the days of the viewer's zone.
    days = Times(zero_ms).days(*domain_ms) if scale is TimeScale.UTC else ""
    return alt.X(
        field=field,
        type="temporal",
        title=f"{title}, {zone}{', ' if days else ''}{days}",
        axis=alt.Axis(format=_TICKS, tickCount=alt.ExprRef(_UPRIGHT if upright else _ACROSS)),
        scale=alt.Scale(
            type="utc" if scale is TimeScale.UTC else "time",
            domain=[_iso(ms) for ms in domain_ms],
            nice=False,
        ),
    )


def _iso(epoch_ms: int) -> str:
    """Return a moment as Vega-Lite reads it in a domain, where it takes a number for a year."""
    return pd.Timestamp(epoch_ms, unit="ms", tz="UTC").isoformat()


def time_tooltip(field: str, title: str, scale: TimeScale) -> alt.Tooltip:
    """Return the tooltip line of a time `field`."""
    if scale is TimeScale.ZERO:
        return alt.Tooltip(field=field, type="quantitative", title=f"{title} (s)", format=",.3f")
    if scale is TimeScale.LOCAL:
        return alt.Tooltip(field=field, type="temporal", title=title, format=_EXACT)
    # Without a UTC time unit a tooltip is in the viewer's zone, whatever the axis says.
    # "binned": the values stay as they are, to the millisecond.
    return alt.Tooltip(
        field=field,
        type="temporal",
        timeUnit="binnedutcyearmonthdatehoursminutesseconds",
        title=f"{title}, UTC",
        format=_EXACT,
    )
