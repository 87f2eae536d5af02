"""Outages: stretches in which a client was silent to the broker while it produced events.

How an outage shows. Between two arrivals of a client the broker hears nothing; an event that was
due then waited for the end of the silence (`lib.analysis.silences`). In an outage many did: they
happened one after another and arrive together.

When a wait is too long. Every network makes events wait, and some have heavy tails, so no limit is
fixed: the topic's own waits, in multiples of each client's typical one, tell how often a wait of
some length is to be expected. A silence is an outage where far more waits are that long
(`lib.analysis.tails.threshold`). Waits are counted from the lower envelope of each client's own
delays: the offset and drift of its clock are in it. What a clock showed before it was set is moved
first (`clock_steps.without_steps`).

Outages are *buffered* (events waited and came), *lost* (more of them are missing, by their
sequence numbers, than waited) or *quiet* (nothing happened: a long pause inside a session, with no
number missing). Without sequence numbers no outage is lost; one that lost its events looks quiet.

Pooled over all clients, and passed to the parts that look at one client at a time:
what is yielded (`lib.core.blockwise`). Shared outages are found in the small table of all clients'
outages.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib.analysis import kernels, silences, tails
from lib.analysis.client_clocks import sent_times
from lib.analysis.clock_steps import find_steady, steady_of_first_arrivals
from lib.analysis.received import has_received_time, unreceived
from lib.analysis.sequence_numbers import NONE_REJECTED, RejectedRecords, find_numbers
from lib.core.blockwise import Answer, Pool, added, answered, compact, in_step, stacked
from lib.core.columns import CLIENT, LAST_HEARD, LOST, SESSION

if TYPE_CHECKING:
    from lib.analysis.client_clocks import LowerEnvelopes
    from lib.analysis.kernels import Codes, Ints
    from lib.analysis.received import Unreceived
    from lib.analysis.sequence_numbers import SequenceNumbers
    from lib.analysis.silences import Arrivals, Waits
    from lib.core.blockwise import Question, Steps
    from lib.events.table import TimeWindow

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

KIND: Final = "Kind"
BACK_AT: Final = "BackAt"
SILENCE: Final = "Silence"
START: Final = "Start"
HELD_BACK: Final = "HeldBack"
LARGEST_DELAY: Final = "LargestDelay"
BURST_END: Final = "BurstEnd"
BURST_LENGTH: Final = "BurstLength"
BURST_RATE: Final = "BurstRate"
LIMIT: Final = "Limit"
OF_SESSION: Final = "OfSession"
SHARED_OUTAGE: Final = "SharedOutage"
TYPICAL_WAIT: Final = "TypicalWait"
TYPICAL_INTERVAL: Final = "TypicalInterval"

BUFFERED: Final = "buffered"
MOSTLY_LOST: Final = "lost"
QUIET: Final = "quiet"
KINDS: Final = pd.CategoricalDtype([BUFFERED, MOSTLY_LOST, QUIET])

FALSE_SHARE: Final = 0.02
"""Share of the silences beyond the limit, at most, that the network may account for."""
SHARED_CHANCE: Final = 0.0001
"""Probability, at most, that outages of several clients agree by chance."""
SHORTEST_MS: Final = 1000
"""Silences with a shorter wait are not worth a row."""

_FIRST_DUE: Final = "FirstDue"
_LENGTHS: Final = 2.0  # lengths of outages spread over so many factors e, at least
_RECONNECT_MS: Final = 5_000  # clients that were cut off together are back within so long
_MOST_LOST: Final = 1 << 20  # numbers missing in a row; longer runs count as this long


def outages_and_rhythm(
    events: pd.DataFrame,
    *,
    sensitivity: float = 1.0,
    sessions_are_derived: bool = False,
    rejected: RejectedRecords = NONE_REJECTED,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the outages of an events table in **arrival order**, and each client's rhythm.

    The result of `outages_of`, from the events alone: of those that have a received time. A number
    is not missing for want of one.
    """
    return answered(
        outages_and_rhythm_question(
            events,
            sensitivity=sensitivity,
            sessions_are_derived=sessions_are_derived,
            rejected=rejected,
        )
    )


def outages_and_rhythm_question(
    events: pd.DataFrame,
    *,
    sensitivity: float,
    sessions_are_derived: bool,
    rejected: RejectedRecords,
) -> Question[tuple[pd.DataFrame, pd.DataFrame]]:
    """Ask for `outages_and_rhythm` of blocks that have all events of their clients each."""
    numbers = yield from find_numbers(
        events, sessions_are_derived=sessions_are_derived, rejected=rejected
    )
    known, others = has_received_time(events), unreceived(events)
    if known is not None:
        events, numbers = events[known], numbers and numbers.of(known)
    found = yield from find_steady(events, sent_times(events))
    _, _, steady, envelopes = yield from steady_of_first_arrivals(events, numbers, found)
    return (
        yield from outage_question(
            steady,
            envelopes,
            numbers,
            sensitivity=sensitivity,
            others=others,
            sessions_are_derived=sessions_are_derived,
        )
    )


def touched(table: pd.DataFrame) -> pd.Series:
    """Return how many events each outage held back or lost, int64."""
    return table[HELD_BACK] + table[LOST]


def touching(table: pd.DataFrame, window: TimeWindow, zero_ms: int) -> pd.Series[bool]:
    """Return which rows of an outage table, with their bursts, touch a time window."""
    start, end = ((table[at] - zero_ms) / 1000 for at in (START, BURST_END))
    return (end >= window.start_s) & (start <= window.end_s)


def affected(table: pd.DataFrame, clients: int) -> Floats:
    """Return how many events outages held back, or lost, of each client code."""
    codes, held = table[CLIENT].cat.codes.to_numpy(), touched(table).to_numpy("float64")
    named = codes >= 0  # what events without a client lack is of none
    return np.bincount(codes[named], held[named], clients).astype(np.float64)


def outages_of(
    events: pd.DataFrame,
    envelopes: LowerEnvelopes,
    numbers: SequenceNumbers | None,
    *,
    sensitivity: float = 1.0,
    sessions_are_derived: bool = False,
    others: Unreceived | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the outages and quiet stretches of every client, and each client's rhythm.

    Parameters
    ----------
    events
        The events table, in **arrival order**.
    envelopes, numbers
        `lower_envelopes` of the events, and their `sequence_numbers`; None if they carry none.
    sensitivity
        Multiple of the limits that the topic's own rhythm gives: 2 reports only what is beyond
        twice as long a wait (or pause).
    sessions_are_derived
        Whether sessions were derived by an inactivity gap: then no client has several at once.
    others
        `unreceived` events: a silence in which they may have come is no longer than since then.

    Returns
    -------
    outages : pd.DataFrame
        One row an outage of a client (of a session, where the client has several at once), by
        `BackAt`. Times are epoch ms by the clock of received time, int64:

        `ClientID`, `SessionID`
            Whose; the session is that of the event that ended the silence.
        `OfSession`
            Whether it is the session's: its client has several at once. bool.
        `Kind`
            Category "buffered", "lost" or "quiet".
        `LastHeard` (Int64, missing if never heard before), `BackAt`
            The arrivals before and after the silence; `Silence` (Int64 ms) is between them. The
            outage ends, and the burst begins, at `BackAt`.
        `Start`
            Where it began, as nearly as events tell: half way between `LastHeard` and when the
            first event held back was due. Where all were lost, half their typical distance in
            the silence after `LastHeard`; where nothing happened, `LastHeard`.
        `HeldBack`, `Lost`
            Events that waited and came; numbers missing among them. int64.
        `LargestDelay`
            Of the events held back, or of the one that ended the silence, int64 ms.
        `BurstEnd`, `BurstLength`, `BurstRate`
            Arrival of the last event held back; its distance from `BackAt`, int64 ms; events a
            second after the first, float64, missing for a burst of one event or no length.
        `Limit`
            The wait beyond which a silence of this client is an outage, float64 ms; infinite if
            the topic has no wait beyond expectation.
        `SharedOutage`
            Int64: outages of several clients that began and ended together have the same
            number, from 1; missing for a client's own.
    rhythm : pd.DataFrame
        One row a client: `ClientID`; `TypicalInterval`, the median time between its events
        inside a session, and `TypicalWait`, the median of the longest waits in its silences, both
        drawn to the topic's where the client has few events; `Limit`, as above. float64 ms.
    """
    return answered(
        outage_question(
            events,
            envelopes,
            numbers,
            sensitivity=sensitivity,
            others=others,
            sessions_are_derived=sessions_are_derived,
        )
    )


def outage_question(
    events: pd.DataFrame,
    envelopes: LowerEnvelopes,
    numbers: SequenceNumbers | None,
    *,
    sensitivity: float = 1.0,
    others: Unreceived | None = None,
    sessions_are_derived: bool = False,
) -> Question[tuple[pd.DataFrame, pd.DataFrame]]:
    """Ask for `outages_of` blocks that have all events of their clients each."""
    long = yield from find_long_waits(
        events,
        envelopes,
        numbers,
        sensitivity=sensitivity,
        others=others,
        sessions_are_derived=sessions_are_derived,
    )
    del numbers  # what a question has between its rounds, a cluster keeps for every block
    return (yield from ended_question(events, long, sensitivity=sensitivity))


def find_long_waits(
    events: pd.DataFrame,
    envelopes: LowerEnvelopes,
    numbers: SequenceNumbers | None,
    *,
    sensitivity: float = 1.0,
    others: Unreceived | None = None,
    sessions_are_derived: bool = False,
) -> Steps[LongWaits]:
    """Find the waits that are too long for each client's rhythm; arguments as in `outages_of`."""
    arrivals = yield from silences.find_arrivals(
        events, envelopes, numbers, others, sessions_are_derived=sessions_are_derived
    )
    waits = silences.find_waits(arrivals)
    usual = yield from in_step(
        {
            "wait": silences.typical_of_all(waits.longest[waits.ends_one]),
            "interval": silences.typical_of_all(arrivals.interval[arrivals.continues]),
            "has_stalls": silences.find_stalls(waits),
        }
    )
    typical = silences.typical_waits(arrivals, waits, usual["wait"])
    shortest = silences.LONGEST_STALL_MS if usual["has_stalls"] else SHORTEST_MS
    least = silences.shortest_waits(arrivals, shortest)
    *too_long, several = yield from silences.wait_limits(arrivals, waits, typical, FALSE_SHARE)
    limits = (np.maximum(typical * wait * sensitivity, least) for wait in too_long)
    limit, of_several = (
        silences.with_rhythms(arrivals, waits, each, sensitivity) for each in limits
    )
    rhythm = _rhythm(arrivals, typical, limit, usual["interval"])
    return (yield from _beyond(arrivals, waits, rhythm, (of_several, several)))


def ended_question(
    events: pd.DataFrame, long: LongWaits, *, sensitivity: float = 1.0
) -> Question[tuple[pd.DataFrame, pd.DataFrame]]:
    """Ask for `outages_of` blocks of which the waits that are too long are known.

    Of the events, no times are looked at.
    """
    rows = yield from _find_rows(events, long, sensitivity)
    received = long.arrivals.received
    span = (int(received.min()), int(received.max())) if len(received) else None
    return Answer(_Found(compact(rows), long.rhythm, span), added, _with_shared)


@dataclass(frozen=True)
class _Found:
    """The rows of both tables of some clients, and their first and last arrival, epoch ms."""

    outages: pd.DataFrame
    rhythm: pd.DataFrame
    span: tuple[int, int] | None

    def __add__(self, other: _Found) -> _Found:
        """Return those of the clients of both."""
        spans = [each for each in (self.span, other.span) if each is not None]
        span = (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else None
        rhythm = stacked(self.rhythm, other.rhythm)
        rhythm = rhythm.sort_values(CLIENT, kind="stable", na_position="first", ignore_index=True)
        return _Found(_by_moment(stacked(self.outages, other.outages)), rhythm, span)


def _by_moment(table: pd.DataFrame) -> pd.DataFrame:
    """Return rows by `BackAt`, then clients before sessions, each by their names."""
    of_session = table[OF_SESSION].to_numpy(np.bool_)
    client, session = (table[name].cat.codes.to_numpy() for name in (CLIENT, SESSION))
    name = np.where(of_session, session, client)
    order = np.lexsort((name, of_session, table[BACK_AT].to_numpy()))
    return table.iloc[order].reset_index(drop=True)


def _with_shared(found: _Found) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both tables, the first with what is shared by several clients."""
    table, span = found.outages, found.span
    length = 0.0 if span is None else float(span[1] - span[0])
    shared, at_one_moment = _shared_outages(table, length)
    table = table.assign(**{SHARED_OUTAGE: shared, START: _shared_starts(table, at_one_moment)})
    return table.drop(columns=_FIRST_DUE), found.rhythm


@dataclass(frozen=True)
class LongWaits:
    """Arrivals, and which of them ended silences in which events waited for too long.

    Attributes
    ----------
    arrivals
        All arrivals.
    ended_by
        `Waits.ended_by`: the arrival that each event waited for, in an outage the first of its
        burst.
    stragglers
        The arrivals that also waited for themselves.
    ends
        Whether events waited too long for the arrival.
    rhythm
        As in `outages_of`.
    losses
        The arrivals below whose numbers some are missing, and the arrival that ended the outage in
        which those happened; `NOT_WAITING` if none did.
    """

    arrivals: Arrivals
    ended_by: Codes
    stragglers: Ints
    ends: Bools
    rhythm: pd.DataFrame
    losses: tuple[Ints, Ints]


def _beyond(
    arrivals: Arrivals, waits: Waits, rhythm: pd.DataFrame, at_once: tuple[Floats, int]
) -> Steps[LongWaits]:
    """Find the waits beyond limits; `at_once` is what is too long for several events, how many."""
    of_several, several = at_once
    interval, limit = rhythm[[TYPICAL_INTERVAL, LIMIT]].to_numpy().T.copy()
    ends = waits.longest > kernels.taken(limit, arrivals.client)
    stragglers, wait = silences.find_stragglers(arrivals)
    ends[stragglers] |= wait > limit[arrivals.client[stragglers]]
    ends[silences.crowded(arrivals, waits, of_several, several)] = True
    yield from silences.leave_out_backlogs(arrivals, waits, of_several, interval, ends)
    losses = _losses(arrivals, np.flatnonzero(ends))
    return LongWaits(arrivals, waits.ended_by, stragglers, ends, rhythm, losses)


def _losses(arrivals: Arrivals, ends: Ints) -> tuple[Ints, Ints]:
    """Return the arrivals below whose numbers some are missing, and the outage of each.

    What is missing happened between the event before, as they happened, and the event itself: in
    an outage if that was on meanwhile, wherever the event arrived. `ends` end outages.
    """
    lossy = np.flatnonzero(arrivals.step > 1)
    of = np.full(len(lossy), silences.NOT_WAITING, np.int64)
    if not len(lossy) or not len(ends):
        return lossy, of
    unit, of_end = (np.searchsorted(arrivals.bounds, at, "right") for at in (lossy, ends))
    low, span = arrivals.received.min(), float(np.ptp(arrivals.received)) + 1
    since = np.clip(arrivals.due[lossy] - arrivals.interval[lossy] - low, 0, span - 1)
    back = arrivals.received[ends] - low
    first = np.searchsorted(of_end * span + back, unit * span + since, "right")
    found = ends[np.minimum(first, len(ends) - 1)]
    same = (first < len(ends)) & (of_end[np.minimum(first, len(ends) - 1)] == unit)
    during = same & (arrivals.heard_before(found) < arrivals.due[lossy])
    during |= same & arrivals.opens[found]
    return lossy, np.where(during, found, of)


def _find_rows(events: pd.DataFrame, long: LongWaits, sensitivity: float) -> Steps[pd.DataFrame]:
    """Find the rows of the table of outages, without what clients share."""
    arrivals = long.arrivals
    runs = yield Pool(_runs_of_lost(arrivals), _padded)
    lossy = ~long.ends & _end_losses(arrivals, _fewest_lost(runs))
    lossy[long.losses[0][long.losses[1] >= 0]] = False
    quiet = yield from _find_pauses(arrivals, long.ends | lossy, sensitivity)
    ended_by = np.flatnonzero(long.ends | lossy | quiet)
    ended_by = ended_by[np.argsort(arrivals.received[ended_by], kind="stable")]
    burst = _bursts(long, ended_by)
    table = _silences_before(events, arrivals, ended_by, burst[_FIRST_DUE].to_numpy()).join(burst)
    mostly_lost = (burst[LOST] > burst[HELD_BACK]).to_numpy()
    kind = np.where(quiet[ended_by], 2, np.where(mostly_lost, 1, 0))
    table.insert(2, KIND, pd.Series(pd.Categorical.from_codes(kind, dtype=KINDS)))
    table[LIMIT] = long.rhythm[LIMIT].to_numpy()[arrivals.client[ended_by]]
    return table


def _shared_starts(table: pd.DataFrame, shared: pd.Series[int]) -> pd.Series[int]:
    """Return where each outage began: of a `shared` one, where all of its clients can have gone."""
    of = table.groupby(shared)
    heard, due = of[LAST_HEARD].max().astype("Float64"), of[_FIRST_DUE].min()
    start = np.floor((heard.fillna(due) + due) / 2)
    return shared.map(start).fillna(table[START]).astype(np.int64)


def _rhythm(arrivals: Arrivals, typical_wait: Floats, limit: Floats, of_all: float) -> pd.DataFrame:
    inside, clients = arrivals.continues, arrivals.clients
    interval, client = arrivals.interval[inside], arrivals.client[inside]
    return pd.DataFrame(
        {
            CLIENT: clients,
            TYPICAL_INTERVAL: silences.typical_of_clients(client, interval, len(clients), of_all),
            TYPICAL_WAIT: typical_wait,
            LIMIT: limit,
        }
    )


def _runs_of_lost(arrivals: Arrivals) -> Ints:
    """Return how many arrivals have how many numbers missing just below theirs."""
    missing = np.minimum(arrivals.lost(np.flatnonzero(arrivals.step > 1)), _MOST_LOST)
    runs = np.bincount(missing, minlength=2)
    runs[0] = len(arrivals.step) - len(missing)
    return runs


def _padded(one: Ints, other: Ints) -> Ints:
    """Return the sum of two counts, of which one may be shorter."""
    short, long = sorted((one, other), key=len)
    return long + np.pad(short, (0, len(long) - len(short)))


def _fewest_lost(runs: Ints) -> int:
    """Return how many numbers must be missing in a row for it to be more than chance.

    Where losses are independent, each further number missing in a row is as rare as a loss. From
    the result on, that explains at most `FALSE_SHARE` of the runs that are at least as long.
    """
    at_least = np.cumsum(runs[::-1])[::-1]
    rate = at_least[1] / max(at_least[0], 1)
    expected = at_least[1] * rate ** np.arange(-1.0, len(at_least) - 1) if rate else at_least
    beyond_chance = np.flatnonzero((expected <= FALSE_SHARE * at_least) & (at_least > 0))
    return int(beyond_chance[0]) if len(beyond_chance) else len(at_least)


def _end_losses(arrivals: Arrivals, fewest: int) -> Bools:
    """Return which arrivals end a silence in which at least so many numbers are missing."""
    after_loss = np.flatnonzero(arrivals.step > 1)
    missing = np.minimum(arrivals.lost(after_loss), _MOST_LOST)
    silence = arrivals.received[after_loss] - arrivals.heard_before(after_loss)
    many = (missing >= fewest) & arrivals.is_news[after_loss] & (silence >= SHORTEST_MS)
    return _marked(after_loss[many], arrivals)


def _find_pauses(arrivals: Arrivals, explained: Bools, sensitivity: float) -> Steps[Bools]:
    """Find which arrivals end a pause in their session that is beyond its client's rhythm."""
    inside = arrivals.continues & (arrivals.step <= 1) & ~explained
    relative, client = arrivals.interval[inside], arrivals.client[inside]
    of_all = yield from silences.typical_of_all(relative)
    typical = silences.typical_of_clients(client, relative, len(arrivals.clients), of_all)
    relative /= kernels.taken(typical, client)
    curve = yield from tails.find_survival(relative)
    limit = tails.threshold_of(curve, FALSE_SHARE) * sensitivity
    return _end_pauses(arrivals, np.flatnonzero(inside)[relative > limit])


def _end_pauses(arrivals: Arrivals, ends: Ints) -> Bools:
    """Mark those of some arrivals whose silence and interval are both worth a row."""
    silence = arrivals.received[ends] - arrivals.heard_before(ends)
    pause = np.minimum(arrivals.interval[ends], silence)
    return _marked(ends[pause >= SHORTEST_MS], arrivals)


def _marked(which: Ints, arrivals: Arrivals) -> Bools:
    found = np.zeros(len(arrivals.row), np.bool_)
    found[which] = True
    return found


def _silences_before(
    events: pd.DataFrame, arrivals: Arrivals, ended_by: Ints, first_due: Floats
) -> pd.DataFrame:
    """Return whose silences some arrivals ended, and when those began and ended.

    An event that came again before the first was due was heard as well.
    """
    row = arrivals.row[ended_by]
    last_heard, back = arrivals.heard_before(ended_by), arrivals.received[ended_by]
    last_heard = np.maximum(last_heard, arrivals.came_again(ended_by, np.minimum(first_due, back)))
    unheard = arrivals.opens[ended_by]
    return pd.DataFrame(
        {
            CLIENT: events[CLIENT].array[row],
            SESSION: events[SESSION].array[row],
            LAST_HEARD: pd.arrays.IntegerArray(last_heard, unheard),
            BACK_AT: back,
            SILENCE: pd.arrays.IntegerArray(back - last_heard, unheard),
            OF_SESSION: arrivals.several_at_once[arrivals.client[ended_by]],
        }
    )


def _held_back(long: LongWaits, ended_by: Ints) -> tuple[Ints, Ints]:
    """Return the events that waited for too long, and in which of the silences each did."""
    place = np.full(len(long.ends) + 1, -1, np.int32)  # the last one: for `NOT_WAITING`
    ends = np.flatnonzero(long.ends[ended_by])
    place[ended_by[ends]] = ends
    waited = np.flatnonzero(kernels.taken(place, long.ended_by) >= 0)
    stragglers = long.stragglers[place[long.stragglers] >= 0]
    stragglers = stragglers[long.ended_by[stragglers] != stragglers]  # those have waited already
    silence = np.concatenate((place[long.ended_by[waited]], place[stragglers]))
    return np.concatenate((waited, stragglers)), silence.astype(np.int64)


def _bursts(long: LongWaits, ended_by: Ints) -> pd.DataFrame:
    """Return what came when each silence ended, in the order of `ended_by`.

    Of a silence in which no event waited for too long: what was lost, and how late the event that
    ended it was.
    """
    arrivals, n = long.arrivals, len(ended_by)
    held, silence = _held_back(long, ended_by)
    back = arrivals.received[ended_by]
    end, largest = back.copy(), back - arrivals.event_time[ended_by]
    due = _first_due(arrivals, ended_by, held, silence)
    # By then it was more than usual that the first of them had not come.
    typical = long.rhythm[TYPICAL_WAIT].to_numpy()[arrivals.client[ended_by]]
    due = np.minimum(due + typical, back)
    np.maximum.at(end, silence, arrivals.received[held])
    np.maximum.at(largest, silence, arrivals.received[held] - arrivals.event_time[held])
    count = np.bincount(silence, minlength=n)
    lost = np.zeros(len(arrivals.row), np.int64)
    lossy, of = long.losses
    np.add.at(lost, of[of >= 0], arrivals.lost(lossy[of >= 0]))
    length = end - back
    rate = np.divide((count - 1) * 1000, length, out=np.full(n, np.nan), where=length > 0)
    return pd.DataFrame(
        {
            START: _starts(long, ended_by, due),
            HELD_BACK: count,
            LOST: np.where(long.ends[ended_by], lost[ended_by], arrivals.lost(ended_by)),
            LARGEST_DELAY: largest,
            BURST_END: end,
            BURST_LENGTH: length,
            BURST_RATE: rate,
            _FIRST_DUE: due,
        }
    )


def _first_due(arrivals: Arrivals, ended_by: Ints, held: Ints, silence: Ints) -> Floats:
    """Return when the first event of each silence was due: one held back, or one lost before it.

    What was due before its unit was last heard was under way then, and tells nothing of when the
    silence began. Those that are missing below the first that came are taken to be evenly apart,
    to half of that.
    """
    heard = arrivals.heard_before(ended_by)
    since = np.where(arrivals.opens[ended_by], -np.inf, heard)
    tells = arrivals.due[held] > since[silence]
    held, silence = held[tells], silence[tells]
    first = ended_by.copy()
    least = np.full(len(ended_by), np.inf)
    np.minimum.at(least, silence, arrivals.due[held])
    earliest = np.flatnonzero(arrivals.due[held] == least[silence])[::-1]  # the first is put last
    first[silence[earliest]] = held[earliest]
    due, missing = np.maximum(arrivals.due[first], since), arrivals.lost(first)
    between = np.minimum(heard + 1.5 * (due - heard) / (missing + 1), due)
    follows = (missing > 0) & ~arrivals.opens[ended_by] & (heard < due)
    return np.where(follows, between, due)


def _starts(long: LongWaits, ended_by: Ints, first_due: Floats) -> Ints:
    """Return where each outage began, epoch ms; `first_due` is of its first event held back."""
    arrivals, held_back = long.arrivals, long.ends[ended_by]
    missing, back = arrivals.lost(ended_by), arrivals.received[ended_by]
    known = np.where(arrivals.opens[ended_by], first_due, arrivals.heard_before(ended_by))
    before_lost = known + (back - known) / (missing + 1) / 2
    half_way = np.where(held_back, (known + first_due) / 2, before_lost)
    starts = np.floor(np.where(held_back | (missing > 0), half_way, known))
    return starts.astype(np.int64)


def _shared_outages(table: pd.DataFrame, span: float) -> tuple[pd.Series[int], pd.Series[int]]:
    """Return the number of the shared outage that each outage is part of.

    And a number of those of them that can have begun at one moment; both missing for others.

    Clients of a shared outage are back at the same time, to within the wait that the network
    explains, and can have gone at one moment: each was last heard before it and had its first event
    held back after it. Among many outages some agree by chance: a group that chance makes with more
    than `SHARED_CHANCE` is none. `span` is the topic's length, ms.
    """
    own = table[table[KIND] != QUIET].sort_values(BACK_AT)
    if own.empty:
        none = pd.Series(pd.NA, index=table.index, dtype="Int64")
        return none, none
    limit = float(own[LIMIT].replace(np.inf, np.nan).fillna(SHORTEST_MS).median())
    tolerance = max(limit, _RECONNECT_MS)
    chain = (own[BACK_AT].diff() > tolerance).cumsum()
    own = own.assign(chain=chain).sort_values(["chain", _FIRST_DUE])
    heard, due = own[LAST_HEARD].to_numpy(np.float64, na_value=-np.inf), own[_FIRST_DUE].to_numpy()
    group = _common_moments(own["chain"].to_numpy(), heard, due)
    known = own[LAST_HEARD].notna().to_numpy()
    window = pd.Series(np.clip(due - heard, 0, span), own.index).where(known)
    back = own.groupby("chain")[BACK_AT].first()
    # Outages crowd where sessions do: chance is that of twice the middle half of the moments.
    crowded = min(2 * float(back.quantile(0.75) - back.quantile(0.25)) or span, span)
    length = (own[BACK_AT] - own[_FIRST_DUE]).groupby(group).median().clip(lower=1)
    # Either of two may be the first to begin, and to end.
    begin = 2 * window.groupby(group).mean().fillna(span) / max(crowded, 1.0)
    end = np.minimum(2 * tolerance / (_LENGTHS * length), 1.0)
    # Of clients that had never been heard nothing tells when they went: only their ends agree.
    any_end = np.full(len(length), 2 * tolerance / max(crowded, 1.0))
    of = pd.Series(group, own.index)
    shared = length.index[
        _beyond_chance(_clients(own[known], of, length.index), (begin * end).to_numpy(np.float64))
        | _beyond_chance(_clients(own[~known], of, length.index), any_end)
    ]
    found = _joined_near(own, of, shared, tolerance), of.where(of.isin(shared))
    number, moment = (each.astype("Int64").reindex(table.index) for each in found)
    return number, moment


def _clients(own: pd.DataFrame, group: pd.Series[int], groups: pd.Index[int]) -> Ints:
    """Return how many clients each of some groups has in some of the outages."""
    return kernels.ints(own.groupby(group)[CLIENT].nunique().reindex(groups, fill_value=0))


def _joined_near(
    own: pd.DataFrame, group: pd.Series[int], shared: pd.Index[int], tolerance: float
) -> pd.Series[float]:
    """Return the number of the shared outage of each outage, NaN for a client's own.

    Shared groups that began and ended together are one, and any outage that did is part of it: an
    event that was under way when all went was due before others were last heard, and of what was
    lost it is not known when it was due.
    """
    first = own.groupby(group)[["chain", _FIRST_DUE]].first().loc[shared]
    # When the first of what was lost was due is only known to within an interval of its client.
    heard = own[LAST_HEARD].astype("Float64").astype(np.float64)
    about = (own[_FIRST_DUE] - heard).where(own[LOST] > 0, 0.0).fillna(0.0)
    within = about.groupby(group).median().reindex(first.index).clip(lower=tolerance)
    apart = (first["chain"].diff() != 0) | (first[_FIRST_DUE].diff() > within)
    number: pd.Series[float] = group.map(apart.cumsum())
    began = group.map(first[_FIRST_DUE]).groupby(number)
    back = own[BACK_AT].groupby(number)
    first_back, last_back = back.min() - tolerance, back.max() + tolerance
    by_chain = number.groupby(own["chain"])
    for near in (by_chain.ffill(), by_chain.bfill()):
        joins = heard <= near.map(began.max() + tolerance)
        joins &= own[_FIRST_DUE] + about >= near.map(began.min() - tolerance)
        joins &= own[BACK_AT].between(near.map(first_back), near.map(last_back))
        number = number.fillna(near.where(joins))
    return number


def _common_moments(chain: Ints, last_heard: Floats, first_due: Floats) -> Ints:
    """Return the group of each outage: those of a chain that can have begun at one moment.

    An outage can have begun at any moment from `last_heard` to `first_due`. Outages are ordered by
    chain and `first_due`, and groups are as few as possible: the greedy cover of intervals by
    points, which takes the earliest end of those that are left.
    """
    group = np.zeros(len(chain), np.int64)
    number, moment, current = -1, -np.inf, -1
    rows = zip(chain.tolist(), last_heard.tolist(), first_due.tolist(), strict=True)
    for row, (of_chain, heard, due) in enumerate(rows):
        if of_chain != current or heard > moment:
            number, moment, current = number + 1, due, of_chain
        group[row] = number
    return group


def _beyond_chance(clients: Ints, agreement: Floats) -> Bools:
    """Return which groups have more clients than independent outages would bring together.

    Another outage agrees with one of a group with the probability `agreement`. That k others agree
    has the probability λᵏ / k! at most, λ being the number of outages times that: the term of
    Poisson's distribution without its factor below 1.
    """
    outages = int(clients.sum())
    others = np.maximum(clients - 1, 0)
    logs = [math.lgamma(more + 1) for more in others.tolist()]
    rate = np.maximum(outages * agreement, np.finfo(np.float64).tiny)
    chance = np.log(max(outages, 1)) + others * np.log(rate) - np.array(logs)
    rare: Bools = (others > 0) & (chance <= math.log(SHARED_CHANCE))
    return rare
