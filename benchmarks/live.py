"""Whether a topic can be followed at 20,000 events a second, for hours.

`python -m benchmarks.live [--rate 20000] [--refreshes 150] [--clients 1000] [--new-clients]`
follows a topic in memory that has grown by two seconds of events at each refresh, and prints how
long refreshes take (reading JSON, counting, silences, and Flink's drops with a session gap of
30 s), and the memory of the process, in the second quarter beside the last. The bars: a refresh
takes less than its two seconds, and neither time nor memory grows. An hour has 1,800 refreshes.
With `--new-clients` none comes again: each is another after three minutes.
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.masking import NOTHING_MASKED, Masking
from lib.core.memory import give_back_memory
from lib.core.schemas import NoSchemas
from lib.live.follow import follow, pattern_of, refreshed
from lib.loading.load import load
from lib.replay.engines.flink import FlinkSetting
from lib.replay.windows import SessionWindow
from lib.sources.base import Everything, Plan, Range, Reader, Span, TopicInfo, always
from lib.sources.records import RECORDS
from lib.warm_up import warm_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

EVERY_S = 2
PARTITIONS = 4
START_MS = 1_545_230_000_000
ACTIVE_MS = 180_000
GROWS = 1.25


@dataclass
class GrowingTopic:
    """A topic of clients, each active for three minutes of six or at all; some events are late.

    It keeps the records of the last refresh alone, as a broker's log would be too large here.
    """

    rate: int
    clients: int
    new_clients: bool = False
    identity: str = "growing"
    name: str = "memory"
    schemas: NoSchemas = field(default_factory=NoSchemas)
    masking: Masking = NOTHING_MASKED
    written: int = 0
    blocks: list[pa.RecordBatch] = field(default_factory=list)

    @property
    def reader(self) -> Reader:
        """What reads it."""
        return Reader("memory")

    def grow(self) -> None:
        """Write the events of two seconds; those before are gone."""
        n = self.rate * EVERY_S
        number = np.arange(self.written, self.written + n)
        self.written += n
        random = np.random.default_rng(self.written)
        received = START_MS + number * 1000 // self.rate
        late = np.where(random.random(n) < 0.01, random.integers(0, 60_000, n), 0)
        slot = number % self.clients
        turn = (received + slot * ACTIVE_MS // self.clients) // ACTIVE_MS
        if not self.new_clients:
            turn %= 2
        client = pc.cast(pa.array(slot + self.clients * turn), pa.string())
        values = pc.binary_join_element_wise(
            '{"ClientID":"c', client,
            '","SessionID":"s', client,
            '","EventID":', pc.cast(pa.array(number // self.clients), pa.string()),
            ',"Timestamp":', pc.cast(pa.array(received - 30 - late), pa.string()),
            "}", "",
        )  # fmt: skip
        self.blocks = [
            self._block(number, received, values.cast(pa.binary()), partition)
            for partition in range(PARTITIONS)
        ]

    def _block(
        self, number: np.ndarray, received: np.ndarray, values: pa.Array, partition: int
    ) -> pa.RecordBatch:
        own = np.flatnonzero(number % self.clients % PARTITIONS == partition)
        first = self._ends(int(number[0]))
        columns = [
            pa.array(np.full(len(own), partition)),
            pa.array(first + np.arange(len(own))),
            pa.array(received[own]),
            pa.array(np.zeros(len(own), np.int8)),
            pa.nulls(len(own)),
            values.take(pa.array(own)),
            pa.nulls(len(own)),
        ]
        arrays = [each.cast(f.type) for each, f in zip(columns, RECORDS, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=RECORDS)

    def _ends(self, written: int) -> int:
        return written // PARTITIONS

    def topics(self) -> list[TopicInfo]:
        """Return the one topic."""
        return [TopicInfo("growing", PARTITIONS, self.written)]

    def plan(self, topic: str, wanted: Range) -> Plan:
        """Return the records of the last refresh as the plan of anything."""
        first = self._ends(self.written - self.rate * EVERY_S)
        spans = tuple(Span(p, first, self._ends(self.written)) for p in range(PARTITIONS))
        return Plan(topic, wanted, spans, spans)

    def read(
        self,
        plan: Plan,  # noqa: ARG002 (it is all there is)
        wants_headers: Callable[[], bool] = always,  # noqa: ARG002
    ) -> Iterator[pa.RecordBatch]:
        """Yield the records of the last refresh."""
        yield from self.blocks

    def still_holds(self, before: Plan, now: Plan, positions: Mapping[int, int]) -> bool:
        """Return True: it only grows."""
        return bool(before and now and positions)


def _resident_mb() -> float:
    """Return the memory of the process, MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> int:
    """Print the figures; return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--refreshes", type=int, default=150)
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--new-clients", action="store_true")
    given = parser.parse_args()
    warm_up()
    topic = GrowingTopic(given.rate, given.clients, given.new_clients)
    topic.grow()
    loaded = load(topic, "growing", Everything())
    setting = FlinkSetting(SessionWindow(30_000), delay_ms=5_000)
    followed = follow(topic, pattern_of(loaded), 10, setting)
    took, memory = [], []
    for _ in range(given.refreshes):
        topic.grow()
        began, processor = time.perf_counter(), time.process_time()
        followed = refreshed(topic, followed)
        took.append((time.perf_counter() - began, time.process_time() - processor))
        give_back_memory()
        memory.append(_resident_mb())
    assert followed.counts.events == topic.written, "every event is counted once"
    quarter = max(given.refreshes // 4, 1)
    wall, worked = np.asarray(took).T
    first, last = np.median(worked[quarter : 2 * quarter]), np.median(worked[-quarter:])
    low, high = np.median(memory[quarter : 2 * quarter]), np.median(memory[-quarter:])
    print(f"{given.rate:,} events/s for {given.refreshes * EVERY_S:,} s: {topic.written:,} events")
    print(
        f"a refresh of {EVERY_S} s took {np.median(wall):.3f} s, {wall.max():.3f} s at most,",
        end=" ",
    )
    print(f"{followed.late.dropped:,} dropped;")
    print(f"{first:.3f} s of processor time in the second quarter, {last:.3f} s in the last")
    print(f"memory {low:,.0f} MB in the second quarter, {high:,.0f} MB in the last")
    return int(wall.max() > EVERY_S or last > GROWS * first or high > GROWS * low)


if __name__ == "__main__":
    raise SystemExit(main())
