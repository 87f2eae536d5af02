"""The engines' rules once more, in plain Python: one event at a time, windows in a dictionary.

What `lib.replay` is measured against, and a second opinion in its tests: windows close here the
moment the clock passes them, where `lib.replay` works that out afterwards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.replay.engines.beam import BeamSetting
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.windows import NEVER, NO_INDEX, SessionWindow, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lib.replay.engine import Setting
    from lib.replay.input import ReplayInput

FOREVER: Final = -NEVER


@dataclass(frozen=True)
class Rule:
    """An engine in numbers, each compared with its clock. Ends are exclusive.

    A window's result comes out once end + `closes` ≤ clock. It can be joined while its end is at
    least what `held_from` gives for the clock. It is late once end + `late` ≤ clock.
    """

    closes: int
    late: int
    held_from: Callable[[int], int]
    joins_first: bool = False  # judged is the window that an event joins, not its own
    touching: bool = True  # two events exactly the gap apart share a session
    since: int = NEVER  # no tumbling or hopping window begins before it

    def is_held(self, window: PlainWindow, clock: int) -> bool:
        """Return whether an event can still join the window."""
        return window.end >= self.held_from(clock)


@dataclass
class PlainWindow:
    """A window: what it took, and when its latest result came out."""

    key: int
    start: int
    end: int
    events: list[int]
    closed_at: int = NO_INDEX
    closed_ms: int = NO_INDEX


@dataclass
class PlainReplay:
    """The windows, and by how many ms each dropped event missed."""

    windows: list[PlainWindow] = field(default_factory=list)
    missed_by_ms: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Arrived:
    """Event `index` arrives; `clock` judges it, and `held_by` says which windows are still held."""

    index: int
    clock: int
    held_by: int


@dataclass(frozen=True)
class Advanced:
    """The clock reaches `clock` after event `index`, at the received time `ms`."""

    clock: int
    index: int
    ms: int


def replay_plainly(events: ReplayInput, setting: Setting) -> PlainReplay:
    """Return what `lib.replay.replay` returns, the slow way."""
    if isinstance(setting, FlinkSetting) and setting.catching_up:
        return _catch_up(events, setting)
    if isinstance(setting, KafkaStreamsSetting):
        events = _taken_by_kafka_streams(events, setting)
    out = PlainReplay()
    rule = _rule_of(setting)
    for steps in _clocks(events, setting):
        held: dict[int, list[PlainWindow]] = {}
        first_close = FOREVER
        for step in steps:
            if isinstance(step, Arrived):
                closes = _assign(events, setting.window, rule, held, out, step)
                first_close = min(first_close, closes)
            elif step.clock >= first_close:
                first_close = _close(rule, held, out, step)
        for windows in held.values():
            out.windows += windows
    if isinstance(setting, KafkaStreamsSetting) and setting.caching and setting.commit_ms:
        _commit(out, events.received.tolist(), setting.commit_ms)
    return out


def _catch_up(events: ReplayInput, setting: FlinkSetting) -> PlainReplay:
    """Replay a backlog: the partitions are read a fetch each in turn."""
    queues = [np.flatnonzero(events.partition == p) for p in sorted(set(events.partition.tolist()))]
    order: list[int] = []
    while any(map(len, queues)):
        for number, queue in enumerate(queues):
            order += queue[: setting.fetch_records].tolist()
            queues[number] = queue[setting.fetch_records :]
    begin = int(events.received.max(initial=0))
    read_at = begin + np.arange(len(events)) * 1000 // setting.read_per_s
    read = replace(events.taken(np.array(order, dtype=np.int64)), received=read_at)
    plain = replay_plainly(read, replace(setting, catching_up=False))
    for window in plain.windows:
        window.events = [order[index] for index in window.events]
        if window.closed_at != NO_INDEX:
            window.closed_at = len(events) - 1
    plain.missed_by_ms = {order[index]: by for index, by in plain.missed_by_ms.items()}
    return plain


def _taken_by_kafka_streams(events: ReplayInput, setting: KafkaStreamsSetting) -> ReplayInput:
    if setting.repartitioned:
        events = replace(events, partition=events.partition_of_key[events.key])
    for index in range(len(events)):
        ahead = events.event_time[index] - events.received[index]
        if setting.most_ahead_ms is not None and ahead > setting.most_ahead_ms:
            return events.first(index)
    return events


def _commit(out: PlainReplay, received: list[int], commit_ms: int) -> None:
    for window in out.windows:
        if window.closed_at != NO_INDEX:
            commit = received[0]
            while commit <= window.closed_ms:
                commit += commit_ms
            window.closed_ms = commit
            window.closed_at = sum(at < commit for at in received) - 1


def _rule_of(setting: Setting) -> Rule:
    match setting:
        case FlinkSetting(allowed_lateness_ms=lateness):
            return Rule(-1, lateness - 1, _until(lateness - 1), joins_first=True)
        case KafkaStreamsSetting(window=SessionWindow(), grace_ms=grace, caching=True):
            return Rule(grace, grace + 1, _for_ever, joins_first=True)
        case KafkaStreamsSetting(window=SessionWindow(), grace_ms=grace):
            return Rule(grace, grace + 1, _until(grace), joins_first=True)
        case KafkaStreamsSetting(grace_ms=grace):
            return Rule(grace, grace, _until(grace), joins_first=True, since=0)
        case SparkSetting():
            return Rule(0, 0, _until(0))
        case BeamSetting(allowed_lateness_ms=lateness, runner="java"):
            return Rule(0, lateness, _until(lateness), touching=False)
        case BeamSetting(allowed_lateness_ms=lateness):
            return Rule(0, lateness + 1, _for_ever, touching=False)
    raise TypeError(f"no plain rule for a {type(setting).__name__}")


def _for_ever(_: int) -> int:
    return NEVER


def _until(lateness: int) -> Callable[[int], int]:
    """Windows are forgotten once end + `lateness` ≤ clock."""
    return lambda clock: clock - lateness + 1


def _assign(
    events: ReplayInput,
    window: Window,
    rule: Rule,
    held: dict[int, list[PlainWindow]],
    out: PlainReplay,
    arrived: Arrived,
) -> int:
    """Drop the event or add it to a window; return when that closes."""
    key, time = int(events.key[arrived.index]), int(events.event_time[arrived.index])
    missed_by, closes = [], []
    for own in _own_windows(window, rule, key, time, arrived.index):
        others: list[PlainWindow] = []
        joined: list[PlainWindow] = []
        for other in held.get(key, []):
            joins = rule.is_held(other, arrived.held_by) and _meet(window, rule, own, other)
            (joined if joins else others).append(other)
        merged = PlainWindow(
            key,
            min(w.start for w in [own, *joined]),
            max(w.end for w in [own, *joined]),
            [index for w in [*joined, own] for index in w.events],
        )
        by = arrived.clock - ((merged if rule.joins_first else own).end + rule.late) + 1
        if by > 0:
            missed_by.append(by)
        else:
            held[key] = [*others, merged]
            closes.append(merged.end + rule.closes)
    if not closes:
        out.missed_by_ms[arrived.index] = min(missed_by)
    return min(closes, default=FOREVER)


def _own_windows(window: Window, rule: Rule, key: int, time: int, index: int) -> list[PlainWindow]:
    if isinstance(window, SessionWindow):
        return [PlainWindow(key, time, time + window.gap_ms, [index])]
    newest = time - time % window.advance_ms
    oldest = max(time - window.size_ms + 1, rule.since)
    starts = range(newest, oldest - 1, -window.advance_ms)
    return [PlainWindow(key, start, start + window.size_ms, [index]) for start in starts]


def _meet(window: Window, rule: Rule, one: PlainWindow, other: PlainWindow) -> bool:
    if not isinstance(window, SessionWindow):
        return one.start == other.start
    if rule.touching:
        return one.start <= other.end and other.start <= one.end
    return one.start < other.end and other.start < one.end


def _close(rule: Rule, held: dict[int, list[PlainWindow]], out: PlainReplay, now: Advanced) -> int:
    """Close and forget what the clock has passed; return when the next window closes."""
    first_close = FOREVER
    for key, windows in list(held.items()):
        held[key] = []
        for window in windows:
            if window.closed_at != NO_INDEX:
                pass
            elif window.end + rule.closes <= now.clock:
                window.closed_at, window.closed_ms = now.index, now.ms
            else:
                first_close = min(first_close, window.end + rule.closes)
            (held[key] if rule.is_held(window, now.clock) else out.windows).append(window)
        if not held[key]:
            del held[key]
    return first_close


def _clocks(events: ReplayInput, setting: Setting) -> Iterator[Iterator[Arrived | Advanced]]:
    """Yield one run of steps for each task that has windows of its own."""
    match setting:
        case KafkaStreamsSetting():
            for partition in sorted(set(events.partition.tolist())):
                yield _stream_time(events, partition)
        case SparkSetting():
            yield _micro_batches(events, setting)
        case BeamSetting():
            yield _after_every_event(events, setting.delay_ms, setting.per_partition)
        case FlinkSetting(emission_ms=0):
            yield _after_every_event(events, _behind(setting), setting.per_partition)
        case FlinkSetting():
            yield _emitted(events, setting)


def _behind(setting: FlinkSetting) -> int:
    return setting.delay_ms + (setting.api == "datastream")


def _stream_time(events: ReplayInput, partition: int) -> Iterator[Arrived | Advanced]:
    stream_time = NEVER
    for index in range(len(events)):
        if events.partition[index] == partition:
            before, stream_time = stream_time, max(stream_time, int(events.event_time[index]))
            yield Arrived(index, stream_time, held_by=before)
            yield Advanced(stream_time, index, int(events.received[index]))


def _micro_batches(events: ReplayInput, setting: SparkSetting) -> Iterator[Arrived | Advanced]:
    late_by = close_by = newest = 0
    last = None
    for batch in _batches(events, setting):
        if last and not batch.follows:  # one without data came between
            yield Advanced(close_by, last.arrived - 1, last.ms + setting.trigger_ms * last.is_timed)
            late_by = close_by
        for index in batch.events:
            yield Arrived(index, late_by, late_by)
            newest = max(newest, int(events.event_time[index]))
        yield Advanced(close_by, batch.arrived - 1, batch.ms)
        late_by, close_by = close_by, max(close_by, newest - setting.delay_ms)
        last = batch
    if last:  # the batch without data at the end
        yield Advanced(close_by, last.arrived - 1, last.ms + setting.trigger_ms * last.is_timed)


@dataclass(frozen=True)
class _Batch:
    events: list[int]
    arrived: int
    ms: int
    follows: bool  # right after the batch before, of which something was left or had come
    is_timed: bool


def _batches(events: ReplayInput, setting: SparkSetting) -> Iterator[_Batch]:
    received, partition = events.received.tolist(), events.partition.tolist()
    total = len(events)
    if setting.batch_ends:
        begin = 0
        for end in [*(e for e in setting.batch_ends if e < total), total][: total or 0]:
            yield _Batch(list(range(begin, end)), end, received[end - 1], setting.waiting, False)
            begin = end
        return
    every = 0 if setting.waiting else setting.trigger_ms
    waits: list[int] = []
    arrived = most_read = 0
    trigger = NEVER
    while waits or arrived < total:
        if every:
            now = trigger + every if waits else received[arrived] // every * every + every
        else:
            now = trigger if waits else received[arrived]
        come = arrived
        while come < total and (setting.waiting or received[come] < now + (every == 0)):
            come += 1
        left = bool(waits) or (bool(every) and now == trigger + every)
        trigger, waits, arrived = now, [*waits, *range(arrived, come)], come
        read = _share(waits, partition, setting.batch_records)
        waits = [i for i in waits if i not in read]
        most_read = max(most_read, max(read) + 1)
        if setting.waiting:
            yield _Batch(sorted(read), most_read, received[most_read - 1], left, False)
        else:
            yield _Batch(sorted(read), arrived, now, left, True)


def _share(waits: list[int], partition: list[int], most: int | None) -> set[int]:
    """Return which waiting events a batch of at most so many reads."""
    read: set[int] = set()
    for p in {partition[i] for i in waits}:
        own = [i for i in waits if partition[i] == p]
        share = len(own) if most is None else most * (len(own) / len(waits))
        read.update(own[: math.ceil(share) if share < 1 else math.floor(share)])
    return read


def _after_every_event(
    events: ReplayInput, behind: int, per_partition: bool
) -> Iterator[Arrived | Advanced]:
    partitions = events.partition.tolist() if per_partition else [0] * len(events)
    newest = dict.fromkeys(partitions, NEVER)
    watermark = NEVER
    for index in range(len(events)):
        yield Arrived(index, watermark, watermark)
        partition = partitions[index]
        newest[partition] = max(newest[partition], int(events.event_time[index]) - behind)
        watermark = max(watermark, min(newest.values()))
        yield Advanced(watermark, index, int(events.received[index]))


@dataclass
class _Partition:
    """A partition's watermark and Flink's `IdlenessTimer`."""

    watermark: int = NEVER
    events: int = 0
    events_seen: int = 0
    quiet_from: int | None = None

    def is_idle(self, now: int, idle_ms: int | None) -> bool:
        if idle_ms is None:
            return False
        if self.events != self.events_seen:
            self.events_seen = self.events
            self.quiet_from = None
            return False
        if self.quiet_from is None:
            self.quiet_from = now
            return False
        return now - self.quiet_from > idle_ms


def _emitted(events: ReplayInput, setting: FlinkSetting) -> Iterator[Arrived | Advanced]:
    numbers = events.partition.tolist() if setting.per_partition else [0] * len(events)
    partitions = {number: _Partition() for number in numbers}
    watermark = NEVER
    emission = int(events.received[0]) + setting.emission_ms if len(events) else 0
    for index in range(len(events) + 1 if len(events) else 0):
        until = int(events.received[index]) if index < len(events) else emission
        while emission <= until:
            active = [p for p in partitions.values() if not p.is_idle(emission, setting.idle_ms)]
            watermark = max(
                watermark,
                min(p.watermark for p in active)
                if active
                else max(p.watermark for p in partitions.values()),
            )
            yield Advanced(watermark, index - 1, emission)
            emission += setting.emission_ms
        if index == len(events):
            break
        yield Arrived(index, watermark, watermark)
        partition = partitions[numbers[index]]
        partition.events += 1
        partition.watermark = max(
            partition.watermark, int(events.event_time[index]) - _behind(setting)
        )
        yield Advanced(watermark, index, int(events.received[index]))
