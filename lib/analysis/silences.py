"""The silences between a client's arrivals, and how long events waited for their end.

Between two arrivals of a client the broker hears nothing. An event is *due* when it would have
arrived with its client's smallest delay, or its session's where the client has several at once;
`LowerEnvelopes` takes the clock out of it. An event that was due in a silence *waited* for the
silence to end. Every network makes events wait a little. What is usual is learnt from the topic:
from the waits themselves, in multiples of each client's typical one, and from events that were
overtaken, whose client was heard while they were under way.

Of one client at a time: `find_arrivals`, `find_waits`, `find_stragglers`, `typical_of_clients`.
Pooled over all clients, and passed on: `typical_of_all`, `wait_limits`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib.analysis import kernels, tails
from lib.analysis.kernels import Groups
from lib.analysis.sequence_numbers import TELLS_NOTHING
from lib.analysis.tally import PARTS_OF_MS, Tally
from lib.core.blockwise import Pool, added, either, in_step, pooled
from lib.core.columns import CLIENT, EVENT_TIME, RECEIVED_TIME, SESSION
from lib.core.durations import MINUTE_MS
from lib.core.jit import compiled, inlined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lib.analysis.client_clocks import LowerEnvelopes
    from lib.analysis.kernels import Codes, Ints, Value
    from lib.analysis.received import Unreceived
    from lib.analysis.sequence_numbers import SequenceNumbers
    from lib.core.blockwise import Steps

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NOT_WAITING: Final = -1
_LATEST: Final = np.iinfo(np.int64).max
LONGEST_STALL_MS: Final = 3_200.0
"""What a connection waits at most on its own when packets are lost."""

_SHORTEST_STALL_MS: Final = 200.0
_FEWEST_STALLS: Final = 10
_STALLED_SHARE: Final = 0.002
_PACES: Final = 4.0  # a queue is drained at a client's own rate or faster, to within chance
_LOOKED_AT: Final = 64  # arrivals after a silence that are looked at
_OVER: Final = 6  # a session is over after a pause of so many of its longer intervals
_FAR: Final = 20  # typical intervals: two devices of a name are seldom silent at once for longer
_LIVE_FIRST: Final = 0.1  # of such a silence: so long what is new may come before what waited
_ON_TIME: Final = 0.1  # share of the limit by which an event may be late that ends a backlog
_BORROWED: Final = 10  # with fewer values than this, a client's median counts less than all's
_FEWEST_ALIKE: Final = 6  # uploads, in which a share of a client's events come: a rhythm
_SHARE_ALIKE: Final = 2 / 3
_ALIKE: Final = 1.5  # waits within this factor of their median are alike
_MISSED: Final = 2.5  # in the rhythm's silences: one upload may fail and be sent with the next


@dataclass(frozen=True)
class Arrivals:
    """The first arrivals of events, by unit and received time; one element an arrival.

    A unit is a client, or a session of a client that has several sessions at once.

    Attributes
    ----------
    row
        Position in the events table.
    client
        Code of the client in `clients`.
    clients
        The clients' names.
    bounds
        Where each unit begins, and the end.
    received, event_time
        Epoch ms.
    due
        When the event would have arrived with its client's smallest delay, epoch ms, by the clock
        of received time.
    opens
        Whether it is the first arrival of its unit.
    is_news
        Whether it opens, or happened later than all events of its unit that arrived before; where
        a unit's times are whole minutes, no earlier.
    continues
        Whether it is news of the same session as the arrival before it.
    interval
        Time since the unit's event that happened just before it, in whatever order they arrived,
        ms; 0 for the unit's earliest.
    several_at_once
        Whether each client has several sessions at once, so that its units are sessions.
    heard
        When the unit was last heard before the arrival, epoch ms: the arrival before, or an event
        without a received time that came since, at the earliest; its own where it opens.
    again
        Of events that had come before: unit and received time, rising. Not among the arrivals, but
        their client was heard.
    step
        `SequenceNumbers.own` steps: beyond 1, numbers of the unit are missing below its own; −1
        everywhere if events carry no sequence numbers.
    """

    row: Codes
    client: Codes
    clients: pd.Categorical[Any] | pd.Index[Any]
    bounds: Ints
    received: Ints
    event_time: Ints
    due: Floats
    opens: Bools
    is_news: Bools
    continues: Bools
    interval: Floats
    several_at_once: Bools
    heard: Ints
    again: tuple[Ints, Ints]
    step: Ints

    def heard_before(self, which: Ints) -> Ints:
        """Return when the unit was last heard before each of some arrivals (`heard`)."""
        return self.heard[which]

    def came_again(self, which: Ints, before: Floats | Ints) -> Ints:
        """Return when an event of each arrival's unit last came again before some moments.

        Where none did, the least int64.
        """
        units, received = self.again
        found = np.full(len(which), np.iinfo(np.int64).min)
        if not len(units) or not len(which):
            return found
        low = int(received.min())
        span = float(max(received.max(), self.received.max()) - low + 1)
        unit = np.searchsorted(self.bounds, which, "right") - 1
        moment = np.clip(before - low, 0, span - 1)
        last = np.searchsorted(units * span + (received - low), unit * span + moment) - 1
        same = (last >= 0) & (units[last] == unit)
        return np.where(same, received[last], found)

    def lost(self, which: Ints) -> Ints:
        """Return how many numbers are missing just below those of some arrivals."""
        return np.maximum(self.step[which] - 1, 0)


@dataclass(frozen=True)
class Waits:
    """What waited for the end of a silence; one element an arrival.

    Attributes
    ----------
    ended_by
        Position of the arrival that ended the silence in which the event was due; `NOT_WAITING`
        if it did not wait.
    longest
        The longest wait for this arrival, ms; `NOT_WAITING` if no event waited for it.
    """

    ended_by: Codes
    longest: Floats

    @property
    def ends_one(self) -> Bools:
        """Whether some event waited for the arrival."""
        return self.longest >= 0


def find_arrivals(
    events: pd.DataFrame,
    envelopes: LowerEnvelopes,
    numbers: SequenceNumbers | None,
    others: Unreceived | None = None,
    *,
    sessions_are_derived: bool = False,
) -> Steps[Arrivals]:
    """Find the first arrivals of an events table that is in arrival order.

    `envelopes` are `lower_envelopes` of the events, `numbers` their `sequence_numbers`, None if
    they carry none. Events that came before say nothing of the silence before them and are left
    out. `others` have no received time, but their clients were heard. Derived sessions are never
    at once: that they seem to be, a clock was set. Events with a date that cannot be are taken to
    have come as soon as any of their client's: when they happened, nothing tells.
    """
    client, session = kernels.group_by(events, CLIENT), kernels.group_by(events, SESSION)
    received = kernels.ints(events[RECEIVED_TIME])
    times = envelopes.possible_times(client.codes, kernels.ints(events[EVENT_TIME]), received)
    steps = np.full(len(events), TELLS_NOTHING) if numbers is None else numbers.steps
    go_on = np.zeros(len(events), np.bool_) if numbers is None else numbers.go_on
    at_once = np.zeros(client.n, np.bool_)
    repeats = steps == 0
    if not sessions_are_derived:
        at_once = yield from _several_at_once(client, session, repeats, go_on, times, received)
    unit = _units(client, session, repeats, at_once)
    bounds = unit.bounds[:-1]
    heard, before = kernels.sort_within(bounds, kernels.together(unit, received)[: bounds[-1]])

    def in_order(values: npt.NDArray[Value]) -> npt.NDArray[Value]:
        of_units = kernels.together(unit, values)[: bounds[-1]]
        return of_units if before is None else kernels.taken(of_units, before)

    happened, clients = in_order(times), in_order(client.codes)
    opens, is_news, continues = (np.empty(len(heard), np.bool_) for _ in range(3))
    last_heard = np.empty_like(heard)
    _tell_news(
        bounds, heard, happened, in_order(session.codes), last_heard, opens, is_news, continues
    )
    lags = envelopes.lags(clients, happened, heard)
    if at_once.any():
        _take_clocks_out(bounds, client.n, lags)
    interval: Ints = kernels.steps_within(bounds, happened, 0)
    if others is not None:
        known, of_client = last_heard.copy(), _codes_among(client, others.events[CLIENT])
        units = _codes_among(session, others.events[SESSION])
        units = np.where(at_once[of_client], units + (units >= 0) * client.n, of_client)
        _hear(bounds, heard, units, _heard_at(others, envelopes, of_client), last_heard)
        raised = last_heard > known
        interval[raised] = np.minimum(interval, heard - last_heard)[raised]
    return Arrivals(
        row=in_order(np.arange(len(events), dtype=np.int32)),
        client=clients,
        clients=client.labels,
        bounds=bounds,
        received=heard,
        event_time=happened,
        due=np.subtract(heard, lags, out=lags),
        opens=opens,
        is_news=is_news,
        continues=continues,
        interval=interval.astype(np.float64),
        several_at_once=at_once,
        heard=last_heard,
        again=_again(_unit_codes(client, session, at_once), received, repeats),
        step=in_order(steps if numbers is None else numbers.own(client.codes, at_once)),
    )


def _take_clocks_out(bounds: Ints, clients: int, lags: Floats) -> None:
    """Take the least lag of each session that is a unit out of its events' lags, ms.

    Sessions that are at once may be on devices with clocks of their own, where a field names what
    is around them, or none names the client: one clock that is ahead would make all others late.
    """
    sizes = np.diff(bounds)
    filled = np.flatnonzero(sizes)
    least = np.minimum.reduceat(lags, bounds[filled]) if len(filled) else np.empty(0)
    least[filled < clients] = 0.0
    lags -= np.repeat(least, sizes[filled])


def _codes_among(groups: Groups, of: pd.Series[Any]) -> Codes:
    """Return the code of each value among groups, -1 where it is of none."""
    codes: Codes = pd.Index(groups.labels).get_indexer(pd.Index(of)).astype(np.int32)
    return codes


def _heard_at(others: Unreceived, envelopes: LowerEnvelopes, client: Codes) -> Ints:
    """Return when events without a received time came at the earliest, epoch ms: when due."""
    times = kernels.ints(others.events[EVENT_TIME])
    floor = envelopes.slope[client] * (times - envelopes.middle[client]) + envelopes.height[client]
    due = np.ceil(times + floor).astype(np.int64)
    return np.minimum(np.maximum(due, others.earliest), others.latest)


def find_waits(arrivals: Arrivals) -> Waits:
    """Return the events that were due in a silence of their unit, and waited for its end.

    The first news since it was due, which may be the event itself, ended the silence. An event that
    is no news, and has none since it was due, did not wait: it was late for another reason.
    """
    ended_by = np.empty(len(arrivals.row), np.int32)
    longest = np.full(len(arrivals.row), float(NOT_WAITING))
    _await_news(
        arrivals.bounds, arrivals.received, arrivals.due, arrivals.is_news, ended_by, longest
    )
    return Waits(ended_by, longest)


def find_stragglers(arrivals: Arrivals) -> tuple[Ints, Ints]:
    """Return the news that were due before their unit was last heard, and their waits, ms.

    Such an event was kept back before the silence that its own arrival ends, and waited through
    all of it. To learn what is usual, these waits are too many and too short; but such an event may
    be the only one that waited through a silence.
    """
    early = arrivals.due[1:] <= arrivals.received[:-1]
    late = np.flatnonzero(early & arrivals.is_news[1:] & ~arrivals.opens[1:]) + 1
    return late, arrivals.received[late] - arrivals.heard_before(late)


def find_stalls(waits: Waits) -> Steps[bool]:
    """Find whether connections stall now and then, as where packets are lost and sent again.

    A connection that sends again waits for 0.2 s at first and for twice as long each time (RFC
    6298, and Linux's least timeout): what is sent four times is `LONGEST_STALL_MS` late. That is
    usual where one silence in five hundred is so long.
    """
    longest = waits.longest[waits.ends_one]
    stalls = np.count_nonzero((longest >= _SHORTEST_STALL_MS) & (longest <= LONGEST_STALL_MS))
    stalled, of = yield Pool(np.array([stalls, len(longest)]), added)
    return bool(stalled >= max(_FEWEST_STALLS, _STALLED_SHARE * of))


def shortest_waits(arrivals: Arrivals, otherwise: float) -> Floats:
    """Return the shortest wait of each client worth asking for, ms: two minutes without seconds."""
    seconds = np.zeros(len(arrivals.clients), np.bool_)
    _tell_seconds(arrivals.client, arrivals.event_time, seconds)
    return np.where(seconds, otherwise, 2.0 * MINUTE_MS)


def leave_out_backlogs(
    arrivals: Arrivals, waits: Waits, limit: Floats, interval: Floats, ends: Bools
) -> Steps[None]:
    """Unmark, in `ends`, the silences between the events of a queue that is drained.

    After an outage a client may send what waited at its own pace, and what happens meanwhile waits
    as well. Until its events arrive on time, a silence is another outage only if it is far longer
    than the client's intervals; `interval` is each client's typical one. And those that were not
    silences of all that is heard under a name, and those before a unit's first arrival that only
    what is older than the topic waited for.

    A silence ends with the first arrival of the burst in which news came: in `ends` and in
    `waits.ended_by` that takes the place of the news.
    """
    begins = yield Pool(int(arrivals.received.min(initial=_LATEST)), min)
    _leave_out_backlogs(
        float(begins),
        arrivals.bounds,
        arrivals.received,
        arrivals.heard,
        arrivals.event_time,
        arrivals.due,
        arrivals.is_news,
        waits.ended_by,
        arrivals.client,
        limit,
        interval,
        ends,
    )


def typical_of_all(values: Floats) -> Steps[float]:
    """Find the median of all clients' values, ms, and at least 1."""
    tally = yield Pool(Tally.of_ms(values), added)
    return max(tally.median / PARTS_OF_MS, 1.0) if tally.n else 1.0


def typical_of_clients(client: Codes, values: Floats, clients: int, of_all: float) -> Floats:
    """Return each client's median, ms and at least 1, drawn to `of_all` where it has few values.

    On a log scale: a client with three values, two of them outages, is not taken for slow.
    """
    groups = Groups(client, pd.RangeIndex(clients))
    own = np.rint(kernels.medians_within(groups, values) * 1000)
    log_own = np.log(np.maximum(own / 1000, 1.0))
    drawn: Floats = np.exp(
        (groups.sizes * log_own + _BORROWED * np.log(of_all)) / (groups.sizes + _BORROWED)
    )
    return drawn


def typical_waits(arrivals: Arrivals, waits: Waits, of_all: float) -> Floats:
    """Return the typical longest wait of each client's silences, ms; `of_all` is that of all."""
    ends = waits.ends_one
    client, longest = arrivals.client[ends], waits.longest[ends]
    return typical_of_clients(client, longest, len(arrivals.clients), of_all)


def with_rhythms(
    arrivals: Arrivals, waits: Waits, limit: Floats, sensitivity: float = 1.0
) -> Floats:
    """Return each client's limit, ms, raised where the client sends in a rhythm that is beyond it.

    A client that gathers events, and uploads them every hour, keeps most of them waiting, each time
    for as long. Outages hold back few of a client's events, or are of different lengths.
    """
    clients = len(arrivals.clients)
    beyond = np.zeros(len(arrivals.row), np.bool_)
    _find_beyond(waits.ended_by, waits.longest, arrivals.client, limit, beyond)
    client, ended_by = arrivals.client[beyond], waits.ended_by[beyond]
    of_all = _SHARE_ALIKE * kernels.counts(arrivals.client, clients)
    if not (kernels.counts(client, clients) >= np.maximum(of_all, _FEWEST_ALIKE)).any():
        return limit
    wait = kernels.taken(waits.longest, ended_by)
    usual = kernels.medians_within(Groups(client, pd.RangeIndex(clients)), wait)
    of_client = kernels.taken(usual, client)
    alike = (wait * _ALIKE >= of_client) & (wait <= of_client * _ALIKE)
    uploads = arrivals.client[np.unique(ended_by[alike])]
    is_rhythm = kernels.counts(client[alike], clients) >= of_all
    is_rhythm &= kernels.counts(uploads, clients) >= _FEWEST_ALIKE
    return np.where(is_rhythm, np.maximum(_MISSED * usual * sensitivity, limit), limit)


def wait_limits(
    arrivals: Arrivals, waits: Waits, typical: Floats, false_share: float
) -> Steps[tuple[float, float, int]]:
    """Find the waits beyond which a silence is an outage, in its client's typical waits.

    The first where one event waited for so long, which the network may do to any; the second where
    several did at once (`crowded`); and how many those are: where a share p of n events is so late
    for itself, k are at once with a probability of n · pᵏ, `false_share` at most. Pooled over all
    clients; `typical` is `typical_waits`, `false_share` as `tails.threshold` says. Infinite where
    no wait is beyond expectation.
    """
    ends = waits.ends_one
    longest = waits.longest[ends]
    longest /= kernels.taken(typical, arrivals.client[ends])
    any_late = pooled({"any": Pool(not arrivals.is_news.all(), either)})
    found = yield from in_step({"curve": tails.find_survival(longest), "late": any_late})
    curve = found["curve"]
    of_several = tails.threshold_of(curve, false_share)
    if not found["late"]["any"]:
        return of_several, of_several, 1
    long = np.maximum(typical * of_several, LONGEST_STALL_MS)
    overtaken = _overtaken(arrivals, waits, typical, long)
    is_late = np.count_nonzero(overtaken.under_way > of_several)
    of_all = yield from pooled(
        {
            "overtaken": Pool(overtaken.counts(curve.grid), added),
            "late": Pool(np.array([len(arrivals.row), is_late]), added),
        }
    )
    shares = partial(_share_beyond, *of_all["overtaken"])
    of_one = tails.threshold_of(curve, false_share, shares)
    n, late = of_all["late"]
    several = math.log(false_share / n) / math.log(min(max(late, 1) / n, 0.5))
    return of_one, of_several, max(math.ceil(several), 2)


def crowded(arrivals: Arrivals, waits: Waits, limit: Floats, several: int) -> Ints:
    """Return the arrivals for which `several` events waited beyond their client's `limit`, each."""
    crowd = np.zeros(len(arrivals.row), np.int32)
    _count_late(waits.ended_by, arrivals.received, arrivals.due, arrivals.client, limit, crowd)
    return np.flatnonzero(crowd >= several)


@dataclass(frozen=True)
class _Overtaken:
    """How long events were under way while their unit was heard, in typical waits.

    No outage was on then: that is what the network alone does.

    Attributes
    ----------
    under_way
        How long, of the events that newer ones overtook.
    next_newer
        The time to the unit's next event, of each event that one could overtake.
    """

    under_way: Floats
    next_newer: Floats

    def counts(self, waits: Floats) -> Ints:
        """Return how many events are under way for longer than each of some waits, and of how many.

        `waits` rise as the grid of `tails.threshold` does.
        Of the events that a newer one follows within half the wait, so that overtaking would show
        for the other half; no other event tells.
        """
        beyond = len(self.under_way) - kernels.count_up_to(self.under_way, waits)
        return np.stack((beyond, kernels.count_up_to(self.next_newer, np.nextafter(waits / 2, 0))))


def _share_beyond(beyond: Ints, exposed: Ints, _: Floats) -> Floats:
    """Return the share of events that are under way for longer than each wait of a grid."""
    least: Floats = beyond.astype(np.float64)
    if beyond[0]:
        # Few were overtaken, and none of the longest: as their curve goes on.
        least = np.maximum(least, tails.continued(beyond))
    return np.minimum(least / np.maximum(exposed, 1), 1.0)


def _overtaken(arrivals: Arrivals, waits: Waits, typical: Floats, long: Floats) -> _Overtaken:
    news = np.count_nonzero(arrivals.is_news)
    under_way = np.empty(len(arrivals.row) - news)
    next_newer = np.empty(news - np.count_nonzero(arrivals.opens))
    _measure_overtaking(
        arrivals.bounds,
        arrivals.received,
        arrivals.event_time,
        arrivals.is_news,
        waits.ended_by,
        _find_queued(arrivals, waits, long),
        arrivals.client,
        typical,
        under_way,
        next_newer,
    )
    return _Overtaken(under_way, next_newer)


def _find_queued(arrivals: Arrivals, waits: Waits, long: Floats) -> Bools:
    """Return which arrivals came while a queue was drained, perhaps newest first.

    Newer events overtook them in their client, not in the network. A queue is what several events
    that were overtaken waited in, for longer than `long`, their client's; or, of another device of
    the same name, what comes at once and is so late.
    """
    late = np.flatnonzero(~arrivals.is_news)
    crowd = np.zeros(len(arrivals.row) + 1, np.int32)  # the last one: for `NOT_WAITING`
    np.add.at(crowd, waits.ended_by[late], 1)
    ends = np.flatnonzero(crowd[:-1] > 1)
    ends = ends[waits.longest[ends] > long[arrivals.client[ends]]]
    opens, queued = np.zeros((2, len(arrivals.row)), np.bool_)
    opens[ends] = True
    if len(ends):
        _mark_queued(arrivals.bounds, waits.ended_by, opens, queued)
    wait = arrivals.received[late] - arrivals.due[late]
    very = late[wait > long[arrivals.client[late]]]
    three = very[2:][very[2:] - very[:-2] == 2]
    for back in range(3):
        queued[three - back] = True
    return queued


def _several_at_once(
    client: Groups, session: Groups, repeats: Bools, go_on: Bools, *times: Ints
) -> Steps[Bools]:
    """Find which clients have several sessions at once.

    By event time and by received time, one of the client's sessions begins before another ends. By
    one alone, a buffer was sent newest first, or a clock was set. A name that comes again after a
    pause far longer than the intervals of its session is another session's, unless the session's
    numbers go on: then events come in bursts. Where most clients with several sessions have them
    at once, all of those may: that some of them never did is chance.
    """
    heard = _apart_from_repeats(session.codes, repeats, session.n)
    owner = kernels.last_within(heard, client.codes)[: session.n]
    at_once = _overlapping(heard, owner, client.n, times)
    may = yield Pool(bool(at_once.any()), either)
    if not may:
        return at_once
    some = np.flatnonzero(at_once[client.codes] & ~repeats)
    used, codes = np.unique(session.codes[some], return_inverse=True)
    named = Groups(codes.astype(np.int32), session.labels.take(used))
    lives = _lives(named, times[0][some], go_on[some])
    at_once = _overlapping(
        lives, kernels.last_within(lives, client.codes[some]), client.n, [t[some] for t in times]
    )
    several = kernels.counts(owner[heard.sizes[: session.n] > 0], client.n) > 1
    counts = np.array([np.count_nonzero(at_once), np.count_nonzero(several)])
    have, of = yield Pool(counts, added)
    return several if 2 * have > of else at_once


def _overlapping(sessions: Groups, owner: Codes, clients: int, times: Sequence[Ints]) -> Bools:
    """Return of which clients sessions overlap by each of some times; `owner` is each session's."""
    at_once = np.ones(clients, np.bool_)
    for time in times:
        first, last = (bound[: len(owner)] for bound in kernels.bounds_within(sessions, time))
        order = np.lexsort((first, owner))
        reached = last[order] + kernels.behind_running_max(owner[order], last[order])
        overlaps = (np.diff(owner[order]) == 0) & (first[order][1:] < reached[:-1])
        at_once &= kernels.counts(owner[order][1:][overlaps], clients) > 0
    return at_once


def _lives(session: Groups, time: Ints, go_on: Bools) -> Groups:
    """Return the groups of sessions, each name's parted where it pauses long and begins anew."""
    rising, before = kernels.sort_within(session.bounds, kernels.together(session, time))
    interval = np.diff(rising, prepend=rising[:1])
    opens = session.bounds[:-1]
    interval[opens] = 0
    long = kernels.quantiles_within(session, kernels.apart(session, interval), (0.9,))[:, 0]
    parts = interval > _OVER * np.maximum(np.repeat(long, session.sizes), 1)
    along = kernels.together(session, go_on.astype(np.int32)).astype(bool)
    parts &= ~(along if before is None else along[before])
    parts[opens] = True
    life = np.cumsum(parts, dtype=np.int32) - np.int32(1)
    if before is not None:
        placed = np.empty_like(life)
        placed[before] = life
        life = placed
    return Groups(kernels.apart(session, life), pd.RangeIndex(int(parts.sum())))


def _units(client: Groups, session: Groups, repeats: Bools, at_once: Bools) -> Groups:
    """Return each event's unit: its client, or its session if the client has several at once.

    Repeats become a last group of their own.
    """
    units = client.n + session.n if at_once.any() else client.n
    return _apart_from_repeats(_unit_codes(client, session, at_once), repeats, units)


def _unit_codes(client: Groups, session: Groups, at_once: Bools) -> Codes:
    if not at_once.any():
        return client.codes
    return np.where(at_once[client.codes], session.codes + np.int32(client.n), client.codes)


def _again(unit: Codes, received: Ints, repeats: Bools) -> tuple[Ints, Ints]:
    """Return unit and received time of the repeats, by both."""
    rows = np.flatnonzero(repeats)
    rows = rows[np.lexsort((received[rows], unit[rows]))]
    return unit[rows].astype(np.int64), received[rows]


def _apart_from_repeats(codes: Codes, which: Bools, groups: int) -> Groups:
    """Return groups of which the last, after all others, has the events that `which` marks."""
    if which.any():
        codes = codes.copy()
        codes[which] = groups
    return Groups(codes, pd.RangeIndex(groups + 1))


@compiled
def _tell_news(
    bounds: Ints,
    received: Ints,
    times: Ints,
    session: Codes,
    heard: Ints,
    opens: Bools,
    is_news: Bools,
    continues: Bools,
) -> None:
    """Tell which arrivals are news; without seconds those of one minute are, as they come.

    And when the unit was `heard` before each: of its first, when that came itself.
    """
    for unit in range(len(bounds) - 1):
        newest = 0
        minutes = True
        for at in range(bounds[unit], bounds[unit + 1]):
            if times[at] % MINUTE_MS != 0:
                minutes = False
                break
        for at in range(bounds[unit], bounds[unit + 1]):
            opens[at] = at == bounds[unit]
            heard[at] = received[at] if opens[at] else received[at - 1]
            is_news[at] = opens[at] or times[at] > newest or (minutes and times[at] == newest)
            continues[at] = not opens[at] and is_news[at] and session[at] == session[at - 1]
            if is_news[at]:
                newest = times[at]


@compiled
def _hear(bounds: Ints, received: Ints, units: Codes, moments: Ints, heard: Ints) -> None:
    """Raise when units were last heard before each arrival: at some moments, too."""
    for event in range(len(units)):
        if units[event] < 0:
            continue
        begin, end = bounds[units[event]], bounds[units[event] + 1]
        at = begin + np.searchsorted(received[begin:end], moments[event], side="right")
        if begin < at < end:
            heard[at] = max(heard[at], moments[event])


@compiled
def _await_news(
    bounds: Ints, received: Ints, due: Floats, is_news: Bools, ended_by: Codes, longest: Floats
) -> None:
    """Find the unit's first news since each event was due, which may be the event itself."""
    news = np.empty(_largest(bounds), np.int64)
    for unit in range(len(bounds) - 1):
        known = 0
        for at in range(bounds[unit], bounds[unit + 1]):
            end = at
            if known and received[news[known - 1]] >= due[at]:
                end = _first_since(news, known, received, due[at])
            if is_news[at]:
                news[known] = at
                known += 1
            ended_by[at] = NOT_WAITING
            if is_news[end]:
                ended_by[at] = end
                longest[end] = max(longest[end], received[end] - due[at])


@compiled
def _tell_seconds(client: Codes, times: Ints, seconds: Bools) -> None:
    """Tell of which clients any time is no whole minute."""
    for at in range(len(times)):
        if not seconds[client[at]]:
            seconds[client[at]] = times[at] % MINUTE_MS != 0


@compiled
def _find_beyond(
    ended_by: Codes, longest: Floats, client: Codes, limit: Floats, beyond: Bools
) -> None:
    """Find which arrivals waited for one for which any waited beyond their client's limit."""
    for at in range(len(ended_by)):
        end = ended_by[at]
        beyond[at] = end != NOT_WAITING and longest[end] > limit[client[at]]


@compiled
def _count_late(
    ended_by: Codes, received: Ints, due: Floats, client: Codes, limit: Floats, crowd: Codes
) -> None:
    """Count, for each arrival, what waited for it beyond its own client's limit."""
    for at in range(len(ended_by)):
        end = ended_by[at]
        if end != NOT_WAITING and received[end] - due[at] > limit[client[at]]:
            crowd[end] += 1


@compiled
def _last_waiting(ended_by: Codes, begin: int, end: int) -> Ints:
    """Return the last arrival that waited for each arrival of a unit, 0 where none did."""
    last = np.zeros(end - begin, np.int64)
    for at in range(begin, end):
        if ended_by[at] != NOT_WAITING:
            last[ended_by[at] - begin] = at
    return last


@compiled
def _mark_queued(bounds: Ints, ended_by: Codes, opens: Bools, queued: Bools) -> None:
    for unit in range(len(bounds) - 1):
        begin, end = bounds[unit], bounds[unit + 1]
        if not opens[begin:end].any():
            continue
        last = _last_waiting(ended_by, begin, end)
        until = -1
        for at in range(begin, end):
            if opens[at]:
                until = max(until, last[at - begin])
            queued[at] = at <= until


@inlined
def _burst_begins(at: int, received: Ints, heard: Ints, is_news: Bools, limit: float) -> int:
    """Return the first arrival of the burst in which some news came.

    Events that had been overtaken may come before it: one that was under way when the silence
    began, or those of a slower queue.
    """
    first = at
    while received[first] - heard[first] <= limit and not is_news[first - 1]:
        first -= 1
    return first


@inlined
def _is_whole(
    begin: int,
    at: int,
    end: int,
    received: Ints,
    heard: Ints,
    due: Floats,
    ended_by: Codes,
    limit: float,
    typical: float,
    topic_begins: float,
) -> bool:
    """Return whether a silence was that of all that is heard under a name.

    `begin` is the first arrival after it, and `at` the news that came with it. It was not if two
    events of the topic's time had been due before it, by longer than it lasted, and were still to
    come, or if what waited in it came, at its own pace, later than it ended: another device of the
    name was heard. Of one event that waited nothing tells the pace: it is the client's `typical`
    interval. After a silence that is `_FAR` longer than those a client may send what is new first.
    """
    silence = received[begin] - heard[begin]
    if silence <= limit:
        return False
    before = 0
    came, latest, first = 0, 0, 0  # what waited
    apart = 0
    for other in range(begin, min(at + _LOOKED_AT, end)):
        before += topic_begins <= due[other] < heard[begin] - max(limit, silence)
        waited = ended_by[other] == at or other == at
        if waited and received[other] - due[other] > limit:
            if came:
                apart = max(apart, received[other] - latest)
            else:
                first = received[other]
            came, latest = came + 1, received[other]
    pace = apart if came > 1 else typical
    if silence > _FAR * typical:
        pace = max(pace, _LIVE_FIRST * silence)
    return came > 0 and first - received[begin] <= limit + pace and before < 2


@inlined
def _await_burst(begin: int, at: int, last: int, ended_by: Codes) -> None:
    """Let what waited for the news `at`, and what came in its burst before it, wait for `begin`.

    `begin` is the first arrival of the burst, `last` the last that waited for the news.
    """
    for other in range(begin, max(at, last) + 1):
        if other < at or ended_by[other] == at:
            ended_by[other] = begin


@inlined
def _is_outage_at_first(
    begin: int,
    last: int,
    received: Ints,
    event_time: Ints,
    due: Floats,
    ended_by: Codes,
    limit: float,
    typical: float,
    topic_begins: float,
) -> bool:
    """Return whether what waited for a unit's first arrival tells an outage.

    It does if it came then, and some of it happened since anything of the topic was received. What
    is sent out of a store once, or has the time of a clock that is not set yet, is older.
    """
    first = -1
    for at in range(begin, last + 1):
        if (at == begin or ended_by[at] == begin) and received[at] - due[at] > limit:
            if first < 0:
                first = at
                if received[at] - received[begin] > limit + typical:
                    return False
            if min(due[at], event_time[at]) >= topic_begins:
                return True
    return False


@compiled
def _leave_out_backlogs(
    topic_begins: float,
    bounds: Ints,
    received: Ints,
    heard: Ints,
    event_time: Ints,
    due: Floats,
    is_news: Bools,
    ended_by: Codes,
    client: Codes,
    limit: Floats,
    typical: Floats,
    ends: Bools,
) -> None:
    for unit in range(len(bounds) - 1):
        begin, end = bounds[unit], bounds[unit + 1]
        if not ends[begin:end].any():
            continue
        last = _last_waiting(ended_by, begin, end)
        until = -1
        backlog = False
        for at in range(begin, end):
            most, usual = limit[client[at]], typical[client[at]]
            found = ends[at]
            if found and at == begin:
                found = ends[at] = _is_outage_at_first(
                    begin, last[0], received, event_time, due, ended_by, most, usual, topic_begins
                )
            elif found:
                first = _burst_begins(at, received, heard, is_news, most)
                silence = received[first] - heard[first]
                own = not backlog or silence > _PACES * usual + most
                found = own and _is_whole(
                    first, at, end, received, heard, due, ended_by, most, usual, topic_begins
                )
                ends[at], ends[first] = False, found
                if found:
                    _await_burst(first, at, last[at - begin], ended_by)
            if found:
                backlog = True
                until = max(until, last[at - begin])
            elif backlog and at >= until:
                backlog = received[at] - due[at] > _ON_TIME * most


@compiled
def _measure_overtaking(
    bounds: Ints,
    received: Ints,
    times: Ints,
    is_news: Bools,
    ended_by: Codes,
    queued: Bools,
    client: Codes,
    typical: Floats,
    under_way: Floats,
    next_newer: Floats,
) -> None:
    """Measure how long late events were under way, and the time between news."""
    news = np.empty(_largest(bounds), np.int64)
    late = newer = 0
    for unit in range(len(bounds) - 1):
        known = 0
        for at in range(bounds[unit], bounds[unit + 1]):
            if not is_news[at] and queued[at]:
                under_way[late] = 0.0
                late += 1
                continue
            if not is_news[at]:
                overtaker = _first_since(news, known, times, times[at])
                since = ended_by[at] if ended_by[at] != NOT_WAITING else at
                under = min(
                    received[at] - received[since], 2 * (received[at] - received[overtaker])
                )
                under_way[late] = under / typical[client[at]]
                late += 1
                continue
            if known:
                next_newer[newer] = (times[at] - times[news[known - 1]]) / typical[client[at]]
                newer += 1
            news[known] = at
            known += 1


@inlined
def _largest(bounds: Ints) -> int:
    largest = 0
    for unit in range(len(bounds) - 1):
        largest = max(largest, bounds[unit + 1] - bounds[unit])
    return largest


@inlined
def _first_since(news: Ints, known: int, times: Ints, time: float) -> int:
    """Return the first of the news at or after `time`; their times rise."""
    first, last = 0, known - 1
    while first < last:
        middle = (first + last) // 2
        if times[news[middle]] < time:
            first = middle + 1
        else:
            last = middle
    return int(news[first])
