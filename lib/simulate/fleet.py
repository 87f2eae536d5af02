"""Devices one by one: what each did, queue by queue, and what came of it.

`lib.simulate.history` draws a topic from formulas. Here every device is a machine of its own: a
clock that is set, a buffer that overflows, a connection that stalls, a sender that drains its queue
slower or faster, oldest or newest first. Times are ms since the start, on the true clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

OWN: Final = 0
"""`Cut.shared` of a device's own outage."""
FAST_MS: Final = 1.0
"""Between two events of a queue that is sent as fast as can be."""


@dataclass(frozen=True)
class Cut:
    """An outage of a device: from `start` to `end`; `shared` numbers those of a whole gateway."""

    start: float
    end: float
    shared: int = OWN


@dataclass(frozen=True, kw_only=True)
class DeviceClock:
    """What a device's clock shows: true time + offset + drift, + each step since it was set.

    Times are written without what is below `resolution_ms`. With `set_every` it is set right so
    often, and in between drifts: a sawtooth. `shared` numbers a clock that several devices have in
    common, as where a gateway stamps for them; 0: its own.
    """

    offset_ms: float = 0.0
    drift_ppm: float = 0.0
    steps: tuple[tuple[float, float], ...] = ()
    resolution_ms: int = 1
    set_every: float = np.inf
    shared: int = 0

    def shown(self, time: Floats) -> Floats:
        """Return what it shows at some moments."""
        since = np.mod(time, self.set_every) if np.isfinite(self.set_every) else time
        shown = time + self.offset_ms + self.drift_ppm * 1e-6 * since
        for at, size in self.steps:
            shown = shown + np.where(time >= at, size, 0.0)
        return (
            shown if self.resolution_ms == 1 else shown // self.resolution_ms * self.resolution_ms
        )

    def settings(self, until: float) -> list[tuple[float, float]]:
        """Return when it is set, up to a moment, and by how much."""
        if not np.isfinite(self.set_every):
            return list(self.steps)
        gained = self.drift_ppm * 1e-6 * self.set_every
        return [(at, -gained) for at in np.arange(self.set_every, until, self.set_every).tolist()]


@dataclass(frozen=True, kw_only=True)
class Link:
    """A way to the broker: a floor, gamma jitter, and what goes wrong on it.

    `stall_share` of the sends stall for 0.2 to 3 s, and what follows on the connection with them.
    `retry_share` fail and are sent again on another connection after `retry_ms` on average; of
    `retry_came` of these only the answer was lost, so that they come twice; an upload fails and
    comes as a whole. `loss_share` never arrive.
    """

    base_ms: float = 5.0
    jitter_ms: float = 5.0
    stall_share: float = 0.0
    retry_share: float = 0.0
    retry_ms: float = 2_000.0
    retry_came: float = 0.5
    loss_share: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Sender:
    """How a device sends: at once, after lingering, or at fixed times; and how it drains a queue.

    `drain` is how many times its own rate it sends while events wait; infinite: as fast as can be.
    A buffer of `capacity` events that overflows refuses the oldest or the newest.
    """

    linger_ms: float = 0.0
    upload_ms: float = 0.0
    upload_phase: float = 0.0
    drain: float = np.inf
    newest_first: bool = False
    capacity: float = np.inf
    refuses: Literal["oldest", "newest"] = "oldest"

    def ready(self, time: Floats) -> Floats:
        """Return when each event is sent, if the connection is there."""
        if self.upload_ms:
            number = np.ceil((time - self.upload_phase) / self.upload_ms)
            return self.upload_phase + number * self.upload_ms
        if not self.linger_ms:
            return time
        ready, until = np.empty(len(time)), -np.inf
        for at, moment in enumerate(time.tolist()):
            until = until if moment <= until else moment + self.linger_ms
            ready[at] = until
        return ready


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device and its life: one element of `time`, `session` and `number` an event.

    `vanished` says whether it stopped for good while it should have gone on.
    """

    client: int
    time: Floats
    session: tuple[str, ...]
    number: NDArray[np.int64]
    clock: DeviceClock = field(default_factory=DeviceClock)
    link: Link = field(default_factory=Link)
    sender: Sender = field(default_factory=Sender)
    cuts: tuple[Cut, ...] = ()
    vanished: bool = False


@dataclass(frozen=True)
class Delivery:
    """What became of a device's events, one element each.

    `arrival` is NaN where one was lost; `again` is when it came a second time, NaN where it did
    not; `cut` is the outage that an event waited for or was lost in, −1 for none.
    """

    arrival: Floats
    again: Floats
    cut: NDArray[np.int64]


class _Queue:
    """A device's queue at work: it is filled event by event, and served up to a moment."""

    def __init__(self, device: Device, rng: np.random.Generator) -> None:
        n = len(device.time)
        self.device, self.sender = device, device.sender
        self.ready = device.sender.ready(device.time)
        interval = float(np.median(np.diff(device.time))) if n > 1 else FAST_MS
        mean = (device.time[-1] - device.time[0]) / max(n - 1, 1)
        self.pace = max(min(mean, 4 * interval) / device.sender.drain, FAST_MS)
        self.takes = _takes(device.link, n, rng)
        self.arrival, self.again = np.full(n, np.nan), np.full(n, np.nan)
        send = np.arange(n)
        if device.sender.upload_ms:
            send = np.searchsorted(self.ready, self.ready)
        self.retried = (rng.random(n) < device.link.retry_share)[send]
        self.retry = rng.exponential(device.link.retry_ms, n)[send]
        self.came = (rng.random(n) < device.link.retry_came)[send]
        self.lost = rng.random(n) < device.link.loss_share
        self.waiting: deque[int] = deque()
        self.cut = np.full(n, -1)
        self.free = self.last = -np.inf
        self.last_cut = -1
        self.backlog = False

    def add(self, event: int) -> None:
        """Take an event that happened; a full buffer refuses one."""
        self.serve(float(self.device.time[event]))
        down = self._down(float(self.device.time[event]))
        self.backlog = self.backlog and bool(self.waiting)
        self.waiting.append(event)
        if len(self.waiting) > self.sender.capacity and (down >= 0 or self.backlog):
            at_end = self.sender.refuses == "newest"
            lost = self.waiting.pop() if at_end else self.waiting.popleft()
            if self.cut[lost] < 0:
                self.cut[lost] = down if down >= 0 else self.last_cut
        if down >= 0:
            self.backlog, self.last_cut = True, down
            if self.cut[event] < 0:
                self.cut[event] = down

    def serve(self, until: float) -> None:
        """Send what can be sent until a moment."""
        while self.waiting:
            head = self.waiting[-1 if self.sender.newest_first else 0]
            start = max(self.free, float(self.ready[head]))
            down = self._down(start)
            if down >= 0:
                start = self.device.cuts[down].end
                self.cut[head] = down
                self.backlog, self.last_cut = True, down
            if start > until:
                return
            self.waiting.pop() if self.sender.newest_first else self.waiting.popleft()
            self._send(head, start)

    def _send(self, event: int, start: float) -> None:
        self.last = max(self.last, start + float(self.takes[event]))
        self.arrival[event] = self.last
        if self.retried[event]:
            second = self.last + float(self.retry[event])
            down = self._down(second)
            second = second if down < 0 else self.device.cuts[down].end + self.pace
            came = bool(self.came[event])
            self.again[event] = second if came else np.nan
            self.arrival[event] = self.last if came else second
        if self.lost[event]:
            self.arrival[event] = self.again[event] = np.nan
        self.backlog = self.backlog and bool(self.waiting)
        self.free = start + (self.pace if self.backlog else 0.0)

    def _down(self, time: float) -> int:
        for number, cut in enumerate(self.device.cuts):
            if cut.start <= time < cut.end:
                return number
        return -1


def deliver(device: Device, rng: np.random.Generator) -> Delivery:
    """Return what became of the events of a device."""
    queue = _Queue(device, rng)
    for event in range(len(device.time)):
        queue.add(event)
    queue.serve(np.inf)
    return Delivery(queue.arrival, queue.again, queue.cut)


def _takes(link: Link, n: int, rng: np.random.Generator) -> Floats:
    """Return how long each send is under way, ms."""
    stalled = rng.random(n) < link.stall_share
    stall = np.exp(rng.uniform(np.log(200), np.log(3_000), n))
    jitter = rng.gamma(2, link.jitter_ms / 2, n)
    taken: Floats = link.base_ms + jitter + np.where(stalled, stall, 0.0)
    return taken
