"""The forms in which topics write times."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal, get_args

Unit = Literal["s", "ms", "us", "ns", "iso"]
"""The common forms: a number of s, ms, µs or ns since 1970, or ISO 8601 text."""

UNITS: Final[tuple[Unit, ...]] = get_args(Unit)

FormName = Literal[
    "s",
    "ms",
    "us",
    "ns",
    "iso",
    "named_month",
    "day_first",
    "month_first",
    "compact",
    "java_array",
    "dotnet_date",
    "mongo_date",
    "seconds_nanos",
    "days",
    "dotnet_ticks",
    "filetime",
    "webkit_us",
    "apple_s",
    "apple_ns",
    "gps_s",
    "ntp_s",
    "excel_days",
    "julian_days",
]
"""What a form is called in the URL."""


@dataclass(frozen=True)
class Form:
    """A form of time.

    Attributes
    ----------
    name
        What it is called in the URL.
    label
        What a page calls it.
    local
        Whether it may lack a zone, so that one has to be chosen.
    unit_ms
        Milliseconds of one count, for numbers; None for text.
    zero_ms
        The epoch ms of count 0, for numbers.
    grain_us
        To how many µs a count with a binary fraction is rounded: what it can hold.
    """

    name: FormName
    label: str
    local: bool = False
    unit_ms: Fraction | None = None
    zero_ms: int = 0
    grain_us: int = 1


_S: Final = Fraction(1000)
_US: Final = Fraction(1, 1000)
_TICK: Final = Fraction(1, 10_000)
_NS: Final = Fraction(1, 1_000_000)
_DAY: Final = Fraction(86_400_000)
_YEAR_1: Final = -62_135_596_800_000
_YEAR_1601: Final = -11_644_473_600_000
_YEAR_1900: Final = -2_208_988_800_000
_EXCEL: Final = -2_209_161_600_000  # 1899-12-30: Excel has a 29 February 1900
_GPS: Final = 315_964_800_000  # 1980-01-06
_YEAR_2001: Final = 978_307_200_000
_JULIAN: Final = -210_866_760_000_000  # noon of 24 November 4714 BC

FORMS: Final[dict[FormName, Form]] = {
    form.name: form
    for form in (
        Form("s", "seconds", unit_ms=_S),
        Form("ms", "milliseconds", unit_ms=Fraction(1)),
        Form("us", "microseconds", unit_ms=_US),
        Form("ns", "nanoseconds", unit_ms=_NS),
        Form("iso", "ISO 8601, year first", local=True),
        Form("named_month", "month by name: HTTP, mail, Apache, ctime", local=True),
        Form("day_first", "day/month/year", local=True),
        Form("month_first", "month/day/year", local=True),
        Form("compact", "digits: yyyymmddhhmmss", local=True),
        Form("java_array", "Java array [y,m,d,h,m,s,ns]", local=True),
        Form("dotnet_date", "/Date(ms)/"),
        Form("mongo_date", '{"$date": …}'),
        Form("seconds_nanos", "{seconds, nanos}"),
        Form("days", "days since 1970", unit_ms=_DAY, grain_us=100),
        Form("dotnet_ticks", ".NET ticks: 100 ns since year 1", False, _TICK, _YEAR_1, 100),
        Form("filetime", "Windows, LDAP: 100 ns since 1601", False, _TICK, _YEAR_1601, 10),
        Form("webkit_us", "Chrome: microseconds since 1601", False, _US, _YEAR_1601, 10),
        Form("apple_s", "Apple: seconds since 2001", False, _S, _YEAR_2001),
        Form("apple_ns", "Apple: nanoseconds since 2001", False, _NS, _YEAR_2001),
        Form("gps_s", "GPS: seconds since 1980, with leap seconds", False, _S, _GPS),
        Form("ntp_s", "NTP: seconds since 1900", False, _S, _YEAR_1900),
        Form("excel_days", "Excel: days since 1900", True, _DAY, _EXCEL, 100),
        Form("julian_days", "Julian days", False, _DAY, _JULIAN, 1000),
    )
}
"""Every form, the common ones first."""

NUMBERS: Final[tuple[Form, ...]] = tuple(f for f in FORMS.values() if f.unit_ms is not None)
"""The forms that are numbers counted from an epoch."""
