"""Tables that are drawn with characters, and such with marks of two characters, as plain cells.

What `psql`, `mysql`, Spark's `show`, Trino, ClickHouse, DuckDB and Markdown print; columns that
spaces part, two or more; rows with JSON in a cell that has no quotes around it, whose commas part
nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final

from lib.sources.files.bare_json import holds_bare_json, split_outside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Cells = Callable[[str], list[str] | None]
    """Returns the cells of a line; None for one that only draws."""

_LINES: Final = 200
LINE_ENDS: Final = re.compile(r"\r\n|\n|\r")
"""Not those of Unicode, which JSON may have in a text."""

_RULER: Final = re.compile(
    r"(?=.*(?:--|==|─|═|━))[\s|+:=\-─═━┼│┆╪╬║╔╗╚╝╠╣╞╡╦╩┌┐└┘├┤┬┴┃┏┓┗┛┡┩┣┫┳┻╇╋]+"
)
_BARS: Final = re.compile(r"[│┆║┃]")
_NAMES_IN_A_RULER: Final = re.compile(r"\s*┌─+(.*\w.*?)─+┐\s*")
_BETWEEN_NAMES: Final = re.compile("─+┬─+")
_ROW_NUMBER: Final = re.compile(r"\s*\d+\. (?=│)")
_MARKS: Final = ("|~|", "||", "~~", "^^", "::")
"""Marks of more than one character; the last only where nothing else parts cells."""

_SPACES: Final = re.compile(r" {2,}")
_OTHERS: Final = re.compile(r"[\t;|,]")
_AROUND_JSON: Final = "\t;|,"
"""What may part cells of JSON; it has no tab inside, so that tabs part them in any case."""

_LEAST: Final = 3


def cells_of(text: str) -> Cells | None:
    """Return what takes the lines of a text apart where it is such a table; else None."""
    lines = [line for line in LINE_ENDS.split(text)[:_LINES] if line.strip()]
    if len(lines) < 2:
        return None
    rulers = (_RULER, _NAMES_IN_A_RULER)
    is_drawn = any(ruler.fullmatch(line) for line in lines[:_LEAST] for ruler in rulers)
    if is_drawn and _alike(_between_bars, lines, 0.6) > 1:
        return _between_bars
    if (around := _around_json(lines)) is not None:
        return around
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
    found = map(cells, LINE_ENDS.split(text.decode("utf-8", "surrogateescape")))
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
    if names := _NAMES_IN_A_RULER.fullmatch(line):
        return _BETWEEN_NAMES.split(names[1])
    bare = _BARS.sub("|", _ROW_NUMBER.sub("", line)).strip()
    framed = len(bare) > 1 and bare.startswith("|") and bare.endswith("|")
    return [cell.strip() for cell in (bare[1:-1] if framed else bare).split("|")]


def _around_json(lines: list[str]) -> Cells | None:
    """Return what parts lines at a mark outside of JSON; None if they have no JSON, or tabs do."""
    if sum(map(holds_bare_json, lines)) * 2 <= len(lines):
        return None
    parting = [partial(split_outside, separator=mark) for mark in _AROUND_JSON]
    most = max(parting, key=lambda cells: _alike(cells, lines))
    return most if most is not parting[0] and _alike(most, lines) > 1 else None


def _split_at(mark: str) -> Cells:
    return lambda line: line.split(mark)


def _by_spaces(line: str) -> list[str]:
    return _SPACES.split(line.strip())
