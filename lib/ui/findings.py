"""What stands out, each sentence with a link to the view that proves it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import streamlit as st

from lib.analysis.findings import NOTHING
from lib.analysis.of_topic import nothing_found
from lib.charts.rows import written
from lib.core.formatting import counted, escaped_markdown
from lib.events.table import TimeDomain
from lib.ui import parameters
from lib.ui.answers import analysis_of, diagnosed, verdict_of
from lib.ui.time_window import CLOCKS, extent_of

if TYPE_CHECKING:
    from lib.analysis.findings import Finding
    from lib.loading.load import LoadedTopic

_FIRST = 5


def show_findings(topic: LoadedTopic) -> None:
    """Show the findings of a topic, those that touch the most events first."""
    analysis = analysis_of(topic)
    found = analysis.findings
    if analysis.numbering is not None:
        st.caption(escaped_markdown(analysis.numbering.sentence))
    if not found:
        nothing = nothing_found(topic, analysis, verdict_of(topic), diagnosed(topic))
        if nothing == NOTHING:
            st.success(nothing, icon=":material/check_circle:")
        else:
            st.info(nothing, icon=":material/info:")
        return
    for finding in found[:_FIRST]:
        _show(finding, topic)
    if len(found) > _FIRST:
        with st.expander(f"{counted(len(found) - _FIRST, 'more finding')}"):
            for finding in found[_FIRST:]:
                _show(finding, topic)


def _show(finding: Finding, topic: LoadedTopic) -> None:
    with st.container(
        border=True,
        horizontal=True,
        horizontal_alignment="distribute",
        vertical_alignment="center",
    ):
        st.markdown(escaped_markdown(finding.sentence))
        # Within the tab, Streamlit lets the sidebar's own widgets win over a link's parameters.
        st.link_button(
            "Show",
            _link(finding, topic),
            type="tertiary",
            icon=":material/arrow_forward:",
            help=f"Opens the {finding.page} page on it, in a new tab; "
            f"{counted(finding.events, 'event')}.",
        )


def _link(finding: Finding, topic: LoadedTopic) -> str:
    """Return the URL of the view that shows a finding: the present one, on its stretch and clients.

    Relative, so that it holds wherever the app is served from.
    """
    kept = {name: st.query_params.get_all(name) for name in st.query_params}
    clock, window, clients = parameters.CLOCK.name, parameters.WINDOW.name, parameters.CLIENTS.name
    kept |= {clock: [], clients: [], window: []}
    low, high = extent_of(topic)
    start, end = max(finding.start_s, low), min(finding.end_s, high)
    if (start, end) != (low, high):
        kept |= {clock: [CLOCKS[TimeDomain.RECEIVED]], window: [f"{start:.3f}", f"{end:.3f}"]}
    if len(finding.clients) <= _FIRST:
        kept[clients] = [written(client) for client in finding.clients]
    return f"{finding.page.lower()}?{urlencode(kept, doseq=True)}"
