"""The topic that a fleet of devices makes, and the truth about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lib.simulate import truth
from lib.simulate.fleet import OWN, Delivery, Device, deliver
from lib.simulate.history import KINDS, SimulatedEvents
from lib.simulate.scenario import Scenario
from lib.simulate.simulation import Simulation
from lib.simulate.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PARTITIONS = 3


def topic_of(devices: list[Device], rng: np.random.Generator) -> Simulation:
    """Return the topic of a fleet, with its truth; LogAppendTime, keyed by client.

    `Truth.ways` has a row for each record, in the order of the topic.
    """
    told = [(device, deliver(device, rng)) for device in devices]
    events = sum(len(device.time) for device in devices)
    clients = max(device.client for device in devices)
    scenario = Scenario(clients=clients, events=max(events, clients), partitions=PARTITIONS)
    names = tuple(sorted({name for device in devices for name in device.session}))
    code = {name: number for number, name in enumerate(names)}
    arrival = np.concatenate([d.arrival for _, d in told] + [d.again for _, d in told])
    happened = [_events(scenario, device, code, rng) for device in devices] * 2
    everything = happened[0]
    for more in happened[1:]:
        everything = everything.followed_by(more)
    rows = np.argsort(arrival, kind="stable")[: int(np.isfinite(arrival).sum())]
    log = everything.take(rows)
    log.received[:] = scenario.start_ms + np.floor(arrival[rows]).astype(np.int64)
    log.collected[:] = log.received
    time = np.concatenate([device.time for device in devices] * 2)[rows]
    ways = pa.table(
        [
            log.client,
            [names[row] for row in log.session.tolist()],
            log.event_id,
            scenario.start_ms + time,
            np.zeros(len(log)),
            arrival[rows] - time,
        ],
        schema=truth.WAYS,
    )
    return Simulation(scenario, log, names, _truth(scenario, told, ways))


def _events(
    scenario: Scenario, device: Device, code: dict[str, int], rng: np.random.Generator
) -> SimulatedEvents:
    n = len(device.time)
    shown = scenario.start_ms + np.floor(device.clock.shown(device.time)).astype(np.int64)
    shown -= shown % device.clock.resolution_ms
    return SimulatedEvents(
        session=np.array([code[name] for name in device.session], np.int64),
        client=np.full(n, device.client),
        event_id=device.number.astype(np.int64),
        timestamp=shown,
        sent=shown,
        collected=np.zeros(n, np.int64),
        received=np.zeros(n, np.int64),
        kind=rng.integers(len(KINDS), size=n),
        errors=rng.integers(2, size=n),
        values=rng.integers(100, size=n),
        partition=np.full(n, (device.client - 1) % scenario.partitions),
    )


def _truth(scenario: Scenario, told: list[tuple[Device, Delivery]], ways: pa.Table) -> Truth:
    start = scenario.start_ms
    rows = [row for device, delivery in told for row in _outages(start, device, delivery)]
    clocks = {device.client: device.clock for device, _ in told}
    end = max(float(device.time[-1]) for device, _ in told)
    steps = [
        {"client": client, "at_ms": int(start + at), "size_ms": size}
        for client, clock in clocks.items()
        for at, size in clock.settings(end)
    ]
    shared = [
        {"clock": clock.shared, "client": client}
        for client, clock in clocks.items()
        if clock.shared
    ]
    vanished = [
        {"client": device.client, "last_heard_ms": int(start + np.nanmax(delivery.arrival))}
        for device, delivery in told
        if device.vanished
    ]
    return Truth(
        scenario=scenario,
        outages=pa.Table.from_pylist(rows, truth.OUTAGES),
        quiet=truth.QUIET.empty_table(),
        clocks=pa.table(
            [
                list(clocks),
                [clock.offset_ms for clock in clocks.values()],
                [clock.drift_ppm for clock in clocks.values()],
            ],
            schema=truth.CLOCKS,
        ),
        steps=pa.Table.from_pylist(steps, truth.STEPS),
        stalls=truth.STALLS.empty_table(),
        ways=ways,
        lost=_named(told, lambda delivery: np.isnan(delivery.arrival)),
        duplicates=_named(told, lambda delivery: np.isfinite(delivery.again)),
        shared_clocks=pa.Table.from_pylist(shared, truth.SHARED_CLOCKS),
        gone=pa.Table.from_pylist(vanished, truth.GONE),
    )


def _named(
    told: list[tuple[Device, Delivery]], which: Callable[[Delivery], NDArray[np.bool_]]
) -> pa.Table:
    rows = [
        {
            "client": device.client,
            "session": device.session[event],
            "event_id": int(device.number[event]),
        }
        for device, delivery in told
        for event in np.flatnonzero(which(delivery)).tolist()
    ]
    return pa.Table.from_pylist(rows, truth.EVENT_NAMES)


def _outages(start: int, device: Device, delivery: Delivery) -> list[dict[str, object]]:
    """Return the rows of a device's outages, as `Truth.outages` describes them."""
    rows: list[dict[str, object]] = []
    for number, cut in enumerate(device.cuts):
        touched = delivery.cut == number
        held = delivery.arrival[touched & np.isfinite(delivery.arrival)]
        heard = np.concatenate((delivery.arrival, delivery.again))
        before = heard[heard < cut.end]
        after = np.flatnonzero(delivery.arrival >= cut.end)
        back = after[np.argmin(delivery.arrival[after])] if len(after) else len(device.time) - 1
        shown_start, shown_end = device.clock.shown(np.array([cut.start, cut.end]))
        rows.append(
            {
                "client": device.client,
                "session": device.session[back],
                "kind": "lost" if touched.sum() - len(held) > len(held) else "buffered",
                "shared_outage": None if cut.shared == OWN else cut.shared,
                "start_ms": int(start + cut.start),
                "end_ms": int(start + cut.end),
                "event_start_ms": int(start + shown_start),
                "event_end_ms": int(start + shown_end),
                "held_back": len(held),
                "lost": int(touched.sum()) - len(held),
                "last_heard_ms": int(start + before.max()) if len(before) else None,
                "burst_start_ms": int(start + held.min()) if len(held) else None,
                "burst_end_ms": int(start + held.max()) if len(held) else None,
            }
        )
    return rows
