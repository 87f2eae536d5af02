"""The sidebar's filter of events: conditions as in SQL's WHERE, each a chip that can be removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from lib.core.errors import FilterError
from lib.core.formatting import escaped_markdown, visible_text
from lib.events.filters import DELAY, EXAMPLES, filterable_names
from lib.ui import parameters
from lib.ui.answers import filtered_events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lib.loading.load import LoadedTopic

_NAMED = 40
"""Fields that the help names."""


def choose_filter(topic: LoadedTopic) -> tuple[Sequence[str], FilterError | None]:
    """Draw the filter and return its conditions, and why they cannot be applied, if so."""
    conditions = choose_conditions(filterable_names(topic.events.table))
    try:
        filtered_events(topic, conditions)
    except FilterError as error:
        st.caption(f":red[:material/error: {escaped_markdown(error.what)}]")
        return conditions, error
    return conditions, None


def choose_conditions(fields: Sequence[str]) -> list[str]:
    """Draw the filter and return its conditions; `fields` are what they can name."""
    conditions: list[str] = st.multiselect(
        "Filter",
        [f"{DELAY} > 1000", f"{DELAY} < 0", "partition = 0"],
        placeholder="Errors > 3",
        accept_new_options=True,
        key=parameters.WHERE.name,
        bind="query-params",
        help=_help(fields),
    )
    return conditions


def only_where(condition: str) -> None:
    """Make a condition the only one of the filter; in a callback."""
    st.session_state[parameters.WHERE.name] = [condition]


def _help(fields: Sequence[str]) -> str:
    names = [escaped_markdown(name) for name in fields]
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return (
        "Only events that fulfil every condition are shown, on every page. Written as in SQL's "
        f"WHERE: {escaped_markdown(EXAMPLES)}; a text in single quotes is looked for in every "
        f"text. Fields: {', '.join(names[:_NAMED])}{more}. Findings, outages, losses and what "
        "engines would do are always those of all events."
    )


def said(conditions: Sequence[str]) -> str:
    """Return conditions as Markdown for a sentence."""
    return " and ".join(f"“{escaped_markdown(visible_text(each))}”" for each in conditions)
