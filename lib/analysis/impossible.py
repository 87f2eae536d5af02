"""Single events whose time cannot be: received long before it, from a clock that else is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lib.analysis.client_clocks import AHEAD_MS, MOST_AHEAD, UNSTEADY, WRONG
from lib.core.columns import CLIENT, EVENT_TIME, OFFSET, PARTITION, RECEIVED_TIME

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


def impossible_times(events: pd.DataFrame, clocks: pd.DataFrame) -> pd.DataFrame:
    """Return the events that were received more than a day before they happened.

    Not those of clients whose clock is found to be wrong, or was for a while: that is another
    finding. It was where such events are more than a tenth and mostly follow each other; a date
    that stands for none is here and there.

    Parameters
    ----------
    events
        Rows of the events table that have a received time, in arrival order.
    clocks
        What `lib.analysis.client_clocks.clocks` says of them.

    Returns
    -------
    Rows of `events`, in their order, the columns `ClientID`, `Timestamp` and `KafkaTimestamp`
    (epoch ms), `KafkaPartition` and `KafkaOffset`.
    """
    delay = events[RECEIVED_TIME].to_numpy() - events[EVENT_TIME].to_numpy()
    columns = [CLIENT, EVENT_TIME, RECEIVED_TIME, PARTITION, OFFSET]
    is_ahead = delay < -AHEAD_MS
    ahead: pd.DataFrame = events.loc[is_ahead, columns]
    if ahead.empty:
        return ahead
    codes = ahead[CLIENT].cat.codes.to_numpy()
    own = np.bincount(codes[codes >= 0], minlength=len(ahead[CLIENT].cat.categories))
    all_codes = events[CLIENT].cat.codes.to_numpy()
    every = np.bincount(all_codes[all_codes >= 0], minlength=len(own))
    here_and_there = 2 * _stretches(is_ahead, all_codes, len(own)) > own
    few = here_and_there | (own <= np.maximum(1, MOST_AHEAD * every))
    wrong, unsteady = (ahead[CLIENT].isin(clocks.loc[clocks[w], CLIENT]) for w in (WRONG, UNSTEADY))
    is_wrong = (wrong | (unsteady & ~here_and_there[codes])).to_numpy()
    found: pd.DataFrame = ahead[few[codes] & (codes >= 0) & ~is_wrong]
    return found


def _stretches(
    is_ahead: NDArray[np.bool_], codes: NDArray[np.integer], clients: int
) -> NDArray[np.int64]:
    """Return in how many stretches, one of its events after another, each client has such."""
    order = np.argsort(codes, kind="stable")
    own, found = codes[order], is_ahead[order]
    goes_on = np.concatenate([[False], found[:-1] & (own[:-1] == own[1:])])
    return np.bincount(own[found & ~goes_on & (own >= 0)], minlength=clients)
