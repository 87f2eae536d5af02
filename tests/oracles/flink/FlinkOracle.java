import java.io.File;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.eventtime.BoundedOutOfOrdernessWatermarks;
import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import org.apache.flink.api.common.eventtime.WatermarkOutputMultiplexer;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.eventtime.WatermarksWithIdleness;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamUtils;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.WindowAssigner;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.types.Row;
import org.apache.flink.util.Collector;
import org.apache.flink.util.OutputTag;
import org.apache.flink.util.clock.RelativeClock;

/**
 * Runs sequences of events through Flink and writes down every result of every window.
 *
 * <p>Arguments: a JSON file of cases (see cases.py), and the file to write. Each case is a pipeline
 * of its own; many share a job. An answer lists firings: key, start, end, the events' indices, the
 * index of the last event that had arrived, the received time; the last two are null at the end of
 * input. A later firing with an event of an earlier one replaces it.
 */
public class FlinkOracle {
    private static final int PIPELINES_A_JOB = 40;

    /** An event, or (index -1) a moment at which the periodic watermark goes out. */
    public static class Event {
        public int index;
        public long time;
        public int key;
        public int partition;
        public long received;

        public Event() {}

        Event(int index, long time, int key, int partition, long received) {
            this.index = index;
            this.time = time;
            this.key = key;
            this.partition = partition;
            this.received = received;
        }
    }

    /** What a running pipeline tells the test, which is in the same process. */
    private static class Log {
        int arrived = -1;
        long now;
        final List<List<Object>> firings = Collections.synchronizedList(new ArrayList<>());
        List<Integer> dropped = Collections.synchronizedList(new ArrayList<>());
    }

    private static Log[] logs;

    public static void main(String[] args) throws Exception {
        ObjectMapper json = new ObjectMapper();
        JsonNode cases = json.readTree(new File(args[0]));
        logs = new Log[cases.size()];
        for (int from = 0; from < cases.size(); from += PIPELINES_A_JOB) {
            Configuration configuration = new Configuration();
            configuration.setString("pipeline.auto-watermark-interval", "0 ms");
            configuration.setString("table.local-time-zone", "UTC");
            configuration.setString("pekko.ask.timeout", "10 min"); // a busy machine submits slowly
            StreamExecutionEnvironment env =
                    StreamExecutionEnvironment.createLocalEnvironment(1, configuration);
            StreamTableEnvironment tables = StreamTableEnvironment.create(env);
            for (int i = from; i < Math.min(from + PIPELINES_A_JOB, cases.size()); i++) {
                logs[i] = new Log();
                JsonNode setting = cases.get(i).get("setting");
                if (setting.get("api").asText().equals("sql")) {
                    addSql(env, tables, i, cases.get(i), setting);
                } else {
                    addDataStream(env, i, cases.get(i), setting);
                }
            }
            env.execute();
        }
        List<Map<String, Object>> answers = new ArrayList<>();
        for (Log log : logs) {
            Map<String, Object> answer = new HashMap<>();
            answer.put("firings", log.firings);
            if (log.dropped != null) {
                answer.put("dropped", log.dropped);
            }
            answers.add(answer);
        }
        json.writeValue(new File(args[1]), answers);
    }

    private static List<Event> events(JsonNode sequence, long emissionMs) {
        List<Event> events = new ArrayList<>();
        JsonNode received = sequence.get("received");
        long emission = received.get(0).asLong() + emissionMs;
        for (int i = 0; i < received.size(); i++) {
            long now = received.get(i).asLong();
            while (emissionMs > 0 && emission <= now) {
                events.add(new Event(-1, 0, 0, 0, emission));
                emission += emissionMs;
            }
            events.add(
                    new Event(
                            i,
                            sequence.get("event_time").get(i).asLong(),
                            sequence.get("key").get(i).asInt(),
                            sequence.get("partition").get(i).asInt(),
                            now));
        }
        if (emissionMs > 0) {
            events.add(new Event(-1, 0, 0, 0, emission));
        }
        return events;
    }

    // DataStream: one chain of operators, so that what a watermark sets off happens at once.
    private static void addDataStream(
            StreamExecutionEnvironment env, int number, JsonNode sequence, JsonNode setting) {
        long delay = setting.get("delay_ms").asLong();
        long emission = setting.get("emission_ms").asLong();
        JsonNode idle = setting.get("idle_ms");
        Duration idleness = idle.isNull() ? null : Duration.ofMillis(idle.asLong());
        boolean perPartition = setting.get("per_partition").asBoolean();
        List<Event> events = events(sequence, emission);
        List<Integer> partitions =
                events.stream().filter(e -> e.index >= 0).map(e -> e.partition).distinct().toList();
        List<Integer> watermarked = new ArrayList<>(perPartition ? partitions : List.of(0));
        OutputTag<Event> late = new OutputTag<>("late", TypeInformation.of(Event.class));

        DataStream<Event> stream =
                env.fromData(events, TypeInformation.of(Event.class))
                        .map(event -> arrive(number, event))
                        .returns(Event.class)
                        .assignTimestampsAndWatermarks(
                                WatermarkStrategy.<Event>forGenerator(
                                                context ->
                                                        new PartitionWatermarks(
                                                                number,
                                                                watermarked,
                                                                Duration.ofMillis(delay),
                                                                idleness,
                                                                emission > 0))
                                        .withTimestampAssigner((event, t) -> event.time))
                        .filter(event -> event.index >= 0);
        KeyedStream<Event, Integer> keyed =
                DataStreamUtils.reinterpretAsKeyedStream(stream, event -> event.key, Types.INT);
        SingleOutputStreamOperator<Integer> windows =
                keyed.window(assigner(setting.get("window")))
                        .allowedLateness(
                                Duration.ofMillis(setting.get("allowed_lateness_ms").asLong()))
                        .sideOutputLateData(late)
                        .process(new WriteFiring(number));
        windows.sinkTo(new DiscardingSink<>());
        windows.getSideOutput(late)
                .map(event -> logs[number].dropped.add(event.index))
                .returns(Types.BOOLEAN)
                .sinkTo(new DiscardingSink<>());
    }

    private static Event arrive(int number, Event event) {
        logs[number].now = event.received;
        if (event.index >= 0) {
            logs[number].arrived = event.index;
        }
        return event;
    }

    private static WindowAssigner<Object, TimeWindow> assigner(JsonNode window) {
        Duration length = Duration.ofMillis(window.get(1).asLong());
        WindowAssigner<Object, TimeWindow> assigner;
        switch (window.get(0).asText()) {
            case "session":
                assigner = (WindowAssigner) EventTimeSessionWindows.withGap(length);
                break;
            case "tumbling":
                assigner = TumblingEventTimeWindows.of(length);
                break;
            default:
                Duration slide = length.dividedBy(window.get(2).asLong());
                assigner = SlidingEventTimeWindows.of(length, slide);
        }
        return assigner;
    }

    /**
     * Flink's own generators, one a partition, under the multiplexer that its sources use; told
     * when to emit by the sequence in place of a timer.
     */
    private static class PartitionWatermarks implements WatermarkGenerator<Event> {
        private final int number;
        private final boolean perPartition;
        private final boolean periodic;
        private final Map<String, WatermarkGenerator<Event>> generators = new HashMap<>();
        private final List<Integer> partitions;
        private WatermarkOutputMultiplexer multiplexer;

        PartitionWatermarks(
                int number,
                List<Integer> partitions,
                Duration delay,
                Duration idleness,
                boolean periodic) {
            this.number = number;
            this.partitions = partitions;
            this.perPartition = partitions.size() > 1;
            this.periodic = periodic;
            for (int partition : partitions) {
                WatermarkGenerator<Event> own = new BoundedOutOfOrdernessWatermarks<>(delay);
                generators.put(
                        Integer.toString(partition),
                        idleness == null
                                ? own
                                : new WatermarksWithIdleness<>(own, idleness, new Received()));
            }
        }

        @Override
        public void onEvent(Event event, long timestamp, WatermarkOutput output) {
            if (multiplexer == null) {
                multiplexer = new WatermarkOutputMultiplexer(output);
                generators.keySet().forEach(multiplexer::registerNewOutput);
            }
            if (event.index >= 0) {
                String id = Integer.toString(perPartition ? event.partition : partitions.get(0));
                generators.get(id).onEvent(event, timestamp, multiplexer.getDeferredOutput(id));
            }
            if (event.index < 0 || !periodic) {
                generators.forEach(
                        (id, own) -> own.onPeriodicEmit(multiplexer.getDeferredOutput(id)));
                multiplexer.onPeriodicEmit();
            }
        }

        @Override
        public void onPeriodicEmit(WatermarkOutput output) {}

        private class Received implements RelativeClock {
            @Override
            public long relativeTimeMillis() {
                return logs[number].now;
            }

            @Override
            public long relativeTimeNanos() {
                return relativeTimeMillis() * 1_000_000;
            }
        }
    }

    private static class WriteFiring
            extends ProcessWindowFunction<Event, Integer, Integer, TimeWindow> {
        private final int number;

        WriteFiring(int number) {
            this.number = number;
        }

        @Override
        public void process(
                Integer key, Context context, Iterable<Event> events, Collector<Integer> out) {
            List<Integer> indices = new ArrayList<>();
            events.forEach(event -> indices.add(event.index));
            Collections.sort(indices);
            boolean atEnd = context.currentWatermark() == Watermark.MAX_WATERMARK.getTimestamp();
            Log log = logs[number];
            List<Object> firing = new ArrayList<>();
            firing.add(key);
            firing.add(context.window().getStart());
            firing.add(context.window().getEnd());
            firing.add(indices);
            firing.add(atEnd ? null : log.arrived);
            firing.add(atEnd ? null : log.now);
            log.firings.add(firing);
        }
    }

    // SQL: the watermark after every event, the window table functions.
    private static void addSql(
            StreamExecutionEnvironment env,
            StreamTableEnvironment tables,
            int number,
            JsonNode sequence,
            JsonNode setting) {
        logs[number].dropped = null; // what no window took: SQL does not say
        List<Event> events = events(sequence, 0);
        List<Row> rows = new ArrayList<>();
        for (Event event : events) {
            rows.add(Row.of(event.index, event.time, event.key));
        }
        DataStream<Row> stream =
                env.fromData(
                        rows,
                        Types.ROW_NAMED(
                                new String[] {"id", "t", "k"}, Types.INT, Types.LONG, Types.INT));
        long delay = setting.get("delay_ms").asLong();
        tables.createTemporaryView(
                "events" + number,
                stream,
                Schema.newBuilder()
                        .column("id", DataTypes.INT())
                        .column("t", DataTypes.BIGINT())
                        .column("k", DataTypes.INT())
                        .columnByExpression("ts", "TO_TIMESTAMP_LTZ(t, 3)")
                        .watermark("ts", "ts - " + interval(delay))
                        .build());
        String function = function(setting.get("window"), "TABLE events" + number);
        tables.toDataStream(
                        tables.sqlQuery(
                                "SELECT k, window_start, window_end,"
                                        + " LISTAGG(CAST(id AS STRING)) FROM "
                                        + function
                                        + " GROUP BY k, window_start, window_end"))
                .process(new WriteRow(number, delay, events))
                .returns(Types.INT)
                .sinkTo(new DiscardingSink<>());
    }

    private static String function(JsonNode window, String events) {
        long size = window.get(1).asLong();
        switch (window.get(0).asText()) {
            case "session":
                return "SESSION(" + events + " PARTITION BY k, DESCRIPTOR(ts), " + interval(size) + ")";
            case "tumbling":
                return "TUMBLE(" + events + ", DESCRIPTOR(ts), " + interval(size) + ")";
            default:
                String slide = interval(size / window.get(2).asLong());
                return "HOP(" + events + ", DESCRIPTOR(ts), " + slide + ", " + interval(size) + ")";
        }
    }

    private static String interval(long ms) {
        // Days to milliseconds: an interval's leading field has few digits.
        return String.format(
                "INTERVAL '%d %02d:%02d:%02d.%03d' DAY TO SECOND(3)",
                ms / 86_400_000,
                ms / 3_600_000 % 24,
                ms / 60_000 % 60,
                ms / 1_000 % 60,
                ms % 1_000);
    }

    /**
     * Writes a result row. It comes just ahead of the watermark that set it off, so that is the
     * first one past the current one.
     */
    private static class WriteRow extends ProcessFunction<Row, Integer> {
        private final int number;
        private final long[] watermarks;
        private final long[] received;

        WriteRow(int number, long delay, List<Event> events) {
            this.number = number;
            watermarks = new long[events.size()];
            received = new long[events.size()];
            long newest = Long.MIN_VALUE;
            for (int i = 0; i < watermarks.length; i++) {
                newest = Math.max(newest, events.get(i).time);
                watermarks[i] = newest - delay;
                received[i] = events.get(i).received;
            }
        }

        @Override
        public void processElement(Row row, Context context, Collector<Integer> out) {
            long before = context.timerService().currentWatermark();
            int at = 0;
            // The operator begins at 0, so nothing below goes out.
            while (at < watermarks.length && watermarks[at] <= Math.max(before, 0)) {
                at++;
            }
            boolean atEnd = at == watermarks.length;
            List<Integer> indices = new ArrayList<>();
            for (String index : row.getField(3).toString().split(",")) {
                indices.add(Integer.parseInt(index));
            }
            Collections.sort(indices);
            List<Object> firing = new ArrayList<>();
            firing.add(row.getField(0));
            firing.add(ms(row.getField(1)));
            firing.add(ms(row.getField(2)));
            firing.add(indices);
            firing.add(atEnd ? null : at);
            firing.add(atEnd ? null : received[at]);
            logs[number].firings.add(firing);
        }

        private static long ms(Object time) {
            return ((java.time.LocalDateTime) time)
                    .toInstant(java.time.ZoneOffset.UTC)
                    .toEpochMilli();
        }
    }
}
