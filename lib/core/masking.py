"""Which fields are sensitive, and what stands in their place.

A masked value is a keyed hash: without the key it tells nothing, and equal values stay equal, so
that clients can still be told apart. Names of fields are not masked.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import Any, Final

from lib.core.columns import HEADER, KEY
from lib.core.errors import SettingsError

MASKED: Final = "masked-"
"""What a masked value begins with."""

_PROCESS_KEY: Final = secrets.token_bytes(32)
"""Where none is configured: hashes differ from one start of Skewline to the next."""

_IS_MASKED: Final = re.compile(rf"{MASKED}[0-9a-f]{{14}}")
_NAMED: Final = re.compile(r"""(?<![\w.@-])([\w@][\w.@-]*+)(?:\s|["'\\])*+[:=>]""")
"""A name with what follows one in JSON, logfmt, query strings, XML, and what programs print."""

_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_JSON_BEGINS: Final = ("{", "[", '"')
_DEEPEST: Final = 100
_EXACT: Final = 2**53


@dataclass(frozen=True)
class Masking:
    """The fields that are masked.

    Parameters
    ----------
    fields
        Names, dotted where fields are nested; `*` and `?` stand for any characters; a regular
        expression between slashes. One names a field wherever it is, with all that is in it:
        `email` also `user.email` and `email.domain`. `@key` is a record's key, `@header:NAME` a
        header. Upper and lower case are one.
    key
        Of the hashes; where there is none, they change with every start.

    Raises
    ------
    SettingsError
        When a regular expression is none.
    """

    fields: tuple[str, ...] = ()
    key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        for name in self.fields:
            try:
                re.compile(_regex(name))
            except re.error as fault:
                what = f"{name!r} in fields of [masking] is no regular expression: {fault}."
                raise SettingsError(what, "Change it, or leave the slashes out.") from None

    def __bool__(self) -> bool:
        """Whether anything is masked."""
        return bool(self.fields)

    def covers(self, path: str) -> bool:
        """Return whether a field of a dotted path is masked, by itself or with one around it."""
        return _covers(self.fields, path.lower())

    @cached_property
    def identity(self) -> str:
        """What tells this masking from any other, for caches."""
        return self.hashed(json.dumps(self.fields))

    def hashed(self, text: str) -> str:
        """Return what stands in the place of a text; what is masked already stays."""
        if _IS_MASKED.fullmatch(text):
            return text
        key = blake2b(self.key.encode()).digest() if self.key else _PROCESS_KEY
        data = text.encode(errors="surrogatepass")
        return MASKED + blake2b(data, key=key, digest_size=7).hexdigest()

    def masked(self, value: Any, path: str = "") -> Any:  # noqa: ANN401 (whatever JSON has)
        """Return a value as JSON has it, a field of the given path, with all in it masked."""
        found, _ = self._inside(value, path)
        return found

    def masked_text(self, text: str, path: str = "") -> str:
        """Return a text that is no masked field itself, with what it holds masked.

        What is JSON, or base64 of JSON, is looked into. Other text that names a masked field and a
        value (`email=…`) is masked as a whole.
        """
        return self._in_text(text, path)[0]

    def _inside(self, value: Any, path: str) -> tuple[Any, bool]:  # noqa: ANN401
        """Return a value with what is in it masked, and whether it had any masked field."""
        if path and self.covers(path):
            return self._replaced(value), True
        if isinstance(value, str):
            return self._in_text(value, path)
        if isinstance(value, list):
            pairs = [self._inside(each, path) for each in value]
            return [each for each, _ in pairs], any(had for _, had in pairs)
        if isinstance(value, dict):
            start = f"{path}." if path else ""
            found = {name: self._inside(each, start + name) for name, each in value.items()}
            return {n: each for n, (each, _) in found.items()}, any(h for _, h in found.values())
        return value, False

    def _replaced(self, value: object) -> str | None:
        if value is None or value != value:  # NaN is no value either
            return None
        if isinstance(value, str):
            return self.hashed(value)
        if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
            value = int(value)  # one number is one text
        return self.hashed(json.dumps(value, ensure_ascii=False))

    def _in_text(self, text: str, path: str) -> tuple[str, bool]:
        if not any(sign in text for sign in ":=>"):
            return self._in_base64(text, path)
        if text.lstrip().startswith(_JSON_BEGINS):
            try:
                found, had = self._inside(_parsed(text), path)
            except (ValueError, RecursionError):
                pass  # then it is text like any other
            else:
                return (json.dumps(found, ensure_ascii=False), True) if had else (text, False)
        last = _last_names(self.fields)
        names = {match[1].lower() for match in _NAMED.finditer(text)}
        had = any(last.fullmatch(part) for name in names for part in name.split("."))
        return (self.hashed(text), True) if had else self._in_base64(text, path)

    def _in_base64(self, text: str, path: str) -> tuple[str, bool]:
        if not _BASE64.fullmatch(text):
            return text, False
        try:
            padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
            inner = base64.b64decode(padded, altchars=b"-_" if "-" in text or "_" in text else None)
            json_text = inner.decode()
        except ValueError:
            return text, False
        if not json_text.lstrip(" \t\r\n").startswith(_JSON_BEGINS):
            return text, False
        _, had = self._in_text(json_text, path.removesuffix("_base64"))
        return (self.hashed(text), True) if had else (text, False)


NOTHING_MASKED: Final = Masking()


def _parsed(text: str) -> object:
    """Return what JSON holds.

    Raises
    ------
    ValueError
        When it is none, or a name occurs twice in an object: the first value would not be seen.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a name occurs twice")
        return found

    return json.loads(text, object_pairs_hook=unique)


def _regex(name: str) -> str:
    """Return the regular expression of a name, a pattern, or one in slashes."""
    if len(name) > 2 and name[0] == name[-1] == "/":
        return name[1:-1]
    return translate(name.removeprefix("*.").removesuffix(".*").removesuffix("_base64") or name)


@lru_cache(maxsize=16)
def _any_of(regexes: tuple[str, ...]) -> re.Pattern[str]:
    either = "|".join(f"(?:{each})" for each in regexes)
    return re.compile(either or r"(?!)", re.IGNORECASE | re.DOTALL)


@lru_cache(maxsize=100_000)
def _covers(fields: tuple[str, ...], path: str) -> bool:
    if path == KEY:
        return bool(_any_of(tuple(_regex(n) for n in fields if n[:1] in "@/")).fullmatch(path))
    parts = path.removeprefix(HEADER).split(".")[:_DEEPEST]
    parts = [part.removesuffix("_base64") for part in parts]
    inside = {
        ".".join(parts[start:stop])
        for start in range(len(parts))
        for stop in range(start + 1, len(parts) + 1)
    }
    if path.startswith(HEADER):
        inside |= {HEADER + each for each in inside}
    pattern = _any_of(tuple(map(_regex, fields)))
    return any(pattern.fullmatch(each) for each in inside)


@lru_cache(maxsize=16)
def _last_names(fields: tuple[str, ...]) -> re.Pattern[str]:
    """Return what the last part of a masked field's path looks like."""
    last = [re.split(r"\\?\.", name.strip("/"))[-1] for name in fields if name[:1] == "/"]
    last = [each for each in last if _is_regex(each)]
    last += [_regex(name.removesuffix(".*").split(".")[-1]) for name in fields if name[:1] != "/"]
    return _any_of((*last, *map(_regex, fields)))


def _is_regex(text: str) -> bool:
    try:
        return bool(re.compile(text))
    except re.error:
        return False
