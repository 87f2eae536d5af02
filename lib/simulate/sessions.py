"""When sessions and their events happen, on the true clock."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.simulate.draw import generator, log_uniform, segmented_cumsum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.simulate.scenario import Scenario

BURSTY_RUN_SHARE: Final = 0.8
"""Of a bursty session's intervals, the share inside runs: a tenth of the mean interval each."""


@dataclass(frozen=True)
class Sessions:
    """Sessions as they happened; arrays have one element a session, times are ms since the start.

    `own_start` and `own_end` are the session's own outage, NaN where it has none; `end` is when
    its client is done with it, outage included. `quiet_after` is the number of the event before
    its quiet spell, 0 where it has none.
    """

    ids: tuple[str, ...]
    client: NDArray[np.int64]
    size: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    own_start: NDArray[np.float64]
    own_end: NDArray[np.float64]
    quiet_after: NDArray[np.int64]


def draw_sessions(scenario: Scenario) -> tuple[Sessions, NDArray[np.float64]]:
    """Return the sessions, and when each event happens, ms since the scenario's start.

    Events are ordered by session, then time.
    """
    sessions = scenario.sessions
    slots = scenario.clients * scenario.concurrent
    client = np.arange(sessions) % slots % scenario.clients + 1
    size = _sizes(scenario)
    own, quiet = _spells(scenario, size)

    intervals = _intervals(scenario, client, size)
    quiet_after = np.where(quiet > 0, _inner_event(scenario, size), 0)
    first = np.cumsum(size) - size
    intervals[(first + quiet_after)[quiet > 0]] += quiet[quiet > 0]
    since_start = segmented_cumsum(intervals, size)

    duration = since_start[first + size - 1]
    own_start = np.where(own > 0, _outage_begins(scenario) * duration, np.nan)
    busy = np.fmax(duration, own_start + own)
    start = _starts(scenario, busy, slots)
    drawn = Sessions(
        ids=_session_ids(scenario),
        client=client,
        size=size,
        start=start,
        end=start + busy,
        own_start=start + own_start,
        own_end=start + own_start + own,
        quiet_after=quiet_after,
    )
    return drawn, np.repeat(start, size) + since_start


def _sizes(scenario: Scenario) -> NDArray[np.int64]:
    """Events of each session: one, and a lognormal share of the rest; exactly `events` in all."""
    weights = generator(scenario, "sizes").lognormal(
        sigma=scenario.session_spread, size=scenario.sessions
    )
    rest = scenario.events - scenario.sessions
    bounds = np.rint(np.cumsum(weights) / weights.sum() * rest).astype(np.int64)
    sizes: NDArray[np.int64] = 1 + np.diff(bounds, prepend=0)
    return sizes


def _intervals(
    scenario: Scenario, client: NDArray[np.int64], size: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Time from the event before, ms, of each event (meaningless for a session's first)."""
    of_client = log_uniform(generator(scenario, "rates"), scenario.interval_s, scenario.clients)
    mean = np.repeat(of_client[client - 1] * 1000, size)
    rng = generator(scenario, "intervals")
    if scenario.rhythm == "regular":
        return mean * rng.uniform(0.8, 1.2, len(mean))
    if scenario.rhythm == "bursty":
        in_run = rng.random(len(mean)) < BURSTY_RUN_SHARE
        gap = (1 - 0.1 * BURSTY_RUN_SHARE) / (1 - BURSTY_RUN_SHARE)  # keeps the mean
        mean = mean * np.where(in_run, 0.1, gap)
    return mean * rng.exponential(size=len(mean))


def _spells(
    scenario: Scenario, size: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lengths, ms, of each session's own outage and quiet spell; 0 where it has none.

    Only sessions of two events or more have one, and none has both.
    """
    rng = generator(scenario, "spells")
    lengths = []
    candidates = rng.permutation(np.flatnonzero(size > 1))
    for share, bounds in (
        (scenario.outage_share, scenario.outage_s),
        (scenario.quiet_share, scenario.quiet_s),
    ):
        chosen = candidates[: round(share * scenario.sessions)]
        candidates = candidates[len(chosen) :]
        length = np.zeros(scenario.sessions)
        length[chosen] = 1000 * log_uniform(rng, bounds, len(chosen))
        lengths.append(length)
    return lengths[0], lengths[1]


def _outage_begins(scenario: Scenario) -> NDArray[np.float64]:
    return generator(scenario, "outage begins").uniform(0.2, 0.8, scenario.sessions)


def _inner_event(scenario: Scenario, size: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of an event that is not its session's last, where it has two or more."""
    return generator(scenario, "quiet begins").integers(1, np.maximum(size, 2))


def _starts(scenario: Scenario, busy: NDArray[np.float64], slots: int) -> NDArray[np.float64]:
    """When each session starts: in its slot, after the one before and a pause.

    A client has as many slots as it has sessions at once.
    """
    rng = generator(scenario, "starts")
    ramp = rng.uniform(0, scenario.ramp_s * 1000, slots)
    taken = busy + 1000 * log_uniform(rng, scenario.pause_s, len(busy))
    by_turn = np.zeros((-(-len(busy) // slots) + 1, slots))
    by_turn[1:].flat[: len(busy)] = taken
    starts: NDArray[np.float64] = (np.cumsum(by_turn, axis=0) + ramp).flat[: len(busy)]
    return starts - float(starts.min())


def _session_ids(scenario: Scenario) -> tuple[str, ...]:
    given = scenario.session_ids
    drawn = generator(scenario, "session ids").bytes(16 * scenario.sessions)
    return given + tuple(
        str(uuid.UUID(bytes=drawn[16 * n : 16 * n + 16], version=4))
        for n in range(len(given), scenario.sessions)
    )
