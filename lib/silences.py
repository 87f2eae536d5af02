"""The silences between a client's arrivals, and how long events waited for their end.

Between two arrivals of a client the broker hears nothing. An event is *due* when it would have
arrived with the client's smallest delay (`lib.clocks.lag` takes the clock out); one that was due
in a silence waited for its end. The network makes every event wait a little. How long it may is
learnt from the topic: from the waits themselves, in multiples of each client's typical one, and
from events that were under way although their client was heard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib import grouped, tails
from lib.clocks import lag
from lib.columns import CLIENT, EVENT_TIME, RECEIVED_TIME, SESSION
from lib.completeness import are_running, number_steps

if TYPE_CHECKING:
    from lib.grouped import Groups, Ints

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_BORROWED: Final = 10  # a client heard fewer times leans on what is typical of the topic


@dataclass(frozen=True)
class Arrivals:
    """The first arrivals of events, by unit and received time; one element an arrival.

    A unit is a client, or a session of a client that has several at once.

    Attributes
    ----------
    row
        Position in the events table.
    unit, session
        Which of them: codes that mean nothing else.
    client
        Code of the client in `clients`.
    clients
        The clients.
    received, event_time
        Epoch ms.
    due
        When the event would have arrived with its client's smallest delay, received clock.
    opens
        Whether it is the first of its unit.
    newest_before
        The largest event time that its unit sent before it; its own where it opens.
    interval
        Time since the event of the same unit that happened before it, whenever that arrived;
        0 for the unit's earliest.
    lost
        How many numbers are missing directly below its own.
    """

    row: Ints
    unit: Ints
    session: Ints
    client: Ints
    clients: Groups
    received: Ints
    event_time: Ints
    due: Floats
    opens: Bools
    newest_before: Ints
    interval: Ints
    lost: Ints

    @property
    def heard_before(self) -> Ints:
        """Received time of the unit's arrival before; for its first, its own."""
        return np.where(self.opens, self.received, _shifted(self.received))

    @property
    def is_news(self) -> Bools:
        """Whether it opens, or is newer than everything that its unit sent before."""
        return self.opens | (self.event_time > self.newest_before)


@dataclass(frozen=True)
class Waits:
    """Events that were due in a silence: which arrival, which one ended the silence, wait in ms."""

    arrival: Ints
    ended_by: Ints
    wait: Floats

    def longest(self, arrivals: int) -> Floats:
        """Return the longest wait in the silence that each arrival ended; −1 without any."""
        longest = np.full(arrivals, -1.0)
        np.maximum.at(longest, self.ended_by, self.wait)
        return longest


def find_arrivals(events: pd.DataFrame) -> Arrivals:
    """Return the first arrivals of an events table that is in arrival order."""
    steps = number_steps(events)
    if not are_running(steps):
        steps = np.full(len(events), -1, np.int64)
    first = np.flatnonzero(steps != 0)  # a repeat says nothing of the silence before it
    times = grouped.ints(events[EVENT_TIME])[first]
    received = grouped.ints(events[RECEIVED_TIME])[first]
    heard = events[[CLIENT, SESSION]].take(first)
    client, session = grouped.group_by(heard, CLIENT), grouped.group_by(heard, SESSION)
    unit = _units(client, session, times, received)
    order = grouped.order_by(unit, received)
    unit, times, received, row = unit[order], times[order], received[order], first[order]
    opens = np.diff(unit, prepend=-1) != 0
    newest = times + grouped.behind_running_max(unit, times)
    return Arrivals(
        row=row,
        unit=unit,
        session=session.codes[order],
        client=client.codes[order],
        clients=client,
        received=received,
        event_time=times,
        due=received - lag(events).to_numpy()[row],
        opens=opens,
        newest_before=np.where(opens, times, _shifted(newest)),
        interval=_intervals(unit, times),
        lost=np.maximum(steps[row] - 1, 0),
    )


def find_waits(arrivals: Arrivals) -> Waits:
    """Return the events that were due in a silence of their unit, and waited for its end.

    An event that a newer one overtook before the silence did not wait for its end: it was late
    for another reason, and neither does its arrival end a silence.
    """
    own = np.arange(len(arrivals.row))
    ended_by = own.copy()
    early = np.flatnonzero(arrivals.due <= arrivals.heard_before)
    ended_by[early] = _news_since_due(arrivals, early)
    held = arrivals.opens[ended_by] | (arrivals.event_time > arrivals.newest_before[ended_by])
    arrival, ended_by = own[held], ended_by[held]
    return Waits(arrival, ended_by, arrivals.received[ended_by] - arrivals.due[arrival])


def with_stragglers(waits: Waits, arrivals: Arrivals) -> Waits:
    """Return the waits and those of events that were due shortly before their unit was last heard.

    Something kept such an event back already before the silence in which it went on waiting. To
    learn what is usual, these waits are too many and too short; to judge a silence, each may be
    the only one.
    """
    early = arrivals.due <= arrivals.heard_before
    late = np.flatnonzero(early & arrivals.is_news & ~arrivals.opens)
    wait = arrivals.received[late] - arrivals.heard_before[late]
    return Waits(
        np.concatenate((waits.arrival, late)),
        np.concatenate((waits.ended_by, late)),
        np.concatenate((waits.wait, wait)),
    )


def typical_of_clients(client: Ints, values: Floats, clients: int) -> Floats:
    """Return each client's median, ms and at least 1, drawn to that of all where it has few values.

    On a log scale: a client with three values, two of them outages, is not to be taken for slow.
    """
    if not len(client):
        return np.ones(clients)
    groups = grouped.Groups(client, pd.RangeIndex(clients))
    sizes = groups.sizes
    micros = grouped.sort_within(groups, np.rint(values * 1000).astype(np.int64))
    middle = grouped.first_of_each(sizes) + np.maximum(sizes - 1, 0) // 2
    own = micros[np.minimum(middle, len(micros) - 1)]  # of no weight where a client has none
    log_own = np.log(np.maximum(own / 1000, 1.0))
    log_all = np.log(max(float(np.median(values)), 1.0))
    drawn: Floats = np.exp((sizes * log_own + _BORROWED * log_all) / (sizes + _BORROWED))
    return drawn


def wait_limits(arrivals: Arrivals, waits: Waits, false_share: float) -> tuple[Floats, Floats]:
    """Return each client's typical wait and the one up to which the network made it wait, ms.

    See `lib.tails.threshold`; the latter is infinite where no silence is beyond expectation.
    """
    longest = waits.longest(len(arrivals.row))
    heard = longest >= 0
    typical = typical_of_clients(arrivals.client[heard], longest[heard], arrivals.clients.n)
    scale = typical[arrivals.client]
    overtaken = _overtaken(arrivals, scale)
    times = tails.threshold(longest[heard] / scale[heard], false_share, overtaken.share_beyond)
    return typical, typical * times


@dataclass(frozen=True)
class _Overtaken:
    """How long events were under way while their unit was heard, in typical waits.

    That is the network's doing alone, for no outage is on. `under_way` are those times, of the
    events that newer ones overtook; `next_newer` is, for each event that could be overtaken, the
    time to the unit's next one. Both rise.
    """

    under_way: Floats
    next_newer: Floats

    def share_beyond(self, waits: Floats) -> Floats:
        """Return the share of events that are under way for more than each of these waits.

        Of those that would be overtaken within half of it, so that the other half would be left
        to see; the others tell nothing.
        """
        beyond = len(self.under_way) - np.searchsorted(self.under_way, waits, side="right")
        exposed = np.searchsorted(self.next_newer, waits / 2, side="left")
        return np.minimum(beyond / np.maximum(exposed, 1), 1.0)


def _overtaken(arrivals: Arrivals, scale: Floats) -> _Overtaken:
    late = np.flatnonzero(~arrivals.is_news)
    since_news = arrivals.received[late] - arrivals.received[_news_since_due(arrivals, late)]
    since_overtaken = arrivals.received[late] - arrivals.received[_overtaker(arrivals, late)]
    under_way = np.minimum(since_news, 2 * since_overtaken) / scale[late]
    news = np.flatnonzero(arrivals.is_news & ~arrivals.opens)
    to_next = (arrivals.event_time - arrivals.newest_before)[news] / scale[news]
    return _Overtaken(np.sort(under_way), np.sort(to_next))


def _units(client: Groups, session: Groups, *clocks: Ints) -> Ints:
    """Return each event's unit: its client, or its session if the client has several at once.

    That is, if one session begins before another of the client ends, on any of the clocks.
    """
    owner = np.zeros(session.n, np.int64)
    owner[session.codes] = client.codes
    at_once = np.zeros(client.n, np.bool_)
    for times in clocks:
        first, last = grouped.bounds_within(session, times)
        order = grouped.order_by(owner, first)
        reached = last[order] + grouped.behind_running_max(owner[order], last[order])
        overlaps = (np.diff(owner[order]) == 0) & (first[order][1:] < reached[:-1])
        at_once[owner[order][1:][overlaps]] = True
    return np.where(at_once[client.codes], client.n + session.codes, client.codes)


def _intervals(unit: Ints, times: Ints) -> Ints:
    order = grouped.order_by(unit, times)
    same = np.diff(unit[order], prepend=-1) == 0
    intervals = np.empty_like(times)
    intervals[order] = np.where(same, np.diff(times[order], prepend=0), 0)
    return intervals


def _news_since_due(arrivals: Arrivals, which: Ints) -> Ints:
    """Return, for some arrivals, the first one of their unit that was news since they were due.

    It may be the arrival itself, and is where there was none.
    """
    due = np.ceil(arrivals.due[which]).astype(np.int64)
    return np.minimum(_first_news(arrivals, arrivals.received, arrivals.unit[which], due), which)


def _overtaker(arrivals: Arrivals, late: Ints) -> Ints:
    """Return, for late arrivals, the first of their unit that was at least as new as they are."""
    times = arrivals.event_time
    return _first_news(arrivals, times, arrivals.unit[late], times[late])


def _first_news(arrivals: Arrivals, clock: Ints, unit: Ints, time: Ints) -> Ints:
    """Return the first news of units at given times or later, on a clock of the arrivals.

    News rise on either clock, inside a unit, so that one sorted key does for unit and time.
    """
    news = np.flatnonzero(arrivals.is_news)
    zero = int(clock.min(initial=np.iinfo(np.int64).max))
    span = int(clock.max(initial=zero)) - zero + 1
    keys = arrivals.unit[news] * span + (clock[news] - zero)
    found = np.searchsorted(keys, unit * span + np.maximum(time - zero, 0))
    return np.append(news, len(clock))[found]


def _shifted(values: Ints) -> Ints:
    """Return the value before each; the first keeps its own."""
    return np.concatenate((values[:1], values[:-1]))
