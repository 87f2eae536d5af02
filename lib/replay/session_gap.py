"""The session gaps that keep true sessions whole, where no event comes late."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.core.blockwise import Answer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.core.blockwise import Question
    from lib.replay.input import ReplayInput
    from lib.replay.outcome import TrueSessions


_ROOM: Final = 0.5
"""Share of the sessions that may be broken that is left to late events and to chance."""


def gaps_question(
    events: ReplayInput, sessions: TrueSessions, until: int, most_broken: float
) -> Question[tuple[int, ...]]:
    """Ask for the gaps that are worth trying, ms, at most two, the shorter first.

    First the smallest that by itself breaks no more than half of the sessions that may be broken,
    if there is such a one: late events break some, too, and no two parts of a topic are the same.
    Then the smallest of those that break fewest. None where each breaks all sessions.

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
    finish = partial(_gaps_ms, (1 - _ROOM) * most_broken, are_apart=some.hashes is None)
    return Answer(np.array((code, pause, distance)), _beside, finish)


def _beside(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate((one, other), axis=1)


def _gaps_ms(broken: float, found: NDArray[np.int64], *, are_apart: bool) -> tuple[int, ...]:
    session, pause, distance = found
    if not are_apart:
        _, session = np.unique(session, return_inverse=True)
        pauses, distances = pause, distance
        pause = np.zeros(session.max(initial=-1) + 1, np.int64)
        distance = np.full(len(pause), np.iinfo(np.int64).max)
        np.maximum.at(pause, session, pauses)
        np.minimum.at(distance, session, distances)
    possible = pause < distance
    gaps = np.unique(np.maximum(pause[possible], 1))
    exact = np.searchsorted(np.sort(pause[possible]), gaps, side="right") - np.searchsorted(
        np.sort(distance[possible]), gaps, side="right"
    )
    if not exact.any():
        return ()
    with_room = np.flatnonzero(1 - exact / len(pause) <= broken)[:1]
    return tuple(np.unique(gaps[[*with_room, exact.argmax()]]).tolist())


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
