"""InfluxDB's annotated CSV: tables one below another, each with annotations and names of its own.

The first cell of each line is for annotations alone. The lines of all become rows of one table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from lib.sources.files.bare_json import split_outside

if TYPE_CHECKING:
    from collections.abc import Iterable

OF_QUERY: Final = ("_start", "_stop")
"""Columns of the range that was asked for: times, but none of the events'."""

LEFT_OUT: Final = "InfluxDB's _start and _stop, the range of its query, are left out."

_ANNOTATIONS: Final = ("#group,", "#datatype,", "#default,")


def is_annotated(text: str) -> bool:
    """Return whether a text that begins so is annotated CSV."""
    return text.lstrip().startswith(_ANNOTATIONS)


def names_of_all(pieces: Iterable[bytes]) -> list[str]:
    """Return the names of the columns of all tables of a text, as they are written."""
    tables, names, rest = Tables([]), dict[str, None](), b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if tables.is_next or line.startswith(b"#"):
                tables.cells(line.decode("utf-8", "surrogateescape").removesuffix("\r"))
                names |= dict.fromkeys(tables.heading)
    return list(names)


@dataclass
class Tables:
    """Takes the lines of the tables apart, from the first to the last.

    Attributes
    ----------
    names
        Of the columns that are wanted.
    heading
        The names of the columns of the table that is being read.
    is_next
        Whether annotations came, and the names of their table did not yet.
    """

    names: list[str]
    heading: list[str] = field(default_factory=list, init=False)
    is_next: bool = field(default=False, init=False)
    _told: bool = field(default=False, init=False)
    _defaults: list[str] = field(default_factory=list, init=False)

    def cells(self, line: str) -> list[str] | None:
        """Return the cells of a line in the order of `names`; the first table's names are these.

        None for annotations, for empty lines, and for the names of the other tables.
        """
        if not line.strip():
            return None
        mark, *cells = split_outside(line, ",")
        if mark.startswith("#"):
            if not self.is_next or mark == "#default":
                self._defaults = cells if mark == "#default" else []
            self.is_next = True
            return None
        if not self.is_next:
            return self._row(cells)
        self.heading, self.is_next, is_first, self._told = cells, False, not self._told, True
        return self.names if is_first else None

    def _row(self, cells: list[str]) -> list[str]:
        """Return a row's cells at their places; those of one with too few or too many as is."""
        if len(cells) != len(self.heading):
            return cells
        row = dict(zip(self.heading, cells, strict=True))
        defaults = dict(zip(self.heading, self._defaults, strict=False))
        return [row.get(name) or defaults.get(name, "") for name in self.names]
