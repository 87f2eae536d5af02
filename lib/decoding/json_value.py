"""One JSON value as `json.loads` reads it, and why it is no record where it is none."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_DEPTH: Final = 100

NOT_UTF8: Final = "not UTF-8"
NOT_JSON: Final = "not JSON"
NOT_AN_OBJECT: Final = "not a JSON object"
TOO_DEEP: Final = "nested too deeply"
TOO_MANY_DIGITS: Final = "a number with too many digits"
NOT_UNICODE: Final = "text that is not Unicode (half a surrogate pair)"

_STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]', re.DOTALL)


def parse_object(value: bytes) -> tuple[dict[str, Any] | None, str]:
    """Return the JSON object that `value` holds, or None and why it holds none."""
    try:
        text = value.decode()
        if _depth(text) > MAX_DEPTH:
            return None, TOO_DEEP
        record = json.loads(text)
        if "\\u" in text:
            json.dumps(record, ensure_ascii=False).encode()
    except UnicodeDecodeError:
        return None, NOT_UTF8
    except UnicodeEncodeError:
        return None, NOT_UNICODE
    except json.JSONDecodeError:
        return None, NOT_JSON
    except ValueError:  # Python's own bound on the digits of an integer
        return None, TOO_MANY_DIGITS
    return (record, "") if isinstance(record, dict) else (None, NOT_AN_OBJECT)


def _depth(text: str) -> int:
    """Return an upper bound of the nesting in `text`, exact where there is much of it."""
    opened = text.count("{") + text.count("[")
    if opened <= MAX_DEPTH:
        return opened
    depth = deepest = 0
    for token in _STRING_OR_BRACKET.findall(text):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token, 0)
        deepest = max(deepest, depth)
    return deepest


def flatten(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return `record` with nested objects' fields under dotted names; nested ones win a clash.

    Examples
    --------
    >>> flatten({"a": 1, "b": {"c": 2, "d": {"e": 3}}})
    {'a': 1, 'b.c': 2, 'b.d.e': 3}
    """
    flat: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = {}
    for name, value in record.items():
        (nested if isinstance(value, dict) else flat)[name] = value
    for name, value in nested.items():
        for inner, item in flatten(value).items():
            flat[f"{name}.{inner}"] = item
    return flat
