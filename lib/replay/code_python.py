"""Python that reads event times of each form, for PySpark."""

from __future__ import annotations

from string import Template
from textwrap import indent
from typing import TYPE_CHECKING, Final

from lib.core.times.forms import FORMS
from lib.replay.code import GPS_LEAP_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lib.core.times.forms import FormName
    from lib.replay.code import Names


def python_time(names: Names) -> tuple[str, str]:
    """Return how PySpark reads the event time.

    Returns
    -------
    tuple
        A function to define, which needs `IMPORTS`, or nothing; and an expression for the time,
        with `text` for what is written.
    """
    if names.time_place == "timestamp":
        return "", 'F.col("timestamp")'
    form = FORMS[names.form]
    zero = form.zero_ms - (GPS_LEAP_MS if names.form == "gps_s" else 0)
    if form.unit_ms is None or (form.local and names.zone):
        body = Template(_BODIES.get(names.form, _LOCAL_NUMBER)).substitute(
            number=_scaled(names.form), zero=zero
        )
        function = _FUNCTION.substitute(body=indent(body, " " * 8), zone=repr(names.zone or "UTC"))
        return function, 'F.timestamp_millis(F.udf(epoch_ms, "bigint")(text))'
    ms = f'F.floor(text.cast("decimal(29, 6)"){_scaled(names.form)}).cast("bigint")'
    return "", f"F.timestamp_millis({ms}{f' + {zero}' if zero else ''})"


def _scaled(form: FormName) -> str:
    """Return what makes a number of the form milliseconds, to put behind it."""
    unit = FORMS[form].unit_ms or 1
    factor = f" * {unit.numerator}" if unit.numerator > 1 else ""
    return factor + (f" / {unit.denominator}" if unit.denominator > 1 else "")


IMPORTS: Final = """\
import json
import math
import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

"""
"""What the function uses."""

_FUNCTION: Final = Template("""
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def epoch_ms(text):
    \"\"\"Return the time that a text says; None where it says none.\"\"\"
    try:
$body
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=ZoneInfo($zone))
    return (found - EPOCH) // timedelta(milliseconds=1)
""")
_BODIES: Final[Mapping[FormName, str]] = {
    "iso": "found = datetime.fromisoformat(text.strip())",
    "named_month": """\
text = re.sub(r"^[A-Za-z]{3},? ", "", text.strip()).replace("GMT", "+0000")
for pattern in ("%d %b %Y %H:%M:%S %z", "%d/%b/%Y:%H:%M:%S %z", "%b %d %H:%M:%S %Y"):
    try:
        found = datetime.strptime(text, pattern)
        break
    except ValueError:
        found = None""",
    "day_first": """\
day, month, year, *clock = map(int, re.findall(r"\\d+", text)[:6])
found = datetime(year, month, day, *clock)""",
    "month_first": """\
month, day, year, *clock = map(int, re.findall(r"\\d+", text)[:6])
found = datetime(year, month, day, *clock)""",
    "compact": """\
found = datetime.strptime((text.strip() + "0" * 12)[:20], "%Y%m%d%H%M%S%f")""",
    "java_array": """\
*parts, nanos = (json.loads(text) + [0] * 7)[:7]
found = datetime(*parts, nanos // 1000)""",
    "dotnet_date": """\
found = EPOCH + timedelta(milliseconds=int(re.search(r"-?\\d+", text)[0]))""",
    "mongo_date": """\
date = json.loads(text)["$$date"]
if isinstance(date, str):
    found = datetime.fromisoformat(date)
else:
    ms = int(date["$$numberLong"]) if isinstance(date, dict) else date
    found = EPOCH + timedelta(milliseconds=ms)""",
    "seconds_nanos": """\
parts = json.loads(text)
found = EPOCH + timedelta(
    seconds=int(parts["seconds"]), microseconds=int(parts.get("nanos", 0)) // 1000
)""",
}
_LOCAL_NUMBER: Final = """\
ms = math.floor(Decimal(text)$number) + $zero
found = datetime(1970, 1, 1) + timedelta(milliseconds=ms)"""
