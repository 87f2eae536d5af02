"""Everything that a report tells of a loaded topic, asked as the app's pages ask it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from lib.analysis.of_topic import (
    analysis_of,
    corrected,
    in_order_of_records,
    notices_of,
    verdict_of,
    why_no_delay,
    with_received,
)
from lib.analysis.summary import Summary, summarise
from lib.analysis.time_notices import FIELDS_PLACE, NO_EVENT_TIME, diagnosis_of
from lib.replay.engine import INITIAL_DELAY_MS, INITIAL_LENGTH_MS
from lib.replay.goal import Goal
from lib.replay.input import replay_input_of
from lib.replay.of_topic import advice_on, replayed_with
from lib.replay.registry import ENGINES
from lib.replay.sentences import NO_ADVICE
from lib.replay.windows import NO_INDEX, SessionWindow

if TYPE_CHECKING:
    from collections.abc import Callable

    from lib.analysis.analyse import Analysis
    from lib.analysis.notices import Notice
    from lib.analysis.timestamp_quality import Verdict
    from lib.core.times.diagnosis import Diagnosis
    from lib.loading.load import LoadedTopic
    from lib.replay.advisor import Advice
    from lib.replay.engine import Setting
    from lib.replay.input import ReplayInput
    from lib.replay.outcome import Outcome
    from lib.replay.windows import Replay

NO_EVENT: Final = "There is no event."
_FIELDS_PLACE: Final = "with --fields, or under Fields in the app"


def initial_setting() -> Setting:
    """Return the setting with which the app's Windows page begins."""
    setting: Setting = ENGINES[0].setting(SessionWindow(INITIAL_LENGTH_MS), INITIAL_DELAY_MS)
    return setting


@dataclass(frozen=True)
class Asked:
    """What a report is asked for beside the topic.

    Attributes
    ----------
    setting, goal
        The engine whose windows are replayed, and what the advice has to achieve.
    in_order
        Whether records are said to be in the order in which they arrived: a topic without received
        times is then replayed in it.
    correct
        Whether event times of wrong clocks are to be corrected.
    """

    setting: Setting = field(default_factory=initial_setting)
    goal: Goal = field(default_factory=Goal)
    in_order: bool = False
    correct: bool = False


@dataclass(frozen=True)
class Replayed:
    """What an engine would have made of a topic.

    Attributes
    ----------
    topic, events
        The topic that was replayed, with the events that have a received time; and its events as
        the engine read them.
    replay, outcome
        What it made of them.
    order_only
        Whether received times are stand-ins for the order: nothing is told of when results came.
    advice
        The setting that keeps the goal.
    no_advice
        Why there is none; "" if there is.
    """

    topic: LoadedTopic
    events: ReplayInput
    replay: Replay
    outcome: Outcome
    order_only: bool
    advice: Advice | None
    no_advice: str


@dataclass(frozen=True)
class Report:
    """What is told of a topic.

    Attributes
    ----------
    topic
        As it was loaded; with corrected event times, if that was asked.
    asked
        What was asked for.
    notices
        What has to be said before any figure.
    verdict
        What received times are worth; None where no event has both times.
    diagnosis
        What is wrong with the event times as a whole; None: nothing.
    summary, analysis
        Headline figures and all analyses; None where no event has an event time.
    withheld
        Why nothing is told that needs a received time; "" if it is told.
    replayed
        The engine's part; None where it is withheld.
    """

    topic: LoadedTopic
    asked: Asked
    notices: list[Notice]
    verdict: Verdict | None
    diagnosis: Diagnosis | None
    summary: Summary | None
    analysis: Analysis | None
    withheld: str
    replayed: Replayed | None


def report_on(
    loaded: LoadedTopic,
    asked: Asked,
    analyse: Callable[[LoadedTopic], Analysis] = analysis_of,
) -> Report:
    """Return the report on a topic.

    Parameters
    ----------
    analyse
        Returns every analysis of a topic: `lib.analysis.of_topic.analysis_of`, or what it returned.
    """
    has_events = loaded.events.has_event_time and len(loaded.events.table) > 0
    topic = corrected(loaded) if asked.correct and has_events else loaded
    verdict, diagnosis = verdict_of(topic), diagnosis_of(topic.events)
    said = [_for_readers(each) for each in notices_of(topic, diagnosis)]
    if not has_events:
        why = NO_EVENT if topic.events.table.empty else f"{NO_EVENT_TIME}."
        return Report(topic, asked, said, verdict, diagnosis, None, None, why, None)
    summary, withheld = summarise(topic.events.table, slice(None)), why_no_delay(verdict)
    replayed = None if withheld and not asked.in_order else _replayed(topic, asked, bool(withheld))
    analysis = analyse(topic)
    return Report(topic, asked, said, verdict, diagnosis, summary, analysis, withheld, replayed)


def _for_readers(notice: Notice) -> Notice:
    """Return a notice that says where fields are chosen to those who do not see the app."""
    return replace(notice, sentence=notice.sentence.replace(FIELDS_PLACE, _FIELDS_PLACE))


def _replayed(whole: LoadedTopic, asked: Asked, order_only: bool) -> Replayed:
    topic = in_order_of_records(whole) if order_only else with_received(whole)
    events = replay_input_of(topic.events.table)
    replay, outcome = replayed_with(topic, events, asked.setting)
    advice, why = None, ""
    if order_only:
        why = "Only the order of the records is known, not when they were received."
    elif replay.stopped_at != NO_INDEX:
        why = f"{replay.stopped_because} No grace changes that, so none is advised."
    elif len(events) < 2:
        why = "One event is too few to choose a setting on."
    else:
        advice = advice_on(topic, events, asked.setting, asked.goal)
        why = "" if advice else NO_ADVICE
    return Replayed(topic, events, replay, outcome, order_only, advice, why)
