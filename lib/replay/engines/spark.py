"""Spark Structured Streaming: a watermark that moves between micro-batches only.

Rules read from Spark 4.3 (`MicroBatchExecution`, `ProcessingTimeExecutor`, `WatermarkTracker`,
`IncrementalExecution`, `KafkaMicroBatchStream`) and confirmed by running it: see `docs/engines.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.core.blockwise import Answer, Whole, answered, as_it_is, first_of
from lib.core.columns import HEADER, KEY
from lib.core.jit import compiled
from lib.events.fields import FROM_PARTITION
from lib.replay.assignment import (
    assign_aligned,
    assign_sessions,
    exclusive_bounds,
    replay_in_order,
    replay_of,
    sort_stably,
)
from lib.replay.code import Names, Program, plain_schema
from lib.replay.code_python import IMPORTS, python_time
from lib.replay.engine import Duration, Engine, Number, Setting, Switch
from lib.replay.windows import NEVER, NO_INDEX, HoppingWindow, Replay, SessionWindow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.core.blockwise import Question
    from lib.replay.input import ReplayInput


@dataclass(frozen=True)
class SparkSetting(Setting):
    """How a Spark query is set. Durations are milliseconds.

    Attributes
    ----------
    window
        `session_window` or `window`.
    delay_ms
        `withWatermark`'s.
    waiting
        Whether all events wait when the query starts, as with `availableNow` or a start at the
        earliest offsets: batches then follow each other. False: the query is live.
    trigger_ms
        Live, a batch starts every so many ms, at whole multiples of it since 1970
        (`processingTime`). 0, Spark's default: as soon as something has come; here as though a
        batch took no time, so each received ms with events is one.
    batch_records
        Most records of a batch (`maxOffsetsPerTrigger`), or None: no limit. Where more wait, each
        partition gives its share.
    batch_ends
        Number of events that had arrived at the end of each batch, rising, in place of the three
        above but `waiting`; what follows the last is one more batch.
    """

    delay_ms: int = 0
    waiting: bool = False
    trigger_ms: int = 0
    batch_records: int | None = None
    batch_ends: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if min(self.delay_ms, self.trigger_ms) < 0:
            raise ValueError("delay_ms and trigger_ms must be at least 0")
        if self.batch_records is not None and self.batch_records < 1:
            raise ValueError(f"batch_records must be at least 1, not {self.batch_records}")
        if any(b <= a for a, b in zip((0, *self.batch_ends), self.batch_ends, strict=False)):
            raise ValueError("batch_ends must be at least 1 and rise")

    @property
    def engine(self) -> Engine[SparkSetting]:
        """Spark."""
        return SPARK


@dataclass(frozen=True, eq=False)
class MicroBatches:
    """How a topic falls into micro-batches with data.

    Attributes
    ----------
    of_event
        int64, one element an event: the number of its batch.

    One element a batch:

    rested
        bool. Nothing waited when the batch before was done, so that one without data came between.
    arrived
        int64, how many events had arrived when it ran.
    at_ms
        int64, the received time of that moment.

    Of the whole:

    every_ms
        How long after a batch the one without data runs.
    """

    of_event: NDArray[np.int64]
    rested: NDArray[np.bool_]
    arrived: NDArray[np.int64]
    at_ms: NDArray[np.int64]
    every_ms: int = 0

    def run_after(self, batch: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return when the run after each of some batches was, with data or without.

        Returns
        -------
        tuple
            Index of the last event that had arrived, and the received time; `NO_INDEX` for the
            number of a batch that there is not.
        """
        batches = len(self.rested)
        there = batch < batches
        own = np.minimum(batch, batches - 1)
        after = np.minimum(own + 1, batches - 1)
        has_data = (own < after) & ~self.rested[after]
        arrived = np.where(has_data, self.arrived[after], self.arrived[own]) - 1
        at_ms = np.where(has_data, self.at_ms[after], self.at_ms[own] + self.every_ms)
        return np.where(there, arrived, NO_INDEX), np.where(there, at_ms, NO_INDEX)


@dataclass(frozen=True, eq=False)
class BatchTimes:
    """Micro-batches that take all that waits, and what their watermark is made of.

    Attributes
    ----------
    every_ms
        0: each batch has the events of one received ms. Else of so many, from a multiple of it;
        `NO_INDEX`: of all.

    One element a batch:

    turn
        int64, rising: the received ms, or how many times `every_ms` it begins.
    newest
        int64, the largest event time.
    arrived
        int64, how many events had arrived when it ran.
    last_ms
        int64, when the last of them was received, epoch ms.
    """

    every_ms: int
    turn: NDArray[np.int64]
    newest: NDArray[np.int64]
    arrived: NDArray[np.int64]
    last_ms: NDArray[np.int64]

    def and_then(self, other: BatchTimes) -> BatchTimes:
        """Return these and those of the events behind, which the last may have, too."""
        if not len(self.turn) or not len(other.turn):
            return self if len(self.turn) else other
        newest = other.newest.copy()
        end = None
        if self.turn[-1] == other.turn[0]:
            newest[0], end = max(newest[0], self.newest[-1]), -1
        return BatchTimes(
            self.every_ms,
            np.concatenate((self.turn[:end], other.turn)),
            np.concatenate((self.newest[:end], newest)),
            np.concatenate((self.arrived[:end], other.arrived)),
            np.concatenate((self.last_ms[:end], other.last_ms)),
        )

    def of(self, events: ReplayInput) -> MicroBatches:
        """Return how some of the events fall into them."""
        of_event = np.searchsorted(self.turn, _turns(events, self.every_ms))
        if self.every_ms == NO_INDEX:
            rested, at_ms = np.ones(len(self.turn), dtype=np.bool_), self.last_ms
        elif self.every_ms == 0:
            rested, at_ms = np.ones(len(self.turn), dtype=np.bool_), self.turn
        else:
            rested, at_ms = np.diff(self.turn, prepend=-1) > 1, (self.turn + 1) * self.every_ms
        return MicroBatches(of_event, rested, self.arrived, at_ms, max(self.every_ms, 0))


def _turns(events: ReplayInput, every_ms: int) -> NDArray[np.int64]:
    if every_ms == NO_INDEX:
        return np.zeros(len(events), dtype=np.int64)
    return events.received // every_ms if every_ms else events.received


def batch_times(events: ReplayInput, setting: SparkSetting) -> Question[BatchTimes | None]:
    """Ask for the micro-batches; None where a limit says what they take, of all that waits."""
    if setting.batch_ends or setting.batch_records:
        yield Whole("What a limited micro-batch takes depends on all events that wait.")
        return Answer(None, first_of, as_it_is)
    every_ms = NO_INDEX if setting.waiting else setting.trigger_ms
    turns = _turns(events, every_ms)
    begins = np.flatnonzero(np.diff(turns, prepend=turns[:1] - 1))
    ends = np.append(begins[1:], len(turns))[: len(begins)]
    found = BatchTimes(
        every_ms,
        turns[begins],
        np.maximum.reduceat(events.event_time, begins) if len(begins) else turns,
        events.place(ends - 1) + 1,
        events.received[ends - 1],
    )
    return Answer(found, BatchTimes.and_then, as_it_is)


def replay_spark(events: ReplayInput, setting: SparkSetting, times: BatchTimes | None) -> Replay:
    """Return what Spark would have made of the events, in append mode.

    An event is judged on its own windows, by the watermark of the batch before its own. That one
    had no data if nothing waited, so the watermark knows the newest event up to one batch back;
    else up to two. A result comes out at the end of a batch; the last one is without data.
    """
    if times is None:
        batches = _limited_batches(events, setting)
        newest = np.full(len(batches.rested), NEVER)
        np.maximum.at(newest, batches.of_event, events.event_time)
    else:
        batches, newest = times.of(events), np.array(times.newest)  # a copy: it can be written
    watermark, judged_by = _watermarks(newest, batches.rested, setting.delay_ms)
    window = setting.window

    def read(events: ReplayInput) -> Replay:
        clock = np.repeat(judged_by, np.bincount(batches.of_event, minlength=len(judged_by)))
        if isinstance(window, SessionWindow):
            assignment = assign_sessions(
                events,
                clock,
                held_from=clock - window.gap_ms + 1,
                reach_ms=window.gap_ms,
                late_ms=window.gap_ms,
                joins_first=False,
            )
        else:
            assignment = assign_aligned(events, clock, window, late_ms=0)
        bounds = exclusive_bounds(assignment, window)
        # A batch closes windows by the watermark that the one before it left.
        closed = batches.run_after(np.searchsorted(watermark, bounds[1]))
        return replay_of(assignment, clock, bounds, closed)

    return replay_in_order(events, batches.of_event, read)


def micro_batches(events: ReplayInput, setting: SparkSetting) -> MicroBatches:
    """Return how the events fall into micro-batches."""
    times = answered(batch_times(events, setting))
    return _limited_batches(events, setting) if times is None else times.of(events)


def _limited_batches(events: ReplayInput, setting: SparkSetting) -> MicroBatches:
    total = len(events)
    if setting.batch_ends:
        ends = np.asarray(setting.batch_ends, dtype=np.int64)
        ends = np.append(ends[ends < total], total) if total else ends[:0]
        of_event = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
        rested = np.full(len(ends), not setting.waiting)
        return MicroBatches(of_event, rested, ends, events.received[ends - 1])
    assert setting.batch_records is not None
    received = np.zeros_like(events.received) if setting.waiting else events.received
    every_ms = 0 if setting.waiting else setting.trigger_ms
    of_event, rested, arrived, at_ms = _cut(
        received,
        events.partition,
        sort_stably(events.partition.astype(np.int64)),
        np.bincount(events.partition, minlength=1),
        every_ms,
        setting.batch_records,
    )
    if setting.waiting:
        # As though events arrived when they are read: the last one read stands for the moment.
        newest = np.zeros(len(arrived), dtype=np.int64)
        np.maximum.at(newest, of_event, np.arange(1, total + 1))
        arrived = np.maximum.accumulate(newest)
        at_ms = events.received[arrived - 1]
    return MicroBatches(of_event, rested, arrived, at_ms, every_ms)


@compiled
def _cut(
    received: NDArray[np.int64],
    partition: NDArray[np.int32],
    queue: NDArray[np.int64],
    sizes: NDArray[np.int64],
    every: int,
    most: int,
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Return the attributes of `MicroBatches`; `queue` has the events by partition."""
    n = len(received)
    of_event = np.empty(n, np.int64)
    rested, arrived, at_ms = np.empty(n, np.bool_), np.empty(n, np.int64), np.empty(n, np.int64)
    first = np.cumsum(sizes) - sizes  # of each partition, in the queue
    come, taken = np.zeros(len(sizes), np.int64), np.zeros(len(sizes), np.int64)
    batches = came = waiting = trigger = 0
    while came < n or waiting:
        before = came
        rested[batches] = not waiting
        if waiting:
            trigger += every
        else:
            due = (received[came] // every + 1) * every if every else received[came]
            rested[batches] = every == 0 or due > trigger + every
            trigger = due
        until = trigger + (every == 0)
        while came < n and received[came] < until:
            of_event[came] = batches
            came += 1
        for i in range(before, came):
            come[partition[i]] += 1
        if waiting == 0 and came - before < most:
            for i in range(before, came):
                taken[partition[i]] += 1
        else:
            waiting += came - before
            waiting -= _take(come, taken, waiting, most, batches, first, queue, of_event)
        arrived[batches], at_ms[batches] = came, trigger
        batches += 1
    return (
        of_event,
        rested[:batches].copy(),
        arrived[:batches].copy(),
        at_ms[:batches].copy(),
    )


@compiled
def _take(
    come: NDArray[np.int64],
    taken: NDArray[np.int64],
    waiting: int,
    most: int,
    batch: int,
    first: NDArray[np.int64],
    queue: NDArray[np.int64],
    of_event: NDArray[np.int64],
) -> int:
    """Give a batch each partition's share of what may be read; return how many events it has.

    As `KafkaMicroBatchStream.rateLimit` shares `maxOffsetsPerTrigger`: by how much waits, rounded
    down, but at least one record.
    """
    total = 0
    for p in range(len(come)):
        size = come[p] - taken[p]
        share = most * (size / waiting)
        share = min(size, int(np.ceil(share) if share < 1 else np.floor(share)))
        for place in range(first[p] + taken[p], first[p] + taken[p] + share):
            of_event[queue[place]] = batch
        taken[p] += share
        total += share
    return total


@compiled
def _watermarks(
    newest: NDArray[np.int64], rested: NDArray[np.bool_], delay_ms: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the watermark that each batch leaves, and the one that judges its events."""
    left = np.empty(len(rested), np.int64)
    judged_by = np.empty(len(rested), np.int64)
    before = before_that = 0
    for batch in range(len(rested)):
        judged_by[batch] = before if rested[batch] else before_that
        before_that = before
        before = left[batch] = max(before, newest[batch] - delay_ms)
    return left, judged_by


def spark_programs(setting: SparkSetting, names: Names) -> tuple[Program, ...]:
    """Return a Python program for Spark Structured Streaming (4.x)."""
    sizes = [f'"{setting.window.length_ms} milliseconds"']
    if isinstance(setting.window, HoppingWindow):
        sizes.append(f'"{setting.window.advance_ms} milliseconds"')
    uses = {names.key_place, names.time_place}
    options = [f'.option("maxOffsetsPerTrigger", {setting.batch_records})'] * bool(
        setting.batch_records
    ) + ['.option("includeHeaders", True)'] * ("header" in uses)
    function, time = python_time(names)
    text = _PYTHON_TEMPLATE.substitute(
        avro=_FROM_AVRO.substitute(schema=repr(plain_schema(names.avro))) if names.avro else "",
        imports=IMPORTS if function else "",
        function=function,
        found=_found(names, time),
        key=_column(names.key, names),
        time=_TIME if names.time_place != "timestamp" else 'F.col("timestamp")',
        windows="session_window" if isinstance(setting.window, SessionWindow) else "window",
        sizes=", ".join(sizes),
        delay=setting.delay_ms,
        servers=repr(names.servers),
        topic=repr(names.topic),
        offsets="earliest" if setting.waiting else "latest",
        options="".join(f"\n        {option}" for option in options),
        trigger=_trigger(setting),
    )
    return (Program("Python", "python", text),)


def _found(names: Names, time: str) -> str:
    """Return lines that give names to what the columns are made of."""
    value = 'F.col("value").cast("string")'
    if names.avro:
        value = 'F.to_json(from_avro(F.expr("substring(value, 6)"), SCHEMA))'
    lines = [f"    value = {value}\n"] * ("value" in (names.key_place, names.time_place))
    if names.time is not None:
        lines += [f"    text = {_column(names.time, names)}\n", f"    ms = {time}\n"]
    return "".join(lines)


def _trigger(setting: SparkSetting) -> str:
    if setting.waiting:
        return ".trigger(availableNow=True)"
    every = f'.trigger(processingTime="{setting.trigger_ms} milliseconds")'
    return every if setting.trigger_ms else ""


def _column(source: str | None, names: Names) -> str:
    """Return an expression for a field, as text."""
    if source is None:
        return 'F.lit("all")'
    if source.startswith(HEADER):
        same = f"lambda header: header.key == {source.removeprefix(HEADER)!r}"
        last = f'F.try_element_at(F.filter("headers", {same}), F.lit(-1))'
        return f'{last}.value.cast("string")'
    if source in (KEY, FROM_PARTITION):
        return f'F.col("{source.removeprefix("@")}").cast("string")'
    found = [_field(path) for path in names.paths(source)]
    return found[0] if len(found) == 1 else f"F.coalesce({', '.join(found)})"


def _field(path: list[str]) -> str:
    """Return an expression for a field; in a path of JSON some names cannot be written."""
    if not any(mark in name for name in path for mark in "'?*"):
        steps = "".join(f"['{name}']" for name in path)
        return f"F.get_json_object(value, {'$' + steps!r})"
    found = "value"
    for name in path:
        found = f'F.from_json({found}, "map<string, string>").getItem({name!r})'
    return found


_TIME: Final = "F.timestamp_millis(F.when(ms.between(-62135596800000, 253402300799999), ms))"
_FROM_AVRO: Final = Template("""\
from pyspark.sql.avro.functions import from_avro

SCHEMA = $schema
""")
_PYTHON_TEMPLATE = Template("""\
${imports}from pyspark.sql import SparkSession
from pyspark.sql import functions as F
$avro$function

def count_events(records):
    \"\"\"Count per key and window; `records` has the columns of Spark's Kafka source.\"\"\"
$found    return (
        records.select(
            $key.alias("key"),
            $time.alias("time"),
        )
        .where("key IS NOT NULL AND time IS NOT NULL")
        .withWatermark("time", "$delay milliseconds")
        .groupBy("key", F.$windows("time", $sizes).alias("window"))
        .count()
    )


def main():
    spark = SparkSession.builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    records = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", $servers)
        .option("subscribe", $topic)
        .option("startingOffsets", "$offsets")$options
        .load()
    )
    counts = count_events(records).select(
        "key", F.unix_millis("window.start"), F.unix_millis("window.end"), "count"
    )
    query = (
        counts.writeStream.outputMode("append")
        .format("console")
        .option("truncate", False)
        .option("numRows", 1_000_000)
        $trigger.start()
    )
    query.awaitTermination()


if __name__ == "__main__":
    main()
""")

_BATCHES: Final = "Micro-batches"
SPARK: Final = Engine(
    name="spark",
    label="Spark",
    new_setting=SparkSetting,
    clock=batch_times,
    replay=replay_spark,
    programs=spark_programs,
    parameters=(
        Duration(
            name="trigger_ms",
            title="A micro-batch every (0: as soon as something comes)",
            link="trigger",
            engine_default="0",
            help="trigger(processingTime=…): the watermark moves between batches. Longer: fewer "
            "late events are dropped, and results come later. Where a batch takes longer than "
            "events leave it, choose what it takes: then the next one finds events waiting.",
            group=_BATCHES,
            unit="ms",
        ),
        Number(
            name="batch_records",
            title="Most records of a micro-batch (0: no limit)",
            link="batch",
            engine_default="no limit",
            help="maxOffsetsPerTrigger. The watermark moves between batches: the fewer records in "
            "one, the sooner it follows, and the more late events are dropped.",
            group=_BATCHES,
            step=1000,
            zero_is_none=True,
        ),
        Switch(
            name="waiting",
            title="All events wait already",
            link="waiting",
            engine_default="off",
            help="Everything is there when the query starts, as with availableNow or at the "
            "earliest offsets: batch follows batch, and an event is judged by data up to two "
            "batches back. Off: the query is live.",
            group=_BATCHES,
        ),
    ),
    warm_up=(
        SparkSetting(SessionWindow(1), waiting=True, batch_records=1),
        SparkSetting(SessionWindow(1), batch_records=1),
    ),
)
