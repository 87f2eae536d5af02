"""Clients' clocks: which are wrong, by how much, and what correcting them would change.

The delay of an event is the time it was under way minus the offset of its client's clock. The
network never takes less than its minimum: drawn over event time, a client's delays have a straight
lower envelope, whose height tells the clock's offset and whose slope tells its drift. The envelope
is the line below all delays that is highest in the middle of them, the estimator of Moon, Skelly
and Towsley ("Estimation and removal of clock skew from network delay measurements", INFOCOM 1999).

The topic alone gives relative offsets: against the smallest delay of the typical client.

Where it is known when events were sent, that stands for when they happened: what lies between is by
one clock, and says nothing of it.

Of one client at a time: `LowerEnvelopes` and the rows of `clocks_against`. Pooled over all clients,
and passed to those: `Network`, `TypicalClock`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib.analysis import delays, kernels
from lib.analysis.received import with_received_time
from lib.analysis.tally import PARTS_OF_MS, Tally
from lib.core.blockwise import (
    Answer,
    Pool,
    added,
    alone,
    answered,
    either,
    in_step,
    joined,
    pooled,
    together,
)
from lib.core.columns import (
    CLIENT,
    DRIFT,
    EVENT_TIME,
    EVENT_TIME_0,
    EVENTS,
    MISSING_TIME,
    PARTITION,
    RECEIVED_TIME,
    RECEIVED_TIME_TYPE,
    RECORD_TIME,
    SENT_TIME,
)
from lib.core.durations import MINUTE_MS
from lib.core.jit import compiled
from lib.core.times.diagnosis import RIGHT_SHARE
from lib.sources.records import LOG_APPEND_TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lib.analysis.kernels import Codes, Groups, Ints
    from lib.core.blockwise import Question, Steps

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

SMALLEST_DELAY: Final = "SmallestDelay"
CLOCK_OFFSET: Final = "Offset"
MEASURED_AT: Final = "At"
FUTURE: Final = "Future"
WRONG: Final = "Wrong"
UNSTEADY: Final = "Unsteady"
BROKER: Final = "Broker"
CASE: Final = "Case"

SENSITIVITY: Final = 5.0
"""How many times what is usual in the topic the offset or the drift of a wrong clock is."""
CHANCE: Final = 0.001
"""Probability, at most, that the network alone makes any clock of a topic look wrong."""
MAX_DRIFT_PPM: Final = 1000.0
"""No clock drifts more; a steeper envelope is that of a flushed buffer."""

AHEAD_MS: Final = 86_400_000
"""An event that was received so long before it happened has a wrong day, month or year."""
MOST_AHEAD: Final = 0.1
"""Of a client's events: of more that follow each other, the clock was wrong for a while."""

_AHEAD_MS: Final = 1_000.0  # a right clock is ahead by less
_FEWEST_OF_BROKER: Final = 5  # clients that show a broker's clock: fewer may share another
_MOST_OF_BROKER: Final = 0.9  # of its clients, at least
_UNSTEADY: Final = 3.0  # half of a client's lags are at most its clock's error over this
_LONG_WAY_MS: Final = 2_000.0  # no way takes longer and is steady
_LONGEST_WAY_MS: Final = 10_000.0  # no way takes longer, steady or not
_SCATTER_OF_WAY: Final = 100.0  # a way's delay is at most so many times its median lag
_BLOCKS: Final = 32  # a client's events, cut into so many: the smallest delay of each is kept
_FEWEST_LIVE: Final = 6  # times heard: by chance, as many are no burst that looks live
_LIVE: Final = 0.25  # of the time in which events happened: their delays differ by less
_RESOLUTION_MS: Final = 1.0  # of times, and so of delays
_BOTH_ENDS: Final = 2 / 0.75
_ROUNDS: Final = 26  # bisections of a slope's interval, which leave less than 0.1 ppb of it


@dataclass(frozen=True)
class ClientTimes:
    """Whose each event is, when it happened by the client's clock, and when it was received.

    Attributes
    ----------
    shown
        What the client's clock showed last before the event was under way: when it was sent, where
        that is known and asked for, else `event_time`. Clocks are judged by `received` − `shown`.
    """

    clients: Groups
    event_time: Ints
    received: Ints
    shown: Ints


@dataclass(frozen=True)
class LowerEnvelopes:
    """The lower envelope of each client's delays: `height` + `slope` · (event time − `middle`).

    Attributes
    ----------
    height, slope, middle
        float64; ms, ms a ms, and epoch ms on the client's clock.
    span
        Time from the client's first event to its last, float64 ms.
    heard
        How often the client was heard, int64: the events of a burst, which share their delay,
        count once.
    blur
        How much too high the envelope may be by the client's own delays, float64 ms: where its
        network is slow, few of them come near it.
    """

    height: Floats
    slope: Floats
    middle: Floats
    span: Floats
    heard: Ints
    blur: Floats

    def lags(self, clients: Codes, event_time: Ints, received: Ints) -> Floats:
        """Return each event's delay above its client's envelope, ms, at least 0."""
        found = np.empty(len(clients))
        _find_lags(clients, event_time, received, self.height, self.slope, self.middle, found)
        return found

    def possible_times(self, clients: Codes, event_time: Ints, received: Ints) -> Ints:
        """Return event times; of those that are more than a day below the envelope, its own."""
        found = np.empty(len(clients), np.int64)
        _limit_times(clients, event_time, received, np.rint(self.height).astype(np.int64), found)
        return found


@dataclass(frozen=True)
class Network:
    """How long the network delays events, pooled over all clients.

    Attributes
    ----------
    lags
        How often each delay above the lower envelope of its client occurs, in `tally.PARTS_OF_MS`.
    clients
        Number of clients.
    """

    lags: Tally
    clients: int

    def __add__(self, other: Network) -> Network:
        """Return that of the clients of both."""
        return Network(self.lags + other.lags, self.clients + other.clients)

    def lag_at(self, rank: Ints) -> Floats:
        """Return the lags at some places of all of them, rising, ms; the last beyond the last."""
        last = np.minimum(rank, self.lags.n - 1)
        return np.asarray(self.lags.at(last) / PARTS_OF_MS, np.float64)

    def longest_by_chance(self, heard: Floats | Ints) -> Floats:
        """Return the lag that all events of a client, heard so often, exceed by chance, ms.

        With a probability of `CHANCE` for any client of the topic, so `CHANCE` / `clients` for
        each: the lag that a share p of all events exceed, where p ^ `heard` is that probability.
        """
        exceeding = (CHANCE / self.clients) ** (1 / np.maximum(heard, 1))
        return self.lag_at(np.floor((1 - exceeding) * self.lags.n).astype(np.int64))


@dataclass(frozen=True)
class TypicalClock:
    """The clock of the typical client, pooled over all clients.

    Attributes
    ----------
    smallest_delay
        Median height of the clients' lower envelopes that a right clock may have, ms: offsets are
        counted from it.
    usual
        The largest offset, or change by drift, that is usual in the topic, ms: `SENSITIVITY` times
        the median distance of a client's height from the typical one, or the median lag,
        whichever is more.
    """

    smallest_delay: float
    usual: float


def clocks(events: pd.DataFrame) -> pd.DataFrame:
    """Return what each client's clock shows: `clocks_against` the typical clock of the events.

    By when events were sent, where that is known; of those that have a received time.
    """
    heard = with_received_time(events)
    times = sent_times(heard)
    return alone(clocks_of(heard, times, lower_envelopes(times)))


def clocks_of(
    heard: pd.DataFrame, times: ClientTimes, envelopes: LowerEnvelopes
) -> Steps[pd.DataFrame]:
    """Find `clocks` of the block's clients, where their lower envelopes are known.

    With `KafkaPartition`, that of all of a client's events, where brokers stamped them, else −1;
    and `Broker` bool: it is the clock of the partition's broker that is wrong, not its client's.
    """
    network, heights = Pool(network_of(times, envelopes), added), Pool(envelopes.height, joined)
    of_all = yield from pooled({"network": network, "heights": heights})
    typical = typical_clock(of_all["heights"], of_all["network"])
    table = clocks_against(typical, of_all["network"], times, envelopes)
    table = table.assign(**{PARTITION: _partitions(heard, times.clients)})
    brokers = yield from _find_brokers(table, typical.usual)
    of_broker = table[WRONG] & table[PARTITION].isin(brokers)
    return table.assign(**{WRONG: table[WRONG] & ~of_broker, BROKER: of_broker})


def _partitions(heard: pd.DataFrame, clients: Groups) -> Ints:
    """Return the partition that has all events of each client, stamped by brokers; −1 if none."""
    kinds = heard.get(RECEIVED_TIME_TYPE)
    if kinds is None or RECORD_TIME in heard:
        return np.full(clients.n, -1)
    partition = np.where(kinds == LOG_APPEND_TIME, heard[PARTITION], -1).astype(np.int64)
    low, high = kernels.bounds_within(clients, partition)
    return np.where(low == high, low, -1)


def _find_brokers(clocks: pd.DataFrame, usual: float) -> Steps[list[int]]:
    """Find the partitions of which (nearly) all clients' clocks are wrong by as much."""
    own = clocks[clocks[PARTITION] >= 0].groupby(PARTITION)
    offset = clocks.loc[clocks[WRONG] & (clocks[PARTITION] >= 0)].groupby(PARTITION)[CLOCK_OFFSET]
    part = pd.DataFrame(
        {"clients": own.size(), "wrong": offset.size(), "low": offset.min(), "high": offset.max()}
    )
    of_all = yield Pool(part.fillna({"wrong": 0}), _of_both)
    clients = int(of_all["clients"].sum())
    return [
        int(row.Index)
        for row in of_all.itertuples()
        if row.high - row.low <= usual and are_of_broker(row.wrong, row.clients, clients)
    ]


def _of_both(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return what is known of each partition from the clients of both."""
    of = pd.concat([one, other]).groupby(level=0)
    return of.agg({"clients": "sum", "wrong": "sum", "low": "min", "high": "max"})


def are_of_broker(which: int, of_partition: int, of_all: int) -> bool:
    """Return whether so many clients, all of one partition, show its broker's clock, not theirs.

    They do where they are nearly all of the partition's, and at most half of the topic's.
    """
    most = max(_FEWEST_OF_BROKER, _MOST_OF_BROKER * of_partition)
    return bool(most <= which <= of_all / 2)


def clocks_against(
    typical: TypicalClock, network: Network, times: ClientTimes, envelopes: LowerEnvelopes
) -> pd.DataFrame:
    """Return what each client's clock shows against the typical clock.

    A clock is wrong if its offset, or what its drift adds up to, is more than what is usual, and
    no way explains it. A way may be shorter than others, but never shorter than nothing: a clock
    is ahead where events were received before they happened. A way may be longer: a clock is
    behind by more than a network explains that was slow each time the client was heard, than the
    client's own delays are above their lower envelope, and than ways take (`_longest_way`); not if
    its events were sent out of a store, which says nothing of when they could have come, or any
    came in half the time: then the others were gathered, or if all may have waited for the end of
    one outage (`_outlasts_outages`). A clock has no one offset, and is not
    wrong but unsteady, where most of the times that its client was heard were not near the lower
    envelope: some of its events have another clock's time, or it was ahead for a while.

    Parameters
    ----------
    typical, network
        `typical_clock` and `network_of` of all clients.
    times, envelopes
        `sent_times` of the clients to judge, and their `lower_envelopes`.

    Returns
    -------
    pd.DataFrame
        One row a client: `ClientID`; `Events` int64; `SmallestDelay` int64 ms; `Offset` float64
        ms, above zero where the clock is ahead, at the moment `At` (int64 epoch ms on the
        client's own clock, the middle of its events); `Drift` float64 ppm, above zero where the
        clock gains, exactly zero where the network alone explains it; `Future` int64,
        the events with a negative delay; `Wrong` bool; `Unsteady` bool, a clock that is ahead at
        times.
    """
    clients, delay = times.clients, times.received - times.event_time
    offset = typical.smallest_delay - envelopes.height
    lags = _lags(times, envelopes)
    scatter = kernels.medians_within(clients, lags)
    by_drift = np.abs(envelopes.slope) * envelopes.span
    by_chance = network.longest_by_chance(envelopes.heard) if clients.n else offset
    explained = np.maximum.reduce(
        (
            np.full(clients.n, typical.usual),
            by_chance,
            envelopes.blur,
            _longest_way(scatter, envelopes),
        )
    )
    is_behind = np.minimum(-offset, envelopes.height) > explained
    is_behind &= _is_live(times, envelopes) & ~_come_sooner(times, envelopes)
    is_behind &= _outlasts_outages(clients, lags, -offset, envelopes)
    is_ahead = (offset > typical.usual) & (envelopes.height < -_RESOLUTION_MS)
    is_other = is_ahead | (by_drift > typical.usual)
    off = _typical_heard(times, envelopes, is_other)
    is_unsteady = is_other & (_UNSTEADY * off > np.maximum(np.abs(offset), by_drift / 2))
    return pd.DataFrame(
        {
            CLIENT: clients.labels,
            EVENTS: clients.sizes,
            SMALLEST_DELAY: kernels.bounds_within(clients, delay)[0],
            CLOCK_OFFSET: offset,
            DRIFT: 0.0 - envelopes.slope * 1e6,
            MEASURED_AT: np.rint(envelopes.middle).astype(np.int64),
            FUTURE: kernels.counts(clients.codes[delay < 0], clients.n),
            WRONG: is_behind | (is_other & ~is_unsteady),
            UNSTEADY: is_ahead & is_unsteady,
        }
    )


def _longest_way(scatter: Floats, envelopes: LowerEnvelopes) -> Floats:
    """Return the smallest delay that each client's way to the broker may have, ms.

    A slow link takes seconds, and not always the same: `scatter`, the median of its own lags, says
    how steady it is. What is sent at fixed times may always be as old as the time between two
    uploads.
    """
    between = envelopes.span / np.maximum(envelopes.heard, 1)
    steady = np.maximum(_LONG_WAY_MS, _SCATTER_OF_WAY * scatter)
    gathered = np.maximum(_LONGEST_WAY_MS, 2 * between)
    return np.asarray(np.minimum(steady, gathered), np.float64)


def _typical_heard(times: ClientTimes, envelopes: LowerEnvelopes, which: Bools) -> Floats:
    """Return the median lag of the times that some clients were heard, ms; 0 of other clients.

    The events of a burst count once: what outages held back says nothing of a clock.
    """
    found = np.zeros(times.clients.n)
    rows = np.flatnonzero(which[times.clients.codes])
    if not len(rows):
        return found
    clients = kernels.Groups(times.clients.codes[rows], times.clients.labels)
    own = ClientTimes(
        clients=clients,
        event_time=times.event_time[rows],
        received=times.received[rows],
        shown=times.shown[rows],
    )
    x, y = _delays_over_time(own)
    codes = np.repeat(np.arange(clients.n, dtype=np.int32), clients.sizes)
    heard = np.diff(y, prepend=0) >= -np.diff(x, prepend=0) / 2
    heard[clients.bounds[:-1][clients.sizes > 0]] = True
    codes, x, y = codes[heard], x[heard], y[heard]
    lags = envelopes.lags(codes, x, x + y.astype(np.int64))
    found[which] = kernels.medians_within(kernels.Groups(codes, clients.labels), lags)[which]
    return found


def _is_live(times: ClientTimes, envelopes: LowerEnvelopes) -> Bools:
    """Return whose events were received over half the time, at least, in which they happened."""
    first, last = kernels.bounds_within(times.clients, times.received)
    live: Bools = 2 * (last - first) >= envelopes.span
    return live


def _outlasts_outages(
    clients: Groups, lags: Floats, behind: Floats, envelopes: LowerEnvelopes
) -> Bools:
    """Return whose events cannot all have waited for the end of one outage.

    Those of a client that is known for as long as it is `behind`, ms, or for a minute: clients come
    back in less. Or those that came as far apart as they happened, if they are not very few.
    """
    is_long = envelopes.span >= np.minimum(behind, MINUTE_MS)
    most = kernels.bounds_within(clients, np.rint(lags).astype(np.int64))[1]
    came_live = (envelopes.heard >= _FEWEST_LIVE) & (most <= _LIVE * envelopes.span)
    return np.asarray(is_long | came_live, np.bool_)


def _come_sooner(times: ClientTimes, envelopes: LowerEnvelopes) -> Bools:
    """Return of whom an event came in less than half the client's envelope, and after it happened.

    The envelope leaves out a few events, as wild: single wrong times, or the last of a batch.
    """
    delay = times.received - times.shown
    possible = np.where(delay >= 0, delay, np.iinfo(np.int64).max)
    least = kernels.bounds_within(times.clients, possible)[0]
    sooner: Bools = least < envelopes.height / 2
    return sooner


def client_times(events: pd.DataFrame) -> ClientTimes:
    """Return the clients and times of an events table, in any order."""
    event_time, received = (kernels.ints(events[name]) for name in (EVENT_TIME, RECEIVED_TIME))
    return ClientTimes(kernels.group_by(events, CLIENT), event_time, received, event_time)


def sent_times(events: pd.DataFrame) -> ClientTimes:
    """Return the clients and times of an events table, `shown` being when each event was sent.

    An event of which that is unknown was sent when it happened or later: the lower envelope of its
    client stays where it is.
    """
    times = client_times(events)
    if SENT_TIME not in events:
        return times
    sent = kernels.ints(events[SENT_TIME])
    shown = np.where(sent == MISSING_TIME, times.event_time, sent)
    shown.flags.writeable = False
    return replace(times, shown=shown)


def network_of(times: ClientTimes, envelopes: LowerEnvelopes) -> Network:
    """Return how long the network delays events beyond the lower envelopes of their clients."""
    return Network(Tally.of_ms(_lags(times, envelopes)), times.clients.n)


def _lags(times: ClientTimes, envelopes: LowerEnvelopes) -> Floats:
    return envelopes.lags(times.clients.codes, times.shown, times.received)


def typical_clock(heights: Floats, network: Network) -> TypicalClock:
    """Return the typical clock of all clients, of whose lower envelopes these are the heights.

    Clocks that are ahead by more than a right one may be are left out, if a quarter are not: so
    that they are wrong however many they are. If fewer are not, the clock of received time is.
    """
    if not network.clients:
        return TypicalClock(0.0, np.inf)
    middle = float(network.lag_at(np.array([network.lags.n // 2]))[0])
    possible = heights[heights >= -max(_AHEAD_MS, SENSITIVITY * middle)]
    if len(possible) >= RIGHT_SHARE * len(heights):
        heights = possible
    smallest = float(np.median(heights))
    distance = float(np.median(np.abs(smallest - heights)))
    return TypicalClock(smallest, SENSITIVITY * max(distance, middle, 1.0))


def lower_envelopes(times: ClientTimes) -> LowerEnvelopes:
    """Return the lower envelope of each client's delays; level where the network may slope it."""
    return alone(find_envelopes(times))


def find_envelopes(times: ClientTimes) -> Steps[LowerEnvelopes]:
    """Find the `lower_envelopes` of the block's clients."""
    x, y = _delays_over_time(times)
    sloped = _sloped(times.clients, x, y)
    any_sloped = yield Pool(bool(sloped.slope.any()), either)
    return (yield from _levelled(sloped, times, x, y)) if any_sloped else sloped


def correct(events: pd.DataFrame, clock_table: pd.DataFrame) -> pd.DataFrame:
    """Return the events with the event times that right clocks would have given.

    Parameters
    ----------
    events
        The events table, left as it is.
    clock_table
        Rows of the result of `clocks`: of the clients to correct.

    Returns
    -------
    pd.DataFrame
        A new events table, in the same order. `Offset` and what `Drift` adds to it are subtracted
        from the `Timestamp` and `EventTimestamp0` of those clients, and from when they sent an
        event, which is of the same clock; zero stays where it was.
    """
    clients = events[CLIENT].cat
    row = clients.categories.get_indexer(pd.Index(clock_table[CLIENT]))
    of_client = np.zeros((len(clients.categories) + 1, 3))  # the last row: events without a client
    of_client[row] = clock_table[[CLOCK_OFFSET, DRIFT, MEASURED_AT]].to_numpy(np.float64)
    offset, drift, measured_at = of_client[clients.codes.to_numpy()].T
    times = kernels.ints(events[EVENT_TIME])
    ahead = np.rint(offset + drift * 1e-6 * (times - measured_at)).astype(np.int64)
    corrected = set_back(events, ahead)
    if EVENT_TIME_0 not in events:
        return corrected
    since_zero = events[EVENT_TIME_0].to_numpy()
    zero = times[:1] - np.rint(since_zero[:1] * 1000).astype(np.int64)
    return corrected.assign(**{EVENT_TIME_0: (corrected[EVENT_TIME].to_numpy() - zero) / 1000})


def set_back(events: pd.DataFrame, ahead: Ints) -> pd.DataFrame:
    """Return events with the times of their clients' clocks, which were so many ms `ahead`."""
    times = {EVENT_TIME: kernels.ints(events[EVENT_TIME]) - ahead}
    if SENT_TIME in events:
        sent = kernels.ints(events[SENT_TIME])
        times[SENT_TIME] = np.where(sent == MISSING_TIME, sent, sent - ahead)
    return events.assign(**times)


def effect(
    events: pd.DataFrame,
    clock_table: pd.DataFrame,
    client: object,
    shares: Sequence[float] = delays.SHARES,
) -> pd.DataFrame:
    """Return what one client's clock does to the out-of-orderness of the topic.

    Parameters
    ----------
    events
        The events table, in **arrival order**.
    clock_table
        The result of `clocks`.
    client
        The client to leave out, or to correct.
    shares
        Which quantiles of out-of-orderness, from 0 to 1.

    Returns
    -------
    pd.DataFrame
        Rows with `Case` "as it is", "without the client" (if the topic has others), "with its
        clock corrected"; `Events` and `OutOfOrder`, int64; one int64 column in ms for each share,
        over the whole topic.
    """
    own = (events[CLIENT] == client).to_numpy()
    times = correct(events, clock_table[clock_table[CLIENT] == client])[EVENT_TIME].to_numpy()
    return answered(effect_question(events, own, times, shares))


def effect_question(
    events: pd.DataFrame,
    own: Bools,
    corrected: Ints,
    shares: Sequence[float] = delays.SHARES,
) -> Question[pd.DataFrame]:
    """Ask for `effect` of blocks that follow one another in arrival order.

    Parameters
    ----------
    own, corrected
        Which events are the client's, and all event times with its clock corrected.
    """
    cases = {
        "as it is": events,
        "without the client": events[~own],
        "with its clock corrected": events.assign(**{EVENT_TIME: corrected}),
    }
    found = yield from in_step(
        {case: delays.disorder_question(table, shares) for case, table in cases.items()}
    )
    every = together(found)
    return Answer(every.part, every.merge, partial(_effect_table, every.finish))


def _effect_table(
    finish: Callable[[Any], dict[str, pd.DataFrame]], part: dict[str, Any]
) -> pd.DataFrame:
    tables = {case: table for case, table in finish(part).items() if len(table)}
    topics = [table.head(1).drop(columns=delays.SCOPE) for table in tables.values()]
    found = pd.concat(topics, ignore_index=True)
    found.insert(0, CASE, [*tables])
    return found


def _sloped(clients: Groups, x: Ints, y: Floats) -> LowerEnvelopes:
    """Return each client's lower envelope, however its slope came about.

    `x` and `y` are what `_delays_over_time` returns; in `y`, wild delays become infinite.
    """
    if not clients.n:
        none = np.empty(0)
        return LowerEnvelopes(none, none, none, none, clients.sizes, none)
    bounds = clients.bounds
    heard = np.empty(clients.n, np.int64)
    _count_heard(bounds, x, y, heard)
    codes, lowest = lowest_of_blocks(clients, y)
    first, last = np.empty(clients.n, np.int64), np.empty(clients.n, np.int64)
    _leave_out_wild(bounds, x, y, _fences(clients, codes, y[lowest]), first, last)
    tame = np.isfinite(y[lowest])
    codes, lowest = codes[tame], lowest[tame]
    middle, span = (first + last) / 2, (last - first).astype(np.float64)
    slope = _slopes(codes, clients.n, x[lowest] - middle[codes], y[lowest])
    slope[np.abs(slope) > MAX_DRIFT_PPM * 1e-6] = 0.0
    height = _heights(bounds, x, y, slope, middle)
    above = y[lowest] - height[codes] - slope[codes] * (x[lowest] - middle[codes])
    return LowerEnvelopes(height, slope, middle, span, heard, _blur(clients, codes, above, heard))


def _levelled(
    envelopes: LowerEnvelopes, times: ClientTimes, x: Ints, y: Floats
) -> Steps[LowerEnvelopes]:
    """Find the envelopes without the slopes that the network may have made by chance."""
    # A slope rests on the outer quarters of the events, whose middles are 3/4 of the span apart;
    # either may be too high by chance, and by up to 1 ms because times are whole milliseconds.
    clients, lags = times.clients, _lags(times, envelopes)
    network = yield Pool(Network(Tally.of_ms(lags), clients.n), added)
    if not clients.n:
        return envelopes
    slow = network.longest_by_chance(envelopes.heard / 4)
    change = np.abs(envelopes.slope) * envelopes.span
    in_doubt = change > _BOTH_ENDS * np.maximum(slow, _RESOLUTION_MS)
    slow = np.maximum(slow * _slowness(clients, lags, in_doubt, network), envelopes.blur)
    by_chance = _BOTH_ENDS * np.maximum(slow, _RESOLUTION_MS)
    slope = np.where(change <= by_chance, 0.0, envelopes.slope)
    height = _heights(clients.bounds, x, y, slope, envelopes.middle)
    return replace(envelopes, height=height, slope=slope)


def _slowness(clients: Groups, lags: Floats, which: Bools, network: Network) -> Floats:
    """Return how many times slower than all clients' network that of some is, 1 at least."""
    slowness = np.ones(clients.n)
    if which.any():
        rows = np.flatnonzero(which[clients.codes])
        own = kernels.Groups(clients.codes[rows], clients.labels)
        typical = max(network.lags.median / PARTS_OF_MS, _RESOLUTION_MS)
        slowness[which] = kernels.medians_within(own, lags[rows])[which] / typical
    return np.maximum(slowness, 1.0)


def _heights(bounds: Ints, x: Ints, y: Floats, slope: Floats, middle: Floats) -> Floats:
    height = np.empty(len(slope))
    _find_heights(bounds, x, y, slope, middle, height)
    return height


def _blur(clients: Groups, codes: Codes, above: Floats, heard: Ints) -> Floats:
    """Return how much too high each envelope may be; `above` is by how much blocks are above it.

    With exponential delays the smallest of b blocks is above the true floor by the 3.5 / b of the
    lower quartile of the blocks on average, and by seven times as much with a chance of 0.1 %.
    """
    blocks = kernels.Groups(codes, clients.labels)
    quartile = kernels.quantiles_within(blocks, np.rint(above).astype(np.int64), (0.25,))[:, 0]
    return np.asarray(quartile * np.maximum(2.0, 24 / np.minimum(blocks.sizes, heard)), np.float64)


def _delays_over_time(times: ClientTimes) -> tuple[Ints, Floats]:
    """Return times shown, client after client and rising, and the delays of those events."""
    clients = times.clients
    x, before = kernels.sort_within(clients.bounds, kernels.together(clients, times.shown))
    delay = np.subtract(times.received, times.shown, out=np.empty(len(times.received)))
    delay = kernels.together(clients, delay)
    return x, delay if before is None else kernels.taken(delay, before)


def lowest_of_blocks(clients: Groups, y: Floats) -> tuple[Codes, Ints]:
    """Return the client of each block, and the position of the block's smallest delay."""
    blocks = np.minimum(clients.sizes, _BLOCKS)
    lowest = np.empty(blocks.sum(), np.int64)
    _find_lowest(clients.bounds, y, lowest)
    return np.repeat(np.arange(clients.n, dtype=np.int32), blocks), lowest


def _fences(clients: Groups, codes: Codes, lowest: Floats) -> Floats:
    """Return the delay below which one is wild, for each client, ms.

    Tukey's outer fence of the smallest delays of a client's blocks: three times the distance of
    their quartiles, and at least 3 ms, below the lower quartile.
    """
    blocks = kernels.Groups(codes, clients.labels)
    low, high = kernels.quantiles_within(blocks, lowest.astype(np.int64), (0.25, 0.75)).T
    fences: Floats = (low - 3 * np.maximum(high - low, 1)).astype(np.float64)
    return fences


def _slopes(codes: Codes, n: int, x: Floats, y: Floats) -> Floats:
    """Return, for each client, the slope of the line below its points that is highest at x = 0.

    The line touches a point left of 0 and one right of it. For a given slope, take the line
    through the lowest point of either side: where the left one is the lower, the slope must be
    larger, else smaller. Bisection finds it, for all clients at once. Points are ordered by client
    and x; a client without points on both sides gets slope 0.
    """
    sizes = np.bincount(codes, minlength=n)
    begins = kernels.first_of_each(sizes)
    splits = begins + np.bincount(codes[x <= 0], minlength=n)
    both = (splits > begins) & (splits < begins + sizes)
    sides = np.stack((begins, np.where(both, splits, begins)), axis=1).ravel()
    bound = MAX_DRIFT_PPM * 2e-6
    low, high = np.full(n, -bound), np.full(n, bound)
    for _ in range(_ROUNDS):
        slope = (low + high) / 2
        left, right = np.minimum.reduceat(y - slope[codes] * x, sides).reshape(n, 2).T
        rise = left < right
        low, high = np.where(rise, slope, low), np.where(rise, high, slope)
    return np.where(both, (low + high) / 2, 0.0)


@compiled
def _find_lags(
    clients: Codes,
    times: Ints,
    received: Ints,
    height: Floats,
    slope: Floats,
    middle: Floats,
    found: Floats,
) -> None:
    for event in range(len(clients)):
        client, time = clients[event], times[event]
        floor = height[client] + slope[client] * (time - middle[client])
        found[event] = max((received[event] - time) - floor, 0.0)


@compiled
def _limit_times(
    clients: Codes, event_time: Ints, received: Ints, height: Ints, found: Ints
) -> None:
    for event in range(len(clients)):
        latest = received[event] - height[clients[event]]
        is_possible = event_time[event] <= latest + AHEAD_MS
        found[event] = event_time[event] if is_possible else latest


@compiled
def _count_heard(bounds: Ints, x: Ints, y: Floats, heard: Ints) -> None:
    """Count how often each client was heard.

    Events that arrive less than half as far apart as they happened belong to one burst, and so do
    those that were sent, or happened, at one moment.
    """
    for client in range(len(heard)):
        heard[client] = bounds[client + 1] > bounds[client]
        for at in range(bounds[client] + 1, bounds[client + 1]):
            apart = x[at] - x[at - 1]
            heard[client] += apart > 0 and y[at] - y[at - 1] >= -apart / 2


@compiled
def _find_lowest(bounds: Ints, y: Floats, lowest: Ints) -> None:
    """Find the position of the smallest delay in each of a client's equally large blocks."""
    block = 0
    for client in range(len(bounds) - 1):
        first, size = bounds[client], bounds[client + 1] - bounds[client]
        blocks = min(size, _BLOCKS)
        for number in range(blocks):
            # Block k of b of a client with n events begins at its event ⌈k·n / b⌉.
            begin = first + (number * size + blocks - 1) // blocks
            end = first + ((number + 1) * size + blocks - 1) // blocks
            lowest[block] = begin
            for at in range(begin + 1, end):
                if y[at] < y[lowest[block]]:
                    lowest[block] = at
            block += 1


@compiled
def _leave_out_wild(
    bounds: Ints, x: Ints, y: Floats, fences: Floats, first: Ints, last: Ints
) -> None:
    """Make wild delays infinite, and find each client's first and last event time without them.

    Delays below the fence come of single wrong times, not of a wrong clock, if they are fewer than
    a block has; more of them are the envelope, but for a few of more than a day.
    """
    for client in range(len(fences)):
        begin, end, fence = bounds[client], bounds[client + 1], fences[client]
        wild, days = 0, 0
        for at in range(begin, end):
            wild += y[at] < fence
            days += y[at] < min(fence, -AHEAD_MS)
        if wild * _BLOCKS >= end - begin:
            fence = min(fence, -AHEAD_MS) if days <= MOST_AHEAD * (end - begin) else -np.inf
        if wild > 0:
            for at in range(begin, end):
                if y[at] < fence:
                    y[at] = np.inf
        end -= 1
        while np.isinf(y[begin]):
            begin += 1
        while np.isinf(y[end]):
            end -= 1
        first[client], last[client] = x[begin], x[end]


@compiled
def _find_heights(
    bounds: Ints, x: Ints, y: Floats, slope: Floats, middle: Floats, height: Floats
) -> None:
    """Find the height, at `middle`, of the highest line of the slope that is below all delays."""
    for client in range(len(height)):
        lowest = np.inf
        for at in range(bounds[client], bounds[client + 1]):
            lowest = min(lowest, y[at] - slope[client] * (x[at] - middle[client]))
        height[client] = lowest
