"""What is copied into a ticket: a sentence, its numbers and a link, as Markdown or plain text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lib.core.formatting import visible_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_SPECIAL: Final = re.compile(r"[\\`*_\[\]<>|~#@!]")
"""What other programs' Markdown reads as more than a letter, mentions among them."""


@dataclass(frozen=True)
class Ticket:
    """What somebody is to know who does not see the page.

    Attributes
    ----------
    sentence
        What was found, with wall-clock times; names in it are as they are.
    numbers
        Name → figure, with its unit.
    link
        Opens the view that shows it.
    """

    sentence: str
    numbers: Mapping[str, str]
    link: str

    @property
    def markdown(self) -> str:
        """As GitHub, GitLab and Jira take it; every letter of it shows."""
        numbers = [f"- {_escaped(name)}: {_escaped(said)}" for name, said in self.numbers.items()]
        lines = [f"**{_escaped(self.sentence)}**", "", *numbers]
        return "\n".join([*lines, "", f"[Open in Skewline](<{self.link}>)"])

    @property
    def plain(self) -> str:
        """Without any markup."""
        numbers = [f"{visible_text(n)}: {visible_text(said)}" for n, said in self.numbers.items()]
        return "\n".join([visible_text(self.sentence), "", *numbers, "", self.link])


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", visible_text(text))
