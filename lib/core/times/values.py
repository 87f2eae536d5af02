"""Columns of values as Arrow has them, and what reading them gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class UnplacedTimes:
    """What was read from values, before it is known whose local time it is.

    Attributes
    ----------
    ms
        int64: epoch ms; where `local`, of the clock on the wall, as if it were UTC. Without
        meaning where not `ok`.
    ok
        bool: the value is a time.
    local
        bool: no zone is written.
    unknown_zone
        bool: a zone is written that means several (CST), so that one has to be chosen.
    ambiguous, nonexistent
        bool: the time was twice or never on the clocks of its zone.
    """

    ms: NDArray[np.int64]
    ok: NDArray[np.bool_]
    local: NDArray[np.bool_]
    unknown_zone: NDArray[np.bool_]
    ambiguous: NDArray[np.bool_]
    nonexistent: NDArray[np.bool_]

    def take(self, rows: NDArray[np.int64]) -> UnplacedTimes:
        """Return the values at some positions."""
        return UnplacedTimes(*(part[rows] for part in vars(self).values()))


def values_of(
    ms: NDArray[np.int64], ok: NDArray[np.bool_], local: NDArray[np.bool_] | None = None
) -> UnplacedTimes:
    """Return `UnplacedTimes` of which nothing is doubtful."""
    no = np.zeros(len(ms), bool)
    return UnplacedTimes(ms, ok, no if local is None else local, no, no, no)


def no_values(count: int) -> UnplacedTimes:
    """Return `count` values that are no times."""
    return values_of(np.zeros(count, np.int64), np.zeros(count, bool))


def put_together(count: int, parts: list[tuple[NDArray[np.int64], UnplacedTimes]]) -> UnplacedTimes:
    """Return `count` values of which each part has some; the others are no times."""
    together = no_values(count)
    columns = [np.array(column) for column in vars(together).values()]
    for rows, part in parts:
        for column, found in zip(columns, vars(part).values(), strict=True):
            column[rows] = found
    return UnplacedTimes(*columns)


def one_piece(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return `column` in one piece, of a type that times are read from.

    int64, float64, string, or a dictionary of strings with no more entries than rows; timestamps
    as they are. Of other types, integers that no int64 holds and decimals become strings.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries().combine_chunks()
    kind = column.type
    if pa.types.is_dictionary(kind):
        entries = column.dictionary
        if pa.types.is_string(entries.type) and not entries.null_count:
            return column if len(entries) <= len(column) else column.cast(pa.string())
        return one_piece(column.cast(kind.value_type))
    if pa.types.is_uint64(kind):
        fits = not len(column) or (pc.max(column).as_py() or 0) < 1 << 63
        return column.cast(pa.int64() if fits else pa.string())
    if pa.types.is_integer(kind):
        return column.cast(pa.int64())
    if pa.types.is_floating(kind):
        return column.cast(pa.float64())
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_decimal(kind):
        return column.cast(pa.string())
    return column


def to_numpy(column: pa.Array) -> NDArray[np.bool_]:
    """Return an Arrow column of booleans without nulls."""
    found: NDArray[np.bool_] = column.to_numpy(zero_copy_only=False)
    return found


def matches(values: pa.Array, pattern: str) -> NDArray[np.bool_]:
    """Return which strings a regular expression finds something in."""
    return to_numpy(pc.match_substring_regex(values, pattern))


def is_present(column: pa.Array) -> NDArray[np.bool_]:
    """Return which rows of a column are not null."""
    return to_numpy(column.is_valid())
