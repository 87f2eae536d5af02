"""How far the cluster is with a topic, and why it failed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.core.formatting import duration, escaped_markdown
from lib.ui.cluster import let_go
from lib.ui.failures import show_error

if TYPE_CHECKING:
    from lib.ui.cluster import ClusterLoad
    from lib.ui.loads import Opened

_POLL_S: Final = 1.0


def show_cluster_load(name: str, opened: Opened | None, load: ClusterLoad) -> None:
    """Draw how far the cluster is with a topic that it has not told of yet, or why it failed."""
    assert opened is not None  # a topic that the cluster was asked for was opened
    if load.error is None:
        _show_progress(name, opened, load)
        return
    show_error(load.error)
    st.button("Back", icon=":material/arrow_back:", on_click=let_go, args=(opened.key,))


@st.fragment(run_every=_POLL_S)
def _show_progress(name: str, opened: Opened, load: ClusterLoad) -> None:
    """Draw what is done, and start the run again when it has ended."""
    if not load.is_running:
        st.rerun()
    with st.container(border=True):
        st.markdown(f"**Asking the Dask cluster of {escaped_markdown(name)}**")
        st.progress(load.share, text=escaped_markdown(f"{load.doing}: {_since(load)}"))
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Stop", icon=":material/stop_circle:"):
                let_go(opened.key)
                st.rerun()
            if load.dashboard:
                st.link_button(
                    "Dask's dashboard",
                    load.dashboard,
                    icon=":material/monitoring:",
                    type="tertiary",
                    help="What the workers do, and their memory. It can be seen where the "
                    "scheduler can be reached.",
                )


def _since(load: ClusterLoad) -> str:
    return duration(1000 * (time.monotonic() - load.since))
