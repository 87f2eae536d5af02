"""How many events a session has, and how long it lasts on either clock."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.analysis.tally import Tally
from lib.core.blockwise import Answer, added, as_it_is, stacked
from lib.core.columns import CLIENT, EVENT_TIME, MISSING_TIME, RECEIVED_TIME, SESSION

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.core.blockwise import Question

COUNTS: Final = "counts"

BIN_START: Final = "start"
BIN_END: Final = "end"
SESSIONS: Final = "sessions"

EVENTS: Final = "events"
FIRST_EVENT: Final = "first_event"
LAST_EVENT: Final = "last_event"
FIRST_RECEIVED: Final = "first_received"
LAST_RECEIVED: Final = "last_received"
EVENT_DURATION: Final = "event_duration"
RECEIVED_DURATION: Final = "received_duration"
LARGEST_DELAY: Final = "largest_delay"

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
    return pd.DataFrame({SESSION: sessions.categories[order], COUNTS: counts[order]})


def sizes_question(
    table: pd.DataFrame, rows: NDArray[np.int64] | slice = slice(None)
) -> Question[Tally]:
    """Ask how many sessions have how many of the events at `rows` of some blocks.

    A session may be in several blocks; it is known by the hash of its name.
    """
    yield from ()  # a question without a round
    counts = session_counts(table, rows)
    names = pd.util.hash_array(np.asarray(counts[SESSION]), categorize=False).view(np.int64)
    order = np.argsort(names)
    return Answer(Tally(names[order], counts[COUNTS].to_numpy()[order]), added, _sizes)


def _sizes(each: Tally) -> Tally:
    return Tally.of(each.count)


def count_histogram(sizes: Tally, bins: int = DEFAULT_BINS) -> pd.DataFrame:
    """Return the histogram of session sizes, as `DataFrame.hist(bins=bins)` draws it.

    Equal bins from the smallest to the largest count, each closed on the left, the last on both
    sides (`numpy.histogram`).

    Returns
    -------
    Columns `start` and `end` float64 (events), `sessions` int64; one row a bin, empty ones too.
    """
    sessions, limits = np.histogram(sizes.value, bins=bins, weights=sizes.count)
    return pd.DataFrame({BIN_START: limits[:-1], BIN_END: limits[1:], SESSIONS: sessions})


def session_table(
    table: pd.DataFrame, rows: NDArray[np.int64] | slice = slice(None)
) -> pd.DataFrame:
    """Return the sessions of the events at `rows`, in the order of their first event time.

    Returns
    -------
    Columns `SessionID`, `ClientID` (of the session's first event in arrival order), `events`
    int64, `first_event`, `last_event`, `first_received`, `last_received` int64 (epoch ms),
    `event_duration` and `received_duration` int64 (ms, last − first), `largest_delay` int64 (ms).
    Where received times are missing, what they say is Int64 and of the events that have one.
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
            EVENTS: np.diff(np.append(starts, len(order))),
            FIRST_EVENT: _each(np.minimum, event, starts),
            LAST_EVENT: _each(np.maximum, event, starts),
            FIRST_RECEIVED: _each(np.minimum, received, starts),
            LAST_RECEIVED: _each(np.maximum, received, starts),
            LARGEST_DELAY: _each(np.maximum, received - event, starts),
        }
    )
    if (received == MISSING_TIME).any():
        result = _with_known_only(result, received, event, starts)
    result[EVENT_DURATION] = result[LAST_EVENT] - result[FIRST_EVENT]
    result[RECEIVED_DURATION] = result[LAST_RECEIVED] - result[FIRST_RECEIVED]
    return result.sort_values(FIRST_EVENT, kind="stable", ignore_index=True)


def latest_question(table: pd.DataFrame, most: int) -> Question[pd.DataFrame]:
    """Ask for rows of `session_table`: those with the largest delay, then the earliest.

    Of blocks that have all events of their sessions each; at most `most` rows.
    """
    yield from ()  # a question without a round
    latest = _latest(session_table(table), most)
    return Answer(latest, partial(_latest_of_both, most=most), as_it_is)


def _latest_of_both(one: pd.DataFrame, other: pd.DataFrame, most: int) -> pd.DataFrame:
    return _latest(stacked(one, other), most)


def _latest(sessions: pd.DataFrame, most: int) -> pd.DataFrame:
    order = [LARGEST_DELAY, FIRST_EVENT, SESSION]
    ordered = sessions.sort_values(order, ascending=[False, True, True], ignore_index=True)
    return ordered.head(most)


def _with_known_only(
    sessions: pd.DataFrame,
    received: NDArray[np.int64],
    event: NDArray[np.int64],
    starts: NDArray[np.int64],
) -> pd.DataFrame:
    """Return sessions with what received times say from the events that have one; Int64."""
    known = received != MISSING_TIME
    latest = np.iinfo(np.int64).max
    first = _each(np.minimum, np.where(known, received, latest), starts)
    delay = _each(np.maximum, np.where(known, received - event, MISSING_TIME), starts)
    none = first == latest
    columns = {FIRST_RECEIVED: first, LAST_RECEIVED: sessions[LAST_RECEIVED], LARGEST_DELAY: delay}
    masked = {n: pd.arrays.IntegerArray(np.array(v), none.copy()) for n, v in columns.items()}
    return sessions.assign(**masked)


def _each(
    reduction: np.ufunc, values: NDArray[np.int64], starts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the reduction of each run of `values` that begins at `starts`."""
    return reduction.reduceat(values, starts) if len(starts) else values
