"""Compiled loops made ready in the background, before anybody waits for them."""

from __future__ import annotations

import threading

import streamlit as st

from lib.warm_up import warm_up


@st.cache_resource(show_spinner=False)
def compile_in_background() -> threading.Thread:
    """Have what reads, analyses and replays compiled, or loaded from disk, once a server."""
    thread = threading.Thread(target=warm_up, name="compile", daemon=True)
    thread.start()
    return thread
