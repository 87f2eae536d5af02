"""What the viewer is looking at: the loaded topic and the sidebar's choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from lib.charts.times import TimeScale
from lib.core.moments import Times
from lib.ui import parameters
from lib.ui.navigation import configure_page, navigation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lib.core.errors import FilterError, SkewlineError
    from lib.events.table import TimeWindow
    from lib.loading.load import LoadedTopic
    from lib.ui.cluster.loads import Asking
    from lib.ui.cluster.told import OnCluster
    from lib.ui.loads import Load, Opened
    from lib.ui.offer import Offer

_NO_TIMES: Final = Times(0, None)
"""Where no topic is loaded."""


@dataclass(frozen=True)
class View:
    """The sidebar's choices and what they lead to.

    Attributes
    ----------
    topic
        The loaded topic; None while it loads, and when it could not be loaded.
    load
        The load that runs; None where none does.
    error
        Why there is no topic, or why the last reload failed.
    window
        None where the topic has no event.
    clients
        The chosen clients; empty: all.
    scale, times
        How times are written, in charts and in words.
    offer
        A load so big that it is announced before it starts.
    where, filter_error
        The conditions of the filter, and why they cannot be applied; None where they can.
    opened
        Where the topic is read from; None where none is chosen.
    on_cluster
        The topic on its way to the cluster, or held there; None where it is not.
    told
        What the cluster had told when the sidebar was drawn, which the page is of: it may tell more
        before the page begins, of which nothing was chosen.
    """

    name: str
    topic: LoadedTopic | None = None
    load: Load | None = None
    error: SkewlineError | None = None
    window: TimeWindow | None = None
    clients: Sequence[Any] = ()
    scale: TimeScale = TimeScale.ZERO
    times: Times = _NO_TIMES
    offer: Offer | None = None
    where: Sequence[str] = ()
    filter_error: FilterError | None = None
    opened: Opened | None = None
    on_cluster: Asking | None = None
    told: OnCluster | None = None


def set_view(view: View) -> None:
    """Make `view` what `current_view` returns in this run."""
    st.session_state[parameters.VIEW] = view


def current_view() -> View:
    """Return what the sidebar led to in this run; to be asked once a run.

    The session does not keep it: a view of an earlier run would hold its topic in memory.
    """
    if parameters.VIEW not in st.session_state:
        # Until `st.navigation` has run once in a server, Streamlit runs a file of pages/ that is
        # asked for by its URL without the entrypoint: make up for it, and start again.
        configure_page()
        navigation()
        st.rerun()
    view: View = st.session_state.pop(parameters.VIEW)
    return view
