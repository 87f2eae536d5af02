"""What a followed topic has: counted once for each event, kept in arrays that do not grow.

Delays are counted in bins that are 6 % wide, over all that was followed, and in equal stretches of
received time for the last minutes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.core.columns import EVENTS, FROM, TO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lib.live.late import Batch

    Int64s = NDArray[np.int64]

STRETCHES: Final = 150
"""Stretches of the last minutes, at most; none is shorter than a second."""

_PER_DECADE: Final = 40
_DECADES: Final = 11  # to 10¹¹ ms, three years

ENDS: Final = np.unique(
    np.concatenate(
        ([0], np.round(10.0 ** (np.arange(_PER_DECADE * _DECADES + 1) / _PER_DECADE)))
    ).astype(np.int64)
)
"""Where bins of delays end, ms, the end included: the first has all of zero and below."""

DROPPED: Final = "Dropped"


@dataclass(frozen=True, eq=False)
class LiveCounts:
    """What was counted.

    Attributes
    ----------
    minutes
        How much of received time stretches cover.
    events, rejected, untimed
        Events; records that are none; events without a received time, which nothing else counts.
    delays
        Events in each bin of `ENDS`, and beyond the last.
    newest_ms
        The largest received time, epoch ms; None before the first.
    starts, of_events, of_drops, of_delays
        A row a stretch, rising: when it starts (epoch ms), its events, those of them that were
        dropped, and its delays in bins.
    """

    minutes: int
    events: int
    rejected: int
    untimed: int
    delays: Int64s
    newest_ms: int | None
    starts: Int64s
    of_events: Int64s
    of_drops: Int64s
    of_delays: Int64s

    @property
    def width_ms(self) -> int:
        """How long a stretch is."""
        return max(1_000, 60_000 * self.minutes // STRETCHES)


def no_counts(minutes: int) -> LiveCounts:
    """Return the counts before the first event."""
    none, bins = np.zeros(0, np.int64), len(ENDS) + 1
    return LiveCounts(
        minutes, 0, 0, 0, np.zeros(bins, np.int64), None, none, none, none,
        np.zeros((0, bins), np.int64),
    )  # fmt: skip


def with_further(before: LiveCounts, new: Batch, *, untimed: int, rejected: int) -> LiveCounts:
    """Return the counts with further events."""
    after = replace(
        before,
        events=before.events + len(new) + untimed,
        rejected=before.rejected + rejected,
        untimed=before.untimed + untimed,
    )
    if not len(new):
        return after
    bins = np.searchsorted(ENDS, new.received - new.event_time, side="left")
    delays = before.delays + np.bincount(bins, minlength=len(before.delays))
    newest = max(int(new.received.max()), before.newest_ms or 0)
    after = _with_stretches(replace(after, delays=delays, newest_ms=newest))
    row = _rows(after, new.received)
    inside = row >= 0
    cell = row[inside] * len(delays) + bins[inside]
    of_delays = np.bincount(cell, minlength=after.of_delays.size).reshape(after.of_delays.shape)
    of_events = np.bincount(row[inside], minlength=len(after.starts))
    return replace(
        after,
        of_events=after.of_events + of_events,
        of_delays=after.of_delays + of_delays,
    )


def with_drops(before: LiveCounts, received: Int64s) -> LiveCounts:
    """Return the counts with events that were dropped, by when they were received."""
    row = _rows(before, received)
    drops = np.bincount(row[row >= 0], minlength=len(before.starts))
    return replace(before, of_drops=before.of_drops + drops)


def quantiles(counts: Int64s, shares: Sequence[float]) -> list[int | None]:
    """Return delays that shares of the events do not exceed, ms: the ends of their bins.

    None where there is no event; where it lies beyond the last bin, its end.
    """
    total = int(counts.sum())
    if not total:
        return [None] * len(shares)
    places = np.searchsorted(np.cumsum(counts), np.ceil(np.asarray(shares) * total))
    return [int(ENDS[min(place, len(ENDS) - 1)]) for place in places]


def lately(counts: LiveCounts, seconds: int) -> Int64s:
    """Return the delays, in bins, of the stretches that lie in the last seconds."""
    if counts.newest_ms is None:
        return counts.delays
    recent = counts.starts + counts.width_ms > counts.newest_ms - 1000 * seconds
    found: Int64s = counts.of_delays[recent].sum(axis=0)
    return found


def over_time(counts: LiveCounts) -> pd.DataFrame:
    """Return the stretches of the last minutes.

    Returns
    -------
    pd.DataFrame
        `From`, `To` int64 epoch ms; `Events`, `Dropped` int64; `p50`, `p99` Int64 ms, missing where
        a stretch has no event.
    """
    found = [quantiles(row, (0.5, 0.99)) for row in counts.of_delays]
    return pd.DataFrame(
        {
            FROM: counts.starts,
            TO: counts.starts + counts.width_ms,
            EVENTS: counts.of_events,
            DROPPED: counts.of_drops,
            "p50": pd.array([half for half, _ in found], "Int64"),
            "p99": pd.array([most for _, most in found], "Int64"),
        }
    )


def _rows(counts: LiveCounts, received: Int64s) -> Int64s:
    """Return the stretch of each received time; −1 where it lies before the first."""
    if not len(counts.starts):
        return np.full(len(received), -1)
    found: Int64s = np.maximum((received - counts.starts[0]) // counts.width_ms, -1)
    return found


def _with_stretches(counts: LiveCounts) -> LiveCounts:
    """Return the same with stretches up to the newest event, and without those of long ago."""
    assert counts.newest_ms is not None
    width = counts.width_ms
    last = counts.newest_ms // width * width
    many = 60_000 * counts.minutes // width + 1
    starts = last - width * np.arange(many - 1, -1, -1)
    shape = (many, len(counts.delays))
    events, drops, delays = np.zeros(many, int), np.zeros(many, int), np.zeros(shape, int)
    stay = np.isin(counts.starts, starts)
    at = (counts.starts[stay] - starts[0]) // width
    events[at], drops[at] = counts.of_events[stay], counts.of_drops[stay]
    delays[at] = counts.of_delays[stay]
    return replace(counts, starts=starts, of_events=events, of_drops=drops, of_delays=delays)
