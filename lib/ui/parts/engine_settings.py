"""The controls of the Windows page, drawn from what each engine says of itself."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from lib.core.columns import CLIENT, PARTITION, SESSION
from lib.core.durations import MOST_MS, duration_ms, written_ms
from lib.core.formatting import counted, escaped_markdown
from lib.events.fields import FROM_PARTITION
from lib.replay import registry
from lib.replay.code import names_of
from lib.replay.engine import (
    INITIAL_DELAY_MS,
    INITIAL_LENGTH_MS,
    Duration,
    Number,
    Switch,
)
from lib.replay.reading import Reading, reading_of
from lib.replay.sentences import held_back_sentence
from lib.replay.windows import WINDOW_KINDS, HoppingWindow, resized
from lib.ui.parameters import (
    DELAY,
    ENGINE,
    GROUPED_BY,
    HELD_DURATIONS,
    LARGEST,
    LEAST_PARTS,
    MOST_PARTS,
    PARTS,
    SESSION_GAP,
    WINDOW_KIND,
    binding,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamlit.delta_generator import DeltaGenerator

    from lib.loading.load import LoadedTopic
    from lib.replay.code import Names
    from lib.replay.engine import AnySetting, Parameter, Setting
    from lib.replay.outcome import Outcome
    from lib.replay.windows import Window

_MOST_CHARACTERS: Final = 40
_WIDTH: Final = 220
_KEY_TITLES: Final = {CLIENT: "Client", SESSION: "Session", PARTITION: "Partition"}


def choose_setting(keys: Sequence[str]) -> tuple[Setting, str]:
    """Draw the controls and return the setting that they make, and what is grouped by.

    `keys` are the columns that can be grouped by.
    """
    engines = {engine.label: engine for engine in registry.ENGINES}
    engine = engines[_choose_one("Engine", list(engines), key=ENGINE.name)]
    kinds = {kind.kind: kind for kind in WINDOW_KINDS}
    first_row = st.container(horizontal=True, vertical_alignment="bottom")
    with first_row:
        kind = kinds[_choose_one("Window", list(kinds), key=WINDOW_KIND.name)]
        key = _choose_key(keys)
    with st.container(horizontal=True):
        window = _choose_window(kind)
        delay_ms = _choose_ms(
            engine.delay.title,
            INITIAL_DELAY_MS,
            key=DELAY.name,
            help=_with_default(engine.delay.help, engine.delay.engine_default, engine.label),
        )
        setting: Setting = _choose_parameters(engine.setting(window, delay_ms), first_row)
    return setting, key


def _choose_key(keys: Sequence[str]) -> str:
    titles: dict[str, str] = {}
    for column in keys:
        titles.setdefault(_KEY_TITLES.get(column, column), column)
    chosen = st.selectbox(
        "Grouped by",
        list(titles),
        key=GROUPED_BY.name,
        bind="query-params",
        help="What the engine groups events by: a window is of one client, or of one value of "
        "another field.",
        width=_WIDTH,
    )
    return titles[chosen]


def names_in(topic: LoadedTopic, key: str) -> Names:
    """Return what a topic and its fields are called, for programs that group by a column."""
    fields, notes = topic.fields, topic.contents.notes.get("event_time")
    reading = reading_of(topic.decoder) or Reading()
    forms = {} if notes is None else notes.forms
    names = names_of(topic.report.topic, fields, forms, avro=reading.avro)
    sources = {CLIENT: fields.client, SESSION: fields.session, PARTITION: FROM_PARTITION}
    source = reading.source(sources.get(key, key))
    return replace(names, key=source, time=reading.source(names.time))


def say_remark(topic: LoadedTopic, key: str, setting: Setting, lacking: int) -> None:
    """Say what the engine says of the setting on this topic, and how many events lack the key.

    And that partitions without a record hold everything back, where they do.
    """
    if held_back := held_back_sentence(setting, topic.report.empty):
        st.warning(held_back, icon=":material/hourglass_empty:")
    remark = setting.engine.remark(setting, names_in(topic, key))
    if remark:
        st.caption(escaped_markdown(remark))
    if isinstance(setting.window, HoppingWindow):
        window = setting.window
        st.caption(
            f"Windows of {written_ms(window.size_ms)}, one every {written_ms(window.advance_ms)}."
        )
    if lacking:
        st.caption(
            f"{counted(lacking, 'event')} without {escaped_markdown(key)} are replayed as "
            "of one key. The programs leave them out."
        )


def say_stop(outcome: Outcome) -> bool:
    """Say that the application would not have read the whole topic; return whether it is so."""
    if not outcome.stopped:
        return False
    st.error(
        f"{outcome.stopped_because} What follows is of the events before that one. No grace "
        "changes that, so none is advised.",
        icon=":material/dangerous:",
    )
    return True


def _choose_window(kind: type[Window]) -> Window:
    length_ms = _choose_ms(
        kind.length_title,
        INITIAL_LENGTH_MS,
        key=SESSION_GAP.name,
        least_ms=1,
        help=f"{kind.length_means} No engine has a default. Written as 26 s, 250 ms, 1.5 min, 2h "
        "or 1h 30m; a number alone is seconds.",
    )
    if kind is not HoppingWindow:
        return kind(length_ms)
    parts = int(
        st.number_input(
            "Windows that an event is in",
            LEAST_PARTS,
            MOST_PARTS,
            key=PARTS.name,
            bind=binding(PARTS.name),
            help="One begins this part of the size after the other: more give results more often, "
            "and count an event more often. The part is a whole number of milliseconds, so the "
            "size is taken up to the next multiple.",
            width=_WIDTH,
        )
    )
    return resized(HoppingWindow(parts, parts), length_ms)


def _choose_one(title: str, names: Sequence[str], *, key: str) -> str:
    return str(
        st.segmented_control(
            title, names, default=names[0], required=True, key=key, bind="query-params"
        )
    )


def _choose_parameters(setting: AnySetting, popovers: DeltaGenerator) -> AnySetting:
    """Draw the controls of the engine's own parameters and return the setting with their values.

    `popovers` gets those that share one.
    """
    values: dict[str, Any] = {}
    kind = type(setting.window)
    parameters = [p for p in setting.engine.parameters if kind in p.windows]
    for group, members in groupby(parameters, key=lambda parameter: parameter.group):
        with popovers.popover(group, icon=":material/tune:") if group else nullcontext():
            for parameter in members:
                initial = getattr(setting, parameter.name)
                can_be_set = parameter.needs is None or bool(values.get(parameter.needs))
                chosen = _choose(parameter, initial, setting.engine.label, disabled=not can_be_set)
                values[parameter.name] = chosen if can_be_set else initial
    return replace(setting, **values)


def _choose(parameter: Parameter, initial: Any, engine: str, *, disabled: bool) -> Any:  # noqa: ANN401
    """Draw a parameter's control and return the setting's value; `initial` is one, too."""
    title, key = f"{parameter.title} · default: {parameter.engine_default}", parameter.link
    help_ = _with_default(parameter.help, parameter.engine_default, engine)
    if isinstance(parameter, Duration) and parameter.unit == "ms":
        help_ += " A number alone is milliseconds."
    match parameter:
        case Duration():
            ms = _choose_ms(
                title, initial or 0, key=key, unit=parameter.unit, help=help_, disabled=disabled
            )
            return None if parameter.zero_is_none and not ms else ms
        case Number():
            typed = st.number_input(
                title,
                parameter.least,
                value=initial or 0,
                step=parameter.step,
                key=key,
                max_value=LARGEST,
                bind=binding(key),
                help=help_,
                disabled=disabled,
            )
            return None if parameter.zero_is_none and not typed else int(typed)
        case Switch():
            return st.toggle(
                title,
                value=initial,
                key=key,
                bind="query-params",
                help=help_,
                disabled=disabled,
            )
    raise TypeError(f"no control for a {type(parameter).__name__}")


def _with_default(help_: str, default: str, engine: str) -> str:
    """Return a tooltip that says what the engine does where nothing is set, too."""
    return f"{help_} {engine}'s own default: {default}."


def _choose_ms(
    title: str,
    initial_ms: int,
    *,
    key: str,
    help: str,  # noqa: A002 - Streamlit's word
    least_ms: int = 0,
    unit: str = "s",
    disabled: bool = False,
) -> int:
    """Draw a box to type a duration into; while that is none, the last that was one holds."""

    def read(text: str) -> int | None:
        found = duration_ms(text, unit=unit)
        return None if found is None or found < least_ms else found

    held: dict[str, int] = st.session_state.setdefault(HELD_DURATIONS, {})
    box = st.container(width=_WIDTH)
    typed = box.text_input(
        title,
        written_ms(initial_ms),
        max_chars=_MOST_CHARACTERS,
        key=key,
        bind=binding(key, lambda text: key in held or read(text) is not None),
        help=help,
        disabled=disabled,
    )
    found = read(typed)
    if found is None:
        holds = held.get(key, initial_ms)
        box.caption(
            f":red[:material/error: “{escaped_markdown(typed)}” is not used: "
            f"{_fault(typed, least_ms)}.] {title}: {written_ms(holds)}, as before."
        )
        return holds
    held[key] = found
    return found


def _fault(text: str, least_ms: int) -> str:
    """Return why a text is no duration that can be used."""
    if duration_ms(text) is not None:
        return f"it has to be {written_ms(least_ms)} or more"
    return (
        f"write whole milliseconds up to {written_ms(MOST_MS)}, as 26 s, 250 ms, 1.5 min, 2h or "
        "1h 30m"
    )
