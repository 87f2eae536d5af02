"""The watermark or stream time of an engine while a topic is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lib.core.jit import compiled
from lib.replay.windows import NEVER, NO_INDEX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.replay.input import ReplayInput


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

    def seen_by(self, events: int) -> NDArray[np.int64]:
        """Return the clock that each of the first `events` events finds on arrival."""
        values = np.concatenate([[NEVER], self.value])
        return np.repeat(values, np.diff(self.after, prepend=0, append=events))

    def reaches(self, value: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return when the clock is first at or past each value.

        Returns
        -------
        tuple
            Index of the last event that had arrived, and the received time; `NO_INDEX` where never.
        """
        rise = np.searchsorted(self.value, value)
        after = np.append(self.after - 1, NO_INDEX)
        at_ms = np.append(self.at_ms, NO_INDEX)
        return after[rise], at_ms[rise]


def newest_so_far(event_time: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the largest event time up to and including each event."""
    return np.maximum.accumulate(event_time) if len(event_time) else event_time


def newest_of_all(events: ReplayInput) -> NDArray[np.int64]:
    """Return `newest_so_far` over all partitions."""
    return newest_so_far(events.event_time)


def newest_by_partition(events: ReplayInput) -> NDArray[np.int64]:
    """Return the smallest of the partitions' newest event times up to and including each event.

    `NEVER` until each partition that has an event in the topic has had one.
    """
    partition, partitions = compact_partitions(events)
    if partitions == 1:
        return newest_of_all(events)
    return _smallest_of_newest(events.event_time, partition, partitions)


def compact_partitions(events: ReplayInput) -> tuple[NDArray[np.int64], int]:
    """Return the partitions numbered from 0 without gaps, and how many have an event."""
    present = np.bincount(events.partition) > 0
    return (np.cumsum(present) - 1)[events.partition], int(present.sum())


@compiled
def _smallest_of_newest(
    event_time: NDArray[np.int64], partition: NDArray[np.int64], partitions: int
) -> NDArray[np.int64]:
    newest = np.full(partitions, NEVER, np.int64)
    smallest = np.empty(len(event_time), np.int64)
    holding_back = NEVER
    for i in range(len(event_time)):
        p = partition[i]
        if event_time[i] > newest[p]:
            held_back = newest[p] == holding_back
            newest[p] = event_time[i]
            if held_back:
                holding_back = newest.min()
        smallest[i] = holding_back
    return smallest


def rising(value: NDArray[np.int64], at_ms: NDArray[np.int64]) -> EngineClock:
    """Return the clock that shows `value[i]` once event i has arrived, at `at_ms[i]`."""
    rises = np.flatnonzero(np.diff(value, prepend=NEVER))
    return EngineClock(value=value[rises], after=rises + 1, at_ms=at_ms[rises])
