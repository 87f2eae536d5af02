"""The headline figures of a stretch of events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.analysis.tally import Tally
from lib.core.columns import CLIENT, EVENT_TIME, MISSING_TIME, RECEIVED_TIME, SESSION
from lib.loading.contents import bounds_of_both

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

MEDIAN_DELAY_MEANS: Final = (
    "Delay is received time − event time. Half of the events had no more than this."
)
AHEAD_MEANS: Final = "Events received before they happened: the client's clock is ahead."


@dataclass(frozen=True)
class Summary:
    """Headline figures of at least one event.

    Attributes
    ----------
    events, clients, sessions
        How many there are.
    first_event_ms, last_event_ms, first_received_ms, last_received_ms
        The stretch on either clock, epoch ms.
    median_delay_ms, largest_delay_ms
        Of received − event time; half way between the middle two of an even number.
    ahead
        Events whose delay is negative: the client's clock runs ahead.

    Of the events that have a received time; None where none has one.
    """

    events: int
    clients: int
    sessions: int
    first_event_ms: int
    last_event_ms: int
    first_received_ms: int | None
    last_received_ms: int | None
    median_delay_ms: float | None
    largest_delay_ms: int | None
    ahead: int | None

    def extent_s(self, zero_ms: int) -> tuple[float, float]:
        """Return the first and last time on either clock, seconds since zero."""
        of_event = self.first_event_ms, self.last_event_ms
        every = [*of_event, self.first_received_ms, self.last_received_ms]
        ends = [end for end in every if end is not None]
        return (min(ends) - zero_ms) / 1000, (max(ends) - zero_ms) / 1000


@dataclass(frozen=True, eq=False)
class Extremes:
    """The stretch of some events on either clock, and how often each delay occurs.

    Attributes
    ----------
    events
        How many there are.
    event, received
        The first and last time of each clock, epoch ms; None where no event has one.
    delays
        Of those that have a received time.
    """

    events: int
    event: tuple[int, int] | None
    received: tuple[int, int] | None
    delays: Tally

    def __add__(self, other: Extremes) -> Extremes:
        """Return that of the events of both."""
        return Extremes(
            self.events + other.events,
            bounds_of_both(self.event, other.event),
            bounds_of_both(self.received, other.received),
            self.delays + other.delays,
        )


def summarise(table: pd.DataFrame, rows: NDArray[np.int64] | slice) -> Summary:
    """Return the headline figures of the events at `rows` of an events table."""
    clients, sessions = (_distinct(table[name], rows) for name in (CLIENT, SESSION))
    return summary_of(extremes_of(table, rows), clients, sessions)


def extremes_of(table: pd.DataFrame, rows: NDArray[np.int64] | slice = slice(None)) -> Extremes:
    """Return the extremes of the events at `rows` of an events table."""
    event = table[EVENT_TIME].to_numpy()[rows]
    every = table[RECEIVED_TIME].to_numpy()[rows]
    known = every != MISSING_TIME
    received = every if known.all() else every[known]
    delay = received - (event if known.all() else event[known])
    return Extremes(len(event), _bounds(event), _bounds(received), Tally.of(delay))


def summary_of(of: Extremes, clients: int, sessions: int) -> Summary:
    """Return the headline figures of at least one event."""
    assert of.event is not None
    received, delays = of.received, of.delays
    return Summary(
        events=of.events,
        clients=clients,
        sessions=sessions,
        first_event_ms=of.event[0],
        last_event_ms=of.event[1],
        first_received_ms=None if received is None else received[0],
        last_received_ms=None if received is None else received[1],
        median_delay_ms=delays.median if delays.n else None,
        largest_delay_ms=int(delays.value[-1]) if delays.n else None,
        ahead=delays.below(0) if delays.n else None,
    )


def _bounds(times: NDArray[np.int64]) -> tuple[int, int] | None:
    return (int(times.min()), int(times.max())) if len(times) else None


def _distinct(column: pd.Series, rows: NDArray[np.int64] | slice) -> int:
    codes = column.cat.codes.to_numpy()[rows]
    return int(np.count_nonzero(np.bincount(codes[codes >= 0])))
