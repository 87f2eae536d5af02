"""Two topics on one axis: how many events and how much delay there was, stretch by stretch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.analysis import kernels
from lib.analysis.delays import delay_over_time
from lib.core.columns import EVENT_TIME, EVENTS, FROM, RECEIVED_TIME, TO

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    bins = max(1, min(_BINS, max(map(len, times)) // _PER_STRETCH))
    found = []
    for place, (events, own, told) in enumerate(zip(topics, times, with_delay, strict=True)):
        shown = events if told else events.head(0)
        table = delay_over_time(shown, SHARES, bins=bins, between=between)
        width = int(table[TO].iloc[0] - table[FROM].iloc[0])
        counts = np.bincount((own - between[0]) // width, minlength=len(table))
        table[TOPIC], table[EVENTS] = place, counts
        found.append(table)
    return pd.concat(found, ignore_index=True)
