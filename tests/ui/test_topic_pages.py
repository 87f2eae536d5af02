"""What the sidebar reads: files of a folder, fields chosen by hand, big topics, many clients."""

import pytest

from lib.sources.files.kcat import write_recorded
from lib.ui import offer
from lib.ui.parts import story
from tests.support.blocks import block, values_of
from tests.support.golden_rows import ZERO_MS
from tests.support.opened import (
    COMPARISON,
    PAGES,
    SESSIONS,
    captions,
    chart,
    each_page,
    files_of,
    metrics,
    open_app,
    parameters,
    press,
    settled,
)

pytestmark = pytest.mark.usefixtures("app_isolation")


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder whose files are the topics of the source Files."""
    return files_of(tmp_path / "files", monkeypatch)


def write_topic(files, name, records):
    """Write records, one every 10 ms, as a recorded topic; return the link to it."""
    values = values_of(*({"at": ZERO_MS + 10 * n} | record for n, record in enumerate(records)))
    stamps = [ZERO_MS + 10 * n + 7 + n % 5 for n in range(len(values))]
    write_recorded(files / f"{name}.jsonl", name, [block(*values, timestamps=stamps)])
    return {"source": "Files", "topic": name}


@pytest.fixture
def trips(files):
    """A topic with other names than the notebook's, and two fields that may be the client."""
    records = [
        {"device": f"d{n % 4}", "gateway": f"g{n % 2}", "trip": f"t{n % 8}"} for n in range(80)
    ]
    return write_topic(files, "trips", records)


@pytest.fixture
def crowd(files):
    """A topic of 200 clients."""
    records = [{"ClientID": n % 200, "SessionID": f"s{n % 200}"} for n in range(1_000)]
    return write_topic(files, "crowd", records)


class TestFiles:
    def test_a_folder_is_a_source_and_comes_first(self, trips):
        at = open_app()
        assert at.get_by_key("source").options == ["Files", "Samples", "Upload"]
        assert parameters(at)["topic"] == trips["topic"]
        assert metrics(at)["Events"] == "80"

    def test_a_file_opens_by_its_link(self, trips):
        at = open_app(**trips)
        assert metrics(at)["Events"] == "80"
        assert "80 records in 1 partition" in captions(at)

    def test_a_large_file_opens_and_is_not_said_to_have_no_records(self, trips, monkeypatch):
        monkeypatch.setattr("lib.sources.files.folder._LISTED_WHOLE", 1)
        at = open_app(**trips)
        assert metrics(at)["Events"] == "80"
        assert not any("records in" in caption.value for caption in at.sidebar.caption)

    def test_a_folder_that_is_not_there_is_said(self, tmp_path, monkeypatch):
        monkeypatch.setenv("SKEWLINE_FILES", str(tmp_path / "gone"))
        [said] = open_app(source="Files").error
        assert "gone" in said.proto.title

    def test_an_empty_folder_is_said(self, files):  # noqa: ARG002 (which configures it)
        [said] = open_app(source="Files").error
        assert said.proto.title == "Files has no topic."

    def test_a_damaged_file_is_one_plain_sentence(self, files):
        (files / "bad.parquet").write_bytes(b"PAR1 and no more")
        [said] = open_app(source="Files", topic="bad").error
        assert "bad.parquet" in said.proto.title


class TestFields:
    def test_are_recognised_and_shown(self, trips):
        at = open_app(**trips)
        assert at.multiselect(key="field_event_time").value == ["at"]
        assert at.selectbox(key="field_session").value == "trip"
        assert "client" not in parameters(at)

    def test_another_client_field_is_in_the_url_and_in_force(self, trips):
        at = open_app(**trips)
        settled(at.selectbox(key="field_client").set_value("gateway").run())
        assert parameters(at)["client"] == "gateway"
        assert metrics(at)["Clients"] == "2"

    def test_a_link_with_another_client_field_opens_so(self, trips):
        at = open_app(**trips, client="gateway")
        assert at.selectbox(key="field_client").value == "gateway"
        assert metrics(at)["Clients"] == "2"

    def test_no_client_field_is_one_client(self, trips):
        assert metrics(open_app(**trips, client="none"))["Clients"] == "1"

    def test_no_session_field_derives_sessions_by_a_gap(self, trips):
        at = open_app(**trips, session="none", gap="0.001")
        assert metrics(at)["Sessions"] == "80"

    def test_what_is_recognised_can_be_had_again(self, trips):
        at = press(open_app(**trips, client="gateway"), "Back to the detected fields")
        assert "client" not in parameters(at)
        assert metrics(at)["Clients"] == "4"

    @pytest.mark.parametrize("page", PAGES)
    def test_a_wrong_field_is_an_error_with_a_way_out(self, trips, page):
        at = open_app(page, **trips, client="nowhere")
        [said] = at.error
        assert said.proto.title == "No record has a field “nowhere”."
        press(at, "Back to the detected fields")
        assert not at.error
        assert "client" not in parameters(at)

    def test_can_be_preset_in_the_secrets(self, trips, app_isolation):
        app_isolation.write_text('[fields."trips"]\nclient = "gateway"\n')
        assert metrics(open_app(**trips))["Clients"] == "2"

    def test_the_url_goes_before_a_preset(self, trips, app_isolation):
        app_isolation.write_text('[fields."trips"]\nclient = "gateway"\n')
        assert metrics(open_app(**trips, client="device"))["Clients"] == "4"

    def test_are_left_with_their_topic(self, trips, crowd):
        at = open_app(**trips, client="gateway")
        settled(at.selectbox(key="topic").set_value(crowd["topic"]).run())
        assert "client" not in parameters(at)
        assert metrics(at)["Clients"] == "200"


class TestManyClients:
    def test_share_rows_in_groups(self, crowd):
        at = open_app(COMPARISON, **crowd)
        assert self.rows(at) == [f"{first} – {first + 9}" for first in range(0, 200, 10)]
        assert "1,000 events of 200 clients in 20 rows" in captions(at)

    def test_opening_a_group_gives_its_clients_rows_of_their_own(self, crowd):
        at = open_app(COMPARISON, **crowd)
        settled(at.selectbox(key="open_group").set_value(2).run())
        assert self.rows(at) == [str(client) for client in range(20, 30)]
        assert parameters(at).items() >= {"first_client": "20", "last_client": "29"}.items()
        assert "Every one of the 50 events of 10 clients" in captions(at)

    def test_an_open_group_is_in_the_link(self, crowd):
        at = open_app(COMPARISON, **crowd, first_client="10", last_client="14")
        assert self.rows(at) == ["10", "11", "12", "13", "14"]

    def test_all_clients_closes_it(self, crowd):
        at = open_app(COMPARISON, **crowd, first_client="10", last_client="14")
        press(at, "All clients")
        assert len(self.rows(at)) == 20
        assert "first_client" not in parameters(at)

    def test_few_clients_need_no_groups(self):
        at = open_app(COMPARISON)
        assert "open_group" not in [box.key for box in at.selectbox]

    @staticmethod
    def rows(at):
        spec, _ = chart(at)
        [rows] = {
            tuple(layer["encoding"]["y"]["scale"]["domain"])
            for panel in spec["vconcat"]
            for layer in panel["layer"]
            if "scale" in layer["encoding"].get("y", {})
        }
        return list(rows)


class TestWindowOfAnotherTopic:
    def test_is_all_of_it_where_it_was_all(self, trips, crowd):
        at = open_app(**trips)
        settled(at.selectbox(key="topic").set_value(crowd["topic"]).run())
        assert metrics(at)["Events"] == "1,000"


class TestBigLoad:
    @pytest.fixture(autouse=True)
    def small_is_big(self, monkeypatch):
        """Announce loads of more than 100 records, not of more than a million."""
        monkeypatch.setattr(offer, "BIG", 100)
        monkeypatch.setattr(offer, "_FEWER", 50)

    def test_is_announced_on_every_page_before_it_starts(self):
        for page, at in each_page():
            said = "\n".join(text.value for text in at.markdown)
            assert "**sessions-10 is large**" in said, page
            assert "about 255 records" in said, page
            assert not at.metric, page
            assert not at.get("vega_lite_chart"), page

    def test_starts_when_it_is_accepted(self):
        at = press(open_app(), "Read it")
        assert metrics(at)["Events"] == "255"

    def test_can_be_made_smaller(self):
        at = press(open_app(), "Read the newest 50")
        assert at.get_by_key("range").value == "latest"
        assert at.number_input(key="latest").value == 50
        assert metrics(at)["Events"] == "50"

    @pytest.mark.parametrize(
        "wanted",
        [
            {"range": "Latest", "latest": "200"},
            {"range": "Offset", "offset": "3"},
            {"range": "Minutes", "minutes": "600"},
            {"range": "From–to", "from": "2018-10-28T00:00", "to": "2018-10-29T00:00"},
        ],
    )
    def test_is_announced_for_every_range(self, wanted):
        assert "Read it" in [button.label for button in open_app(**wanted).button]

    def test_cannot_be_started_where_it_would_not_fit(self, monkeypatch):
        monkeypatch.setenv("SKEWLINE_MEMORY", "20 kB")
        at = open_app()
        said = "\n".join(text.value for text in at.markdown)
        assert "of memory, and 20 kB are to be used" in said
        assert "Read it" not in [button.label for button in at.button]
        [fewer] = [button.label for button in at.button if "newest" in button.label]
        events = metrics(press(at, fewer))["Events"]
        assert 10 <= int(events) < 255
        assert fewer == f"Read the newest {events}"

    def test_is_not_announced_for_a_part_of_the_topic(self):
        assert metrics(open_app(range="Latest", latest="50"))["Events"] == "50"

    def test_is_not_announced_again_for_a_topic_that_is_there(self):
        press(open_app(), "Read it")
        assert metrics(open_app())["Events"] == "255"


class TestCap:
    @pytest.fixture
    def cap(self, monkeypatch):
        monkeypatch.setenv("SKEWLINE_MAX_EVENTS", "100")

    @pytest.mark.usefixtures("cap")
    def test_is_announced_on_every_page_where_it_bites(self):
        for page, at in each_page():
            said = at.info[0].value
            assert "The topic holds 255 records. The newest 100 are shown" in said, page

    @pytest.mark.usefixtures("cap")
    def test_keeps_the_newest(self):
        first = open_app().dataframe[0].value
        assert first["KafkaOffset"].to_list() == list(range(155, 255))

    @pytest.mark.usefixtures("cap")
    def test_is_not_announced_where_it_does_not(self, trips):
        assert not open_app(SESSIONS, **trips).info

    def test_that_is_no_number_is_said(self, monkeypatch):
        monkeypatch.setenv("SKEWLINE_MAX_EVENTS", "many")
        [said] = open_app().error
        assert said.proto.title == "SKEWLINE_MAX_EVENTS is 'many'."


def test_the_picture_without_outages_gives_way_to_the_one_with_them(monkeypatch):
    # Given a topic of which outages are still looked for when its picture is drawn
    monkeypatch.setattr(story, "is_analysed", lambda _: False)
    # When they are found
    at = open_app(source="Samples", topic="sessions-100")
    # Then there is one picture, with them, and it does not say that they are looked for
    [_] = at.get("vega_lite_chart")
    assert any("silence" in table for table in chart(at)[1].values())
    assert "being looked for" not in captions(at)
