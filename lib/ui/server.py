"""What the server does beside drawing pages, from its start to its end."""

from __future__ import annotations

import threading
import webbrowser
from contextlib import asynccontextmanager
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

import streamlit as st

from lib import ui
from lib.core.memory import keep_to_one_heap
from lib.ui.compiling import compile_in_background
from lib.ui.ending import end_in_time, end_now
from lib.ui.failures import start_logging
from lib.ui.inputs.sources import check_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def server_runs(app: st.App) -> AsyncIterator[None]:  # noqa: ARG001
    """Make ready what pages need while the server starts, and have it end in time."""
    keep_to_one_heap()
    start_logging()
    check_settings()
    compile_in_background()
    end_in_time()
    for module in iter_modules(ui.__path__, "lib.ui."):  # all that a page may use
        import_module(module.name)
    if not st.get_option("server.headless"):
        threading.Thread(target=webbrowser.open, args=(own_url(),), daemon=True).start()
    yield
    end_now()  # all connections are closed


def own_url() -> str:
    """Return where the server is found from its own machine."""
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    address = st.get_option("server.address")
    if address in (None, "", "0.0.0.0", "::"):  # noqa: S104  # listens everywhere
        address = st.get_option("browser.serverAddress")
    host = f"[{address}]" if ":" in address else address
    path = (st.get_option("server.baseUrlPath") or "").strip("/")
    return f"{scheme}://{host}:{st.get_option('server.port')}/{path}"
