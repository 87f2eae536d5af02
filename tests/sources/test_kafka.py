"""Every reader against a real broker, one suite: whatever a topic holds, the same records."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from kafka import KafkaAdminClient, TopicPartition

from lib.core.errors import BrokerUnreachableError, SettingsError, TopicMissingError
from lib.loading.load import load
from lib.simulate.produce import produce as produce_simulation
from lib.simulate.samples import SAMPLES
from lib.sources.base import (
    Between,
    Everything,
    FromOffset,
    LastMinutes,
    Latest,
    Plan,
    Reader,
    Span,
    TopicSource,
)
from lib.sources.kafka import KafkaSettings, KafkaTopics
from lib.sources.kafka.blocks import BLOCK_RECORDS
from lib.sources.kafka.librdkafka import bindings, reader
from lib.sources.kafka.listing import newest_by_halving, newest_ms
from lib.sources.kafka.progress import LastProgress
from lib.sources.partitions import ChosenPartitions
from lib.sources.records import CREATE_TIME, LOG_APPEND_TIME, RECORDS
from tests.support import golden_rows
from tests.support.broker import Record, create_topic, delete_topic, running_broker
from tests.support.broker import produce as write
from tests.support.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.broker import Broker

READERS = ["kafka-python", "librdkafka"]
FIRST_MS = 1_545_230_000_000
RECORD_TIME = (("event_time", None), ("client", None), ("session", None))


@pytest.fixture(params=READERS)
def source(broker: Broker, request: pytest.FixtureRequest) -> KafkaTopics:
    source = KafkaTopics(broker.settings(reader=request.param))
    assert source.reader == Reader(request.param)
    return source


def numbered(count: int, *, partition: int = 0, first_ms: int = FIRST_MS) -> list[Record]:
    """Return records whose value is their number, a second apart."""
    return [
        Record(b'{"n": %d}' % n, partition=partition, timestamp_ms=first_ms + 1000 * n)
        for n in range(count)
    ]


def read(source: TopicSource, plan: Plan) -> pa.Table:
    return pa.Table.from_batches(source.read(plan), RECORDS).sort_by(
        [("partition", "ascending"), ("offset", "ascending")]
    )


def offsets(records: pa.Table) -> list[int]:
    return records["offset"].to_pylist()


def test_golden_topic_through_a_broker(source: KafkaTopics, broker: Broker) -> None:
    # Given the notebook's topic on a real broker, under a name of its own
    topic = f"sessions-10-{source.settings.reader}"
    produce_simulation(SAMPLES["sessions-10"](), broker.bootstrap_servers, topic)

    # When it is loaded
    loaded = load(source, topic, Everything())

    # Then the report says what read it
    assert loaded.report.reader == Reader(source.settings.reader)
    # And the five rows are the notebook's, to the last digit
    table = loaded.events.table
    assert len(table) == 255
    printed = table[[*golden_rows.COLUMNS]].head().astype(object).to_numpy().tolist()
    assert printed == golden_rows.rows_of(*golden_rows.COLUMNS)


def test_larger_sample_through_several_partitions(source: KafkaTopics, broker: Broker) -> None:
    topic = f"sessions-100-{source.settings.reader}"
    produce_simulation(SAMPLES["sessions-100"](), broker.bootstrap_servers, topic)

    loaded = load(source, topic, Everything())

    assert len(loaded.events.table) == 2428
    assert loaded.events.table["KafkaPartition"].nunique() > 1
    assert loaded.events.table["SessionID"].nunique() == 100
    assert loaded.rejected.num_rows == 0


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_every_codec_is_read(
    source: KafkaTopics, make_topic: Callable, produce: Callable, codec: str
) -> None:
    topic = make_topic(partitions=2)
    written = [*numbered(50), *numbered(50, partition=1)]
    produce(topic, written, compression=codec)

    records = read(source, source.plan(topic, Everything()))

    assert records["value"].to_pylist() == [record.value for record in written]


def test_keys_headers_timestamps_and_nulls_come_as_they_were_written(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic()
    headers = (("trace", b"abc"), ("empty", b""))
    produce(
        topic,
        [Record(b"{}", key=b"k", timestamp_ms=FIRST_MS, headers=headers), Record(None, key=b"k")],
    )

    records = read(source, source.plan(topic, Everything())).to_pylist()

    assert records[0] == {
        "partition": 0,
        "offset": 0,
        "timestamp": FIRST_MS,
        "timestamp_type": CREATE_TIME,
        "key": b"k",
        "value": b"{}",
        "headers": list(headers),
    }
    assert (records[1]["value"], records[1]["headers"]) == (None, None)


def test_empty_and_null_are_told_apart(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic()
    produce(topic, [Record(b"", key=b""), Record(None, key=b"k"), Record(b"v")])

    records = read(source, source.plan(topic, Everything()))

    assert list(zip(records["key"].to_pylist(), records["value"].to_pylist(), strict=True)) == [
        (b"", b""),
        (b"k", None),
        (None, b"v"),
    ]


def test_large_records_and_many_small_ones_come_whole(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic(partitions=2)
    large = [Record(bytes([n]) * 900_000) for n in range(20)]
    small = [Record(b"%d" % n, partition=1, headers=(("n", b"%d" % n),)) for n in range(3000)]
    produce(topic, [*large, *small])

    records = read(source, source.plan(topic, Everything()))

    assert records["value"].to_pylist() == [record.value for record in [*large, *small]]
    assert records["headers"].to_pylist()[20:] == [list(record.headers) for record in small]


def test_headers_that_nobody_wants_are_left_out_of_what_follows(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    # Given more records with headers than a block has room for
    topic = make_topic()
    produce(topic, [Record(b"{}", headers=(("n", b"%d" % n),)) for n in range(BLOCK_RECORDS + 500)])

    # When headers are wanted of the first block only
    wanted = iter([True])
    blocks = list(source.read(source.plan(topic, Everything()), lambda: next(wanted, False)))

    # Then every record is there, and the last ones are without
    records = pa.Table.from_batches(blocks)
    assert sorted(offsets(records)) == list(range(BLOCK_RECORDS + 500))
    assert blocks[0]["headers"][0].as_py() == [("n", b"0")]
    assert blocks[-1]["headers"].null_count == len(blocks[-1])


def test_a_header_that_is_a_field_is_read_to_the_end(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    topic, count = make_topic(), BLOCK_RECORDS + 500
    produce(topic, [Record(b"{}", headers=(("device", b"%d" % (n % 3)),)) for n in range(count)])

    chosen = (*RECORD_TIME, ("client", "@header:device"))
    events = load(source, topic, Everything(), chosen=chosen).events

    assert events.table["ClientID"].astype(str).tolist() == [str(n % 3) for n in range(count)]


def test_a_block_has_no_more_bytes_than_it_may_unless_one_record_has(
    broker: Broker, make_topic: Callable, produce: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given records of which three fit into a block, and one that fits into none
    monkeypatch.setattr(reader, "BLOCK_BYTES", 1_000)
    source = KafkaTopics(broker.settings(reader="librdkafka"))
    topic = make_topic()
    written = [Record(b"x" * 300, key=b"k") for _ in range(7)] + [Record(b"y" * 5_000)]
    produce(topic, written)

    # When they are read
    blocks = list(source.read(source.plan(topic, Everything())))

    # Then each block has as many as fit, and the large record one of its own
    assert [len(block) for block in blocks] == [3, 3, 1, 1]
    values = pa.Table.from_batches(blocks)["value"].to_pylist()
    assert values == [record.value for record in written]


def test_read_that_is_ended_early_leaves_no_client_behind(
    broker: Broker, make_topic: Callable, produce: Callable
) -> None:
    # Given a read of librdkafka that has brought some of a topic
    source = KafkaTopics(broker.settings(reader="librdkafka"))
    topic = make_topic()
    produce(topic, [Record(b"x" * 900_000) for _ in range(40)])
    blocks = source.read(source.plan(topic, Everything()))
    next(blocks)
    threads_of_clients = bindings.library().rd_kafka_thread_cnt
    assert threads_of_clients() > 0

    # When it is ended
    blocks.close()

    # Then its client, which waits for every message to be freed, is gone
    assert threads_of_clients() == 0


def test_log_append_time_is_the_brokers(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic(config={"message.timestamp.type": "LogAppendTime"})
    before_ms = int(time.time() * 1000)
    produce(topic, numbered(3))

    records = read(source, source.plan(topic, Everything()))

    assert records["timestamp_type"].to_pylist() == [LOG_APPEND_TIME] * 3
    assert all(ms >= before_ms for ms in records["timestamp"].to_pylist())
    assert {t.name: t.timestamp_kind for t in source.topics()}[topic] == "LogAppendTime"


def test_transaction_markers_are_no_records_and_end_the_read_at_once(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    # Given a topic whose last offset is a commit marker
    topic = make_topic()
    produce(topic, numbered(3), transaction="commit")
    plan = source.plan(topic, Everything())
    assert plan.size == 4

    assert offsets(read(source, plan)) == [0, 1, 2]


def test_aborted_records_are_left_out(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic()
    produce(topic, numbered(2), transaction="abort")
    produce(topic, numbered(2), transaction="commit")

    assert offsets(read(source, source.plan(topic, Everything()))) == [3, 4]


def test_compacted_topic_ends_behind_its_holes(source: KafkaTopics, compacted_topic: str) -> None:
    plan = source.plan(compacted_topic, Everything())

    records = read(source, plan)

    assert offsets(records) == [2, 3, 4]
    assert records["value"].to_pylist()[1] is None


def test_tombstones_are_rejected_with_their_place(
    source: KafkaTopics, compacted_topic: str
) -> None:
    loaded = load(source, compacted_topic, Everything())

    tombstone = loaded.rejected.to_pylist()[0]
    assert (tombstone["KafkaPartition"], tombstone["KafkaOffset"]) == (0, 3)
    assert tombstone["reason"] == "tombstone (null value)"


def test_empty_topic_has_no_records(source: KafkaTopics, make_topic: Callable) -> None:
    topic = make_topic(partitions=3)

    loaded = load(source, topic, Everything())

    assert loaded.events.table.empty
    assert loaded.report.total_records == 0


def test_quiet_partitions_do_not_hold_up_the_end(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic(partitions=4)
    produce(topic, numbered(5, partition=2))

    plan = source.plan(topic, Everything())
    records = read(source, plan)

    assert records["partition"].to_pylist() == [2] * 5
    assert (plan.partitions, plan.empty) == (4, (0, 1, 3))


def test_what_is_written_after_the_plan_is_not_read(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic()
    produce(topic, numbered(5))
    plan = source.plan(topic, Everything())
    produce(topic, numbered(5))

    assert offsets(read(source, plan)) == [0, 1, 2, 3, 4]


def test_partition_that_grows_meanwhile_does_not_hold_up_another(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    # Given a partition that ends with a marker, and one that grows after the plan
    topic = make_topic(partitions=2)
    produce(topic, numbered(5), transaction="commit")
    produce(topic, numbered(5, partition=1))
    plan = source.plan(topic, Everything())
    produce(topic, numbered(2000, partition=1))

    records = read(source, plan)

    assert records["partition"].to_pylist() == [0] * 5 + [1] * 5


def test_latest_keeps_the_newest_in_arrival_order_over_all_partitions(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    # Given two partitions whose records alternate in time
    topic = make_topic(partitions=2)
    produce(topic, numbered(50))
    produce(topic, numbered(50, partition=1, first_ms=FIRST_MS + 500))

    table = load(source, topic, Latest(7), chosen=RECORD_TIME).events.table

    newest = sorted(
        (FIRST_MS + 1000 * n + 500 * partition, partition)
        for partition in (0, 1)
        for n in range(50)
    )[-7:]
    assert list(zip(table["KafkaTimestamp"], table["KafkaPartition"], strict=True)) == newest


def test_between_reads_from_the_first_moment_up_to_the_last(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic()
    produce(topic, numbered(10))

    plan = source.plan(topic, Between(FIRST_MS + 2000, FIRST_MS + 5000))

    assert plan.spans == (Span(0, 2, 5),)
    assert offsets(read(source, plan)) == [2, 3, 4]


def test_between_outside_the_topic_is_empty(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic()
    produce(topic, numbered(3))

    assert source.plan(topic, Between(0, FIRST_MS)).size == 0
    assert source.plan(topic, Between(FIRST_MS + 60_000, FIRST_MS + 90_000)).size == 0


def test_topics_are_listed_with_partitions_and_records(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic(partitions=3)
    produce(topic, [*numbered(4), *numbered(2, partition=2)])

    listed = {info.name: info for info in source.topics()}

    assert (listed[topic].partitions, listed[topic].records) == (3, 6)
    assert listed[topic].timestamp_kind == "CreateTime"
    assert (listed[topic].first_ms, listed[topic].last_ms) == (FIRST_MS, FIRST_MS + 3_000)
    assert (listed[topic].bytes or 0) > 0
    assert {name for name, info in listed.items() if info.is_internal} == {
        name for name in listed if name.startswith("_")
    }


def test_reading_starts_from_an_offset_or_some_minutes_before_the_end(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic(partitions=2)
    produce(topic, [*numbered(90), *numbered(100, partition=1)])

    assert spans(source.plan(topic, FromOffset(95))) == {0: (90, 90), 1: (95, 100)}
    assert spans(source.plan(topic, LastMinutes(1))) == {0: (39, 90), 1: (39, 100)}


def test_the_newest_time_is_found_at_a_broker_that_does_not_tell_it(
    broker: Broker, make_topic: Callable, produce: Callable
) -> None:
    topic, empty = make_topic(partitions=2), make_topic()
    produce(topic, [*numbered(90), *numbered(100, partition=1)])
    settings = broker.settings()
    with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)) as admin:
        partitions = [TopicPartition(topic, number) for number in range(2)]
        newest = newest_ms(admin, partitions, settings)
        assert newest is not None
        assert newest_by_halving(admin, partitions, settings) == newest
        assert newest_by_halving(admin, [TopicPartition(empty, 0)], settings) is None


def test_some_partitions_are_a_source_of_their_own(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic(partitions=3)
    produce(topic, [record for p in range(3) for record in numbered(4, partition=p)])
    chosen = ChosenPartitions(source, (0, 2))

    plan = chosen.plan(topic, Everything())
    records = read(chosen, plan)

    assert sorted(set(records["partition"].to_pylist())) == [0, 2]
    assert plan.partitions == 3
    assert len(records) == 8
    assert chosen.identity != source.identity


def spans(plan: Plan) -> dict[int, tuple[int, int]]:
    return {span.partition: (span.start, span.end) for span in plan.spans}


@pytest.mark.usefixtures("broker")  # marks the test, and skips it where there is no Kafka
def test_reading_leaves_no_trace() -> None:
    # Given a broker of its own, so that no other test writes to it
    with running_broker() as fresh:
        create_topic(fresh.bootstrap_servers, "events")
        write(fresh.bootstrap_servers, "events", numbered(3))
        before = state_of(fresh.bootstrap_servers)

        for reader in READERS:
            own = KafkaTopics(KafkaSettings(fresh.bootstrap_servers, reader=reader))
            own.topics()
            read(own, own.plan("events", Everything()))
            with pytest.raises(TopicMissingError):
                own.plan("not-there", Everything())

            assert state_of(fresh.bootstrap_servers) == before, reader


def state_of(bootstrap_servers: str) -> tuple[list[str], list[str]]:
    """Return every topic, internal ones too, and every consumer group."""
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap_servers)) as admin:
        topics = sorted(admin.list_topics())
        groups = [] if "__consumer_offsets" not in topics else admin.list_groups()
        return topics, groups


def test_missing_topic_is_said_in_a_sentence(source: KafkaTopics) -> None:
    with pytest.raises(TopicMissingError, match=r"There is no topic 'not-there' on 127\.0\.0\.1"):
        source.plan("not-there", Everything())


def test_absent_broker_is_said_in_a_sentence() -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    absent = KafkaTopics(KafkaSettings(nowhere, timeout_s=0.5))

    with pytest.raises(
        BrokerUnreachableError, match=f"No Kafka broker answers at {nowhere}"
    ) as caught:
        absent.topics()

    assert caught.value.said


def test_broker_that_goes_away_during_a_read_is_said_in_a_sentence() -> None:
    with running_broker() as short_lived:
        create_topic(short_lived.bootstrap_servers, "events")
        write(short_lived.bootstrap_servers, "events", numbered(3))
        settings = [KafkaSettings(short_lived.bootstrap_servers, reader=each) for each in READERS]
        plans = [KafkaTopics(each).plan("events", Everything()) for each in settings]

    for own, plan in zip(settings, plans, strict=True):
        with pytest.raises(BrokerUnreachableError) as caught:
            list(KafkaTopics(replace(own, timeout_s=1, patience_s=1)).read(plan))

        assert caught.value.said, own.reader


@pytest.mark.parametrize("reader", READERS)
def test_topic_that_is_deleted_before_it_is_read_is_said_to_be_missing(
    broker: Broker, make_topic: Callable, produce: Callable, reader: str
) -> None:
    address, topic = broker.bootstrap_servers, make_topic()
    settings = KafkaSettings(address, reader=reader, timeout_s=30)
    produce(topic, numbered(3))
    plan = KafkaTopics(settings).plan(topic, Everything())
    delete_topic(address, topic)

    with pytest.raises(TopicMissingError, match=f"There is no topic '{topic}'"):
        list(KafkaTopics(replace(settings, timeout_s=2)).read(plan))


def test_settings_that_librdkafka_does_not_accept_are_said_in_a_sentence() -> None:
    settings = KafkaSettings("a:1", client={"not.a.setting": 1})
    progress = LastProgress.towards([Span(0, 0, 1)])

    with pytest.raises(SettingsError, match="does not accept the Kafka settings") as caught:
        list(reader.read(settings, "events", progress))

    assert "not.a.setting" in caught.value.said
