"""Write what Confluent's serializers of Python make of one event: fixtures/schemas/python.json.

Run as `python -m tests.registry.write_fixtures`. Their registry is one in memory that knows GUIDs.
"""

from __future__ import annotations

import json
from pathlib import Path

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry import header_schema_id_serializer as in_headers
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import message_factory

from lib.core import schemas
from lib.decoding.proto_files import compiled_file

TARGET = Path(__file__).parents[1] / "fixtures" / "schemas" / "python.json"
EVENT = {"ClientID": 7, "Kind": "d", "Timestamp": 1545230000123, "Data": {"Errors": 2}}
AVRO = {
    "type": "record",
    "name": "Event",
    "fields": [
        {"name": "ClientID", "type": "long"},
        {"name": "Kind", "type": "string"},
        {"name": "Timestamp", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {
            "name": "Data",
            "type": {
                "type": "record",
                "name": "Data",
                "fields": [{"name": "Errors", "type": ["null", "int"]}],
            },
        },
    ],
}
PROTO = """syntax = "proto3";
package shop;
message Outer {
  message Event { int64 ClientID = 1; string Kind = 2; int64 Timestamp = 3; Data Data = 4; }
}
message Data { int32 Errors = 1; }
"""
JSON = {"title": "Event", "type": "object", "properties": {"ClientID": {"type": "integer"}}}


def main() -> None:
    """Write the fixtures."""
    client = SchemaRegistryClient.new_client({"url": "mock://"})
    proto = schemas.Schema("PROTOBUF", PROTO)
    event = message_factory.GetMessageClass(compiled_file(proto).descriptor("shop.Outer.Event"))
    fixtures = {}
    for form, more in (("prefix", {}), ("headers", {"schema.id.serializer": in_headers})):
        made = {
            "avro": AvroSerializer(client, json.dumps(AVRO), conf=more)(EVENT, _of("avro")),
            "json": JSONSerializer(json.dumps(JSON), client, conf=more)(EVENT, _of("json")),
        }
        for name, value in made.items():
            fixtures[f"{name}, {form}"] = _fixture(client, name, value)
        serializer = ProtobufSerializer(event, client, {"use.deprecated.format": False, **more})
        value = serializer(event(**EVENT), _of("protobuf"))
        fixtures[f"protobuf, {form}"] = _fixture(client, "protobuf", value)
        fixtures[f"protobuf, {form}"]["schema"] = PROTO
    key = AvroSerializer(client, '"string"')("dev-a", _of("key", MessageField.KEY))
    fixtures["avro key, prefix"] = {"value": key.hex(), "headers": {}, "schema": '"string"'}
    TARGET.write_text(json.dumps(fixtures, indent=2) + "\n")


_CONTEXTS: dict[str, SerializationContext] = {}


def _of(topic: str, part: str = MessageField.VALUE) -> SerializationContext:
    _CONTEXTS[topic] = SerializationContext(topic, part, [])
    return _CONTEXTS[topic]


def _fixture(client: SchemaRegistryClient, topic: str, value: bytes) -> dict:
    headers = {name: content.hex() for name, content in _CONTEXTS[topic].headers}
    schema: Schema = client.get_latest_version(f"{topic}-value").schema
    return {"value": value.hex(), "headers": headers, "schema": schema.schema_str}


if __name__ == "__main__":
    main()
