"""The controls of the Windows page, drawn from what each engine says of itself."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from lib.core.formatting import duration, escaped_markdown
from lib.replay import registry
from lib.replay.code import names_of
from lib.replay.engine import (
    DELAYS_S,
    GAPS_S,
    INITIAL_DELAY_S,
    INITIAL_LENGTH_S,
    Duration,
    Number,
    Switch,
)
from lib.replay.windows import NO_INDEX, WINDOW_KINDS, HoppingWindow
from lib.ui.parameters import DELAY, ENGINE, LARGEST, PARTS, SESSION_GAP, WINDOW_KIND, binding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from lib.loading.load import LoadedTopic
    from lib.replay.code import Names
    from lib.replay.engine import AnySetting, Parameter, Setting
    from lib.replay.windows import Replay, Window

_PARTS: Final = (2, 4, 5, 10, 20)  # of whole seconds, whole milliseconds


def choose_setting() -> Setting:
    """Draw the controls and return the setting that they make."""
    engines = {engine.label: engine for engine in registry.ENGINES}
    engine = engines[_choose_one("Engine", list(engines), key=ENGINE.name)]
    kinds = {kind.kind: kind for kind in WINDOW_KINDS}
    kind = kinds[_choose_one("Window", list(kinds), key=WINDOW_KIND.name)]
    left, middle, right = st.columns(3)
    with left:
        window = _choose_window(kind)
    with middle:
        delay_ms = _choose_ms(engine.delay.title, DELAYS_S, INITIAL_DELAY_S, key=DELAY.name)
    with right:
        setting: Setting = engine.setting(window, delay_ms)
        return _choose_parameters(setting)


def names_in(topic: LoadedTopic) -> Names:
    """Return what a topic and its fields are called, for programs."""
    notes = topic.events.notes.get("event_time")
    return names_of(topic.report.topic, topic.fields, {} if notes is None else notes.forms)


def say_remark(topic: LoadedTopic, setting: Setting) -> None:
    """Say what the engine says of the setting on this topic."""
    remark = setting.engine.remark(setting, names_in(topic))
    if remark:
        st.caption(escaped_markdown(remark))


def say_stop(replayed: Replay) -> bool:
    """Say that the application would not have read the whole topic; return whether it is so."""
    if replayed.stopped_at == NO_INDEX:
        return False
    st.error(
        f"{replayed.stopped_because} What follows is of the events before that one. No grace "
        "changes that, so none is advised.",
        icon=":material/dangerous:",
    )
    return True


def _choose_window(kind: type[Window]) -> Window:
    length_ms = _choose_ms(kind.length_title, GAPS_S, INITIAL_LENGTH_S, key=SESSION_GAP.name)
    if kind is not HoppingWindow:
        return kind(length_ms)
    parts = st.select_slider(
        "Windows that an event is in",
        _PARTS,
        key=PARTS.name,
        bind="query-params",
        help="One begins this part of the size after the other.",
    )
    return HoppingWindow(length_ms, parts)


def _choose_one(title: str, names: Sequence[str], *, key: str) -> str:
    return str(
        st.segmented_control(
            title, names, default=names[0], required=True, key=key, bind="query-params"
        )
    )


def _choose_parameters(setting: AnySetting) -> AnySetting:
    """Draw the controls of the engine's own parameters and return the setting with their values."""
    values: dict[str, Any] = {}
    kind = type(setting.window)
    parameters = [p for p in setting.engine.parameters if kind in p.windows]
    for group, members in groupby(parameters, key=lambda parameter: parameter.group):
        with _popover(group):
            for parameter in members:
                initial = getattr(setting, parameter.name)
                can_be_set = parameter.needs is None or bool(values.get(parameter.needs))
                chosen = _choose(parameter, initial, disabled=not can_be_set)
                values[parameter.name] = chosen if can_be_set else initial
    return replace(setting, **values)


def _popover(title: str) -> AbstractContextManager[object]:
    if not title:
        return nullcontext()
    return st.popover(title, icon=":material/tune:", width="stretch")


def _choose(parameter: Parameter, initial: Any, *, disabled: bool) -> Any:  # noqa: ANN401
    """Draw a parameter's control and return the setting's value; `initial` is one, too."""
    match parameter:
        case Duration():
            return _choose_ms(
                parameter.title,
                parameter.choices_s,
                initial // 1000,
                key=parameter.link,
                help=parameter.help,
                disabled=disabled,
            )
        case Number():
            typed = st.number_input(
                parameter.title,
                parameter.least,
                value=(initial or 0) // parameter.factor,
                step=parameter.step,
                key=parameter.link,
                max_value=LARGEST,
                bind=binding(parameter.link),
                help=parameter.help,
                disabled=disabled,
            )
            return None if parameter.zero_is_none and not typed else int(typed) * parameter.factor
        case Switch():
            return st.toggle(
                parameter.title,
                value=initial,
                key=parameter.link,
                bind="query-params",
                help=parameter.help,
                disabled=disabled,
            )
    raise TypeError(f"no control for a {type(parameter).__name__}")


def _choose_ms(
    title: str,
    choices_s: Sequence[int],
    initial_s: int,
    *,
    key: str,
    help: str | None = None,  # noqa: A002 - Streamlit's word
    disabled: bool = False,
) -> int:
    chosen = st.select_slider(
        title,
        choices_s,
        value=initial_s,
        format_func=lambda s: duration(s * 1000) if s else "0",
        key=key,
        bind="query-params",
        help=help,
        disabled=disabled,
    )
    return int(chosen) * 1000
