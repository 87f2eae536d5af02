"""Lines that tools print: parts with names, headers and a key, and the value behind them.

`kafka-console-consumer` with any of its `print.*` properties and separators, the Confluent CLI,
`kcat -K`, `rpk topic consume -f` with names before the parts.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.sources.files.arranged import SeveralLines, joined, parts_first, several_lines
from lib.sources.files.places import Places
from lib.sources.files.templates import (
    Template,
    common_end,
    common_start,
    template_with_names,
    template_without_names,
)
from lib.sources.records import noted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_STAMP: Final = (
    r"(?:(?:(?P<timestamp_type>CreateTime|LogAppendTime)|Timestamp): ?(?P<timestamp>-?\d{1,18})"
    r"|NO_TIMESTAMP(?:_TYPE:-1)?)"
)
_PARTS: Final = (
    _STAMP,
    r"Partition: ?(?P<partition>\d{1,9})",
    r"Offset: ?(?P<offset>\d{1,18})",
    r"Topic:? ?[\w.-]+ ?\[(?P<partition>\d{1,9})\] at offset (?P<offset>\d{1,18})",
    r"Topic:? ?[\w.-]+ ?\[(?P<partition>\d{1,9})\]",
    r"Topic:? ?[\w.-]+",
    r"Delivery: ?(?:\d+|NOT_PRESENT)",
    r"Epoch: ?(?:-?\d+|NOT_PRESENT)",
)
"""Parts with names. Kafka prints them in this order; others may in any."""

_WHOLE: Final = r"(?!\d|-\d\d-\d\d)"  # no year of a timestamp that is written out
_FOUND: Final = tuple(re.compile(f"{part}{_WHOLE}".encode(), re.IGNORECASE) for part in _PARTS)
_GAP: Final = re.compile(rb'[ \t]*-[ \t]+|[^\w{\["-]+')
_LONGEST: Final = 1 << 16
_MOST_PARTS: Final = 8
_HEADER: Final = re.compile(rb"[\w.-]+:")
_NO_HEADERS: Final = b"NO_HEADERS"
_HEADERS: Final = re.compile(rb"[\w.-]+:[^,]*(?:,[\w.-]+:[^,]*)+")

_LEVEL: Final = re.compile(rb"\b(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL)\b")
_LOG: Final = re.compile(rb"\W{0,2}\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d")
_TOTAL, _STATUS = "the total at the end", "a status line of kcat"
_HEADERS_ALONE, _ITSELF = "headers on a line of their own", "what a tool says of itself"
SAID_BY_TOOLS: Final = frozenset({_TOTAL, _STATUS, _HEADERS_ALONE, _ITSELF})
"""Reasons of lines that are no records for sure: no event is missing for them."""

_REASONS: Final = (
    (re.compile(rb"\^?C?Processed a total of \d+ messages"), _TOTAL),
    (re.compile(rb"% ?Headers:"), _HEADERS_ALONE),
    (re.compile(rb"% "), _STATUS),
    (re.compile(rb"%[0-7]\|\d+\.\d+\|"), "a line of a log"),
    (_LOG, "a line of a log"),
    (re.compile(rb"(?:SLF4J|WARN|ERROR|INFO|DEBUG|OpenJDK|log4j)\b"), "a line of a log"),
    (
        re.compile(
            rb"(?:Starting|Stopping|Stopped) (?:Kafka )?Consumer|Using |Dumping /|baseOffset: "
            rb"|Log starting offset|(?:Key|Value) format: |Topic printing ceased"
        ),
        _ITSELF,
    ),
)
_NEVER: Final = r"^(?:% |(?:\^C)?Processed a total of \d+ messages)"
"""What tools print beside records, though it may look like one."""

_OF_A_LOG: Final = "The lines are of a log; the JSON in them was read, not the time before it."
OTHERWISE: Final = "a line that is not as the others are"


def why_no_record(line: bytes) -> str | None:
    """Return why a line among records is none, if that can be told from the line."""
    return next((reason for form, reason in _REASONS if form.match(line)), None)


@dataclass(frozen=True)
class Printed:
    """How lines are printed.

    Attributes
    ----------
    pattern
        A regular expression with a group for each part of a record.
    in_ms
        Whether the timestamps are milliseconds since 1970; else they are written out.
    note
        A sentence for who reads the page: what was guessed.
    several
        How several lines make one, which the pattern is for; None where each is one.
    parts_behind
        Whether parts stand behind the values; the pattern is for lines that have them in front.
    """

    pattern: str
    in_ms: bool = True
    note: str = ""
    several: SeveralLines | None = None
    parts_behind: bool = False

    @property
    def names(self) -> list[str]:
        """The columns of `RECORDS` that the lines have."""
        return list(re.compile(self.pattern).groupindex)


def printed_as(lines: Sequence[bytes], first: Sequence[bytes] = ()) -> Printed | None:
    """Return how some lines of a file are printed; None if they are not.

    What the parts are is told from the lines together: what stands between them, and how many are
    in front of the JSON that is the value.

    Parameters
    ----------
    first
        The first lines of the file, all of them; without these each line is for itself.
    """
    first = _records_among(first)
    several = several_lines(first)
    if several is not None:
        whole = joined(several, [pa.array(first, pa.binary())], why_no_record)
        found = _printed_as([line for block in whole for line in block.to_pylist()])
        if found is not None and {"timestamp", "offset", "partition"} & {*found.names}:
            return replace(found, several=several)
    return _printed_as(_records_among(lines))


def holds_json(lines: Sequence[bytes]) -> bool:
    """Return whether some lines end with JSON behind something else."""
    return any(_json_at(line) is not None for line in lines)


def _records_among(lines: Sequence[bytes]) -> list[bytes]:
    short = [line for line in lines if len(line) < _LONGEST]
    return [line for line in short if why_no_record(line) is None or _json_at(line)]


def _printed_as(lines: Sequence[bytes]) -> Printed | None:
    """Return how lines are printed, wherever the parts stand."""
    arranged = list(map(parts_first, lines))
    parts_behind = sum(a != line for a, line in zip(arranged, lines, strict=True)) * 2 > len(lines)
    found = _parts_before(arranged if parts_behind else lines) if lines else None
    return replace(found, parts_behind=parts_behind) if found else None


def _parts_before(lines: Sequence[bytes]) -> Printed | None:
    begun = [_named_parts(line) for line in lines]
    named = Counter(kinds for kinds, _, _ in begun if kinds)
    kinds = named.most_common(1)[0][0] if named else ()
    alike = [
        (line, gaps, end) for line, (k, gaps, end) in zip(lines, begun, strict=True) if k == kinds
    ]
    if not kinds and (found := _without_kinds(lines)):
        return found
    if not kinds and len(lines) > 2 * sum(_split(line) is not None for line in lines):
        return None
    gaps = Counter(gaps[:-1] for _, gaps, _ in alike).most_common(1)[0][0] if kinds else ()
    rests = [line[end:] for line, _, end in alike]
    separator = _separator(rests, begins=bool(kinds))
    if separator is None:
        return None
    if kinds:
        rests = [rest.removeprefix(separator) for rest in rests]
    told = _with_names(rests)
    if told is not None and not told.roles & _groups(kinds):
        return _templated(_named(kinds, gaps, separator), told)
    fronts = _all_fronts(rests, separator)
    inner = separator if fronts or not kinds else _separator(rests, begins=False)
    if inner and inner != separator:  # behind the parts with names another one parts the others
        fronts = _all_fronts(rests, inner)
    if not fronts:  # no JSON: what is parted by a tab is a key and a value
        fronts, inner = [tuple(rest.split(b"\t", 1)[:-1]) for rest in rests], separator
    return Printed(_pattern(_named(kinds, gaps, separator), inner or separator, fronts))


def _all_fronts(rests: Sequence[bytes], separator: bytes) -> list[tuple[bytes, ...]]:
    found = (_fronts(rest, separator) for rest in rests)
    return [front for front in found if front is not None]


def _without_kinds(lines: Sequence[bytes]) -> Printed | None:
    """Return how lines are printed by a template; None if that cannot be told."""
    told = _with_names(lines)
    if told is None:
        begins = [(line, at) for line in lines if (at := _json_at(line))]
        if len(begins) * 2 <= len(lines):
            return None
        fronts = [line[:at] for line, at in begins]
        if any(map(_LEVEL.search, fronts)):
            return Printed(r"(?s)^.*?(?P<value>\{.*)$", note=_OF_A_LOG)
        told = template_without_names(fronts, [len(line) - at for line, at in begins])
    return None if told is None else _templated("", told)


def _with_names(lines: Sequence[bytes]) -> Template | None:
    fronts = [line[:at] for line in lines if (at := _json_at(line))]
    return template_with_names(fronts) if len(fronts) * 2 > len(lines) else None


def _templated(named: str, told: Template) -> Printed:
    pattern = rf"(?si)^{named}{told.pattern}(?P<value>[\[{{].*|[^\[{{]*)$"
    return Printed(pattern, told.in_ms, told.note)


def _groups(kinds: tuple[int, ...]) -> set[str]:
    return {role for kind in kinds for role in _FOUND[kind].groupindex}


def _named(kinds: tuple[int, ...], gaps: tuple[bytes, ...], separator: bytes) -> str:
    behind = [re.escape(gap.decode(errors="replace")) for gap in (*gaps, separator)]
    return "".join(_PARTS[k] + gap for k, gap in zip(kinds, behind, strict=False))


def _pattern(named: str, separator: bytes, fronts: list[tuple[bytes, ...]]) -> str:
    mark = re.escape(separator.decode(errors="replace"))
    without = [len(front) for front in fronts if front and front[0] == _NO_HEADERS]
    count = without[0] if without else Counter(map(len, fronts)).most_common(1)[0][0]
    alike = [front for front in fronts if len(front) == count]
    headers = f"(?P<headers>.*?){mark}" if count and _has_headers(alike, count) else ""
    keys = count - bool(headers)
    if not keys and not headers:
        return f"(?si)^{named}(?P<value>.*)$"
    if not keys:
        return rf"(?si)^{named}{headers}(?P<value>[\[{{].*|[^\[{{]*)$"
    if separator == b"\t":  # which JSON has only escaped
        return f"(?si)^{named}{headers}(?P<key>.*){mark}(?P<value>[^\t]*)$"
    return rf"(?si)^{named}{headers}(?P<key>.*?){mark}(?P<value>[\[{{].*|[^\[{{]*)$"


def _named_parts(line: bytes) -> tuple[tuple[int, ...], tuple[bytes, ...], int]:
    """Return which parts with names a line begins with, what is behind each, and their end."""
    kinds: list[int] = []
    gaps: list[bytes] = []
    at = end = 0
    known: set[str] = set()
    while True:
        found = ((k, part.match(line, at)) for k, part in enumerate(_FOUND))
        kind, match = next(((k, m) for k, m in found if m), (-1, None))
        groups = set() if match is None else {*_FOUND[kind].groupindex, str(kind)}
        if match is None or known & groups:
            return tuple(kinds), tuple(gaps), end
        known |= groups
        kinds.append(kind)
        end = match.end()
        gap = _GAP.match(line, end)
        gaps.append(gap[0] if gap else b"")
        at = end + len(gaps[-1])


def _split(line: bytes) -> int | None:
    """Return `_json_at`; None of a line of a log."""
    return None if _LOG.match(line) else _json_at(line)


def _json_at(line: bytes) -> int | None:
    """Return where the JSON at the end of a line begins; None if there is none, or only that."""
    at = -1
    for _ in range(_MOST_PARTS):
        at = line.find(b"{", at + 1)
        if at < 0 or _is_json(line[at:]):
            break
    else:
        return None
    return at if at > 0 else None


def _is_json(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict | list | None)
    except (ValueError, RecursionError):
        return False


def _separator(rests: Sequence[bytes], *, begins: bool) -> bytes | None:
    """Return what is between the parts of lines.

    Parameters
    ----------
    begins
        Whether the lines begin with it; else it is what stands before the JSON of all.
    """
    if not begins:
        fronts = [line[:at] for line in rests if (at := _split(line))]
        found = re.search(rb"[^\w}\]\"]+$", common_end(fronts))
        return found[0] if found else None
    run = _GAP.match(common_start(rests))
    longest = run[0] if run else b""
    for size in range(len(longest), 0, -1):
        mark = longest[:size]
        if sum(_fronts(rest[size:], mark) is not None for rest in rests) * 2 > len(rests):
            return mark
    return longest or None


def _fronts(rest: bytes, separator: bytes) -> tuple[bytes, ...] | None:
    """Return what is before the JSON of a line, part by part; None if it has no JSON."""
    parts = rest.split(separator)
    for count in range(int(rest.startswith(separator)), min(len(parts), _MOST_PARTS)):
        if _is_json(separator.join(parts[count:])):
            return tuple(parts[:count])
    return None


def _has_headers(fronts: list[tuple[bytes, ...]], count: int) -> bool:
    firsts = [front[0] for front in fronts]
    if _NO_HEADERS in firsts:
        return True
    if count > 1:
        return all(map(_HEADER.match, firsts))
    return all(_HEADERS.fullmatch(first) for first in firsts)


# Reading


def printed_records(
    printed: Printed, blocks: Iterable[pa.BinaryArray], row: int = 0
) -> Iterator[pa.RecordBatch]:
    """Yield the records that lines hold; what is printed otherwise is rejected."""
    roles = [name for name in printed.names if name != "value"]
    if "timestamp_type" in roles and "timestamp" not in roles:
        roles.remove("timestamp_type")
    places = Places({role: role for role in roles}, row)
    places.unit = "ms" if printed.in_ms else None
    if printed.several:
        blocks = joined(printed.several, blocks, why_no_record)
    if printed.parts_behind:
        blocks = (pa.array(map(parts_first, lines.to_pylist()), pa.binary()) for lines in blocks)
    for lines in blocks:
        said = pc.match_substring_regex(lines, _NEVER)
        parts = pc.extract_regex(
            pc.if_else(said, pa.scalar(None, pa.binary()), lines), printed.pattern
        )
        columns = {role: _part(parts, role) for role in roles}
        if "key" in columns:
            columns["key"] = _without_null(columns["key"])
        if "headers" in columns:
            columns["headers"] = _as_json(columns["headers"])
        reasons = None
        if parts.null_count:
            bad = np.flatnonzero(parts.is_null().to_numpy(zero_copy_only=False))
            found: list[str | None] = [None] * len(lines)
            for at in bad.tolist():
                found[at] = why_no_record(lines[at].as_py()) or OTHERWISE
            reasons = pa.array(found, pa.string())
        values = _without_null(pc.struct_field(parts, "value"))
        for block in places.blocks(values, columns, reasons, lines):
            yield noted(block, printed.note)


def _part(parts: pa.StructArray, name: str) -> pa.Array:
    """Return what a group of a pattern matched, null where it took no part."""
    found = pc.struct_field(parts, name)
    return pc.if_else(pc.equal(found, b""), pa.scalar(None, found.type), found)


def _without_null(values: pa.Array) -> pa.Array:
    is_null = pc.is_in(values, pa.array([b"null", b"NULL"], pa.binary()))
    return pc.if_else(is_null, pa.scalar(None, pa.binary()), values)


def _as_json(headers: pa.Array) -> pa.Array:
    """Return headers, printed as `name:value,name:value`, as JSON: names and values in turn."""
    texts = [None if h is None or h == _NO_HEADERS else _in_turn(h) for h in headers.to_pylist()]
    return pa.array(texts, pa.binary())


def _in_turn(headers: bytes) -> bytes:
    flat: list[str | None] = []
    for header in headers.decode("utf-8", "surrogateescape").split(","):
        name, colon, value = header.partition(":")
        if colon or not flat:
            flat += [name, None if value == "null" else value]
        else:  # a comma in the value of the header before
            flat[-1] = f"{flat[-1] or ''},{header}"
    return json.dumps(flat, ensure_ascii=False).encode("utf-8", "surrogateescape")
