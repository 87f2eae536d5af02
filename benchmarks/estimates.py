"""How far what a load is said to take, before it starts, lies from what it takes.

`python -m benchmarks.estimates` starts a broker and a schema registry, writes the same events of
the notebook's shape to a topic of JSON, a topic of Avro and to files, asks for each what its load
will take, loads it, and prints the one divided by the other, the least and the most of some tries,
beside the bar: within a factor of two.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import fastavro
import pandas as pd

from benchmarks.decode import blocks
from benchmarks.schema_formats import AVRO, encoded, encoders, fill
from lib.loading.estimate import estimate
from lib.loading.load import load
from lib.sources.base import Everything
from lib.sources.files.folder import FileTopics
from lib.sources.files.kcat import write_recorded
from lib.sources.kafka import KafkaSettings, KafkaTopics
from lib.sources.kafka.schema_registry import RegistrySettings, SchemaRegistry
from lib.warm_up import warm_up
from tests.support.broker import running_broker
from tests.support.registry import running_registry

if TYPE_CHECKING:
    from lib.sources.base import TopicSource

BAR: Final = 2.0


def main() -> None:
    """Measure every way and print a line for each."""
    parser = argparse.ArgumentParser(description="Compare estimates with the loads themselves.")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--tries", type=int, default=3)
    asked = parser.parse_args()
    warm_up()
    with (
        running_broker() as broker,
        running_registry() as registry,
        tempfile.TemporaryDirectory(prefix="skewline-estimates-") as folder,
    ):
        encode = encoders(registry.url)
        for name in ("json", "avro"):
            fill(broker.bootstrap_servers, name, encoded(asked.events, encode[name]))
        _write_files(Path(folder), asked.events)
        schemas = SchemaRegistry(RegistrySettings(registry.url))
        kafka = KafkaSettings(broker.bootstrap_servers, reader="librdkafka")
        print(
            f"{asked.events:,} events{'':14}{'s':>8}{'told ÷ taken':>18}   within a factor of two"
        )
        for name in ("json", "avro"):
            _compare(f"Kafka, {name}", KafkaTopics(kafka, schemas), name, asked)
        files = FileTopics(Path(folder))
        for file in files.topics():
            _compare(file.name, files, file.name, asked)


def _write_files(folder: Path, events: int) -> None:
    """Write the events as files of several formats."""
    batches = blocks(events)
    write_recorded(folder / "recorded.jsonl", "recorded", batches)
    values = [json.loads(value) for batch in batches for value in batch["value"].to_pylist()]
    with (folder / "events.avro").open("wb") as container:
        fastavro.writer(container, fastavro.parse_schema(AVRO), values)
    stamps = [stamp for batch in batches for stamp in batch["timestamp"].to_pylist()]
    table = pd.json_normalize(values).assign(received_at=stamps)
    table.to_csv(folder / "events.csv", index=False)
    table.to_parquet(folder / "events.parquet", index=False)


def _compare(title: str, source: TopicSource, topic: str, asked: argparse.Namespace) -> None:
    ratios, taken = [], []
    for _ in range(asked.tries):
        told = estimate(source, topic, Everything())
        began = time.perf_counter()
        loaded = load(source, topic, Everything())
        taken.append(time.perf_counter() - began)
        assert len(loaded.events.table) == asked.events
        ratios.append(told.seconds / taken[-1])
    least, most = min(ratios), max(ratios)
    holds = "holds" if least >= 1 / BAR and most <= BAR else "MISSED"
    print(f"{title:28}{min(taken):8.2f}{least:9.2f} to {most:.2f}   {holds}", flush=True)


if __name__ == "__main__":
    main()
