"""Outages: stretches in which a client was silent to the broker while it produced events.

How an outage shows. Arrivals of a client follow one another; between two of them the broker
hears nothing. An event is *due* when it would have arrived with the client's smallest delay
(`lib.clocks.lag` takes the clock out). An event that was due in a silence waited for its end:
in an outage many did, arriving together though they happened one after another, so that their
delays fall with slope −1. The wait of a silence is the longest wait of its events.

When a wait is too long. Every network makes events wait, some have heavy tails. So nothing is
fixed: the topic's own waits, in multiples of each client's typical one, tell how often a wait of
some length is to be expected, and a silence is an outage where expectation falls far behind what
is there. See `_threshold`.

Told apart: *buffered* (events waited and came), *lost* (none came, and their running numbers are
missing) and *quiet* (nothing happened: a long pause inside a session, with no number missing).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib import grouped
from lib.clocks import lag
from lib.columns import CLIENT, EVENT_TIME, RECEIVED_TIME, SEQUENCE, SESSION
from lib.completeness import has_numbers, number_steps
from lib.grouped import Ints

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

KIND: Final = "Kind"
LAST_HEARD: Final = "LastHeard"
BACK_AT: Final = "BackAt"
SILENCE: Final = "Silence"
START: Final = "Start"
HELD_BACK: Final = "HeldBack"
LOST: Final = "Lost"
LARGEST_DELAY: Final = "LargestDelay"
BURST_END: Final = "BurstEnd"
BURST_LENGTH: Final = "BurstLength"
BURST_RATE: Final = "BurstRate"
FAULT: Final = "Fault"

KINDS: Final = pd.CategoricalDtype(["buffered", "lost", "quiet"])

FALSE_SHARE: Final = 0.01
"""What share of the silences beyond the threshold may be the network's doing."""
SHORTEST_MS: Final = 1000
"""Silences with a shorter wait are not worth a row."""

_BORROWED: Final = 10  # a client heard fewer times leans on the topic's typical wait
_GRID: Final = 2**0.25  # thresholds are tried a quarter of an octave apart


@dataclass(frozen=True)
class _Arrivals:
    """The first arrivals of events, by unit and received time; one element an arrival.

    A unit is a client, or a session of a client that has several at once. Times are epoch ms.

    Attributes
    ----------
    row
        Position in the events table.
    unit, client, session
        Group codes.
    received, event_time
        Epoch ms.
    due
        When the event would have arrived with its client's smallest delay, received clock.
    opens
        Whether it is the first of its unit.
    newest_before
        The largest event time that its unit sent before it; its own where it opens.
    lost
        How many numbers are missing directly below its own.
    """

    row: Ints
    unit: Ints
    client: Ints
    session: Ints
    received: Ints
    event_time: Ints
    due: Floats
    opens: Bools
    newest_before: Ints
    lost: Ints

    @property
    def heard_before(self) -> Ints:
        """Received time of the unit's arrival before; for its first, its own."""
        before = np.concatenate((self.received[:1], self.received[:-1]))
        return np.where(self.opens, self.received, before)

    @property
    def is_newer(self) -> Bools:
        """Whether it opens, or is newer than everything that its unit sent before."""
        return self.opens | (self.event_time > self.newest_before)


@dataclass(frozen=True)
class _Waits:
    """Events that were due in a silence: which arrival, which one ended the silence, the wait."""

    arrival: Ints
    ended_by: Ints
    wait: Floats


def outages(
    events: pd.DataFrame,
    *,
    sensitivity: float = 1.0,
    false_share: float = FALSE_SHARE,
    shortest_ms: float = SHORTEST_MS,
) -> pd.DataFrame:
    """Return the outages, and the quiet stretches, of every client.

    Parameters
    ----------
    events
        The events table, in **arrival order**.
    sensitivity
        Multiple of the threshold that the topic's own rhythm gives: 2 reports only what is
        beyond twice as long a wait (or pause).
    false_share
        What share of the silences reported the network may account for, 0 to 1.
    shortest_ms
        The shortest wait, or silence where nothing waited, that is worth a row, ms.

    Returns
    -------
    pd.DataFrame
        One row a client's (or, with several sessions at once, session's) outage, by `BackAt`.
        Times are int64 epoch ms on the received clock:

        `ClientID`, `SessionID`
            Whose; the session is that of the event that ended the silence.
        `Kind`
            Category "buffered", "lost" or "quiet".
        `LastHeard` (Int64, missing if never heard before), `BackAt`
            The arrivals around the silence, `Silence` apart (Int64 ms). The outage ends, and
            the burst begins, at `BackAt`.
        `Start`
            Where it began, as nearly as events tell: half way between `LastHeard` and when the
            first event held back was due.
        `HeldBack`, `Lost`
            Events that waited and came; numbers missing among them. int64.
        `LargestDelay`
            Of the events held back, or of the one that ended the silence, int64 ms.
        `BurstEnd`, `BurstLength`, `BurstRate`
            Arrival of the last event held back, its distance from `BackAt` (int64 ms), and
            events a second (float64, missing for a single event or instant).
        `Fault`
            Int64: outages of several clients that began and ended together have the same
            number, from 1; missing for a client's own.
    """
    arrivals = _arrivals(events)
    waits = _waits(arrivals)
    longest = _longest(waits, len(arrivals.row))
    limit = _wait_limits(arrivals, longest, false_share)
    limit = np.maximum(limit * sensitivity, shortest_ms)
    waits = _with_stragglers(waits, arrivals)
    buffered = _longest(waits, len(arrivals.row)) > limit[arrivals.client]
    lost = ~buffered & _loses(arrivals, false_share, shortest_ms)
    quiet = _pauses(arrivals, buffered | lost, false_share, sensitivity, shortest_ms)
    table = _table(events, arrivals, waits, buffered, lost, quiet)
    tolerance = float(np.median(limit)) if len(limit) else 0.0
    table[FAULT] = _faults(table, tolerance)
    return table.drop(columns=_DUE)


_DUE: Final = "FirstDue"


def _arrivals(events: pd.DataFrame) -> _Arrivals:
    steps = number_steps(events) if has_numbers(events) else np.full(len(events), -1, np.int64)
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
    return _Arrivals(
        row=row,
        unit=unit,
        client=client.codes[order],
        session=session.codes[order],
        received=received,
        event_time=times,
        due=received - lag(events).to_numpy()[row],
        opens=opens,
        newest_before=np.where(opens, times, np.concatenate((newest[:1], newest[:-1]))),
        lost=np.maximum(steps[row] - 1, 0),
    )


def _units(client: grouped.Groups, session: grouped.Groups, *clocks: Ints) -> Ints:
    """Return each event's unit: its client, or its session if the client has several at once.

    That is, if one session begins before another of the client ends, on any of the clocks.
    """
    owner = np.zeros(session.n, np.int64)
    owner[session.codes] = client.codes
    at_once = np.zeros(client.n, np.bool_)
    for times in clocks:
        by_time = grouped.sort_within(session, times)
        begins = grouped.first_of_each(session.sizes)
        first, last = by_time[begins], by_time[begins + session.sizes - 1]
        order = grouped.order_by(owner, first)
        reached = last[order] + grouped.behind_running_max(owner[order], last[order])
        overlaps = (np.diff(owner[order]) == 0) & (first[order][1:] < reached[:-1])
        at_once[owner[order][1:][overlaps]] = True
    return np.where(at_once[client.codes], client.n + session.codes, client.codes)


def _waits(arrivals: _Arrivals) -> _Waits:
    """Return the events that were due in a silence of their unit, and waited for its end.

    An event that a newer one overtook before the silence did not wait for its end: it was late
    for another reason, and neither does its arrival end a silence.
    """
    own = np.arange(len(arrivals.row))
    ended_by = own.copy()
    early = np.flatnonzero(arrivals.due <= arrivals.heard_before)
    ended_by[early] = _news_since_due(arrivals, early)
    held = arrivals.event_time > arrivals.newest_before[ended_by]
    held |= arrivals.opens[ended_by]
    arrival, ended_by = own[held], ended_by[held]
    return _Waits(arrival, ended_by, arrivals.received[ended_by] - arrivals.due[arrival])


def _with_stragglers(waits: _Waits, arrivals: _Arrivals) -> _Waits:
    """Return the waits and those of events that were due shortly before their unit was last heard.

    Something kept such an event back already before the silence in which it went on waiting. To
    learn from what is usual, these waits are too many and too short; to judge a silence, each
    may be the only one.
    """
    late = np.flatnonzero(
        arrivals.is_newer & ~arrivals.opens & (arrivals.due <= arrivals.heard_before)
    )
    wait = arrivals.received[late] - arrivals.heard_before[late]
    return _Waits(
        np.concatenate((waits.arrival, late)),
        np.concatenate((waits.ended_by, late)),
        np.concatenate((waits.wait, wait)),
    )


def _longest(waits: _Waits, arrivals: int) -> Floats:
    """Return, for each arrival, the longest wait in the silence that it ended; −1 without any."""
    longest = np.full(arrivals, -1.0)
    np.maximum.at(longest, waits.ended_by, waits.wait)
    return longest


def _news_since_due(arrivals: _Arrivals, which: Ints) -> Ints:
    """Return, for some arrivals, the first one of their unit that was news since they were due.

    News is what is newer than all before. It may be the arrival itself, and is where none was.
    """
    zero = int(arrivals.received.min(initial=np.iinfo(np.int64).max))
    span = int(arrivals.received.max(initial=zero)) - zero + 1
    since_zero = np.maximum(np.ceil(arrivals.due[which] - zero), 0).astype(np.int64)
    news = np.flatnonzero(arrivals.is_newer)
    keys = arrivals.unit[news] * span + (arrivals.received[news] - zero)
    found = np.searchsorted(keys, arrivals.unit[which] * span + since_zero)
    return np.minimum(np.append(news, len(arrivals.row))[found], which)


def _wait_limits(arrivals: _Arrivals, longest: Floats, false_share: float) -> Floats:
    """Return the wait, ms, up to which each client's silences are the network's doing."""
    heard = longest >= 0
    typical = _typical(arrivals.client[heard], longest[heard], int(arrivals.client.max(initial=-1)))
    scale = typical[arrivals.client]
    overtaken = _overtaken(arrivals, scale)
    return typical * _threshold(longest[heard] / scale[heard], false_share, overtaken)


def _typical(client: Ints, values: Floats, last_client: int) -> Floats:
    """Return each client's median, drawn to that of all where a client has few; at least 1 ms."""
    n = last_client + 1
    if not len(client):
        return np.ones(n)
    groups = grouped.Groups(client, pd.RangeIndex(n))
    micros = np.rint(values * 1000).astype(np.int64)
    sizes = groups.sizes
    own = np.zeros(n)
    own[sizes > 0] = _medians(groups, micros)
    everyone = float(np.median(values))
    return np.maximum((sizes * own + _BORROWED * everyone) / (sizes + _BORROWED), 1.0)


def _medians(groups: grouped.Groups, micros: Ints) -> Floats:
    sizes = groups.sizes
    ordered = grouped.sort_within(groups, micros)
    begins = grouped.first_of_each(sizes)[sizes > 0]
    return ordered[begins + (sizes[sizes > 0] - 1) // 2] / 1000


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
        beyond = len(self.under_way) - np.searchsorted(self.under_way, waits, side="right")
        exposed = np.searchsorted(self.next_newer, waits / 2, side="left")
        return np.minimum(beyond / np.maximum(exposed, 1), 1.0)


def _overtaken(arrivals: _Arrivals, scale: Floats) -> _Overtaken:
    late = np.flatnonzero(~arrivals.is_newer)
    since_news = arrivals.received[late] - arrivals.received[_news_since_due(arrivals, late)]
    since_overtaken = arrivals.received[late] - arrivals.received[_overtaker(arrivals, late)]
    under_way = np.minimum(since_news, 2 * since_overtaken) / scale[late]
    newer = np.flatnonzero(arrivals.is_newer & ~arrivals.opens)
    to_next = (arrivals.event_time - arrivals.newest_before)[newer] / scale[newer]
    return _Overtaken(np.sort(under_way), np.sort(to_next))


def _overtaker(arrivals: _Arrivals, late: Ints) -> Ints:
    """Return, for late arrivals, the first of their unit that was newer than they are."""
    zero = int(arrivals.event_time.min(initial=np.iinfo(np.int64).max))
    span = int(arrivals.event_time.max(initial=zero)) - zero + 1
    news = np.flatnonzero(arrivals.is_newer)
    keys = arrivals.unit[news] * span + (arrivals.event_time[news] - zero)
    wanted = arrivals.unit[late] * span + (arrivals.event_time[late] - zero)
    return news[np.searchsorted(keys, wanted, side="left")]


def _threshold(values: Floats, false_share: float, overtaken: _Overtaken | None = None) -> float:
    """Return the value beyond which at most `false_share` of what is there is to be expected.

    The expectation comes from the values themselves. On log-log axes the survival curve of
    network delays only steepens or goes on straight: lognormal, gamma, uniform, bounded and
    Pareto delays all do that. So any piece of the curve, continued straight, bounds what is to be
    expected further out, and where far more is there, it has another cause. What is found so is
    taken out and the rest looked at again, until nothing more is found.

    Infinite where nothing is beyond expectation.
    """
    ordered = np.sort(values[values > 0])
    if not len(ordered):
        return np.inf
    octaves = np.log2(ordered[-1] / ordered[0])
    grid = ordered[0] * _GRID ** np.arange(-4, np.ceil(octaves / np.log2(_GRID)) + 1)
    beyond = len(ordered) - np.searchsorted(ordered, grid, side="right")
    proven = overtaken.share_beyond(grid) * len(values) if overtaken else np.zeros(len(grid))
    found = len(grid)
    while True:
        taken_out = beyond[found] if found < len(grid) else 0
        rest = np.maximum(beyond - taken_out, 0)
        expected = np.maximum(_continued(rest), proven)
        enough = np.flatnonzero((beyond > 0) & (expected <= false_share * beyond))
        if not len(enough) or enough[0] >= found:
            return float(grid[found]) if found < len(grid) else np.inf
        found = int(enough[0])


def _continued(beyond: Ints) -> Floats:
    """Return the least that any piece of a survival curve, continued straight, gives further out.

    `beyond` are the counts beyond each point of the grid. Pieces are one, two and three octaves
    long; a piece's fall is taken two standard errors flatter than it looks.
    """
    least = np.full(len(beyond), np.inf)
    place = np.arange(len(beyond))
    for length in (4, 8, 12):
        ahead, behind = beyond[length:], beyond[:-length]
        fall = np.minimum((ahead + 2 * np.sqrt(ahead) + 1) / np.maximum(behind, 1), 1.0)
        distance = place - place[length:, np.newaxis]
        lines = (ahead[:, np.newaxis] + 1) * fall[:, np.newaxis] ** (distance / length)
        lines[distance < 0] = np.inf
        least = np.minimum(least, lines.min(axis=0, initial=np.inf))
    return least


def _loses(arrivals: _Arrivals, false_share: float, shortest_ms: float) -> Bools:
    """Return which arrivals end a silence in which more events were lost than chance loses."""
    runs = np.bincount(arrivals.lost)
    at_least = np.cumsum(runs[::-1])[::-1]
    if len(at_least) < 2:
        return np.zeros(len(arrivals.row), np.bool_)
    # Independent losses: every further number in a row is as rare as a loss itself.
    rate = at_least[1] / at_least[0]
    expected = at_least[1] * rate ** np.arange(-1.0, len(at_least) - 1)
    enough = np.flatnonzero(expected <= false_share * at_least)
    if not len(enough):
        return np.zeros(len(arrivals.row), np.bool_)
    silence = arrivals.received - arrivals.heard_before
    return (arrivals.lost >= enough[0]) & arrivals.is_newer & (silence >= shortest_ms)


def _pauses(
    arrivals: _Arrivals,
    explained: Bools,
    false_share: float,
    sensitivity: float,
    shortest_ms: float,
) -> Bools:
    """Return which arrivals end a pause in their session that its client's rhythm does not have."""
    same_session = np.diff(arrivals.session, prepend=-1) == 0
    inside = same_session & ~arrivals.opens & arrivals.is_newer & (arrivals.lost == 0) & ~explained
    pause = (arrivals.event_time - arrivals.newest_before).astype(np.float64)
    typical = _typical(arrivals.client[inside], pause[inside], int(arrivals.client.max(initial=-1)))
    times = pause / typical[arrivals.client]
    limit = _threshold(times[inside], false_share) * sensitivity
    silence = arrivals.received - arrivals.heard_before
    return inside & (times > limit) & (pause >= shortest_ms) & (silence >= shortest_ms)


def _table(
    events: pd.DataFrame,
    arrivals: _Arrivals,
    waits: _Waits,
    buffered: Bools,
    lost: Bools,
    quiet: Bools,
) -> pd.DataFrame:
    ended_by = np.flatnonzero(buffered | lost | quiet)
    ended_by = ended_by[np.argsort(arrivals.received[ended_by], kind="stable")]
    row = arrivals.row[ended_by]
    burst = _bursts(arrivals, waits, ended_by, buffered[ended_by])
    mostly_lost = burst[LOST] > burst[HELD_BACK]
    kind = np.select([buffered[ended_by] & ~mostly_lost, quiet[ended_by]], [0, 2], 1)
    last_heard = arrivals.heard_before[ended_by]
    back = arrivals.received[ended_by]
    unheard = arrivals.opens[ended_by]
    table = pd.DataFrame(
        {
            CLIENT: events[CLIENT].array[row],
            SESSION: events[SESSION].array[row],
            KIND: pd.Categorical.from_codes(kind, dtype=KINDS),
            LAST_HEARD: pd.arrays.IntegerArray(last_heard, unheard),
            BACK_AT: back,
            SILENCE: pd.arrays.IntegerArray(back - last_heard, unheard),
        }
    )
    started = np.where(unheard, burst[_DUE], (last_heard + burst[_DUE]) / 2)
    table[START] = np.rint(np.where(buffered[ended_by], started, last_heard)).astype(np.int64)
    return table.join(burst)


def _bursts(arrivals: _Arrivals, waits: _Waits, ended_by: Ints, buffered: Bools) -> pd.DataFrame:
    """Return what came when each silence ended, in the order of `ended_by`."""
    place = np.full(len(arrivals.row), -1)
    place[ended_by] = np.arange(len(ended_by))
    waited = waits.arrival[(place[waits.ended_by] >= 0) & (waits.wait > 0)]
    at = place[waits.ended_by[(place[waits.ended_by] >= 0) & (waits.wait > 0)]]
    n = len(ended_by)
    held = np.where(buffered, np.bincount(at, minlength=n), 0)
    own_delay = arrivals.received[ended_by] - arrivals.event_time[ended_by]
    due, end, largest = (arrivals.due[ended_by], arrivals.received[ended_by].copy(), own_delay)
    due = due.copy()
    missing = arrivals.lost[ended_by]
    np.minimum.at(due, at, arrivals.due[waited])
    np.maximum.at(end, at, arrivals.received[waited])
    np.maximum.at(largest, at, arrivals.received[waited] - arrivals.event_time[waited])
    in_burst = np.bincount(at, weights=arrivals.lost[waited], minlength=n).astype(np.int64)
    length = np.where(buffered, end - arrivals.received[ended_by], 0)
    rate = np.divide((held - 1) * 1000.0, length, out=np.full(n, np.nan), where=length > 0)
    return pd.DataFrame(
        {
            HELD_BACK: held,
            LOST: np.where(buffered, in_burst, missing),
            LARGEST_DELAY: largest,
            BURST_END: arrivals.received[ended_by] + length,
            BURST_LENGTH: length,
            BURST_RATE: rate,
            _DUE: due,
        }
    )


def _faults(table: pd.DataFrame, tolerance: float) -> pd.Series[int]:
    return pd.Series(pd.NA, index=table.index, dtype="Int64")
