"""Whether a topic's received times are times at which a broker or gateway received something.

With LogAppendTime the broker stamps a record when it appends it. With CreateTime the record's
timestamp is whatever the producer said: often the time of sending, sometimes a copy of the event
time. Only what the records show is judged here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.analysis import kernels
from lib.core.columns import EVENT_TIME, PARTITION, RECEIVED_TIME, RECEIVED_TIME_TYPE
from lib.sources.records import CREATE_TIME, LOG_APPEND_TIME, NO_TIMESTAMP

if TYPE_CHECKING:
    import pandas as pd

    from lib.analysis.kernels import Ints

CONSTANT_SHARE: Final = 0.9
"""With at least this share of one and the same delay, a record's timestamp is a copy."""


class Trust(StrEnum):
    """How much received time means."""

    RECEIVED = "received"
    """Stamped by the broker on append, and the records agree."""
    STATED = "stated"
    """Stated by producers or unknown; nothing in the records speaks against it."""
    LITTLE = "little"
    """It means little: do not read delays off it."""


@dataclass(frozen=True)
class Verdict:
    """What the record timestamps of a topic are worth.

    Attributes
    ----------
    trust
        The verdict.
    sentence
        Why, in one plain sentence with its numbers; the banner's text where `trust` is little.
    events
        Number of events judged.
    create_time, log_append_time, no_timestamp
        Events with that kind of timestamp, and events without any. What is left is of unknown
        kind.
    commonest_delay
        The delay that most events have, ms.
    commonest_share
        Share of the events that have it, 0 to 1.
    zero_share
        Share of the events whose received time is their event time, 0 to 1.
    backwards
        Events with a record timestamp below an earlier one in their partition.
    furthest_back
        The largest such step, ms.
    """

    trust: Trust
    sentence: str
    events: int
    create_time: int = 0
    log_append_time: int = 0
    no_timestamp: int = 0
    commonest_delay: int = 0
    commonest_share: float = 0.0
    zero_share: float = 0.0
    backwards: int = 0
    furthest_back: int = 0


def assess_timestamps(events: pd.DataFrame, *, constant_share: float = CONSTANT_SHARE) -> Verdict:
    """Return what the received times of a topic are worth.

    Received time means *little* where records have no timestamp; where at least
    `constant_share` of them have the same delay although the broker did not stamp them; or where
    record timestamps run backwards in their partitions, on average over all records, by as much
    as the typical (median) size of a delay: then they are wrong by as much as they would tell.

    Parameters
    ----------
    events
        The events table, in **arrival order**. The column `KafkaTimestampType` may be missing.
    constant_share
        Share of one and the same delay, 0 to 1, from which received time is taken for a copy of
        event time.
    """
    if events.empty:
        return Verdict(Trust.STATED, "There are no events to judge received time by.", 0)
    received = kernels.ints(events[RECEIVED_TIME])
    event_time = kernels.ints(events[EVENT_TIME])
    partitions = kernels.group_by(events, PARTITION).codes
    back = kernels.behind_running_max(partitions, received)
    delays = received - event_time
    kinds = _kinds(events)
    no_timestamp = int(np.count_nonzero(received == NO_TIMESTAMP))
    delay, share = _commonest(delays)
    backwards = int(np.count_nonzero(back))

    trust, sentence = Trust.STATED, _stated(kinds, backwards)
    if no_timestamp:
        trust, sentence = Trust.LITTLE, _none(no_timestamp, len(events))
    elif kinds[LOG_APPEND_TIME] == len(events):
        trust, sentence = Trust.RECEIVED, _received(backwards, int(back.max()))
    elif share >= constant_share and len(events) > 1:
        trust, sentence = Trust.LITTLE, _copied(delay, share)
    elif backwards > 0 and back.mean() >= np.median(np.abs(delays)):
        trust, sentence = Trust.LITTLE, _disordered(backwards, int(back.max()), len(events))
    return Verdict(
        trust,
        sentence,
        len(events),
        kinds[CREATE_TIME],
        kinds[LOG_APPEND_TIME],
        no_timestamp,
        delay,
        share,
        float(np.mean(received == event_time)),
        backwards,
        int(back.max()),
    )


def _kinds(events: pd.DataFrame) -> dict[int, int]:
    """Return the number of events with each kind of timestamp; none where the kind is unknown."""
    kinds = dict.fromkeys((CREATE_TIME, LOG_APPEND_TIME), 0)
    if RECEIVED_TIME_TYPE in events:
        values, counts = np.unique(events[RECEIVED_TIME_TYPE].to_numpy(), return_counts=True)
        kinds |= dict(zip(values.tolist(), counts.tolist(), strict=True))
    return kinds


def _commonest(delays: Ints) -> tuple[int, float]:
    values, times = kernels.tally(delays)
    commonest = int(times.argmax())
    return int(values[commonest]), float(times[commonest] / len(delays))


def _none(missing: int, events: int) -> str:
    return f"{missing:,} of {events:,} records have no timestamp: there is no received time."


def _received(backwards: int, furthest: int) -> str:
    if not backwards:
        return "The broker stamped every record when it appended it (LogAppendTime)."
    return (
        f"The broker stamped every record (LogAppendTime), yet {backwards:,} timestamps run "
        f"backwards in their partition, by up to {furthest:,} ms: a broker's clock was set back."
    )


def _copied(delay: int, share: float) -> str:
    same = "the event time itself" if delay == 0 else f"the event time {delay:+,} ms"
    return (
        f"Received time means little here: for {share:.0%} of the records it is {same}, "
        "so the producer copied it and no delay can be seen."
    )


def _disordered(backwards: int, furthest: int, events: int) -> str:
    return (
        f"Received time means little here: {backwards:,} of {events:,} record timestamps run "
        f"backwards in their partition, by up to {furthest:,} ms, as much as delays are long."
    )


def _stated(kinds: dict[int, int], backwards: int) -> str:
    known = kinds[CREATE_TIME] + kinds[LOG_APPEND_TIME]
    who = "Producers stated the received time (CreateTime)" if known else "Who stamped is unknown"
    if kinds[LOG_APPEND_TIME]:
        who = f"The broker stamped {kinds[LOG_APPEND_TIME]:,} records, producers the others"
    order = "it rises" if not backwards else f"all but {backwards:,} records rise"
    return f"{who}; in every partition {order} as times of receipt would."
