"""Python that reads event times of each form, for PySpark."""

from __future__ import annotations

from datetime import timedelta
from math import log10
from string import Template
from typing import TYPE_CHECKING, Final

from lib.core.times.forms import FORMS
from lib.core.times.texts import ABBREVIATIONS, MARGIN
from lib.core.times.zones import find_zone
from lib.replay.code import GPS_LEAP_MS, has_parts, patterns_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lib.core.times.forms import Form, FormName
    from lib.replay.code import Names


def python_time(names: Names) -> tuple[str, str]:
    """Return how PySpark reads the event time.

    Returns
    -------
    tuple
        Functions to define, which need `IMPORTS`, or nothing; and an expression for the time in
        epoch ms, with `text` for what is written.
    """
    if names.time_place == "timestamp":
        return "", 'F.unix_millis("timestamp")'
    form = FORMS[names.form]
    if form.unit_ms is not None:
        ms = _number(form)
        if not names.is_all_local:
            return "", ms
        return _zone(names) + _LOCAL, f'F.udf(local_ms, "bigint")({ms})'
    functions = _zone(names) + _written(names)
    if not names.is_all_local:
        return functions, 'F.udf(epoch_ms, "bigint")(text)'
    return functions + _LOCAL, 'F.udf(local_ms, "bigint")(F.udf(epoch_ms, "bigint")(text))'


def _number(form: Form) -> str:
    """Return an expression for a number that counts from an epoch, down to the millisecond.

    Decimals have 38 digits: of days, fifteen behind the point, of the others six.
    """
    unit = form.unit_ms or 1
    zero = form.zero_ms - (GPS_LEAP_MS if form.name == "gps_s" else 0)
    digits = 15 if unit > 1_000 else 6
    ms = f'text.try_cast("decimal(29, {digits})")'
    if unit >= 1:  # a binary fraction
        factor = f" * {unit.numerator}" if unit > 1 else ""
        ms = f"F.round({ms}{factor}, {3 - round(log10(form.grain_us))})"
    else:
        ms += f" / {unit.denominator}"
    return f'F.floor({ms}).try_cast("bigint")' + (f" + {zero}" if zero else "")


def _zone(names: Names) -> str:
    """Return lines with the zone on whose clocks times are that name none."""
    offset = find_zone(names.clock).utcoffset(None)
    if offset is None:
        return f"\nZONE = ZoneInfo({names.clock!r})\n{_EPOCH}"
    minutes = offset // timedelta(minutes=1)
    return f"\nZONE = timezone(timedelta(minutes={minutes}))\n{_EPOCH}"


def _written(names: Names) -> str:
    """Return the function `epoch_ms` for texts, and those that it needs."""
    number = _NUMBERS.get(names.form, "")
    body = f"    return {number}\n"
    if has_parts(names.form):
        body = _PARTS.substitute(
            number=f'    if "year" not in part:\n        return {number}\n' if number else "",
            offsets=repr(ABBREVIATIONS),
            zone="timezone.utc" if names.is_all_local else "ZONE",
            # Where a zone was chosen, a name that means several is passed over.
            several="" if names.zone is None else " or name not in OFFSETS",
        )
    patterns = "".join(f"    r'{pattern}',\n" for pattern in patterns_of(names.form))
    return _TEXT.substitute(patterns=patterns, margin=repr(MARGIN), body=body)


IMPORTS: Final = """\
import re
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

"""
"""What the functions use."""

_NUMBERS: Final[Mapping[FormName, str]] = {
    "dotnet_date": 'int(part["ms"])',
    "mongo_date": 'int(part["ms"] or part["long"])',
    "seconds_nanos": 'int(part["seconds"]) * 1000 + int(part.get("nanos") or 0) // 1_000_000',
}
_EPOCH: Final = "EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)\n"
_LOCAL: Final = """

def local_ms(ms):
    \"\"\"Return when the clocks of the zone showed a time, given as though they were at UTC.\"\"\"
    try:
        shown = (EPOCH + timedelta(milliseconds=ms)).replace(tzinfo=ZONE)
    except (ArithmeticError, TypeError):
        return None
    return (shown - EPOCH) // timedelta(milliseconds=1)
"""
_TEXT: Final = Template("""\
PATTERNS = (
$patterns)


def epoch_ms(text):
    \"\"\"Return the time that a text says, by the first pattern that fits; None if none does.\"\"\"
    for pattern in PATTERNS:
        found = re.fullmatch(pattern, (text or "").strip($margin), re.ASCII)
        if found:
            try:
                return ms_of(found.groupdict(""))
            except (ArithmeticError, LookupError, OSError, ValueError):
                return None
    return None


def ms_of(part):
    \"\"\"Return the time that the parts of a text say, in epoch ms.\"\"\"
$body""")
_PARTS: Final = Template("""\
$number    year, hour, minute, second, nanos = (
        int(part.get(name) or 0) for name in ("year", "hour", "minute", "second", "nanos")
    )
    if len(part["year"]) == 2:
        year += 2000 if year < 69 else 1900
    half = part.get("half", "").lower()
    if (hour, minute, second) > (24, 0, 0) or minute > 59 or second > 59 + (minute == 59):
        raise ValueError("not on the clock")
    if half and not 1 <= hour <= 12:
        raise ValueError("not on the clock")
    if half:
        hour = hour % 12 + 12 * (half == "p")
    ms = int(part.get("fraction", "").ljust(3, "0")[:3])
    ms += nanos if len(part.get("nanos", "")) < 4 else nanos // 1_000_000
    day = datetime(*day_of(year, part).timetuple()[:3], tzinfo=zone_of(part))
    clock = timedelta(hours=hour, minutes=minute, seconds=second, milliseconds=ms)
    return (day + clock - EPOCH) // timedelta(milliseconds=1)


def day_of(year, part):
    \"\"\"Return the date.\"\"\"
    if "ordinal" in part:
        day = date(year, 1, 1) + timedelta(days=int(part["ordinal"]) - 1)
        if day.year != year:
            raise ValueError("not in the year")
        return day
    if "week" in part:
        return date.fromisocalendar(year, int(part["week"]), int(part["weekday"]))
    month = part["month"][:3].lower()
    months = "jan feb mar apr may jun jul aug sep oct nov dec".split()
    return date(year, int(month) if month.isdigit() else months.index(month) + 1, int(part["day"]))


OFFSETS = $offsets


def zone_of(part):
    \"\"\"Return the zone that is written, an offset before a name, or that was chosen.\"\"\"
    offset = part.get("offset", "").replace("\\u2212", "-").replace(":", "")
    if offset:
        hours, minutes = int(offset[1:3]), int(offset[3:] or 0)
        if minutes > 59 or hours * 60 + minutes > 18 * 60:
            raise ValueError("no offset")
        size = timedelta(hours=hours, minutes=minutes)
        return timezone(size if offset[0] == "+" else -size)
    if part.get("utc"):
        return timezone.utc
    if part.get("zone") or part.get("place"):
        return ZoneInfo(part["zone"] or part["place"])
    name = part.get("abbreviation", "").upper()
    if not name$several:
        return $zone
    return timezone(timedelta(minutes=OFFSETS[name]))  # of others several zones are called so
""")
