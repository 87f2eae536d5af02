"""Lost and duplicate events, by the sequence number that a client gives the events of a session.

What can be known: a number between two that arrived is lost. Numbers before the first that
arrived are lost only if numbering is known to start at 1 and the log is held from its beginning
(see `numbering_start`). Numbers after the last that arrived leave no trace: nothing is known of
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.analysis import kernels
from lib.core.columns import CLIENT, EVENT_TIME, OFFSET, PARTITION, SEQUENCE, SESSION

if TYPE_CHECKING:
    from lib.analysis.kernels import Groups, Ints

EVENTS: Final = "Events"
NUMBERED: Final = "Numbered"
FIRST: Final = "First"
LAST: Final = "Last"
LOST: Final = "Lost"
DUPLICATES: Final = "Duplicates"
BEFORE: Final = "Before"
AFTER: Final = "After"


def has_numbers(events: pd.DataFrame) -> bool:
    """Return whether events carry sequence numbers: most steps inside sessions are by one.

    False where the column is missing or empty, or holds something else, such as random keys.
    """
    return are_sequence_numbers(number_steps(events))


def are_sequence_numbers(steps: Ints) -> bool:
    """Return whether the result of `number_steps` is one of sequence numbers."""
    # Whether their median is below 2, without putting them in order.
    forward, one, two = (np.count_nonzero(which) for which in (steps > 0, steps == 1, steps == 2))
    return bool(2 * one > forward or (2 * one == forward and two > 0))


def numbering_start(events: pd.DataFrame) -> int | None:
    """Return the number that sessions begin with, or None where the topic does not tell.

    It tells if every partition is held from offset 0 (neither retention nor a range cut sessions
    off) and more than half of the sessions have the same smallest number.
    """
    if SEQUENCE not in events or events.empty:
        return None
    partitions = kernels.group_by(events, PARTITION)
    if kernels.bounds_within(partitions, kernels.ints(events[OFFSET]))[0].any():
        return None
    _, sessions, number = _numbers(events)
    first, _ = kernels.bounds_within(sessions, number)
    smallest, counts = np.unique(first[sessions.sizes > 0], return_counts=True)
    if len(counts) == 0 or 2 * counts.max() <= counts.sum():
        return None
    return int(smallest[counts.argmax()])


def completeness(
    events: pd.DataFrame, *, start: int | None = None, steps: Ints | None = None
) -> pd.DataFrame:
    """Return how many events of each session were lost and how many came more than once.

    Parameters
    ----------
    events
        The events table, in any order, with `EventID`; events without a number are counted but
        tell nothing.
    start
        The number that every session begins with, from `numbering_start`. None: numbers before
        the first that arrived are unknown, not lost.
    steps
        `number_steps` of the events, where they are known.

    Returns
    -------
    pd.DataFrame
        One row a session: `SessionID` and `ClientID` (of its first row); `Events` and `Numbered`
        (those with a number), int64; `First` and `Last`, the smallest and largest number, Int64;
        `Lost`, numbers that did not arrive, and `Duplicates`, arrivals beyond the first of their
        number, Int64. The last four are missing where a session has no numbers.
        Always `Numbered` + `Lost` − `Duplicates` = `Last` − (`start` or `First`) + 1.
    """
    steps = number_steps(events) if steps is None else steps
    groups = kernels.group_by(events, SESSION)
    _, sessions, number = _numbers(events, groups)
    numbered = sessions.sizes
    known = np.flatnonzero(numbered)
    first, last = (bound[known] for bound in kernels.bounds_within(sessions, number))
    begin = first if start is None else np.minimum(first, start)
    repeated = kernels.counts(groups.codes[steps == 0], groups.n)[known]
    found = pd.DataFrame({FIRST: first, LAST: last, DUPLICATES: repeated}, index=known)
    found[LOST] = last - begin + 1 - (numbered[known] - repeated)
    table = pd.DataFrame({SESSION: groups.labels, CLIENT: _first_client(events, groups)})
    table[EVENTS] = groups.sizes
    table[NUMBERED] = numbered
    return table.join(found[[FIRST, LAST, LOST, DUPLICATES]].astype("Int64"))


def gaps(events: pd.DataFrame) -> pd.DataFrame:
    """Return each run of lost numbers between two numbers of a session that arrived.

    Returns
    -------
    pd.DataFrame
        `SessionID`, `ClientID`; `First` and `Last`, the lost numbers, and `Lost`, how many,
        int64; `Before` and `After`, the event times around the gap, int64 epoch ms.
    """
    rows, sessions, number = _numbers(events)
    order = kernels.order_by(sessions.codes, number)
    number, session = number[order], sessions.codes[order]
    left = np.flatnonzero((np.diff(session) == 0) & (np.diff(number) > 1))
    row = order if rows is None else rows[order]
    before, after = events.iloc[row[left]], events.iloc[row[left + 1]]
    return pd.DataFrame(
        {
            SESSION: before[SESSION].array,
            CLIENT: before[CLIENT].array,
            FIRST: number[left] + 1,
            LAST: number[left + 1] - 1,
            LOST: number[left + 1] - number[left] - 1,
            BEFORE: before[EVENT_TIME].array,
            AFTER: after[EVENT_TIME].array,
        }
    )


def number_steps(events: pd.DataFrame) -> Ints:
    """Return how far each event's number is from the one below it in its session.

    Parameters
    ----------
    events
        The events table, in **arrival order**.

    Returns
    -------
    Ints
        One int64 an event: 0 for an event whose number already came, 1 for the next number,
        m + 1 where m numbers below it are lost, −1 for a session's first and without a number.
    """
    if SEQUENCE not in events:
        return np.full(len(events), -1)
    rows, sessions, number = _numbers(events)
    by_session = kernels.steps_within(sessions.bounds, kernels.together(sessions, number), -1)
    numbered = kernels.apart(sessions, by_session)
    if rows is None:
        return numbered
    steps = np.full(len(events), -1)
    steps[rows] = numbered
    return steps


def _numbers(
    events: pd.DataFrame, sessions: Groups | None = None
) -> tuple[Ints | None, Groups, Ints]:
    """Return the rows of the events that have a number, None for all; their sessions; the numbers.

    Sessions without numbers are groups without events.
    """
    sessions = kernels.group_by(events, SESSION) if sessions is None else sessions
    known = events[SEQUENCE].notna().to_numpy()
    if known.all():
        return None, sessions, kernels.ints(events[SEQUENCE])
    rows = np.flatnonzero(known)
    number = events[SEQUENCE].to_numpy(np.int64, na_value=0)[rows]
    return rows, kernels.Groups(sessions.codes[rows], sessions.labels), number


def _first_client(events: pd.DataFrame, groups: Groups) -> pd.Series[str]:
    first, _ = kernels.bounds_within(groups, np.arange(len(events)))
    return events[CLIENT].iloc[first].reset_index(drop=True)
