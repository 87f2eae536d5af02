"""What stands out, each sentence with what moves the picture to it, and the page that proves it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from lib.analysis.findings import MOST, NOTHING, THERE_MAY_BE_MORE
from lib.analysis.of_topic import nothing_found
from lib.core.formatting import counted, escaped_markdown
from lib.core.moments import Times
from lib.core.tickets import Ticket
from lib.events.client_names import written
from lib.events.table import TimeDomain
from lib.ui import parameters
from lib.ui.answers import analysis_of, diagnosed, verdict_of
from lib.ui.inputs.time_window import CLOCKS, extent_of, show_all_time, show_stretch
from lib.ui.lazy import expander
from lib.ui.links import copy_for_ticket, link_to

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lib.analysis.analyse import Analysis
    from lib.analysis.findings import Finding
    from lib.loading.load import LoadedTopic
    from lib.ui.inputs.time_window import Stretch
    from lib.ui.parameters import UrlParameter

_FIRST = 5


def show_findings(topic: LoadedTopic, zone: str | None) -> None:
    """Show the findings of a topic, those that touch the most events first.

    Times are those of a zone; None: since zero.
    """
    analysis = analysis_of(topic)
    nothing = nothing_found(topic, analysis, verdict_of(topic), diagnosed(topic))
    times = Times(topic.events.zero_ms, zone)
    show_findings_of(analysis, topic.report.topic, extent_of(topic), times, nothing)


def show_findings_of(
    analysis: Analysis, topic: str, ends: Stretch, times: Times, nothing: str
) -> None:
    """Show the findings of some analyses.

    Parameters
    ----------
    topic
        What it is called.
    ends
        Its first and last second since zero, on either clock.
    nothing
        What is said where there are none.
    """
    found = analysis.findings_in(times.zone)
    views = [_view_of(finding, analysis, topic, ends, times) for finding in found]
    if not views:
        if nothing == NOTHING:
            st.success(nothing, icon=":material/check_circle:")
        else:
            st.info(nothing, icon=":material/info:")
    for place, view in enumerate(views[:_FIRST]):
        _show(place, view)
    if len(views) > _FIRST:
        more = counted(len(views) - _FIRST, "more finding")
        expander(more, partial(_show_more, views[_FIRST:]), key=parameters.MORE_FINDINGS)
    if len(views) == MOST:
        st.caption(THERE_MAY_BE_MORE)
    if analysis.numbering is not None:
        st.caption(escaped_markdown(analysis.of_numbers))


def _show_more(views: list[_View]) -> None:
    for place, view in enumerate(views, start=_FIRST):
        if _show(place, view):
            st.rerun()  # all of the page, not only what is in the expander


@dataclass(frozen=True)
class _View:
    """A finding, what shows it, and what is copied of it: all of the topic that a page keeps.

    `stretch` None and no `clients`: the whole topic.
    """

    finding: Finding
    stretch: Stretch | None
    clients: list[str]
    numbers: dict[str, str]


def _show(place: int, view: _View) -> bool:
    """Draw a finding; return whether the picture was moved to it just now."""
    finding, stretch, clients, moved = view.finding, view.stretch, view.clients, False
    with st.container(border=True, gap="xsmall"):
        st.markdown(escaped_markdown(finding.sentence))
        with st.container(horizontal=True, gap="small"):
            if stretch is not None or clients:
                moved = st.button(
                    "Show",
                    key=parameters.finding_key(place),
                    type="tertiary",
                    icon=":material/my_location:",
                    on_click=_move_to,
                    args=(stretch, clients),
                    help="Moves the picture to it: sets the time window and the clients.",
                )
            if finding.page != "Overview" and st.button(
                f"On {finding.page}",
                key=parameters.finding_key(place, finding.page),
                type="tertiary",
                icon=":material/arrow_forward:",
                on_click=_move_to,
                args=(stretch, clients),
                help=f"Opens the {finding.page} page on it; {counted(finding.events, 'event')}.",
            ):
                page = f"pages/{finding.page.lower()}.py"
                st.switch_page(page, query_params=parameters.by_hand())
            copy_for_ticket(partial(_ticket, view), parameters.ticket_key(f"{place}"))
    return moved


def _ticket(view: _View) -> Ticket:
    link = link_to(shown(view.stretch, view.clients), view.finding.page)
    return Ticket(view.finding.sentence, view.numbers, link)


def shown(stretch: Stretch | None, clients: Sequence[str]) -> dict[UrlParameter[object], list[str]]:
    """Return the parameters of a view of a stretch of received times, of all events in it."""
    ends = [] if stretch is None else [f"{end:.3f}" for end in stretch]
    clock = [] if stretch is None else [CLOCKS[TimeDomain.RECEIVED]]
    return {
        parameters.WINDOW: ends,
        parameters.CLOCK: clock,
        parameters.CLIENTS: list(clients),
        parameters.WHERE: [],
    }


def _view_of(
    finding: Finding, analysis: Analysis, topic: str, of_topic: Stretch, times: Times
) -> _View:
    extent, (low, high) = analysis.extent, of_topic
    assert extent is not None  # or there were no finding
    is_whole = (finding.start_s, finding.end_s) == (extent.start_s, extent.end_s)
    stretch = None if is_whole else (max(finding.start_s, low), min(finding.end_s, high))
    is_of_few = len(finding.clients) <= _FIRST
    clients = [written(client) for client in finding.clients] if is_of_few else []
    ends = [] if stretch is None else [times.zero_ms + round(1000 * end) for end in stretch]
    numbers = {
        "Topic": topic,
        "Events that it touches": f"{finding.events:,}",
        **({"Shown": times.stretch(*ends)} if ends else {}),
        **({"Clients": ", ".join(clients)} if clients else {}),
    }
    return _View(finding, stretch, clients, numbers)


def _move_to(stretch: Stretch | None, clients: list[str]) -> None:
    if stretch is None:
        show_all_time()
    else:
        show_stretch(TimeDomain.RECEIVED, *stretch)
    st.session_state[parameters.CLIENTS.name] = clients
