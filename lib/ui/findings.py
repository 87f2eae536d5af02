"""What stands out, each sentence with a link to the view that proves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from lib.findings import NOTHING
from lib.lanes import written
from lib.text import counted
from lib.ui.answers import analysis_of
from lib.ui.view import extent_of

if TYPE_CHECKING:
    from lib.findings import Finding
    from lib.load import LoadedTopic

_FIRST = 5
_PAGES = {name: f"pages/{name.lower()}.py" for name in ("Overview", "Sessions", "Delay", "Outages")}


def show_findings(topic: LoadedTopic) -> None:
    """Show the findings of a topic, those that touch the most events first."""
    found = analysis_of(topic).findings
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
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(finding.sentence)
        st.page_link(
            _PAGES[finding.page],
            label="Show",
            icon=":material/arrow_forward:",
            query_params=_link(finding, topic),
            help=f"Opens the {finding.page} page on it; {counted(finding.events, 'event')}.",
        )


def _link(finding: Finding, topic: LoadedTopic) -> dict[str, str | list[str]]:
    """Return the URL parameters of the view that shows a finding, with the present choices."""
    low, high = extent_of(topic)
    start, end = max(finding.start_s, low), min(finding.end_s, high)
    kept = {name: st.query_params.get_all(name) for name in st.query_params}
    for name in ("clients", "window", "clock"):
        kept.pop(name, None)
    link: dict[str, str | list[str]] = {**kept}
    if (start, end) != (low, high):
        link |= {"window": [f"{start:.3f}", f"{end:.3f}"], "clock": "Received time"}
    if 0 < len(finding.clients) <= _FIRST:
        link["clients"] = [written(client) for client in finding.clients]
    return link
