"""Further situations of real traffic: clocks that are unset, what comes twice, late or all at once.

As in `lib.simulate.situations`, whose table has them: each builds a fleet.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.simulate.fleet import Cut, Device, DeviceClock, Link, Sender
from lib.simulate.fleets import (
    CLIENTS,
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    fleet,
    log_uniform,
    set_clock,
    shared_cuts,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from lib.simulate.fleets import Fleet

_YEAR: Final = 365 * DAY
_FIRMWARE: Final = 400 * DAY
"""What a clock is behind that begins with the day on which its firmware was built."""


def _summer_time_ends(rng: np.random.Generator) -> Fleet:
    """Return a fleet of which a third write local times, and an hour comes twice in the middle."""
    at = rng.uniform(1.0, 2.0) * HOUR
    clock = DeviceClock(offset_ms=2 * HOUR, steps=((at, -HOUR),))
    return [
        replace(device, clock=clock) if device.client % 3 == 0 else device
        for device in fleet(rng, hours=3)
    ]


def _every_minute(rng: np.random.Generator) -> Fleet:
    """Return a fleet that uploads everything as the minute begins, all at once."""
    sender = Sender(upload_ms=MINUTE)
    return [
        replace(device, sender=sender)
        for device in fleet(rng, hours=3, outages=0.3, outage_s=(600, 1_200))
    ]


def _batches_twice(rng: np.random.Generator) -> Fleet:
    """One upload in twenty arrives, but not its answer: it comes again minutes later."""
    return [
        replace(
            device,
            sender=Sender(upload_ms=30 * SECOND, upload_phase=rng.uniform(0, 30 * SECOND)),
            link=replace(device.link, retry_share=0.05, retry_ms=3 * MINUTE, retry_came=1.0),
        )
        for device in fleet(rng, hours=3, outages=0.2, outage_s=(600, 1_200))
    ]


def _reused_clients(rng: np.random.Generator) -> Fleet:
    """Names that other devices have three weeks later: client, session and numbers from 1."""
    first = fleet(rng, outages=0.3)
    later = [
        replace(
            device,
            time=device.time + 21 * DAY,
            cuts=tuple(
                replace(c, start=c.start + 21 * DAY, end=c.end + 21 * DAY) for c in device.cuts
            ),
        )
        for device in fleet(rng, outages=0.3)
    ]
    return first + later


def _set_then_drifts(rng: np.random.Generator) -> Fleet:
    """Return a fleet of which a third drift, and are set by some seconds once."""
    devices = fleet(rng, hours=4, interval_s=(2, 20))
    return [
        set_clock(
            rng,
            replace(device, clock=DeviceClock(drift_ppm=float(rng.uniform(20, 120)))),
            float(rng.uniform(3, 8) * SECOND * rng.choice([-1, 1])),
        )
        if device.client % 3 == 0
        else device
        for device in devices
    ]


def _heartbeats(rng: np.random.Generator) -> Fleet:
    """Half beat every 5 s; of the others, some events come together, and then none for minutes."""
    devices = []
    for device in fleet(rng, hours=2, interval_s=(5, 5), regular=1.0, outage_s=(60, 300)):
        time = device.time
        if device.client % 2:
            begins = np.cumsum(rng.exponential(5 * MINUTE, 60))
            bursts = [t + np.cumsum(rng.exponential(80, rng.integers(2, 25))) for t in begins]
            time = np.concatenate(bursts)
            time = np.sort(time[time < 2 * HOUR])
        n = len(time)
        devices.append(
            replace(
                device,
                time=time,
                session=(device.session[0],) * n,
                number=np.arange(1, n + 1),
                cuts=tuple(
                    cut for cut in device.cuts if ((time > cut.start) & (time < cut.end)).any()
                ),
            )
        )
    return devices


def _partition_paused(rng: np.random.Generator) -> Fleet:
    """Return a fleet of which a third waits for its partition's leader, twice."""
    devices = fleet(rng, outages=0.2)
    for number, begin in enumerate((0.3, 0.7), start=1):
        start = begin * HOUR
        cut = start, start + log_uniform(rng, (30, 240)) * SECOND
        struck = {client for client in range(1, CLIENTS + 1) if client % 3 == number}
        devices = [replace(d, cuts=()) if d.client in struck else d for d in devices]
        devices = shared_cuts(devices, struck, cut, number, rng)
    return devices


def _backfill(own: bool) -> Callable[[np.random.Generator], Fleet]:
    """Return fleets among whose live events last month's come in, of some clients or an importer.

    They wait for nothing but for someone to send them: no outage.
    """

    def build(rng: np.random.Generator) -> Fleet:
        devices, at = fleet(rng), 0.6 * HOUR
        for number, device in enumerate(fleet(rng, clients=5, outages=0.0)):
            client = 99 if own else device.client
            name = f"old {number}"
            devices.append(
                replace(
                    device,
                    client=client,
                    time=device.time - 30 * DAY,
                    session=(name,) * len(device.time),
                    sender=Sender(upload_ms=100 * DAY, upload_phase=at + number * SECOND),
                )
            )
        return devices

    return build


def _whole_seconds(rng: np.random.Generator) -> Fleet:
    """Half of the devices write times without a fraction of a second."""
    return [
        replace(device, clock=DeviceClock(resolution_ms=1_000)) if device.client % 2 else device
        for device in fleet(rng)
    ]


def _whole_minutes(rng: np.random.Generator) -> Fleet:
    """Return a fleet of which all write times without seconds."""
    clock = DeviceClock(resolution_ms=60_000)
    return [replace(d, clock=clock) for d in fleet(rng, outages=0.3, outage_s=(200, 400))]


def _wrong_year(rng: np.random.Generator) -> Fleet:
    """One clock is a year ahead, another a year behind."""
    devices = fleet(rng)
    for at, offset in ((4, _YEAR), (9, -_YEAR)):
        devices[at] = replace(devices[at], clock=DeviceClock(offset_ms=offset))
    return devices


def _unset_at_boot(rng: np.random.Generator) -> Fleet:
    """Four clocks begin with their firmware's day at each of two boots, and are set soon after."""
    devices = fleet(rng)
    for at in (1, 6, 11, 16):
        time = devices[at].time
        steps: list[tuple[float, float]] = []
        for share in (0.3, 0.65):
            boot = int(share * len(time))
            steps += [(time[boot], -_FIRMWARE), (time[boot + 4], _FIRMWARE)]
        devices[at] = replace(devices[at], clock=DeviceClock(steps=tuple(steps)))
    return devices


def _blocks_of_numbers(rng: np.random.Generator) -> Fleet:
    """Devices that reserve a thousand numbers, and begin the next thousand after a reboot."""
    devices = []
    for device in fleet(rng):
        n = len(device.time)
        reboots = np.sort(rng.choice(np.arange(5, n - 5), int(rng.integers(1, 6)), replace=False))
        life = np.searchsorted(reboots, np.arange(n), side="right")
        first = np.append(0, reboots)[life]
        devices.append(replace(device, number=np.arange(n) - first + 1 + 10_000 * life))
    return devices


def _in_background(rng: np.random.Generator) -> Fleet:
    """Apps whose last events of a session wait for the next start, when the app sends them."""
    devices = []
    for client in range(1, CLIENTS + 1):
        time, names, cuts = [], [], []
        start, base = rng.uniform(0, HOUR), Link(base_ms=rng.uniform(10, 40))
        for session in range(int(rng.integers(3, 7))):
            own = start + np.cumsum(rng.exponential(4 * SECOND, int(rng.integers(15, 80))))
            following = own[-1] + log_uniform(rng, (10, 180)) * MINUTE
            if rng.random() < 0.4:
                left = own[-int(rng.integers(2, 5))] - 1
                cuts.append(Cut(left, following + 500))
            time.append(own)
            names += [f"{client}/{session}"] * len(own)
            start = following
        devices.append(
            Device(
                client=client,
                time=np.concatenate(time),
                session=tuple(names),
                number=np.concatenate([np.arange(1, len(own) + 1) for own in time]),
                link=base,
                cuts=tuple(cut for cut in cuts if cut.end < time[-1][-1]),
            )
        )
    return devices


def _fixed_wait(rng: np.random.Generator) -> Fleet:
    """Return a fleet of which a third wait 5 to 30 s for more events before they send one."""
    return [
        replace(device, sender=Sender(linger_ms=_wait_ms(rng)))
        if device.client % 3 == 0
        else device
        for device in fleet(rng, hours=3, interval_s=(4, 60), outages=0.2, outage_s=(300, 600))
    ]


def _wait_ms(rng: np.random.Generator) -> float:
    return float(rng.choice([5, 10, 30])) * SECOND


FURTHER: Final[dict[str, Callable[[np.random.Generator], Fleet]]] = {
    "summer time ends": _summer_time_ends,
    "uploads as the minute begins": _every_minute,
    "batches come twice": _batches_twice,
    "reused clients": _reused_clients,
    "set, then drifts": _set_then_drifts,
    "heartbeats and bursts": _heartbeats,
    "partition paused": _partition_paused,
    "backfill of clients": _backfill(own=False),
    "backfill by an importer": _backfill(own=True),
    "whole seconds": _whole_seconds,
    "whole minutes": _whole_minutes,
    "wrong year": _wrong_year,
    "unset at boot": _unset_at_boot,
    "numbers in blocks": _blocks_of_numbers,
    "in background": _in_background,
    "fixed wait": _fixed_wait,
}
"""How the fleet of each situation is built."""
