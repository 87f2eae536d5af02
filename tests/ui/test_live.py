"""The page Live: what it tells of a topic's end, and the way to a fixed range and back."""

import json
import time
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from lib.core.errors import SkewlineError
from lib.sources.base import OF_NO_TIME
from tests.support.broker import Record
from tests.support.opened import (
    LIVE,
    OVERVIEW,
    captions,
    chart,
    files_of,
    go_to,
    metrics,
    open_app,
    parameters,
    press,
)

pytestmark = pytest.mark.usefixtures("app_isolation")

SAMPLE = {"source": "Samples", "topic": "sessions-100", "live_minutes": "60"}


def test_the_last_minutes_are_counted_and_drops_are_those_of_the_windows_page():
    at = open_app(LIVE, **SAMPLE)
    told = metrics(at)
    assert told["Events"] == "2,428"
    assert told["Dropped"].endswith(" of 2,428") or told["Dropped"].endswith(" of 2,427")
    assert "Flink DataStream: a watermark delay of 5 s with a session gap of 30 s" in captions(at)
    _, data = chart(at)
    assert sum(next(iter(data.values()))["events"]) == 2_428


def test_with_a_setting_that_is_not_followed_the_page_says_so():
    at = open_app(LIVE, **SAMPLE, idle="10 s")
    assert "Dropped" not in metrics(at)
    assert "Late events are not followed with an idle timeout" in captions(at)
    _, data = chart(at)
    assert {*next(iter(data.values()))["what"]} == {"received"}


def test_of_received_times_that_are_copies_no_delay_and_no_drop_is_drawn(tmp_path, monkeypatch):
    folder = files_of(tmp_path / "files", monkeypatch)
    times = range(1_545_230_000_000, 1_545_230_060_000, 1_000)
    records = [
        {"topic": "c", "partition": 0, "offset": n, "tstype": "create", "ts": time,
         "payload": json.dumps({"ClientID": 1, "Timestamp": time})}
        for n, time in enumerate(times)
    ]  # fmt: skip
    (folder / "copies.jsonl").write_text("\n".join(map(json.dumps, records)))
    at = open_app(LIVE, source="Files", topic="copies")
    assert "neither delays nor drops are told" in captions(at)
    _, data = chart(at)
    [drawn] = data.values()
    assert {*drawn["what"]} == {"received"}
    assert "do not exceed" not in captions(at)


def test_without_received_times_no_delay_is_told(tmp_path, monkeypatch):
    folder = files_of(tmp_path / "files", monkeypatch)
    rows = [{"ClientID": 1, "SessionID": "a", "Timestamp": 1_545_230_000_000 + i} for i in range(9)]
    (folder / "plain.jsonl").write_text("\n".join(map(json.dumps, rows)))
    at = open_app(LIVE, source="Files", topic="plain")
    assert "Delay now" not in metrics(at)
    said = at.info[-1].value
    assert said == f"Of the last 10 minutes of the topic no record was found. {OF_NO_TIME}"


def test_of_records_without_a_timestamp_no_event_is_said_to_lack_a_received_time(
    tmp_path, monkeypatch
):
    # Given a file of events with a received time, and of records without a timestamp
    folder = files_of(tmp_path / "files", monkeypatch)
    rows = [
        {"client": n % 3, "ts": 1_545_230_000_000 + 1000 * n,
         "received": 1_545_230_000_050 + 1000 * n + 37 * n % 300}
        for n in range(60)
    ]  # fmt: skip
    (folder / "fields.jsonl").write_text("\n".join(map(json.dumps, rows)))
    # When its last minutes are asked for, on the page Live and as a range
    live = open_app(LIVE, source="Files", topic="fields")
    minutes = open_app(source="Files", topic="fields", range="Minutes", minutes="5")
    # Then it is said why there are none
    for at in (live, minutes):
        assert any(info.value.endswith(OF_NO_TIME) for info in at.info)
        assert not any("with a received time" in info.value for info in at.info)


def test_while_nothing_can_be_read_no_client_falls_silent(tmp_path, monkeypatch):
    # Given a topic whose last event was received a minute ago
    folder = files_of(tmp_path / "files", monkeypatch)
    newest = round(time.time() * 1000) - 60_000
    records = [
        {"topic": "t", "partition": 0, "offset": n, "tstype": "create",
         "ts": newest - 1_000 * (99 - n),
         "payload": json.dumps({"ClientID": 1, "Timestamp": newest - 1_000 * (99 - n) - n % 7})}
        for n in range(100)
    ]  # fmt: skip
    (folder / "t.jsonl").write_text("\n".join(map(json.dumps, records)))
    at = open_app(LIVE, source="Files", topic="t")
    told = metrics(at)["Last event"]
    assert told.startswith(("6", "1 min"))
    # When its source does not answer for an hour
    hour = SimpleNamespace(monotonic=lambda: time.monotonic() + 3_600)
    monkeypatch.setattr("lib.ui.live.time", hour)
    monkeypatch.setattr("lib.ui.live.refreshed", no_answer)
    at.run()
    # Then the page is what it was, and says so
    assert at.error
    assert metrics(at)["Last event"] == told
    assert "As it was when the topic was last read, 1 h" in captions(at)


def no_answer(*_):
    raise SkewlineError("No broker answers.", "Try again.")


def test_these_minutes_become_the_range_of_all_pages_and_the_end_again():
    # Given the end of a topic, followed
    at = open_app(LIVE, **SAMPLE | {"live_minutes": "5"})
    # When its minutes are made the range
    at = press(at, "Look at these minutes on all pages")
    # Then other pages have them
    linked = parameters(at)
    assert (linked["range"], linked["from"]) == ("From–to", "2018-10-28T12:24")
    assert linked["to"] == "2018-10-28T12:30"
    fixed = metrics(go_to(at, OVERVIEW))["Events"]
    assert 0 < int(fixed) < 2_428
    # And back
    at = press(go_to(at, LIVE), "All pages at the end again")
    assert at.get_by_key("minutes").value == 5
    assert "from" not in parameters(at)


def written(numbers):
    """Events of one client, a millisecond apart, as records."""
    for i in numbers:
        event = {"ClientID": 1, "SessionID": "a", "EventID": i, "Timestamp": 1_545_230_000_000 + i}
        yield Record(json.dumps(event).encode(), timestamp_ms=event["Timestamp"] + 5 + i % 3)


def test_paused_nothing_is_read_and_resumed_all_of_it(broker, make_topic, produce, monkeypatch):
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    monkeypatch.setattr("lib.ui.live._SHARED_S", 0.0)
    topic = make_topic()
    produce(topic, written(range(100)))
    at = open_app(LIVE, source="Kafka", topic=topic)
    assert metrics(at)["Events"] == "100"
    at.get_by_key("paused").set_value(True).run()
    produce(topic, written(range(100, 150)))
    assert metrics(at.run())["Events"] == "100"
    at.get_by_key("paused").set_value(False).run()
    assert metrics(at)["Events"] == "150"


def test_an_open_page_grows_by_itself(page, kafka_app, make_topic, produce):
    topic = make_topic()
    produce(topic, written(range(100)))
    page.goto(f"{kafka_app}/live?source=Kafka&topic={topic}")
    events = page.get_by_test_id("stMetric").first
    expect(events).to_contain_text("100")
    produce(topic, written(range(100, 150)))
    expect(events).to_contain_text("150")
