"""How fast Avro and Protobuf topics are read, against JSON and confluent-kafka's deserializers.

`python -m benchmarks.read --format avro` (or `protobuf`, or both) starts a broker and a schema
registry, fills a topic a format with the same events, of the notebook's shape, loads each into an
events table, and prints the figures beside the bars that they are to keep. The deserializers take
one record at a time: they get the first `DESERIALIZED` records, whose rate counts for all.
"""

from __future__ import annotations

import io
import json
import sys
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import fastavro
import pyarrow as pa
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import Schema as RegisteredSchema
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import message_factory

from benchmarks.decode import blocks
from lib.core.schemas import Schema
from lib.decoding import json_layout, schemas
from lib.decoding.json import JSON
from lib.decoding.proto_files import compiled_file
from lib.decoding.schemas import SchemaDecoder
from lib.loading.load import load
from lib.sources.base import Everything
from lib.sources.kafka import KafkaSettings, KafkaTopics
from lib.sources.kafka.blocks import POLL_RECORDS
from lib.sources.kafka.librdkafka import batch
from lib.sources.kafka.schema_registry import RegistrySettings, SchemaRegistry
from lib.sources.records import with_values
from tests.support.broker import create_topic, running_broker
from tests.support.registry import register, running_registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lib.core.schemas import SchemaSource
    from lib.decoding.base import Decoded

    Encode = Callable[[dict[str, Any]], bytes]
    """What makes a record's value of an event."""

FORMATS: Final = ("avro", "protobuf")
PARTITIONS: Final = 4
DESERIALIZED: Final = 50_000

AVRO: Final = {
    "type": "record",
    "name": "Event",
    "fields": [
        {"name": "ClientID", "type": "long"},
        {
            "name": "Data",
            "type": {
                "type": "record",
                "name": "Data",
                "fields": [{"name": "Errors", "type": "long"}, {"name": "Values", "type": "long"}],
            },
        },
        {"name": "EventID", "type": "long"},
        {"name": "Kind", "type": "string"},
        {"name": "SessionID", "type": "string"},
        {"name": "Timestamp", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}
PROTO: Final = """syntax = "proto3";
message Event {
  int64 ClientID = 1;
  Data Data = 2;
  int64 EventID = 3;
  string Kind = 4;
  string SessionID = 5;
  int64 Timestamp = 6;
}
message Data { int64 Errors = 1; int64 Values = 2; }
"""


def event_type() -> Any:  # noqa: ANN401 (made as the program runs)
    """Return the class of the Protobuf message."""
    file = compiled_file(Schema("PROTOBUF", PROTO))
    return message_factory.GetMessageClass(file.descriptor("Event"))


def encoders(registry: str) -> dict[str, Encode]:
    """Register the schemas; return what makes a value of an event, by format."""
    parsed, message = fastavro.parse_schema(AVRO), event_type()
    avro = _header(register(registry, "avro-value", json.dumps(AVRO)))
    protobuf = _header(register(registry, "protobuf-value", PROTO, "PROTOBUF")) + b"\0"

    def to_avro(event: dict[str, Any]) -> bytes:
        stream = io.BytesIO()
        fastavro.schemaless_writer(stream, parsed, event)
        return avro + stream.getvalue()

    return {
        "json": lambda event: json.dumps(event, separators=(",", ":")).encode(),
        "avro": to_avro,
        "protobuf": lambda event: protobuf + message(**event).SerializeToString(),
    }


def _header(number: int) -> bytes:
    return b"\0" + number.to_bytes(4, "big")


def encoded(records: int, encode: Encode) -> list[pa.RecordBatch]:
    """Return events of the notebook's shape as blocks of records of a format."""
    return [_encoded(block, encode) for block in blocks(records)]


def _encoded(block: pa.RecordBatch, encode: Encode) -> pa.RecordBatch:
    values = [encode(json.loads(value)) for value in block["value"].to_pylist()]
    return with_values(block, pa.array(values, pa.binary()))


def fill(broker: str, topic: str, batches: Iterable[pa.RecordBatch]) -> None:
    """Fill a new topic with records."""
    create_topic(broker, topic, partitions=PARTITIONS)
    producer = Producer({"bootstrap.servers": broker, "linger.ms": 50})
    for block in batches:
        columns = (block[name].to_pylist() for name in ("partition", "timestamp", "value"))
        for partition, time_ms, value in zip(*columns, strict=True):
            producer.produce(topic, value, partition=partition, timestamp=time_ms)
        producer.flush()


def by_skewline(broker: str, topic: str, schemas: SchemaSource) -> int:
    """Load a topic into an events table."""
    source = KafkaTopics(KafkaSettings(broker, reader="librdkafka"), schemas)
    loaded = load(source, topic, Everything(), cap=sys.maxsize)
    assert not len(loaded.rejected)
    return len(loaded.events.table)


def by_deserializer(broker: str, topic: str, records: int, deserialize: Any) -> float:  # noqa: ANN401
    """Return the seconds that confluent-kafka takes to give a record and to deserialize it.

    It gives some hundred at once. The clock runs once the first ones have come.
    """
    context = SerializationContext(topic, MessageField.VALUE)
    config = {"bootstrap.servers": broker, "group.id": "benchmark", "enable.auto.commit": False}
    rows: list[Any] = []
    with closing(Consumer(config)) as consumer:
        consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
        while not (messages := consumer.consume(POLL_RECORDS, timeout=0.1)):
            pass
        began = time.perf_counter()
        while len(rows) < records:
            rows += [deserialize(message.value(), context) for message in messages]
            messages = consumer.consume(POLL_RECORDS, timeout=0.1)
        return (time.perf_counter() - began) / len(rows)


def _seconds(run: Callable[[], int], records: int, repeat: int) -> float:
    """Return the seconds of the fastest of some runs."""
    taken = []
    for _ in range(repeat):
        began = time.perf_counter()
        assert run() == records
        taken.append(time.perf_counter() - began)
    return min(taken)


def deserializers(registry: str) -> dict[str, Any]:
    """Return confluent-kafka's own, by format.

    That of Protobuf asks for compiled schemas, which Confluent's registry has and Apicurio's has
    not: it gets the registry in memory that comes with it, with the schemas under the same ids.
    """
    client = SchemaRegistryClient({"url": registry})
    memory = SchemaRegistryClient.new_client({"url": "mock://"})
    more, kind = {"use.deprecated.format": False}, event_type()
    memory.register_schema("avro-value", RegisteredSchema(json.dumps(AVRO)))
    context = SerializationContext("protobuf", MessageField.VALUE)
    ProtobufSerializer(kind, memory, more)(kind(), context)
    for subject in ("avro-value", "protobuf-value"):
        ids = {one.get_latest_version(subject).schema_id for one in (client, memory)}
        assert len(ids) == 1
    return {
        "avro": AvroDeserializer(client, json.dumps(AVRO)),
        "protobuf": ProtobufDeserializer(kind, more, memory),
    }


def compare(
    broker: str, registry: str, records: int, repeat: int, formats: Iterable[str]
) -> Iterator[str]:
    """Measure each format beside JSON and its deserializer; yield the lines of the report."""
    encode, own = encoders(registry), deserializers(registry)
    schemas = SchemaRegistry(RegistrySettings(registry))
    few = min(records, DESERIALIZED)
    yield f"{records:,} records in {PARTITIONS} partitions, µs a record"
    yield f"its deserializer: by the rate of {few:,} of them"
    yield f"{'':12}{'decode alone':>14}{'topic to table':>16}{'its deserializer':>18}"
    bars, plain = [], 0.0
    for name in ("json", *formats):
        batches = encoded(records, encode[name])
        fill(broker, name, batches)
        decode = JSON.decode if name == "json" else SchemaDecoder(schemas).decode
        alone = _seconds(lambda: sum(map(_rows, map(decode, batches))), records, repeat)  # noqa: B023
        ours = _seconds(partial(by_skewline, broker, name, schemas), records, repeat) / records
        line = f"{name:12}{alone / records * 1e6:14.2f}{ours * 1e6:16.2f}"
        if name == "json":
            plain = ours
        else:
            theirs = min(by_deserializer(broker, name, few, own[name]) for _ in range(repeat))
            line += f"{theirs * 1e6:18.2f}"
            bars.append((f"{name}, times as fast as its deserializer", theirs / ours, ">=", 15))
            bars.append((f"{name}, times the JSON load", ours / plain, "<=", 3))
        yield line
    yield "\nbars"
    for title, value, sign, bar in bars:
        holds = value >= bar if sign == ">=" else value <= bar
        yield f"{title:45}{value:8.2f}  {sign} {bar:<5} {'holds' if holds else 'MISSED'}"


def _rows(decoded: Decoded) -> int:
    return int(decoded.columns.num_rows)


def run(records: int, repeat: int, formats: Iterable[str]) -> None:
    """Start what is needed, and print the report of some formats."""
    batch.warm_up()
    json_layout.warm_up()
    schemas.warm_up()
    with running_broker() as broker, running_registry() as registry:
        for line in compare(broker.bootstrap_servers, registry.url, records, repeat, formats):
            print(line, flush=True)
