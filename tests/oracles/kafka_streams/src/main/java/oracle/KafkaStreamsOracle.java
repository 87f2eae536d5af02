package oracle;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.Suppressed.BufferConfig;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StateStore;

/**
 * Runs sequences of events through Kafka Streams and writes down every update of every window.
 *
 * <p>Arguments: a JSON file of cases (see cases.py), and the file to write. Each partition of a case
 * is a task, so a driver, of its own. An answer lists `updates` and `emissions` (those that
 * `suppress` let through): index of the event that set it off, partition, key, start, end, and the
 * events' indices or null for a deletion; `dropped`, by the operator's own metric.
 */
public final class KafkaStreamsOracle {
    private final Duration grace;
    private final JsonNode window;
    private final boolean caching;
    private final Materialized.StoreType storeType;
    private final List<List<Object>> updates = new ArrayList<>();
    private final List<List<Object>> emissions = new ArrayList<>();
    private final List<Integer> dropped = new ArrayList<>();
    private int arrived;
    private int partition;

    private KafkaStreamsOracle(JsonNode sequence) {
        JsonNode setting = sequence.get("setting");
        window = setting.get("window");
        storeType =
                sequence.path("store").asText().equals("in_memory")
                        ? Materialized.StoreType.IN_MEMORY
                        : Materialized.StoreType.ROCKS_DB;
        caching = setting.get("caching").asBoolean();
        grace = Duration.ofMillis(setting.get("grace_ms").asLong());
    }

    public static void main(String[] args) throws Exception {
        ObjectMapper json = new ObjectMapper();
        Path state = Files.createTempDirectory("kafka-streams-oracle");
        List<Map<String, Object>> answers = new ArrayList<>();
        for (JsonNode sequence : json.readTree(new File(args[0]))) {
            KafkaStreamsOracle oracle = new KafkaStreamsOracle(sequence);
            TreeSet<Integer> partitions = new TreeSet<>();
            sequence.get("partition").forEach(number -> partitions.add(number.asInt()));
            for (int number : partitions) {
                oracle.partition = number;
                oracle.run(sequence, state);
            }
            Map<String, Object> answer = new LinkedHashMap<>();
            answer.put("updates", oracle.updates);
            answer.put("emissions", oracle.emissions);
            answer.put("dropped", oracle.dropped);
            answers.add(answer);
        }
        json.writeValue(new File(args[1]), answers);
    }

    private void run(JsonNode sequence, Path state) {
        Properties properties = new Properties();
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, "oracle-" + System.nanoTime());
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "unused:1");
        properties.put(StreamsConfig.STATE_DIR_CONFIG, state.toString());
        try (TopologyTestDriver driver = new TopologyTestDriver(topology(), properties)) {
            TestInputTopic<String, String> topic =
                    driver.createInputTopic(
                            "events", new StringSerializer(), new StringSerializer());
            double droppedBefore = 0;
            for (arrived = 0; arrived < sequence.get("event_time").size(); arrived++) {
                if (sequence.get("partition").get(arrived).asInt() != partition) {
                    continue;
                }
                topic.pipeInput(
                        sequence.get("key").get(arrived).asText(),
                        Integer.toString(arrived),
                        Instant.ofEpochMilli(sequence.get("event_time").get(arrived).asLong()));
                double droppedNow = droppedRecords(driver);
                if (droppedNow > droppedBefore) {
                    dropped.add(arrived);
                }
                droppedBefore = droppedNow;
            }
        }
    }

    private static double droppedRecords(TopologyTestDriver driver) {
        return driver.metrics().entrySet().stream()
                .filter(metric -> metric.getKey().name().equals("dropped-records-total"))
                .mapToDouble(metric -> (double) metric.getValue().metricValue())
                .sum();
    }

    private Topology topology() {
        StreamsBuilder builder = new StreamsBuilder();
        KGroupedStream<String, String> events =
                builder.stream("events", Consumed.with(Serdes.String(), Serdes.String()))
                        .groupByKey(Grouped.with(Serdes.String(), Serdes.String()));
        Duration length = Duration.ofMillis(window.get(1).asLong());
        long parts = window.path(2).asLong(1);
        KTable<Windowed<String>, String> windows =
                window.get(0).asText().equals("session")
                        ? events.windowedBy(SessionWindows.ofInactivityGapAndGrace(length, grace))
                                .aggregate(
                                        () -> "",
                                        (key, value, all) -> all + value + " ",
                                        (key, one, other) -> one + other,
                                        store())
                        : events.windowedBy(
                                        TimeWindows.ofSizeAndGrace(length, grace)
                                                .advanceBy(length.dividedBy(parts)))
                                .aggregate(
                                        () -> "", (key, value, all) -> all + value + " ", store());
        windows.toStream().foreach((key, value) -> write(updates, key, value));
        windows.suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()))
                .toStream()
                .foreach((key, value) -> write(emissions, key, value));
        return builder.build();
    }

    private <S extends StateStore> Materialized<String, String, S> store() {
        Materialized<String, String, S> store =
                Materialized.<String, String, S>as(storeType)
                        .withKeySerde(Serdes.String())
                        .withValueSerde(Serdes.String());
        return caching ? store.withCachingEnabled() : store.withCachingDisabled();
    }

    private void write(List<List<Object>> log, Windowed<String> key, String value) {
        List<Object> row = new ArrayList<>();
        row.add(arrived);
        row.add(partition);
        row.add(Integer.parseInt(key.key()));
        row.add(key.window().start());
        row.add(key.window().end());
        row.add(
                value == null
                        ? null
                        : Arrays.stream(value.trim().split(" ")).map(Integer::valueOf).sorted().toList());
        log.add(row);
    }
}
