"""Avro object container files, as Java and `fastavro` write them, and as somebody damages them."""

from __future__ import annotations

import io
import json

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.core.errors import UnreadableFileError
from lib.sources.files import avro_container
from lib.sources.files.avro_container import values_of
from lib.sources.files.input_file import uploaded
from tests.support.schemas import written_by

SCHEMA = {
    "type": "record",
    "name": "E",
    "fields": [{"name": "a", "type": "long"}, {"name": "b", "type": ["null", "string"]}],
}
EVENTS = [{"a": number, "b": "x" if number % 2 else None} for number in range(100)]


def container(schema: object = SCHEMA, events: object = EVENTS, **how: object) -> bytes:
    stream = io.BytesIO()
    fastavro.writer(stream, schema, events, **how)
    return stream.getvalue()


def read(content: bytes) -> list[object]:
    blocks = values_of(uploaded("events.avro", content))
    return [json.loads(value) for block in blocks for value in block.to_pylist()]


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz", "zstandard", "snappy"])
def test_every_codec_is_read(codec):
    assert read(container(codec=codec, sync_interval=200)) == EVENTS


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy"])
def test_what_java_writes_is_read(codec):
    event = {
        "ClientID": 7,
        "Kind": "d",
        "Price": -12.34,
        "Timestamp": 1545230000123,
        "Data": {"Errors": 2},
        "Tags": {"a": "b"},
    }

    assert read(written_by("java")[f"avro file, {codec}"].value) == [event, event]


def test_values_that_are_no_records_are_kept_as_they_are():
    assert read(container("long", [1, 2])) == [1, 2]


def test_an_empty_file_has_no_records():
    assert read(container(events=[])) == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "does not begin"),
        (b'{"a":1}', "does not begin"),
        (container()[:-1], "ends too early"),
        (container()[:60], "ends too early"),
        (container()[:-16] + b"x" * 16, "does not end where it should"),
        (container().replace(b"null", b"nulk", 1), "codec|schema"),
        (container().replace(b'"record"', b'"rekord"'), "schema cannot be used"),
    ],
)
def test_what_is_no_such_file_says_why(content, why):
    with pytest.raises(UnreadableFileError, match=why):
        read(content)


@pytest.mark.parametrize("codec", ["deflate", "bzip2", "xz", "zstandard", "snappy"])
def test_a_block_that_is_a_bomb_is_refused(codec, monkeypatch):
    monkeypatch.setattr(avro_container, "_LARGEST_BLOCK", 1 << 16)
    content = container("string", ["a" * (1 << 20)], codec=codec)

    with pytest.raises(UnreadableFileError, match="holds more than"):
        read(content)


def test_items_without_bytes_do_not_fill_the_memory():
    content = container({"type": "array", "items": "null"}, [[None] * 5])
    at = content.index(b"\x0a\x00", content.index(b"avro.schema") + 60)
    bomb = content[: at - 1] + b"\x0e\xfe\xff\xff\xff\xff\x7f\x00" + content[at + 2 :]

    with pytest.raises(UnreadableFileError):
        read(bomb)


@settings(max_examples=200)
@given(st.data())
def test_any_damage_is_read_or_refused(data):
    content = bytearray(container(events=EVENTS[:5]))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))

    try:
        found = read(bytes(content[: data.draw(st.integers(0, len(content)))]))
    except UnreadableFileError:
        return
    assert isinstance(found, list)
