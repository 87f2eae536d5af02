"""What can be chosen of the distribution of delay."""

from __future__ import annotations

import streamlit as st

from lib.core.columns import CLIENT
from lib.ui import parameters


def choose_split(clients: int) -> str | None:
    """Draw whether the distribution is per client and return the column; None: of all at once.

    `clients` is how many have events that are shown.
    """
    few = 1 < clients <= 10
    each = st.toggle(
        "Per client",
        parameters.PER_CLIENT.default,
        key=parameters.PER_CLIENT.name,
        bind="query-params",
        disabled=not few,
        help="Draws one distribution a client, for two to ten clients: choose some in the sidebar.",
    )
    return CLIENT if each and few else None
