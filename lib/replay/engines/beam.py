"""Beam: a watermark that stays a fixed delay behind the newest event.

Beam leaves the watermark to source and runner; a fixed delay is what its timestamp policies for
Kafka amount to. Rules read from Beam 2.77 and confirmed by running it: see `docs/engines.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from lib.replay.windows import (
    NEVER,
    Replay,
    SessionWindow,
    Window,
    exclusive_bounds,
    newest_so_far,
    not_before_joined,
    replay_of,
    rising,
    take_sessions,
    take_tumbling,
)

if TYPE_CHECKING:
    from lib.replay.input import ReplayInput


@dataclass(frozen=True)
class BeamSetting:
    """How a Beam pipeline is set. Durations are milliseconds.

    Attributes
    ----------
    window
        `Sessions` or `FixedWindows`.
    delay_ms
        How far the source's watermark stays behind the newest event time.
    allowed_lateness_ms
        How long after its end a window still takes late events, with a new pane for each.
    runner
        "java": as the runners in Java do. "python": the in-process runner of Beam's Python SDK,
        which drops events one millisecond later and never forgets a session.
    """

    window: Window
    delay_ms: int = 0
    allowed_lateness_ms: int = 0
    runner: Literal["java", "python"] = "java"

    def __post_init__(self) -> None:
        if min(self.delay_ms, self.allowed_lateness_ms) < 0:
            raise ValueError("delay_ms and allowed_lateness_ms must be at least 0")


def replay_beam(arrivals: ReplayInput, setting: BeamSetting) -> Replay:
    """Return what Beam would have made of the events.

    An event is judged on its own window before that merges, and two events exactly the gap apart
    are two sessions. With allowed lateness the final result is the last pane.
    """
    watermark = rising(newest_so_far(arrivals.event_time) - setting.delay_ms, arrivals.received)
    clock = watermark.seen_by(len(arrivals))
    window, lateness = setting.window, setting.allowed_lateness_ms
    spared = 0 if setting.runner == "java" else 1
    if isinstance(window, SessionWindow):
        held = window.gap_ms + lateness
        forgets = setting.runner == "java"
        taken = take_sessions(
            arrivals,
            clock,
            held_from=clock - held + 1 if forgets else np.full(len(arrivals), NEVER),
            reach_ms=window.gap_ms - 1,
            late_ms=held + spared,
            joins_first=False,
        )
    else:
        taken = take_tumbling(arrivals, clock, size_ms=window.size_ms, late_ms=lateness + spared)
    bounds = exclusive_bounds(taken, window)
    closed = not_before_joined(watermark.reaches(bounds[1]), taken, arrivals)
    return replay_of(taken, clock, bounds, closed)
