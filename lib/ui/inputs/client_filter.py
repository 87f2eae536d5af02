"""The sidebar's filter of clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st

from lib.core.columns import CLIENT
from lib.core.formatting import escaped_markdown, visible_text
from lib.events.client_names import client_at, written
from lib.ui import parameters
from lib.ui.held import answer_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lib.loading.load import LoadedTopic

LISTED_CLIENTS: Final = 500
_LISTED_BYTES: Final = 100_000
"""Clients that the filter lists, and of what size in all; the others can be typed."""


def choose_clients(topic: LoadedTopic) -> Sequence[object]:
    """Draw the filter and return the chosen clients; none: all.

    What no client is called is said, and chooses nothing.
    """
    clients = topic.events.table[CLIENT].cat.categories
    listed = answer_of(("listed clients", topic.version), lambda: _largest_clients(topic))
    chosen = choose_names(listed, len(clients))
    places = [client_at(clients, name) for name in chosen]
    say_unknown([name for name, place in zip(chosen, places, strict=True) if place is None])
    return [
        name if place is None else clients[place]
        for name, place in zip(chosen, places, strict=True)
    ]


def say_unknown(names: Sequence[str]) -> None:
    """Say of names that were typed that no client has them."""
    if names:
        said = ", ".join(f"“{escaped_markdown(visible_text(name))}”" for name in names)
        st.caption(f":red[:material/error: No client is called {said}.]")


def choose_names(listed: Sequence[str], clients: int) -> list[str]:
    """Draw the filter and return the names of the chosen clients; none: all.

    Parameters
    ----------
    listed
        Names to choose from; others can be typed where there are more `clients`.
    """
    chosen: list[str] = st.multiselect(
        "Clients",
        listed,
        placeholder=f"All {clients:,}",
        accept_new_options=clients > len(listed),
        key=parameters.CLIENTS.name,
        bind="query-params",
        help="Only events of these clients are shown, on every page. Findings and what engines "
        "would do are always those of all clients.",
    )
    return chosen


def only_clients(*clients: object) -> None:
    """Make some clients the only ones that are shown; in a callback."""
    st.session_state[parameters.CLIENTS.name] = [written(client) for client in clients]


def _largest_clients(topic: LoadedTopic) -> tuple[str, ...]:
    """Return the clients of a topic with the most events that are listed, in the topic's order."""
    clients = topic.events.table[CLIENT].cat
    codes = clients.codes.to_numpy()
    counts = np.bincount(codes[codes >= 0], minlength=len(clients.categories))
    largest = np.argsort(-counts, kind="stable")[:LISTED_CLIENTS]
    return listed_names(largest, [written(clients.categories[place]) for place in largest])


def listed_names(order: NDArray[np.intp], names: Sequence[str]) -> tuple[str, ...]:
    """Return the names that a list has room for, of those with the most events first, in `order`.

    Parameters
    ----------
    order
        Where each is in the topic's order.
    """
    sizes = np.cumsum([len(name.encode(errors="replace")) for name in names])
    fitting = int(np.searchsorted(sizes, _LISTED_BYTES, side="right"))
    return tuple(names[place] for place in np.argsort(order[:fitting]))
