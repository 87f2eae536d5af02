"""Tables that are drawn with characters, and such with marks of two characters, as plain cells.

What `psql`, `mysql`, Spark's `show`, Trino and Markdown print; columns that spaces part, two or
more; rows that end with JSON without quotes around it, whose commas part nothing.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Cells = Callable[[str], list[str] | None]
    """Returns the cells of a line; None for one that only draws."""

_LINES: Final = 200
_RULER: Final = re.compile(r"(?=.*(?:--|==|─|═))[\s|+:=\-─═┼│╪╬║╔╗╚╝╠╣╦╩┌┐└┘├┤┬┴]+")
_BARS: Final = re.compile(r"[│║]")
_MARKS: Final = ("|~|", "||", "~~", "^^", "::")
"""Marks of more than one character; the last only where nothing else parts cells."""

_SPACES: Final = re.compile(r" {2,}")
_OTHERS: Final = re.compile(r"[\t;|,]")
_LEAST: Final = 3


def cells_of(text: str) -> Cells | None:
    """Return what takes the lines of a text apart where it is such a table; else None."""
    lines = [line for line in text.splitlines()[:_LINES] if line.strip()]
    if len(lines) < 2:
        return None
    if any(map(_RULER.fullmatch, lines[:_LEAST])) and _alike(_between_bars, lines, 0.6) > 1:
        return _between_bars
    rest = _with_json_last(lines[0].count(","))
    if "," in lines[0] and sum(map(_ends_with_json, map(rest, lines[1:]))) * 10 >= 9 * len(
        lines[1:]
    ):
        return rest
    parted = _OTHERS.search(lines[0]) is not None
    for mark in _MARKS[:-1] if parted else _MARKS:
        if all(mark in line for line in lines) and _alike(_split_at(mark), lines) > 1:
            return _split_at(mark)
    return _by_spaces if not parted and _alike(_by_spaces, lines) >= _LEAST else None


def plain(pieces: Iterable[bytes], cells: Cells) -> Iterator[bytes]:
    """Yield the lines of a table with tabs between their cells."""
    rest = b""
    for piece in pieces:
        head, newline, tail = piece.rpartition(b"\n")
        if newline:
            yield _plain_lines(rest + head, cells)
            rest = tail
        else:
            rest += tail
    yield _plain_lines(rest, cells)


def _plain_lines(text: bytes, cells: Cells) -> bytes:
    found = map(cells, text.decode("utf-8", "surrogateescape").splitlines())
    lines = "".join("\t".join(row) + "\n" for row in found if row is not None)
    return lines.encode("utf-8", "surrogateescape")


def _alike(cells: Cells, lines: list[str], share: float = 0.9) -> int:
    """Return how many cells a share of the lines has; 0 if they are not alike."""
    widths = Counter(len(row) for line in lines if (row := cells(line)) is not None)
    if not widths:
        return 0
    width, count = widths.most_common(1)[0]
    return width if count >= share * widths.total() else 0


def _between_bars(line: str) -> list[str] | None:
    if _RULER.fullmatch(line):
        return None
    bare = _BARS.sub("|", line).strip()
    framed = len(bare) > 1 and bare.startswith("|") and bare.endswith("|")
    return [cell.strip() for cell in (bare[1:-1] if framed else bare).split("|")]


def _with_json_last(commas: int) -> Cells:
    return lambda line: line.split(",", commas)


def _ends_with_json(row: list[str] | None) -> bool:
    """Return whether the last cell of a row is an object with commas in it."""
    last = row[-1].strip() if row else ""
    if "," not in last or not last.startswith("{"):
        return False
    try:
        return isinstance(json.loads(last), dict)
    except (ValueError, RecursionError):
        return False


def _split_at(mark: str) -> Cells:
    return lambda line: line.split(mark)


def _by_spaces(line: str) -> list[str]:
    return _SPACES.split(line.strip())
