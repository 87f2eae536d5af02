package oracle;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.beam.runners.direct.DirectOptions;
import org.apache.beam.runners.direct.DirectRunner;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.apache.beam.sdk.testing.TestStream;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.windowing.AfterPane;
import org.apache.beam.sdk.transforms.windowing.AfterWatermark;
import org.apache.beam.sdk.transforms.windowing.BoundedWindow;
import org.apache.beam.sdk.transforms.windowing.FixedWindows;
import org.apache.beam.sdk.transforms.windowing.IntervalWindow;
import org.apache.beam.sdk.transforms.windowing.Sessions;
import org.apache.beam.sdk.transforms.windowing.SlidingWindows;
import org.apache.beam.sdk.transforms.windowing.Window;
import org.apache.beam.sdk.transforms.windowing.WindowFn;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.TimestampedValue;
import org.joda.time.Duration;
import org.joda.time.Instant;

/**
 * Runs sequences of events through Beam's DirectRunner for Java and writes down every pane.
 *
 * <p>Arguments: a JSON file of cases (see cases.py), and the file to write. Each case is a pipeline
 * of its own. An answer lists firings: key, start, end, the events' indices, the index of the last
 * event that had arrived, and null for the received time; index null at the end of input.
 */
public final class BeamOracle {
    private static final int END = -1;

    // The pipeline runs in this process, one event after the other.
    private static volatile int arrived;
    private static final List<List<Object>> FIRINGS = Collections.synchronizedList(new ArrayList<>());

    private BeamOracle() {}

    public static void main(String[] args) throws Exception {
        ObjectMapper json = new ObjectMapper();
        List<Map<String, Object>> answers = new ArrayList<>();
        for (JsonNode sequence : json.readTree(new File(args[0]))) {
            FIRINGS.clear();
            run(sequence);
            answers.add(Map.of("firings", new ArrayList<>(FIRINGS)));
        }
        json.writeValue(new File(args[1]), answers);
    }

    private static void run(JsonNode sequence) {
        DirectOptions options = PipelineOptionsFactory.as(DirectOptions.class);
        options.setRunner(DirectRunner.class);
        options.setTargetParallelism(1);
        Pipeline pipeline = Pipeline.create(options);
        JsonNode setting = sequence.get("setting");
        Duration lateness = Duration.millis(setting.get("allowed_lateness_ms").asLong());
        pipeline.apply(stream(sequence, setting.get("delay_ms").asLong()))
                .apply(ParDo.of(new NoteArrival()))
                .apply(
                        Window.<KV<Integer, Integer>>into(windows(setting.get("window")))
                                .triggering(
                                        AfterWatermark.pastEndOfWindow()
                                                .withLateFirings(
                                                        AfterPane.elementCountAtLeast(1)))
                                .withAllowedLateness(lateness)
                                .accumulatingFiredPanes())
                .apply(GroupByKey.create())
                .apply(ParDo.of(new NotePane()));
        pipeline.run().waitUntilFinish();
    }

    private static WindowFn<Object, IntervalWindow> windows(JsonNode window) {
        Duration length = Duration.millis(window.get(1).asLong());
        switch (window.get(0).asText()) {
            case "session":
                return Sessions.withGapDuration(length);
            case "tumbling":
                return FixedWindows.of(length);
            default:
                return SlidingWindows.of(length)
                        .every(Duration.millis(length.getMillis() / window.get(2).asLong()));
        }
    }

    /** The events, and after each that is the newest so far the watermark that it brings. */
    private static TestStream<KV<Integer, Integer>> stream(JsonNode sequence, long delay) {
        TestStream.Builder<KV<Integer, Integer>> events =
                TestStream.create(KvCoder.of(VarIntCoder.of(), VarIntCoder.of()));
        long newest = Long.MIN_VALUE;
        for (int i = 0; i < sequence.get("event_time").size(); i++) {
            long time = sequence.get("event_time").get(i).asLong();
            KV<Integer, Integer> event = KV.of(sequence.get("key").get(i).asInt(), i);
            events = events.addElements(TimestampedValue.of(event, new Instant(time)));
            if (time > newest) {
                newest = time;
                events = events.advanceWatermarkTo(new Instant(newest - delay));
            }
        }
        return events.addElements(TimestampedValue.of(KV.of(0, END), new Instant(newest)))
                .advanceWatermarkToInfinity();
    }

    private static class NoteArrival extends DoFn<KV<Integer, Integer>, KV<Integer, Integer>> {
        @ProcessElement
        public void process(
                @Element KV<Integer, Integer> event,
                OutputReceiver<KV<Integer, Integer>> out) {
            arrived = event.getValue();
            if (arrived != END) {
                out.output(event);
            }
        }
    }

    private static class NotePane extends DoFn<KV<Integer, Iterable<Integer>>, Void> {
        @ProcessElement
        public void process(
                @Element KV<Integer, Iterable<Integer>> pane, BoundedWindow bounds) {
            IntervalWindow window = (IntervalWindow) bounds;
            List<Integer> indices = new ArrayList<>();
            pane.getValue().forEach(indices::add);
            Collections.sort(indices);
            FIRINGS.add(
                    Arrays.asList(
                            pane.getKey(),
                            window.start().getMillis(),
                            window.end().getMillis(),
                            indices,
                            arrived == END ? null : arrived,
                            null));
        }
    }
}
