"""Every page and the sidebar, on the sample topics and on a real broker, with Streamlit's AppTest.

What only a browser does (the URL that follows the widgets, dragging, zooming) is in
`test_browser.py`.
"""

import datetime as dt

import pytest

from tests.support import golden_rows
from tests.support.broker import Record
from tests.support.opened import (
    COMPARISON,
    DELAY,
    LIVE,
    OUTAGES,
    OVERVIEW,
    RECORDS,
    SESSIONS,
    TWO_TOPICS,
    WINDOWS,
    captions,
    chart,
    choose,
    each_page,
    go_to,
    metrics,
    open_app,
    settled,
)
from tests.support.processes import free_port

pytestmark = pytest.mark.usefixtures("viewer")


def points(at):
    """Return the points of the Comparison page: one data set that both panels draw."""
    [points_of_both] = [drawn for drawn in chart(at)[1].values() if "event" in drawn]
    return points_of_both


def at_utc(clock):
    """Return a time of the samples' day as the slider has it: without a zone."""
    return dt.datetime.fromisoformat(f"2018-10-28T{clock}")


def circles(spec):
    """Return the layer of points of each panel of the Comparison chart."""
    return [
        layer
        for panel in spec["vconcat"]
        for layer in panel["layer"]
        if layer["mark"]["type"] == "circle"
    ]


def rows_of(spec):
    return circles(spec)[0]["encoding"]["y"]["scale"]["domain"]


def colour_of(at):
    """Return the colour of each client in the Comparison chart."""
    spec, _ = chart(at)
    scales = [layer["encoding"]["color"]["scale"] for layer in circles(spec)]
    assert scales[0] == scales[1]
    return dict(zip(scales[0]["domain"], scales[0]["range"], strict=True))


class TestOverview:
    @pytest.mark.parametrize(
        ("topic", "records", "sessions"), [("sessions-10", 255, 10), ("sessions-100", 2428, 100)]
    )
    def test_shows_the_counts_of_both_samples(self, topic, records, sessions):
        shown = metrics(open_app(topic=topic))
        assert shown["Events"] == f"{records:,}"
        assert shown["Records read"] == f"{records:,}"
        assert shown["Clients"] == "10"
        assert shown["Sessions"] == str(sessions)
        assert shown["Rejected"] == "0"

    def test_first_records_are_the_golden_rows(self):
        first = open_app(times="Since zero").dataframe[0].value.head()
        printed = first[[*golden_rows.COLUMNS]].astype(object).values.tolist()
        assert printed == golden_rows.rows_of(*golden_rows.COLUMNS)

    def test_the_normalized_times_come_first_in_the_table(self):
        columns = list(open_app().dataframe[0].value.columns)
        assert columns[:3] == ["EventTimestamp0", "ReceivedTimestamp0", "ClientID"]
        assert columns[-2:] == ["KafkaPartition", "KafkaOffset"]

    def test_first_records_follow_the_time_switch(self):
        first = open_app().dataframe[0].value
        assert str(first["Timestamp"].dtype.tz) == "UTC"
        assert first["Timestamp"].iloc[0].isoformat() == "2018-10-28T11:34:46.041000+00:00"

    def test_the_stretch_is_written_as_the_time_switch_says(self):
        at = open_app()
        assert "Events happened 11:34:46–11:37:57 UTC, 28 Oct 2018;" in captions(at)
        choose(at, "times", "zero")
        assert "Events happened 0.0–191.1 s since zero;" in captions(at)

    def test_delays_of_the_outage_are_in_the_headline(self):
        shown = metrics(open_app(window=["66", "131"]))
        assert shown["Largest delay"] == "57.3 s"


class TestComparison:
    def test_every_event_is_a_point_in_both_panels(self):
        drawn = points(open_app(COMPARISON, times="Since zero"))
        assert len(drawn) == 255
        first = drawn[["event", "received"]].head().values.tolist()
        assert first == golden_rows.rows_of("EventTimestamp0", "ReceivedTimestamp0")

    def test_panels_are_event_time_above_received_time(self):
        spec, _ = chart(open_app(COMPARISON))
        drawn = [layer["transform"][0]["calculate"] for layer in circles(spec)]
        assert drawn == ["datum.event", "datum.received"]
        assert {layer["encoding"]["x"]["field"] for layer in circles(spec)} == {"time"}

    def test_panels_share_their_scales(self):
        spec, _ = chart(open_app(COMPARISON))
        assert spec["resolve"]["scale"].items() >= {"x": "shared", "y": "shared"}.items()
        upper, lower = (layer["encoding"] for layer in circles(spec))
        assert upper["x"]["scale"] == lower["x"]["scale"]

    def test_one_zoom_moves_both_panels(self):
        spec, _ = chart(open_app(COMPARISON))
        [zoom] = [param for param in spec["params"] if param.get("bind") == "scales"]
        brushes = [param for param in spec["params"] if param["name"].startswith("brush")]
        assert zoom["views"] == [view for brush in brushes for view in brush["views"]]
        assert len(zoom["views"]) == 2
        assert zoom["select"]["encodings"] == ["x"]

    def test_the_most_affected_client_is_at_the_top_and_the_order_is_in_the_link(self):
        spec, _ = chart(open_app(COMPARISON))
        assert rows_of(spec) == ["2", "1", *(str(client) for client in range(3, 11))]
        spec, _ = chart(open_app(COMPARISON, order="Client"))
        assert rows_of(spec) == [str(client) for client in range(1, 11)]

    def test_how_many_clients_share_rows_is_said_of_one_row_too(self):
        placeholders = [
            box.proto.placeholder
            for height in ("100", "110")
            for box in open_app(COMPARISON, height=height).selectbox
            if box.label == "Open a group of clients"
        ]
        assert placeholders == ["4 clients share 2 rows", "2 clients share a row"]

    def test_a_client_keeps_its_colour_when_others_are_filtered_away(self):
        at = open_app(COMPARISON)
        before = colour_of(at)
        settled(at.multiselect(key="clients").set_value(["9", "5"]).run())
        assert colour_of(at) == {client: before[client] for client in ("5", "9")}

    def test_the_frame_leaves_room_for_the_outermost_points(self):
        at = open_app(COMPARISON, times="Since zero")
        low, high = circles(chart(at)[0])[0]["encoding"]["x"]["scale"]["domain"]
        drawn = points(at)[["event", "received"]].to_numpy()
        assert low < drawn.min() < drawn.max() < high

    def test_hovering_names_client_session_both_times_and_delay(self):
        spec, _ = chart(open_app(COMPARISON))
        for layer in circles(spec):
            titles = [line["title"] for line in layer["encoding"]["tooltip"]]
            for wanted in ("Client", "Session", "Event time", "Received time", "Delay"):
                assert any(title.startswith(wanted) for title in titles)

    @pytest.mark.parametrize(
        ("times", "axis"),
        [
            ("Since zero", {"type": "quantitative", "title": "Event time, s since zero"}),
            ("UTC", {"type": "temporal", "title": "Event time, UTC, 28 Oct 2018"}),
            ("Local", {"type": "temporal", "title": "Event time, your time zone"}),
        ],
    )
    def test_the_axis_says_how_times_are_written(self, times, axis):
        spec, _ = chart(open_app(COMPARISON, times=times))
        assert circles(spec)[0]["encoding"]["x"].items() >= axis.items()

    @pytest.mark.parametrize("times", ["UTC", "Local"])
    def test_ends_of_a_zoned_axis_are_moments_and_not_numbers(self, times):
        # Vega-Lite takes a number there for a year.
        spec, _ = chart(open_app(COMPARISON, times=times))
        low, high = circles(spec)[0]["encoding"]["x"]["scale"]["domain"]
        assert low.startswith("2018-10-28T11:34:4")
        assert high.startswith("2018-10-28T11:37:5")

    def test_height_is_that_of_each_panel(self):
        at = open_app(COMPARISON)
        settled(at.slider(key="height").set_value(400).run())
        spec, _ = chart(at)
        assert [panel["height"] for panel in spec["vconcat"]] == [400, 400]

    def test_chart_has_an_accessible_name(self):
        [drawn] = open_app(COMPARISON).get("vega_lite_chart")
        assert "event time" in drawn.proto.alt


class TestSessions:
    def test_histogram_has_fifty_bins_of_all_sessions(self):
        at = open_app(SESSIONS, topic="sessions-100")
        spec, data = chart(at)
        [bins] = data.values()
        low, high = spec["encoding"]["x"]["scale"]["domain"]
        assert at.slider(key="bins").value == 50
        assert bins["sessions"].sum() == 100
        assert (bins["end"] - bins["start"]).to_list() == pytest.approx(
            [(high - low) / 50] * len(bins)
        )
        table = at.dataframe[0].value
        assert len(table) == 100
        assert table["Events"].sum() == 2428
        assert (low, high) == (table["Events"].min(), table["Events"].max())

    def test_few_sessions_are_dots(self):
        at = open_app(SESSIONS)
        [dots] = chart(at)[1].values()
        table = at.dataframe[0].value
        assert sorted(dots["events"]) == sorted(table["Events"])
        assert table["Events"].sum() == 255

    def test_bins_can_be_changed(self):
        at = open_app(SESSIONS, topic="sessions-100")
        settled(at.slider(key="bins").set_value(5).run())
        spec, data = chart(at)
        [bins] = data.values()
        low, high = spec["encoding"]["x"]["scale"]["domain"]
        assert bins["sessions"].sum() == 100
        assert (bins["end"] - bins["start"]).to_list() == pytest.approx(
            [(high - low) / 5] * len(bins)
        )

    def test_table_says_what_its_times_are(self):
        assert "First event, UTC" in open_app(SESSIONS).dataframe[0].value
        since_zero = open_app(SESSIONS, times="Since zero").dataframe[0].value
        assert "First event, s since zero" in since_zero


class TestWindow:
    def test_cuts_on_event_time(self):
        at = open_app(COMPARISON, times="Since zero")
        settled(at.slider(key="window").set_range(70.0, 130.0).run())
        drawn = points(at)
        assert drawn["event"].between(70, 130).all()
        assert drawn["received"].max() > 131

    def test_is_dates_where_times_are(self):
        at = open_app(window=["60.5", "131.25"])
        drawn = at.slider(key="window")
        assert drawn.value == (at_utc("11:35:46.541"), at_utc("11:36:57.291"))
        settled(drawn.set_range(at_utc("11:34:46.041"), at_utc("11:35:46.041")).run())
        assert metrics(at)["Events"] == "110"
        assert at.query_params["window"] == ["0", "60"]

    def test_stays_what_it_is_when_times_are_written_otherwise(self):
        at = open_app(window=["60.512", "131.257"])
        choose(at, "times", "zero")
        assert at.slider(key="window").value == (60.512, 131.257)
        choose(at, "times", "utc")
        assert at.query_params["window"] == ["60.512", "131.257"]

    def test_cuts_on_received_time(self):
        at = open_app(COMPARISON, times="Since zero")
        settled(at.slider(key="window").set_range(70.0, 130.0).run())
        choose(at, "clock", "received")
        drawn = points(at)
        assert drawn["received"].between(70, 130).all()
        assert "2" not in set(drawn["client"])  # silent from 66 s to 131 s

    def test_that_cuts_everything_away_says_so(self):
        at = open_app(COMPARISON, window=["100", "130"], clock="Received time", clients="2")
        [said] = at.info
        assert said.proto.title == "No event is left by the time window and the clients."
        assert not at.get("vega_lite_chart")

    def test_the_wrong_way_round_in_a_link_is_the_same_window(self):
        right = metrics(open_app(window=["50", "100"]))["Events"]
        assert metrics(open_app(window=["100", "50"]))["Events"] == right != "255"

    def test_is_in_force_on_every_page(self):
        holds = {
            COMPARISON: lambda at: len(points(at)) == 110,
            SESSIONS: lambda at: at.dataframe[0].value["Events"].sum() == 110,
            OUTAGES: lambda at: at.success[0].proto.title == "No outage of these kinds.",
            OVERVIEW: lambda at: metrics(at)["Events"] == "110",
            LIVE: lambda at: "window and filters the sidebar has" in captions(at),
            TWO_TOPICS: lambda at: "window and filters the sidebar has" in captions(at),
            RECORDS: lambda at: "110 events shown, in arrival order" in captions(at),
            DELAY: lambda at: "Every event is a point: 110." in captions(at),
            WINDOWS: lambda at: "Every event is a point: 110." in captions(at),
        }
        chosen = (at_utc("11:34:46.041"), at_utc("11:35:46.041"))
        for page, at in each_page(window=["0", "60"]):
            assert at.slider(key="window").value == chosen, page
            assert holds[page](at), page


class TestSidebar:
    def test_client_filter_leaves_the_other_clients_out(self):
        at = open_app()
        settled(at.multiselect(key="clients").set_value(["2"]).run())
        assert metrics(at)["Events"] == "65"
        assert metrics(at)["Clients"] == "1"

    def test_latest_reads_the_newest_records(self):
        at = open_app()
        choose(at, "range", "latest")
        settled(at.number_input(key="latest").set_value(30).run())
        first = at.dataframe[0].value
        assert metrics(at)["Records read"] == "30"
        assert first["KafkaOffset"].to_list() == list(range(225, 255))

    def test_between_reads_by_record_timestamp(self):
        linked = {"range": "From–to", "from": "2018-10-28T11:35", "to": "2018-10-28T11:36"}
        read = open_app(times="Since zero", **linked).dataframe[0].value
        received = read["KafkaTimestamp"]
        assert received.between(1540726500000, 1540726559999).all()
        assert received.iloc[0] == 1540726500342

    def test_a_range_without_records_is_an_empty_state(self):
        at = open_app(range="From–to", **{"from": "2019-01-01T00:00", "to": "2019-01-02T00:00"})
        [said] = at.info
        assert said.proto.title == "There is no record in sessions-10 for this range."
        assert not at.metric

    def test_values_survive_page_changes(self):
        at = open_app(topic="sessions-100", times="Since zero")
        settled(at.slider(key="window").set_range(100.0, 300.0).run())
        settled(at.multiselect(key="clients").set_value(["3", "4"]).run())
        choose(at, "clock", "received")
        events = metrics(at)["Events"]
        assert 0 < int(events) < 2_428
        go_to(at, COMPARISON)
        assert f"{len(points(at)):,}" == events
        assert metrics(go_to(at, OVERVIEW))["Events"] == events

    @pytest.mark.parametrize(
        "query",
        [
            {"source": "nowhere"},
            {"range": "some"},
            {"window": ["x", "7"]},
            {"window": ["-5", "900"]},
            {"clock": "sundial"},
            {"clients": "99"},
            {"times": "Mars"},
        ],
        ids=str,
    )
    def test_a_bad_value_in_the_url_counts_as_the_default(self, query):
        at = open_app(**query)
        assert not at.error
        assert at.slider(key="window").value == (at_utc("11:34:46.041"), at_utc("11:37:57.241"))
        assert metrics(at)["Events"] == "255"

    @pytest.mark.parametrize(
        ("page", "name", "bad", "default"),
        [(COMPARISON, "height", "12", 240), (SESSIONS, "bins", "many", 50)],
    )
    def test_a_bad_value_for_a_page_counts_as_the_default(self, page, name, bad, default):
        assert open_app(page, **{name: bad}).slider(key=name).value == default

    def test_a_topic_that_is_gone_is_named_and_another_can_be_chosen(self):
        at = open_app(topic="gone")
        [said] = at.error
        assert "gone" in said.proto.title
        settled(at.selectbox(key="topic").set_value("sessions-100").run())
        assert metrics(at)["Events"] == "2,428"

    def test_reload_keeps_what_is_there(self):
        at = open_app(window=["0", "60"])
        [reload] = [button for button in at.sidebar.button if button.label == "Reload"]
        settled(reload.click().run())
        assert metrics(at)["Events"] == "110"


class TestKafka:
    @pytest.fixture
    def configured(self, app_isolation, broker, monkeypatch):  # noqa: ARG002 (which undoes it)
        monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers)

    @pytest.mark.usefixtures("configured")
    def test_an_empty_topic_is_an_empty_state(self, make_topic):
        topic = make_topic()
        at = open_app(topic=topic)
        [said] = at.info
        assert said.proto.title == f"There is no record in {topic} for this range."

    @pytest.mark.usefixtures("configured")
    def test_what_cannot_be_read_is_counted_on_every_page(self, make_topic, produce):
        topic = make_topic()
        event = b'{"Timestamp": 1540726486041, "ClientID": 1, "SessionID": "s"}'
        produce(topic, [Record(event), Record(b"no JSON"), Record(None, key=b"1"), Record(event)])
        for page, at in each_page(topic=topic):
            assert "2 records could not be read" in captions(at), page

    @pytest.mark.usefixtures("configured")
    def test_load_report_lists_why_records_are_rejected(self, make_topic, produce):
        topic = make_topic()
        event = b'{"Timestamp": 1540726486041, "ClientID": 1, "SessionID": "s"}'
        produce(topic, [Record(event), Record(b"no JSON"), Record(None, key=b"1")])
        at = open_app(topic=topic)
        listed = at.dataframe[-1].value
        assert metrics(at)["Rejected"] == "2"
        assert listed["KafkaOffset"].to_list() == [1, 2]
        assert listed["reason"].notna().all()

    @pytest.mark.usefixtures("configured")
    def test_a_topic_without_a_readable_record_says_so(self, make_topic, produce):
        topic = make_topic()
        produce(topic, [Record(b"no JSON"), Record(b"nor this")])
        at = open_app(topic=topic)
        titles = [said.proto.title for said in at.info]
        assert "None of the 2 records could be read." in titles
        assert metrics(at)["Rejected"] == "2"
        assert [code.value for code in at.main.get("code")] == ["6e 6f 20 4a 53 4f 4e\nno JSON"]

    @pytest.mark.usefixtures("configured")
    def test_reload_reads_what_is_new(self, make_topic, produce):
        topic = make_topic()
        event = b'{"Timestamp": 1540726486041, "ClientID": 1, "SessionID": "s"}'
        produce(topic, [Record(event)])
        at = open_app(topic=topic)
        produce(topic, [Record(event)] * 3)
        assert metrics(settled(at.run()))["Events"] == "1"
        [reload] = [button for button in at.sidebar.button if button.label == "Reload"]
        settled(reload.click().run())
        assert metrics(at)["Events"] == "4"


class TestBrokerAway:
    @pytest.fixture
    def nobody(self, app_isolation):
        """Configure Kafka at an address where nobody is."""
        address = f"127.0.0.1:{free_port()}"
        app_isolation.write_text(
            f'[connections.kafka]\nbootstrap_servers = "{address}"\ntimeout_s = 1.0\n'
        )
        return address

    def test_is_one_plain_sentence_with_the_way_out_on_every_page(self, nobody):
        for page, at in each_page():
            [said] = at.error
            assert nobody in said.proto.title, page
            assert said.proto.title.count(".") == nobody.count(".") + 1, page
            assert said.value, page

    @pytest.mark.usefixtures("nobody")
    def test_samples_can_still_be_chosen(self):
        at = open_app()
        choose(at, "source", "Samples")
        assert metrics(at)["Events"] == "255"
