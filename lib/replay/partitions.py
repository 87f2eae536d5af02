"""How far partitions are apart: which holds a watermark back, and what merging them makes late."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.core.blockwise import Answer, Pool, added, alone, answered, as_it_is, first_of
from lib.core.columns import EVENTS, FROM_MS, SILENT, TO_MS
from lib.core.jit import compiled
from lib.replay.engine_clock import find_before, find_partitions, newest_so_far, numbered
from lib.replay.input import replay_input
from lib.replay.windows import NEVER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.core.blockwise import Question, Steps
    from lib.replay.input import ReplayInput

PARTITION: Final = "Partition"
HOLDS_BACK_MS: Final = "HoldsBackMs"
SILENT_MS: Final = "SilentMs"
BEHIND_MS: Final = "BehindMs"
LONGEST_SILENCE_MS: Final = "LongestSilenceMs"
OUT_OF_ORDER_MS: Final = "OutOfOrderMs"

IDLE_TIMEOUT_MS: Final = 60_000
_BINS: Final = 240


@dataclass(frozen=True, eq=False)
class PartitionSkew:
    """How far the partitions of a topic are apart.

    Attributes
    ----------
    table
        One row a partition with events: `Partition` int64; `Events` int64; `HoldsBackMs` int64, for
        how long (received time) its newest event was the oldest of all partitions' newest;
        `SilentMs` int64, how much of this it had been silent for longer than the idle timeout, and
        would no longer have held back; `BehindMs` int64, how far it was behind the newest event of
        the topic then, at most; `LongestSilenceMs` int64, between two of its events, or its last
        and the topic's; `OutOfOrderMs` int64, the out-of-orderness within it that its events have
        no more of, but for a share.
    timeline
        The minimum over partitions in at most 240 bins of received time: `FromMs`, `ToMs` int64,
        epoch ms; `Partition` int64, which held it back; `BehindMs` int64, by how much at most;
        `Silent` bool, whether it had been silent then for longer than the idle timeout.
    within_ms, merged_ms
        The out-of-orderness that the topic's events have no more of, but for a share: behind the
        newest of the own partition, and of the topic.
    """

    table: pd.DataFrame
    timeline: pd.DataFrame
    within_ms: int
    merged_ms: int


def partition_skew(
    events: ReplayInput, share: float, idle_timeout_ms: int = IDLE_TIMEOUT_MS
) -> PartitionSkew:
    """Return how far the partitions are apart.

    Parameters
    ----------
    events
        The events, at least 1.
    share
        Share of the events that may be more out of order than `within_ms` says, 0 to 1.
    idle_timeout_ms
        For `SilentMs`. The silence counts from the partition's last event.
    """
    numbers, places = np.unique(events.partition, return_inverse=True)
    codes: NDArray[np.int32] = np.asarray(places, dtype=np.int32)
    begin, end = events.received[0], events.received[-1] + 1
    edges = np.unique(np.linspace(begin, end, _BINS + 1).astype(np.int64))
    silent, behind, silence, in_bin, by, idle, within = _held_back(
        events.event_time, codes, events.received, len(numbers), edges, idle_timeout_ms
    )
    table = pd.DataFrame(
        {
            PARTITION: numbers.astype(np.int64),
            EVENTS: np.bincount(codes, minlength=len(numbers)),
            HOLDS_BACK_MS: alone(_find_held_ms(events, numbers)),
            SILENT_MS: silent,
            BEHIND_MS: behind,
            LONGEST_SILENCE_MS: silence,
            OUT_OF_ORDER_MS: [
                int(np.quantile(within[codes == p], 1 - share)) for p in range(len(numbers))
            ],
        }
    )
    timeline = pd.DataFrame(
        {
            FROM_MS: edges[:-1],
            TO_MS: edges[1:],
            PARTITION: numbers[in_bin].astype(np.int64),
            BEHIND_MS: by,
            SILENT: idle,
        }
    )
    merged = newest_so_far(events.event_time) - events.event_time
    of_all = (int(np.quantile(one, 1 - share)) for one in (within, merged))
    return PartitionSkew(table, timeline, *of_all)


def slowest_partition(events: ReplayInput) -> int | None:
    """Return the partition that holds the minimum over partitions back longest; None of one."""
    return answered(slowest_question(events, len(events)))


def slowest_question(events: ReplayInput, until: int) -> Question[int | None]:
    """Ask for the `slowest_partition` of the first `until` events of the topic."""
    events = events.first(int(events.arrived(np.array([until]))[0]))
    numbers, _ = yield from find_partitions(events)
    if len(numbers) < 2:
        return Answer(None, first_of, as_it_is)
    held = yield from _find_held_ms(events, numbers)
    return Answer(held, added, partial(_longest, numbers))


def _longest(numbers: NDArray[np.int32], held: NDArray[np.int64]) -> int:
    return int(numbers[held.argmax()])


def _find_held_ms(events: ReplayInput, numbers: NDArray[np.int32]) -> Steps[NDArray[np.int64]]:
    """Find for how long each partition held the minimum back, until the last event of a block."""
    partition, partitions = numbered(events, numbers)
    before = yield from find_before(events, partition, partitions)
    first = yield Pool(events.event_time[:1], _first_any)
    if not len(events):
        return np.zeros(partitions, dtype=np.int64)
    started = before.newest != NEVER
    return _held_ms(
        events.event_time,
        partition,
        events.received,
        # Before its first event a partition counts as at the topic's first event.
        np.where(started, before.newest, first[0]),
        started,
        int(before.newest.max()),
        before.last_ms if before.events else int(events.received[0]),
    )


def _first_any(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    return one if len(one) else other


@compiled
def _held_ms(
    event_time: NDArray[np.int64],
    partition: NDArray[np.int64],
    received: NDArray[np.int64],
    newest: NDArray[np.int64],
    started: NDArray[np.bool_],
    top: int,
    now: int,
) -> NDArray[np.int64]:
    held = np.zeros(len(newest), np.int64)
    holder = int(np.argmin(newest))
    for i in range(len(event_time)):
        if top > newest[holder]:
            held[holder] += received[i] - now
        p, t, now = partition[i], event_time[i], received[i]
        newest[p] = max(newest[p], t) if started[p] else t
        started[p] = True
        top = max(top, t)
        if p == holder or newest[p] <= newest[holder]:
            holder = int(np.argmin(newest))
    return held


@compiled
def _held_back(
    event_time: NDArray[np.int64],
    partition: NDArray[np.int32],
    received: NDArray[np.int64],
    partitions: int,
    edges: NDArray[np.int64],
    timeout: int,
) -> tuple[
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int32],
    NDArray[np.int64],
    NDArray[np.bool_],
    NDArray[np.int64],
]:
    # Before its first event a partition counts as at the topic's first event.
    n = len(event_time)
    newest = np.full(partitions, event_time[0], np.int64)
    seen_at = np.full(partitions, received[0], np.int64)
    silent = np.zeros(partitions, np.int64)
    behind = np.zeros(partitions, np.int64)
    silence = np.zeros(partitions, np.int64)
    in_bin = np.zeros(len(edges) - 1, np.int32)
    by = np.full(len(edges) - 1, -1, np.int64)
    idle = np.zeros(len(edges) - 1, np.bool_)
    within = np.zeros(n, np.int64)
    started = np.zeros(partitions, np.bool_)
    holder, top, at, lag = 0, NEVER, 0, 0
    for i in range(n):
        p, t, now = partition[i], event_time[i], received[i]
        while now >= edges[at + 1]:  # what an event left lasts until the next
            at += 1
            if now > edges[at]:
                by[at], in_bin[at] = lag, holder
                idle[at] = edges[at] - seen_at[holder] > timeout
        within[i] = max(0, newest[p] - t) if started[p] else 0
        newest[p] = max(newest[p], t) if started[p] else t
        started[p] = True
        silence[p] = max(silence[p], now - seen_at[p])
        seen_at[p] = now
        top = max(top, t)
        if p == holder or newest[p] <= newest[holder]:
            holder = int(np.argmin(newest))
        until = received[i + 1] if i + 1 < n else now
        lag = top - newest[holder]
        if lag > by[at]:
            by[at], in_bin[at] = lag, holder
            idle[at] = now - seen_at[holder] > timeout
        if lag > 0:
            silent[holder] += max(0, until - max(now, seen_at[holder] + timeout))
            behind[holder] = max(behind[holder], lag)
    for p in range(partitions):
        silence[p] = max(silence[p], received[n - 1] - seen_at[p])
    return silent, behind, silence, in_bin, by, idle, within


def warm_up() -> None:
    """Compile what is compiled, or load it from numba's cache."""
    two, codes = np.zeros(2, dtype=np.int64), np.zeros(2, dtype=np.int32)
    _held_back(two, codes, two, 1, np.arange(2), 1)
    slowest_partition(replay_input(two, codes, np.arange(2)))
