"""The way between two topics: how long matched events took on it, and when it was down.

The way is looked at as a client is: an event "happens" when it is received here and is "received"
when it is received there, so delays, their quantiles and outages mean what they mean for clients
(`lib.analysis.delays`, `lib.analysis.outages`). Each partition here is a client of its own, for a
mirror carries partitions apart.

Both times are of brokers. A constant difference of their clocks cannot be told from a constant
duration of the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.analysis import kernels
from lib.analysis.delays import delay_quantiles
from lib.analysis.matching import Fate
from lib.analysis.outages import HELD_BACK, KIND, QUIET, outages_and_rhythm
from lib.analysis.timestamp_quality import assess_timestamps
from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
    RECEIVED_TIME_TYPE,
    RECORD_TIME,
    SEQUENCE,
    SESSION,
)
from lib.core.formatting import percent
from lib.sources.records import LOG_APPEND_TIME

if TYPE_CHECKING:
    from lib.analysis.kernels import Ints
    from lib.analysis.matching import Matching

_COPIED: Final = 0.5
"""Share of the matched events with the same time in both from which it was copied; all of them
where the second broker stamped them."""

NO_TIMES: Final = "No matched event has a received time in both topics."
COPIED: Final = (
    "{share} of the matched events have the same received time in both topics, as a mirror "
    "gives them that keeps the record timestamps: how long the way took cannot be told."
)
NO_BROKER: Final = "{name}: {sentence} How long the way took cannot be told."


@dataclass(frozen=True)
class Way:
    """How long matched events took from here to there.

    Attributes
    ----------
    events
        An events table of the matched events with both times, in arrival order there:
        `Timestamp` is when it was received here, `KafkaTimestamp` when there, `ClientID` the
        partition here. `EventID` numbers what is in both or missing there, where records that were
        not read cannot be what is missing.
    withheld
        Why nothing is told from these times, as a sentence; "" if it is told.
    quantiles
        `delays.delay_quantiles` of `events`.
    outages
        `outages.outages_of` of `events` that are none of nothing happening; empty where withheld.
    """

    events: pd.DataFrame
    withheld: str
    quantiles: pd.DataFrame
    outages: pd.DataFrame

    @property
    def held_back(self) -> int:
        """How many events waited for the end of an outage."""
        return int(self.outages[HELD_BACK].sum())


def broker_times(events: pd.DataFrame) -> Ints:
    """Return when each record was received by its broker, epoch ms, as far as the topic says."""
    return kernels.ints(events[RECORD_TIME if RECORD_TIME in events else RECEIVED_TIME])


def way_between(
    here: pd.DataFrame,
    there: pd.DataFrame,
    matching: Matching,
    *,
    names: tuple[str, str],
    all_read: bool = True,
) -> Way:
    """Return how long matched events took on the way.

    Parameters
    ----------
    here, there, matching
        Events tables, and the result of `matching.match` of them.
    names
        What sentences call the topics.
    all_read
        Whether every record there was read, and could be: only then is what has no partner lost.
    """
    events = _events_of(here, there, matching, numbered=all_read)
    withheld = _why_withheld(here, there, events, names)
    found = events.head(0) if withheld else events
    outages, _ = outages_and_rhythm(found)
    outages = outages[outages[KIND] != QUIET].reset_index(drop=True)
    return Way(events, withheld, delay_quantiles(found), outages)


def _events_of(
    here: pd.DataFrame, there: pd.DataFrame, matching: Matching, *, numbered: bool
) -> pd.DataFrame:
    at_here, at_there = matching.at_here, matching.at_there
    sent, received = broker_times(here)[at_here], broker_times(there)[at_there]
    partition = pd.Categorical(here[PARTITION].to_numpy()[at_here])
    table = pd.DataFrame(
        {
            EVENT_TIME: sent,
            RECEIVED_TIME: received,
            CLIENT: partition,
            SESSION: partition,
            PARTITION: there[PARTITION].to_numpy()[at_there],
            OFFSET: there[OFFSET].to_numpy()[at_there],
        }
    )
    if numbered:
        due = np.isin(matching.fate_here, (Fate.IN_BOTH, Fate.MISSING))
        number = due.astype(np.int64)
        for part in kernels.group_by(here, PARTITION).labels:
            own = here[PARTITION].to_numpy() == part
            number[own] = np.cumsum(number[own])
        table[SEQUENCE] = pd.array(number[at_here], dtype="Int64")
    known = (sent >= 0) & (received >= 0)
    return table if known.all() else table[known].reset_index(drop=True)


def _why_withheld(
    here: pd.DataFrame, there: pd.DataFrame, events: pd.DataFrame, names: tuple[str, str]
) -> str:
    if events.empty:
        return NO_TIMES
    same = float((events[EVENT_TIME] == events[RECEIVED_TIME]).mean())
    kinds = there.get(RECEIVED_TIME_TYPE)
    by_broker = kinds is not None and bool((kinds == LOG_APPEND_TIME).all())
    if same >= (1.0 if by_broker else _COPIED):
        return COPIED.format(share=percent(same, 0))
    for table, name in zip((here, there), names, strict=True):
        verdict = assess_timestamps(table.assign(**{RECEIVED_TIME: broker_times(table)}))
        if not verdict.usable:
            return NO_BROKER.format(name=name, sentence=verdict.sentence)
    return ""
