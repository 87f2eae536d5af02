"""A real, single-node Apache Kafka broker on loopback, its topics, and what fills them.

Examples
--------
>>> with running_broker() as broker:
...     create_topic(broker.bootstrap_servers, "events", partitions=3)
...     produce(broker.bootstrap_servers, "events", [Record(b"{}", timestamp_ms=1_545_230_000_000)])
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as PartitionAtOffset
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError
from kafka.protocol.admin import AlterClientQuotasRequest

from lib.sources.kafka import KafkaSettings
from tests.support.processes import (
    PATIENCE_S,
    ServerStartError,
    free_port,
    is_listening,
    running,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_JARS = Path(__file__).parents[1] / "kafka" / os.environ.get("TEST_KAFKA_JARS", "lib")
_OLDEST_JAVA = 17

_JVM_OPTIONS = (
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # no broker lives long enough for the second compiler to pay
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)

_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    # Transactions and groups on a single node.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    # Records from 2018 are to stay.
    "log.retention.ms": "-1",
    # A compacted topic is cleaned while a test waits.
    "log.cleaner.backoff.ms": "100",
    "log.cleaner.dedupe.buffer.size": "4194304",
    # A client with a quota gets its share every second, and not that of ten seconds at once.
    "quota.window.num": "2",
}

COMPACTED: Mapping[str, str] = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.001",
    "segment.ms": "1000",
}
"""Topic settings with which every segment but the newest is compacted within a second or so.

The newest segment is never compacted. A record whose timestamp is at least a second after its
segment's first begins a new one.
"""

_LEAVE_NO_TRACE = {"enable_auto_commit": False, "allow_auto_create_topics": False}

Compression = Literal["gzip", "snappy", "lz4", "zstd"]
Ending = Literal["commit", "abort"]


class KafkaMissingError(RuntimeError):
    """Java or Apache Kafka is not on this machine; the text says what to install."""


@dataclass(frozen=True)
class Broker:
    """A running broker; of a secured one, the addresses of its other listeners by name."""

    bootstrap_servers: str
    process: subprocess.Popen[bytes]
    listeners: Mapping[str, str] = field(default_factory=dict)

    def settings(self, **others: Any) -> KafkaSettings:
        """Return how to reach it, with the patience that a busy machine needs."""
        patience = {"timeout_s": PATIENCE_S, "patience_s": PATIENCE_S}
        return KafkaSettings(self.bootstrap_servers, **(patience | others))


@dataclass(frozen=True)
class Stored:
    """A broker that can be run, ended and run again on the same log and ports."""

    java: str
    folder: Path
    properties: Path
    bootstrap_servers: str
    listeners: Mapping[str, str]
    controller: str

    @contextmanager
    def running(self) -> Iterator[Broker]:
        """Run the broker for the length of the block.

        Raises
        ------
        ServerStartError
            If it does not start; its log's tail is in the text.
        """
        with running(
            [*_command(self.java), "kafka.Kafka", str(self.properties)],
            ready=lambda: _answers(self.bootstrap_servers),
            log=self.folder / "broker.log",
        ) as process:
            yield Broker(self.bootstrap_servers, process, self.listeners)


@dataclass(frozen=True)
class Record:
    """A record to produce. Without a timestamp it gets the producer's present time."""

    value: bytes | None
    key: bytes | None = None
    partition: int = 0
    timestamp_ms: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


@contextmanager
def running_broker() -> Iterator[Broker]:
    """Run a new, empty broker for the length of the block.

    Raises
    ------
    KafkaMissingError
        If Java or Apache Kafka is not on this machine.
    ServerStartError
        If the broker does not start; its log's tail is in the text.
    """
    with stored_broker() as stored, stored.running() as broker:
        yield broker


@contextmanager
def stored_broker(
    listeners: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
    advertised: Mapping[str, str] | None = None,
    beside: Stored | None = None,
) -> Iterator[Stored]:
    """Make the files of a new, empty broker, for the length of the block.

    Parameters
    ----------
    listeners
        Further listeners: names → security protocols. Tests themselves talk to it in plain text.
    settings
        Further settings of the broker.
    advertised
        Names of listeners → the address that clients are told, where it is another: a proxy's.
    beside
        The first broker of the cluster, of which this one is to be the second.

    Raises
    ------
    KafkaMissingError
        If Java or Apache Kafka is not on this machine.
    """
    java = _find_java()
    if not any(_JARS.glob("kafka_*.jar")):
        raise KafkaMissingError(
            "Apache Kafka is not in tests/kafka/lib: install Maven, then run `make kafka`."
        )
    address = f"127.0.0.1:{free_port()}"
    others = {name: f"127.0.0.1:{free_port()}" for name in listeners or {}}
    with tempfile.TemporaryDirectory(prefix="skewline-kafka-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        named = {"PLAINTEXT": address, **others}
        protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", **(listeners or {})}
        told = {**named, **(advertised or {})}
        controller = beside.controller if beside else f"127.0.0.1:{free_port()}"
        own = {} if beside else {"CONTROLLER": controller}
        values = {
            "listeners": _listed({**named, **own}),
            "advertised.listeners": _listed(told),
            "controller.quorum.voters": f"1@{controller}",
            **({"process.roles": "broker", "node.id": "2"} if beside else {}),
            **(settings or {}),
        }
        properties = _write_properties(folder, protocols, values)
        _format_storage(_command(java), properties)
        yield Stored(java, folder, properties, address, others, controller)


def _command(java: str) -> list[str]:
    return [java, *_JVM_OPTIONS, "-cp", f"{_JARS}/*"]


def create_topic(
    bootstrap_servers: str,
    topic: str,
    *,
    partitions: int = 1,
    config: Mapping[str, str] | None = None,
    assignments: Mapping[int, list[int]] | None = None,
) -> None:
    """Create `topic` and wait until every partition has a leader: the first that is assigned."""
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap_servers)) as admin:
        options: dict[str, object] = {"configs": dict(config or {})}
        if assignments is None:
            options["num_partitions"] = partitions
        else:
            options["assignments"] = dict(assignments)
        admin.create_topics({topic: options}, wait_for_metadata=True)


def delete_topic(bootstrap_servers: str, topic: str) -> None:
    """Delete `topic` and wait until the broker does not know it any more."""
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap_servers)) as admin:
        admin.delete_topics([topic])
        while topic in admin.list_topics():
            time.sleep(0.05)


def delete_records(bootstrap_servers: str, topic: str, before: int, *, partition: int = 0) -> None:
    """Let the records of a partition expire that lie before an offset."""
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap_servers)) as admin:
        admin.delete_records({TopicPartition(topic, partition): before})


def produce(
    bootstrap_servers: str,
    topic: str,
    records: Iterable[Record],
    *,
    compression: Compression | None = None,
    transaction: Ending | None = None,
) -> None:
    """Write `records` to `topic` in the given order, and return when the broker has them all.

    Parameters
    ----------
    bootstrap_servers
        Address of the broker.
    topic
        An existing topic.
    records
        What to write.
    compression
        Codec of the batches; None leaves them as they are.
    transaction
        How the one transaction around all of `records` ends; None for no transaction.
    """
    producer = KafkaProducer(
        bootstrap_servers=bootstrap_servers,
        allow_auto_create_topics=False,
        compression_type=compression,
        transactional_id=f"test-{uuid4()}" if transaction else None,
        linger_ms=5,
        max_block_ms=60_000,
    )
    with closing(producer):
        if transaction:
            producer.init_transactions()
            producer.begin_transaction()
        _send(producer, topic, records)
        if transaction == "commit":
            producer.commit_transaction()
        elif transaction == "abort":
            producer.abort_transaction()
    if transaction:
        _wait_for_markers(bootstrap_servers, topic)


@contextmanager
def slowed(
    bootstrap_servers: str, topic: str, *, client_id: str, bytes_per_s: int
) -> Iterator[None]:
    """Have the broker send consumers of a client id no faster, for the length of the block.

    The topic has to have some seconds' worth of records: it is read until the broker holds back.
    """
    _set_quota(bootstrap_servers, client_id, bytes_per_s)
    try:
        _read_until_throttled(bootstrap_servers, topic, client_id)
        yield
    finally:
        _set_quota(bootstrap_servers, client_id, None)


def wait_for_compaction(
    bootstrap_servers: str, topic: str, *, offset: int, timeout_s: float = 180
) -> None:
    """Wait until the record at `offset` of partition 0 has been compacted away.

    Raises
    ------
    TimeoutError
        If it is still there after `timeout_s` seconds.
    """
    partition = TopicPartition(topic, 0)
    deadline = time.monotonic() + timeout_s
    with closing(KafkaConsumer(bootstrap_servers=bootstrap_servers, **_LEAVE_NO_TRACE)) as consumer:
        consumer.assign([partition])
        while time.monotonic() < deadline:
            consumer.seek(partition, offset)
            found = consumer.poll(timeout_ms=1000, max_records=1).get(partition, [])
            if found and found[0].offset > offset:
                return
            time.sleep(0.1)
    raise TimeoutError(f"Offset {offset} of {topic} is still there after {timeout_s:.0f} s.")


def _set_quota(bootstrap_servers: str, client_id: str, bytes_per_s: int | None) -> None:
    entry = AlterClientQuotasRequest.EntryData
    request = AlterClientQuotasRequest(
        entries=[
            entry(
                entity=[entry.EntityData(entity_type="client-id", entity_name=client_id)],
                ops=[
                    entry.OpData(
                        key="consumer_byte_rate",
                        value=float(bytes_per_s or 0),
                        remove=bytes_per_s is None,
                    )
                ],
            )
        ],
        validate_only=False,
    )
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap_servers)) as admin:
        # It has no public way to set a quota.
        [answer] = admin._manager.run(admin._manager.send, request).entries
        if answer.error_code:
            raise RuntimeError(f"The quota is not accepted: {answer.error_message}")


def _read_until_throttled(
    bootstrap_servers: str, topic: str, client_id: str, *, timeout_s: float = 180
) -> None:
    throttled: list[object] = []
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "client.id": client_id,
            "group.id": "none",
            "enable.auto.commit": False,
            "throttle_cb": throttled.append,
        }
    )
    deadline = time.monotonic() + timeout_s
    with closing(consumer):
        while not throttled and time.monotonic() < deadline:
            consumer.assign([PartitionAtOffset(topic, 0, 0)])
            consumer.consume(100_000, timeout=1)
    if not throttled:
        raise TimeoutError(f"{client_id} is not held back after {timeout_s:.0f} s.")


def _send(producer: KafkaProducer, topic: str, records: Iterable[Record]) -> None:
    sent = [
        producer.send(
            topic,
            value=record.value,
            key=record.key,
            headers=list(record.headers),
            partition=record.partition,
            timestamp_ms=record.timestamp_ms,
        )
        for record in records
    ]
    producer.flush()
    for result in sent:
        result.get(timeout=60)


def _wait_for_markers(bootstrap_servers: str, topic: str, *, timeout_s: float = 180) -> None:
    """Wait until a transaction's markers are written, which is after it has ended."""
    deadline = time.monotonic() + timeout_s
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap_servers)) as admin:
        described = admin.describe_topics([topic])[0]
        partitions = [TopicPartition(topic, p["partition_index"]) for p in described["partitions"]]
        ends = dict.fromkeys(partitions, OffsetSpec.LATEST)
        while admin.list_partition_offsets(
            ends, isolation_level="read_committed"
        ) != admin.list_partition_offsets(ends):
            if time.monotonic() > deadline:
                raise TimeoutError(f"A transaction on {topic} is open after {timeout_s:.0f} s.")
            time.sleep(0.01)


def _find_java() -> str:
    """Return the path of a Java that Kafka runs on, JAVA_HOME's first."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    remedy = f"install a JDK of version {_OLDEST_JAVA} or newer, for example openjdk-17-jdk."
    if java is None:
        raise KafkaMissingError(f"There is no Java on this machine: {remedy}")
    # macOS has a `java` that only says that there is none, hence no check of the status.
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', answer)
    if version is None or int(version[1]) < _OLDEST_JAVA:
        raise KafkaMissingError(f"The Java at {java} is not one that Kafka runs on: {remedy}")
    return java


def _write_properties(
    directory: Path, protocols: Mapping[str, str], settings: Mapping[str, str]
) -> Path:
    values = {
        **_SETTINGS,
        "log.dirs": (directory / "log").as_posix(),
        "listener.security.protocol.map": ",".join(f"{n}:{p}" for n, p in protocols.items()),
        **settings,
    }
    properties = directory / "server.properties"
    properties.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    return properties


def _listed(listeners: Mapping[str, str]) -> str:
    return ",".join(f"{name}://{address}" for name, address in listeners.items())


def _format_storage(kafka: list[str], properties: Path) -> None:
    """Give the empty log directory its cluster and node id, without which no broker starts."""
    cluster_id = "skewline-test-cluster0"
    formatted = subprocess.run(
        [*kafka, "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(properties)],
        capture_output=True,
        text=True,
        check=False,
    )
    if formatted.returncode != 0:
        raise ServerStartError(
            f"The broker's storage cannot be formatted.\n{formatted.stdout}{formatted.stderr}"
        )


def _answers(bootstrap_servers: str) -> bool:
    """Tell whether the broker has joined its cluster, so that topics can be created."""
    if not is_listening(bootstrap_servers):
        return False
    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers, bootstrap_timeout_ms=500)
    except KafkaError:
        return False
    with closing(admin):
        return bool(admin.describe_cluster()["brokers"])
