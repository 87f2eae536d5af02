"""Overview's findings, Delay, Outages, Windows and a session in detail: what the pages answer."""

import json
import re
from datetime import UTC, datetime

import pytest

from lib.core.columns import SESSION
from lib.core.formatting import escaped_markdown
from lib.loading.load import load
from lib.replay.engine import replay
from lib.replay.engines.beam import BeamSetting
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.input import replay_input_of
from lib.replay.outcome import session_fates
from lib.replay.windows import SessionWindow, TumblingWindow
from lib.simulate import Outage, Scenario, simulate
from lib.sources.base import Everything
from lib.sources.files.folder import samples
from lib.sources.files.kcat import write_recorded
from tests.support.blocks import block, values_of
from tests.support.golden_rows import SESSION_OF_2, SESSION_OF_8, ZERO_MS
from tests.support.opened import (
    COMPARISON,
    DELAY,
    LIVE,
    OUTAGES,
    SESSIONS,
    TWO_TOPICS,
    WINDOWS,
    captions,
    chart,
    choose,
    each_page,
    files_of,
    go_to,
    metrics,
    open_app,
    press,
    settled,
)

pytestmark = pytest.mark.usefixtures("viewer")


@pytest.fixture
def files(app_isolation, tmp_path, monkeypatch):  # noqa: ARG001 (which undoes it)
    """A folder whose files are the topics of the source Files."""
    return files_of(tmp_path / "files", monkeypatch)


def write_held(path, clients):
    """Write a topic in which the first client's events of 60 s arrive together, 80 s later."""
    sent = []
    for number, client in enumerate(clients):
        for second in range(300):
            event = ZERO_MS + 1_000 * second + number
            is_held = number == 0 and 100 <= second < 160
            received = ZERO_MS + 240_000 + second if is_held else event + 50 + second % 13
            sent.append((received, {"Timestamp": event, "ClientID": client, "SessionID": client}))
    sent.sort(key=lambda each: each[0])
    values = values_of(*(event for _, event in sent))
    write_recorded(path, "held", [block(*values, timestamps=[at for at, _ in sent])])


@pytest.fixture
def clean_topic(files):
    """A topic of a good network: no outage, no wrong clock, nothing lost."""
    quiet = Scenario(
        clients=20, sessions=60, events=2_000, rhythm="regular", interval_s=(1, 2), jitter_ms=40
    )
    write_recorded(files / "clean.jsonl", "clean", simulate(quiet).batches())
    return {"source": "Files", "topic": "clean"}


@pytest.fixture
def topic_of_two_outages(files):
    """A topic in which one client is cut off for 5 s, and later for a minute."""
    cuts = (Outage(1, 100.0, 5.0), Outage(1, 300.0, 60.0))
    cut_off = Scenario(
        clients=20, sessions=20, events=10_000, rhythm="regular", interval_s=(1, 2), jitter_ms=400,
        outages=cuts,
    )  # fmt: skip
    write_recorded(files / "cut.jsonl", "cut", simulate(cut_off).batches())
    return {"source": "Files", "topic": "cut"}


@pytest.fixture
def copied_topic(files):
    """A topic whose producer stamps records with the event time."""
    times = [ZERO_MS + 700 * number for number in range(40)]
    values = values_of(
        *({"Timestamp": time, "ClientID": n % 3, "SessionID": "s"} for n, time in enumerate(times))
    )
    write_recorded(files / "copied.jsonl", "copied", [block(*values, timestamps=times)])
    return {"source": "Files", "topic": "copied"}


@pytest.fixture
def topic_without_sessions(files):
    """Two clients that send every second, pause for a minute after ten events, and begin anew."""
    times = [ZERO_MS + 1000 * (second + 60 * (second // 10)) for second in range(100)]
    values = values_of(
        *({"Timestamp": time, "ClientID": client} for time in times for client in (1, 2))
    )
    stamps = [time + 20 + time % 13 for time in times for _ in (1, 2)]
    write_recorded(files / "flat.jsonl", "flat", [block(*values, timestamps=stamps)])
    return {"source": "Files", "topic": "flat"}


@pytest.fixture
def alike_topic(files):
    """Late events are alike from the beginning to the end: now and then one is overtaken."""
    scenario = Scenario(events=6_000, sessions=200, disorder_share=0.1, disorder_ms=10_000)
    write_recorded(files / "alike.jsonl", "alike", simulate(scenario).batches())
    return {"source": "Files", "topic": "alike"}


@pytest.fixture
def topic_with_a_clock_ahead(files):
    """Ten clients that send every second; the clock of client 3 is 4 min ahead."""
    sent = [
        (ZERO_MS + 1_000 * second + client, client) for second in range(200) for client in range(10)
    ]
    values = values_of(
        *({"Timestamp": at + 240_000 * (client == 3), "ClientID": client} for at, client in sent)
    )
    stamps = [at + 20 + at % 13 for at, _ in sent]
    write_recorded(files / "ahead.jsonl", "ahead", [block(*values, timestamps=stamps)])
    return {"source": "Files", "topic": "ahead"}


def programs(at):
    """Return the code to paste; what is copied for a ticket, and the link, have no language."""
    return [code for code in at.code if code.language not in ("", "plaintext")]


def iso(ms):
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


def findings(at, begins):
    """Return the buttons of the findings that begin so."""
    return [button for button in at.button if button.label.startswith(begins)]


def table(at, *, named):
    """Return the table whose accessible name begins as asked for."""
    [found] = [each.value for each in at.dataframe if each.proto.alt.startswith(named)]
    return found


def successes(at):
    return "\n".join(said.value for said in at.success)


class TestFindings:
    def test_the_notebooks_outage_is_said_with_the_notebooks_figures(self):
        said = escaped_markdown(
            "Client 2 was silent for 65.2 s, 11:35:52–11:36:57 UTC, 28 Oct 2018, and then "
            "delivered 31 events in a burst."
        )
        assert said in [text.value for text in open_app().markdown]

    def test_a_finding_moves_the_picture_to_its_window_and_clients(self):
        at = press(open_app(times="Since zero"), "Show")
        assert at.multiselect(key="clients").value == ["2"]
        assert at.get_by_key("clock").value == "received"
        start, end = at.slider(key="window").value
        assert start < 66.237 < 131.311 < end
        [shown] = [points for points in chart(at)[1].values() if "event" in points]
        assert set(shown["client"]) == {"2"}
        assert table(go_to(at, OUTAGES), named="Outages")["Held back"].to_list() == [31]

    def test_the_way_back_shows_everything(self):
        at = press(press(open_app(), "Show"), "Clear window and filters")
        assert metrics(at)["Events"] == "255"
        assert at.multiselect(key="clients").value == []
        assert "window" not in at.query_params

    def test_every_finding_of_a_topic_with_many_leads_to_a_view_of_events(self):
        at = open_app(topic="sessions-100")
        pages = {button.label for button in findings(at, "On ")}
        assert pages == {"On Delay", "On Outages", "On Sessions"}
        for number, _ in enumerate(findings(at, "Show")):
            settled(findings(at, "Show")[number].click().run())
            assert 0 < int(metrics(at)["Events"].replace(",", "")) < 2_428
            press(at, "Clear window and filters")

    def test_the_advice_is_one_line(self):
        [said] = [each.value for each in open_app().markdown if "**Flink" in each.value]
        assert said.startswith(
            "**Flink DataStream: a watermark delay of 26 s with a session gap of 30 s would drop "
            "0 %**"
        )

    def test_on_a_clean_topic_nothing_stands_out(self, clean_topic):
        at = open_app(**clean_topic)
        assert "Nothing stands out." in successes(at)
        assert findings(at, "Show") == []


class TestDelay:
    def test_a_longer_watermark_delay_leaves_fewer_events_late(self):
        at = open_app(DELAY)
        delays = [0, 5, 30, 60]
        late = []
        for seconds in delays:
            settled(at.number_input(key="watermark_delay").set_value(float(seconds)).run())
            [skew] = [t for t in chart(at)[1].values() if "which" in t]
            late.append(int((skew["which"] == "behind the watermark").sum()))
            behind = f"{late[-1]:,} are" if late[-1] else "none is"
            assert f"Of those drawn {behind} behind the watermark" in captions(at)
        assert late == sorted(late, reverse=True)
        assert late[0] > late[2] > late[-1] == 0

    def test_quantiles_of_delay_and_of_out_of_orderness_stand_side_by_side(self):
        at = open_app(DELAY)
        delay = table(at, named="Quantiles of delay").iloc[0]
        disorder = table(at, named="Quantiles of out-of-orderness").set_index("Of")
        assert (delay["Events"], delay["Largest (s)"]) == (255, 57.296)
        assert disorder.loc["the whole topic", "Largest (s)"] < delay["Largest (s)"]
        scopes = {"the whole topic", "partition 0", "per-partition watermarks"}
        assert scopes >= set(disorder.index)

    def test_distribution_is_per_client_where_asked_for(self):
        at = open_app(DELAY)
        assert "who" not in self.distribution(at)
        settled(at.toggle(key="per_client").set_value(True).run())
        assert set(self.distribution(at)["who"]) == {str(client) for client in range(1, 11)}

    def test_distribution_is_not_per_client_for_more_than_ten(self, clean_topic):
        at = open_app(DELAY, **clean_topic)
        assert at.toggle(key="per_client").disabled
        settled(at.multiselect(key="clients").set_value(["3", "4"]).run())
        assert not at.toggle(key="per_client").disabled

    @staticmethod
    def distribution(at):
        [binned] = chart(at, 1)[1].values()
        return binned

    def test_the_clock_table_shows_who_is_wrong(self):
        at = open_app(DELAY, topic="sessions-100")
        clocks = table(at, named="Each client's clock")
        wrong = clocks[clocks["Wrong"] == "yes"].set_index("Client")["Clock ahead by (ms)"]
        # Client 2's is 147 ms behind, which a way to the broker of 150 ms would explain as well.
        assert set(wrong.index) == {"3"}
        assert wrong["3"] > 200
        assert "1 of 10 clocks is wrong" in captions(at)

    def test_a_clock_that_was_set_is_not_told_as_right(self, files):
        # Given three clients, one of which sets its clock forward by two minutes meanwhile
        heard = [(client, at_s) for at_s in range(600) for client in ("a", "b", "c")]
        values = values_of(
            *(
                {
                    "Timestamp": ZERO_MS + 1000 * (at_s + 120 * (client == "c" and at_s >= 300)),
                    "ClientID": client,
                }
                for client, at_s in heard
            )
        )
        times = [ZERO_MS + 1000 * at_s + 50 + 97 * n % 350 for n, (_, at_s) in enumerate(heard)]
        write_recorded(files / "set.jsonl", "set", [block(*values, timestamps=times)])
        at = open_app(source="Files", topic="set")
        assert any("Client c's clock was set forward" in each.value for each in at.markdown)
        # When the page that its finding leads to tells of clocks
        at = go_to(at, DELAY)
        # Then it says so, too
        assert (
            "No clock is wrong all the time; 1 clock was set meanwhile, or is ahead at times."
        ) in captions(at)
        clocks = table(at, named="Each client's clock").set_index("Client")
        assert clocks["Wrong"].to_dict() == {"a": "", "b": "", "c": "at times"}

    def test_a_clock_that_clients_may_share_is_not_told_as_several(self, files):
        # Given three of ten clients whose times are all half a minute ahead
        sent = [(ZERO_MS + 1_000 * n + c, c) for n in range(200) for c in range(10)]
        values = values_of(*({"Timestamp": at + 30_000 * (c < 3), "ClientID": c} for at, c in sent))
        stamps = [at + 20 + (at + 7 * c) % 13 for at, c in sent]
        write_recorded(files / "shared.jsonl", "shared", [block(*values, timestamps=stamps)])
        at = open_app(source="Files", topic="shared")
        assert any("rather than by 3 wrong clocks" in each.value for each in at.markdown)
        # When the page that its finding leads to tells of clocks
        told = captions(go_to(at, DELAY))
        # Then it counts clients, and no wrong clocks
        assert "The times of 3 of 10 clients are off." in told


class TestOutages:
    def test_the_notebooks_outage_is_the_only_one(self):
        since_zero = open_app(OUTAGES, times="Since zero")
        [outage] = table(since_zero, named="Outages").to_dict("records")
        assert outage["Client"] == "2"
        assert outage["Kind"] == "buffered"
        assert outage["Last heard, s since zero"] == 66.09
        assert outage["Back at, s since zero"] == 131.25
        assert outage["Silence (s)"] == pytest.approx(65.16)
        assert (outage["Held back"], outage["Lost"]) == (31, 0)
        assert outage["Session"] == SESSION_OF_2

    def test_the_timeline_shows_silence_and_burst(self):
        at = open_app(OUTAGES, times="Since zero")
        [drawn] = chart(at)[1].values()
        [bar] = drawn.to_dict("records")
        assert (bar["client"], bar["time"], bar["back"]) == ("2", 66.09, 131.25)

    def test_kinds_can_be_left_out(self):
        at = open_app(OUTAGES)
        settled(at.get_by_key("kinds").set_value(["quiet"]).run())
        assert not at.success
        [said] = [info for info in at.info if info.proto.title == "No outage of these kinds."]
        assert said.value == (
            "Of other kinds there is 1 buffered, in the window: choose them above."
        )
        settled(at.get_by_key("kinds").set_value(["buffered"]).run())
        assert len(table(at, named="Outages")) == 1

    def test_a_higher_limit_finds_fewer(self, topic_of_two_outages):
        at = open_app(OUTAGES, **topic_of_two_outages)
        assert len(table(at, named="Outages")) == 2
        settled(at.slider(key="sensitivity").set_value(10.0).run())
        assert len(table(at, named="Outages")) == 1

    def test_only_the_chosen_clients_outages_are_shown(self):
        at = open_app(OUTAGES, topic="sessions-100", clients="4")
        assert set(table(at, named="Outages")["Client"]) == {"4"}

    def test_nothing_found_is_said(self, clean_topic):
        at = open_app(OUTAGES, **clean_topic)
        assert [said.proto.title for said in at.success] == ["No outage of these kinds."]
        assert "longer than its own rhythm lets expect" in at.success[0].value
        settled(at.slider(key="sensitivity").set_value(4.0).run())
        assert "longer than 4 × the limit that its own rhythm sets" in at.success[0].value

    def test_a_client_that_is_gone_is_not_said_to_have_been_heard(self, files):
        # Given six clients that are heard every second, one of them for the first half only
        heard = [
            (client, second)
            for second in range(600)
            for client in range(6)
            if client != 3 or second < 300
        ]
        values = values_of(
            *({"Timestamp": ZERO_MS + 1000 * at_s, "ClientID": client} for client, at_s in heard)
        )
        times = [ZERO_MS + 1000 * at_s + 40 + 50 * client for client, at_s in heard]
        write_recorded(files / "gone.jsonl", "gone", [block(*values, timestamps=times)])
        at = open_app(source="Files", topic="gone")
        assert any("Client 3 is gone" in said.value for said in at.markdown)
        # When the page that its finding leads to finds no outage
        [said] = go_to(at, OUTAGES).success
        # Then that is said of silences that ended
        assert said.value.startswith("No client shown came back from a silence longer than")

    def test_where_the_limits_come_from_is_shown(self):
        limits = table(open_app(OUTAGES), named="Each client's usual")
        assert limits["Client"].to_list() == [str(client) for client in range(1, 11)]
        assert (limits["Outage beyond a wait of (s)"] > limits["Usual wait (s)"]).all()

    def test_of_a_client_without_intervals_none_is_told(self, files):
        # Given a client that sends once a minute, each time a session of its own
        times = [ZERO_MS + 60_000 * n for n in range(30)]
        values = values_of(*({"Timestamp": time, "ClientID": 1} for time in times))
        received = [time + 50 + 37 * n % 300 for n, time in enumerate(times)]
        write_recorded(files / "rare.jsonl", "rare", [block(*values, timestamps=received)])
        at = open_app(OUTAGES, source="Files", topic="rare")
        # Then no interval between events of a session is told
        limits = table(at, named="Each client's usual")
        assert limits["Usual interval (s)"].isna().all()
        assert limits["Usual wait (s)"].notna().all()


class TestOneOfAKind:
    """What the pages say of one client with one session, ahead of the received time."""

    @pytest.fixture
    def one_session(self, files):
        values = values_of(
            *(
                {"Timestamp": ZERO_MS + 1000 * n - 7000 * (n == 9), "ClientID": 1, "SessionID": "s"}
                for n in range(10)
            )
        )
        times = [ZERO_MS + 1000 * n - 9000 + 37 * n % 50 for n in range(10)]
        write_recorded(files / "one.jsonl", "one", [block(*values, timestamps=times)])
        return {"source": "Files", "topic": "one"}

    def test_is_told_in_the_singular(self, one_session):
        at = open_app(WINDOWS, **one_session, session_gap="1 ms", delay="0 s")
        helps = {metric.label: metric.proto.help for metric in at.metric}
        assert helps["Exact"].startswith("Of 1 session. ")
        assert "Replayed without 1 client: the only one that was ever ahead" in captions(at)

    def test_a_delay_below_zero_is_told_alike_everywhere(self, one_session):
        at = open_app(SESSIONS, **one_session)
        [_, fan] = [drawn.proto.alt for drawn in at.get("vega_lite_chart")]
        ahead = re.search(r"the largest delay is (\S+ s ahead)", fan).group(1)
        assert f"largest delay {ahead}." in captions(at)


class TestATopicThatNamesNoClient:
    @pytest.fixture(autouse=True)
    def topic(self, files):
        """Two sessions, one of which is cut off for a while, and no field for who they are of."""
        sent = []
        for session in ("s1", "s2"):
            for second in range(300):
                event = ZERO_MS + 1_000 * second
                is_held = session == "s1" and 100 <= second < 160
                received = ZERO_MS + 160_000 + second if is_held else event + 50 + second % 13
                sent.append((received, {"Timestamp": event, "SessionID": session}))
        sent.sort(key=lambda each: each[0])
        values = values_of(*(event for _, event in sent))
        recorded = block(*values, timestamps=[at for at, _ in sent])
        write_recorded(files / "nameless.jsonl", "nameless", [recorded])

    def opened(self, page, **query):
        return open_app(page, source="Files", topic="nameless", **query)

    @pytest.mark.parametrize(("page", "named"), [(SESSIONS, "Every"), (OUTAGES, "Outages with")])
    def test_its_tables_begin_with_the_session_and_have_no_client(self, page, named):
        rows = table(self.opened(page), named=named)
        assert rows.columns[0] == "Session"
        assert rows["Session"].iloc[0] == "s1"
        assert "Client" not in rows

    def test_a_session_is_told_without_a_client(self):
        assert "Session s1: 300 events" in captions(self.opened(SESSIONS))

    def test_no_client_is_told_to_be_the_one_of_all_dropped_events(self):
        at = self.opened(WINDOWS, engine="Spark")
        [said] = [text.value for text in at.markdown if "can be blamed" in text.value]
        dropped = metrics(at)["Dropped"].split()[0]
        assert said == (
            f"**No client can be blamed** for the {dropped} dropped events: no field names the "
            "clients."
        )


class TestSessionInDetail:
    def test_is_at_first_the_one_with_the_largest_delay(self):
        at = open_app(SESSIONS)
        assert f"Session {SESSION_OF_2} of client 2: 65 events" in captions(at)
        assert "It has the largest delay" in captions(at)

    def test_is_the_one_of_the_url(self):
        at = open_app(SESSIONS, one_session=SESSION_OF_8)
        assert f"Session {SESSION_OF_8} of client 8" in captions(at)
        assert "It has the largest delay" not in captions(at)

    def test_an_unknown_one_in_the_url_counts_as_none(self):
        assert f"Session {SESSION_OF_2}" in captions(open_app(SESSIONS, one_session="gone"))

    def test_each_event_is_a_line_from_when_it_happened_to_when_it_arrived(self):
        [lines] = chart(open_app(SESSIONS, times="Since zero"), 1)[1].values()
        flushed = lines[lines["received"].between(131.25, 131.311)]
        assert len(lines) == 65
        assert len(flushed) == 31
        assert flushed["time"].min() < 74 < 131 < flushed["time"].max() + 5

    def test_lost_and_duplicate_events_are_counted(self):
        sessions = table(open_app(SESSIONS, topic="sessions-100"), named="Every session")
        assert (sessions["Lost"].sum(), sessions["Duplicates"].sum()) == (3, 3)


def replayed(setting):
    """Return the figures of the Windows page on sessions-10, computed without it."""
    events = load(samples(), "sessions-10", Everything()).events.table
    result = replay(replay_input_of(events), setting)
    fates = session_fates(result, events[SESSION].cat.codes.to_numpy())
    dropped = int((~result.kept).sum())
    return {
        "Exact": f"{fates.exact:,}",
        "Incomplete": f"{fates.incomplete:,}",
        "Split": f"{fates.split:,}",
        "Merged": f"{fates.merged:,}",
        "Mixed": f"{fates.mixed:,}",
        "Dropped": f"{dropped:,} ({100 * dropped / len(events):.2f} %)",
    }


def set_to(at, *, gap_s, delay_s):
    at.text_input(key="session_gap").set_value(f"{gap_s} s")
    return settled(at.text_input(key="delay").set_value(f"{delay_s} s").run())


GAP = SessionWindow(20_000)
ENGINES = {
    "Flink DataStream": FlinkSetting(GAP, 2_000),
    "Flink SQL": FlinkSetting(GAP, 2_000, api="sql"),
    "Kafka Streams": KafkaStreamsSetting(GAP, 2_000),
    "Spark": SparkSetting(GAP, 2_000),
    "Beam": BeamSetting(GAP, 2_000),
}


class TestWindows:
    @pytest.mark.parametrize("engine", ENGINES)
    def test_figures_are_what_the_engine_would_have_made(self, engine):
        at = set_to(open_app(WINDOWS, engine=engine), gap_s=20, delay_s=2)
        assert metrics(at).items() >= replayed(ENGINES[engine]).items()

    def test_an_engine_can_be_chosen_on_the_page(self):
        at = open_app(WINDOWS)
        choose(at, "engine", "Kafka Streams")
        assert "Grace" in [box.label for box in at.text_input]

    def test_tumbling_windows_have_a_size_and_no_gap(self):
        at = open_app(WINDOWS, window_kind="Tumbling")
        set_to(at, gap_s=20, delay_s=2)
        assert at.text_input(key="session_gap").label == "Window size"
        expected = replayed(FlinkSetting(TumblingWindow(20_000), 2_000))
        assert metrics(at)["Dropped"] == expected["Dropped"]

    def test_a_watermark_that_is_emitted_now_and_then_drops_fewer(self):
        at = open_app(WINDOWS)
        before = metrics(at)["Dropped"]
        settled(at.text_input(key="emission").set_value("1 min").run())
        expected = replayed(FlinkSetting(SessionWindow(30_000), 5_000, emission_ms=60_000))
        assert metrics(at)["Dropped"] == expected["Dropped"] != before

    def test_the_same_gap_on_received_time_stands_beside_it(self):
        beside = table(open_app(WINDOWS), named="The result on event time")
        assert beside["Windows on"].to_list() == ["event time, as set", "received time"]
        assert beside["Dropped"].to_list()[1] == 0

    def test_tumbling_windows_on_received_time_stand_beside_them(self):
        at = open_app(WINDOWS, window_kind="Tumbling")
        beside = table(at, named="The result on event time beside that of the same windows")
        assert beside["Dropped"].to_list()[1] == 0
        assert re.search(r"\d+ events of the 2\d\d kept would be in another", captions(at))

    def test_windows_can_be_grouped_by_another_field(self):
        at = open_app(WINDOWS, grouped_by="Session", engine="Kafka Streams")
        events = load(samples(), "sessions-10", Everything()).events.table
        expected = replay(
            replay_input_of(events, SESSION), KafkaStreamsSetting(SessionWindow(30_000), 5_000)
        )
        dropped = metrics(at)["Dropped"].split()[0]
        assert dropped == str(expected.dropped)
        assert "Grouped by “SessionID”, which is not the record key" in captions(at)
        assert all('"SessionID"' in code.value for code in programs(at))

    def test_a_field_that_the_topic_does_not_have_counts_as_the_client(self):
        at = open_app(WINDOWS, grouped_by="Nothing")
        assert at.selectbox(key="grouped_by").value == "Client"

    def test_the_list_of_dropped_events_is_as_long_as_the_figure_says(self):
        at = open_app(WINDOWS)
        dropped = table(at, named="Dropped events")
        assert metrics(at)["Dropped"].split()[0] == str(len(dropped)) == "11"
        assert set(dropped["ClientID"]) == {"2"}
        assert dropped["Missed by (s)"].is_monotonic_decreasing
        [red] = [t for t in self.skew_plot(at) if "which" in t]
        assert (red["which"] == "dropped").sum() == 11

    @staticmethod
    def skew_plot(at):
        names = [drawn.proto.alt for drawn in at.get("vega_lite_chart")]
        [place] = [n for n, name in enumerate(names) if name.startswith("Received time over")]
        return chart(at, place)[1].values()

    def test_curves_show_what_other_settings_would_do(self):
        at = open_app(WINDOWS)
        names = [drawn.proto.alt for drawn in at.get("vega_lite_chart")]
        for over in ("session gap", "watermark delay"):
            [said] = [name for name in names if name.startswith(f"By {over}: ")]
            for figure in ("sessions exact", "events dropped", "result latency, median"):
                assert re.search(rf"{figure} [^;]* at (0 ms|1 s), [^;]* at", said)

    def test_with_a_long_delay_nothing_is_dropped_and_that_is_said(self):
        at = set_to(open_app(WINDOWS), gap_s=30, delay_s=120)
        assert metrics(at)["Dropped"] == "0 (0.00 %)"
        assert "No event is dropped." in successes(at)

    @pytest.mark.parametrize(
        ("engine", "sentence", "languages"),
        [
            ("Flink DataStream", "a watermark delay of", {"sql", "java"}),
            ("Flink SQL", "a watermark delay of", {"sql"}),
            ("Kafka Streams", "a grace of", {"java"}),
            ("Spark", "a watermark delay of", {"python"}),
            ("Beam", "a watermark delay of", {"java"}),
        ],
    )
    def test_a_setting_is_recommended_with_the_code_to_paste(self, engine, sentence, languages):
        at = open_app(WINDOWS, engine=engine, lose="1")
        said = "\n".join(warning.value for warning in at.warning)
        assert f"**{engine}: {sentence} " in said
        assert "with a session gap of 30 s**" in said
        assert "too short: to promise 1 % takes 4,000 events" in said
        assert "Tested on later events, what was chosen before them, with a margin, dropped" in said
        assert languages <= {code.language for code in programs(at)}
        assert all("sessions-10" in code.value for code in programs(at))

    def test_a_setting_that_holds_is_promised_with_what_it_did_on_later_events(self, alike_topic):
        at = open_app(WINDOWS, lose="1", **alike_topic)
        said = successes(at)
        assert re.search(
            r"\*\* holds: what was chosen so on the events before dropped .* % "
            r"in 10 of 10 stretches of later events",
            said,
        )
        stretches = table(at, named="Stretches of later events")
        assert set(stretches["Goal kept"]) == {"yes"}

    def test_the_advice_can_be_taken_over(self):
        at = open_app(WINDOWS, lose="1")
        advised = re.search(
            r"a watermark delay of (.*) with a session gap of (.*)\*\*", at.warning[-1].value
        )
        press(at, "Use this setting")
        boxes = (at.text_input(key="delay").value, at.text_input(key="session_gap").value)
        assert boxes == advised.groups() != ("5 s", "30 s")
        assert int(metrics(at)["Dropped"].split()[0]) <= 0.01 * 255

    def test_what_is_no_duration_is_explained_and_the_last_that_was_one_holds(self):
        at = set_to(open_app(WINDOWS), gap_s=20, delay_s=2)
        settled(at.text_input(key="delay").set_value("soon").run())
        [fault] = [caption.value for caption in at.caption if "is not used" in caption.value]
        assert "“soon” is not used" in fault
        assert "Watermark delay: 2 s, as before." in fault
        assert metrics(at).items() >= replayed(ENGINES["Flink DataStream"]).items()

    def test_a_session_gap_of_nothing_is_explained(self):
        at = set_to(open_app(WINDOWS), gap_s=0, delay_s=5)
        assert any("it has to be 1 ms or more" in caption.value for caption in at.caption)
        assert metrics(at)["Dropped"].startswith("11 ")

    def test_any_duration_can_be_linked_to(self):
        at = open_app(WINDOWS, session_gap="20500ms", delay="0.0335 min", engine="Spark")
        expected = replayed(SparkSetting(SessionWindow(20_500), 2_010))
        assert metrics(at).items() >= expected.items()

    def test_hopping_windows_of_any_size_are_cut_into_whole_milliseconds(self):
        at = open_app(WINDOWS, window_kind="Hopping", session_gap="26.501 s", parts="3")
        assert "Windows of 26.502 s, one every 8.834 s." in captions(at)

    def test_any_share_can_be_a_goal(self):
        at = open_app(WINDOWS, lose="0.3")
        assert "to promise 0.3 % takes 13,334 events" in at.warning[-1].value
        settled(at.text_input(key="lose").set_value("a few").run())
        assert "“a few” is not used" in captions(at)
        assert "to promise 0.1 % takes" in at.warning[-1].value

    def test_whose_fault_it_is_is_said_of_clients_and_partitions(self):
        at = open_app(WINDOWS, topic="sessions-100")
        said = "\n".join(text.value for text in at.markdown)
        assert "without it 3 events would be dropped instead of 10" in said
        assert "Partition 2 held the minimum back longest" in said
        clients = table(at, named="Events dropped of each client")
        assert clients["Dropped of it"].sum() == 10
        partitions = table(at, named="Partitions")
        assert partitions["Dropped of it"].sum() == 10
        idle = table(at, named="What other idle timeouts would change").set_index("Idle after")
        assert idle.index[0] == "never, as set"
        open_at_the_end = idle["Windows without a final result"]
        assert open_at_the_end["never, as set"] > open_at_the_end["10 s"]

    @pytest.mark.parametrize("clients", [["a"], ["a", "b"]], ids=["one", "two"])
    def test_events_that_only_their_own_client_holds_back_are_nobody_elses_fault(
        self, files, clients
    ):
        write_held(files / "held.jsonl", clients)
        at = open_app(WINDOWS, source="Files", topic="held")
        [said] = [text.value for text in at.markdown if "to blame" in text.value]
        [dropped] = re.findall(r"for the (\d+) dropped events: ", said)
        assert metrics(at)["Dropped"].startswith(f"{dropped} (")
        assert said.endswith(
            "the topic names only a."
            if clients == ["a"]
            else "leaving out any one would save none of the others' events. All of those dropped "
            "are of client a."
        )

    def test_a_clock_that_is_ahead_is_named(self, topic_with_a_clock_ahead):
        said = "\n".join(
            text.value for text in open_app(WINDOWS, **topic_with_a_clock_ahead).markdown
        )
        assert re.search(
            r"Client 3's clock is 4 min ahead: without it 0 events would be dropped instead of \d+",
            said,
        )

    def test_code_for_a_wrapped_topic_says_that_it_reads_plain_json(self, files):
        events = [{"Timestamp": ZERO_MS + 1_000 * n, "ClientID": n % 3} for n in range(200)]
        texts = [json.dumps(json.dumps(event)).encode() for event in events]
        stamps = [ZERO_MS + 1_000 * n + n % 13 for n in range(200)]
        write_recorded(files / "text.jsonl", "text", [block(*texts, timestamps=stamps)])

        at = open_app(WINDOWS, source="Files", topic="text", lose="1")

        said = [warning.value for warning in at.warning]
        assert any("this topic are JSON text in JSON: put in how" in each for each in said)

    def test_code_says_which_times_it_does_not_read(self, files):
        times = [ZERO_MS + 1_000 * n for n in range(400)]
        events = [
            {"Timestamp": at if n % 4 == 0 else iso(at), "ClientID": n % 4}
            for n, at in enumerate(times)
        ]
        stamps = [at + at % 13 for at in times]
        write_recorded(files / "iso.jsonl", "iso", [block(*values_of(*events), timestamps=stamps)])

        at = open_app(WINDOWS, source="Files", topic="iso", lose="1")

        said = "\n".join(warning.value for warning in at.warning)
        assert "Here another is written by 1 client: milliseconds" in said
        assert "This program reads times such as 2024-01-02T03:04:05.678+01:00" in said

    def test_without_sessions_of_its_own_a_topic_shows_the_gaps(self, topic_without_sessions):
        at = open_app(WINDOWS, **topic_without_sessions)
        assert metrics(at).keys() == {"Dropped", "Result latency"}
        assert "The topic has no sessions of its own" in captions(at)
        [spec] = [
            chart(at, n)[0]
            for n, drawn in enumerate(at.get("vega_lite_chart"))
            if "Time between neighbouring events" in drawn.proto.alt
        ]
        assert spec["layer"]

    def test_with_sessions_of_its_own_it_shows_none(self):
        assert "no sessions of its own" not in captions(open_app(WINDOWS))


class TestCorrection:
    def test_is_announced_on_every_page(self):
        for page, at in each_page(topic="sessions-100", correct="true"):
            of_all = page in (LIVE, TWO_TOPICS)  # what they show is as it was read
            said = "On this page no clock is corrected" if of_all else "Event times of client 3 are"
            assert at.info[0].value.startswith(said), page

    def test_takes_the_wrong_clocks_offset_out_of_the_delays(self):
        at = open_app(topic="sessions-100")
        ahead = int(metrics(at)["Clock ahead"])
        settled(at.toggle(key="correct").set_value(True).run())
        assert int(metrics(at)["Clock ahead"]) < ahead / 10
        assert "No clock is wrong" in captions(go_to(at, DELAY))

    def test_of_a_topic_with_right_clocks_changes_nothing(self):
        at = open_app(correct="true")
        assert not at.info
        assert metrics(at)["Largest delay"] == "57.3 s"


class TestTrust:
    def test_a_copied_received_time_is_announced_on_every_page(self, copied_topic):
        means_little = "Received time means little here: for 100 % of the records it is the event"
        for page, at in each_page(**copied_topic):
            assert means_little in "\n".join(warning.value for warning in at.warning), page

    def test_a_brokers_own_time_is_not(self):
        assert not open_app(COMPARISON).warning

    def test_is_a_finding_too(self, copied_topic):
        said = [text.value for text in open_app(**copied_topic).markdown]
        assert any(each.startswith("Received time means little here") for each in said)
