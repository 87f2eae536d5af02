"""What pages show of a topic that a cluster holds: what it told, drawn as of one machine."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import streamlit as st

from lib.analysis import completeness, outages
from lib.analysis.of_topic import nothing_found
from lib.analysis.sessions import session_table
from lib.charts.comparison import drawn_comparison
from lib.charts.histogram import session_histogram
from lib.charts.outages import outage_timeline
from lib.charts.rows import lanes_in
from lib.cluster.seen import Seen, outages_seen
from lib.core.columns import CLIENT, LEFT, LOST, SESSION
from lib.core.errors import SkewlineError
from lib.core.formatting import escaped_markdown
from lib.events.client_names import written
from lib.events.table import TimeDomain, with_seconds
from lib.report.document import withheld_in
from lib.report.drawn import height_of
from lib.ui import parameters
from lib.ui.answers import impossible_times
from lib.ui.chart import show_over_time, show_picture
from lib.ui.cluster_pages.export import export_shown_told, files_told
from lib.ui.failures import show_words
from lib.ui.parts.comparison import choose_panels
from lib.ui.parts.findings import show_findings_of
from lib.ui.parts.groups import choose_group, open_group
from lib.ui.parts.headline import advice_told, figures, when
from lib.ui.parts.outage_table import (
    ZOOMS,
    choose_silences,
    outage_table,
    rhythm_table,
    say_no_outage,
)
from lib.ui.parts.record_reader import record_told
from lib.ui.parts.session_detail import choose_bins, latest_sessions, show_session
from lib.ui.show import first_events, load_report_in_numbers, what_was_read
from lib.ui.tables import MOST_ROWS, show_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from lib.analysis.analyse import Analysis
    from lib.charts.picture import Picture
    from lib.report.report import Report
    from lib.ui.cluster.told import OnCluster
    from lib.ui.view import View


def overview_told(view: View, told: OnCluster) -> None:
    """Draw figures, advice, both clocks and findings."""
    report, whole = told.report, told.of_all.report
    summary, why = report.summary, withheld_in(whole)
    assert summary is not None  # or the page says that there is no event
    figures(summary, delays_tell=not report.withheld)
    if whole.replayed is not None and "replay" not in whole.untold:
        impossible = impossible_times(_analysis(whole), view.times.zone)
        no_advice = f"{whole.replayed.no_advice} {impossible}".strip()
        advice_told(whole.replayed.advice, no_advice, whole.whole)
    elif not whole.withheld:
        _say_withheld("No setting is advised.", why["advice"])
    st.caption(when(summary, view.times))
    left, right = st.columns([5, 3])
    with left:
        picture = _show_both_clocks(view, told, parameters.STORY_CHART)
    with right:
        st.subheader("What stands out in the whole topic", anchor=False)
        _findings(view, whole)
    files_told(view, told, picture)
    below = st.expander("First records", key=parameters.FIRST_RECORDS_OPEN, on_change="rerun")
    if below.open:
        with below:
            _first_events(view, told, 100, parameters.FIRST_RECORDS)
    title, has_rejected = what_was_read(report.topic), report.topic.contents.rejected > 0
    with st.expander(f"Load report: {title}", expanded=has_rejected):
        load_report_in_numbers(report.topic)


def comparison_told(view: View, told: OnCluster) -> None:
    """Draw when each event happened, above when it was received."""
    order, height = choose_panels()
    assert told.report.drawn is not None  # it was asked for
    clients = told.report.drawn.comparison.clients
    marked, zero_ms = _marked(told), view.times.zero_ms
    with refusals_shown():
        found = told.comparison(lanes_in(height), order, marked, open_group(clients))
        drawn = drawn_comparison(
            found, zero_ms=zero_ms, scale=view.scale, height=height, outages=marked
        )
        choose_group(drawn.lanes, clients)
        show_over_time(
            drawn.picture, parameters.COMPARISON_CHART, TimeDomain.EVENT, zero_ms, drawn.brushes
        )


def records_told(view: View, told: OnCluster) -> None:
    """Draw the record that is chosen, read from its source here, and the first events seen."""
    record_told(view, told)
    st.subheader("Events", anchor=False)
    _first_events(view, told, MOST_ROWS, parameters.EVENTS_LISTED, picks=True)
    export_shown_told(view, told)


def _first_events(view: View, told: OnCluster, most: int, key: str, *, picks: bool = False) -> None:
    """Show the first events seen, as `lib.ui.show.first_records` does."""
    summary, zero_ms = told.report.summary, view.times.zero_ms
    assert summary is not None  # or the page says that there is no event
    try:
        first = with_seconds(told.first(most), zero_ms).drop(columns=LEFT, errors="ignore")
    except SkewlineError as error:
        show_refusal(error)
        return
    has_all = not told.report.whole.contents.without_received
    first_events(first, summary.events, view.times, key, has_all=has_all, picks=picks)
    st.caption("Of an event, the cluster keeps the fields that have a role.")


def _show_both_clocks(view: View, told: OnCluster, key: str) -> Picture:
    """Draw event time above received time, with the worst outages shaded where they are told.

    Returns the picture.
    """
    report = told.report
    assert report.drawn is not None  # it was asked for
    assert report.summary is not None  # or the page says that there is no event
    drawn = drawn_comparison(
        report.drawn.comparison,
        zero_ms=view.times.zero_ms,
        scale=view.scale,
        height=height_of(report.summary),
        outages=_marked(told),
    )
    zero_ms = view.times.zero_ms
    show_over_time(drawn.picture, key, TimeDomain.EVENT, zero_ms, drawn.brushes)
    return drawn.picture


def _marked(told: OnCluster) -> pd.DataFrame | None:
    """Return the outages that are marked in the picture; None where none are told."""
    is_told = "outages" not in withheld_in(told.of_all.report)
    return _analysis(told.report).outages if is_told else None


def outages_told(view: View, told: OnCluster) -> None:
    """Draw outages on a timeline and in a table, and the limits that they follow from."""
    kinds, sensitivity = choose_silences()
    report = told.of_all.report
    if why := withheld_in(report).get("outages"):
        _say_withheld("No outage is told.", why)
        return
    with refusals_shown():
        every, limits = _outages(told.of_all, sensitivity)
        silences, name = _seen(every, view, told), report.topic.report.topic
        found = silences[silences[outages.KIND].isin(kinds)]
        if found.empty:
            say_no_outage(silences, sensitivity)
        else:
            _outage_timeline(view, told, found)
            whole = told.of_all.report
            outage_table(found, every, view.times, name, lambda: _analysis(whole))
        with st.expander("Where the limits come from", icon=":material/help:"):
            rhythm_table(limits, name)


def _outages(whole: OnCluster, sensitivity: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the outages of a topic, and the limits that they follow from."""
    analysis = _analysis(whole.report)
    if sensitivity == 1:
        return analysis.outages, analysis.rhythm
    return whole.outages(sensitivity)


def _seen(every: pd.DataFrame, view: View, told: OnCluster) -> pd.DataFrame:
    """Return the outages that touch what is seen of a topic."""
    if told.whole is None:
        return every
    assert view.window is not None  # or it were not a part
    clients = _analysis(told.report).clocks[CLIENT] if view.where else None
    return outages_seen(every, Seen(view.window, tuple(view.clients)), clients, view.times.zero_ms)


def _outage_timeline(view: View, told: OnCluster, found: pd.DataFrame) -> None:
    """Draw outages on a timeline of what is seen of the topic."""
    summary, zero_ms = told.report.summary, view.times.zero_ms
    assert summary is not None
    assert summary.first_received_ms is not None  # or outages were withheld
    assert summary.last_received_ms is not None
    drawn = outage_timeline(
        found,
        domain_ms=(summary.first_received_ms, summary.last_received_ms + 1),
        zero_ms=zero_ms,
        scale=view.scale,
    )
    show_over_time(drawn, parameters.OUTAGE_CHART, TimeDomain.RECEIVED, zero_ms, note=ZOOMS)


def sessions_told(view: View, told: OnCluster) -> None:
    """Draw how many events sessions have, those with the largest delay, and what is missing."""
    report, whole = told.report, told.of_all.report
    assert report.drawn is not None  # it was asked for
    sizes = report.drawn.sizes
    if not sizes.n:
        st.info("No event belongs to a session.", icon=":material/info:")
        return
    st.subheader("Events per session", anchor=False)
    show_picture(session_histogram(sizes, choose_bins()), parameters.SESSION_HISTOGRAM)
    st.subheader("Sessions with the largest delay", anchor=False)
    try:
        latest = told.latest_sessions(MOST_ROWS)
        chosen = latest_sessions(latest, sizes.n, view.times)
        st.subheader("One session in detail", anchor=False)
        _one_session(view, told, latest, chosen)
    except SkewlineError as error:
        show_refusal(error)
    st.subheader("Lost and duplicate events", anchor=False)
    if why := withheld_in(whole).get("sequence_numbers"):
        _say_withheld("Neither is told.", why)
        return
    if told.whole is not None:
        st.caption("Of the whole topic.")
    analysis = _analysis(whole)
    faults = analysis.sessions
    assert faults is not None  # or sequence numbers were withheld
    if analysis.told.losses is not None:
        st.caption(f"{analysis.of_numbers} Whose the missing ones are, nobody can tell.")
    if faults.empty:
        lacks = "lacks a number or " if analysis.told.losses is None else ""
        st.success(f"No session {lacks}has one twice.", icon=":material/check_circle:")
        return
    shown = faults[[CLIENT, LOST, completeness.DUPLICATES, SESSION]]
    words = {CLIENT: "Client", LOST: "Lost", SESSION: "Session"}
    show_table(
        shown.astype({CLIENT: object}).rename(columns=words),
        alt="Sessions that lost events, or have some twice",
    )


def _one_session(view: View, told: OnCluster, latest: pd.DataFrame, chosen: str | None) -> None:
    """Draw the chosen session, or the one with the largest delay, event by event."""
    name = written(latest[SESSION].iloc[0]) if chosen is None else chosen
    every = told.session(name)
    seen = every[every[LEFT]] if LEFT in every else every
    if seen.empty and chosen is not None:  # another topic's, or nothing of it is seen
        _one_session(view, told, latest, None)
        return
    session = session_table(seen).iloc[0]
    is_chosen = chosen is not None
    show_session(session, seen, len(every), view.times, view.scale, is_chosen=is_chosen)


@contextmanager
def refusals_shown() -> Iterator[None]:
    """Draw what a cluster is asked meanwhile; where it does not tell it, show why."""
    try:
        yield
    except SkewlineError as error:
        show_refusal(error)


def show_refusal(error: SkewlineError) -> None:
    """Show why a cluster does not tell what a page asks it."""
    _say_withheld(escaped_markdown(error.what), error.remedy)
    show_words(error)


def _findings(view: View, report: Report) -> None:
    if why := withheld_in(report).get("findings"):
        _say_withheld("No finding is told.", why)
        return
    analysis = _analysis(report)
    nothing = nothing_found(report.whole, analysis, report.verdict, report.diagnosis)
    assert report.summary is not None  # as the analyses
    ends, name = report.summary.extent_s(view.times.zero_ms), report.topic.report.topic
    show_findings_of(analysis, name, ends, view.times, nothing)


def _say_withheld(what: str, why: str) -> None:
    st.info(escaped_markdown(why), title=what, icon=":material/hub:")


def _analysis(report: Report) -> Analysis:
    assert report.analysis is not None  # as the summary
    return report.analysis
