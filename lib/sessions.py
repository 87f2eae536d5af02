"""Sessions: how many events each has, how long it lasted, on both clocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lib.columns import CLIENT, EVENT_TIME, RECEIVED_TIME, SESSION

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Histogram:
    """Counts of values in bins.

    Attributes
    ----------
    edges
        float64, one more than there are bins.
    counts
        int64: values v with edge ≤ v < next edge; in the last bin the upper edge counts too.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]


def session_counts(events: pd.DataFrame) -> pd.DataFrame:
    """Return how many events each session has.

    Parameters
    ----------
    events
        An events table.

    Returns
    -------
    pandas.DataFrame
        `SessionID` (category), `ClientID` (category, the client of its first event) and `counts`
        (int64), fewest events first: the notebook's `groupby("SessionID").size()`.
    """
    table = session_table(events)[[SESSION, CLIENT, "events"]]
    counted = table.rename(columns={"events": "counts"})
    return counted.sort_values("counts", kind="stable", ignore_index=True)


def session_table(events: pd.DataFrame) -> pd.DataFrame:
    """Return one row a session, in the order of the sessions' names.

    Parameters
    ----------
    events
        An events table.

    Returns
    -------
    pandas.DataFrame
        `SessionID`, `ClientID` (category; the client of the session's first event in arrival
        order), `events` (int64), `first_event`, `last_event`, `first_received`, `last_received`
        (int64, epoch ms), `event_duration_s` and `received_duration_s` (float64, seconds from the
        first to the last).
    """
    codes = events[SESSION].cat.codes.to_numpy()
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-2))
    first = order[starts]
    columns = {
        SESSION: events[SESSION].array[first],
        CLIENT: events[CLIENT].array[first],
        "events": np.diff(starts, append=len(order)),
    }
    for clock, name in (("event", EVENT_TIME), ("received", RECEIVED_TIME)):
        times = events[name].to_numpy()[order]
        columns[f"first_{clock}"] = np.minimum.reduceat(times, starts) if len(starts) else times
        columns[f"last_{clock}"] = np.maximum.reduceat(times, starts) if len(starts) else times
    for clock in ("event", "received"):
        lasted = columns[f"last_{clock}"] - columns[f"first_{clock}"]
        columns[f"{clock}_duration_s"] = lasted / 1000.0
    return pd.DataFrame(columns)


def count_histogram(counts: ArrayLike, bins: int = 50) -> Histogram:
    """Return the histogram of counts that pandas' and matplotlib's `hist(bins=…)` draw.

    Parameters
    ----------
    counts
        One number a session, for example `session_counts(events)["counts"]`.
    bins
        How many bins of equal width, from the smallest to the largest value.
    """
    values = np.asarray(counts)
    found, edges = np.histogram(values, bins=bins)
    return Histogram(edges, found.astype(np.int64))
