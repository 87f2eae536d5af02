"""A setting as code to paste. Each program is compiled or run by `make oracles`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING

from lib.replay.engines.beam import BeamSetting
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.windows import SessionWindow, Window

if TYPE_CHECKING:
    from lib.replay.registry import Setting


@dataclass(frozen=True)
class Names:
    """What a topic and its fields are called.

    Attributes
    ----------
    topic
        The Kafka topic; its values are JSON objects.
    key
        The field to group by.
    time
        The field with the event time, epoch milliseconds.
    servers
        `bootstrap.servers`.
    """

    topic: str
    key: str = "ClientID"
    time: str = "Timestamp"
    servers: str = "localhost:9092"


def snippets(setting: Setting, names: Names) -> dict[str, str]:
    """Return the programs for the setting's engine, by the name of the language to show them in.

    The languages are `sql`, `java` and `python`. Flink's SQL is left out with an allowed lateness,
    which it does not have.
    """
    match setting:
        case FlinkSetting(allowed_lateness_ms=0):
            return {"sql": flink_sql(setting, names), "java": flink_datastream(setting, names)}
        case FlinkSetting():
            return {"java": flink_datastream(setting, names)}
        case KafkaStreamsSetting():
            return {"java": kafka_streams_java(setting, names)}
        case SparkSetting():
            return {"python": pyspark(setting, names)}
        case BeamSetting():
            return {"python": beam_python(setting, names)}


def flink_sql(setting: FlinkSetting, names: Names) -> str:
    """Return the statements for Flink SQL (2.x): the source table and the query.

    `delay_ms` is the one of `api="sql"`; from "datastream" the watermark is 1 ms ahead.
    """
    key, length = _sql_name(names.key), _sql_interval(_length_ms(setting.window))
    source = f"TABLE events PARTITION BY {key}" if _is_session(setting.window) else "TABLE events"
    function = "SESSION" if _is_session(setting.window) else "TUMBLE"
    options = {
        "connector": "kafka",
        "topic": names.topic,
        "properties.bootstrap.servers": names.servers,
        "scan.startup.mode": "earliest-offset",
        "format": "json",
    }
    if not setting.emission_ms:
        options["scan.watermark.emit.strategy"] = "on-event"
    if setting.idle_ms is not None:
        options["scan.watermark.idle-timeout"] = f"{setting.idle_ms} ms"
    return _FLINK_SQL.substitute(
        emission=setting.emission_ms or 200,
        key=key,
        time=_sql_name(names.time),
        delay=_sql_interval(setting.delay_ms),
        options=",\n".join(f"  {_sql_text(k)} = {_sql_text(v)}" for k, v in options.items()),
        window=f"{function}({source}, DESCRIPTOR(event_time), {length})",
    )


def flink_datastream(setting: FlinkSetting, names: Names) -> str:
    """Return a Java program for Flink's DataStream API (2.x)."""
    idleness = (
        f"\n                        .withIdleness(Duration.ofMillis({setting.idle_ms}L))"
        if setting.idle_ms is not None
        else ""
    )
    assigner = (
        "EventTimeSessionWindows" if _is_session(setting.window) else "TumblingEventTimeWindows"
    )
    factory = "withGap" if _is_session(setting.window) else "of"
    return _FLINK_DATASTREAM.substitute(
        _java_names(names),
        emission=setting.emission_ms or 200,
        delay=setting.delay_ms,
        idleness=idleness,
        assigner=assigner,
        factory=factory,
        length=_length_ms(setting.window),
        lateness=setting.allowed_lateness_ms,
    )


def kafka_streams_java(setting: KafkaStreamsSetting, names: Names) -> str:
    """Return a Java program for Kafka Streams (4.x); the topic's keys are what it groups by."""
    session = _is_session(setting.window)
    return _KAFKA_STREAMS.substitute(
        _java_names(names),
        windows="SessionWindows" if session else "TimeWindows",
        factory="ofInactivityGapAndGrace" if session else "ofSizeAndGrace",
        length=_length_ms(setting.window),
        grace=setting.grace_ms,
        store="SessionStore" if session else "WindowStore",
        caching="withCachingEnabled" if setting.caching else "withCachingDisabled",
    )


def pyspark(setting: SparkSetting, names: Names) -> str:
    """Return a Python program for Spark Structured Streaming (4.x)."""
    return _PYSPARK.substitute(
        _python_names(names),
        function="session_window" if _is_session(setting.window) else "window",
        length=_length_ms(setting.window),
        delay=setting.delay_ms,
        records=setting.batch_records,
    )


def beam_python(setting: BeamSetting, names: Names) -> str:
    """Return a Python program for Beam (2.x).

    Beam's Kafka source for Python has no watermark delay to set, and its watermark follows the
    records' own timestamps. Delay and allowed lateness drop the same events, so here both are
    allowed lateness; results come out sooner, and again.
    """
    session = _is_session(setting.window)
    return _BEAM.substitute(
        _python_names(names),
        windows="Sessions" if session else "FixedWindows",
        length=_length_ms(setting.window),
        lateness=setting.delay_ms + setting.allowed_lateness_ms,
    )


def _is_session(window: Window) -> bool:
    return isinstance(window, SessionWindow)


def _length_ms(window: Window) -> int:
    return window.gap_ms if isinstance(window, SessionWindow) else window.size_ms


def _java_names(names: Names) -> dict[str, str]:
    """Return the names as Java string literals, which JSON's are."""
    return {field: json.dumps(value) for field, value in vars(names).items()}


def _python_names(names: Names) -> dict[str, str]:
    return {field: repr(value) for field, value in vars(names).items()}


def _sql_name(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _sql_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _sql_interval(ms: int) -> str:
    """Return an interval of days to milliseconds; Flink takes up to 99 days."""
    days, rest = divmod(ms, 86_400_000)
    hours, rest = divmod(rest, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    seconds, rest = divmod(rest, 1_000)
    return f"INTERVAL '{days} {hours:02}:{minutes:02}:{seconds:02}.{rest:03}' DAY TO SECOND(3)"


_FLINK_SQL = Template("""\
SET 'pipeline.auto-watermark-interval' = '$emission ms';

CREATE TABLE events (
  $key STRING,
  $time BIGINT,
  event_time AS TO_TIMESTAMP_LTZ($time, 3),
  WATERMARK FOR event_time AS event_time - $delay
) WITH (
$options
);

SELECT $key, window_start, window_end, COUNT(*) AS events
FROM $window
GROUP BY $key, window_start, window_end;
""")

_FLINK_DATASTREAM = Template("""\
import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.formats.json.JsonDeserializationSchema;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.$assigner;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;
import org.apache.flink.util.OutputTag;

public class CountEvents {
    private static final OutputTag<ObjectNode> LATE = new OutputTag<>("late") {};

    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.getConfig().setAutoWatermarkInterval(${emission}L);
        KafkaSource<ObjectNode> source =
                KafkaSource.<ObjectNode>builder()
                        .setBootstrapServers($servers)
                        .setTopics($topic)
                        .setStartingOffsets(OffsetsInitializer.earliest())
                        .setValueOnlyDeserializer(
                                new JsonDeserializationSchema<>(ObjectNode.class))
                        .build();
        WatermarkStrategy<ObjectNode> watermarks =
                WatermarkStrategy.<ObjectNode>forBoundedOutOfOrderness(
                                Duration.ofMillis(${delay}L))$idleness
                        .withTimestampAssigner((event, t) -> event.get($time).asLong());
        SingleOutputStreamOperator<String> counts =
                count(env.fromSource(source, watermarks, $topic));
        counts.print();
        counts.getSideOutput(LATE).print("late");
        env.execute();
    }

    static SingleOutputStreamOperator<String> count(DataStream<ObjectNode> events) {
        return events.keyBy(event -> event.get($key).asText())
                .window($assigner.$factory(Duration.ofMillis(${length}L)))
                .allowedLateness(Duration.ofMillis(${lateness}L))
                .sideOutputLateData(LATE)
                .process(
                        new ProcessWindowFunction<ObjectNode, String, String, TimeWindow>() {
                            @Override
                            public void process(
                                    String key,
                                    Context context,
                                    Iterable<ObjectNode> events,
                                    Collector<String> out) {
                                long count = events.spliterator().getExactSizeIfKnown();
                                out.collect(key + " " + context.window() + " " + count);
                            }
                        });
    }
}
""")

_KAFKA_STREAMS = Template("""\
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

_PYSPARK = Template("""\
from pyspark.sql import SparkSession
from pyspark.sql import functions as F


def count_events(values):
    \"\"\"Count per key and window; `values` has JSON objects in its column `value`.\"\"\"
    key = F.get_json_object("value", "$$." + $key)
    time = F.get_json_object("value", "$$." + $time)
    return (
        values.select(key.alias("key"), F.timestamp_millis(time.cast("bigint")).alias("time"))
        .withWatermark("time", "$delay milliseconds")
        .groupBy("key", F.$function("time", "$length milliseconds").alias("window"))
        .count()
    )


if __name__ == "__main__":
    spark = SparkSession.builder.getOrCreate()
    values = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", $servers)
        .option("subscribe", $topic)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", $records)
        .load()
        .selectExpr("CAST(value AS STRING) AS value")
    )
    query = count_events(values).writeStream.outputMode("append").format("console").start()
    query.awaitTermination()
""")

_BEAM = Template("""\
import json

import apache_beam as beam
from apache_beam.io.kafka import ReadFromKafka
from apache_beam.transforms import trigger, window
from apache_beam.utils.timestamp import Duration, Timestamp


def parse(value):
    event = json.loads(value)
    return window.TimestampedValue(
        (str(event[$key]), 1), Timestamp(micros=int(event[$time]) * 1_000)
    )


def count_events(values):
    \"\"\"Count per key and window; `values` are JSON objects, as bytes.\"\"\"
    return (
        values
        | beam.Map(parse)
        | beam.WindowInto(
            window.$windows(Duration(micros=${length}_000)),
            trigger=trigger.AfterWatermark(late=trigger.AfterCount(1)),
            accumulation_mode=trigger.AccumulationMode.ACCUMULATING,
            allowed_lateness=Duration(micros=${lateness}_000),
        )
        | beam.CombinePerKey(sum)
    )


if __name__ == "__main__":
    with beam.Pipeline() as pipeline:
        records = pipeline | ReadFromKafka(
            consumer_config={"bootstrap.servers": $servers, "auto.offset.reset": "earliest"},
            topics=[$topic],
            timestamp_policy=ReadFromKafka.create_time_policy,
        )
        count_events(records | beam.Values()) | beam.Map(print)
""")
