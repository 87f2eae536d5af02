"""One record as it stands in the log, from every kind of source; what is gone is said to be."""

import json

import pytest

from lib.core.errors import RecordMissingError
from lib.core.masking import Masking
from lib.loading.load import load
from lib.loading.record import read_record
from lib.sources.base import Everything
from lib.sources.files.folder import OneFile, samples
from lib.sources.guarded import EVERY_TOPIC, Guarded
from lib.sources.kafka import KafkaTopics
from lib.sources.records import CREATE_TIME
from tests.support import broker as kafka_broker
from tests.support.broker import Record

MS = 1_704_164_650_000
EVENT = {"Timestamp": MS, "ClientID": "a", "SessionID": "s", "Data": {"big": 2**60, "x": None}}


def read(source, topic, partition, offset):
    return read_record(source, topic, load(source, topic, Everything()).decoder, partition, offset)


def test_the_bytes_and_the_tree_of_a_record_are_its_own():
    found = read(samples(), "sessions-100", 1, 5)
    assert (found.partition, found.offset, found.key) == (1, 5, b"8")
    assert json.loads(found.value) == found.fields[0]
    assert found.fields[0]["Data"] == {"Errors": 0, "Values": 43}
    assert found.reasons == ()


@pytest.mark.parametrize(
    ("partition", "offset", "said"),
    [
        (7, 0, "There is no partition 7. There is 0 to 2."),
        (1, 733, "Offset 733 of partition 1 is not there yet. Partition 1 has offsets 0 to 732."),
    ],
)
def test_where_there_is_no_record_is_said(partition, offset, said):
    with pytest.raises(RecordMissingError) as raised:
        read(samples(), "sessions-100", partition, offset)
    assert str(raised.value) == said


def test_a_row_of_a_table_has_fields_and_no_bytes(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("Timestamp,ClientID,SessionID,n\n" + f"{MS},a,s,1\n{MS},b,s,2\n")
    found = read(OneFile(path), "t", 0, 1)
    assert found.value is None
    assert found.fields == ({"Timestamp": MS, "ClientID": "b", "SessionID": "s", "n": 2},)


def test_masked_fields_of_a_record_are_masked_in_its_bytes_and_its_tree(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(EVENT | {"email": "ann@example.org"}))
    source = Guarded(OneFile(path), Masking(("email", "ClientID")), EVERY_TOPIC)
    found = read(source, "t", 0, 0)
    assert b"ann@" not in found.value
    assert json.loads(found.value) == found.fields[0]
    assert found.fields[0]["email"].startswith("masked-")
    assert found.fields[0]["Timestamp"] == MS


def test_a_record_of_several_events_shows_each(tmp_path):
    path = tmp_path / "t.jsonl"
    place = {"topic": "t", "partition": 0, "tstype": "create", "ts": MS, "key": None}
    payloads = [json.dumps([EVENT, EVENT | {"n": n}]) for n in range(3)]
    lines = [place | {"offset": n, "payload": payload} for n, payload in enumerate(payloads)]
    path.write_text("\n".join(map(json.dumps, lines)))
    found = read(OneFile(path), "t", 0, 2)
    assert found.value == payloads[2].encode()
    assert [each.get("n") for each in found.fields] == [None, 2]
    assert found.fields[0]["Data"] == {"big": 2**60}


def test_what_is_no_event_has_its_reason(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(EVENT) + "\nnot JSON <b>\n" + json.dumps(EVENT) + "\n")
    found = read(OneFile(path), "t", 0, 1)
    assert (found.value, found.fields, found.reasons) == (b"not JSON <b>", (), ("not JSON",))


@pytest.mark.parametrize("reader", ["librdkafka", "kafka-python"])
def test_a_record_of_kafka_is_read_by_its_offset(broker, make_topic, produce, reader):
    topic = make_topic(partitions=2)
    values = [json.dumps(EVENT | {"n": n}).encode() for n in range(5)]
    produce(
        topic,
        [
            Record(value, key=b"\xff\x00", timestamp_ms=MS + n, partition=1, headers=(("h", b"x"),))
            for n, value in enumerate(values)
        ],
    )
    source = KafkaTopics(broker.settings(reader=reader))

    found = read(source, topic, 1, 3)

    assert (found.value, found.key, found.headers) == (values[3], b"\xff\x00", (("h", b"x"),))
    assert (found.timestamp_ms, found.timestamp_type) == (MS + 3, CREATE_TIME)
    decoder = load(source, topic, Everything()).decoder
    kafka_broker.delete_records(broker.bootstrap_servers, topic, 4, partition=1)
    with pytest.raises(RecordMissingError, match="Offset 3 of partition 1 is gone: it has expired"):
        read_record(source, topic, decoder, 1, 3)


def test_an_offset_that_compaction_has_emptied_is_said_to_be(broker, compacted_topic):
    source = KafkaTopics(broker.settings())
    with pytest.raises(RecordMissingError, match="Offset 1 of partition 0 has no record"):
        read_record(source, compacted_topic, None, 0, 1)
    tombstone = read_record(source, compacted_topic, None, 0, 3)
    assert (tombstone.key, tombstone.value) == (b"b", None)
