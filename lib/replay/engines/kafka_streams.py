"""Kafka Streams: grace on stream time, one clock a partition.

Rules read from Kafka 4.3 (`KStreamSessionWindowAggregate`, `KStreamWindowAggregate`, the default
session store, `suppress`) and confirmed by running it: see `docs/engines.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lib.core.jit import compiled
from lib.replay.windows import (
    NEVER,
    NO_INDEX,
    Replay,
    SessionWindow,
    Taken,
    Window,
    exclusive_bounds,
    newest_so_far,
    not_before_joined,
    replay_of,
    rising,
    take_sessions,
    take_tumbling,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.replay.input import ReplayInput


@dataclass(frozen=True)
class KafkaStreamsSetting:
    """How a Kafka Streams topology is set. Durations are milliseconds.

    Attributes
    ----------
    window
        `SessionWindows.ofInactivityGapAndGrace` or `TimeWindows.ofSizeAndGrace`.
    grace_ms
        How long after a window's end stream time may be for it to take an event.
    caching
        Whether the store has its record cache, as it has by default
        (`statestore.cache.max.bytes`). A session in the cache can be joined although it closed; as
        replayed here, the cache is never full. False: `withCachingDisabled()`.
    """

    window: Window
    grace_ms: int = 0
    caching: bool = True

    def __post_init__(self) -> None:
        if self.grace_ms < 0:
            raise ValueError(f"grace_ms must be at least 0, not {self.grace_ms}")


def replay_kafka_streams(arrivals: ReplayInput, setting: KafkaStreamsSetting) -> Replay:
    """Return what Kafka Streams would have made of the events, read from the topic as it is.

    Each partition is a task with its own stream time, the event itself included, and its own
    windows: a key found on two partitions has separate windows on both. The final result is that
    of `suppress(untilWindowCloses)`. The end of a session is its last event, inclusive.
    """
    window, grace = setting.window, setting.grace_ms
    tasks = _by_task(arrivals)
    clock, clock_before = _stream_time(arrivals.event_time, arrivals.partition)
    boundary = np.zeros(len(arrivals), dtype=bool)
    if isinstance(window, SessionWindow):
        held = window.gap_ms + grace
        taken = take_sessions(
            tasks,
            clock,
            held_from=_held_from(clock_before, held, setting.caching),
            reach_ms=window.gap_ms,
            late_ms=held + 1,
            joins_first=True,
        )
        boundary = taken.kept & (arrivals.event_time + held == clock) & _alone(taken)
        bounds = taken.first, taken.last
        closes = taken.last + held
    else:
        taken = take_tumbling(tasks, clock, size_ms=window.size_ms, late_ms=grace)
        bounds = exclusive_bounds(taken, window)
        closes = bounds[1] + grace
    keys_of_events = replace(taken, key=_first_of_window(taken, arrivals.key))
    reached = _reached(arrivals, _first_of_window(taken, arrivals.partition), closes)
    closed = not_before_joined(reached, taken, arrivals)
    return replay_of(keys_of_events, clock, bounds, closed, boundary)


def _by_task(arrivals: ReplayInput) -> ReplayInput:
    """Return the events with a key code of its own for each key on each partition."""
    home = np.zeros(arrivals.keys, dtype=np.int32)
    home[arrivals.key] = arrivals.partition
    if np.array_equal(home[arrivals.key], arrivals.partition):
        return arrivals
    pairs = arrivals.key.astype(np.int64) << 32 | arrivals.partition
    return replace(arrivals, key=np.unique(pairs, return_inverse=True)[1].astype(np.int32))


def _held_from(
    clock_before: NDArray[np.int64], retention_ms: int, caching: bool
) -> NDArray[np.int64]:
    """Return the oldest end of a session that can be joined, at each event.

    The retention of the default store is gap + grace; the store's own clock does not know the
    event yet.
    """
    if caching:
        return np.full(len(clock_before), NEVER, dtype=np.int64)
    return clock_before - retention_ms + 1


@compiled
def _stream_time(
    event_time: NDArray[np.int64], partition: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the stream time of each event's partition, with the event and before it."""
    newest = np.full(partition.max() + 1 if len(partition) else 0, NEVER, np.int64)
    now = np.empty(len(event_time), np.int64)
    before = np.empty(len(event_time), np.int64)
    for i in range(len(event_time)):
        before[i] = newest[partition[i]]
        now[i] = max(before[i], event_time[i])
        newest[partition[i]] = now[i]
    return now, before


def _alone(taken: Taken) -> NDArray[np.bool_]:
    """Return for each event whether it is its window's only one."""
    return taken.count[taken.window] == 1 if len(taken.key) else taken.kept


def _first_of_window(taken: Taken, values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return what all events of a window share."""
    shared = np.zeros(len(taken.key), dtype=np.int32)
    shared[taken.window[taken.kept]] = values[taken.kept]
    return shared


def _reached(
    arrivals: ReplayInput, partition: NDArray[np.int32], closes: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return when the stream time of each window's partition reaches `closes`."""
    closed_at = np.full(len(closes), NO_INDEX, dtype=np.int64)
    closed_ms = np.full(len(closes), NO_INDEX, dtype=np.int64)
    for number in np.unique(partition):
        index = np.flatnonzero(arrivals.partition == number)
        windows = np.flatnonzero(partition == number)
        stream_time = rising(newest_so_far(arrivals.event_time[index]), arrivals.received[index])
        nth, closed_ms[windows] = stream_time.reaches(closes[windows])
        closed_at[windows] = np.where(nth == NO_INDEX, NO_INDEX, index[nth])
    return closed_at, closed_ms
