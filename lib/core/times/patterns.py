"""What times as text look like: regular expressions whose groups name their parts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lib.core.times.forms import FormName

_MONTH: Final = (
    r"(?P<month>(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?))"
)
_WEEKDAY: Final = r"(?:(?i:mon|tue|wed|thu|fri|sat|sun)[a-zA-Z]*\.?,?\s+)?"
_HALF: Final = r"(?:[\s\x{a0}\x{202f}]*(?P<half>[AaPp])\.?[Mm]\.?)?"
# Basic or extended, as ISO 8601 has it; and as people write it.
_ISO_CLOCK: Final = (
    r"(?P<hour>\d\d)(?::?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?)?"
)
_CLOCK: Final = (
    r"(?P<hour>\d\d?)[:.](?P<minute>\d\d)(?:[:.](?P<second>\d\d)(?:[.,:](?P<fraction>\d+))?)?"
)
# +01:00, Z, UTC, GMT+0100, and behind an offset, or alone, a name: [Europe/Berlin], CET, (Central
# European Time). Go adds its monotonic clock.
_OFFSET: Final = r"\s*(?P<utc>[Zz]|(?i:UTC|GMT|UT))?\s*(?P<offset>[+\x{2212}-]\d\d(?::?\d\d)?)?"
_ZONE: Final = (
    rf"{_OFFSET}\s*(?:\[(?P<zone>[A-Za-z0-9_/+:-]+)\]|(?P<place>[A-Z][A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+)"
    r"|(?P<abbreviation>[A-Za-z]{2,5}|[+-]\d{2,4})|\([^)]*\))?(?:\s+m=[+-]\S+)?"
)

# As in names of files. Without it -04 of 03-04-10 would be an offset.
_DASHED_CLOCK: Final = (
    r"(?P<hour>\d\d)[_-](?P<minute>\d\d)[_-](?P<second>\d\d)(?:[.,](?P<fraction>\d+))?"
)

YEAR_FIRST: Final = (
    rf"^(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d)[Tt _]{_DASHED_CLOCK}{_ZONE}$",
    rf"^(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d)[Tt _]\s*{_ISO_CLOCK}{_HALF}{_ZONE}$",
    (
        r"^(?P<year>\d{4})[/.-](?P<month>\d\d?)[/.-](?P<day>\d\d?)"
        rf"(?:[T,\s-]\s*{_CLOCK}{_HALF}{_ZONE}|[Zz])?$"
    ),
    rf"^(?P<year>\d{{4}})(?P<month>\d\d)(?P<day>\d\d)[Tt ]{_ISO_CLOCK}{_ZONE}$",
    rf"^(?P<year>\d{{4}})-?W(?P<week>\d\d)-?(?P<weekday>[1-7])(?:[Tt ]{_ISO_CLOCK}{_ZONE})?$",
    rf"^(?P<year>\d{{4}})-?(?P<ordinal>\d{{3}})[Tt ]{_ISO_CLOCK}{_ZONE}$",
    r"^(?P<year>\d{4})-(?P<ordinal>\d{3})$",
)
_NAMED_MONTH: Final = (
    (
        rf"^\[?{_WEEKDAY}(?P<day>\d\d?)[\s/.-]+{_MONTH}[\s/.,-]+(?P<year>\d{{4}}|\d\d)"
        rf"(?:[\s:,T]+{_CLOCK}{_HALF}{_ZONE})?\]?$"
    ),
    rf"^{_WEEKDAY}{_MONTH}\.?\s+(?P<day>\d\d?),?\s+{_CLOCK}{_HALF}{_ZONE},?\s+(?P<year>\d{{4}})$",
    (
        rf"^{_WEEKDAY}{_MONTH}\.?\s+(?P<day>\d\d?)(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}})"
        rf"(?:[\s,]+(?:(?:at|@)\s+)?{_CLOCK}{_HALF}{_ZONE})?$"
    ),
    rf"^(?P<year>\d{{4}})[\s/-]{_MONTH}[\s/-](?P<day>\d\d?)(?:[\s:,T]+{_CLOCK}{_HALF}{_ZONE})?$",
)
DAY_AND_MONTH: Final = (
    rf"^{_WEEKDAY}(?P<A>\d\d?)[/.-](?P<B>\d\d?)[/.-](?P<year>\d{{4}})"
    rf"(?:[T,\s]\s*{_CLOCK}{_HALF}{_ZONE})?$"
)
_COMPACT: Final = (
    r"^(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)(?:(?P<hour>\d\d)(?P<minute>\d\d)"
    rf"(?:(?P<second>\d\d)(?:[.,]?(?P<fraction>\d{{1,9}}))?)?)?{_OFFSET}$"
)
JAVA_NANOS: Final = r"^\[(?:\s*\d+\s*,){6}\s*\d{4,9}\s*\]$"
JAVA_ARRAY: Final = (
    r"^\[\s*(?P<year>\d{4})\s*,\s*(?P<month>\d\d?)\s*,\s*(?P<day>\d\d?)(?:\s*,\s*(?P<hour>\d\d?)"
    r"\s*,\s*(?P<minute>\d\d?)(?:\s*,\s*(?P<second>\d\d?)(?:\s*,\s*(?P<nanos>\d{1,9}))?)?)?\s*\]$"
)
_DOTNET_DATE: Final = r"^\\?/Date\((?P<ms>[+-]?\d{1,18})(?:[+-]\d{4})?\)\\?/$"
_MONGO: Final = (
    r'^\{\s*"\$date"\s*:\s*(?:"(?P<iso>[^"]*)"|(?P<ms>-?\d{1,18})'
    r'|\{\s*"\$numberLong"\s*:\s*"?(?P<long>-?\d{1,18})"?\s*\})\s*\}$'
)
_SECONDS: Final = r'"_?(?i:seconds?|epoch_?seconds?|secs?)"\s*:\s*"?(?P<seconds>-?\d{1,15})"?'
_NANOS: Final = r'"_?(?i:nanos?|nano_?seconds?|nsecs?)"\s*:\s*"?(?P<nanos>\d{1,9})"?'
_SECONDS_NANOS: Final = (
    rf"^\{{\s*{_SECONDS}\s*(?:,\s*{_NANOS}\s*)?\}}$",
    rf"^\{{\s*{_NANOS}\s*,\s*{_SECONDS}\s*\}}$",
)

_STAMP: Final = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?"
FAST_ISO: Final = (_STAMP + r"(?:Z|[+-]\d\d(?::?\d\d)?)$", _STAMP + "$", r"^\d{4}-\d\d-\d\d$")

PATTERNS: Final[dict[FormName, tuple[str, ...]]] = {
    "named_month": _NAMED_MONTH,
    "compact": (_COMPACT,),
    "java_array": (JAVA_ARRAY,),
    "dotnet_date": (_DOTNET_DATE,),
    "mongo_date": (_MONGO,),
    "seconds_nanos": _SECONDS_NANOS,
}
WRITTEN: Final[Mapping[FormName, tuple[str, ...]]] = {
    "iso": YEAR_FIRST,
    "day_first": (DAY_AND_MONTH.replace("<A>", "<day>").replace("<B>", "<month>"),),
    "month_first": (DAY_AND_MONTH.replace("<A>", "<month>").replace("<B>", "<day>"),),
    **PATTERNS,
}
"""What each form that is text is read by: the first pattern that matches."""


def _look(*patterns: str) -> str:
    """Return one pattern for what any of them matches."""
    return "|".join(re.sub(r"\(\?P<\w+>", "(?:", pattern) for pattern in patterns)


ISO_LOOK: Final = (
    r"^\d{4}(?:[/.-]\d\d?[/.-]\d\d?(?:[^\d]|$)|-?W\d\d-?[1-7]|\d{4}[Tt ]\d\d|-?\d{3}[Tt ]\d\d)"
)
DAY_AND_MONTH_LOOK: Final = _look(DAY_AND_MONTH)
LOOKS: Final[dict[FormName, str]] = {form: _look(*of) for form, of in PATTERNS.items()}
"""What text in a form looks like, ISO 8601 and days and months in either order apart."""
