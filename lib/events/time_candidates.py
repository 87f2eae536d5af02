"""Fields that hold times, and how the times of one behave beside those of another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.core.columns import MISSING_TIME
from lib.core.durations import DAY_MS, HOUR_MS, MINUTE_MS, QUARTER_HOUR_MS
from lib.events.time_columns import SECOND_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.core.times.recognition import Recognised

PROMPT: Final = 0.1
"""Of the events, this share at least is received within a minute by what stamps records."""

BATCH: Final = 50
"""So many records on average may be received at the same time."""

_MONTH_MS: Final = 30 * DAY_MS
_PARTS_OF_A_DAY: Final = (
    *(hours * HOUR_MS for hours in (24, 12, 8, 6, 4, 3, 2, 1)),
    *(minutes * MINUTE_MS for minutes in (30, 20, 15, 10, 5, 2, 1)),
    *(seconds * SECOND_MS for seconds in (30, 20, 15, 10, 5, 2, 1)),
    1,
)
_FURTHEST_ZONE_MS: Final = 14 * HOUR_MS


@dataclass(frozen=True, eq=False)
class TimeCandidate:
    """A field whose values are times of our age.

    Attributes
    ----------
    name
        The field.
    share
        The share of the records that have it.
    recognised
        How it is written.
    ms
        int64, epoch ms, a record each; `MISSING_TIME` where there is none.
    """

    name: str
    share: float
    recognised: Recognised
    ms: NDArray[np.int64]

    @cached_property
    def present(self) -> NDArray[np.int64]:
        """The times that are there, in the order of the records."""
        times: NDArray[np.int64] = self.ms[self.ms != MISSING_TIME]
        return times

    @cached_property
    def step_ms(self) -> int:
        """The longest part of a day, ms, of which all its times are multiples."""
        step = int(np.gcd.reduce(self.present))
        return next(part for part in _PARTS_OF_A_DAY if step % part == 0)

    @cached_property
    def rises(self) -> bool:
        """Whether it does not fall from record to record, as what stamps them does not."""
        return len(self.present) > 1 and float(np.mean(np.diff(self.present) >= 0)) > 0.99

    @cached_property
    def varies(self) -> bool:
        """Whether it is not one time for most records."""
        several = len(np.unique(self.present))
        return several > 1 and several * BATCH >= len(self.present)

    def is_coarser(self, other: TimeCandidate | None, step_ms: int) -> bool:
        """Return whether all its times are so many ms apart or more, and the other's are finer."""
        finer = other is None or other.step_ms % self.step_ms != 0
        return self.step_ms >= step_ms and finer


def lags_of(later: TimeCandidate, earlier: TimeCandidate) -> NDArray[np.int64]:
    """Return how long after one time the other is, where records have both, ms."""
    both = (later.ms != MISSING_TIME) & (earlier.ms != MISSING_TIME)
    lags: NDArray[np.int64] = later.ms[both] - earlier.ms[both]
    return lags


def lag_of(later: TimeCandidate, earlier: TimeCandidate | None) -> float:
    """Return the median distance between two times, ms; 0 where no record has both."""
    lags = np.empty(0) if earlier is None else lags_of(later, earlier)
    return float(np.median(np.abs(lags))) if len(lags) else 0.0


def follows(later: TimeCandidate, earlier: TimeCandidate) -> bool:
    """Return whether a time is not before another in nearly all records that have both.

    Times that are written in whole seconds or minutes may be before it by less than that.
    """
    lags = lags_of(later, earlier)
    units = (unit for unit in (MINUTE_MS, SECOND_MS) if later.step_ms % unit == 0)
    return len(lags) > 0 and float(np.mean(lags > -next(units, 1))) > 0.9


def is_later(later: TimeCandidate, earlier: TimeCandidate) -> bool:
    """Return whether a time follows another, within a month, and is not the same."""
    lags = lags_of(later, earlier)
    return follows(later, earlier) and 0 < float(np.median(lags)) < _MONTH_MS


def has_a_tail(lags: NDArray[np.int64]) -> bool:
    """Return whether lags are further above their median than below it, as delays are.

    Below it they are where the later time is a clock's that runs ahead: what is held back is less
    ahead.
    """
    median = float(np.median(lags))
    return float(lags.max()) - median >= median - float(lags.min())


def can_be_receipt(candidate: TimeCandidate, event: TimeCandidate | None, *, sure: bool) -> bool:
    """Return whether what is called a time of receipt can be one.

    It has a time of day, is within a month of the event, and not days before it, unless it is the
    event's clock that is wrong, or events are old that come now: then it rises all the same.

    Parameters
    ----------
    sure
        Whether its name can mean nothing else. If not, it is never farther than a month, and some
        events must be received at once, but for the offset of a zone.
    """
    if candidate.is_coarser(event, 5 * MINUTE_MS):
        return False
    lags = np.empty(0, np.int64) if event is None else lags_of(candidate, event)
    if not len(lags):
        return True
    median = float(np.median(lags))
    near = lag_of(candidate, event) < _MONTH_MS or (sure and candidate.rises and candidate.varies)
    possible = near and (median > -DAY_MS or candidate.rises)
    zone = round(median / QUARTER_HOUR_MS) * QUARTER_HOUR_MS
    off = zone <= _FURTHEST_ZONE_MS and abs(_first(lags) - zone) <= MINUTE_MS
    return possible and (sure or off or _first(lags) <= MINUTE_MS)


def stamps(candidate: TimeCandidate, event: TimeCandidate | None) -> bool:
    """Return whether a time behaves as a clock that stamps records when they come.

    It rises from record to record and is not before the event, some events come at once, and it is
    no end of a window or of an hour: neither coarse, nor the event time rounded up, nor what the
    event time is rounded from.
    """
    if event is None or not (candidate.rises and candidate.varies and follows(candidate, event)):
        return False
    lags = lags_of(candidate, event)
    near = lag_of(candidate, event) < _MONTH_MS and _first(lags) <= MINUTE_MS
    coarse = candidate.is_coarser(event, 5 * SECOND_MS)
    same = _is_rounded(candidate, event) or _is_rounded(event, candidate)
    return near and not coarse and not same


def correlation(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    """Return how two series of times move together, -1 to 1; 0 where one does not move."""
    x, y = a - np.mean(a), b - np.mean(b)
    spread = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum()) / spread if spread > 0 else 0.0


def move_together(one: TimeCandidate, other: TimeCandidate) -> bool:
    """Return whether two times move together where records have both."""
    both = (one.ms != MISSING_TIME) & (other.ms != MISSING_TIME)
    return bool(both.any()) and correlation(one.ms[both], other.ms[both]) > 0.9


def _first(lags: NDArray[np.int64]) -> float:
    """Return how long after their events the first are received: `PROMPT` of all, ms."""
    return float(np.quantile(lags, PROMPT))


def _is_rounded(candidate: TimeCandidate, event: TimeCandidate) -> bool:
    """Return whether a time is the event's, down or up to the step in which it is written."""
    both = (candidate.ms != MISSING_TIME) & (event.ms != MISSING_TIME)
    step, times, happened = candidate.step_ms, candidate.ms[both], event.ms[both]
    down = happened // step * step
    ends = (happened % step > 0) | (event.step_ms % step > 0)  # of windows: also from 0 to 30
    return bool(((times == down) | ends & (times == down + step)).all())
