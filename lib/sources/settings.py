"""Settings as dataclasses: from the secrets and the environment, checked as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar, get_origin, get_type_hints

from lib.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Settings = TypeVar("Settings")
Fault = tuple[str, str]
"""What is wrong, and what to do: a sentence each."""


def settings_of(
    kind: type[Settings],
    section: str,
    secrets: Mapping[str, Any],
    environment: Mapping[str, str],
    variables: Mapping[str, str],
) -> Settings:
    """Return the settings that the secrets give, completed from the environment.

    Parameters
    ----------
    kind
        A dataclass; its fields are the keys.
    section
        What the table is called, for sentences: "[connections.kafka]".
    secrets
        The keys with their values. They win.
    environment, variables
        Environment variables, and the name of the one for each key that has one.

    Raises
    ------
    SettingsError
        With a sentence for each key that is unknown, and each value of another type.
    """
    values = from_environment(environment, variables) | dict(secrets)
    kinds = get_type_hints(kind)
    typed: dict[str, Any] = {}
    faults: list[Fault] = list(_unknown(values, [f.name for f in fields(kind)], section))  # type: ignore[arg-type]
    for name in values.keys() & kinds.keys():
        of_environment = name not in secrets
        typed[name], fault = _typed(name, values[name], kinds[name], section, of_environment)
        faults += fault
    refuse(faults)
    return kind(**typed)


def from_environment(
    environment: Mapping[str, str], variables: Mapping[str, str]
) -> dict[str, Any]:
    """Return what environment variables give, by key; an empty variable gives nothing."""
    return {
        name: environment[variable]
        for name, variable in variables.items()
        if environment.get(variable)
    }


def refuse(faults: Iterable[Fault]) -> None:
    """Raise what is wrong, all of it at once, if anything is.

    Raises
    ------
    SettingsError
        With a sentence for each fault.
    """
    found = list(dict.fromkeys(faults))
    if found:
        whats, remedies = (dict.fromkeys(texts) for texts in zip(*found, strict=True))
        raise SettingsError(" ".join(whats), " ".join(remedies))


def _unknown(names: Iterable[str], known: list[str], section: str) -> Iterator[Fault]:
    unknown = sorted(set(names) - set(known))
    if not unknown:
        return
    meant = {name: get_close_matches(name, known, 1) for name in unknown}
    hints = [f"{name} may be meant as {close[0]}." for name, close in meant.items() if close]
    what = f"{section} has unknown settings: {', '.join(unknown)}."
    yield what, " ".join([*hints, f"The settings are: {', '.join(sorted(known))}."])


def _typed(
    name: str,
    value: object,
    kind: object,
    section: str,
    of_environment: bool,
) -> tuple[object, list[Fault]]:
    """Return a value of the type that a setting has, or what is wrong with it."""
    what = f"{name} is {value!r} in {section}."
    if kind is float:
        return _number(name, value, what, of_environment)
    if kind is bool:
        if of_environment and str(value).lower() in ("true", "false"):
            return str(value).lower() == "true", []
        right = isinstance(value, bool)
        return value, [] if right else [(what, f"Set {name} to true or false, without quotes.")]
    if get_origin(kind) is Mapping:
        if isinstance(value, Mapping):
            return dict(value), []
        return value, [(what, f"Make {name} a table of its own.")]
    if kind == tuple[str, ...]:
        return _texts(name, value, section, of_environment)
    if isinstance(value, str):
        return value, []
    # It may be a secret that has no quotes: it is not repeated.
    return value, [(f"{name} in {section} is no text.", f"Set {name} to text in quotes.")]


def _number(
    name: str, value: object, what: str, of_environment: bool
) -> tuple[object, list[Fault]]:
    if of_environment:
        try:
            return float(str(value)), []
        except ValueError:
            return value, [(what, f"Set {name} to a number.")]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value, [(what, f"Set {name} to a number, without quotes.")]
    return float(value), []


def _texts(
    name: str, value: object, section: str, of_environment: bool
) -> tuple[object, list[Fault]]:
    if of_environment:
        return tuple(one.strip() for one in str(value).split(",") if one.strip()), []
    if isinstance(value, list) and all(isinstance(one, str) and one for one in value):
        return tuple(value), []
    return value, [(f"{name} in {section} is no list of texts.", f'Write {name} = ["…", "…"].')]
