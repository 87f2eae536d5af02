"""The smallest session gap that keeps true sessions whole, where no event comes late."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.replay.input import ReplayInput


def smallest_gap_ms(
    events: ReplayInput, sessions: NDArray[np.integer], most_broken: float
) -> int | None:
    """Return the smallest gap that breaks few enough sessions, or None where none does.

    A session is exact when the gap is no smaller than its longest pause, and smaller than its
    distance from any other event of its key.

    Parameters
    ----------
    events
        The events.
    sessions
        The true session of each, codes from 0, negative for none.
    most_broken
        The largest share of sessions that may not be exact, 0 to 1.
    """
    pause, distance = _pauses_and_distances(events, sessions)
    if not len(pause):
        return None
    possible = pause < distance
    gaps = np.unique(np.maximum(pause[possible], 1))
    exact = np.searchsorted(np.sort(pause[possible]), gaps, side="right") - np.searchsorted(
        np.sort(distance[possible]), gaps, side="right"
    )
    enough = np.flatnonzero(1 - exact / len(pause) <= most_broken)
    return int(gaps[enough[0]]) if len(enough) else None


def _pauses_and_distances(
    part: ReplayInput, sessions: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each session's longest pause, and its distance from other events of its key."""
    order = np.lexsort((part.event_time, part.key))
    apart = np.diff(part.event_time[order])
    neighbours = np.diff(part.key[order]) == 0
    before, after = sessions[order][:-1], sessions[order][1:]
    codes = int(sessions.max(initial=-1)) + 1
    pause = np.zeros(codes, dtype=np.int64)
    distance = np.full(codes, np.iinfo(np.int64).max)
    inside = neighbours & (before == after) & (before >= 0)
    np.maximum.at(pause, before[inside], apart[inside])
    for side in (before, after):
        between = neighbours & (before != after) & (side >= 0)
        np.minimum.at(distance, side[between], apart[between])
    there = np.unique(sessions[sessions >= 0])
    return pause[there], distance[there]
