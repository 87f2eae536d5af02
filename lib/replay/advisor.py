"""A setting that keeps a goal, and whether it may be relied on.

The topic is cut into stretches of equally many events, in arrival order. What a setting is worth
is said of stretches that it was not chosen on: each of the second half is tried with what would
have been chosen on all stretches before it (a rolling origin). One replay of the whole topic judges
a stretch as the engine would come to it, with all that it holds from before.

What is advised is what the stretches need that need most, and a margin that is learned from how far
stretches went beyond all before them. It is called one that holds only where every stretch that was
tried kept the goal, and where nothing speaks against taking the stretches for draws of the same
kind: see `Reason`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.core.blockwise import Answer, added, as_it_is
from lib.core.durations import DAY_MS
from lib.replay import registry, stretches
from lib.replay.engine import Setting, delay_ms, with_delay, with_length
from lib.replay.outcome import EXACT, TrueSessions, find_counts, find_fates
from lib.replay.partitions import slowest_question
from lib.replay.replays import ReplaysHere, lasts_question, received_question
from lib.replay.session_gap import gaps_question
from lib.replay.windows import NO_INDEX, SessionWindow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from lib.core.blockwise import Question
    from lib.replay.goal import Goal
    from lib.replay.input import ReplayInput
    from lib.replay.outcome import Counts, Outcome, SessionFates
    from lib.replay.replays import Replays
    from lib.replay.windows import Replay

STRETCHES: Final = 20
FEWER_STRETCHES: Final = 10
"""Where the topic is too short to promise anything."""

LEAST_ALLOWED: Final = 40
"""Events, or sessions, that the goal has to let go in the whole topic: two a stretch."""

_INCIDENTS: Final = 3
"""So many times the late events that come together must fit into what the goal lets go."""

_FEW_BINS: Final = 6
"""Late events in fewer bins than this, of 200, are too few incidents to learn from."""

_NEGLIGIBLE: Final = 0.01
"""Late events that are no more than this share of what the goal lets go decide nothing, however few
incidents they come from: the next may be a hundred times as large."""

_ALONE: Final = 2.0
"""A stretch that needs this many times the tolerance of any other decides alone."""

_NEAR: Final = 1 / 3
"""Out-of-orderness beyond this share of what needs no delay comes near to needing one."""

_FAR_BEYOND: Final = 5.0
"""A stretch that tolerates this many times what half of them do is an incident of its own."""


_COARSE: Final = 16
_FINE: Final = 6


class Reason(Enum):
    """Why a setting is not called one that holds."""

    NOTHING = auto()
    """The goal lets nothing go: that cannot be promised from what was seen."""
    TOO_SHORT = auto()
    """The goal lets go of too few events, or sessions, of a topic of this length."""
    CHANGES = auto()
    """The topic is of one kind first and of another later."""
    ONE_OUTAGE = auto()
    """One outage, or very few, decide what is needed."""
    NEAR = auto()
    """No event needs a delay, but a few stretches came near to it, and a longer outage may come."""
    FAILS = auto()
    """A stretch that was tried did not keep the goal."""


@dataclass(frozen=True)
class Refusal:
    """Why the advice is not called one that holds.

    Attributes
    ----------
    reason
        The first that applies, in the order of `Reason`.
    at, at_ms
        Index of the event at which it shows, and when it was received, epoch ms: where the topic
        changes, the outage's late events arrive, or the stretch begins that did not keep the goal;
        -1 where it is of the whole topic.
    before_ms, after_ms
        Of `CHANGES`, the typical out-of-orderness before and after. Of `ONE_OUTAGE`, where it is
        one stretch that decides, the delay that the others need at most, and that it needs. Of
        `NEAR`, the tolerance that half of the stretches need, and that this one needs.
    together
        Of `ONE_OUTAGE` otherwise, how many late events come together.
    in_all
        Whether those are all late events that there are, which came in a few moments.
    needed
        Of `TOO_SHORT`, how many events, or sessions, there would have to be.
    of_sessions
        Of `TOO_SHORT`, whether `needed` is of sessions.
    """

    reason: Reason
    at: int = -1
    at_ms: int = -1
    before_ms: int = 0
    after_ms: int = 0
    together: int = 0
    in_all: bool = False
    needed: int = 0
    of_sessions: bool = False


@dataclass(frozen=True)
class Tried:
    """What was chosen on the events before a stretch, and what it does to the stretch.

    Attributes
    ----------
    begin, end
        Its first event, and the first after it.
    begin_ms, end_ms
        When its first and its last event were received, epoch ms.
    setting
        What would have been chosen on the events before `begin`.
    dropped_share
        Share of the stretch's events dropped, 0 to 1.
    broken_share
        Share of the sessions not exact whose last event arrived in the stretch; None where no
        session did, and where the topic has none.
    kept_goal
        Whether the goal was kept.
    """

    begin: int
    end: int
    begin_ms: int
    end_ms: int
    setting: Setting
    dropped_share: float
    broken_share: float | None
    kept_goal: bool


@dataclass(frozen=True)
class Advice:
    """The setting advised.

    Attributes
    ----------
    setting
        The setting to take. On the whole topic it keeps the goal; where it holds, on each stretch,
        too, where a delay can do that, and with a margin.
    outcome
        What it does to the whole topic, on which it was chosen.
    margin_ms
        How much of the delay is margin: beyond what the stretch needed that needed most. 0 where
        the setting is not called one that holds.
    tried
        The stretches that were tried, in their order; empty for a topic of a few events.
    refusal
        Why the setting is not called one that holds; None where it is.
    """

    setting: Setting
    outcome: Outcome
    margin_ms: int
    tried: tuple[Tried, ...]
    refusal: Refusal | None

    @property
    def holds(self) -> bool:
        """Whether it may be relied on: every stretch kept the goal, and nothing speaks against."""
        return self.refusal is None

    @property
    def fails(self) -> bool:
        """Whether all that speaks against it is a stretch that did not keep the goal."""
        return self.refusal is not None and self.refusal.reason is Reason.FAILS

    @property
    def kept(self) -> int:
        """Number of the stretches that kept the goal."""
        return sum(one.kept_goal for one in self.tried)

    @property
    def dropped_shares(self) -> tuple[float, float] | None:
        """Smallest and largest share dropped of the stretches that were tried; None without any."""
        return _bounds(one.dropped_share for one in self.tried)

    @property
    def broken_shares(self) -> tuple[float, float] | None:
        """Smallest and largest share of sessions not exact; None without any."""
        return _bounds(one.broken_share for one in self.tried if one.broken_share is not None)


def _bounds(shares: Iterable[float]) -> tuple[float, float] | None:
    found = list(shares)
    return (min(found), max(found)) if found else None


def advise(
    events: ReplayInput,
    setting: Setting,
    goal: Goal,
    true_session: NDArray[np.integer] | None = None,
) -> Advice | None:
    """Return the setting that is to be taken for a goal, or None where none keeps it.

    None, too, where only a delay keeps it that is longer than the topic and than a day, as where
    events have the wrong year: no result would have come, so nothing could have been dropped.

    Parameters
    ----------
    events
        The events, at least 2.
    setting
        Engine and everything but what is looked for: the delay (of Kafka Streams, the grace). With
        session windows, true sessions and `goal.most_broken` the gap is looked for first: those of
        `lib.replay.session_gap` on the first half of the topic are tried, then its own, and the
        first is taken with which no stretch fails. Else it stays.
    goal
        What the setting has to achieve.
    true_session
        Codes from 0, one element an event, negative for none; or None.
    """
    return advise_on(ReplaysHere(events, TrueSessions.here(true_session)), setting, goal)


def advise_on(replays: Replays, setting: Setting, goal: Goal) -> Advice | None:
    """Return what `advise` returns, of a topic wherever its events are."""
    topic, found = _topic(replays, goal), None
    for gapped in _with_gaps(topic, setting):
        advice = _advise_with(topic, gapped, setting)
        if advice is not None and not advice.fails:
            return advice
        found = found or advice
    return found


def _advise_with(topic: _Topic, gapped: Setting, asked: Setting) -> Advice | None:
    """Return the setting to be taken of all with this gap; None where none keeps the goal.

    What was asked about is taken where no other that was tried keeps it.
    """
    undelayed = _undelayed(topic, gapped)
    needed, of_whole = _tolerances(topic, gapped, undelayed)
    holding = with_delay(gapped, needed.delay_ms)
    keeping = with_delay(gapped, stretches.rounded_up(of_whole))
    own = [asked] if asked.window == gapped.window else []
    origins = range(topic.stretches // 2, topic.stretches)
    before = {k: with_delay(gapped, needed.first(k).delay_ms) for k in origins}
    judged = _judge(topic, [*dict.fromkeys((holding, keeping, *own, *before.values()))])
    tried = _tried(topic, before, judged)
    throughout: tuple[Tried, ...] = ()
    if not topic.goal.is_met_by(judged[holding].outcome):
        throughout = _tried(topic, dict.fromkeys(range(topic.stretches), holding), judged)
    refusal = _refusal(topic, gapped, undelayed, needed, (*tried, *throughout))
    to_take = (keeping, holding, *own) if refusal else (holding,)
    met = (each for each in to_take if topic.goal.is_met_by(judged[each].outcome))
    chosen = next((each for each in met if not _is_beyond(topic, each)), None)
    if chosen is None:
        return None
    return Advice(
        setting=chosen,
        outcome=judged[chosen].outcome,
        margin_ms=0 if refusal else delay_ms(chosen) - int(needed.need.max()),
        tried=tried if topic.tries else (),
        refusal=refusal,
    )


def _is_beyond(topic: _Topic, chosen: Setting) -> bool:
    """Return whether the delay is longer than a day and than the topic."""
    return delay_ms(chosen) > DAY_MS and (delay_ms(chosen) > topic.replays.in_order(lasts_question))


@dataclass(frozen=True, eq=False)
class _Topic:
    """What is advised on, cut into stretches.

    `for_sessions` says whether the goal is for sessions, too, and the topic has some.
    """

    replays: Replays
    goal: Goal
    cuts: NDArray[np.int64]
    for_sessions: bool
    too_short: Refusal | None

    @property
    def events(self) -> int:
        return self.replays.events

    @property
    def stretches(self) -> int:
        return len(self.cuts) - 1

    @property
    def half(self) -> int:
        """How many events the first half of the stretches has."""
        return int(self.cuts[(self.stretches + 1) // 2])

    @property
    def tries(self) -> bool:
        """Whether there are events enough for a stretch to say something."""
        return self.events >= 2 * self.stretches


def _topic(replays: Replays, goal: Goal) -> _Topic:
    sessions = replays.sessions if goal.most_broken is not None else None
    too_short = _too_short(replays.events, goal, sessions)
    number = FEWER_STRETCHES if too_short else STRETCHES
    cuts = stretches.bounds(replays.events, min(number, replays.events))
    return _Topic(replays, goal, cuts, sessions is not None, too_short)


def _too_short(events: int, goal: Goal, sessions: int | None) -> Refusal | None:
    """Return why a goal says too little of so many events, or None."""
    counted = [(goal.most_dropped, events, False)]
    if goal.most_broken is not None and sessions is not None:
        counted.append((goal.most_broken, sessions, True))
    for share, number, of_sessions in counted:
        if share == 0:
            return Refusal(Reason.NOTHING, of_sessions=of_sessions)
        if share * number < LEAST_ALLOWED:
            needed = int(np.ceil(LEAST_ALLOWED / share))
            return Refusal(Reason.TOO_SHORT, needed=needed, of_sessions=of_sessions)
    return None


def _with_gaps(topic: _Topic, setting: Setting) -> Iterator[Setting]:
    """Return the setting with each gap to be tried: those of the first half, then its own."""
    if topic.for_sessions and isinstance(setting.window, SessionWindow):
        assert topic.goal.most_broken is not None
        ask = partial(gaps_question, until=topic.half, most_broken=topic.goal.most_broken)
        for gap in topic.replays.of_sessions(ask):
            gapped = with_length(setting, gap + (0 if setting.engine.joins_at_gap else 1))
            if gapped != setting:
                yield gapped
    yield setting


@dataclass(frozen=True, eq=False)
class _Undelayed:
    """What a replay without a delay shows.

    Of each stretch, and of the whole topic, by how much events missed; of each stretch, and of half
    of each, how far events are behind the clock, at most `furthest` ms; how late events come.
    """

    missed: stretches.Highest
    missed_in_all: stretches.Highest
    behind: stretches.Highest
    behind_in_halves: stretches.Highest
    furthest: int
    late: stretches.LateInBins

    def __add__(self, other: _Undelayed) -> _Undelayed:
        return _Undelayed(
            self.missed + other.missed,
            self.missed_in_all + other.missed_in_all,
            self.behind + other.behind,
            self.behind_in_halves + other.behind_in_halves,
            max(self.furthest, other.furthest),
            self.late + other.late,
        )


def _undelayed(topic: _Topic, setting: Setting) -> _Undelayed:
    ask = partial(
        _undelayed_question,
        cuts=topic.cuts,
        halves=stretches.bounds(topic.events, 2 * topic.stretches),
        share=topic.goal.most_dropped,
    )
    (found,) = topic.replays.of_each([with_delay(setting, 0)], ask)
    undelayed: _Undelayed = found
    return undelayed


def _undelayed_question(
    events: ReplayInput,
    undelayed: Replay,
    _: TrueSessions | None,
    cuts: NDArray[np.int64],
    halves: NDArray[np.int64],
    share: float,
) -> Question[_Undelayed]:
    yield from ()  # a question without a round
    behind = np.maximum(undelayed.clock - events.event_time, 0)
    missed = undelayed.missed_by_ms
    found = _Undelayed(
        stretches.Highest.of(missed, events, cuts, share),
        stretches.Highest.of(missed, events, cuts[[0, -1]], share),
        stretches.Highest.of(behind, events, cuts, share),
        stretches.Highest.of(behind, events, halves, share),
        int(behind.max(initial=0)),
        stretches.LateInBins.of(events, undelayed, int(cuts[-1])),
    )
    return Answer(found, added, as_it_is)


def _tolerances(
    topic: _Topic, setting: Setting, undelayed: _Undelayed
) -> tuple[stretches.Tolerances, int]:
    """Return what the stretches need, and the delay that the whole topic needs."""
    need, of_whole = undelayed.missed.upper, int(undelayed.missed_in_all.upper[0])
    if topic.for_sessions:
        for_sessions = _needs_of_sessions(topic, setting, undelayed.furthest)
        need = np.maximum(need, for_sessions[:-1])
        of_whole = max(of_whole, int(for_sessions[-1]))
    without = _needs_without_slowest(topic, setting)
    slack = stretches.slack_ms(setting)
    return stretches.tolerances(need, undelayed.behind.upper, slack, without), of_whole


def _needs_without_slowest(topic: _Topic, setting: Setting) -> NDArray[np.int64] | None:
    """Return what each stretch needs without the partition that holds the watermark back longest.

    What is late by a minimum over partitions hangs on the slowest of them: where its clients are
    gone, or are as quick as the others, more is late. The slowest of the first half, so that no
    stretch that is tried knows of what comes later.
    """
    slowest = topic.replays.in_order(partial(slowest_question, until=topic.half))
    if slowest is None:
        return None
    ask = partial(stretches.missed_question, cuts=topic.cuts, share=topic.goal.most_dropped)
    (missed,) = topic.replays.of_each([with_delay(setting, 0)], ask, without=[slowest])
    needs: NDArray[np.int64] = missed.upper
    return needs


def _needs_of_sessions(topic: _Topic, setting: Setting, behind_ms: int) -> NDArray[np.int64]:
    """Return the delay from which on each stretch keeps the goal for sessions; last, the topic.

    Of the delays that are tried: some that grow by a factor, then some more just below the largest
    needed. A stretch that no delay helps is given what the whole topic needs; 0 where no delay
    helps that. `behind_ms` is how far an event is behind the clock, at most.
    """
    most = stretches.rounded_up(behind_ms + setting.window.length_ms)
    met = _met_by(topic, setting, {0, *_ladder(most // 5_000, most, _COARSE)})
    largest = int(_smallest_met(met).max())
    below = max((delay for delay in met if delay < largest), default=0)
    finer = set(_ladder(below, largest, _FINE)) - met.keys()
    return _smallest_met(met | _met_by(topic, setting, finer))


def _ladder(low: int, high: int, steps: int) -> list[int]:
    """Return delays from low to high that grow by a factor."""
    factors = np.geomspace(max(1, low), max(1, low, high), steps)
    return [stretches.rounded_up(round(ms)) for ms in factors.tolist()]


def _met_by(topic: _Topic, setting: Setting, delays: set[int]) -> dict[int, NDArray[np.bool_]]:
    """Return for each delay which stretches keep the goal for sessions; last, the whole topic."""
    most, ask = topic.goal.most_broken, partial(_fates_question, cuts=topic.cuts)
    assert most is not None

    delayed = [with_delay(setting, delay) for delay in sorted(delays)]
    fates: list[_Fates] = topic.replays.of_each(delayed, ask)
    # Where no session ended in a stretch, the share is NaN and the goal is kept.
    return {
        delay: ~(np.append(each.broken_shares, each.broken_share) > most)
        for delay, each in zip(sorted(delays), fates, strict=True)
    }


def _smallest_met(met: dict[int, NDArray[np.bool_]]) -> NDArray[np.int64]:
    """Return for each stretch the smallest delay from which on all keep the goal.

    Where the longest does not, that of the whole topic: of that, the longest that does; else 0.
    """
    delays = np.array(sorted(met))
    kept = np.array([met[delay] for delay in sorted(met)])
    from_here_on = np.logical_and.accumulate(kept[::-1])[::-1]
    smallest = delays[from_here_on.argmax(axis=0)]
    of_whole = kept[:, -1]
    whole = smallest[-1] if of_whole[-1] else delays[of_whole].max(initial=0)
    needed: NDArray[np.int64] = np.where(kept[-1], smallest, whole)
    return needed


@dataclass(frozen=True, eq=False)
class _Fates:
    """How many true sessions ended in each stretch, and how many of them are exact; int64."""

    ended: NDArray[np.int64]
    exact: NDArray[np.int64]

    def __add__(self, other: _Fates) -> _Fates:
        return _Fates(self.ended + other.ended, self.exact + other.exact)

    @property
    def broken_shares(self) -> NDArray[np.float64]:
        """The share of sessions not exact of each stretch; NaN where no session ended in it."""
        with np.errstate(invalid="ignore"):
            shares: NDArray[np.float64] = 1 - self.exact / self.ended
        return shares

    @property
    def broken_share(self) -> float:
        """The share of sessions not exact; 0 where there is no session."""
        every = int(self.ended.sum())
        return 1 - int(self.exact.sum()) / every if every else 0.0


def _fates_question(
    events: ReplayInput,
    replayed: Replay,
    sessions: TrueSessions | None,
    cuts: NDArray[np.int64],
) -> Question[_Fates]:
    assert sessions is not None
    fates = yield from find_fates(replayed, sessions)
    return Answer(_fates_in(fates, events, sessions, cuts), added, as_it_is)


def _fates_in(
    fates: SessionFates,
    events: ReplayInput,
    sessions: TrueSessions,
    cuts: NDArray[np.int64],
) -> _Fates:
    """Return fates by the stretches in which the last events of sessions arrived."""
    stretch = np.repeat(np.arange(len(cuts) - 1), np.diff(events.arrived(cuts)))
    home = np.full(len(fates.kind), NO_INDEX, dtype=np.int64)
    codes = sessions.codes
    home[codes[codes >= 0]] = stretch[codes >= 0]  # the last assignment stays
    there = fates.kind != NO_INDEX
    ended = np.bincount(home[there], minlength=len(cuts) - 1)
    exact = np.bincount(home[there & (fates.kind == EXACT)], minlength=len(cuts) - 1)
    return _Fates(ended, exact)


@dataclass(frozen=True, eq=False)
class _Judged:
    """What a setting does to the whole topic, and to each stretch."""

    counts: Counts
    dropped: NDArray[np.int64]
    fates: _Fates | None

    def __add__(self, other: _Judged) -> _Judged:
        fates = None
        if self.fates is not None and other.fates is not None:
            fates = self.fates + other.fates
        return _Judged(self.counts + other.counts, self.dropped + other.dropped, fates)

    @cached_property
    def outcome(self) -> Outcome:
        return self.counts.outcome


def _judge(topic: _Topic, settings: Sequence[Setting]) -> dict[Setting, _Judged]:
    ask = partial(_judge_question, cuts=topic.cuts, for_sessions=topic.for_sessions)
    return dict(zip(settings, topic.replays.of_each(settings, ask), strict=True))


def _judge_question(
    events: ReplayInput,
    replayed: Replay,
    sessions: TrueSessions | None,
    cuts: NDArray[np.int64],
    for_sessions: bool,
) -> Question[_Judged]:
    counts, fates = (yield from find_counts(replayed, sessions)), None
    late = np.flatnonzero(replayed.missed_by_ms)
    if for_sessions and sessions is not None and counts.sessions is not None:
        fates = _fates_in(counts.sessions, events, sessions, cuts)
    dropped = np.diff(np.searchsorted(late, events.arrived(cuts)))
    return Answer(_Judged(counts, dropped, fates), added, as_it_is)


def _tried(
    topic: _Topic, before: Mapping[int, Setting], judged: Mapping[Setting, _Judged]
) -> tuple[Tried, ...]:
    """Return what was chosen before some stretches, by their numbers, and what it does to them."""
    ends = np.stack((topic.cuts[:-1], topic.cuts[1:] - 1), axis=1)[[*before]]
    asked = partial(received_question, places=ends.ravel())
    times = topic.replays.in_order(asked).reshape(ends.shape).tolist()
    return tuple(
        _tried_on(topic, stretch, (begin_ms, end_ms), setting, judged[setting])
        for (stretch, setting), (begin_ms, end_ms) in zip(before.items(), times, strict=True)
    )


def _tried_on(
    topic: _Topic, stretch: int, received: tuple[int, int], setting: Setting, judged: _Judged
) -> Tried:
    begin, end = topic.cuts[stretch : stretch + 2].tolist()
    dropped = int(judged.dropped[stretch]) / max(end - begin, 1)
    broken = None if judged.fates is None else float(judged.fates.broken_shares[stretch])
    broken = None if broken is None or np.isnan(broken) else broken
    kept_goal = topic.goal.allows(dropped, broken)
    return Tried(begin, end, *received, setting, dropped, broken, kept_goal)


def _refusal(
    topic: _Topic,
    setting: Setting,
    undelayed: _Undelayed,
    needed: stretches.Tolerances,
    tried: tuple[Tried, ...],
) -> Refusal | None:
    found = (
        topic.too_short
        or _changes(topic, undelayed, needed)
        or _one_stretch(topic, setting, needed)
        or _few_outages(topic, undelayed)
        or _near(topic, needed)
        or next((Refusal(Reason.FAILS, at=one.begin) for one in tried if not one.kept_goal), None)
    )
    if found is None or found.at < 0:
        return found
    asked = partial(received_question, places=np.array([found.at]))
    return replace(found, at_ms=int(topic.replays.in_order(asked)[0]))


def _changes(topic: _Topic, undelayed: _Undelayed, needed: stretches.Tolerances) -> Refusal | None:
    behind = undelayed.behind_in_halves.upper
    at = stretches.change_point(behind, needed.slack / 2)
    if at is None:
        return None
    cuts = stretches.bounds(topic.events, 2 * topic.stretches)
    before, after = (int(np.median(part)) for part in (behind[:at], behind[at:]))
    return Refusal(Reason.CHANGES, at=int(cuts[at]), before_ms=before, after_ms=after)


def _one_stretch(topic: _Topic, setting: Setting, needed: stretches.Tolerances) -> Refusal | None:
    """Return a refusal where one stretch needs twice the tolerance of any other."""
    order = np.argsort(needed.tolerance)
    first, second = int(order[-1]), int(order[-2])
    if needed.tolerance[first] <= _ALONE * needed.tolerance[second] or not needed.need[first]:
        return None
    found = int(needed.need[second]), int(topic.cuts[first]), int(topic.cuts[first + 1])
    if not topic.for_sessions:
        found = min(found, _between(topic, setting))
    others, begin, end = found
    ask = partial(_first_late_question, begin=begin, end=end, by_ms=others)
    (at,) = topic.replays.of_each([with_delay(setting, 0)], ask)
    own = int(needed.need[first])
    return Refusal(Reason.ONE_OUTAGE, at=at, before_ms=others, after_ms=own)


def _between(topic: _Topic, setting: Setting) -> tuple[int, int, int]:
    """Return, of stretches cut half a stretch later, what all but one need; begin and end of that.

    A burst that lies across a cut makes two stretches need a delay, but then only one of these.
    """
    halves = stretches.bounds(topic.events, 2 * topic.stretches)
    cuts = np.concatenate((halves[:1], halves[1::2], halves[-1:]))
    ask = partial(stretches.missed_question, cuts=cuts, share=topic.goal.most_dropped)
    (missed,) = topic.replays.of_each([with_delay(setting, 0)], ask)
    first = int(missed.upper.argmax())
    begin, end = cuts[first : first + 2].tolist()
    return int(np.partition(missed.upper, -2)[-2]), begin, end


def _first_late_question(
    events: ReplayInput,
    undelayed: Replay,
    _: TrueSessions | None,
    begin: int,
    end: int,
    by_ms: int,
) -> Question[int]:
    """Ask for the first event of a stretch that missed by more than so much; else its begin."""
    yield from ()  # a question without a round
    first, last = events.arrived(np.array([begin, end])).tolist()
    late = first + np.flatnonzero(undelayed.missed_by_ms[first:last] > by_ms)
    at = int(events.place(late[:1])[0]) if len(late) else None
    return Answer(at, _earlier, partial(_else, begin))


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((at for at in (one, other) if at is not None), default=None)


def _else(begin: int, at: int | None) -> int:
    return begin if at is None else at


def _few_outages(topic: _Topic, undelayed: _Undelayed) -> Refusal | None:
    """Return a refusal where what the goal lets go is no more than a few outages hold back."""
    found = undelayed.late.lumps
    allowed = topic.goal.most_dropped * topic.events
    few = found.bins < _FEW_BINS and found.late > _NEGLIGIBLE * allowed
    if not few and _INCIDENTS * found.size <= allowed:
        return None
    together = found.late if few else round(found.size)
    return Refusal(Reason.ONE_OUTAGE, at=found.largest_at, together=together, in_all=few)


def _near(topic: _Topic, needed: stretches.Tolerances) -> Refusal | None:
    """Return a refusal where no stretch needs a delay, but some are far beyond the others."""
    if needed.need.any():
        return None
    typical, most = int(np.median(needed.tolerance)), int(needed.tolerance.max())
    if most <= _NEAR * needed.slack or most <= _FAR_BEYOND * max(1, typical):
        return None
    at = int(topic.cuts[needed.tolerance.argmax()])
    return Refusal(Reason.NEAR, at=at, before_ms=typical, after_ms=most)


def elsewhere(setting: Setting) -> list[Setting]:
    """Return the nearest setting in each of the other engines: same window, same delay or grace.

    One a class of settings: an engine with several APIs has the last one of the registry.
    """
    window, delay = setting.window, delay_ms(setting)
    all_engines = [engine.setting(window, delay) for engine in registry.ENGINES]
    one_a_class = {type(other): other for other in all_engines}
    return [other for kind, other in one_a_class.items() if kind is not type(setting)]
