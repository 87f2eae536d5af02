"""What every page begins with: title, one line, and the states with nothing to show."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.analysis.notices import About, Level, notices
from lib.analysis.of_topic import why_no_delay
from lib.core.errors import TooLargeError
from lib.core.formatting import counted, duration, escaped_markdown, size
from lib.events.table import window_rows
from lib.sources.base import OF_NO_TIME, Between, LastMinutes
from lib.ui import parameters
from lib.ui.answers import (
    filtered_events,
    in_order_of_records,
    time_notices_of,
    verdict_of,
    with_received,
)
from lib.ui.cluster.progress import show_cluster_load
from lib.ui.end_of_run import end_run
from lib.ui.failures import show_error, show_words
from lib.ui.inputs.event_filter import said
from lib.ui.inputs.time_window import CLOCKS
from lib.ui.inputs.topic_choice import ask_for_newest
from lib.ui.offer import show_offer
from lib.ui.show import load_report, load_report_in_numbers
from lib.ui.view import View, current_view
from lib.ui.visible import Visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lib.analysis.notices import Notice
    from lib.analysis.timestamp_quality import Verdict
    from lib.core.errors import SkewlineError
    from lib.core.moments import Times
    from lib.events.table import TimeWindow
    from lib.loading.load import LoadedTopic
    from lib.ui.cluster.told import OnCluster
    from lib.ui.loads import Load

_POLL_S: Final = 0.4
_ON_PAGE: Final[Mapping[About, str]] = {
    About.STOPPED: " Reload goes on from there.",
    About.FAILED: " Reload goes on from there.",
    About.UNAVAILABLE: " Reload reads them when they have one.",
    About.REJECTED: " The load report on the Overview page lists what and why.",
    About.CORRECTED: " The switch is in the sidebar.",
}
_AS_READ: Final = "On this page no clock is corrected: event times are as they were read."
_NOT_MISSING: Final = (
    " Findings, outages and losses are told of all events: what the filter leaves out does not "
    "count as missing."
)
_ICONS: Final[Mapping[About, str]] = {
    About.REJECTED: ":material/report:",
    About.CORRECTED: ":material/build:",
    About.TIMESTAMPS: ":material/gpp_maybe:",
}


def begin(
    title: str,
    line: str,
    *,
    needs_received: bool = False,
    replays: bool = False,
    of_cluster: Callable[[View, OnCluster], None],
    of_any_topic: Callable[[View], None] | None = None,
    tells_window: bool = True,
) -> Visible:
    """Draw a page's head and return what it shows; where that is nothing, say why and stop.

    Parameters
    ----------
    needs_received
        Whether the page tells nothing without received times: it then shows the events that have
        one, and stops where none has, or where no delay can be read off them.
    replays
        Whether the page needs no more than the order of arrival: where it would stop for want of
        received times, it asks the viewer whether the records are in that order.
    of_cluster
        Draws what the page shows of a topic that a cluster holds, of what the cluster told.
    of_any_topic
        Draws what the page shows of any loaded topic, also of one without an event.
    tells_window
        Whether the page is of what the time window and the filters leave: its head then says how
        much that is, and it stops where that is nothing.
    """
    st.title(title, anchor=False)
    head = st.empty()
    head.caption(line)
    view = current_view()
    if view.on_cluster is not None:
        if (told := view.told) is None:
            show_cluster_load(view.name, view.on_cluster)
        else:
            if tells_window:
                head.caption(f"{line} {_told_by_cluster(view, told)}")
            told = told if tells_window else told.of_all
            as_read = not tells_window
            _show_told(view, told, of_cluster, needs_received=needs_received, as_read=as_read)
        end_run()
    topic = view.topic if view.load is None and view.offer is None else None
    if topic is None:
        _show_no_topic(view)
        end_run()
    if view.error is not None:
        _warn_of_failed_reload(view.error)
    verdict = verdict_of(topic)
    _say_all(topic, verdict, as_read=not tells_window)
    if of_any_topic is not None:
        of_any_topic(view)
    window = _window_of(view, topic)
    withheld = why_no_delay(verdict)
    shown, order_only = topic, needs_received and bool(withheld)
    if order_only:
        _rely_on_order(verdict, withheld, replays=replays)
        shown = in_order_of_records(topic)
    elif needs_received:
        shown = with_received(topic)
    visible = _inside(view, shown, topic, window, may_be_empty=not tells_window)
    if tells_window:
        head.caption(f"{line} {_what_is_shown(visible)}")
    return replace(visible, order_only=order_only, delays_tell=not withheld)


def _told_by_cluster(view: View, told: OnCluster) -> str:
    """Return of how many events a cluster tells, in a sentence."""
    if told.whole is None or view.window is None:
        return "Told by the Dask cluster, of all events of the topic."
    summary, every = told.report.summary, told.report.whole.contents.events
    left = 0 if summary is None else summary.events
    limits = _limits(view.window, view.clients, view.where, view.times)
    return f"Told by the Dask cluster. {_part_shown(left, every, limits, view.where)}"


def _show_told(
    view: View,
    told: OnCluster,
    draw: Callable[[View, OnCluster], None],
    *,
    needs_received: bool,
    as_read: bool,
) -> None:
    """Draw what a page shows of a topic that a cluster holds; where that is nothing, say why."""
    report = told.report
    for notice in told.of_all.report.notices:
        _say(notice, as_read=as_read)
    if report.summary is None and told.whole is not None:
        _say_none_left(view)
        return
    if report.summary is None:
        st.info(escaped_markdown(report.withheld), icon=":material/inbox:")
        load_report_in_numbers(report.topic)
        return
    if not (needs_received and report.withheld):
        draw(view, told)
        return
    _say_nothing_told(report.withheld)
    st.page_link("pages/overview.py", label="What the cluster told", icon=":material/arrow_back:")


def _say_nothing_told(why: str) -> None:
    st.info(
        "This page tells nothing without them. The other pages show what can be told.",
        title=why,
        icon=":material/timer_off:",
    )


def _say_all(topic: LoadedTopic, verdict: Verdict | None, *, as_read: bool) -> None:
    for notice in [*time_notices_of(topic), *notices(topic, verdict)]:
        _say(notice, as_read=as_read)
        if notice.about is About.FAILED and topic.report.failure is not None:
            show_words(topic.report.failure)


def _show_no_topic(view: View) -> None:
    if view.load is not None:
        show_progress(view.name, view.load)
    elif view.offer is not None:
        show_offer(view.offer)
    elif view.error is not None:
        show_error(view.error)
        if isinstance(view.error, TooLargeError):
            fitting = view.error.fitting
            st.button(f"Read the newest {fitting:,}", on_click=ask_for_newest, args=(fitting,))
    else:
        st.info("Choose a file in the sidebar.", icon=":material/upload_file:")


def _window_of(view: View, topic: LoadedTopic) -> TimeWindow:
    """Return the time window; where there is no event or the filter is wrong, say so and stop."""
    if view.window is None:
        _show_empty(topic)
        end_run()
    if view.filter_error is not None:
        show_error(view.filter_error)
        end_run()
    return view.window


def _rely_on_order(verdict: Verdict | None, withheld: str, *, replays: bool) -> None:
    """Go on where the order of the records is enough and vouched for; else say why not and stop."""
    can_vouch = replays and not (verdict is not None and verdict.of_event_times)
    if can_vouch and _vouched_for():
        return
    _say_nothing_told(withheld)
    end_run()


def _vouched_for() -> bool:
    """Draw the question whether the records are in arrival order; return the answer."""
    return st.toggle(
        "The records are in the order in which they arrived",
        parameters.ARRIVAL_ORDER.default,
        key=parameters.ARRIVAL_ORDER.name,
        bind="query-params",
        help="Which events an engine drops follows from their order alone. How late its results "
        "come does not, and is not shown.",
    )


def _inside(
    view: View,
    topic: LoadedTopic,
    whole: LoadedTopic,
    window: TimeWindow,
    *,
    may_be_empty: bool = False,
) -> Visible:
    rows = window_rows(
        topic.events.table,
        window.clock,
        window.start_s,
        window.end_s,
        view.clients or None,
        filtered_events(topic, view.where),
    )
    if not isinstance(rows, slice) and not len(rows) and not may_be_empty:
        _say_none_left(view)
        end_run()
    return Visible(
        topic,
        whole,
        window,
        rows,
        view.scale,
        view.times,
        view.clients,
        where=view.where,
        opened=view.opened,
    )


def _what_is_shown(visible: Visible) -> str:
    """Return how much of the topic the time window and the clients leave, in a sentence."""
    every = len(visible.table)
    untimed = every < len(visible.whole.events.table)
    if visible.is_everything:
        all_ = f"all {every:,} events" if every > 1 else "the only event"
        which = f" that {'have' if every > 1 else 'has'} a received time" if untimed else ""
        return f"Shown: {all_} of the topic{which}."
    limits = _limits(visible.window, visible.clients, visible.where, visible.times)
    which = " with a received time" if untimed else ""
    return _part_shown(visible.count, every, limits, visible.where, which)


def _say_none_left(view: View) -> None:
    """Say which of the time window, the clients and the filter leave no event, and the way out."""
    is_cut = view.window is not None and not view.window.is_whole
    ways = {
        "the time window": ("widen the time window", is_cut),
        "the clients": ("remove a client", bool(view.clients)),
        "the filter": ("remove a condition", bool(view.where)),
    }
    limits = [limit for limit, (_, is_set) in ways.items() if is_set]
    st.info(
        f"In the sidebar, {' or '.join(ways[limit][0] for limit in limits)}.",
        title=f"No event is left by {' and '.join(limits)}.",
        icon=":material/filter_alt_off:",
    )


def _limits(
    window: TimeWindow, clients: Sequence[object], where: Sequence[str], times: Times
) -> list[str]:
    """Return what leaves events out, as a sentence lists it."""
    limits = []
    if not window.is_whole:
        ends = (times.zero_ms + round(1000 * end) for end in (window.start_s, window.end_s))
        limits.append(f"{times.stretch(*ends)} by {CLOCKS[window.clock].lower()}")
    if clients:
        limits.append(counted(len(clients), "client"))
    if where:
        limits.append(f"where {said(where)}")
    return limits


def _part_shown(
    shown: int, every: int, limits: Sequence[str], where: Sequence[str], which: str = ""
) -> str:
    return (
        f"**:material/filter_alt: Shown: {shown:,} of {every:,} events{which}, "
        f"{'; '.join(limits)}.** What is of the whole topic says so."
        f"{_NOT_MISSING if where else ''}"
    )


@st.fragment(run_every=_POLL_S)
def show_progress(name: str, load: Load) -> None:
    """Draw how far a load is, and start the run again as soon as it has ended."""
    progress = load.progress
    if progress.records:
        text = (
            f"{progress.records:,} of at most {progress.expected:,} records, "
            f"{size(progress.bytes)}, {progress.rate:,.0f} records/s, "
            f"about {duration(1000 * progress.seconds_left)} left"
        )
    else:
        text = "Finding out where the topic begins and ends"
    with st.container(border=True):
        st.markdown(f"**Reading {escaped_markdown(name)}**")
        st.progress(progress.share if progress.records else 0.0, text=text)
        if progress.waiting:
            st.caption(f":material/hourglass_empty: {escaped_markdown(progress.waiting)}")
        if load.stopping.is_set():
            st.caption("Stopping after the present block.")
        else:
            st.button(
                "Stop, keep what is loaded",
                icon=":material/stop_circle:",
                on_click=load.stopping.set,  # a run that is overtaken by the next has done it
            )
    load.settle(_POLL_S)  # the end is not noticed at the browser's next question only
    if not load.is_running:
        st.rerun()


def _warn_of_failed_reload(error: SkewlineError) -> None:
    st.warning(
        f"{escaped_markdown(error.remedy)} What was loaded before is shown.",
        title=escaped_markdown(error.what),
    )
    show_words(error)


def _say(notice: Notice, *, as_read: bool) -> None:
    """Say what has to be said of a topic; `as_read`: on a page that corrects no clock."""
    told = _AS_READ if as_read and notice.about is About.CORRECTED else notice.sentence
    sentence, extra = escaped_markdown(told), _ON_PAGE.get(notice.about, "")
    icon = _ICONS.get(notice.about)
    match notice.level:
        case Level.WARNING:
            st.warning(f"{sentence}{extra}", icon=icon)
        case Level.INFO:
            st.info(f"{sentence}{extra}", icon=icon)
        case Level.NOTE:
            st.caption(f"{icon or ''} {sentence}{extra}".lstrip())


def _show_empty(topic: LoadedTopic) -> None:
    if len(topic.events.table):
        st.subheader("Load report", anchor=False)
        load_report(topic)
        return
    if topic.rejected.num_rows:
        st.info(
            "The load report below says why each was rejected.",
            title="The only record could not be read."
            if topic.rejected.num_rows == 1
            else f"None of the {topic.rejected.num_rows:,} records could be read.",
            icon=":material/report:",
        )
        load_report(topic)
        return
    of_time = isinstance(topic.report.wanted, Between | LastMinutes)
    st.info(
        "Write events to it and press Reload, or choose another topic or range."
        f"{f' {OF_NO_TIME}' if of_time else ''}",
        title=f"There is no record in {escaped_markdown(topic.report.topic)} for this range.",
        icon=":material/inbox:",
    )
