"""Kafka Streams: grace on stream time, one clock a partition.

Rules read from Kafka 4.3 (`KStreamSessionWindowAggregate`, `KStreamWindowAggregate`, the default
session store, `suppress`) and confirmed by running it: see `docs/engines.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from string import Template
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.core.jit import compiled
from lib.replay.assignment import (
    Assignment,
    assign_sessions,
    assign_tumbling,
    exclusive_bounds,
    final_results,
    replay_of,
)
from lib.replay.code import Names, Program, java_literals
from lib.replay.engine import Delay, Engine, Setting, Switch
from lib.replay.engine_clock import newest_so_far, rising
from lib.replay.windows import NEVER, NO_INDEX, Replay, SessionWindow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.replay.input import ReplayInput


@dataclass(frozen=True)
class KafkaStreamsSetting(Setting):
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

    grace_ms: int = 0
    caching: bool = True

    def __post_init__(self) -> None:
        if self.grace_ms < 0:
            raise ValueError(f"grace_ms must be at least 0, not {self.grace_ms}")

    @property
    def engine(self) -> Engine[KafkaStreamsSetting]:
        """Kafka Streams."""
        return KAFKA_STREAMS


def replay_kafka_streams(events: ReplayInput, setting: KafkaStreamsSetting) -> Replay:
    """Return what Kafka Streams would have made of the events, read from the topic as it is.

    Each partition is a task with its own stream time, the event itself included, and its own
    windows: a key found on two partitions has separate windows on both. The final result is that
    of `suppress(untilWindowCloses)`. The end of a session is its last event, inclusive.
    """
    window, grace = setting.window, setting.grace_ms
    tasks = _by_task(events)
    clock, clock_before = _stream_time(events.event_time, events.partition)
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
        bounds = assignment.first, assignment.last
        closes = assignment.last + held
    else:
        assignment = assign_tumbling(tasks, clock, size_ms=window.size_ms, late_ms=grace)
        bounds = exclusive_bounds(assignment, window)
        closes = bounds[1] + grace
    keys_of_events = replace(assignment, key=_first_of_window(assignment, events.key))
    reached = _reached(events, _first_of_window(assignment, events.partition), closes)
    closed = final_results(reached, assignment, events)
    return replay_of(keys_of_events, clock, bounds, closed, boundary)


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


def _alone(assignment: Assignment) -> NDArray[np.bool_]:
    """Return for each event whether it is its window's only one."""
    return assignment.count[assignment.window] == 1 if len(assignment.key) else assignment.kept


def _first_of_window(assignment: Assignment, values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return what all events of a window share."""
    shared = np.zeros(len(assignment.key), dtype=np.int32)
    shared[assignment.window[assignment.kept]] = values[assignment.kept]
    return shared


def _reached(
    events: ReplayInput, partition: NDArray[np.int32], closes: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return when the stream time of each window's partition reaches `closes`."""
    closed_at = np.full(len(closes), NO_INDEX, dtype=np.int64)
    closed_ms = np.full(len(closes), NO_INDEX, dtype=np.int64)
    for number in np.unique(partition):
        index = np.flatnonzero(events.partition == number)
        windows = np.flatnonzero(partition == number)
        stream_time = rising(newest_so_far(events.event_time[index]), events.received[index])
        nth, closed_ms[windows] = stream_time.reaches(closes[windows])
        closed_at[windows] = np.where(nth == NO_INDEX, NO_INDEX, index[nth])
    return closed_at, closed_ms


def kafka_streams_programs(setting: KafkaStreamsSetting, names: Names) -> tuple[Program, ...]:
    """Return a Java program for Kafka Streams (4.x); the topic's keys are what it groups by."""
    session = isinstance(setting.window, SessionWindow)
    text = _JAVA_TEMPLATE.substitute(
        java_literals(names),
        windows="SessionWindows" if session else "TimeWindows",
        factory="ofInactivityGapAndGrace" if session else "ofSizeAndGrace",
        length=setting.window.length_ms,
        grace=setting.grace_ms,
        store="SessionStore" if session else "WindowStore",
        caching="withCachingEnabled" if setting.caching else "withCachingDisabled",
    )
    return (Program("Java", "java", text),)


_JAVA_TEMPLATE = Template("""\
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.$windows;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.state.$store;

import com.fasterxml.jackson.databind.ObjectMapper;

public class CountEvents {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) {
        Properties properties = new Properties();
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, "count-events");
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, $servers);
        KafkaStreams streams = new KafkaStreams(topology(), properties);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }

    static Topology topology() {
        StreamsBuilder builder = new StreamsBuilder();
        Consumed<String, String> consumed =
                Consumed.with(Serdes.String(), Serdes.String())
                        .withTimestampExtractor((record, previous) -> eventTime(record.value()));
        builder.stream($topic, consumed)
                .groupByKey()
                .windowedBy(
                        $windows.$factory(
                                Duration.ofMillis(${length}L), Duration.ofMillis(${grace}L)))
                .count(
                        Materialized.<String, Long, $store<Bytes, byte[]>>with(
                                        Serdes.String(), Serdes.Long())
                                .$caching())
                .suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()))
                .toStream()
                .foreach((window, count) -> System.out.println(window + " " + count));
        return builder.build();
    }

    private static long eventTime(Object value) {
        try {
            return JSON.readTree((String) value).get($time).asLong();
        } catch (java.io.IOException notJson) {
            return -1; // skipped
        }
    }
}
""")

KAFKA_STREAMS: Final = Engine(
    label="Kafka Streams",
    new_setting=KafkaStreamsSetting,
    replay=replay_kafka_streams,
    programs=kafka_streams_programs,
    delay=Delay(name="grace_ms", title="Grace"),
    parameters=(
        Switch(
            name="caching",
            title="Record cache",
            link="caching",
            engine_default="on",
            help="statestore.cache.max.bytes, on by default: a session in the cache can be joined "
            "although it closed. Off: withCachingDisabled().",
        ),
    ),
)
