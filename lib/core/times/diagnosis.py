"""What is wrong with times as a whole, judged by other times of the same records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd

from lib.core.formatting import duration
from lib.core.moments import is_of_our_age
from lib.core.times.forms import FORMS
from lib.core.times.recognition import other_epoch
from lib.core.times.zones import WHATEVER_IS_WRITTEN

if TYPE_CHECKING:
    from numpy.typing import NDArray

from lib.core.times.forms import FormName

_MINUTE_MS: Final = 60_000
_QUARTER_MS: Final = 15 * _MINUTE_MS
_HOUR_MS: Final = 60 * _MINUTE_MS
_DAY_MS: Final = 24 * _HOUR_MS
_YEAR_MS: Final = 365.25 * _DAY_MS

_FEWEST: Final = 5
_NEARLY_ALL: Final = 0.9
_HALF: Final = 0.5
_FAR_YEARS: Final = 10
_AHEAD_MS: Final = 5 * _MINUTE_MS

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
        another unit or from another epoch. "far": they are decades off, and no form known explains
        it. "zone": they are off by the offset of a zone. "future": all are ahead otherwise.
    sentence
        It in words, true as it stands, with what to do.
    form
        The form to read them in; only of "epoch".
    zone
        The offset that the clock had on which they were read, such as +01:00, to be chosen, or a
        place that has it; with `WHATEVER_IS_WRITTEN` behind it where times name their zone, wrongly
        then. Only of "zone".
    """

    kind: Literal["equal", "dates", "epoch", "far", "zone", "future"]
    sentence: str
    form: FormName | None = None
    zone: str | None = None

    @property
    def tells_nothing(self) -> bool:
        """Whether no figure can be made of such event times: they hardly say when events were."""
        return self.kind in ("equal", "dates", "epoch")


def diagnose(
    event_ms: NDArray[np.int64],
    reference_ms: NDArray[np.int64],
    *,
    form: FormName | None = None,
    groups: NDArray[np.integer] | None = None,
    reference: str = "received times",
    names_zone: bool = False,
) -> Diagnosis | None:
    """Return what is wrong with event times as a whole; None if nothing is.

    That some events are late, that some clients' clocks are wrong, or that all events are old, up
    to ten years, is nothing wrong here. Nor are events of our age that are judged by times of
    another one: those are wrong then, which `lib.analysis.timestamp_quality` says.

    Parameters
    ----------
    event_ms, reference_ms
        int64, epoch ms: the event time, and another time, of records that have both.
    form
        How the event times were read; without it no other epoch is found.
    groups
        The client's code per record. With it, held-back events do not hide an offset that all
        clients have; nine in ten clients must have it. Without it, nine in ten records.
    reference
        What a sentence calls the other time.
    names_zone
        Whether the event times are written with a zone or an offset.
    """
    if len(event_ms) < _FEWEST:
        return None
    if _reference_is_off(event_ms, reference_ms):
        return None
    ahead = event_ms - reference_ms
    return (
        _epoch(event_ms, reference_ms, form, reference)
        or _dates(event_ms, reference_ms)
        or _all_equal(event_ms, reference_ms, reference)
        or _far(event_ms, reference_ms, reference)
        or _zone(ahead, groups, reference, names_zone=names_zone)
        or _future(ahead, reference)
    )


def _reference_is_off(event_ms: NDArray[np.int64], reference_ms: NDArray[np.int64]) -> bool:
    """Return whether events are of our age, and the times that they are judged by are not."""
    happened, reference = np.median(event_ms), np.median(reference_ms)
    return bool(is_of_our_age(happened) and not is_of_our_age(reference))


def _all_equal(
    event_ms: NDArray[np.int64], reference_ms: NDArray[np.int64], reference: str
) -> Diagnosis | None:
    span = int(np.ptp(reference_ms))
    if np.ptp(event_ms) or span < _MINUTE_MS:
        return None
    return Diagnosis(
        "equal",
        f"All event times are the same, {_written(event_ms[0])}, while the {reference} span "
        f"{duration(span)}: choose another field.",
    )


def _dates(event_ms: NDArray[np.int64], reference_ms: NDArray[np.int64]) -> Diagnosis | None:
    far = abs(_years_after(event_ms, reference_ms)) >= _FAR_YEARS
    if far or (event_ms % _DAY_MS).any() or not (reference_ms % _DAY_MS).any():
        return None
    return Diagnosis(
        "dates",
        "All event times are at midnight UTC: they are dates without a time of day. Choose another "
        "field, or add the one that holds the time of day.",
    )


def _epoch(
    event_ms: NDArray[np.int64],
    reference_ms: NDArray[np.int64],
    form: FormName | None,
    reference: str,
) -> Diagnosis | None:
    unit = None if form is None else FORMS[form].unit_ms
    if form is None or unit is None:
        return None
    count = (float(np.median(event_ms)) - FORMS[form].zero_ms) / float(unit)
    found = other_epoch(count, form, int(np.median(reference_ms)))
    if found is None:
        return None
    return Diagnosis(
        "epoch",
        f"Read as {FORMS[form].label}, event times are {_years_off(event_ms, reference_ms)} the "
        f"{reference}; read as {FORMS[found].label}, they agree with them.",
        form=found,
    )


def _far(
    event_ms: NDArray[np.int64], reference_ms: NDArray[np.int64], reference: str
) -> Diagnosis | None:
    years = _years_after(event_ms, reference_ms)
    if abs(years) < _FAR_YEARS:
        return None
    or_else = "the events are that old" if years < 0 else f"the {reference} are wrong"
    cause = f"either their unit or epoch is another, or {or_else}"
    off = _years_off(event_ms, reference_ms)
    return Diagnosis("far", f"Event times are {off} the {reference}: {cause}.")


def _years_after(event_ms: NDArray[np.int64], reference_ms: NDArray[np.int64]) -> float:
    return float(np.median(event_ms) - np.median(reference_ms)) / _YEAR_MS


def _years_off(event_ms: NDArray[np.int64], reference_ms: NDArray[np.int64]) -> str:
    years = _years_after(event_ms, reference_ms)
    return f"{abs(years):.1f} years {'before' if years < 0 else 'after'}"


def _zone(
    ahead: NDArray[np.int64],
    groups: NDArray[np.integer] | None,
    reference: str,
    *,
    names_zone: bool,
) -> Diagnosis | None:
    """Find an offset that all clients share, by how far each is ahead when not held back."""
    each = ahead
    if groups is not None:
        each = pd.Series(ahead).groupby(np.asarray(groups)).quantile(0.9).to_numpy()
    middle = float(np.median(each))
    offset = int(_OFFSETS[np.abs(_OFFSETS * _QUARTER_MS - middle).argmin()]) * _QUARTER_MS
    clients, records = (np.mean(np.abs(of - offset) <= _MINUTE_MS) for of in (each, ahead))
    if clients < _NEARLY_ALL or records < _HALF:
        return None
    hours, minutes = divmod(abs(offset) // _MINUTE_MS, 60)
    zone = f"{'+' if offset > 0 else '-'}{hours:02}:{minutes:02}"
    size = f"{hours} h {minutes} min" if minutes else f"{hours} h"
    side, cause = "ahead of", f"they are local times of UTC{zone} whose zone is missing"
    if names_zone:
        cause = f"they are local times of UTC{zone} that are written with another zone"
    if offset < 0:
        side = "behind"
        cause = f"either {cause}, or every record is sent that long after its event"
    return Diagnosis(
        "zone",
        f"Event times are {size} {side} the {reference} (median {abs(middle) / 1000:,.1f} s), a "
        f"whole number of quarter hours: {cause}.",
        zone=f"{zone}{WHATEVER_IS_WRITTEN}" if names_zone else zone,
    )


def _future(ahead: NDArray[np.int64], reference: str) -> Diagnosis | None:
    least = int(ahead.min())
    if least < _AHEAD_MS:
        return None
    return Diagnosis(
        "future",
        f"All event times are ahead of the {reference}, by {duration(least)} or more, as if events "
        "were received before they happened: clocks, the unit or the zone are wrong.",
    )


def _written(ms: np.int64) -> str:
    return str(np.datetime64(int(ms), "ms")).replace("T", " ")
