"""What the pages say and withhold where a topic lacks a time, and how a time is chosen."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from tests.events.test_recognition import happenings
from tests.support.opened import (
    COMPARISON,
    DELAY,
    OUTAGES,
    OVERVIEW,
    SESSIONS,
    WINDOWS,
    captions,
    chart,
    each_page,
    files_of,
    metrics,
    open_app,
    parameters,
    settled,
)

pytestmark = pytest.mark.usefixtures("app_isolation")


@pytest.fixture
def topic(tmp_path, monkeypatch):
    """Write records as a file and return the link to it."""
    folder = files_of(tmp_path / "files", monkeypatch)

    def write(records):
        lines = "\n".join(json.dumps(record) for record in records)
        (folder / "topic.jsonl").write_text(lines)
        return {"source": "Files", "topic": "topic"}

    return write


def without_received():
    return [{"device": h.client, "ts": h.event_ms} for h in happenings()]


def half_received():
    return [
        {"device": h.client, "ts": h.event_ms}
        | ({"received_at": h.received_ms} if number % 2 else {})
        for number, h in enumerate(happenings())
    ]


def warnings(at):
    return " ".join(said.value for said in at.warning)


def test_what_is_unwrapped_is_shown_and_can_be_chosen(topic):
    link = topic([{"data": json.dumps(event)} for event in without_received()])
    at = open_app(**link)

    assert "Records are JSON → JSON text in data." in captions(at)
    assert at.multiselect(key="field_wrappers").value == ["JSON text in fields"]
    assert at.multiselect(key="field_event_time").value == ["data.ts"]

    settled(at.multiselect(key="field_wrappers").set_value([]).run())

    assert parameters(at)["wrappers"] == "none"
    assert "Records are JSON." in captions(at)
    assert at.multiselect(key="field_event_time").value == []


def test_without_a_received_time_every_page_says_so(topic):
    for page, at in each_page(**topic(without_received())):
        assert "There is no received time" in warnings(at), page
        assert "choose it under Fields" in warnings(at), page


def test_without_a_received_time_no_delay_is_shown(topic):
    at = open_app(OVERVIEW, **topic(without_received()))

    assert metrics(at) | {"Events": "60", "Clients": "3"} == metrics(at)
    assert not {"Median delay", "Largest delay", "Clock ahead"} & set(metrics(at))
    assert "arrived from" not in captions(at)


def test_without_a_received_time_the_comparison_draws_when_it_happened(topic):
    spec, _ = chart(open_app(COMPARISON, **topic(without_received())))

    assert [panel["name"] for panel in spec["vconcat"]] == ["event"]


@pytest.mark.parametrize("page", [DELAY, OUTAGES])
def test_without_a_received_time_pages_that_stand_on_it_stop(topic, page):
    at = open_app(page, **topic(without_received()))

    assert not at.get("vega_lite_chart")
    assert [said.proto.title for said in at.info] == ["No event has a received time."]


def test_without_a_received_time_sessions_last_by_event_time_only(topic):
    at = open_app(SESSIONS, **topic(without_received()))

    assert "none of them has a received time" in captions(at)


def test_without_a_received_time_windows_replay_once_the_viewer_vouches_for_the_order(topic):
    link = topic(without_received())

    at = open_app(WINDOWS, **link)
    assert not metrics(at)

    at = settled(at.toggle(key="arrival_order").set_value(True).run())
    assert metrics(at)["Dropped"].startswith("0 (0.00 %)") or "Dropped" in metrics(at)
    assert "Result latency" not in metrics(at)


def test_events_without_a_received_time_are_counted_on_every_page(topic):
    for page, at in each_page(**topic(half_received())):
        said = " ".join(info.value for info in at.info)
        assert "30 of 60 events have no received time" in said, page
        assert metrics(at).get("Events", "60") == "60", page


def test_pages_of_the_events_with_a_received_time_say_so(topic):
    # Given a topic of which half of the events have one
    link = topic(half_received())
    # Then no page calls these all events of the topic
    for page in (DELAY, OUTAGES, WINDOWS):
        at = open_app(page, **link)
        assert "Shown: all 30 events of the topic that have a received time." in captions(at), page
        only = open_app(page, **link, where="KafkaOffset < 20")
        assert "of 30 events with a received time, where" in captions(only), page
    at = open_app(OVERVIEW, **link)
    assert "Shown: all 60 events of the topic." in captions(at)
    assert any(
        "of the 30 events of the whole topic that have a received time." in said.value
        for said in at.markdown
    )


def test_a_received_time_is_chosen_in_the_sidebar(topic):
    records = [
        {"device": h.client, "ts": h.event_ms, "zz": h.received_ms - 86_400_000}
        for h in happenings()
    ]
    at = open_app(**topic(records))
    assert "There is no received time" in warnings(at)

    at = settled(at.multiselect(key="field_received_time").set_value(["zz"]).run())

    assert parameters(at)["received_time"] == "zz"
    assert "Median delay" in metrics(at)


def test_two_names_of_the_event_time_are_offered_on_every_page(topic):
    records = [
        {"device": h.client, "ts" if h.number % 2 else "occurredAt": h.event_ms}
        for h in happenings()
    ]
    link = topic(records)

    for page, at in each_page(**link):
        said = warnings(at)
        assert "ts is in" in said, page
        assert "occurredAt is in" in said, page
        assert "Median delay" not in metrics(at), page

    at = open_app(OVERVIEW, **link, event_time="ts||occurredAt")
    assert metrics(at)["Events"] == "60"


def test_a_missing_zone_is_said_and_chosen(topic):
    hour = 3_600_000
    records = [
        {"device": h.client, "at": iso(h.event_ms + hour), "received_at": h.received_ms}
        for h in happenings()
    ]
    link = topic(records)

    assert "whose zone is missing" in warnings(open_app(**link))

    at = open_app(**link, zone="Europe/Berlin")
    assert "zone is missing" not in warnings(at)
    assert metrics(at)["Clock ahead"] == "0"


@pytest.mark.parametrize(
    ("written", "zone"),
    [(lambda ms: ms, "+01:00"), (lambda ms: f"{iso(ms)}Z", "+01:00!")],
    ids=["as a number", "as UTC"],
)
def test_local_times_that_look_right_can_be_corrected_in_the_sidebar(topic, written, zone):
    hour = 3_600_000
    records = [
        {"device": h.client, "at": written(h.event_ms + hour), "received_at": h.received_ms}
        for h in happenings()
    ]
    at = open_app(OVERVIEW, **topic(records))
    assert "a whole number of quarter hours" in warnings(at)
    assert "Nothing stands out." not in [box.value for box in at.success]

    [choice] = [box for box in at.selectbox if box.label == "Clients' time zone"]
    at = choice.set_value(zone).run()

    assert "quarter hours" not in warnings(at)
    assert metrics(at)["Clock ahead"] == "0"


def iso(ms):
    at = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=ms)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03}"
