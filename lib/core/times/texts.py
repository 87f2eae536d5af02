"""Times as text: what each form looks like, and its parts put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.durations import DAY_MS
from lib.core.times.forms import FORMS
from lib.core.times.numbers import from_number_text
from lib.core.times.patterns import (
    DAY_AND_MONTH,
    FAST_ISO,
    JAVA_ARRAY,
    JAVA_NANOS,
    WRITTEN,
    YEAR_FIRST,
)
from lib.core.times.values import (
    UnplacedTimes,
    matches,
    put_together,
    to_numpy,
    values_of,
)
from lib.core.times.zones import find_zone, is_zone, to_instants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from lib.core.times.forms import FormName

    Parts = Mapping[str, pa.Array]

_LARGEST_OFFSET: Final = 18 * 60  # minutes, as Java has it
_PIECE: Final = 1 << 16
MARGIN: Final = " \t\r\n\"'"  # Connect writes headers as JSON, so with quotes

_MONTHS: Final = pa.array(
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
)

ABBREVIATIONS: Final = {
    "UTC": 0, "GMT": 0, "UT": 0, "Z": 0, "WET": 0, "WEST": 60, "CET": 60, "CEST": 120, "EET": 120,
    "EEST": 180, "MSK": 180, "JST": 540, "EDT": -240, "EST": -300, "CDT": -300, "MDT": -360,
    "MST": -420, "PDT": -420, "PST": -480, "AKDT": -480, "AKST": -540, "HST": -600, "BRT": -180,
    "ART": -180, "WAT": 60, "CAT": 120, "SAST": 120, "EAT": 180, "PKT": 300, "NPT": 345, "WIB": 420,
    "HKT": 480, "SGT": 480, "AWST": 480, "KST": 540, "ACST": 570, "ACDT": 630, "AEST": 600,
    "AEDT": 660, "NZST": 720, "NZDT": 780,
}  # fmt: skip
"""Those of one offset, by RFC 5322 and usage, in minutes. CST, IST, BST and others mean several."""


def read_text(text: pa.Array, form: FormName) -> UnplacedTimes:
    """Return the times that strings, none of them null, hold in a form that is text."""
    if form == "iso":
        return _read_iso(text)
    trimmed = pc.utf8_trim(text, MARGIN)
    patterns, put = _patterns(trimmed, form), _PUT.get(form, _on_calendar)
    return _read(trimmed, patterns, put)


def day_and_month(text: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first and the second number of dates such as 01/02/2024; 0 of other strings."""
    found = pc.extract_regex(pc.utf8_trim(text, MARGIN), DAY_AND_MONTH)
    first, second = (pc.fill_null(pc.struct_field(found, name), "0") for name in ("A", "B"))
    return first.cast(pa.int64()).to_numpy(), second.cast(pa.int64()).to_numpy()


def _patterns(trimmed: pa.Array, form: FormName) -> tuple[str, ...]:
    if form == "java_array" and not matches(trimmed, JAVA_NANOS).any():
        return (JAVA_ARRAY.replace("<nanos>", "<millis>"),)
    return WRITTEN[form]


def _read(
    text: pa.Array, patterns: Sequence[str], put: Callable[[Parts], UnplacedTimes]
) -> UnplacedTimes:
    """Read each string by the first pattern that it matches, a piece at a time."""
    parts = []
    for start in range(0, len(text), _PIECE):
        rest = np.arange(start, min(start + _PIECE, len(text)))
        for pattern in patterns:
            found = pc.extract_regex(text.take(pa.array(rest)), pattern)
            matched = to_numpy(found.is_valid())
            if matched.any():
                found = found.filter(pa.array(matched))
                named = zip((field.name for field in found.type), found.flatten(), strict=True)
                parts.append((rest[matched], put(dict(named))))
            rest = rest[~matched]
            if not len(rest):
                break
    return put_together(len(text), parts)


def _read_iso(text: pa.Array) -> UnplacedTimes:
    """Read what is ISO 8601 throughout with Arrow's fast reader, else the odd rest slowly."""
    whole = _cast(text)
    if whole is not None:
        return whole
    text = pc.utf8_trim(text, MARGIN)
    rest = np.ones(len(text), bool)
    parts = []
    for pattern in FAST_ISO:
        rows = np.flatnonzero(matches(text, pattern))
        part = _cast(text.take(pa.array(rows))) if len(rows) else None
        if part is not None:
            parts.append((rows, part))
            rest[rows] = False
    rows = np.flatnonzero(rest)
    parts.append((rows, _read(text.take(pa.array(rows)), YEAR_FIRST, _on_calendar)))
    return put_together(len(text), parts)


def _cast(text: pa.Array) -> UnplacedTimes | None:
    some = text.take(pa.array(sorted({0, len(text) // 2, len(text) - 1}))) if len(text) else text
    for unit, per_ms in (("us", 1000), ("ns", 1_000_000)):
        for zone in ("UTC", None):
            kind = pa.timestamp(unit, zone)
            try:
                some.cast(kind)  # a failure costs more than a success, and grows with the column
                counts = text.cast(kind).cast(pa.int64()).to_numpy()
            except pa.ArrowInvalid:  # offsets missing or not wanted, more digits, or no times
                continue
            local = np.full(len(text), zone is None)
            return values_of(counts // per_ms, np.ones(len(text), bool), local)
    return None


def _on_calendar(parts: Parts) -> UnplacedTimes:
    days, date_ok = _days(parts)
    clock_ms, clock_ok = _clock_ms(parts)
    return _in_zone(days * DAY_MS + clock_ms, date_ok & clock_ok, parts)


def _whole(parts: Parts, name: str) -> NDArray[np.int64]:
    """Return a part as whole numbers; 0 where it is not written."""
    if name not in parts:
        return np.zeros(len(parts["year"]), np.int64)
    text = pc.if_else(pc.equal(parts[name], ""), "0", parts[name])
    numbers: NDArray[np.int64] = text.cast(pa.int64()).to_numpy()
    return numbers


def _written(parts: Parts, name: str) -> NDArray[np.bool_]:
    return to_numpy(pc.not_equal(parts[name], ""))


def _first_days(months: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the days since 1970 of the firsts of months, counted from January 1970."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _days(parts: Parts) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return dates as days since 1970, and which are on the calendar."""
    year = _whole(parts, "year")
    short = to_numpy(pc.equal(pc.utf8_length(parts["year"]), 2))
    year = np.where(short, year + np.where(year < 69, 2000, 1900), year)  # as POSIX has it
    new_year = _first_days((year - 1970) * 12)
    if "ordinal" in parts:
        days = new_year + _whole(parts, "ordinal") - 1
        return days, (days >= new_year) & (days < _first_days((year - 1969) * 12))
    if "week" in parts:
        days = _first_monday(new_year) + 7 * _whole(parts, "week") + _whole(parts, "weekday") - 8
        end = _first_monday(_first_days((year - 1969) * 12))
        return days, (days >= _first_monday(new_year)) & (days < end)
    month = _month(parts)
    ok = (month >= 1) & (month <= 12)
    months = np.where(ok, (year - 1970) * 12 + month - 1, 0)
    days = _first_days(months) + _whole(parts, "day") - 1
    return days, ok & (days >= _first_days(months)) & (days < _first_days(months + 1))


def _first_monday(new_year: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the Monday of ISO week 1, the week of 4 January. Day 0 was a Thursday."""
    fourth = new_year + 3
    return fourth - (fourth + 3) % 7


def _month(parts: Parts) -> NDArray[np.int64]:
    if parts["month"][0].as_py().isdigit():
        return _whole(parts, "month")
    name = pc.utf8_lower(pc.utf8_slice_codeunits(parts["month"], 0, 3))
    number: NDArray[np.int64] = pc.index_in(name, _MONTHS).to_numpy()
    return number.astype(np.int64) + 1


def _clock_ms(parts: Parts) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return times of day as milliseconds, and which are on the clock.

    24:00 is the end of the day. A leap second, 23:59:60, is the second behind it, as POSIX has it.
    """
    hour, minute, second = (_whole(parts, name) for name in ("hour", "minute", "second"))
    ok = (hour < 24) | ((hour == 24) & (minute == 0) & (second == 0))
    ok &= (minute < 60) & ((second < 60) | ((second == 60) & (minute == 59)))
    if "half" in parts:
        half = pc.utf8_lower(parts["half"])
        noon, written = to_numpy(pc.equal(half, "p")), _written(parts, "half")
        ok &= ~written | ((hour >= 1) & (hour <= 12))
        hour = np.where(written, hour % 12 + 12 * noon, hour)
    ms = _whole(parts, "millis") + _whole(parts, "nanos") // 1_000_000
    if "fraction" in parts:
        digits = pc.utf8_rpad(parts["fraction"], 3, "0")
        ms = pc.utf8_slice_codeunits(digits, 0, 3).cast(pa.int64()).to_numpy()
    return ((hour * 60 + minute) * 60 + second) * 1000 + ms, ok


def _in_zone(ms: NDArray[np.int64], ok: NDArray[np.bool_], parts: Parts) -> UnplacedTimes:
    """Take the written offset off; an offset wins over a name, as Java has it."""
    if "offset" not in parts:
        return values_of(ms, ok, np.ones(len(ms), bool))
    offset = _written(parts, "offset")
    known = offset | _written(parts, "utc")
    minutes = _offset_minutes(parts["offset"]) if offset.any() else 0
    if "abbreviation" not in parts:
        return values_of(ms - minutes * 60_000, ok & (np.abs(minutes) <= _LARGEST_OFFSET), ~known)
    abbreviated = _written(parts, "abbreviation") & ~known
    unknown = abbreviated
    if abbreviated.any():
        size, unknown = _abbreviated_minutes(parts["abbreviation"])
        unknown &= abbreviated
        minutes = minutes + np.where(abbreviated, size, 0)
    ok = ok & (np.abs(minutes) <= _LARGEST_OFFSET)
    local = ~known & (~abbreviated | unknown)
    found = UnplacedTimes(ms - minutes * 60_000, ok, local, unknown, *np.zeros((2, len(ms)), bool))
    for name in ("zone", "place"):
        rows = np.flatnonzero(_written(parts, name) & ~known)
        if len(rows):
            found = _at_places(found, rows, parts[name])
    return found


def _offset_minutes(text: pa.Array) -> NDArray[np.int64]:
    text = pc.replace_substring(text, ":", "")
    negative = to_numpy(pc.not_equal(pc.utf8_slice_codeunits(text, 0, 1), "+"))
    hours, minutes = (
        pc.utf8_rpad(pc.utf8_slice_codeunits(text, at, at + 2), 2, "0").cast(pa.int64()).to_numpy()
        for at in (1, 3)
    )
    size = np.where(minutes < 60, hours * 60 + minutes, _LARGEST_OFFSET + 1)
    found: NDArray[np.int64] = np.where(to_numpy(pc.equal(text, "")), 0, size)
    return np.where(negative, -found, found)


def _abbreviated_minutes(text: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the offsets that abbreviations mean, 0 where they mean several, and which do."""
    place = pc.index_in(pc.utf8_upper(text), pa.array(ABBREVIATIONS))
    unknown = to_numpy(place.is_null())
    sizes = np.array([*ABBREVIATIONS.values()])[pc.fill_null(place, 0).to_numpy()]
    return np.where(unknown, 0, sizes), unknown


def _at_places(found: UnplacedTimes, rows: NDArray[np.int64], names: pa.Array) -> UnplacedTimes:
    """Return `found` with the times of some rows taken as local times of the zones named there."""
    ms, ok, local, _, ambiguous, nonexistent = (np.array(part) for part in vars(found).values())
    local[rows] = False
    codes = names.take(pa.array(rows)).dictionary_encode()
    for code, name in enumerate(codes.dictionary.to_pylist()):
        same = rows[codes.indices.to_numpy() == code]
        if not is_zone(name):
            ok[same] = False
            continue
        instants = to_instants(ms[same], find_zone(name))
        ms[same] = instants.ms
        ambiguous[same], nonexistent[same] = instants.ambiguous, instants.nonexistent
    return UnplacedTimes(ms, ok, local, found.unknown_zone, ambiguous, nonexistent)


def _mongo(parts: Parts) -> UnplacedTimes:
    iso = _written(parts, "iso")
    number = pc.if_else(pc.equal(parts["ms"], ""), parts["long"], parts["ms"])
    each = ((iso, parts["iso"], _read_iso), (~iso, number, _read_ms))
    rows = [(np.flatnonzero(mask), text, read) for mask, text, read in each if mask.any()]
    found = [(at, read(text.take(pa.array(at)))) for at, text, read in rows]
    return put_together(len(iso), found)


def _read_ms(text: pa.Array) -> UnplacedTimes:
    return from_number_text(text, FORMS["ms"])


def _seconds_nanos(parts: Parts) -> UnplacedTimes:
    seconds = parts["seconds"].cast(pa.int64()).to_numpy()
    nanos = pc.if_else(pc.equal(parts["nanos"], ""), "0", parts["nanos"]).cast(pa.int64())
    ms = seconds * 1000 + nanos.to_numpy() // 1_000_000
    return values_of(ms, np.ones(len(ms), bool))


_PUT: Final[dict[FormName, Callable[[Parts], UnplacedTimes]]] = {
    "dotnet_date": lambda parts: _read_ms(parts["ms"]),
    "mongo_date": _mongo,
    "seconds_nanos": _seconds_nanos,
}
