"""What lies in a folder of files and is no topic, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lib.sources.files.folder import FileTopics
from lib.sources.guarded import Guarded

if TYPE_CHECKING:
    from lib.sources.base import TopicSource

MOST_PASSED: Final = 20


def passed_over(source: TopicSource) -> str:
    """Return what lies in a folder and is no topic, each with the reason; "" where nothing does.

    Of a folder that is open in part nothing is told of the rest.
    """
    folder = source.source if isinstance(source, Guarded) and source.is_open else source
    found = folder.passed_over() if isinstance(folder, FileTopics) else []
    if not found:
        return ""
    named = [f"{each.name} {each.reason}" for each in found[:MOST_PASSED]]
    if more := len(found) - len(named):
        named.append(f"and {more:,} more")
    return f"Passed over in the folder: {'; '.join(named)}."
