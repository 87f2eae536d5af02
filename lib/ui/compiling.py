"""Compiled loops made ready in the background, before anybody waits for them."""

from __future__ import annotations

import threading

import streamlit as st

from lib import analysis, uniform, whatif
from lib.topics.kafka import gather


@st.cache_resource(show_spinner=False)
def compile_ahead() -> threading.Thread:
    """Have what reads, analyses and replays compiled, or loaded from disk, once a server."""
    thread = threading.Thread(target=_compile, name="compile", daemon=True)
    thread.start()
    return thread


def _compile() -> None:
    gather.warm_up()
    uniform.warm_up()
    analysis.warm_up()
    whatif.warm_up()
