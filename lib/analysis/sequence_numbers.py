"""Sequence numbers: what they count, which are missing, and which came again.

A *counter* gives one number after another: to the events of a session, of a client, of a partition
or of the topic. Which of them is found from the numbers: those of the narrowest group follow one
another, and a wider group is the counter where numbers go on from one of its parts to the next.

A counter may restart: a device reboots, a number wraps. It has where a number comes again for
another event, later by the client's clock and in arrival order, or where one below all before it
does. Each *run* between restarts is judged by itself. A number between two of a run that arrived
is missing; the same number of the same event (same event time, same client) is a duplicate. Nothing
is known of numbers before the first of a run and after its last. Events without a number that
happened in a gap may have had the numbers that are missing in it, unless such events happen between
numbers that follow one another just as well: then others are numbered, and these are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib.analysis import kernels
from lib.analysis.kernels import Groups
from lib.core.blockwise import Pool, Whole, added, alone, either
from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
    SEQUENCE,
    SESSION,
)
from lib.core.formatting import counted
from lib.core.jit import compiled, inlined
from lib.events.table import THE_CLIENT

if TYPE_CHECKING:
    from lib.analysis.kernels import Codes, Ints
    from lib.core.blockwise import Steps

Bools = npt.NDArray[np.bool_]

_LARGEST: Final = np.iinfo(np.int64).max
_NEVER: Final = np.iinfo(np.int64).min

_FALLS: Final = 3  # numbers of one device fall less often than so many times a run
_MANY: Final = 20  # numbers, at least, that a counter leaves out when it jumps
_LOOKED_AT: Final = 64  # numbers behind one that came again, to tell where counting goes on
_MOSTLY: Final = 2  # a counter that restarted goes on with more numbers for each that is lost
_TIMES_FASTER: Final = 8.0  # no client makes events so many times faster while they are lost

TELLS_NOTHING: Final = -1
"""Step of an event without a number, of a run's smallest, of one that has another's number, and of
one above a gap in which nothing need be missing."""


class Numbering(StrEnum):
    """What a sequence number counts."""

    SESSION = "session"
    CLIENT = "client"
    PARTITION = "partition"
    TOPIC = "topic"

    @property
    def sentence(self) -> str:
        """What it counts, in words for the page."""
        counted = "all events of the topic" if self is Numbering.TOPIC else f"each {self}'s events"
        return f"Sequence numbers count {counted}."


@dataclass(frozen=True)
class RejectedRecords:
    """Records that are no events, or were not read: what is missing may be among them.

    Attributes
    ----------
    records
        How many there are.
    numbers
        Sequence numbers of those in which one could be read, int64; None where none is known.
    others
        Whether the topic has, or had, records that were not read: then no number is missing.
    """

    records: int = 0
    numbers: Ints | None = None
    others: bool = False


@dataclass(frozen=True)
class SequenceNumbers:
    """What the sequence numbers of a topic say.

    Attributes
    ----------
    numbering
        What they count.
    steps
        How far each event's number is above the next smaller one of its run, int64, in the order
        of the events: 0 for a duplicate, 1 if the number below it is there, m + 1 if the m numbers
        below it are missing, `TELLS_NOTHING` otherwise. Numbers of rejected records are not
        missing, and none is where records were not read.
    in_rejected
        Numbers that no event has, but a rejected record.
    doubtful
        Numbers that are missing, and need not be lost.
    unread
        Whether that is because records were not read.
    gaps
        Where clients share a counter, a partition's or the topic's: the positions of the events
        below and above each gap, (2, n). None where each client counts: what is missing is its own.
    """

    numbering: Numbering
    steps: Ints
    in_rejected: int = 0
    doubtful: int = 0
    unread: bool = False
    gaps: Ints | None = None

    def of(self, which: Bools) -> SequenceNumbers:
        """Return the numbers of some of the events; where they were not all, gaps are not known."""
        gaps = None if self.gaps is None else self.gaps[:, :0]
        return replace(self, steps=self.steps[which], gaps=gaps)

    def own(self, client: Codes, at_once: Bools) -> Ints:
        """Return the steps without what others may lack: another client, or another session.

        `client` is each event's; those of the clients that are `at_once` are looked at by session.
        """
        if self.gaps is not None:
            return np.minimum(self.steps, 1)
        if self.numbering is Numbering.SESSION or not at_once.any():
            return self.steps
        return np.where(at_once[client], np.minimum(self.steps, 1), self.steps)

    @property
    def doubt(self) -> str:
        """Which numbers are missing that need not be lost, and why, in words; "" if none."""
        if not self.doubtful:
            return ""
        are = "is" if self.doubtful == 1 else "are"
        why = "a counter may be that of several devices, or may have restarted in between"
        if self.unread:
            why = "records of the topic are not here"
        of = counted(self.doubtful, "number")
        return f"{of} {are} missing, which need not be lost: {why}."

    @property
    def repeated(self) -> Bools:
        """Which events have come before."""
        again: Bools = self.steps == 0
        return again

    @property
    def go_on(self) -> Bools:
        """Which events have a number that goes on from one of the same session."""
        return (self.steps > 0) & (self.numbering is Numbering.SESSION)


NONE_REJECTED: Final = RejectedRecords()
_BY_CLIENT: Final = (Numbering.SESSION, Numbering.CLIENT)
_SHARED_BY_CLIENTS: Final = (
    "Sequence numbers may count the events of a partition or of the topic, beyond any client."
)


def sequence_numbers(
    events: pd.DataFrame,
    *,
    sessions_are_derived: bool = False,
    rejected: RejectedRecords = NONE_REJECTED,
) -> SequenceNumbers | None:
    """Return what the sequence numbers say; None without any, or where they are something else.

    They are sequence numbers if at least half of them follow the next smaller one of their run
    (random keys do not, nor does a measured value, which goes up and down).

    Parameters
    ----------
    events
        The events table, in **arrival order**; no received time is needed.
    sessions_are_derived
        Whether sessions were derived by an inactivity gap: then no number counts theirs.
    rejected
        Records that were rejected.
    """
    return alone(find_numbers(events, sessions_are_derived=sessions_are_derived, rejected=rejected))


def find_numbers(
    events: pd.DataFrame, *, sessions_are_derived: bool, rejected: RejectedRecords
) -> Steps[SequenceNumbers | None]:
    """Find the `sequence_numbers` of a block that has all events of its clients.

    Counters of partitions, or of the topic, are seen where one block has all events.
    """
    has_numbers = SEQUENCE in events and bool(events[SEQUENCE].notna().any())
    any_numbers = yield Pool(has_numbers, either)
    if not any_numbers:
        return None
    numbered = _numbered(events)
    found = yield from _find_counters(events, numbered, list(Numbering)[sessions_are_derived:])
    if found is None:
        return None
    numbering, groups, judged = found
    steps, doubtful = yield from _believed(judged, groups, numbered)
    steps, held = _without_rejected(steps, judged, numbered.number, rejected)
    steps, unread = yield from _read(events, numbered, groups, replace(judged, steps=steps))
    if rejected.others:
        unread += int(np.maximum(steps - 1, 0).sum())
        steps = np.minimum(steps, 1)
    return SequenceNumbers(
        _named(numbering, events),
        numbered.of_all(kernels.apart(judged.runs, steps), len(events)),
        held,
        doubtful + unread,
        unread > 0,
        None if numbering in _BY_CLIENT else _gaps(replace(judged, steps=steps), numbered),
    )


def _find_counters(
    events: pd.DataFrame, numbered: _Numbered, of: list[Numbering]
) -> Steps[tuple[Numbering, Groups, _JudgedNumbers] | None]:
    """Find the counters of the numbers, of some kinds from the narrowest to the widest."""
    found: tuple[Numbering, Groups, _JudgedNumbers] | None = None
    fewest = 0
    for numbering in of:
        groups, others = numbered.grouped(events, numbering)
        used, again, n = yield from _find_use(groups, numbered, numbering)
        if found is not None and (used >= fewest or 2 * again > n):
            continue
        if numbering not in _BY_CLIENT:
            yield Whole(_SHARED_BY_CLIENTS)
        judged = yield from _count(groups, numbered, others)
        votes = judged.following() if found is None else judged.going_on(found[1])
        one, two, against = yield Pool(votes, added)
        if one > against or (found is None and one == against and two > 0):
            found, fewest = (numbering, groups, judged), used
    return found


def _find_use(groups: Groups, numbered: _Numbered, numbering: Numbering) -> Steps[Ints]:
    """Find how many groups have numbers, how many of those must come again in them, and all.

    Where most must come again, the groups are no counters.
    """
    low, high = kernels.bounds_within(groups, numbered.number)
    used = np.flatnonzero(groups.sizes)
    rows = np.stack((groups.sizes[used], low[used], high[used]), axis=1)
    if numbering not in _BY_CLIENT:  # blocks have events of the same ones
        names = [int(name) for name in groups.labels[used]]
        found = yield Pool(dict(zip(names, rows.tolist(), strict=True)), _both)
        rows = np.array([*found.values()], np.int64).reshape(-1, 3)
    again = np.maximum(rows[:, 0] - (rows[:, 2] - rows[:, 1] + 1), 0).sum()
    counts = np.array([len(rows), again, rows[:, 0].sum()])
    return (yield Pool(counts, added)) if numbering in _BY_CLIENT else counts


def _both(one: dict[int, list[int]], other: dict[int, list[int]]) -> dict[int, list[int]]:
    """Return number, smallest and largest of each group of two blocks."""
    both = dict(one)
    for name, (n, low, high) in other.items():
        size, lowest, highest = both.get(name, (0, low, high))
        both[name] = [size + n, min(low, lowest), max(high, highest)]
    return both


def _named(numbering: Numbering, events: pd.DataFrame) -> Numbering:
    """Return what to call a counter: without a client field, what counts per client is the topic's.

    The only client of such a topic is the topic.
    """
    only = events[CLIENT].cat.categories
    without_clients = len(only) == 1 and only[0] == THE_CLIENT
    return Numbering.TOPIC if without_clients and numbering is Numbering.CLIENT else numbering


@dataclass(frozen=True)
class _Numbered:
    """The events with a number, in arrival order; `rows` is None if that is all events.

    `clients` are the groups of all events, `client` the code of each that has a number.
    """

    rows: Ints | None
    number: Ints
    time: Ints
    client: Codes
    clients: Groups

    def grouped(self, events: pd.DataFrame, numbering: Numbering) -> tuple[Groups, _Others | None]:
        """Return the counters, and what has no number."""
        match numbering:
            case Numbering.TOPIC:
                groups = Groups(np.zeros(len(events), np.int32), pd.RangeIndex(1))
            case Numbering.CLIENT:
                groups = self.clients
            case _:
                column = SESSION if numbering is Numbering.SESSION else PARTITION
                groups = kernels.group_by(events, column)
        if self.rows is None:
            return groups, None
        times = kernels.ints(events[EVENT_TIME])
        others = _Others(np.delete(groups.codes, self.rows), np.delete(times, self.rows))
        return Groups(groups.codes[self.rows], groups.labels), others

    def of_all(self, steps: Ints, events: int) -> Ints:
        if self.rows is None:
            return steps
        found = np.full(events, TELLS_NOTHING)
        found[self.rows] = steps
        return found


@dataclass(frozen=True)
class _Others:
    """The events without a number: the counter of each, and when it happened."""

    counter: Codes
    time: Ints

    def between(self, counter: Codes, first: Ints, last: Ints, *, ends: bool) -> Ints:
        """Return how many of a counter happened between two times, those at its `ends` or not."""
        moments = np.unique(self.time)
        width = np.int64(len(moments) + 1)
        keys = np.sort(self.counter * width + np.searchsorted(moments, self.time))
        low = np.searchsorted(moments, first, "left" if ends else "right")
        high = np.searchsorted(moments, last, "right" if ends else "left")
        begin, end = (np.searchsorted(keys, counter * width + at) for at in (low, high))
        inside: Ints = np.maximum(end - begin, 0)
        return inside


NO_OTHERS: Final = _Others(np.empty(0, np.int32), np.empty(0, np.int64))


def _numbered(events: pd.DataFrame) -> _Numbered:
    known = events[SEQUENCE].notna().to_numpy()
    time, clients = kernels.ints(events[EVENT_TIME]), kernels.group_by(events, CLIENT)
    if known.all():
        return _Numbered(None, kernels.ints(events[SEQUENCE]), time, clients.codes, clients)
    rows = np.flatnonzero(known)
    number = events[SEQUENCE].to_numpy(np.int64, na_value=0)[rows]
    return _Numbered(rows, number, time[rows], clients.codes[rows], clients)


@dataclass(frozen=True)
class _JudgedNumbers:
    """Numbers judged by one way of counting.

    Attributes
    ----------
    runs
        The run of each event.
    rising, before
        The numbers, run after run and rising, and where each stood before sorting (None: there).
    time
        Event times, run after run, in arrival order.
    steps
        `SequenceNumbers.steps`, as `time`.
    twice
        Which events have the number of another one of their run, 1 or 0, as `time`.
    restarts
        How often counters restarted.
    """

    runs: Groups
    rising: Ints
    before: Codes | None
    time: Ints
    steps: Ints
    twice: Codes
    restarts: int

    @property
    def order(self) -> Codes:
        """Where each of the rising numbers stood before sorting."""
        at = np.arange(len(self.rising), dtype=np.int32)
        return at if self.before is None else self.before

    def gaps(self) -> tuple[Codes, Codes]:
        """Return where, run after run, the events below and above each gap stand.

        Of events with one number, the first that arrived.
        """
        found = np.empty((2, np.count_nonzero(self.steps > 1)), np.int32)
        _find_gaps(self.order, self.steps, self.twice, found[0], found[1])
        return found[0], found[1]

    def following(self) -> Ints:
        """Return how many numbers follow the next smaller one of their run, miss one, and do not.

        Numbers follow one another where most do; where as many do not, if some miss one.
        """
        one, two, more = (
            np.count_nonzero(w) for w in (self.steps == 1, self.steps == 2, self.steps > 2)
        )
        return np.array([one, two, two + more + np.count_nonzero(self.twice) + self.restarts])

    def going_on(self, parts: Groups) -> Ints:
        """Return how many numbers go on from one part of a counter to the next, 0, and do not.

        Numbers go on where most do of the events that stand next to one of another part in the
        order of numbers: they follow it by one, and in arrival order or event time.
        """
        part, repeated = kernels.together(self.runs, parts.codes), self.steps == 0
        at = self.order
        other = np.diff(part[at]) != 0
        other[_inner(self.runs.bounds) - 1] = False
        step = np.diff(self.rising)
        follows = other & (step == 1) & ((np.diff(at) > 0) | (np.diff(self.time[at]) > 0))
        against = np.count_nonzero(other & ~follows & ~repeated[at][1:]) + self.restarts
        return np.array([np.count_nonzero(follows), 0, against])


def _believed(
    judged: _JudgedNumbers, groups: Groups, numbered: _Numbered
) -> Steps[tuple[Ints, int]]:
    """Find the steps without gaps in which nothing need be missing, and what may be all the same.

    Where a counter jumped, nothing is.
    """
    steps = judged.steps
    below, gaps = judged.gaps()
    by_time = judged.time[gaps] < judged.time[below]
    is_unsteady = bool(judged.restarts or judged.twice.any() or by_time.any())
    unsteady = yield Pool(is_unsteady, either)
    if not len(gaps):
        return steps, 0
    # The counter restarted, and what it gave first came later; or the clock was set back.
    doubtful = by_both = by_time & (gaps < below)
    jumped = _jumps(judged, gaps)
    if unsteady:
        several, of_arrivals = _unsteady_counters(judged, groups, numbered)
        of = kernels.together(judged.runs, groups.codes)[gaps]
        doubtful = by_both | (by_time & ~of_arrivals[of]) | several[of]
    believed = steps.copy()
    believed[gaps[doubtful | jumped]] = TELLS_NOTHING
    return believed, int((steps[gaps[doubtful & ~jumped]] - 1).sum())


def _unsteady_counters(
    judged: _JudgedNumbers, groups: Groups, numbered: _Numbered
) -> tuple[Bools, Bools]:
    """Return which counters are those of several devices of one name, and which count arrivals.

    Numbers of several devices fall far more often than the counter restarts, in the order of
    arrival and in that of event time. By one alone a buffer was sent newest first, or a clock was
    set; or, by event time alone, who receives the events gave the numbers. Numbers that were sent
    again, each for itself, are no fall.
    """
    all_twice = kernels.apart(judged.runs, judged.twice)
    second = _second_counters(all_twice, groups, numbered.number)
    some = (all_twice == 0) | second[groups.codes]
    kept = Groups(groups.codes[some], groups.labels)
    number, time = (kernels.together(kept, of[some]) for of in (numbered.number, numbered.time))
    twice = kernels.together(kept, all_twice[some]).astype(bool)
    counter = np.repeat(np.arange(kept.n, dtype=np.int32), kept.sizes)
    rising, before = kernels.sort_within(kept.bounds, time)
    by_time = np.arange(len(number)) if before is None else before
    moved = np.diff(rising) > 0
    often, far = _falls(counter, number, twice, np.ones(len(moved), np.bool_), kept.n)
    by_time_often, by_time_far = _falls(counter, number[by_time], twice[by_time], moved, kept.n)
    owner = kernels.last_within(judged.runs, groups.codes)
    runs = kernels.counts(owner[judged.runs.sizes > 0], groups.n)
    return (
        np.minimum(far, by_time_far) > _FALLS * runs,
        by_time_often > _FALLS * (often + runs),
    )


def _second_counters(twice: Codes, groups: Groups, number: Ints) -> Bools:
    """Return in which counters the numbers that come twice are those of a second one.

    Each that comes between others follows the one before it that did.
    """
    again, number = kernels.together(groups, twice), kernels.together(groups, number)
    counter = np.repeat(np.arange(groups.n, dtype=np.int32), groups.sizes)
    at = np.flatnonzero(again)
    is_between = again[at[1:] - 1] == 0
    last, between = at[:-1][is_between], at[1:][is_between]
    follows = (number[between] - number[last] == 1) & (counter[between] == counter[last])
    of_all = kernels.counts(counter[between], groups.n)
    return 2 * kernels.counts(counter[between[follows]], groups.n) > of_all


def _falls(
    counter: Codes, number: Ints, twice: Bools, moved: Bools, counters: int
) -> tuple[Ints, Ints]:
    """Return how often the numbers of each counter fall in some order, and how often far.

    Those of two devices are apart by more than either has; events that overtake one another are
    many, and near. `moved` says whether each but the first is at another moment than the one
    before it.
    """
    depth = number[:-1] - number[1:]
    at = np.flatnonzero((depth > 0) & (counter[1:] == counter[:-1]) & moved)
    of = counter[at]
    often = kernels.counts(of, counters)
    far = (2 * depth[at] >= often[of]) | twice[at] | twice[at + 1]
    return often, kernels.counts(of[far], counters)


def _read(
    events: pd.DataFrame, numbered: _Numbered, groups: Groups, judged: _JudgedNumbers
) -> Steps[tuple[Ints, int]]:
    """Find the steps without gaps of which records were not read, and how many numbers those are.

    Where a counter's events are in several partitions, and one of them begins later than it did:
    its first records expired, or were not asked for.
    """
    partitions = kernels.group_by(events, PARTITION)
    received = kernels.ints(events[RECEIVED_TIME])
    begins = kernels.bounds_within(partitions, kernels.ints(events[OFFSET]))[0]
    first = begins  # of a partition that is here from its first record, no time is asked for
    if begins.any():
        first = kernels.bounds_within(partitions, received)[0]
    of_block = dict(zip(partitions.labels, zip(begins, first, strict=True), strict=True))
    of_all = yield Pool(of_block, _earlier)
    late = [of_all[name][1] if of_all[name][0] > 0 else _NEVER for name in partitions.labels]
    if not late or max(late) == _NEVER:
        return judged.steps, 0
    row = np.arange(len(events)) if numbered.rows is None else numbered.rows
    since = kernels.bounds_within(groups, np.array(late)[partitions.codes[row]])[1]
    below, above = _gaps(judged, replace(numbered, rows=None))
    gaps = judged.gaps()[1]
    unread = gaps[received[row[below]] < since[groups.codes[above]]]
    steps = judged.steps.copy()
    steps[unread] = TELLS_NOTHING
    return steps, int((judged.steps[unread] - 1).sum())


def _earlier(
    one: dict[int, tuple[int, int]], other: dict[int, tuple[int, int]]
) -> dict[int, tuple[int, int]]:
    """Return the first offset and received time of each partition of two blocks."""
    both = dict(one)
    for name, (offset, received) in other.items():
        known = both.get(name, (offset, received))
        both[name] = min(offset, known[0]), min(received, known[1])
    return both


def _gaps(judged: _JudgedNumbers, numbered: _Numbered) -> Ints:
    """Return the positions of the events below and above each gap."""
    at = kernels.together(judged.runs, np.arange(len(judged.steps)))
    found = at[np.stack(judged.gaps())]
    return found if numbered.rows is None else numbered.rows[found]


def _jumps(judged: _JudgedNumbers, gaps: Codes) -> Bools:
    """Return in which of the gaps a counter jumped: it went on with its next hundred, say.

    So many numbers are missing that the client would have had to make events at several times its
    own pace.
    """
    step = np.diff(judged.rising)
    step[_inner(judged.runs.bounds) - 1] = 0
    far = np.flatnonzero(step > _MANY)
    if not len(far):
        return np.zeros(len(gaps), np.bool_)
    run = np.repeat(np.arange(judged.runs.n, dtype=np.int32), judged.runs.sizes)[1:]
    leaps = np.zeros(judged.runs.n, np.bool_)
    leaps[run[far]] = True
    inside = np.flatnonzero((step == 1) & leaps[run])
    time = judged.time[judged.order]
    paces = Groups(run[inside], judged.runs.labels)
    pace = kernels.medians_within(paces, (time[inside + 1] - time[inside]).astype(np.float64))
    took = time[far + 1] - time[far]
    jumped = far[_TIMES_FASTER * took < step[far] * pace[run[far]]]
    found = np.zeros(len(judged.rising), np.bool_)
    found[judged.order[jumped + 1]] = True
    return found[gaps]


def _count(groups: Groups, numbered: _Numbered, others: _Others | None) -> Steps[_JudgedNumbers]:
    """Find the numbers judged by counters, which `groups` are."""
    number, time = (kernels.together(groups, some) for some in (numbered.number, numbered.time))
    client = kernels.together(groups, numbered.client)
    rising, before = kernels.sort_within(groups.bounds, number)
    repeated, earlier = _repeats(groups.bounds, rising, before, time, client)
    begins = np.zeros(len(number), np.bool_)
    restarts = _find_restarts(groups.bounds, number, time, repeated, earlier, begins)
    runs = groups
    if restarts:
        run = np.empty(len(number), np.int32)
        _number_runs(groups.bounds, time, begins, run)
        runs = Groups(kernels.apart(groups, run), pd.RangeIndex(groups.n + restarts))
        repeated = kernels.together(runs, kernels.apart(groups, repeated))
        time = kernels.together(runs, numbered.time)
        rising, before = kernels.sort_within(runs.bounds, kernels.together(runs, numbered.number))
    steps = kernels.steps_between(runs.bounds, rising, before, TELLS_NOTHING)
    any_others = yield Pool(others is not None, either)
    if any_others:
        counter = kernels.together(runs, groups.codes)
        steps -= yield from _may_be_held(others or NO_OTHERS, counter, time, before, steps)
    twice = ((steps == 0) & (repeated == 0)).astype(np.int32)
    steps[twice == 1] = TELLS_NOTHING
    return _JudgedNumbers(runs, rising, before, time, steps, twice, restarts)


def _may_be_held(
    others: _Others, counter: Codes, time: Ints, before: Codes | None, steps: Ints
) -> Steps[Ints]:
    """Find, of each step, how many of the numbers below it events without one may have had."""
    order = np.arange(len(steps)) if before is None else before
    held = np.zeros(len(steps), np.int64)
    at, below = order[1:], order[:-1]
    gap, next_one = steps[at] > 1, steps[at] == 1
    inside, beside = (
        others.between(counter[at[some]], time[below[some]], time[at[some]], ends=ends)
        for some, ends in ((gap, True), (next_one, False))
    )
    inside = np.minimum(inside, steps[at[gap]] - 1)
    in_gaps, elsewhere = yield Pool(np.array([inside.sum(), beside.sum()]), added)
    if in_gaps > elsewhere:
        held[at[gap]] = inside
    return held


def _repeats(
    bounds: Ints, rising: Ints, before: Codes | None, time: Ints, client: Codes
) -> tuple[Codes, Codes]:
    """Return, for each event, whether it came before, and the one before it with its number.

    The first is 0 or 1, the second −1 where there is none; both int32, counter after counter.
    """
    repeated, earlier = np.zeros(len(rising), np.int32), np.full(len(rising), -1, np.int32)
    same = rising[1:] == rising[:-1]
    same[_inner(bounds) - 1] = False
    if not same.any():
        return repeated, earlier
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    at = tied if before is None else before[tied]
    of_number = np.cumsum(~np.append(False, same)[tied])
    after = of_number[1:] == of_number[:-1]
    earlier[at[1:][after]] = at[:-1][after]
    order = np.lexsort((at, client[at], time[at], of_number))
    ordered = at[order]
    again = np.diff(of_number[order]) == 0
    for values in (time, client):
        again &= values[ordered[1:]] == values[ordered[:-1]]
    repeated[ordered[1:][again]] = 1
    return repeated, earlier


def _inner(bounds: Ints) -> Ints:
    """Return where groups begin that stand behind another; `bounds` are `Groups.bounds`."""
    inner: Ints = bounds[(bounds > 0) & (bounds < bounds[-1])]
    return inner


def _without_rejected(
    steps: Ints, judged: _JudgedNumbers, number: Ints, rejected: RejectedRecords
) -> tuple[Ints, int]:
    """Return the steps less the numbers that rejected records hold, and how many those are."""
    if rejected.numbers is None or not len(rejected.numbers):
        return steps, 0
    held, number = np.unique(rejected.numbers), kernels.together(judged.runs, number)
    gaps = np.flatnonzero(steps > 1)
    first, last = number[gaps] - steps[gaps] + 1, number[gaps] - 1
    inside = np.searchsorted(held, last, "right") - np.searchsorted(held, first, "left")
    less = steps.copy()
    less[gaps] -= inside
    return less, min(int(inside.sum()), len(rejected.numbers))


@compiled
def _find_gaps(order: Codes, steps: Ints, twice: Codes, below: Codes, above: Codes) -> None:
    """Find the events below and above each gap; `order` is that of their numbers."""
    found, last = 0, -1
    for at in order:
        if steps[at] > 1:
            below[found], above[found] = last, at
            found += 1
        if steps[at] != 0 and not twice[at]:
            last = at


@compiled
def _find_restarts(
    bounds: Ints, number: Ints, time: Ints, repeated: Codes, earlier: Codes, begins: Bools
) -> int:
    """Mark the events with which counters restart, and return how many there are."""
    for counter in range(len(bounds) - 1):
        if bounds[counter] < bounds[counter + 1]:
            _mark_restarts(
                bounds[counter], bounds[counter + 1], number, time, repeated, earlier, begins
            )
    return int(begins.sum())


@inlined
def _mark_restarts(
    begin: int,
    end: int,
    number: Ints,
    time: Ints,
    repeated: Codes,
    earlier: Codes,
    begins: Bools,
) -> None:
    """Mark the events with which one counter restarts.

    Of events that happened after all that arrived before them, numbers rise in a run. One that the
    run has already given begins the next run, unless it was sent again; so do those below all of
    the run, if it does not go on above them. Any other number fills a gap: it was overtaken.
    """
    start, newest, low, high = begin, time[begin], number[begin], number[begin]
    below, below_low, below_high = -1, _LARGEST, -_LARGEST  # the first of those below all others
    for at in range(begin + 1, end):
        if repeated[at] or time[at] < newest:
            continue
        newest, value = time[at], number[at]
        is_known = value <= high and earlier[at] >= start
        if is_known and _is_sent_again(at, end, high, number, time, repeated, earlier):
            continue
        if below >= 0 and is_known:
            begins[below] = True
            start, low, high = below, below_low, below_high
            below, below_low, below_high = -1, _LARGEST, -_LARGEST
        if value > high:
            high, low = value, min(low, below_low)
            below, below_low, below_high = -1, _LARGEST, -_LARGEST
        elif earlier[at] >= start:
            begins[at] = True
            start, low, high = at, value, value
        elif value < low:
            below_low, below_high = min(below_low, value), max(below_high, value)
            below = at if below < 0 else below
    if below >= 0:
        begins[below] = True


@inlined
def _is_sent_again(
    at: int, end: int, high: int, number: Ints, time: Ints, repeated: Codes, earlier: Codes
) -> bool:
    """Return whether a number that a run has given came again for the same event, stamped anew.

    Then the run, whose largest number is `high`, goes on where it was. A counter that restarted
    goes on from the number: most of those up to where the run would go on come as well.
    """
    low, most, different, looked_at = number[at], number[at], 1, 0
    for other in range(at + 1, end):
        if repeated[other] or time[other] < time[at]:
            continue
        looked_at += 1
        if number[other] > high or looked_at > _LOOKED_AT:
            most = high if number[other] > high else most
            break
        low, most = min(low, number[other]), max(most, number[other])
        different += earlier[other] < at
    numbers = most - low + 1
    return bool(numbers == 1 or _MOSTLY * numbers >= (1 + _MOSTLY) * different)


@compiled
def _number_runs(bounds: Ints, time: Ints, begins: Bools, run: Codes) -> None:
    """Find the number of each event's run: the last that began before it happened.

    Events that happen with a run's first belong to it if they arrive after it.
    """
    number = -1
    for counter in range(len(bounds) - 1):
        begin, end = bounds[counter], bounds[counter + 1]
        number += 1
        starts = np.flatnonzero(begins[begin:end]) + begin
        for at in range(begin, end):
            first, last = 0, len(starts)
            while first < last:
                middle = (first + last) // 2
                start = starts[middle]
                if time[start] < time[at] or (time[start] == time[at] and start <= at):
                    first = middle + 1
                else:
                    last = middle
            run[at] = number + first
        number += len(starts)
