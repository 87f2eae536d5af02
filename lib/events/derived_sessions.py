"""Sessions of a topic that has none: per client, by an inactivity gap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray


def derive_sessions(
    clients: pd.Categorical[Any], times: NDArray[np.int64], gap_s: float
) -> pd.Categorical[Any]:
    """Return the session of each event where the topic has none.

    A session of a client ends where its next event, in event time, is more than the gap away;
    exactly the gap apart is one session, as in Flink, Spark and Kafka Streams.

    Parameters
    ----------
    clients, times
        Client and event time (epoch ms) of each event, in any order.
    gap_s
        The inactivity gap, seconds.

    Returns
    -------
    pandas.Categorical
        `client/1`, `client/2`, … in event time; the categories by client, then number.
    """
    codes = clients.codes
    order = np.lexsort((times, codes))
    client, time = codes[order], times[order]
    other = np.ones(len(order), bool)
    other[1:] = client[1:] != client[:-1]
    starts = other.copy()
    starts[1:] |= np.diff(time) > gap_s * 1000.0
    session = np.empty(len(order), np.int64)
    session[order] = np.cumsum(starts) - 1
    first = np.flatnonzero(starts)
    first_of_client = np.maximum.accumulate(np.where(other[first], np.arange(len(first)), 0))
    number = np.arange(len(first)) - first_of_client + 1
    names = [f"{c}/{n}" for c, n in zip(clients.categories[client[first]], number, strict=True)]
    return pd.Categorical.from_codes(session, categories=pd.Index(names, dtype="str"))
