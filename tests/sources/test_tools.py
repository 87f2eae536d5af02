"""What Kafka's tools write: the same records, whoever wrote them, and what is no record."""

from __future__ import annotations

import base64
import csv
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lib.sources.files import lines as lines_module
from lib.sources.files.formats import records_of
from lib.sources.files.input_file import uploaded
from lib.sources.records import (
    CREATE_TIME,
    LOG_APPEND_TIME,
    NO_TIMESTAMP,
    NO_TIMESTAMP_TYPE,
    note_of,
    reason_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Sent:
    """A record that was in a topic."""

    partition: int
    offset: int
    ms: int
    key: str | None
    value: str
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def iso(self) -> str:
        """Its timestamp, as JavaScript writes it."""
        return self.time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.ms % 1000:03}Z"

    @property
    def time(self) -> datetime:
        return datetime.fromtimestamp(self.ms / 1000, UTC)


SENT = (
    Sent(0, 3, 1_704_164_650_220, "dev-a", '{"id": "a", "n": 1.0, "note": "é \\"q\\" {"}'),
    Sent(1, 0, 1_704_164_650_920, "dev-b", '{"id": "b", "n": 2e3, "note": ""}', (("h", "v"),)),
    Sent(0, 4, 1_704_164_655_221, "dev-a", '{"id": "a", "n": 3, "note": null}'),
)


def read(name: str, text: str | bytes) -> tuple[list[dict], list[str]]:
    """Return the records of a file, by partition and offset, and why others are none."""
    content = text.encode() if isinstance(text, str) else text
    blocks = list(records_of(uploaded(name, content)))
    rows = [row for block in blocks if reason_of(block) is None for row in block.to_pylist()]
    rejected = [
        reason for block in blocks if (reason := reason_of(block)) for _ in range(len(block))
    ]
    return sorted(rows, key=lambda row: (row["partition"], row["offset"])), rejected


def compact(value: str) -> str:
    return json.dumps(json.loads(value), ensure_ascii=False, separators=(",", ":"))


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def lines(*objects: object) -> str:
    return "".join(json.dumps(each) + "\n" for each in objects)


def pretty(*objects: object) -> str:
    return "".join(json.dumps(each, indent=2) + "\n" for each in objects)


def table(rows: list[dict]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def kcat(sent: Sent) -> dict:
    flat = {"headers": [part for header in sent.headers for part in header]}
    return {
        "topic": "t",
        "partition": sent.partition,
        "offset": sent.offset,
        "tstype": "create",
        "ts": sent.ms,
        "broker": 1,
        **(flat if sent.headers else {}),
        "key": sent.key,
        "payload": sent.value,
    }


def rpk(sent: Sent) -> dict:
    headers = [{"key": key, "value": value} for key, value in sent.headers]
    return {
        "topic": "t",
        "key": sent.key,
        "value": sent.value,
        "timestamp": sent.ms,
        **({"headers": headers} if headers else {}),
        "partition": sent.partition,
        "offset": sent.offset,
    }


def kaf(sent: Sent) -> dict:
    headers = [{"Key": b64(key), "Value": b64(value)} for key, value in sent.headers]
    return {
        **({"headers": headers} if headers else {}),
        "key": sent.key,
        "offset": sent.offset,
        "partition": sent.partition,
        "payload": json.loads(sent.value),
        "timestamp": sent.time.isoformat(),
    }


def kafka_ui(sent: Sent) -> dict:
    return {
        "Value": sent.value,
        "Offset": sent.offset,
        "Key": sent.key,
        "Partition": sent.partition,
        "Headers": dict(sent.headers),
        "Timestamp": sent.iso,
    }


def kafka_ui_api(sent: Sent) -> dict:
    return {
        "partition": sent.partition,
        "offset": sent.offset,
        "timestamp": sent.iso,
        "timestampType": "CREATE_TIME",
        "key": sent.key,
        "headers": dict(sent.headers),
        "content": sent.value,
        "keySize": 5,
        "valueSize": 30,
        "keySerde": "String",
    }


def akhq(sent: Sent) -> dict:
    headers = [{"key": key, "value": value} for key, value in sent.headers]
    return {
        "topic": {"name": "t"},
        "partition": sent.partition,
        "offset": sent.offset,
        "timestamp": sent.iso,
        "timestampType": "CREATE_TIME",
        "key": sent.key,
        "headers": headers,
        "value": sent.value,
        "truncated": False,
    }


def redpanda_console(sent: Sent) -> dict:
    headers = [
        {"key": key, "value": {"payload": value, "encoding": "text"}} for key, value in sent.headers
    ]
    return {
        "partitionID": sent.partition,
        "offset": sent.offset,
        "timestamp": sent.ms,
        "compression": "uncompressed",
        "isTransactional": False,
        "headers": headers,
        "key": {"payload": sent.key, "encoding": "text"},
        "value": {"payload": json.loads(sent.value), "encoding": "json", "schemaId": 0},
    }


def kafdrop(sent: Sent) -> dict:
    return {
        "partition": sent.partition,
        "offset": sent.offset,
        "message": sent.value,
        "key": sent.key,
        "headers": dict(sent.headers),
        "timestamp": sent.iso,
    }


def rest_proxy(sent: Sent) -> dict:
    return {
        "topic": "t",
        "key": sent.key,
        "value": json.loads(sent.value),
        "partition": sent.partition,
        "offset": sent.offset,
    }


def place(sent: Sent, prefix: str = "", **more: object) -> dict:
    """Return what some tools put beside the value in an object of its own."""
    found = {"topic": "t", "partition": sent.partition, "offset": sent.offset, **more}
    return {prefix + name: part for name, part in found.items()}


def buffer(text: str) -> dict:
    return {"type": "Buffer", "data": list(text.encode())}


def lenses(sent: Sent) -> dict:
    return {
        "key": sent.key,
        "value": json.loads(sent.value),
        "headers": dict(sent.headers),
        "metadata": place(sent, timestamp=sent.ms, __keysize=5),
    }


def logstash(sent: Sent) -> dict:
    return {
        "message": sent.value,
        "@timestamp": "2030-01-01T00:00:00.000Z",
        "@version": "1",
        "kafka": place(sent, timestamp=sent.ms, key=sent.key, headers=dict(sent.headers)),
    }


def benthos(sent: Sent) -> dict:
    beside = place(sent, "kafka_", key=sent.key, timestamp_ms=str(sent.ms))
    return {"content": sent.value, "metadata": beside | {"headers": dict(sent.headers)}}


def kafkajs(sent: Sent) -> dict:
    message = {
        "timestamp": str(sent.ms),
        "offset": str(sent.offset),
        "key": buffer(sent.key or ""),
        "value": buffer(sent.value),
        "headers": dict(sent.headers),
    }
    return {"topic": "t", "partition": sent.partition, "message": message}


def rest_proxy_binary(sent: Sent) -> dict:
    return rest_proxy(sent) | {"key": b64(sent.key or ""), "value": b64(sent.value)}


def lambda_event(*sent: Sent) -> dict:
    by_partition: dict[str, list[dict]] = {}
    for each in sent:
        record = {
            "topic": "t",
            "partition": each.partition,
            "offset": each.offset,
            "timestamp": each.ms,
            "timestampType": "CREATE_TIME",
            "key": b64(each.key or ""),
            "value": b64(each.value),
            "headers": [{k: list(v.encode())} for k, v in each.headers],
        }
        by_partition.setdefault(f"t-{each.partition}", []).append(record)
    return {"eventSource": "aws:kafka", "bootstrapServers": "b:9092", "records": by_partition}


def flat(form: Callable[[Sent], dict]) -> Callable[[Sent], dict]:
    """Return a form whose nested parts are text, as it is in a table."""
    return lambda sent: {
        name: json.dumps(part) if isinstance(part, dict | list) else part
        for name, part in form(sent).items()
    }


OBJECTS = {
    "kcat -J": kcat,
    "kcat -J -s value=avro": lambda sent: kcat(sent) | {"payload": json.loads(sent.value)},
    "rpk": rpk,
    "kaf": kaf,
    "kafka-ui": kafka_ui,
    "kafka-ui, from its API": kafka_ui_api,
    "AKHQ": akhq,
    "Redpanda Console": redpanda_console,
    "Kafdrop": kafdrop,
    "ksqlDB": lambda sent: {
        "ROWTIME": sent.ms,
        "ROWPARTITION": sent.partition,
        "ROWOFFSET": sent.offset,
        "HEADERS": dict(sent.headers),
        "KEY": sent.key,
        "VALUE": sent.value,
    },
    "Lenses": lenses,
    "Logstash": logstash,
    "Benthos": benthos,
    "KafkaJS": kafkajs,
    "bytes in hexadecimal": lambda sent: kcat(sent) | {"payload": sent.value.encode().hex()},
    "bytes as a list": lambda sent: kcat(sent) | {"payload": list(sent.value.encode())},
    "REST Proxy": rest_proxy,
    "REST Proxy, binary": rest_proxy_binary,
}
CONTAINERS = {
    "lines": ("t.jsonl", lines),
    "pretty": ("t.json", pretty),
    "array": ("t.json", lambda *objects: json.dumps(objects)),
    "pretty array": ("t.txt", lambda *objects: json.dumps(objects, indent="\t")),
    "no new lines": ("t.log", lambda *objects: "".join(map(json.dumps, objects))),
    "commas behind": ("t.json", lambda *objects: lines(*objects).replace("\n", ",\n")),
    "array a batch": ("t.json", lambda *objects: "\n".join(json.dumps([o]) for o in objects)),
    "document": ("t.json", lambda *objects: json.dumps({"of": "t", "x": {"messages": objects}})),
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("tool", OBJECTS)
def test_records_in_envelopes_come_out_whoever_wrote_them(tool, container):
    name, written = CONTAINERS[container]

    found, rejected = read(name, written(*map(OBJECTS[tool], SENT)))

    assert rejected == []
    for row, sent in zip(found, sorted(SENT, key=lambda s: (s.partition, s.offset)), strict=True):
        assert (row["partition"], row["offset"]) == (sent.partition, sent.offset)
        assert row["key"] == (sent.key or "").encode()
        assert json.loads(row["value"]) == json.loads(sent.value)
        assert row["timestamp"] == (NO_TIMESTAMP if "REST" in tool else sent.ms)
        headers = dict(row["headers"] or ())
        assert headers == ({} if "REST" in tool else {k: v.encode() for k, v in sent.headers})


@pytest.mark.parametrize("tool", ["kafka-ui", "AKHQ", "Kafdrop", "rpk"])
def test_records_in_tables_come_out_too(tool):
    found, rejected = read(
        "t.csv", table([flat(OBJECTS[tool])(s) | {"headers": ""} for s in SENT[::2]])
    )

    assert rejected == []
    assert [row["value"] for row in found] == [sent.value.encode() for sent in SENT[::2]]
    assert [row["timestamp"] for row in found] == [sent.ms for sent in SENT[::2]]


def test_a_field_with_a_broken_name_is_no_field_of_an_envelope():
    broken = b'{"key":"k","value":{"a":1},"off\\ud800set":1,"partition":0}\n'

    for text in (broken, broken.replace(b"\\ud800", b"\xff")):
        found, rejected = read("t.jsonl", text * 2)

        assert len(found) + len(rejected) == 2


def test_headers_and_values_that_are_not_utf8_are_read():
    text = b'{"ts":5,"headers":{"\xff":"v"},"key":"\xff","value":"{\xff"}\n'

    found, rejected = read("t.jsonl", text * 2)

    assert [name for name, _ in found[0]["headers"]] == ["\ufffd"]
    assert found[0]["value"] == b"{\xff"
    assert rejected == []


def test_a_value_that_is_an_object_keeps_its_bytes():
    (row,), _ = read("t.json", '{"partition":0,"offset":1,"value": {"n":1.50e1,  "n":2} ,"x":[{}]}')

    assert row["value"] == b'{"n":1.50e1,  "n":2}'


def test_offset_explorer_has_names_of_its_own():
    text = 'Partition,Offset,Key,Timestamp,Message\n0,5,k,2024-01-02 03:04:10.220,"{""a"":1}"\n'

    (row,), _ = read("t.csv", text)

    assert (row["offset"], row["timestamp"], row["value"]) == (5, 1_704_164_650_220, b'{"a":1}')


def test_the_newest_record_first_is_put_in_order():
    found, rejected = read("t.json", json.dumps([kafka_ui(sent) for sent in reversed(SENT)]))

    assert [(row["partition"], row["offset"]) for row in found] == [(0, 3), (0, 4), (1, 0)]
    assert rejected == []


def test_an_envelope_without_offsets_is_numbered_and_without_timestamps_has_none():
    text = lines(*({"key": sent.key, "value": json.loads(sent.value)} for sent in SENT))

    found, _ = read("t.jsonl", text)

    assert [row["offset"] for row in found] == [0, 1, 2]
    assert {(row["timestamp"], row["timestamp_type"]) for row in found} == {
        (NO_TIMESTAMP, NO_TIMESTAMP_TYPE)
    }


def test_messages_of_kafkajs_may_be_alone():
    beside = {"magicByte": 2, "attributes": 0, "isControlRecord": False, "batchContext": {}}
    every = sorted(SENT, key=lambda sent: sent.offset)
    text = lines(*({**beside, **kafkajs(sent)["message"]} for sent in every))

    found, rejected = read("t.jsonl", text)

    assert [row["timestamp"] for row in found] == [sent.ms for sent in every]
    assert [row["value"].decode() for row in found] == [sent.value for sent in every]
    assert rejected == []


@pytest.mark.parametrize(
    "event",
    [
        {"key": "temperature", "value": 21.5, "timestamp": 1},
        {"device": "a", "value": {"x": 1}, "topic": "room"},
        {"message": "started", "time": 1, "host": "a"},
        {"payload": {"a": 1}, "schema": {"type": "struct"}},
        {"message": "started", "level": "INFO", "kafka": {"partition": 0, "offset": 5}},
    ],
)
def test_an_event_is_no_envelope_for_having_a_value(event):
    (row,), _ = read("t.jsonl", lines(event))

    assert json.loads(row["value"]) == event
    assert row["timestamp"] == NO_TIMESTAMP


# AWS


@pytest.mark.parametrize("written", [lines, pretty, lambda e: json.dumps([e])])
def test_events_of_lambda_hold_records_by_partition(written):
    found, rejected = read("event.json", written(lambda_event(*SENT)))

    assert [row["value"].decode() for row in found] == [SENT[0].value, SENT[2].value, SENT[1].value]
    assert [row["key"] for row in found] == [b"dev-a", b"dev-a", b"dev-b"]
    assert [row["timestamp"] for row in found] == [SENT[0].ms, SENT[2].ms, SENT[1].ms]
    assert found[2]["headers"] == [("h", b"v")]
    assert rejected == []


def test_values_in_events_of_lambda_are_base64_whatever_is_in_them():
    event = lambda_event(*SENT)
    for records in event["records"].values():
        for record in records:
            record["value"] = base64.b64encode(b"\x81\xa1a\x01").decode()

    found, _ = read("event.json", json.dumps(event))

    assert {row["value"] for row in found} == {b"\x81\xa1a\x01"}


def test_events_of_lambda_one_a_line_are_all_read():
    found, _ = read("events.jsonl", lines(*map(lambda_event, SENT)))

    assert sorted(row["value"].decode() for row in found) == sorted(sent.value for sent in SENT)


def test_events_of_firehose_hold_records():
    records = [
        {"recordId": "1", "approximateArrivalTimestamp": sent.ms, "data": b64(sent.value)}
        for sent in SENT
    ]

    found, _ = read("event.json", json.dumps({"deliveryStreamArn": "arn", "records": records}))

    assert [row["value"].decode() for row in found] == [sent.value for sent in SENT]
    assert [row["timestamp"] for row in found] == [sent.ms for sent in SENT]


def notification(sent: Sent) -> dict:
    return {"TopicArn": "arn", "MessageId": "1", "Message": sent.value, "Timestamp": sent.iso}


def of_queue(sent: Sent, body: object = None) -> dict:
    attributes = {"SentTimestamp": str(sent.ms), "MessageGroupId": sent.key}
    body = sent.value if body is None else json.dumps(body)
    return {"messageId": "1", "receiptHandle": "x", "body": body, "attributes": attributes}


def of_table(sent: Sent) -> dict:
    image = {
        name: {"S": value} if isinstance(value, str) else {"N": str(value)}
        for name, value in json.loads(sent.value).items()
        if value is not None
    }
    stream = {"ApproximateCreationDateTime": sent.ms / 1000, "Keys": {"k": {"S": sent.key}}}
    return {"eventID": "7", "eventName": "INSERT", "dynamodb": {**stream, "NewImage": image}}


@pytest.mark.parametrize(
    ("record", "keyed"),
    [
        (of_queue, True),
        (lambda sent: of_queue(sent, notification(sent)), True),
        (lambda sent: {"EventSource": "aws:sns", "Sns": notification(sent)}, False),
        (of_table, True),
    ],
)
@pytest.mark.parametrize("container", [lambda r: json.dumps({"Records": r}), lambda r: lines(*r)])
def test_records_of_other_services_are_stamped_by_them(record, keyed, container):
    found, rejected = read("event.json", container([record(sent) for sent in SENT]))

    ids = [json.loads(sent.value)["id"] for sent in SENT]
    assert [json.loads(row["value"])["id"] for row in found] == ids
    assert [row["timestamp"] for row in found] == [sent.ms for sent in SENT]
    assert {row["timestamp_type"] for row in found} == {LOG_APPEND_TIME}
    assert [row["key"] for row in found] == [sent.key.encode() if keyed else None for sent in SENT]
    assert rejected == []


def test_messages_that_are_no_json_keep_their_time_outside():
    texts = [{**notification(sent), "Message": "hello"} for sent in SENT]

    found, _ = read("event.jsonl", lines(*texts))

    assert [row["value"] for row in found] == [b"hello"] * 3
    assert [row["timestamp"] for row in found] == [sent.ms for sent in SENT]


def test_an_item_that_was_removed_is_no_event():
    removed = {**of_table(SENT[0]), "eventName": "REMOVE"}

    found, _ = read("event.json", json.dumps({"Records": [removed, of_table(SENT[1])]}))

    assert [row["value"] is None for row in found] == [True, False]


def test_records_without_their_values_are_no_events():
    beside = [
        {"topic": "t", "partition": 0, "offset": sent.offset, "timestamp": sent.ms} for sent in SENT
    ]

    found, rejected = read("t.json", pretty(*beside))

    assert found == []
    assert {*rejected} == {"no value beside its place in the topic"}


def test_timestamps_that_cannot_be_read_are_said_to_be_missing():
    lines_ = lines(
        *(
            {"topic": "t", "partition": 0, "offset": n, "timestamp": "01/02/2024", "value": "{}"}
            for n in range(3)
        )
    )

    (block,) = records_of(uploaded("t.jsonl", lines_.encode()))

    assert block["timestamp"].to_pylist() == [NO_TIMESTAMP] * 3
    assert "such as 01/02/2024" in note_of(block)


@pytest.mark.parametrize(
    "written",
    [
        "Jan 2, 2024, 3:04:{:02} AM",
        "Tue Jan 02 2024 03:04:{:02} GMT+0000 (UTC)",
        "20240102T0304{:02}Z",
    ],
)
@pytest.mark.parametrize("name", ["t.jsonl", "t.csv"])
def test_timestamps_are_read_in_the_forms_of_event_times(name, written):
    rows = [
        {"partition": 0, "offset": n, "timestamp": written.format(n), "value": '{"a":1}'}
        for n in range(3)
    ]
    text = lines(*rows) if name == "t.jsonl" else table(rows)

    (block,) = records_of(uploaded(name, text.encode()))

    assert block["timestamp"].to_pylist() == [1_704_164_640_000 + n * 1000 for n in range(3)]
    names_zone = not written.endswith("AM")
    assert ("name no zone and are read as UTC" in (note_of(block) or "")) is not names_zone


@pytest.mark.parametrize("name", ["t.jsonl", "t.csv"])
def test_records_of_another_topic_are_left_out_and_said_to_be(name):
    # Given two topics of which both have a partition 0 with the same offsets
    rows = [
        {"topic": f"t{n % 2}", "partition": 0, "offset": n // 2, "value": f'{{"n":{n}}}'}
        for n in range(6)
    ]
    text = lines(*rows) if name == "t.jsonl" else table(rows)

    first, *others = records_of(uploaded(name, text.encode()))

    assert first["value"].to_pylist() == [b'{"n":0}', b'{"n":2}', b'{"n":4}']
    assert "“t0”" in note_of(first)
    assert "“t1”" in note_of(first)
    assert [(len(block), reason_of(block)) for block in others] == [
        (3, "of another topic than the first record of the file")
    ]


def test_topics_of_messages_without_offsets_are_no_topics_of_kafka():
    # Given what MQTT brokers send, a topic a device
    rows = [{"topic": f"home/{n}", "timestamp": 5, "payload": {"n": n}} for n in range(3)]

    found, rejected = read("t.jsonl", lines(*rows))

    assert len(found) == 3
    assert rejected == []


def test_headers_behind_a_value_are_no_part_of_it():
    text = "".join(f'Partition:0 Offset:{n}\tk\t{VALUE}\t% Headers: [a="1"]\n' for n in range(3))

    found, rejected = read("t.txt", text)

    assert [row["value"].decode() for row in found] == [VALUE] * 3
    assert rejected == []


def test_dictionaries_that_python_prints_may_be_envelopes():
    records = [
        {
            "partition": sent.partition,
            "offset": sent.offset,
            "timestamp": sent.ms,
            "key": sent.key,
            "value": json.loads(sent.value),
        }
        for sent in SENT
    ]

    for text in ("".join(f"{record}\n" for record in records), str(records)):
        found, rejected = read("t.txt", text)

        assert {(row["timestamp"], row["key"].decode()) for row in found} == {
            (sent.ms, sent.key) for sent in SENT
        }
        assert [json.loads(row["value"])["id"] for row in found] == ["a", "a", "b"]
        assert rejected == []


def test_records_of_kinesis_are_stamped_when_they_arrive():
    records = [
        {
            "eventID": f"shardId-00000000000{sent.partition}:4959{n}",
            "kinesis": {
                "partitionKey": sent.key,
                "sequenceNumber": "4" * 56,
                "data": b64(sent.value),
                "approximateArrivalTimestamp": sent.ms / 1000,
            },
        }
        for n, sent in enumerate(SENT)
    ]

    found, _ = read("event.json", json.dumps({"Records": records}))

    assert [(row["partition"], row["key"]) for row in found] == [
        (0, b"dev-a"),
        (0, b"dev-a"),
        (1, b"dev-b"),
    ]
    assert {row["timestamp_type"] for row in found} == {LOG_APPEND_TIME}
    assert sorted(row["timestamp"] for row in found) == [sent.ms for sent in SENT]


# Spark


@pytest.mark.parametrize("value", [pa.binary(), pa.string(), pa.large_binary()])
def test_columns_of_sparks_kafka_source_are_an_envelope(value):
    columns = {
        "key": pa.array([sent.key for sent in SENT], pa.string()).cast(pa.binary()),
        "value": pa.array([sent.value for sent in SENT], pa.string()).cast(value),
        "topic": ["t"] * 3,
        "partition": pa.array([sent.partition for sent in SENT], pa.int32()),
        "offset": [sent.offset for sent in SENT],
        "timestamp": pa.array([sent.ms * 1000 for sent in SENT], pa.timestamp("us", "UTC")),
        "timestampType": pa.array([0] * 3, pa.int32()),
        "headers": [[{"key": k, "value": v.encode()} for k, v in s.headers] or None for s in SENT],
    }
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)

    found, _ = read("t.parquet", file.getvalue())

    assert [row["value"].decode() for row in found] == [SENT[0].value, SENT[2].value, SENT[1].value]
    assert {row["timestamp_type"] for row in found} == {CREATE_TIME}
    assert [row["timestamp"] for row in found] == [SENT[0].ms, SENT[2].ms, SENT[1].ms]
    assert [row["headers"] for row in found] == [None, None, [("h", b"v")]]


# Printed lines

STAMP = "CreateTime:1704164650220"
VALUE = '{"a":1,"b":"x, y: z | \\t"}'
PLACE = (2, 9)
MS = 1_704_164_650_220


@pytest.mark.parametrize("separator", ["\t", " : ", ",", "|", " ", " - ", ";", "::", " → "])
@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        ((STAMP,), {"timestamp": MS, "timestamp_type": CREATE_TIME, "key": None}),
        ((STAMP, "k1"), {"timestamp": MS, "key": b"k1"}),
        (("Partition:2", "Offset:9"), {"partition": 2, "offset": 9, "timestamp": NO_TIMESTAMP}),
        ((STAMP, "Partition:2", "Offset:9", "k1"), {"partition": 2, "offset": 9, "key": b"k1"}),
        ((STAMP, "Offset:9", "NO_HEADERS", "k1"), {"offset": 9, "key": b"k1", "headers": None}),
        ((STAMP, "Partition:2", "Delivery:NOT_PRESENT", "Epoch:5", "k1"), {"key": b"k1"}),
        (("LogAppendTime:5",), {"timestamp": 5, "timestamp_type": LOG_APPEND_TIME}),
        (("NO_TIMESTAMP", "k1"), {"timestamp": NO_TIMESTAMP, "key": b"k1"}),
        (("NO_HEADERS", "k1"), {"key": b"k1", "headers": None}),
        (("k1",), {"key": b"k1", "timestamp": NO_TIMESTAMP}),
    ],
)
def test_parts_may_be_printed_in_any_combination_with_any_separator(parts, wanted, separator):
    (row,), rejected = read("t.txt", separator.join([*parts, VALUE]) + "\n")

    assert row["value"] == VALUE.encode()
    assert {name: row[name] for name in wanted} == wanted
    assert rejected == []


def test_what_kcat_prints_as_its_help_shows_is_read():
    text = f"Topic t [2] at offset 9: {VALUE}\nTopic t [2] at offset 10: {VALUE}\n"

    found, rejected = read("t.txt", text)

    assert [(row["partition"], row["offset"]) for row in found] == [(2, 9), (2, 10)]
    assert {row["value"] for row in found} == {VALUE.encode()}
    assert rejected == []


def printed(form: str) -> str:
    """Return the records as `rpk topic consume -f` prints them, `%K` and `%V` being sizes."""
    text = ""
    for sent in SENT_OFTEN:
        parts = {"%t": "t", "%p": "0", "%o": sent.offset, "%d": sent.ms, "%i": sent.iso}
        parts |= {"%k": sent.key, "%K": len(sent.key or ""), "%v": sent.value}
        line = form
        for mark, part in (parts | {"%V": len(sent.value.encode())}).items():
            line = line.replace(mark, str(part))
        text += line + "\n"
    return text


SENT_OFTEN = tuple(
    Sent(0, 95 + n, MS + 700 * n, f"dev-{n % 2}", f'{{"n":{n},"note":"{"x" * (n % 3)}"}}')
    for n in range(6)
)


@pytest.mark.parametrize(
    "form",
    [
        "Topic %t[%p], offset: %o, key: %k, payload: %V bytes: %v",
        "ts=%d key=%k val=%v",
        "p:%p o:%o ts:%d k:%k v:%v",
        "p=%p o=%o t=%d k=%k v=%v",
        "partition=%p offset=%o timestamp=%i key=%k value=%v",
        "Timestamp: %i, Partition: %p, Offset: %o, Key: %k, Value: %v",
        "Partition: %p Offset: %o Timestamp: %i Key: %k Value: %v",
        "Key (%K bytes): %k, Value (%V bytes): %v",
        "Topic %t Partition %p Offset %o Timestamp %d Key %k Value %v",
        "partition %p, offset %o, timestamp %i, key %k, payload %v",
        "%d|%k|%v",
        "%i %v",
        "%i\t%k\t%v",
        "%t\t%p\t%o\t%d\t%k\t%v",
        "%t,%p,%o,%d,%K,%k,%V,%v",
        "%o,%d,%k,%v",
        "%d|h=v|%k|%v",
    ],
)
def test_parts_of_a_template_are_told_by_their_names_or_by_what_all_lines_have(form):
    found, rejected = read("t.txt", printed(form))

    assert rejected == []
    assert [row["value"].decode() for row in found] == [sent.value for sent in SENT_OFTEN]
    if "%k" in form:
        assert [row["key"].decode() for row in found] == [sent.key for sent in SENT_OFTEN]
    if "%o" in form:
        assert [row["offset"] for row in found] == [sent.offset for sent in SENT_OFTEN]
    if "%d" in form or "%i" in form:
        assert [row["timestamp"] for row in found] == [sent.ms for sent in SENT_OFTEN]


@pytest.mark.parametrize("form", ["%o:%v", "%k %v", "%V %v", "%o %k %v"])
def test_without_a_time_numbers_before_a_value_are_its_key(form):
    found, rejected = read("t.txt", printed(form))

    assert rejected == []
    assert {row["timestamp"] for row in found} == {NO_TIMESTAMP}
    assert [row["key"].decode() + form[-3] + row["value"].decode() for row in found] == (
        printed(form).splitlines()
    )


@pytest.mark.parametrize(
    "form",
    [
        "\nKey (%K bytes): %k\nValue (%V bytes): %v\nTimestamp: %d\nPartition: %p\nOffset: %o\n--",
        "Key (%K bytes): %k\t\nValue (%V bytes): %v\t\nTimestamp: %d\tPartition: %p\tOffset: %o\n",
        "CreateTime:%d\nPartition:%p\nOffset:%o\n%k\n%v",
        "----- got message -----\npublishTime:[%d], key:[%k], offset:[%o], content:%v",
    ],
)
def test_a_record_may_be_printed_over_several_lines(form):
    found, rejected = read("t.txt", printed(form))

    assert rejected == []
    assert [row["value"].decode() for row in found] == [sent.value for sent in SENT_OFTEN]
    assert [row["key"].decode() for row in found] == [sent.key for sent in SENT_OFTEN]
    assert [row["offset"] for row in found] == [sent.offset for sent in SENT_OFTEN]
    assert [row["timestamp"] for row in found] == [sent.ms for sent in SENT_OFTEN]


@pytest.mark.parametrize("form", ["[%i] %v", "Key: %k\nTimestamp: %d\nValue: %v\n--"])
def test_two_records_tell_enough(form):
    lines_of_one = form.count("\n") + 1
    text = "\n".join(printed(form).splitlines()[: 2 * lines_of_one])

    found, rejected = read("t.txt", text)

    assert rejected == []
    assert [row["timestamp"] for row in found] == [sent.ms for sent in SENT_OFTEN[:2]]


def test_lines_of_a_record_may_be_in_two_blocks(monkeypatch):
    monkeypatch.setattr(lines_module, "BLOCK_BYTES", 100)
    form = "Key: %k\nValue: %v\nTimestamp: %d\nOffset: %o"

    found, rejected = read("t.txt", printed(form))

    assert [row["offset"] for row in found] == [sent.offset for sent in SENT_OFTEN]
    assert rejected == []


def test_a_line_among_those_of_records_is_rejected_alone():
    text = printed("Key: %k\nTimestamp: %d\nValue: %v").replace(
        "Timestamp", "% Reached end of topic t [0] at offset 3\nTimestamp", 1
    )

    found, rejected = read("t.txt", text)

    assert [row["value"].decode() for row in found] == [sent.value for sent in SENT_OFTEN]
    assert rejected == ["a status line of kcat"]


@pytest.mark.parametrize(
    "form",
    [
        "%v @ %d %p/%o",
        "%v\t%k\t%d\t%p\t%o",
        "[%i] %v",
        "[%i] [%k] %v",
        "@%d %k %v",
        "(%i) %k => %v",
        "rowtime: %i, key: %k, value: %v, partition: %p",
        (
            "ConsumerRecord(topic = t, partition = %p, offset = %o, CreateTime = %d, serialized "
            "key size = %K, headers = RecordHeaders(headers = []), key = %k, value = %v)"
        ),
        (
            "ConsumerRecord(topic='t', partition=%p, offset=%o, timestamp=%d, timestamp_type=0, "
            "key=b'%k', value=b'%v', headers=[], serialized_key_size=%K)"
        ),
        "| offset: %o CreateTime: %d keySize: %K valueSize: %V headerKeys: [] key: %k payload: %v",
        "Timestamp: %d Partition: %p Offset: %o %k\t%v",
    ],
)
def test_parts_may_stand_behind_the_value_and_in_brackets(form):
    found, rejected = read("t.txt", printed(form))

    assert rejected == []
    assert [row["value"].decode() for row in found] == [sent.value for sent in SENT_OFTEN]
    assert [row["timestamp"] for row in found] == [sent.ms for sent in SENT_OFTEN]
    if "%k" in form:
        assert [row["key"].decode() for row in found] == [sent.key for sent in SENT_OFTEN]
    if "%o" in form and "/" not in form:
        assert [row["offset"] for row in found] == [sent.offset for sent in SENT_OFTEN]


@pytest.mark.parametrize("mark", ["\t", "|", ":", " "])
def test_a_key_may_be_json_too(mark):
    text = "".join(f'{{"id": {n}}}{mark}{sent.value}\n' for n, sent in enumerate(SENT_OFTEN))

    found, rejected = read("t.txt", text)

    assert rejected == []
    assert [row["value"].decode() for row in found] == [sent.value for sent in SENT_OFTEN]
    assert [json.loads(row["key"])["id"] for row in found] == list(range(6))


@pytest.mark.parametrize("begin", ["", "CreateTime:5\t"])
def test_some_keys_may_be_empty(begin):
    text = "".join(
        f"{begin}{sent.key if n % 2 else ''}\t{sent.value}\n" for n, sent in enumerate(SENT_OFTEN)
    )

    found, rejected = read("t.txt", text)

    assert rejected == []
    assert [row["value"].decode() for row in found] == [sent.value for sent in SENT_OFTEN]
    assert [row["key"] for row in found] == [None, b"dev-1"] * 3


def test_seconds_behind_an_at_are_read():
    text = "".join(f"@{sent.ms / 1000:.3f} {sent.value}\n" for sent in SENT_OFTEN)

    found, _ = read("t.txt", text)

    assert [row["timestamp"] for row in found] == [sent.ms for sent in SENT_OFTEN]


def test_the_json_in_lines_of_a_log_is_read_and_said_to_be():
    text = "".join(f'2024-01-02 03:04:{n:02},123 INFO [main] sent {{"n":{n}}}\n' for n in range(6))

    found, rejected = read("t.log", text)

    assert [json.loads(row["value"]) for row in found] == [{"n": n} for n in range(6)]
    assert {row["timestamp"] for row in found} == {NO_TIMESTAMP}
    assert rejected == []
    (note,) = {note_of(block) for block in records_of(uploaded("t.log", text.encode()))}
    assert "lines are of a log" in note


@pytest.mark.parametrize("mark", [";", "||", "\0", "\x1f", " -- ", "###"])
def test_values_may_be_parted_by_any_mark(mark):
    found, rejected = read("t.txt", mark.join(sent.value for sent in SENT_OFTEN))

    assert [row["value"].decode() for row in found] == [sent.value for sent in SENT_OFTEN]
    assert rejected == []


@pytest.mark.parametrize("written", [lines, pretty])
def test_the_colours_of_a_terminal_do_not_matter(written, monkeypatch):
    monkeypatch.setattr(lines_module, "BLOCK_BYTES", 101)  # cuts escapes
    plain = written(*map(kcat, SENT))
    coloured = plain.replace('"', '\x1b[0;32m"').replace(":", "\x1b[1;39m:\x1b[0m")

    assert read("t.json", coloured.replace("\\\x1b[0;32m", "\\")) == read("t.json", plain)


def test_headers_with_commas_are_printed_with_commas_between_parts():
    text = f"{STAMP},h:v,h2:v2,{VALUE}\n{STAMP},NO_HEADERS,{VALUE}\n"

    first, second = read("t.txt", text)[0]

    assert first["headers"] == [("h", b"v"), ("h2", b"v2")]
    assert (second["headers"], second["value"]) == (None, VALUE.encode())


def test_a_status_line_inside_of_a_record_costs_nothing():
    status = "% Reached end of topic t [0] at offset 5"
    first, second, third = map(json.dumps, map(kcat, SENT))
    text = f"{first[:30]}{status}\n{first[30:]}\n{second}{status}\n{third}\n"

    found, rejected = read("t.jsonl", text)

    assert [row["value"].decode() for row in found] == [SENT[0].value, SENT[2].value, SENT[1].value]
    assert rejected == ["a status line of kcat"] * 2


def test_payloads_alone_as_jq_writes_them_are_values():
    found, _ = read("t.json", lines(*(sent.value for sent in SENT)))

    assert [json.loads(row["value"]) for row in found] == [sent.value for sent in SENT]


def test_a_separator_behind_the_value_is_no_part():
    text = "".join(f"{STAMP}\tk{n}\t{VALUE}\t\n" for n in range(3))

    found, rejected = read("t.txt", text)

    assert [(row["key"], row["value"]) for row in found] == [
        (b"k%d" % n, VALUE.encode()) for n in range(3)
    ]
    assert rejected == []


def test_parts_without_names_are_all_taken_for_the_key():
    (row,), _ = read("t.txt", f"dev-a 0 5 {VALUE}\n")

    assert (row["key"], row["value"]) == (b"dev-a 0 5", VALUE.encode())


def test_headers_are_printed_before_the_key():
    text = f"{STAMP}\th:v,h2:v2,w\tk1\t{VALUE}\n{STAMP}\tNO_HEADERS\tk2\t{VALUE}\n"

    first, second = read("t.txt", text)[0]

    assert first["headers"] == [("h", b"v"), ("h2", b"v2,w")]
    assert (second["headers"], second["key"]) == (None, b"k2")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("%3|1704164650.123|FAIL|rdkafka#consumer-1| failed: {errno: 1}", "a line of a log"),
        ("Processed a total of 2 messages", "the total at the end"),
        ("[2024-01-02 03:05:00,001] WARN a property is deprecated", "a line of a log"),
        ("SLF4J: Class path contains multiple bindings.", "a line of a log"),
        ('% Headers: [h="v"]', "headers on a line of their own"),
        ("% Reached end of topic t [0] at offset 2", "a status line of kcat"),
        ("Starting Kafka Consumer. Use Ctrl-C to exit.", "what a tool says of itself"),
        ("Dumping /kafka/t-0/00000000000000000000.log", "what a tool says of itself"),
        ("Topic printing ceased", "what a tool says of itself"),
        ("hello", "a line that is not as the others are"),
    ],
)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_lines_that_are_no_records_are_rejected_wherever_they_stand(line, reason, at):
    printed = [f"{STAMP}\tPartition:0\tOffset:{n}\tk\t{VALUE}" for n in (4, 7)]
    printed.insert(at, line)

    found, rejected = read("t.txt", "\n".join(printed))

    assert [row["offset"] for row in found] == [4, 7]
    assert rejected == [reason]


def test_status_lines_between_pretty_objects_are_rejected():
    first, second = pretty(kcat(SENT[0])), pretty(kcat(SENT[1]))
    text = f"% Auto-selecting Consumer mode\n{first}% Reached end\n{second}"

    found, rejected = read("t.json", text)

    assert len(found) == 2
    assert rejected == ["a status line of kcat"] * 2


def test_a_record_that_was_cut_off_costs_only_itself():
    broken = pretty(kcat(SENT[0]))[:-40]

    found, rejected = read("t.json", broken + "\n" + pretty(kcat(SENT[1]), kcat(SENT[2])))

    assert len(found) == 2
    assert rejected == ["not a whole JSON object"]
