"""The end of a run of a page before its last line."""

from __future__ import annotations

from typing import NoReturn

from streamlit.runtime.scriptrunner import StopException


def end_run() -> NoReturn:
    """End the run here, and go on with what a viewer has pressed meanwhile.

    `st.stop` ends it, too, but forgets what was pressed in a fragment while the run went on
    (Streamlit 1.67, `ScriptRequests.request_stop`): as the button that stops a load.
    """
    raise StopException
