"""Outages: stretches in which a client was silent to the broker while it produced events.

How an outage shows. Between two arrivals of a client the broker hears nothing, and an event that
was due then waited for the end of the silence (`lib.analysis.silences`). In an outage many did:
they arrive together though they happened one after another, so that their delays fall with slope
−1.

When a wait is too long. Every network makes events wait, and some have heavy tails, so nothing is
fixed: the topic's own waits, in multiples of each client's typical one, tell how often a wait of
some length is to be expected, and a silence is an outage where far more is there
(`lib.analysis.tails.threshold`). Clocks do not matter: waits are counted from each client's own
smallest delay, drift included.

Told apart: *buffered* (events waited and came), *lost* (more of them are missing, by their
sequence numbers, than waited) and *quiet* (nothing happened: a long pause inside a session, with
no number missing). Without sequence numbers nothing is ever lost, but may be quiet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib.analysis import kernels, tails
from lib.analysis.silences import (
    Arrivals,
    find_arrivals,
    find_stragglers,
    find_waits,
    typical_of_clients,
    wait_limits,
)
from lib.core.columns import CLIENT, SESSION

if TYPE_CHECKING:
    from lib.analysis.client_clocks import LowerEnvelopes
    from lib.analysis.kernels import Codes, Ints

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
LIMIT: Final = "Limit"
SHARED_OUTAGE: Final = "SharedOutage"
TYPICAL_WAIT: Final = "TypicalWait"
TYPICAL_INTERVAL: Final = "TypicalInterval"

BUFFERED: Final = "buffered"
MOSTLY_LOST: Final = "lost"
QUIET: Final = "quiet"
KINDS: Final = pd.CategoricalDtype([BUFFERED, MOSTLY_LOST, QUIET])

FALSE_SHARE: Final = 0.02
"""What share of the silences beyond the limit may be the network's doing."""
SHARED_CHANCE: Final = 0.01
"""How likely it may be that outages of several clients agree by chance."""
SHORTEST_MS: Final = 1000
"""Silences with a shorter wait are not worth a row."""

_DUE: Final = "FirstDue"
_MOST_LOST: Final = 1 << 20  # in a row; more are as rare


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
        Multiple of the limits that the topic's own rhythm gives: 2 reports only what is beyond
        twice as long a wait (or pause).
    false_share
        What share of the silences beyond the limit the network may account for, 0 to 1.
    shortest_ms
        The shortest wait, or silence where nothing waited, that is worth a row, ms.

    Returns
    -------
    pd.DataFrame
        One row a client's (or, with several sessions at once, session's) outage, by `BackAt`.
        Times are epoch ms on the received clock, int64:

        `ClientID`, `SessionID`
            Whose; the session is that of the event that ended the silence.
        `Kind`
            Category "buffered", "lost" or "quiet".
        `LastHeard` (Int64, missing if never heard before), `BackAt`
            The arrivals around the silence, `Silence` apart (Int64 ms). The outage ends, and
            the burst begins, at `BackAt`.
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
    """
    asked = _Asked(sensitivity, false_share, shortest_ms)
    return _outages(events, _find_silences(find_arrivals(events), asked), asked)


def rhythm(
    events: pd.DataFrame,
    *,
    sensitivity: float = 1.0,
    false_share: float = FALSE_SHARE,
    shortest_ms: float = SHORTEST_MS,
) -> pd.DataFrame:
    """Return what each client's limit follows from; parameters as for `outages`.

    Returns
    -------
    pd.DataFrame
        One row a client: `ClientID`; `TypicalInterval`, the median time between its events
        inside a session, and `TypicalWait`, the median wait of its silences, both drawn to the
        topic's where the client has few events; `Limit`, the wait beyond which a silence is an
        outage. float64 ms.
    """
    asked = _Asked(sensitivity, false_share, shortest_ms)
    return _rhythm(_find_silences(find_arrivals(events), asked))


def outages_and_rhythm(
    events: pd.DataFrame,
    *,
    sensitivity: float = 1.0,
    envelopes: LowerEnvelopes | None = None,
    steps: Ints | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the results of `outages` and `rhythm`, found together in little more time than one.

    Parameters
    ----------
    events, sensitivity
        As for `outages`.
    edges, steps
        `clocks.lower_envelopes` and `completeness.number_steps` of the events, where they are
        known.
    """
    asked = _Asked(sensitivity)
    silences = _find_silences(find_arrivals(events, envelopes=envelopes, steps=steps), asked)
    return _outages(events, silences, asked), _rhythm(silences)


@dataclass(frozen=True)
class _Asked:
    """The parameters of `outages`."""

    sensitivity: float
    false_share: float = FALSE_SHARE
    shortest_ms: float = SHORTEST_MS


@dataclass(frozen=True)
class _Silences:
    """Arrivals, and which of them ended silences in which events waited for too long.

    Events waited for what `ended_by` says, stragglers for their own arrival as well. Typical waits
    and limits are those of each client, ms.
    """

    arrivals: Arrivals
    ended_by: Codes
    stragglers: Ints
    held_back: Bools
    typical_wait: Floats
    limit: Floats


def _find_silences(arrivals: Arrivals, asked: _Asked) -> _Silences:
    waits = find_waits(arrivals)
    typical, limit = wait_limits(arrivals, waits, asked.false_share)
    limit = np.maximum(limit * asked.sensitivity, asked.shortest_ms)
    held_back = waits.longest > kernels.taken(limit, arrivals.client)
    stragglers, wait = find_stragglers(arrivals)
    held_back[stragglers] |= wait > limit[arrivals.client[stragglers]]
    return _Silences(arrivals, waits.ended_by, stragglers, held_back, typical, limit)


def _outages(events: pd.DataFrame, silences: _Silences, asked: _Asked) -> pd.DataFrame:
    arrivals, held_back = silences.arrivals, silences.held_back
    lost = ~held_back & _loses(arrivals, asked)
    quiet = _pauses(arrivals, held_back | lost, asked)
    ended_by = np.flatnonzero(held_back | lost | quiet)
    ended_by = ended_by[np.argsort(arrivals.received[ended_by], kind="stable")]
    burst = _bursts(silences, ended_by)
    table = _around(events, arrivals, ended_by).join(burst)
    mostly_lost = (burst[LOST] > burst[HELD_BACK]).to_numpy()
    kind = np.where(quiet[ended_by], 2, np.where(mostly_lost, 1, 0))
    table.insert(2, KIND, pd.Series(pd.Categorical.from_codes(kind, dtype=KINDS)))
    table[LIMIT] = silences.limit[arrivals.client[ended_by]]
    table[SHARED_OUTAGE] = _shared_outages(table, _span(arrivals))
    return table.drop(columns=_DUE)


def _rhythm(silences: _Silences) -> pd.DataFrame:
    arrivals = silences.arrivals
    interval, client = _intervals(arrivals, arrivals.continues)
    return pd.DataFrame(
        {
            CLIENT: arrivals.clients,
            TYPICAL_INTERVAL: typical_of_clients(client, interval, len(arrivals.clients)),
            TYPICAL_WAIT: silences.typical_wait,
            LIMIT: silences.limit,
        }
    )


def _loses(arrivals: Arrivals, asked: _Asked) -> Bools:
    """Return which arrivals end a silence in which more events were lost than chance loses.

    Where losses are independent, each further number missing in a row is as rare as a loss.
    """
    after_loss = np.flatnonzero(arrivals.step > 1)
    missing = np.minimum(arrivals.lost(after_loss), _MOST_LOST)
    runs = np.bincount(missing, minlength=2)
    runs[0] = len(arrivals.step) - len(missing)
    at_least = np.cumsum(runs[::-1])[::-1]
    rate = at_least[1] / max(at_least[0], 1)
    expected = at_least[1] * rate ** np.arange(-1.0, len(at_least) - 1) if rate else at_least
    beyond_chance = np.flatnonzero((expected <= asked.false_share * at_least) & (at_least > 0))
    fewest = beyond_chance[0] if len(beyond_chance) else len(at_least)
    silence = arrivals.received[after_loss] - arrivals.heard_before(after_loss)
    many = (missing >= fewest) & arrivals.is_news[after_loss] & (silence >= asked.shortest_ms)
    return _are_among(after_loss[many], arrivals)


def _pauses(arrivals: Arrivals, explained: Bools, asked: _Asked) -> Bools:
    """Return which arrivals end a pause in their session that its client's rhythm does not have."""
    inside = arrivals.continues & (arrivals.step <= 1) & ~explained
    interval, client = _intervals(arrivals, inside)
    interval /= kernels.taken(typical_of_clients(client, interval, len(arrivals.clients)), client)
    limit = tails.threshold(interval, asked.false_share) * asked.sensitivity
    ends = np.flatnonzero(inside)[interval > limit]
    silence = arrivals.received[ends] - arrivals.heard_before(ends)
    pause = np.minimum(arrivals.interval[ends], silence)
    return _are_among(ends[pause >= asked.shortest_ms], arrivals)


def _are_among(which: Ints, arrivals: Arrivals) -> Bools:
    found = np.zeros(len(arrivals.row), np.bool_)
    found[which] = True
    return found


def _intervals(arrivals: Arrivals, inside: Bools) -> tuple[Floats, Codes]:
    """Return the intervals before some arrivals, ms, and whose those are."""
    return arrivals.interval[inside], arrivals.client[inside]


def _around(events: pd.DataFrame, arrivals: Arrivals, ended_by: Ints) -> pd.DataFrame:
    """Return whose the silences are, and the arrivals around them."""
    row = arrivals.row[ended_by]
    last_heard, back = arrivals.heard_before(ended_by), arrivals.received[ended_by]
    unheard = arrivals.opens[ended_by]
    return pd.DataFrame(
        {
            CLIENT: events[CLIENT].array[row],
            SESSION: events[SESSION].array[row],
            LAST_HEARD: pd.arrays.IntegerArray(last_heard, unheard),
            BACK_AT: back,
            SILENCE: pd.arrays.IntegerArray(back - last_heard, unheard),
        }
    )


def _waiting(silences: _Silences, ended_by: Ints) -> tuple[Ints, Ints]:
    """Return the events that waited for too long, and which of the silences each waited in."""
    place = np.full(len(silences.held_back) + 1, -1, np.int32)  # the last: for `NOT_WAITING`
    long = np.flatnonzero(silences.held_back[ended_by])
    place[ended_by[long]] = long
    waited = np.flatnonzero(kernels.taken(place, silences.ended_by) >= 0)
    stragglers = silences.stragglers[place[silences.stragglers] >= 0]
    at = np.concatenate((place[silences.ended_by[waited]], place[stragglers]))
    return np.concatenate((waited, stragglers)), at.astype(np.int64)


def _bursts(silences: _Silences, ended_by: Ints) -> pd.DataFrame:
    """Return what came when each silence ended, in the order of `ended_by`.

    Of silences in which no event waited for too long it says what was lost, and of the events
    that ended them, how late those were.
    """
    arrivals, held_back = silences.arrivals, silences.held_back[ended_by]
    n = len(ended_by)
    of, at = _waiting(silences, ended_by)
    back = arrivals.received[ended_by]
    due, end, largest = arrivals.due[ended_by], back.copy(), back - arrivals.event_time[ended_by]
    np.minimum.at(due, at, arrivals.due[of])
    np.maximum.at(end, at, arrivals.received[of])
    np.maximum.at(largest, at, arrivals.received[of] - arrivals.event_time[of])
    count = np.bincount(at, minlength=n)
    lost = np.bincount(at, weights=arrivals.lost(of), minlength=n).astype(np.int64)
    length = end - back
    rate = np.divide((count - 1) * 1000, length, out=np.full(n, np.nan), where=length > 0)
    missing = arrivals.lost(ended_by)
    known = np.where(arrivals.opens[ended_by], due, arrivals.heard_before(ended_by))
    half_way = np.where(held_back, (known + due) / 2, known + (back - known) / (missing + 1) / 2)
    return pd.DataFrame(
        {
            START: np.floor(np.where(held_back | (missing > 0), half_way, known)).astype(np.int64),
            HELD_BACK: count,
            LOST: np.where(held_back, lost, missing),
            LARGEST_DELAY: largest,
            BURST_END: end,
            BURST_LENGTH: length,
            BURST_RATE: rate,
            _DUE: due,
        }
    )


def _span(arrivals: Arrivals) -> float:
    return float(np.ptp(arrivals.received)) if len(arrivals.received) else 0.0


def _shared_outages(table: pd.DataFrame, span: float) -> pd.Series[int]:
    """Return the number of the shared outage that each outage is part of.

    Those of a shared outage are back at the same time, to within the wait that the network
    explains, and can have begun at one moment: each was heard before it and had its first event
    held back after it. `span` is the topic's length, ms: among many outages some agree by chance,
    and a group that chance may well have made is none.
    """
    own = table[table[KIND] != QUIET].sort_values(BACK_AT)
    if own.empty:
        return pd.Series(pd.NA, index=table.index, dtype="Int64")
    tolerance = float(own[LIMIT].replace(np.inf, np.nan).fillna(SHORTEST_MS).median())
    chain = (own[BACK_AT].diff() > tolerance).cumsum()
    own = own.assign(chain=chain).sort_values(["chain", _DUE])
    heard, due = own[LAST_HEARD].to_numpy(np.float64, na_value=-np.inf), own[_DUE].to_numpy()
    group = _common_moments(own["chain"].to_numpy(), heard, due)
    clients = own.groupby(group)[CLIENT].nunique()
    window = float(np.median(np.clip(due - heard, 0, span)))
    back = own.groupby("chain")[BACK_AT].first()
    # Sessions crowd: chance is that of the middle half of the moments, spread out.
    crowded = 2 * float(back.quantile(0.75) - back.quantile(0.25)) or span
    counts = kernels.ints(clients)
    shared = clients.index[_beyond_chance(counts, window * tolerance, min(crowded, span))]
    numbers = pd.Series(np.arange(1, len(shared) + 1), index=shared)
    found = pd.Series(group, index=own.index).map(numbers)
    return found.astype("Int64").reindex(table.index)


def _common_moments(chain: Ints, last_heard: Floats, first_due: Floats) -> Ints:
    """Return groups of outages of a chain whose stretches from last heard to first due all meet.

    Outages are ordered by chain and `first_due`: the earliest end of a stretch is the moment
    that most others can share, the classic cover of intervals by points.
    """
    group = np.zeros(len(chain), np.int64)
    number, moment, current = -1, -np.inf, -1
    rows = zip(chain.tolist(), last_heard.tolist(), first_due.tolist(), strict=True)
    for row, (of_chain, heard, due) in enumerate(rows):
        if of_chain != current or heard > moment:
            number, moment, current = number + 1, due, of_chain
        group[row] = number
    return group


def _beyond_chance(clients: Ints, agreement: float, span: float) -> Bools:
    """Return which groups have more clients than independent outages would bring together.

    Another outage agrees with a given one by a chance of `agreement` (begin × end, ms²) in
    `span`². That so many do is bounded by Poisson's term.
    """
    outages = int(clients.sum())
    rate = outages * agreement / span**2 if span else 0.0
    others = np.maximum(clients - 1, 0)
    terms = np.cumprod(np.concatenate(([1.0], rate / np.arange(1, others.max(initial=0) + 1))))
    return (others > 0) & (outages * terms[others] <= SHARED_CHANCE)
