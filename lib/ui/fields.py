"""The sidebar's fields: recognised, shown, and changed by hand where that is needed.

A choice is in the URL under its own name, but not where it is as recognised, so links stay short.
Streamlit's own binding does not serve here: a field's default is known only once the topic is
loaded, and the topic is loaded with the chosen fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.core.time_units import UNITS
from lib.events.fields import Fields
from lib.sources.open import preset_fields
from lib.ui import url
from lib.ui.sources import secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lib.loading.load import FieldChoice, LoadedTopic

_TITLES: Final = ("Event time", "Client", "Session", "Sequence number")

NO_FIELD: Final = "none"

_ABSENT: Final = {
    "event_time": "none: record timestamp",
    "client": "none: one client",
    "session": "none: by inactivity",
    "sequence": "none",
}
_UNITS: Final = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "iso": "ISO 8601",
}


def chosen_fields(topic: str) -> FieldChoice:
    """Return the fields chosen for a topic: preset in the secrets, over them those of the URL.

    A preset is a table `[fields."TOPIC"]` with any attributes of `lib.events.fields.Fields`.
    """
    chosen = preset_fields(secrets(), topic)
    for role in url.ROLES:
        source = url.get(role)
        if source is not None:
            chosen[role] = None if source == NO_FIELD else source
    if url.get(url.UNIT) in UNITS:
        chosen["unit"] = url.get(url.UNIT)
    gap = _positive(url.get(url.GAP) or "")
    if gap is not None:
        chosen["session_gap_s"] = gap
    return tuple(sorted(chosen.items()))


def forget_fields() -> None:
    """Drop the choices of the URL: what is recognised holds again."""
    url.drop(*url.FIELDS)


def choose_fields(topic: LoadedTopic) -> None:
    """Draw the fields of a loaded topic; a change reads the topic with the new fields."""
    with st.expander("Fields", icon=":material/data_object:"):
        for role, title in zip(url.ROLES, _TITLES, strict=True):
            _choose_source(topic, role, title)
            if role == "event_time" and topic.fields.event_time is not None:
                _choose(
                    "Unit of event time",
                    UNITS,
                    topic.fields.unit,
                    None,
                    url.UNIT,
                    format_func=_UNITS,
                )
        if topic.fields.session is None:
            st.session_state[_key(url.GAP)] = topic.fields.session_gap_s
            st.number_input(
                "Session gap, s",
                min_value=0.001,
                key=_key(url.GAP),
                on_change=_write,
                args=(url.GAP, f"{Fields.session_gap_s:g}"),
                help="A session ends where its client has no event for longer than this.",
            )
        if topic.chosen:
            st.button("Use what is recognised", on_click=forget_fields, width="stretch")


def _choose_source(topic: LoadedTopic, role: str, title: str) -> None:
    recognised = getattr(topic.recognised, role) or NO_FIELD
    used = getattr(topic.fields, role) or NO_FIELD
    options = list(dict.fromkeys([*topic.sources, used, NO_FIELD]))
    _choose(title, options, used, recognised, role, format_func={NO_FIELD: _ABSENT[role]})


def _choose(
    title: str,
    options: Sequence[str],
    used: str,
    default: str | None,
    name: str,
    *,
    format_func: dict[str, str],
) -> None:
    st.session_state[_key(name)] = used
    st.selectbox(
        title,
        options,
        key=_key(name),
        format_func=lambda option: format_func.get(option, option),
        on_change=_write,
        args=(name, default),
    )


def _write(name: str, default: str | None) -> None:
    """Put the choice of a widget into the URL; the default leaves it."""
    value = st.session_state[_key(name)]
    text = value if isinstance(value, str) else f"{value:g}"
    if text == default:
        url.drop(name)
    else:
        url.put(name, text)


def _key(name: str) -> str:
    return f"field_{name}"


def _positive(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None
