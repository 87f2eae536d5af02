"""The shared sidebar: what to read, which stretch of it, and how times are written.

Every choice is bound to the URL by Streamlit, under the widget's key.
"""

from __future__ import annotations

import datetime as dt
import math
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.charts.rows import client_at, written
from lib.charts.times import TimeScale
from lib.core.errors import FieldsError, SkewlineError
from lib.events.table import CLIENT, Clock
from lib.sources.base import Between, Everything, Latest, Range
from lib.sources.open import LABELS, available_sources, cap_on_events
from lib.ui import url
from lib.ui.answers import corrected
from lib.ui.fields import choose_fields, chosen_fields, forget_fields
from lib.ui.loads import LoadKey, is_known, load_of, reload_of
from lib.ui.offer import offer_of
from lib.ui.sources import chosen_source, forget_topics, secrets, topics_of
from lib.ui.view import View, Window, extent_of, largest_clients

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lib.loading.load import LoadedTopic
    from lib.sources.base import TopicInfo, TopicSource

_HELD: Final = "held_window"

_QUICK_S: Final = 0.4
"""A load that ends within this time shows no progress."""

_RANGES: Final[Mapping[str, str]] = {"all": "All", "latest": "Latest", "between": "From–to"}
_SCALES: Final[Mapping[str, str]] = {
    TimeScale.ZERO: "Since zero",
    TimeScale.UTC: "UTC",
    TimeScale.LOCAL: "Local",
}
_CLOCKS: Final[Mapping[str, str]] = {Clock.EVENT: "Event time", Clock.RECEIVED: "Received time"}


def sidebar() -> View:
    """Draw the sidebar and return what the viewer is looking at."""
    url.restore()
    with st.sidebar:
        name = _choose_source()
        try:
            source = chosen_source(name)
            cap = cap_on_events(os.environ)
        except SkewlineError as error:
            return _failed(name, error)
        return _nothing(name, None) if source is None else _view_of_source(name, source, cap)


def _view_of_source(name: str, source: TopicSource, cap: int) -> View:
    listing = topics_of(source)
    if not listing.topics and listing.error is not None:
        return _failed(name, listing.error)
    topic = _choose_topic(name, listing.topics)
    if not topic:
        return _failed(name, _no_topics(name))
    key = LoadKey(source.identity, topic, _choose_range(), chosen_fields(topic), cap)
    info = next((info for info in listing.topics if info.name == topic), None)
    try:
        offer = None if is_known(key) else offer_of(source, key, info)
    except SkewlineError as error:
        return _failed(name, error)
    if offer is not None:
        return replace(_nothing(name, None), name=topic, offer=offer)
    view = _view_of_topic(source, key)
    return view if view.error is not None else replace(view, error=listing.error)


def _view_of_topic(source: TopicSource, key: LoadKey) -> View:
    _reload_button(source, key)
    load = load_of(source, key)
    load.settle(_QUICK_S)
    topic = load.loaded
    scale = TimeScale.ZERO
    window: Window | None = None
    clients: Sequence[object] = ()
    if isinstance(load.error, FieldsError):
        st.button("Use what is recognised", on_click=forget_fields, width="stretch")
    if topic is not None and topic.sources:
        choose_fields(topic)
    if topic is not None and len(topic.events.table):
        window = _choose_window(key, topic)
        clients = _choose_clients(topic)
        scale = TimeScale(_choose("Times", list(_SCALES), _SCALES, key="times"))
        topic = _choose_correction(topic)
    return View(key.topic, topic, load, load.error, window, clients, scale)


def _choose_correction(topic: LoadedTopic) -> LoadedTopic:
    wanted = st.toggle(
        "Correct wrong clocks",
        key="correct",
        bind="query-params",
        help="On every page, event times of clients whose clock is wrong become what a right clock "
        "would have given. The Delay page shows which clocks and by how much.",
    )
    return corrected(topic) if wanted else topic


def _failed(name: str, error: SkewlineError) -> View:
    st.button("Try again", icon=":material/refresh:", width="stretch", on_click=forget_topics)
    return _nothing(name, error)


def _nothing(name: str, error: SkewlineError | None) -> View:
    return View(LABELS[name], None, None, error, None, (), TimeScale.ZERO)


def _no_topics(name: str) -> SkewlineError:
    return SkewlineError(
        f"{LABELS[name]} has no topic.",
        "Create one and write events to it, or choose another source.",
    )


def _choose(title: str, options: Sequence[str], labels: Mapping[str, str], *, key: str) -> str:
    chosen = st.segmented_control(
        title,
        options,
        default=options[0],
        required=True,
        format_func=lambda option: labels[option],
        key=key,
        width="stretch",
        bind="query-params",
    )
    return str(chosen)


def _choose_source() -> str:
    names = {LABELS[name]: name for name in available_sources(secrets(), os.environ)}
    _take_from_url(url.SOURCE, list(names))
    chosen = st.segmented_control(
        "Source",
        list(names),
        required=True,
        key=url.SOURCE,
        width="stretch",
        on_change=_leave_source,
    )
    known = chosen or next(iter(names))
    url.put(url.SOURCE, known)
    return names[known]


def _choose_topic(source: str, topics: Sequence[TopicInfo]) -> str | None:
    infos = {info.name: info for info in topics}
    # A copied link may name a topic that is gone: say so, rather than open another.
    linked = url.get(url.TOPIC)
    options = list(infos) if linked is None or linked in infos else [*infos, linked]
    if not options:
        return None
    _take_from_url(url.TOPIC, options)
    chosen = st.selectbox(
        "Topic",
        options,
        key=url.TOPIC,
        on_change=_leave_topic,
        help=f"The topics of this source ({LABELS[source]}) with their number of records.",
    )
    url.put(url.TOPIC, chosen)
    info = infos.get(chosen)
    if info is not None:
        kind = f", {info.timestamp_kind}" if info.timestamp_kind else ""
        partitions = "1 partition" if info.partitions == 1 else f"{info.partitions:,} partitions"
        st.caption(f"{info.records:,} records in {partitions}{kind}")
    return chosen


def _take_from_url(name: str, options: Sequence[str]) -> None:
    """Give a widget the URL's value, or the first option.

    Source and topic are in every link, also where they are the first: Streamlit's own binding
    would leave them out, and the link would open another topic once there are others.
    """
    linked = url.get(name)
    st.session_state[name] = linked if linked in options else options[0]


def _leave_source() -> None:
    url.put(url.SOURCE, st.session_state[url.SOURCE])
    url.drop(url.TOPIC, *url.FIELDS)


def _leave_topic() -> None:
    url.put(url.TOPIC, st.session_state[url.TOPIC])
    url.drop(*url.FIELDS)


def _choose_range() -> Range:
    kind = _choose("Range", list(_RANGES), _RANGES, key="range")
    if kind == "latest":
        return Latest(
            int(
                st.number_input(
                    "Newest records", 1, value=10_000, step=1000, key="latest", bind="query-params"
                )
            )
        )
    if kind == "between":
        today = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        start = _choose_moment("From (UTC)", today - dt.timedelta(days=1), key="from")
        end = _choose_moment("To (UTC)", today + dt.timedelta(days=1), key="to")
        return Between(start, max(start, end))
    return Everything()


def _choose_moment(title: str, default: dt.datetime, *, key: str) -> int:
    moment = st.datetime_input(
        title,
        default.replace(tzinfo=None),
        step=60,
        min_value=dt.datetime(1970, 1, 1),  # noqa: DTZ001 (the widget knows no zones)
        key=key,
        required=True,
        bind="query-params",
        help="Of the record timestamp.",
    )
    return round(1000 * moment.replace(tzinfo=dt.UTC).timestamp())


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


def _choose_window(key: LoadKey, topic: LoadedTopic) -> Window:
    clock = Clock(_choose("Window on", list(_CLOCKS), _CLOCKS, key="clock"))
    domain, step = _slider_domain(*extent_of(topic))
    _hold_window(key, domain)
    chosen = st.slider(
        "Time window, s since zero",
        *domain,
        domain,
        step=step,
        format=f"%.{max(0, -round(math.log10(step)))}f",
        key="window",
        bind="query-params",
        help="Zero is the event time of the first record.",
    )
    start, end = sorted(chosen)  # a link may have them the wrong way round
    st.session_state[_HELD] = (key.topic, domain, (start, end))
    if (start, end) == domain:
        return Window(clock, -math.inf, math.inf)
    return Window(clock, start, end)


def _slider_domain(first_s: float, last_s: float) -> tuple[tuple[float, float], float]:
    """Return both ends of the slider, and a step of a power of ten that cuts it finely enough."""
    step = 10.0 ** math.floor(math.log10(max(last_s - first_s, 0.001) / 500))
    low = math.floor(first_s / step) * step
    return (low, max(math.ceil(last_s / step) * step, low + step)), step


def _hold_window(key: LoadKey, domain: tuple[float, float]) -> None:
    """Keep the window when the topic grows, which would reset the slider, and inside its ends."""
    topic, held_domain, held = st.session_state.get(_HELD, (None, None, None))
    wanted = st.session_state.get("window")
    if wanted is None and topic == key.topic and held != held_domain:
        wanted = held
    elif topic == key.topic and held_domain != domain:
        wanted = domain if held == held_domain else held
    elif wanted is not None and wanted == held == held_domain:
        wanted = domain  # all of another topic, not the stretch that the last one had
    if wanted is not None:
        low, high = (min(max(end, domain[0]), domain[1]) for end in wanted)
        st.session_state["window"] = (low, high)


def _choose_clients(topic: LoadedTopic) -> Sequence[object]:
    """Return the chosen clients; the largest are listed, others can be typed."""
    clients = topic.events.table[CLIENT].cat.categories
    listed = [written(client) for client in largest_clients(topic)]
    chosen = st.multiselect(
        "Clients",
        listed,
        placeholder=f"All {len(clients):,}",
        accept_new_options=len(clients) > len(listed),
        key="clients",
        bind="query-params",
    )
    places = (client_at(clients, name) for name in chosen)
    return [clients[place] for place in places if place is not None]
