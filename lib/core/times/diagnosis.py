"""What is wrong with times as a whole, judged by other times of the same records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from lib.core.durations import DAY_MS, MINUTE_MS, QUARTER_HOUR_MS, YEAR_MS
from lib.core.formatting import duration
from lib.core.moments import is_of_our_age
from lib.core.times.forms import FORMS, FormName
from lib.core.times.recognition import other_epoch
from lib.core.times.zones import WHATEVER_IS_WRITTEN

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NEARLY_ALL: Final = 0.9
_HALF: Final = 0.5
_FAR_YEARS: Final = 10
_AHEAD_MS: Final = 1000
_FAR_AHEAD_MS: Final = 5 * MINUTE_MS

# The offsets from UTC that zones have or had in this century, in quarter hours; the IANA database.
_OFFSETS: Final = np.array(
    [
        *(4 * hour for hour in range(-12, 15) if hour),
        *(-38, -18, -14, -10, 14, 18, 22, 23, 26, 34, 35, 38, 39, 42, 46, 51, 55),
    ]
)


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with event times as a whole, and what would set it right.

    Attributes
    ----------
    kind
        "equal": all are the same. "dates": none has a time of day. "epoch": they are counted in
        another unit or from another epoch. "single": they, or the received times, were held in
        single precision, which cannot tell times of our age. "far": they are decades off, and no
        form known explains it. "zone": they are off by the offset of a zone. "future": all are
        ahead otherwise. "ahead": all are, by less than a unit or a zone explains, or most are,
        those of nearly all clients.
    sentence
        It in words, true as it stands, with what to do.
    form
        The form to read them in; only of "epoch".
    zone
        The offset that the clock had on which they were read, such as +01:00, to be chosen, or a
        place that has it; with `WHATEVER_IS_WRITTEN` behind it where times name their zone, wrongly
        then. Only of "zone".
    received_zone
        The same of the received times, where it is they that lack their zone, or one of both.
    of_received
        Whether it is the received times that are wrong. Only of "single".
    """

    kind: Literal["equal", "dates", "epoch", "single", "far", "zone", "future", "ahead"]
    sentence: str
    form: FormName | None = None
    zone: str | None = None
    received_zone: str | None = None
    of_received: bool = False

    @property
    def tells_nothing(self) -> bool:
        """Whether no figure can be made of such times: they hardly say when events were."""
        return self.kind in ("equal", "dates", "epoch", "single")


@dataclass(frozen=True)
class ComparedTimes:
    """Event times beside another time of the same records, in numbers; epoch ms and ms.

    Attributes
    ----------
    records
        How many have both.
    median, reference_median
        Of the event times, and of the other.
    first, last, reference_first, reference_last
        The smallest and the largest of each.
    at_midnight, reference_at_midnight
        Whether all are at midnight UTC.
    least_ahead
        The least by which an event time is ahead of the other.
    ahead
        How many event times are ahead of the other by what `notably_ahead` says.
    unit, reference_unit
        How finely each is written: it may be too early by that.
    """

    records: int
    median: float
    reference_median: float
    first: int
    last: int
    reference_first: int
    reference_last: int
    at_midnight: bool
    reference_at_midnight: bool
    least_ahead: int
    ahead: int
    unit: int = 1
    reference_unit: int = 1

    @property
    def years_after(self) -> float:
        """By how many years event times are after the other."""
        return (self.median - self.reference_median) / YEAR_MS

    @property
    def years_off(self) -> str:
        """How far they are off, in words."""
        years = self.years_after
        return f"{abs(years):.1f} years {'before' if years < 0 else 'after'}"


@dataclass(frozen=True)
class Offset:
    """The offset of a zone that clients may share, and how much speaks for it.

    Attributes
    ----------
    ms
        The offset, and the median of how far clients are ahead when not held back.
    clients, records
        The share of each that is ahead by this offset, to within a minute.
    ahead
        The share of the clients that are ahead, whatever by, by what `notably_ahead` says.
    """

    ms: int
    middle: float
    clients: float
    records: float
    ahead: float


RIGHT_SHARE: Final = 0.25
"""Of the clients, at least, whose clocks may be right to compare the others with."""

Unzoned = Literal["none", "event", "received", "both"]

SINGLE_PRECISION_MS: Final = (131_072, 128_000)
"""How far floats of 32 bits are apart that count ms, or seconds, between 2004 and 2038 (2²⁴ of them
to a power of two)."""

FEWEST: Final = 5
"""Of fewer records nothing is said."""


def diagnose(
    of: ComparedTimes,
    offset: Offset,
    *,
    form: FormName | None = None,
    names_zone: bool = False,
    unzoned: Unzoned = "none",
) -> Diagnosis | None:
    """Return what is wrong with event times as a whole; None if nothing is.

    That some events are late, that some clients' clocks are wrong, or that all events are old, up
    to ten years, is nothing wrong here. Nor are events of our age that are judged by times of
    another one: those are wrong then, which `lib.analysis.timestamp_quality` says.

    Parameters
    ----------
    of, offset
        Of records of which at least `FEWEST` have both times. By clients' offsets, held-back events
        do not hide one that all have; nine in ten clients must have it.
    form
        How the event times were read; without it no other epoch is found.
    names_zone
        Whether the event times are written with a zone or an offset.
    unzoned
        Which of both times are text without a zone, read as UTC for want of one.
    """
    if is_of_our_age(of.median) and not is_of_our_age(of.reference_median):
        return None
    return (
        _epoch(of, form)
        or _dates(of)
        or _all_equal(of)
        or _single(of)
        or _far(of)
        or _zone(offset, unzoned, names_zone=names_zone)
        or _future(of)
        or _mostly_ahead(of, offset)
    )


def nearest_offset(ahead: NDArray[np.int64] | NDArray[np.float64]) -> tuple[float, int]:
    """Return the median of how far times are ahead, and the zone's offset next to it, ms.

    Or the negative of one: that is how far they are ahead of times that lack their zone.
    """
    middle = float(np.median(ahead))
    offsets = np.concatenate([_OFFSETS, -_OFFSETS]) * QUARTER_HOUR_MS
    return middle, int(offsets[np.abs(offsets - middle).argmin()])


def is_at(ahead: NDArray[np.int64] | NDArray[np.float64], offset: int) -> NDArray[np.bool_]:
    """Return which times are ahead by an offset, to within a minute."""
    near: NDArray[np.bool_] = np.abs(ahead - offset) <= MINUTE_MS
    return near


def notably_ahead(reference_unit: int) -> int:
    """Return by how much a time has to be ahead of one in such a unit to be worth a word."""
    return max(_AHEAD_MS, reference_unit)


def at_midnight(times: NDArray[np.int64]) -> bool:
    """Return whether all times are at midnight UTC."""
    return not (times % DAY_MS).any()


def _all_equal(of: ComparedTimes) -> Diagnosis | None:
    span = of.reference_last - of.reference_first
    if of.first != of.last or span < MINUTE_MS:
        return None
    return Diagnosis(
        "equal",
        f"All event times are the same, {_written(of.first)}, while the received times span "
        f"{duration(span)}: choose another field.",
    )


def _dates(of: ComparedTimes) -> Diagnosis | None:
    far = abs(of.years_after) >= _FAR_YEARS
    if far or not of.at_midnight or of.reference_at_midnight:
        return None
    return Diagnosis(
        "dates",
        "All event times are at midnight UTC: they are dates without a time of day. Choose another "
        "field, or add the one that holds the time of day.",
    )


def _epoch(of: ComparedTimes, form: FormName | None) -> Diagnosis | None:
    unit = None if form is None else FORMS[form].unit_ms
    if form is None or unit is None:
        return None
    count = (of.median - FORMS[form].zero_ms) / float(unit)
    found = other_epoch(count, form, int(of.reference_median))
    if found is None:
        return None
    return Diagnosis(
        "epoch",
        f"Read as {FORMS[form].label}, event times are {of.years_off} the received times; read as "
        f"{FORMS[found].label}, they agree with them.",
        form=found,
    )


def _single(of: ComparedTimes) -> Diagnosis | None:
    """Find times that are as far apart as floats of 32 bits are between 2004 and 2038."""
    event = of.unit in SINGLE_PRECISION_MS and of.first != of.last
    received = of.reference_unit in SINGLE_PRECISION_MS and of.reference_first != of.reference_last
    if not event and not received:
        return None
    which, unit = ("event", of.unit) if event else ("received", of.reference_unit)
    return Diagnosis(
        "single",
        f"All {which} times are multiples of {unit / 1000:g} s: floats of 32 bits, in which they "
        "seem to have been held, tell times of our age no more finely. Choose another field, or "
        "write whole numbers or floats of 64 bits.",
        of_received=not event,
    )


def _far(of: ComparedTimes) -> Diagnosis | None:
    years = of.years_after
    if abs(years) < _FAR_YEARS:
        return None
    or_else = "the events are that old" if years < 0 else "the received times are wrong"
    cause = f"either their unit or epoch is another, or {or_else}"
    return Diagnosis("far", f"Event times are {of.years_off} the received times: {cause}.")


def _zone(of: Offset, unzoned: Unzoned, *, names_zone: bool) -> Diagnosis | None:
    """Find an offset that all clients share, by how far each is ahead when not held back."""
    if of.clients < _NEARLY_ALL or of.records < _HALF:
        return None
    zone, received_zone = _zone_at(of.ms), _zone_at(-of.ms)
    if unzoned == "received" or (unzoned == "both" and zone is None):
        zone, names_zone = None, False
    elif unzoned != "both":
        received_zone = None
    if zone is None and received_zone is None:
        return None
    hours, minutes = divmod(abs(of.ms) // MINUTE_MS, 60)
    size = f"{hours} h {minutes} min" if minutes else f"{hours} h"
    cause = _cause(zone, received_zone, f"{size} {'east' if of.ms > 0 else 'west'}" * names_zone)
    if of.ms < 0:
        cause = f"either {cause}, or every record is sent that long after its event"
    one, other = ("Event", "received") if zone else ("Received", "event")
    side = "ahead of" if (of.ms > 0) == (zone is not None) else "behind"
    return Diagnosis(
        "zone",
        f"{one} times are {size} {side} the {other} times (median {abs(of.middle) / 1000:,.1f} s), "
        f"a whole number of quarter hours: {cause}.",
        zone=f"{zone}{WHATEVER_IS_WRITTEN}" if zone and names_zone else zone,
        received_zone=received_zone,
    )


def _cause(zone: str | None, received_zone: str | None, away: str) -> str:
    """Return what zone event times lack, or received times, or one of both.

    `away` is how far from the zone that event times name the right one is; "" where they name none.
    """
    if zone and received_zone:
        return (
            f"neither is written with a zone, as if event times were local times of UTC{zone}, or "
            f"received times of UTC{received_zone}"
        )
    if away:
        which = f"a zone {away} of the one that is written with them"
        return f"they are local times of {which} (UTC{zone}, if that is UTC)"
    return f"they are local times of UTC{zone or received_zone} whose zone is missing"


def _zone_at(offset_ms: int) -> str | None:
    """Return an offset from UTC as zones are written; None where no zone has it."""
    if offset_ms // QUARTER_HOUR_MS not in _OFFSETS:
        return None
    hours, minutes = divmod(abs(offset_ms) // MINUTE_MS, 60)
    return f"{'+' if offset_ms > 0 else '-'}{hours:02}:{minutes:02}"


def _future(of: ComparedTimes) -> Diagnosis | None:
    least = of.least_ahead
    if least < notably_ahead(of.reference_unit):
        return None
    is_far = least >= _FAR_AHEAD_MS
    clocks = "the clients' clocks are ahead, or that of the received times is behind"
    return Diagnosis(
        "future" if is_far else "ahead",
        f"All event times are ahead of the received times, by {duration(least)} or more, as if "
        "events were received before they happened: "
        f"{'clocks, the unit or the zone are wrong' if is_far else clocks}.",
    )


def _mostly_ahead(of: ComparedTimes, offset: Offset) -> Diagnosis | None:
    """Find that too few clients are not ahead for their clocks to be called the right ones."""
    if offset.ahead <= 1 - RIGHT_SHARE or 2 * of.ahead <= of.records:
        return None
    return Diagnosis(
        "ahead",
        f"{of.ahead:,} of {of.records:,} events were received "
        f"{duration(notably_ahead(of.reference_unit))} or more before they happened: nearly all "
        "clients' clocks were ahead, or that of the received times was behind.",
    )


def _written(ms: int) -> str:
    return str(np.datetime64(ms, "ms")).replace("T", " ")
