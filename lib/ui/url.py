"""Parameters of the URL that Streamlit's own binding does not serve, and that are written by hand.

The menu's links drop them, so what they were is held in the session and put back.
"""

from __future__ import annotations

from typing import Final

import streamlit as st

SOURCE: Final = "source"
TOPIC: Final = "topic"
ROLES: Final = ("event_time", "client", "session", "sequence")
UNIT: Final = "unit"
GAP: Final = "gap"
FIRST_CLIENT: Final = "first_client"
LAST_CLIENT: Final = "last_client"
ONE_SESSION: Final = "one_session"

FIELDS: Final = (*ROLES, UNIT, GAP)
BY_HAND: Final = (SOURCE, TOPIC, *FIELDS, FIRST_CLIENT, LAST_CLIENT, ONE_SESSION)

_HELD: Final = "url_parameters"


def restore() -> None:
    """Put back what a change of page dropped; once a run, before anything reads the URL."""
    held = st.session_state.setdefault(_HELD, {})
    for name in BY_HAND:
        if name in st.query_params:
            held[name] = st.query_params[name]
        elif name in held:
            st.query_params[name] = held[name]


def get(name: str) -> str | None:
    """Return a parameter's value; None where the URL does not have it."""
    return st.query_params.get(name)


def put(name: str, value: str) -> None:
    """Give a parameter a value."""
    st.session_state.setdefault(_HELD, {})[name] = value
    if st.query_params.get(name) != value:
        st.query_params[name] = value


def drop(*names: str) -> None:
    """Take parameters out of the URL."""
    for name in names:
        st.session_state.setdefault(_HELD, {}).pop(name, None)
        if name in st.query_params:
            del st.query_params[name]
