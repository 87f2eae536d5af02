"""The table of sessions, and one of them in detail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from lib.analysis import completeness
from lib.analysis.sessions import (
    EVENT_DURATION,
    EVENTS,
    FIRST_EVENT,
    LARGEST_DELAY,
    RECEIVED_DURATION,
)
from lib.charts.rows import shown_name
from lib.charts.session import session_fan
from lib.core.columns import CLIENT, LOST, MISSING_TIME, RECEIVED_TIME, SESSION
from lib.core.formatting import counted, delay_text, duration, escaped_markdown
from lib.events.client_names import client_at, written
from lib.events.filters import equal_to
from lib.events.table import TimeDomain, names_clients
from lib.ui import parameters
from lib.ui.answers import analysis_of
from lib.ui.chart import show_over_time
from lib.ui.inputs.event_filter import only_where
from lib.ui.record_links import open_records
from lib.ui.show import clock_name, shown_times, time_column
from lib.ui.tables import MOST_ROWS, WholeTable, by_session, show_table, weakly

if TYPE_CHECKING:
    from lib.charts.times import TimeScale
    from lib.core.moments import Times
    from lib.loading.load import LoadedTopic
    from lib.ui.visible import Visible


def every_session(sessions: pd.DataFrame, visible: Visible) -> str | None:
    """Show the session table; return the session to look at: of the URL, or the selected one."""
    latest = sessions[LARGEST_DELAY].sort_values(ascending=False, kind="stable").index
    listed, times = sessions.loc[latest[:MOST_ROWS]], visible.times

    def every(sessions: pd.DataFrame, topic: LoadedTopic) -> pd.DataFrame:
        return _readable(sessions.loc[latest], times, analysis_of(topic).sessions)

    show_table(
        _readable(listed, times, analysis_of(visible.topic).sessions),
        whole=WholeTable(
            "the sessions",
            f"{visible.topic.report.topic}-sessions.csv",
            len(sessions),
            weakly(every, sessions, visible.topic),
        ),
        order="those with the largest delay first",
        height=330,
        key=parameters.SESSION_TABLE,
        on_select=lambda: _choose(listed),
        selection_mode="single-row",
        alt="Every session with its client, events, duration on both clocks and largest delay",
        config={_first_event(times): time_column(visible.times, "Event time")},
    )
    return parameters.get(parameters.ONE_SESSION)


def latest_sessions(latest: pd.DataFrame, every: int, times: Times) -> str | None:
    """Show the sessions with the largest delay, of a topic whose events are elsewhere.

    Returns
    -------
    The session to look at, as `every_session` does.
    """
    show_table(
        _readable(latest, times, None),
        height=330,
        key=parameters.SESSION_TABLE,
        on_select=lambda: _choose(latest),
        selection_mode="single-row",
        alt="Sessions with their client, events, duration on both clocks and largest delay",
        config={_first_event(times): time_column(times, "Event time")},
    )
    if len(latest) < every:
        st.caption(f"The first {len(latest):,} of {every:,}, those with the largest delay first.")
    return parameters.get(parameters.ONE_SESSION)


def session_detail(sessions: pd.DataFrame, chosen: str | None, visible: Visible) -> None:
    """Draw the chosen session, or the one with the largest delay, event by event."""
    names = pd.Index(sessions[SESSION])
    place = None if chosen is None else client_at(names, chosen)
    if place is None:
        place = int(sessions[LARGEST_DELAY].fillna(MISSING_TIME).to_numpy().argmax())
    session = sessions.iloc[place]
    code = visible.table[SESSION].cat.categories.get_loc(session[SESSION])
    of_session = visible.table[SESSION].cat.codes.to_numpy() == code
    inside, whole = of_session[visible.rows], int(np.count_nonzero(of_session))
    rows = np.flatnonzero(inside)
    events = visible.table.take(rows if isinstance(visible.rows, slice) else visible.rows[rows])
    show_session(session, events, whole, visible.times, visible.scale, is_chosen=chosen is not None)


def show_session(
    session: pd.Series,
    events: pd.DataFrame,
    whole: int,
    times: Times,
    scale: TimeScale,
    *,
    is_chosen: bool,
) -> None:
    """Draw a session event by event.

    Parameters
    ----------
    session
        Its row of `lib.analysis.sessions.session_table`.
    events
        Those of its events that are shown.
    whole
        How many it has.
    is_chosen
        Whether the viewer chose it; if not, it has the largest delay.
    """
    name = shown_name(session[SESSION])
    timed = events[events[RECEIVED_TIME] != MISSING_TIME]
    if len(timed):
        show_over_time(
            session_fan(timed, name=name, zero_ms=times.zero_ms, scale=scale),
            parameters.SESSION_CHART,
            TimeDomain.EVENT,
            times.zero_ms,
        )
    of_client = ""
    if names_clients([session[CLIENT]]):
        of_client = f" of client {escaped_markdown(shown_name(session[CLIENT]))}"
    st.caption(
        f"Session {escaped_markdown(name)}{of_client}: "
        f"{_how_many(len(events), whole)}, {duration(session[EVENT_DURATION])} long by event "
        f"time{_by_received(session, has_received=bool(len(timed)), is_chosen=is_chosen)}"
    )
    open_records("this session", only_where, equal_to(SESSION, session[SESSION]))


def _how_many(shown: int, whole: int) -> str:
    """Return how many events of a session are shown, and of how many where it is cut."""
    return counted(whole, "event") if shown == whole else f"{shown:,} of its {whole:,} events shown"


def _by_received(session: pd.Series, *, has_received: bool, is_chosen: bool) -> str:
    """Return the end of a session's caption: what received times say of it."""
    if not has_received:
        return "; none of them has a received time."
    why = "" if is_chosen else " It has the largest delay; select a row for another."
    return (
        f", {duration(session[RECEIVED_DURATION])} by received time, largest delay "
        f"{delay_text(session[LARGEST_DELAY])}.{why}"
    )


def _first_event(times: Times) -> str:
    return f"First event, {clock_name(times)}"


def _choose(listed: pd.DataFrame) -> None:
    rows = st.session_state[parameters.SESSION_TABLE].selection.rows
    if rows:
        parameters.put(parameters.ONE_SESSION, written(listed[SESSION].iloc[rows[0]]))
    else:
        parameters.drop(parameters.ONE_SESSION)


def choose_bins() -> int:
    """Draw how many bins the histogram of sessions has and return it."""
    return st.slider(
        "Bins",
        5,
        100,
        parameters.BINS.default,
        key=parameters.BINS.name,
        bind="query-params",
        width=320,
        help="More bins tell numbers of events apart that are close; fewer show the shape.",
    )


def _readable(sessions: pd.DataFrame, times: Times, numbered: pd.DataFrame | None) -> pd.DataFrame:
    shown = pd.DataFrame(
        {
            "Client": sessions[CLIENT].astype(object).map(shown_name),
            "Events": sessions[EVENTS],
            _first_event(times): shown_times(sessions[FIRST_EVENT], times),
            "Duration, event time (s)": sessions[EVENT_DURATION] / 1000,
            "Duration, received (s)": sessions[RECEIVED_DURATION] / 1000,
            "Largest delay (s)": sessions[LARGEST_DELAY] / 1000,
        }
    )
    if numbered is not None:
        of_session = numbered.set_index(SESSION).loc[sessions[SESSION]]
        shown["Lost"] = of_session[LOST].array
        shown["Duplicates"] = of_session[completeness.DUPLICATES].array
    shown["Session"] = sessions[SESSION].map(shown_name).array
    return shown if names_clients(sessions[CLIENT]) else by_session(shown)
