"""What is wrong with event times as a whole, by the received times of the same events."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.analysis.tally import find_median
from lib.core.blockwise import Answer, Pool, added, around, in_step, joined
from lib.core.times.diagnosis import (
    FEWEST,
    ComparedTimes,
    Offset,
    at_midnight,
    diagnose,
    is_at,
    nearest_offset,
    notably_ahead,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.core.blockwise import Question
    from lib.core.times.diagnosis import Diagnosis, Unzoned
    from lib.core.times.forms import FormName

_NOT_HELD_BACK: Final = 0.9  # of a client's events, in order of how far they are ahead


def diagnosed(
    event_ms: NDArray[np.int64],
    received_ms: NDArray[np.int64],
    *,
    form: FormName | None = None,
    groups: NDArray[np.integer] | None = None,
    names_zone: bool = False,
    as_utc: tuple[int, int] = (0, 0),
    units_ms: tuple[int, int] = (1, 1),
) -> Question[Diagnosis | None]:
    """Ask what is wrong with event times as a whole: see `lib.core.times.diagnosis.diagnose`.

    Of blocks that have all events of their clients each.

    Parameters
    ----------
    event_ms, received_ms
        int64, epoch ms, of events that have both times.
    groups
        The client's code per event. With it, held-back events do not hide an offset that all
        clients have; nine in ten clients must have it. Without it, nine in ten events.
    form, names_zone
        As for `diagnose`.
    as_utc
        How many event times, and received times, of all blocks are read as UTC for want of a zone.
    units_ms
        How finely event times, and received times, are written: whole seconds, 1000.
    """
    ahead = event_ms - received_ms
    medians = {"event": find_median(event_ms), "received": find_median(received_ms)}
    found = yield from in_step(medians)
    own = pd.Series(ahead, dtype=np.float64)
    if groups is not None:
        own = own.groupby(groups).quantile(_NOT_HELD_BACK)
    each = yield Pool(own.to_numpy(), joined)
    middle, offset = nearest_offset(each) if len(each) else (0.0, 0)
    notable = notably_ahead(units_ms[1])
    part = _Part(
        len(ahead),
        int(np.count_nonzero(is_at(ahead, offset))),
        int(np.count_nonzero(ahead >= notable)),
        tuple(_bounds(times) for times in (event_ms, received_ms, ahead)),
        (at_midnight(event_ms), at_midnight(received_ms)),
    )
    at, clients_ahead = (
        float(np.mean(which)) if len(each) else 0.0
        for which in (is_at(each, offset), each >= notable)
    )
    of_offset = partial(Offset, offset, middle, at, ahead=clients_ahead)
    finish = partial(
        _judged,
        (found["event"], found["received"]),
        of_offset,
        form,
        names_zone=names_zone,
        as_utc=as_utc,
        units_ms=units_ms,
    )
    return Answer(part, added, finish)


@dataclass(frozen=True)
class _Part:
    """Of some events: how many, at the offset, ahead; bounds of three times, two at midnight."""

    events: int
    at_offset: int
    ahead: int
    bounds: tuple[tuple[int, int], ...]
    midnight: tuple[bool, bool]

    def __add__(self, other: _Part) -> _Part:
        """Return that of the events of both."""
        return _Part(
            self.events + other.events,
            self.at_offset + other.at_offset,
            self.ahead + other.ahead,
            tuple(map(around, self.bounds, other.bounds)),
            (self.midnight[0] and other.midnight[0], self.midnight[1] and other.midnight[1]),
        )


def _bounds(times: NDArray[np.int64]) -> tuple[int, int]:
    limits = np.iinfo(np.int64)
    return int(times.min(initial=limits.max)), int(times.max(initial=limits.min))


def _judged(
    medians: tuple[float, float],
    offset: partial[Offset],
    form: FormName | None,
    part: _Part,
    *,
    names_zone: bool,
    as_utc: tuple[int, int],
    units_ms: tuple[int, int],
) -> Diagnosis | None:
    if part.events < FEWEST:
        return None
    event, received, ahead = part.bounds
    compared = ComparedTimes(
        part.events,
        *medians,
        *event,
        *received,
        *part.midnight,
        ahead[0],
        part.ahead,
        *units_ms,
    )
    found = offset(records=part.at_offset / part.events)
    unzoned = _UNZONED[tuple(2 * count > part.events for count in as_utc)]
    return diagnose(compared, found, form=form, names_zone=names_zone, unzoned=unzoned)


_UNZONED: Final[dict[tuple[bool, ...], Unzoned]] = {
    (False, False): "none",
    (True, False): "event",
    (False, True): "received",
    (True, True): "both",
}
