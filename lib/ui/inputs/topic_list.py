"""The list of a source's topics, in a dialog: what each holds, and which one to open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from lib.core.formatting import counted, escaped_markdown
from lib.loading.formats import NOT_READABLE, format_of
from lib.sources.passed_over import passed_over
from lib.ui import parameters
from lib.ui.inputs.sources import forget_topics, topics_of
from lib.ui.tables import show_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lib.sources.base import TopicInfo, TopicSource

MOST_TRIED: Final = 10
MOST_FORMATS: Final = 50
"""Topics of which records are read to tell their formats."""


def topic_list_button(source: TopicSource) -> None:
    """Draw what opens the list."""
    if st.button(
        "All topics",
        icon=":material/list:",
        width="stretch",
        help="Lists every topic with its records, partitions, size and times; select one to open.",
    ):
        _topic_list(source)


def is_shown(info: TopicInfo) -> bool:
    """Return whether a topic is offered without being asked for: Kafka's own are not."""
    return not info.is_internal


def size_of(info: TopicInfo) -> str:
    """Return how many records and partitions a topic has; "" where that was not counted."""
    if not info.is_counted:
        return ""
    kind = f", {info.timestamp_kind}" if info.timestamp_kind else ""
    return f"{counted(info.records, 'record')} in {counted(info.partitions, 'partition')}{kind}"


def first_readable(source: TopicSource, topics: Sequence[TopicInfo]) -> str | None:
    """Return the topic that opens where none is asked for: the first that can be read.

    Where none of the first `MOST_TRIED` with records can, the first; None where there is no topic.
    """
    known = _known_formats().setdefault(source.identity, {})
    shown = [info.name for info in topics if is_shown(info)]
    filled = [info.name for info in topics if is_shown(info) and info.records][:MOST_TRIED]
    for name in filled:
        if name not in known:
            known[name] = _told(source, name)
        if known[name] not in ("", NOT_READABLE):
            return name
    return next(iter([*filled, *shown]), None)


@st.dialog("Topics", width="large")
def _topic_list(source: TopicSource) -> None:
    everything = topics_of(source).topics
    hidden = sum(info.is_internal for info in everything)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Refresh", icon=":material/refresh:", on_click=forget_topics)
        tells = st.button(
            "Tell their formats",
            icon=":material/search:",
            help=f"Reads a few records of up to {MOST_FORMATS} topics of this list.",
        )
        also = bool(hidden) and st.toggle(
            f"Also {counted(hidden, 'internal topic')}",
            key=parameters.INTERNAL_TOPICS,
            help="Lists topics that Kafka and its tools keep for themselves, too.",
        )
    topics = [info for info in everything if also or is_shown(info)]
    chosen = show_table(
        topic_table(topics, _formats(source, topics, tells=tells)),
        key=parameters.TOPIC_TABLE,
        on_select="rerun",
        selection_mode="single-row",
        alt="Topics with records, partitions, size, time of the first and last record and format",
        config={
            "Size": st.column_config.NumberColumn(format="bytes"),
            "First record": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss"),
            "Last record": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss"),
        },
    )
    st.caption("Times are record timestamps, UTC. Search with the magnifying glass over the table.")
    if said := passed_over(source):
        st.caption(escaped_markdown(said))
    rows = chosen.selection.rows
    if rows:
        parameters.put(parameters.TOPIC, topics[rows[0]].name)
        parameters.drop(*parameters.OF_TOPIC)
        st.rerun()


def topic_table(topics: Sequence[TopicInfo], formats: dict[str, str]) -> pd.DataFrame:
    """Return the topics as a table: a row a topic, what is not known empty."""
    times = {
        title: pd.to_datetime([getattr(info, name) for info in topics], unit="ms", utc=True)
        for title, name in (("First record", "first_ms"), ("Last record", "last_ms"))
    }
    return pd.DataFrame(
        {
            "Topic": [info.name for info in topics],
            "Records": pd.array(
                [info.records if info.is_counted else None for info in topics], "Int64"
            ),
            "Partitions": pd.array(
                [info.partitions if info.is_counted else None for info in topics], "Int64"
            ),
            "Size": pd.array([info.bytes for info in topics], "Int64"),
            **times,
            "Format": [formats.get(info.name, "") for info in topics],
        }
    )


def _formats(source: TopicSource, topics: Sequence[TopicInfo], *, tells: bool) -> dict[str, str]:
    """Return the formats that are known of a source, having told those of some topics if asked."""
    known = _known_formats().setdefault(source.identity, {})
    if tells:
        some = [info.name for info in topics if info.records][:MOST_FORMATS]
        progress = st.progress(0.0, "Reading a few records of each topic…")
        for number, name in enumerate(some, start=1):
            known[name] = _told(source, name)
            progress.progress(number / len(some))
        progress.empty()
    return known


def _told(source: TopicSource, topic: str) -> str:
    try:
        return format_of(source, topic)
    except Exception:  # noqa: BLE001 (whatever it is: opening the topic says it)
        return NOT_READABLE


@st.cache_resource
def _known_formats() -> dict[str, dict[str, str]]:
    return {}
