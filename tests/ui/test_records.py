"""The Records page: a record as it is, what stands around it, and every way to it."""

import json

import pytest

from lib.core.columns import CLIENT, OFFSET, PARTITION, SESSION
from lib.loading.load import load
from lib.sources.base import Everything
from lib.sources.files.folder import samples
from tests.support.opened import (
    COMPARISON,
    DELAY,
    OVERVIEW,
    RECORDS,
    SESSIONS,
    WINDOWS,
    captions,
    files_of,
    open_app,
    parameters,
    press,
    settled,
)

pytestmark = pytest.mark.usefixtures("viewer")
MS = 1_704_164_650_000
HOSTILE = "<b>*x*</b> :red[y] $z$ =1+1 \u202e"


@pytest.fixture(scope="module")
def events():
    return load(samples(), "sessions-100", Everything()).events.table


def opened(record, **link):
    return open_app(RECORDS, topic="sessions-100", record=record, **link)


def facts(at):
    """Return what the first table says of the record."""
    return dict(at.dataframe[0].value.to_numpy().tolist())


def around(at, of):
    """Return the offsets that are listed around the record, in its partition or its session."""
    [table] = [each for each in at.dataframe if f"in its {of};" in each.proto.alt]
    return table.value["Offset"].tolist()


def select(at, key, row):
    """Select a row of a table, as a click does."""
    at.session_state[key] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    return settled(at.run())


def test_a_link_shows_the_record_with_its_times_and_neighbours(events):
    at = opened("1:7")
    said, row = facts(at), events[(events[PARTITION] == 1) & (events[OFFSET] == 7)].iloc[0]
    assert (said["Partition"], said["Offset"]) == ("1", "7")
    assert said["Event time, epoch ms"] == f"{row['Timestamp']}"
    assert said["Received time, epoch ms"] == f"{row['KafkaTimestamp']}"
    assert said["Client"] == str(row[CLIENT])
    assert said["Its kind"] == "LogAppendTime"
    key, tree, text, raw = (each.value for each in at.main.get("code"))
    assert (key, json.loads(text)) == (str(row[CLIENT]), json.loads(tree))
    assert f'"SessionID": "{row[SESSION]}"' in tree
    assert raw.startswith("00000000  7b 22 ")
    assert around(at, "partition") == list(range(2, 13))
    of_session = events[events[SESSION] == row[SESSION]].sort_values("Timestamp", kind="stable")
    place = of_session[OFFSET].tolist().index(7)
    assert around(at, "session") == of_session[OFFSET].tolist()[max(0, place - 5) : place + 6]


def test_typing_a_place_and_stepping_change_the_link():
    at = open_app(RECORDS, topic="sessions-100")
    assert not at.main.get("code")
    at.number_input(key="record_partition").set_value(2)
    at = settled(at.number_input(key="record_offset").set_value(4).run())
    assert parameters(at)["record"] == "2:4"
    at = press(at, "Next")
    assert (parameters(at)["record"], facts(at)["Offset"]) == ("2:5", "5")
    at = press(press(at, "Previous"), "Previous")
    assert facts(at)["Offset"] == "3"


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("1:5000", "Offset 5,000 of partition 1 is not there yet."),
        ("9:1", "There is no partition 9."),
    ],
)
def test_a_record_that_is_not_there_is_said_to_be_missing(record, said):
    at = opened(record)
    assert [error.proto.title for error in at.error] == [said]
    assert len(at.dataframe) >= 1  # the events are listed all the same


@pytest.mark.parametrize("record", ["", "x", "1", "1:", ":1", "-1:2", "1:2:3", "9" * 40, "²:1"])
def test_a_link_that_names_no_record_asks_for_one(record):
    at = opened(record)
    assert "Choose a row of a table, or type a partition and an offset." in captions(at)


@pytest.mark.usefixtures("app_isolation")
def test_a_topic_without_any_event_shows_its_records(tmp_path, monkeypatch):
    folder = files_of(tmp_path / "files", monkeypatch)
    (folder / "t.jsonl").write_text(f"{HOSTILE}\nnot JSON\n")
    at = open_app(RECORDS, topic="t", record="0:0")
    assert at.main.get("code")[0].value == HOSTILE
    assert [each.value for each in at.warning] == ["It is no event: not JSON."]


@pytest.mark.usefixtures("app_isolation")
def test_what_a_record_says_is_shown_letter_by_letter(tmp_path, monkeypatch):
    folder = files_of(tmp_path / "files", monkeypatch)
    value = {"Timestamp": MS, "ClientID": HOSTILE, "SessionID": HOSTILE, "n": 2**60}
    (folder / "t.jsonl").write_text(
        json.dumps(value, ensure_ascii=False) + "\n" + json.dumps(value)
    )
    at = open_app(RECORDS, topic="t", record="0:0")
    tree = at.main.get("code")[0].value
    assert json.loads(tree) == value
    assert (str(2**60) in tree, "\\u202e" in tree) == (True, True)  # exact, and every letter seen
    assert "<b>*x*</b>" in facts(at)["Client"]
    assert "⟨U+202E⟩" in facts(at)["Client"]
    assert not [m for m in at.markdown if "*x*" in m.value and "\\*" not in m.value]


def test_a_row_of_a_table_leads_to_its_record(events):
    at = select(open_app(OVERVIEW, topic="sessions-100"), "first_records", 3)
    row = events.iloc[3]
    at = press(at, f"Open the record, partition {row[PARTITION]}, offset {row[OFFSET]:,}")
    assert facts(at)["Offset"] == f"{row[OFFSET]:,}"


def test_a_dropped_event_leads_to_its_record():
    at = open_app(WINDOWS, topic="sessions-100")
    [dropped] = [t.value for t in at.dataframe if t.proto.alt.startswith("Dropped events")]
    at = select(at, "dropped_table", 0)
    row = dropped.iloc[0]
    at = press(at, f"Open the record, partition {row[PARTITION]}, offset {row[OFFSET]:,}")
    assert facts(at)["Offset"] == f"{row[OFFSET]:,}"


@pytest.mark.parametrize(
    ("page", "key", "views"),
    [
        (OVERVIEW, "story", [2]),
        (COMPARISON, "comparison", [2]),
        (SESSIONS, "session_fan", [1]),
        (DELAY, "skew", [1, 1]),
        (DELAY, "delay_over_time", [1, 1]),
        (WINDOWS, "replay_skew", [1]),
    ],
)
def test_an_event_that_is_clicked_in_a_chart_leads_to_its_record(page, key, views):
    # Given a chart whose every panel takes the click of an event
    at = open_app(page, topic="sessions-10")
    specs = [json.loads(each.proto.spec) for each in at.get("vega_lite_chart")]
    clicked = [p for spec in specs for p in spec.get("params", []) if p["name"] == "record"]
    assert all(each["select"]["fields"] == [PARTITION, OFFSET] for each in clicked)
    assert [len(each.get("views", [key])) for each in clicked] == views

    # When an event is clicked, then its record is one press away; other marks lead nowhere
    for mark, labels in (
        ({PARTITION: 0, OFFSET: 41}, ["Open the record, partition 0, offset 41"]),
        ({PARTITION: None}, []),
    ):
        at.session_state[key] = {"selection": {"record": [mark]}}
        at = settled(at.run())
        assert [b.label for b in at.main.button if b.label.startswith("Open the rec")] == labels


@pytest.mark.usefixtures("app_isolation")
def test_a_chart_of_counts_says_how_to_come_to_records(monkeypatch):
    # Given more events than are drawn one by one; what zooming does, a browser test sees
    monkeypatch.setattr("lib.charts.comparison_data.MOST_POINTS", 1_000)
    at = open_app(COMPARISON, topic="sessions-100")
    assert "Zoom in for the records of a stretch" in captions(at)
    assert at.get_by_key("comparison_records").disabled


def test_a_session_leads_to_its_records(events):
    session = events[SESSION].iloc[5]
    at = press(
        open_app(SESSIONS, topic="sessions-100", one_session=session), "The records of this session"
    )
    of_session = int((events[SESSION] == session).sum())
    assert f"Shown: {of_session} of 2,428 events, where “SessionID = '{session}'”" in captions(at)
    assert at.title[0].value == "Records"
