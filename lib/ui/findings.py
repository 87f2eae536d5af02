"""What stands out, each sentence with a link to the view that proves it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import streamlit as st

from lib.analysis.findings import NOTHING
from lib.charts.rows import written
from lib.core.formatting import counted, escaped_markdown
from lib.events.table import TimeDomain
from lib.ui import parameters
from lib.ui.answers import analysis_of, diagnosed, trust_of
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
    if not found and not trust_of(topic).usable:
        numbers = "" if analysis.numbering is None else "Sequence numbers show nothing. "
        late = "Whether events are late cannot be told from these received times."
        if topic.events.timed.empty:
            late = "Whether events are late cannot be told without received times."
        st.info(f"{numbers}{late}", icon=":material/timer_off:")
        return
    if not found and diagnosed(topic) is not None:
        st.info(
            "The event times are wrong as a whole, as said above. Beyond that nothing stands out.",
            icon=":material/schedule:",
        )
        return
    if not found:
        st.success(NOTHING, icon=":material/check_circle:")
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
