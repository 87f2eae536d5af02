"""The sentences that stand before every figure of a topic."""

from dataclasses import replace

import pytest

from lib.analysis.notices import About, Level, Notice, first_rejected, notices
from lib.analysis.of_topic import analysis_of
from lib.analysis.timestamp_quality import Stamp, Trust, Verdict, assess_timestamps
from lib.loading.load import load
from lib.sources.base import Everything
from lib.sources.files.folder import UploadedTopic, samples
from tests.support.app import REPOSITORY
from tests.support.blocks import values_of


@pytest.fixture(scope="module")
def topic():
    return load(samples(), "sessions-10", Everything())


def sentences(found):
    return {notice.about: notice.sentence for notice in found}


def test_of_a_good_topic_nothing_is_said(topic):
    assert notices(topic, assess_timestamps(topic.events.table)) == []


def test_a_capped_topic():
    capped = load(samples(), "sessions-10", Everything(), cap=100)
    sentence = (
        "The topic holds 255 records. The newest 100 are shown: the cap on events is reached."
    )
    assert notices(capped, None) == [Notice(About.CAPPED, Level.INFO, sentence)]


def test_a_stopped_load(topic):
    stopped = replace(topic, report=replace(topic.report, stopped=True))
    sentence = "Reading was stopped after 255 records."
    assert notices(stopped, None) == [Notice(About.STOPPED, Level.WARNING, sentence)]


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (1, "1 record could not be read and was rejected."),
        (2, "2 records could not be read and were rejected."),
    ],
)
def test_rejected_records(bad, sentence):
    event = {"Timestamp": 1_540_726_486_041, "ClientID": 1, "SessionID": "s"}
    lines = b"\n".join([*values_of(event, event), *[b"no JSON"] * bad])
    rejected = load(UploadedTopic("a.jsonl", lines), "a", Everything())
    assert notices(rejected, None) == [Notice(About.REJECTED, Level.NOTE, sentence)]


def test_a_record_years_ahead_is_left_out_but_an_engine_reads_it():
    now, year = 1_540_726_486_041, 365 * 86_400_000
    ahead, before = ({"Timestamp": now + years * year, "ClientID": 1} for years in (25, -25))
    kept = {"Timestamp": now, "ClientID": 1}
    values = b"\n".join(values_of(kept, ahead, kept, before, kept))

    topic = load(UploadedTopic("a.jsonl", values), "a", Everything())

    assert (topic.contents.rejected, topic.contents.far_ahead) == (2, 1)
    said_before, said_ahead = notices(topic, None)[-2:]
    assert said_before.sentence.startswith(
        "Left out is 1 record whose event time is more than 20 years before the others: an engine "
        "reads it, and mostly drops it as late."
    )
    assert said_ahead == Notice(
        About.REJECTED,
        Level.WARNING,
        "Left out is 1 record whose event time is more than 20 years ahead: an engine reads it, "
        "its clock jumps, and it may drop all that comes after, or stop. Filter such records out "
        "first.",
    )


def test_nothing_is_guessed_of_a_line_whose_reason_says_what_it_is():
    case = REPOSITORY / "tests/cases/e10-console-log-line-first.txt"
    rejected = load(UploadedTopic(case.name, case.read_bytes()), case.stem, Everything()).rejected

    assert rejected["reason"].to_pylist() == ["a line of a log"]
    assert first_rejected(rejected) == ""


PRINTED = 'CreateTime:1704164650220\tk\t{"ts":1704164650000}\n'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "a,b\n1,2\n1,2,3\na,b\n1\n"),
        ("a.jsonl", '{"ts":1704164650000}\n{"x":' + "[" * 200 + "]" * 200 + "}\n"),
        ("a.txt", f"{PRINTED}java.lang.OutOfMemoryError: Java heap space\n{PRINTED}"),
    ],
)
def test_nothing_is_guessed_of_what_is_rejected_for_a_reason_of_its_own(name, text):
    rejected = load(UploadedTopic(name, text.encode()), "a", Everything()).rejected

    assert rejected.num_rows
    assert first_rejected(rejected) == ""


@pytest.mark.parametrize(("broken", "silent"), [("", "was silent"), ("{oops\n", "is known for")])
def test_lines_of_tools_are_no_records_that_may_be_missing(broken, silent):
    """Given an outage of one of three clients, and what the console consumer says at the end."""
    start = 1_540_726_500_000
    happened = [(f"d{n % 3}", start + 500 * n) for n in range(240)]
    events = [
        (
            d,
            at,
            start + 85_000 if d == "d1" and 40_000 < at - start < 85_000 else at + 200 + at % 93,
        )
        for d, at in happened
    ]
    lines = "".join(
        f'CreateTime:{received}\t{{"device":"{client}","ts":{at}}}\n'
        for client, at, received in sorted(events, key=lambda event: event[2])
    )
    text = f"{lines}{broken}Processed a total of 240 messages\n"

    topic = load(UploadedTopic("a.txt", text.encode()), "a", Everything())

    assert silent in analysis_of(topic).findings[0].sentence
    said = sentences(notices(topic, None))[About.REJECTED]
    assert said.endswith("1 line of the file is no record.")
    assert said.startswith("1 record could not be read") == bool(broken)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (
            "load",
            {
                About.CLIENT: "No field names the client: all events are told as of one. Choose "
                "the field that does under Fields in the sidebar."
            },
        ),
        ("device", {}),
    ],
)
def test_where_no_field_names_the_client_it_is_said(field, said):
    events = [{"ts": 1_540_726_486_041 + 1_000 * n, field: n % 3} for n in range(9)]
    alone = load(UploadedTopic("a.jsonl", b"\n".join(values_of(*events))), "a", Everything())

    assert sentences(notices(alone, None)) == said


@pytest.mark.parametrize(
    ("clients", "named"),
    [
        ((2,), "client 2"),
        ((2, "b"), "clients 2, b"),
        (tuple(range(7)), "clients 0, 1, 2, 3, 4 and 2 more"),
    ],
)
def test_corrected_clocks(topic, clients, named):
    said = sentences(notices(replace(topic, corrected=clients), None))
    assert said == {
        About.CORRECTED: f"Event times of {named} are corrected, not as they were read."
    }


def test_timestamps_that_are_worth_little(topic):
    verdict = Verdict(Trust.LITTLE, "Received time means little here.", 255)
    [notice] = notices(topic, verdict)
    assert notice == Notice(About.TIMESTAMPS, Level.WARNING, verdict.sentence)


def test_where_timestamps_are_a_copy_a_field_that_is_called_so_is_named():
    start = 1_704_164_650_000
    times = [start + 700 * number for number in range(9)]
    rows = [{"Timestamp": t, "KafkaTimestamp": t, "received_at": t + 50} for t in times]
    values = b"\n".join(values_of(*rows))
    topic = load(UploadedTopic("a.jsonl", values), "a", Everything())
    copied = Verdict(Trust.LITTLE, "It means little.", 9, Stamp.COPY)

    told, named = notices(topic, copied)[-2:]

    assert told.sentence == copied.sentence
    assert named == Notice(
        About.RECEIVED_TIME,
        Level.INFO,
        "By name, the received time may be in received_at: choose it under Fields in the sidebar.",
    )
    assert notices(topic, replace(copied, stamp=Stamp.FIELD))[-1] == told


def test_the_order_is_what_is_missing_then_what_is_changed(topic):
    everything = replace(
        topic, report=replace(topic.report, stopped=True, capped=True), corrected=(1,)
    )
    verdict = Verdict(Trust.LITTLE, "It means little.", 255)
    assert [notice.about for notice in notices(everything, verdict)] == [
        About.STOPPED,
        About.CAPPED,
        About.CORRECTED,
        About.TIMESTAMPS,
    ]


def test_without_received_times_it_is_said(topic):
    verdict = Verdict(Trust.NONE, "No event has a received time.", 0, missing=255)
    [notice] = notices(topic, verdict)
    assert notice == Notice(About.TIMESTAMPS, Level.WARNING, verdict.sentence)


def test_an_order_that_is_not_that_of_receipt_is_said(topic):
    verdict = Verdict(Trust.STATED, "A mirror carried them over.", 255, in_order=False)
    [notice] = notices(topic, verdict)
    assert notice.level is Level.WARNING


def test_events_that_are_left_out_are_said(topic):
    verdict = Verdict(Trust.STATED, "3 of 255 events have none.", 252, missing=3)
    [notice] = notices(topic, verdict)
    assert notice == Notice(About.TIMESTAMPS, Level.INFO, verdict.sentence)
