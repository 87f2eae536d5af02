"""The kinds of windows that events can be grouped into, and what an engine makes of a topic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEVER: Final = -(2**62)
"""The clock of an engine before its first event: earlier than every event, far from overflow."""

NO_INDEX: Final = -1
"""In place of an index: no window took the event, or no final result by the end of the topic."""


@dataclass(frozen=True)
class SessionWindow:
    """Events of a key form a window while each is within `gap_ms` of the next."""

    kind: ClassVar = "Session"
    length_title: ClassVar = "Session gap"
    length_means: ClassVar = (
        "A window ends where its key has no event for so long. Longer: fewer sessions are split, "
        "more are merged, and results come later."
    )

    gap_ms: int

    def __post_init__(self) -> None:
        if self.gap_ms < 1:
            raise ValueError(f"gap_ms must be at least 1, not {self.gap_ms}")

    @property
    def length_ms(self) -> int:
        """The session gap, in milliseconds."""
        return self.gap_ms


@dataclass(frozen=True)
class TumblingWindow:
    """A window begins every `size_ms`, aligned to the epoch, and ends where the next begins."""

    kind: ClassVar = "Tumbling"
    length_title: ClassVar = "Window size"
    length_means: ClassVar = "What a window spans. Longer: fewer windows, and later results."
    parts: ClassVar = 1

    size_ms: int

    def __post_init__(self) -> None:
        if self.size_ms < 1:
            raise ValueError(f"size_ms must be at least 1, not {self.size_ms}")

    @property
    def length_ms(self) -> int:
        """The size of a window, in milliseconds."""
        return self.size_ms

    @property
    def advance_ms(self) -> int:
        """How far apart windows begin, in milliseconds."""
        return self.size_ms


@dataclass(frozen=True)
class HoppingWindow:
    """Windows that overlap: one of `size_ms` begins every `size_ms / parts`, aligned to the epoch.

    Flink and Beam call them sliding. An event lies in as many as there are parts.
    """

    kind: ClassVar = "Hopping"
    length_title: ClassVar = "Window size"
    length_means: ClassVar = "What a window spans. Longer: fewer windows, and later results."

    size_ms: int
    parts: int = 2

    def __post_init__(self) -> None:
        if self.parts < 2:
            raise ValueError(f"parts must be at least 2, not {self.parts}")
        if self.size_ms < 1 or self.size_ms % self.parts:
            raise ValueError(f"size_ms must be a multiple of the parts, not {self.size_ms}")

    @property
    def length_ms(self) -> int:
        """The size of a window, in milliseconds."""
        return self.size_ms

    @property
    def advance_ms(self) -> int:
        """How far apart windows begin, in milliseconds."""
        return self.size_ms // self.parts


AlignedWindow = TumblingWindow | HoppingWindow
Window = SessionWindow | AlignedWindow
WINDOW_KINDS: Final = (SessionWindow, TumblingWindow, HoppingWindow)


def resized(window: Window, length_ms: int) -> Window:
    """Return a window with another session gap or size, all else as it is.

    Of hopping windows the size is the next multiple of their parts.
    """
    if isinstance(window, SessionWindow):
        return SessionWindow(length_ms)
    return replace(window, size_ms=-(-length_ms // window.parts) * window.parts)


@dataclass(frozen=True, eq=False)
class Replay:
    """What an engine would have made of a topic.

    Arrays with one element an event, in arrival order:

    Attributes
    ----------
    kept
        bool. False: no window took the event.
    missed_by_ms
        int64, above 0 where the engine dropped the event as late. A delay, lateness or grace larger
        by this much would have kept the event for certain. (A smaller increase may do where it also
        keeps a session open that the event would have joined.)
    window
        int32, the number of the window that took the event in the end, or `NO_INDEX`. Of several
        hopping windows, the newest.
    missed_windows
        int32, how many windows around the event did not take it, since they had closed. Hopping
        windows are all that may take an event in part: the oldest miss it first.
    boundary
        bool. The event came alone in the last millisecond in which Kafka Streams takes one: its
        result comes out at once, and without a cache the store does not find it again. (The store
        in memory also counts it as dropped.) False in the other engines.
    clock
        int64, the watermark or stream time that the event was judged by; `NEVER` before the first.

    Arrays with one element a window, in the order of their first events:

    key
        int32.
    start, end
        int64, epoch milliseconds, as the engine reports them.
    last
        int64, event time of the newest event.
    count
        int64, number of events.
    closed_at
        int64, index in the topic of the last event that had arrived when the final result came out,
        or `NO_INDEX`.
    closed_ms
        int64, received time of that moment, epoch milliseconds, or `NO_INDEX`.

    Of the whole:

    members
        Two arrays, one element each for every window that took an event, which hopping windows do
        several times: int64, the index of the event, rising; and int32, the number of the window.
    stopped_at
        Index of the event at which the application died, or `NO_INDEX`. That event and those after
        it are neither kept nor late, and of the windows those are there that had begun.
    stopped_because
        Why, as a sentence; empty where it did not.
    """

    kept: NDArray[np.bool_]
    missed_by_ms: NDArray[np.int64]
    window: NDArray[np.int32]
    missed_windows: NDArray[np.int32]
    boundary: NDArray[np.bool_]
    clock: NDArray[np.int64]
    key: NDArray[np.int32]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    last: NDArray[np.int64]
    count: NDArray[np.int64]
    closed_at: NDArray[np.int64]
    closed_ms: NDArray[np.int64]
    members: tuple[NDArray[np.int64], NDArray[np.int32]]
    stopped_at: int = NO_INDEX
    stopped_because: str = ""

    @property
    def late(self) -> NDArray[np.bool_]:
        """Which events the engine dropped as late."""
        return self.missed_by_ms > 0

    @property
    def dropped(self) -> int:
        """Number of events dropped as late."""
        return int(np.count_nonzero(self.late))
