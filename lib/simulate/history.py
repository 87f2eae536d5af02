"""All that happened in a scenario: events in the order of their sessions, lost ones included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from lib.simulate.draw import generator
from lib.simulate.network import deliver
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
    """Events as columns, one element each. Times are epoch ms; `session` counts from 0."""

    session: NDArray[np.int64]
    client: NDArray[np.int64]
    event_id: NDArray[np.int64]
    timestamp: NDArray[np.int64]
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
class History:
    """What happened; all arrays but `offset_ms` and `drift_ppm` have one element an event.

    `time` and `arrival` are ms since the scenario's start on the true clock, `cut_off` is a row
    of `cut_offs` or -1. `offset_ms` and `drift_ppm` have one element a client.
    """

    sessions: Sessions
    cut_offs: CutOffs
    offset_ms: NDArray[np.float64]
    drift_ppm: NDArray[np.float64]
    events: SimulatedEvents
    time: NDArray[np.float64]
    arrival: NDArray[np.float64]
    cut_off: NDArray[np.int64]
    lost: NDArray[np.bool_]
    copied: NDArray[np.bool_]


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
    held_until = np.where(lost, np.nan, np.append(cut_offs.end, np.nan)[cut_off])
    arrival = deliver(scenario, session, time, held_until)

    client = sessions.client[session]
    offset_ms, drift_ppm = _clocks(scenario)
    clock = time + offset_ms[client - 1] + drift_ppm[client - 1] * 1e-6 * time
    return History(
        sessions=sessions,
        cut_offs=cut_offs,
        offset_ms=offset_ms,
        drift_ppm=drift_ppm,
        events=SimulatedEvents(
            session=session,
            client=client,
            event_id=event_id,
            timestamp=epoch_ms(scenario, clock),
            received=epoch_ms(scenario, arrival),
            partition=_partitions(scenario, client),
            **_contents(scenario),
        ),
        time=time,
        arrival=arrival,
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


def _clocks(scenario: Scenario) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = generator(scenario, "clocks")
    wrong = rng.permutation(scenario.clients) < round(scenario.clock_share * scenario.clients)
    offset_ms, drift_ppm = np.where(wrong, rng.uniform(-1, 1, (2, scenario.clients)), 0.0)
    # Adding 0.0 makes 0.0 of -0.0.
    return offset_ms * scenario.clock_offset_ms + 0.0, drift_ppm * scenario.clock_drift_ppm + 0.0


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
