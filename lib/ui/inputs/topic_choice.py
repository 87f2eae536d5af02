"""The sidebar's source, topic and range: what is to be read."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.core.durations import MINUTE_MS
from lib.core.formatting import escaped_markdown, visible_text
from lib.sources.base import Between, Everything, FromOffset, LastMinutes, Latest, Range
from lib.sources.open import UPLOAD, label_of
from lib.sources.partitions import ChosenPartitions
from lib.ui import parameters
from lib.ui.inputs.sources import offered_sources
from lib.ui.inputs.switch import switch
from lib.ui.inputs.topic_list import first_readable, is_shown, size_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lib.sources.base import TopicInfo, TopicSource
    from lib.ui.parameters import RangeParameters, UrlParameter

_NAMED: Final = 5

_RANGES: Final[Mapping[str, str]] = {
    "all": "All",
    "latest": "Latest",
    "minutes": "Minutes",
    "offset": "Offset",
    "between": "From–to",
}
_EARLIEST: Final = dt.datetime(1970, 1, 1)  # noqa: DTZ001 (the widget knows no zones)
_LATEST: Final = dt.datetime(9999, 12, 31)  # noqa: DTZ001


def choose_source() -> str:
    """Draw the sources and return the name of the chosen one."""
    names = offered_sources(parameters.get(parameters.SOURCE))
    _take_from_url(parameters.SOURCE, list(names))
    chosen = st.segmented_control(
        "Source",
        list(names),
        required=True,
        key=parameters.SOURCE.name,
        width="stretch",
        help="Where topics are read from.",
        on_change=_leave_source,
    )
    known = chosen or next(iter(names))
    parameters.put(parameters.SOURCE, known)
    return names[known]


def choose_topic(name: str, source: TopicSource, topics: Sequence[TopicInfo]) -> str | None:
    """Draw the topics of a source and return the chosen one's name; None where there is none."""
    infos = {info.name: info for info in topics}
    shown = [info.name for info in topics if is_shown(info)]
    # A copied link may name a topic that is gone: say so, rather than open another. An upload has
    # one topic, whatever a link calls it.
    linked = None if name == UPLOAD else parameters.get(parameters.TOPIC)
    options = shown if linked is None or linked in shown else [*shown, linked]
    if not options:
        return None
    first = options[0] if linked or name == UPLOAD else first_readable(source, topics)
    _take_from_url(parameters.TOPIC, options, first)
    chosen = st.selectbox(
        "Topic",
        options,
        format_func=visible_text,
        key=parameters.TOPIC.name,
        on_change=_leave_topic,
        help=f"The topics of this source ({escaped_markdown(label_of(name))}) with their number "
        "of records.",
    )
    parameters.put(parameters.TOPIC, chosen)
    if chosen in infos:
        info = infos[chosen]
        if said := size_of(info):
            st.caption(said)
        if info.unavailable:
            which = ", ".join(map(str, info.unavailable[:_NAMED]))
            more = ", …" if len(info.unavailable) > _NAMED else ""
            st.caption(f":material/warning: Without a leader now: partition {which}{more}")
    return chosen


def _take_from_url(
    parameter: UrlParameter[None], options: Sequence[str], first: str | None = None
) -> None:
    """Give a widget the URL's value, or that of `first`, or else the first option.

    Source and topic are in every link, also where they are the first: Streamlit's own binding
    would leave them out, and the link would open another topic once there are others.
    """
    linked = parameters.get(parameter)
    st.session_state[parameter.name] = linked if linked in options else first or options[0]


def _leave_source() -> None:
    parameters.put(parameters.SOURCE, st.session_state[parameters.SOURCE.name])
    parameters.drop(parameters.TOPIC, *parameters.OF_TOPIC)


def _leave_topic() -> None:
    parameters.put(parameters.TOPIC, st.session_state[parameters.TOPIC.name])
    parameters.drop(*parameters.OF_TOPIC)


def choose_partitions(source: TopicSource, info: TopicInfo | None) -> TopicSource:
    """Draw the partitions of a topic of Kafka; return the source, with the chosen ones alone."""
    if info is None or info.partitions < 2:
        return source
    every = range(info.partitions)
    linked = (parameters.get(parameters.PARTITIONS) or "").split(",")
    numbers = sorted({int(text) for text in linked if text.isdecimal()} & set(every))
    key = parameters.field_key(parameters.PARTITIONS)
    st.session_state[key] = numbers
    st.multiselect(
        "Partitions",
        every,
        key=key,
        placeholder="all",
        on_change=_write_partitions,
        help="Only these partitions are read.",
    )
    return ChosenPartitions(source, tuple(numbers)) if numbers else source


def _write_partitions() -> None:
    numbers = st.session_state[parameters.field_key(parameters.PARTITIONS)]
    if numbers:
        parameters.put(parameters.PARTITIONS, ",".join(map(str, sorted(numbers))))
    else:
        parameters.drop(parameters.PARTITIONS)


def choose_range(info: TopicInfo | None, of: RangeParameters = parameters.OF_FIRST) -> Range:
    """Draw the range of a topic and return it."""
    kind = switch(
        "Range",
        _RANGES,
        of.kind,
        help="Which records are read: all; the newest; the last minutes; from an offset; or those "
        "with a record timestamp in a stretch of time. Reading less is faster.",
    )
    if kind == "latest":
        newest = st.number_input(
            "Newest records",
            1,
            parameters.LARGEST,
            of.latest.default,
            step=1000,
            key=of.latest.name,
            bind=parameters.binding(of.latest.name),
            help="How many of the newest records are read, over all partitions together.",
        )
        return Latest(int(newest))
    if kind == "minutes":
        return LastMinutes(_choose_number("Minutes before the newest record", of.minutes, 1))
    if kind == "offset":
        return FromOffset(_choose_number("From offset", of.offset, 0))
    if kind == "between":
        first, behind = span_of(info, dt.datetime.now(dt.UTC))
        start = _choose_moment("From (UTC)", first, of.start)
        end = _choose_moment("To (UTC)", behind, of.end)
        return Between(start, max(start, end))
    return Everything()


def span_of(info: TopicInfo | None, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """Return the minutes from a topic's first record to behind its last.

    Yesterday to tomorrow where the source does not say when its records are.
    """
    if info is None or info.first_ms is None or info.last_ms is None:
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return today - dt.timedelta(days=1), today + dt.timedelta(days=1)
    epoch, minute = dt.datetime(1970, 1, 1, tzinfo=dt.UTC), dt.timedelta(minutes=1)
    try:
        return (
            epoch + min(info.first_ms, info.last_ms) // MINUTE_MS * minute,
            epoch + (info.last_ms // MINUTE_MS + 1) * minute,
        )
    except OverflowError:  # a clock beyond the year 9999
        return span_of(None, now)


_NUMBER_HELP: Final = (
    "Reads every partition from this offset on.",
    "Reads records with a timestamp in so many minutes before the newest.",
)


def _choose_number(title: str, parameter: UrlParameter[int], least: int) -> int:
    number = st.number_input(
        title,
        least,
        parameters.LARGEST,
        parameter.default,
        key=parameter.name,
        bind=parameters.binding(parameter.name),
        help=_NUMBER_HELP[least],
    )
    return int(number)


def ask_for_newest(count: int, of: RangeParameters = parameters.OF_FIRST) -> None:
    """Make the newest records the range; only in a callback, before the range is drawn."""
    st.session_state[of.kind.name] = "latest"
    st.session_state[of.latest.name] = count


def _choose_moment(title: str, default: dt.datetime, parameter: UrlParameter[None]) -> int:
    """Return the chosen moment, epoch ms."""
    key, plain = parameters.field_key(parameter), default.replace(tzinfo=None)
    st.session_state[key] = moment_in(parameters.get(parameter) or "") or plain
    moment: dt.datetime = st.datetime_input(
        title,
        step=60,
        min_value=_EARLIEST,
        max_value=_LATEST,
        key=key,
        required=True,
        on_change=_write_moment,
        args=(parameter, plain),
        help="Kafka record timestamp, UTC.",
    )
    return round(1000 * moment.replace(tzinfo=dt.UTC).timestamp())


def _write_moment(parameter: UrlParameter[None], default: dt.datetime) -> None:
    moment: dt.datetime = st.session_state[parameters.field_key(parameter)]
    if moment == default:
        parameters.drop(parameter)
    else:
        parameters.put(parameter, moment.isoformat(timespec="minutes"))


def moment_in(text: str) -> dt.datetime | None:
    """Return the moment that a link has, UTC, without a zone; None where it has none."""
    try:
        moment = dt.datetime.fromisoformat(text)
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        return None
    return moment if _EARLIEST <= moment <= _LATEST else None
