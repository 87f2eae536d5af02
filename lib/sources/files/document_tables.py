"""One JSON document whose events are not in an array: what they are.

| form | for example |
|---|---|
| by id | `{"evt-1": {…}, "evt-2": {…}}`, also a level in, or several levels |
| arrays by name | `{"dev-a": [{…}, …], "dev-b": [{…}, …]}` |
| columns | `{"ts": […], "client": […]}`, and as pandas writes them, `{"ts": {"0": …}, …}` |
| rows | `{"columns": […], "data": [[…], …]}`, as pandas, InfluxDB and SQL services write them |

| pairs | `[[{"field": "ts", "value": …}, …], …]`, as CloudWatch Logs answers a query |

What has no time in it is none of these: an object in an event may look the same.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from lib.core.moments import YEAR_1990, YEAR_2100
from lib.core.times.reading import read_times
from lib.core.times.recognition import recognise_unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Row = dict[str, Any]

MOST_TABLES: Final = 64
"""Objects of an array in which tables are looked for, as those of InfluxDB's series."""

_SAMPLE: Final = 64
_BLOCK_ROWS: Final = 20_000
_DEEPEST: Final = 5
_FEW: Final = 2
_LEAST_ALIKE: Final = 0.5
_MOST_BESIDE: Final = 4
"""So many members by id are there at least for each that is something else."""

_NAMES: Final = ("columns", "fields", "header", "headers", "names", "column_names", "schema")
_ROWS: Final = ("data", "rows", "values", "datarows", "records", "results")
_NUMBERED: Final = "column_1, column_2 and so on"
_IDS: Final = ("id", "key", "document_id")
_GROUPS: Final = ("source", "group", "document_group")


@dataclass(frozen=True)
class DocumentTable:
    """The events of a document.

    Attributes
    ----------
    path
        Names of the fields that lead to them, with dots; "" where they are all of it.
    form
        How they stand there, as a part of a sentence.
    rows
        An object each.
    others
        How many other tables the document has.
    """

    path: str
    form: str
    rows: list[Row]
    others: int = 0

    @property
    def sentence(self) -> str:
        """What a reader of the page should know of it."""
        where = f" in {self.path}" if self.path else ""
        text = (
            f"The file is one JSON document; its events are the {len(self.rows):,} "
            f"{self.form}{where}"
        )
        return f"{text}; others not read: {self.others}." if self.others else f"{text}."

    def blocks(self) -> Iterator[pa.BinaryArray]:
        """Yield the events as JSON, in blocks."""
        for start in range(0, len(self.rows), _BLOCK_ROWS):
            some = self.rows[start : start + _BLOCK_ROWS]
            yield pa.array([json.dumps(row).encode() for row in some], pa.binary())


@dataclass(frozen=True)
class ArrayLines:
    """Lines that are arrays, a row each.

    Attributes
    ----------
    names
        Of the columns.
    named
        Whether the first line has them.
    """

    names: list[str]
    named: bool

    @property
    def sentence(self) -> str:
        """What a reader of the page should know of them."""
        return "" if self.named else f"The rows have no names; they are called {_NUMBERED}."

    def objects(self, blocks: Iterable[pa.BinaryArray]) -> Iterator[pa.BinaryArray]:
        """Yield the rows as objects; what is no array as it stands, without the line of names."""
        skip = self.named
        for block in blocks:
            yield pa.array(map(self._object, block.to_pylist()[int(skip) :]), pa.binary())
            skip = False

    def _object(self, line: bytes) -> bytes:
        try:
            cells = json.loads(line)
        except (ValueError, RecursionError):
            return line
        return json.dumps(_row(self.names, cells)).encode() if isinstance(cells, list) else line


def array_lines(lines: Sequence[object]) -> ArrayLines | None:
    """Return how lines, the first of a file and loaded, are rows; None if they are none."""
    rows = [line for line in lines if isinstance(line, list)]
    if (
        not lines
        or not isinstance(lines[0], list)
        or len(rows) * 2 <= len(lines)
        or not _is_grid(rows)
    ):
        return None
    names, named = _names_of(rows)
    return ArrayLines(names, named) if _have_a_time(rows[int(named) :]) else None


def table_in(document: object) -> DocumentTable | None:
    """Return the events of a document; None if it is one event, or if arrays hold them."""
    found: dict[tuple[str, str], list[Row]] = {}
    for path, form, rows in _tables(document, ()):
        found.setdefault((".".join(path), form), []).extend(rows)
    if not found:
        return None
    where = max(found, key=lambda each: len(found[each]))
    return DocumentTable(*where, found[where], len(found) - 1)


def _tables(
    node: object, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str, list[Row]]]:
    for form, read in _FORMS.items():
        rows = read(node)
        if rows:
            yield path, form, rows
            return
    if len(path) == _DEEPEST:
        return
    if isinstance(node, dict):
        for name, inner in node.items():
            yield from _tables(inner, (*path, name))
    elif isinstance(node, list) and len(node) <= MOST_TABLES:
        objects = [inner for inner in node if isinstance(inner, dict)]
        if not any(map(_is_time, _columns_of(objects))):  # else they are events themselves
            for inner in objects:
                yield from _tables(inner, path)


# By id


def _by_id(node: object, depth: int = 0) -> list[Row]:
    """Return the members of an object that are events, or hold events by id, or in arrays."""
    if not isinstance(node, dict) or depth == _DEEPEST:
        return []
    members = {
        name: inner for name, inner in node.items() if inner and isinstance(inner, dict | list)
    }
    if len(members) + depth < _FEW or (len(node) - len(members)) * _MOST_BESIDE > len(members):
        return []
    inside = {name: _in_group(inner, depth) for name, inner in members.items()}
    if all(inside.values()):
        rows = [(name, row) for name, rows in inside.items() for row in rows]
        return _named(rows, _GROUPS)
    if any(isinstance(inner, list) for inner in members.values()) or not _are_ids(list(members)):
        return []
    events = [(name, inner) for name, inner in members.items() if isinstance(inner, dict)]
    return _named(events, _IDS)


def _in_group(node: object, depth: int) -> list[Row]:
    if isinstance(node, list):
        return node if all(isinstance(each, dict) and each for each in node) else []
    return _by_id(node, depth + 1)


def _are_ids(names: Sequence[str]) -> bool:
    """Return whether names may be ids: two are alike or have digits, unlike "before", "after"."""
    if len(names) > _FEW or all(any(map(str.isdigit, name)) for name in names):
        return True
    if len(names) < _FEW:
        return False
    one, other = names
    others = sum(a != b for a, b in zip(one, other, strict=False))
    return len(one) == len(other) and others <= _FEW < len(one)


def _named(members: Sequence[tuple[str, Row]], names: Sequence[str]) -> list[Row]:
    """Return events with their names in the document as a field; nothing if they are not alike."""
    events = [event for _, event in members]
    if not _are_alike(events):
        return []
    used = {name for event in events for name in event}
    name = next((name for name in names if name not in used), names[-1])
    return [{name: of, **event} for of, event in members]


def _are_alike(events: Sequence[Row]) -> bool:
    """Return whether most names in some events are in most of them, and one of these is a time."""
    some = events[:_SAMPLE]
    counts = Counter(name for event in some for name in event)
    shared = [name for name, count in counts.items() if count * 2 > len(some)]
    return len(shared) >= _LEAST_ALIKE * len(counts) > 0 and any(
        map(_is_time, _columns_of([{n: event.get(n) for n in shared} for event in some]))
    )


def _columns_of(events: Sequence[Mapping[str, Any]]) -> Iterator[list[Any]]:
    """Yield the values of each field of events, nested ones too."""
    columns: dict[str, list[Any]] = {}
    for event in events:
        for name, value in _flat(event, ""):
            columns.setdefault(name, []).append(value)
    yield from columns.values()


def _flat(event: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in event.items():
        if isinstance(value, dict) and prefix.count(".") < _DEEPEST:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _is_time(values: Sequence[object]) -> bool:
    texts = [None if v is None or isinstance(v, bool) else str(v) for v in values[:_SAMPLE]]
    # Half a surrogate pair, which JSON may hold, is no part of a time.
    column = pa.array([v and v.encode(errors="replace").decode() for v in texts], pa.string())
    unit = recognise_unit(column)
    if unit is None:
        return False
    ms = read_times(column, unit).ms
    return bool(((ms > YEAR_1990) & (ms < YEAR_2100)).any())


# Columns and rows


def _by_column(node: object) -> list[Row]:
    """Return the rows of columns: arrays of equal length, or objects with the same numbers."""
    if not isinstance(node, dict):
        return []
    columns = {name: inner for name, inner in node.items() if _is_column(inner)}
    lists = [
        list(inner.values()) if isinstance(inner, dict) else inner for inner in columns.values()
    ]
    keys = {tuple(inner) if isinstance(inner, dict) else len(inner) for inner in columns.values()}
    if len(columns) < 2 or len(keys) > 1 or not any(map(_is_time, lists)):
        return []
    constants = _constants(node, columns)
    return [
        constants | dict(zip(columns, cells, strict=True)) for cells in zip(*lists, strict=True)
    ]


def _is_column(inner: object) -> bool:
    if isinstance(inner, dict):
        return len(inner) > 1 and all(map(str.isdigit, inner)) and _are_plain(inner.values())
    return isinstance(inner, list) and len(inner) > 1 and _are_plain(inner)


def _are_plain(cells: Iterable[object]) -> bool:
    return not any(isinstance(cell, dict | list) for cell in cells)


def _by_row(node: object) -> list[Row]:
    """Return rows that are arrays, with their names beside them or in the first of them."""
    if isinstance(node, list):
        return _rows_of(node, None)
    if not isinstance(node, dict):
        return []
    names = next((found for name in _NAMES if (found := _names_in(node.get(name)))), None)
    rows = next((inner for name in _ROWS if _is_grid(inner := node.get(name))), None)
    if names is None or rows is None:
        return []
    constants = _constants(node, (*_NAMES, *_ROWS))
    return [constants | row for row in _rows_of(rows, names)]


def _by_pair(node: object) -> list[Row]:
    """Return rows that are arrays of a name and a value for each of their columns."""
    if not isinstance(node, list) or not all(map(_are_pairs, node)):
        return []
    rows = [{each["field"]: each["value"] for each in pairs} for pairs in node]
    return rows if any(map(_is_time, _columns_of(rows[:_SAMPLE]))) else []


def _are_pairs(node: object) -> bool:
    return isinstance(node, list) and all(
        isinstance(each, dict) and each.keys() == {"field", "value"} for each in node
    )


def _rows_of(rows: list[Any], names: Sequence[str] | None) -> list[Row]:
    if not _is_grid(rows):
        return []
    if names is None:
        names, named = _names_of(rows)
        rows = rows[int(named) :]
    return [_row(names, cells) for cells in rows] if _have_a_time(rows) else []


def _names_of(rows: Sequence[list[Any]]) -> tuple[list[str], bool]:
    """Return the names of columns, and whether the first row has them."""
    first = rows[0]
    if all(isinstance(cell, str) and cell and not _is_time([cell]) for cell in first) and any(
        not isinstance(cell, str) or _is_time([cell]) for row in rows[1:_SAMPLE] for cell in row
    ):
        return first, True
    return [f"column_{k + 1}" for k in range(len(first))], False


def _have_a_time(rows: Sequence[Sequence[Any]]) -> bool:
    return any(map(_is_time, zip(*rows[:_SAMPLE], strict=False)))


def _row(names: Sequence[str], cells: Sequence[Any]) -> Row:
    """Return a row; cells beyond the names are not lost."""
    beyond = [f"column_{k + 1}" for k in range(len(names), len(cells))]
    return dict(zip((*names, *beyond), cells, strict=False))


def _is_grid(rows: object) -> bool:
    """Return whether something is an array of arrays, most of them equally long."""
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) for row in rows):
        return False
    width, count = Counter(map(len, rows)).most_common(1)[0]
    return width > 1 and count * 10 >= 9 * len(rows)


def _names_in(found: object) -> list[str] | None:
    """Return names of columns: texts, or objects that have a name each."""
    inner = found.get("fields") if isinstance(found, dict) else found
    if not isinstance(inner, list) or not inner:
        return None
    found = [each.get("name") if isinstance(each, dict) else each for each in inner]
    names = [name for name in found if isinstance(name, str)]
    return names if len(names) == len(found) else None


def _constants(node: Mapping[str, Any], others: Iterable[str]) -> Row:
    """Return what stands beside a table and holds for all of its rows."""
    known = set(others)
    return {
        name: inner
        for name, inner in node.items()
        if name not in known
        and not isinstance(inner, list)
        and (not isinstance(inner, dict) or _are_plain(inner.values()))
    }


_FORMS: Final = {
    "rows": _by_row,
    "rows of the columns": _by_column,
    "rows of names and values": _by_pair,
    "members by name": _by_id,
}
