"""Records that a tool printed over several lines, or with parts behind the value, as lines.

`kcat -f` prints whatever it is told to. A record comes out as one line, its parts before its value,
as the readers of `lib.sources.files.printed` have it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_DECODER: Final = json.JSONDecoder()
_MOST_TRIED: Final = 8
_MOST_LINES: Final = 16
_FEW: Final = 2
_PARTED: Final = " \t\r,;|"
_IS_JSON: Final = re.compile(rb"\s*(?:[\"}\]]|[\[{]\s*$)")
"""How lines begin that are a part of a JSON value over several lines."""

_CLOSED: Final = re.compile(r"[)'>*#=~.\s-]+")
_DIGITS: Final = re.compile(rb"\d+")
_LABEL: Final = re.compile(rb"[^:=]*?\w[^:=]*[:=]")


@dataclass(frozen=True)
class SeveralLines:
    """How lines make records.

    Attributes
    ----------
    begins
        A regular expression of how the first line of each begins; None where each ends with JSON.
    """

    begins: re.Pattern[bytes] | None


def parts_first(line: bytes) -> bytes:
    r"""Return a line with what stands behind the JSON in it before it; others as they are.

    What only closes a bracket or a quote, rules records off or would part them from more, goes.
    Where JSON ends the line, JSON before it is a key or headers.

    Examples
    --------
    >>> parts_first(b'{"a":1} @ 0/17')
    b'@ 0/17\t{"a":1}'
    """
    text = line.decode("utf-8", "surrogateescape")
    end = _end_of_json(text)
    if end is None:
        return line
    behind = text[end:].strip(_PARTED)
    parted = not behind and text.endswith("\t")
    if parted or _CLOSED.fullmatch(behind) or behind.startswith("% Headers:"):
        return text[:end].encode("utf-8", "surrogateescape")
    if not any(map(str.isalnum, behind)):
        return line
    if behind.startswith(("{", "[")) or _ends_with_json(behind):
        return line
    return f"{behind}\t{text[:end]}".encode("utf-8", "surrogateescape")


def _ends_with_json(text: str) -> bool:
    while (end := _end_of_json(text)) is not None:
        text = text[end:]
        if not text:
            return True
    return False


def _end_of_json(text: str) -> int | None:
    """Return where the first JSON object in a text ends; None if it has none."""
    at = -1
    for _ in range(_MOST_TRIED):
        at = text.find("{", at + 1)
        if at < 0:
            return None
        try:
            return _DECODER.raw_decode(text, at)[1]
        except (ValueError, RecursionError):
            pass
    return None


def several_lines(lines: Sequence[bytes]) -> SeveralLines | None:
    """Return how lines, the first of a file, make records of several lines each; None if not."""
    if any(map(_IS_JSON.match, lines)):
        return None
    values = [k for k, line in enumerate(lines) if _has_json(line)]
    steps = Counter(b - a for a, b in pairwise(values))
    size, count = steps.most_common(1)[0] if steps else (1, 0)
    few = _FEW if len(lines) != 2 * size else 1
    if not 1 < size <= _MOST_LINES or count < max(few, 0.9 * (len(values) - 1)):
        return None
    if values[0] >= size:
        return None
    begins = _beginning(lines, size)
    return SeveralLines(begins) if begins or values[0] == size - 1 else None


def _beginning(lines: Sequence[bytes], size: int) -> re.Pattern[bytes] | None:
    """Return how the first of every `size` lines begins, and no other; None if that tells none."""
    first = lines[0]
    label = _LABEL.match(first)
    if label is None and len(set(lines[::size])) > 1:
        return None
    text = re.escape(label[0] if label else first)
    begins = re.compile(_DIGITS.sub(rb"\\d+", text))
    fits = [begins.match(line) is not None for line in lines]
    return begins if fits == [k % size == 0 for k in range(len(lines))] else None


def joined(
    form: SeveralLines, blocks: Iterable[pa.BinaryArray], stands_alone: Callable[[bytes], object]
) -> Iterator[pa.BinaryArray]:
    """Yield the lines of each record as one line, tabs between them.

    Parameters
    ----------
    stands_alone
        Tells lines that are no part of a record.
    """
    record: list[bytes] = []
    for block in blocks:
        found: list[bytes] = []
        for line in block.to_pylist():
            if stands_alone(line):
                found.append(line)
                continue
            begins = form.begins is not None and form.begins.match(line) is not None
            if begins or len(record) == _MOST_LINES:
                found += _as_line(record)
                record = []
            record.append(line)
            if form.begins is None and _has_json(line):
                found += _as_line(record)
                record = []
        yield pa.array(found, pa.binary())
    yield pa.array(_as_line(record), pa.binary())


def _as_line(record: list[bytes]) -> list[bytes]:
    return [b"\t".join(line.strip() for line in record)] if record else []


def _has_json(line: bytes) -> bool:
    return _end_of_json(line.decode("utf-8", "surrogateescape")) is not None
