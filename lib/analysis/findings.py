"""What stands out in a topic, in plain sentences with their numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from lib.analysis import client_clocks, clock_steps, completeness, delay_parts, gone, outages
from lib.analysis.delay_parts import DelayPart
from lib.analysis.sequence_numbers import NONE_REJECTED, Numbering
from lib.analysis.stalls import TOPIC
from lib.analysis.timestamp_quality import Trust
from lib.core.columns import (
    CLIENT,
    DRIFT,
    EVENT_TIME,
    EVENT_TIME_0,
    EVENTS,
    LAST_HEARD,
    LOST,
    MISSING_TIME,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
    RECEIVED_TIME_0,
    SESSION,
    SILENT,
)
from lib.core.formatting import counted, duration
from lib.core.moments import Times, are_dates
from lib.events.client_names import called
from lib.events.table import THE_CLIENT

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from lib.analysis.delay_parts import PartQuantiles
    from lib.analysis.falling_behind import FallingBehind
    from lib.analysis.sequence_numbers import RejectedRecords, SequenceNumbers
    from lib.analysis.stalls import Stall
    from lib.analysis.timestamp_quality import Verdict

Page = Literal["Overview", "Sessions", "Delay", "Outages"]
FindingKind = Literal[
    "timestamps",
    "shared outage",
    "outage",
    "lost outage",
    "stall",
    "gone",
    "falling behind",
    "clock",
    "impossible time",
    "old time",
    "buffering",
    "network",
    "pipeline",
    "lost",
    "duplicates",
]

NOTHING: Final = "Nothing stands out."
MOST: Final = 20
"""Findings of a topic, at most."""
THERE_MAY_BE_MORE: Final = f"These are the {MOST} that touch most events; there may be more."
"""Said of so many findings."""
MARGIN: Final = 0.1
"""What is shown before and after a stretch, as a share of its length."""
NOTABLE_MS: Final = 1_000
"""A shorter part of a delay is not worth a sentence."""
FEW: Final = 10
"""Of fewer uploads no quantile is told: a clock that was set would look like a network."""

_ALIKE_MS: Final = 20.0  # clocks are alike that are apart by less, whatever is usual
_ALIKE_DRIFT: Final = 0.2  # and gain or lose as much that differ by at most that share
_TOGETHER_MS: Final = 60_000  # and were set together within so long

_QUANTILES: Final = {"p50": (0.5, "Half"), "p90": (0.1, "1 in 10"), "p99": (0.01, "1 in 100")}
"""Columns of the parts' tables: which share of the events has no less, and its words."""


@dataclass(frozen=True)
class Extent:
    """When a topic's events were received, which moment is zero, and whether they name clients.

    Attributes
    ----------
    zero_ms
        Epoch ms at which both normalized times are 0.
    start_s, end_s
        First and last received time, seconds since zero; event time where none was received.
    names_clients
        Whether the topic has a client field: if not, no sentence speaks of a client.
    zone
        The time zone in which sentences tell times; None: seconds since zero.
    """

    zero_ms: int
    start_s: float
    end_s: float
    names_clients: bool = True
    zone: str | None = None

    @property
    def times(self) -> Times:
        """How sentences write times."""
        return Times(self.zero_ms, self.zone)

    def names(self, client: object) -> bool:
        """Return whether a client has a name."""
        return self.names_clients and not _is_missing(client)

    def who(self, client: object) -> str:
        """Return what a sentence calls a client, or the topic where it names none."""
        if not self.names_clients:
            return "the topic"
        if not self.names(client):
            return "the sender of events without a client"
        return f"client {called(client)}"

    def only(self, client: object) -> tuple[object, ...]:
        """Return the clients that a view of one shows."""
        return (client,) if self.names(client) else ()


@dataclass(frozen=True)
class Told:
    """What else is known of a topic.

    Attributes
    ----------
    numbers
        `sequence_numbers` of the events; None where they carry none.
    rejected
        What was rejected: it may be what is missing.
    parts
        `delay_parts` of the events; None where nothing can be told.
    of_outages
        `delay_parts.parts_of_outages`, a row for each of the outage table; None without.
    steps
        `clock_steps.ClockSteps.table`: when clocks were set; None where that was not asked.
    gone
        `gone.gone`: clients that were not heard until the end; None where that was not asked.
    impossible
        `impossible.impossible_times`: single events of another date; None if not asked.
    behind
        `falling_behind.falling_behind`: whether all events come later and later; None if not.
    losses
        `completeness.losses`: what is missing from counters that clients share; None without any.
    stalls
        `stalls.stalls`, where all events have a received time: one without may have come in it.
    """

    numbers: SequenceNumbers | None = None
    rejected: RejectedRecords = NONE_REJECTED
    parts: PartQuantiles | None = None
    of_outages: pd.DataFrame | None = None
    steps: pd.DataFrame | None = None
    gone: pd.DataFrame | None = None
    impossible: pd.DataFrame | None = None
    behind: FallingBehind | None = None
    losses: pd.DataFrame | None = None
    stalls: Sequence[Stall] = ()

    @property
    def doubtful(self) -> int:
        """How many numbers are missing that need not be lost."""
        return 0 if self.numbers is None else self.numbers.doubtful

    @property
    def may_hold(self) -> int:
        """How many rejected records may hold a missing number."""
        known = self.rejected.numbers
        return self.rejected.records - (0 if known is None else len(known))


NOTHING_ELSE: Final = Told()


@dataclass(frozen=True)
class Finding:
    """A sentence that matters, and where to see it.

    Attributes
    ----------
    sentence
        What happened, with its numbers; times by the clock of received time, in the zone of the
        topic's `Extent`. Plain text without any markup, in which names stand as the topic gives
        them: who shows it as Markdown or HTML escapes it as a whole.
    events
        How many events it touches.
    kind
        What it is about.
    page
        The page that shows it.
    start_s, end_s
        The window to show, seconds since zero, by the clock of received time.
    clients
        Whom it concerns; empty: the whole topic.
    """

    sentence: str
    events: int
    kind: FindingKind
    page: Page
    start_s: float
    end_s: float
    clients: tuple[object, ...] = ()


def findings(
    extent: Extent,
    verdict: Verdict,
    outage_table: pd.DataFrame,
    clock_table: pd.DataFrame,
    session_table: pd.DataFrame | None,
    told: Told = NOTHING_ELSE,
) -> list[Finding]:
    """Return what stands out, the findings that touch most events first.

    Parameters
    ----------
    extent
        `extent_of` the events.
    verdict, outage_table, clock_table, session_table
        What `assess_timestamps`, `outages_of`, `clocks` and `completeness` say of them; the last is
        None where events carry no sequence numbers.
    told
        What else is known of them.

    Returns
    -------
    list of Finding
        At most `MOST`; empty where nothing stands out. Quiet stretches and clocks that are not
        wrong are no findings. Where received times are not usable, none needs them.
    """
    found = [*_of_timestamps(verdict, extent)]
    if verdict.usable:
        found += _of_outages(outage_table, extent, told)
        found += _of_stalls(told, outage_table, extent)
        if told.behind is not None:
            found.append(_of_falling_behind(told.behind, extent))
        found += _of_clocks(clock_table, extent, told.steps)
        if told.impossible is not None:
            found += _of_impossible_times(told.impossible, extent)
        if told.gone is not None and extent.names_clients:
            found += _of_gone(told.gone, extent)
        if told.steps is not None and extent.names_clients:
            found += _of_steps(told.steps, clock_table, extent)
    if told.parts is not None:
        found += _of_parts(told.parts, extent, usable=verdict.usable)
    found += _of_sessions(session_table, extent, told)
    if told.losses is not None:
        found += _of_losses(told.losses, extent, told, usable=verdict.usable)
    return sorted(found, key=lambda finding: -finding.events)[:MOST]


def extent_of(events: pd.DataFrame) -> Extent:
    """Return when the events of a table, at least one, were received, and its zero.

    Times are told in UTC; in seconds since zero where they are no dates.
    """
    received, happened = events[RECEIVED_TIME_0], events[EVENT_TIME_0]
    since_zero = round(float(happened.iloc[0]) * 1000)
    zero_ms = int(events[EVENT_TIME].iloc[0]) - since_zero
    seconds = received if received.notna().any() else happened
    clients = events[CLIENT].cat.categories.tolist()
    start_s, end_s = float(seconds.min()), float(seconds.max())
    return extent_between(zero_ms, start_s, end_s, names_clients=clients != [THE_CLIENT])


def extent_between(zero_ms: int, start_s: float, end_s: float, *, names_clients: bool) -> Extent:
    """Return the extent of a topic of which times since zero are known, s; its zone as above."""
    is_dated = are_dates(zero_ms + 1000 * start_s, zero_ms + 1000 * end_s)
    return Extent(zero_ms, start_s, end_s, names_clients, "UTC" if is_dated else None)


def window_around(start: float, end: float) -> tuple[float, float]:
    """Return the window to show for a stretch, in seconds; both given in ms since zero."""
    margin = MARGIN * (end - start)
    return float(np.round((start - margin) / 1000, 3)), float(np.round((end + margin) / 1000, 3))


def _of_timestamps(verdict: Verdict, extent: Extent) -> Iterator[Finding]:
    if verdict.trust is Trust.LITTLE:
        yield Finding(
            verdict.sentence,
            verdict.events,
            "timestamps",
            "Overview",
            extent.start_s,
            extent.end_s,
        )


def _of_outages(table: pd.DataFrame, extent: Extent, told: Told) -> Iterator[Finding]:
    """Yield the outages that touch most events; a shared outage is one finding."""
    if told.of_outages is not None:
        table = table.join(told.of_outages)
    table = table[table[outages.KIND] != outages.QUIET]
    touched = table[outages.HELD_BACK] + table[LOST]
    shared_outage = table[outages.SHARED_OUTAGE]
    own = shared_outage.isna()
    for row in table.loc[touched[own].nlargest(MOST).index].to_dict("records"):
        yield _outage(row, extent, told)
    largest = touched[~own].groupby(shared_outage[~own]).sum().nlargest(MOST)
    for number in largest.index:
        yield _shared_outage(table[(shared_outage == number).fillna(False)], extent, told)


def outage_sentence(row: dict[Hashable, Any], extent: Extent, told: Told) -> str:
    """Return what a row of the table of outages says, a quiet stretch too."""
    if row[outages.KIND] != outages.QUIET:
        return _outage(row, extent, told).sentence
    start = int(row[outages.START] if pd.isna(row[LAST_HEARD]) else row[LAST_HEARD])
    back = int(row[outages.BACK_AT])
    return (
        f"{_who(row, extent)} was quiet for {duration(back - start)}, "
        f"{extent.times.stretch(start, back)}: no event of that time is known"
        f"{_nobodys(start, back, told)}."
    )


def _nobodys(start: int, back: int, told: Told) -> str:
    """Return that some of the events that are lost to all clients together are of a stretch."""
    table = told.losses
    if table is None:
        return ""
    is_then = (table[completeness.BELOW] < back) & (table[completeness.ABOVE] > start)
    return ", and some never arrived that may be anyone's" if is_then.any() else ""


def _who(row: dict[Hashable, Any], extent: Extent) -> str:
    """Return who was silent, at the beginning of a sentence."""
    client = extent.who(row[CLIENT])
    if not row[outages.OF_SESSION]:
        return _capital(client)
    return f"Session {called(row[SESSION])}{f' of {client}' if extent.names_clients else ''}"


def _outage(row: dict[Hashable, Any], extent: Extent, told: Told) -> Finding:
    client = row[CLIENT]
    held, lost = int(row[outages.HELD_BACK]), int(row[LOST])
    unheard = pd.isna(row[LAST_HEARD])
    start = int(row[outages.START] if unheard else row[LAST_HEARD])
    back, end = int(row[outages.BACK_AT]), int(row[outages.BURST_END])
    who = _who(row, extent)
    silent, then = f"{who} was silent", "and then"
    if told.may_hold and not unheard:  # of what was rejected nothing says whose it is
        silent, then = f"No event of {who[:1].lower()}{who[1:]} is known", "and then it"
    silent += f" for {duration(back - start)}, {extent.times.stretch(start, back)}"
    if unheard:
        silent = f"{who} was not heard until {extent.times.moment(back)}"
    if not held:
        sentence = f"{silent}; {_never_arrived(lost, told, 'of that time ')}"
    else:
        burst = " in a burst" if held > 1 else ""
        sentence = f"{silent}, {then} delivered {counted(held, 'event')}{burst}"
        sentence += f"; {_more_missing(lost, told)}" if lost else "."
        sentence += _where_it_waited(row)
    kind: FindingKind = "lost outage" if row[outages.KIND] == outages.MOSTLY_LOST else "outage"
    window = window_around(start - extent.zero_ms, end - extent.zero_ms)
    return Finding(sentence, held + lost, kind, "Outages", *window, extent.only(client))


def _where_it_waited(row: dict[Hashable, Any]) -> str:
    """Return where the events of an outage waited, if it was in one part far longer."""
    before, after = (
        row.get(name, pd.NA) for name in (delay_parts.BUFFERED, delay_parts.AFTER_SENT)
    )
    if pd.isna(before) or pd.isna(after):
        return ""
    if before >= max(NOTABLE_MS, 2 * after):
        return f" They were up to {duration(before)} old when they were sent."
    if after >= max(NOTABLE_MS, 2 * before):
        return (
            f" They had been sent up to {duration(after)} before: the network held them, or they "
            "were sent again with their first sent time."
        )
    return ""


def _shared_outage(rows: pd.DataFrame, extent: Extent, told: Told) -> Finding:
    clients = tuple(rows[CLIENT].unique().tolist())
    named = tuple(client for client in clients if extent.names(client))
    held, lost = int(rows[outages.HELD_BACK].sum()), int(rows[LOST].sum())
    # Of some, an event that was under way says when they went at the earliest.
    start, back = int(rows[outages.START].median()), int(rows[outages.BACK_AT].min())
    silent, then = f"{len(clients):,} clients were silent together", "and then"
    if told.may_hold >= len(clients):  # one of each may have been rejected
        silent, then = f"No event of {len(clients):,} clients is known", "and then they"
    sentence = f"{silent} for {duration(back - start)}, {extent.times.stretch(start, back)}"
    if held:
        sentence += f", {then} delivered {counted(held, 'event')}"
        sentence += f"; {_more_missing(lost, told)}" if lost else "."
    else:
        sentence += f"; {_never_arrived(lost, told, 'of that time ')}"
    window = window_around(
        start - extent.zero_ms, int(rows[outages.BURST_END].max()) - extent.zero_ms
    )
    return Finding(sentence, held + lost, "shared outage", "Outages", *window, named)


def _more_missing(lost: int, told: Told) -> str:
    if not told.may_hold:
        return f"{lost:,} more never arrived."
    are = "number is" if lost == 1 else "numbers are"
    return f"{lost:,} more {are} missing, {_may_be_rejected(told)}."


def _never_arrived(lost: int, told: Told, of: str) -> str:
    """Return that events never arrived, or, if rejected records may hold them, are missing."""
    if not told.may_hold:
        return f"{counted(lost, 'event')} {of}never arrived."
    are = "is" if lost == 1 else "are"
    return f"{counted(lost, 'number')} {of}{are} missing, {_may_be_rejected(told)}."


def _may_be_rejected(told: Told) -> str:
    return f"which {counted(told.may_hold, 'rejected record')} may hold"


def _of_gone(table: pd.DataFrame, extent: Extent) -> Iterator[Finding]:
    for row in table[table[CLIENT].notna()].to_dict("records"):
        last, silent = int(row[LAST_HEARD]), int(row[SILENT])
        sentence = (
            f"Client {called(row[CLIENT])} is gone: it was last heard at "
            f"{extent.times.moment(last)}, "
            f"{duration(silent)} before the topic ends, and before that never silent for more than "
            f"{duration(row[gone.LONGEST])}."
        )
        window = window_around(last - extent.zero_ms, last - extent.zero_ms + silent)
        yield Finding(sentence, int(row[EVENTS]), "gone", "Outages", *window, (row[CLIENT],))


def _of_stalls(told: Told, table: pd.DataFrame, extent: Extent) -> Iterator[Finding]:
    """Yield the stalls of which clients' outages do not tell most."""
    table = table[table[outages.KIND] != outages.QUIET]
    for stall in told.stalls:
        at_once = (table[outages.START] < stall.back) & (table[outages.BACK_AT] > stall.last)
        if 2 * table.loc[at_once, outages.HELD_BACK].sum() >= stall.held:
            continue
        silent = "No event is known to have been" if told.may_hold else "No event was"
        of = "" if stall.partition == TOPIC else f" in partition {stall.partition}"
        others = "" if stall.partition == TOPIC else ", while others went on"
        sentence = (
            f"{silent} received{of} for {duration(stall.back - stall.last)}, "
            f"{extent.times.stretch(stall.last, stall.back)}{others}, and then came "
            f"{counted(stall.held, 'event')} that had been due in that time."
        )
        window = window_around(stall.last - extent.zero_ms, stall.burst_end - extent.zero_ms)
        yield Finding(sentence, stall.held, "stall", "Outages", *window)


def _of_falling_behind(behind: FallingBehind, extent: Extent) -> Finding:
    first, last = duration(behind.first), duration(behind.last)
    how = f"the fastest took {first} in the first tenth of the time, and {last} in the last"
    if behind.first < 0:  # of a clock that is ahead
        more = duration(behind.last - behind.first)
        how = f"in the last tenth of the time, the fastest took {more} longer than in the first"
    sentence = (
        f"All events come later and later: {how}, as where what all of them pass is too slow."
    )
    window = extent.start_s, extent.end_s
    return Finding(sentence, behind.events, "falling behind", "Delay", *window)


def _of_impossible_times(events: pd.DataFrame, extent: Extent) -> Iterator[Finding]:
    """Yield the events that are dated after they were received, and those long before."""
    is_ahead = events[EVENT_TIME] > events[RECEIVED_TIME]
    if is_ahead.any():
        rows = events[is_ahead]
        it = "it" if len(rows) == 1 else "them"
        so = f"that cannot be. A watermark that follows {it} leaves all others behind."
        yield _wrongly_dated(rows, "impossible time", "after", so, extent)
    if not is_ahead.all():
        rows = events[~is_ahead]
        it, clients = ("it", "the client") if len(rows) == 1 else ("they", "the same clients")
        so = f"the date is wrong, or {it} waited that long while others of {clients} came sooner."
        yield _wrongly_dated(rows, "old time", "before", so, extent)


def _wrongly_dated(
    rows: pd.DataFrame, kind: FindingKind, side: str, so: str, extent: Extent
) -> Finding:
    off = (rows[EVENT_TIME] - rows[RECEIVED_TIME]).abs().to_numpy()
    worst = rows.iloc[int(off.argmax())]
    most, happened = duration(int(off.max())), extent.times.moment(int(worst[EVENT_TIME]))
    of = f" of {extent.who(worst[CLIENT])}" if extent.names(worst[CLIENT]) else ""
    place = f"{of} (partition {int(worst[PARTITION])}, offset {int(worst[OFFSET])})"
    if len(rows) == 1:
        sentence = f"An event{place} is dated {happened}, {most} {side} it was received"
    else:
        sentence = f"{len(rows):,} events are dated up to {most} {side} they were received"
        sentence += f", as one{place}, {happened}"
    clients = tuple(client for client in rows[CLIENT].unique().tolist() if extent.names(client))
    window = extent.start_s, extent.end_s
    return Finding(f"{sentence}: {so}", len(rows), kind, "Delay", *window, clients)


def _of_clocks(
    table: pd.DataFrame, extent: Extent, steps: pd.DataFrame | None
) -> Iterator[Finding]:
    """Yield clocks that are wrong; not those that were set meanwhile, which have no one offset.

    Clients whose offset is the same have one clock or setting in common: that is one finding.
    """
    was_set = [] if steps is None else steps[CLIENT].tolist()
    named = table[CLIENT].notna() & extent.names_clients
    wrong = table[table[client_clocks.WRONG] & named & ~table[CLIENT].isin(was_set)]
    window = extent.start_s, extent.end_s
    shared = _shared_offsets(wrong, table)
    for _, rows in wrong.groupby(shared):
        yield Finding(
            _shared_clock(rows),
            int(rows[EVENTS].sum()),
            "clock",
            "Delay",
            *window,
            tuple(rows[CLIENT].tolist()),
        )
    of_brokers = table[table[client_clocks.BROKER] & ~table[CLIENT].isin(was_set)]
    for partition, rows in of_brokers.groupby(PARTITION):
        yield _broker_clock(partition, rows, extent)
    own = wrong[shared.reindex(wrong.index).isna()]
    together = _drift_together(own)
    if 1 < len(table) < 2 * together.sum():
        yield _clock_of_all(own[together], len(table), extent)
        own = own[~together]
    unsteady = table[table[client_clocks.UNSTEADY] & named & ~table[CLIENT].isin(was_set)]
    for row in unsteady.nlargest(MOST, client_clocks.FUTURE).to_dict("records"):
        ahead, client = int(row[client_clocks.FUTURE]), row[CLIENT]
        sentence = (
            f"Client {called(client)}'s clock is ahead at times: {ahead:,} of its "
            f"{counted(int(row[EVENTS]), 'event')} were received before they happened, by up to "
            f"{duration(-row[client_clocks.SMALLEST_DELAY])}."
        )
        yield Finding(sentence, ahead, "clock", "Delay", *window, (client,))
    for row in own.nlargest(MOST, EVENTS).to_dict("records"):
        client, events = row[CLIENT], int(row[EVENTS])
        yield Finding(_clock(row, events), events, "clock", "Delay", *window, (client,))


def _shared_offsets(wrong: pd.DataFrame, table: pd.DataFrame) -> pd.Series[int]:
    """Return which wrong clocks have one offset, numbered; missing for a client's own.

    Offsets are the same if they differ by what is usual of right clocks, and if as many of their
    size agree by chance with a probability of 1 % at most (Poisson, as for shared outages).
    """
    right = table.loc[~table[client_clocks.WRONG], client_clocks.CLOCK_OFFSET].abs()
    usual = max(client_clocks.SENSITIVITY * float(right.median() if len(right) else 0), _ALIKE_MS)
    offset = wrong[client_clocks.CLOCK_OFFSET].sort_values()
    group = (offset.diff() > usual).cumsum()
    size = offset.groupby(group).transform("size")
    rate = len(offset) * 2 * usual / offset.abs().clip(lower=usual)
    # rate ** (size - 1) / (size - 1)!, as a logarithm: hundreds of clients are beyond a float.
    log_chance = (size - 1) * np.log(rate) - size.map(math.lgamma)
    few = math.log(max(1, len(offset))) + log_chance <= math.log(client_clocks.CHANCE)
    return group.where((size > 1) & few).astype("Int64")


def _shared_clock(rows: pd.DataFrame) -> str:
    offset = float(rows[client_clocks.CLOCK_OFFSET].median())
    side, shared = "ahead of", "a clock that they share, as a gateway's, or one setting"
    if offset < 0:
        side, shared = "behind", f"{shared}, or one way that takes that long"
    return (
        f"The times of {len(rows):,} clients are all {duration(abs(offset))} {side} the others': "
        f"by {shared}, rather than by {len(rows):,} wrong clocks."
    )


def _broker_clock(partition: object, rows: pd.DataFrame, extent: Extent) -> Finding:
    ahead = float(rows[client_clocks.CLOCK_OFFSET].median())
    side = "behind" if ahead > 0 else "ahead of"
    whose = f"The clock of partition {partition}'s broker"
    sentence = f"{whose} is {duration(abs(ahead))} {side} the others'"
    sentence += f": the times of {len(rows):,} of its clients, and of no others, are off by that"
    if ahead < 0:
        sentence += ", or what goes there takes that long to arrive"
    named = tuple(client for client in rows[CLIENT].tolist() if extent.names(client))
    window = extent.start_s, extent.end_s
    return Finding(f"{sentence}.", int(rows[EVENTS].sum()), "clock", "Delay", *window, named)


def _drift_together(wrong: pd.DataFrame) -> pd.Series[bool]:
    """Return which wrong clocks are with the others, but gain or lose as much as most do."""
    drifts = (wrong[DRIFT].abs() >= 1) & (wrong[client_clocks.CLOCK_OFFSET].abs() < NOTABLE_MS)
    usual = wrong.loc[drifts, DRIFT].median()
    return drifts & ((wrong[DRIFT] - usual).abs() <= max(1.0, _ALIKE_DRIFT * abs(usual)))


def _clock_of_all(rows: pd.DataFrame, clients: int, extent: Extent) -> Finding:
    """Return that most clients' clocks drift alike: it is rather the one that they are held to."""
    drift = float(rows[DRIFT].median())
    ways = ("gain", "loses") if drift > 0 else ("lose", "gains")
    sentence = (
        f"The clocks of {len(rows):,} of {clients:,} clients {ways[0]} {abs(drift):,.0f} ppm "
        f"against that of the received times: rather, that {ways[1]} as much."
    )
    named, window = tuple(rows[CLIENT].tolist()), (extent.start_s, extent.end_s)
    return Finding(sentence, int(rows[EVENTS].sum()), "clock", "Delay", *window, named)


def _clock(row: dict[Hashable, Any], events: int) -> str:
    offset, drift = row[client_clocks.CLOCK_OFFSET], row[DRIFT]
    side = "ahead of" if offset > 0 else "behind"
    client = called(row[CLIENT])
    sentence = f"Client {client}'s clock is {duration(abs(offset))} {side} the others'"
    if round(abs(drift)):  # 0 where no drift is established
        sentence += f" and {'gains' if drift > 0 else 'loses'} {abs(drift):,.0f} ppm"
    elif offset < 0:
        sentence += ", or each of its events takes that long to arrive"
    if future := int(row[client_clocks.FUTURE]):
        of = counted(events, "event")
        sentence += f": {future:,} of its {of} were received before they happened"
    return f"{sentence}."


def _of_sessions(table: pd.DataFrame | None, extent: Extent, told: Told) -> Iterator[Finding]:
    if table is None:
        return
    topic = extent.start_s, extent.end_s
    lost = table[LOST].fillna(0)
    if told.numbers is not None and (held := told.numbers.in_rejected):
        are = "number that is" if held == 1 else "numbers that are"
        sentence = f"Rejected records hold {held:,} {are} missing: nothing lost them on the way."
        yield Finding(sentence, held, "lost", "Overview", *topic)
    if lost.any():
        count = int(lost.sum())
        sentence = _numbers_missing(count, told, _whose(table[lost > 0], extent, told))
        yield Finding(sentence, count, "lost", "Sessions", *topic)
    if told.numbers is not None and told.doubtful:
        yield Finding(told.numbers.doubt, told.doubtful, "lost", "Overview", *topic)
    repeated = table[completeness.DUPLICATES].fillna(0)
    if repeated.any():
        count, sessions = int(repeated.sum()), counted(int((repeated > 0).sum()), "session")
        sentence = (
            f"{counted(count, 'event')} in {sessions} came again, by number and event time: "
            f"{'a duplicate' if count == 1 else 'duplicates'}, unless other fields differ."
        )
        yield Finding(sentence, count, "duplicates", "Sessions", *topic)


def _numbers_missing(count: int, told: Told, of: str) -> str:
    sentence = _never_arrived(count, told, of)
    if told.may_hold:
        return sentence
    numbers = "its number is" if count == 1 else "their numbers are"
    return f"{sentence.removesuffix('.')}: {numbers} missing."


def _of_losses(
    table: pd.DataFrame, extent: Extent, told: Told, *, usable: bool
) -> Iterator[Finding]:
    """Yield what each partition lost, or the topic, by counters that clients share, and when."""
    of_topic = told.numbers is not None and told.numbers.numbering is Numbering.TOPIC
    ends = [completeness.BELOW, completeness.ABOVE]
    for _, gaps in table.groupby(0 * table[PARTITION] if of_topic else PARTITION):
        count, most = int(gaps[LOST].sum()), int(gaps[LOST].max())
        whose = "the topic" if of_topic else f"partition {int(gaps[PARTITION].iloc[0])}"
        sentence = _numbers_missing(count, told, f"of {whose} ")
        window = extent.start_s, extent.end_s
        if usable and (gaps[ends] != MISSING_TIME).all(axis=None):
            in_a_row = 2 * most > count > 1
            row = f"{'all' if most == count else f'{most:,}'} in a row, " if in_a_row else ""
            at = gaps[gaps[LOST] == most] if in_a_row else gaps
            start, end = int(at[ends[0]].min()), int(at[ends[1]].max())
            sentence = f"{sentence.removesuffix('.')}, {row}{extent.times.stretch(start, end)}."
            window = window_around(start - extent.zero_ms, end - extent.zero_ms)
        yield Finding(sentence, count, "lost", "Overview", *window)


def _whose(sessions: pd.DataFrame, extent: Extent, told: Told) -> str:
    """Return whose numbers are missing, by what they count: "of 3 sessions "; of the topic: ""."""
    numbering = Numbering.SESSION if told.numbers is None else told.numbers.numbering
    if numbering is Numbering.SESSION:
        return f"of {counted(len(sessions), 'session')} "
    if numbering is Numbering.CLIENT and extent.names_clients:
        return f"of {counted(sessions[CLIENT].nunique(dropna=False), 'client')} "
    return ""


def _of_parts(parts: PartQuantiles, extent: Extent, *, usable: bool) -> Iterator[Finding]:
    """Yield the parts of delay that stand out."""
    told = (
        (DelayPart.BUFFERING, DelayPart.NETWORK, DelayPart.PIPELINE)
        if usable
        else (DelayPart.BUFFERING,)
    )
    for part in told:
        yield from _of_whole(part, _only(parts.of_topic, part), extent)
        if part is not DelayPart.PIPELINE and extent.names_clients:
            yield from _of_clients(part, _only(parts.by_client, part), parts, extent)


def _only(table: pd.DataFrame, part: DelayPart) -> pd.DataFrame:
    return table[table[delay_parts.PART] == part]


def _of_whole(part: DelayPart, rows: pd.DataFrame, extent: Extent) -> Iterator[Finding]:
    """Yield a part that is long for half of the topic's events, or for some between servers."""
    kind, sentence = _OF_TOPIC[part]
    names = _QUANTILES if part is DelayPart.PIPELINE else ["p50"]
    for row in rows[rows[EVENTS] >= FEW].to_dict("records"):
        long = [name for name in names if row[name] >= NOTABLE_MS]
        if long:
            share, words = _QUANTILES[long[0]]
            said = sentence.format(words, duration(row[long[0]]))
            events = round(share * row[EVENTS])
            yield Finding(said, events, kind, "Delay", extent.start_s, extent.end_s)


def _of_clients(
    part: DelayPart, rows: pd.DataFrame, parts: PartQuantiles, extent: Extent
) -> Iterator[Finding]:
    """Yield clients of which a part is far longer than is usual, for half or a tenth of events."""
    if parts.uploads is not None:
        sends = parts.uploads.set_index(CLIENT)[delay_parts.SENDS]
        rows = rows[sends.reindex(rows[CLIENT]).to_numpy() >= FEW]
    for name in ("p50", "p90"):
        if rows.empty:
            return
        usual = float(np.quantile(rows[name], 0.5, method="lower"))
        long = rows[name] > max(client_clocks.SENSITIVITY * usual, NOTABLE_MS)
        for row in rows[long].nlargest(MOST, EVENTS).to_dict("records"):
            share, words = _QUANTILES[name]
            client, events = row[CLIENT], round(share * row[EVENTS])
            some = f"{words} of {extent.who(client)}'s events"
            kind, sentence = _OF_CLIENT[part]
            said = sentence.format(some, duration(row[name]))
            if part is DelayPart.BUFFERING:
                said += _why_buffered(client, row[name], events, parts)
            window = extent.start_s, extent.end_s
            yield Finding(f"{said}.", events, kind, "Delay", *window, extent.only(client))
        rows = rows[~long]


def _why_buffered(client: object, buffering: int, events: int, parts: PartQuantiles) -> str:
    """Return why a client's events were old when it sent them, if the uploads tell."""
    if parts.uploads is None:
        return ""
    clients = parts.uploads[CLIENT]
    same = clients.isna() if _is_missing(client) else clients == client
    upload = parts.uploads[same].iloc[0]
    if 2 * upload[delay_parts.ASLEEP] >= events:
        return ": nothing happened in between, it slept or waited for the next event"
    interval = upload[delay_parts.SEND_INTERVAL]
    if upload[delay_parts.PER_SEND] >= 2 and buffering <= interval:
        return f": it sends every {duration(interval)}"
    return ""


def _of_steps(steps: pd.DataFrame, clock_table: pd.DataFrame, extent: Extent) -> Iterator[Finding]:
    """Yield clocks that were set; those of several clients, together and alike, once."""
    partitions = clock_table.set_index(CLIENT)[PARTITION]
    sizes = partitions.value_counts()
    named = steps[steps[CLIENT].notna()].sort_values([clock_steps.SIZE, clock_steps.AT])
    alike = named[clock_steps.SIZE].diff() <= _ALIKE_MS
    together = named[clock_steps.AT].diff().abs() <= _TOGETHER_MS
    for _, rows in named.groupby((~(alike & together)).cumsum()):
        if len(rows[CLIENT].unique()) > 1:
            own = partitions.loc[rows[CLIENT].unique()].tolist()
            number = own[0] if set(own) == {own[0]} else -1
            of_broker = number >= 0 and client_clocks.are_of_broker(
                len(own), int(sizes[number]), len(partitions)
            )
            yield _set_together(rows, extent, number if of_broker else None)
        else:
            yield from (_was_set(row, extent) for row in rows.to_dict("records"))


def _was_set(row: dict[Hashable, Any], extent: Extent) -> Finding:
    client, at = row[CLIENT], int(row[clock_steps.AT])
    way = "forward" if row[clock_steps.SIZE] > 0 else "back"
    size = duration(abs(row[clock_steps.SIZE]))
    sentence = f"Client {called(client)}'s clock was set {way} by {size}"
    sentence += f" at {extent.times.moment(at)}"
    if row[clock_steps.ZONE]:
        sentence += ", a whole number of quarter hours: its time zone may have changed"
    elif way == "back" and not row[clock_steps.AHEAD]:
        sentence += ", or its events were under way for so much longer from then on"
    window = extent.start_s, extent.end_s
    return Finding(f"{sentence}.", row[EVENTS], "clock", "Delay", *window, (client,))


def _set_together(rows: pd.DataFrame, extent: Extent, broker_of: int | None) -> Finding:
    size, at = int(rows[clock_steps.SIZE].median()), int(rows[clock_steps.AT].min())
    way = "forward" if size > 0 else "back"
    clients = tuple(rows[CLIENT].unique().tolist())
    sentence = (
        f"The times of {len(clients):,} clients were set {way} by {duration(abs(size))} about "
        f"{extent.times.moment(at)}: each client's clock, or one that they share"
    )
    if rows[clock_steps.ZONE].all():
        sentence += ", by whole quarter hours: their time zone or summer time may have changed"
        if broker_of is not None:
            sentence += f"; or the clock of partition {broker_of}'s broker was set"
    elif broker_of is not None:
        sentence = f"The clock of partition {broker_of}'s broker was set "
        sentence += f"{'back' if size > 0 else 'forward'} by {duration(abs(size))} about "
        sentence += f"{extent.times.moment(at)}: the times of {len(clients):,} of its clients, and "
        sentence += "of no others, changed by that"
        if size < 0:
            sentence += "; or what goes there took so much longer from then on"
    elif way == "back" and not rows[clock_steps.AHEAD].any():
        sentence += "; or the way that they share took so much longer from then on"
    events, window = int(rows[EVENTS].sum()), (extent.start_s, extent.end_s)
    return Finding(f"{sentence}.", events, "clock", "Delay", *window, clients)


_OF_TOPIC: Final[dict[DelayPart, tuple[FindingKind, str]]] = {
    DelayPart.BUFFERING: (
        "buffering",
        "{} of the events were at least {} old when they were sent.",
    ),
    DelayPart.NETWORK: (
        "network",
        (
            "{} of the events took at least {} longer than their client's fastest from being sent "
            "to being received: the network, or sending again with the first sent time."
        ),
    ),
    DelayPart.PIPELINE: (
        "pipeline",
        (
            "{} of the events had a record timestamp at least {} after they were received: that is "
            "between collector and broker, or their clocks differ."
        ),
    ),
}
_OF_CLIENT: Final[dict[DelayPart, tuple[FindingKind, str]]] = {
    DelayPart.BUFFERING: ("buffering", "{} were at least {} old when it sent them"),
    DelayPart.NETWORK: (
        "network",
        (
            "{} took at least {} longer than its fastest from being sent to being received: the "
            "network, or sending again with the first sent time"
        ),
    ),
}


def _is_missing(client: object) -> bool:
    return client is None or client is pd.NA or client != client  # NaN is not itself


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
