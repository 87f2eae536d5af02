"""Who is looking, where Streamlit's own log-in is configured: signing in and out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st

from lib.core.errors import SettingsError
from lib.core.formatting import escaped_markdown
from lib.sources.access import AUTH, SOMEBODY, Viewer, may_enter, signs_in
from lib.ui.secrets import secrets

if TYPE_CHECKING:
    from collections.abc import Iterator


def viewer() -> Viewer:
    """Return who looks; nobody in particular where there is no sign-in."""
    if signs_in(secrets()) and st.user.is_logged_in:
        return Viewer(st.user.to_dict())
    return SOMEBODY


def require_sign_in() -> None:
    """End the run with a way to sign in, or with why that did not help, unless the viewer may look.

    What is said of somebody is decided anew in every run: who is struck off is out at once.
    """
    if not signs_in(secrets()):
        return
    if not st.user.is_logged_in:
        _offer_sign_in()
    try:
        if may_enter(viewer(), secrets()):
            return
        told = f"{_name()} is not on the list of those who may look."
        st.error(f"{told} Ask whoever runs Skewline to add you.", icon=":material/block:")
    except SettingsError as error:
        st.error(escaped_markdown(str(error)), icon=":material/error:")
    _sign_out()
    st.stop()


def show_viewer() -> None:
    """Say in the sidebar who has signed in, with a way to sign out."""
    if signs_in(secrets()):
        with st.sidebar:
            st.caption(f"Signed in as {_name()}")
            _sign_out()


def _offer_sign_in() -> None:
    st.title("Skewline")
    st.markdown("When did it happen, and when did it arrive? Sign in to look.")
    for label, provider in _providers():
        if st.button(label, type="primary", icon=":material/login:"):
            st.login(provider)
    st.stop()


def _providers() -> Iterator[tuple[str, str | None]]:
    """Yield a button's label and the provider's name: of each that has one, or of the only one."""
    auth = secrets()[AUTH]
    named = [
        name for name, table in auth.items() if isinstance(table, Mapping) and "client_id" in table
    ]
    yield from ((f"Sign in with {escaped_markdown(name)}", name) for name in named)
    if not named:
        yield "Sign in", None


def _sign_out() -> None:
    if st.button("Sign out", icon=":material/logout:", width="stretch"):
        st.logout()


def _name() -> str:
    known = st.user.to_dict()
    return escaped_markdown(str(known.get("email") or known.get("name") or known.get("sub")))
