"""How many events of each session were lost, and how many came more than once.

By the steps between sequence numbers (`lib.analysis.sequence_numbers`): numbers that are missing
count for the session of the event that comes after them, where each client has counters of its own.
Where clients share one, nobody can tell whose they are: they are lost to the partition or topic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.analysis import kernels
from lib.core.columns import CLIENT, EVENTS, LOST, PARTITION, RECEIVED_TIME, SEQUENCE, SESSION

if TYPE_CHECKING:
    from lib.analysis.kernels import Groups, Ints
    from lib.analysis.sequence_numbers import SequenceNumbers

NUMBERED: Final = "Numbered"
FIRST_NUMBER: Final = "First"
LAST_NUMBER: Final = "Last"
DUPLICATES: Final = "Duplicates"
BELOW: Final = "Below"
ABOVE: Final = "Above"


def completeness(events: pd.DataFrame, steps: Ints, *, of_clients: bool = True) -> pd.DataFrame:
    """Return how many events of each session were lost and how many came more than once.

    Parameters
    ----------
    events
        The events table, in any order, with `EventID`; events without a number are counted but
        tell nothing.
    steps
        `sequence_numbers.SequenceNumbers.steps` of the events.
    of_clients
        Whether each client has counters of its own.

    Returns
    -------
    pd.DataFrame
        One row a session: `SessionID` and `ClientID` (of its first row); `Events` and `Numbered`
        (those with a number), int64; `First` and `Last`, the smallest and largest number, Int64;
        `Lost`, numbers missing just below those of its events, and `Duplicates`, arrivals beyond
        the first of the same event, Int64. The last four are missing where a session has no
        numbers, `Lost` also where clients share counters. Where numbers count a session's events,
        all of them, never restart and all records were read, always
        `Numbered` + `Lost` − `Duplicates` = `Last` − `First` + 1.
    """
    groups = kernels.group_by(events, SESSION)
    known = events[SEQUENCE].notna().to_numpy()
    number, numbered = events[SEQUENCE].to_numpy(np.int64, na_value=0), groups
    if not known.all():
        number, numbered = number[known], kernels.Groups(groups.codes[known], groups.labels)
    some = np.flatnonzero(numbered.sizes)
    first, last = (bound[some] for bound in kernels.bounds_within(numbered, number))
    gaps = np.flatnonzero(steps > 1)
    lost = np.zeros(groups.n, np.int64)
    np.add.at(lost, groups.codes[gaps], steps[gaps] - 1)
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
    table = table.join(found.astype("Int64"))
    return table if of_clients else table.assign(**{LOST: pd.array([pd.NA] * groups.n, "Int64")})


def losses(events: pd.DataFrame, numbers: SequenceNumbers) -> pd.DataFrame | None:
    """Return what is missing from counters that clients share; None where they share none.

    One row a gap: `KafkaPartition`; `Lost`, the numbers missing in it, int64; `Below` and `Above`,
    when the events on both sides of it were received, epoch ms.
    """
    if numbers.gaps is None:
        return None
    below, above = numbers.gaps
    received = events[RECEIVED_TIME].to_numpy()
    return pd.DataFrame(
        {
            PARTITION: events[PARTITION].to_numpy()[above],
            LOST: numbers.steps[above] - 1,
            BELOW: received[below],
            ABOVE: received[above],
        }
    )


def _first_client(events: pd.DataFrame, groups: Groups) -> pd.Series[str]:
    return events[CLIENT].iloc[kernels.first_within(groups)].reset_index(drop=True)
