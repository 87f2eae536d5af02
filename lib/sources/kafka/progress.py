"""How far a read of a topic is, whichever client goes on with it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lib.sources.base import Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


class OffsetsGoneError(Exception):
    """The log does not have the offset that was asked for: it expired, or the log was cut back."""


class Reach(NamedTuple):
    """How far each partition has been read and is to be read: offsets, by partition."""

    positions: NDArray[np.int64]
    ends: NDArray[np.int64]


@dataclass
class LastProgress:
    """How far a read is, and when it last got further (`time.monotonic`)."""

    reach: Reach
    last: float = field(default_factory=time.monotonic)

    @classmethod
    def towards(cls, spans: Sequence[Span]) -> LastProgress:
        """Return the progress of a read that begins."""
        ends = np.zeros(1 + max((span.partition for span in spans), default=-1), np.int64)
        positions = np.zeros_like(ends)
        for span in spans:
            positions[span.partition], ends[span.partition] = span.start, span.end
        return cls(Reach(positions, ends))

    @property
    def left(self) -> int:
        """Offsets still to come."""
        return int(np.maximum(self.reach.ends - self.reach.positions, 0).sum())

    @property
    def done(self) -> bool:
        """Whether every partition has been read to its end."""
        return not self.left

    @property
    def spans(self) -> list[Span]:
        """What is left to read, partition by partition."""
        pairs = zip(self.reach.positions.tolist(), self.reach.ends.tolist(), strict=True)
        return [Span(n, start, end) for n, (start, end) in enumerate(pairs) if start < end]

    @property
    def positions(self) -> Mapping[int, int]:
        """Partition → the next offset to read, of those that are read at all."""
        pairs = zip(self.reach.positions.tolist(), self.reach.ends.tolist(), strict=True)
        return {n: min(position, end) for n, (position, end) in enumerate(pairs) if end}

    @property
    def silent_s(self) -> float:
        """Seconds since it last got further."""
        return time.monotonic() - self.last

    def silent_since(self, connected: float) -> float:
        """Return the seconds since it last got further, or since a client was connected."""
        return time.monotonic() - max(self.last, connected)

    def moved(self) -> None:
        """Take note that it got further."""
        self.last = time.monotonic()

    def move_to(self, partition: int, offset: int) -> None:
        """Go on with a partition from an offset, if that is further."""
        if offset > self.reach.positions[partition]:
            self.reach.positions[partition] = offset
            self.moved()
