"""What stands out, each sentence with what moves the picture to it, and the page that proves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from lib.analysis.findings import NOTHING
from lib.analysis.of_topic import nothing_found
from lib.charts.rows import written
from lib.core.formatting import counted, escaped_markdown
from lib.core.moments import Times
from lib.core.tickets import Ticket
from lib.events.table import TimeDomain
from lib.ui import parameters
from lib.ui.answers import analysis_of, diagnosed, verdict_of
from lib.ui.links import copy_for_ticket, link_to
from lib.ui.time_window import CLOCKS, extent_of, show_all_time, show_stretch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lib.analysis.findings import Finding
    from lib.loading.load import LoadedTopic
    from lib.ui.parameters import Parameter
    from lib.ui.time_window import Stretch

_FIRST = 5


def show_findings(topic: LoadedTopic, zone: str | None) -> None:
    """Show the findings of a topic, those that touch the most events first.

    Times are those of a zone; None: since zero.
    """
    analysis = analysis_of(topic)
    found = analysis.findings_in(zone)
    _show_all(found, topic, zone)
    if analysis.numbering is not None:
        st.caption(escaped_markdown(analysis.numbering.sentence))


def _show_all(found: list[Finding], topic: LoadedTopic, zone: str | None) -> None:
    if not found:
        nothing = nothing_found(topic, analysis_of(topic), verdict_of(topic), diagnosed(topic))
        if nothing == NOTHING:
            st.success(nothing, icon=":material/check_circle:")
        else:
            st.info(nothing, icon=":material/info:")
        return
    for place, finding in enumerate(found[:_FIRST]):
        _show(place, finding, topic, zone)
    if len(found) > _FIRST:
        with st.expander(f"{counted(len(found) - _FIRST, 'more finding')}"):
            for place, finding in enumerate(found[_FIRST:], start=_FIRST):
                _show(place, finding, topic, zone)


def _show(place: int, finding: Finding, topic: LoadedTopic, zone: str | None) -> None:
    with st.container(border=True, gap="xsmall"):
        st.markdown(escaped_markdown(finding.sentence))
        with st.container(horizontal=True, gap="small"):
            stretch, clients = _view_of(finding, topic)
            if stretch is not None or clients:
                st.button(
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
            _copy(finding, stretch, clients, topic, zone, place)


def _copy(
    finding: Finding,
    stretch: Stretch | None,
    clients: list[str],
    topic: LoadedTopic,
    zone: str | None,
    place: int,
) -> None:
    times = Times(topic.events.zero_ms, zone)
    ends = [] if stretch is None else [topic.events.zero_ms + round(1000 * end) for end in stretch]
    numbers = {
        "Topic": topic.report.topic,
        "Events that it touches": f"{finding.events:,}",
        **({"Shown": times.stretch(*ends)} if ends else {}),
        **({"Clients": ", ".join(clients)} if clients else {}),
    }
    link = link_to(shown(stretch, clients), finding.page)
    copy_for_ticket(Ticket(finding.sentence, numbers, link), parameters.ticket_key(f"{place}"))


def shown(stretch: Stretch | None, clients: Sequence[str]) -> dict[Parameter[object], list[str]]:
    """Return the parameters of a view of a stretch of received times, of all events in it."""
    ends = [] if stretch is None else [f"{end:.3f}" for end in stretch]
    clock = [] if stretch is None else [CLOCKS[TimeDomain.RECEIVED]]
    return {
        parameters.WINDOW: ends,
        parameters.CLOCK: clock,
        parameters.CLIENTS: list(clients),
        parameters.WHERE: [],
    }


def _view_of(finding: Finding, topic: LoadedTopic) -> tuple[Stretch | None, list[str]]:
    """Return the stretch and the clients that show a finding; None and none: the whole topic."""
    extent, (low, high) = analysis_of(topic).extent, extent_of(topic)
    assert extent is not None  # or there were no finding
    is_whole = (finding.start_s, finding.end_s) == (extent.start_s, extent.end_s)
    stretch = None if is_whole else (max(finding.start_s, low), min(finding.end_s, high))
    is_of_few = len(finding.clients) <= _FIRST
    return stretch, [written(client) for client in finding.clients] if is_of_few else []


def _move_to(stretch: Stretch | None, clients: list[str]) -> None:
    if stretch is None:
        show_all_time()
    else:
        show_stretch(TimeDomain.RECEIVED, *stretch)
    st.session_state[parameters.CLIENTS.name] = clients
