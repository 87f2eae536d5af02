"""The broker that other tests rely on does what they need of Kafka."""

import time

import pytest
from kafka import KafkaConsumer, TopicPartition

from tests.support.broker import Record

A_DAY_IN_2018 = 1_545_230_000_000


@pytest.fixture
def read(broker):
    """Return a function that reads one partition from beginning to end."""

    def records_of(topic, partition=0):
        assigned = TopicPartition(topic, partition)
        consumer = KafkaConsumer(
            bootstrap_servers=broker.bootstrap_servers,
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            isolation_level="read_committed",
        )
        consumer.assign([assigned])
        consumer.seek_to_beginning(assigned)
        end = consumer.end_offsets([assigned])[assigned]
        found = []
        while consumer.position(assigned) < end:
            found += consumer.poll(timeout_ms=1000).get(assigned, [])
        consumer.close()
        return found

    return records_of


def test_topic_has_the_partitions_asked_for(make_topic, produce, read):
    topic = make_topic(partitions=3)
    produce(topic, [Record(b"zero", partition=0), Record(b"two", partition=2)])
    assert [[record.value for record in read(topic, p)] for p in range(3)] == [
        [b"zero"],
        [],
        [b"two"],
    ]


def test_asking_for_a_missing_topic_does_not_create_it(broker):
    consumer = KafkaConsumer(
        bootstrap_servers=broker.bootstrap_servers, allow_auto_create_topics=True
    )
    assert not consumer.partitions_for_topic("nobody-made-me")
    assert "nobody-made-me" not in consumer.topics()
    consumer.close()


@pytest.mark.parametrize("compression", [None, "gzip", "snappy", "lz4", "zstd"])
def test_record_comes_back_as_produced(make_topic, produce, read, compression):
    topic = make_topic()
    sent = Record(b"value" * 100, key=b"k", timestamp_ms=A_DAY_IN_2018, headers=(("h", b"1"),))
    produce(topic, [sent], compression=compression)
    [got] = read(topic)
    assert (got.value, got.key, got.timestamp) == (sent.value, sent.key, sent.timestamp_ms)
    assert tuple(got.headers) == sent.headers


def test_log_append_time_replaces_the_timestamp_of_the_producer(make_topic, produce, read):
    topic = make_topic(config={"message.timestamp.type": "LogAppendTime"})
    before = time.time_ns() // 1_000_000
    produce(topic, [Record(b"x", timestamp_ms=A_DAY_IN_2018)])
    [got] = read(topic)
    assert got.timestamp >= before


def test_transaction_leaves_a_marker_that_is_no_record(make_topic, produce, read):
    topic = make_topic()
    produce(topic, [Record(b"kept")], transaction="commit")
    produce(topic, [Record(b"taken back")], transaction="abort")
    produce(topic, [Record(b"after")])
    assert [(record.offset, record.value) for record in read(topic)] == [
        (0, b"kept"),
        (4, b"after"),
    ]


def test_compaction_leaves_holes(compacted_topic, read):
    assert [record.offset for record in read(compacted_topic)] == [2, 3, 4]
