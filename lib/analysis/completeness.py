"""How many events of each session were lost, and how many came more than once.

By the steps between sequence numbers (`lib.analysis.sequence_numbers`): numbers that are missing
count for the session of the event that comes after them, whatever it is that they count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.analysis import kernels
from lib.core.columns import CLIENT, EVENTS, LOST, SEQUENCE, SESSION

if TYPE_CHECKING:
    from lib.analysis.kernels import Groups, Ints

NUMBERED: Final = "Numbered"
FIRST_NUMBER: Final = "First"
LAST_NUMBER: Final = "Last"
DUPLICATES: Final = "Duplicates"


def completeness(events: pd.DataFrame, steps: Ints) -> pd.DataFrame:
    """Return how many events of each session were lost and how many came more than once.

    Parameters
    ----------
    events
        The events table, in any order, with `EventID`; events without a number are counted but
        tell nothing.
    steps
        `sequence_numbers.SequenceNumbers.steps` of the events.

    Returns
    -------
    pd.DataFrame
        One row a session: `SessionID` and `ClientID` (of its first row); `Events` and `Numbered`
        (those with a number), int64; `First` and `Last`, the smallest and largest number, Int64;
        `Lost`, numbers missing just below those of its events, and `Duplicates`, arrivals beyond
        the first of the same event, Int64. The last four are missing where a session has no
        numbers. Where numbers count a session's events, all of them, never restart and all records
        were read, always `Numbered` + `Lost` − `Duplicates` = `Last` − `First` + 1.
    """
    groups = kernels.group_by(events, SESSION)
    known = events[SEQUENCE].notna().to_numpy()
    number = events[SEQUENCE].to_numpy(np.int64, na_value=0)[known]
    numbered = kernels.Groups(groups.codes[known], groups.labels)
    some = np.flatnonzero(numbered.sizes)
    first, last = (bound[some] for bound in kernels.bounds_within(numbered, number))
    missing = np.maximum(steps - 1, 0)
    lost = np.zeros(groups.n, np.int64)
    np.add.at(lost, groups.codes[missing > 0], missing[missing > 0])
    repeated = kernels.counts(groups.codes[steps == 0], groups.n)
    found = pd.DataFrame(
        {
            FIRST_NUMBER: first,
            LAST_NUMBER: last,
            LOST: lost[some],
            DUPLICATES: repeated[some],
        },
        index=some,
    )
    table = pd.DataFrame({SESSION: groups.labels, CLIENT: _first_client(events, groups)})
    table[EVENTS] = groups.sizes
    table[NUMBERED] = numbered.sizes
    return table.join(found.astype("Int64"))


def _first_client(events: pd.DataFrame, groups: Groups) -> pd.Series[str]:
    first, _ = kernels.bounds_within(groups, np.arange(len(events)))
    return events[CLIENT].iloc[first].reset_index(drop=True)
