"""Everything that a report tells of a loaded topic, asked as the app's pages ask it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from lib.analysis.delays import delay_quantiles, out_of_orderness_quantiles
from lib.analysis.notices import FIELDS_PLACE, About, Level, Notice
from lib.analysis.of_topic import (
    NONE_RECEIVED,
    analysis_of,
    corrected,
    in_order_of_records,
    notices_of,
    verdict_of,
    why_no_delay,
    with_received,
)
from lib.analysis.summary import Summary, summarise
from lib.analysis.time_notices import NO_EVENT_TIME, diagnosis_of
from lib.core.columns import CLIENT, MISSING_TIME, PARTITION, RECEIVED_TIME, SESSION
from lib.core.errors import SettingsError
from lib.events.filters import filtered, leaves_gaps
from lib.replay.engine import INITIAL_DELAY_MS, INITIAL_LENGTH_MS
from lib.replay.goal import Goal
from lib.replay.input import grouping_columns
from lib.replay.of_topic import advice_on, input_of, replayed_with
from lib.replay.registry import ENGINES
from lib.replay.sentences import NO_ADVICE, TOO_FEW
from lib.replay.windows import SessionWindow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from lib.analysis.analyse import Analysis
    from lib.analysis.timestamp_quality import Verdict
    from lib.core.times.diagnosis import Diagnosis
    from lib.loading.load import LoadedTopic
    from lib.replay.advisor import Advice
    from lib.replay.engine import Setting
    from lib.replay.input import ReplayInput
    from lib.replay.outcome import Outcome
    from lib.replay.windows import Replay
    from lib.report.drawn import Drawn

NO_EVENT: Final = "There is no event."
NONE_LEFT: Final = "No event fulfils the filter."
KEYS: Final = {"client": CLIENT, "session": SESSION, "partition": PARTITION}
"""What columns that windows can be grouped by are called."""
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
    key
        What windows are grouped by: client, session, partition, or a field's name.
    where
        Conditions that events have to fulfil to be told of (`lib.events.filters`).
    """

    setting: Setting = field(default_factory=initial_setting)
    goal: Goal = field(default_factory=Goal)
    in_order: bool = False
    correct: bool = False
    where: tuple[str, ...] = ()
    key: str = "client"


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What an engine would have made of a topic.

    Attributes
    ----------
    outcome
        What it made of it in numbers, of the events that a filter leaves.
    order_only
        Whether received times are stand-ins for the order: nothing is told of when results came.
    advice
        The setting that keeps the goal.
    no_advice
        Why there is none; "" if there is.
    key
        The column that windows are grouped by.
    is_filtered
        Whether a filter leaves some of the events.
    tables
        Those of `lib.report.files` that were made where the events are, by their names.
    """

    outcome: Outcome
    order_only: bool
    advice: Advice | None = None
    no_advice: str = ""
    key: str = CLIENT
    is_filtered: bool = False
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ReplayedEvents(Replayed):
    """What an engine would have made of a topic, event by event.

    Attributes
    ----------
    topic, events
        The topic that was replayed, with the events that have a received time; and its events as
        the engine read them.
    replay
        What it made of them.
    left
        Which of the events a filter leaves; None: all.
    """

    topic: LoadedTopic
    events: ReplayInput
    replay: Replay
    left: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Report:
    """What is told of a topic.

    Attributes
    ----------
    topic
        As it was loaded; with corrected event times, if that was asked. With a filter, what it
        leaves of `whole`.
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
    whole
        The topic with all its events.
    is_cut
        Whether a filter leaves some events of a client or session and not the others: then
        silences and missing numbers are not told.
    untold
        What else is not told, by its name in the document, and why: on a cluster not all is.
    drawn
        What charts draw, where that was asked for where the events are.
    rows
        The events of `topic`, where they are elsewhere: pieces of an events table, to be had once.
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
    whole: LoadedTopic
    is_cut: bool = False
    untold: Mapping[str, str] = field(default_factory=dict)
    drawn: Drawn | None = None
    rows: Iterator[pd.DataFrame] | None = None

    @property
    def event_times_tell_nothing(self) -> bool:
        """Whether no figure can be made of the event times, so that their order says nothing."""
        return is_senseless(self.verdict)


def report_on(
    loaded: LoadedTopic,
    asked: Asked,
    analyse: Callable[[LoadedTopic, Diagnosis | None], Analysis] = analysis_of,
) -> Report:
    """Return the report on a topic.

    Parameters
    ----------
    analyse
        Returns every analysis of a topic: `lib.analysis.of_topic.analysis_of`, or what it returned.
    """
    has_events = loaded.events.has_event_time and len(loaded.events.table) > 0
    topic = corrected(loaded) if asked.correct and has_events else loaded
    diagnosis = diagnosis_of(topic.events)
    verdict = verdict_of(topic, diagnosis)
    said = [for_readers(each) for each in notices_of(topic, diagnosis)]
    if not has_events:
        why = NO_EVENT if topic.events.table.empty else f"{NO_EVENT_TIME}."
        return Report(topic, asked, said, verdict, diagnosis, None, None, why, None, topic)
    if asked.where:
        return _of_part(topic, asked, said, verdict, diagnosis, analyse)
    summary, withheld = summarise(topic.events.table, slice(None)), why_no_delay(verdict)
    replayed = None
    if not withheld or (asked.in_order and not is_senseless(verdict)):
        replayed = _replayed(topic, asked, bool(withheld))
    analysis = analyse(topic, diagnosis)
    return Report(
        topic, asked, said, verdict, diagnosis, summary, analysis, withheld, replayed, topic
    )


def is_senseless(verdict: Verdict | None) -> bool:
    """Return whether no figure can be made of the event times, so that their order says nothing."""
    return verdict is not None and verdict.of_event_times


def _of_part(
    topic: LoadedTopic,
    asked: Asked,
    said: list[Notice],
    verdict: Verdict | None,
    diagnosis: Diagnosis | None,
    analyse: Callable[[LoadedTopic, Diagnosis | None], Analysis],
) -> Report:
    """Return the report on what a filter leaves of a topic that has events.

    Silences, losses and clocks are found on all events: among those that are left, the others would
    be missing.
    """
    every = topic.events.table
    kept = filtered(every, asked.where, topic.fields)
    table = every[kept].reset_index(drop=True)
    part = replace(topic, events=replace(topic.events, table=table))
    said = [filtered_notice(asked.where, len(table), len(every)), *said]
    if table.empty:
        return Report(part, asked, said, verdict, diagnosis, None, None, NONE_LEFT, None, topic)
    withheld = why_no_delay(verdict)
    replayed = None
    if not withheld and part.events.timed.empty:
        withheld = NONE_RECEIVED
    elif not withheld or (asked.in_order and not is_senseless(verdict)):
        replayed = _replayed(topic, asked, bool(withheld), kept)
    return Report(
        part,
        asked,
        said,
        verdict,
        diagnosis,
        summarise(table, slice(None)),
        _left_of(analyse(topic, diagnosis), table, every, kept),
        withheld,
        replayed,
        topic,
        is_cut=leaves_gaps(every, kept),
    )


def _left_of(
    analysis: Analysis, table: pd.DataFrame, every: pd.DataFrame, kept: NDArray[np.bool_]
) -> Analysis:
    """Return what analyses of `every` event tell of a `table` of those that are `kept`."""
    clients, numbered = table[CLIENT].unique(), analysis.sessions
    return replace(
        analysis,
        delay=delay_quantiles(table),
        out_of_orderness=out_of_orderness_quantiles(every, left=kept),
        outages=analysis.outages[analysis.outages[CLIENT].isin(clients)],
        clocks=analysis.clocks[analysis.clocks[CLIENT].isin(clients)],
        sessions=numbered
        if numbered is None
        else numbered[numbered[SESSION].isin(table[SESSION].unique())],
        findings=[],
    )


def filtered_notice(where: Sequence[str], events: int, every: int) -> Notice:
    """Return how many events a filter leaves."""
    conditions = " and ".join(f"“{condition}”" for condition in where)
    sentence = f"Only events where {conditions} are told of: {events:,} of {every:,}."
    return Notice(About.FILTER, Level.NOTE, sentence)


def for_readers(notice: Notice) -> Notice:
    """Return a notice that says where fields are chosen to those who do not see the app."""
    return replace(notice, sentence=notice.sentence.replace(FIELDS_PLACE, _FIELDS_PLACE))


def _replayed(
    whole: LoadedTopic, asked: Asked, order_only: bool, kept: NDArray[np.bool_] | None = None
) -> ReplayedEvents:
    """Return the replay of a topic; `kept`: which events a filter leaves."""
    topic = in_order_of_records(whole) if order_only else with_received(whole)
    if kept is not None and not order_only and whole.events.without_received:
        kept = kept[whole.events.table[RECEIVED_TIME].to_numpy() != MISSING_TIME]
    key = _key_column(topic, asked.key)
    events = input_of(topic, key)
    replay, outcome = replayed_with(topic, events, asked.setting, kept)
    found = ReplayedEvents(
        topic=topic,
        events=events,
        replay=replay,
        outcome=outcome,
        order_only=order_only,
        key=key,
        left=kept,
        is_filtered=kept is not None,
    )
    if why := why_no_advice(found):
        return replace(found, no_advice=why)
    advice = advice_on(topic, events, asked.setting, asked.goal)
    return replace(found, advice=advice, no_advice="" if advice else NO_ADVICE)


def why_no_advice(replayed: Replayed) -> str:
    """Return why no setting is advised, whatever the goal; "" if one may be."""
    outcome = replayed.outcome
    if replayed.is_filtered:
        return "A setting is for all events that the engine reads: leave out the filter to have it."
    if replayed.order_only:
        return "Only the order of the records is known, not when they were received."
    if outcome.stopped:
        return f"{outcome.stopped_because} No grace changes that, so none is advised."
    return TOO_FEW if outcome.events < 2 else ""


def _key_column(topic: LoadedTopic, name: str) -> str:
    """Return the column that windows are grouped by, by what it is called.

    Raises
    ------
    SettingsError
        When there is none, or its values hardly repeat.
    """
    column = KEYS.get(name.lower(), name)
    if column == CLIENT:
        return column
    derived = {SESSION} if topic.fields.session is None else set()
    known = [each for each in grouping_columns(topic.events.table) if each not in derived]
    if column not in known:
        called = {column: said for said, column in KEYS.items()}
        listed = ", ".join(called.get(each, each) for each in known)
        raise SettingsError(f"Windows cannot be grouped by “{name}”.", f"Choose one of {listed}.")
    return column
