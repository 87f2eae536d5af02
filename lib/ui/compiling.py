"""Compiled loops made ready in the background, before anybody waits for them."""

from __future__ import annotations

import gc
import threading

import streamlit as st

from lib.warm_up import warm_up


@st.cache_resource(show_spinner=False)
def compile_in_background() -> threading.Thread:
    """Have what reads, analyses and replays compiled, or loaded from disk, once a server."""
    thread = threading.Thread(target=_compile, name="compile", daemon=True)
    thread.start()
    return thread


def _compile() -> None:
    """Compile, and have what is there then, modules and compiled loops, stay for ever.

    Streamlit collects garbage after every run, when it serves nobody else. Looking through what
    stays took 110 ms of it, as long as the run itself.
    """
    warm_up()
    if not gc.get_freeze_count():
        gc.collect()
        gc.freeze()
