"""What to simulate: every parameter of the traffic, checked where it is built."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, Literal

Rhythm = Literal["regular", "random", "bursty"]
Jitter = Literal["uniform", "gamma", "lognormal", "pareto"]
TimestampKind = Literal["logappend", "create", "gateway"]

SHARES: Final = (
    "outage_share",
    "unbuffered_share",
    "shared_outage_clients",
    "quiet_share",
    "disorder_share",
    "clock_share",
    "lost_share",
    "duplicate_share",
)
RANGES: Final = ("interval_s", "pause_s", "outage_s", "quiet_s")
POSITIVE: Final = ("clients", "sessions", "concurrent", "partitions", "flush_rate")
NOT_NEGATIVE: Final = (
    "seed",
    "session_spread",
    "ramp_s",
    "delay_ms",
    "jitter_ms",
    "jitter_max_ms",
    "shared_outages",
    "disorder_ms",
    "clock_offset_ms",
    "clock_drift_ppm",
    "duplicate_delay_ms",
)


@dataclass(frozen=True)
class Outage:
    """A client without network, from `start_s` after the scenario's start, for `length_s`."""

    client: int
    start_s: float
    length_s: float

    def __post_init__(self) -> None:
        if self.start_s < 0 or self.length_s <= 0:
            raise ValueError(f"an outage begins at 0 s or later and lasts: {self}")

    @property
    def end_s(self) -> float:
        """When the network is back, seconds after the scenario's start."""
        return self.start_s + self.length_s


def _option(default: Any, text: str) -> Any:  # noqa: ANN401  (as dataclasses.field is typed)
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Everything that a simulation depends on: the same scenario gives the same bytes.

    A pair (low, high) is a range to draw from, log-uniform, so that short and long are equally
    likely. Each field says in its metadata, under "help", what it means; the command line shows it.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or two explicit outages of a client overlap.
    """

    seed: int = _option(1, "seed of every random number")
    start_ms: int = _option(1_700_000_000_000, "when the first session begins, epoch ms")

    clients: int = _option(10, "number of clients, named 1, 2, …")
    sessions: int = _option(10, "number of sessions, dealt to the clients in turn")
    events: int = _option(1_000, "number of events that happen, in all sessions together")
    session_spread: float = _option(
        0.5, "how unequal the sessions' sizes are: 0 is equal, 1 is very (sigma of a lognormal)"
    )
    session_ids: tuple[str, ...] = _option((), "names of the sessions; drawn where not given")
    concurrent: int = _option(1, "sessions that a client has at once")
    ramp_s: float = _option(60.0, "the clients' first sessions begin within so many seconds")
    pause_s: tuple[float, float] = _option((60.0, 600.0), "between two sessions of a client, s")
    interval_s: tuple[float, float] = _option(
        (1.0, 10.0), "mean time between events of a session, drawn once for each client, s"
    )
    rhythm: Rhythm = _option(
        "random", "regular: within 20 %% of the mean; random: Poisson; bursty: runs and long gaps"
    )

    delay_ms: float = _option(1.0, "the network's minimum delay, ms")
    jitter_ms: float = _option(5.5, "mean delay beyond the minimum, ms")
    jitter: Jitter = _option("uniform", "shape of the delay beyond the minimum")
    jitter_max_ms: float = _option(2_000.0, "bound of the delay beyond the minimum, ms")
    in_order: bool = _option(
        True, "a session's events arrive in the order they were sent, as over one connection"
    )
    disorder_share: float = _option(0.0, "share of events overtaken by later ones")
    disorder_ms: float = _option(2_000.0, "mean extra delay of an overtaken event, ms")

    outage_share: float = _option(0.0, "share of sessions with an outage of their own")
    outage_s: tuple[float, float] = _option((5.0, 1_800.0), "length of an outage, s")
    outages: tuple[Outage, ...] = _option((), "further outages: client, start, length")
    shared_outages: int = _option(0, "outages that strike several clients at once")
    shared_outage_clients: float = _option(0.5, "share of clients that a shared outage strikes")
    unbuffered_share: float = _option(
        0.0, "share of outages in which the client has no buffer: the events are lost"
    )
    flush_rate: float = _option(500.0, "events a second that a client sends at most, in a burst")

    quiet_share: float = _option(0.0, "share of sessions with a stretch in which nothing happens")
    quiet_s: tuple[float, float] = _option((60.0, 600.0), "length of such a stretch, s")

    clock_share: float = _option(0.0, "share of clients whose clock is wrong")
    clock_offset_ms: float = _option(5_000.0, "largest offset of a wrong clock, either way, ms")
    clock_drift_ppm: float = _option(0.0, "largest drift of a wrong clock, either way, ppm")

    lost_share: float = _option(0.0, "share of events lost, never a session's first or last")
    duplicate_share: float = _option(0.0, "share of events that arrive twice")
    duplicate_delay_ms: float = _option(200.0, "mean time from an event to its duplicate, ms")

    partitions: int = _option(1, "number of partitions")
    keys: bool = _option(True, "key each record by its client: one client, one partition")
    timestamps: TimestampKind = _option(
        "logappend",
        "record timestamps: logappend, the broker's received time; create, the client's own "
        "event time; gateway, the received time set by a producer",
    )

    def __post_init__(self) -> None:
        for name in POSITIVE:
            _require(getattr(self, name) > 0, f"{name} must be positive")
        for name in NOT_NEGATIVE:
            _require(getattr(self, name) >= 0, f"{name} must not be negative")
        for name in SHARES:
            _require(0 <= getattr(self, name) <= 1, f"{name} must be from 0 to 1")
        for name in RANGES:
            low, high = getattr(self, name)
            _require(0 < low <= high, f"{name} must be positive, its smaller end first")
        _require(self.events >= self.sessions, "events must be at least one a session")
        _require(
            self.outage_share + self.quiet_share <= 1,
            "outage_share and quiet_share must not exceed 1 together: no session has both",
        )
        _require(len(self.session_ids) <= self.sessions, "more session_ids than sessions")
        _require_disjoint(self.outages)

    def as_dict(self) -> dict[str, Any]:
        """Return the parameters as plain JSON values."""
        return dataclasses.asdict(self)


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise ValueError(sentence)


def _require_disjoint(outages: tuple[Outage, ...]) -> None:
    ordered = sorted(outages, key=lambda outage: (outage.client, outage.start_s))
    for one, next_one in pairwise(ordered):
        overlap = one.client == next_one.client and one.end_s >= next_one.start_s
        _require(not overlap, f"two outages of client {one.client} overlap")
