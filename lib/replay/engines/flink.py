"""Flink: watermarks per event or periodic, over all partitions or as their minimum.

Rules read from Flink 2.3 (`WindowOperator`, `BoundedOutOfOrdernessWatermarks`,
`WatermarksWithIdleness`, `WatermarkOutputMultiplexer`) and confirmed by running it: see
`docs/engines.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from lib.core.jit import compiled
from lib.replay.windows import (
    NEVER,
    NO_INDEX,
    EngineClock,
    Replay,
    SessionWindow,
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

_FOREVER: Final = 2**62


@dataclass(frozen=True)
class FlinkSetting:
    """How a Flink job is set. Durations are milliseconds.

    Attributes
    ----------
    window
        Session or tumbling.
    delay_ms
        How far the watermark stays behind the newest event time.
    allowed_lateness_ms
        How long after it closed a window still takes late events, with a new result for each.
        DataStream only: SQL's window functions have none.
    api
        "datastream" (`forBoundedOutOfOrderness`: one further millisecond behind) or "sql"
        (`WATERMARK FOR ts AS ts - INTERVAL …`).
    emission_ms
        The watermark goes out every so many ms of received time, counted from the first arrival
        (`pipeline.auto-watermark-interval`, 200 by default in Flink). 0: after every event.
    per_partition
        Whether each partition has its own watermark, of which the smallest holds, as when the
        strategy is given to the Kafka source.
    idle_ms
        A partition silent for longer than this no longer holds the watermark back
        (`withIdleness`), or None. Found out at emissions only, so `emission_ms` must not be 0.
    """

    window: Window
    delay_ms: int = 0
    allowed_lateness_ms: int = 0
    api: Literal["datastream", "sql"] = "datastream"
    emission_ms: int = 0
    per_partition: bool = False
    idle_ms: int | None = None

    def __post_init__(self) -> None:
        if min(self.delay_ms, self.allowed_lateness_ms, self.emission_ms) < 0:
            raise ValueError("delay_ms, allowed_lateness_ms and emission_ms must be at least 0")
        if self.api == "sql" and self.allowed_lateness_ms:
            raise ValueError("Flink SQL's window functions have no allowed lateness")
        if self.idle_ms is not None and self.idle_ms < 1:
            raise ValueError(f"idle_ms must be at least 1, not {self.idle_ms}")
        if self.idle_ms is not None and not self.emission_ms:
            raise ValueError("idle_ms needs emission_ms: Flink finds idle partitions when it emits")


def replay_flink(arrivals: ReplayInput, setting: FlinkSetting) -> Replay:
    """Return what Flink would have made of the events.

    A session is judged after it merged: a late event that meets a session still held is kept. A
    final result that came out at an emission has that moment as `closed_ms`. With allowed
    lateness the final result is the last one, after the window's last late event.
    """
    watermark = flink_watermark(arrivals, setting)
    clock = watermark.seen_by(len(arrivals))
    window, lateness = setting.window, setting.allowed_lateness_ms
    if isinstance(window, SessionWindow):
        held = window.gap_ms - 1 + lateness
        taken = take_sessions(
            arrivals,
            clock,
            held_from=clock - held + 1,
            reach_ms=window.gap_ms,
            late_ms=held,
            joins_first=True,
        )
    else:
        taken = take_tumbling(arrivals, clock, size_ms=window.size_ms, late_ms=lateness - 1)
    bounds = exclusive_bounds(taken, window)
    closed = not_before_joined(watermark.reaches(bounds[1] - 1), taken, arrivals)
    return replay_of(taken, clock, bounds, closed)


def flink_watermark(arrivals: ReplayInput, setting: FlinkSetting) -> EngineClock:
    """Return the watermark as Flink emits it.

    A partition without an event yet holds back the minimum over partitions; those that never have
    one are unknown here and taken for idle.
    """
    behind = setting.delay_ms + (1 if setting.api == "datastream" else 0)
    if setting.per_partition:
        present = np.bincount(arrivals.partition) > 0
        partition, partitions = (np.cumsum(present) - 1)[arrivals.partition], int(present.sum())
    else:
        partition, partitions = np.zeros(len(arrivals), dtype=np.int64), 1
    if setting.emission_ms:
        return EngineClock(
            *_emitted_periodically(
                arrivals.event_time - behind,
                partition,
                partitions,
                arrivals.received,
                setting.emission_ms,
                NO_INDEX if setting.idle_ms is None else setting.idle_ms,
            )
        )
    newest = (
        newest_so_far(arrivals.event_time)
        if partitions == 1
        else _smallest_of_newest(arrivals.event_time, partition, partitions)
    )
    return rising(np.maximum(newest - behind, NEVER), arrivals.received)


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


@compiled
def _emitted_periodically(
    own: NDArray[np.int64],
    partition: NDArray[np.int64],
    partitions: int,
    received: NDArray[np.int64],
    every: int,
    idle: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    # `own` is each event's time less the delay. Emissions are every `every` ms from the first
    # arrival; one falls before an event of the same millisecond. Those that can change nothing
    # are skipped, so a long silence costs nothing.
    n = len(own)
    most_rises = 2 * n + partitions  # an event raises the minimum by coming or by falling idle
    value = np.empty(most_rises, np.int64)
    after = np.empty(most_rises, np.int64)
    at_ms = np.empty(most_rises, np.int64)
    rises = 0
    emitted = NEVER
    newest = np.full(partitions, NEVER, np.int64)
    active = np.zeros(partitions, np.bool_)  # had an event since the last emission
    quiet_from = np.full(partitions, NEVER, np.int64)
    is_idle = np.zeros(partitions, np.bool_)
    due = received[0] + every if n else _FOREVER
    for i in range(n):
        while due <= received[i]:
            next_due = _find_idle(due, every, idle, active, quiet_from, is_idle)
            smallest = _FOREVER
            for p in range(partitions):
                if not is_idle[p]:
                    smallest = min(smallest, newest[p])
            if emitted < smallest < _FOREVER:
                emitted = smallest
                value[rises], after[rises], at_ms[rises] = emitted, i, due
                rises += 1
            due = next_due
        newest[partition[i]] = max(newest[partition[i]], own[i])
        active[partition[i]] = True
        due = min(due, received[0] + ((received[i] - received[0]) // every + 1) * every)
    return value[:rises].copy(), after[:rises].copy(), at_ms[:rises].copy()


@compiled
def _find_idle(
    now: int,
    every: int,
    idle: int,
    active: NDArray[np.bool_],
    quiet_from: NDArray[np.int64],
    is_idle: NDArray[np.bool_],
) -> int:
    """Mark the partitions that an emission finds idle; return when the next may find another.

    Silence counts from the first emission that saw no event since the one before it
    (`WatermarksWithIdleness.IdlenessTimer`).
    """
    next_due = _FOREVER
    for p in range(len(active)):
        if active[p]:
            active[p] = False
            quiet_from[p] = NEVER
            is_idle[p] = False
            if idle != NO_INDEX:
                next_due = min(next_due, now + every)
        elif idle != NO_INDEX and not is_idle[p]:
            if quiet_from[p] == NEVER:
                quiet_from[p] = now
            is_idle[p] = now - quiet_from[p] > idle
            if not is_idle[p]:
                next_due = min(next_due, quiet_from[p] + (idle // every + 1) * every)
    return next_due
