"""What is asked once of a loaded topic, kept for all viewers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lib.analysis import of_topic
from lib.analysis.outages import outages_and_rhythm
from lib.analysis.time_notices import diagnosis_of
from lib.events.filters import filtered
from lib.ui.held import Answer, answer_of, held

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from lib.analysis.analyse import Analysis
    from lib.analysis.notices import Notice
    from lib.analysis.timestamp_quality import Verdict
    from lib.core.times.diagnosis import Diagnosis
    from lib.loading.load import LoadedTopic

_ANALYSIS: Final = "analysis"
_WRONG_DATES: Final = ("impossible time", "old time")
_MANY: Final = 200_000
"""Events from which all analyses take longer than a picture."""


def analysis_of(topic: LoadedTopic) -> Analysis:
    """Return every analysis of a topic; computed when it is first asked for."""
    return _analysis(topic, "Looking for what stands out…")


def is_analysed(topic: LoadedTopic) -> bool:
    """Return whether every analysis of a topic is there, or is as soon as it is asked for."""
    return len(topic.events.table) < _MANY or held(_key(_ANALYSIS, topic)) is not None


def analyse_ahead(topic: LoadedTopic) -> None:
    """Compute every analysis of a large topic, in a thread that no page waits for."""
    if not is_analysed(topic):
        _analysis(topic)


def _analysis(topic: LoadedTopic, spinner: str = "") -> Analysis:
    def find(topic: LoadedTopic) -> Analysis:
        found = of_topic.analysed(topic)  # first: a page asks for the diagnosis meanwhile
        return of_topic.as_diagnosed(found, diagnosed(topic))

    return _of_topic(_ANALYSIS, topic, find, spinner)


def impossible_times_in(topic: LoadedTopic, zone: str | None) -> str:
    """Return the sentence on events whose dates are wrong, or may be; empty without any."""
    return impossible_times(analysis_of(topic), zone)


def impossible_times(analysis: Analysis, zone: str | None) -> str:
    """Return what `impossible_times_in` does, of the analyses of a topic."""
    found = analysis.findings_in(zone)
    return next((each.sentence for each in found if each.kind in _WRONG_DATES), "")


def verdict_of(topic: LoadedTopic) -> Verdict | None:
    """Return what the received times of a topic are worth; None where no event has both times."""
    return _of_topic("verdict", topic, lambda topic: of_topic.verdict_of(topic, diagnosed(topic)))


def time_notices_of(topic: LoadedTopic) -> list[Notice]:
    """Return what has to be said of the times of a topic."""
    return _of_topic(
        "time notices", topic, lambda topic: of_topic.time_notices_of(topic, diagnosed(topic))
    )


def diagnosed(topic: LoadedTopic) -> Diagnosis | None:
    """Return what is wrong with the event times of a topic as a whole."""
    return _of_topic("diagnosis", topic, lambda topic: diagnosis_of(topic.events))


def with_received(topic: LoadedTopic) -> LoadedTopic:
    """Return a topic with the events that have a received time; the topic itself if all have."""
    if not topic.events.without_received:
        return topic
    return _of_topic("with received", topic, of_topic.with_received)


def in_order_of_records(topic: LoadedTopic) -> LoadedTopic:
    """Return a topic without received times as if each event arrived when the newest happened.

    For replays alone, which then are true in what they drop and not in how late results come.
    """
    return _of_topic("in order of records", topic, of_topic.in_order_of_records)


def outages_of(topic: LoadedTopic, sensitivity: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the outages of a topic, and the limits that they follow from."""
    if sensitivity == 1:
        analysis = analysis_of(topic)
        return analysis.outages, analysis.rhythm
    outages, rhythm = answer_of(
        ("outages", topic.version, sensitivity),
        lambda: outages_and_rhythm(
            topic.events.table,
            sensitivity=sensitivity,
            sessions_are_derived=topic.fields.session is None,
            rejected=of_topic.rejected_of(topic),
        ),
        spinner="Looking for outages…",
    )
    return (outages.head(0) if of_topic.is_cut(topic) else outages), rhythm


def corrected(topic: LoadedTopic) -> LoadedTopic:
    """Return a topic with the event times of wrong clocks as right clocks would have given them."""
    return _of_topic("corrected", topic, of_topic.corrected, "Correcting clocks…")


def filtered_events(topic: LoadedTopic, conditions: Sequence[str]) -> NDArray[np.bool_] | None:
    """Return which events of a topic fulfil every condition of the filter; None without one.

    Raises
    ------
    FilterError
        When a condition cannot be understood, or does not fit the topic's fields.
    """
    if not conditions:
        return None
    return answer_of(
        ("filtered", topic.version, tuple(conditions)),
        lambda: filtered(topic.events.table, conditions, topic.fields),
    )


def _of_topic(
    question: str, topic: LoadedTopic, find: Callable[[LoadedTopic], Answer], spinner: str = ""
) -> Answer:
    return answer_of(_key(question, topic), lambda: find(topic), spinner=spinner)


def _key(question: str, topic: LoadedTopic) -> Hashable:
    return question, topic.version
