"""Java that finds key and event time in a record of Kafka, the same for every engine's program."""

from __future__ import annotations

from dataclasses import dataclass
from math import log10
from string import Template
from typing import TYPE_CHECKING, Final

from lib.core.times.forms import FORMS
from lib.replay.code import Names, Place, java_text, path_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lib.core.times.forms import FormName

RECORD: Final[Mapping[Place, str]] = {
    "value": "record.value()",
    "header": "record.headers()",
    "key": "record.key()",
    "partition": "record.partition()",
    "timestamp": "record.timestamp()",
    "nothing": "",
}
"""How a `ConsumerRecord` of bytes is asked for what is in each place."""

_DECLARED: Final[Mapping[Place, str]] = {
    "value": "byte[] value",
    "header": "Headers headers",
    "key": "byte[] key",
    "partition": "int partition",
    "timestamp": "long timestamp",
    "nothing": "",
}
_LEAP_MS_SINCE_2017: Final = 18_000  # GPS time has no leap seconds


@dataclass(frozen=True)
class JavaParts:
    """What a program needs to read a topic.

    Attributes
    ----------
    imports
        Names of classes, beside the engine's own.
    methods
        `key` and `time`, each with one parameter, or none, by its place; and what they need.
    """

    imports: frozenset[str]
    methods: str


def java_parts(names: Names) -> JavaParts:
    """Return what a program needs to read the topic."""
    key = _method("String key", names.key_place, _text_of(names.key, names.key_place, "all"))
    places = {names.key_place, names.time_place}
    if names.time_place == "timestamp":
        time = _method("long time", "timestamp", "        return timestamp;")
        number_or_text = ""
    else:
        body = f"{_assigned(names)}\n{_TIMES[names.form](names)}"
        time = _method("long time", names.time_place, body)
        number_or_text = body
    methods = [key, time]
    if "value" in places:
        methods += [_FIELD.substitute(event=_event(names))]
    if "header" in places:
        methods += [_HEADER_TEXT]
    text = "\n".join(methods)
    if names.avro is not None and "value" in places:
        text = f"    private static final Schema SCHEMA =\n            {_schema(names.avro)};\n\n{text}"
    if "value" in places or "JSON." in number_or_text:
        text = f"    private static final ObjectMapper JSON = new ObjectMapper();\n{text}"
    return JavaParts(frozenset(name for name in _CLASSES if _is_used(name, text)), text)


def java_imports(text: str, *names: str) -> str:
    """Return the imports of a program, sorted: those of `names` that its text uses."""
    used = sorted({name for name in names if _is_used(name, text)})
    return "\n".join(f"import {name};" for name in used)


def _is_used(name: str, text: str) -> bool:
    from re import search  # noqa: PLC0415

    return search(rf"\b{name.rpartition('.')[2]}\b", text) is not None
