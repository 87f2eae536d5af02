"""Blocks whose records name schemas: taken apart by schema, and put together again."""

from __future__ import annotations

import base64
import io
import json
import struct
from typing import TYPE_CHECKING

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.core.columns import OFFSET, PLACE
from lib.core.schemas import NoSchemas, Schema, SchemaId
from lib.decoding import wire_format
from lib.decoding.registry import decoder_for
from lib.decoding.schemas import SchemaDecoder, schema_decoder
from lib.loading.load import load
from lib.sources.base import Everything
from lib.sources.files.folder import UploadedTopic
from tests.support.blocks import block
from tests.support.schemas import KnownSchemas, written_by

if TYPE_CHECKING:
    import pyarrow as pa

LONG = {"type": "long", "logicalType": "timestamp-millis"}
FIRST = Schema(
    "AVRO",
    json.dumps(
        {
            "type": "record",
            "name": "E",
            "fields": [{"name": "a", "type": "long"}, {"name": "at", "type": LONG}],
        }
    ),
)
SECOND = Schema(
    "AVRO",
    json.dumps({"type": "record", "name": "E", "fields": [{"name": "a", "type": "string"}]}),
)
PROTO = Schema("PROTOBUF", 'syntax = "proto3"; message M { int64 a = 1; }')
OBJECT = Schema("JSON", '{"type": "object"}')


def known() -> KnownSchemas:
    every = {1: FIRST, 2: SECOND, 3: PROTO, 4: OBJECT, 5: Schema("AVRO", '"string"'), 6: BROKEN}
    return KnownSchemas({SchemaId("schema id", number): s for number, s in every.items()})


BROKEN = Schema("PROTOBUF", "message")


def framed(number: int, body: bytes) -> bytes:
    return b"\0" + number.to_bytes(4, "big") + body


def rows(columns: pa.Table) -> dict[int, dict]:
    """The fields that are there, by offset."""
    return {
        row[OFFSET]: {n: v for n, v in row.items() if v is not None and not n.startswith("Kafka")}
        for row in columns.to_pylist()
    }


def reasons(rejected: pa.Table) -> dict[int, str]:
    return dict(zip(rejected[OFFSET].to_pylist(), rejected["reason"].to_pylist(), strict=True))


def test_schemas_may_be_mixed_and_the_order_stays():
    values = [
        framed(2, b"\x02x"),
        framed(1, b"\x02\x04"),
        framed(3, b"\0\x08\x07"),
        framed(4, b'{"b":[1]}'),
        b'{"a":8}',
        framed(2, b"\x02y"),
    ]

    decoded = SchemaDecoder(known()).decode(block(*values))

    assert list(rows(decoded.columns).items()) == [
        (0, {"a": "x"}),
        (1, {"a": "1", "at": 2}),
        (2, {"a": "7"}),
        (3, {"b": "[1]"}),
        (4, {"a": "8"}),
        (5, {"a": "y"}),
    ]
    assert not decoded.rejected.num_rows


def test_a_record_that_cannot_be_read_costs_nothing_but_itself():
    values = [
        framed(1, b"\x02\x04"),
        framed(9, b"\x02\x04"),
        framed(1, b"\x02"),
        None,
        framed(6, b"\0"),
        framed(3, b"\x06"),
        b"{",
        framed(5, b"\x02k"),
        framed(1, b"\x06\x04"),
    ]

    decoded = SchemaDecoder(known()).decode(block(*values))

    assert rows(decoded.columns) == {0: {"a": 1, "at": 2}, 8: {"a": 3, "at": 2}}
    found = reasons(decoded.rejected)
    assert found[1] == "begins with schema id 9: It is not known."
    assert found[2] == "not Avro of schema id 1: it ends too early"
    assert found[3] == "tombstone (null value)"
    assert found[4].startswith(
        "begins with schema id 6: The Protobuf schema cannot be used: line 1"
    )
    assert found[5].startswith("not Protobuf of schema id 3: it does not say which message")
    assert found[6] == "not JSON"
    assert found[7] == "not a record"
    assert decoded.rejected["excerpt"][2].as_py() is None


@pytest.mark.parametrize("written", [base64.b64encode, lambda value: value.hex().encode()])
def test_values_in_a_file_have_the_schemas_of_the_registry(written):
    lines = [
        f'{{"partition":0,"offset":{n},"value":"{written(framed(1, body)).decode()}"}}\n'
        for n, body in enumerate((b"\x02\x04", b"\x0a\x0c"))
    ]
    source = UploadedTopic("t.jsonl", "".join(lines).encode(), schemas=known())

    loaded = load(source, "t", Everything(), chosen=(("event_time", "at"), ("unit", "ms")))

    assert loaded.decoder.name == "Confluent Avro"
    assert loaded.events.table["Timestamp"].tolist() == [2, 6]
    assert not len(loaded.rejected)


def test_json_is_read_without_a_registry():
    """Case d02: values that are JSON behind Confluent's five bytes."""
    values = [framed(19, b'{"device_id":"dev-a","seq":%d}' % number) for number in range(3)]

    decoded = SchemaDecoder(NoSchemas()).decode(block(*values))

    assert rows(decoded.columns)[2] == {"device_id": "dev-a", "seq": 2}


def test_without_a_registry_the_reason_says_so():
    decoded = SchemaDecoder(NoSchemas()).decode(block(framed(17, b"\x02\x04")))

    assert reasons(decoded.rejected) == {
        0: "begins with schema id 17: No schema registry is configured."
    }


def test_a_schema_is_asked_for_once_a_block_where_it_is_needed():
    schemas = known()

    SchemaDecoder(schemas).decode(block(*[framed(1, b"\x02\x04"), framed(2, b"\x00")] * 50))

    assert sorted(wanted.value for wanted in schemas.asked) == [1, 2]


def test_keys_that_name_a_schema_are_text():
    keys = [framed(5, b"\x06key"), b"plain", framed(1, b"\x02\x04"), framed(9, b"?"), None]
    records = block(*[b'{"a":1}'] * 5, keys=keys)

    columns = SchemaDecoder(known()).decode(records, extras=("@key",)).columns

    assert columns["@key"].to_pylist() == [
        "key",
        "plain",
        '{"a": 1, "at": 2}',
        "\0\0\0\0\t?",
        None,
    ]


# The decoder of a topic


def test_the_format_has_a_name():
    assert schema_decoder(block(framed(1, b"")), known()).name == "Confluent Avro"
    assert schema_decoder(block(framed(3, b"")), known()).name == "Confluent Protobuf"
    assert schema_decoder(block(framed(4, b"{}")), known()).name == "Confluent JSON Schema"
    assert schema_decoder(block(framed(9, b"")), known()).name == "Confluent"
    assert schema_decoder(block(b'{"a":1}'), known()) is None


def test_ids_in_headers_need_the_headers():
    headers = [[("apicurio.value.contentId", (1).to_bytes(8, "big"))]]

    decoder = schema_decoder(block(b"\x02\x04", headers=headers), known())

    assert (decoder.name, decoder.needs_headers) == ("Apicurio Avro", True)
    assert not schema_decoder(block(framed(1, b"")), known()).needs_headers


# What serializers write

JAVA_PROTO = """
syntax = "proto3";
package shop;
message Other { int64 x = 1; }
message Event { int64 ClientID = 1; string Kind = 2; sint64 Timestamp = 3; }
"""


def java_avro() -> str:
    """The schema in the container file that Java has written."""
    content = written_by("java")["avro file, null"].value
    begin = content.index(b"{")
    return content[begin : content.index(b"avro.codec") - 1].decode()


@pytest.mark.parametrize("name", [n for n in written_by("java") if "file" not in n])
def test_what_java_writes_is_read(name):
    written = written_by("java")[name]
    avro, proto = Schema("AVRO", java_avro()), Schema("PROTOBUF", JAVA_PROTO)
    schemas = KnownSchemas(
        {
            SchemaId("global id", 1): avro,
            SchemaId("schema id", 1): avro,
            SchemaId("fingerprint", "77532005ff7171c3"): avro,
            SchemaId("global id", 2): proto,
            SchemaId("schema id", 2): proto,
        }
    )

    decoded = SchemaDecoder(schemas).decode(block(written.value, headers=[written.headers]))

    event = {"ClientID": 7, "Kind": "d", "Timestamp": 1545230000123}
    more = {"Price": -12.34, "Data.Errors": 2, "Tags.a": "b"} if "avro" in name else {}
    assert rows(decoded.columns) == {0: event | more}


@pytest.mark.parametrize("form", ["prefix", "headers"])
@pytest.mark.parametrize("kind", ["avro", "protobuf", "json"])
def test_what_confluents_serializers_write_is_read(kind, form):
    written = written_by("python")[f"{kind}, {form}"]
    records = block(written.value, headers=[written.headers])
    schema = Schema(kind.upper(), written.schema)
    schemas = KnownSchemas({wire_format.framed(records)[0].id: schema})

    decoded = schema_decoder(records, schemas).decode(records)

    event = {"ClientID": 7, "Kind": "d", "Timestamp": 1545230000123, "Data.Errors": 2}
    assert rows(decoded.columns) == {0: event}


# Several events in a record

READINGS = {
    "type": "record",
    "name": "Batch",
    "fields": [
        {"name": "device", "type": "string"},
        {
            "name": "readings",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Reading",
                    "fields": [{"name": "ts", "type": LONG}, {"name": "value", "type": "double"}],
                },
            },
        },
    ],
}
PROTO_READINGS = """
syntax = "proto3";
message Batch { string device = 1; repeated Reading readings = 2; }
message Reading { int64 ts = 1; double value = 2; }
"""
AT = 1_704_164_650_000
BATCHES = [
    {
        "device": f"dev-{n % 2}",
        "readings": [{"ts": AT + 60_000 * n + k, "value": k / 2} for k in range(n)],
    }
    for n in (3, 1, 0, 2)
]


def as_avro(batch: dict) -> bytes:
    written = io.BytesIO()
    fastavro.schemaless_writer(written, fastavro.parse_schema(READINGS), batch)
    return framed(7, written.getvalue())


def as_protobuf(batch: dict) -> bytes:
    readings = b"".join(
        b"\x12" + bytes([len(one)]) + one
        for reading in batch["readings"]
        for one in [b"\x08" + varint(reading["ts"]) + b"\x11" + struct.pack("<d", reading["value"])]
    )
    device = batch["device"].encode()
    return framed(8, b"\0\x0a" + bytes([len(device)]) + device + readings)


def varint(number: int) -> bytes:
    head = number >> 7
    return bytes([number & 127 | 128]) + varint(head) if head else bytes([number])


def as_json(batch: dict) -> bytes:
    return framed(4, json.dumps(batch).encode())


@pytest.mark.parametrize("write", [as_avro, as_protobuf, as_json])
def test_each_event_of_an_array_is_a_row(write):
    # Given records that hold several events each, one of them none
    of_batches = {7: Schema("AVRO", json.dumps(READINGS)), 8: Schema("PROTOBUF", PROTO_READINGS)}
    every = {4: OBJECT} | of_batches
    schemas = KnownSchemas({SchemaId("schema id", n): schema for n, schema in every.items()})
    records = block(*map(write, BATCHES), keys=[b"k"] * 4)

    # When they are decoded
    decoder = decoder_for(records, schemas)
    assert decoder is not None
    found = decoder.decode(records, extras=("@key",))

    # Then each event is a row, with what is around it, and its place
    assert decoder.name.endswith("→ events in readings")
    told = ["readings.ts", "readings.value", "device", OFFSET, PLACE, "@key"]
    expected = [
        (reading["ts"], reading["value"], batch["device"], offset, place, "k")
        for offset, batch in enumerate(BATCHES)
        for place, reading in enumerate(batch["readings"] or [{"ts": None, "value": None}])
    ]
    assert [tuple(row.values()) for row in found.columns.select(told).to_pylist()] == expected
    assert not found.rejected.num_rows


def test_an_array_beside_that_of_the_events_multiplies_none():
    # Given records with events, and a long list of others that have times, too
    seen = [{"ts": AT + n, "note": "a" * 99} for n in range(9)]
    batches = [{"readings": [{"ts": AT + n, "a": "b" * 999}] * 3, "seen": seen} for n in range(5)]
    schemas = KnownSchemas({SchemaId("schema id", 4): OBJECT})
    records = block(*map(as_json, batches))

    decoder = decoder_for(records, schemas)

    # Then each event is there once
    assert decoder is not None
    found = decoder.decode(records).columns
    assert found["readings.ts"].to_pylist() == [AT + n for n in range(5) for _ in range(3)]


def test_an_array_beside_an_event_is_no_array_of_events():
    # Given events that have a time of their own, and a list of others in them
    events = [{"ts": AT + n, "seen": [{"id": 1, "n": 2}] * 3, "note": "a" * 99} for n in range(5)]
    schemas = KnownSchemas({SchemaId("schema id", 4): OBJECT})
    records = block(*map(as_json, events))

    decoder = decoder_for(records, schemas)

    # Then each record stays one event
    assert decoder is not None
    assert decoder.decode(records).columns["ts"].to_pylist() == [AT + n for n in range(5)]


# Any block


@settings(max_examples=200)
@given(
    st.lists(
        st.none()
        | st.builds(framed, st.integers(0, 9), st.binary(max_size=12))
        | st.binary(max_size=12)
        | st.just(b'{"a":1}'),
        max_size=12,
    )
)
def test_good_and_rejected_are_all_records(values):
    records = block(*values, keys=values)

    decoded = SchemaDecoder(known()).decode(records, extras=("@key",))

    good, bad = decoded.columns[OFFSET].to_pylist(), decoded.rejected[OFFSET].to_pylist()
    assert sorted(good + bad) == list(range(len(values)))
    assert good == sorted(good)
