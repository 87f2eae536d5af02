"""The second topic of a page that compares two: chosen on the page, loaded as the first is."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.core.columns import KEY
from lib.core.errors import FieldsError, SkewlineError
from lib.core.formatting import escaped_markdown, visible_text
from lib.events.fields import KEPT
from lib.sources.open import UPLOAD, cap_on_events
from lib.ui import parameters
from lib.ui.end_of_run import end_run
from lib.ui.failures import show_error
from lib.ui.inputs.fields import chosen_fields
from lib.ui.inputs.sources import chosen_source, offered_sources, topics_of
from lib.ui.inputs.topic_choice import choose_range
from lib.ui.inputs.topic_list import is_shown, size_of
from lib.ui.loads import LoadKey, Opened, is_loaded_or_on_its_way, load_of
from lib.ui.offer import offer_of, show_offer
from lib.ui.page import show_progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lib.loading.load import LoadedTopic
    from lib.sources.base import TopicInfo
    from lib.ui.parameters import UrlParameter

_QUICK_S: Final = 0.4


@dataclass(frozen=True)
class Second:
    """The second topic: the name of its source, what opens it, and what its source says of it."""

    name: str
    opened: Opened
    info: TopicInfo | None


def choose_second() -> Second:
    """Draw the choice of the second topic and return it; where there is none yet, stop."""
    with st.container(border=True):
        try:
            second = _choose()
        except SkewlineError as error:
            show_error(error)
            second = None
    if second is None:
        st.info(
            "Choose a second one above: another topic, another range of the same, of this or "
            "another source.",
            title="One topic alone has nothing beside it.",
            icon=":material/compare:",
        )
        end_run()
    return second


def choose_other() -> Opened:
    """Draw the choice of the second topic and return it; where it is none yet, or large, stop."""
    second = choose_second()
    opened = second.opened
    offer = (
        None
        if is_loaded_or_on_its_way(opened.key)
        else offer_of(opened.source, opened.key, second.info)
    )
    if offer is not None:
        show_offer(offer, parameters.OF_OTHER)
        end_run()
    return opened


def loaded_from(opened: Opened) -> LoadedTopic:
    """Return a topic once it is loaded; draw how far it is, or why it cannot be, and stop."""
    load = load_of(opened.source, opened.key, beside=True)
    load.settle(_QUICK_S)
    if load.is_running:
        show_progress(opened.key.topic, load)
        end_run()
    topic = load.loaded
    if topic is None:
        assert load.error is not None
        show_error(load.error)
        if isinstance(load.error, FieldsError):
            st.caption("The fields that are chosen in the sidebar hold for both topics.")
        end_run()
    if not (topic.events.has_event_time and len(topic.events.table)):
        st.info(
            "Choose another topic or range.",
            title=f"{escaped_markdown(opened.key.topic)} has no event with an event time in it.",
            icon=":material/inbox:",
        )
        end_run()
    return topic


def with_keys(opened: Opened) -> Opened:
    """Return the same topic with the records' keys kept."""
    chosen = dict(opened.key.chosen) | {KEPT: (KEY,)}
    return replace(opened, key=replace(opened.key, chosen=tuple(sorted(chosen.items()))))


def _choose() -> Second | None:
    """Draw source, topic and range; return what they open."""
    left, right = st.columns([2, 3])
    with left:
        name = _choose_source()
    with right:
        source = chosen_source(name, parameters.OTHER_UPLOAD, parameters.OTHER_UPLOADED_FILE)
        if source is None:
            return None
        listing = topics_of(source)
        if listing.error is not None and not listing.topics:
            raise listing.error
        topic = _choose_topic(name, listing.topics)
    info = next((each for each in listing.topics if each.name == topic), None)
    if topic is None:
        return None
    wanted = choose_range(info, parameters.OF_OTHER)
    cap = cap_on_events(os.environ)
    key = LoadKey(source.identity, topic, wanted, chosen_fields(topic), cap)
    return Second(name, Opened(source, key), info)


def _choose_source() -> str:
    names = offered_sources(parameters.get(parameters.OTHER_SOURCE))
    of_first = parameters.get(parameters.SOURCE)
    chosen = _selected("Second source", list(names), parameters.OTHER_SOURCE, of_first)
    return names[chosen or next(iter(names))]


def _choose_topic(name: str, topics: Sequence[TopicInfo]) -> str | None:
    shown = [info.name for info in topics if is_shown(info)]
    only = shown[0] if name == UPLOAD and shown else None
    linked = parameters.get(parameters.OTHER_TOPIC)
    options = shown if linked is None or linked in shown or only else [*shown, linked]
    chosen = _selected("Second topic", options, parameters.OTHER_TOPIC, only)
    known = next((info for info in topics if info.name == chosen), None)
    if known is not None and (said := size_of(known)):
        st.caption(said)
    return chosen


def _selected(
    title: str, options: Sequence[str], parameter: UrlParameter[None], default: str | None
) -> str | None:
    """Draw a choice whose default depends on the first topic; in the URL where it is another."""
    key, linked = parameters.field_key(parameter), parameters.get(parameter)
    st.session_state[key] = linked if linked in options else default
    chosen: str | None = st.selectbox(
        title,
        options,
        index=None,
        key=key,
        format_func=visible_text,
        placeholder="Choose one",
        on_change=_write,
        args=(parameter, default),
    )
    return chosen


def _write(parameter: UrlParameter[None], default: str | None) -> None:
    chosen = st.session_state[parameters.field_key(parameter)]
    if parameter is parameters.OTHER_SOURCE:
        parameters.drop(*parameters.OF_SECOND)
    if chosen in (None, default):
        parameters.drop(parameter)
    else:
        parameters.put(parameter, chosen)


def choose_key(options: Sequence[str], words: Mapping[str, str], default: str) -> str | None:
    """Draw what events are matched by and return it; None where nothing is chosen.

    Parameters
    ----------
    options, words
        What can be chosen, and what is called otherwise than by its name.
    default
        What is chosen first, if it can be.
    """
    key, linked = parameters.field_key(parameters.MATCHED_BY), parameters.get(parameters.MATCHED_BY)
    first = default if default in options else None
    st.session_state[key] = linked if linked in options else first
    chosen: str | None = st.selectbox(
        "Matched by",
        options,
        index=None,
        key=key,
        format_func=lambda name: words.get(name, visible_text(name)),
        placeholder="Choose a field",
        width=360,
        on_change=_write,
        args=(parameters.MATCHED_BY, first),
        help="What tells an event from all others, the same in both topics.",
    )
    return chosen
