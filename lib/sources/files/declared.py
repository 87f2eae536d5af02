r"""Rows whose names a directive above them has: logs of Zeek and web servers, dumps of Postgres.

| what | its names | its cells |
|---|---|---|
| Zeek | `#fields` and tabs | parted by tabs |
| W3C: IIS, CloudFront | `#Fields:` and spaces | parted by tabs or spaces |
| `pg_dump` | `COPY table (a, b) FROM stdin;` | parted by tabs, up to a line `\.` |

What else begins with `#`, and all of a dump but one table, is no row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_FIELDS: Final = re.compile(r"#(?:fields\t|Fields: *)([^\s,]+(?:[\t ]+[^\s,]+)+)\s*")
_IN_A_LOG: Final = re.compile(rf"(?:\ufeff?#.*\n)*?{_FIELDS.pattern}$", re.MULTILINE)
_COPY: Final = re.compile(r"^COPY (\S+) \(([^)]+)\) FROM stdin;\r?$", re.MULTILINE)
_END: Final = "\\."


def declared(text: str) -> tuple[Callable[[], LogLines | DumpLines], str] | None:
    """Return what makes a reader of the lines of a text that begins so, and what is to be said.

    None if no directive names the columns. Of a dump it is the table that fills most of `text`.
    """
    if _IN_A_LOG.match(text):
        return LogLines, ""
    copies = [*_COPY.finditer(text)]
    if not copies:
        return None
    longest = max(copies, key=lambda found: _rows_behind(text, found.end()))
    said = f"The rows are those of {longest[1]}; other tables of the dump are not read."
    return partial(DumpLines, longest[0].rstrip("\r")), said


def _rows_behind(text: str, start: int) -> int:
    end = text.find(f"\n{_END}", start)
    return (len(text) if end < 0 else end) - start


@dataclass
class LogLines:
    """Takes the lines of a log apart, whose columns may change when its server starts anew.

    Attributes
    ----------
    names
        Of the columns: those of the first directive.
    heading
        Those of the last one.
    """

    names: list[str] = field(default_factory=list, init=False)
    heading: list[str] = field(default_factory=list, init=False)

    def cells(self, line: str) -> list[str] | None:
        """Return the names, once, or the cells of a row; None for directives and empty lines."""
        if not line.strip():
            return None
        if not line.lstrip("\ufeff").startswith("#"):
            return self._row(line.split("\t" if "\t" in line else " "))
        found = _FIELDS.fullmatch(line)
        if found is None:
            return None
        self.heading, is_first = found[1].split(), not self.names
        self.names = self.names or self.heading
        return self.names if is_first else None

    def _row(self, cells: list[str]) -> list[str]:
        if len(cells) != len(self.heading):
            return cells
        row = dict(zip(self.heading, cells, strict=True))
        return [row.get(name, "") for name in self.names]


@dataclass
class DumpLines:
    """Takes the lines of a dump apart that are rows of one table.

    Attributes
    ----------
    directive
        The line above its rows.
    """

    directive: str
    _inside: bool = field(default=False, init=False)

    def cells(self, line: str) -> list[str] | None:
        """Return the names, or the cells of a row; None for all else."""
        if line == self.directive and (found := _COPY.fullmatch(line)):
            self._inside = True
            return [name.strip().strip('"') for name in found[2].split(",")]
        self._inside = self._inside and line != _END
        if not self._inside:
            return None
        return [_unescaped(cell) for cell in line.split("\t")]


def _unescaped(cell: str) -> str:
    """Return a cell as it was before a dump doubled its backslashes, in quotes if it has some."""
    plain = cell.replace("\\\\", "\\")
    return f'"{plain.replace(chr(34), chr(34) * 2)}"' if '"' in plain else plain
