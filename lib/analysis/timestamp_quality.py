"""Whether a topic's received times are times at which a broker or gateway received something.

With LogAppendTime the broker stamps a record when it appends it. With CreateTime the record's
timestamp is whatever the producer said: often the time of sending, sometimes a copy of the event
time. Only what the records show is judged: `measure_timestamps` counts it over the topic,
`verdict_of` says what it means.
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
    """It means little: no delay can be read off it."""


@dataclass(frozen=True)
class Verdict:
    """What the record timestamps of a topic are worth.

    Attributes
    ----------
    trust
        How much they mean.
    sentence
        Why, in one plain sentence with its numbers.
    events
        Number of events that it was judged by.
    """

    trust: Trust
    sentence: str
    events: int


@dataclass(frozen=True)
class TimestampCounts:
    """What the record timestamps of a topic show, pooled over all events.

    Attributes
    ----------
    events
        Number of events.
    create_time, log_append_time, no_timestamp
        Events with that kind of timestamp, and without any; the rest is of unknown kind.
    commonest_delay, commonest_share
        The delay that most events have, ms, and the share of the events that have it, 0 to 1.
    backwards
        Events with a record timestamp below an earlier one of their partition.
    furthest_back, mean_back
        The largest such step, and the mean over all events (0 for those that rise), ms.
    typical_delay
        Median size of a delay, whatever its sign, ms; 0 where no timestamp runs backwards.
    """

    events: int
    create_time: int
    log_append_time: int
    no_timestamp: int
    commonest_delay: int
    commonest_share: float
    backwards: int
    furthest_back: int
    mean_back: float
    typical_delay: float


def assess_timestamps(events: pd.DataFrame) -> Verdict:
    """Return what the received times of an events table, in **arrival order**, are worth."""
    if events.empty:
        return Verdict(Trust.STATED, "There are no events to judge received time by.", 0)
    return verdict_of(measure_timestamps(events))


def measure_timestamps(events: pd.DataFrame) -> TimestampCounts:
    """Return what the timestamps of at least one event show.

    Parameters
    ----------
    events
        The events table, in **arrival order**. The column `KafkaTimestampType` may be missing.
    """
    received = kernels.ints(events[RECEIVED_TIME])
    delay = received - kernels.ints(events[EVENT_TIME])
    back = kernels.behind_running_max(kernels.group_by(events, PARTITION).codes, received)
    backwards = int(np.count_nonzero(back))
    commonest, share = _commonest(delay)
    kinds = events.get(RECEIVED_TIME_TYPE)
    return TimestampCounts(
        events=len(events),
        create_time=0 if kinds is None else int(np.count_nonzero(kinds == CREATE_TIME)),
        log_append_time=0 if kinds is None else int(np.count_nonzero(kinds == LOG_APPEND_TIME)),
        no_timestamp=int(np.count_nonzero(received == NO_TIMESTAMP)),
        commonest_delay=commonest,
        commonest_share=share,
        backwards=backwards,
        furthest_back=int(back.max()),
        mean_back=float(back.mean()),
        typical_delay=float(np.median(np.abs(delay))) if backwards else 0.0,
    )


def verdict_of(counts: TimestampCounts) -> Verdict:
    """Return what the timestamps are worth.

    They mean *little* where records have none; where at least `CONSTANT_SHARE` of them have the
    same delay although the broker did not stamp them; or where timestamps run backwards in their
    partitions, on average over all records, by as much as the typical size of a delay: then they
    are wrong by as much as they would tell.
    """
    trust, sentence = Trust.STATED, _stated(counts)
    if counts.no_timestamp:
        trust, sentence = Trust.LITTLE, _none(counts)
    elif counts.log_append_time == counts.events:
        trust, sentence = Trust.RECEIVED, _received(counts)
    elif counts.commonest_share >= CONSTANT_SHARE and counts.events > 1:
        trust, sentence = Trust.LITTLE, _copied(counts)
    elif counts.backwards and counts.mean_back >= counts.typical_delay:
        trust, sentence = Trust.LITTLE, _disordered(counts)
    return Verdict(trust, sentence, counts.events)


def _commonest(delays: Ints) -> tuple[int, float]:
    values, times = kernels.tally(delays)
    commonest = int(times.argmax())
    return int(values[commonest]), float(times[commonest] / len(delays))


def _none(counts: TimestampCounts) -> str:
    return (
        f"{counts.no_timestamp:,} of {counts.events:,} records have no timestamp: "
        "there is no received time."
    )


def _received(counts: TimestampCounts) -> str:
    if not counts.backwards:
        return "The broker stamped every record when it appended it (LogAppendTime)."
    return (
        f"The broker stamped every record (LogAppendTime), yet {counts.backwards:,} timestamps run "
        f"backwards in their partition, by up to {counts.furthest_back:,} ms: a broker's clock was "
        "set back."
    )


def _copied(counts: TimestampCounts) -> str:
    delay = counts.commonest_delay
    same = "the event time itself" if delay == 0 else f"the event time {delay:+,} ms"
    return (
        f"Received time means little here: for {counts.commonest_share:.0%} of the records it is "
        f"{same}, so the producer copied it and no delay can be seen."
    )


def _disordered(counts: TimestampCounts) -> str:
    return (
        f"Received time means little here: {counts.backwards:,} of {counts.events:,} record "
        f"timestamps run backwards in their partition, by up to {counts.furthest_back:,} ms, as "
        "much as delays are long."
    )


def _stated(counts: TimestampCounts) -> str:
    known = counts.create_time + counts.log_append_time
    who = "Producers stated the received time (CreateTime)" if known else "Who stamped is unknown"
    if counts.log_append_time:
        who = f"The broker stamped {counts.log_append_time:,} records, producers the others"
    order = "it rises" if not counts.backwards else f"all but {counts.backwards:,} records rise"
    return f"{who}; in every partition {order} as times of receipt would."
