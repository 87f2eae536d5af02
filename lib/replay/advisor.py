"""The smallest setting that keeps a promise, and whether it keeps it on what it was not fitted on.

The first part of the topic, in arrival order, is what a setting is fitted on. It is checked on the
rest: the whole topic is replayed, as the engine would come to the rest with what it holds, and
only the rest is outcome. A true session counts in a part when all its events arrived in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.replay import registry
from lib.replay.engine import Setting, delay_ms, replay, with_delay, with_length
from lib.replay.engine_clock import newest_so_far
from lib.replay.outcome import Outcome, outcome_of
from lib.replay.windows import NO_INDEX, SessionWindow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.replay.input import ReplayInput

FITTED_SHARE: Final = 0.7


@dataclass(frozen=True)
class Goal:
    """What a setting has to achieve.

    Attributes
    ----------
    most_dropped
        Largest share of the events that may be dropped, 0 to 1.
    most_broken
        Largest share of the true sessions that may not be exact, 0 to 1, or None: any.
    """

    most_dropped: float = 0.001
    most_broken: float | None = None

    def is_met_by(self, outcome: Outcome) -> bool:
        """Return whether a setting with this outcome meets it."""
        broken = outcome.sessions.broken_share if outcome.sessions is not None else 0.0
        return outcome.dropped_share <= self.most_dropped and (
            self.most_broken is None or broken <= self.most_broken
        )


@dataclass(frozen=True)
class Advice:
    """The setting advised.

    Attributes
    ----------
    setting
        The smallest that meets the goal on the part that it was fitted on.
    fitted, held_out
        What it does on that part, and on the rest.
    holds
        Whether it meets the goal on the rest, too.
    elsewhere
        The nearest setting in each other engine, and what it does on the rest.
    fitted_events
        Number of events in the part that it was fitted on.
    on_all
        Where it does not hold: the smallest setting that meets the goal on all events, and what it
        does on them. What is still to come it was not checked on.
    """

    setting: Setting
    fitted: Outcome
    held_out: Outcome
    holds: bool
    elsewhere: tuple[tuple[Setting, Outcome], ...]
    fitted_events: int
    on_all: tuple[Setting, Outcome] | None = None

    @property
    def to_set(self) -> Setting:
        """The setting to take: on the events that are known it meets the goal."""
        return self.on_all[0] if self.on_all else self.setting


def advise(
    events: ReplayInput,
    setting: Setting,
    goal: Goal,
    true_session: NDArray[np.integer] | None = None,
) -> Advice | None:
    """Return the smallest setting that meets the goal, or None where there is none.

    Parameters
    ----------
    events
        The events, at least 2.
    setting
        Engine and everything but what is looked for: the delay (of Kafka Streams, the grace). With
        session windows, true sessions and `goal.most_broken` the gap is looked for first: the
        smallest that would meet the goal if no event came late. Else it stays.
    goal
        What the setting has to achieve.
    true_session
        Codes from 0, one element an event, negative for none; or None.
    """
    split = max(1, int(len(events) * FITTED_SHARE))
    part = events.first(split)
    sessions = None if true_session is None else _within(true_session, 0, split)[:split]
    candidate = _smallest(part, setting, goal, sessions)
    if candidate is None:
        return None
    on_rest = partial(outcome_on_rest, events, begin=split, true_session=true_session)
    held_out = on_rest(candidate)
    holds = goal.is_met_by(held_out)
    on_all = None if holds else _smallest(events, setting, goal, true_session)
    return Advice(
        setting=candidate,
        fitted=outcome_of(replay(part, candidate), sessions),
        held_out=held_out,
        holds=holds,
        elsewhere=tuple((other, on_rest(other)) for other in elsewhere(candidate)),
        fitted_events=split,
        on_all=(on_all, outcome_of(replay(events, on_all), true_session)) if on_all else None,
    )


def outcome_on_rest(
    events: ReplayInput,
    setting: Setting,
    begin: int,
    true_session: NDArray[np.integer] | None = None,
) -> Outcome:
    """Return what a setting does from event `begin` on, the engine having seen the events before.

    Parameters
    ----------
    events
        All events.
    setting
        The setting.
    begin
        Index of the first event that counts. Sessions count when they begin there or later, final
        results when they come out there or later.
    true_session
        As for `advise`.
    """
    replayed = replay(events, setting)
    sessions = None if true_session is None else _within(true_session, begin, len(events))
    return outcome_of(replayed, sessions, begin)


def elsewhere(setting: Setting) -> list[Setting]:
    """Return the nearest setting in each of the other engines: same window, same delay or grace.

    One a class of settings: an engine with several APIs has the last one of the registry.
    """
    window, delay = setting.window, delay_ms(setting)
    all_engines = [engine.setting(window, delay) for engine in registry.ENGINES]
    one_a_class = {type(other): other for other in all_engines}
    return [other for kind, other in one_a_class.items() if kind is not type(setting)]


def _within(true_session: NDArray[np.integer], begin: int, end: int) -> NDArray[np.integer]:
    """Return the codes, with `NO_INDEX` for sessions that have an event outside of begin to end."""
    outside = np.zeros(int(true_session.max(initial=-1)) + 2, dtype=bool)
    outside[true_session[:begin]] = True
    outside[true_session[end:]] = True
    return np.where(outside[true_session], NO_INDEX, true_session)


def _smallest(
    part: ReplayInput, setting: Setting, goal: Goal, sessions: NDArray[np.integer] | None
) -> Setting | None:
    """Return the setting with the smallest gap and delay that meets the goal on the part."""
    found: Setting | None = setting
    if goal.most_broken is not None and sessions is not None:
        found = _smallest_gap(part, setting, goal.most_broken, sessions)
    return None if found is None else _smallest_delay(part, found, goal, sessions)


def _smallest_gap(
    part: ReplayInput,
    setting: Setting,
    most_broken: float,
    sessions: NDArray[np.integer],
) -> Setting | None:
    """Return the setting with the smallest gap that breaks few enough sessions without late events.

    A session is then exact when the gap is no smaller than its longest pause, and smaller than
    its distance from any other event of its key.
    """
    if not isinstance(setting.window, SessionWindow):
        return setting
    pause, distance = _pauses_and_distances(part, sessions)
    if not len(pause):
        return None
    possible = pause < distance
    gaps = np.unique(np.maximum(pause[possible], 1))
    exact = np.searchsorted(np.sort(pause[possible]), gaps, side="right") - np.searchsorted(
        np.sort(distance[possible]), gaps, side="right"
    )
    enough = np.flatnonzero(1 - exact / len(pause) <= most_broken)
    if not len(enough):
        return None
    beyond = 0 if setting.engine.joins_at_gap else 1
    return with_length(setting, int(gaps[enough[0]]) + beyond)


def _pauses_and_distances(
    part: ReplayInput, sessions: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each session's longest pause, and its distance from other events of its key."""
    order = np.lexsort((part.event_time, part.key))
    apart = np.diff(part.event_time[order])
    neighbours = np.diff(part.key[order]) == 0
    before, after = sessions[order][:-1], sessions[order][1:]
    codes = int(sessions.max(initial=-1)) + 1
    pause = np.zeros(codes, dtype=np.int64)
    distance = np.full(codes, np.iinfo(np.int64).max)
    inside = neighbours & (before == after) & (before >= 0)
    np.maximum.at(pause, before[inside], apart[inside])
    for side in (before, after):
        between = neighbours & (before != after) & (side >= 0)
        np.minimum.at(distance, side[between], apart[between])
    there = np.unique(sessions[sessions >= 0])
    return pause[there], distance[there]


def _smallest_delay(
    part: ReplayInput,
    setting: Setting,
    goal: Goal,
    sessions: NDArray[np.integer] | None,
) -> Setting | None:
    """Return the setting with the smallest delay that meets the goal on the part, by bisection.

    That no smaller one meets it is certain for dropped events, of which a larger delay never has
    more. Broken sessions can in theory have a smaller optimum, since more delay also merges more.
    """

    def meets(delay: int) -> bool:
        return goal.is_met_by(outcome_of(replay(part, with_delay(setting, delay)), sessions))

    # With this delay nothing is late, and no session closes before its last event has come.
    out_of_order = newest_so_far(part.event_time) - part.event_time
    too_small, enough = -1, int(out_of_order.max(initial=0)) + setting.window.length_ms
    if not meets(enough):
        return None
    while enough - too_small > 1:
        middle = (too_small + enough) // 2
        if meets(middle):
            enough = middle
        else:
            too_small = middle
    return with_delay(setting, enough)
