"""Single events whose time cannot be, or hardly: received long before it, or months after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from lib.analysis.client_clocks import AHEAD_MS, MOST_AHEAD, UNSTEADY, WRONG
from lib.core.columns import CLIENT, EVENT_TIME, OFFSET, PARTITION, RECEIVED_TIME
from lib.core.durations import DAY_MS

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


OLD_MS: Final = 30 * DAY_MS
"""Few events wait for so long, and not one here and there."""


def impossible_times(events: pd.DataFrame, clocks: pd.DataFrame) -> pd.DataFrame:
    """Return the events that were received more than a day before they happened, or months after.

    Not those of clients whose clock is found to be wrong, or was for a while: that is another
    finding. It was where such events are more than a tenth and mostly follow each other; a date
    that stands for none is here and there. Old events, beyond `OLD_MS`, may have waited, or be read
    again: only those count that are both at most a tenth of their client's and here and there.

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
    codes, clients = events[CLIENT].cat.codes.to_numpy(), len(events[CLIENT].cat.categories)
    is_ahead, is_old = (which & (codes >= 0) for which in (delay < -AHEAD_MS, delay > OLD_MS))
    far: pd.DataFrame = events.loc[is_ahead | is_old, columns]
    if far.empty:
        return far
    every = np.bincount(codes[codes >= 0], minlength=clients)
    few_ahead, singly_ahead = _few_and_singly(is_ahead, codes, np.maximum(1, MOST_AHEAD * every))
    few_old, singly_old = _few_and_singly(is_old, codes, MOST_AHEAD * every)
    wrong, unsteady = (
        events[CLIENT].isin(clocks.loc[clocks[which], CLIENT]).to_numpy()
        for which in (WRONG, UNSTEADY)
    )
    is_ahead &= (singly_ahead | few_ahead)[codes] & ~(unsteady & ~singly_ahead[codes])
    is_old &= (singly_old & few_old)[codes]
    found: pd.DataFrame = events.loc[(is_ahead | is_old) & ~wrong, columns]
    return found


def _few_and_singly(
    which: NDArray[np.bool_], codes: NDArray[np.integer], most: NDArray[np.floating]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return of which clients at most so many events are such; and of which they stand singly."""
    own = np.bincount(codes[which], minlength=len(most))
    return own <= most, 2 * _stretches(which, codes, len(own)) > own


def _stretches(
    which: NDArray[np.bool_], codes: NDArray[np.integer], clients: int
) -> NDArray[np.int64]:
    """Return in how many stretches, one of its events after another, each client has such."""
    order = np.argsort(codes, kind="stable")
    own, found = codes[order], which[order]
    goes_on = np.concatenate([[False], found[:-1] & (own[:-1] == own[1:])])
    return np.bincount(own[found & ~goes_on], minlength=clients)
