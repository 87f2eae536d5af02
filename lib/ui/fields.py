"""The sidebar's fields: recognised, shown, and changed by hand where that is needed.

A choice is in the URL under its own name, but not where it is as recognised, so links stay short.
Streamlit's own binding does not serve here: a field's default is known only once the topic is
loaded, and the topic is loaded with the chosen fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.core.formatting import visible_text
from lib.core.time_units import UNITS
from lib.events.fields import Fields
from lib.sources.open import preset_fields
from lib.ui import parameters
from lib.ui.parameters import field_key
from lib.ui.sources import secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lib.loading.load import FieldChoice, LoadedTopic
    from lib.ui.parameters import Parameter

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
    for role in parameters.ROLES:
        source = parameters.get(role)
        if source is not None:
            chosen[role.name] = None if source == NO_FIELD else source
    if parameters.get(parameters.UNIT) in UNITS:
        chosen["unit"] = parameters.get(parameters.UNIT)
    gap = _positive(parameters.get(parameters.GAP) or "")
    if gap is not None:
        chosen["session_gap_s"] = gap
    return tuple(sorted(chosen.items()))


def forget_fields() -> None:
    """Drop the choices of the URL: what is recognised holds again."""
    parameters.drop(*parameters.FIELDS)


def choose_fields(topic: LoadedTopic) -> None:
    """Draw the fields of a loaded topic; a change reads the topic with the new fields."""
    with st.expander("Fields", icon=":material/data_object:"):
        for role, title in zip(parameters.ROLES, _TITLES, strict=True):
            _choose_source(topic, role, title)
            if role is parameters.EVENT_TIME and topic.fields.event_time is not None:
                _choose(
                    "Unit of event time",
                    UNITS,
                    topic.fields.unit,
                    None,
                    parameters.UNIT,
                    format_func=_UNITS,
                )
        if topic.fields.session is None:
            st.session_state[field_key(parameters.GAP)] = topic.fields.session_gap_s
            st.number_input(
                "Session gap, s",
                min_value=0.001,
                key=field_key(parameters.GAP),
                on_change=_write,
                args=(parameters.GAP, f"{Fields.session_gap_s:g}"),
                help="A session ends where its client has no event for longer than this.",
            )
        if topic.chosen:
            st.button("Use what is recognised", on_click=forget_fields, width="stretch")


def _choose_source(topic: LoadedTopic, role: Parameter[None], title: str) -> None:
    recognised = getattr(topic.recognised, role.name) or NO_FIELD
    used = getattr(topic.fields, role.name) or NO_FIELD
    options = list(dict.fromkeys([*topic.sources, used, NO_FIELD]))
    _choose(title, options, used, recognised, role, format_func={NO_FIELD: _ABSENT[role.name]})


def _choose(
    title: str,
    options: Sequence[str],
    used: str,
    default: str | None,
    parameter: Parameter[None],
    *,
    format_func: dict[str, str],
) -> None:
    st.session_state[field_key(parameter)] = used
    st.selectbox(
        title,
        options,
        key=field_key(parameter),
        format_func=lambda option: format_func.get(option, visible_text(option)),
        on_change=_write,
        args=(parameter, default),
    )


def _write(parameter: Parameter[object], default: str | None) -> None:
    """Put the choice of a widget into the URL; the default leaves it."""
    value = st.session_state[field_key(parameter)]
    text = value if isinstance(value, str) else f"{value:g}"
    if text == default:
        parameters.drop(parameter)
    else:
        parameters.put(parameter, text)


def _positive(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number <= parameters.LARGEST else None
