"""Where the records of a file stand, and which of them a range means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lib.core.errors import UnreadableFileError
from lib.sources.base import Between, FromOffset, LastMinutes, Latest, Range, Span

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Positions:
    """Partition, offset and timestamp of every record, by partition, and offset order inside it."""

    partition: NDArray[np.int32]
    offset: NDArray[np.int64]
    timestamp: NDArray[np.int64]

    @property
    def log(self) -> tuple[Span, ...]:
        """From the first to behind the last record of each partition."""
        starts = np.flatnonzero(np.diff(self.partition, prepend=-1))
        stops = np.append(starts, len(self.partition))[1:]
        return tuple(
            Span(int(self.partition[a]), int(self.offset[a]), int(self.offset[b - 1]) + 1)
            for a, b in zip(starts, stops, strict=True)
        )

    def of(self, span: Span) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return offsets and timestamps of one partition."""
        first, end = np.searchsorted(self.partition, [span.partition, span.partition + 1])
        return self.offset[first:end], self.timestamp[first:end]

    def spans(self, wanted: Range) -> tuple[Span, ...]:
        """Return what `wanted` means in offsets."""
        match wanted:
            case Latest(count):
                return self._latest(count)
            case Between(start_ms, end_ms):
                return self._between(start_ms, end_ms)
            case LastMinutes() if len(self.timestamp):
                newest = int(self.timestamp.max())
                return self._between(wanted.start_ms(newest), newest + 1)
            case FromOffset(offset):
                return tuple(span.beginning_at(offset) for span in self.log)
            case _:
                return self.log

    def _latest(self, count: int) -> tuple[Span, ...]:
        """Return the ends of the partitions that hold the newest `count` in arrival order."""
        tails = []
        for span in self.log:
            offsets, timestamps = self.of(span)
            reached = np.maximum.accumulate(timestamps)[-count:]
            tails.append((np.full(len(reached), span.partition), reached, offsets[-count:]))
        if not tails:
            return ()
        partition, reached, offset = (np.concatenate(part) for part in zip(*tails, strict=True))
        taken = np.lexsort((offset, partition, reached))[-count:]
        partition, offset = partition[taken], offset[taken]
        return tuple(
            Span(s.partition, int(offset[partition == s.partition].min(initial=s.end)), s.end)
            for s in self.log
        )

    def _between(self, start_ms: int, end_ms: int) -> tuple[Span, ...]:
        """Return what lies between two times in each partition, as `offsetsForTimes` finds it.

        That is from the first record at `start_ms` or later to the first at `end_ms` or later.
        """
        spans = []
        for span in self.log:
            offsets, timestamps = self.of(span)
            # The running maximum first reaches a time where the timestamps first do.
            reached = np.searchsorted(np.maximum.accumulate(timestamps), [start_ms, end_ms])
            start, end = np.append(offsets, span.end)[reached].tolist()
            spans.append(Span(span.partition, start, end))
        return tuple(spans)


def positions_of(blocks: Iterable[pa.RecordBatch]) -> Positions:
    """Return the positions of blocks that have the columns partition, offset and timestamp."""
    columns = [
        (b["partition"].to_numpy(), b["offset"].to_numpy(), b["timestamp"].to_numpy())
        for b in blocks
    ]
    empty = (np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int64))
    partition, offset, timestamp = (
        np.concatenate(parts) for parts in zip(empty, *columns, strict=True)
    )
    order = np.argsort(partition, kind="stable")
    return Positions(partition[order], offset[order], timestamp[order])


def inside(spans: tuple[Span, ...], batch: pa.RecordBatch) -> NDArray[np.bool_]:
    """Mark the records of a block that lie in a span."""
    partition, offset = batch["partition"].to_numpy(), batch["offset"].to_numpy()
    found = np.zeros(len(partition), dtype=bool)
    for span in spans:
        found |= (partition == span.partition) & (offset >= span.start) & (offset < span.end)
    return found


def check_rising(name: str, batch: pa.RecordBatch, ends: dict[int, int]) -> None:
    """Raise unless offsets rise in each partition; moves `ends`, the last ones, past the block.

    Raises
    ------
    UnreadableFileError
        Naming the file and the partition.
    """
    partitions, offsets = batch["partition"].to_numpy(), batch["offset"].to_numpy()
    for partition in np.unique(partitions).tolist():
        of_partition = offsets[partitions == partition]
        before = ends.get(partition, -1)
        if partition < 0 or (np.diff(of_partition, prepend=before) <= 0).any():
            raise UnreadableFileError(
                f"In the file {name} the offsets of partition {partition} do not rise.",
                "Give the records in offset order, each once.",
            )
        ends[partition] = int(of_partition[-1])
