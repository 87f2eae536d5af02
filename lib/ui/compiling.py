"""Compiled loops made ready in the background, before anybody waits for them."""

from __future__ import annotations

import gc
import sys
import threading
from functools import cache
from typing import Final

from lib.warm_up import warm_up_first, warm_up_rest

_TURN_S: Final = 0.0005
"""How long a thread runs while others wait. A run lets go of the interpreter some 60 times, with
each message that it sends; to have it again it would wait 5 ms, as is usual, for each other one."""


_PATIENCE_S: Final = 20
"""How long the rest waits for a page, which it would hold up."""

_drawn = threading.Event()


def page_is_drawn() -> None:
    """Say that a page stands there whole: from then on the rest is compiled."""
    _drawn.set()


@cache
def compile_in_background() -> threading.Thread:
    """Have what reads, analyses and replays compiled, or loaded from disk, once a process."""
    sys.setswitchinterval(_TURN_S)
    thread = threading.Thread(target=_compile, name="compile", daemon=True)
    thread.start()
    return thread


def _compile() -> None:
    """Compile, and have what is there then, modules and compiled loops, stay for ever.

    Streamlit collects garbage after every run, when it serves nobody else. Looking through what
    stays took 110 ms of it, as long as the run itself.
    """
    warm_up_first()
    _drawn.wait(_PATIENCE_S)
    warm_up_rest()
    if not gc.get_freeze_count():
        gc.collect()
        gc.freeze()
