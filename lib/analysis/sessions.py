"""How many events a session has, and how long it lasts on either clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.events.table import CLIENT, EVENT_TIME, RECEIVED_TIME, SESSION

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEFAULT_BINS: Final = 50
"""Bins of the notebook's histogram."""


def session_counts(
    table: pd.DataFrame, rows: NDArray[np.int64] | slice = slice(None)
) -> pd.DataFrame:
    """Return how many of the events at `rows` each session has, the fewest first.

    As in the notebook: `groupby("SessionID").size().reset_index(name="counts")`, sorted by counts.

    Returns
    -------
    Columns `SessionID` (the categories' type) and `counts` int64; a session without an event at
    `rows` has no row, events without a session are not counted.
    """
    sessions = table[SESSION].cat
    codes = sessions.codes.to_numpy()[rows]
    counts = np.bincount(codes[codes >= 0], minlength=len(sessions.categories))
    present = np.flatnonzero(counts)
    order = present[np.argsort(counts[present], kind="stable")]
    return pd.DataFrame({SESSION: sessions.categories[order], "counts": counts[order]})


def count_histogram(counts: pd.Series, bins: int = DEFAULT_BINS) -> pd.DataFrame:
    """Return the histogram of session sizes, as `DataFrame.hist(bins=bins)` draws it.

    Equal bins from the smallest to the largest count, each closed on the left, the last on both
    sides (`numpy.histogram`).

    Returns
    -------
    Columns `start` and `end` float64 (events), `sessions` int64; one row a bin, empty ones too.
    """
    sessions, edges = np.histogram(counts.to_numpy(), bins=bins)
    return pd.DataFrame({"start": edges[:-1], "end": edges[1:], "sessions": sessions})


def session_table(
    table: pd.DataFrame, rows: NDArray[np.int64] | slice = slice(None)
) -> pd.DataFrame:
    """Return the sessions of the events at `rows`, in the order of their first event time.

    Returns
    -------
    Columns `SessionID`, `ClientID` (of the session's first event in arrival order), `events`
    int64, `first_event`, `last_event`, `first_received`, `last_received` int64 (epoch ms),
    `event_duration` and `received_duration` int64 (ms, last − first), `largest_delay` int64 (ms).
    """
    session = table[SESSION].cat.codes.to_numpy()[rows]
    event = table[EVENT_TIME].to_numpy()[rows]
    received = table[RECEIVED_TIME].to_numpy()[rows]
    known = session >= 0
    if not known.all():
        session, event, received = session[known], event[known], received[known]
    order = np.argsort(session, kind="stable")
    starts = np.flatnonzero(np.diff(session[order], prepend=-1))
    event, received = event[order], received[order]
    client = table[CLIENT].cat.codes.to_numpy()[rows][known][order][starts]
    result = pd.DataFrame(
        {
            SESSION: table[SESSION].cat.categories[session[order][starts]],
            CLIENT: pd.Categorical.from_codes(client, table[CLIENT].cat.categories),
            "events": np.diff(np.append(starts, len(order))),
            "first_event": _each(np.minimum, event, starts),
            "last_event": _each(np.maximum, event, starts),
            "first_received": _each(np.minimum, received, starts),
            "last_received": _each(np.maximum, received, starts),
            "largest_delay": _each(np.maximum, received - event, starts),
        }
    )
    result["event_duration"] = result["last_event"] - result["first_event"]
    result["received_duration"] = result["last_received"] - result["first_received"]
    return result.sort_values("first_event", kind="stable", ignore_index=True)


def _each(
    reduction: np.ufunc, values: NDArray[np.int64], starts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the reduction of each run of `values` that begins at `starts`."""
    return reduction.reduceat(values, starts) if len(starts) else values
