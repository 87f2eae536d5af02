"""The end of the server: it comes within seconds, whatever runs."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType

_PATIENCE_S: Final = 2.0
"""How long answers may take to be sent. The server would wait for the slowest of them for ever, and
Python for what is computed."""


def end_in_time() -> None:
    """Have the server end soon after it is told to (SIGTERM, Ctrl-C); called while it starts."""
    for number in (signal.SIGTERM, signal.SIGINT):
        _end_soon_after(number)


def _end_soon_after(number: int) -> None:
    server = signal.getsignal(number)

    def told_to_end(number: int, frame: FrameType | None) -> None:
        if callable(server):
            server(number, frame)
        last = threading.Timer(_PATIENCE_S, end_now)
        last.daemon = True
        last.start()

    signal.signal(number, told_to_end)


def end_now() -> None:
    """End the process as it is; nothing that it holds is worth a second."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
