"""All that happened in a scenario: events in the order of their sessions, lost ones included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from lib.simulate.draw import generator, log_uniform
from lib.simulate.network import deliver, first_sent
from lib.simulate.outages import CutOffs, draw_outages
from lib.simulate.sessions import Sessions, draw_sessions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.simulate.scenario import Scenario

KINDS = ("m", "d")
KIND_SHARES = (0.8, 0.2)
ERROR_SHARE = 0.1


@dataclass(frozen=True)
class SimulatedEvents:
    """Events as columns, one element each. Times are epoch ms; `session` counts from 0.

    `timestamp` and `sent` are by the client's clock; `collected` is when a collector received the
    event, `received` when the broker did.
    """

    session: NDArray[np.int64]
    client: NDArray[np.int64]
    event_id: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    sent: NDArray[np.int64]
    collected: NDArray[np.int64]
    received: NDArray[np.int64]
    kind: NDArray[np.int64]
    errors: NDArray[np.int64]
    values: NDArray[np.int64]
    partition: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.session)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Self:
        """Return the events at `rows`, in that order."""
        return type(self)(**{name: column[rows] for name, column in vars(self).items()})

    def followed_by(self, other: Self) -> Self:
        """Return these events and then those of `other`."""
        mine, others = vars(self), vars(other)
        return type(self)(**{name: np.concatenate([mine[name], others[name]]) for name in mine})


@dataclass(frozen=True)
class ClientClocks:
    """What the clients' clocks show, one element a client: true time, an offset, a drift, a step.

    `step_at` is ms since the scenario's start, infinite where the clock is never set.
    """

    offset_ms: NDArray[np.float64]
    drift_ppm: NDArray[np.float64]
    step_at: NDArray[np.float64]
    step_ms: NDArray[np.float64]

    def shown(self, client: NDArray[np.int64], time: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the clocks of clients, numbered from 0, show; ms since the start."""
        stepped = np.where(time >= self.step_at[client], self.step_ms[client], 0.0)
        return time + self.offset_ms[client] + self.drift_ppm[client] * 1e-6 * time + stepped


@dataclass(frozen=True)
class History:
    """What happened; all arrays have one element an event.

    `time`, `sent` and `arrival` are ms since the scenario's start on the true clock, `cut_off` is
    a row of `cut_offs` or -1.
    """

    sessions: Sessions
    cut_offs: CutOffs
    clocks: ClientClocks
    events: SimulatedEvents
    time: NDArray[np.float64]
    sent: NDArray[np.float64]
    arrival: NDArray[np.float64]
    cut_off: NDArray[np.int64]
    lost: NDArray[np.bool_]
    copied: NDArray[np.bool_]

    @property
    def last_arrival(self) -> float:
        """When the last event was received."""
        return float(np.max(self.arrival[~self.lost], initial=0.0))


def draw_history(scenario: Scenario) -> History:
    """Return everything that happens in `scenario`."""
    sessions, time = draw_sessions(scenario)
    session = np.repeat(np.arange(scenario.sessions), sessions.size)
    first = np.cumsum(sessions.size) - sessions.size
    event_id = np.arange(len(time)) - first[session] + 1

    cut_offs = draw_outages(scenario, sessions)
    cut_off = cut_offs.covering(session, time)
    unbuffered = np.append(~cut_offs.buffered, False)[cut_off]
    inner = (event_id > 1) & (event_id < sessions.size[session])
    lost = (unbuffered | _drawn(scenario, "lost", inner, scenario.lost_share)) & inner
    due = first_sent(scenario, sessions, session, time)
    offline = cut_offs.covering(session, due)
    held_until = np.where(lost, np.nan, np.append(cut_offs.end, np.nan)[offline])
    travel = deliver(scenario, sessions, session, due, held_until)

    client = sessions.client[session]
    clocks = _clocks(scenario, client, time)
    received = epoch_ms(scenario, travel.arrival)
    return History(
        sessions=sessions,
        cut_offs=cut_offs,
        clocks=clocks,
        events=SimulatedEvents(
            session=session,
            client=client,
            event_id=event_id,
            timestamp=epoch_ms(scenario, clocks.shown(client - 1, time)),
            sent=epoch_ms(scenario, clocks.shown(client - 1, travel.sent)),
            collected=received,
            received=received,
            partition=_partitions(scenario, client),
            **_contents(scenario),
        ),
        time=time,
        sent=travel.sent,
        arrival=travel.arrival,
        cut_off=cut_off,
        lost=lost,
        copied=_drawn(scenario, "copied", ~lost, scenario.duplicate_share),
    )


def epoch_ms(scenario: Scenario, since_start: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return epoch milliseconds of times in ms since the scenario's start."""
    return scenario.start_ms + np.floor(since_start).astype(np.int64)


def _drawn(
    scenario: Scenario, purpose: str, candidates: NDArray[np.bool_], share: float
) -> NDArray[np.bool_]:
    """Mark a share of all events, exactly, among the candidates (all of them if too few)."""
    rows = np.flatnonzero(candidates)
    count = min(round(share * len(candidates)), len(rows))
    marked = np.zeros(len(candidates), dtype=bool)
    marked[generator(scenario, purpose).choice(rows, count, replace=False)] = True
    return marked


def _clocks(
    scenario: Scenario, client: NDArray[np.int64], time: NDArray[np.float64]
) -> ClientClocks:
    """Return the clocks; a step is in the middle half of its client's events."""
    clients = scenario.clients
    rng = generator(scenario, "clocks")
    wrong = rng.permutation(clients) < round(scenario.clock_share * clients)
    offset_ms, drift_ppm = np.where(wrong, rng.uniform(-1, 1, (2, clients)), 0.0)
    rng = generator(scenario, "clock steps")
    stepped = rng.permutation(clients) < round(scenario.step_share * clients)
    first, last = np.full(clients, np.inf), np.zeros(clients)
    np.minimum.at(first, client - 1, time)
    np.maximum.at(last, client - 1, time)
    at = first + rng.uniform(0.25, 0.75, clients) * (last - first)
    size = np.where(
        rng.random(clients) < scenario.zone_share,
        3_600_000.0,
        log_uniform(rng, scenario.step_ms, clients),
    )
    # Adding 0.0 makes 0.0 of -0.0.
    return ClientClocks(
        offset_ms=offset_ms * scenario.clock_offset_ms + 0.0,
        drift_ppm=drift_ppm * scenario.clock_drift_ppm + 0.0,
        step_at=np.where(stepped, at, np.inf),
        step_ms=np.where(stepped, size * rng.choice([-1, 1], clients), 0.0),
    )


def _partitions(scenario: Scenario, client: NDArray[np.int64]) -> NDArray[np.int64]:
    if scenario.keys:
        return (client - 1) % scenario.partitions
    return generator(scenario, "partitions").integers(scenario.partitions, size=len(client))


def _contents(scenario: Scenario) -> dict[str, NDArray[np.int64]]:
    rng = generator(scenario, "contents")
    return {
        "kind": rng.choice(len(KINDS), scenario.events, p=KIND_SHARES),
        "errors": (rng.random(scenario.events) < ERROR_SHARE).astype(np.int64),
        "values": rng.integers(100, size=scenario.events),
    }
