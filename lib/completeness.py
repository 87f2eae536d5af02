"""Lost and duplicate events, by the running number that a client gives the events of a session.

What can be known: a number between two that arrived is lost. Numbers before the first that
arrived are lost only if numbering is known to start at 1 and the log is held from its beginning
(see `numbering_start`). Numbers after the last that arrived leave no trace: nothing is known of
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib import grouped
from lib.columns import CLIENT, EVENT_TIME, OFFSET, PARTITION, SEQUENCE, SESSION

if TYPE_CHECKING:
    from lib.grouped import Groups, Ints

EVENTS: Final = "Events"
NUMBERED: Final = "Numbered"
FIRST: Final = "First"
LAST: Final = "Last"
LOST: Final = "Lost"
DUPLICATES: Final = "Duplicates"
BEFORE: Final = "Before"
AFTER: Final = "After"


@dataclass(frozen=True)
class _Numbers:
    """The numbered events, session after session, numbers rising: `row` is where each stands."""

    groups: Groups
    session: Ints
    number: Ints
    row: Ints

    @property
    def opens(self) -> Ints:
        """Where each session's smallest number stands; sessions without numbers have none."""
        return np.flatnonzero(np.diff(self.session, prepend=-1))


def has_numbers(events: pd.DataFrame) -> bool:
    """Return whether events carry running numbers: most steps inside sessions are by one.

    False where the column is missing or empty, or holds something else, such as random keys.
    """
    return are_running(number_steps(events))


def are_running(steps: Ints) -> bool:
    """Return whether the result of `number_steps` is one of running numbers."""
    forward = steps[steps > 0]
    return len(forward) > 0 and int(np.median(forward)) == 1


def numbering_start(events: pd.DataFrame) -> int | None:
    """Return the number that sessions begin with, or None where the topic does not tell.

    It tells if every partition is held from offset 0 (neither retention nor a range cut sessions
    off) and more than half of the sessions have the same smallest number.
    """
    if SEQUENCE not in events or events.empty:
        return None
    partitions = grouped.group_by(events, PARTITION)
    if grouped.bounds_within(partitions, grouped.ints(events[OFFSET]))[0].any():
        return None
    numbered = events.loc[events[SEQUENCE].notna(), [SESSION, SEQUENCE]]
    sessions = grouped.group_by(numbered, SESSION)
    first, _ = grouped.bounds_within(sessions, grouped.ints(numbered[SEQUENCE]))
    smallest, counts = np.unique(first, return_counts=True)
    if len(counts) == 0 or 2 * counts.max() <= counts.sum():
        return None
    return int(smallest[counts.argmax()])


def completeness(events: pd.DataFrame, *, start: int | None = None) -> pd.DataFrame:
    """Return how many events of each session were lost and how many came more than once.

    Parameters
    ----------
    events
        The events table, in any order, with `EventID`; events without a number are counted but
        tell nothing.
    start
        The number that every session begins with, from `numbering_start`. None: numbers before
        the first that arrived are unknown, not lost.

    Returns
    -------
    pd.DataFrame
        One row a session: `SessionID` and `ClientID` (of its first row); `Events` and `Numbered`
        (those with a number), int64; `First` and `Last`, the smallest and largest number, Int64;
        `Lost`, numbers that did not arrive, and `Duplicates`, arrivals beyond the first of their
        number, Int64. The last four are missing where a session has no numbers.
        Always `Numbered` + `Lost` − `Duplicates` = `Last` − (`start` or `First`) + 1.
    """
    numbers = _numbers(events)
    groups = numbers.groups
    opens, steps = numbers.opens, _steps(numbers)
    closes = np.append(opens[1:], len(numbers.number))[: len(opens)] - 1
    first, last = numbers.number[opens], numbers.number[closes]
    begin = first if start is None else np.minimum(first, start)
    numbered = np.bincount(numbers.session, minlength=groups.n)
    repeated = np.bincount(numbers.session[1:][steps == 0], minlength=groups.n)
    known = numbers.session[opens]
    found = pd.DataFrame({FIRST: first, LAST: last, DUPLICATES: repeated[known]}, index=known)
    found[LOST] = last - begin + 1 - (numbered[known] - repeated[known])
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
    numbers = _numbers(events)
    left = np.flatnonzero(_steps(numbers) > 1)
    before, after = events.iloc[numbers.row[left]], events.iloc[numbers.row[left + 1]]
    return pd.DataFrame(
        {
            SESSION: before[SESSION].array,
            CLIENT: before[CLIENT].array,
            FIRST: numbers.number[left] + 1,
            LAST: numbers.number[left + 1] - 1,
            LOST: numbers.number[left + 1] - numbers.number[left] - 1,
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
    steps = np.full(len(events), -1, np.int64)
    if SEQUENCE in events:
        numbers = _numbers(events)
        steps[numbers.row[1:]] = _steps(numbers)
    return steps


def _numbers(events: pd.DataFrame) -> _Numbers:
    groups = grouped.group_by(events, SESSION)
    row = np.flatnonzero(events[SEQUENCE].notna())
    number = events[SEQUENCE].to_numpy(np.int64, na_value=0)[row]
    session = groups.codes[row]
    order = grouped.order_by(session, number)
    return _Numbers(groups, session[order], number[order], row[order])


def _steps(numbers: _Numbers) -> Ints:
    """Return each number's step to the next one; −1 where the next is of another session."""
    same = np.diff(numbers.session) == 0
    return np.where(same, np.diff(numbers.number), -1)


def _first_client(events: pd.DataFrame, groups: Groups) -> pd.Series[str]:
    row = np.zeros(groups.n, np.int64)
    row[groups.codes[::-1]] = np.arange(len(events))[::-1]
    return events[CLIENT].iloc[row].reset_index(drop=True)
