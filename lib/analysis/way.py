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
from lib.analysis.outages import KIND, QUIET, outages_and_rhythm
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
    from collections.abc import Iterable

    from lib.analysis.kernels import Ints
    from lib.analysis.matching import Matching
    from lib.analysis.timestamp_quality import Verdict

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
    withheld
        Why nothing is told from these times, as a sentence; "" if it is told.
    quantiles
        `delays.delay_quantiles` of `way_events`.
    outages
        `outages.outages_of` of `way_events` that are none of nothing happening; empty where
        withheld.
    """

    withheld: str
    quantiles: pd.DataFrame
    outages: pd.DataFrame


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
) -> tuple[pd.DataFrame, Way]:
    """Return the events of a way, see `way_events`, and how long they took.

    Parameters
    ----------
    here, there, matching
        Events tables, and the result of `matching.match` of them.
    names
        What sentences call the topics.
    all_read
        Whether every record there was read, and could be: only then is what has no partner lost.
    """
    pairs = pairs_of(here, there, matching.at_here, matching.at_there)
    numbers = None
    if all_read:
        due = np.flatnonzero(np.isin(matching.fate_here, (Fate.IN_BOTH, Fate.MISSING)))
        numbers = _numbers(here[PARTITION].to_numpy(), due)[matching.at_here]
    events = way_events(pairs, numbers)
    verdicts = (
        assess_timestamps(with_broker_times(table)) for table in (here, there)
    )  # asked for only where it matters
    withheld = why_withheld(
        len(events), same_times(events), verdicts, names, by_broker=is_by_broker(there)
    )
    found = events.head(0) if withheld else events
    outages, _ = outages_and_rhythm(found)
    return events, Way(withheld, delay_quantiles(found), told_of_way(outages))


def told_of_way(outages: pd.DataFrame) -> pd.DataFrame:
    """Return the outages that are told of a way: none of nothing happening."""
    return outages[outages[KIND] != QUIET].reset_index(drop=True)


def with_broker_times(events: pd.DataFrame) -> pd.DataFrame:
    """Return an events table whose received times are those of `broker_times`."""
    return events.assign(**{RECEIVED_TIME: broker_times(events)})


def pairs_of(
    here: pd.DataFrame, there: pd.DataFrame, at_here: Ints, at_there: Ints
) -> pd.DataFrame:
    """Return what a way is told of, a row a pair.

    `Timestamp` is when it was received here, `KafkaTimestamp` when there, int64 epoch ms;
    `ClientID` the partition here; partition and offset there.
    """
    return pd.DataFrame(
        {
            EVENT_TIME: broker_times(here)[at_here],
            RECEIVED_TIME: broker_times(there)[at_there],
            CLIENT: here[PARTITION].to_numpy()[at_here],
            PARTITION: there[PARTITION].to_numpy()[at_there],
            OFFSET: there[OFFSET].to_numpy()[at_there],
        }
    )


def way_events(pairs: pd.DataFrame, numbers: Ints | None) -> pd.DataFrame:
    """Return an events table of the pairs with both times, each partition here a client.

    Parameters
    ----------
    pairs
        `pairs_of` events in arrival order there.
    numbers
        Number each in what its partition here has in both topics or missing there; None where
        records that were not read may be what is missing.
    """
    names = pd.Categorical(pairs[CLIENT])
    table = pairs.assign(**{CLIENT: names, SESSION: names})
    if numbers is not None:
        table[SEQUENCE] = pd.array(numbers, dtype="Int64")
    known = ((table[EVENT_TIME] >= 0) & (table[RECEIVED_TIME] >= 0)).to_numpy()
    return table if known.all() else table[known].reset_index(drop=True)


def _numbers(partition: Ints, due: Ints) -> Ints:
    """Return the number of each event in what is due of its partition, at the places `due`."""
    number = np.zeros(len(partition), np.int64)
    for part in np.unique(partition[due]):
        own = due[partition[due] == part]
        number[own] = np.arange(1, len(own) + 1)
    return number


def same_times(events: pd.DataFrame) -> int:
    """Return how many events of a way have the same time in both topics."""
    return int((events[EVENT_TIME] == events[RECEIVED_TIME]).sum())


def is_by_broker(events: pd.DataFrame) -> bool:
    """Return whether a broker stamped all records."""
    kinds = events.get(RECEIVED_TIME_TYPE)
    return kinds is not None and bool((kinds == LOG_APPEND_TIME).all())


def why_withheld(
    events: int, same: int, verdicts: Iterable[Verdict], names: tuple[str, str], *, by_broker: bool
) -> str:
    """Return why nothing is told of a way, as a sentence; "" if it is.

    Parameters
    ----------
    events, same
        How many it has, and how many of them with the same time in both topics.
    verdicts
        What the times of the brokers are worth, here and there.
    names
        What sentences call the topics.
    by_broker
        Whether the second broker stamped all records.
    """
    if not events:
        return NO_TIMES
    share = same / events
    if share >= (1.0 if by_broker else _COPIED):
        return COPIED.format(share=percent(share, 0).capitalize())
    for verdict, name in zip(verdicts, names, strict=True):
        if not verdict.usable:
            return NO_BROKER.format(name=name, sentence=verdict.sentence)
    return ""
