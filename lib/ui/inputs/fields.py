"""The sidebar's fields: recognised, shown, and changed by hand where that is needed.

A choice is in the URL under its own name, but not where it is as recognised, so links stay short.
Streamlit's own binding does not serve here: a field's default is known only once the topic is
loaded, and the topic is loaded with the chosen fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from zoneinfo import available_timezones

import streamlit as st

from lib.core.errors import FieldsError
from lib.core.formatting import escaped_markdown, percent, visible_text
from lib.core.times.forms import FORMS
from lib.core.times.zones import WHATEVER_IS_WRITTEN, find_zone
from lib.decoding.wrappers import LAYERS, layers_of
from lib.events.fields import (
    IN_ORDER,
    NO_FIELD,
    RECORD_TIMESTAMP,
    Fields,
    source_in,
    sources_in,
)
from lib.sources.open import preset_fields
from lib.ui import parameters
from lib.ui.parameters import field_key
from lib.ui.secrets import secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lib.core.times.diagnosis import Diagnosis
    from lib.events.fields import TimeField
    from lib.loading.load import FieldChoice, LoadedTopic
    from lib.ui.parameters import UrlParameter

_UTC: Final = "UTC"
_TITLES: Final = {
    "event_time": "Event time",
    "sent_time": "Sent time",
    "received_time": "Received time",
    "client": "Client",
    "session": "Session",
    "sequence": "Sequence number",
}
_ABSENT: Final = {
    "client": "none: one client",
    "session": "none: by inactivity",
}
_HELP: Final = {
    "event_time": "When it happened, by the client's clock. Of several fields, the first that a "
    "record has.",
    "sent_time": "When the client sent it, by the same clock; most topics have none.",
    "received_time": "When a server received it. In Kafka the record's timestamp, unless a "
    "collector wrote its own.",
    "client": "What made the event: outages, clocks and windows are told of each client.",
    "session": "What belongs together, as the clients say it: windows are judged by whether each "
    "holds one session. Without: an event after a long gap begins a new one.",
    "sequence": "Counts a client's or a session's events: gaps in it are lost events, repeats are "
    "duplicates.",
}
_FORM_HELP: Final = "Unit or form of the values. Times read in another are wrong by as much."
_ZONE_HELP: Final = "Of times without a zone: another one moves them by whole hours."


def chosen_fields(topic: str) -> FieldChoice:
    """Return the fields chosen for a topic: preset in the secrets, over them those of the URL.

    A preset is a table `[fields."TOPIC"]` with any names of `lib.events.fields.CHOICES`.
    """
    chosen = preset_fields(secrets(), topic)
    chosen |= _linked(parameters.TIME_ROLES, sources_in)
    chosen |= _linked(parameters.IDENTITY_ROLES, source_in)
    chosen |= _linked_layers()
    chosen |= {n: v for n, v in _linked(parameters.FORMS, str).items() if v in FORMS}
    chosen |= {n: v for n, v in _linked(parameters.ZONES, str).items() if _is_zone(v)}
    gap = _positive(parameters.get(parameters.GAP) or "")
    if gap is not None:
        chosen["session_gap_s"] = gap
    return tuple(sorted(chosen.items()))


def _linked(of: Sequence[UrlParameter[None]], read: Callable[[str], Any]) -> dict[str, Any]:
    """Return what the URL has for some parameters, by name."""
    texts = {parameter.name: parameters.get(parameter) for parameter in of}
    return {name: read(text) for name, text in texts.items() if text is not None}


def forget_fields() -> None:
    """Drop the choices of the URL: what is recognised holds again."""
    parameters.drop(*parameters.FIELDS)


def choose_fields(topic: LoadedTopic, diagnosis: Diagnosis | None) -> None:
    """Draw the fields of a topic; a change reads the topic with the new fields.

    `diagnosis` is what is wrong with its event times as a whole.
    """
    is_open = not topic.fields.event_time or diagnosis is not None
    place = st.expander(
        "Fields",
        key=parameters.FIELDS_OPEN,
        icon=":material/data_object:",
        expanded=is_open,
        on_change="rerun",
    )
    if not place.open:
        return  # a dozen controls less that the first screen waits for
    with place:
        if topic.recognition.system:
            st.caption(f"The fields are those of {topic.recognition.system}.")
        _choose_wrappers(topic)
        for role, form in zip(parameters.TIME_ROLES, parameters.FORMS, strict=True):
            _choose_times(topic, role)
            _choose_form(topic, role, form)
        for role in parameters.IDENTITY_ROLES:
            _choose_identity(topic, role)
        _choose_zone(topic, diagnosis)
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
            st.button("Back to the detected fields", on_click=forget_fields, width="stretch")


def _choose_wrappers(topic: LoadedTopic) -> None:
    """Draw what the records are, as a chain, and what of it is unwrapped."""
    if topic.decoder is None:
        return
    st.caption(f"Records are {escaped_markdown(topic.decoder.name)}.")
    st.session_state[field_key(parameters.WRAPPERS)] = list(layers_of(topic.decoder))
    st.multiselect(
        "Unwrapped",
        LAYERS,
        key=field_key(parameters.WRAPPERS),
        placeholder="nothing",
        on_change=_write_wrappers,
        help="What values are packed in and events are wrapped in, as the first records show it. "
        "Take out what should stay as it is; add what only some records are wrapped in.",
    )


def _write_wrappers() -> None:
    chosen = st.session_state[field_key(parameters.WRAPPERS)]
    parameters.put(parameters.WRAPPERS, IN_ORDER.join(chosen) or NO_FIELD)


def _choose_times(topic: LoadedTopic, role: UrlParameter[None]) -> None:
    """Draw the fields of a time, which are taken in order."""
    used: TimeField = getattr(topic.fields, role.name)
    recognised: TimeField = getattr(topic.recognition.fields, role.name)
    likely = [offer.name for offer in topic.recognition.offers]
    options = list(dict.fromkeys([*used.sources, *likely, *topic.sources]))
    st.session_state[field_key(role)] = list(used.sources)
    st.multiselect(
        _TITLES[role.name],
        options,
        key=field_key(role),
        placeholder="none",
        format_func=_with_share(topic),
        on_change=_write_sources,
        args=(role, recognised.sources),
        help=_HELP[role.name],
    )


def _choose_form(
    topic: LoadedTopic, role: UrlParameter[None], parameter: UrlParameter[None]
) -> None:
    field: TimeField = getattr(topic.fields, role.name)
    if not field or field.sources == (RECORD_TIMESTAMP,):
        return
    notes = topic.contents.notes.get(role.name)
    found = dict.fromkeys(notes.forms.values()) if notes else {}
    labels = ", ".join(FORMS[form].label for form in found) or "not recognised"
    _choose(
        f"{_TITLES[role.name]} is written as",
        [NO_FIELD, *FORMS],
        field.form or NO_FIELD,
        NO_FIELD,
        parameter,
        help=_FORM_HELP,
        format_func=lambda form: (
            f"detected: {labels}" if form == NO_FIELD else FORMS[form].label  # type: ignore[index]
        ),
    )


def _choose_zone(topic: LoadedTopic, diagnosis: Diagnosis | None) -> None:
    """Draw the zone of times that lack one, or name a wrong one, where some do or one is chosen."""
    event, received = (diagnosis.zone, diagnosis.received_zone) if diagnosis else (None, None)
    roles = (
        (parameters.ZONE, "event_time", "Clients' time zone", event),
        (parameters.RECEIVED_ZONE, "received_time", "Time zone of received times", received),
    )
    for parameter, role, title, found in roles:
        chosen = getattr(topic.fields, role).zone
        notes = topic.contents.notes.get(role)
        if chosen is None and found is None and not (notes and (notes.local or notes.unclear_zone)):
            continue
        used = chosen or _UTC
        mark = WHATEVER_IS_WRITTEN if (found or used).endswith(WHATEVER_IS_WRITTEN) else ""
        zones = [f"{zone}{mark}" for zone in sorted(available_timezones() - {_UTC})]
        options = list(dict.fromkeys([_UTC, *([found] if found else []), used, *zones]))
        _choose(title, options, used, _UTC, parameter, help=_ZONE_HELP, format_func=_zone_label)


def _zone_label(zone: str) -> str:
    name = zone.removesuffix(WHATEVER_IS_WRITTEN)
    return name if name == zone else f"{name}, whatever zone is written"


def _choose_identity(topic: LoadedTopic, role: UrlParameter[None]) -> None:
    recognised = getattr(topic.recognition.fields, role.name) or NO_FIELD
    used = getattr(topic.fields, role.name) or NO_FIELD
    fields = [source for source in topic.sources if source != RECORD_TIMESTAMP]
    options = list(dict.fromkeys([*fields, used, NO_FIELD]))
    absent, shown = _ABSENT.get(role.name, "none"), _with_share(topic)
    _choose(
        _TITLES[role.name],
        options,
        used,
        recognised,
        role,
        help=_HELP[role.name],
        format_func=lambda source: absent if source == NO_FIELD else shown(source),
    )


def _with_share(topic: LoadedTopic) -> Callable[[str], str]:
    """Return what writes a source, with the share of records that have it where some lack it.

    The widget keeps it, so it holds nothing else of the topic.
    """
    shares = topic.recognition.shares

    def shown(source: str) -> str:
        share = shares.get(source, 1.0)
        name = "record timestamp" if source == RECORD_TIMESTAMP else visible_text(source)
        return name if share == 1 else f"{name} (in {percent(share, 0)})"

    return shown


def _choose(
    title: str,
    options: Sequence[str],
    used: str,
    default: str | None,
    parameter: UrlParameter[None],
    *,
    help: str,  # noqa: A002 - Streamlit's word
    format_func: Callable[[str], str],
) -> None:
    st.session_state[field_key(parameter)] = used
    st.selectbox(
        title,
        options,
        key=field_key(parameter),
        format_func=format_func,
        on_change=_write,
        args=(parameter, default),
        help=help,
    )


def _write(parameter: UrlParameter[object], default: str | None) -> None:
    """Put the choice of a widget into the URL; the default leaves it."""
    value = st.session_state[field_key(parameter)]
    text = value if isinstance(value, str) else f"{value:g}"
    _put(parameter, text, is_default=text == default)


def _write_sources(parameter: UrlParameter[None], recognised: tuple[str, ...]) -> None:
    chosen = tuple(st.session_state[field_key(parameter)])
    _put(parameter, IN_ORDER.join(chosen) or NO_FIELD, is_default=chosen == recognised)


def _put(parameter: UrlParameter[object], text: str, *, is_default: bool) -> None:
    if is_default:
        parameters.drop(parameter)
    else:
        parameters.put(parameter, text)


def _linked_layers() -> dict[str, tuple[str, ...]]:
    text = parameters.get(parameters.WRAPPERS) or ""
    layers = tuple(layer for layer in text.split(IN_ORDER) if layer in LAYERS)
    return {parameters.WRAPPERS.name: layers} if layers or text == NO_FIELD else {}


def _is_zone(name: str) -> bool:
    try:
        return bool(name) and find_zone(name) is not None
    except FieldsError:
        return False


def _positive(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number <= parameters.LARGEST else None
