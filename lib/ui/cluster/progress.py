"""How far the cluster is with a topic, and why it failed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.core.formatting import duration, escaped_markdown
from lib.ui import parameters
from lib.ui.cluster.loads import Holding, let_go
from lib.ui.failures import show_error

if TYPE_CHECKING:
    from lib.ui.cluster.loads import ClusterTask

_POLL_S: Final = 1.0


def show_cluster_load(name: str, load: ClusterTask) -> None:
    """Draw how far the cluster is with what it has not told of yet, or why it failed."""
    if load.error is None:
        _show_progress(name, load)
        return
    show_error(load.error)
    st.button("Back", icon=":material/arrow_back:", on_click=_leave, args=(load,))


def _leave(load: ClusterTask) -> None:
    """Stop what is asked: of a part, the viewer goes back to the whole."""
    if isinstance(load, Holding):
        let_go(load.key)
        return
    load.let_go()
    st.session_state[parameters.WHERE.name] = []
    st.session_state[parameters.CORRECT.name] = False


@st.fragment(run_every=_POLL_S)
def _show_progress(name: str, load: ClusterTask) -> None:
    """Draw what is done, and start the run again when it has ended."""
    if load.is_let_go or not load.is_running:
        st.rerun()
    with st.container(border=True):
        st.markdown(f"**Asking the Dask cluster of {escaped_markdown(name)}**")
        st.progress(load.share, text=escaped_markdown(f"{load.doing}: {_since(load)}"))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Stop",
                icon=":material/stop_circle:",
                on_click=_leave,
                args=(load,),
            )
            if load.dashboard:
                st.link_button(
                    "Dask's dashboard",
                    load.dashboard,
                    icon=":material/monitoring:",
                    type="tertiary",
                    help="What the workers do, and their memory. It can be seen where the "
                    "scheduler can be reached.",
                )


def _since(load: ClusterTask) -> str:
    return duration(1000 * (time.monotonic() - load.since))
