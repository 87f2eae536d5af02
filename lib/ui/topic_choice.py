"""The sidebar's source, topic and range: what is to be read."""

from __future__ import annotations

import datetime as dt
import os
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.core.formatting import counted, escaped_markdown, visible_text
from lib.sources.base import Between, Everything, Latest, Range
from lib.sources.open import UPLOAD, available_sources, label_of
from lib.ui import parameters
from lib.ui.sources import secrets
from lib.ui.switch import switch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lib.sources.base import TopicInfo
    from lib.ui.parameters import Parameter

_NAMED: Final = 5

_RANGES: Final[Mapping[str, str]] = {"all": "All", "latest": "Latest", "between": "From–to"}


def choose_source() -> str:
    """Draw the sources and return the name of the chosen one."""
    names = {label_of(name): name for name in available_sources(secrets(), os.environ)}
    _take_from_url(parameters.SOURCE, list(names))
    chosen = st.segmented_control(
        "Source",
        list(names),
        required=True,
        key=parameters.SOURCE.name,
        width="stretch",
        on_change=_leave_source,
    )
    known = chosen or next(iter(names))
    parameters.put(parameters.SOURCE, known)
    return names[known]


def choose_topic(source: str, topics: Sequence[TopicInfo]) -> str | None:
    """Draw the topics of a source and return the chosen one's name; None where there is none."""
    infos = {info.name: info for info in topics}
    # A copied link may name a topic that is gone: say so, rather than open another. An upload has
    # one topic, whatever a link calls it.
    linked = None if source == UPLOAD else parameters.get(parameters.TOPIC)
    options = list(infos) if linked is None or linked in infos else [*infos, linked]
    if not options:
        return None
    _take_from_url(parameters.TOPIC, options)
    chosen = st.selectbox(
        "Topic",
        options,
        format_func=visible_text,
        key=parameters.TOPIC.name,
        on_change=_leave_topic,
        help=f"The topics of this source ({escaped_markdown(label_of(source))}) with their number "
        "of records.",
    )
    parameters.put(parameters.TOPIC, chosen)
    if chosen in infos:
        info = infos[chosen]
        kind = f", {info.timestamp_kind}" if info.timestamp_kind else ""
        st.caption(f"{info.records:,} records in {counted(info.partitions, 'partition')}{kind}")
        if info.unavailable:
            which = ", ".join(map(str, info.unavailable[:_NAMED]))
            more = ", …" if len(info.unavailable) > _NAMED else ""
            st.caption(f":material/warning: Without a leader now: partition {which}{more}")
    return chosen


def _take_from_url(parameter: Parameter[None], options: Sequence[str]) -> None:
    """Give a widget the URL's value, or the first option.

    Source and topic are in every link, also where they are the first: Streamlit's own binding
    would leave them out, and the link would open another topic once there are others.
    """
    linked = parameters.get(parameter)
    st.session_state[parameter.name] = linked if linked in options else options[0]


def _leave_source() -> None:
    parameters.put(parameters.SOURCE, st.session_state[parameters.SOURCE.name])
    parameters.drop(parameters.TOPIC, *parameters.FIELDS)


def _leave_topic() -> None:
    parameters.put(parameters.TOPIC, st.session_state[parameters.TOPIC.name])
    parameters.drop(*parameters.FIELDS)


def choose_range() -> Range:
    """Draw the range and return it."""
    kind = switch("Range", _RANGES, parameters.RANGE)
    if kind == "latest":
        newest = st.number_input(
            "Newest records",
            1,
            parameters.LARGEST,
            parameters.LATEST.default,
            step=1000,
            key=parameters.LATEST.name,
            bind=parameters.binding(parameters.LATEST.name),
        )
        return Latest(int(newest))
    if kind == "between":
        today = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        start = _choose_moment("From (UTC)", today - dt.timedelta(days=1), parameters.FROM)
        end = _choose_moment("To (UTC)", today + dt.timedelta(days=1), parameters.TO)
        return Between(start, max(start, end))
    return Everything()


def ask_for_newest(count: int) -> None:
    """Make the newest records the range; only in a callback, before the range is drawn."""
    st.session_state[parameters.RANGE.name] = "latest"
    st.session_state[parameters.LATEST.name] = count


def _choose_moment(title: str, default: dt.datetime, parameter: Parameter[None]) -> int:
    """Return the chosen moment, epoch ms."""
    moment = st.datetime_input(
        title,
        default.replace(tzinfo=None),
        step=60,
        min_value=dt.datetime(1970, 1, 1),  # noqa: DTZ001 (the widget knows no zones)
        key=parameter.name,
        required=True,
        bind="query-params",
        help="Of the record timestamp.",
    )
    return round(1000 * moment.replace(tzinfo=dt.UTC).timestamp())
