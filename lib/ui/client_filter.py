"""The sidebar's filter of clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import streamlit as st

from lib.charts.rows import client_at, written
from lib.core.columns import CLIENT
from lib.ui import parameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lib.loading.load import LoadedTopic

LISTED_CLIENTS: Final = 500
"""Clients that the filter lists; the others can be typed."""


def choose_clients(topic: LoadedTopic) -> Sequence[object]:
    """Draw the filter and return the chosen clients; none: all."""
    clients = topic.events.table[CLIENT].cat.categories
    listed = [written(client) for client in _largest_clients(topic.version, topic)]
    chosen = st.multiselect(
        "Clients",
        listed,
        placeholder=f"All {len(clients):,}",
        accept_new_options=len(clients) > len(listed),
        key=parameters.CLIENTS.name,
        bind="query-params",
        help="Only events of these clients are shown, on every page. Findings and what engines "
        "would do are always those of all clients.",
    )
    places = (client_at(clients, name) for name in chosen)
    return [clients[place] for place in places if place is not None]


def only_clients(*clients: object) -> None:
    """Make some clients the only ones that are shown; in a callback."""
    st.session_state[parameters.CLIENTS.name] = [written(client) for client in clients]


@st.cache_data(max_entries=16, show_spinner=False)
def _largest_clients(version: object, _topic: LoadedTopic) -> list[Any]:  # noqa: ARG001
    """Return the `LISTED_CLIENTS` clients of a topic with the most events, in their order."""
    clients = _topic.events.table[CLIENT].cat
    codes = clients.codes.to_numpy()
    counts = np.bincount(codes[codes >= 0], minlength=len(clients.categories))
    largest = np.sort(np.argsort(-counts, kind="stable")[:LISTED_CLIENTS])
    return list(clients.categories[largest])
