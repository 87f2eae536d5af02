"""Links to views, and what is copied with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

import streamlit as st

from lib.core.formatting import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lib.core.tickets import Ticket
    from lib.ui.parameters import Parameter

_PATHS: Final = {script.stem for script in Path(__file__).parents[2].glob("pages/*.py")}
"""What the addresses of pages end with."""

LONGEST: Final = 2_000
"""Characters of a link that every program takes."""


def link_to(
    changes: Mapping[Parameter[object], Sequence[str]] | None = None, page: str | None = None
) -> str:
    """Return the address of the present view, or of another.

    Parameters
    ----------
    changes
        Parameters that are others there; without values: not there.
    page
        The page as the menu calls it; None: the present one.
    """
    held = {name: st.query_params.get_all(name) for name in st.query_params}
    held |= {parameter.name: list(values) for parameter, values in (changes or {}).items()}
    pairs = [(name, value) for name, values in held.items() for value in values]
    address = (st.context.url or "").rstrip("/")
    if page is not None:
        address = f"{_root(address)}/{'' if page == 'Overview' else page.lower()}"
    return f"{address}?{urlencode(pairs)}"


def _root(address: str) -> str:
    """Return the address of the first page, from that of any."""
    *_, last = urlsplit(address).path.split("/")
    return address.removesuffix(f"/{last}") if last in _PATHS else address


def link_button() -> None:
    """Offer the link to the present view, to copy."""
    with st.popover("Link to this view", icon=":material/link:", width="stretch"):
        link = link_to()
        st.code(link, language=None, wrap_lines=True)
        st.caption("The button at the right end copies it.")
        if len(link) > LONGEST:
            st.warning(
                f"It has {counted(len(link), 'character')}; some programs take {LONGEST:,}. Choose "
                "fewer clients or conditions, for example a condition client IN (…).",
                icon=":material/link_off:",
            )


def copy_for_ticket(ticket: Ticket, key: str) -> None:
    """Offer a sentence with its numbers and a link, as Markdown and as plain text, to copy."""
    with st.popover(
        "Copy",
        icon=":material/content_copy:",
        type="tertiary",
        key=key,
        help="Copy for a ticket: the sentence, its numbers and a link.",
    ):
        for name, text in (("Markdown", ticket.markdown), ("Plain text", ticket.plain)):
            st.caption(f"{name}; the button at the right end copies it.")
            st.code(text, language=None, wrap_lines=True)
