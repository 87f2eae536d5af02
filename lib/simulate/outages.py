"""Which sessions are cut off, when, and which of their events that holds back or loses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lib.simulate.draw import generator, log_uniform
from lib.simulate.scenario import Outage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.simulate.scenario import Scenario
    from lib.simulate.sessions import Sessions

OWN = 0
"""`shared_outage` of an outage that is a client's own; shared outages are numbered from 1."""


@dataclass(frozen=True)
class CutOffs:
    """One row an outage of a session, by session and start; those of a session do not overlap.

    Times are ms since the scenario's start, on the true clock. `shared_outage` is the number of the
    shared outage, or `OWN`.
    """

    session: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    shared_outage: NDArray[np.int64]
    buffered: NDArray[np.bool_]

    def covering(self, session: NDArray[np.int64], time: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return for each event the row of the outage in which it happens, -1 for none."""
        if not len(self.session):
            return np.full(len(time), -1)
        starts, events = self._keys(session, time)
        row = np.searchsorted(starts, events, "right") - 1
        inside = (row >= 0) & (self.session[row] == session) & (time < self.end[row])
        return np.where(inside, row, -1)

    def first_event_after_start(
        self, session: NDArray[np.int64], time: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Return for each outage the place of its session's first event at or after its start."""
        starts, events = self._keys(session, time)
        return np.searchsorted(events, starts, "left")

    def _keys(
        self, session: NDArray[np.int64], time: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return session and time in one rising number, of outage starts and of events."""
        span = max(time.max(), self.end.max(initial=0.0)) + 1
        return self.session * span + self.start, session * span + time


def draw_outages(scenario: Scenario, sessions: Sessions) -> CutOffs:
    """Return the outages: the clients', given or shared, and the sessions' own.

    A session that one of the former strikes has none of its own.
    """
    of_clients = [(outage, OWN) for outage in scenario.outages]
    of_clients += _shared(scenario, sessions)
    struck = [
        _sessions_struck(sessions, outage, shared_outage) for outage, shared_outage in of_clients
    ]
    rows = np.concatenate([np.zeros((0, 4)), *struck])

    own = np.isfinite(sessions.own_start)
    own[rows[:, 0].astype(np.int64)] = False
    of_sessions = np.column_stack(
        [
            np.flatnonzero(own),
            sessions.own_start[own],
            sessions.own_end[own],
            np.full(own.sum(), OWN),
        ]
    )
    rows = np.concatenate([rows, of_sessions])
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    unbuffered = generator(scenario, "buffers").random(len(rows)) < scenario.unbuffered_share
    return CutOffs(
        session=rows[:, 0].astype(np.int64),
        start=rows[:, 1],
        end=rows[:, 2],
        shared_outage=rows[:, 3].astype(np.int64),
        buffered=~unbuffered,
    )


def _shared(scenario: Scenario, sessions: Sessions) -> list[tuple[Outage, int]]:
    """Shared outages, each in its own part of the time, of clients that are active when it begins.

    A client that an explicit outage then cuts off is left out.
    """
    rng = generator(scenario, "shared outages")
    part_s = _common_end_s(sessions) / max(1, scenario.shared_outages)
    wanted = max(2, round(scenario.shared_outage_clients * scenario.clients))
    shared_outages = []
    for number in range(scenario.shared_outages):
        length_s = min(float(log_uniform(rng, scenario.outage_s, 1)[0]), 0.7 * part_s)
        start_s = number * part_s + rng.uniform(0.1 * part_s, 0.9 * part_s - length_s)
        active = (sessions.start <= start_s * 1000) & (sessions.end > start_s * 1000)
        candidates = np.unique(sessions.client[active])
        clients = rng.choice(candidates, min(wanted, len(candidates)), replace=False)
        outages = [Outage(int(client), start_s, length_s) for client in np.sort(clients)]
        shared_outages += [
            (one, number + 1) for one in outages if not _overlaps(one, scenario.outages)
        ]
    return shared_outages


def _common_end_s(sessions: Sessions) -> float:
    """Return until when half of the clients have sessions, seconds."""
    ends = np.zeros(sessions.client.max() + 1)
    np.maximum.at(ends, sessions.client, sessions.end)
    return float(np.median(ends[ends > 0])) / 1000


def _overlaps(outage: Outage, others: tuple[Outage, ...]) -> bool:
    return any(
        other.client == outage.client
        and other.start_s <= outage.end_s
        and outage.start_s <= other.end_s
        for other in others
    )


def _sessions_struck(sessions: Sessions, outage: Outage, shared_outage: int) -> NDArray[np.float64]:
    """Rows session, start, end, shared outage: one for each session that the client then has."""
    start, end = outage.start_s * 1000, outage.end_s * 1000
    active = (sessions.client == outage.client) & (sessions.start < end) & (sessions.end > start)
    rows = np.empty((active.sum(), 4))
    rows[:] = (0, start, end, shared_outage)
    rows[:, 0] = np.flatnonzero(active)
    return rows
