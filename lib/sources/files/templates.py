"""What stands before the values of lines that a template printed: `kcat -f`, `rpk ... -f`.

A part is known by the name before it (`ts=%T key=%k %s`), or else by what all lines have there
(`%p %o %T %k %s`): moments are the timestamps, numbers that rise the offsets.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ROLES: Final = {
    "partition": ("partition", "part", "p"),
    "offset": ("offset", "o"),
    "timestamp": (
        *("timestamp", "ts", "time", "createtime", "logappendtime", "rowtime", "publishtime"),
    ),
    "key": ("key", "k"),
    "value": ("value", "val", "v", "payload", "message", "msg", "body", "content"),
    "": ("topic", "t", "headers", "h"),
}
_ROLE_OF: Final = {name.encode(): role for role, names in _ROLES.items() for name in names}
_NAME: Final = re.compile(rb"(?:^|(?<=[\s,;|(]))([A-Za-z]+)(?: ?\(\d+ bytes\))?(?: ?= ?|: *)")
_BARE_NAME: Final = re.compile(rb"(?:^|(?<=[\s,;|(]))([A-Za-z]+) +")
_PLACED: Final = frozenset({"partition", "offset"})
_SIZE: Final = re.compile(rb"\d+(?= bytes)")
_MOMENT: Final = (
    r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?"
)
_ISO: Final = re.compile(_MOMENT.encode())
_TIME: Final = re.compile(rb"\0|1\d{12}|1\d{9}\.\d{1,9}")
_BEGINS_AS_TIME: Final = re.compile(rb"1\d{12}(?!\d)|" + _MOMENT.encode())
_MS: Final = re.compile(rb"\d{12,14}")
_AFTER_AT: Final = re.compile(rb"1\d{9}(?:\d{3}|\.\d{1,9})?")
_PATTERNS: Final = {
    "partition": r"\d{1,9}",
    "offset": r"\d{1,18}",
    "timestamp": rf"{_MOMENT}|-?\d{{1,18}}(?:\.\d{{1,9}})?|",
}
_MARKS: Final = (b"\t", b"|", b", ", b",", b";", b" ", b":")
_END: Final = re.compile(rb"[^\w\]})\"]+$")
_OPENING: Final = re.compile(rb"b?['\"]|[\[(<@]*")
_CLOSING: Final = re.compile(rb"[\])>'\"]*$")
_MOST_PARTITIONS: Final = 10_000
_FEW: Final = 3


@dataclass(frozen=True)
class Template:
    """What stands before the values.

    Attributes
    ----------
    pattern
        A regular expression with a group for each part of a record.
    roles
        Which parts these are.
    in_ms
        Whether the timestamps are milliseconds since 1970; else they are written out.
    note
        A sentence for who reads the page: what was guessed.
    """

    pattern: str
    roles: frozenset[str]
    in_ms: bool
    note: str = ""


def template_with_names(fronts: Sequence[bytes]) -> Template | None:
    """Return what stands before the values where each part has its name before it; else None.

    Names without a mark behind them, `Partition 0 Offset 17 Key a`, may be words of a text: with
    them the place of a record has to be there, and to fit.
    """
    return _with_names(fronts, _NAME) or _with_names(fronts, _BARE_NAME)


def _with_names(fronts: Sequence[bytes], named: re.Pattern[bytes]) -> Template | None:
    found = [_names_in(front, named) for front in fronts]
    common, times = Counter(names for names, _ in found).most_common(1)[0]
    roles = [_ROLE_OF[name.lower()] for name in common]
    if times * 2 < len(fronts) or not {"timestamp", "key", "offset"} & set(roles):
        return None
    if named is _BARE_NAME and not {*roles} >= _PLACED:
        return None
    alike = [parts for names, parts in found if names == common]
    if len({_SIZE.sub(b"", parts[0][0]) for parts in alike}) > 1:
        return None  # what is before the first name is no label
    columns = list(zip(*alike, strict=True))
    if "timestamp" not in roles:
        roles = [_or_time(*each) for each in zip(roles, common, columns, strict=True)]
    pattern, moments = "", set[bytes]()
    for role, column in zip(roles, columns, strict=True):
        label = _SIZE.sub(b"0", column[0][0])
        texts = [text for _, text in column]
        numbers = label != column[0][0]
        pattern += _literal(label).replace("0", r"\d+") if numbers else _literal(label)
        if role == "value":
            pattern += _literal(texts[0]) if len(set(texts)) == 1 else r"(?:\d+ bytes: )?"
            continue
        gap = _END.search(common_end(texts))
        end = gap[0] if gap else b""
        opening, cells, closing = _bare([text.removesuffix(end) for text in texts])
        pattern += _literal(opening) + _group(role)
        fits = _fit(role, cells)
        if named is _BARE_NAME and role in _PLACED and not fits:
            return None
        pattern += _literal(closing + end) if fits else _ANY
        if role == "timestamp":
            moments |= {one[0] for cell in cells if (one := _form(role).match(cell))}
    return _template(pattern, roles, moments)


def _or_time(role: str, name: bytes, column: Sequence[tuple[bytes, bytes]]) -> str:
    """Return the role of a part; "t" is the time where it has one, else the topic."""
    is_time = name.lower() == b"t" and all(_BEGINS_AS_TIME.match(text) for _, text in column)
    return "timestamp" if is_time else role


def _bare(cells: Sequence[bytes]) -> tuple[bytes, list[bytes], bytes]:
    """Return cells without the brackets and quotes that are around all of them, and these."""
    begin = _OPENING.match(common_start(cells))
    opening = begin[0] if begin else b""
    cells = [cell.removeprefix(opening) for cell in cells]
    end = _CLOSING.search(common_end(cells))
    closing = end[0] if end else b""
    return opening, [cell.removesuffix(closing) for cell in cells], closing


def _fit(role: str, cells: Sequence[bytes]) -> bool:
    """Return whether cells are nothing but what a role has."""
    return all(map(_form(role).fullmatch, cells))


def _form(role: str) -> re.Pattern[bytes]:
    return re.compile(_PATTERNS.get(role, _ANY).encode())


def template_without_names(fronts: Sequence[bytes], sizes: Sequence[int]) -> Template | None:
    """Return what stands before the values where that can be told from all lines; else None.

    Parameters
    ----------
    fronts
        What stands before the value of each line.
    sizes
        How many bytes each value has, which may be printed too.
    """
    if len(fronts) < _FEW and not all(map(_ISO.search, fronts)):
        return None
    end = _END.search(common_end(fronts))
    if end is None:
        return None
    plain = [_ISO.sub(b"\0", front.removesuffix(end[0])) for front in fronts]
    for mark in dict.fromkeys((end[0], *_MARKS)):
        rows = [text.split(mark) for text in plain]
        width = Counter(map(len, rows)).most_common(1)[0][0]
        alike = [k for k, row in enumerate(rows) if len(row) == width]
        cut = [_bare(column) for column in zip(*(rows[k] for k in alike), strict=True)]
        columns = [tuple(cells) for _, cells, _ in cut]
        roles = _roles_of(columns, [sizes[k] for k in alike], [begin for begin, _, _ in cut])
        if roles is not None:
            groups = [
                f"{_literal(begin)}{_ANY if role is None else _group(role)}{_literal(close)}"
                for role, (begin, _, close) in zip(roles, cut, strict=True)
            ]
            pattern = _literal(mark).join(groups) + _literal(end[0])
            times = columns[roles.index("timestamp")] if "timestamp" in roles else ()
            found = _template(pattern, [role for role in roles if role], set(times))
            return replace(found, note=_GUESSED.format(", ".join(filter(None, roles))))
    return None


_ANY: Final = ".*?"
_GUESSED: Final = (
    "What stands before the values has no names; by what all lines have there it was taken for {}."
)


def _template(pattern: str, roles: Iterable[str], moments: set[bytes]) -> Template:
    in_ms = not moments or any(map(_MS.fullmatch, moments))
    return Template(pattern, frozenset(roles) - {"", "value"}, in_ms)


def _group(role: str) -> str:
    return f"(?P<{role}>{_PATTERNS.get(role, _ANY)})" if role else _ANY


def _literal(text: bytes) -> str:
    return re.escape(text.decode(errors="replace"))


def _names_in(
    front: bytes, named: re.Pattern[bytes]
) -> tuple[tuple[bytes, ...], list[tuple[bytes, bytes]]]:
    """Return the names of the parts in a front, and each with what is before and behind it."""
    names: list[bytes] = []
    marks: list[re.Match[bytes]] = []
    for match in named.finditer(front):
        role = _ROLE_OF.get(match[1].lower())
        if role is not None and role not in {_ROLE_OF[name.lower()] for name in names}:
            names.append(match[1])
            marks.append(match)
    if not marks:
        return (), []
    starts = [0, *(match.start() for match in marks[1:])]  # what is before the first is its label's
    ends = [*starts[1:], len(front)]
    pairs = zip(marks, starts, ends, strict=True)
    return tuple(names), [(front[s : m.end()], front[m.end() : end]) for m, s, end in pairs]


def _roles_of(
    columns: list[tuple[bytes, ...]], sizes: list[int], openings: Sequence[bytes]
) -> list[str | None] | None:
    """Return what each column is, None what tells nothing; no list where nothing is known."""
    roles: list[str | None] = [None] * len(columns)
    times = [
        k
        for k, (c, begin) in enumerate(zip(columns, openings, strict=True))
        if all(map((_AFTER_AT if begin.endswith(b"@") else _TIME).fullmatch, c))
    ]
    if times:
        roles[times[0]] = "timestamp"
    numbers = {
        k: list(map(int, column))
        for k, column in enumerate(columns)
        if k not in times and all(cell.isdigit() and len(cell) < 19 for cell in column)
    }
    numbers = {k: n for k, n in numbers.items() if not _are_sizes(n, sizes, columns)}
    for role, k in _places(numbers).items():
        roles[k] = role
    if not {"timestamp", "partition"} & set(roles):
        return None  # numbers that rise may be keys
    known = {k for k, role in enumerate(roles) if role}
    left = [k for k in range(len(columns)) if k not in known and _is_free(columns[k])]
    if len(left) > 1 or known >= {0, 1}:
        left = [k for k in left if len(set(columns[k])) > 1] or left[-1:]
    elif left == [0] and "partition" in roles and len(set(columns[0])) == 1:
        left = []  # the topic
    if left:
        roles[left[0]] = "key"
    return roles


def _is_free(column: tuple[bytes, ...]) -> bool:
    """Return whether a column may be the key: text that is no list of headers."""
    return not all(b"=" in cell for cell in column) and not all(c.isdigit() for c in column)


def _are_sizes(numbers: list[int], sizes: list[int], columns: Iterable[tuple[bytes, ...]]) -> bool:
    lengths = [list(map(len, column)) for column in columns]
    return numbers == sizes or (len(set(numbers)) < len(numbers) and numbers in lengths)


def _places(numbers: dict[int, list[int]]) -> dict[str, int]:
    """Return which columns of numbers are partition and offset; one that rises is an offset."""
    for p, parts in numbers.items():
        for o, offsets in numbers.items():
            if p != o and max(parts) < _MOST_PARTITIONS and _rise(offsets, parts):
                return {"partition": p, "offset": o}
    rising = [k for k, found in numbers.items() if _rise(found, [0] * len(found))]
    return {"offset": rising[0]} if rising else {}


def _rise(offsets: list[int], parts: list[int]) -> bool:
    """Return whether offsets rise in each partition, and some partition has several."""
    by_part: dict[int, list[int]] = {}
    for part, offset in zip(parts, offsets, strict=True):
        by_part.setdefault(part, []).append(offset)
    if len(by_part) * 2 > len(offsets):
        return False
    return all(a < b for some in by_part.values() for a, b in pairwise(some))


def common_start(texts: Sequence[bytes]) -> bytes:
    """Return what all texts begin with."""
    low, high = min(texts, default=b""), max(texts, default=b"")
    same = (n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b)
    return low[: next(same, min(len(low), len(high)))]


def common_end(texts: Sequence[bytes]) -> bytes:
    """Return what all texts end with."""
    return common_start([text[::-1] for text in texts])[::-1]
