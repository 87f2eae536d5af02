"""A large topic read while its cluster fails, by both readers: the long tests.

`make faults` runs them; SKEWLINE_FAULT_RECORDS sets how many records the topic has.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from lib.analysis.notices import Level, notices
from lib.core.errors import TopicMissingError
from lib.loading.load import Watch, load, reload
from lib.sources.base import Everything
from lib.sources.kafka import KafkaSettings, KafkaTopics
from tests.support import broker as kafka
from tests.support.processes import free_port
from tests.support.proxy import Proxy, running_proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lib.loading.load import LoadedTopic
    from lib.loading.reading import Progress

READERS = ["kafka-python", "librdkafka"]
RECORDS = int(os.environ.get("SKEWLINE_FAULT_RECORDS", "1000000"))
PARTITIONS = 4
BYTES = 100_000_000 // RECORDS  # 100 MB in all


@dataclass
class Cluster:
    """A broker behind a proxy that can be killed, halted and run again, with a topic `events`."""

    stored: kafka.Stored
    proxy: Proxy
    runs: ExitStack = field(default_factory=ExitStack)
    broker: kafka.Broker | None = None

    def run(self) -> None:
        self.broker = self.runs.enter_context(self.stored.running())

    def signal(self, number: int) -> None:
        assert self.broker is not None
        self.broker.process.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.runs.close()

    def source(self, reader: str, **settings: float) -> KafkaTopics:
        return KafkaTopics(KafkaSettings(f"127.0.0.1:{self.proxy.port}", reader=reader, **settings))

    def fill(self, first: int = 0) -> None:
        kafka.create_topic(self.stored.bootstrap_servers, "events", partitions=PARTITIONS)
        producer = Producer({"bootstrap.servers": self.stored.bootstrap_servers, "linger.ms": 50})
        value = b'{"Timestamp":%d,"ClientID":%d,"SessionID":"s%d","EventID":%d}'
        for n in range(first, first + RECORDS):
            client = n % PARTITIONS
            text = value % (1_545_230_000_000 + n, client, client, n // PARTITIONS)
            while True:
                try:
                    producer.produce("events", text.ljust(BYTES), partition=client)
                    break
                except BufferError:
                    producer.poll(0.1)
        producer.flush()

    def empty(self) -> None:
        kafka.delete_topic(self.stored.bootstrap_servers, "events")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        cluster.fill()
        yield cluster


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    port = free_port()
    with ExitStack() as stack:
        stored = stack.enter_context(
            kafka.stored_broker(
                {"PROXIED": "PLAINTEXT"}, advertised={"PROXIED": f"127.0.0.1:{port}"}
            )
        )
        proxy = stack.enter_context(running_proxy(stored.listeners["PROXIED"], port))
        cluster = Cluster(stored, proxy)
        stack.callback(cluster.runs.close)
        cluster.run()
        yield cluster


class Third:
    """Calls something once, when a third of the records has come; waits for it at the end."""

    def __init__(self, happens: Callable[[], None]) -> None:
        self.happens = [threading.Thread(target=happens)]
        self.told: list[Progress] = []

    def __enter__(self) -> Watch:
        return Watch(on_progress=self.on_progress)

    def on_progress(self, progress: Progress) -> None:
        self.told.append(progress)
        if progress.records > RECORDS // 3 and len(self.happens) == 1:
            self.happens[0].start()
            self.happens.append(self.happens[0])

    def __exit__(self, *_: object) -> None:
        for thread in self.happens[1:]:
            thread.join()


def events_of(loaded: LoadedTopic) -> int:
    """Return how many events there are; none of them twice."""
    table = loaded.events.table
    assert not table.duplicated(["KafkaPartition", "KafkaOffset"]).any()
    return len(table)


def said_of(loaded: LoadedTopic) -> str:
    return " ".join(n.sentence for n in notices(loaded, None) if n.level is not Level.NOTE)


def timed(
    name: str, reader: str, record: Callable[..., None], read: Callable[[], LoadedTopic]
) -> LoadedTopic:
    began = time.monotonic()
    loaded = read()
    seconds = time.monotonic() - began
    record(name, reader, f"{seconds:.0f}", f"{events_of(loaded):,}", said_of(loaded) or "–")
    return loaded


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("rate", [500_000, 3_000_000])
def test_slow_but_alive(cluster, record, reader, rate):
    cluster.proxy.bytes_per_s = rate
    name = f"{rate / 1e6:g} MB/s"

    loaded = timed(
        name, reader, record, lambda: load(cluster.source(reader), "events", Everything())
    )

    assert events_of(loaded) == RECORDS
    assert not loaded.report.failure


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("megabytes", [20, 2])
def test_reset_again_and_again(cluster, record, reader, megabytes):
    cluster.proxy.reset_after = megabytes * 1_000_000
    name = f"connection reset every {megabytes} MB"

    loaded = timed(
        name, reader, record, lambda: load(cluster.source(reader), "events", Everything())
    )

    assert events_of(loaded) == RECORDS
    assert not loaded.report.failure


@pytest.mark.parametrize("reader", READERS)
def test_killed_and_restarted_at_once(cluster, record, reader):
    cluster.proxy.bytes_per_s = 10_000_000

    def restart() -> None:
        cluster.kill()
        cluster.run()

    with Third(restart) as watch:
        loaded = timed(
            "broker killed and restarted",
            reader,
            record,
            lambda: load(
                cluster.source(reader, patience_s=90), "events", Everything(), watch=watch
            ),
        )

    assert events_of(loaded) == RECORDS
    assert not loaded.report.failure


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("fault", ["halted", "killed"])
def test_away_for_good_then_back(cluster, record, reader, fault):
    cluster.proxy.bytes_per_s = 10_000_000
    source = cluster.source(reader, timeout_s=3, patience_s=9)
    stop = (lambda: cluster.signal(signal.SIGSTOP)) if fault == "halted" else cluster.kill

    # What came is kept, and what is missing is said
    with Third(stop) as watch:
        loaded = timed(
            f"broker {fault}",
            reader,
            record,
            lambda: load(source, "events", Everything(), watch=watch),
        )
    assert 0 < events_of(loaded) < RECORDS
    assert events_of(loaded) + sum(loaded.report.missing.values()) == RECORDS

    # And Reload completes it when the broker is back
    cluster.signal(signal.SIGCONT) if fault == "halted" else cluster.run()
    cluster.proxy.bytes_per_s = None
    after = timed(f"broker {fault}, back: Reload", reader, record, lambda: reload(source, loaded))
    assert events_of(after) == RECORDS
    assert not after.report.failure


@pytest.mark.parametrize("reader", READERS)
def test_topic_deleted(cluster, record, reader):
    cluster.proxy.bytes_per_s = 10_000_000
    source = cluster.source(reader, timeout_s=3)

    with Third(cluster.empty) as watch:
        loaded = timed(
            "topic deleted",
            reader,
            record,
            lambda: load(source, "events", Everything(), watch=watch),
        )

    assert isinstance(loaded.report.failure, TopicMissingError)
    assert 0 < events_of(loaded) < RECORDS
    with pytest.raises(TopicMissingError):
        reload(source, loaded)


@pytest.mark.parametrize("reader", READERS)
def test_topic_made_anew(cluster, record, reader):
    cluster.proxy.bytes_per_s = 10_000_000

    def remake() -> None:
        cluster.empty()
        cluster.fill(first=10 * RECORDS)

    with Third(remake) as watch:
        loaded = timed(
            "topic made anew",
            reader,
            record,
            lambda: load(cluster.source(reader, timeout_s=3), "events", Everything(), watch=watch),
        )

    # One making of it, whole or up to where it was written then: never two
    assert loaded.events.table["EventID"].min() >= 10 * RECORDS // PARTITIONS
    assert loaded.report.anew


@pytest.mark.parametrize("reader", READERS)
def test_records_expire(cluster, record, reader):
    cluster.proxy.bytes_per_s = 10_000_000

    def expire() -> None:
        for partition in range(PARTITIONS):
            kafka.delete_records(
                cluster.stored.bootstrap_servers,
                "events",
                RECORDS // PARTITIONS * 3 // 4,
                partition=partition,
            )

    with Third(expire) as watch:
        loaded = timed(
            "records expire",
            reader,
            record,
            lambda: load(cluster.source(reader), "events", Everything(), watch=watch),
        )

    expired = sum(loaded.report.expired.values())
    assert expired
    assert events_of(loaded) + expired == RECORDS
    # And there is no hole in what is shown
    for _, events in loaded.events.table.groupby("KafkaPartition"):
        offsets = events["KafkaOffset"].sort_values()
        assert (offsets.diff().dropna() == 1).all()


@pytest.mark.parametrize("reader", READERS)
def test_a_partition_without_a_leader(record, reader):
    with ExitStack() as stack:
        first = stack.enter_context(
            kafka.stored_broker(settings={"broker.session.timeout.ms": "3000"})
        )
        second = stack.enter_context(kafka.stored_broker(beside=first))
        address = stack.enter_context(first.running()).bootstrap_servers
        with second.running():
            kafka.create_topic(address, "events", assignments={0: [1], 1: [2]})
            kafka.create_topic(address, "other", assignments={0: [1]})
            value = b'{"Timestamp": %d, "ClientID": 1, "SessionID": "s", "EventID": %d}'
            for topic in ("events", "other"):
                records = [kafka.Record(value % (1_545_230_000_000 + n, n)) for n in range(10)]
                kafka.produce(address, topic, records)
        source = KafkaTopics(KafkaSettings(address, reader=reader))
        deadline = time.monotonic() + 60
        while not (topics := source.topics())[0].unavailable and time.monotonic() < deadline:
            time.sleep(0.5)

        # Then the topic is marked, its other partition can be read, and the other topic, too
        assert [(info.name, info.unavailable) for info in topics] == [
            ("events", (1,)),
            ("other", ()),
        ]
        loaded = timed(
            "a partition without a leader",
            reader,
            record,
            lambda: load(source, "events", Everything()),
        )
        assert events_of(loaded) == 10
        assert events_of(load(source, "other", Everything())) == 10
