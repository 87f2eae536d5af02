"""JSON in the cells of lines that has no quotes around it: what parts cells inside parts nothing.

`kcat -f '%T,%s'`, `mysql -B`, ClickHouse and whoever joins texts with commas write such cells.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEGINS: Final = re.compile(r'(?:^|(?<=[\t;|,^~])) *(?:(?P<quoted>"(?:[^"]|"")*")|(?=[\[{]))')
_JSON, _QUOTED, _BETWEEN = "JSON", "quoted", "between"
_TOKENS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


def without_json(line: str) -> str:
    """Return a line with `{}` in place of each object and array that has no quotes around it."""
    return "".join("{}" if kind is _JSON else text for text, kind in _pieces(line))


def holds_bare_json(line: str) -> bool:
    """Return whether a cell of a line is an object or an array without quotes around it."""
    return any(kind is _JSON for _, kind in _pieces(line))


def split_outside(line: str, separator: str) -> list[str]:
    """Return the cells of a line, as they are written; what is in quotes or in JSON parts nothing.

    Examples
    --------
    >>> split_outside('17,"a,b",{"c": [1, 2]}', ",")
    ['17', '"a,b"', '{"c": [1, 2]}']
    """
    cells = [""]
    for text, kind in _pieces(line):
        first, *others = text.split(separator) if kind is _BETWEEN else [text]
        cells[-1] += first
        cells += others
    return cells


def _pieces(line: str) -> Iterator[tuple[str, str]]:
    """Yield a line in pieces, each with what it is."""
    done = 0
    while (found := _BEGINS.search(line, done)) is not None:
        start, end = found.end(), _end_of_json(line, found.end())
        if found["quoted"] is not None:
            start, end = found.span("quoted")
        if end is None:
            break
        yield line[done:start], _BETWEEN
        yield line[start:end], _QUOTED if found["quoted"] else _JSON
        done = end
    yield line[done:], _BETWEEN


def _end_of_json(line: str, start: int) -> int | None:
    """Return where the brackets that open at `start` are closed; None if they are not."""
    depth = 0
    for token in _TOKENS.finditer(line, start):
        depth += (token[0] in "[{") - (token[0] in "]}")
        if depth <= 0:
            return token.end()
    return None
