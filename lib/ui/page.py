"""What every page begins with: title, one line, and the states with nothing to show."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

import streamlit as st

from lib.analysis import outages
from lib.analysis.notices import About, Level, notices
from lib.analysis.of_topic import why_no_delay
from lib.core.columns import CLIENT
from lib.core.errors import TooLargeError
from lib.core.formatting import counted, duration, escaped_markdown, size
from lib.events.table import TimeDomain, window_rows
from lib.ui import parameters
from lib.ui.answers import (
    filtered_events,
    in_order_of_records,
    time_notices_of,
    verdict_of,
    with_received,
)
from lib.ui.event_filter import said
from lib.ui.failures import show_error, show_words
from lib.ui.held import answer_of
from lib.ui.offer import show_offer
from lib.ui.show import load_report
from lib.ui.time_window import CLOCKS
from lib.ui.topic_choice import ask_for_newest
from lib.ui.view import View, current_view

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from lib.analysis.notices import Notice
    from lib.analysis.timestamp_quality import Verdict
    from lib.charts.times import TimeScale
    from lib.core.errors import SkewlineError
    from lib.core.moments import Times
    from lib.loading.load import LoadedTopic
    from lib.ui.loads import Load, Opened
    from lib.ui.time_window import TimeWindow

_POLL_S: Final = 0.4
_PICTURE_BYTES: Final = 1_000_000
"""What a chart and its data take at most."""

Found = TypeVar("Found")

_ON_PAGE: Final[Mapping[About, str]] = {
    About.STOPPED: " Reload goes on from there.",
    About.FAILED: " Reload goes on from there.",
    About.UNAVAILABLE: " Reload reads them when they have one.",
    About.REJECTED: " The load report on the Overview page lists what and why.",
    About.CORRECTED: " The switch is in the sidebar.",
}
_NOT_MISSING: Final = (
    " Findings, outages and losses are told of all events: what the filter leaves out does not "
    "count as missing."
)
_ICONS: Final[Mapping[About, str]] = {
    About.REJECTED: ":material/report:",
    About.CORRECTED: ":material/build:",
    About.TIMESTAMPS: ":material/gpp_maybe:",
}


@dataclass(frozen=True)
class Visible:
    """What a page shows: the loaded topic, and which of its events are inside the window.

    `rows` are positions in `table`, which is shared by all viewers: never change it.
    """

    topic: LoadedTopic
    whole: LoadedTopic
    """The topic with its events without a received time, too: what analyses are of."""
    window: TimeWindow
    rows: NDArray[np.int64] | slice
    scale: TimeScale
    times: Times
    clients: Sequence[object]
    order_only: bool = False
    """Whether only the order of arrival is known, and received times are stand-ins for it."""
    delays_tell: bool = True
    """Whether a delay can be read off the received times."""
    where: Sequence[str] = ()
    """The conditions of the filter."""
    key: str = CLIENT
    """The column that windows are grouped by, where a page replays."""
    opened: Opened | None = None
    """Where the topic is read from."""

    @property
    def table(self) -> pd.DataFrame:
        """The events table of the whole topic."""
        return self.topic.events.table

    @property
    def version(self) -> tuple[object, str]:
        """What a replay is of: the topic's version, and what is grouped by."""
        return self.topic.version, self.key

    @property
    def zero_ms(self) -> int:
        """The topic's zero, epoch ms."""
        return self.topic.events.zero_ms

    @property
    def count(self) -> int:
        """Number of visible events."""
        return len(self.table) if isinstance(self.rows, slice) else len(self.rows)

    @property
    def events(self) -> pd.DataFrame:
        """The visible events; a copy unless all are visible."""
        return self.table if isinstance(self.rows, slice) else self.table.take(self.rows)

    def columns(self, *names: str) -> pd.DataFrame:
        """Return some columns of the visible events."""
        some = self.table[list(names)]
        return some if isinstance(self.rows, slice) else some.take(self.rows)

    @property
    def is_everything(self) -> bool:
        """Whether neither window, clients nor filter leave an event out."""
        return not self.clients and not self.where and math.isinf(self.window.start_s)

    def found(self, of: tuple[object, ...], find: Callable[[], Found]) -> Found:
        """Return what `find` finds of the visible events; for all who open the page, found once.

        What is found of a part of the topic is its viewer's own. `of` is what it depends on, too.
        """
        if not self.is_everything or not isinstance(self.rows, slice):
            return find()
        key = (of, self.topic.version, len(self.table), self.scale, self.delays_tell)
        return answer_of(key, find, size=_PICTURE_BYTES)

    def stretch(self, clock: TimeDomain) -> tuple[int, int]:
        """Return the first and last time of the visible events on a clock, epoch ms."""
        times = self.table[clock.milliseconds].to_numpy()[self.rows]
        return int(times.min()), int(times.max()) + 1

    def outages(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of an outage table that touch the window, of the clients shown.

        Outages are found on all events, whatever a filter leaves out: of a client that it leaves an
        event of, all are shown.
        """
        start, end = (
            (table[at] - self.zero_ms) / 1000 for at in (outages.START, outages.BURST_END)
        )
        inside = (end >= self.window.start_s) & (start <= self.window.end_s)
        if self.clients:
            inside &= table[CLIENT].isin(list(self.clients))
        if self.where:
            inside &= table[CLIENT].isin(self.columns(CLIENT)[CLIENT].unique())
        return table[inside]

    def first(self, count: int) -> pd.DataFrame:
        """Return the first `count` visible events in arrival order."""
        if isinstance(self.rows, slice):
            return self.table.head(count)
        return self.table.take(self.rows[:count])


def begin(
    title: str,
    line: str,
    *,
    needs_received: bool = False,
    replays: bool = False,
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
    topic = view.topic if view.load is None and view.offer is None else None
    if topic is None:
        _show_no_topic(view)
        st.stop()
    if view.error is not None:
        _warn_of_failed_reload(view.error)
    verdict = verdict_of(topic)
    _say_all(topic, verdict)
    if of_any_topic is not None:
        of_any_topic(view)
    if view.window is None:
        _show_empty(topic)
        st.stop()
    if view.filter_error is not None:
        show_error(view.filter_error)
        st.stop()
    withheld = why_no_delay(verdict)
    delays_tell = not withheld
    can_vouch = replays and not (verdict is not None and verdict.of_event_times)
    order_only = needs_received and not delays_tell and can_vouch and _vouched_for()
    if needs_received and not delays_tell and not order_only:
        st.info(
            "This page tells nothing without them. The other pages show what can be told.",
            title=withheld,
            icon=":material/timer_off:",
        )
        st.stop()
    shown = topic
    if order_only:
        shown = in_order_of_records(topic)
    elif needs_received:
        shown = with_received(topic)
    visible = _inside(view, shown, topic, view.window, may_be_empty=not tells_window)
    if tells_window:
        head.caption(f"{line} {_what_is_shown(visible)}")
    return replace(visible, order_only=order_only, delays_tell=delays_tell)


def _say_all(topic: LoadedTopic, verdict: Verdict | None) -> None:
    for notice in [*time_notices_of(topic), *notices(topic, verdict)]:
        _say(notice)
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
        st.info(
            "In the sidebar, widen the time window, or remove a client or a condition.",
            title=f"No event {'of the filter ' if view.where else ''}is inside the window.",
            icon=":material/filter_alt_off:",
        )
        st.stop()
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
    if visible.is_everything:
        return f"Shown: all {counted(every, 'event')} of the topic."
    window, zero_ms = visible.window, visible.zero_ms
    limits = []
    if math.isfinite(window.start_s):
        ends = (zero_ms + round(1000 * end) for end in (window.start_s, window.end_s))
        clock = CLOCKS[window.clock].lower()
        limits.append(f"{visible.times.stretch(*ends)} by {clock}")
    if visible.clients:
        limits.append(counted(len(visible.clients), "client"))
    if visible.where:
        limits.append(f"where {said(visible.where)}")
    return (
        f"**:material/filter_alt: Shown: {visible.count:,} of {every:,} events, "
        f"{'; '.join(limits)}.** What is of the whole topic says so."
        f"{_NOT_MISSING if visible.where else ''}"
    )


@st.fragment(run_every=_POLL_S)
def show_progress(name: str, load: Load) -> None:
    """Draw how far a load is, and start the run again when it has ended."""
    if not load.is_running:
        st.rerun()
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
        elif st.button("Stop, keep what is loaded", icon=":material/stop_circle:"):
            load.stopping.set()


def _warn_of_failed_reload(error: SkewlineError) -> None:
    st.warning(
        f"{escaped_markdown(error.remedy)} What was loaded before is shown.",
        title=escaped_markdown(error.what),
    )
    show_words(error)


def _say(notice: Notice) -> None:
    sentence, extra = escaped_markdown(notice.sentence), _ON_PAGE.get(notice.about, "")
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
            title=f"None of the {topic.rejected.num_rows:,} records could be read.",
            icon=":material/report:",
        )
        load_report(topic)
        return
    st.info(
        "Write events to it and press Reload, or choose another topic or range.",
        title=f"There is no record in {escaped_markdown(topic.report.topic)} for this range.",
        icon=":material/inbox:",
    )
