"""The page Live: a topic as it grows, read once for all who look at it."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from lib.analysis.of_topic import why_no_delay
from lib.charts.live import last_minutes
from lib.charts.rows import shown_name
from lib.core.columns import CLIENT
from lib.core.errors import SkewlineError
from lib.core.formatting import counted, delay_text, duration, escaped_markdown
from lib.core.memory import give_back_memory
from lib.decoding.rejected import REJECTED
from lib.events.table import EventsTable, with_seconds
from lib.live.counts import lately, over_time, quantiles
from lib.live.follow import (
    MOST_CLIENTS,
    SEED,
    Followed,
    follow,
    pattern_from,
    pattern_of,
    refreshed,
)
from lib.live.late import MOST_SUMMED_UP, why_not_followed
from lib.live.silence import silent
from lib.replay.sentences import named
from lib.sources.base import OF_NO_TIME
from lib.ui import parameters
from lib.ui.answers import verdict_of
from lib.ui.chart import show_picture
from lib.ui.cluster_pages.parts import refusals_shown
from lib.ui.failures import show_error, show_words
from lib.ui.parts.engine_settings import choose_setting
from lib.ui.show import clock_name
from lib.ui.tables import show_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lib.charts.times import TimeScale
    from lib.core.moments import Times
    from lib.live.follow import Pattern
    from lib.live.late import Late
    from lib.replay.engine import Setting
    from lib.ui.cluster.told import OnCluster
    from lib.ui.loads import Opened
    from lib.ui.view import View
    from lib.ui.visible import Visible

EVERY_S: Final = 2.0

_STALE_S: Final = 10.0
"""After so long without a read, paused or without an answer, the page says how old it is."""

_SHARED_S: Final = 0.75 * EVERY_S
"""A state that is younger is shown to all viewers as it is."""

_KEPT: Final = 4
_LATELY_S: Final = 10
_LISTED: Final = 100


@dataclass
class _Shared:
    """A followed topic that several viewers look at; the lock is held while it is read."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    followed: Followed | None = None
    read_at: float = 0.0


@st.cache_resource
def _followed() -> OrderedDict[object, _Shared]:
    return OrderedDict()


def _shared(key: object) -> _Shared:
    """Return what is followed under a key; those not looked at for longest are dropped."""
    every = _followed()
    shared = every.setdefault(key, _Shared())
    every.move_to_end(key)
    while len(every) > _KEPT:
        every.popitem(last=False)
    return shared


def _choose_minutes() -> int:
    """Draw how many minutes are looked at and return it."""
    return int(
        st.number_input(
            "Last minutes",
            1,
            180,
            parameters.LIVE_MINUTES.default,
            key=parameters.LIVE_MINUTES.name,
            bind=parameters.binding(parameters.LIVE_MINUTES.name),
            width=160,
            help="How much of the topic's end the charts show, and where following begins.",
        )
    )


def _choose_pause() -> bool:
    """Draw what stops and resumes the refreshes; return whether they are stopped."""
    return st.toggle(
        "Pause",
        parameters.PAUSED.default,
        key=parameters.PAUSED.name,
        bind="query-params",
        help="Nothing is read while paused. Afterwards the rest is read at once.",
    )


@dataclass(frozen=True)
class _Topic:
    """What following needs of a topic: nothing that holds its events in memory."""

    opened: Opened
    pattern: Pattern
    told: bool
    """Whether the received times tell a delay."""
    scale: TimeScale
    times: Times


@dataclass(frozen=True)
class _Look:
    """What a refresh needs of the page."""

    topic: _Topic
    setting: Setting
    minutes: int
    paused: bool

    @property
    def key(self) -> object:
        """What viewers share who look at the same."""
        key = self.topic.opened.key
        return key.source, key.topic, key.chosen, self.minutes, self.setting


def live(visible: Visible) -> None:
    """Draw the controls and a loaded topic as it goes on."""
    opened, topic = visible.opened, visible.whole
    assert opened is not None  # a topic that is shown was opened
    told = not why_no_delay(verdict_of(topic))
    _follow(_Topic(opened, pattern_of(topic), told, visible.scale, visible.times))


def live_told(view: View, told: OnCluster) -> None:
    """Draw the controls and a topic that a cluster holds as it goes on: it is read here."""
    report, opened = told.report, view.opened
    assert opened is not None  # a topic that is held was opened
    with refusals_shown():
        first = with_seconds(told.first(SEED), view.times.zero_ms)
        kinds = tuple(sorted(report.topic.report.timestamp_types))
        notes = report.topic.contents.notes
        some = EventsTable(first, view.times.zero_ms, REJECTED.empty_table(), kinds, notes)
        pattern = pattern_from(report.topic, some)
        _follow(_Topic(opened, pattern, not report.withheld, view.scale, view.times))


def _follow(topic: _Topic) -> None:
    """Draw the controls, and a followed topic, again every two seconds unless it is paused."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        minutes = _choose_minutes()
        paused = _choose_pause()
    with st.expander("Engine and setting that late events are told for", icon=":material/tune:"):
        setting, _ = choose_setting([CLIENT])
    look = _Look(topic, setting, minutes, paused)
    st.fragment(_draw, run_every=None if paused else EVERY_S)(look)


def _draw(look: _Look) -> None:
    shared = _shared(look.key)
    try:
        _refresh(shared, look)
    except SkewlineError as error:
        show_error(error)
    followed = shared.followed
    if followed is None:
        return
    if followed.anew:
        st.info(escaped_markdown(followed.anew), icon=":material/restart_alt:")
    if followed.failure is not None:
        st.warning(escaped_markdown(str(followed.failure)), icon=":material/cloud_off:")
        show_words(followed.failure)
    now_ms = followed.now_ms(shared.read_at)  # what came since is not known
    if now_ms is None:
        which = f"Of the last {counted(look.minutes, 'minute')} of the topic no"
        nothing = not (followed.counts.untimed or followed.counts.rejected)
        st.info(
            f"{which} record was found. {OF_NO_TIME}"
            if nothing
            else f"{which} event with a received time could be read.",
            icon=":material/inbox:",
        )
        return
    ago_s = time.monotonic() - shared.read_at
    if ago_s > _STALE_S:
        st.caption(f"As it was when the topic was last read, {duration(1000 * ago_s)} ago.")
    _say_if_it_rests(followed, now_ms)
    _figures(followed, now_ms, told=look.topic.told)
    _silences(followed, now_ms, look.topic.times)
    _chart(followed, look)
    _switch(followed)


def _say_if_it_rests(followed: Followed, now_ms: int) -> None:
    """Say that nothing has come for long, so that what is below is no news."""
    newest_ms = followed.counts.newest_ms
    if newest_ms is not None and now_ms - newest_ms > 60_000 * followed.minutes:
        st.info(
            f"Nothing has come for {duration(now_ms - newest_ms)}. Below are the last "
            f"{counted(followed.minutes, 'minute')} before that.",
            title="The topic rests.",
            icon=":material/pause_circle:",
        )


def _refresh(shared: _Shared, look: _Look) -> None:
    """Read what is new, unless that was done just now or the viewer has paused."""
    with shared.lock:
        before = shared.followed
        if before is None:
            shared.followed = follow(
                look.topic.opened.source, look.topic.pattern, look.minutes, look.setting
            )
        elif not look.paused and time.monotonic() - shared.read_at >= _SHARED_S:
            shared.followed = refreshed(look.topic.opened.source, before)
        else:
            return
        shared.read_at = time.monotonic()
        give_back_memory()


def _figures(followed: Followed, now_ms: int, *, told: bool) -> None:
    why = why_not_followed(followed.late.setting)
    with st.container(horizontal=True):
        _traffic(followed, now_ms, told=told)
        if told and not why:
            _lateness(followed.late, now_ms)
    st.caption(escaped_markdown(" ".join(_notes(followed, why, told=told))))


def _traffic(followed: Followed, now_ms: int, *, told: bool) -> None:
    counts = followed.counts
    recent = lately(counts, _LATELY_S)
    seconds = max(_LATELY_S, counts.width_ms // 1000)
    half, most = (_bound(each) for each in quantiles(recent, (0.5, 0.99)))
    assert counts.newest_ms is not None
    st.metric(
        "Events",
        f"{counts.events:,}",
        border=True,
        help=f"Since following began, {counted(followed.minutes, 'minute')} before the end "
        "that the topic had then.",
    )
    st.metric(
        "Rate", f"{int(recent.sum()) / seconds:,.1f} /s", border=True,
        help=f"Events of the last {seconds} s of received time.",
    )  # fmt: skip
    st.metric("Last event", f"{duration(now_ms - counts.newest_ms)} ago", border=True)
    if told:
        st.metric(
            "Delay now, 50 % / 99 %", f"{half} / {most}", border=True,
            help=f"What 50 % and 99 % of the events of the last {seconds} s do not exceed.",
        )  # fmt: skip


def _lateness(late: Late, now_ms: int) -> None:
    behind = "none yet" if late.clock is None else f"{delay_text(now_ms - late.clock)}"
    st.metric(
        "Clock behind", behind, border=True,
        help="How far the engine's clock (watermark or stream time) is behind now, as the "
        "last event that was judged met it.",
    )  # fmt: skip
    st.metric(
        "Dropped", f"{late.dropped:,} of {late.judged:,}", border=True,
        help="Events that no window took, of those judged so far. To bound the memory, "
        f"the oldest sessions are forgotten, those beyond {MOST_SUMMED_UP:,} half gaps of "
        "all sessions together, and what Kafka Streams' cache held for over an hour: an "
        "event that is later still may count as dropped. The Windows page forgets nothing.",
    )  # fmt: skip


def _notes(followed: Followed, why: str, *, told: bool) -> list[str]:
    """Return what is said below the figures; `why` no drops are told, "" if they are."""
    counts, late = followed.counts, followed.late
    notes = [f"{counted(counts.rejected, 'record')} rejected."] if counts.rejected else []
    if counts.untimed:
        notes.append(f"{counted(counts.untimed, 'event')} without a received time.")
    if not told:
        notes.append("The received times tell no delay, so neither delays nor drops are told.")
    elif why:
        notes.append(why)
    else:
        notes.append(
            f"Dropped by {named(late.setting)}, windows per client, if it had begun with the first "
            "of these events."
        )
        if len(followed.waiting):
            notes.append(
                f"Not judged yet: {counted(len(followed.waiting), 'event')}, until more has come "
                "and the order of arrival is certain."
            )
        notes += [late.stopped] if late.stopped else []
    return notes


def _bound(ms: int | None) -> str:
    """Return the end of a bin in words."""
    return "–" if ms is None else "0 or less" if ms <= 0 else f"≤ {duration(ms)}"


def _silences(followed: Followed, now_ms: int, times: Times) -> None:
    """Say who has not been heard for longer than is usual, and who is back."""
    left, right = st.columns(2)
    with left:
        _silent_now(followed, now_ms)
    with right:
        _back_again(followed, times)


def _silent_now(followed: Followed, now_ms: int) -> None:
    known = followed.silence
    now, usual = silent(known, now_ms), known.usual
    st.markdown(f"**Silent now**: {counted(len(now), 'client')}")
    if len(now):
        listed = now[:_LISTED]
        show_table(
            pd.DataFrame(
                {
                    "Client": _names(followed, listed.tolist()),
                    "Not heard for": [duration(now_ms - ms) for ms in known.heard[listed]],
                    "Usually": [duration(ms) for ms in usual[listed]],
                }
            ),
            height=220,
            alt="Clients that have not been heard for longer than is usual for them",
        )
        first = int(now[0])
        st.caption(
            f"Client {escaped_markdown(shown_name(followed.clients[first]))} has not been "
            f"heard for {duration(now_ms - int(known.heard[first]))}; half of its waits are "
            f"{duration(int(usual[first]))} at most. Whether it is cut off or done cannot be "
            "told before it is back."
        )
    if followed.forgotten:
        st.caption(
            f"Of more than {MOST_CLIENTS:,} clients, those not heard for longest are "
            "forgotten: they are not listed, and new when they are back."
        )


def _back_again(followed: Followed, times: Times) -> None:
    ended = followed.silence.ended
    st.markdown(f"**Back again**: {counted(len(ended), 'silence')}")
    if ended:
        last = ended[::-1][:_LISTED]
        show_table(
            pd.DataFrame(
                {
                    "Client": _names(followed, [each.client for each in last]),
                    f"Back, {clock_name(times)}": [times.cell(each.back_ms) for each in last],
                    "Silent for": [duration(e.back_ms - e.last_heard_ms) for e in last],
                    "Held back": [each.held_back for each in last],
                }
            ),
            height=220,
            alt="Silences that ended, the last first, with the events they held back",
        )


def _names(followed: Followed, codes: Sequence[int]) -> list[str]:
    return [shown_name(followed.clients[code]) for code in codes]


def _chart(followed: Followed, look: _Look) -> None:
    table = over_time(followed.counts)
    if len(table):
        show_picture(
            last_minutes(
                table,
                zero_ms=look.topic.times.zero_ms,
                scale=look.topic.scale,
                delays=look.topic.told,
                drops=look.topic.told and not why_not_followed(followed.late.setting),
            ),
            parameters.LIVE_CHART,
            f"The last {counted(followed.minutes, 'minute')} of received time.",
        )


def _switch(followed: Followed) -> None:
    """Offer what is shown as the range of all pages, and the tail of the topic again."""
    newest = followed.counts.newest_ms
    assert newest is not None
    with st.container(horizontal=True):
        st.button(
            "Look at these minutes on all pages",
            icon=":material/push_pin:",
            on_click=_fix,
            args=(newest - 60_000 * followed.minutes, newest),
            help="Makes these minutes the range of the sidebar: From–to, in whole minutes.",
        )
        st.button(
            "All pages at the end again",
            icon=":material/last_page:",
            on_click=_follow_end,
            args=(followed.minutes,),
            help="Makes the last minutes the range of the sidebar. This page follows the end "
            "whatever the range is.",
        )


def _fix(first_ms: int, last_ms: int) -> None:
    st.session_state[parameters.RANGE.name] = "between"
    for parameter, ms in ((parameters.FROM, first_ms), (parameters.TO, last_ms + 60_000)):
        moment = dt.datetime.fromtimestamp(ms // 60_000 * 60, dt.UTC).replace(tzinfo=None)
        parameters.put(parameter, moment.isoformat(timespec="minutes"))


def _follow_end(minutes: int) -> None:
    st.session_state[parameters.RANGE.name] = "minutes"
    st.session_state[parameters.MINUTES.name] = minutes
    parameters.drop(parameters.FROM, parameters.TO)
