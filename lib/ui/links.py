"""Links to views, and what is copied with them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

import streamlit as st

from lib.core.formatting import counted
from lib.ui import parameters
from lib.ui.lazy import popover
from lib.ui.packing import packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lib.core.tickets import Ticket
    from lib.ui.parameters import UrlParameter

_PATHS: Final = {script.stem for script in Path(__file__).parents[2].glob("pages/*.py")}
"""What the addresses of pages end with."""

LONGEST: Final = 2_000
"""Characters of a link that every program takes."""

_NEVER_PACKED: Final = (parameters.SOURCE, parameters.TOPIC)
"""So that a link still says what it is of, and opens it if its end is cut off."""

_DAMAGED: Final = (
    "The end of this link is missing or damaged: it opens the topic, but not the range, the filter "
    "and what else the view had. Ask for the link once more."
)


def link_to(
    changes: Mapping[UrlParameter[object], Sequence[str]] | None = None, page: str | None = None
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
    held.pop(parameters.PACKED.name, None)  # which could not be read
    address = (st.context.url or "").rstrip("/")
    if page is not None:
        address = f"{_root(address)}/{'' if page == 'Overview' else page.lower()}"
    return _short(address, held)


def _short(address: str, held: Mapping[str, Sequence[str]]) -> str:
    """Return the link to a view; all but its source and topic packed where that makes it short."""
    link = f"{address}?{urlencode(held, doseq=True)}"
    if len(link) <= LONGEST:
        return link
    plain = {of.name: held[of.name] for of in _NEVER_PACKED if of.name in held}
    rest = {name: values for name, values in held.items() if name not in plain and values}
    in_short = plain | {parameters.PACKED.name: [packed(rest)]}
    return min(link, f"{address}?{urlencode(in_short, doseq=True)}", key=len)


def unpack_link() -> None:
    """Put what a short link holds in one parameter into the URL; before anything reads it."""
    text = parameters.get(parameters.PACKED)
    if text is None:
        return
    values = unpacked(text)
    if values is None:
        st.warning(_DAMAGED, icon=":material/link_off:")
        return
    values |= {of.name: parameters.get_all(of) for of in _NEVER_PACKED if parameters.get_all(of)}
    st.query_params.from_dict(values)
    st.rerun()


def _root(address: str) -> str:
    """Return the address of the first page, from that of any."""
    *_, last = urlsplit(address).path.split("/")
    return address.removesuffix(f"/{last}") if last in _PATHS else address


def link_button() -> None:
    """Offer the link to the present view, to copy."""
    popover(
        "Link to this view",
        _fill_link,
        key=parameters.LINK_POPOVER,
        icon=":material/link:",
        width="stretch",
    )


def _fill_link() -> None:
    link = link_to()
    st.code(link, language=None, wrap_lines=True)
    st.caption("The button at the right end copies it.")
    if len(link) > LONGEST:
        st.warning(
            f"It has {counted(len(link), 'character')}, shortened as it is, and some programs take "
            f"{LONGEST:,} only. Choose fewer clients or conditions, for example client LIKE 'a%'.",
            icon=":material/link_off:",
        )


def copy_for_ticket(make: Callable[[], Ticket], key: str) -> None:
    """Offer a sentence with its numbers and a link, as Markdown and as plain text, to copy."""
    popover(
        "Copy",
        partial(_fill_ticket, make),
        icon=":material/content_copy:",
        type="tertiary",
        key=key,
        help="Copy for a ticket: the sentence, its numbers and a link.",
    )


def _fill_ticket(make: Callable[[], Ticket]) -> None:
    ticket = make()
    for name, text in (("Markdown", ticket.markdown), ("Plain text", ticket.plain)):
        st.caption(f"{name}; the button at the right end copies it.")
        st.code(text, language=None, wrap_lines=True)
