"""How events travel: gathered, held back, queued, delayed, sent again, overtaken, piped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lib.simulate.draw import generator, log_uniform, segmented_cummax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.simulate.scenario import Scenario
    from lib.simulate.sessions import Sessions

LOMAX_SHAPE = 2.5
"""Of "pareto" delays: heavy-tailed, with a mean and a variance."""


@dataclass(frozen=True)
class Travel:
    """When each event was sent, as its record says, and received: ms since the start."""

    sent: NDArray[np.float64]
    arrival: NDArray[np.float64]


def first_sent(
    scenario: Scenario,
    sessions: Sessions,
    session: NDArray[np.int64],
    time: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return when each event's client first sends it, if it can.

    At once, or with the client's next upload, or when it wakes.
    """
    due = time
    if scenario.sleep_s:
        due = _after_sleep(scenario, sessions, session, time)
    interval, phase = _uploads(scenario)
    client = sessions.client[session] - 1
    every, since = interval[client], phase[client]
    regular = every > 0
    number = np.ceil((due - since) / np.where(regular, every, 1.0))
    return np.where(regular, since + number * every, due)


def deliver(
    scenario: Scenario,
    sessions: Sessions,
    session: NDArray[np.int64],
    due: NDArray[np.float64],
    held_until: NDArray[np.float64],
) -> Travel:
    """Return when each event is sent and received, ms since the scenario's start.

    Events are ordered by session, then time. `due` is `first_sent`; `held_until` is the end of the
    outage that holds an event back, NaN where none does. A session sends its events in order, each
    as soon as it can and no faster than the flush rate; an upload is sent as a whole.
    """
    ready = np.fmax(due, held_until)
    queue = np.arange(len(ready)) * (1000 / scenario.flush_rate)
    sent = np.maximum(segmented_cummax(ready - queue, session) + queue, ready)
    delays = _delays(scenario, len(sent)) + _slow(scenario, sessions, session)
    client = sessions.client[session] - 1
    gathered = _uploads(scenario)[0][client] > 0
    upload = _uploads_of(session, np.where(gathered, ready, sent))
    sent = np.where(gathered, ready, sent)
    received = sent + np.where(gathered, delays[upload], delays)
    if scenario.in_order:
        received = segmented_cummax(received, session)
    again = _sent_again(scenario, len(sent))[upload]
    received = received + _overtaken(scenario, np.isfinite(held_until)) + again
    return Travel(due if scenario.retries_keep_sent else sent + again, received)


def stalls(scenario: Scenario, last: float) -> NDArray[np.float64]:
    """Return first and last moment of each stall, each in its own part of the time until `last`."""
    rng = generator(scenario, "stalls")
    part = last / max(scenario.stalls, 1)
    length = np.minimum(1000 * log_uniform(rng, scenario.stall_s, scenario.stalls), part / 2)
    begin = np.arange(scenario.stalls) * part + rng.uniform(0, 1, scenario.stalls) * (part - length)
    return np.stack((begin, begin + length), axis=1)


def appended(scenario: Scenario, arrival: NDArray[np.float64], last: float) -> NDArray[np.float64]:
    """Return when the broker gets what a collector received at some moments, which rise.

    In that order; without a collector, at once. Stalls are before the moment `last`.
    """
    if not scenario.collector:
        return arrival
    took = generator(scenario, "pipeline").gamma(2, scenario.pipeline_ms / 2, len(arrival))
    at = arrival + took
    for begin, end in stalls(scenario, last):
        at = np.where((at >= begin) & (at < end), end + took, at)
    rising: NDArray[np.float64] = np.maximum.accumulate(at)
    return rising


def _uploads(scenario: Scenario) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each client's upload interval, 0 where it sends at once, and its phase; ms."""
    rng = generator(scenario, "uploads")
    chosen = rng.permutation(scenario.clients) < round(scenario.upload_share * scenario.clients)
    interval = 1000 * log_uniform(rng, scenario.upload_s, scenario.clients)
    return np.where(chosen, interval, 0.0), rng.uniform(0, 1, scenario.clients) * interval


def _uploads_of(session: NDArray[np.int64], sent: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the first event of each event's upload: those of a session that are sent at once."""
    opens = np.append(True, (np.diff(session) != 0) | (np.diff(sent) != 0))
    first: NDArray[np.int64] = np.flatnonzero(opens)[np.cumsum(opens) - 1]
    return first


def _after_sleep(
    scenario: Scenario,
    sessions: Sessions,
    session: NDArray[np.int64],
    time: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return when each event is sent if what happens shortly before a quiet spell waits for it."""
    first = np.cumsum(sessions.size) - sessions.size
    after = np.minimum(first + sessions.quiet_after, len(time) - 1)[session]
    inside = (sessions.quiet_after[session] > 0) & (np.arange(len(time)) < after)
    waits = inside & (time > time[np.maximum(after - 1, 0)] - 1000 * scenario.sleep_s)
    return np.where(waits, time[after], time)


def _slow(
    scenario: Scenario, sessions: Sessions, session: NDArray[np.int64]
) -> NDArray[np.float64]:
    rng = generator(scenario, "slow networks")
    slow = rng.permutation(scenario.clients) < round(scenario.slow_share * scenario.clients)
    further = rng.exponential(scenario.slow_ms, len(session))
    return np.where(slow[sessions.client[session] - 1], further, 0.0)


def _sent_again(scenario: Scenario, size: int) -> NDArray[np.float64]:
    """Return how much later an upload is sent again, 0 where it is not; by its first event."""
    rng = generator(scenario, "retries")
    chosen = rng.random(size) < scenario.retry_share
    return np.where(chosen, rng.exponential(scenario.retry_s * 1000, size), 0.0)


def _delays(scenario: Scenario, size: int) -> NDArray[np.float64]:
    rng = generator(scenario, "delays")
    shapes = {  # each with mean 1
        "uniform": lambda: rng.uniform(0, 2, size),
        "gamma": lambda: rng.gamma(2, 1 / 2, size),
        "lognormal": lambda: rng.lognormal(-1 / 2, 1, size),
        "pareto": lambda: rng.pareto(LOMAX_SHAPE, size) * (LOMAX_SHAPE - 1),
    }
    jitter = shapes[scenario.jitter]()
    return scenario.delay_ms + np.minimum(jitter * scenario.jitter_ms, scenario.jitter_max_ms)


def _overtaken(scenario: Scenario, held: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Extra delay of the events that later ones overtake; a flushed buffer stays in order."""
    rng = generator(scenario, "disorder")
    chosen = rng.random(len(held)) < scenario.disorder_share
    extra = rng.exponential(scenario.disorder_ms, len(held))
    return np.where(chosen & ~held, extra, 0.0)
