"""Recorded topics: what is written is read back, ranges as Kafka has them, faults as sentences."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from lib.core.errors import TopicMissingError, UnreadableFileError
from lib.sources.base import Between, Everything, Latest, Span, TopicInfo
from lib.sources.files.folder import FileTopics, samples
from lib.sources.files.formats import records_of
from lib.sources.files.input_file import on_disk
from lib.sources.files.kcat import write_recorded
from lib.sources.records import (
    CREATE_TIME,
    LOG_APPEND_TIME,
    NO_TIMESTAMP,
    RECORDS,
    note_of,
    reason_of,
)

LINE = {
    "topic": "t",
    "partition": 0,
    "offset": 0,
    "tstype": "create",
    "ts": 1_540_726_486_053,
    "broker": 1,
    "key": "k",
    "payload": '{"n": 1}',
}


def lines(*records: dict) -> bytes:
    return b"".join(json.dumps(LINE | record).encode() + b"\n" for record in records)


def rows(path: Path) -> list[dict]:
    return [row for batch in records_of(on_disk(path)) for row in batch.to_pylist()]


def positions(source: FileTopics, topic: str, wanted) -> list[tuple[int, int]]:
    return sorted(
        (row["partition"], row["offset"])
        for batch in source.read(source.plan(topic, wanted))
        for row in batch.to_pylist()
    )


@pytest.fixture
def two_partitions(tmp_path: Path) -> FileTopics:
    """Partition 0 at times 100, 400, 200; partition 1 at times 150 and, after a hole, 300."""
    stamps = [(0, 5, 100), (1, 0, 150), (0, 6, 400), (1, 7, 300), (0, 7, 200)]
    records = [{"partition": p, "offset": o, "ts": ts} for p, o, ts in stamps]
    (tmp_path / "two.jsonl").write_bytes(lines(*records))
    return FileTopics(tmp_path)


# Lines and records


def test_a_line_as_kcat_writes_it_becomes_a_record(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text(
        '{"topic":"t","partition":3,"offset":42,"tstype":"logappend","ts":1540726486053,'
        '"broker":1001,"headers":["trace","a\\u0000","empty",null],"key":"2","payload":"{\\"a\\":1}"}\n'
    )

    assert rows(path) == [
        {
            "partition": 3,
            "offset": 42,
            "timestamp": 1540726486053,
            "timestamp_type": LOG_APPEND_TIME,
            "key": b"2",
            "value": b'{"a":1}',
            "headers": [("trace", b"a\x00"), ("empty", None)],
        }
    ]


def test_a_record_becomes_a_line_as_kcat_writes_it(tmp_path):
    path = tmp_path / "t.jsonl"
    record = {
        "partition": 3,
        "offset": 42,
        "timestamp": 7,
        "timestamp_type": CREATE_TIME,
        "key": None,
        "value": b'"\\\n\xc3\xa9',
        "headers": [("h", b"v")],
    }

    write_recorded(path, "t", [pa.RecordBatch.from_pylist([record], RECORDS)])

    assert path.read_text("utf-8") == (
        '{"topic":"t","partition":3,"offset":42,"tstype":"create","ts":7,"broker":0,'
        '"headers":["h","v"],"key":null,"payload":"\\"\\\\\\u000Aé"}\n'
    )


def test_a_line_without_timestamp_has_none(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"topic":"t","partition":0,"offset":0,"key":null,"payload":"x"}\n')

    assert [row["timestamp"] for row in rows(path)] == [NO_TIMESTAMP]


def test_a_null_payload_is_a_tombstone(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_bytes(lines({"payload": None}))

    assert [row["value"] for row in rows(path)] == [None]


def test_a_file_without_records_is_an_empty_topic(tmp_path):
    (tmp_path / "t.jsonl").write_text("\n")
    source = FileTopics(tmp_path)

    assert source.topics() == [TopicInfo("t", partitions=0, records=0)]
    assert positions(source, "t", Everything()) == []
    assert positions(source, "t", Latest(3)) == []


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
stamps = st.one_of(
    st.just((NO_TIMESTAMP, -1)),
    st.tuples(st.integers(0, 2**62), st.sampled_from([CREATE_TIME, LOG_APPEND_TIME])),
)
contents = st.tuples(
    st.integers(0, 2),
    stamps,
    st.none() | st.binary(max_size=20),
    st.none() | st.binary(max_size=40) | st.text(max_size=20).map(str.encode),
    st.none()
    | st.lists(st.tuples(names, st.none() | st.binary(max_size=5)), min_size=1, max_size=3),
)


@given(
    st.lists(st.lists(contents, max_size=5), max_size=4), st.sampled_from([".jsonl", ".jsonl.gz"])
)
@example(
    [[(0, (-1, -1), None, None, None), (0, (-1, -1), None, None, [("´", b"\x8dA^")])]], ".jsonl"
)  # which could be Korean
def test_what_is_written_is_read_back(blocks, suffix):
    offset = iter(range(1_000))
    written = [
        [
            {
                "partition": partition,
                "offset": next(offset),
                "timestamp": timestamp,
                "timestamp_type": kind,
                "key": key,
                "value": value,
                "headers": headers,
            }
            for partition, (timestamp, kind), key, value, headers in block
        ]
        for block in blocks
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"t{suffix}"
        write_recorded(path, "t", [pa.RecordBatch.from_pylist(block, RECORDS) for block in written])

        # Bytes that may be letters from before Unicode are read as these, and said to be.
        assume(not any(map(note_of, records_of(on_disk(path)))))
        assert rows(path) == [record for block in written for record in block]


def test_the_same_records_give_the_same_bytes(tmp_path):
    batch = next(records_of(on_disk(samples().folder / "sessions-10.jsonl.gz")))

    for name in ("one.jsonl.gz", "two.jsonl.gz"):
        write_recorded(tmp_path / name, "t", [batch])

    assert (tmp_path / "one.jsonl.gz").read_bytes() == (tmp_path / "two.jsonl.gz").read_bytes()


# Ranges


def test_topics_are_listed_with_partitions_offsets_and_timestamp_kind(two_partitions):
    assert two_partitions.topics() == [TopicInfo("two", 2, 3 + 8, "CreateTime")]


def test_topics_are_sorted_by_name(tmp_path):
    for file in ("a-b.jsonl", "a.jsonl", "a.b.jsonl.gz", "notes.md"):
        (tmp_path / file).write_bytes(gzip.compress(b"{}") if file.endswith(".gz") else b"{}")

    assert [topic.name for topic in FileTopics(tmp_path).topics()] == ["a", "a-b", "a.b"]


def test_everything_is_the_whole_log(two_partitions):
    plan = two_partitions.plan("two", Everything())

    assert plan.spans == plan.log == (Span(0, 5, 8), Span(1, 0, 8))
    assert positions(two_partitions, "two", Everything()) == [
        (0, 5),
        (0, 6),
        (0, 7),
        (1, 0),
        (1, 7),
    ]


@pytest.mark.parametrize(
    ("count", "newest"),
    [
        (1, [(0, 7)]),
        (2, [(0, 6), (0, 7)]),  # the record at 200 comes after the one at 400 of its partition
        (3, [(0, 6), (0, 7), (1, 7)]),
        (4, [(0, 6), (0, 7), (1, 0), (1, 7)]),
        (9, [(0, 5), (0, 6), (0, 7), (1, 0), (1, 7)]),
    ],
)
def test_latest_is_the_newest_in_arrival_order(two_partitions, count, newest):
    assert positions(two_partitions, "two", Latest(count)) == newest


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "found"),
    [
        (150, 300, [(1, 0)]),
        (151, 301, [(1, 7)]),
        (300, 401, [(0, 6), (0, 7), (1, 7)]),  # to the end: no later record reaches 401
        (200, 400, [(1, 7)]),  # partition 0 first reaches 200 with its record at 400
        (401, 900, []),
    ],
)
def test_between_is_found_as_kafka_finds_offsets_for_times(two_partitions, start_ms, end_ms, found):
    assert positions(two_partitions, "two", Between(start_ms, end_ms)) == found


def test_a_file_that_changes_is_read_again(tmp_path):
    source, path = FileTopics(tmp_path), tmp_path / "t.jsonl"
    path.write_bytes(lines({"offset": 0}))
    assert source.plan("t", Everything()).size == 1

    path.write_bytes(lines({"offset": 0}, {"offset": 1}))

    assert source.plan("t", Everything()).size == 2


def test_a_topic_that_is_not_there_is_missing(two_partitions):
    with pytest.raises(TopicMissingError, match="no topic “other”"):
        two_partitions.plan("other", Everything())


def test_a_topic_is_only_looked_for_in_its_folder(two_partitions):
    inner = two_partitions.folder / "inner"
    inner.mkdir()

    with pytest.raises(TopicMissingError):
        FileTopics(inner).plan("../two", Everything())


# Faults


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"partition": 0, "offs', "not a whole JSON object"),
        (
            lines({"offset": "one"}),
            "no partition or offset, which the other records of the file have",
        ),
        (lines({"offset": 0}), "a partition and offset that another record of the file has"),
        (b"time,client", "not a whole JSON object"),
        (bytes(set(range(256)) - {10, 13}), "not a whole JSON object"),
        (b"[1]", "not a whole JSON object"),
        (b"null", "not a whole JSON object"),
        (b'{"partition": 0, "offset": 7}', "no value beside its place in the topic"),
        (b"% Reached end of topic t [0] at offset 2", "a status line of kcat"),
        (lines({"offset": 7, "headers": ["name"]}), "headers that are not names and values"),
    ],
)
def test_a_line_that_is_no_record_is_rejected_beside_the_others(tmp_path, line, reason):
    path = tmp_path / "t.jsonl"
    path.write_bytes(lines({"offset": 0}, {"offset": 1}) + line + b"\n" + lines({"offset": 9}))

    blocks = list(records_of(on_disk(path)))

    good = [o for block in blocks if reason_of(block) is None for o in block["offset"].to_pylist()]
    assert good == [0, 1, 9]
    assert [(reason_of(block), len(block)) for block in blocks if reason_of(block)] == [(reason, 1)]


def test_the_newest_record_may_come_first(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_bytes(lines({"offset": 9}, {"offset": 5}, {"offset": 2}))

    assert [row["offset"] for row in rows(path)] == [2, 5, 9]


@pytest.mark.parametrize("kept", [10, 200, -1])
def test_a_truncated_gzip_file_says_so(tmp_path, kept):
    whole = (samples().folder / "sessions-10.jsonl.gz").read_bytes()
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(whole[:kept])

    with pytest.raises(UnreadableFileError, match=r"cut\.jsonl\.gz is truncated"):
        rows(path)


def test_a_file_named_gz_that_is_not_gzip_says_so(tmp_path):
    path = tmp_path / "plain.jsonl.gz"
    path.write_bytes(lines({}))

    with pytest.raises(UnreadableFileError, match="not compressed with gzip"):
        rows(path)


def test_a_line_longer_than_a_block_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("lib.sources.files.lines.LONGEST_LINE", 1 << 20)
    path = tmp_path / "long.jsonl"
    path.write_bytes(lines({"payload": "x" * (6 << 20)}))

    with pytest.raises(UnreadableFileError, match="a JSON value longer than 1 MB"):
        rows(path)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(UnreadableFileError, match="cannot be opened"):
        rows(tmp_path / "gone.jsonl")


def test_one_bad_file_does_not_hide_the_others(two_partitions):
    (two_partitions.folder / "bad.jsonl.gz").write_text("nonsense\n")

    assert [topic.name for topic in two_partitions.topics()] == ["bad", "two"]
    with pytest.raises(UnreadableFileError):
        two_partitions.plan("bad", Everything())
