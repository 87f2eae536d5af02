"""Topics as they are in the real world, one situation each, and the truth about them.

Each is a fleet of devices (`lib.simulate.fleet`): `situation(name, seed)`. They differ from what
the analyses assume wherever the world does: clocks are set, queues drain slowly, connections stall,
numbering restarts, clients vanish.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.simulate.fleet import Cut, Device, DeviceClock, Link, Sender
from lib.simulate.fleet_topic import topic_of
from lib.simulate.fleets import (
    CLIENTS,
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    cuts_of,
    first_events,
    fleet,
    log_uniform,
    set_clock,
    shared_cuts,
)
from lib.simulate.further_situations import FURTHER

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lib.simulate.simulation import Simulation

    Floats = NDArray[np.float64]
    Fleet = list[Device]


def situation(name: str, seed: int) -> Simulation:
    """Return the topic of a situation; the same name and seed always give the same.

    Raises
    ------
    KeyError
        If there is no situation of that name.
    """
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    return topic_of(SITUATIONS[name](rng), rng)


def _one_set(back: bool) -> Callable[[np.random.Generator], Fleet]:
    """Return fleets of which one clock is set by 10 s to an hour."""

    def build(rng: np.random.Generator) -> Fleet:
        devices = fleet(rng)
        one = int(rng.integers(len(devices)))
        size = log_uniform(rng, (10 * SECOND, HOUR)) * (-1 if back else 1)
        devices[one] = set_clock(rng, devices[one], size)
        return devices

    return build


def _ntp_steps(size: float) -> Callable[[np.random.Generator], Fleet]:
    """Return fleets of which half of the clocks are set by a step, either way."""

    def build(rng: np.random.Generator) -> Fleet:
        return [
            set_clock(rng, device, size * rng.choice([-1, 1])) if rng.random() < 0.5 else device
            for device in fleet(rng)
        ]

    return build


def _sawtooth(rng: np.random.Generator) -> Fleet:
    """Clocks that gain or lose up to 2.5 s an hour, and are set right every hour."""
    drift = [float(rng.uniform(200, 700) * rng.choice([-1, 1])) for _ in range(CLIENTS)]
    return [
        replace(
            device,
            clock=DeviceClock(offset_ms=0.0, drift_ppm=drift[device.client - 1], set_every=HOUR),
        )
        for device in fleet(rng, hours=6, interval_s=(5, 40))
    ]


def _gateway_clock(rng: np.random.Generator) -> Fleet:
    """Return a fleet of which a third has the times of a gateway, whose clock is wrong."""
    size = log_uniform(rng, (SECOND, 600 * SECOND)) * rng.choice([-1, 1])
    clock = DeviceClock(offset_ms=float(size), shared=1)
    return [
        replace(device, clock=clock) if device.client <= CLIENTS // 3 else device
        for device in fleet(rng)
    ]


def _base_delays(rng: np.random.Generator) -> Fleet:
    """Every device is as far from the broker as it is, and two clocks are wrong by 5 s."""
    devices = [
        replace(device, link=Link(base_ms=rng.uniform(15, 120), jitter_ms=rng.uniform(2, 8)))
        for device in fleet(rng)
    ]
    for at, offset in ((3, 5 * SECOND), (11, -120 * SECOND)):
        devices[at] = replace(devices[at], clock=DeviceClock(offset_ms=offset))
    return devices


def _slow_links(rng: np.random.Generator) -> Fleet:
    """Return a fleet of which a third is on links that take 0.5 to 3 s, always."""
    return [
        replace(
            device,
            link=Link(base_ms=log_uniform(rng, (500, 3_000)), jitter_ms=rng.uniform(50, 300)),
        )
        if device.client % 3 == 0
        else device
        for device in fleet(rng)
    ]


def _uploads(every_s: float, share: float) -> Callable[[np.random.Generator], Fleet]:
    """Return fleets of which a share uploads at fixed times by design."""

    def build(rng: np.random.Generator) -> Fleet:
        every = every_s * SECOND
        return [
            replace(
                device,
                sender=Sender(upload_ms=every, upload_phase=rng.uniform(0, every)),
            )
            if rng.random() < share
            else device
            for device in fleet(rng, hours=3, outage_s=(20 * every_s, 40 * every_s), outages=0.3)
        ]

    return build


def _stalls(outages: float) -> Callable[[np.random.Generator], Fleet]:
    """Return fleets on connections that lose packets: one send in a hundred stalls."""

    def build(rng: np.random.Generator) -> Fleet:
        return [
            replace(device, link=replace(device.link, stall_share=0.01))
            for device in fleet(rng, outages=outages)
        ]

    return build


def _linger(rng: np.random.Generator) -> Fleet:
    """Return producers that linger for 0.1 to 1 s, each with its own setting."""
    return [
        replace(device, sender=Sender(linger_ms=log_uniform(rng, (100, 1_000))))
        for device in fleet(rng, interval_s=(0.3, 10))
    ]


def _retries(rng: np.random.Generator) -> Fleet:
    """Two sends in a hundred fail and are sent again, some of which had arrived."""
    return [
        replace(device, link=replace(device.link, retry_share=0.02))
        for device in fleet(rng, interval_s=(0.5, 8))
    ]


def _buffers(
    low: float, high: float, *, newest_first: bool = False
) -> Callable[[np.random.Generator], Fleet]:
    """Return fleets that drain their buffers at so many times their own rate."""

    def build(rng: np.random.Generator) -> Fleet:
        return [
            replace(device, sender=Sender(drain=rng.uniform(low, high), newest_first=newest_first))
            for device in fleet(rng, outages=0.7, hours=1.5, outage_s=(30, 300))
        ]

    return build


def _across_sessions(rng: np.random.Generator) -> Fleet:
    """Sessions follow each other while their device is cut off; some drain newest first."""
    devices = []
    for device in fleet(rng, outages=1.0, outage_s=(120, 600)):
        part = np.minimum((device.time / (5 * MINUTE)).astype(int), 100)
        first = np.searchsorted(part, part)
        devices.append(
            replace(
                device,
                session=tuple(f"c{device.client} s{number}" for number in part.tolist()),
                number=np.arange(len(part)) - first + 1,
                sender=Sender(drain=rng.uniform(1.2, 20), newest_first=bool(rng.random() < 0.5)),
            )
        )
    return devices


def _overflow(refuses: str, capacity: int) -> Callable[[np.random.Generator], Fleet]:
    """Return fleets whose buffers are too small for their outages."""

    def build(rng: np.random.Generator) -> Fleet:
        sender = Sender(capacity=capacity, refuses="oldest" if refuses == "oldest" else "newest")
        return [
            replace(device, sender=sender)
            for device in fleet(rng, outages=0.7, interval_s=(1, 5), outage_s=(60, 400))
        ]

    return build


def _gateway_outage(rng: np.random.Generator) -> Fleet:
    """Return a fleet of which a third is cut off twice with its gateway, and some on their own."""
    devices = fleet(rng, outages=0.0)
    for number, begin in enumerate((0.25, 0.6), start=1):
        start = begin * HOUR
        cut = start, start + log_uniform(rng, (20, 200)) * SECOND
        devices = shared_cuts(devices, set(range(1, CLIENTS // 3 + 2)), cut, number, rng)
    return [
        replace(device, cuts=cuts_of(rng, device.time, 1, (20, 100)))
        if device.client > CLIENTS - 4
        else device
        for device in devices
    ]


def _broker_outage(rng: np.random.Generator) -> Fleet:
    """Return a fleet whose broker is away for 8 s, and once for longer."""
    devices = fleet(rng, outages=0.0, interval_s=(0.5, 40))
    everybody = {device.client for device in devices}
    for number, (begin, length) in enumerate(((0.3, 8.0), (0.7, rng.uniform(20, 90))), start=1):
        start = begin * HOUR
        cut = start, start + length * SECOND
        devices = shared_cuts(devices, everybody, cut, number, rng)
    return devices


def _vanished(rng: np.random.Generator) -> Fleet:
    """Two of the devices stop for good in the middle."""
    devices = fleet(rng)
    for at in rng.choice(CLIENTS, 2, replace=False).tolist():
        devices[at] = first_events(devices[at], rng.uniform(0.3, 0.7), vanished=True)
    return devices


def _come_and_go(rng: np.random.Generator) -> Fleet:
    """Clients that stop when they are done: nobody vanished."""
    return [first_events(device, rng.uniform(0.2, 1), vanished=False) for device in fleet(rng)]


def _nights(rng: np.random.Generator) -> Fleet:
    """Ten days of devices that rest at night and on the weekend, and one that never does."""
    devices = fleet(rng, hours=240, interval_s=(120, 400), outages=1.0, outage_s=(1_200, 7_200))
    worked = []
    for device in devices:
        begin, end = 6 + rng.uniform(0, 3), 17 + rng.uniform(0, 5)
        hour, day = device.time % DAY / HOUR, (device.time // DAY).astype(int) % 7
        on = (hour >= begin) & (hour < end) & (day < 5) | (device.client == 1)
        time = device.time[on]
        worked.append(
            replace(
                device,
                time=time,
                session=device.session[: len(time)],
                number=device.number[: len(time)],
                cuts=tuple(cut for cut in device.cuts if _covers(time, cut)),
            )
        )
    return worked


def _covers(time: Floats, cut: Cut) -> bool:
    return bool(((time > cut.start) & (time < cut.end)).sum() >= 2)


def _restarted(rng: np.random.Generator) -> Fleet:
    """Devices that reboot now and then, and then number from 1 again; 0.2 % of events are lost."""
    devices = []
    for device in fleet(rng):
        n = len(device.time)
        reboots = np.sort(rng.choice(np.arange(5, n - 5), int(rng.integers(1, 6)), replace=False))
        life = np.searchsorted(reboots, np.arange(n), side="right")
        first = np.append(0, reboots)[life]
        link = replace(device.link, loss_share=0.002)
        devices.append(replace(device, number=np.arange(n) - first + 1, link=link))
    return devices


def _two_devices(rng: np.random.Generator) -> Fleet:
    """Three pairs of devices have one identity each: client, session, and numbers from 1."""
    devices = fleet(rng)
    for at in (0, 5, 10):
        twin = devices[at + 1]
        n = len(twin.time)
        devices[at + 1] = replace(
            twin, client=devices[at].client, session=(devices[at].session[0],) * n
        )
    return devices


def _reused_sessions(rng: np.random.Generator) -> Fleet:
    """Sessions are called 1 to 4 on every device, again and again, and number from 1."""
    devices = []
    for device in fleet(rng):
        part = (device.time / (4 * MINUTE)).astype(int)
        devices.append(
            replace(
                device,
                session=tuple(str(number % 4 + 1) for number in part.tolist()),
                number=np.arange(len(part)) - np.searchsorted(part, part) + 1,
            )
        )
    return devices


def _sessions_at_once(rng: np.random.Generator) -> Fleet:
    """Clients with two sessions at once, each on a connection of its own that may be cut."""
    devices = []
    for device in fleet(rng, outages=0.8):
        client = (device.client + 1) // 2
        devices.append(
            replace(device, client=client, session=(f"s{device.client}",) * len(device.time))
        )
    return devices


SITUATIONS: Final[dict[str, Callable[[np.random.Generator], Fleet]]] = {
    "one clock set back": _one_set(back=True),
    "one clock set ahead": _one_set(back=False),
    "ntp steps of 2.5 s": _ntp_steps(2_500.0),
    "ntp steps of 10 s": _ntp_steps(10_000.0),
    "hourly sawtooth": _sawtooth,
    "gateway clock": _gateway_clock,
    "base delays": _base_delays,
    "slow links": _slow_links,
    "some upload every 30 s": _uploads(30, 0.4),
    "all upload every 30 s": _uploads(30, 1.0),
    "some upload every 5 min": _uploads(300, 0.4),
    "all upload every 5 min": _uploads(300, 1.0),
    "tcp stalls, clean": _stalls(0.0),
    "tcp stalls": _stalls(0.5),
    "linger": _linger,
    "retries": _retries,
    "slow drains": _buffers(1.2, 2.0),
    "newest first": _buffers(50.0, 200.0, newest_first=True),
    "newest first, slowly": _buffers(1.2, 2.0, newest_first=True),
    "across sessions": _across_sessions,
    "overflow refuses oldest": _overflow("oldest", 20),
    "overflow refuses newest": _overflow("newest", 20),
    "no buffer": _overflow("newest", 0),
    "gateway outages": _gateway_outage,
    "broker outages": _broker_outage,
    "vanished": _vanished,
    "come and go": _come_and_go,
    "nights and weekends": _nights,
    "restarted numbering": _restarted,
    "two devices, one id": _two_devices,
    "reused sessions": _reused_sessions,
    "sessions at once": _sessions_at_once,
    **FURTHER,
}
"""How the fleet of each situation is built."""
