"""The watermark or stream time of an engine while a topic is read.

It is asked of blocks of events that follow one another in arrival order: see `lib.core.blockwise`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.core.blockwise import Answer, Carry, Pool, added, as_it_is
from lib.core.jit import compiled
from lib.replay.windows import NEVER, NO_INDEX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.core.blockwise import Question, Steps
    from lib.replay.input import ReplayInput

FOREVER: Final = 2**62


@dataclass(frozen=True, eq=False)
class EngineClock:
    """A watermark or stream time as it rises.

    Attributes
    ----------
    value
        int64, strictly rising, epoch milliseconds.
    after
        int64, how many events had arrived when it took the value.
    at_ms
        int64, the received time of that moment.
    """

    value: NDArray[np.int64]
    after: NDArray[np.int64]
    at_ms: NDArray[np.int64]

    def seen_by(self, events: ReplayInput) -> NDArray[np.int64]:
        """Return the clock that each event finds on arrival."""
        values = np.concatenate([[NEVER], self.value])
        after = events.arrived(self.after)
        return np.repeat(values, np.diff(after, prepend=0, append=len(events)))

    def and_then(self, other: EngineClock) -> EngineClock:
        """Return this clock and, where it rises further, that of the events behind."""
        further = other.value > (self.value[-1] if len(self.value) else NEVER)
        return EngineClock(
            np.concatenate((self.value, other.value[further])),
            np.concatenate((self.after, other.after[further])),
            np.concatenate((self.at_ms, other.at_ms[further])),
        )

    def reaches(self, value: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return when the clock is first at or past each value.

        Returns
        -------
        tuple
            Index in the topic of the last event that had arrived, and the received time;
            `NO_INDEX` where never.
        """
        rise = np.searchsorted(self.value, value)
        after = np.append(self.after - 1, NO_INDEX)
        at_ms = np.append(self.at_ms, NO_INDEX)
        return after[rise], at_ms[rise]


@dataclass(frozen=True, eq=False)
class PartitionTimes:
    """What is known of some events, by partitions or whatever else they are numbered by.

    Attributes
    ----------
    events
        How many they are.
    first_ms, last_ms
        When the first and the last were received, epoch ms.
    newest, heard
        int64, of each partition, the largest event time and the last received time, epoch ms;
        `NEVER` where none has come.
    """

    events: int
    first_ms: int
    last_ms: int
    newest: NDArray[np.int64]
    heard: NDArray[np.int64]

    def __add__(self, other: PartitionTimes) -> PartitionTimes:
        """Return that of the events of both."""
        return PartitionTimes(
            self.events + other.events,
            min(self.first_ms, other.first_ms),
            max(self.last_ms, other.last_ms),
            np.maximum(self.newest, other.newest),
            np.maximum(self.heard, other.heard),
        )


def find_partitions(events: ReplayInput) -> Steps[tuple[NDArray[np.int32], int]]:
    """Find the partitions that have an event in the topic, rising; and how many events it has."""
    part = {int(number) for number in np.flatnonzero(np.bincount(events.partition))}
    both, total = yield Pool((part, len(events)), _both)
    return np.array(sorted(both), dtype=np.int32), total


def _both(one: tuple[set[int], int], other: tuple[set[int], int]) -> tuple[set[int], int]:
    return one[0] | other[0], one[1] + other[1]


def find_before(
    events: ReplayInput, partition: NDArray[np.int64], partitions: int
) -> Steps[PartitionTimes]:
    """Find what is known of the events before a block, numbered by partition from 0."""
    if partitions == 1:
        newest = events.event_time.max(initial=NEVER, keepdims=True)
        heard = events.received[-1:] if len(events) else np.array([NEVER])
    else:
        newest, heard = _last_of_each(events.event_time, events.received, partition, partitions)
    first, last = events.received[[0, -1]].tolist() if len(events) else (FOREVER, NEVER)
    none = PartitionTimes(0, FOREVER, NEVER, *np.full((2, partitions), NEVER))
    own = PartitionTimes(len(events), first, last, newest, heard)
    before: PartitionTimes = yield Carry(own, added, none)
    return before


@compiled
def _last_of_each(
    event_time: NDArray[np.int64],
    received: NDArray[np.int64],
    partition: NDArray[np.int64],
    partitions: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    newest = np.full(partitions, NEVER, np.int64)
    heard = np.full(partitions, NEVER, np.int64)
    for i in range(len(event_time)):
        newest[partition[i]] = max(newest[partition[i]], event_time[i])
        heard[partition[i]] = received[i]
    return newest, heard


def newest_so_far(event_time: NDArray[np.int64], before: int = NEVER) -> NDArray[np.int64]:
    """Return the largest event time up to and including each event, and of those before all."""
    return np.maximum(np.maximum.accumulate(event_time), before) if len(event_time) else event_time


def each_event(
    events: ReplayInput, behind_ms: int, *, per_partition: bool
) -> Question[EngineClock]:
    """Ask for the clock that is so far behind the newest event, after each event.

    With `per_partition`, behind the smallest of the partitions' newest event times: before every
    time until each partition that has an event in the topic has had one.
    """
    partition, partitions = np.zeros(len(events), dtype=np.int64), 1
    if per_partition:
        numbers, _ = yield from find_partitions(events)
        partition, partitions = numbered(events, numbers)
    before = yield from find_before(events, partition, partitions)
    if partitions > 1:
        newest = _smallest_of_newest(events.event_time, partition, before.newest.copy())
    else:
        newest = newest_so_far(events.event_time, int(before.newest.max(initial=NEVER)))
    rises = rising(events, np.maximum(newest - behind_ms, NEVER))
    return Answer(rises, EngineClock.and_then, as_it_is)


def numbered(events: ReplayInput, partitions: NDArray[np.int32]) -> tuple[NDArray[np.int64], int]:
    """Return the partition of each event, numbered from 0 without gaps, and how many there are.

    With one partition all events are of it.
    """
    if len(partitions) < 2:
        return np.zeros(len(events), dtype=np.int64), 1
    if len(partitions) == partitions[-1] + 1:  # they are numbered so already
        return events.partition.astype(np.int64), len(partitions)
    number = np.zeros(partitions[-1] + 1, dtype=np.int64)
    number[partitions] = np.arange(len(partitions))
    return number[events.partition], len(partitions)


@compiled
def _smallest_of_newest(
    event_time: NDArray[np.int64], partition: NDArray[np.int64], newest: NDArray[np.int64]
) -> NDArray[np.int64]:
    smallest = np.empty(len(event_time), np.int64)
    holding_back = newest.min()
    for i in range(len(event_time)):
        p = partition[i]
        if event_time[i] > newest[p]:
            held_back = newest[p] == holding_back
            newest[p] = event_time[i]
            if held_back:
                holding_back = newest.min()
        smallest[i] = holding_back
    return smallest


def rising(events: ReplayInput, value: NDArray[np.int64]) -> EngineClock:
    """Return the clock that shows `value[i]` once event i has arrived."""
    is_rise = np.empty(len(value), dtype=np.bool_)
    is_rise[:1] = value[:1] != NEVER
    np.not_equal(value[1:], value[:-1], out=is_rise[1:])
    rises = np.flatnonzero(is_rise)
    return EngineClock(value[rises], events.place(rises) + 1, events.received[rises])
