"""Groups of clients, opened one inside the other until every client has a row of its own.

The open group is in the URL by its first and last client.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from lib.charts.comparison_data import find_in_group
from lib.core.blockwise import alone
from lib.core.columns import CLIENT
from lib.events.client_names import client_at, written
from lib.ui import parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from lib.charts.comparison_data import Group
    from lib.charts.rows import Lanes
    from lib.ui.parameters import UrlParameter
    from lib.ui.visible import Visible


def in_open_group(visible: Visible) -> Visible:
    """Return what is visible of the open group; all of it where none is open."""
    group = open_group(visible.table[CLIENT].cat.categories)
    return replace(visible, rows=alone(find_in_group(visible.table, visible.rows, group)))


def open_group(clients: pd.Index) -> Group | None:
    """Return the first and the last client of the open group; None where none is open.

    `clients` are all of the topic.
    """
    first, last = (
        _place(clients, end) for end in (parameters.FIRST_CLIENT, parameters.LAST_CLIENT)
    )
    return None if first is None or last is None else (clients[first], clients[last])


def choose_group(lanes: Lanes, clients: pd.Index) -> None:
    """Draw what opens one of the groups in `lanes`, and what closes the open one.

    `clients` are the categories of the events table's clients.
    """
    is_open = parameters.get(parameters.FIRST_CLIENT) is not None
    if lanes.are_clients and not is_open:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if not lanes.are_clients:
            groups = np.flatnonzero(lanes.sizes > 1).tolist()
            labels = lanes.labels
            ends = {
                lane: (written(clients[lanes.first[lane]]), written(clients[lanes.last[lane]]))
                for lane in groups
            }
            st.selectbox(
                "Open a group of clients",
                groups,
                index=None,
                format_func=lambda lane: labels[lane],
                placeholder=_sharing(lanes.sizes[groups]),
                key=parameters.OPEN_GROUP,
                on_change=_open,
                args=(ends,),
                width=360,
            )
        if is_open:
            st.button("All clients", icon=":material/unfold_more:", on_click=_close)


def _sharing(sizes: NDArray[np.intp]) -> str:
    rows = "a row" if len(sizes) == 1 else f"{len(sizes):,} rows"
    return f"{sizes.sum():,} clients share {rows}"


def _open(ends: Mapping[int, tuple[str, str]]) -> None:
    first, last = ends[st.session_state[parameters.OPEN_GROUP]]
    parameters.put(parameters.FIRST_CLIENT, first)
    parameters.put(parameters.LAST_CLIENT, last)
    st.session_state[parameters.OPEN_GROUP] = None


def _close() -> None:
    parameters.drop(parameters.FIRST_CLIENT, parameters.LAST_CLIENT)


def _place(clients: pd.Index, end: UrlParameter[None]) -> int | None:
    wanted = parameters.get(end)
    return None if wanted is None else client_at(clients, wanted)
