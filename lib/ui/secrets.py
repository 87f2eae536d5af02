"""What `.streamlit/secrets.toml` holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Mapping


def secrets() -> Mapping[str, Any]:
    """Return what `.streamlit/secrets.toml` holds; nothing where there is none."""
    return st.secrets if st.secrets.load_if_toml_exists() else {}
