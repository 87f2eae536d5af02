"""Fleets of ordinary devices, for situations to change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.simulate.fleet import Cut, Device, Link

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Fleet = list[Device]

CLIENTS: Final = 20
HOUR: Final = 3_600_000.0
SECOND: Final = 1_000.0
MINUTE: Final = 60_000.0
DAY: Final = 24 * HOUR


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
        mean = log_uniform(rng, interval_s) * SECOND
        time = times(rng, hours * HOUR, mean, regular=bool(rng.random() < regular))
        cuts = cuts_of(rng, time, int(rng.poisson(outages)), outage_s)
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


def times(rng: np.random.Generator, span: float, mean: float, *, regular: bool) -> Floats:
    """Return when a device's events happen: at a steady beat, or at random."""
    n = int(1.3 * span / mean) + 30
    between = mean * (rng.normal(1, 0.03, n) if regular else rng.exponential(size=n))
    time: Floats = rng.uniform(0, mean) + np.cumsum(np.maximum(between, 1.0))
    return time[time < span]


def cuts_of(
    rng: np.random.Generator, time: Floats, count: int, length_s: tuple[float, float]
) -> tuple[Cut, ...]:
    """Return outages, each in its own part of a device's time."""
    if not count:
        return ()
    part = (time[-1] - time[0]) / count
    cuts = []
    for number in range(count):
        length = min(log_uniform(rng, length_s) * SECOND, 0.3 * part)
        start = time[0] + number * part + rng.uniform(0.1, 0.6) * part
        cuts.append(Cut(start, start + length))
    return tuple(cuts)


def log_uniform(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    """Return a number between two bounds, as likely in any factor of it."""
    return float(np.exp(rng.uniform(*np.log(bounds))))


def set_clock(rng: np.random.Generator, device: Device, size: float) -> Device:
    """Return a device whose clock is set by so many ms in the middle of its time."""
    at = rng.uniform(0.25, 0.75) * device.time[-1]
    return replace(device, clock=replace(device.clock, steps=((at, size),)))


def shared_cuts(
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


def first_events(device: Device, share: float, *, vanished: bool) -> Device:
    """Return a device with the first share of its events only."""
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
