"""The shared sidebar: what to read, which stretch of it, and how times are written.

Every choice is in the URL; `lib.ui.parameters` says under which name.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.charts.times import TimeScale
from lib.cluster.seen import EVERYTHING, Seen
from lib.core.errors import FieldsError, SkewlineError
from lib.core.moments import Times, are_dates
from lib.events.filters import DELAY, OTHER_NAMES
from lib.report.report import Asked
from lib.sources.open import UPLOAD, cap_on_events, is_cluster, label_of
from lib.sources.passed_over import passed_over
from lib.ui import parameters
from lib.ui.answers import corrected, diagnosed
from lib.ui.cluster.loads import cluster_load_of, let_go, part_of
from lib.ui.inputs.client_filter import choose_clients, choose_names, say_unknown
from lib.ui.inputs.event_filter import choose_conditions, choose_filter
from lib.ui.inputs.fields import choose_fields, chosen_fields, forget_fields
from lib.ui.inputs.sources import chosen_source, forget_topics, topics_of
from lib.ui.inputs.switch import switch
from lib.ui.inputs.time_window import choose_window, extent_of, show_all_time
from lib.ui.inputs.topic_choice import choose_partitions, choose_range, choose_source, choose_topic
from lib.ui.inputs.topic_list import topic_list_button
from lib.ui.links import link_button, unpack_link
from lib.ui.loads import LoadKey, Opened, is_loaded_or_on_its_way, load_of, reload_of
from lib.ui.offer import is_accepted, offer_of
from lib.ui.view import View

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lib.analysis.summary import Summary
    from lib.loading.load import LoadedTopic
    from lib.sources.base import TopicSource
    from lib.ui.cluster.loads import Asking, ClusterLoad
    from lib.ui.cluster.told import OnCluster

_QUICK_LOAD_S: Final = 1.2
"""A load that ends within this time shows no progress, which a browser would draw for nothing."""

_QUICK_S: Final = 0.4
"""The same of what a cluster does, which seldom ends sooner."""

_SCALES: Final[Mapping[str, str]] = {
    TimeScale.UTC: "UTC",
    TimeScale.LOCAL: "Local",
    TimeScale.ZERO: "Since zero",
}


def sidebar() -> View:
    """Draw the sidebar and return what the viewer is looking at."""
    unpack_link()
    parameters.restore()
    with st.sidebar:
        name = choose_source()
        try:
            source = chosen_source(name)
            cap = cap_on_events(os.environ)
        except SkewlineError as error:
            return _failed(name, error)
        return View(label_of(name)) if source is None else _view_of_source(name, source, cap)


def _view_of_source(name: str, source: TopicSource, cap: int) -> View:
    listing = topics_of(source)
    if not listing.topics and listing.error is not None:
        return _failed(name, listing.error)
    topic = choose_topic(name, source, listing.topics)
    if not topic:
        return _failed(name, _no_topics(name, source))
    if name != UPLOAD:
        topic_list_button(source)
    info = next((info for info in listing.topics if info.name == topic), None)
    wanted = choose_range(info)
    if is_cluster(name):
        source = choose_partitions(source, info)
    key = LoadKey(source.identity, topic, wanted, chosen_fields(topic), cap)
    on_cluster = cluster_load_of(key)
    if on_cluster is not None and not is_accepted(key):
        return _view_on_cluster(source, key, on_cluster)
    try:
        offer = None if is_loaded_or_on_its_way(key) else offer_of(source, key, info, name)
    except SkewlineError as error:
        return _failed(name, error)
    if offer is not None:
        return View(topic, offer=offer)
    view = _view_of_topic(source, key)
    return view if view.error is not None else replace(view, error=listing.error)


def _view_of_topic(source: TopicSource, key: LoadKey) -> View:
    _reload_button(source, key)
    load = load_of(source, key)
    load.settle(_QUICK_LOAD_S)
    running = load if load.is_running else None  # asked once: it may end at any moment
    topic = load.loaded
    view = View(key.topic, topic, running, load.error, opened=Opened(source, key))
    if isinstance(load.error, FieldsError):
        st.button("Back to the detected fields", on_click=forget_fields, width="stretch")
    if topic is not None and topic.sources:
        choose_fields(topic, diagnosed(topic))
    if topic is not None and topic.events.has_event_time and len(topic.events.table):
        view = _with_part_chosen(view, topic, key)
    link_button()
    return view


def _view_on_cluster(source: TopicSource, key: LoadKey, load: ClusterLoad) -> View:
    """Draw what can be chosen of a topic on the cluster, and return the view of it."""
    load.settle(_QUICK_S)
    view = View(key.topic, on_cluster=load, opened=Opened(source, key))
    if load.is_running:
        return view
    st.button(
        "Let it go",
        icon=":material/hub:",
        width="stretch",
        on_click=let_go,
        args=(key,),
        help="The cluster lets go of the topic, for all viewers. It can be asked again, or some of "
        "the topic be read here.",
    )
    if isinstance(load.error, FieldsError):
        st.button("Back to the detected fields", on_click=forget_fields, width="stretch")
    told = load.told
    view = replace(view, told=told)
    if told is not None:
        choose_fields(told.report.whole, told.report.diagnosis)
    if told is not None and told.report.summary is not None:
        view = _with_part_on_cluster(view, load, told, told.report.summary)
    link_button()
    return view


def _with_part_on_cluster(view: View, load: ClusterLoad, told: OnCluster, summary: Summary) -> View:
    """Draw which part of a topic on the cluster is shown; return the view with what is asked."""
    zero_ms = told.held.topic.contents.zero_ms or 0
    extent = summary.extent_s(zero_ms)
    place = st.container()
    scale = _choose_scale(zero_ms, *extent)
    times, name = Times(zero_ms, _zone(scale)), (load.key.source, view.name)
    has_received_time = summary.first_received_ms is not None
    with place:
        window = choose_window(name, extent, times, has_received_time=has_received_time)
        seen = Seen(window, tuple(choose_names(told.clients, summary.clients)))
        say_unknown(_unknown(told, seen.clients))
        where = tuple(choose_conditions([*OTHER_NAMES, DELAY]))
        _clear_button(is_whole=seen.is_everything and not where)
    asking: Asking = load
    shown: OnCluster | None = told
    for asked, of in (Asked(correct=_wants_correction()), EVERYTHING), (Asked(where=where), seen):
        if shown is not None and (asked.correct or asked.where or not of.is_everything):
            asking = part_of(asking, asked, of)
            asking.settle(_QUICK_S)
            shown = asking.told
    return replace(
        view,
        on_cluster=asking,
        told=shown,
        scale=scale,
        times=times,
        window=window,
        clients=seen.clients,
        where=where,
    )


def _unknown(told: OnCluster, names: Sequence[str]) -> list[str]:
    """Return which names that were typed no client of a topic on the cluster has."""
    typed = [name for name in names if name not in told.clients]
    try:
        known = told.clients_called(typed) if typed else {}
    except SkewlineError:  # the page says why the cluster does not answer
        return []
    return [name for name in typed if name not in known]


def _with_part_chosen(view: View, topic: LoadedTopic, key: LoadKey) -> View:
    """Draw which part of a topic's events is shown, and how; return the view with the choice."""
    window_place, clients_place = st.container(), st.container()
    scale = _choose_scale(topic.events.zero_ms, *extent_of(topic))
    times = Times(topic.events.zero_ms, _zone(scale))
    with window_place:
        window = choose_window(
            (key.source, topic.report.topic),
            extent_of(topic),
            times,
            has_received_time=topic.events.has_received_time,
        )
    with clients_place:
        clients = choose_clients(topic)
        where, filter_error = choose_filter(topic)
        _clear_button(is_whole=not clients and not where and window.is_whole)
    return replace(
        view,
        topic=_choose_correction(topic),
        window=window,
        clients=clients,
        scale=scale,
        times=times,
        where=where,
        filter_error=filter_error,
    )


def _clear_button(*, is_whole: bool) -> None:
    st.button(
        "Clear window and filters",
        icon=":material/fit_width:",
        width="stretch",
        disabled=is_whole,
        on_click=_show_everything,
        help="Widens the time window to the whole topic, and clears clients and filter.",
    )


def _show_everything() -> None:
    show_all_time()
    st.session_state[parameters.CLIENTS.name] = []
    st.session_state[parameters.WHERE.name] = []


def _choose_scale(zero_ms: int, *ends_s: float) -> TimeScale:
    """Draw how times are written and return it; since zero where they are no dates."""
    if not are_dates(*(zero_ms + 1000 * end for end in ends_s)):
        return TimeScale.ZERO
    chosen = switch(
        "Times",
        _SCALES,
        parameters.TIMES,
        help="How times are written in charts, tables, findings and files: with dates in UTC or "
        "in your own time zone, or as seconds since the event time of the first record.",
    )
    return TimeScale(chosen)


def _zone(scale: TimeScale) -> str | None:
    if scale is TimeScale.ZERO:
        return None
    return (st.context.timezone if scale is TimeScale.LOCAL else None) or "UTC"


def _choose_correction(topic: LoadedTopic) -> LoadedTopic:
    return corrected(topic) if _wants_correction() else topic


def _wants_correction() -> bool:
    return st.toggle(
        "Correct wrong clocks",
        parameters.CORRECT.default,
        key=parameters.CORRECT.name,
        bind="query-params",
        help="On every page, event times of clients whose clock is wrong become what a right clock "
        "would have given. The Delay page shows which clocks and by how much.",
    )


def _failed(name: str, error: SkewlineError) -> View:
    st.button("Try again", icon=":material/refresh:", width="stretch", on_click=forget_topics)
    return View(label_of(name), error=error)


def _no_topics(name: str, source: TopicSource) -> SkewlineError:
    remedy = "Create one and write events to it, or choose another source."
    return SkewlineError(
        f"{label_of(name)} has no topic.", f"{remedy} {passed_over(source)}".strip()
    )


def _reload_button(source: TopicSource, key: LoadKey) -> None:
    st.button(
        "Reload",
        icon=":material/refresh:",
        width="stretch",
        on_click=_reload,
        args=(source, key),
        help="Reads what has been written to the topic since it was loaded.",
    )


def _reload(source: TopicSource, key: LoadKey) -> None:
    forget_topics()
    reload_of(source, key)
