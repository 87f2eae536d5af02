"""Which topic opens, what the list says of topics, and what a range is preset to."""

from __future__ import annotations

import base64
import datetime as dt
import json
from uuid import uuid4

import pytest

from lib.core.masking import Masking
from lib.sources.base import TopicInfo
from lib.sources.files.folder import FileTopics
from lib.sources.guarded import Guarded
from lib.sources.passed_over import passed_over
from lib.ui.inputs.topic_choice import moment_in, span_of
from lib.ui.inputs.topic_list import topic_table
from lib.ui.parameters import INTERNAL_TOPICS, TOPIC_TABLE
from tests.support.broker import Record, create_topic
from tests.support.opened import captions, files_of, open_app, parameters, press

NOW = dt.datetime(2024, 1, 2, 3, 4, tzinfo=dt.UTC)
MINUTE_MS = 60_000


def test_from_and_to_are_preset_to_the_topics_own_span():
    info = TopicInfo("t", 1, 2, first_ms=90 * 1_000, last_ms=5 * MINUTE_MS)

    assert span_of(info, NOW) == (
        dt.datetime(1970, 1, 1, 0, 1, tzinfo=dt.UTC),
        dt.datetime(1970, 1, 1, 0, 6, tzinfo=dt.UTC),
    )


@pytest.mark.parametrize("last_ms", [None, 2**62])
def test_a_topic_without_known_times_is_preset_to_yesterday_to_tomorrow(last_ms):
    info = TopicInfo("t", 1, 2, first_ms=0, last_ms=last_ms)

    assert span_of(info, NOW) == (
        dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        dt.datetime(2024, 1, 3, tzinfo=dt.UTC),
    )


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2018-10-28T11:35", dt.datetime(2018, 10, 28, 11, 35)),  # noqa: DTZ001
        ("2018-10-28T11:35+01:00", dt.datetime(2018, 10, 28, 10, 35)),  # noqa: DTZ001
        ("1969-01-01T00:00", None),
        ("9999-12-31T23:59-12:00", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_moment_in_a_link_that_cannot_be_used_is_none(text, moment):
    assert moment_in(text) == moment


def test_the_list_leaves_empty_what_is_not_known():
    table = topic_table(
        [
            TopicInfo("a", 2, 30, bytes=5, first_ms=0, last_ms=1_000),
            TopicInfo("b", 0, 0, is_counted=False),
        ],
        {"a": "JSON"},
    )

    last = table["Last record"].dropna()
    assert [time.timestamp() for time in last] == [1.0]
    assert table["Records"].isna().tolist() == [False, True]
    assert table["Partitions"].isna().tolist() == [False, True]
    assert table["Size"].isna().tolist() == [False, True]
    assert table["Format"].tolist() == ["JSON", ""]


def listed(at):
    return set(at.get_by_key(TOPIC_TABLE).value["Topic"])


def test_internal_topics_are_listed_if_asked_for_and_new_ones_at_a_refresh(
    app_isolation, broker, make_topic, produce
):
    # Given a cluster whose list is open
    own, internal = make_topic(), f"_internal-{uuid4()}"
    create_topic(broker.bootstrap_servers, internal)
    app_isolation.write_text(
        f'[connections.kafka]\nbootstrap_servers = "{broker.bootstrap_servers}"\n'
    )
    produce(own, [Record(b'{"Timestamp": 1545230000000, "ClientID": 1, "SessionID": "s"}')])
    at = press(open_app(topic=own), "All topics")
    assert own in listed(at)
    assert internal not in listed(at)

    # When a topic is made, then it is there after a refresh
    new = make_topic()
    press(at, "All topics")
    assert new not in listed(at)
    press(at, "Refresh")
    assert new in listed(press(at, "All topics"))

    # When internal topics are asked for, then they are there, too
    at.session_state[INTERNAL_TOPICS] = True
    assert {own, internal} <= listed(press(at, "All topics"))


@pytest.mark.usefixtures("app_isolation")
def test_the_first_topic_that_opens_is_one_that_can_be_read(tmp_path, monkeypatch):
    folder = files_of(tmp_path / "files", monkeypatch)
    (folder / "a.jsonl").write_bytes(b"\xff\xfe\xfd\n" * 5)
    (folder / "b.csv").write_text("x\n")
    (folder / "c.jsonl").write_text('{"ts":1704164650000}\n' * 5)

    at = open_app(source="Files")

    assert parameters(at)["topic"] == "c"
    assert "Records are JSON." in captions(at)


def test_the_list_names_what_a_folder_has_that_is_no_topic(tmp_path, monkeypatch):
    folder = files_of(tmp_path / "files", monkeypatch)
    (folder / "a.jsonl").write_text('{"ts":1704164650000}\n' * 5)
    (folder / "b.yaml").write_text("- a: 1\n")
    (folder / "c.csv").touch()

    said = (
        "Passed over in the folder: b.yaml has an ending that is not known: .yaml; c.csv is empty."
    )
    assert passed_over(FileTopics(folder)) == said
    assert passed_over(Guarded(FileTopics(folder), Masking(("email",)))) == said
    assert passed_over(Guarded(FileTopics(folder), allowed=("a",))) == ""

    (folder / "a.jsonl").unlink()
    assert any(said in error.value for error in open_app(source="Files").error)


@pytest.mark.parametrize(
    ("value", "begins", "guess"),
    [
        (b"\0\0\0\0\x11\x0adev", "00 00 00 00 11 0a", "begins with 0 and schema id 17"),
        ("{}".encode("utf-16"), "ff fe 7b 00", "may be UTF-16; save it as UTF-8"),
        (b'{"a": 1,', "7b 22 61 22", "may be JSON over several lines"),
        (b"BZh91", "42 5a 68", "may be compressed with bzip2"),
    ],
)
def test_where_nothing_can_be_read_the_page_shows_bytes_and_a_guess(
    tmp_path, monkeypatch, value, begins, guess
):
    folder = files_of(tmp_path / "files", monkeypatch)
    record = {"topic": "t", "partition": 0, "offset": 0, "value": base64.b64encode(value).decode()}
    event = {"eventSource": "aws:kafka", "records": {"t-0": [record]}}
    (folder / "a.json").write_text(json.dumps(event))

    at = open_app(source="Files")

    assert any(code.value.startswith(begins) for code in at.code)
    assert any(guess in info.value for info in at.info)
