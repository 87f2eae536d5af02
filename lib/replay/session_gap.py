"""The smallest session gap that keeps true sessions whole, where no event comes late."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lib.core.blockwise import Answer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.core.blockwise import Question
    from lib.replay.input import ReplayInput
    from lib.replay.outcome import TrueSessions


def smallest_gap_question(
    events: ReplayInput, sessions: TrueSessions, until: int, most_broken: float
) -> Question[int | None]:
    """Ask for the smallest gap that breaks few enough sessions, or None where none does.

    A session is exact when the gap is no smaller than its longest pause, and smaller than its
    distance from any other event of its key.

    Parameters
    ----------
    events
        Those of some keys, all that they have.
    sessions
        The true session of each.
    until
        Of how many events of the topic it is asked, the first.
    most_broken
        The largest share of sessions that may not be exact, 0 to 1.
    """
    yield from ()  # a question without a round
    first = int(events.arrived(np.array([until]))[0])
    some = sessions.of(slice(first))
    code, pause, distance = _pauses_and_distances(events.first(first), some.codes)
    if some.hashes is not None:
        code = some.hashes[code].view(np.int64)
    finish = partial(_smallest_gap_ms, most_broken, are_apart=some.hashes is None)
    return Answer(np.array((code, pause, distance)), _beside, finish)


def _beside(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate((one, other), axis=1)


def _smallest_gap_ms(
    most_broken: float, found: NDArray[np.int64], *, are_apart: bool
) -> int | None:
    session, pause, distance = found
    if not are_apart:
        _, session = np.unique(session, return_inverse=True)
        pauses, distances = pause, distance
        pause = np.zeros(session.max(initial=-1) + 1, np.int64)
        distance = np.full(len(pause), np.iinfo(np.int64).max)
        np.maximum.at(pause, session, pauses)
        np.minimum.at(distance, session, distances)
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
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return each session, its longest pause, and its distance from other events of its key."""
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
    return there.astype(np.int64), pause[there], distance[there]
