"""What a viewer sees of an error, and what the log gets."""

from __future__ import annotations

import logging
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

import streamlit as st

from lib.core.errors import UNFORESEEN, SkewlineError
from lib.core.formatting import code_span, escaped_markdown

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)


class UnforeseenError(SkewlineError):
    """What is no other `SkewlineError`; the log has its traceback under a number."""


def start_logging() -> None:
    """Write what the app logs to the standard error, unless the log is set up otherwise."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("lib").setLevel(logging.INFO)


def unforeseen(doing: str) -> UnforeseenError:
    """Log the exception that is being handled, and return the error that tells of it."""
    number = f"{secrets.randbelow(10**6):06}"
    _log.exception("Error %s, %s", number, doing)
    return UnforeseenError(
        f"{UNFORESEEN} (number {number}).",
        "Try again; if it comes back, the server's log says more under that number.",
    )


def show_error(error: SkewlineError) -> None:
    """Show what went wrong, what can be done, and the words that were said."""
    st.error(
        escaped_markdown(error.remedy), title=escaped_markdown(error.what), icon=":material/error:"
    )
    show_words(error)


def show_words(error: SkewlineError) -> None:
    """Show the broker's or library's own words, small."""
    if error.said:
        st.markdown(code_span(error.said))  # a caption would be too pale


@contextmanager
def unforeseen_shown() -> Iterator[None]:
    """Show one sentence for whatever nobody foresaw, instead of paths and source lines."""
    try:
        yield
    except Exception:  # noqa: BLE001 (what it is, the log says)
        show_error(unforeseen("drawing a page"))
        st.button("Try again", icon=":material/refresh:")
