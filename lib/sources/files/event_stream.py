"""Server-sent events, as a program saves what a server keeps sending it: the data of each, alone.

The text/event-stream format of the HTML Living Standard, 9.2.5: a field a line, of which `data` is
what is sent. Data over several lines are not put together: servers send JSON in one.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_DATA: Final = "^data: ?"
_BESIDE: Final = r"^(?::|(?:event|id|retry)(?::|$))"
_FIELD: Final = re.compile(f"{_DATA}|{_BESIDE}".encode())
_MOST_FIELDS: Final = 5
_NEARLY_ALL: Final = 0.9


def are_server_sent(lines: Sequence[bytes]) -> bool:
    """Return whether some lines are server-sent events whose data are JSON objects."""
    fields = sum(_FIELD.match(line) is not None for line in lines)
    data = sum(line.startswith(b"data:") and _is_object(line[5:]) for line in lines)
    return fields >= _NEARLY_ALL * len(lines) and data * _MOST_FIELDS >= len(lines) > 0


def data_of(blocks: Iterable[pa.BinaryArray]) -> Iterator[pa.BinaryArray]:
    """Yield the data of the events in lines; lines that are no field of one as they are."""
    for lines in blocks:
        kept = lines.filter(pc.invert(pc.match_substring_regex(lines, _BESIDE)))
        yield pc.replace_substring_regex(kept, _DATA, "")


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
