"""Reading a topic into its events table: fetch and decode overlapping, with progress and a stop."""

from __future__ import annotations

import time
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from lib.decode import MAX_EXCERPTS, SET_ASIDE, Decoded, decode
from lib.events import Events, append_events, build_events, newest
from lib.fields import Fields
from lib.topics.source import Between, Latest, Plan, Range, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from lib.topics.source import TopicSource

DEFAULT_CAP: Final = 5_000_000
"""Events that one load keeps at most, newest first, unless configured otherwise."""

_BLOCKS_IN_FLIGHT: Final = 3


@dataclass(frozen=True)
class Progress:
    """How far a read is."""

    records: int = 0
    bytes: int = 0
    expected: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds if self.seconds > 0 else 0.0

    @property
    def share(self) -> float:
        """Share of the expected records that has come, 0 to 1."""
        return min(1.0, self.records / self.expected) if self.expected else 1.0

    @property
    def seconds_left(self) -> float:
        """Seconds until the end at the present rate."""
        return max(0, self.expected - self.records) / self.rate if self.rate else float("inf")


@dataclass(frozen=True)
class Watch:
    """Who follows a load: `on_progress` is called after every block, then `should_stop` is asked.

    A load that is stopped keeps what has come.
    """

    on_progress: Callable[[Progress], None] = lambda _: None
    should_stop: Callable[[], bool] = lambda: False


UNWATCHED: Final = Watch()


@dataclass(frozen=True)
class LoadReport:
    """What one load did.

    Attributes
    ----------
    topic, wanted
        What was asked for.
    read
        How much came, in how many seconds. After a reload: only what was new.
    total_records
        Records read over all loads of this topic: good and set aside.
    in_log
        Offsets that the topic held when the read began.
    capped
        Whether the cap on events kept older records out.
    stopped
        Whether the read was stopped before its end.
    timestamp_types
        Records per kind of record timestamp (`lib.topics.records`).
    """

    topic: str
    wanted: Range
    read: Progress
    total_records: int
    in_log: int
    capped: bool
    stopped: bool
    timestamp_types: Mapping[int, int]


@dataclass(frozen=True)
class LoadedTopic:
    """A topic in memory: shared by all viewers, never changed.

    `set_aside` has partition, offset, timestamp, reason and excerpt of every record that could
    not be read (`lib.decode`). `positions` has the next offset to read of each partition.
    """

    events: Events
    set_aside: pa.Table
    fields: Fields
    report: LoadReport
    positions: Mapping[int, int]

    @property
    def version(self) -> tuple[object, ...]:
        """What tells this state of the topic from any other: the key of caches."""
        log = tuple(sorted(self.positions.items()))
        return (self.report.topic, self.report.wanted, self.fields, len(self.events.table), log)


def load(
    source: TopicSource,
    topic: str,
    wanted: Range,
    *,
    fields: Fields | None = None,
    cap: int = DEFAULT_CAP,
    watch: Watch = UNWATCHED,
) -> LoadedTopic:
    """Read `wanted` of a topic into an events table.

    Parameters
    ----------
    fields
        Which fields are what; None: the notebook's.
    cap
        Events to keep at most; the newest ones stay.
    watch
        Who is told how far the load is, and may stop it.

    Raises
    ------
    SkewlineError
        When the source fails.
    """
    fields = fields or Fields()
    plan, limit, capped = _plan(source, topic, wanted, cap)
    tally = _Tally(plan.size)
    decoded, set_aside = _decoded(source, plan, fields, tally, watch)
    events = newest(build_events(decoded, fields), limit)
    return _loaded(events, set_aside, fields, plan, tally, wanted, capped=capped)


def reload(
    source: TopicSource,
    before: LoadedTopic,
    *,
    cap: int = DEFAULT_CAP,
    watch: Watch = UNWATCHED,
) -> LoadedTopic:
    """Return `before` with what has been written to the topic since; only that is read.

    A topic whose log ends before what was read from it has been made anew: it is loaded whole.

    Raises
    ------
    SkewlineError
        When the source fails.
    """
    topic, wanted, fields = before.report.topic, before.report.wanted, before.fields
    plan, limit, capped = _plan(source, topic, wanted, cap)
    if any(log.end < before.positions.get(log.partition, 0) for log in plan.log):
        return load(source, topic, wanted, fields=fields, cap=cap, watch=watch)
    spans = (
        Span(s.partition, max(s.start, before.positions.get(s.partition, s.start)), s.end)
        for s in plan.spans
    )
    plan = replace(plan, spans=tuple(spans))
    tally = _Tally(plan.size, positions=dict(before.positions))
    decoded, set_aside = _decoded(source, plan, fields, tally, watch)
    events = newest(append_events(before.events, decoded, fields), limit)
    set_aside = pa.concat_tables([before.set_aside, set_aside], promote_options="permissive")
    return _loaded(
        events, set_aside, fields, plan, tally, wanted, capped=capped, before=before.report
    )


def _plan(source: TopicSource, topic: str, wanted: Range, cap: int) -> tuple[Plan, int, bool]:
    """Return the plan, the events to keep, and whether the cap keeps older records out."""
    limit = min(cap, wanted.count) if isinstance(wanted, Latest) else cap
    plan = source.plan(topic, Latest(limit) if isinstance(wanted, Latest) else wanted)
    if isinstance(wanted, Latest):
        return plan, limit, cap < wanted.count and sum(s.size for s in plan.log) > cap
    if plan.size <= cap:
        return plan, limit, False
    if isinstance(wanted, Between):
        return _newest_between(source, topic, wanted, cap), limit, True
    return source.plan(topic, Latest(cap)), limit, True


def _newest_between(source: TopicSource, topic: str, wanted: Between, cap: int) -> Plan:
    """Return the plan of the latest part of `wanted` that holds at least `cap` offsets."""
    early, late = wanted.start_ms, wanted.end_ms
    plan = source.plan(topic, wanted)
    while late - early > 1:
        middle = (early + late) // 2
        shorter = source.plan(topic, Between(middle, wanted.end_ms))
        if shorter.size >= cap:
            early, plan = middle, shorter
        else:
            late = middle
    return plan


def _decoded(
    source: TopicSource,
    plan: Plan,
    fields: Fields,
    tally: _Tally,
    watch: Watch,
) -> tuple[list[pa.Table], pa.Table]:
    """Read and decode the blocks of `plan`, the next one being fetched while one is decoded."""
    columns: list[pa.Table] = []
    aside: list[pa.Table] = [SET_ASIDE.empty_table()]
    waiting: deque[Future[Decoded]] = deque()
    excerpts = MAX_EXCERPTS

    def collect() -> None:
        nonlocal excerpts
        block = waiting.popleft().result()
        columns.append(block.columns)
        aside.append(block.set_aside)
        excerpts = max(0, excerpts - block.set_aside.num_rows)

    with ThreadPoolExecutor(1) as decoder, closing(_blocks(source, plan)) as blocks:
        for block in blocks:
            waiting.append(decoder.submit(decode, block, extras=fields.extras, excerpts=excerpts))
            if len(waiting) > _BLOCKS_IN_FLIGHT:
                collect()
            tally.add(block)
            watch.on_progress(tally.progress())
            if watch.should_stop():
                tally.stopped = True
                break
        while waiting:
            collect()
    return columns, pa.concat_tables(aside, promote_options="permissive")


def _blocks(source: TopicSource, plan: Plan) -> Generator[pa.RecordBatch]:
    yield from source.read(plan)


def _loaded(
    events: Events,
    set_aside: pa.Table,
    fields: Fields,
    plan: Plan,
    tally: _Tally,
    wanted: Range,
    *,
    capped: bool,
    before: LoadReport | None = None,
) -> LoadedTopic:
    types = Counter(before.timestamp_types if before else {}) + Counter(tally.timestamp_types)
    report = LoadReport(
        topic=plan.topic,
        wanted=wanted,
        read=tally.progress(),
        total_records=tally.records + (before.total_records if before else 0),
        in_log=sum(span.size for span in plan.log),
        capped=capped,
        stopped=tally.stopped,
        timestamp_types=dict(types),
    )
    both = [set_aside, events.set_aside]
    return LoadedTopic(
        events=events,
        set_aside=pa.concat_tables(both, promote_options="permissive"),
        fields=fields,
        report=report,
        positions=tally.positions,
    )


@dataclass
class _Tally:
    """What has come so far."""

    expected: int
    started: float = field(default_factory=time.monotonic)
    records: int = 0
    bytes: int = 0
    stopped: bool = False
    timestamp_types: Counter[int] = field(default_factory=Counter)
    positions: dict[int, int] = field(default_factory=dict)

    def add(self, block: pa.RecordBatch) -> None:
        self.records += block.num_rows
        self.bytes += block.column("value").nbytes + block.column("key").nbytes
        kinds, counts = np.unique(block.column("timestamp_type").to_numpy(), return_counts=True)
        self.timestamp_types.update(dict(zip(kinds.tolist(), counts.tolist(), strict=True)))
        last = pa.table(block).group_by("partition").aggregate([("offset", "max")]).to_pydict()
        for partition, offset in zip(last["partition"], last["offset_max"], strict=True):
            self.positions[partition] = offset + 1

    def progress(self) -> Progress:
        seconds = time.monotonic() - self.started
        return Progress(self.records, self.bytes, self.expected, seconds)
