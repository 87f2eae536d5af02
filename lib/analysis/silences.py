"""The silences between a client's arrivals, and how long events waited for their end.

Between two arrivals of a client the broker hears nothing. An event is *due* when it would have
arrived with the client's smallest delay (`lib.analysis.client_clocks.LowerEnvelopes` takes the
clock out); one that was due in a silence waited for its end. The network makes every event wait a
little. How long it may is learnt from the topic: from the waits themselves, in multiples of each
client's typical one, and from events that were under way although their client was heard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib.analysis import kernels, tails
from lib.analysis.client_clocks import lower_envelopes
from lib.analysis.completeness import are_sequence_numbers, number_steps
from lib.analysis.kernels import Groups
from lib.core.columns import CLIENT, EVENT_TIME, RECEIVED_TIME, SESSION
from lib.core.jit import compiled, inlined

if TYPE_CHECKING:
    from lib.analysis.client_clocks import LowerEnvelopes
    from lib.analysis.kernels import Codes, Ints, Value

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NOT_WAITING: Final = -1

_BORROWED: Final = 10  # a client heard fewer times leans on what is typical of the topic


@dataclass(frozen=True)
class Arrivals:
    """The first arrivals of events, by unit and received time; one element an arrival.

    A unit is a client, or a session of a client that has several at once.

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
        When the event would have arrived with its client's smallest delay, received clock.
    opens
        Whether it is the first of its unit.
    is_news
        Whether it opens, or is newer than everything that its unit sent before.
    continues
        Whether it is news in the session that was heard before.
    interval
        Time since the event of the same unit that happened before it, whenever that arrived,
        ms; 0 for the unit's earliest.
    step
        How far its number is above the one below it: beyond 1, numbers are missing.
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
    step: Ints

    def heard_before(self, which: Ints) -> Ints:
        """Return when the unit's arrival before each of some arrived; for its first, itself."""
        return self.received[which - ~self.opens[which]]

    def lost(self, which: Ints) -> Ints:
        """Return how many numbers are missing directly below those of some arrivals."""
        return np.maximum(self.step[which] - 1, 0)


@dataclass(frozen=True)
class Waits:
    """What waited for the end of a silence; one element an arrival.

    Attributes
    ----------
    ended_by
        The arrival that ended the silence in which the event was due; `NOT_WAITING` if it did not
        wait.
    longest
        The longest wait in the silence that it ended, ms; `NOT_WAITING` without any.
    """

    ended_by: Codes
    longest: Floats


def find_arrivals(
    events: pd.DataFrame, *, envelopes: LowerEnvelopes | None = None, steps: Ints | None = None
) -> Arrivals:
    """Return the first arrivals of an events table that is in arrival order.

    Where `clocks.lower_envelopes` and `completeness.number_steps` of the events are known, they
    need not be found again.
    """
    envelopes = lower_envelopes(events) if envelopes is None else envelopes
    steps = number_steps(events) if steps is None else steps
    if not are_sequence_numbers(steps):
        steps = np.full(len(events), -1)
    client, session = kernels.group_by(events, CLIENT), kernels.group_by(events, SESSION)
    times, received = kernels.ints(events[EVENT_TIME]), kernels.ints(events[RECEIVED_TIME])
    repeats = steps == 0  # they say nothing of the silence before them
    unit = _units(client, session, repeats, times, received)
    bounds = unit.bounds[:-1]
    heard, stood = kernels.sort_within(bounds, kernels.together(unit, received)[: bounds[-1]])

    def in_order(values: npt.NDArray[Value]) -> npt.NDArray[Value]:
        of_units = kernels.together(unit, values)[: bounds[-1]]
        return of_units if stood is None else kernels.taken(of_units, stood)

    happened = in_order(times)
    interval = kernels.steps_within(bounds, happened, 0).astype(np.float64)
    clients = in_order(client.codes)
    opens, is_news, continues = (np.empty(len(heard), np.bool_) for _ in range(3))
    lags = envelopes.lags(clients, happened, heard)
    _tell_news(bounds, happened, in_order(session.codes), opens, is_news, continues)
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
        interval=interval,
        step=in_order(steps),
    )


def find_waits(arrivals: Arrivals) -> Waits:
    """Return the events that were due in a silence of their unit, and waited for its end.

    An event that a newer one overtook before the silence did not wait for its end: it was late
    for another reason, and neither does its arrival end a silence.
    """
    ended_by = np.empty(len(arrivals.row), np.int32)
    longest = np.full(len(arrivals.row), float(NOT_WAITING))
    _await_news(
        arrivals.bounds, arrivals.received, arrivals.due, arrivals.is_news, ended_by, longest
    )
    return Waits(ended_by, longest)


def find_stragglers(arrivals: Arrivals) -> tuple[Ints, Ints]:
    """Return the events that were due shortly before their unit was last heard, and their waits.

    Something kept such an event back already before the silence, ended by its own arrival, in
    which it went on waiting. To learn what is usual, these waits are too many and too short; to
    judge a silence, each may be the only one.
    """
    early = arrivals.due[1:] <= arrivals.received[:-1]
    late = np.flatnonzero(early & arrivals.is_news[1:] & ~arrivals.opens[1:]) + 1
    return late, arrivals.received[late] - arrivals.heard_before(late)


def typical_of_clients(client: Codes, values: Floats, clients: int) -> Floats:
    """Return each client's median, ms and at least 1, drawn to that of all where it has few values.

    On a log scale: a client with three values, two of them outages, is not to be taken for slow.
    """
    if not len(client):
        return np.ones(clients)
    groups = Groups(client, pd.RangeIndex(clients))
    sizes = groups.sizes
    own = np.rint(kernels.medians_within(groups, values) * 1000)
    log_own = np.log(np.maximum(own / 1000, 1.0))
    log_all = np.log(max(kernels.median(values), 1.0))
    drawn: Floats = np.exp((sizes * log_own + _BORROWED * log_all) / (sizes + _BORROWED))
    return drawn


def wait_limits(arrivals: Arrivals, waits: Waits, false_share: float) -> tuple[Floats, Floats]:
    """Return each client's typical wait and the one up to which the network made it wait, ms.

    See `lib.analysis.tails.threshold`; the latter is infinite where no silence is beyond
    expectation.
    """
    heard = waits.longest >= 0
    longest, client = waits.longest[heard], arrivals.client[heard]
    typical = typical_of_clients(client, longest, len(arrivals.clients))
    longest /= kernels.taken(typical, client)
    del client
    overtaken = _overtaken(arrivals, waits, typical)
    return typical, typical * tails.threshold(longest, false_share, overtaken.share_beyond)


@dataclass(frozen=True)
class _Overtaken:
    """How long events were under way while their unit was heard, in typical waits.

    That is the network's doing alone, for no outage is on. `under_way` are those times, of the
    events that newer ones overtook; `next_newer` is, for each event that could be overtaken, the
    time to the unit's next one.
    """

    under_way: Floats
    next_newer: Floats

    def share_beyond(self, waits: Floats) -> Floats:
        """Return the share of events that are under way for more than each of these waits.

        Of those that would be overtaken within half of it, so that the other half would be left
        to see; the others tell nothing.
        """
        beyond = len(self.under_way) - kernels.count_up_to(self.under_way, waits)
        exposed = kernels.count_up_to(self.next_newer, np.nextafter(waits / 2, 0))
        return np.minimum(beyond / np.maximum(exposed, 1), 1.0)


def _overtaken(arrivals: Arrivals, waits: Waits, typical: Floats) -> _Overtaken:
    news = np.count_nonzero(arrivals.is_news)
    under_way = np.empty(len(arrivals.row) - news)
    next_newer = np.empty(news - np.count_nonzero(arrivals.opens))
    _measure_overtaking(
        arrivals.bounds,
        arrivals.received,
        arrivals.event_time,
        arrivals.is_news,
        waits.ended_by,
        arrivals.client,
        typical,
        under_way,
        next_newer,
    )
    return _Overtaken(under_way, next_newer)


def _units(client: Groups, session: Groups, repeats: Bools, *clocks: Ints) -> Groups:
    """Return each event's unit: its client, or its session if the client has several at once.

    That is, if one session begins before another of the client ends, on any of the clocks.
    Repeats are a last group of their own.
    """
    heard = _apart_from_repeats(session.codes, repeats, session.n)
    owner = kernels.last_within(heard, client.codes)[: session.n]
    at_once = np.zeros(client.n, np.bool_)
    for times in clocks:
        first, last = (bound[: session.n] for bound in kernels.bounds_within(heard, times))
        order = np.lexsort((first, owner))
        reached = last[order] + kernels.behind_running_max(owner[order], last[order])
        overlaps = (np.diff(owner[order]) == 0) & (first[order][1:] < reached[:-1])
        at_once[owner[order][1:][overlaps]] = True
    if not at_once.any():
        return _apart_from_repeats(client.codes, repeats, client.n)
    codes = np.where(at_once[client.codes], session.codes + np.int32(client.n), client.codes)
    return _apart_from_repeats(codes, repeats, client.n + session.n)


def _apart_from_repeats(codes: Codes, which: Bools, groups: int) -> Groups:
    """Return groups with one more, behind all others, that has some of the events."""
    if which.any():
        codes = codes.copy()
        codes[which] = groups
    return Groups(codes, pd.RangeIndex(groups + 1))


@compiled
def _tell_news(
    bounds: Ints, times: Ints, session: Codes, opens: Bools, is_news: Bools, continues: Bools
) -> None:
    for unit in range(len(bounds) - 1):
        newest = 0
        for at in range(bounds[unit], bounds[unit + 1]):
            opens[at] = at == bounds[unit]
            is_news[at] = opens[at] or times[at] > newest
            continues[at] = not opens[at] and is_news[at] and session[at] == session[at - 1]
            if is_news[at]:
                newest = times[at]


@compiled
def _await_news(
    bounds: Ints, received: Ints, due: Floats, is_news: Bools, ended_by: Codes, longest: Floats
) -> None:
    """Find the first news of each event's unit since it was due; it may be its own arrival."""
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
def _measure_overtaking(
    bounds: Ints,
    received: Ints,
    times: Ints,
    is_news: Bools,
    ended_by: Codes,
    client: Codes,
    typical: Floats,
    under_way: Floats,
    next_newer: Floats,
) -> None:
    """Measure how long late events were under way, and how far news are above the news before."""
    news = np.empty(_largest(bounds), np.int64)
    late = newer = 0
    for unit in range(len(bounds) - 1):
        known = 0
        for at in range(bounds[unit], bounds[unit + 1]):
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
def _first_since(news: Ints, known: int, clock: Ints, time: float) -> int:
    """Return the first of the news at which a clock was at `time`; they rise on either clock."""
    first, last = 0, known - 1
    while first < last:
        middle = (first + last) // 2
        if clock[news[middle]] < time:
            first = middle + 1
        else:
            last = middle
    return int(news[first])
