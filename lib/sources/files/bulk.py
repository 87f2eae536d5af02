"""Elasticsearch's `_bulk` requests: lines of documents, without the line of an action before each.

Elasticsearch and OpenSearch take them, Logstash, Filebeat and elasticdump write them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

_ACTION: Final = (
    r'^\s*\{\s*"(?:index|create|update|delete)"\s*:\s*\{\s*(?:"_(?:index|id|type)"\s*:.*)?\}'
    r"\s*\}\s*$"
)
_FIRST: Final = re.compile(_ACTION.encode())


def are_bulk(lines: Sequence[bytes]) -> bool:
    """Return whether the first lines of a file are actions and documents of a `_bulk` request."""
    actions = sum(_FIRST.match(line) is not None for line in lines)
    return 3 * actions > len(lines) and _FIRST.match(lines[0]) is not None


def documents_of(blocks: Iterable[pa.BinaryArray]) -> Iterator[pa.BinaryArray]:
    """Yield the lines that are no actions."""
    for lines in blocks:
        yield lines.filter(pc.invert(pc.match_substring_regex(lines, _ACTION)))
