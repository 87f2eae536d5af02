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

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lib.simulate.simulation import Simulation

    Floats = NDArray[np.float64]
    Fleet = list[Device]

CLIENTS: Final = 20
HOUR: Final = 3_600_000.0
SECOND: Final = 1_000.0
MINUTE: Final = 60_000.0
DAY: Final = 24 * HOUR


def situation(name: str, seed: int) -> Simulation:
    """Return the topic of a situation; the same name and seed always give the same.

    Raises
    ------
    KeyError
        If there is no situation of that name.
    """
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    return topic_of(SITUATIONS[name](rng), rng)


def fleet(
    rng: np.random.Generator,
    *,
    clients: int = CLIENTS,
    hours: float = 1.0,
    interval_s: tuple[float, float] = (1.0, 12.0),
    regular: float = 0.5,
    outages: float = 0.5,
    outage_s: tuple[float, float] = (15.0, 300.0),
) -> Fleet:
    """Return devices on good connections, each with one session.

    A share is regular, the others random. `outages` is how many of them are cut off, on average a
    device, each time for a length from `outage_s`.
    """
    devices = []
    for client in range(1, clients + 1):
        mean = _log_uniform(rng, interval_s) * SECOND
        time = _times(rng, hours * HOUR, mean, regular=bool(rng.random() < regular))
        cuts = _cuts(rng, time, int(rng.poisson(outages)), outage_s)
        devices.append(
            Device(
                client=client,
                time=time,
                session=(f"s{client}",) * len(time),
                number=np.arange(1, len(time) + 1),
                link=Link(base_ms=rng.uniform(2, 10)),
                cuts=cuts,
            )
        )
    return devices


def _times(rng: np.random.Generator, span: float, mean: float, *, regular: bool) -> Floats:
    """Return when a device's events happen: at a steady beat, or at random."""
    n = int(1.3 * span / mean) + 30
    between = mean * (rng.normal(1, 0.03, n) if regular else rng.exponential(size=n))
    time: Floats = rng.uniform(0, mean) + np.cumsum(np.maximum(between, 1.0))
    return time[time < span]


def _cuts(
    rng: np.random.Generator, time: Floats, count: int, length_s: tuple[float, float]
) -> tuple[Cut, ...]:
    """Return outages, each in its own part of a device's time."""
    if not count:
        return ()
    part = (time[-1] - time[0]) / count
    cuts = []
    for number in range(count):
        length = min(_log_uniform(rng, length_s) * SECOND, 0.3 * part)
        start = time[0] + number * part + rng.uniform(0.1, 0.6) * part
        cuts.append(Cut(start, start + length))
    return tuple(cuts)


def _log_uniform(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(*np.log(bounds))))


def _set_clock(rng: np.random.Generator, device: Device, size: float) -> Device:
    at = rng.uniform(0.25, 0.75) * device.time[-1]
    return replace(device, clock=replace(device.clock, steps=((at, size),)))


def _one_set(back: bool) -> Callable[[np.random.Generator], Fleet]:
    """Return fleets of which one clock is set by 10 s to an hour."""

    def build(rng: np.random.Generator) -> Fleet:
        devices = fleet(rng)
        one = int(rng.integers(len(devices)))
        size = _log_uniform(rng, (10 * SECOND, HOUR)) * (-1 if back else 1)
        devices[one] = _set_clock(rng, devices[one], size)
        return devices

    return build


def _ntp_steps(size: float) -> Callable[[np.random.Generator], Fleet]:
    """Return fleets of which half of the clocks are set by a step, either way."""

    def build(rng: np.random.Generator) -> Fleet:
        return [
            _set_clock(rng, device, size * rng.choice([-1, 1])) if rng.random() < 0.5 else device
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
    size = _log_uniform(rng, (SECOND, 600 * SECOND)) * rng.choice([-1, 1])
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
            link=Link(base_ms=_log_uniform(rng, (500, 3_000)), jitter_ms=rng.uniform(50, 300)),
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
        replace(device, sender=Sender(linger_ms=_log_uniform(rng, (100, 1_000))))
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


def _shared_cuts(
    devices: Fleet,
    struck: set[int],
    cut: tuple[float, float],
    number: int,
    rng: np.random.Generator,
) -> Fleet:
    """Return devices of which some are cut off together; each is back up to 0.5 s later."""
    start, end = cut
    return [
        replace(
            device,
            cuts=tuple(
                sorted(
                    (*device.cuts, Cut(start, end + rng.uniform(0, 500), number)),
                    key=lambda one: one.start,
                )
            ),
        )
        if device.client in struck
        else device
        for device in devices
    ]


def _gateway_outage(rng: np.random.Generator) -> Fleet:
    """Return a fleet of which a third is cut off twice with its gateway, and some on their own."""
    devices = fleet(rng, outages=0.0)
    for number, begin in enumerate((0.25, 0.6), start=1):
        start = begin * HOUR
        cut = start, start + _log_uniform(rng, (20, 200)) * SECOND
        devices = _shared_cuts(devices, set(range(1, CLIENTS // 3 + 2)), cut, number, rng)
    return [
        replace(device, cuts=_cuts(rng, device.time, 1, (20, 100)))
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
        devices = _shared_cuts(devices, everybody, cut, number, rng)
    return devices


def _vanished(rng: np.random.Generator) -> Fleet:
    """Two of the devices stop for good in the middle."""
    devices = fleet(rng)
    for at in rng.choice(CLIENTS, 2, replace=False).tolist():
        devices[at] = _first_events(devices[at], rng.uniform(0.3, 0.7), vanished=True)
    return devices


def _first_events(device: Device, share: float, *, vanished: bool) -> Device:
    n = round(share * len(device.time))
    end = device.time[n - 1]
    return replace(
        device,
        time=device.time[:n],
        session=device.session[:n],
        number=device.number[:n],
        cuts=tuple(cut for cut in device.cuts if cut.end < end),
        vanished=vanished,
    )


def _come_and_go(rng: np.random.Generator) -> Fleet:
    """Clients that stop when they are done: nobody vanished."""
    return [_first_events(device, rng.uniform(0.2, 1), vanished=False) for device in fleet(rng)]


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
}
"""How the fleet of each situation is built."""
