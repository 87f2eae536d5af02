"""Files as topics: every format and compression, captures, and what bad files get."""

from __future__ import annotations

import gzip
import io
import json
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from lib.core.columns import KAFKA_COLUMNS, OFFSET
from lib.core.errors import UnreadableFileError
from lib.core.masking import NOTHING_MASKED
from lib.core.schemas import NoSchemas
from lib.decoding.base import Decoded
from lib.decoding.json import JSON
from lib.decoding.merge import concat
from lib.decoding.registry import decode_block, decoder_for
from lib.decoding.rejected import REJECTED
from lib.events.export import write_capture
from lib.events.fields import Fields
from lib.events.recognition import recognise
from lib.events.table import EventsTable, build_events
from lib.sources.base import Between, Everything, FromOffset, LastMinutes, Latest, Span, TopicInfo
from lib.sources.files import input_file
from lib.sources.files.folder import FileTopics, UploadedTopic, samples, topic_of
from lib.sources.files.formats import records_of
from lib.sources.files.input_file import Limits, uploaded
from lib.sources.files.parquet import ORIGIN
from lib.sources.records import CREATE_TIME, LOG_APPEND_TIME, NO_TIMESTAMP, NO_TIMESTAMP_TYPE
from tests.sources.test_cases import CASES
from tests.support.blocks import block, values_of
from tests.support.fields import fields_named

if TYPE_CHECKING:
    from lib.sources.base import TopicSource

PACK = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}


def rows(name: str, content: bytes) -> list[dict]:
    return [row for batch in records_of(uploaded(name, content)) for row in batch.to_pylist()]


def decoded(name: str, content: bytes) -> Decoded:
    """Return all that a file holds, as decoders give it."""
    blocks = [
        decode_block(b, decoder_for(b, NoSchemas()), NOTHING_MASKED)
        for b in records_of(uploaded(name, content))
    ]
    return Decoded(
        concat([block.columns for block in blocks]),
        pa.concat_tables([REJECTED.empty_table(), *(block.rejected for block in blocks)]),
    )


def fields(name: str, content: bytes) -> list[dict]:
    """Return the fields of a file's records."""
    columns = decoded(name, content).columns
    return columns.drop_columns([n for n in columns.column_names if n in KAFKA_COLUMNS]).to_pylist()


def offsets(source: TopicSource, topic: str, wanted) -> list[int]:
    plan = source.plan(topic, wanted)
    return [offset for batch in source.read(plan) for offset in batch["offset"].to_pylist()]


def parquet(frame: pd.DataFrame | pa.Table) -> bytes:
    table = pa.Table.from_pandas(frame) if isinstance(frame, pd.DataFrame) else frame
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


# JSON Lines


def test_a_line_is_the_value_of_a_record():
    found = rows("t.jsonl", b'{"a":1}\n\n  \r\n{"a":2}\r\nnot json')

    assert [row["value"] for row in found] == [b'{"a":1}', b'{"a":2}', b"not json"]
    assert [row["offset"] for row in found] == [0, 1, 2]
    assert {(row["partition"], row["timestamp"], row["timestamp_type"]) for row in found} == {
        (0, NO_TIMESTAMP, NO_TIMESTAMP_TYPE)
    }


def test_a_byte_order_mark_is_no_part_of_the_first_line():
    assert fields("t.jsonl", b'\xef\xbb\xbf{"a":1}\n') == [{"a": 1}]


def test_server_sent_events_are_their_data():
    # Given a stream as curl saves it: with a comment, a name, and an id of another field's form
    sent = [
        b": ok\n\n",
        b'event: message\r\nid: [{"topic":"t"}]\r\ndata: {"n": 1, "s": "data: x"}\r\n\r\n',
        b'event: message\nid: 8\nretry: 10\ndata:{"n": 2, "s": ": y"}\n\n',
        b"event: message\ndata: [DONE]\n\n",
    ]
    found = rows("stream.txt", b"".join(sent))
    # Then the data of each event is a value
    assert [row["value"] for row in found] == [
        b'{"n": 1, "s": "data: x"}',
        b'{"n": 2, "s": ": y"}',
        b"[DONE]",
    ]


def test_lines_longer_than_a_block_are_read(monkeypatch):
    monkeypatch.setattr("lib.sources.files.lines.BLOCK_BYTES", 64)
    lines = [json.dumps({"n": n, "text": "x" * n}).encode() for n in range(200)]

    assert [row["n"] for row in fields("t.jsonl", b"\n".join(lines))] == list(range(200))


def test_fields_of_the_events_table_say_where_a_record_stood_and_when_it_was_received():
    line = b'{"KafkaPartition":2,"KafkaOffset":7,"KafkaTimestamp":1540726486041,"a":1}'

    (row,) = rows("t.jsonl", line)

    assert (row["partition"], row["offset"], row["timestamp"]) == (2, 7, 1540726486041)


def test_lines_as_kcat_writes_them_are_records():
    line = {"topic": "t", "partition": 1, "offset": 5, "tstype": "create", "ts": 77}
    line |= {"broker": 0, "key": "k", "payload": '{"a":1}'}

    (row,) = rows("t.jsonl", json.dumps(line).encode())

    assert (row["partition"], row["offset"], row["timestamp"]) == (1, 5, 77)
    assert (row["timestamp_type"], row["key"], row["value"]) == (CREATE_TIME, b"k", b'{"a":1}')


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (b'CreateTime:77\t{"a":1}', (0, 0, 77, CREATE_TIME, None, b'{"a":1}')),
        (b'LogAppendTime:77\t{"a":1}', (0, 0, 77, LOG_APPEND_TIME, None, b'{"a":1}')),
        (b'NO_TIMESTAMP\t{"a":1}', (0, 0, NO_TIMESTAMP, NO_TIMESTAMP_TYPE, None, b'{"a":1}')),
        (b'CreateTime:77\tk1\t{"a":1}', (0, 0, 77, CREATE_TIME, b"k1", b'{"a":1}')),
        (
            b'CreateTime:77\tPartition:3\tOffset:9\tk1\t{"a":1}',
            (3, 9, 77, CREATE_TIME, b"k1", b'{"a":1}'),
        ),
        (b'CreateTime:77\tPartition:3\t{"a":1}', (3, 0, 77, CREATE_TIME, None, b'{"a":1}')),
        (b'CreateTime:77\tOffset:9\t{"a":1}', (0, 9, 77, CREATE_TIME, None, b'{"a":1}')),
        (b"CreateTime:77\tnull\tnull", (0, 0, 77, CREATE_TIME, None, None)),
        (b"CreateTime:77\tOffset:9\t", (0, 9, 77, CREATE_TIME, None, b"")),
    ],
)
def test_lines_as_the_console_consumer_prints_them_are_records(line, wanted):
    (row,) = rows("t.jsonl", line + b"\n")

    assert tuple(row.values())[:-1] == wanted


def test_a_line_that_the_console_consumer_does_not_print_is_rejected_with_its_reason():
    found = decoded("t.jsonl", b'CreateTime:77\t{"a":1}\nProcessed a total of 1 messages\n')

    assert len(found.columns) == 1
    assert found.rejected.select(["reason", "excerpt"]).to_pylist() == [
        {"reason": "the total at the end", "excerpt": "Processed a total of 1 messages"}
    ]


# CSV


def test_a_row_is_a_value_with_a_field_a_column():
    content = b'ts,client,note,ok\n1540726486041,007,"a ""b"", c",true\n5.5,8,,\n'

    assert fields("t.csv", content) == [
        {"ts": 1540726486041, "client": "007", "note": 'a "b", c', "ok": True},
        {"ts": 5.5, "client": "8", "note": None, "ok": None},
    ]


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_columns_may_be_parted_by_other_marks(mark):
    assert fields("t.csv", f"a{mark}b\n1{mark}2\n".encode()) == [{"a": 1, "b": 2}]


def test_columns_of_the_events_table_say_where_a_row_stood():
    content = b"a,KafkaPartition,KafkaOffset,KafkaTimestamp\n1,2,7,1540726486041\n"

    (row,) = rows("t.csv", content)

    assert (row["partition"], row["offset"], row["timestamp"]) == (2, 7, 1540726486041)


def test_rows_with_too_few_or_too_many_cells_are_rejected_with_their_reason():
    found = decoded("t.csv", b"a,b\n1,2\n1,2,3\n4\n3,4\n")

    assert found.columns.select(["a", "b"]).to_pylist() == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert found.rejected.select(["reason", "excerpt"]).to_pylist() == [
        {"reason": "more cells than there are names", "excerpt": "1,2,3"},
        {"reason": "fewer cells than there are names", "excerpt": "4"},
    ]


def test_a_row_with_a_cell_that_is_not_utf8_is_rejected_alone():
    found = decoded("t.csv", b"a,b\n1,x\n2,\xff\n3,y\n")

    assert found.columns["a"].to_pylist() == [1, 3]
    (row,) = found.rejected.to_pylist()
    assert (row["KafkaOffset"], row["reason"], row["excerpt"]) == (1, "not UTF-8", "2,\ufffd")


def test_a_row_may_be_ragged_and_not_utf8():
    found = decoded("t.csv", b"a,b\n1,2\n\xff\n3,4\n")

    assert found.columns["a"].to_pylist() == [1, 3]
    assert found.rejected["excerpt"].to_pylist() == ["\ufffd"]


def test_text_beyond_ascii_is_read():
    assert fields("t.csv", "Größe,b\nä,1\n€,2\n".encode()) == [
        {"Größe": "ä", "b": 1},
        {"Größe": "€", "b": 2},
    ]


def test_a_received_time_that_is_not_utf8_does_not_hide_the_others():
    content = b"a,KafkaTimestamp\n1,1540726486041\n2,\xff\n3,1540726486043\n"

    stamps = [row["timestamp"] for row in rows("t.csv", content)]
    assert stamps == [1540726486041, NO_TIMESTAMP, 1540726486043]
    assert decoded("t.csv", content).columns["KafkaTimestamp"].to_pylist() == stamps


def test_a_file_with_a_header_only_is_empty():
    assert rows("t.csv", b"a,b\n") == []
    assert rows("t.csv", b"") == []


# Parquet


def test_a_row_of_any_types_is_a_value():
    table = pa.table(
        {
            "int": pa.array([1, None], pa.int16()),
            "float": [1.0, float("inf")],
            "bool": [True, None],
            "text": ['a"b\n', None],
            "word": pa.array(["x", "y"]).dictionary_encode(),
            "time": pa.array([1540726486041, None], pa.timestamp("ms", "UTC")),
            "list": [[1, 2], None],
            "object": [{"a": 1}, None],
        }
    )

    first, second = fields("t.parquet", parquet(table))

    assert first == {
        "int": 1,
        "float": 1.0,
        "bool": True,
        "text": 'a"b\n',
        "word": "x",
        "time": "2018-10-28T11:34:46.041Z",
        "list": "[1, 2]",
        "object.a": 1,
    }
    assert second == dict.fromkeys(first) | {"float": float("inf"), "word": "y"}


def test_a_field_that_may_be_the_received_time_is_a_field_and_no_record_timestamp():
    frame = pd.DataFrame({"a": [1], "received_at": [1540726486041]})

    (row,) = rows("t.parquet", parquet(frame))

    assert row["timestamp"] == NO_TIMESTAMP
    assert row["value"] == {"a": 1, "received_at": 1540726486041}


# Every format, every compression


@pytest.mark.parametrize("ending", PACK)
@pytest.mark.parametrize(
    ("form", "content"),
    [
        (".jsonl", b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n'),
        (".ndjson", b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n'),
        (".csv", b"a,b\n1,x\n2,y\n"),
        (".parquet", parquet(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}))),
    ],
)
def test_every_format_is_read_plain_and_compressed(form, content, ending):
    found = fields(f"T{form}{ending}".upper(), PACK[ending](content))

    assert found == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


# Sources


@pytest.fixture
def folder(tmp_path) -> FileTopics:
    lines = [f"CreateTime:{t}\t{{}}" for t in (100, 400, 200, 300)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    (tmp_path / "b.csv").write_text("x\n1\n")
    (tmp_path / "b.parquet").write_bytes(parquet(pd.DataFrame({"x": [1, 2]})))
    (tmp_path / "notes.md").write_text("no topic")
    (tmp_path / "empty.csv").touch()
    (tmp_path / ".hidden.csv").write_text("x\n1\n")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "c.txt").write_text('{"x": 1}\n')
    return FileTopics(tmp_path)


def test_the_files_of_a_folder_are_topics(folder):
    assert folder.topics() == [
        TopicInfo("a", 1, 4, "CreateTime"),
        TopicInfo("b.csv", 1, 1),
        TopicInfo("b.parquet", 1, 2),
    ]


def test_what_is_no_topic_is_named_with_the_reason(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.csv"
    outside.write_text("x\n1\n")
    (folder.folder / "link.csv").symlink_to(outside)
    (folder.folder / "LICENSE").write_text("Anybody may")
    (folder.folder / "unnamed").write_text('{"x": 1}{"x": 2}')

    assert {each.name: each.reason for each in folder.passed_over()} == {
        ".hidden.csv": "is hidden",
        "empty.csv": "is empty",
        "inner": "is a folder; set recursive to look into it",
        "link.csv": "is a link that leads out of the folder",
        "notes.md": "has an ending that is not known: .md",
        "LICENSE": "has an ending that is not known: none",
    }
    assert "unnamed" in {topic.name for topic in folder.topics()}
    assert "link" not in {topic.name for topic in folder.topics()}


def test_folders_inside_count_if_that_is_asked_for(folder):
    recursive = FileTopics(folder.folder, recursive=True)

    assert "inner/c" in {topic.name for topic in recursive.topics()}
    assert offsets(recursive, "inner/c", Everything()) == [0]


def test_the_parts_of_a_table_are_one_topic(tmp_path):
    parts = tmp_path / "rides.parquet"
    parts.mkdir()
    (parts / "_SUCCESS").touch()
    (parts / "part-00000-b.snappy.parquet").write_bytes(parquet(pd.DataFrame({"x": [1, 2]})))
    (parts / "part-00001-a.snappy.parquet").write_bytes(parquet(pd.DataFrame({"x": [3]})))
    (parts / ".part-00000-b.snappy.parquet.crc").write_bytes(b"crc")
    source = FileTopics(tmp_path)

    assert source.topics() == [TopicInfo("rides", 1, 3)]
    assert offsets(source, "rides", Everything()) == [0, 1, 2]


def test_parts_with_offsets_are_read_in_their_order(tmp_path):
    parts = tmp_path / "rides"
    parts.mkdir()
    for name, first in (
        ("part-00000-9.parquet", 2),
        ("part-00000-1.parquet", 4),
        ("part-1.parquet", 0),
    ):
        records = {"value": [b"{}", b"{}"], "partition": [0, 0], "offset": [first, first + 1]}
        (parts / name).write_bytes(parquet(pa.table(records)))

    assert offsets(FileTopics(tmp_path), "rides", Everything()) == [0, 1, 2, 3, 4, 5]


def test_ranges_mean_the_same_as_in_kafka(folder):
    assert offsets(folder, "a", Everything()) == [0, 1, 2, 3]
    assert offsets(folder, "a", Latest(2)) == [2, 3]
    assert offsets(folder, "a", Between(200, 500)) == [1, 2, 3]
    assert offsets(folder, "a", FromOffset(2)) == [2, 3]
    assert offsets(folder, "a", FromOffset(9)) == []
    assert offsets(folder, "a", LastMinutes(1)) == [0, 1, 2, 3]


def test_a_file_is_read_no_further_than_what_is_wanted_of_it():
    # Given a file of which nothing behind its first blocks can be read
    lines = b"".join(b'{"a": "%064d"}\n' % n for n in range(100_000))
    content = gzip.compress(lines, compresslevel=0)
    whole = UploadedTopic("rides.jsonl.gz", content).plan("rides", Everything())
    damaged = UploadedTopic("rides.jsonl.gz", content[:-1_000])
    first = replace(whole, spans=(Span(0, 10, 5_010),))

    found = [offset for block in damaged.read(first) for offset in block["offset"].to_pylist()]

    assert found == list(range(10, 5_010))
    with pytest.raises(UnreadableFileError):
        list(damaged.read(whole))


def test_an_uploaded_file_is_a_source_with_one_topic():
    source = UploadedTopic("rides.csv.gz", gzip.compress(b"a\n1\n2\n"))

    assert source.topics() == [TopicInfo("rides", 1, 2)]
    assert source.plan("rides", Everything()).log == (Span(0, 0, 2),)
    assert offsets(source, "rides", Latest(1)) == [1]


def test_a_large_file_is_not_read_to_be_listed(folder, monkeypatch):
    monkeypatch.setattr("lib.sources.files.folder._LISTED_WHOLE", 1)

    assert {(each.records, each.is_counted) for each in folder.topics()} == {(0, False)}
    assert all(each.bytes for each in folder.topics())


def test_a_topic_has_the_name_of_its_file():
    assert topic_of("Rides.2024.JSONL.gz") == "Rides.2024"


# Faults


TWINS = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
JSON_LINES = b'{"a":1}\n' * 5_000


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("t.jsonl.gz", gzip.compress(JSON_LINES)[:-9], "t.jsonl.gz is truncated"),
        ("t.jsonl.zst", zstandard.compress(JSON_LINES)[:-9], "t.jsonl.zst is truncated"),
        ("t.jsonl.gz", JSON_LINES, "not compressed with gzip"),
        ("t.csv.zst", b"a\n1\n", "not compressed with zstd"),
        ("t.jsonl", gzip.compress(JSON_LINES), "named as text but is compressed with gzip"),
        ("t.csv", zstandard.compress(JSON_LINES), "named as CSV but is compressed with zstd"),
        ("t.csv", parquet(pd.DataFrame({"a": [1]})), "named as CSV but is Parquet"),
        ("t.parquet", parquet(pd.DataFrame({"a": [1]}))[:-9], "cannot be read as Parquet"),
        ("t.parquet", b"hello", "cannot be read as Parquet"),
        ("t.parquet", b"", "cannot be read as Parquet"),
        ("t.parquet", parquet(TWINS), "two columns have the same name"),
    ],
)
def test_a_bad_file_ends_in_a_sentence(name, content, sentence):
    with pytest.raises(UnreadableFileError, match=sentence) as caught:
        rows(name, content)

    assert caught.value.remedy


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.parquet", b"hello", "Parquet file size is 5 bytes"),
        ("t.jsonl.gz", gzip.compress(JSON_LINES)[:-9], "Truncated compressed stream"),
        ("t.csv.gz", b"a,b", "zlib inflate failed"),
    ],
)
def test_the_words_of_a_library_stand_beside_the_sentence(name, content, words):
    with pytest.raises(UnreadableFileError) as caught:
        rows(name, content)

    assert words in caught.value.said


def test_the_words_of_the_system_stand_beside_the_sentence(tmp_path):
    with pytest.raises(UnreadableFileError, match="folder gone cannot be read") as caught:
        FileTopics(tmp_path / "gone").topics()

    assert caught.value.said == "No such file or directory"


@pytest.mark.parametrize("cut", [10, 100, 400])
def test_a_parquet_file_with_a_hole_ends_in_a_sentence(cut):
    content = bytearray(parquet(pd.DataFrame({"a": range(1_000), "b": ["x"] * 1_000})))
    content[cut : cut + 20] = b"\xff" * 20

    with pytest.raises(UnreadableFileError):
        rows("t.parquet", bytes(content))


def test_a_parquet_file_whose_rows_lack_a_column_of_its_schema_ends_in_a_sentence():
    content = bytearray((CASES / "e15-spark-kafka.parquet").read_bytes())
    for at, end, instead in ((1857, 1859, b""), (1844, 1844, b'"'), (1065, 1065, b"\x1a")):
        content[at:end] = instead

    with pytest.raises(UnreadableFileError, match="cannot be read as Parquet"):
        rows("t.parquet", bytes(content))


@pytest.mark.parametrize("ending", [".gz", ".zst"])
@pytest.mark.parametrize("form", [".jsonl", ".csv", ".parquet"])
def test_a_bomb_is_refused_before_it_goes_off(form, ending, monkeypatch):
    small = Limits(content_bytes=1 << 30, ratio=100, free_bytes=1 << 20)
    monkeypatch.setattr(input_file, "Limits", lambda: small)
    bomb = PACK[ending](b'{"a":1}\n' * (4 << 20))

    with pytest.raises(UnreadableFileError, match="holds more than"):
        rows(f"t{form}{ending}", bomb)


def test_a_file_may_not_hold_more_than_allowed(monkeypatch):
    monkeypatch.setattr(input_file, "Limits", lambda: Limits(content_bytes=1 << 10))

    with pytest.raises(UnreadableFileError, match="holds more than"):
        rows("t.jsonl", JSON_LINES)


def test_an_empty_upload_ends_in_a_sentence():
    with pytest.raises(UnreadableFileError, match=r"t\.csv is empty"):
        UploadedTopic("t.csv", b"").topics()


def test_an_upload_with_an_unknown_ending_ends_in_a_sentence():
    with pytest.raises(UnreadableFileError, match="none that Skewline knows"):
        UploadedTopic("t.xlsx", b"x").topics()


near = st.lists(
    st.sampled_from(
        [b'{"a":1}', b"a,b", b"1,2", b"\n", b"\r\n", b'"', b"\xff", b"\x00", b"CreateTime:1\t"]
    )
).map(b"".join)


@given(st.sampled_from([".jsonl", ".csv", ".parquet", ".jsonl.gz", ".csv.zst"]), st.binary() | near)
def test_any_bytes_are_read_or_end_in_a_sentence(ending, content):
    with suppress(UnreadableFileError):
        found = decoded(f"t{ending}", content)

        # A record may hold several events.
        good = found.columns[OFFSET].to_pylist() if found.columns.num_rows else []
        assert len({*good}) + len(found.rejected) == len(rows(f"t{ending}", content))


# Captures


def load(source: TopicSource, topic: str) -> EventsTable:
    tables = [
        decode_block(b, decoder_for(b, NoSchemas()), NOTHING_MASKED, extras=("@key",)).columns
        for b in source.read(source.plan(topic, Everything()))
    ]
    return build_events(
        [table.drop_columns("@key") for table in tables], recognise(tables[0]).fields
    )


@pytest.mark.parametrize("topic", ["sessions-10", "sessions-100"])
def test_a_captured_topic_opens_again_with_equal_events(topic, tmp_path):
    events = load(samples(), topic)

    write_capture(
        [events.table], tmp_path / "copy.parquet", topic=topic, source="Samples", fields=Fields()
    )

    again = load(FileTopics(tmp_path), "copy")
    assert_frame_equal(again.table, events.table)
    assert again.zero_ms == events.zero_ms
    assert again.timestamp_types == events.timestamp_types


def test_a_capture_keeps_text_fractions_gaps_and_derived_sessions(tmp_path):
    records = [
        {"t": 1_000, "c": "1", "x": 1.0, "y": None, "z": "a"},
        {"t": 2_000, "c": "1", "x": None, "y": 7, "z": None},
        {"t": 99_000, "c": "2", "x": 0.1, "y": None, "z": 'q"\n'},
    ]
    fields = fields_named("t", "ms", "c", None, None)
    events = build_events([JSON.decode(block(*values_of(*records))).columns], fields)

    write_capture([events.table], tmp_path / "c.parquet", topic="t", source="s", fields=fields)

    assert_frame_equal(load(FileTopics(tmp_path), "c").table, events.table)


def test_the_events_table_as_csv_opens_again_with_equal_events(tmp_path):
    events = load(samples(), "sessions-100")

    events.table.to_csv(tmp_path / "copy.csv.gz", index=False)

    assert_frame_equal(load(FileTopics(tmp_path), "copy").table, events.table)


def test_a_capture_says_where_it_comes_from(tmp_path):
    records = block(*values_of({"Timestamp": 5, "ClientID": 1, "SessionID": "s"}, {"ClientID": 1}))
    events = build_events([JSON.decode(records).columns], Fields())

    write_capture(
        [events.table],
        tmp_path / "c.parquet",
        topic="rides",
        source="Kafka",
        fields=Fields(),
        rejected=dict.fromkeys(events.rejected["reason"].to_pylist(), 1),
        corrected=(1,),
    )

    metadata = pq.read_schema(tmp_path / "c.parquet").metadata
    assert json.loads(metadata[ORIGIN]) == {
        "topic": "rides",
        "source": "Kafka",
        "fields": json.loads(json.dumps(asdict(Fields()))),
        "rejected": {"no Timestamp": 1},
        "corrected": ["1"],
    }
