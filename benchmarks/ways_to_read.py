"""Ways to read a topic, each run by `benchmarks.read` in a process of its own.

`python -m benchmarks.ways_to_read WAY BROKER TOPIC RECORDS` prints one JSON object: the fields of
`benchmarks.read.Measured`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from confluent_kafka import Consumer, Producer, TopicPartition
from kafka import KafkaConsumer

from lib.loading.load import load, reload
from lib.simulate.scenario import Scenario
from lib.simulate.simulation import simulate
from lib.sources.base import Everything
from lib.sources.kafka import KafkaSettings, KafkaTopics
from lib.sources.kafka.blocks import POLL_RECORDS
from lib.warm_up import warm_up

if TYPE_CHECKING:
    from collections.abc import Callable

PARTITIONS: Final = 4
CLIENTS: Final = 100
EVENTS_A_SESSION: Final = 25  # the notebook's
NEW_RECORDS: Final = 1_000

_FROM_KCAT: Final = """
    create table events as
    with records as (
        select
            cast(payload ->> '$.Timestamp' as bigint) as Timestamp,
            ts as KafkaTimestamp,
            cast(payload ->> '$.ClientID' as bigint) as ClientID,
            payload ->> '$.SessionID' as SessionID,
            cast(payload ->> '$.EventID' as bigint) as EventID,
            partition, "offset"
        from read_json($file)
    ), zero as (
        select arg_min(Timestamp, (KafkaTimestamp, partition, "offset")) as ms from records
    )
    select
        * exclude (ms),
        (Timestamp - ms) / 1000 as EventTimestamp0,
        (KafkaTimestamp - ms) / 1000 as ReceivedTimestamp0
    from records, zero
    order by KafkaTimestamp, partition, "offset"
"""


def notebook(broker: str, topic: str, records: int) -> dict[str, Any]:
    """Read as the notebook does, but end at the last record, not after ten silent seconds."""
    warnings.simplefilter("ignore", DeprecationWarning)  # the notebook's kind of deserializer
    began = time.perf_counter()
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=broker,
        auto_offset_reset="earliest",
        enable_auto_commit=True,
        value_deserializer=lambda x: x.decode("utf-8"),
        consumer_timeout_ms=10_000,
    )
    rows = []
    for message in consumer:
        record = json.loads(message.value)
        record["KafkaTimestamp"] = message.timestamp
        rows.append(record)
        if len(rows) == records:
            break
    table = pd.json_normalize(rows)
    base = table["Timestamp"].loc[0:0][0]
    table["EventTimestamp0"] = (table["Timestamp"] - base) / 1000.0
    table["ReceivedTimestamp0"] = (table["KafkaTimestamp"] - base) / 1000.0
    return _took(began, len(table), table_bytes=_bytes_of(table))


def drain(broker: str, topic: str, records: int) -> dict[str, Any]:
    """Take the records from librdkafka, some hundred at once, and drop them."""
    began, came = time.perf_counter(), 0
    config = {"bootstrap.servers": broker, "group.id": "drain", "enable.auto.commit": False}
    with closing(Consumer(config)) as consumer:
        consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
        while came < records:
            came += len(consumer.consume(POLL_RECORDS, timeout=0.1))
        return _took(began, came)


def kcat_duckdb(broker: str, topic: str, _: int) -> dict[str, Any]:
    """Have kcat write the records as JSON into a file, and DuckDB read that into a table."""
    import duckdb  # noqa: PLC0415 (only this way needs it, as polars below)

    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="skewline-kcat-") as folder:
        file = Path(folder, "records.jsonl")
        with file.open("wb") as output:
            consume = ["kcat", "-b", broker, "-t", topic, "-C", "-o", "beginning", "-e", "-q", "-J"]
            subprocess.run(consume, stdout=output, check=True)
        with duckdb.connect() as database:
            database.execute(_FROM_KCAT, {"file": str(file)})
            [[count]] = database.execute("select count(*) from events").fetchall()
    return _took(began, count)


def confluent_polars(broker: str, topic: str, records: int) -> dict[str, Any]:
    """Poll confluent-kafka as its documentation does, and make a data frame of the rows."""
    import polars as pl  # noqa: PLC0415

    began = time.perf_counter()
    rows: list[dict[str, Any]] = []
    config = {"bootstrap.servers": broker, "group.id": "polars", "enable.auto.commit": False}
    with closing(Consumer(config)) as consumer:
        consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
        while len(rows) < records:
            if (message := consumer.poll(1.0)) is None:
                continue
            row = json.loads(message.value())
            _, row["KafkaTimestamp"] = message.timestamp()
            row["KafkaPartition"], row["KafkaOffset"] = message.partition(), message.offset()
            rows.append(row)
    table = (
        pl.DataFrame(rows)
        .drop("Data", "Kind")
        .sort("KafkaTimestamp", "KafkaPartition", "KafkaOffset")
    )
    zero_ms = table["Timestamp"][0]
    table = table.with_columns(
        EventTimestamp0=(pl.col("Timestamp") - zero_ms) / 1000,
        ReceivedTimestamp0=(pl.col("KafkaTimestamp") - zero_ms) / 1000,
    )
    return _took(began, len(table), table_bytes=int(table.estimated_size()))


def skewline(broker: str, topic: str, _: int, *, reader: str) -> dict[str, Any]:
    """Read into an events table with one of our readers."""
    source = KafkaTopics(KafkaSettings(broker, reader=reader))
    began = time.perf_counter()
    table = load(source, topic, Everything(), cap=sys.maxsize).events.table
    return _took(began, len(table), table_bytes=_bytes_of(table))


def skewline_reload(broker: str, topic: str, _: int) -> dict[str, Any]:
    """Read into an events table, then read new records into it; only that counts."""
    source = KafkaTopics(KafkaSettings(broker, reader="librdkafka"))
    began = time.perf_counter()
    loaded = load(source, topic, Everything(), cap=sys.maxsize)
    first_seconds = time.perf_counter() - began
    _write_more(broker, topic, int(loaded.events.table["KafkaTimestamp"].max()))
    began = time.perf_counter()
    grown = reload(source, loaded, cap=sys.maxsize)
    return _took(began, grown.report.read.records, first_seconds=first_seconds)


def fill(broker: str, topic: str, records: int) -> dict[str, Any]:
    """Fill an empty topic with simulated records of the notebook's shape."""
    began = time.perf_counter()
    scenario = Scenario(
        clients=CLIENTS,
        sessions=max(CLIENTS, records // EVENTS_A_SESSION),
        events=records,
        partitions=PARTITIONS,
    )
    producer = Producer({"bootstrap.servers": broker, "linger.ms": 50})
    for block in simulate(scenario).batches(20_000):
        columns = (block[name].to_pylist() for name in ("partition", "timestamp", "key", "value"))
        for partition, time_ms, key, value in zip(*columns, strict=True):
            producer.produce(topic, value, key, partition, timestamp=time_ms)
        producer.flush()
    return _took(began, records)


def _write_more(broker: str, topic: str, last_ms: int) -> None:
    """Write `NEW_RECORDS` of the topic's shape, later than those that it has."""
    producer = Producer({"bootstrap.servers": broker})
    for n in range(1, NEW_RECORDS + 1):
        event = {
            "ClientID": 1,
            "Data": {"Errors": 0, "Values": 1},
            "EventID": n,
            "Kind": "m",
            "SessionID": "the newest",
            "Timestamp": last_ms + n,
        }
        value = json.dumps(event, separators=(",", ":"))
        producer.produce(topic, value, partition=n % PARTITIONS, timestamp=last_ms + n)
    producer.flush()


def _took(began: float, records: int, **more: float) -> dict[str, Any]:
    return {"seconds": time.perf_counter() - began, "records": records, **more}


def _bytes_of(table: pd.DataFrame) -> int:
    return int(table.memory_usage(deep=True).sum())


def _peak_bytes() -> int:
    """Return the most memory that this process has had."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


WAYS: Final[dict[str, Callable[[str, str, int], dict[str, Any]]]] = {
    "notebook": notebook,
    "drain": drain,
    "librdkafka": partial(skewline, reader="librdkafka"),
    "kafka-python": partial(skewline, reader="kafka-python"),
    "kcat-duckdb": kcat_duckdb,
    "confluent-polars": confluent_polars,
    "reload": skewline_reload,
    "fill": fill,
}


def main() -> None:
    """Run one way and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("broker")
    parser.add_argument("topic")
    parser.add_argument("records", type=int)
    asked = parser.parse_args()
    # Compiled code is loaded before the clock runs, as every import is.
    warm_up()
    before = _peak_bytes()
    took = WAYS[asked.way](asked.broker, asked.topic, asked.records)
    print(json.dumps(took | {"peak_bytes": _peak_bytes() - before}))


if __name__ == "__main__":
    main()
