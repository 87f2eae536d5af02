"""Durations as people type them, and written so that they can be typed again."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

MINUTE_MS: Final = 60_000
QUARTER_HOUR_MS: Final = 15 * MINUTE_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
YEAR_MS: Final = 365.25 * DAY_MS

_UNITS_MS: Final = {"ms": 1, "s": 1000, "min": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_SPELLINGS: Final = {
    "ms": ("ms", "msec", "millisecond", "milliseconds"),
    "s": ("s", "sec", "secs", "second", "seconds"),
    "min": ("m", "min", "mins", "minute", "minutes"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "d": ("d", "day", "days"),
}
_UNIT_OF: Final = {name: _UNITS_MS[unit] for unit, names in _SPELLINGS.items() for name in names}
_PART: Final = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})\s*([A-Za-z]*)")

MOST_MS: Final = 36_500 * DAY_MS
"""A hundred years: what is longer is a mistake."""


def duration_ms(text: str, *, unit: str = "s") -> int | None:
    """Return the milliseconds that a text says; None where it says no duration.

    Parameters
    ----------
    text
        For example `26 s`, `250ms`, `1.5 min`, `1h 30m`, `0`: units from milliseconds to days, the
        larger first.
    unit
        What a number alone counts: `ms`, `s`, `min`, `h` or `d`.

    Examples
    --------
    >>> duration_ms("1.5 min"), duration_ms("26"), duration_ms("soon")
    (90000, 26000, None)
    """
    total, place, before = Decimal(0), 0, MOST_MS
    text = text.strip()
    while place < len(text):
        found = _PART.match(text, place)
        if found is None:
            return None
        number, name = found[1], found[2].lower()
        alone = place == 0 and found.end() == len(text)
        size = _UNITS_MS[unit] if not name and alone else _UNIT_OF.get(name, 0)
        if not 0 < size < before:
            return None
        total, place, before = total + Decimal(number) * size, found.end(), size
    if not text or total != int(total) or total > MOST_MS:
        return None
    return int(total)


def written_ms(ms: int) -> str:
    """Return a duration of whole milliseconds, exactly: what `duration_ms` reads as the same.

    Examples
    --------
    >>> written_ms(26_500), written_ms(90_000), written_ms(930_000), written_ms(250)
    ('26.5 s', '90 s', '15 min 30 s', '250 ms')
    """
    if 0 < ms < 1000:
        return f"{ms} ms"
    parts = []
    for unit in ("d", "h", "min"):
        if ms >= 2 * _UNITS_MS["min"]:
            number, ms = divmod(ms, _UNITS_MS[unit])
            parts += [f"{number} {unit}"] if number else []
    if ms or not parts:
        parts.append(f"{Decimal(ms) / 1000} s")
    return " ".join(parts)
