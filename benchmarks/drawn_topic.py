"""A topic of any size that is nowhere: whoever reads an offset draws its record.

Each partition has a day of traffic after the other, of `DAY` records. The same clients are in all
partitions, and stay for `STAYS` days.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from lib.cluster.origin import Origin
from lib.core.masking import NOTHING_MASKED
from lib.core.schemas import NoSchemas
from lib.simulate import Scenario, simulate
from lib.sources.base import Plan, Reader, Span, TopicInfo, always

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lib.core.schemas import SchemaSource
    from lib.sources.base import Range

DAY: Final = 50_000
STAYS: Final = 8
PARTITIONS: Final = 4
_DAY_MS: Final = 24 * 3_600_000

TRAFFIC: Final = Scenario(
    events=DAY * 101 // 100,  # some are lost
    clients=STAYS * PARTITIONS * DAY // 1_000, sessions=STAYS * PARTITIONS * DAY // 1_000,
    keys=False,
    outage_share=0.05, shared_outages=2, lost_share=0.002, duplicate_share=0.002,
    disorder_share=0.01, clock_share=0.05, clock_drift_ppm=50.0,
    jitter="lognormal", jitter_ms=30.0,
)  # fmt: skip
"""Of a day of a partition: a client has some 1,000 events in all of its days and partitions."""


@dataclass(frozen=True)
class DrawnTopic:
    """A `TopicSource` of one topic, with so many events."""

    events: int
    name: str = "Drawn"
    schemas: SchemaSource = field(default_factory=NoSchemas)

    masking = NOTHING_MASKED

    @property
    def identity(self) -> str:
        """The number of events."""
        return f"drawn:{self.events}"

    @property
    def reader(self) -> Reader:
        """The simulator."""
        return Reader("simulator")

    def topics(self) -> list[TopicInfo]:
        """Return the one topic."""
        return [TopicInfo("drawn", PARTITIONS, self.events)]

    def plan(self, topic: str, wanted: Range) -> Plan:
        """Return all offsets: whole days."""
        days = self.events // DAY // PARTITIONS
        log = tuple(Span(partition, 0, days * DAY) for partition in range(PARTITIONS))
        return Plan(topic, wanted, log, log, compacted=False)

    def read(
        self,
        plan: Plan,
        wants_headers: Callable[[], bool] = always,  # noqa: ARG002 (they have none)
    ) -> Iterator[pa.RecordBatch]:
        """Yield the records of `plan`, a day of a partition at once."""
        for span in plan.filled:
            for day in range(span.start // DAY, -(-span.end // DAY)):
                records = self._drawn(span.partition, day)
                first = max(span.start - day * DAY, 0)
                yield records.slice(first, min(span.end - day * DAY, DAY) - first)

    def still_holds(
        self,
        before: Plan,  # noqa: ARG002 (it never changes)
        now: Plan,  # noqa: ARG002
        positions: Mapping[int, int],  # noqa: ARG002
    ) -> bool:
        """Return True."""
        return True

    def _drawn(self, partition: int, day: int) -> pa.RecordBatch:
        """Return the records of a partition's day."""
        each = TRAFFIC
        start = each.start_ms + day * _DAY_MS
        of_day = simulate(replace(each, seed=day * PARTITIONS + partition, start_ms=start))
        of_day.events.client[:] += day // STAYS * each.clients
        (records,) = of_day.records.slice(0, DAY).combine_chunks().to_batches()
        columns = {
            "partition": np.full(DAY, partition, np.int32),
            "offset": np.arange(day * DAY, (day + 1) * DAY),
        }
        for name, values in columns.items():
            place = records.schema.get_field_index(name)
            records = records.set_column(place, records.schema.field(name), pa.array(values))
        return records


@dataclass(frozen=True)
class DrawnOrigin(Origin):
    """Where a drawn topic is: anywhere."""

    source: DrawnTopic | None = None

    def opened(self) -> DrawnTopic:
        """Return the topic."""
        assert self.source is not None
        return self.source
