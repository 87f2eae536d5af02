"""Kafka Streams: grace on stream time, one clock a partition.

Rules read from Kafka 4.3 (`KStreamSessionWindowAggregate`, `KStreamWindowAggregate`, the default
session store, `suppress`) and confirmed by running it: see `docs/engines.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from string import Template
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.core.blockwise import Answer, Pool, added, as_it_is, first_of
from lib.core.formatting import duration
from lib.core.jit import compiled
from lib.replay.assignment import (
    Assignment,
    assign_aligned,
    assign_sessions,
    exclusive_bounds,
    final_results,
    replay_of,
    stopped,
)
from lib.replay.code import Names, Program, java_text
from lib.replay.code_java import RECORD, java_imports, java_methods
from lib.replay.engine import Delay, Duration, Engine, Setting, Switch
from lib.replay.engine_clock import EngineClock, find_before
from lib.replay.windows import NEVER, NO_INDEX, HoppingWindow, Replay, SessionWindow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.core.blockwise import Question
    from lib.replay.input import ReplayInput


_EPOCH_MS: Final = 0
"""No window of Kafka Streams begins before 1970: `TimeWindows.windowsFor`."""


@dataclass(frozen=True)
class KafkaStreamsSetting(Setting):
    """How a Kafka Streams topology is set. Durations are milliseconds.

    Attributes
    ----------
    window
        `SessionWindows.ofInactivityGapAndGrace` or `TimeWindows.ofSizeAndGrace`, with `advanceBy`
        where they hop.
    grace_ms
        How long after a window's end stream time may be for it to take an event.
    caching
        Whether the store has its record cache, as it has by default
        (`statestore.cache.max.bytes`). A session in the cache can be joined although it closed; as
        replayed here, the cache is never full. False: `withCachingDisabled()`.
    commit_ms
        With a cache, results leave it at commits (`commit.interval.ms`), here every so many ms of
        received time from the first arrival. 0: after every event.
    repartitioned
        Whether the program makes what it groups by the record key (`selectKey`), so that a topic of
        its own brings each key to one task. False: the record key is what it groups by, and each
        partition of the topic is a task.
    most_ahead_ms
        How far a record's timestamp may be ahead of the broker's clock
        (`message.timestamp.after.max.ms`, 1 h by default since Kafka 4.0), or None: the broker
        takes any, as by default before. The broker's clock is taken to be the received time.
    """

    grace_ms: int = 0
    caching: bool = True
    commit_ms: int = 30_000
    repartitioned: bool = True
    most_ahead_ms: int | None = 3_600_000

    def __post_init__(self) -> None:
        if min(self.grace_ms, self.commit_ms) < 0:
            raise ValueError("grace_ms and commit_ms must be at least 0")
        if self.most_ahead_ms is not None and self.most_ahead_ms < 0:
            raise ValueError(f"most_ahead_ms must be at least 0, not {self.most_ahead_ms}")

    @property
    def engine(self) -> Engine[KafkaStreamsSetting]:
        """Kafka Streams."""
        return KAFKA_STREAMS


@dataclass(frozen=True)
class Refused:
    """An event that stops the application, since the broker refuses it.

    Attributes
    ----------
    number
        Which it is in arrival order, from 1, of those that have a received time.
    place
        Which it is of all events of the topic, from 0.
    ahead_ms
        How far its time is ahead of the broker's clock.
    """

    number: int
    place: int
    ahead_ms: int


@dataclass(frozen=True, eq=False)
class StreamTimes:
    """The stream times of all tasks as they rise; arrays as of `EngineClock`, by arrival.

    Attributes
    ----------
    task
        int32, whose stream time rises.
    first_ms
        When the first event was received, epoch ms.
    refused
        The event that stops the application; None where none does.
    """

    task: NDArray[np.int32]
    value: NDArray[np.int64]
    after: NDArray[np.int64]
    at_ms: NDArray[np.int64]
    first_ms: int
    refused: Refused | None

    def __add__(self, other: StreamTimes) -> StreamTimes:
        """Return these and those of the events behind."""
        return StreamTimes(
            np.concatenate((self.task, other.task)),
            np.concatenate((self.value, other.value)),
            np.concatenate((self.after, other.after)),
            np.concatenate((self.at_ms, other.at_ms)),
            min(self.first_ms, other.first_ms),
            self.refused,
        )

    def of(self, task: int) -> EngineClock:
        """Return the stream time of a task."""
        own = self.task == task
        return EngineClock(self.value[own], self.after[own], self.at_ms[own])


def stream_times(events: ReplayInput, setting: KafkaStreamsSetting) -> Question[StreamTimes]:
    """Ask for the stream times of the tasks, until an event stops the application."""
    events = _by_partition_of_key(events, setting)
    tasks = yield Pool(int(events.partition.max(initial=-1)) + 1, max)
    task = events.partition.astype(np.int64)
    before = yield from find_before(events, task, tasks)
    refused = yield Pool(_refused(events, setting, before.events), first_of)
    read = len(events)
    if refused is not None:
        read = int(events.arrived(np.array([refused.place]))[0])
    rises = _rises(events.event_time[:read], task[:read], before.newest.copy())
    found = StreamTimes(
        events.partition[rises],
        events.event_time[rises],
        events.place(rises) + 1,
        events.received[rises],
        min([before.first_ms, *events.received[:1].tolist()]),
        refused,
    )
    return Answer(found, added, as_it_is)


def _by_partition_of_key(events: ReplayInput, setting: KafkaStreamsSetting) -> ReplayInput:
    if not setting.repartitioned:
        return events
    return replace(events, partition=events.partition_of_key[events.key])


def _refused(events: ReplayInput, setting: KafkaStreamsSetting, before: int) -> Refused | None:
    """Return the first event too far ahead of the broker's clock; `before`: events before all."""
    if setting.most_ahead_ms is None:
        return None
    ahead = events.event_time - events.received
    at = _first(ahead > setting.most_ahead_ms)
    if at == NO_INDEX:
        return None
    return Refused(before + at + 1, int(events.place(np.array([at]))[0]), int(ahead[at]))


def replay_kafka_streams(
    events: ReplayInput, setting: KafkaStreamsSetting, times: StreamTimes
) -> Replay:
    """Return what Kafka Streams would have made of the events.

    Each partition is a task with its own stream time, the event itself included, and its own
    windows: a key found on two partitions has separate windows on both. The final result is that
    of `suppress(untilWindowCloses)`. The end of a session is its last event, inclusive. An event
    too far ahead of the broker's clock stops the application: its changelog record is refused.
    """
    events = _by_partition_of_key(events, setting)
    if times.refused is None:
        return _replay_until(events, setting, times)
    assert setting.most_ahead_ms is not None
    because = (
        f"Kafka Streams stops at event {times.refused.number:,} in arrival order: its time is "
        f"{duration(times.refused.ahead_ms)} ahead of the broker's clock, and the broker refuses "
        f"a record, here that of the store's changelog, more than "
        f"{duration(setting.most_ahead_ms)} ahead (message.timestamp.after.max.ms; by default 1 h "
        "since Kafka 4.0, before that no limit)."
    )
    read = int(events.arrived(np.array([times.refused.place]))[0])
    return stopped(_replay_until(events.first(read), setting, times), len(events), because)


def _first(is_so: NDArray[np.bool_]) -> int:
    """Return the index of the first that is so, or `NO_INDEX`."""
    return int(is_so.argmax()) if is_so.any() else NO_INDEX


def _replay_until(events: ReplayInput, setting: KafkaStreamsSetting, times: StreamTimes) -> Replay:
    window, grace = setting.window, setting.grace_ms
    tasks = _by_task(events)
    clock, clock_before = _stream_time(
        events.event_time,
        events.partition,
        np.array(times.task),  # copies: loops are compiled for what can be written
        np.array(times.value),
        events.arrived(times.after),
    )
    boundary = np.zeros(len(events), dtype=bool)
    if isinstance(window, SessionWindow):
        held = window.gap_ms + grace
        assignment = assign_sessions(
            tasks,
            clock,
            held_from=_held_from(clock_before, held, setting.caching),
            reach_ms=window.gap_ms,
            late_ms=held + 1,
            joins_first=True,
        )
        boundary = assignment.kept & (events.event_time + held == clock) & _alone(assignment)
        bounds = assignment.start, assignment.last
        closes = assignment.last + held
    else:
        assignment = assign_aligned(tasks, clock, window, late_ms=grace, since_ms=_EPOCH_MS)
        bounds = exclusive_bounds(assignment, window)
        closes = bounds[1] + grace
    keys_of_events = replace(assignment, key=_first_of_window(assignment, events.key))
    reached = _reached(times, _first_of_window(assignment, events.partition), closes)
    closed = final_results(reached, assignment, events)
    if setting.caching and setting.commit_ms:
        closed = _at_next_commit(closed, events, times.first_ms, setting.commit_ms)
    return replay_of(keys_of_events, clock, bounds, closed, boundary)


def _at_next_commit(
    closed: tuple[NDArray[np.int64], NDArray[np.int64]],
    events: ReplayInput,
    first: int,
    commit_ms: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return when results come out of the cache; a commit is before an event of its millisecond.

    `first` is when the first event of the topic was received.
    """
    closed_at, closed_ms = closed
    open_ = closed_at == NO_INDEX
    commit = first + ((closed_ms - first) // commit_ms + 1) * commit_ms
    arrived = events.place(np.searchsorted(events.received, commit, side="left") - 1)
    return np.where(open_, NO_INDEX, arrived), np.where(open_, NO_INDEX, commit)


def _by_task(events: ReplayInput) -> ReplayInput:
    """Return the events with a key code of its own for each key on each partition."""
    home = np.zeros(events.keys, dtype=np.int32)
    home[events.key] = events.partition
    if np.array_equal(home[events.key], events.partition):
        return events
    pairs = events.key.astype(np.int64) << 32 | events.partition
    return replace(events, key=np.unique(pairs, return_inverse=True)[1].astype(np.int32))


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
def _rises(
    event_time: NDArray[np.int64], task: NDArray[np.int64], newest: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the events that raise the stream time of their task; `newest` is it before."""
    found = np.empty(len(event_time), np.int64)
    rises = 0
    for i in range(len(event_time)):
        if event_time[i] > newest[task[i]]:
            newest[task[i]] = event_time[i]
            found[rises] = i
            rises += 1
    return found[:rises].copy()


@compiled
def _stream_time(
    event_time: NDArray[np.int64],
    partition: NDArray[np.int32],
    task: NDArray[np.int32],
    value: NDArray[np.int64],
    after: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the stream time of each event's partition, with the event and before it.

    `task`, `value` and `after` are of `StreamTimes`, `after` by how many of these events had come.
    """
    tasks = max(partition.max() if len(partition) else -1, task.max() if len(task) else -1) + 1
    newest = np.full(tasks, NEVER, np.int64)
    now = np.empty(len(event_time), np.int64)
    before = np.empty(len(event_time), np.int64)
    rise = 0
    for i in range(len(event_time)):
        while rise < len(after) and after[rise] <= i:
            newest[task[rise]] = value[rise]
            rise += 1
        before[i] = newest[partition[i]]
        now[i] = max(before[i], event_time[i])
    return now, before


def _alone(assignment: Assignment) -> NDArray[np.bool_]:
    """Return for each event whether it is its window's only one."""
    return assignment.count[assignment.window] == 1 if len(assignment.key) else assignment.kept


def _first_of_window(assignment: Assignment, values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return what all events of a window share."""
    shared = np.zeros(len(assignment.key), dtype=np.int32)
    event, window = assignment.members
    shared[window] = values[event]
    return shared


def _reached(
    times: StreamTimes, partition: NDArray[np.int32], closes: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return when the stream time of each window's partition reaches `closes`."""
    closed_at = np.full(len(closes), NO_INDEX, dtype=np.int64)
    closed_ms = np.full(len(closes), NO_INDEX, dtype=np.int64)
    for number in np.unique(partition).tolist():
        windows = np.flatnonzero(partition == number)
        closed_at[windows], closed_ms[windows] = times.of(number).reaches(closes[windows])
    return closed_at, closed_ms


def kafka_streams_programs(setting: KafkaStreamsSetting, names: Names) -> tuple[Program, ...]:
    """Return a Java program for Kafka Streams (4.x)."""
    session = isinstance(setting.window, SessionWindow)
    size, advance = setting.window.length_ms, ""
    if isinstance(setting.window, HoppingWindow):
        advance = (
            f"\n                                .advanceBy({_duration(setting.window.advance_ms)})"
        )
    grouped, processor = _BY_RECORD_KEY, ""
    if setting.repartitioned:
        grouped = _REPARTITIONED
        call = {"header": "record.headers()", "partition": "context().recordMetadata().get()"}
        call |= {"value": "record.value()", "key": "record.key()", "nothing": ""}
        key = call[names.key_place] + (".partition()" if names.key_place == "partition" else "")
        processor = _PROCESSOR.substitute(key=key)
    text = _JAVA_TEMPLATE.substitute(
        servers=java_text(names.servers),
        topic=java_text(names.topic),
        commit=setting.commit_ms,
        grouped=grouped,
        processor=processor,
        windows="SessionWindows" if session else "TimeWindows",
        factory="ofInactivityGapAndGrace" if session else "ofSizeAndGrace",
        length=_duration(size),
        grace=_duration(setting.grace_ms),
        advance=advance,
        store="SessionStore" if session else "WindowStore",
        caching="withCachingEnabled" if setting.caching else "withCachingDisabled",
        time={"key": "(byte[]) record.key()", "value": "(byte[]) record.value()"}.get(
            names.time_place, RECORD[names.time_place]
        ),
        methods=java_methods(names),
    )
    return (Program("Java", "java", f"{java_imports(text, *_JAVA_CLASSES)}\n\n{text}"),)


def kafka_streams_remark(setting: KafkaStreamsSetting, names: Names) -> str:
    """Return what has to be said of how events are grouped."""
    if names.key_place == "key":
        if not setting.repartitioned:
            return ""
        return (
            "Grouped by the record key, which the program need not make anew: "
            "switch “Grouped by another field” off to group by the key as it is."
        )
    key = "no field, so all events as one" if names.key is None else f"“{names.key}”"
    if setting.repartitioned:
        return (
            f"Grouped by {key}, which is not the record key: the program makes it the key, and a "
            "topic of the application's own brings its events together."
        )
    return (
        f"The program groups by the record key. The replay groups by {key}: it is right only where "
        "that is what producers write as the key."
    )


def _duration(ms: int) -> str:
    return f"Duration.ofMillis({ms}L)"


_JAVA_CLASSES: Final = (
    "java.util.Properties",
    "org.apache.kafka.common.serialization.Serdes",
    "org.apache.kafka.common.utils.Bytes",
    "org.apache.kafka.streams.KafkaStreams",
    "org.apache.kafka.streams.StreamsBuilder",
    "org.apache.kafka.streams.StreamsConfig",
    "org.apache.kafka.streams.Topology",
    "org.apache.kafka.streams.kstream.Consumed",
    "org.apache.kafka.streams.kstream.Grouped",
    "org.apache.kafka.streams.kstream.Materialized",
    "org.apache.kafka.streams.kstream.SessionWindows",
    "org.apache.kafka.streams.kstream.Suppressed",
    "org.apache.kafka.streams.kstream.TimeWindows",
    "org.apache.kafka.streams.processor.api.ContextualProcessor",
    "org.apache.kafka.streams.processor.api.Record",
    "org.apache.kafka.streams.state.SessionStore",
    "org.apache.kafka.streams.state.WindowStore",
)
_BY_RECORD_KEY: Final = """\
                // The record key is what is grouped by: right where producers write it so."""
_REPARTITIONED: Final = """\
                // A topic of the application's own brings the events of a key together.
                .process(SetKey::new)"""
_PROCESSOR: Final = Template("""
    /** Makes what is grouped by the key; what is no event is left out. */
    private static class SetKey extends ContextualProcessor<byte[], byte[], byte[], byte[]> {
        @Override
        public void process(Record<byte[], byte[]> record) {
            byte[] key;
            try {
                key = key($key).getBytes(StandardCharsets.UTF_8);
            } catch (IOException | RuntimeException noEvent) {
                return;
            }
            context().forward(record.withKey(key));
        }
    }
""")
_JAVA_TEMPLATE = Template("""\
public class CountEvents {
    public static void main(String[] args) {
        Properties properties = new Properties();
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, "count-events");
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, $servers);
        properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, ${commit}L);
        KafkaStreams streams = new KafkaStreams(topology(), properties);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }

    static Topology topology() {
        StreamsBuilder builder = new StreamsBuilder();
        Consumed<byte[], byte[]> consumed =
                Consumed.with(Serdes.ByteArray(), Serdes.ByteArray())
                        .withTimestampExtractor((record, previous) -> timeOrSkip(record));
        builder.stream($topic, consumed)
$grouped
                .groupByKey(Grouped.with(Serdes.ByteArray(), Serdes.ByteArray()))
                .windowedBy(
                        $windows.$factory($length, $grace)$advance)
                .count(
                        Materialized.<byte[], Long, $store<Bytes, byte[]>>with(
                                        Serdes.ByteArray(), Serdes.Long())
                                .$caching())
                .suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()))
                .toStream()
                .foreach(
                        (window, count) ->
                                System.out.println(
                                        new String(window.key(), StandardCharsets.UTF_8)
                                                + " " + window.window().start()
                                                + " " + window.window().end()
                                                + " " + count));
        return builder.build();
    }
$processor
    private static long timeOrSkip(ConsumerRecord<Object, Object> record) {
        try {
            return time($time);
        } catch (IOException | RuntimeException noEvent) {
            return -1; // skipped
        }
    }

$methods
}
""")
_APPLICATION: Final = "Application and broker"
KAFKA_STREAMS: Final = Engine(
    name="kafka-streams",
    label="Kafka Streams",
    new_setting=KafkaStreamsSetting,
    clock=stream_times,
    replay=replay_kafka_streams,
    programs=kafka_streams_programs,
    remark=kafka_streams_remark,
    delay=Delay(
        name="grace_ms",
        title="Grace",
        help="How long after its end a window still takes late events. Longer: fewer are dropped, "
        "and final results come later.",
    ),
    parameters=(
        Switch(
            name="repartitioned",
            title="Grouped by another field than the record key",
            link="repartitioned",
            engine_default="as the program says",
            help="selectKey: a topic of the application's own brings the events of a key together, "
            "and stream time is that topic's, by partition. Off: groupByKey, right only where the "
            "record key is what you group by; each partition of the topic has a stream time.",
            group=_APPLICATION,
        ),
        Switch(
            name="caching",
            title="Record cache",
            link="caching",
            engine_default="on",
            help="statestore.cache.max.bytes, on by default: a session in the cache can be joined "
            "although it closed. Off: withCachingDisabled().",
            group=_APPLICATION,
        ),
        Duration(
            name="commit_ms",
            title="Commit interval (0: after every event)",
            link="commit",
            engine_default="30 s; 100 ms with exactly_once_v2",
            help="commit.interval.ms: with a cache, results come out at commits. Longer: they come "
            "later, and fewer of them. By default 100 ms where processing.guarantee is "
            "exactly_once_v2.",
            group=_APPLICATION,
            unit="ms",
            needs="caching",
        ),
        Duration(
            name="most_ahead_ms",
            title="The broker takes times ahead by (0: any)",
            link="most_ahead",
            engine_default="1 h; before Kafka 4.0, any",
            help="message.timestamp.after.max.ms of the broker: an event further ahead of its "
            "clock stops the application. Brokers before Kafka 4.0 take any by default.",
            group=_APPLICATION,
            zero_is_none=True,
        ),
    ),
)
