"""A switch between few choices, bound to the URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lib.ui.parameters import UrlParameter


def switch(
    title: str,
    labels: Mapping[str, str],
    parameter: UrlParameter[str],
    *,
    help: str,  # noqa: A002 - Streamlit's word
) -> str:
    """Draw the switch and return the key of `labels` that is chosen; the parameter's default first.

    The URL has the labels.
    """
    default = next(key for key, label in labels.items() if label == parameter.default)
    chosen = st.segmented_control(
        title,
        list(labels),
        default=default,
        required=True,
        format_func=lambda key: labels[key],
        key=parameter.name,
        width="stretch",
        help=help,
        bind="query-params",
    )
    return str(chosen or default)  # an empty value in a link chooses nothing
