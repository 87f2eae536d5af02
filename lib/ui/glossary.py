"""The words of the pages, explained: `docs/glossary.md`, which the code and the docs follow too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_GLOSSARY: Final = Path(__file__).parents[2] / "docs" / "glossary.md"
_LINK: Final = re.compile(r"\[([^\]]*)\]\((?!https?:)[^)]*\)")
"""To another file of the docs, which the app does not show."""


def glossary() -> str:
    """Return the glossary as Markdown, without its title and links to other files."""
    _, _, text = _GLOSSARY.read_text(encoding="utf-8").partition("\n")
    return _LINK.sub(r"\1", text).strip()
