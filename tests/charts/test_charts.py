"""Charts are pure: what they draw, how much they send, and what they say about it."""

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.analysis import delays
from lib.analysis.outages import outages_and_rhythm
from lib.charts.colours import client_colours
from lib.charts.comparison import MOST_CELLS, MOST_POINTS, comparison
from lib.charts.delay import (
    PIXELS,
    behind_watermark,
    distribution,
    over_time,
    skew_plot,
    watermark_steps,
)
from lib.charts.outages import MOST_OUTAGES, outage_timeline
from lib.charts.rows import client_lanes
from lib.charts.session import MOST_LINES, session_fan
from lib.charts.texts import MOST_TEXT_BYTES, drawn_names
from lib.charts.times import TimeScale, drawn_times, time_axis
from lib.core.columns import CLIENT, EVENT_TIME, RECEIVED_TIME, SESSION
from lib.core.formatting import visible_text
from lib.loading.load import load
from lib.sources.base import Everything
from lib.sources.files.folder import samples
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


def skewed(table, rows=ALL, *, delay_ms=5_000, scale=TimeScale.ZERO):
    judged = behind_watermark(table[EVENT_TIME].to_numpy(), delay_ms)
    return skew_plot(table, rows, judged, zero_ms=ZERO_MS, scale=scale)


class TestComparison:
    def test_up_to_the_limit_every_event_is_a_point(self):
        drawn = compared(events_of(MOST_POINTS, 7))
        [points] = tables(drawn.chart)
        assert len(points) == MOST_POINTS
        assert "Every one of the 5,000 events of 7 clients is a point" in drawn.caption

    def test_beyond_the_limit_events_are_counted_and_none_is_left_out(self):
        drawn = compared(events_of(MOST_POINTS + 1, 7))
        upper, lower = tables(drawn.chart)
        assert upper["events"].sum() == lower["events"].sum() == MOST_POINTS + 1
        assert "Counts of all 5,001 events of 7 clients" in drawn.caption

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
            ["a", "a", "s", 0.0, 0.02, 0.02, 1.0],
            ["b", "b", "t", 0.5, 0.9, 0.4, 2.0],
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

    @settings(max_examples=20)
    @given(
        events=st.integers(MOST_POINTS + 1, 8_000),
        clients=st.integers(1, 300),
        seed=st.integers(0, 9),
    )
    def test_counts_are_those_of_all_events_in_both_panels(self, events, clients, seed):
        table = events_of(events, clients, seed=seed)
        drawn = compared(table)
        cells = tables(drawn.chart)
        assert [panel["events"].sum() for panel in cells] == [events] * len(cells)
        assert max(len(panel) for panel in cells) <= MOST_CELLS + 60

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
        assert len(scale["range"]) == 1


class TestSkewPlot:
    def test_up_to_the_limit_every_event_is_a_point(self):
        drawn = skewed(events_of(MOST_POINTS, 7))
        assert drawn.are_points
        assert MOST_POINTS in [len(table) for table in tables(drawn.chart)]

    def test_beyond_the_limit_events_are_counted_and_none_is_left_out(self):
        drawn = skewed(events_of(MOST_POINTS + 1, 7))
        [cells] = [table for table in tables(drawn.chart) if "events" in table]
        assert not drawn.are_points
        assert cells["events"].sum() == drawn.events == MOST_POINTS + 1
        assert cells.loc[cells["which"] == "behind the watermark", "events"].sum() == drawn.late

    def test_an_event_is_late_from_the_first_ms_behind_the_watermark(self):
        table = events_table([ZERO_MS + 1_000, ZERO_MS, ZERO_MS - 1], [ZERO_MS + 1_000] * 3)
        assert skewed(table, delay_ms=1_000).late == 1

    @pytest.mark.parametrize("scale", TimeScale)
    @pytest.mark.parametrize(
        ("events", "clients"), [(1, 1), (MOST_POINTS, MOST_POINTS), (300_000, 5_000)]
    )
    def test_what_is_sent_is_bounded(self, events, clients, scale):
        table = events_of(events, clients, client=UUID)
        assert size(skewed(table, scale=scale).chart) < MOST_BYTES


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


class TestOthers:
    def test_a_session_of_many_events_is_bounded(self):
        table = events_of(20_000, 1)
        chart = session_fan(table, zero_ms=ZERO_MS, scale=TimeScale.UTC)
        [lines] = tables(chart)
        assert len(lines) == MOST_LINES
        delay = (table[RECEIVED_TIME] - table[EVENT_TIME]).nlargest(MOST_LINES)
        assert lines["delay"].min() == delay.min() / 1000
        assert size(chart) < MOST_BYTES

    def test_a_timeline_of_many_outages_is_bounded(self):
        every, _ = outages_and_rhythm(load(samples(), "sessions-10", Everything()).events.table)
        many = every.iloc[[0] * 2_000].reset_index(drop=True)
        names = pd.Categorical([UUID.format(number) for number in range(2_000)])
        chart = outage_timeline(
            many.assign(**{CLIENT: names}),
            domain_ms=(ZERO_MS, ZERO_MS + 10**6),
            zero_ms=ZERO_MS,
            scale=TimeScale.UTC,
        )
        assert [len(table) for table in tables(chart)] == [MOST_OUTAGES]
        assert size(chart) < MOST_BYTES

    def test_delay_charts_are_bounded(self):
        table = events_of(50_000, 10, client=UUID)
        binned = delays.delay_distribution(table, by=CLIENT)
        stretches = delays.delay_over_time(table)
        assert size(distribution(binned, CLIENT)) < MOST_BYTES
        assert size(over_time(stretches, zero_ms=ZERO_MS, scale=TimeScale.UTC)) < MOST_BYTES


class TestNames:
    @given(
        st.lists(st.text(max_size=12), min_size=1, max_size=30),
        st.lists(st.text(max_size=12), min_size=1, max_size=30),
    )
    def test_are_whole_where_they_fit(self, clients, sessions):
        drawn = drawn_names(pd.Series(pd.Categorical(clients)), pd.Series(pd.Categorical(sessions)))
        seen = [[visible_text(name) for name in names] for names in (clients, sessions)]
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
            (TimeScale.UTC, "temporal", "Event time, UTC", "utc"),
            (TimeScale.LOCAL, "temporal", "Event time, your time zone", "time"),
        ],
    )
    def test_an_axis_says_how_times_are_written(self, scale, kind, title, of_scale):
        axis = time_axis("event", "Event time", scale, domain_ms=None, zero_ms=ZERO_MS).to_dict()
        assert (axis["type"], axis["title"]) == (kind, title)
        assert axis["scale"].get("type") == of_scale

    def test_since_zero_times_are_seconds(self):
        assert drawn_times(np.array([ZERO_MS + 1_500]), ZERO_MS, TimeScale.ZERO).to_list() == [1.5]

    @pytest.mark.parametrize("scale", [TimeScale.UTC, TimeScale.LOCAL])
    def test_otherwise_they_are_moments_that_know_their_zone(self, scale):
        [moment] = drawn_times(np.array([ZERO_MS]), ZERO_MS, scale)
        assert moment == pd.Timestamp("2018-10-28T11:34:46.041Z")


def test_an_event_without_client_or_session_is_drawn_on_no_lane():
    table = events_of(10, 2)
    nameless = table.assign(
        **{CLIENT: table[CLIENT].where(table[CLIENT] != "1"), SESSION: pd.Categorical([None] * 10)}
    )
    [points] = tables(compared(nameless).chart)
    assert points["row"].isna().sum() == 5
    assert points["client"].to_list().count("") == 5
