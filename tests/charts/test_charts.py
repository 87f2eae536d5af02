"""Charts are pure: what they draw, how much they send, and what they say about it."""

import base64
import re
from io import BytesIO

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lib.analysis import delays
from lib.analysis.outages import outages_and_rhythm
from lib.analysis.sessions import SESSIONS
from lib.analysis.tally import Tally
from lib.charts import density, skew_data
from lib.charts.colours import CLIENTS, client_colours
from lib.charts.comparison import RowOrder, comparison
from lib.charts.comparison_data import MOST_CELLS
from lib.charts.delay import distribution, over_time
from lib.charts.drawn_events import COLUMNS, MOST_POINTS
from lib.charts.embedded import svg_of
from lib.charts.histogram import MOST_DOTS, session_histogram
from lib.charts.outages import HEIGHT, outage_timeline
from lib.charts.picture import Picture, counts_axis, delays_up, duration_axis, durations_up
from lib.charts.rows import client_lanes
from lib.charts.session import MOST_LINES, session_fan
from lib.charts.silences import MOST_OUTAGES
from lib.charts.skew import skew_plot
from lib.charts.skew_data import (
    LONGEST_DIAGONAL_MS,
    PIXELS,
    behind_watermark,
    delay_limit,
)
from lib.charts.texts import MOST_TEXT_BYTES, drawn_names
from lib.charts.times import TimeScale, drawn_times, time_axis
from lib.charts.windows import blame_bars, setting_curve
from lib.core.columns import (
    CLIENT,
    DELAY_MS,
    DROPPED_SHARE,
    EVENT_TIME,
    LATENCY_MEDIAN_MS,
    RECEIVED_TIME,
    SESSION,
)
from lib.core.formatting import visible_text
from lib.events.client_names import called
from lib.loading.load import load
from lib.replay.blame import DROPPED_BECAUSE, DROPPED_OF, GROUP
from lib.sources.base import Everything
from lib.sources.files.folder import samples
from tests.support.contrast import contrast
from tests.support.tables import events_table

MOST_BYTES = 500_000
ZERO_MS = 1_540_726_486_041
ALL = slice(None)
UUID = "1de64fb8-55de-494c-885a-364dcf35{:04x}"


def events_of(events, clients, *, session=UUID, client="{}", seed=1):
    """Many events of many clients over an hour, a few of them late; ids as the patterns say."""
    chance = np.random.default_rng(seed)
    of_client = np.arange(events) % clients
    event = ZERO_MS + np.sort(chance.integers(0, 3_600_000, events))
    event[0] = ZERO_MS
    late = np.where(chance.random(events) < 0.05, 20_000, 0)
    received = np.maximum.accumulate(event + chance.integers(1, 500, events)) + late
    names = np.array([client.format(number) for number in range(clients)], object)
    sessions = np.array([session.format(number) for number in range(events)], object)
    each = sessions if events <= MOST_POINTS else sessions[of_client]
    return events_table(
        event, received, client=names[of_client], session=each, sequence=range(1, events + 1)
    )


def sent(chart):
    """Return the data sets of a chart as Streamlit sends them: Arrow streams, each once."""
    streams = set()

    def to_arrow(data):
        table = pa.Table.from_pandas(data)
        with pa.BufferOutputStream() as sink:
            with pa.ipc.new_stream(sink, table.schema) as writer:
                writer.write_table(table)
            streams.add(sink.getvalue().to_pybytes())
        return {"name": f"data-{len(streams)}"}

    alt.data_transformers.register("arrow", to_arrow)
    with alt.data_transformers.enable("arrow"):
        chart.to_dict()
    return streams


def size(chart):
    return sum(len(stream) for stream in sent(chart))


def tables(chart):
    return [pa.ipc.open_stream(stream).read_pandas() for stream in sent(chart)]


def compared(table, rows=ALL, scale=TimeScale.ZERO):
    return comparison(table, rows, zero_ms=ZERO_MS, scale=scale, height=240)


def told(drawn):
    """Return the cells that tell their number of events, of each panel that differs."""
    return [cells for cells in tables(drawn.chart) if {"row", "events"} <= set(cells)]


def image(data):
    [address] = data["light"]
    return Image.open(BytesIO(base64.b64decode(address.split(",")[1]))).convert("RGBA")


def images(chart):
    return [image(data) for data in tables(chart) if "light" in data]


PAGES = {"light": "#ffffff", "dark": "#10161f"}


@pytest.mark.parametrize("page", PAGES)
def test_every_cell_of_counts_stands_out_and_the_fuller_the_more(page):
    counts = np.array([[0, 1, 10, 1_000]] * len(CLIENTS))
    [address] = density.images(counts, CLIENTS, 1_000)[page]
    drawn = Image.open(BytesIO(base64.b64decode(address.split(",")[1]))).convert("RGBA")
    for row in np.asarray(drawn):
        assert row[0, 3] == 0  # nothing where nothing is
        found = [
            contrast("#" + "".join(f"{v:02x}" for v in cell[:3]), PAGES[page]) for cell in row[1:]
        ]
        assert found[0] >= 3
        assert found == sorted(found)


def skewed(table, rows=ALL, *, delay_ms=5_000, scale=TimeScale.ZERO):
    judged = behind_watermark(table, delay_ms)
    return skew_plot(table, rows, judged, zero_ms=ZERO_MS, scale=scale)


class TestComparison:
    def test_up_to_the_limit_every_event_is_a_point(self):
        drawn = compared(events_of(MOST_POINTS, 7))
        [points] = tables(drawn.chart)
        assert len(points) == MOST_POINTS
        assert "Every one of the 5,000 events of 7 clients is a point" in drawn.caption

    def test_beyond_the_limit_events_are_counted_and_none_is_left_out(self):
        drawn = compared(events_of(MOST_POINTS + 1, 7))
        upper, lower = told(drawn)
        assert upper["events"].sum() == lower["events"].sum() == MOST_POINTS + 1
        assert "All 5,001 events of 7 clients are drawn" in drawn.caption

    def test_a_point_tells_client_session_number_and_delay(self):
        table = events_table(
            [ZERO_MS, ZERO_MS + 500],
            [ZERO_MS + 20, ZERO_MS + 900],
            client=["a", "b"],
            session=["s", "t"],
            sequence=[1, 2],
        )
        [points] = tables(compared(table).chart)
        assert points.astype(object).to_numpy().tolist() == [
            ["a", "a", "s", 0.0, 0.02, 0.02, 0, 0, 1.0],
            ["b", "b", "t", 0.5, 0.9, 0.4, 0, 1, 2.0],
        ]

    @pytest.mark.parametrize("scale", TimeScale)
    @pytest.mark.parametrize(
        ("events", "clients"), [(1, 1), (MOST_POINTS, MOST_POINTS), (300_000, 5_000)]
    )
    def test_what_is_sent_is_bounded(self, events, clients, scale):
        table = events_of(events, clients, client=UUID)
        assert size(compared(table, scale=scale).chart) < MOST_BYTES

    def test_what_is_sent_is_bounded_however_long_names_are(self):
        long = "x" * 300 + "-{}"
        table = events_of(MOST_POINTS, MOST_POINTS, client=long, session=long)
        assert size(compared(table).chart) < MOST_BYTES

    @settings(max_examples=10)
    @given(
        events=st.integers(MOST_POINTS + 1, 8_000),
        clients=st.integers(1, 300),
        seed=st.integers(0, 9),
    )
    def test_counts_are_those_of_all_events_in_both_panels(self, events, clients, seed):
        table = events_of(events, clients, seed=seed)
        drawn = compared(table)
        cells = told(drawn)
        assert [panel["events"].sum() for panel in cells] == [events] * len(cells)
        assert max(len(panel) for panel in cells) <= MOST_CELLS + 60
        assert {each.size for each in images(drawn.chart)} == {(COLUMNS, len(drawn.lanes.labels))}

    def test_an_image_has_a_pixel_for_each_cell_with_events_and_no_other(self):
        table = events_of(8_000, 3)
        row = table[CLIENT].cat.codes.to_numpy()
        ms = table[EVENT_TIME].to_numpy()
        both = table[[EVENT_TIME, RECEIVED_TIME]].to_numpy()
        width = -(-int(both.max() - both.min()) // COLUMNS)
        seen = np.zeros((3, COLUMNS), bool)
        seen[row, (ms - both.min()) // width] = True
        drawn = [np.array(each)[..., 3] > 0 for each in images(compared(table).chart)]
        assert any((pixels == seen).all() for pixels in drawn)

    def test_rows_are_in_the_order_that_is_asked_for(self):
        table = events_table(
            [ZERO_MS + number for number in range(6)],
            [ZERO_MS + 10, ZERO_MS + 11, ZERO_MS + 12, ZERO_MS + 900, ZERO_MS + 14, ZERO_MS + 15],
            client=["a", "b", "b", "c", "b", "c"],
            session=["s"] * 6,
        )

        def rows(order):
            drawn = comparison(
                table, ALL, zero_ms=ZERO_MS, scale=TimeScale.UTC, height=240, order=order
            )
            return drawn.lanes.labels

        assert rows(RowOrder.CLIENT) == ["a", "b", "c"]
        assert rows(RowOrder.EVENTS) == ["b", "c", "a"]
        assert rows(RowOrder.DELAY) == ["c", "a", "b"]
        assert rows(RowOrder.AFFECTED) == ["a", "b", "c"]  # nobody is

    def test_outages_are_marks_whatever_else_is_drawn(self):
        table = load(samples(), "sessions-10", Everything()).events.table
        every, _ = outages_and_rhythm(table)
        drawn = comparison(
            table,
            ALL,
            zero_ms=ZERO_MS,
            scale=TimeScale.UTC,
            height=240,
            outages=every,
            order=RowOrder.AFFECTED,
        )
        [marks] = [data for data in tables(drawn.chart) if {"held", "kind"} <= set(data)]
        assert marks["held"].to_list() == [31]
        assert drawn.lanes.labels[0] == "2"
        assert drawn.alt == (
            "255 events of 10 clients by event time, and below by received time. "
            "1 outage held back 31 events"
        )

    def test_an_outage_of_events_without_a_client_is_of_no_row(self):
        table = load(samples(), "sessions-10", Everything()).events.table
        nameless = table.assign(**{CLIENT: table[CLIENT].cat.remove_categories([2])})
        every, _ = outages_and_rhythm(nameless)
        assert every[CLIENT].isna().any()
        drawn = comparison(
            nameless,
            ALL,
            zero_ms=ZERO_MS,
            scale=TimeScale.UTC,
            height=240,
            outages=every,
            order=RowOrder.AFFECTED,
        )
        assert drawn.lanes.labels == ["1", *map(str, range(3, 11))]

    def test_the_worst_bursts_have_names_that_do_not_lie_on_one_another(self):
        table = load(samples(), "sessions-100", Everything()).events.table
        every, _ = outages_and_rhythm(table)
        drawn = comparison(
            table, ALL, zero_ms=ZERO_MS, scale=TimeScale.UTC, height=240, outages=every
        )
        [named] = [data for data in tables(drawn.chart) if "label" in data]
        assert named["label"].str.fullmatch("burst of . ▸").all()
        assert named["row"].to_list() == ["2", "4", "4", "8"]
        # The third has as much room as it is away from the second, which is worse and in its row.
        back = pd.to_datetime(named["back"])
        apart = abs(back[2] - back[1]) / (table[RECEIVED_TIME].max() - table[RECEIVED_TIME].min())
        assert named["room"][2] == pytest.approx(apart / pd.Timedelta("1ms"), rel=0.01)
        assert svg_of(drawn.picture).decode().count("burst of") == 2 * 3  # each over its halo

    def test_names_that_begin_and_end_alike_are_cut_so_that_they_tell_rows_apart(self):
        names = [f"device/eu-central-1/factory-{n}/gateway" for n in range(3)]
        table = events_of(30, 3)
        table[CLIENT] = table[CLIENT].cat.rename_categories(names)
        drawn = svg_of(compared(table).picture).decode()
        assert all(drawn.count(f">…ry-{n}/ga…<") == 2 for n in range(3))  # one in each panel

    def test_of_one_event_it_says_so(self):
        assert "The only event of 1 client is a point" in compared(events_of(1, 1)).caption

    def test_only_the_visible_events_are_drawn(self):
        rows = np.array([1, 3, 5])
        [points] = tables(compared(events_of(20, 2), rows).chart)
        assert points["number"].to_list() == [2, 4, 6]


class TestColours:
    @given(visible=st.sets(st.integers(0, 34), min_size=1))
    def test_a_clients_colour_does_not_depend_on_what_else_is_visible(self, visible):
        clients = pd.Index(range(35))

        def colours(codes):
            scale = client_colours(client_lanes(clients, np.array(sorted(codes)))).to_dict()
            return dict(zip(scale["domain"], scale["range"], strict=True))

        every = colours(range(35))
        assert colours(visible) == {str(code): every[str(code)] for code in visible}

    def test_groups_share_one_neutral_colour(self):
        scale = client_colours(client_lanes(pd.Index(range(100)), np.arange(100))).to_dict()
        assert len(set(scale["range"])) == 1


class TestSkewPlot:
    @pytest.mark.parametrize("hours", [0, 30])
    def test_the_reading_tells_of_the_line_only_where_it_is_drawn(self, hours):
        # Given an event every second, or every half minute, each received after 7 ms
        happened = [ZERO_MS + n * (1_000 if not hours else 30_000) for n in range(3_600)]
        table = events_table(happened, [time + 7 for time in happened])
        near, far = (skewed(table, delay_ms=ms).reading for ms in (0, 7_200_000))
        assert "The green line is the watermark" in near
        assert "all that is drawn: none of it comes behind." in far

    def test_up_to_the_limit_every_event_is_a_point(self):
        drawn = skewed(events_of(MOST_POINTS, 7))
        assert drawn.are_records
        assert MOST_POINTS in [len(table) for table in tables(drawn.chart)]

    def test_beyond_the_limit_events_are_counted_and_none_is_left_out(self):
        event = ZERO_MS + 1_000 * np.arange(MOST_POINTS + 1)
        received = event + 5
        event[100::50] -= 60_000
        drawn = skewed(events_table(event, received))
        cells = [table for table in tables(drawn.chart) if "which" in table]
        assert not drawn.are_records
        assert sum(table["events"].sum() for table in cells) == MOST_POINTS + 1
        behind = [t.loc[t["which"] == "behind the watermark", "events"].sum() for t in cells]
        assert f"of {MOST_POINTS + 1:,} events: {sum(behind):,} are behind" in drawn.alt
        assert sum(behind) > 0

    @pytest.mark.parametrize("span_ms", [60_000, 7 * 86_400_000])
    @pytest.mark.parametrize("events", [100, MOST_POINTS + 1])
    def test_everything_stands_where_its_times_say(self, span_ms, events):
        # Given few events and many, in a short window and in a long one
        event = ZERO_MS + np.linspace(0, span_ms, events).astype(np.int64)
        chart = skewed(events_table(event, event + 7)).chart.to_dict()
        # Then whatever is drawn of them has a place on both axes, events above the lines
        marks = [layer for layer in chart["layer"] if "fill" not in layer["encoding"]]  # a legend
        assert all({"x", "y"} <= layer["encoding"].keys() for layer in marks)
        lines = [layer["mark"]["type"] == "line" for layer in marks]
        assert lines == sorted(lines, reverse=True)
        assert sum(lines) == 2

    @pytest.mark.parametrize("span_ms", [60_000, 7 * 86_400_000])
    @pytest.mark.parametrize("events", [100, MOST_POINTS + 1])
    def test_no_event_is_cut_off(self, span_ms, events):
        event = ZERO_MS + np.linspace(0, span_ms, events).astype(np.int64)
        received = event + np.where(np.arange(events) % 50 == 49, 40_000, -300)
        chart = skewed(events_table(event, received)).chart.to_dict()
        encoding = chart["layer"][0]["encoding"]
        (left, right), (low, high) = (encoding[axis]["scale"]["domain"] for axis in "xy")
        assert (left, right) == (min(left, 0), max(right, span_ms / 1000))
        is_diagonal = span_ms < LONGEST_DIAGONAL_MS
        up = (received if is_diagonal else received - event + ZERO_MS) - ZERO_MS
        assert low < up.min() / 1000
        assert up.max() / 1000 < high

    def test_a_long_window_shows_delay_and_a_short_one_the_diagonal(self):
        short = events_table([ZERO_MS, ZERO_MS + 60_000], [ZERO_MS + 5, ZERO_MS + 60_005])
        long = events_table([ZERO_MS, ZERO_MS + 10**9], [ZERO_MS + 5, ZERO_MS + 10**9])
        assert skewed(short).alt.startswith("Received time over event time of 2 events")
        assert skewed(long).alt.startswith("Delay over event time of 2 events")

    def test_late_events_have_a_shape_of_their_own(self):
        chart = skewed(events_of(50, 2)).chart.to_dict()
        [shape] = [e["encoding"]["shape"] for e in chart["layer"] if "shape" in e["encoding"]]
        assert shape["scale"] == {
            "domain": ["in time", "behind the watermark"],
            "range": ["circle", "cross"],
        }

    def test_an_event_is_late_from_the_first_ms_behind_the_watermark(self):
        table = events_table([ZERO_MS + 1_000, ZERO_MS, ZERO_MS - 1], [ZERO_MS + 1_000] * 3)
        assert skewed(table, delay_ms=1_000).alt.partition(": ")[2].startswith("1 is behind")

    @pytest.mark.parametrize("scale", TimeScale)
    @pytest.mark.parametrize(
        ("events", "clients"), [(1, 1), (MOST_POINTS, MOST_POINTS), (300_000, 5_000)]
    )
    def test_what_is_sent_is_bounded(self, events, clients, scale):
        table = events_of(events, clients, client=UUID)
        assert size(skewed(table, scale=scale).chart) < MOST_BYTES


class TestDelayLimit:
    @settings(max_examples=30)
    @given(
        arrivals=st.lists(
            st.tuples(st.integers(0, 2_000), st.integers(-50, 900)), min_size=1, max_size=60
        ),
        delay=st.integers(0, 300),
    )
    def test_is_how_long_an_event_may_take(self, arrivals, delay):
        # Given the exact steps of a watermark
        event, under_way = np.array(arrivals, np.int64).T + np.array([[ZERO_MS], [0]])
        received = np.maximum.accumulate(event + under_way)
        watermark = np.maximum.accumulate(event) - delay
        rises = np.flatnonzero(np.diff(watermark, prepend=0))
        steps = pd.DataFrame({"received": received[rises], "watermark": watermark[rises]})

        # When the limit is drawn
        line = delay_limit(steps, (ZERO_MS - 400, ZERO_MS + 2_400))

        # Then at each of its places the watermark passes just then
        assert line["event"].is_monotonic_increasing
        last = line.drop_duplicates("event", keep="last")
        last = last[last["event"] < steps["watermark"].iloc[-1]]
        step = np.searchsorted(steps["watermark"], last["event"], side="right")
        passed = steps["received"].to_numpy()[step]
        assert (last["limit"] == passed - last["event"]).all()

    def test_without_a_watermark_there_is_none(self):
        steps = pd.DataFrame({"received": np.array([], int), "watermark": np.array([], int)})
        assert delay_limit(steps, (0, 10)).empty


def watermark_steps(watermark, received, domain):
    """The step line of a watermark over event times, as `skew_question` finds it."""
    reached = np.maximum.accumulate(received)
    return skew_data._rising(skew_data._steps(watermark, reached, np.arange(len(reached)), domain))


def step_function(at, steps):
    """Where a step line stands at some received times; -1 before its first step."""
    place = np.searchsorted(steps["received"], at, side="right")
    return np.concatenate(([-1], steps["watermark"]))[place]


class TestWatermarkSteps:
    @given(
        arrivals=st.lists(
            st.tuples(st.integers(0, 10**6), st.integers(-50, 50_000)), min_size=1, max_size=3_000
        ),
        delay=st.integers(0, 10**5),
        domain=st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)).map(sorted),
    )
    def test_are_the_true_step_function_to_a_pixel(self, arrivals, delay, domain):
        event, under_way = np.array(arrivals, np.int64).T
        arrived = np.maximum.accumulate(event + under_way)
        watermark = np.maximum.accumulate(event) - delay
        # Of events that arrive at one moment the last says where the watermark then stands.
        true = pd.DataFrame(
            {"received": arrived, "watermark": np.where(watermark < 0, -1, watermark)}
        )

        drawn = watermark_steps(watermark, event + under_way, domain)

        behind = step_function(arrived, true) - step_function(arrived, drawn)
        first, last = domain
        visible = (step_function(arrived, true) >= first) & (step_function(arrived, true) <= last)
        assert (behind >= 0).all()
        assert (behind[visible] <= max(1, (last - first) / PIXELS)).all()

    def test_do_not_stand_still_where_the_watermark_rises_slowly(self):
        event = ZERO_MS + np.concatenate((np.arange(500_000), 500_000 + 600 * np.arange(40_000)))
        domain = (int(event[0]), int(event[-1]))
        steps = watermark_steps(event, event + 5, domain)
        pixel = (domain[1] - domain[0]) / PIXELS
        assert np.diff(steps["watermark"]).max() <= pixel + 600

    def test_are_bounded_and_rise(self):
        event = ZERO_MS + np.arange(100_000)
        steps = watermark_steps(event, event + 5, (int(event[0]), int(event[-1])))
        assert len(steps) <= PIXELS + 2
        assert steps["received"].is_monotonic_increasing
        assert steps["watermark"].is_monotonic_increasing
        assert steps.iloc[-1].to_list() == [event[-1] + 5, event[-1]]

    def test_leave_out_that_there_is_none_yet(self):
        none = np.iinfo(np.int64).min
        steps = watermark_steps(np.array([none, none, 40]), np.array([50, 60, 70]), (0, 100))
        assert steps.to_numpy().tolist() == [[70, 40]]

    def test_without_any_the_line_is_empty(self):
        none = np.full(3, np.iinfo(np.int64).min)
        assert watermark_steps(none, np.array([50, 60, 70]), (0, 100)).empty


class TestSession:
    def test_of_many_events_late_ones_are_whole_and_it_says_what_is_left_out(self):
        table = events_of(20_000, 1)
        picture = session_fan(table, name="s", zero_ms=ZERO_MS, scale=TimeScale.UTC)
        [lines] = tables(picture.chart)
        delay = (table[RECEIVED_TIME] - table[EVENT_TIME]) / 1000
        late = delay[delay > 2 * delay.median()]
        assert len(lines) == MOST_LINES > len(late)
        assert sorted(lines["delay"].nlargest(len(late))) == sorted(late)
        assert f"All {len(late):,} events with more than" in picture.reading
        assert f"of the {20_000 - len(late):,} others, evenly spread" in picture.reading
        assert size(picture.chart) < MOST_BYTES

    def test_of_few_events_nothing_is_left_out(self):
        picture = session_fan(events_of(9, 1), name="s", zero_ms=ZERO_MS, scale=TimeScale.UTC)
        assert [len(lines) for lines in tables(picture.chart)] == [9]
        assert picture.reading == "A line is an event: upright where it came at once."


class TestSessionHistogram:
    def test_few_sessions_are_dots_and_alike_ones_stand_above_one_another(self):
        [dots] = tables(session_histogram(Tally.of(np.array([7, 7, 65])), 50).chart)
        assert dots[["events", "nth", "alike"]].to_numpy().tolist() == [
            [7, 1, 2],
            [7, 2, 2],
            [65, 1, 1],
        ]

    def test_many_sessions_are_bars(self):
        [bars] = tables(session_histogram(Tally.of(np.arange(1, MOST_DOTS + 2)), 50).chart)
        assert bars[SESSIONS].sum() == MOST_DOTS + 1

    @pytest.mark.parametrize("sessions", [4, MOST_DOTS + 1])
    def test_between_whole_numbers_of_events_is_no_tick(self, sessions):
        picture = session_histogram(Tally.of(np.full(sessions, 100)), 50)
        drawn = svg_of(picture).decode()
        assert ">100<" in drawn
        assert not re.search(r">(99|100)\.\d", drawn)

    def test_says_one_of_one(self):
        picture = session_histogram(Tally.of(np.array([1])), 50)
        assert picture.alt == "1 session with 1 event"


class TestCounts:
    @pytest.mark.parametrize(
        ("low", "high", "ticks"),
        [
            (0, 2, [0, 1, 2]),
            (99.5, 100.5, [100]),
            (0, 7_000, [0, 2_000, 4_000, 6_000]),
            (0, 0, [0]),
        ],
    )
    def test_ticks_are_some_whole_numbers(self, low, high, ticks):
        assert counts_axis(low, high).to_dict()["values"] == ticks


class TestBlame:
    def test_few_events_are_counted_in_whole_numbers_and_names_told_apart(self):
        names = [f"device/eu-central-1/factory-{n}/gateway" for n in range(2)]
        dropped = {GROUP: names, DROPPED_OF: [2, 1], DROPPED_BECAUSE: [0, pd.NA]}
        chart = blame_bars(pd.DataFrame(dropped), "Client")
        drawn = svg_of(Picture(chart, "", "")).decode()
        assert [drawn.count(f">{n}<") for n in range(3)] == [1, 1, 1]
        assert all(drawn.count(f">…ry-{n}/ga…<") == 1 for n in range(2))


class TestOutages:
    @pytest.fixture
    def outage(self):
        every, _ = outages_and_rhythm(load(samples(), "sessions-10", Everything()).events.table)
        return every.iloc[:1]

    def timeline(self, table):
        return outage_timeline(
            table,
            domain_ms=(ZERO_MS, ZERO_MS + 10**6),
            zero_ms=ZERO_MS,
            scale=TimeScale.UTC,
        )

    def test_a_timeline_of_many_outages_is_bounded_and_fits_the_screen(self, outage):
        many = outage.iloc[[0] * 2_000].reset_index(drop=True)
        names = pd.Categorical([UUID.format(number) for number in range(2_000)])
        picture = self.timeline(many.assign(**{CLIENT: names}))
        assert {len(table) for table in tables(picture.chart)} == {MOST_OUTAGES}
        assert size(picture.chart) < MOST_BYTES
        assert picture.chart.height <= HEIGHT
        assert "2,000 silences of 2,000 clients; the 1,000 with the most" in picture.reading

    def test_says_what_it_shows(self, outage):
        assert self.timeline(outage).alt == (
            "1 silence of 1 client; the longest, 65.2 s, of client 2. 31 events held back, 0 lost"
        )

    def test_counts_no_client_where_no_field_names_them(self, outage):
        picture = self.timeline(outage.assign(**{CLIENT: pd.Categorical(["all"])}))
        assert picture.alt == "1 silence; the longest, 65.2 s. 31 events held back, 0 lost"
        assert "client" not in picture.reading


class TestDelayCharts:
    def over_time(self, table):
        return over_time(table, zero_ms=ZERO_MS, scale=TimeScale.UTC)

    def test_are_bounded(self):
        table = events_of(50_000, 10, client=UUID)
        binned = delays.delay_distribution(table, by=CLIENT)
        assert size(distribution(binned, CLIENT, 20_500).chart) < MOST_BYTES
        assert size(self.over_time(table).chart) < MOST_BYTES

    def test_of_few_events_each_is_a_point(self):
        picture = self.over_time(events_of(255, 10))
        assert [len(points) for points in tables(picture.chart)] == [255]
        assert picture.reading == "Each of the 255 events is a point."

    def test_one_event_is_the_only_one(self):
        assert self.over_time(events_of(1, 1)).reading == "The only event is a point."

    def test_stretches_of_few_events_are_points_beside_the_bands_of_others(self):
        # Given an hour with many events, and an hour with 30
        busy = np.linspace(0, 3_600_000, 10_000).astype(np.int64)
        quiet = np.linspace(3_700_000, 7_200_000, 30).astype(np.int64)
        event = ZERO_MS + np.concatenate((busy, quiet))
        table = events_table(event, event + 40)

        drawn = tables(self.over_time(table).chart)

        [points] = [data for data in drawn if "client" in data]
        [bands, _] = sorted((data for data in drawn if "top" in data or "p50" in data), key=len)[
            ::-1
        ]
        assert 30 <= len(points) < 50
        assert bands["events"].min() >= 20
        assert (bands["delay"] == 0.04).all()

    def test_the_largest_delay_of_a_stretch_is_drawn_however_many_events_it_has(self):
        # Given 100,000 events with a delay of 40 ms, one of which was held back for 20 min
        event = ZERO_MS + np.linspace(0, 3_600_000, 100_000).astype(np.int64)
        delay = np.full(len(event), 40)
        delay[50_000] = 1_200_000

        picture = self.over_time(events_table(event, event + delay))

        lines = next(data for data in tables(picture.chart) if "all" in {*data.get("what", ())})
        largest = lines[lines["what"] == "all"]
        assert (largest["delay"] == 1_200).sum() == 1
        assert largest["delay"].drop(largest["delay"].idxmax()).eq(0.04).all()
        assert "all no more than the grey line" in picture.reading

    def test_the_survival_curve_has_every_decade_labelled_down_to_its_end(self):
        event = ZERO_MS + np.arange(1_000)
        table = events_table(event, event + np.where(event < ZERO_MS + 2, 90_000, 5))
        chart = distribution(delays.delay_distribution(table), None, 90_000).chart.to_dict()
        share = chart["vconcat"][1]["encoding"]["y"]
        assert share["scale"]["domain"] == [0.001, 1]
        assert share["axis"]["values"] == [1.0, 0.1, 0.01, 0.001]


class TestNames:
    @given(
        st.lists(st.text(max_size=12), min_size=1, max_size=30),
        st.lists(st.text(max_size=12), min_size=1, max_size=30),
    )
    def test_are_whole_where_they_fit(self, clients, sessions):
        drawn = drawn_names(pd.Series(pd.Categorical(clients)), pd.Series(pd.Categorical(sessions)))
        seen = [[visible_text(called(name)) for name in names] for names in (clients, sessions)]
        assert [each.tolist() for each in drawn] == seen

    def test_are_cut_where_they_do_not_fit(self):
        long = pd.Series(pd.Categorical([f"{number:05}" + "é" * 200 for number in range(2_000)]))
        [drawn] = drawn_names(long)
        assert sum(len(name.encode()) for name in drawn.categories) <= MOST_TEXT_BYTES
        assert drawn[7].startswith("00007é")
        assert drawn[7].endswith("é…")

    def test_a_missing_one_is_empty(self):
        [drawn] = drawn_names(pd.Series(pd.Categorical(["a", None])))
        assert drawn.tolist() == ["a", ""]

    def test_whole_numbers_have_no_decimals(self):
        [drawn] = drawn_names(pd.Series(pd.Categorical([7.0, 2.5])))
        assert drawn.tolist() == ["7", "2.5"]


class TestTimes:
    @pytest.mark.parametrize(
        ("scale", "kind", "title", "of_scale"),
        [
            (TimeScale.ZERO, "quantitative", "Event time, s since zero", None),
            (TimeScale.UTC, "temporal", "Event time, UTC, 28 Oct 2018", "utc"),
            (TimeScale.LOCAL, "temporal", "Event time, your time zone", "time"),
        ],
    )
    def test_an_axis_says_how_times_are_written(self, scale, kind, title, of_scale):
        ends = ZERO_MS, ZERO_MS + 60_000
        axis = time_axis("event", "Event time", scale, domain_ms=ends, zero_ms=ZERO_MS).to_dict()
        assert (axis["type"], axis["title"]) == (kind, title)
        assert axis["scale"].get("type") == of_scale

    def test_since_zero_times_are_seconds(self):
        assert drawn_times(np.array([ZERO_MS + 1_500]), ZERO_MS, TimeScale.ZERO).to_list() == [1.5]

    @pytest.mark.parametrize("scale", [TimeScale.UTC, TimeScale.LOCAL])
    def test_otherwise_they_are_moments_that_know_their_zone(self, scale):
        [moment] = drawn_times(np.array([ZERO_MS]), ZERO_MS, scale)
        assert moment == pd.Timestamp("2018-10-28T11:34:46.041Z")


class TestAxes:
    @given(st.floats(-1e6, 0), st.floats(0.001, 1e7), st.integers(100, 400))
    def test_delays_have_their_zero_and_labels_that_are_apart(self, low, high, px):
        up = delays_up(low, high, px)
        told = np.array(up["axis"]["values"])
        assert 0.0 in told
        assert up["axis"]["tickCount"] == len(told)  # or Vega leaves out every other
        place = np.sign(told) * np.log1p(np.abs(told) / 0.01)
        whole = np.log1p(high / 0.01) + np.log1p(-low / 0.01)
        assert (np.diff(place) * px / whole > 16.9).all()

    @pytest.mark.parametrize(
        ("high_s", "labels"),
        [(7200, ["1 h", "2 h"]), (190, ["1 min", "2 min", "3 min"]), (0.004, ["1 ms", "2 ms"])],
    )
    def test_durations_up_are_written_as_people_do(self, high_s, labels):
        axis = durations_up(high_s)["axis"]
        assert all(f"'{label}'" in axis["labelExpr"] for label in ["0", *labels])

    @pytest.mark.parametrize(
        ("low_s", "high_s", "labels"),
        [
            (0.001, 0.005, ["1 ms", "2 ms", "3 ms", "4 ms", "5 ms"]),
            (82, 140, ["100 s", "2 min", "2 min 20 s"]),
            (35.3, 35.3, ["35.3 s"]),
        ],
    )
    def test_durations_across_are_told_however_close_they_are(self, low_s, high_s, labels):
        axis = duration_axis(low_s, high_s)
        assert len(axis["values"]) == len(labels)
        assert all(f"'{label}'" in axis["labelExpr"] for label in labels)

    def test_delays_of_a_few_ms_are_told(self):
        axis = delays_up(0.0, 0.005, 150)["axis"]
        assert axis["values"] == [0.0, 0.002, 0.004]
        assert all(f"'{label}'" in axis["labelExpr"] for label in ["0", "2 ms", "4 ms"])

    def test_durations_below_zero_are_inside_their_axis(self):
        up = durations_up(0.65, -80.0)
        assert up["scale"].to_dict()["domain"] == [-80.0, 0.65]
        assert all(f"'{label}'" in up["axis"]["labelExpr"] for label in ["−1 min", "−30 s", "0"])


class TestSettingCurve:
    tried = pd.DataFrame(
        {
            DELAY_MS: [1_000, 10_000, 100_000],
            DROPPED_SHARE: [0.1, 0.01, 0.0],
            LATENCY_MEDIAN_MS: [2_000.0, 11_000.0, 101_000.0],
        }
    )

    def diamonds(self, advised_ms):
        drawn = setting_curve(self.tried, DELAY_MS, 1_000, "Delay (s)", advised_ms)
        layers = [each for panel in drawn.chart.to_dict()["vconcat"] for each in panel["layer"]]
        return [layer for layer in layers if layer["mark"].get("shape") == "diamond"]

    def test_the_advised_delay_is_marked_on_every_panel(self):
        assert len(self.diamonds(10_000)) == 2

    def test_what_is_short_is_told_and_drawn_as_it_was_set(self):
        # Given settings of a few ms, and none
        short = self.tried.assign(**{DELAY_MS: [0, 4, 1_000]})
        drawn = setting_curve(short, DELAY_MS, 4, "Delay")
        # Then 0 is drawn before the shortest other, and each is told as it is
        [told, *_] = [each for each in tables(drawn.chart) if "set_to" in each]
        assert told["x"].to_list() == [0.002, 0.004, 1.0]
        assert told["set_to"].to_list() == [0.0, 0.004, 1.0]
        assert "events dropped 10 % at 0 ms, 0 % at 1 s" in drawn.alt
        # And without 0 the ends are told, too
        of_ms = setting_curve(short.iloc[1:], DELAY_MS, 4, "Delay")
        assert "events dropped 1 % at 4 ms, 0 % at 1 s" in of_ms.alt

    def test_a_latency_below_zero_stays_in_its_panel(self):
        # Given a gap so short that a clock ahead closes windows before the time of their last event
        ahead = self.tried.assign(**{LATENCY_MEDIAN_MS: [-80_000.0, 650.0, 650.0]})
        # When what the setting does is drawn
        spec = setting_curve(ahead, DELAY_MS, 1_000, "Delay").chart.to_dict()
        # Then the latency goes from the lowest to the highest
        line, *_ = spec["vconcat"][-1]["layer"]
        assert line["encoding"]["y"]["scale"]["domain"] == [-80.0, 0.65]

    def test_the_only_known_value_is_told_once(self):
        once = self.tried.assign(**{LATENCY_MEDIAN_MS: [None, 11_000.0, None]})
        drawn = setting_curve(once, DELAY_MS, 1_000, "Delay")
        assert drawn.alt.endswith("result latency, median 11 s at 10 s")

    @pytest.mark.parametrize("advised_ms", [None, 500, 200_000])
    def test_none_is_marked_where_none_is_advised_or_it_was_not_tried(self, advised_ms):
        assert self.diamonds(advised_ms) == []


def test_an_event_without_client_or_session_is_drawn_on_no_lane():
    table = events_of(10, 2)
    nameless = table.assign(
        **{CLIENT: table[CLIENT].where(table[CLIENT] != "1"), SESSION: pd.Categorical([None] * 10)}
    )
    [points] = tables(compared(nameless).chart)
    assert points["row"].isna().sum() == 5
    assert points["client"].to_list().count("") == 5
