"""Producing a simulated topic to a Kafka broker."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from lib.core.errors import BrokerUnreachableError, SettingsError

if TYPE_CHECKING:
    from lib.simulate.simulation import Simulation

BOOTSTRAP_TIMEOUT_MS: Final = 10_000


def produce(
    simulation: Simulation, bootstrap_servers: str, topic: str, *, real_time: bool = False
) -> None:
    """Produce the records of `simulation`, each to its partition, in arrival order.

    The topic is created if it is missing, and keeps its records for ever: a broker deletes
    timestamps of long ago by default. Its timestamps are the records' own (CreateTime), but the
    broker's (LogAppendTime) where the scenario wants that and it is produced in real time.

    Parameters
    ----------
    simulation
        What to produce.
    bootstrap_servers
        "HOST:PORT", several separated by commas.
    topic
        The topic's name.
    real_time
        Wait for each record until the wall clock shows its received time. The scenario should
        start now, then.

    Raises
    ------
    BrokerUnreachableError
        If no broker answers, or it does not take the records.
    SettingsError
        If the topic is there with fewer partitions than the scenario has.
    """
    stamped_by_broker = real_time and simulation.scenario.timestamps == "logappend"
    try:
        _create_topic(bootstrap_servers, topic, simulation.scenario.partitions, stamped_by_broker)
        _send(simulation, bootstrap_servers, topic, real_time=real_time)
    except KafkaError as error:
        raise BrokerUnreachableError(
            f"Producing to {topic} at {bootstrap_servers} failed: {error}.",
            "Check the address, and that the broker runs.",
        ) from error


def _create_topic(
    bootstrap_servers: str, topic: str, partitions: int, stamped_by_broker: bool
) -> None:
    admin = KafkaAdminClient(
        bootstrap_servers=bootstrap_servers, bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS
    )
    with closing(admin):
        if topic in admin.list_topics():
            found = len(admin.describe_topics([topic])[0]["partitions"])
            if found < partitions:
                raise SettingsError(
                    f"The topic {topic} has {found} partitions, the scenario {partitions}.",
                    "Choose another topic, or fewer partitions.",
                )
            return
        configs = {
            "retention.ms": "-1",
            "message.timestamp.type": "LogAppendTime" if stamped_by_broker else "CreateTime",
        }
        wanted = {topic: {"num_partitions": partitions, "configs": configs}}
        admin.create_topics(wanted, wait_for_metadata=True)


def _send(simulation: Simulation, bootstrap_servers: str, topic: str, *, real_time: bool) -> None:
    producer = KafkaProducer(
        bootstrap_servers=bootstrap_servers,
        bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS,
        linger_ms=0 if real_time else 50,
    )
    errors: list[BaseException] = []
    received = iter(simulation.events.received.tolist())
    with closing(producer):
        for batch in simulation.batches(rows=1_000):
            for record in batch.to_pylist():
                due_ms = next(received)
                if real_time:
                    time.sleep(max(0.0, due_ms / 1000 - time.time()))
                producer.send(
                    topic,
                    value=record["value"],
                    key=record["key"],
                    partition=record["partition"],
                    timestamp_ms=record["timestamp"],
                ).add_errback(errors.append)
        producer.flush()
    if errors:
        raise errors[0]
