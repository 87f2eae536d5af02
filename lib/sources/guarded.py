"""A source as a viewer may see it: some of its topics, and its sensitive fields masked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from lib.core.errors import NotAllowedError
from lib.core.masking import NOTHING_MASKED, Masking
from lib.sources.base import always

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa

    from lib.core.schemas import SchemaSource
    from lib.sources.base import Plan, Range, Reader, TopicInfo, TopicSource

EVERY_TOPIC = ("*",)


@dataclass(frozen=True)
class Guarded:
    """A source of which only some topics can be read, as a `lib.sources.base.TopicSource`.

    Attributes
    ----------
    source
        The source itself.
    masking
        The fields that are masked in its topics.
    allowed
        Patterns of the topics that can be listed and read: `*` and `?` stand for any characters.
    """

    source: TopicSource
    masking: Masking = NOTHING_MASKED
    allowed: tuple[str, ...] = EVERY_TOPIC

    @property
    def name(self) -> str:
        """That of the source."""
        return self.source.name

    @property
    def identity(self) -> str:
        """The source, its topics that count, and what is masked: nothing else shares its loads."""
        return f"{self.source.identity}:{self.masking.identity}:{json.dumps(self.allowed)}"

    @property
    def reader(self) -> Reader:
        """That of the source."""
        return self.source.reader

    @property
    def schemas(self) -> SchemaSource:
        """Those of the source."""
        return self.source.schemas

    @property
    def is_open(self) -> bool:
        """Whether every topic of the source can be read."""
        return self.allowed == EVERY_TOPIC

    def topics(self) -> list[TopicInfo]:
        """Return the topics of the source that can be read."""
        return [info for info in self.source.topics() if self._allows(info.name)]

    def plan(self, topic: str, wanted: Range) -> Plan:
        """Return the plan of the source.

        Raises
        ------
        NotAllowedError
            When the topic is none of those that can be read; whether it is there is not asked.
        """
        self._require(topic)
        return self.source.plan(topic, wanted)

    def read(
        self, plan: Plan, wants_headers: Callable[[], bool] = always
    ) -> Iterator[pa.RecordBatch]:
        """Yield the records of `plan` as the source does.

        Raises
        ------
        NotAllowedError
            When the topic is none of those that can be read.
        """
        self._require(plan.topic)
        return self.source.read(plan, wants_headers)

    def still_holds(self, before: Plan, now: Plan, positions: Mapping[int, int]) -> bool:
        """Return what the source does."""
        return self.source.still_holds(before, now, positions)

    def _allows(self, topic: str) -> bool:
        return any(fnmatchcase(topic, pattern) for pattern in self.allowed)

    def _require(self, topic: str) -> None:
        if not self._allows(topic):
            raise NotAllowedError(
                f"The topic “{topic}” of {self.name} is not open to you.",
                "Choose another topic, or ask whoever runs Skewline to allow it under [[access]].",
            )
