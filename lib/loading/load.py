"""Reading a topic into its events table: fetch and decode overlapping, with progress and a stop."""

from __future__ import annotations

import copy
import time
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import numpy as np
import pyarrow as pa

from lib.core.columns import KAFKA_COLUMNS
from lib.core.time_units import recognise_unit
from lib.decoding.registry import decoder_for
from lib.decoding.rejected import MAX_EXCERPTS, REJECTED
from lib.events.fields import FROM_PARTITION, HEADER, KEY, Fields, recognise
from lib.events.table import EventsTable, append_events, build_events, newest
from lib.sources.base import Latest, Plan, Range, Span
from lib.sources.newest import DEFAULT_CAP, limit_of, newest_part, parts_back
from lib.sources.records import header_names, payload_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from lib.decoding.base import Decoded
    from lib.sources.base import Reader, TopicSource

_BLOCKS_IN_FLIGHT: Final = 3

FieldChoice = tuple[tuple[str, Any], ...]
"""Fields chosen by hand: attributes of `lib.events.fields.Fields` with their values."""


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
        Records read over all loads of this topic: good and rejected.
    in_log
        Offsets that the topic held when the read began.
    capped
        Whether the cap on events kept older records out.
    stopped
        Whether the read was stopped before its end.
    timestamp_types
        Records per kind of record timestamp (`lib.sources.records`).
    reader
        What read them, and why that one if another was asked for.
    """

    topic: str
    wanted: Range
    read: Progress
    total_records: int
    in_log: int
    capped: bool
    stopped: bool
    timestamp_types: Mapping[int, int]
    reader: Reader


@dataclass(frozen=True)
class LoadedTopic:
    """A topic in memory: shared by all viewers, never changed.

    Attributes
    ----------
    source
        `TopicSource.identity` of where it was read from.
    events
        The events table.
    undecoded
        Records whose value could not be read, schema `lib.decoding.rejected.REJECTED`.
    fields
        Which fields are what.
    recognised
        What they were recognised as, before anything was chosen by hand.
    chosen
        What was chosen by hand.
    sources
        What can be chosen as a field: the value's fields, the key, headers, the partition.
    report
        What the load did.
    positions
        The next offset to read of each partition.
    corrected
        The clients whose event times have been corrected (`lib.analysis.client_clocks`), not as
        they were read.
    token
        Of this load: no other load has it.
    """

    source: str
    events: EventsTable
    undecoded: pa.Table
    fields: Fields
    recognised: Fields
    chosen: FieldChoice
    sources: tuple[str, ...]
    report: LoadReport
    positions: Mapping[int, int]
    corrected: tuple[object, ...] = ()
    token: str = field(default_factory=lambda: uuid4().hex)

    @property
    def rejected(self) -> pa.Table:
        """Every record that is no event, with partition, offset, reason and excerpt."""
        both = [self.undecoded, self.events.rejected]
        return pa.concat_tables(both, promote_options="permissive")

    @property
    def version(self) -> tuple[object, ...]:
        """What tells this state of the topic from any other: the key of caches."""
        return (self.source, self.report.topic, self.token, self.corrected)


def load(
    source: TopicSource,
    topic: str,
    wanted: Range,
    *,
    chosen: FieldChoice = (),
    cap: int = DEFAULT_CAP,
    watch: Watch = UNWATCHED,
) -> LoadedTopic:
    """Read `wanted` of a topic into an events table.

    Parameters
    ----------
    chosen
        Fields chosen by hand, as pairs of an attribute of `Fields` and its value; what is not
        chosen is recognised from the first block of records.
    cap
        Events to keep at most; the newest ones stay.
    watch
        Who is told how far the load is, and may stop it.

    Raises
    ------
    SkewlineError
        When the source fails.
    """
    limit = limit_of(wanted, cap)
    tally, known = _Tally(), _recognise(None, chosen)
    decoded: list[pa.Table] = []
    undecoded: list[pa.Table] = [REJECTED.empty_table()]

    def wants_headers() -> bool:
        return known.wants_headers

    for part in parts_back(source, topic, wanted, limit):
        with closing(_blocks(source, part.plan, wants_headers)) as blocks:
            first = next(blocks, None)
            if first is None:
                continue
            if not tally.records:
                known = _recognise(first, chosen)
            grown = tally.expecting(part.plan.size)
            columns, aside = _decoded(chain([first], blocks), known.fields.extras, grown, watch)
        if grown.stopped and tally.records:  # what lies between it and the newer part is missing
            tally.stopped = True
            break
        tally, decoded = grown, columns + decoded
        undecoded.append(aside)
        if tally.stopped or tally.records >= limit:
            break
    events = build_events(decoded, known.fields)
    capped = _asks_for_more(wanted, limit) and (not part.whole or len(events.table) > limit)
    together = pa.concat_tables(undecoded, promote_options="permissive")
    return _loaded(source, newest(events, limit), together, known, part.plan, tally, capped=capped)


def reload(
    source: TopicSource,
    before: LoadedTopic,
    *,
    cap: int = DEFAULT_CAP,
    watch: Watch = UNWATCHED,
) -> LoadedTopic:
    """Return `before` with what has been written to the topic since; only that is read.

    A topic whose log ends before what was read from it has been made anew: it is loaded whole.
    So is one that was empty, and one that has got more than is to be kept.

    Raises
    ------
    SkewlineError
        When the source fails.
    """
    topic, wanted = before.report.topic, before.report.wanted
    limit, positions = limit_of(wanted, cap), before.positions
    plan = newest_part(source, topic, wanted, limit).plan
    if not positions or _is_made_anew(plan, positions) or _skips(plan, positions):
        return load(source, topic, wanted, chosen=before.chosen, cap=cap, watch=watch)
    spans = (
        Span(s.partition, max(s.start, positions.get(s.partition, s.start)), s.end)
        for s in plan.spans
    )
    plan = replace(plan, spans=tuple(spans))
    tally = _Tally(plan.size, positions=dict(positions))
    known = _Known(before.fields, before.recognised, before.chosen, before.sources)
    with closing(_blocks(source, plan, lambda: known.wants_headers)) as blocks:
        decoded, undecoded = _decoded(blocks, known.fields.extras, tally, watch)
    events = append_events(before.events, decoded, known.fields)
    too_many = _asks_for_more(wanted, limit) and len(events.table) > limit
    undecoded = pa.concat_tables([before.undecoded, undecoded], promote_options="permissive")
    return _loaded(
        source,
        newest(events, limit),
        undecoded,
        known,
        plan,
        tally,
        capped=before.report.capped or too_many,
        before=before.report,
    )


def _asks_for_more(wanted: Range, limit: int) -> bool:
    return not isinstance(wanted, Latest) or wanted.count > limit


def _is_made_anew(plan: Plan, positions: Mapping[int, int]) -> bool:
    ends = {log.partition: log.end for log in plan.log}
    return any(position > ends.get(partition, 0) for partition, position in positions.items())


def _skips(plan: Plan, positions: Mapping[int, int]) -> bool:
    """Return whether records that are still in the log lie between what was read and `plan`."""
    begin = {log.partition: log.start for log in plan.log}
    return any(
        s.start > max(positions[s.partition], begin[s.partition])
        for s in plan.spans
        if s.partition in positions
    )


@dataclass(frozen=True)
class _Known:
    """What is known of a topic's fields."""

    fields: Fields
    recognised: Fields
    chosen: FieldChoice
    sources: tuple[str, ...]

    @property
    def wants_headers(self) -> bool:
        """Whether headers are needed: to learn what can be chosen, or because one was."""
        return not self.sources or any(s.startswith(HEADER) for s in self.fields.extras)


def _recognise(first: pa.RecordBatch | None, chosen: FieldChoice) -> _Known:
    """Recognise the fields from the first block of records; what is chosen by hand wins."""
    if first is None:
        return _Known(replace(Fields(), **dict(chosen)), Fields(), chosen, ())
    headers = tuple(f"{HEADER}{name}" for name in header_names(first))
    sample = decoder_for(first).decode(first, extras=(KEY, *headers)).columns
    recognised = recognise(sample)
    wanted = dict(chosen)
    event_time = wanted.get("event_time", recognised.event_time)
    if "unit" not in wanted and event_time in sample.column_names:
        wanted["unit"] = recognise_unit(sample[event_time]) or recognised.unit
    sources = (*(name for name in sample.column_names if name not in KAFKA_COLUMNS), FROM_PARTITION)
    return _Known(replace(recognised, **wanted), recognised, chosen, sources)


def _decoded(
    blocks: Iterable[pa.RecordBatch], extras: Sequence[str], tally: _Tally, watch: Watch
) -> tuple[list[pa.Table], pa.Table]:
    """Decode `blocks`, the next one being fetched while one is decoded.

    Returns the columns of each block, and the records that could not be decoded.
    """
    columns: list[pa.Table] = []
    aside: list[pa.Table] = [REJECTED.empty_table()]
    waiting: deque[Future[Decoded]] = deque()
    excerpts = MAX_EXCERPTS

    def collect() -> None:
        nonlocal excerpts
        block = waiting.popleft().result()
        columns.append(block.columns)
        aside.append(block.rejected)
        excerpts = max(0, excerpts - block.rejected.num_rows)

    with ThreadPoolExecutor(1) as decoder:
        for block in blocks:
            decode = decoder_for(block).decode
            waiting.append(decoder.submit(decode, block, extras=extras, excerpts=excerpts))
            if len(waiting) > _BLOCKS_IN_FLIGHT:
                collect()
            tally.add(block)
            watch.on_progress(tally.progress())
            if watch.should_stop():
                tally.stopped = True
                break
        while waiting:
            collect()
    # Blocks made in one thread and freed in another stay with the allocator: give them back.
    pa.default_memory_pool().release_unused()
    return columns, pa.concat_tables(aside, promote_options="permissive")


def _blocks(
    source: TopicSource, plan: Plan, wants_headers: Callable[[], bool]
) -> Generator[pa.RecordBatch]:
    yield from source.read(plan, wants_headers)


def _loaded(
    source: TopicSource,
    events: EventsTable,
    undecoded: pa.Table,
    known: _Known,
    plan: Plan,
    tally: _Tally,
    *,
    capped: bool,
    before: LoadReport | None = None,
) -> LoadedTopic:
    types = Counter(before.timestamp_types if before else {}) + Counter(tally.timestamp_types)
    report = LoadReport(
        topic=plan.topic,
        wanted=plan.range,
        read=tally.progress(),
        total_records=tally.records + (before.total_records if before else 0),
        in_log=sum(span.size for span in plan.log),
        capped=capped,
        stopped=tally.stopped,
        timestamp_types=dict(types),
        reader=source.reader,
    )
    return LoadedTopic(
        source=source.identity,
        events=events,
        undecoded=undecoded,
        fields=known.fields,
        recognised=known.recognised,
        chosen=known.chosen,
        sources=known.sources,
        report=report,
        positions=tally.positions,
    )


@dataclass
class _Tally:
    """What has come so far."""

    expected: int = 0
    started: float = field(default_factory=time.monotonic)
    records: int = 0
    bytes: int = 0
    stopped: bool = False
    timestamp_types: Counter[int] = field(default_factory=Counter)
    positions: dict[int, int] = field(default_factory=dict)

    def expecting(self, more: int) -> _Tally:
        """Return a copy that expects `more` records."""
        return replace(copy.deepcopy(self), expected=self.expected + more)

    def add(self, block: pa.RecordBatch) -> None:
        if not block.num_rows:
            return
        self.records += block.num_rows
        self.bytes += payload_bytes(block)
        kinds = block.column("timestamp_type").to_numpy()
        if (kinds == kinds[0]).all():  # as nearly always; called for every block, so it counts
            self.timestamp_types[int(kinds[0])] += len(kinds)
        else:
            self.timestamp_types.update(kinds.tolist())
        partitions, offsets = block["partition"].to_numpy(), block["offset"].to_numpy()
        reached = np.zeros(int(partitions.max()) + 1, np.int64)
        reached[partitions] = offsets + 1  # of each partition, the last counts
        for partition in np.flatnonzero(reached).tolist():
            self.positions[partition] = max(
                int(reached[partition]), self.positions.get(partition, 0)
            )

    def progress(self) -> Progress:
        seconds = time.monotonic() - self.started
        return Progress(self.records, self.bytes, self.expected, seconds)
