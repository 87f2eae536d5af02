"""The interface of every source of topics, and the ranges one can read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa

    from lib.core.masking import Masking
    from lib.core.schemas import SchemaSource


@dataclass(frozen=True)
class TopicInfo:
    """A topic as a list shows it.

    `records` is end minus beginning offsets, so an upper bound where compaction or transactions
    left holes. `timestamp_kind` is "CreateTime", "LogAppendTime", or "" where the source does not
    say. `is_internal` topics are Kafka's own, or of what runs on it. `unavailable` partitions
    cannot be read now: they have no leader. Without `is_counted`, records and partitions are 0
    because nobody counted them: a large file is not read for a list, and some cannot be read.

    Where the source says so: `bytes` on disk, and the record timestamps of the first record and the
    largest, epoch ms.
    """

    name: str
    partitions: int
    records: int
    timestamp_kind: str = ""
    is_internal: bool = False
    bytes: int | None = field(default=None, compare=False)
    first_ms: int | None = field(default=None, compare=False)
    last_ms: int | None = field(default=None, compare=False)
    unavailable: tuple[int, ...] = ()
    is_counted: bool = True


@dataclass(frozen=True)
class Everything:
    """From the beginning of the topic to the end it has when the read begins."""


@dataclass(frozen=True)
class Latest:
    """The newest `count` records in arrival order."""

    count: int

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count must be at least 1, not {self.count}")


@dataclass(frozen=True)
class Between:
    """Records whose timestamp t has `start_ms` ≤ t < `end_ms`, epoch milliseconds."""

    start_ms: int
    end_ms: int

    def __post_init__(self) -> None:
        if self.start_ms > self.end_ms:
            raise ValueError(f"start {self.start_ms} is after end {self.end_ms}")


@dataclass(frozen=True)
class FromOffset:
    """Records of every partition from an offset on."""

    offset: int


@dataclass(frozen=True)
class LastMinutes:
    """Records whose timestamp is at most so many minutes before the topic's largest."""

    minutes: int

    def start_ms(self, newest_ms: int) -> int:
        """Return the time from which on records count."""
        return max(0, newest_ms - 60_000 * self.minutes)


Range = Everything | Latest | Between | FromOffset | LastMinutes

OF_NO_TIME: Final = (
    "Records without a timestamp of their own, as in many files, are in no range of time."
)
"""What is said where a range of time holds no record."""


@dataclass(frozen=True)
class Span:
    """Offsets `start` ≤ offset < `end` of one partition."""

    partition: int
    start: int
    end: int

    @property
    def size(self) -> int:
        """Number of offsets in the span, an upper bound of its records."""
        return max(0, self.end - self.start)

    def beginning_at(self, offset: int) -> Span:
        """Return the span without what lies before an offset."""
        return Span(self.partition, min(max(self.start, offset), self.end), self.end)


@dataclass(frozen=True)
class Plan:
    """What a read will do, fixed when it begins: which offsets of which partitions.

    Attributes
    ----------
    topic, range
        What is read.
    spans
        The offsets to read.
    log
        For every partition that can be read, the beginning and end that its log had then.
    generation
        Which making of the topic it is: its id in Kafka, the content of a file; "" where the
        source cannot tell.
    epochs
        Partition → how often its leader had changed. After a change, what was read may be void.
    unavailable
        Partitions that cannot be read now: they have no leader.
    compacted
        Whether an offset without a record may have had one: the topic is compacted, or that is not
        known.
    partitions
        How many the topic has, those too that are not read; 0 where the source cannot tell.
    """

    topic: str
    range: Range
    spans: tuple[Span, ...]
    log: tuple[Span, ...]
    generation: str = ""
    epochs: Mapping[int, int] = field(default_factory=dict)
    unavailable: tuple[int, ...] = ()
    compacted: bool = True
    partitions: int = 0

    @property
    def size(self) -> int:
        """Number of offsets to read, an upper bound of the records."""
        return sum(span.size for span in self.spans)

    @property
    def empty(self) -> tuple[int, ...]:
        """The partitions whose log has no record."""
        return tuple(span.partition for span in self.log if not span.size)

    @property
    def filled(self) -> list[Span]:
        """The spans that have offsets."""
        return [span for span in self.spans if span.size]


@dataclass(frozen=True)
class Reader:
    """What reads the records of a source.

    Attributes
    ----------
    name
        What it is called.
    reason
        Why it is not the one that was asked for; "" where it is.
    seeks
        Whether it begins where it is asked to, or reads all that stands before, too.
    """

    name: str
    reason: str = ""
    seeks: bool = True


def always() -> bool:
    """Return True."""
    return True


class TopicSource(Protocol):
    """A place that has topics. Reading one leaves no trace in it.

    Every method raises a `SkewlineError` with a sentence for the user where the source fails.
    """

    @property
    def name(self) -> str:
        """What the sidebar calls the source."""
        ...

    @property
    def identity(self) -> str:
        """What tells the source from every other one in caches: equal only for the same data."""
        ...

    @property
    def reader(self) -> Reader:
        """What reads its records. Asking leaves no trace in the source either."""
        ...

    @property
    def schemas(self) -> SchemaSource:
        """Where the schemas of its records come from."""
        ...

    @property
    def masking(self) -> Masking:
        """Which fields of its records are masked when they are decoded."""
        ...

    def topics(self) -> list[TopicInfo]:
        """Return the topics of the source, sorted by name."""
        ...

    def plan(self, topic: str, wanted: Range) -> Plan:
        """Return what reading `wanted` of `topic` means now, in offsets."""
        ...

    def read(
        self, plan: Plan, wants_headers: Callable[[], bool] = always
    ) -> Iterator[pa.RecordBatch]:
        """Yield the records of `plan` in blocks, as `lib.sources.records` describes them.

        Ends by position. Blocks may interleave partitions; inside a partition offsets rise.
        Closing the iterator ends the read and frees what it holds. A block without records says
        that offsets expired before they were read, or what is waited for.

        Raises
        ------
        TopicChangedError
            When the topic was made anew meanwhile: what came is of two topics, or may be.

        Parameters
        ----------
        wants_headers
            Asked before each block whether its headers are wanted; if not, they may be left out.
        """
        ...

    def still_holds(self, before: Plan, now: Plan, positions: Mapping[int, int]) -> bool:
        """Return whether what was read is still what the topic has, or had before it expired.

        Parameters
        ----------
        before
            The plan of the read.
        now
            A new plan of the same topic.
        positions
            Partition → the next offset to read.
        """
        ...
