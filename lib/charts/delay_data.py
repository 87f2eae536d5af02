"""What the chart of delay over time draws, asked block by block."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.analysis import kernels
from lib.analysis.delays import find_over_time
from lib.analysis.received import with_received_time
from lib.charts.drawn_events import MOST_POINTS, ends_of, in_arrival_order, one_by_one
from lib.core.blockwise import Answer, Pool, added, around, stacked
from lib.core.columns import EVENT_TIME, EVENTS, FROM, RECEIVED_TIME, TO

if TYPE_CHECKING:
    import pandas as pd

    from lib.core.blockwise import Question

FEWEST: Final = 20
"""Events of a stretch of which quantiles are drawn; of fewer, each is a point."""

SHARES: Final = (0.5, 0.9, 0.99, 1.0)
"""Quantiles of a stretch that are drawn; the last is its largest delay, an outage's at any size."""

_PER_STRETCH: Final = 100
"""Events that a stretch has on average, at least: of as many, 99 % leave one out."""

_MOST_STRETCHES: Final = 200


@dataclass(frozen=True, eq=False)
class DelayOverTime:
    """What is drawn of at least one event that has a received time.

    Attributes
    ----------
    events
        How many they are.
    event, delay
        The least and the largest event time, epoch ms, and delay, ms.
    width_ms
        Of a stretch.
    stretches
        Rows of `lib.analysis.delays.find_over_time`: those of at least `FEWEST` events.
    points
        The events of the others.
    """

    events: int
    event: tuple[int, int]
    delay: tuple[int, int]
    width_ms: int
    stretches: pd.DataFrame
    points: pd.DataFrame

    def __add__(self, other: DelayOverTime) -> DelayOverTime:
        """Return that of the events of both, which have everything else in common."""
        return replace(self, points=stacked(self.points, other.points))


@dataclass(frozen=True)
class _Bounds:
    events: int
    event: tuple[int, int]
    delay: tuple[int, int]

    def __add__(self, other: _Bounds) -> _Bounds:
        if not (self.events and other.events):
            return self if self.events else other
        return _Bounds(
            self.events + other.events,
            around(self.event, other.event),
            around(self.delay, other.delay),
        )


def over_time_question(events: pd.DataFrame) -> Question[DelayOverTime]:
    """Ask what is drawn of the delay of some events; of those that have a received time.

    Quantiles of stretches of event time, and every event where there are few.
    """
    events = with_received_time(events)
    event = kernels.ints(events[EVENT_TIME])
    delay = kernels.ints(events[RECEIVED_TIME]) - event
    bounds: _Bounds = yield Pool(_Bounds(len(event), ends_of(event), ends_of(delay)), added)
    bins = 1
    if bounds.events > MOST_POINTS:
        bins = min(_MOST_STRETCHES, bounds.events // _PER_STRETCH)
    stretches = yield from find_over_time(events, SHARES, bins=bins, between=bounds.event)
    width = int(stretches[TO].iloc[0] - stretches[FROM].iloc[0])
    is_full = stretches[EVENTS].to_numpy() >= FEWEST
    is_full &= bounds.events > MOST_POINTS
    few = ~is_full[(event - bounds.event[0]) // width]
    points = one_by_one(events, np.flatnonzero(few))
    found = DelayOverTime(
        bounds.events, bounds.event, bounds.delay, width, stretches[is_full], points
    )
    return Answer(found, added, _finished)


def _finished(found: DelayOverTime) -> DelayOverTime:
    return replace(found, points=in_arrival_order(found.points))
