"""How moments are written: with date and zone, or in seconds since zero."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import pandas as pd

from lib.core.errors import SettingsError

_SHORT_MS: Final = 10_000
"""A shorter stretch is told with milliseconds."""

YEAR_1990: Final = 631_152_000_000
YEAR_2100: Final = 4_102_444_800_000
"""Between these, epoch ms, lie the times of our age."""

_LAST_DATE_MS: Final = 253_370_764_800_000  # 9999-01-01, the last year of Python's own datetimes


def is_of_our_age(ms: float) -> bool:
    """Return whether a time is between 1990 and 2100."""
    return YEAR_1990 <= ms < YEAR_2100


def are_dates(first_ms: float, last_ms: float) -> bool:
    """Return whether the times of a topic are dates; if not, they count from some zero."""
    return last_ms >= YEAR_1990 and abs(first_ms) < _LAST_DATE_MS > last_ms


def moment_ms(text: str) -> int:
    """Return a moment such as 2018-10-28T11:35, UTC unless it says otherwise, or epoch ms.

    Raises
    ------
    SettingsError
        When it is none.
    """
    if text.isdecimal() and len(text) > len("20181028"):
        return int(text)
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"{text!r} is no moment.", "Write it as 2018-10-28T11:35 (UTC), or in epoch ms."
        ) from None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return round(zoned.timestamp() * 1000)


@dataclass(frozen=True)
class Times:
    """How moments are written.

    Attributes
    ----------
    zero_ms
        The topic's zero, epoch ms.
    zone
        The time zone; None: seconds since zero.
    """

    zero_ms: int
    zone: str | None = "UTC"

    def moment(self, epoch_ms: int, *, exactly: bool = False) -> str:
        """Return a moment: "23:18:38 UTC, 19 Dec 2018", or "3,918.000 s"; with ms if exactly."""
        if self.zone is None:
            return f"{(epoch_ms - self.zero_ms) / 1000:,.3f} s".replace("-", "−")
        time = self._local(epoch_ms)
        clock = _with_ms(time) if exactly else _in_seconds(time)
        return f"{clock} {self.zone}, {_date(time)}"

    def cell(self, epoch_ms: int) -> str:
        """Return a moment for a table whose head has the zone: "2018-12-19 23:18:38.120"."""
        if self.zone is None:
            return f"{(epoch_ms - self.zero_ms) / 1000:,.3f}"
        time = self._local(epoch_ms)
        return f"{time:%Y-%m-%d} {_with_ms(time)}"

    def stretch(self, start_ms: int, end_ms: int) -> str:
        """Return a stretch: "23:18:38–23:29:15 UTC, 19 Dec 2018", "66.1–131.2 s since zero".

        Of one that begins and ends at once, the moment.
        """
        if start_ms == end_ms:
            return self.moment(start_ms, exactly=True)
        is_short = end_ms - start_ms < _SHORT_MS
        if self.zone is None:
            decimals = 3 if is_short else 1
            low, high = ((ms - self.zero_ms) / 1000 for ms in (start_ms, end_ms))
            dash = "–" if low >= 0 else " to "
            return f"{low:,.{decimals}f}{dash}{high:,.{decimals}f} s since zero".replace("-", "−")
        start, end = self._local(start_ms), self._local(end_ms)
        clock_of = _with_ms if is_short else _in_seconds
        if start.date() == end.date():
            return f"{clock_of(start)}–{clock_of(end)} {self.zone}, {_date(start)}"
        return f"{_date(start)}, {clock_of(start)} to {_date(end)}, {clock_of(end)} {self.zone}"

    def days(self, first_ms: int, last_ms: int) -> str:
        """Return the days of a stretch: "19 Dec 2018", "19–20 Dec 2018"; "" since zero."""
        if self.zone is None:
            return ""
        first, last = self._local(first_ms), self._local(last_ms)
        if first.date() == last.date():
            return _date(first)
        if (first.year, first.month) == (last.year, last.month):
            return f"{first.day}–{_date(last)}"
        if first.year == last.year:
            return f"{first.day} {first:%b} – {_date(last)}"
        return f"{_date(first)} – {_date(last)}"

    def wall_clock(self, epoch_ms: int) -> dt.datetime:
        """Return what a clock in the zone shows at a moment, without the zone."""
        return self._local(epoch_ms).tz_localize(None).to_pydatetime()

    def epoch_ms(self, wall_clock: dt.datetime) -> int:
        """Return when a clock in the zone shows a time; of two such moments the second."""
        time = pd.Timestamp(wall_clock).tz_localize(
            self.zone, ambiguous=False, nonexistent="shift_forward"
        )
        return int(time.timestamp() * 1000 + 0.5)

    def _local(self, epoch_ms: int) -> pd.Timestamp:
        return pd.Timestamp(epoch_ms, unit="ms", tz="UTC").tz_convert(self.zone)


def _date(time: pd.Timestamp) -> str:
    return f"{time.day} {time:%b %Y}"


def _in_seconds(time: pd.Timestamp) -> str:
    return f"{time:%H:%M:%S}"


def _with_ms(time: pd.Timestamp) -> str:
    return f"{time:%H:%M:%S}.{time.microsecond // 1000:03d}"
