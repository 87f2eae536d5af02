"""Topics in memory, as a `lib.sources.base.TopicSource` whose log can grow and have holes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lib.core.masking import NOTHING_MASKED, Masking
from lib.core.schemas import NoSchemas
from lib.sources.base import Between, Latest, Plan, Range, Reader, Span, TopicInfo, always
from lib.sources.records import RECORDS
from tests.support.blocks import block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa


@dataclass
class MemoryTopic:
    """One topic named `topic`; a record's timestamp is when it was written, a second apart.

    Among dates a timestamp of 0, which the first record has by default, is none.
    """

    partitions: int = 1
    identity: str = "memory"
    schemas: NoSchemas = field(default_factory=NoSchemas)
    masking: Masking = NOTHING_MASKED
    block_records: int = 2
    first_ms: int = 0
    read_offsets: list[tuple[int, int]] = field(default_factory=list)
    """Partition and offset of every record that has been read."""

    def __post_init__(self) -> None:
        self._log: list[list[tuple[int, bytes | None] | None]] = [
            [] for _ in range(self.partitions)
        ]
        self._written = 0

    def write(self, *values: bytes | None, partition: int = 0) -> None:
        for value in values:
            self._log[partition].append((self.first_ms + 1_000 * self._written, value))
            self._written += 1

    def write_markers(self, count: int, *, partition: int = 0) -> None:
        """Add offsets without a record, as transactions and compaction do."""
        self._log[partition].extend([None] * count)

    @property
    def name(self) -> str:
        return "memory"

    @property
    def reader(self) -> Reader:
        return Reader("memory")

    def topics(self) -> list[TopicInfo]:
        return [TopicInfo("topic", self.partitions, sum(map(len, self._log)))]

    def plan(self, topic: str, wanted: Range) -> Plan:
        log = tuple(Span(number, 0, len(records)) for number, records in enumerate(self._log))
        match wanted:
            case Latest(count):
                spans = tuple(Span(s.partition, max(0, s.end - count), s.end) for s in log)
            case Between(start_ms, end_ms):
                spans = tuple(
                    Span(s.partition, self._first(s, start_ms), self._first(s, end_ms)) for s in log
                )
            case _:
                spans = log
        return Plan(topic, wanted, spans, log, partitions=self.partitions)

    def read(
        self,
        plan: Plan,
        wants_headers: Callable[[], bool] = always,  # noqa: ARG002 (they cost nothing)
    ) -> Iterator[pa.RecordBatch]:
        for span in plan.spans:
            planned = range(span.start, span.end)
            offsets = [n for n in planned if self._log[span.partition][n] is not None]
            for first in range(0, len(offsets), self.block_records):
                yield self._block(span.partition, offsets[first : first + self.block_records])

    def still_holds(self, before: Plan, now: Plan, positions: Mapping[int, int]) -> bool:
        ends = {span.partition: span.end for span in now.log}
        return before.generation == now.generation and all(
            position <= ends.get(partition, 0) for partition, position in positions.items()
        )

    def _block(self, partition: int, offsets: Sequence[int]) -> pa.RecordBatch:
        self.read_offsets += [(partition, offset) for offset in offsets]
        times, values = zip(*(self._log[partition][n] for n in offsets), strict=True)
        built = block(*values, partition=partition, offsets=offsets, timestamps=times)
        assert built.schema == RECORDS
        return built

    def _first(self, span: Span, time_ms: int) -> int:
        times = enumerate(self._log[span.partition])
        return next((n for n, record in times if record and record[0] >= time_ms), span.end)
