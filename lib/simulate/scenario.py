"""What to simulate: every parameter of the traffic, checked where it is built."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

Rhythm = Literal["regular", "random", "bursty"]
Jitter = Literal["uniform", "gamma", "lognormal", "pareto"]
TimestampKind = Literal["logappend", "create", "gateway"]

FROM_0_TO_1: Final = (
    "outage_share",
    "unbuffered_share",
    "shared_outage_clients",
    "quiet_share",
    "disorder_share",
    "clock_share",
    "lost_share",
    "duplicate_share",
    "upload_share",
    "retry_share",
    "slow_share",
    "step_share",
    "zone_share",
)
LOW_TO_HIGH: Final = (
    "interval_s",
    "pause_s",
    "outage_s",
    "quiet_s",
    "upload_s",
    "step_ms",
    "stall_s",
)
POSITIVE: Final = ("clients", "concurrent", "partitions", "flush_rate")
NOT_NEGATIVE: Final = (
    "seed",
    "sessions",
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
    "sleep_s",
    "retry_s",
    "slow_ms",
    "pipeline_ms",
    "stalls",
)


@dataclass(frozen=True)
class Outage:
    """A client without network, from `start_s` after the scenario's start, for `length_s`."""

    client: int
    start_s: float
    length_s: float

    def __post_init__(self) -> None:
        _require(self.client >= 1, "clients are numbered from 1")
        _require(self.start_s >= 0, "an outage must not begin before the scenario")
        _require(self.length_s > 0, "an outage must have a length")

    @property
    def end_s(self) -> float:
        """When the network is back, seconds after the scenario's start."""
        return self.start_s + self.length_s


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Everything that a simulation depends on: the same scenario gives the same bytes.

    A pair (low, high) is a range to draw from, log-uniform, so that short and long are equally
    likely. Each field's annotation says what it means; the command line shows it. Every client has
    a session: without a number of `sessions` there are as many as clients.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or two explicit outages of a client overlap.
    """

    seed: Annotated[int, "seed of every random number"] = 1
    start_ms: Annotated[int, "when the first session begins, epoch ms"] = 1_700_000_000_000

    clients: Annotated[int, "number of clients, named 1, 2, …"] = 10
    sessions: Annotated[
        int, "number of sessions, dealt to the clients in turn; 0: one for each client"
    ] = 0
    events: Annotated[int, "number of events that happen, in all sessions together"] = 1_000
    session_spread: Annotated[
        float, "how unequal the sessions' sizes are: 0 is equal, 1 is very (sigma of a lognormal)"
    ] = 0.5
    session_ids: Annotated[tuple[str, ...], "names of the sessions; drawn where not given"] = ()
    concurrent: Annotated[int, "sessions that a client has at once"] = 1
    ramp_s: Annotated[float, "the clients' first sessions begin within so many seconds"] = 60.0
    pause_s: Annotated[tuple[float, float], "between two sessions of a client, s"] = (60.0, 600.0)
    interval_s: Annotated[
        tuple[float, float], "mean time between events of a session, drawn once for each client, s"
    ] = (1.0, 10.0)
    rhythm: Annotated[
        Rhythm, "regular: within a fifth of the mean; random: Poisson; bursty: runs and long gaps"
    ] = "random"

    delay_ms: Annotated[float, "the network's minimum delay, ms"] = 1.0
    jitter_ms: Annotated[float, "mean delay beyond the minimum, ms"] = 5.5
    jitter: Annotated[Jitter, "shape of the delay beyond the minimum"] = "uniform"
    jitter_max_ms: Annotated[float, "bound of the delay beyond the minimum, ms"] = 2_000.0
    in_order: Annotated[
        bool, "a session's events arrive in the order they were sent, as over one connection"
    ] = True
    disorder_share: Annotated[float, "share of events overtaken by later ones"] = 0.0
    disorder_ms: Annotated[float, "mean extra delay of an overtaken event, ms"] = 2_000.0

    outage_share: Annotated[float, "share of sessions with an outage of their own"] = 0.0
    outage_s: Annotated[tuple[float, float], "length of an outage, s"] = (5.0, 1_800.0)
    outages: Annotated[tuple[Outage, ...], "further outages: client, start, length"] = ()
    shared_outages: Annotated[int, "outages that strike several clients at once"] = 0
    shared_outage_clients: Annotated[float, "share of clients that a shared outage strikes"] = 0.5
    unbuffered_share: Annotated[
        float, "share of outages in which the client has no buffer: the events are lost"
    ] = 0.0
    flush_rate: Annotated[float, "events a second that a client sends at most, in a burst"] = 500.0

    quiet_share: Annotated[float, "share of sessions with a stretch in which nothing happens"] = 0.0
    quiet_s: Annotated[tuple[float, float], "length of such a stretch, s"] = (60.0, 600.0)

    clock_share: Annotated[float, "share of clients whose clock is wrong"] = 0.0
    clock_offset_ms: Annotated[float, "largest offset of a wrong clock, either way, ms"] = 5_000.0
    clock_drift_ppm: Annotated[float, "largest drift of a wrong clock, either way, ppm"] = 0.0

    lost_share: Annotated[float, "share of events lost, never a session's first or last"] = 0.0
    duplicate_share: Annotated[float, "share of events that arrive twice"] = 0.0
    duplicate_delay_ms: Annotated[float, "mean time from an event to its duplicate, ms"] = 200.0

    sent_times: Annotated[
        bool, "each record says when it was sent, by the client's clock (field SentAt)"
    ] = False
    upload_share: Annotated[
        float, "share of clients that gather events and upload them at fixed intervals"
    ] = 0.0
    upload_s: Annotated[tuple[float, float], "such an interval, drawn for each client, s"] = (
        10.0,
        300.0,
    )
    sleep_s: Annotated[
        float, "what happens so shortly before a quiet stretch is sent only after it, s"
    ] = 0.0
    retry_share: Annotated[float, "share of uploads that fail and are sent again"] = 0.0
    retry_s: Annotated[float, "mean time until an upload is sent again, s"] = 30.0
    retries_keep_sent: Annotated[
        bool, "what is sent again, after an outage too, keeps its first sent time"
    ] = False
    slow_share: Annotated[float, "share of clients whose network is slow"] = 0.0
    slow_ms: Annotated[float, "mean further delay of a slow network, ms"] = 20_000.0
    step_share: Annotated[float, "share of clients whose clock is set once, meanwhile"] = 0.0
    step_ms: Annotated[tuple[float, float], "by how much, either way, ms"] = (2_000.0, 600_000.0)
    zone_share: Annotated[float, "share of such steps that are an hour"] = 0.0

    collector: Annotated[
        bool,
        "a collector receives the events and says when (field ReceivedAt); the record timestamp "
        "is later",
    ] = False
    pipeline_ms: Annotated[float, "mean time from the collector to the broker, ms"] = 5.0
    stalls: Annotated[int, "stretches in which nothing gets from the collector to the broker"] = 0
    stall_s: Annotated[tuple[float, float], "length of such a stretch, s"] = (10.0, 120.0)

    partitions: Annotated[int, "number of partitions"] = 1
    keys: Annotated[bool, "key each record by its client: one client, one partition"] = True
    timestamps: Annotated[
        TimestampKind,
        "record timestamps: logappend, the broker's received time; create, the client's own "
        "event time; gateway, the received time set by a producer",
    ] = "logappend"

    def __post_init__(self) -> None:
        for name in POSITIVE:
            _require(getattr(self, name) > 0, f"{name} must be positive")
        for name in NOT_NEGATIVE:
            _require(getattr(self, name) >= 0, f"{name} must not be negative")
        for name in FROM_0_TO_1:
            _require(0 <= getattr(self, name) <= 1, f"{name} must be from 0 to 1")
        for name in LOW_TO_HIGH:
            low, high = getattr(self, name)
            _require(0 < low <= high, f"{name} must be positive, its smaller end first")
        # The frozen dataclass's own way: a default that depends on another field.
        object.__setattr__(self, "sessions", self.sessions or self.clients)
        _require(self.sessions >= self.clients, "sessions must be at least one a client")
        _require(self.events >= self.sessions, "events must be at least one a session")
        _require(
            self.outage_share + self.quiet_share <= 1,
            "outage_share and quiet_share must not exceed 1 together: no session has both",
        )
        _require(len(self.session_ids) <= self.sessions, "more session_ids than sessions")
        for outage in self.outages:
            _require(outage.client <= self.clients, f"there is no client {outage.client}")
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
