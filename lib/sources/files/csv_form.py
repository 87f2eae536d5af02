"""How a CSV file is written: what parts its cells, which line has the names, what is before it."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from lib.sources.files.annotated_csv import is_annotated
from lib.sources.files.bare_json import without_json
from lib.sources.files.drawn import LINE_ENDS, cells_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEPARATORS: Final = "\t;|,^~\x01\x1f"
"""What may part cells; of two that do so equally well, the first."""

SHIELDED: Final = r"=\"(.*)\"|'([+-]?\d.*)"
"""How numbers are written so that a spreadsheet takes them for text: `="17"`, or `'17`."""

GROUPED: Final = r"[1-4](?:(?:,\d{3}){3,6}|(?:\.\d{3}){4,6}|(?: \d{3}){3,6}|(?:'\d{3}){3,6})"
"""How s, ms, µs and ns until 2100 are written with a mark before every three digits.

With dots not seconds: those may be the address of a machine.
"""

_NUMBERED: Final = "they are called column_1, column_2 and so on."
_LINES: Final = 200
_MOST_TITLES: Final = 10
_MOST_CELLS: Final = 1 << 14
_NUMBER: Final = re.compile(r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d|\d\d?[:./]\d\d?[:./]\d\d")
_DECIMAL: Final = re.compile(r"-?\d+,\d+")
_WHOLE: Final = re.compile(r"-?\d*")
_ESCAPED: Final = re.compile(r'(?:^|[\t;|,^~])"(?:[^"\\]|\\.)*\\"(?![\t;|,^~]|$)')
_OBJECT: Final = re.compile(r"\s*\{.*\}\s*", re.DOTALL)
_QUOTED: Final = re.compile(r'(?:(?<=[\t;|,^~])|^) *"(?:[^"]|"")*"(?= *(?:[\t;|,^~]|$))')
_OPENS: Final = re.compile(r'(?:(?<=[\t;|,^~])|^) *"[^"]*(?:""[^"]*)*$')
_LABEL: Final = re.compile(r"\s*[A-Za-z][\w.-]* ?[:=]")
_ROUNDED: Final = re.compile(r"[1-9](?:\.\d{0,8})?[eE]\+?(?:09|9|12|15|18)")
_COMMENT: Final = re.compile(r"(?:#|//|%)\s*")
_TOLD: Final = re.compile(r'"?sep=(.)"?', re.IGNORECASE)


@dataclass(frozen=True)
class CsvForm:
    """How a CSV file is written.

    Attributes
    ----------
    separator, quote
        What parts cells, and what is around text that holds it.
    escapes
        Whether quotes in a text have a backslash before them, as Spark writes them.
    skipped
        Lines before the first row, that with the names among them.
    names
        Of the columns.
    width
        How many cells the rows have; what is beyond the names is empty in rows that are whole.
    decimals
        Columns with decimal commas.
    notes
        Sentences on what is not as one expects of CSV.
    rounded
        Columns of times since 1970 that a spreadsheet has rounded: they tell no time any more.
    shielded
        Columns of `SHIELDED`.
    grouped
        Columns of `GROUPED`.
    """

    separator: str
    quote: str
    skipped: int
    names: tuple[str, ...]
    width: int
    decimals: tuple[str, ...]
    notes: tuple[str, ...]
    escapes: bool = False
    rounded: tuple[str, ...] = ()
    shielded: tuple[str, ...] = ()
    grouped: tuple[str, ...] = ()


def form_of(text: str) -> CsvForm | None:
    """Return how CSV that begins with `text` is written; None if it has no lines."""
    lines = _whole_lines(LINE_ENDS.split(text)[:_LINES])
    told = _TOLD.fullmatch(lines[0]) if lines else None
    first = 1 if told else 0
    while first < len(lines) and not lines[first].strip():
        first += 1
    if first >= len(lines):
        return None
    bare = list(map(without_json, lines))
    quote = _quote(bare)
    separator = told[1] if told else _separator(bare[first:], quote)
    escapes = any(map(_ESCAPED.search, bare)) and not any('""' in line for line in bare)
    rows = [_cells(line, separator, quote, escapes=escapes) for line in lines]
    width = _width(rows[first:])
    at = _line_of_names(lines, rows, first, width)
    following = [row for row in rows[at + 1 :] if len(row) == width]
    named = any(map(str.strip, rows[at])) and not _looks_like_data(rows[at], following)
    names = _told_apart(_names(rows[at], following)) if named else _numbered(width)
    passed = sum(bool(line.strip()) for line in lines[first:at])
    notes = [
        *_said_of_names(rows[at], names if named else None),
        *([f"Lines passed over before the first row: {passed}."] if passed else []),
    ]
    skipped = sum(line.count("\n") + 1 for line in lines[: at + named])
    width = max(width, len(names))
    form = CsvForm(separator, quote, skipped, names, width, (), tuple(notes), escapes)
    return _with_cells(form, following)


def _said_of_names(cells: list[str], names: tuple[str, ...] | None) -> Iterator[str]:
    """Yield what is to be said of names: that there are none, or that some had to be told apart."""
    if names is None:
        first = "looks like data" if any(map(str.strip, cells)) else "is empty"
        yield f"The first line {first}, so the columns have no names; {_NUMBERED}"
        return
    written = [cell.strip() for cell in cells]
    same = sorted(name for name, count in Counter(written).items() if name and count > 1)
    begins = tuple(f"{name}_" for name in same)
    others = ", ".join(n for n in names if n not in written and n.startswith(begins))
    if others:
        yield f"Several columns are called {', '.join(same)}; the others of them are {others}."


def _with_cells(form: CsvForm, rows: list[list[str]]) -> CsvForm:
    """Return a form with what its cells are, told from some rows."""
    names, notes = form.names, [*form.notes]
    decimals = _decimals(names, rows) if form.separator != "," else ()
    if decimals:
        notes.append(f"Decimal commas in {', '.join(decimals)}.")
    rounded = _alike(names, rows, _is_rounded)
    if rounded:
        example = _first(names, rounded, rows)
        notes.append(
            f"Rounded by a spreadsheet, and left out: {', '.join(rounded)} ({example}). "
            "Write such times as whole numbers or as text."
        )
    form = replace(form, shielded=_alike(names, rows, re.compile(SHIELDED).fullmatch))
    grouped = _alike(names, rows, re.compile(GROUPED).fullmatch)
    if grouped:
        notes.append(f"Thousands are marked in {', '.join(grouped)}.")
    return replace(form, decimals=decimals, rounded=rounded, grouped=grouped, notes=tuple(notes))


def _whole_lines(lines: list[str]) -> list[str]:
    """Return lines with those joined that one quoted text goes over; as they are if one never ends.

    A quote begins a text only at a cell's beginning, so that those inside cells do not count.
    """
    found: list[str] = []
    inside = False
    for line in lines:
        bare = without_json(f'"{line}' if inside else line)
        opens = _OPENS.search(_QUOTED.sub("", bare)) is not None
        if inside:
            found[-1] += f"\n{line}"
        else:
            found.append(line)
        inside = opens
    return lines if inside and len(found) * 2 < len(lines) else found


def is_table(text: str) -> bool:
    """Return whether a text is CSV beyond doubt: nine in ten lines have equally many cells."""
    if is_annotated(text) or cells_of(text) is not None:
        return True
    lines = [line for line in LINE_ENDS.split(text)[:_LINES] if line.strip()]
    if len(lines) < 2:
        return False
    bare = list(map(without_json, lines))
    rows = [_cells(line, _separator(bare, '"'), '"') for line in bare]
    width = _width(rows)
    alike = width > 1 and sum(len(row) == width for row in rows) * 10 >= 9 * len(rows)
    return alike and not _are_labelled(rows, width)


def _are_labelled(rows: list[list[str]], width: int) -> bool:
    """Return whether half of the cells have a name each, the same in all rows: no CSV."""
    labels = [
        {found[0] if (found := _LABEL.match(row[k])) else "" for row in rows if len(row) == width}
        for k in range(width)
    ]
    named = [found for found in labels if len(found) == 1 and found != {""}]
    return len(named) > 1 and len(named) * 2 >= width


def _cells(line: str, separator: str, quote: str, *, escapes: bool = False) -> list[str]:
    escape = "\\" if escapes else None
    try:
        reader = csv.reader([line], delimiter=separator, quotechar=quote, escapechar=escape)
        return next(reader, [])
    except csv.Error:
        return line.split(separator)


def _quote(lines: list[str]) -> str:
    """Return what is around texts: single quotes if most lines have them, and none has others."""
    single = [re.search(r"(?:^|[\t;|,])'[^']*'(?:$|[\t;|,])", line) for line in lines]
    is_single = sum(found is not None for found in single) * 2 > len(lines)
    return "'" if is_single and not any('"' in line for line in lines) else '"'


def _separator(lines: list[str], quote: str) -> str:
    """Return what parts most lines into equally many cells, and into the most."""

    def fit(separator: str) -> tuple[float, int]:
        widths = Counter(len(_cells(line, separator, quote)) for line in lines if line.strip())
        width, count = max(widths.items(), key=lambda pair: (pair[1] * (pair[0] > 1), pair[0]))
        return (0, 0) if width < 2 else (round(count / widths.total(), 1), width)

    best = max(SEPARATORS, key=fit)
    return best if fit(best)[1] else ","


def _width(rows: list[list[str]]) -> int:
    """Return how many cells most rows have."""
    widths = Counter(len(row) for row in rows[:_MOST_CELLS] if row)
    return max(widths, key=lambda width: (widths[width] * (width > 1), width))


def _line_of_names(lines: list[str], rows: list[list[str]], first: int, width: int) -> int:
    """Return which line has the names: the first as wide as the rows, or the one before them."""
    at = next((i for i in range(first, len(rows)) if len(rows[i]) == width), first)
    if width == 1:  # a comment is as wide as the one column
        while at + 1 < len(rows) and _COMMENT.match(lines[at]):
            at += 1
    above = next((i for i in range(at - 1, first - 1, -1) if rows[i]), at)
    names = _without_empty_end(rows[above])
    if above == at:
        return _below_titles(rows, at, width)
    if len(names) < 2 or not all(names):
        return at
    beyond = [row[len(names) :] for row in rows[at:] if len(row) == width]
    has_values = not any(map(_is_value, names)) and any(map(_is_value, rows[at]))
    fits = len(names) == width or (len(names) < width and not any(map(any, beyond)))
    return above if fits or has_values else at


def _below_titles(rows: list[list[str]], at: int, width: int) -> int:
    """Return which line has the names where titles above it were filled up with empty cells."""
    for k in range(at, min(at + _MOST_TITLES, len(rows))):
        filled = len(_without_empty_end(rows[k]))
        if len(rows[k]) == width and filled * 2 > width:
            return k if not any(map(_is_value, rows[k])) else at
    return at


def _without_empty_end(cells: list[str]) -> list[str]:
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    return cells


def _is_value(cell: str) -> bool:
    cell = cell.strip()
    return _NUMBER.fullmatch(cell) is not None or _TIME.match(cell) is not None


def _looks_like_data(names: list[str], rows: list[list[str]]) -> bool:
    """Return whether the line for the names has numbers or times where the rows have them."""
    counted = [str(n) for n in range(len(names) + 1)]
    if names in (counted[:-1], counted[1:]):
        return False
    if any(map(_OBJECT.fullmatch, names)):
        return True
    for k, name in enumerate(names):
        cells = [row[k] for row in rows if k < len(row) and row[k]]
        if _is_value(name) and sum(map(_is_value, cells)) * 2 > len(cells):
            return bool(cells) or not rows
    return False


def _names(cells: list[str], rows: list[list[str]]) -> tuple[str, ...]:
    """Return the names, without empty ones at the end; others that are empty are numbered."""
    names = [_COMMENT.sub("", cell) if k == 0 and rows else cell for k, cell in enumerate(cells)]
    used = max((k + 1 for row in rows for k, cell in enumerate(row) if cell), default=0)
    while names and not names[-1].strip() and len(names) > used:
        names.pop()
    return tuple(name.strip() or f"column_{k}" for k, name in enumerate(names, start=1))


def _told_apart(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names with a number behind those that came before."""
    found: list[str] = []
    for name in names:
        others = (f"{name}_{k}" for k in range(2, len(names) + 2))
        free = (other for other in others if other not in names and other not in found)
        found.append(next(free) if name in found else name)
    return tuple(found)


def _numbered(width: int) -> tuple[str, ...]:
    return tuple(f"column_{k}" for k in range(1, width + 1))


def _alike(
    names: tuple[str, ...], rows: list[list[str]], fits: Callable[[str], object]
) -> tuple[str, ...]:
    """Return the columns of which all cells that are not empty fit."""
    found = []
    for k, name in enumerate(names):
        cells = [cell for row in rows if k < len(row) and (cell := row[k].strip())]
        if cells and all(map(fits, cells)):
            found.append(name)
    return tuple(found)


def _is_rounded(cell: str) -> bool:
    """Return whether a cell is a time since 1970 with too few digits for a second."""
    return _ROUNDED.fullmatch(cell) is not None and _is_of_our_age(cell)


def _is_of_our_age(cell: str) -> bool:
    mantissa = float(re.split("[eE]", cell)[0])
    return 1 <= mantissa < 4.2  # seconds, ms, µs or ns until 2100


def _first(names: tuple[str, ...], rounded: tuple[str, ...], rows: list[list[str]]) -> str:
    return next(cell for row in rows if (cell := row[names.index(rounded[0])].strip()))


def _decimals(names: tuple[str, ...], rows: list[list[str]]) -> tuple[str, ...]:
    """Return the columns of whole numbers and numbers with a decimal comma, and nothing else."""
    found = []
    for k, name in enumerate(names):
        cells = [row[k].strip() for row in rows if k < len(row)]
        with_comma = [_DECIMAL.fullmatch(cell) is not None for cell in cells]
        if any(with_comma) and all(
            comma or _WHOLE.fullmatch(cell) for comma, cell in zip(with_comma, cells, strict=True)
        ):
            found.append(name)
    return tuple(found)
