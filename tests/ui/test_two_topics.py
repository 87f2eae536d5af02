"""The page Two topics: a second topic beside the first, matched, or why it is not."""

import json

import pytest

from tests.support.broker import Record
from tests.support.opened import (
    TWO_TOPICS,
    captions,
    chart,
    choose,
    files_of,
    metrics,
    open_app,
    parameters,
)

pytestmark = pytest.mark.usefixtures("app_isolation")

START_MS = 1_545_230_020_000
EVENTS = 400


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder whose files are the topics of the source Files."""
    return files_of(tmp_path / "files", monkeypatch)


def record(i, *, took_ms=0, **changed):
    """An event of one of four clients, ten a second, and when its broker received it."""
    value = {"client": f"c{i % 4}", "session": f"s{i % 4}", "number": i // 4, "id": f"e{i}"}
    value |= {"event_time": START_MS + 100 * i, "colour": "red", **changed}
    return value, START_MS + 100 * i + 40 + i % 7 + took_ms


def mirrored():
    """A mirror with faults: 3 dropped, 2 repeated, 1 reordered, 4 changed, 60 held back for 6 s."""
    order = [i for i in range(EVENTS) if i not in (50, 51, 52)]
    order.insert(order.index(120), order.pop(order.index(110)))
    order[order.index(150) + 1 : order.index(150) + 1] = [150, 150]
    rows = []
    for place, i in enumerate(order):
        took = 20 + place % 5
        if 200 <= i < 260:  # the mirror stood still, and went on with what had come
            took += 100 * (260 - i)
        rows.append(
            record(i, took_ms=took, **({"colour": "blue"} if i in (80, 81, 82, 83) else {}))
        )
    return rows


FAULTS = {
    "In both": "397",
    "Only in first": "3",
    "Only in second": "0",
    "Repeated in second": "2",
    "Reordered": "1",
    "Changed": "4",
}


def write(path, rows):
    """Write records as kcat prints them."""
    lines = [
        {"topic": path.stem, "partition": 0, "offset": offset, "ts": ts, "tstype": "create"}
        | {"key": value.get("id", ""), "payload": json.dumps(value)}
        for offset, (value, ts) in enumerate(rows)
    ]
    path.write_text("\n".join(map(json.dumps, lines)))


@pytest.fixture
def two(files):
    """A topic and its mirror, as a link opens them."""
    write(files / "first.jsonl", [record(i) for i in range(EVENTS)])
    write(files / "second.jsonl", mirrored())
    return {"source": "Files", "topic": "first", "other_topic": "second"}


def messages(at):
    return [element.value for element in at.info]


def test_injected_faults_are_counted(two):
    at = open_app(TWO_TOPICS, **two)
    assert metrics(at) == FAULTS
    [outage] = [m.value for m in at.markdown if "of the way" in m.value]
    assert outage.startswith("**1 outage of the way**")
    assert "60 events held back, 0 missing" in outage


@pytest.mark.parametrize("by", ["id", "@key"])
def test_matched_by_a_field_or_by_the_key_the_figures_are_the_same(two, by):
    at = open_app(TWO_TOPICS, **two, matched_by=by)
    assert metrics(at) == FAULTS


def test_a_field_that_tells_no_event_from_another_is_refused(two):
    at = open_app(TWO_TOPICS, **two, matched_by="ClientID")
    assert metrics(at) == {}
    assert messages(at) == [
        (
            "Client does not tell the events of first apart: about 100 of them have the same. "
            "Choose another field."
        )
    ]


def test_without_numbers_the_page_asks_for_a_field(files, two):
    rows = [record(i) for i in range(EVENTS)]
    write(files / "second.jsonl", [({**value, "number": None}, ts) for value, ts in rows])
    at = open_app(TWO_TOPICS, **two)
    assert metrics(at) == {}
    assert messages(at) == [
        (
            "second is without sequence numbers: choose what tells the events apart, a field that "
            "both topics have."
        )
    ]


def test_a_mirror_that_keeps_timestamps_tells_no_delay(files, two):
    write(files / "second.jsonl", [record(i) for i in range(EVENTS)])
    at = open_app(TWO_TOPICS, **two)
    assert messages(at) == [
        (
            "100 % of the matched events have the same received time in both topics, as a mirror "
            "gives them that keeps the record timestamps: how long the way took cannot be told."
        )
    ]


def test_another_range_of_the_same_topic_has_nothing_in_common_and_is_compared(two):
    at = open_app(
        TWO_TOPICS,
        **{**two, "other_topic": "first", "range": "From–to", "other_range": "From–to"},
        **{"from": "2018-12-19T14:33", "to": "2018-12-19T14:34"},
        other_from="2018-12-19T14:34",
        other_to="2018-12-19T14:35",
        aligned="Since start",
    )
    [message] = messages(at)
    assert message.startswith("No event of first (first) is in first (second), by client, session")
    spec, data = chart(at)
    drawn = next(iter(data.values()))
    assert set(drawn["topic"]) == {"first (first)", "first (second)"}
    assert drawn["time"].min() == 0
    assert spec["vconcat"][0]["encoding"]["x"]["title"] == "Event time since start, s since zero"


def test_what_the_second_was_not_read_of_is_not_said_to_be_lost(two):
    at = open_app(TWO_TOPICS, **two, other_range="Latest", other_latest="100")
    assert metrics(at)["Only in first"] == "300"
    assert (
        "Of what is only in first, matched events of the same partition do not surround 300 "
        "events: second may not have been read so far, or may not have them yet."
    ) in captions(at)


def test_a_second_topic_that_is_not_there_is_said_to_be_missing(two):
    at = open_app(TWO_TOPICS, **{**two, "other_topic": "gone"})
    assert ["gone" in error.proto.title for error in at.error] == [True]


@pytest.mark.usefixtures("two")
def test_choosing_is_in_the_link():
    at = open_app(TWO_TOPICS, source="Files", topic="first")
    assert "One topic alone has nothing beside it." in [i.proto.title for i in at.info]
    at = choose(at, "field_other_topic", "second")
    assert parameters(at)["other_topic"] == "second"
    assert metrics(at) == FAULTS


def test_a_mirror_written_with_faults_to_a_broker_is_matched_exactly(
    broker, make_topic, produce, monkeypatch
):
    # Given two topics of Kafka, the second a mirror of the first with faults
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    first, second = make_topic(), make_topic()
    for topic, rows in ((first, [record(i) for i in range(EVENTS)]), (second, mirrored())):
        produce(topic, [Record(json.dumps(value).encode(), timestamp_ms=ts) for value, ts in rows])
    # When they are opened beside one another
    at = open_app(TWO_TOPICS, source="Kafka", topic=first, other_topic=second)
    # Then every fault is counted
    named = {
        label.replace("first", first).replace("second", second): count
        for label, count in FAULTS.items()
    }
    assert metrics(at) == named
