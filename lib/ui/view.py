"""What the viewer is looking at: the loaded topic and the sidebar's choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import streamlit as st

from lib.events.table import CLIENT, Clock
from lib.ui.navigation import navigation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lib.charts.times import TimeScale
    from lib.core.errors import SkewlineError
    from lib.loading.load import LoadedTopic
    from lib.ui.loads import Load
    from lib.ui.offer import Offer

LISTED_CLIENTS: Final = 500
"""Clients that the filter lists; the others can be typed."""


@dataclass(frozen=True)
class Window:
    """The visible stretch: seconds since zero on one clock, both ends included."""

    clock: Clock
    start_s: float
    end_s: float


@dataclass(frozen=True)
class View:
    """The sidebar's choices and what they lead to.

    Attributes
    ----------
    topic
        The loaded topic; None while it loads, and when it could not be loaded.
    load
        The load behind it; None where not even the source could be opened.
    error
        Why there is no topic, or why the last reload failed.
    window
        None where the topic has no event.
    clients
        The chosen clients; empty: all.
    scale
        How times are written.
    offer
        A load so big that it is announced before it starts.
    """

    name: str
    topic: LoadedTopic | None
    load: Load | None
    error: SkewlineError | None
    window: Window | None
    clients: Sequence[Any]
    scale: TimeScale
    offer: Offer | None = None


_VIEW: Final = "view"


def set_view(view: View) -> None:
    """Make `view` what `current_view` returns in this run."""
    st.session_state[_VIEW] = view


def current_view() -> View:
    """Return what the sidebar led to in this run; to be asked once a run.

    The session does not keep it: a view of an earlier run would hold its topic in memory.
    """
    if _VIEW not in st.session_state:
        # Until `st.navigation` has run once in a server, Streamlit runs a file of pages/ that is
        # asked for by its URL without the entrypoint: make up for it, and start again.
        navigation()
        st.rerun()
    view: View = st.session_state.pop(_VIEW)
    return view


def extent_of(topic: LoadedTopic) -> tuple[float, float]:
    """Return the first and last second since zero of a topic's events, on either clock."""
    return _extent(topic.version, topic)


def largest_clients(topic: LoadedTopic) -> list[Any]:
    """Return the `LISTED_CLIENTS` clients of a topic with the most events, in their order."""
    largest: list[Any] = _largest_clients(topic.version, topic)
    return largest


@st.cache_data(max_entries=16, show_spinner=False)
def _extent(version: object, _topic: LoadedTopic) -> tuple[float, float]:  # noqa: ARG001
    table = _topic.events.table
    columns = [table[clock.seconds].to_numpy() for clock in Clock]
    return min(float(c.min()) for c in columns), max(float(c.max()) for c in columns)


@st.cache_data(max_entries=16, show_spinner=False)
def _largest_clients(version: object, _topic: LoadedTopic) -> list[Any]:  # noqa: ARG001
    clients = _topic.events.table[CLIENT].cat
    codes = clients.codes.to_numpy()
    counts = np.bincount(codes[codes >= 0], minlength=len(clients.categories))
    largest = np.sort(np.argsort(-counts, kind="stable")[:LISTED_CLIENTS])
    return list(clients.categories[largest])
