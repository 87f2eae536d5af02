"""Spark Structured Streaming: a watermark that moves between micro-batches only.

Rules read from Spark 4.3 (`WatermarkTracker`, `IncrementalExecution`, `session_window`) and
confirmed by running it: see `docs/engines.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lib.replay.windows import (
    NO_INDEX,
    Replay,
    SessionWindow,
    Window,
    exclusive_bounds,
    newest_so_far,
    replay_of,
    take_sessions,
    take_tumbling,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.replay.input import ReplayInput


@dataclass(frozen=True)
class SparkSetting:
    """How a Spark query is set. Durations are milliseconds.

    Attributes
    ----------
    window
        `session_window` or `window`.
    delay_ms
        `withWatermark`'s.
    batch_records
        Number of records a micro-batch (`maxOffsetsPerTrigger`).
    batch_ends
        Number of events that had arrived at the end of each batch, rising, in place of
        `batch_records`; what follows the last is one more batch.
    """

    window: Window
    delay_ms: int = 0
    batch_records: int = 1_000
    batch_ends: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.delay_ms < 0:
            raise ValueError(f"delay_ms must be at least 0, not {self.delay_ms}")
        if self.batch_records < 1:
            raise ValueError(f"batch_records must be at least 1, not {self.batch_records}")
        if any(b <= a for a, b in zip((0, *self.batch_ends), self.batch_ends, strict=False)):
            raise ValueError("batch_ends must be at least 1 and rise")


def replay_spark(arrivals: ReplayInput, setting: SparkSetting) -> Replay:
    """Return what Spark would have made of the events, in append mode.

    An event is judged on its own window, by the watermark of the batch before its own: the newest
    event up to two batches back. A result comes out at the end of a batch; the last batch is
    followed by an empty one, as Spark does when no data is waiting.
    """
    ends = _batch_ends(len(arrivals), setting)
    clock, emitted = _watermarks(arrivals, ends, setting.delay_ms)
    window = setting.window
    if isinstance(window, SessionWindow):
        taken = take_sessions(
            arrivals,
            clock,
            held_from=clock - window.gap_ms + 1,
            reach_ms=window.gap_ms,
            late_ms=window.gap_ms,
            joins_first=False,
        )
    else:
        taken = take_tumbling(arrivals, clock, size_ms=window.size_ms, late_ms=0)
    bounds = exclusive_bounds(taken, window)
    batch = np.searchsorted(emitted, bounds[1])
    # The empty batch has no events: its results come out with the last event's batch.
    closed_at = np.append(np.append(ends, ends[-1:]) - 1, NO_INDEX)[batch]
    closed_ms = np.where(closed_at == NO_INDEX, NO_INDEX, arrivals.received[closed_at])
    return replay_of(taken, clock, bounds, (closed_at, closed_ms))


def _batch_ends(events: int, setting: SparkSetting) -> NDArray[np.int64]:
    """Return how many events had arrived at the end of each batch; the last is `events`."""
    ends = (
        np.asarray(setting.batch_ends, dtype=np.int64)
        if setting.batch_ends
        else np.arange(setting.batch_records, events, setting.batch_records, dtype=np.int64)
    )
    return np.append(ends[ends < events], events) if events else ends[:0]


def _watermarks(
    arrivals: ReplayInput, ends: NDArray[np.int64], delay_ms: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what each event is judged by, and what each batch closes windows by.

    The second has one element more than there are batches, for the empty batch at the end.
    """
    seen = newest_so_far(arrivals.event_time)[ends - 1]
    after_batch = np.maximum(seen - delay_ms, 0)
    closes_by = np.concatenate([np.zeros(1, dtype=np.int64), after_batch])
    judged_by = np.concatenate([np.zeros(1, dtype=np.int64), closes_by])[: len(ends)]
    return np.repeat(judged_by, np.diff(ends, prepend=0)), closes_by
