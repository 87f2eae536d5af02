"""What really happened: what the analyses should find, for tests to check against."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lib.simulate.draw import segmented_cummax
from lib.simulate.history import epoch_ms
from lib.simulate.network import stalls
from lib.simulate.outages import OWN

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from lib.simulate.history import ClientClocks, History, SimulatedEvents
    from lib.simulate.scenario import Scenario

OUTAGES = pa.schema(
    [
        ("client", pa.int64()),
        ("session", pa.string()),
        ("kind", pa.string()),
        ("shared_outage", pa.int64()),
        ("start_ms", pa.int64()),
        ("end_ms", pa.int64()),
        ("event_start_ms", pa.int64()),
        ("event_end_ms", pa.int64()),
        ("held_back", pa.int64()),
        ("lost", pa.int64()),
        ("last_heard_ms", pa.int64()),
        ("burst_start_ms", pa.int64()),
        ("burst_end_ms", pa.int64()),
    ]
)
QUIET = pa.schema(
    [
        ("client", pa.int64()),
        ("session", pa.string()),
        ("start_ms", pa.int64()),
        ("end_ms", pa.int64()),
    ]
)
CLOCKS = pa.schema(
    [("client", pa.int64()), ("offset_ms", pa.float64()), ("drift_ppm", pa.float64())]
)
STEPS = pa.schema([("client", pa.int64()), ("at_ms", pa.int64()), ("size_ms", pa.float64())])
STALLS = pa.schema([("start_ms", pa.int64()), ("end_ms", pa.int64())])
SHARED_CLOCKS = pa.schema([("clock", pa.int64()), ("client", pa.int64())])
GONE = pa.schema([("client", pa.int64()), ("last_heard_ms", pa.int64())])
WAYS = pa.schema(
    [
        ("client", pa.int64()),
        ("session", pa.string()),
        ("event_id", pa.int64()),
        ("happened_ms", pa.float64()),
        ("buffering_ms", pa.float64()),
        ("transit_ms", pa.float64()),
    ]
)
EVENT_NAMES = pa.schema(
    [("client", pa.int64()), ("session", pa.string()), ("event_id", pa.int64())]
)


@dataclass(frozen=True)
class Truth:
    """What a simulation did, as tables of the schemas above.

    Times are epoch ms on the true clock, which is the broker's, except that `event_start_ms` and
    `event_end_ms` are the same moments on the client's clock.

    outages
        One row a session cut off. `kind` is "buffered" or "lost"; `shared_outage` is the number of
        the shared outage, null where the outage is the client's own. `held_back` events were
        received from `burst_start_ms` to `burst_end_ms` (null without any); `lost` ones never.
        `last_heard_ms` is the received time of the session's last event before (null without any).
    quiet
        Stretches in which a session had no events: from the event before to the event after.
    clocks
        One row a client: its clock shows true time + `offset_ms` + drift since the scenario's
        start.
    steps
        One row a client whose clock was set: at `at_ms`, forward by `size_ms` (below zero: back).
    stalls
        Stretches in which nothing got from the collector to the broker.
    ways
        One row an event that arrived, if records have a sent time or a collector's: when it
        happened, how long it then waited to be sent, and how long it was under way to the
        collector. Without a sent time all of it is transit.
    lost, duplicates
        Events that never arrived, and events that arrived twice.
    shared_clocks
        One row a client whose times are by a clock that it shares with others, as a gateway's.
    gone
        One row a client that stopped for good while it should have gone on.
    """

    scenario: Scenario
    outages: pa.Table
    quiet: pa.Table
    clocks: pa.Table
    steps: pa.Table
    stalls: pa.Table
    ways: pa.Table
    lost: pa.Table
    duplicates: pa.Table
    shared_clocks: pa.Table = field(default_factory=SHARED_CLOCKS.empty_table)
    gone: pa.Table = field(default_factory=GONE.empty_table)

    def as_dict(self) -> dict[str, Any]:
        """Return the truth as plain JSON values: the tables as lists of rows."""
        return {
            "scenario": self.scenario.as_dict(),
            "minimum_delay_ms": self.scenario.delay_ms,
            "outages": self.outages.to_pylist(),
            "quiet": self.quiet.to_pylist(),
            "clocks": self.clocks.to_pylist(),
            "steps": self.steps.to_pylist(),
            "stalls": self.stalls.to_pylist(),
            "ways": self.ways.to_pylist(),
            "lost": self.lost.to_pylist(),
            "duplicates": self.duplicates.to_pylist(),
            "shared_clocks": self.shared_clocks.to_pylist(),
            "gone": self.gone.to_pylist(),
        }


def tell_truth(scenario: Scenario, history: History) -> Truth:
    """Return the truth about `history`."""
    ids = history.sessions.ids
    clients = np.arange(1, scenario.clients + 1)
    return Truth(
        scenario=scenario,
        outages=_outages(scenario, history),
        quiet=_quiet(scenario, history),
        clocks=pa.table(
            [clients, history.clocks.offset_ms, history.clocks.drift_ppm], schema=CLOCKS
        ),
        steps=_steps(scenario, history.clocks),
        stalls=_stalls(scenario, history),
        ways=_ways(scenario, history),
        lost=_events(history.events.take(history.lost), ids),
        duplicates=_events(history.events.take(history.copied), ids),
    )


def write_truth(path: Path, truth: Truth) -> None:
    """Write `truth` to `path` as JSON; the same truth gives the same bytes."""
    path.write_text(json.dumps(truth.as_dict(), indent=1) + "\n", encoding="utf-8")


def _steps(scenario: Scenario, clocks: ClientClocks) -> pa.Table:
    client = np.flatnonzero(np.isfinite(clocks.step_at))
    at = epoch_ms(scenario, clocks.step_at[client])
    return pa.table([client + 1, at, clocks.step_ms[client]], schema=STEPS)


def _stalls(scenario: Scenario, history: History) -> pa.Table:
    found = stalls(scenario, history.last_arrival) if scenario.collector else np.empty((0, 2))
    return pa.table([epoch_ms(scenario, times) for times in found.T], schema=STALLS)


def _ways(scenario: Scenario, history: History) -> pa.Table:
    told = scenario.sent_times or scenario.collector
    rows = np.flatnonzero(~history.lost & told)
    names = _events(history.events.take(rows), history.sessions.ids)
    happened, sent, arrival = (
        times[rows] for times in (history.time, history.sent, history.arrival)
    )
    sent = sent if scenario.sent_times else happened
    columns = [scenario.start_ms + happened, sent - happened, arrival - sent]
    return pa.table([*names.columns, *columns], schema=WAYS)


def _events(events: SimulatedEvents, session_ids: tuple[str, ...]) -> pa.Table:
    return pa.table(
        [events.client, _names(session_ids, events.session), events.event_id], schema=EVENT_NAMES
    )


def _quiet(scenario: Scenario, history: History) -> pa.Table:
    sessions = history.sessions
    session = np.flatnonzero(sessions.quiet_after)
    first = np.cumsum(sessions.size) - sessions.size
    after = first[session] + sessions.quiet_after[session]
    return pa.table(
        [
            sessions.client[session],
            _names(sessions.ids, session),
            epoch_ms(scenario, history.time[after - 1]),
            epoch_ms(scenario, history.time[after]),
        ],
        schema=QUIET,
    )


def _outages(scenario: Scenario, history: History) -> pa.Table:
    cut_offs = history.cut_offs
    count = len(cut_offs.session)
    client = history.sessions.client[cut_offs.session]
    held = (history.cut_off >= 0) & ~history.lost
    held_back = np.bincount(history.cut_off[held], minlength=count)
    burst_start, burst_end = _bounds(history.arrival[held], history.cut_off[held], count)
    lost = (history.cut_off >= 0) & history.lost

    def on_client_clock(time: NDArray[np.float64]) -> NDArray[np.int64]:
        return epoch_ms(scenario, history.clocks.shown(client - 1, time))

    return pa.table(
        [
            client,
            _names(history.sessions.ids, cut_offs.session),
            np.where(cut_offs.buffered, "buffered", "lost").tolist(),
            pa.array(cut_offs.shared_outage, mask=cut_offs.shared_outage == OWN),
            epoch_ms(scenario, cut_offs.start),
            epoch_ms(scenario, cut_offs.end),
            on_client_clock(cut_offs.start),
            on_client_clock(cut_offs.end),
            held_back,
            np.bincount(history.cut_off[lost], minlength=count),
            _received(scenario, _last_heard(history)),
            _received(scenario, burst_start),
            _received(scenario, burst_end),
        ],
        schema=OUTAGES,
    )


def _bounds(
    arrival: NDArray[np.float64], row: NDArray[np.int64], rows: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the first and last arrival of each row, infinite where it has none."""
    first, last = np.full(rows, np.inf), np.full(rows, -np.inf)
    np.minimum.at(first, row, arrival)
    np.maximum.at(last, row, arrival)
    return first, last


def _last_heard(history: History) -> NDArray[np.float64]:
    """Return when the session's last event before each outage was received, -inf without any."""
    session, cut_offs = history.events.session, history.cut_offs
    heard = segmented_cummax(np.where(history.lost, -np.inf, history.arrival), session)
    before = cut_offs.first_event_after_start(session, history.time) - 1
    known = (before >= 0) & (session[before] == cut_offs.session)
    return np.where(known, heard[before], -np.inf)


def _received(scenario: Scenario, arrival: NDArray[np.float64]) -> pa.Array:
    """Return epoch ms, null where `arrival` is infinite."""
    known = np.isfinite(arrival)
    return pa.array(epoch_ms(scenario, np.where(known, arrival, 0.0)), mask=~known)


def _names(session_ids: tuple[str, ...], session: NDArray[np.int64]) -> pa.Array:
    return pa.array([session_ids[row] for row in session.tolist()], pa.string())
