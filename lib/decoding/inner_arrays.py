"""Which array inside of values holds the events, at any depth: the one that has the times."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from datetime import date, time
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from lib.core.moments import YEAR_1990, YEAR_2100
from lib.core.times.reading import READABLE, read_times
from lib.core.times.recognition import recognise_form, recognise_unit
from lib.decoding.merge import as_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Path = tuple[str, ...]
    """Names of the fields that lead to an array, through objects alone."""

    _Object = Mapping[str, Any]

LOOKED_AT: Final = 64
"""Values, texts of a field, or events that are looked at."""

_DEEPEST: Final = 8
_OF_TIME: Final = re.compile(r"(?i)time|date|stamp|^ts|ts$|(?:^|_)at$|(?-i:At)$|^t$|when")

_OF_ALL: Final = re.compile(
    r"(?i)recei|recv|rcvd|ingest|upload|enqueue|(?:^|_)(?:sent|server)|(?-i:Sent|Server)"
)
"""Names of times of a batch, which is sent and received as a whole."""


def path_of_events(objects: Sequence[_Object], inside: Path, *, wanted: bool) -> Path | None:
    """Return which array holds the events of half of some values; None if none does.

    It makes up most of its value, and its elements have a time; or nothing that is around it is a
    time of our age, but of when all were sent or received, and something in its elements is, at any
    depth.

    Parameters
    ----------
    inside
        The array's path begins so: where another has been opened before.
    wanted
        Whether any array will do where none is found so.
    """
    found: defaultdict[Path, list[tuple[_Object, Sequence[_Object]]]] = defaultdict(list)
    for value in objects:
        for path, array in _arrays_in(value):
            if path[: len(inside)] == inside:
                found[path].append((value, array))
    often = sorted(found, key=lambda path: -len(found[path]))
    for path in often:
        if _hold_events(found[path], len(objects) / 2):
            return path
    return next(iter(often), None) if wanted else None


def rows_as_json(rows: pa.StructArray) -> list[dict[str, Any]]:
    """Return a table's rows as JSON has them, moments as text; none where it has no lists."""
    if not _has_lists(rows.type):
        return []
    try:
        return [json.loads(json.dumps(row, default=_as_text)) for row in rows.to_pylist()]
    except (ValueError, OverflowError):  # moments beyond Python's own
        return []


def _has_lists(kind: pa.DataType) -> bool:
    nested = [field.type for field in kind] if pa.types.is_struct(kind) else []
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or any(map(_has_lists, nested))


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _arrays_in(value: _Object, path: Path = ()) -> Iterator[tuple[Path, Sequence[_Object]]]:
    """Yield the arrays of objects that are in no other array."""
    for name, inner in value.items() if len(path) < _DEEPEST else ():
        if isinstance(inner, dict):
            yield from _arrays_in(inner, (*path, name))
        elif isinstance(inner, list) and inner and all(isinstance(e, dict) for e in inner):
            yield (*path, name), inner


def _hold_events(pairs: Sequence[tuple[_Object, Sequence[_Object]]], least: float) -> bool:
    """Return whether arrays hold the events of at least so many of the values that they are in."""
    most = [(value, array) for value, array in pairs if _size(array) * 2 > _size(value)]
    if len(most) >= least:
        direct = _columns_of_times(event.items() for event in _events_of(most))
        if any(map(recognise_unit, direct)):
            return True
    beside = _columns(_leaves(value) for value, _ in pairs).items()
    around = (column for name, column in beside if not _OF_ALL.search(name.rpartition(".")[2]))
    if len(pairs) < least or any(map(_is_of_our_age, around)):
        return False
    inside = _columns_of_times(_leaves(event, deep=True) for event in _events_of(pairs))
    return any(map(_is_of_our_age, inside))


def _events_of(pairs: Sequence[tuple[_Object, Sequence[_Object]]]) -> list[_Object]:
    return list(islice((event for _, array in pairs for event in array), LOOKED_AT))


def _size(value: object) -> int:
    return len(json.dumps(value))


def _columns(rows: Iterable[Iterable[tuple[str, object]]]) -> dict[str, pa.Array]:
    columns: defaultdict[str, list[str | None]] = defaultdict(list)
    for row in rows:
        for name, value in row:
            columns[name].append(as_text(value))
    return {name: pa.array(column, pa.string()) for name, column in columns.items()}


def _columns_of_times(rows: Iterable[Iterable[tuple[str, object]]]) -> list[pa.Array]:
    """Return the columns that have a name of times."""
    named = _columns(rows).items()
    return [column for name, column in named if _OF_TIME.search(name.rpartition(".")[2])]


def _is_of_our_age(column: pa.Array) -> bool:
    """Return whether most of a column are times of our age, in whatever form."""
    recognised = recognise_form(column)
    form = next(iter(recognised.choices), recognised.form)
    if form is None:
        return False
    times = read_times(column, form, zone="UTC")
    ours = (times.ms >= YEAR_1990) & (times.ms < YEAR_2100) & (times.problem == READABLE)
    return bool(ours.mean() > 0.5)


def _leaves(value: object, name: str = "", *, deep: bool = False) -> Iterator[tuple[str, object]]:
    """Yield the values inside of one with the names that lead there, through arrays if `deep`."""
    if isinstance(value, dict):
        for inner, each in value.items():
            yield from _leaves(each, f"{name}.{inner}", deep=deep)
    elif isinstance(value, list):
        for each in value[:LOOKED_AT] if deep else ():
            yield from _leaves(each, name, deep=deep)
    else:
        yield name, value
