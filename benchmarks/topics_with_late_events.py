"""Topics with late events of many kinds, drawn at random: what advice is tried on.

One kind is the simulator's, `lib.simulate`. The others share none of its assumptions but sessions:
each says what delays its events. 60 clients on 6 partitions send sessions of some 40 events, 4 s
apart on average, with pauses of 2 min on average between them. Every topic is cut while all clients
still send: where they have stopped, only what is late still comes, which is a kind of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.replay.input import replay_input
from lib.simulate.scenario import Scenario
from lib.simulate.simulation import simulate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lib.replay.input import ReplayInput

    Floats = NDArray[np.float64]

CLIENTS: Final = 60
PARTITIONS: Final = 6
_START_MS: Final = 1_700_000_000_000
_HOUR_MS: Final = 3_600_000
_BEYOND: Final = 1.25
"""So many times the events that a topic has are sent."""


@dataclass(frozen=True, eq=False)
class Sent:
    """What is sent: the client and the time of each event, ms since the start, by client."""

    client: NDArray[np.int64]
    time: Floats

    @property
    def end(self) -> float:
        """When the last event is sent."""
        return float(self.time.max())


def _sent(rng: np.random.Generator, events: int) -> Sent:
    each = math.ceil(_BEYOND * events / CLIENTS)
    number = np.tile(np.arange(each), CLIENTS)
    pause = np.where(number % 40 == 0, 120_000, 4_000)
    time = np.cumsum(rng.exponential(pause).reshape(CLIENTS, each), axis=1).ravel()
    return Sent(np.repeat(np.arange(CLIENTS), each), time)


def _calm(rng: np.random.Generator, sent: Sent) -> Floats:
    """Delays are lognormal, the same for all: a good network."""
    return 50 + 200 * rng.lognormal(0, 1.2, len(sent.time))


def _heavy(rng: np.random.Generator, sent: Sent) -> Floats:
    """Delays have a tail of index 2: now and then one of a minute."""
    return 50 + 2_000 * rng.pareto(2.0, len(sent.time))


def _very_heavy(rng: np.random.Generator, sent: Sent) -> Floats:
    """Delays have a tail of index 1.2, of hardly a mean."""
    return 50 + 300 * rng.pareto(1.2, len(sent.time))


def _diurnal(rng: np.random.Generator, sent: Sent) -> Floats:
    """Delays grow ninefold and shrink again, five times in the topic."""
    rush = 1 + 8 * np.maximum(0, np.sin(2 * np.pi * sent.time / sent.end * 5)) ** 3
    slow = rng.random(len(sent.time)) < 0.1
    delays: Floats = 50 + (100 + 2_000 * rush * slow) * rng.exponential(1, len(sent.time))
    return delays


def _links(good_s: float, bad_s: float) -> Callable[[np.random.Generator, Sent], Floats]:
    def delays(rng: np.random.Generator, sent: Sent) -> Floats:
        """Each client's link is good and bad in turn, for exponential times (Markov-modulated)."""
        bad = np.zeros(len(sent.time), dtype=bool)
        for rows in np.split(np.arange(len(sent.time)), CLIENTS):
            turns = int(2 * sent.end / 1000 / (good_s + bad_s)) + 40
            lengths = rng.exponential(np.tile([good_s, bad_s], turns)) * 1000
            bad[rows] = np.searchsorted(np.cumsum(lengths), sent.time[rows]) % 2 == 1
        jitter = 100 * rng.exponential(1, len(sent.time))
        return 50 + jitter + bad * rng.exponential(15_000, len(sent.time))

    return delays


def _shared_bursts(rng: np.random.Generator, sent: Sent) -> Floats:
    """Four times an hour, part of the clients is cut off, some 40 s; then all arrives at once."""
    held = np.zeros(len(sent.time))
    for start in rng.uniform(0, sent.end, rng.poisson(4 * sent.end / _HOUR_MS)):
        end = start + rng.lognormal(np.log(40_000), 0.8)
        struck = (rng.random(CLIENTS) < rng.uniform(0.02, 0.2))[sent.client]
        within = (sent.time >= start) & (sent.time < end) & struck
        held[within] = np.maximum(held[within], end - sent.time[within])
    return 50 + held + 100 * rng.exponential(1, len(sent.time))


def _own_outages(
    each_hour: float, lengths: Callable[[np.random.Generator, int], Floats]
) -> Callable[[np.random.Generator, Sent], Floats]:
    def delays(rng: np.random.Generator, sent: Sent) -> Floats:
        """Each client is cut off by itself now and then; what it kept arrives at once."""
        held = np.zeros(len(sent.time))
        for rows in np.split(np.arange(len(sent.time)), CLIENTS):
            time = sent.time[rows]
            starts = np.sort(rng.uniform(0, time[-1], rng.poisson(each_hour * time[-1] / _HOUR_MS)))
            for start, length in zip(starts, lengths(rng, len(starts)), strict=True):
                first, last = np.searchsorted(time, [start, start + length])
                within = rows[first:last]
                held[within] = np.maximum(held[within], start + length - sent.time[within])
        return 50 + held + 100 * rng.exponential(1, len(sent.time))

    return delays


def _drifting(rng: np.random.Generator, sent: Sent) -> Floats:
    """Each client's base delay grows, by 0 to 30 s over the topic."""
    slope = rng.uniform(0, 30_000, CLIENTS)[sent.client]
    return 50 + slope * sent.time / sent.end + 100 * rng.exponential(1, len(sent.time))


def _changing(rng: np.random.Generator, sent: Sent) -> Floats:
    """From somewhere in the second quarter on, delays are ten times as long."""
    later = sent.time > rng.uniform(0.25, 0.5) * sent.end
    return 50 + np.where(later, 10_000, 1_000) * rng.exponential(1, len(sent.time))


def _uploads(rng: np.random.Generator, sent: Sent) -> Floats:
    """Clients upload what they have every 30, 60 or 120 s, by design."""
    every = rng.choice([30_000, 60_000, 120_000], CLIENTS)[sent.client]
    delays: Floats = 50 + np.ceil(sent.time / every) * every - sent.time
    return delays


_DELAYS: Final[dict[str, Callable[[np.random.Generator, Sent], Floats]]] = {
    "calm": _calm,
    "heavy tail, index 2": _heavy,
    "heavy tail, index 1.2": _very_heavy,
    "diurnal": _diurnal,
    "links bad for 1 min": _links(600, 60),
    "links bad for 15 min": _links(7_200, 900),
    "bursts of many clients": _shared_bursts,
    "own outages": _own_outages(0.5, lambda rng, n: rng.exponential(60_000, n)),
    "own outages, heavy tail": _own_outages(0.3, lambda rng, n: 10_000 * (1 + rng.pareto(1.3, n))),
    "own outages, rare": _own_outages(0.02, lambda rng, n: rng.lognormal(np.log(120_000), 1, n)),
    "drifting base delay": _drifting,
    "changes for good": _changing,
    "uploads by design": _uploads,
}


def _from_delays(
    delays: Callable[[np.random.Generator, Sent], Floats],
) -> Callable[[int, int], ReplayInput]:
    def topic(seed: int, events: int) -> ReplayInput:
        rng = np.random.default_rng(seed)
        sent = _sent(rng, events)
        received = sent.time + delays(rng, sent)
        order = np.argsort(received, kind="stable")[:events]
        return replay_input(
            _START_MS + sent.time[order].astype(np.int64),
            sent.client[order],
            sent.client[order] % PARTITIONS,
            _START_MS + received[order].astype(np.int64),
        )

    return topic


def _simulated(**parameters: object) -> Callable[[int, int], ReplayInput]:
    def topic(seed: int, events: int) -> ReplayInput:
        sent = math.ceil(_BEYOND * events)
        common = {"clients": CLIENTS, "partitions": PARTITIONS, "sessions": sent // 60}
        scenario = Scenario(seed=seed, events=sent, **common, **parameters)  # type: ignore[arg-type]
        found = simulate(scenario).events
        topic = replay_input(found.timestamp, found.client - 1, found.partition, found.received)
        return topic.first(events)

    return topic


TOPICS: Final[dict[str, Callable[[int, int], ReplayInput]]] = {
    **{name: _from_delays(delays) for name, delays in _DELAYS.items()},
    "simulator, outages": _simulated(
        outage_share=0.03, outage_s=(5.0, 120.0), disorder_share=0.005
    ),
    "simulator, long outages": _simulated(outage_share=0.05),
    "simulator, disorder": _simulated(
        in_order=False, jitter="pareto", jitter_ms=3_000.0, jitter_max_ms=300_000.0
    ),
    "simulator, overtaken": _simulated(disorder_share=0.01, disorder_ms=20_000.0),
}
"""Name and what draws a topic of that kind: takes a seed and the number of events."""
