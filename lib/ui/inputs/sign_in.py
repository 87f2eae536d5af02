"""Who is looking, where Streamlit's own log-in is configured: signing in and out."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import SettingsError
from lib.core.formatting import escaped_markdown
from lib.sources.access import SOMEBODY, Viewer, may_enter, providers_of, signs_in
from lib.ui.end_of_run import end_run
from lib.ui.failures import show_error
from lib.ui.secrets import secrets


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
        show_error(error)
    _sign_out()
    end_run()


def show_viewer() -> None:
    """Say in the sidebar who has signed in, with a way to sign out."""
    if signs_in(secrets()):
        with st.sidebar:
            st.caption(f"Signed in as {_name()}")
            _sign_out()


def _offer_sign_in() -> None:
    st.title("Skewline")
    st.markdown("When did it happen, and when did it arrive? Sign in to look.")
    try:
        providers = providers_of(secrets())
    except SettingsError as error:
        show_error(error)
        end_run()
    for name in providers or (None,):
        label = f"Sign in with {escaped_markdown(name)}" if name else "Sign in"
        if st.button(label, type="primary", icon=":material/login:"):
            st.login(name)
    end_run()


def _sign_out() -> None:
    if st.button("Sign out", icon=":material/logout:", width="stretch"):
        st.logout()


def _name() -> str:
    known = st.user.to_dict()
    return escaped_markdown(str(known.get("email") or known.get("name") or known.get("sub")))
