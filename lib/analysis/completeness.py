"""Lost and duplicate events, by the sequence number that a client gives the events of a session.

A number between two that arrived is lost. Numbers before the first that arrived are lost only
where it is known with which number sessions begin (`numbering_start`). Numbers after the last
that arrived leave no trace: nothing is known of them.

Of one session at a time: `number_steps` and the rows of `completeness`. Pooled over all sessions,
and passed on: `are_sequence_numbers`, `numbering_start`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.analysis import kernels
from lib.core.columns import CLIENT, OFFSET, PARTITION, SEQUENCE, SESSION

if TYPE_CHECKING:
    from lib.analysis.kernels import Groups, Ints

EVENTS: Final = "Events"
NUMBERED: Final = "Numbered"
FIRST_NUMBER: Final = "First"
LAST_NUMBER: Final = "Last"
LOST: Final = "Lost"
DUPLICATES: Final = "Duplicates"


def are_sequence_numbers(steps: Ints) -> bool:
    """Return whether the `number_steps` of all events are those of sequence numbers.

    That is, whether the median of the steps forward is below 2. False where the column is missing
    or empty, or holds something else, such as random keys.
    """
    # Counting needs no sorting.
    forward, one, two = (np.count_nonzero(which) for which in (steps > 0, steps == 1, steps == 2))
    return bool(2 * one > forward or (2 * one == forward and two > 0))


def numbering_start(events: pd.DataFrame) -> int | None:
    """Return the number that sessions begin with; None where the topic does not tell.

    It tells if every partition is there from offset 0 (neither retention nor the range that was
    read cut sessions off) and more than half of the sessions have the same smallest number.
    """
    if SEQUENCE not in events or events.empty:
        return None
    partitions = kernels.group_by(events, PARTITION)
    if kernels.bounds_within(partitions, kernels.ints(events[OFFSET]))[0].any():
        return None
    _, sessions, number = _numbers(events, kernels.group_by(events, SESSION))
    first, _ = kernels.bounds_within(sessions, number)
    smallest, counts = np.unique(first[sessions.sizes > 0], return_counts=True)
    if len(counts) == 0 or 2 * counts.max() <= counts.sum():
        return None
    return int(smallest[counts.argmax()])


def completeness(events: pd.DataFrame, steps: Ints, start: int | None) -> pd.DataFrame:
    """Return how many events of each session were lost and how many came more than once.

    Parameters
    ----------
    events
        The events table, in any order, with `EventID`; events without a number are counted but
        tell nothing.
    steps
        `number_steps` of the events.
    start
        The number that every session begins with: `numbering_start` of the topic. None: numbers
        before the first that arrived are unknown, not lost.

    Returns
    -------
    pd.DataFrame
        One row a session: `SessionID` and `ClientID` (of its first row); `Events` and `Numbered`
        (those with a number), int64; `First` and `Last`, the smallest and largest number, Int64;
        `Lost`, numbers that did not arrive, and `Duplicates`, arrivals beyond the first of their
        number, Int64. The last four are missing where a session has no numbers.
        Always `Numbered` + `Lost` − `Duplicates` = `Last` − (`start` or `First`) + 1.
    """
    groups = kernels.group_by(events, SESSION)
    _, sessions, number = _numbers(events, groups)
    numbered = sessions.sizes
    known = np.flatnonzero(numbered)
    first, last = (bound[known] for bound in kernels.bounds_within(sessions, number))
    begin = first if start is None else np.minimum(first, start)
    repeated = kernels.counts(groups.codes[steps == 0], groups.n)[known]
    found = pd.DataFrame(
        {FIRST_NUMBER: first, LAST_NUMBER: last, DUPLICATES: repeated}, index=known
    )
    found[LOST] = last - begin + 1 - (numbered[known] - repeated)
    table = pd.DataFrame({SESSION: groups.labels, CLIENT: _first_client(events, groups)})
    table[EVENTS] = groups.sizes
    table[NUMBERED] = numbered
    return table.join(found[[FIRST_NUMBER, LAST_NUMBER, LOST, DUPLICATES]].astype("Int64"))


def number_steps(events: pd.DataFrame) -> Ints:
    """Return how far each event's number is above the next smaller one of its session.

    Parameters
    ----------
    events
        The events table, in **arrival order**.

    Returns
    -------
    Ints
        One int64 an event: 0 if its number came before, 1 if the number below it is there, m + 1
        if the m numbers below it are missing; −1 for a session's smallest and without a number.
    """
    if SEQUENCE not in events:
        return np.full(len(events), -1)
    rows, sessions, number = _numbers(events, kernels.group_by(events, SESSION))
    by_session = kernels.steps_within(sessions.bounds, kernels.together(sessions, number), -1)
    numbered = kernels.apart(sessions, by_session)
    if rows is None:
        return numbered
    steps = np.full(len(events), -1)
    steps[rows] = numbered
    return steps


def _numbers(events: pd.DataFrame, sessions: Groups) -> tuple[Ints | None, Groups, Ints]:
    """Return the rows of the events with a number (None: all rows), their sessions and numbers.

    Sessions without numbers stay, as groups without events.
    """
    known = events[SEQUENCE].notna().to_numpy()
    if known.all():
        return None, sessions, kernels.ints(events[SEQUENCE])
    rows = np.flatnonzero(known)
    number = events[SEQUENCE].to_numpy(np.int64, na_value=0)[rows]
    return rows, kernels.Groups(sessions.codes[rows], sessions.labels), number


def _first_client(events: pd.DataFrame, groups: Groups) -> pd.Series[str]:
    first, _ = kernels.bounds_within(groups, np.arange(len(events)))
    return events[CLIENT].iloc[first].reset_index(drop=True)
