"""The end of the server: it comes within seconds, whatever runs."""

from __future__ import annotations

import os
import sys
import threading
import time
from functools import cache
from typing import Final

from streamlit import runtime
from streamlit.runtime import Runtime, RuntimeState

_ASKED_S: Final = 0.25
_PATIENCE_S: Final = 2.0
"""How long loads may take to stop; what is computed cannot be told to, and Python waits for it."""


@cache  # not Streamlit's, which can be cleared: each time left one more thread
def end_in_time() -> None:
    """Have the server end soon after it is told to (SIGTERM, Ctrl-C), once a process."""
    server = runtime.get_instance() if runtime.exists() else None
    if isinstance(server, Runtime):
        threading.Thread(target=_end, args=(server,), name="end", daemon=True).start()


def _end(server: Runtime) -> None:
    while server.state not in (RuntimeState.STOPPING, RuntimeState.STOPPED):
        time.sleep(_ASKED_S)
    time.sleep(_PATIENCE_S)  # nothing is left of this thread where the server ends before
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
