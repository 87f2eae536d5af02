"""How far partitions are apart: which holds a watermark back, and what merging them makes late."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.core.blockwise import Answer, Pool, added, answered, as_it_is, first_of
from lib.core.columns import EVENTS, FROM_MS, SILENT, TO_MS
from lib.core.jit import compiled
from lib.replay.counted import Counted
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
    """Return how far partitions are apart, of at least 1 event: see `partition_skew_question`."""
    return answered(partition_skew_question(events, share, idle_timeout_ms))


def partition_skew_question(
    events: ReplayInput, share: float, idle_timeout_ms: int
) -> Question[PartitionSkew]:
    """Ask how far the partitions are apart, of events in **arrival order**.

    Parameters
    ----------
    events
        The events, at least 1 in the topic.
    share
        Share of the events that may be more out of order than `within_ms` says, 0 to 1.
    idle_timeout_ms
        For `SilentMs`. The silence counts from the partition's last event.
    """
    numbers, _ = yield from find_partitions(events)
    before = yield from _find_before(events, numbers)
    edges = np.unique(np.linspace(before.begin, before.end + 1, _BINS + 1).astype(np.int64))
    newest, seen_at = before.newest.copy(), before.seen_at.copy()
    silent, behind, silence, holder, by, idle, within = _held_back(
        events.event_time,
        before.partition,
        events.received,
        edges,
        idle_timeout_ms,
        newest,
        seen_at,
        before.started.copy(),
        before.top,
        before.now,
    )
    counts = np.bincount(before.partition, minlength=len(newest))
    by_partition = within[np.argsort(before.partition, kind="stable")]
    found = _Apart(
        counts,
        _held_ms_of(events, before),
        silent,
        behind,
        silence,
        seen_at,
        by,
        holder,
        idle,
        [Counted.of(each) for each in np.split(by_partition, np.cumsum(counts)[:-1])],
        Counted.of(newest_so_far(events.event_time, before.top) - events.event_time),
    )
    return Answer(found, added, partial(_skew, numbers, edges, before.end, share))


@dataclass(frozen=True, eq=False)
class _Apart:
    """How far partitions are apart while some events are read.

    Of each partition: its `events`; `held`, `silent`, `behind` and `silence`, as the columns of
    `PartitionSkew.table` have them, but for the silence at the end; `seen_at`, when it was heard
    last; `within`, how far its events are behind its newest. Of each bin: `by` how much the
    partition furthest behind is so, -1 if nothing came, which it is, and whether it was `idle`.
    `merged` is how far events are behind the topic's newest.
    """

    events: NDArray[np.int64]
    held: NDArray[np.int64]
    silent: NDArray[np.int64]
    behind: NDArray[np.int64]
    silence: NDArray[np.int64]
    seen_at: NDArray[np.int64]
    by: NDArray[np.int64]
    holder: NDArray[np.int32]
    idle: NDArray[np.bool_]
    within: list[Counted]
    merged: Counted

    def __add__(self, other: _Apart) -> _Apart:
        """Return that of these events and others behind them."""
        further = other.by > self.by
        return _Apart(
            self.events + other.events,
            self.held + other.held,
            self.silent + other.silent,
            np.maximum(self.behind, other.behind),
            np.maximum(self.silence, other.silence),
            np.maximum(self.seen_at, other.seen_at),
            np.where(further, other.by, self.by),
            np.where(further, other.holder, self.holder),
            np.where(further, other.idle, self.idle),
            [*map(add, self.within, other.within)],
            self.merged + other.merged,
        )


def _skew(
    numbers: NDArray[np.int32], edges: NDArray[np.int64], end: int, share: float, found: _Apart
) -> PartitionSkew:
    table = pd.DataFrame(
        {
            PARTITION: numbers.astype(np.int64),
            EVENTS: found.events,
            HOLDS_BACK_MS: found.held,
            SILENT_MS: found.silent,
            BEHIND_MS: found.behind,
            LONGEST_SILENCE_MS: np.maximum(found.silence, end - found.seen_at),
            OUT_OF_ORDER_MS: [each.upper(share) for each in found.within],
        }
    )
    timeline = pd.DataFrame(
        {
            FROM_MS: edges[:-1],
            TO_MS: edges[1:],
            PARTITION: numbers[found.holder].astype(np.int64),
            BEHIND_MS: found.by,
            SILENT: found.idle,
        }
    )
    within = reduce(add, found.within)
    return PartitionSkew(table, timeline, within.upper(share), found.merged.upper(share))


def slowest_question(events: ReplayInput, until: int) -> Question[int | None]:
    """Ask which partition holds the minimum over partitions back longest; None of one.

    Of the first `until` events of the topic.
    """
    events = events.first(int(events.arrived(np.array([until]))[0]))
    numbers, _ = yield from find_partitions(events)
    if len(numbers) < 2:
        return Answer(None, first_of, as_it_is)
    before = yield from _find_before(events, numbers)
    return Answer(_held_ms_of(events, before), added, partial(_longest, numbers))


def _longest(numbers: NDArray[np.int32], held: NDArray[np.int64]) -> int:
    return int(numbers[held.argmax()])


@dataclass(frozen=True, eq=False)
class _Before:
    """What is known before some events, of which `partition` is numbered from 0.

    Of each partition its `newest` event time, when it was heard last, and whether it has `started`.
    Before its first event a partition counts as at the topic's first event. `top` is the newest of
    all, `now` when the last event came; `begin` and `end`, when the topic's first and last did.
    """

    partition: NDArray[np.int64]
    newest: NDArray[np.int64]
    seen_at: NDArray[np.int64]
    started: NDArray[np.bool_]
    top: int
    now: int
    begin: int
    end: int


def _find_before(events: ReplayInput, numbers: NDArray[np.int32]) -> Steps[_Before]:
    """Find what is known before a block."""
    partition, partitions = numbered(events, numbers)
    before = yield from find_before(events, partition, partitions)
    own = [] if not len(events) else [*events.received[[0, -1]].tolist(), int(events.event_time[0])]
    begin, end, first = yield Pool(own, _from_first_to_last)
    started = before.newest != NEVER
    return _Before(
        partition,
        np.where(started, before.newest, first),
        np.where(started, before.heard, begin),
        started,
        int(before.newest.max()),
        before.last_ms if before.events else begin,
        begin,
        end,
    )


def _from_first_to_last(one: list[int], other: list[int]) -> list[int]:
    return [one[0], other[1], one[2]] if one and other else one or other


def _held_ms_of(events: ReplayInput, before: _Before) -> NDArray[np.int64]:
    """Return for how long each partition held the minimum back, until the last event of a block."""
    return _held_ms(
        events.event_time,
        before.partition,
        events.received,
        before.newest.copy(),
        before.started.copy(),
        before.top,
        before.now,
    )


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
    partition: NDArray[np.int64],
    received: NDArray[np.int64],
    edges: NDArray[np.int64],
    timeout: int,
    newest: NDArray[np.int64],
    seen_at: NDArray[np.int64],
    started: NDArray[np.bool_],
    top: int,
    now: int,
) -> tuple[
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int32],
    NDArray[np.int64],
    NDArray[np.bool_],
    NDArray[np.int64],
]:
    # `newest`, `seen_at` and `started` are as before the events, and become as after them.
    silent = np.zeros(len(newest), np.int64)
    behind = np.zeros(len(newest), np.int64)
    silence = np.zeros(len(newest), np.int64)
    in_bin = np.zeros(len(edges) - 1, np.int32)
    by = np.full(len(edges) - 1, -1, np.int64)
    idle = np.zeros(len(edges) - 1, np.bool_)
    within = np.zeros(len(event_time), np.int64)
    holder = int(np.argmin(newest))
    lag = top - newest[holder] if top > newest[holder] else 0
    at = np.searchsorted(edges, now, side="right") - 1
    for i in range(len(event_time)):
        if lag > 0:
            silent[holder] += max(0, received[i] - max(now, seen_at[holder] + timeout))
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
        lag = top - newest[holder]
        if lag > by[at]:
            by[at], in_bin[at] = lag, holder
            idle[at] = now - seen_at[holder] > timeout
        behind[holder] = max(behind[holder], lag)
    return silent, behind, silence, in_bin, by, idle, within


def warm_up() -> None:
    """Compile what is compiled, or load it from numba's cache."""
    two = np.zeros(2, dtype=np.int64)
    partition_skew(replay_input(two, two, np.arange(2)), 0.0)
