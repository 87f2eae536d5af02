"""How fast a topic becomes an events table, against the notebook's way and the bare wire.

`python -m benchmarks.read` starts a broker, fills it with records of the notebook's shape in four
partitions, reads them in every way, each in a process of its own, and prints the figures beside
the bars that they are to keep. With `--format avro` or `--format protobuf` it reads topics of these
instead, against JSON and confluent-kafka's deserializers (`benchmarks.schema_formats`).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

from benchmarks import schema_formats
from tests.support.broker import create_topic, running_broker

SIZES: Final = (10_000, 100_000, 1_000_000)
LARGE: Final = 10_000_000
TITLES: Final = {
    "notebook": "the notebook's way",
    "drain": "librdkafka, records dropped",
    "librdkafka": "Skewline, librdkafka",
    "kafka-python": "Skewline, kafka-python",
    "kcat-duckdb": "kcat into DuckDB",
    "confluent-polars": "confluent-kafka into polars",
}
"""Ways of reading, in the order in which they are measured → how they are called."""

NEEDS: Final = {"kcat-duckdb": ("kcat", "duckdb"), "confluent-polars": ("polars",)}
"""Programs and packages that only a comparison needs; `make compare` brings them."""

_WITHOUT_CRC32C: Final = (
    "import sys; sys.modules['crc32c'] = None; from benchmarks.ways_to_read import main; main()"
)
"""kafka-python as `pip install kafka-python` gives it: crc32c, where it is, speeds it up."""


@dataclass(frozen=True)
class Measured:
    """What one way of reading took; `peak_bytes` above what its process had before."""

    seconds: float
    records: int
    peak_bytes: int
    table_bytes: int = 0
    first_seconds: float = 0.0

    @property
    def micros(self) -> float:
        """Microseconds a record."""
        return self.seconds / self.records * 1e6


def measure(way: str, broker: str, records: int, *, repeat: int = 1) -> Measured:
    """Return the fastest of `repeat` runs of a way, each in a process of its own."""
    run = ["-c", _WITHOUT_CRC32C] if way == "notebook" else ["-m", "benchmarks.ways_to_read"]
    command = [sys.executable, *run, way, broker, _topic(records), str(records)]
    runs = [
        Measured(**json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
        for _ in range(repeat)
    ]
    return min(runs, key=lambda run: run.seconds)


def compare_ways(broker: str, records: int, repeat: int) -> dict[str, Measured]:
    """Measure every way on one topic, print a row for each, and return them."""
    print(f"\n{records:,} records in 4 partitions")
    print(
        f"{'':28}{'s':>8}{'records/s':>12}{'µs/record':>11}{'x notebook':>12}{'x drain':>9}"
        f"{'peak MB':>9}{'bytes/event':>13}"
    )
    ways: dict[str, Measured] = {}
    for way in TITLES:
        if missing := [name for name in NEEDS.get(way, ()) if not _is_there(name)]:
            print(f"{TITLES[way]:28}needs {' and '.join(missing)}: run make compare")
            continue
        m = ways[way] = measure(way, broker, records, repeat=repeat)
        faster = ways["notebook"].seconds / m.seconds
        slower = f"{m.seconds / ways['drain'].seconds:.2f}" if "drain" in ways else ""
        size = f"{m.table_bytes / m.records:.1f}" if m.table_bytes else ""
        print(
            f"{TITLES[way]:28}{m.seconds:8.2f}{m.records / m.seconds:12,.0f}{m.micros:11.2f}"
            f"{faster:12.1f}{slower:>9}{m.peak_bytes / 1e6:9.0f}{size:>13}",
            flush=True,
        )
    return ways


def show_reload(broker: str, records: int, repeat: int) -> Measured:
    """Measure and print a reload with new records."""
    m = measure("reload", broker, records, repeat=repeat)
    print(
        f"\nreload with {m.records:,} new records: {m.seconds:.3f} s, "
        f"{m.seconds / m.first_seconds:.1%} of the first load's {m.first_seconds:.2f} s"
    )
    return m


def show_growth(broker: str, sizes: list[int], repeat: int) -> None:
    """Measure and print our fast reader on topics of growing size."""
    print(
        f"\n{'Skewline, librdkafka':>20}{'s':>8}{'µs/record':>11}{'peak MB':>9}{'bytes/event':>13}"
    )
    for records in sizes:
        m = measure("librdkafka", broker, records, repeat=repeat)
        print(
            f"{records:20,}{m.seconds:8.2f}{m.micros:11.2f}{m.peak_bytes / 1e6:9.0f}"
            f"{m.table_bytes / m.records:13.1f}",
            flush=True,
        )


def show_bars(ways: dict[str, Measured], again: Measured) -> None:
    """Print every bar with what was measured."""
    notebook, drain, fast, plain = [*ways.values()][:4]
    bars = [
        ("librdkafka, times as fast as the notebook", notebook.seconds / fast.seconds, ">=", 15),
        ("librdkafka, times the drain", fast.seconds / drain.seconds, "<=", 1.5),
        ("kafka-python, times as fast as the notebook", notebook.seconds / plain.seconds, ">=", 4),
        ("peak memory, share of the notebook's", fast.peak_bytes / notebook.peak_bytes, "<=", 0.25),
        ("table, bytes an event", fast.table_bytes / fast.records, "<=", 80),
        ("reload, share of the first load", again.seconds / again.first_seconds, "<=", 0.1),
    ]
    bars += [
        (f"{TITLES[way]}, times librdkafka's time", ways[way].seconds / fast.seconds, ">=", 6)
        for way in NEEDS
        if way in ways
    ]
    print("\nbars")
    for name, value, sign, bar in bars:
        holds = value >= bar if sign == ">=" else value <= bar
        print(f"{name:45}{value:8.2f}  {sign} {bar:<5} {'holds' if holds else 'MISSED'}")


def _is_there(name: str) -> bool:
    return shutil.which(name) is not None or find_spec(name) is not None


def _topic(records: int) -> str:
    return f"events-{records}"


def _fill(broker: str, records: int) -> None:
    create_topic(broker, _topic(records), partitions=4)
    m = measure("fill", broker, records)
    print(f"filled {_topic(records)} in {m.seconds:.0f} s", flush=True)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=1_000_000, help="in the compared topic")
    parser.add_argument(
        "--repeat",
        type=int,
        help="runs, of which the fastest counts (1; 3 of a format)",
    )
    parser.add_argument("--large", action="store_true", help="add a row for 10,000,000 records")
    parser.add_argument(
        "--format", choices=schema_formats.FORMATS, action="append", help="topics of this instead"
    )
    asked = parser.parse_args()
    if asked.format:
        schema_formats.run(asked.records, asked.repeat or 3, asked.format)
        return
    repeat = asked.repeat or 1
    sizes = sorted({*(s for s in SIZES if s <= asked.records), *([LARGE] if asked.large else [])})
    with running_broker() as broker:
        address = broker.bootstrap_servers
        for records in sorted({*sizes, asked.records}):
            _fill(address, records)
        ways = compare_ways(address, asked.records, repeat)
        show_growth(address, sizes, repeat)
        again = show_reload(address, asked.records, repeat)  # last: it writes to the topic
        show_bars(ways, again)


if __name__ == "__main__":
    main()
