"""What the command line says of durations, moments, shares and an engine's setting."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from lib.core.errors import SettingsError
from lib.replay.engine import INITIAL_DELAY_MS, INITIAL_LENGTH_MS, Duration, Number, Switch
from lib.replay.registry import ENGINES
from lib.replay.windows import HoppingWindow, SessionWindow, TumblingWindow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lib.replay.engine import Engine, Parameter, Setting
    from lib.replay.windows import Window

UNITS_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
LAST_MS: Final = 253_402_300_800_000
"""The year 10000, up to before which a range without an end is."""

_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|min|s|m|h|d)\s*")
_ON: Final = {"true": True, "on": True, "yes": True, "1": True}
_OFF: Final = {"false": False, "off": False, "no": False, "0": False}
_SWITCH: Final = _ON | _OFF

ENGINE_NAMES: Final = tuple(engine.name for engine in ENGINES)
WINDOW_NAMES: Final = {
    kind.kind.lower(): kind for kind in (SessionWindow, TumblingWindow, HoppingWindow)
}


@dataclass(frozen=True)
class WindowChoice:
    """What was said of windows: their kind, gap or size in ms, and parts; None: nothing."""

    kind: str | None = None
    gap_ms: int | None = None
    size_ms: int | None = None
    parts: int | None = None


def asked_duration_ms(text: str) -> int:
    """Return a duration such as 30s, 5m, 250ms or 1m30s in ms.

    Raises
    ------
    SettingsError
        When it is none, or no whole number of milliseconds.
    """
    written = text.strip()
    if written == "0":
        return 0
    parts = list(_PART.finditer(written))
    total = sum(float(part[1]) * UNITS_MS[part[2]] for part in parts)
    if not parts or "".join(part[0] for part in parts) != written or total != int(total):
        raise SettingsError(f"{text!r} is no duration.", "Write it as 30s, 5m or 250ms.")
    return int(total)


def share(text: str) -> float:
    """Return a share such as 0.1% or 0.001, 0 to 1.

    Raises
    ------
    SettingsError
        When it is none.
    """
    number = text.strip().removesuffix("%")
    try:
        found = float(number) / (100 if "%" in text else 1)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise SettingsError(f"{text!r} is no share.", "Write it as 0.1%.")
    return found


def setting_of(
    engine_name: str,
    window: WindowChoice,
    delay_ms: int | None,
    lateness_ms: int | None,
    others: Sequence[str],
) -> Setting:
    """Return an engine's setting: what is not said is as on the app's Windows page.

    Parameters
    ----------
    engine_name
        One of `ENGINE_NAMES`.
    others
        The engine's own parameters, as `name=value`.

    Raises
    ------
    SettingsError
        When the engine does not have what was said.
    """
    engine = next(each for each in ENGINES if each.name == engine_name)
    chosen = _window(window)
    try:
        setting: Setting = engine.setting(
            chosen, INITIAL_DELAY_MS if delay_ms is None else delay_ms
        )
        for each in (*_lateness(engine, lateness_ms), *others):
            setting = _with(setting, engine, each)
    except ValueError as fault:
        raise SettingsError(f"{engine.label} cannot be set so: {fault}.", "Change it.") from None
    return setting


def _lateness(engine: Engine[Any], lateness_ms: int | None) -> list[str]:
    if lateness_ms is None:
        return []
    if "allowed_lateness_ms" not in {each.name for each in engine.parameters}:
        raise SettingsError(f"{engine.label} has no allowed lateness.", "Leave --lateness out.")
    return [f"allowed_lateness_ms={lateness_ms}"]


def _window(choice: WindowChoice) -> Window:
    name = choice.kind or ("session" if choice.size_ms is None else "tumbling")
    length_ms = choice.gap_ms if choice.size_ms is None else choice.size_ms
    if name == "session" and choice.size_ms is not None:
        raise SettingsError("Session windows have no size.", "Give --gap, or another --window.")
    if choice.parts is not None and name != "hopping":
        raise SettingsError("Only hopping windows have parts.", "Add --window hopping.")
    kind = WINDOW_NAMES[name]
    length_ms = INITIAL_LENGTH_MS if length_ms is None else length_ms
    try:
        if kind is HoppingWindow and choice.parts is not None:
            return HoppingWindow(length_ms, choice.parts)
        return kind(length_ms)
    except ValueError as fault:
        raise SettingsError(f"There are no such windows: {fault}.", "Change them.") from None


def _with(setting: Setting, engine: Engine[Any], said: str) -> Setting:
    """Return the setting with a parameter as `name=value` says."""
    name, equals, value = (part.strip() for part in said.partition("="))
    wanted = name.lower().replace("-", "_")
    fitting = [
        each
        for each in engine.parameters
        if wanted in (each.name, each.name.removesuffix("_ms"), each.link)
    ]
    if not fitting or not equals:
        known = ", ".join(each.name for each in engine.parameters)
        raise SettingsError(
            f"{engine.label} has no setting {said!r}.", f"Write NAME=VALUE with one of {known}."
        )
    parameter = fitting[0]
    if type(setting.window) not in parameter.windows:
        kind = setting.window.kind.lower()
        raise SettingsError(f"{name} means nothing for {kind} windows.", "Leave it out.")
    found: dict[str, Any] = {parameter.name: _value(parameter, value, named_so=wanted)}
    return replace(setting, **found)


def _value(parameter: Parameter, text: str, *, named_so: str) -> bool | int | None:
    name, written = parameter.name, text.lower()
    if isinstance(parameter, Switch):
        if written not in _SWITCH:
            raise SettingsError(f"{name} is on or off, not {text!r}.", f"Write {name}=on.")
        return _SWITCH[written]
    if getattr(parameter, "zero_is_none", False) and written in ("0", "none"):
        return None
    if isinstance(parameter, Duration) or name.endswith("_ms"):
        in_ms = written.isdecimal() and named_so.endswith("_ms")
        return int(written) if in_ms else asked_duration_ms(written)
    if not written.isdecimal():
        raise SettingsError(f"{name} is a whole number, not {text!r}.", f"Write {name}=10.")
    least = parameter.least if isinstance(parameter, Number) else 0
    if int(written) < least:
        raise SettingsError(f"{name} is at least {least}, not {text}.", "Change it.")
    return int(written)
