"""Some partitions of a source's topics, as a source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lib.sources.base import always

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa

    from lib.core.masking import Masking
    from lib.core.schemas import SchemaSource
    from lib.sources.base import Plan, Range, Reader, Span, TopicInfo, TopicSource


@dataclass(frozen=True)
class ChosenPartitions:
    """A source of which only some partitions are read, as a `lib.sources.base.TopicSource`."""

    source: TopicSource
    partitions: tuple[int, ...]

    @property
    def name(self) -> str:
        """That of the source."""
        return self.source.name

    @property
    def identity(self) -> str:
        """The source and the partitions."""
        return f"{self.source.identity}:partitions {','.join(map(str, self.partitions))}"

    @property
    def reader(self) -> Reader:
        """That of the source."""
        return self.source.reader

    @property
    def schemas(self) -> SchemaSource:
        """Those of the source."""
        return self.source.schemas

    @property
    def masking(self) -> Masking:
        """That of the source."""
        return self.source.masking

    def topics(self) -> list[TopicInfo]:
        """Return the topics of the source, whole."""
        return self.source.topics()

    def plan(self, topic: str, wanted: Range) -> Plan:
        """Return the plan of the source, without the other partitions.

        Of `Latest` there may be fewer than asked for: the newest are those of all partitions.
        """
        plan = self.source.plan(topic, wanted)
        return replace(plan, spans=self._of(plan.spans), log=self._of(plan.log))

    def read(
        self, plan: Plan, wants_headers: Callable[[], bool] = always
    ) -> Iterator[pa.RecordBatch]:
        """Yield the records of `plan` as the source does."""
        return self.source.read(plan, wants_headers)

    def still_holds(self, before: Plan, now: Plan, positions: Mapping[int, int]) -> bool:
        """Return what the source does."""
        return self.source.still_holds(before, now, positions)

    def _of(self, spans: tuple[Span, ...]) -> tuple[Span, ...]:
        return tuple(span for span in spans if span.partition in self.partitions)
