"""A loaded topic's answers: the questions put to it as pages and reports put them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.analysis import client_clocks
from lib.analysis.analyse import Analysis, analyse
from lib.analysis.findings import NOTHING, NOTHING_ELSE
from lib.analysis.notices import notices
from lib.analysis.sequence_numbers import RejectedRecords
from lib.analysis.time_notices import time_notices
from lib.analysis.timestamp_quality import Trust, Verdict, assess_timestamps
from lib.core.columns import CLIENT, EVENT_TIME, RECEIVED_TIME

if TYPE_CHECKING:
    from lib.analysis.notices import Notice
    from lib.core.times.diagnosis import Diagnosis
    from lib.loading.load import LoadedTopic

NONE_RECEIVED: Final = "No event has a received time."
NO_DELAY_TOLD: Final = "The received times tell no delay."
NO_DELAY_BY_EVENT_TIMES: Final = "The event times tell no delay."
OF_A_PART: Final = (
    "The file has only some events of its clients or sessions, and what was left out would look "
    "like silences and losses: open a file with all of them."
)
_ONLY_THE_CLOCKS: Final = "The times are wrong, as is said of them. Beyond that nothing stands out."


def analysis_of(topic: LoadedTopic, diagnosis: Diagnosis | None = None) -> Analysis:
    """Return every analysis of a topic; of a part with gaps (`is_cut`), what gaps do not change.

    Nothing is found where event times tell nothing; `diagnosis` is `diagnosis_of` them.
    """
    return as_diagnosed(analysed(topic), diagnosis)


def analysed(topic: LoadedTopic) -> Analysis:
    """Return what `analysis_of` does, whatever is wrong with event times as a whole."""
    found = analyse(
        topic.events.table,
        sessions_are_derived=topic.fields.session is None,
        rejected=rejected_of(topic),
    )
    return of_a_part(found) if is_cut(topic) else found


def as_diagnosed(found: Analysis, diagnosis: Diagnosis | None) -> Analysis:
    """Return what is left of the analyses of a topic with what is known of its event times."""
    return of_a_part(found) if tells_nothing(diagnosis) else found


def tells_nothing(diagnosis: Diagnosis | None) -> bool:
    """Return whether event times tell nothing."""
    return diagnosis is not None and diagnosis.tells_nothing


def of_a_part(found: Analysis) -> Analysis:
    """Return the analyses that do not change where events were left out between others."""
    return replace(
        found,
        outages=found.outages.head(0),
        sessions=None,
        numbering=None,
        findings=[],
        extent=None,
        told=NOTHING_ELSE,
    )


def is_cut(topic: LoadedTopic) -> bool:
    """Return whether the file says that events were left out between others when it was written.

    Then no silence, no missing number and no finding is told: the filter may have made it.
    """
    part = topic.report.part
    return part is not None and part.is_cut


def rejected_of(topic: LoadedTopic) -> RejectedRecords:
    """Return what is known of records of a topic that are no events, or were not read."""
    return RejectedRecords(topic.contents.rejected_records, others=topic.report.may_lack_records)


def verdict_of(topic: LoadedTopic, diagnosis: Diagnosis | None = None) -> Verdict | None:
    """Return what the received times of a topic are worth; None where no event has both times.

    Nothing where event times tell nothing; `diagnosis` is `diagnosis_of` them.
    """
    if topic.events.timed.empty:
        return None
    return by_diagnosis(assess_timestamps(topic.events.table), diagnosis)


def by_diagnosis(verdict: Verdict, diagnosis: Diagnosis | None) -> Verdict:
    """Return a verdict of received times, or that they or the event times tell nothing."""
    if diagnosis is None or not diagnosis.tells_nothing:
        return verdict
    of_events = not diagnosis.of_received
    return Verdict(Trust.LITTLE, diagnosis.sentence, verdict.events, of_event_times=of_events)


def why_no_delay(verdict: Verdict | None) -> str:
    """Return why nothing that needs a received time is told, as a sentence; "" if it is told."""
    if verdict is None:
        return NONE_RECEIVED
    if verdict.of_event_times:
        return NO_DELAY_BY_EVENT_TIMES
    return "" if verdict.usable else NO_DELAY_TOLD


def nothing_found(
    topic: LoadedTopic, analysis: Analysis, verdict: Verdict | None, diagnosis: Diagnosis | None
) -> str:
    """Return what is said in place of findings where there are none; `NOTHING` if all is well."""
    if is_cut(topic):
        return OF_A_PART
    if verdict is not None and verdict.of_event_times:
        return "Whether events are late cannot be told from these event times."
    if why_no_delay(verdict):
        numbers = "" if analysis.numbering is None else "Sequence numbers show nothing. "
        late = "Whether events are late cannot be told from these received times."
        if not topic.contents.has_received_time:
            late = "Whether events are late cannot be told without received times."
        return f"{numbers}{late}"
    return NOTHING if diagnosis is None else _ONLY_THE_CLOCKS


def time_notices_of(topic: LoadedTopic, diagnosis: Diagnosis | None) -> list[Notice]:
    """Return what has to be said of the times of a topic; `diagnosis` is `diagnosis_of` them."""
    return time_notices(topic.contents, topic.fields, topic.recognition, diagnosis)


def notices_of(topic: LoadedTopic, diagnosis: Diagnosis | None) -> list[Notice]:
    """Return all that has to be said of a topic before any of its figures."""
    return [*time_notices_of(topic, diagnosis), *notices(topic, verdict_of(topic, diagnosis))]


def with_received(topic: LoadedTopic) -> LoadedTopic:
    """Return a topic with the events that have a received time; the topic itself if all have."""
    if not topic.events.without_received:
        return topic
    timed = topic.events.timed.reset_index(drop=True)
    return replace(topic, events=replace(topic.events, table=timed), token=f"{topic.token}-timed")


def in_order_of_records(topic: LoadedTopic) -> LoadedTopic:
    """Return a topic without received times as if each event arrived when the newest happened.

    For replays alone, which then are true in what they drop and not in how late results come.
    """
    newest = np.maximum.accumulate(topic.events.table[EVENT_TIME].to_numpy())
    events = replace(topic.events, table=topic.events.table.assign(**{RECEIVED_TIME: newest}))
    return replace(topic, events=events, token=f"{topic.token}-ordered")


def corrected(topic: LoadedTopic) -> LoadedTopic:
    """Return a topic with the event times of wrong clocks as right clocks would have given them."""
    table = client_clocks.clocks(topic.events.timed)
    wrong = table[table[client_clocks.WRONG]]
    events = replace(topic.events, table=client_clocks.correct(topic.events.table, wrong))
    return replace(topic, events=events, corrected=tuple(wrong[CLIENT].tolist()))
