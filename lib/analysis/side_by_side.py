"""Two topics on one axis: how many events and how much delay there was, stretch by stretch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.analysis import kernels
from lib.analysis.delays import find_over_time
from lib.core.blockwise import Pool, added, alone
from lib.core.columns import EVENT_TIME, EVENTS, FROM, RECEIVED_TIME, TO

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lib.core.blockwise import Steps

TOPIC: Final = "Topic"
SHARES: Final = (0.5, 0.99)
_BINS: Final = 200
_PER_STRETCH: Final = 20
"""Events of the larger topic in a stretch, on average: quantiles of two would tell nothing."""


def moved(events: pd.DataFrame, by_ms: int) -> pd.DataFrame:
    """Return the event and received times of an events table, moved; as they are by 0."""
    times = events[[EVENT_TIME, RECEIVED_TIME]]
    if not by_ms:
        return times
    received = times[RECEIVED_TIME].to_numpy()
    return pd.DataFrame(
        {
            EVENT_TIME: times[EVENT_TIME].to_numpy() + by_ms,
            RECEIVED_TIME: np.where(received < 0, received, received + by_ms),
        }
    )


def side_by_side(topics: Sequence[pd.DataFrame], *, with_delay: Sequence[bool]) -> pd.DataFrame:
    """Return events and delays of topics in equal stretches of event time, the same for all.

    Parameters
    ----------
    topics
        Of each, events with both times, at least one.
    with_delay
        Of each, whether its received times tell a delay.

    Returns
    -------
    pd.DataFrame
        `Topic`, its place among the topics; `From` and `To`, int64 epoch ms; `Events`, int64, of
        those that have an event time; `p50` and `p99`, Int64 ms: missing where a stretch has no
        event, and where no delay is told.
    """
    times = [kernels.ints(events[EVENT_TIME]) for events in topics]
    between = min(int(t.min()) for t in times), max(int(t.max()) for t in times)
    bins = bins_of(max(map(len, times)))
    return beside(
        alone(find_stretches(events, bins, between, with_delay=told))
        for events, told in zip(topics, with_delay, strict=True)
    )


def bins_of(events: int) -> int:
    """Return in how many stretches topics are counted of which the larger has so many events."""
    return max(1, min(_BINS, events // _PER_STRETCH))


def beside(stretches: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the stretches of topics in one table, as `side_by_side` does."""
    numbered = [table.assign(**{TOPIC: place}) for place, table in enumerate(stretches)]
    return pd.concat(numbered, ignore_index=True)


def find_stretches(
    events: pd.DataFrame, bins: int, between: tuple[int, int], *, with_delay: bool
) -> Steps[pd.DataFrame]:
    """Find events and delays of a topic in equal stretches of event time, of blocks of events."""
    shown = events if with_delay else events.head(0)
    table = yield from find_over_time(shown, SHARES, bins=bins, between=between)
    width = int(table[TO].iloc[0] - table[FROM].iloc[0])
    places = (kernels.ints(events[EVENT_TIME]) - between[0]) // width
    table[EVENTS] = yield Pool(np.bincount(places, minlength=len(table)), added)
    return table
