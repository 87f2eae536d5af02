"""A file that holds a part of a topic: how it says so, and how that is recognised when it is read.

Silences and missing numbers in such a file may be events that were left out when it was written.
Parquet has its schema's metadata for that; CSV and JSON Lines have a column with one value, which
every other program reads, and which stays with the rows that are sorted, copied or put together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

COLUMN: Final = "skewline_part"
"""The column that says in CSV and JSON Lines which part of a topic the rows are."""

_SOME: Final = "part of a topic, with gaps: the events where "
_WHOLE: Final = "part of a topic: the events where "
_NOTE: Final = "The file is a part of a topic: it has only the events where {}{}"
_CUT: Final = (
    ": what was left out would look like silences and losses, so outages, losses and findings are "
    "withheld."
)
_NOTED: Final = re.compile(_NOTE.format("(.+?)", rf"(\.|{re.escape(_CUT)})$"), re.DOTALL)


@dataclass(frozen=True)
class Part:
    """Which part of a topic some events are.

    Attributes
    ----------
    conditions
        What they fulfil, all of it; none: they are the topic.
    is_cut
        Whether events of a client or session were left out and others not, so that gaps in it may
        be of the filter's making.
    """

    conditions: tuple[str, ...] = ()
    is_cut: bool = False

    @property
    def text(self) -> str:
        """What `COLUMN` holds; "" where the events are the topic."""
        if not self.conditions:
            return ""
        return f"{_SOME if self.is_cut else _WHOLE}{self._where}"

    @property
    def note(self) -> str:
        """What is said of a file that holds the part; "" where the events are the topic."""
        return _NOTE.format(self._where, _CUT if self.is_cut else ".") if self.conditions else ""

    @property
    def _where(self) -> str:
        return " and ".join(self.conditions)

    def within(self, other: Part | None) -> Part:
        """Return this part of what is itself a part."""
        if other is None:
            return self
        return Part((*other.conditions, *self.conditions), self.is_cut or other.is_cut)


def part_of_text(text: str) -> Part | None:
    """Return which part a value of `COLUMN` says; None where it says none."""
    for begins, is_cut in ((_SOME, True), (_WHOLE, False)):
        if text.startswith(begins):
            return Part((text.removeprefix(begins),), is_cut)
    return None


def part_in(notes: Iterable[str]) -> Part | None:
    """Return the part that notes on how a file was read tell of; None where they tell of none."""
    found = [match for match in map(_NOTED.search, notes) if match is not None]
    if not found:
        return None
    return Part(
        tuple(dict.fromkeys(match[1] for match in found)), any(match[2] == _CUT for match in found)
    )
