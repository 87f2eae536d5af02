"""How programs to paste read the values of a topic, by the decoder that Skewline read it with."""

from __future__ import annotations

import gzip
import json

import pytest

from lib.core.schemas import NoSchemas, Schema, SchemaId
from lib.decoding.registry import decoder_for
from lib.replay.reading import Reading, reading_of
from tests.support.blocks import block, values_of
from tests.support.schemas import KnownSchemas

EVENT = {"ClientID": "a", "Timestamp": 1_700_000_000_000}
CHANGE = {"op": "c", "before": None, "after": EVENT, "source": {"ts_ms": 1}}
SCHEMA = {"type": "struct", "fields": []}
AVRO = Schema("AVRO", json.dumps({"type": "record", "name": "E", "fields": []}))


def reading(*values, headers=None, schemas=None):
    records = block(*values, headers=None if headers is None else [headers] * len(values))
    return reading_of(decoder_for(records, schemas or NoSchemas()))


def connect(payload):
    return {"schema": SCHEMA, "payload": payload}


@pytest.mark.parametrize(
    ("value", "column", "source"),
    [
        (EVENT, "ClientID", "ClientID"),
        (CHANGE, "after.ClientID", "after.ClientID"),
        (connect(EVENT), "ClientID", "payload.ClientID"),
        (connect(CHANGE), "after.ClientID", "payload.after.ClientID"),
        (connect(EVENT), "@key", "@key"),
    ],
)
def test_a_field_is_found_where_it_is_in_the_value(value, column, source):
    assert reading(*values_of(*[value] * 3)).source(column) == source


def test_attributes_of_cloud_events_are_found_in_headers():
    attributes = [(f"ce_{name}", b"x") for name in ("id", "source", "type", "time")]

    found = reading(*values_of(EVENT, EVENT), headers=attributes)

    assert found.source("ce_time") == "@header:ce_time"
    assert found.source("ClientID") == "ClientID"


def test_avro_has_the_schema_of_the_first_record():
    schemas = KnownSchemas({SchemaId("schema id", 1): AVRO})

    assert reading(b"\0\0\0\0\1", b"\0\0\0\0\1", schemas=schemas) == Reading(AVRO.text)


@pytest.mark.parametrize(
    "value",
    [
        gzip.compress(json.dumps(EVENT).encode()),
        json.dumps(json.dumps(EVENT)).encode(),
        json.dumps([EVENT, EVENT]).encode(),
    ],
    ids=["compressed", "text in text", "several in one"],
)
def test_what_the_programs_cannot_read_is_said(value):
    assert reading(value, value) is None


def test_what_is_no_avro_cannot_be_read_either():
    schemas = KnownSchemas({SchemaId("schema id", 1): Schema("JSON", "{}")})

    assert reading(b"\0\0\0\0\1{}", schemas=schemas) is None
    assert reading(b"\0\0\0\0\1\2", schemas=NoSchemas()) is None


def test_nothing_read_is_plain_json():
    assert reading_of(None) == Reading()
