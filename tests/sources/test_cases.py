"""Small files as people have them: each opens with the right records, or says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.core.masking import NOTHING_MASKED
from lib.core.schemas import NoSchemas
from lib.decoding.registry import decode_block, decoder_for
from lib.sources.base import Everything
from lib.sources.files.folder import FileTopics, UploadedTopic, topic_of
from lib.sources.records import NO_TIMESTAMP

CASES = Path(__file__).parents[1] / "cases"

SECONDS = (
    ("dev-a", 0, 220),
    ("dev-b", 700, 220),
    ("dev-a", 5_000, 221),
    ("dev-b", 5_700, 221),
    ("dev-a", 10_000, 222),
    ("dev-a", 15_000, 223),
    ("dev-a", 20_000, 224),
    ("dev-b", 10_700, 10_222),
    ("dev-b", 15_700, 5_223),
    ("dev-b", 20_700, 224),
    ("dev-a", 25_000, 225),
    ("dev-b", 25_700, 225),
)
"""Device, event time in ms since the first, and delay in ms: what every case holds."""

ZERO = 1_704_164_650_000
EVENTS = [(device, ZERO + ms) for device, ms, _ in SECONDS]
RECEIVED = [ZERO + ms + delay for _, ms, delay in SECONDS]


def loaded(name: str):
    """Return the columns of a case, what was rejected, and the notes, as an upload."""
    source = UploadedTopic(name, (CASES / name).read_bytes())
    topic = topic_of(name)
    read = source.read(source.plan(topic, Everything()))
    blocks = [
        decode_block(block, decoder_for(block, NoSchemas()), NOTHING_MASKED, extras=("@key",))
        for block in read
    ]
    columns = [row for block in blocks for row in block.columns.to_pylist()]
    rejected = [row["reason"] for block in blocks for row in block.rejected.to_pylist()]
    return columns, rejected, source.notes(topic)


@pytest.mark.parametrize(
    ("name", "rejected"),
    [
        ("e01-kcat-terminal.jsonl", ["a status line of kcat"]),
        ("e03-kcat-payload-object.jsonl", []),
        ("e04-kcat-pretty.jsonl", []),
        ("e05-console-headers.txt", []),
        ("e09-console-separator.txt", []),
        ("e10-console-log-line-first.txt", ["a line of a log"]),
        ("e13-ui-export.jsonl", []),
        ("e15-spark-kafka.parquet", []),
        ("e16-rpk.json", []),
        ("e17-confluent-cli.txt", []),
    ],
)
def test_the_timestamp_beside_a_value_is_the_received_time(name, rejected):
    columns, found, _ = loaded(name)

    assert [row["ts"] for row in columns] == [ms for _, ms in EVENTS]
    assert [row["KafkaTimestamp"] for row in columns] == RECEIVED
    assert found == rejected
    keys = {row["@key"] for row in columns}
    assert keys == ({None} if name.startswith("e17") else {"dev-a", "dev-b"})


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("e07-console-no-timestamp.txt", {None}),
        ("e12-key-value-lines.txt", {"dev-a", "dev-b"}),
    ],
)
def test_where_no_timestamp_was_printed_there_is_none(name, keys):
    columns, rejected, _ = loaded(name)

    assert [(row["device_id"], row["ts"]) for row in columns] == EVENTS
    assert {row["KafkaTimestamp"] for row in columns} == {NO_TIMESTAMP}
    assert {row["@key"] for row in columns} == keys
    assert rejected == []


@pytest.mark.parametrize(
    ("name", "notes"),
    [
        ("f01-array.json", ()),
        (
            "f03-document.json",
            ("The file is one JSON document; its records are the 12 of events.",),
        ),
        ("f04-pretty-behind-each-other.json", ()),
        ("f06-trailing-commas.jsonl", ()),
        ("f07-events.json.gz", ()),
        ("f08-cells-too-many.csv", ()),
        ("f10-comment-first.csv", ("Lines passed over before the first row: 1.",)),
        ("f13-binary-column.parquet", ()),
    ],
)
def test_containers_hold_the_same_events(name, notes):
    columns, rejected, found = loaded(name)

    assert [(row["device_id"], row["ts"]) for row in columns] == EVENTS
    assert [row["received_at"] for row in columns] == RECEIVED
    assert {row["KafkaTimestamp"] for row in columns} == {NO_TIMESTAMP}
    assert rejected == []
    assert found == notes


def test_a_table_without_names_is_said_to_have_none():
    columns, rejected, (note,) = loaded("f11-no-names.csv")

    assert [(row["column_1"], row["column_2"]) for row in columns] == EVENTS
    assert rejected == []
    assert "looks like data" in note


def test_bytes_that_are_no_text_are_shown_in_hexadecimal():
    columns, _, _ = loaded("f13-binary-column.parquet")

    assert {row["hash"] for row in columns} == {"fffe"}


def test_a_folder_of_all_cases_lists_all_of_them():
    source = FileTopics(CASES)

    assert len(source.topics()) == len(list(CASES.iterdir()))
    assert {topic.records for topic in source.topics()} <= {len(EVENTS), len(EVENTS) + 1}
    assert source.passed_over() == []
