"""Wrappers: what is wrapped reads as what is in it; the chain is named; bounds hold."""

from __future__ import annotations

import gzip
import json
import struct
import tracemalloc
import zlib
from datetime import UTC, datetime
from pathlib import Path

import msgpack
import pyarrow as pa
import pytest
import snappy
import zstandard
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lib.core.columns import KAFKA_COLUMNS, OFFSET, PARTITION, PLACE, RECEIVED_TIME
from lib.core.errors import FieldsError
from lib.core.masking import NOTHING_MASKED
from lib.core.schemas import NoSchemas
from lib.decoding import compressed, unpacking
from lib.decoding.json import JSON, TOMBSTONE
from lib.decoding.message_pack import json_of
from lib.decoding.registry import decode_block, decoder_for
from lib.decoding.tabular import TABULAR
from lib.decoding.unpacking import MAX_LAYERS
from lib.decoding.wrappers import Wrapped
from lib.sources.base import Everything
from lib.sources.files.folder import UploadedTopic, topic_of
from lib.sources.files.notations import (
    of_attributes,
    of_pairs,
    of_python,
    of_search_hit,
    of_telemetry,
)
from lib.sources.records import rows_as_values, with_values
from tests.support.blocks import block, values_of

CASES = Path(__file__).parents[1] / "cases"

EVENTS = [{"device": "a", "ts": 1}, {"device": "b", "ts": 2, "data": {"x": 0.5}}, {"ts": 3}]


def dumped(value: object) -> bytes:
    return json.dumps(value).encode()


def xerial(value: bytes) -> bytes:
    """As snappy-java's SnappyOutputStream writes it, in blocks of 8 bytes."""
    header = b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1)
    pieces = [snappy.compress(value[i : i + 8]) for i in range(0, len(value), 8)]
    return header + b"".join(struct.pack(">i", len(piece)) + piece for piece in pieces)


def text(value: bytes) -> bytes:
    return dumped(value.decode())


WRITERS = {
    "gzip": ("gzip → {}", gzip.compress),
    "gzip in two members": ("gzip → {}", lambda v: gzip.compress(v[:3]) + gzip.compress(v[3:])),
    "zlib": ("zlib → {}", zlib.compress),
    "quick zlib": ("zlib → {}", lambda v: zlib.compress(v, 3)),
    "zstd": ("zstd → {}", zstandard.compress),
    "raw snappy": ("snappy → {}", snappy.compress),
    "xerial": ("snappy → {}", xerial),
    "framed snappy": ("snappy → {}", lambda v: snappy.StreamCompressor().compress(v)),
    "BOM": ("BOM or NUL → {}", lambda v: b"\xef\xbb\xbf" + v),
    "NUL": ("BOM or NUL → {}", lambda v: v + b"\0\0"),
    "text": ("JSON text in {}", text),
    "text, spaced": ("JSON text in {}", lambda v: b" " + text(v) + b"\n"),
    "text of text": ("JSON text in JSON text in {}", lambda v: text(text(v))),
    "array": ("arrays of {}", lambda v: b"[" + v + b"]\n"),
    "array of text": ("arrays of JSON text in {}", lambda v: dumped([v.decode()])),
}
"""What writes a wrapped value, and the name that it gives to the chain."""


def decoded(*values: bytes | None, extras: tuple[str, ...] = (), **others):
    """Return the name of the decoder that is recognised, and what it reads."""
    records = block(*values, **others)
    decoder = decoder_for(records, NoSchemas())
    return decoder.name, decode_block(records, decoder, NOTHING_MASKED, extras=extras)


def fields_of(columns: pa.Table) -> list[dict]:
    """Each row's non-null value fields."""
    return [
        {k: v for k, v in row.items() if v is not None and k not in KAFKA_COLUMNS}
        for row in columns.to_pylist()
    ]


def plainly(*events: dict) -> list[dict]:
    return fields_of(JSON.decode(block(*values_of(*events))).columns)


def reasons(found) -> list[str]:
    return found.rejected["reason"].to_pylist()


# What values are packed in


@pytest.mark.parametrize(("name", "write"), WRITERS.values(), ids=WRITERS)
def test_what_is_packed_reads_as_what_is_in_it(name, write):
    found_name, found = decoded(*map(write, values_of(*EVENTS)))

    assert found_name == name.format("JSON")
    assert fields_of(found.columns) == plainly(*EVENTS)
    assert found.columns[OFFSET].to_pylist() == [0, 1, 2]
    assert not reasons(found)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Python", [str(event) for event in EVENTS]),
        ("key=value", ["device=a ts=1", 'device="b" ts=2 data.x=0.5', "ts=3 n="]),
        ("key=value", ["device=a&ts=1", "device=b, ts=2, data.x=0.5", "ts=3; n=null"]),
        (
            "JSON → DynamoDB",
            [
                '{"device": {"S": "a"}, "ts": {"N": "1"}}',
                '{"Item": {"device":{"S":"b"},"ts":{"N":"2"},"data":{"M":{"x":{"N":"0.5"}}}}}',
                '{"ts": {"N": "3"}, "n": {"NULL": true}}',
            ],
        ),
    ],
)
def test_other_notations_read_as_json(name, values):
    found_name, found = decoded(*(value.encode() for value in values))

    assert found_name == name
    assert fields_of(found.columns) == plainly(*EVENTS)
    assert not reasons(found)


def test_attributes_of_opentelemetry_are_fields():
    # Given two log records of one resource, as the exporter for Kafka writes them
    attributes = [
        {"key": "service.instance.id", "value": {"stringValue": "pod-1"}},
        {"key": "retries", "value": {"intValue": "3"}},
        {"key": "tags", "value": {"arrayValue": {"values": []}}},
    ]
    record = {"attributes": [{"key": "ok", "value": {"boolValue": True}}]}
    logs = [record | {"timeUnixNano": str(1704164650000000000 + n)} for n in (1, 2)]
    resource = {"resource": {"attributes": attributes}, "scopeLogs": [{"logRecords": logs}]}

    name, found = decoded(dumped({"resourceLogs": [resource]}))

    rows = fields_of(found.columns)
    assert "OpenTelemetry" in name
    assert [row["resourceLogs.resource.attributes.service.instance.id"] for row in rows] == [
        "pod-1",
        "pod-1",
    ]
    assert rows[0]["resourceLogs.resource.attributes.retries"] == 3
    assert rows[1]["resourceLogs.scopeLogs.logRecords.attributes.ok"] is True


def test_fields_of_a_search_hit_are_the_values_that_are_alone_in_their_arrays():
    hit = {"_index": "ev", "_id": "1", "fields": {"@timestamp": ["t"], "n": [1], "tags": [1, 2]}}

    name, found = decoded(dumped(hit), dumped(hit))

    assert name == "JSON → Elasticsearch"
    assert fields_of(found.columns)[1] == {
        "_index": "ev",
        "_id": "1",
        "fields.@timestamp": "t",
        "fields.n": 1,
        "fields.tags": "[1, 2]",
    }


@pytest.mark.parametrize(
    "value",
    [
        {"attributes": [{"key": "a", "value": 1, "more": 2}]},
        {"attributes": [{"key": ["a"], "value": 1}]},
        {"fields": {"a": [1]}},
        {"_index": "i", "fields": {"a": [1], "b": 2}},
    ],
)
def test_what_is_of_neither_stays_as_it_is(value):
    assert of_telemetry(dumped(value)) is None
    assert of_search_hit(dumped(value)) is None


@pytest.mark.parametrize(
    ("written", "json_text"),
    [
        ("{'n': -1, 'b': b'x\\xff', 't': ('a', {1})}", {"n": -1, "b": "x\\xff", "t": ["a", [1]]}),
        (
            "{'at': datetime.datetime(2024, 1, 2, 3, 4, 5, 6000, tzinfo=datetime.timezone.utc)}",
            {"at": "2024-01-02T03:04:05.006000+00:00"},
        ),
        ("{'d': Decimal('1.5'), 'x': nan, 1: None}", {"d": "1.5", "x": None, "1": None}),
        ("[{'a': 1}]", [{"a": 1}]),
    ],
)
def test_what_python_prints_is_read_as_it_is(written, json_text):
    assert json.loads(of_python(written.encode())) == json_text


@pytest.mark.parametrize(
    "value",
    [
        b"{'a': open('x')(1)}",
        b"{'at': datetime.datetime(2024, 1, 2, tzinfo=<Zone>)}",
        b"{'at': datetime.datetime(2024, 1, 2, tzinfo=ZoneInfo(key='Europe/Paris'))}",
        b"{'a': 1",
        b"{'a': " + b"[" * 500,
        b"a=1",
        b"text a=1 b=2",
        b'a=1 b={"c":1}',
    ],
)
def test_what_is_in_no_notation_stays_as_it_is(value):
    assert of_python(value) is None
    assert of_pairs(value) is None


@given(st.binary(max_size=60) | st.text("{}[]'\"=,; ab1", max_size=60).map(str.encode))
def test_any_bytes_are_in_a_notation_or_not(value):
    for notation in (of_python, of_pairs, of_attributes, of_telemetry, of_search_hit):
        found = notation(value)
        assert found is None or json.loads(found) is not ...


def test_layers_are_undone_from_the_outermost():
    name, found = decoded(*(gzip.compress(text(v)) for v in values_of(*EVENTS)))

    assert name == "gzip → JSON text in JSON"
    assert fields_of(found.columns) == plainly(*EVENTS)


def test_plain_values_keep_their_plain_decoder():
    records = block(*values_of(*EVENTS), b"no", None)

    assert decoder_for(records, NoSchemas()) is JSON
    assert decoder_for(block(), NoSchemas()) is JSON


def test_values_that_are_not_wrapped_are_read_among_those_that_are():
    plain = values_of(*EVENTS)
    _, found = decoded(plain[0], gzip.compress(plain[1]), plain[2], None, b"no")

    assert fields_of(found.columns) == plainly(*EVENTS)
    assert found.rejected.select([OFFSET, "reason"]).to_pylist() == [
        {OFFSET: 3, "reason": TOMBSTONE},
        {OFFSET: 4, "reason": "not JSON"},
    ]


def test_what_is_rejected_shows_what_is_in_it_and_where_its_record_stands():
    good, bad = gzip.compress(b'{"a":1}'), gzip.compress(b"no")
    _, found = decoded(good, bad, partition=3, offsets=[7, 9], timestamps=[50, 60])

    assert found.rejected.to_pylist() == [
        {
            PARTITION: 3,
            OFFSET: 9,
            RECEIVED_TIME: 60,
            "reason": "not JSON",
            "excerpt": "no",
            "beginning": b"no",
        }
    ]


@pytest.mark.parametrize("write", [gzip.compress, snappy.compress, zstandard.compress])
def test_schemas_are_asked_for_what_is_in_a_value(write):
    name, found = decoded(*(write(v) for v in (b"\0\0\0\0\x07abc", b"\0\0\0\0\x07d")))

    assert name.endswith("→ Confluent")
    assert set(reasons(found)) == {"begins with schema id 7: No schema registry is configured."}


# Several events in a record


def test_each_event_of_an_array_is_a_row_with_its_place():
    first, second = dumped(EVENTS[:2]), dumped(EVENTS[2:])
    name, found = decoded(
        first, second, extras=("@key",), keys=[b"k", b"l"], offsets=[5, 6], timestamps=[10, 20]
    )

    assert name == "arrays of JSON"
    where = found.columns.select([OFFSET, RECEIVED_TIME, PLACE, "@key", "ts"]).to_pylist()
    assert [tuple(row.values()) for row in where] == [
        (5, 10, 0, "k", 1),
        (5, 10, 1, "k", 2),
        (6, 20, 0, "l", 3),
    ]


def test_a_bad_event_of_an_array_is_rejected_alone():
    _, found = decoded(b'[{"a":1},{"a":},{"a":3}]')

    assert found.columns["a"].to_pylist() == [1, 3]
    assert found.columns[PLACE].to_pylist() == [0, 2]
    assert found.rejected.select([OFFSET, "reason", "excerpt"]).to_pylist() == [
        {OFFSET: 0, "reason": "not JSON", "excerpt": '{"a":}'}
    ]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"[]", unpacking.NO_EVENTS),
        (b"[1,2]", unpacking.NOT_AN_ARRAY_OF_EVENTS),
        (b'[{"a":1}', unpacking.NOT_AN_ARRAY_OF_EVENTS),
        (b'[{"a":1} {"a":2}]', unpacking.NOT_AN_ARRAY_OF_EVENTS),
        (b'[{"a":1},]', unpacking.NOT_AN_ARRAY_OF_EVENTS),
        (b'[{"a":1}] x', unpacking.NOT_AN_ARRAY_OF_EVENTS),
        (b'["text"]', unpacking.NOT_AN_ARRAY_OF_EVENTS),
        (b'[{"a":"]"', unpacking.NOT_AN_ARRAY_OF_EVENTS),
    ],
)
def test_among_arrays_what_is_no_array_of_events_is_rejected_once(value, reason):
    _, found = decoded(b'[{"a":"]\\"}"}]', value)

    assert found.columns["a"].to_pylist() == [']"}']
    assert reasons(found) == [reason]


def test_a_long_key_is_not_copied_for_each_event():
    value, key = b"[" + b",".join([b"{}"] * 10_000) + b"]", b"k" * 100_000
    tracked = pa.total_allocated_bytes()
    _, found = decoded(value, extras=("@key",), keys=[key])

    assert len(found.columns) == 10_000
    assert pa.total_allocated_bytes() - tracked < 10_000_000


def test_more_events_than_fit_are_rejected(monkeypatch):
    monkeypatch.setattr(unpacking, "MAX_BLOCK_EVENTS", 3)
    _, found = decoded(*[dumped([{"a": 1}] * 2)] * 2)

    assert found.columns[OFFSET].to_pylist() == [0, 0]
    assert reasons(found) == [unpacking.TOO_MANY_EVENTS]


# Bounds and damage


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_what_decompresses_too_far_is_rejected_without_being_decompressed(compress):
    bombs = [compress(b"[" * size) for size in (compressed.MAX_BYTES + 1, 40_000_000)]
    tracemalloc.start()
    name, found = decoded(*bombs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert name.endswith("→ JSON")
    assert reasons(found) == [compressed.TOO_LARGE] * 2
    assert peak < compressed.MAX_BYTES


def test_a_size_that_snappy_only_says_is_not_believed():
    huge = b"\xff\xff\xff\xff\x0f" + b"\0{"
    header = b"\x82SNAPPY\0" + struct.pack(">iii", 1, 1, len(huge))
    _, found = decoded(header + huge)

    assert reasons(found) == [compressed.TOO_LARGE]


def test_a_block_unpacks_to_no_more_than_its_bound(monkeypatch):
    monkeypatch.setattr(unpacking, "MAX_BLOCK_BYTES", 1_500)
    _, found = decoded(*[gzip.compress(dumped({"a": "x" * 1_000}))] * 2)

    assert found.columns[OFFSET].to_pylist() == [0]
    assert reasons(found) == [unpacking.TOO_MANY_BYTES]


@pytest.mark.parametrize(
    ("write", "kind"),
    [
        (gzip.compress, "gzip"),
        (zstandard.compress, "zstd"),
        (xerial, "snappy"),
        (WRITERS["framed snappy"][1], "snappy"),
    ],
)
def test_damaged_values_are_rejected_with_what_they_were(write, kind):
    whole = write(dumped(EVENTS))
    damaged = whole[:20] + bytes(len(whole) - 20)
    _, found = decoded(damaged)

    assert reasons(found) == [f"damaged {kind}"]


# MessagePack


def test_message_pack_reads_as_the_same_json():
    name, found = decoded(*map(msgpack.packb, EVENTS))

    assert name == "MessagePack"
    assert fields_of(found.columns) == plainly(*EVENTS)


def test_arrays_of_message_pack_in_gzip():
    name, found = decoded(gzip.compress(msgpack.packb(EVENTS)))

    assert name == "gzip → arrays of MessagePack"
    assert fields_of(found.columns) == plainly(*EVENTS)


def test_what_json_has_not_becomes_text_or_a_number():
    at = msgpack.Timestamp(1_704_164_650, 5)
    value = {"at": at, "raw": b"a\xff", 7: "seven", b"k": 1, "e": msgpack.ExtType(4, b"x")}
    _, found = decoded(msgpack.packb(value))

    assert fields_of(found.columns) == [
        {"at": 1_704_164_650_000_000_005, "raw": "a\\xff", "7": "seven", "k": 1, "e": "x"}
    ]


def test_what_only_begins_as_message_pack_is_rejected():
    _, found = decoded(
        msgpack.packb({"a": 1}), b"\x81\xa1", b"\x81\x81\x01\x02\x03", b"\x81\xc0\x01x"
    )

    assert found.columns["a"].to_pylist() == [1]
    assert reasons(found) == ["not MessagePack"] * 3
    assert decoder_for(block(b"\x90\x91\x92"), NoSchemas()) is JSON


# What events are wrapped in


def connect(payload: object) -> bytes:
    fields = [{"type": "int64", "optional": False, "field": "ts"}]
    schema = {"type": "struct", "fields": fields, "optional": False, "name": "n"}
    return dumped({"schema": schema, "payload": payload})


def change(event: dict) -> dict:
    source = {"connector": "postgresql", "ts_ms": 5, "table": "t"}
    return {"before": None, "after": event, "source": source, "op": "c", "ts_ms": 6}


def test_the_payload_of_connect_is_the_event():
    name, found = decoded(*map(connect, EVENTS))

    assert name == "JSON → Connect"
    assert fields_of(found.columns) == plainly(*EVENTS)


def test_connect_over_several_lines_is_the_same():
    spread = [json.dumps(json.loads(connect(event)), indent=2).encode() for event in EVENTS]
    name, found = decoded(*spread)

    assert name == "JSON → Connect"
    assert fields_of(found.columns) == plainly(*EVENTS)


def test_a_payload_that_is_null_is_no_event():
    _, found = decoded(
        *map(connect, EVENTS), connect(None), dumped({"schema": None, "payload": {}})
    )

    assert fields_of(found.columns) == [*plainly(*EVENTS), {}]
    assert reasons(found) == ["not a JSON object"]


def test_what_has_more_than_a_schema_and_a_payload_keeps_it_all():
    event = {"schema": {"type": "x"}, "payload": {"a": 1}, "b": 2}
    name, found = decoded(*values_of(event))

    assert name == "JSON"
    assert fields_of(found.columns) == plainly(event)


def test_a_payload_field_named_as_a_column_of_the_record_keeps_its_long_name():
    value = json.dumps(json.loads(connect({OFFSET: 7, "a": 1})), indent=2).encode()
    _, found = decoded(value)

    assert (
        found.columns.to_pylist()[0] | {"payload.KafkaOffset": 7, OFFSET: 0, "a": 1}
        == (found.columns.to_pylist()[0])
    )


def test_a_change_of_debezium_keeps_its_fields():
    changes = [change(event) for event in EVENTS]

    assert decoded(*values_of(*changes))[0] == "JSON → Debezium"
    name, found = decoded(*map(connect, changes))
    assert name == "JSON → Connect → Debezium"
    assert fields_of(found.columns) == plainly(*changes)


ATTRIBUTES = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}


def test_structured_cloud_events_are_named():
    name, found = decoded(*values_of(*(ATTRIBUTES | {"data": event} for event in EVENTS)))

    assert name == "JSON → CloudEvents"
    assert found.columns["data.ts"].to_pylist() == [1, 2, 3]


@pytest.mark.parametrize(
    "data", [{"data": {"a": 1}}, {"data": '{"a":1}'}, {"data_base64": "eyJhIjoxfQ=="}]
)
def test_data_of_cloud_events_is_the_same_however_it_is_written(data):
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"} | data

    name, found = decoded(*values_of(event, event))

    assert name.endswith("CloudEvents")
    assert found.columns["data.a"].to_pylist() == [1, 1]


def test_base64_that_holds_no_json_stays_as_it_is():
    event = {"id": "c2Vzc2lvbg==", "token": "eyJhIjoxfQ.eyJhIjoxfQ.c2Vzc2lvbg"}

    assert decoded(*values_of(event))[0] == "JSON"


def test_the_headers_of_binary_cloud_events_are_fields():
    headers = [
        [(f"ce_{name}", value.encode()) for name, value in (ATTRIBUTES | more).items()]
        for more in ({"time": "2024-01-02T03:04:10Z"}, {}, {"partitionkey": "p"})
    ]
    records = block(*values_of(*EVENTS), headers=headers)
    decoder = decoder_for(records, NoSchemas())
    found = decoder.decode(records, extras=("@header:ce_id",))

    assert (decoder.name, decoder.needs_headers) == ("JSON → CloudEvents", True)
    assert found.columns["ce_time"].to_pylist() == ["2024-01-02T03:04:10Z", None, None]
    assert found.columns["ce_partitionkey"].to_pylist() == [None, None, "p"]
    assert found.columns["ce_id"].to_pylist() == ["1"] * 3
    assert [n for n in found.columns.column_names if n.startswith("@")] == ["@header:ce_id"]
    assert decoder.decode(block(*values_of(*EVENTS))).columns["ts"].to_pylist() == [1, 2, 3]


def test_objects_in_a_text_field_become_its_fields():
    values = [dumped({"id": i, "data": dumped(e).decode()}) for i, e in enumerate(EVENTS)]
    name, found = decoded(*values)

    assert name == "JSON → JSON text in data"
    assert fields_of(found.columns) == plainly(
        *({"id": i, "data": e} for i, e in enumerate(EVENTS))
    )


def test_a_text_field_keeps_what_is_no_object_and_merges_with_objects():
    values = [{"data": '{"ts": 1}'}, {"data": {"ts": 2}}, {"data": "{no"}, {"data": {"ts": "x"}}]
    _, found = decoded(*values_of(*values))

    assert fields_of(found.columns) == [
        {"data.ts": "1"},
        {"data.ts": "2"},
        {"data": "{no"},
        {"data.ts": "x"},
    ]


def test_text_in_text_in_a_field():
    inner = json.dumps({"b": json.dumps({"c": 1})})
    name, found = decoded(*values_of({"a": inner}))

    assert name == "JSON → JSON text in a → JSON text in a.b"
    assert fields_of(found.columns) == [{"a.b.c": 1}]


def test_later_blocks_without_the_field_stay_as_they_are():
    decoder = decoder_for(block(*values_of({"data": '{"a": 1}'})), NoSchemas())
    found = decoder.decode(block(*values_of({"data": 5}, {"x": 1})))

    assert fields_of(found.columns) == [{"data": 5}, {"x": 1}]


def test_a_text_field_of_a_table_is_opened_too():
    rows = rows_as_values({"data": pa.array([b'{"a":1}', b'{"a":2}'])}, 2)
    records = with_values(block(b"", b""), rows)
    decoder = decoder_for(records, NoSchemas())

    assert isinstance(decoder, Wrapped)
    assert decoder.inner is TABULAR
    assert decoder.decode(records).columns["data.a"].to_pylist() == [1, 2]


# What is chosen


def named(layers, *values: bytes, **others) -> str:
    return decoder_for(block(*values, **others), NoSchemas(), layers).name


def test_only_what_is_chosen_is_unwrapped():
    values = [gzip.compress(b"[" + v + b"]") for v in values_of(*EVENTS)]

    assert named(None, *values) == "gzip → arrays of JSON"
    assert named(("gzip",), *values) == "gzip → JSON"
    assert named((), *values) == "JSON"


def test_what_is_chosen_is_unwrapped_where_one_value_shows_it():
    values = [*values_of(*EVENTS) * 10, gzip.compress(dumped(EVENTS[0]))]

    assert named(None, *values) == "JSON"
    assert named(("gzip", "arrays"), *values) == "gzip → JSON"


def test_what_cannot_be_unwrapped_cannot_be_chosen():
    with pytest.raises(FieldsError, match="lz5 cannot be unwrapped"):
        named(("lz5",), dumped(EVENTS[0]))


# Several events in a value


@pytest.mark.parametrize("between", [b"", b"\n", b" \r\n"])
def test_objects_one_behind_the_other_are_events_each(between):
    (first, second, third) = values_of(*EVENTS)

    name, found = decoded(first + between + second + between, third)

    assert name == "several JSON"
    assert found.columns[PLACE].to_pylist() == [0, 1, 0]
    assert fields_of(found.columns.drop_columns(PLACE)) == plainly(*EVENTS)


def test_an_object_with_bytes_behind_it_is_rejected_whole():
    _, found = decoded(*[b'{"a":1}{"a":2}'] * 3, b'{"a":3}{"a":4} x', b'{"a":5}{"a":')

    assert found.columns["a"].to_pylist() == [1, 2] * 3
    assert reasons(found) == ["not JSON", "not JSON"]


BATCH = b'{"app":"x", "events": [{"at":1704164650000,"n":1}, {"at":1704164651000,"n":2}] ,"v":1}'


def test_events_in_a_field_are_rows_with_what_is_around_them():
    name, found = decoded(BATCH, b'{"app":"y","events":[]}', b'{"app":"z"}', BATCH)

    assert name == "JSON → events in events"
    assert found.columns["events.n"].to_pylist() == [1, 2, None, None, 1, 2]
    assert found.columns["app"].to_pylist() == ["x", "x", "y", "z", "x", "x"]
    assert found.columns[OFFSET].to_pylist() == [0, 0, 1, 2, 3, 3]
    assert found.columns[PLACE].to_pylist() == [0, 1, 0, 0, 0, 1]


def test_an_array_of_events_may_be_text_in_a_field():
    as_text = {**json.loads(BATCH), "events": dumped(json.loads(BATCH)["events"]).decode()}

    name, found = decoded(dumped(as_text), b'{"app":"y","events":"[]"}', dumped(as_text))

    assert name == "JSON → events in events"
    assert found.columns["events.n"].to_pylist() == [1, 2, None, 1, 2]
    assert found.columns["app"].to_pylist() == ["x", "x", "y", "x", "x"]
    assert found.columns[OFFSET].to_pylist() == [0, 0, 1, 2, 2]
    assert found.columns[PLACE].to_pylist() == [0, 1, 0, 0, 1]


def test_events_may_be_deeper_than_one_array():
    # Given OTLP, whose times are in arrays of arrays, beside arrays without any
    def sent(host: str, *times: int) -> bytes:
        about = {"attributes": [{"key": "host", "value": {"stringValue": host}}]}
        records = [{"timeUnixNano": f"{ms}000000", "attributes": [{"key": "n"}]} for ms in times]
        scopes = [{"logRecords": records[:1]}, {"logRecords": records[1:]}]
        return dumped({"resourceLogs": [{"resource": about, "scopeLogs": scopes}]})

    zero = 1_704_164_650_000
    name, found = decoded(sent("a", zero, zero + 1, zero + 2), sent("b", zero + 3, zero + 4))

    # Then each is an event, with what is around each of the arrays
    assert name == "JSON → events in resourceLogs.scopeLogs.logRecords → OpenTelemetry"
    times = found.columns["resourceLogs.scopeLogs.logRecords.timeUnixNano"].to_pylist()
    assert times == [f"{zero + k}000000" for k in range(5)]
    assert found.columns[OFFSET].to_pylist() == [0, 0, 0, 1, 1]
    assert found.columns[PLACE].to_pylist() == [0, 1, 2, 0, 1]
    hosts = found.columns["resourceLogs.resource.attributes.host"].to_pylist()
    assert hosts == ["a", "a", "a", "b", "b"]


def test_events_may_be_in_an_array_inside_of_an_object():
    batch = {"sent": 1_704_164_660_000, "in": {"events": json.loads(BATCH)["events"], "k": 5}}

    name, found = decoded(*[dumped(batch)] * 2, b'{"sent":1704164670000,"in":{}}', b'{"in":[1]}')

    assert name == "JSON → events in in.events"
    assert found.columns["in.events.n"].to_pylist() == [1, 2, 1, 2, None, None]
    assert found.columns["in.k"].to_pylist() == [5, 5, 5, 5, None, None]
    assert found.columns["sent"].to_pylist()[3:5] == [1_704_164_660_000, 1_704_164_670_000]


@pytest.mark.parametrize("when", ["received_at", "sent_at", "sentAt", "uploadTime", "serverTs"])
def test_when_a_batch_was_sent_or_received_is_no_time_of_an_event(when):
    batch = {"app": "x" * 90, when: 1_704_164_651_000, "events": [{"at": 1_704_164_650_000}]}

    name, found = decoded(*[dumped(batch)] * 2)

    assert name == "JSON → events in events"
    assert found.columns["events.at"].to_pylist() == [1_704_164_650_000] * 2
    assert found.columns[when].to_pylist() == [1_704_164_651_000] * 2


def test_of_two_arrays_of_events_one_is_opened():
    value = {"a": [{"at": 1_704_164_650_000 + k} for k in range(3)]}
    value["b"] = [{"at": 1_704_164_650_000 + k, "long": "x" * 90} for k in range(2)]

    _, found = decoded(dumped(value))

    # Else the events of each would be there once for each of the other
    assert len(found.columns) == 3


def test_a_large_batch_fits_as_what_it_becomes(monkeypatch):
    # Given a value whose events take little more than itself
    events = [{"at": 1_704_164_650_000 + k, "n": k} for k in range(2_000)]
    monkeypatch.setattr(unpacking, "MAX_BLOCK_BYTES", 100_000)

    _, found = decoded(dumped({"events": events}))

    assert found.columns["events.n"].to_pylist() == list(range(2_000))
    assert reasons(found) == []


def listed(*batches: dict) -> pa.RecordBatch:
    """Records that are rows of a table with lists in it."""
    table = pa.RecordBatch.from_pylist(list(batches))
    columns = dict(zip(table.schema.names, table.columns, strict=True))
    return with_values(block(*[b""] * len(batches)), rows_as_values(columns, len(batches)))


def test_events_in_lists_of_a_table_are_rows_as_those_of_json():
    # Given moments in lists inside of structs, of which one is empty and one is not there
    moments = [datetime(2024, 1, 2, 3, 4, second, tzinfo=UTC) for second in range(3)]
    batches = [
        {"app": "x", "in": {"events": [{"at": m, "n": k} for k, m in enumerate(moments)]}},
        {"app": "y", "in": {"events": []}},
        {"app": "z", "in": None},
        {"app": "x", "in": {"events": [{"at": moments[0], "n": 3}]}},
    ]
    records = listed(*batches)
    decoder = decoder_for(records, NoSchemas())
    found = decoder.decode(records)

    assert decoder.name == "table → events in in.events"
    assert found.columns["in.events.n"].to_pylist() == [0, 1, 2, None, None, 3]
    assert found.columns["app"].to_pylist() == ["x", "x", "x", "y", "z", "x"]
    assert found.columns[OFFSET].to_pylist() == [0, 0, 0, 1, 2, 3]
    assert found.columns[PLACE].to_pylist() == [0, 1, 2, 0, 0, 0]
    assert found.columns["in.events.at"].to_pylist()[2].startswith("2024-01-02T03:04:02")


@given(
    st.lists(
        st.lists(st.integers(0, 9), max_size=4).map(
            lambda ns: [{"at": 1_704_164_650_000 + n, "n": n} for n in ns]
        ),
        min_size=2,
        max_size=6,
    )
)
def test_lists_of_a_table_and_arrays_of_json_hold_the_same_events(batches):
    assume(sum(map(bool, batches)) * 2 >= len(batches))
    rows = [{"k": k, "inner": {"events": events}} for k, events in enumerate(batches)]

    tables = listed(*rows)
    as_json = block(*values_of(*rows))
    found = [
        decoder_for(records, NoSchemas()).decode(records).columns for records in (tables, as_json)
    ]

    for name in ("k", "inner.events.at", "inner.events.n", OFFSET, PLACE):
        first, second = (columns[name].to_pylist() for columns in found)
        assert first == second


@pytest.mark.parametrize("lists", [{}, {"events": pa.array([[{"at": 1_704_164_650_000}]])}])
def test_rows_with_moments_beyond_python_are_read(lists):
    far = pa.array([2**60], pa.timestamp("us"))
    records = with_values(block(b""), rows_as_values({"far": far, **lists}, 1))

    found = decoder_for(records, NoSchemas()).decode(records)

    assert len(found.columns) == 1


def test_a_row_with_more_events_than_fit_is_rejected_alone(monkeypatch):
    monkeypatch.setattr(unpacking, "MAX_BLOCK_EVENTS", 5)
    events = [{"at": 1_704_164_650_000 + k} for k in range(4)]
    records = listed({"events": events}, {"events": events}, {"events": events[:1]})

    found = decoder_for(records, NoSchemas()).decode(records)

    assert found.columns[OFFSET].to_pylist() == [0, 0, 0, 0, 2]
    assert found.rejected[OFFSET].to_pylist() == [1]


@pytest.mark.parametrize(
    "value",
    [
        b'{"at":1704164650000,"note":"a long text around it all","tags":[{"at":1704164650000}]}',
        b'{"at":1704164650000,"items":[{"sku":"a","quantity":1},{"sku":"b","quantity":2}]}',
        b'{"at":1704164650000,"points":[1704164650000,1704164651000,1704164652000]}',
    ],
)
def test_a_list_in_an_event_leaves_it_one_event(value):
    assert named(None, value) == "JSON"
    assert named(("events in a field",), value).startswith("JSON")


def test_events_of_one_value_fit_into_their_bound(monkeypatch):
    monkeypatch.setattr(unpacking, "MAX_BLOCK_BYTES", 4 * len(BATCH) + 1)

    _, found = decoded(BATCH, BATCH, BATCH)

    assert found.columns[OFFSET].to_pylist() == [0, 0, 1, 1]
    assert found.rejected[OFFSET].to_pylist() == [2]


# The cases


@pytest.mark.parametrize(
    ("name", "chain", "prefix"),
    [
        ("d03-double-encoded.jsonl", "JSON text in JSON", ""),
        ("d04-batches.jsonl", "arrays of JSON", ""),
        ("b04-json-text-inside.jsonl", "JSON → JSON text in data", "data."),
    ],
)
def test_small_files_as_people_have_them(name, chain, prefix):
    source = UploadedTopic(name, (CASES / name).read_bytes())
    (records,) = source.read(source.plan(topic_of(name), Everything()))
    decoder = decoder_for(records, NoSchemas())
    found = decoder.decode(records)

    assert decoder.name == chain
    times = zip(
        found.columns[f"{prefix}ts"].to_pylist(),
        found.columns[RECEIVED_TIME].to_pylist(),
        strict=True,
    )
    delays = sorted(received - event for event, received in times)
    assert (delays[5] + delays[6]) / 2 == 223.5
    assert delays[-1] == 10_222
    assert set(found.columns[f"{prefix}device_id"].to_pylist()) == {"dev-a", "dev-b"}
    assert (len(found.columns), reasons(found)) == (12, [])


# Anything

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
_SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | _TEXTS
    | st.floats(allow_nan=False, allow_infinity=False)
)  # fmt: skip
_OBJECTS = st.dictionaries(
    _TEXTS,
    _SCALARS | st.lists(_SCALARS, max_size=3) | st.dictionaries(_TEXTS, _SCALARS, max_size=2),
)


def _chains():
    """JSON in JSON, then perhaps padded, then perhaps compressed: padding shows only in JSON."""
    of = {last: [n for n in WRITERS if WRITERS[n][0].split()[0] == last] for last in _FIRST_WORDS}
    marked = [n for n in (*of["gzip"], *of["zstd"], *of["snappy"]) if n != "raw snappy"]
    return st.builds(
        lambda *parts: [name for part in parts for name in part],
        st.lists(st.sampled_from([*of["JSON"], *of["arrays"]]), max_size=2),
        st.lists(st.sampled_from(of["BOM"]), max_size=1),
        st.lists(st.sampled_from(marked), max_size=1),
        st.lists(st.sampled_from([*marked, "raw snappy"]), max_size=1),
    )


_FIRST_WORDS = {name.split()[0] for name, _ in WRITERS.values()}


@settings(deadline=None)
@given(
    events=st.lists(_OBJECTS.filter(lambda event: "" not in event), min_size=1, max_size=4),
    chain=_chains(),
)
def test_any_objects_in_any_chain_read_as_the_objects_themselves(events, chain):
    assume(sum(2 if "of text" in writer else 1 for writer in chain) <= MAX_LAYERS)
    values = values_of(*events)
    for writer in chain:
        values = [WRITERS[writer][1](value) for value in values]

    _, found = decoded(*values)

    assert fields_of(found.columns) == plainly(*events)
    assert not reasons(found)


_PIECES = st.sampled_from(
    [write(dumped(EVENTS)) for _, write in WRITERS.values()] + [msgpack.packb(EVENTS[1])]
)
_CUT = st.builds(lambda v, a, b: v[:a] + v[b:], _PIECES, st.integers(0, 60), st.integers(0, 60))
_MARKS = st.sampled_from([b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", compressed.XERIAL, b"\xdd", b"["])
_ANY = st.one_of(
    st.none(), st.binary(max_size=40), _CUT, st.builds(lambda m, v: m + v, _MARKS, st.binary())
)


@settings(deadline=None)
@given(st.lists(_ANY, max_size=6))
def test_any_bytes_are_events_or_rejected(values):
    _, found = decoded(*values)

    good, bad = found.columns[OFFSET].to_pylist(), found.rejected[OFFSET].to_pylist()
    assert set(good) | set(bad) == set(range(len(values)))
    assert len(good) + len(bad) >= len(values)


@settings(deadline=None)
@given(st.dictionaries(_TEXTS, _SCALARS, min_size=1))
def test_message_pack_is_the_json_that_was_packed(event):
    assert json.loads(json_of(msgpack.packb(event))) == event
