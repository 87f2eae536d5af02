"""Beam: a watermark that stays a fixed delay behind the newest event.

Beam leaves the watermark to source and runner: its Kafka source has one a partition, made by a
timestamp policy, and the smallest holds. Rules read from Beam 2.73 and confirmed by running it: see
`docs/engines.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from lib.replay.assignment import (
    assign_aligned,
    assign_sessions,
    exclusive_bounds,
    final_results,
    replay_of,
)
from lib.replay.code import Names, Program, java_text
from lib.replay.code_java import RECORD, java_imports, java_methods
from lib.replay.engine import Delay, Duration, Engine, Setting, Switch
from lib.replay.engine_clock import each_event
from lib.replay.windows import NEVER, HoppingWindow, Replay, SessionWindow, TumblingWindow

if TYPE_CHECKING:
    from lib.core.blockwise import Question
    from lib.replay.engine_clock import EngineClock
    from lib.replay.input import ReplayInput
    from lib.replay.windows import Window


@dataclass(frozen=True)
class BeamSetting(Setting):
    """How a Beam pipeline is set. Durations are milliseconds.

    Attributes
    ----------
    window
        `Sessions`, `FixedWindows` or `SlidingWindows`.
    delay_ms
        How far the source's watermark stays behind the newest event time.
    allowed_lateness_ms
        How long after its end a window still takes late events, with a new pane for each.
    per_partition
        Whether each partition has its own watermark, of which the smallest holds, as in Beam's
        Kafka source. False: one for all.
    runner
        "java": as the runners in Java do. "python": the in-process runner of Beam's Python SDK,
        which drops events one millisecond later and never forgets a session.
    """

    delay_ms: int = 0
    allowed_lateness_ms: int = 0
    per_partition: bool = True
    runner: Literal["java", "python"] = "java"

    def __post_init__(self) -> None:
        if min(self.delay_ms, self.allowed_lateness_ms) < 0:
            raise ValueError("delay_ms and allowed_lateness_ms must be at least 0")

    @property
    def engine(self) -> Engine[BeamSetting]:
        """Beam."""
        return BEAM


def beam_clock(events: ReplayInput, setting: BeamSetting) -> Question[EngineClock]:
    """Ask for the watermark."""
    return each_event(events, setting.delay_ms, per_partition=setting.per_partition)


def replay_beam(events: ReplayInput, setting: BeamSetting, watermark: EngineClock) -> Replay:
    """Return what Beam would have made of the events.

    An event is judged on its own window before that merges, and two events exactly the gap apart
    are two sessions. With allowed lateness the final result is the last pane.
    """
    clock = watermark.seen_by(events)
    window, lateness = setting.window, setting.allowed_lateness_ms
    spared = 0 if setting.runner == "java" else 1
    if isinstance(window, SessionWindow):
        held = window.gap_ms + lateness
        forgets = setting.runner == "java"
        assignment = assign_sessions(
            events,
            clock,
            held_from=clock - held + 1 if forgets else np.full(len(events), NEVER),
            reach_ms=window.gap_ms - 1,
            late_ms=held + spared,
            joins_first=False,
        )
    else:
        assignment = assign_aligned(events, clock, window, late_ms=lateness + spared)
    bounds = exclusive_bounds(assignment, window)
    closed = final_results(watermark.reaches(bounds[1]), assignment, events)
    return replay_of(assignment, clock, bounds, closed)


def beam_programs(setting: BeamSetting, names: Names) -> tuple[Program, ...]:
    """Return a Java program for Beam (2.x); none for one watermark over all partitions.

    Its Kafka source for Python has no watermark delay to set.
    """
    if not setting.per_partition:
        return ()
    call = {place: call.replace("value()", "getKV().getValue()") for place, call in RECORD.items()}
    call |= {"key": "record.getKV().getKey()", "header": "record.getHeaders()"}
    call |= {"partition": "record.getPartition()", "timestamp": "record.getTimestamp()"}
    text = _JAVA_TEMPLATE.substitute(
        servers=java_text(names.servers),
        topic=java_text(names.topic),
        windows=_java_windows(setting.window),
        delay=setting.delay_ms,
        lateness=setting.allowed_lateness_ms,
        key=call[names.key_place],
        time=call[names.time_place],
        methods=java_methods(names),
    )
    return (Program("Java", "java", f"{java_imports(text, *_JAVA_CLASSES)}\n\n{text}"),)


def _java_windows(window: Window) -> str:
    length = f"org.joda.time.Duration.millis({window.length_ms}L)"
    match window:
        case SessionWindow():
            return f"Sessions.withGapDuration({length})"
        case TumblingWindow():
            return f"FixedWindows.of({length})"
        case HoppingWindow(advance_ms=advance_ms):
            advance = f"org.joda.time.Duration.millis({advance_ms}L)"
            return f"SlidingWindows.of({length})\n{' ' * 40}.every({advance})"


_JAVA_CLASSES: Final = (
    "java.util.Map",
    "java.util.Optional",
    "org.apache.beam.sdk.Pipeline",
    "org.apache.beam.sdk.io.kafka.KafkaIO",
    "org.apache.beam.sdk.io.kafka.KafkaRecord",
    "org.apache.beam.sdk.io.kafka.TimestampPolicy",
    "org.apache.beam.sdk.options.PipelineOptionsFactory",
    "org.apache.beam.sdk.transforms.Count",
    "org.apache.beam.sdk.transforms.DoFn",
    "org.apache.beam.sdk.transforms.ParDo",
    "org.apache.beam.sdk.transforms.windowing.AfterPane",
    "org.apache.beam.sdk.transforms.windowing.AfterWatermark",
    "org.apache.beam.sdk.transforms.windowing.BoundedWindow",
    "org.apache.beam.sdk.transforms.windowing.FixedWindows",
    "org.apache.beam.sdk.transforms.windowing.IntervalWindow",
    "org.apache.beam.sdk.transforms.windowing.Sessions",
    "org.apache.beam.sdk.transforms.windowing.SlidingWindows",
    "org.apache.beam.sdk.transforms.windowing.Window",
    "org.apache.beam.sdk.values.KV",
    "org.apache.kafka.common.serialization.ByteArrayDeserializer",
)
_JAVA_TEMPLATE = Template("""\
public class CountEvents {
    public static void main(String[] args) {
        Pipeline pipeline = Pipeline.create(PipelineOptionsFactory.fromArgs(args).create());
        pipeline.apply(
                        KafkaIO.<byte[], byte[]>read()
                                .withBootstrapServers($servers)
                                .withTopic($topic)
                                .withConsumerConfigUpdates(Map.of("auto.offset.reset", "latest"))
                                .withKeyDeserializer(ByteArrayDeserializer.class)
                                .withValueDeserializer(ByteArrayDeserializer.class)
                                .withTimestampPolicyFactory(
                                        (partition, previous) -> new StaysBehind(previous)))
                .apply(ParDo.of(new ReadKey()))
                .apply(
                        Window.<String>into(
                                        $windows)
                                .triggering(
                                        AfterWatermark.pastEndOfWindow()
                                                .withLateFirings(
                                                        AfterPane.elementCountAtLeast(1)))
                                .withAllowedLateness(org.joda.time.Duration.millis(${lateness}L))
                                .accumulatingFiredPanes())
                .apply(Count.perElement())
                .apply(ParDo.of(new Print()));
        pipeline.run().waitUntilFinish();
    }

    /** A partition's watermark: a fixed delay behind its newest event. */
    private static class StaysBehind extends TimestampPolicy<byte[], byte[]> {
        private org.joda.time.Instant watermark;

        StaysBehind(Optional<org.joda.time.Instant> previous) {
            watermark = previous.orElse(BoundedWindow.TIMESTAMP_MIN_VALUE);
        }

        @Override
        public org.joda.time.Instant getTimestampForRecord(
                PartitionContext context, KafkaRecord<byte[], byte[]> record) {
            try {
                org.joda.time.Instant time = new org.joda.time.Instant(time($time));
                if (time.minus(${delay}L).isAfter(watermark)) {
                    watermark = time.minus(${delay}L);
                }
                return time;
            } catch (IOException | RuntimeException noEvent) {
                return watermark;
            }
        }

        @Override
        public org.joda.time.Instant getWatermark(PartitionContext context) {
            return watermark;
        }
    }

    private static class ReadKey extends DoFn<KafkaRecord<byte[], byte[]>, String> {
        @ProcessElement
        public void process(
                @Element KafkaRecord<byte[], byte[]> record, OutputReceiver<String> out) {
            String key;
            try {
                key = key($key);
                time($time);
            } catch (IOException | RuntimeException noEvent) {
                return;
            }
            out.output(key);
        }
    }

    private static class Print extends DoFn<KV<String, Long>, Void> {
        @ProcessElement
        public void process(@Element KV<String, Long> count, BoundedWindow bounds) {
            IntervalWindow window = (IntervalWindow) bounds;
            System.out.println(
                    count.getKey()
                            + " " + window.start().getMillis()
                            + " " + window.end().getMillis()
                            + " " + count.getValue());
        }
    }

$methods
}
""")

BEAM: Final = Engine(
    name="beam",
    label="Beam",
    new_setting=BeamSetting,
    clock=beam_clock,
    replay=replay_beam,
    programs=beam_programs,
    delay=Delay(engine_default="up to the source"),
    parameters=(
        Duration(
            name="allowed_lateness_ms",
            title="Allowed lateness",
            link="lateness",
            engine_default="0",
            help="withAllowedLateness: longer drops fewer events, and last results come later. "
            "Each event in that time has the window fire again, with what it took before: the "
            "trigger fires at the watermark and with every late event, and panes accumulate. A "
            "window's last pane is its result here.",
        ),
        Switch(
            name="per_partition",
            title="A watermark per partition",
            link="per_partition",
            engine_default="on, in the Kafka source",
            help="As KafkaIO has it: the smallest holds, so that a partition that is behind holds "
            "results back, and its events are not late for that; one that never has an event holds "
            "everything back. Off: one for all, as of another source.",
        ),
    ),
    joins_at_gap=False,
    waits_for_all=lambda setting: setting.per_partition,
    warm_up=(BeamSetting(SessionWindow(1), per_partition=False),),
)
