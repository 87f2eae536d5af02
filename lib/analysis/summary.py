"""The headline figures of a stretch of events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.core.columns import CLIENT, EVENT_TIME, MISSING_TIME, RECEIVED_TIME, SESSION

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


def summarise(table: pd.DataFrame, rows: NDArray[np.int64] | slice) -> Summary:
    """Return the headline figures of the events at `rows` of an events table."""
    event = table[EVENT_TIME].to_numpy()[rows]
    every = table[RECEIVED_TIME].to_numpy()[rows]
    known = every != MISSING_TIME
    received = every if known.all() else every[known]
    delay = received - (event if known.all() else event[known])
    any_known = len(delay) > 0
    return Summary(
        events=len(event),
        clients=_distinct(table[CLIENT], rows),
        sessions=_distinct(table[SESSION], rows),
        first_event_ms=int(event.min()),
        last_event_ms=int(event.max()),
        first_received_ms=int(received.min()) if any_known else None,
        last_received_ms=int(received.max()) if any_known else None,
        median_delay_ms=float(np.median(delay)) if any_known else None,
        largest_delay_ms=int(delay.max()) if any_known else None,
        ahead=int(np.count_nonzero(delay < 0)) if any_known else None,
    )


def _distinct(column: pd.Series, rows: NDArray[np.int64] | slice) -> int:
    codes = column.cat.codes.to_numpy()[rows]
    return int(np.count_nonzero(np.bincount(codes[codes >= 0])))
