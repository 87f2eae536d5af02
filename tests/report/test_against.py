"""A second topic in the report: the figures of the page Two topics."""

import json

import pytest

from lib.report.__main__ import main

START_MS = 1_545_230_000_000


def lines(numbers, *, late_ms=0, **changed):
    """Records as kcat prints them, one a second."""
    for place, i in enumerate(numbers):
        event = {"client": "a", "session": "s", "number": i, "event_time": START_MS + 1_000 * i}
        event |= changed if i == 7 else {}
        ts = START_MS + 1_000 * i + 30 + i % 3 + late_ms
        record = {"topic": "t", "partition": 0, "offset": place, "ts": ts, "tstype": "create"}
        yield json.dumps(record | {"key": f"k{i}", "payload": json.dumps(event)})


@pytest.fixture
def files(tmp_path):
    """A topic, and a mirror that dropped one event, repeated one and changed one."""
    for name, of in (
        ("here", lines(range(60))),
        ("there", lines([*range(20), 19, *range(21, 60)], late_ms=5, colour="blue")),
    ):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(of))
    return tmp_path / "here.jsonl", tmp_path / "there.jsonl"


@pytest.mark.parametrize("by", [[], ["--matched-by", "@key"]])
def test_a_second_file_is_matched_and_can_break_the_report(report, files, by):
    here, there = files
    told = report(*("--file", here, "--against", there, *by, "--fail-if", "against.only_here > 0"))
    against = told.document["against"]
    assert told.status == 1
    assert against["topics"] == ["here", "there"]
    assert (against["in_both"], against["only_here"], against["repeated_there"]) == (59, 1, 1)
    assert against["way"]["delay_ms"]["p50"] == 5
    assert against["why_not"] is None


def test_what_cannot_be_matched_is_said(report, files):
    here, there = files
    asked = ("--file", here, "--against", there, "--matched-by", "ClientID", "--html", "r.html")
    made = report(*asked, "--fail-if", "against.only_here > 0")
    against, why = made.document["against"], "Client does not tell the events of here apart"
    assert against["why_not"].startswith(why)
    assert against["in_both"] is None
    assert (made.status, why in made.out) == (2, True)
    assert why in (made.folder / "r.html").read_text()


def test_the_page_and_the_terminal_tell_of_the_second_topic(report, files, capsys):
    here, there = files
    page = report("--file", here, "--against", there, "--html", "r.html").folder / "r.html"
    assert "Only in here</th><td>1</td>" in page.read_text()
    assert "Median delay of the way</th><td>5 ms</td>" in page.read_text()
    main(["--file", str(here), "--against", str(there)])
    assert "here against there: 59 events in both, 1 only in here" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (("--source", "samples", "--topic", "sessions-10"), "Name one with --against: sessions-10"),
        (("--file", "here.jsonl"), "There is no file nope."),
    ],
)
@pytest.mark.usefixtures("files")
def test_a_second_topic_that_is_not_there_is_said(report, first, said):
    made = report(*first, "--against", "nope")
    assert made.status == 2
    assert said in made.err


def test_a_topic_of_the_same_source(report):
    told = report("--source", "samples", "--topic", "sessions-10", "--against", "sessions-10")
    assert told.document["against"]["in_both"] == 255
    assert told.document["against"]["way"]["withheld"].startswith("100 % of the matched events")


def test_without_a_second_topic_there_is_nothing(report):
    assert report("--source", "samples", "--topic", "sessions-10").document["against"] is None
