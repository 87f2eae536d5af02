"""What is asked once of a loaded topic, kept for all viewers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import streamlit as st

from lib.analysis import of_topic
from lib.analysis.outages import outages_and_rhythm
from lib.analysis.time_notices import diagnosis_of
from lib.core.memory import give_back_memory
from lib.events.filters import filtered

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from lib.analysis.analyse import Analysis
    from lib.analysis.notices import Notice
    from lib.analysis.timestamp_quality import Verdict
    from lib.core.times.diagnosis import Diagnosis
    from lib.loading.load import LoadedTopic

Answer = TypeVar("Answer")

_KEPT: Final = 6


def analysis_of(topic: LoadedTopic) -> Analysis:
    """Return every analysis of a topic; computed when it is first asked for."""
    found: Analysis = _analysis(topic.version, topic)
    return found


def verdict_of(topic: LoadedTopic) -> Verdict | None:
    """Return what the received times of a topic are worth; None where no event has both times."""
    found: Verdict | None = _verdict(topic.version, topic)
    return found


def time_notices_of(topic: LoadedTopic) -> list[Notice]:
    """Return what has to be said of the times of a topic."""
    found: list[Notice] = _time_notices(topic.version, topic)
    return found


def diagnosed(topic: LoadedTopic) -> Diagnosis | None:
    """Return what is wrong with the event times of a topic as a whole."""
    found: Diagnosis | None = _diagnosed(topic.version, topic)
    return found


def with_received(topic: LoadedTopic) -> LoadedTopic:
    """Return a topic with the events that have a received time; the topic itself if all have."""
    if not topic.events.without_received:
        return topic
    found: LoadedTopic = _with_received(topic.version, topic)
    return found


def in_order_of_records(topic: LoadedTopic) -> LoadedTopic:
    """Return a topic without received times as if each event arrived when the newest happened.

    For replays alone, which then are true in what they drop and not in how late results come.
    """
    found: LoadedTopic = _in_order_of_records(topic.version, topic)
    return found


def outages_of(topic: LoadedTopic, sensitivity: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the outages of a topic, and the limits that they follow from."""
    if sensitivity == 1:
        analysis = analysis_of(topic)
        return analysis.outages, analysis.rhythm
    found: tuple[pd.DataFrame, pd.DataFrame] = _outages(topic.version, sensitivity, topic)
    return found


def corrected(topic: LoadedTopic) -> LoadedTopic:
    """Return a topic with the event times of wrong clocks as right clocks would have given them."""
    found: LoadedTopic = _corrected(topic.version, topic)
    return found


def filtered_events(topic: LoadedTopic, conditions: Sequence[str]) -> NDArray[np.bool_] | None:
    """Return which events of a topic fulfil every condition of the filter; None without one.

    Raises
    ------
    FilterError
        When a condition cannot be understood, or does not fit the topic's fields.
    """
    if not conditions:
        return None
    found: NDArray[np.bool_] = _filtered(topic.version, tuple(conditions), topic)
    return found


@st.cache_resource(max_entries=_KEPT, show_spinner="Looking for what stands out…")
def _analysis(version: object, _topic: LoadedTopic) -> Analysis:  # noqa: ARG001
    return _alone(of_topic.analysis_of(_topic))


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def _verdict(version: object, _topic: LoadedTopic) -> Verdict | None:  # noqa: ARG001
    return _alone(of_topic.verdict_of(_topic))


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def _time_notices(version: object, _topic: LoadedTopic) -> list[Notice]:  # noqa: ARG001
    return _alone(of_topic.time_notices_of(_topic, diagnosed(_topic)))


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def _diagnosed(version: object, _topic: LoadedTopic) -> Diagnosis | None:  # noqa: ARG001
    return _alone(diagnosis_of(_topic.events))


@st.cache_resource(max_entries=2, show_spinner=False)
def _with_received(version: object, _topic: LoadedTopic) -> LoadedTopic:  # noqa: ARG001
    return of_topic.with_received(_topic)


@st.cache_resource(max_entries=2, show_spinner=False)
def _in_order_of_records(version: object, _topic: LoadedTopic) -> LoadedTopic:  # noqa: ARG001
    return of_topic.in_order_of_records(_topic)


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def _filtered(
    version: object,  # noqa: ARG001
    conditions: tuple[str, ...],
    _topic: LoadedTopic,
) -> NDArray[np.bool_]:
    return filtered(_topic.events.table, conditions, _topic.fields)


@st.cache_resource(max_entries=_KEPT, show_spinner="Looking for outages…")
def _outages(
    version: object,  # noqa: ARG001
    sensitivity: float,
    _topic: LoadedTopic,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    return _alone(
        outages_and_rhythm(
            _topic.events.table,
            sensitivity=sensitivity,
            sessions_are_derived=_topic.fields.session is None,
        )
    )


@st.cache_resource(max_entries=2, show_spinner="Correcting clocks…")
def _corrected(version: object, _topic: LoadedTopic) -> LoadedTopic:  # noqa: ARG001
    return _alone(of_topic.corrected(_topic))


def _alone(answer: Answer) -> Answer:
    """Return an answer without the memory that finding it took, many times its own."""
    give_back_memory()
    return answer
