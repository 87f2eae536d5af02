"""From the slots that a compiled reader of a schema fills to columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lib.core.binary_values import is_utf8
from lib.core.jit import compiled
from lib.core.single_precision import as_written
from lib.decoding.json_layout import array_of, texts_at
from lib.decoding.json_record import records_to_columns
from lib.decoding.merge import concat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Values:
    """Values that lie in one buffer.

    Attributes
    ----------
    data
        uint8, the buffer.
    starts, stops
        int64, where each value begins and ends.
    """

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]

    @classmethod
    def of(cls, values: pa.Array) -> Values:
        """Return binary values; a null one is empty."""
        _, offsets, data = values.buffers()
        bounds = np.frombuffer(offsets, np.int32)[values.offset :][: len(values) + 1]
        content = np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
        return cls(content, bounds[:-1].astype(np.int64), bounds[1:].astype(np.int64))

    def __len__(self) -> int:
        return len(self.starts)

    def take(self, rows: NDArray[np.integer[Any]] | NDArray[np.bool_]) -> Values:
        """Return some of the values; nothing is copied but where they lie."""
        if len(rows) == len(self) and rows.dtype != np.bool_:
            return self  # all, in their order
        return Values(self.data, self.starts[rows], self.stops[rows])

    def beginning(self, starts: NDArray[np.int64]) -> Values:
        """Return the values without what lies before `starts`."""
        return Values(self.data, starts, self.stops)

    def until(self, stops: NDArray[np.int64]) -> Values:
        """Return the values without what lies behind `stops`."""
        return Values(self.data, self.starts, stops)

    def __getitem__(self, row: int) -> bytes:
        return self.data[self.starts[row] : self.stops[row]].tobytes()

    def to_arrow(self) -> pa.Array:
        """Return the values as Arrow's binary; copied unless they lie one behind the other."""
        offsets = np.zeros(len(self) + 1, np.int32)
        np.cumsum(self.stops - self.starts, out=offsets[1:])
        if len(self) and (self.starts[1:] == self.stops[:-1]).all():
            content = self.data[self.starts[0] : self.stops[-1]]
        else:
            content = np.empty(offsets[-1], np.uint8)
            _copy(self.data, self.starts, offsets, content)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(content)]
        return pa.Array.from_buffers(pa.binary(), len(self), buffers)


@dataclass(frozen=True)
class Slot:
    """What a reader has put into one slot, a value a record.

    Attributes
    ----------
    data
        uint8, the buffer in which the records lie.
    numbers
        int64: an integer; the bits of a double; 0 or 1; where bytes begin, times 2^32, plus how
        many they are.
    present
        uint8, 0 where the record has none.
    """

    data: NDArray[np.uint8]
    numbers: NDArray[np.int64]
    present: NDArray[np.uint8]


@dataclass(frozen=True)
class ReadColumns:
    """Values as columns.

    Attributes
    ----------
    columns
        By name, a row a good value; a value that is no record has its own under "".
    good
        int64, which values those are.
    reasons
        Why a value could not be read, by its position.
    """

    columns: dict[str, pa.Array]
    good: NDArray[np.int64]
    reasons: dict[int, str]

    def at(self, rows: NDArray[np.int64]) -> ReadColumns:
        """Return this of values that stand at `rows`, with these as their positions."""
        reasons = {int(rows[row]): reason for row, reason in self.reasons.items()}
        return replace(self, good=rows[self.good], reasons=reasons)


Columns = dict[str, pa.Array]


class NotReadableError(Exception):
    """Some values are not what the schema says: `reasons`, by their positions."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        super().__init__(next(iter(reasons.values())))
        self.reasons = reasons


def read_with(columns_of: Callable[[Values], Iterable[Columns]], values: Values) -> ReadColumns:
    """Read values with what makes columns of them, without those that it cannot read.

    Parameters
    ----------
    columns_of
        Raises `NotReadableError`; then it is asked again, for the others.
    """
    good, reasons = np.arange(len(values)), dict[int, str]()
    while True:
        try:
            columns = with_one_column_a_name(columns_of(values.take(good)), len(good))
        except NotReadableError as fault:
            reasons |= {int(good[row]): reason for row, reason in fault.reasons.items()}
            good = np.delete(good, list(fault.reasons))
        else:
            return ReadColumns(columns, good, reasons)


def check(status: NDArray[np.uint8], why: Mapping[int, str]) -> None:
    """Raise `NotReadableError` for the values whose walk ended with a status other than 0."""
    failed = np.flatnonzero(status).tolist()
    if failed:
        raise NotReadableError({row: why[int(status[row])] for row in failed})


def integers(slot: Slot) -> pa.Array:
    """Return a slot of integers."""
    return array_of(pa.int64(), slot.numbers.copy(), slot.present)


def doubles(slot: Slot) -> pa.Array:
    """Return a slot of doubles."""
    return array_of(pa.float64(), slot.numbers.copy(), slot.present)


def singles(slot: Slot) -> pa.Array:
    """Return a slot of floats of 32 bits, which it holds as doubles, as they are written."""
    doubles = np.where(slot.present, slot.numbers, 0).view(np.float64)
    numbers = as_written(doubles.astype(np.float32))
    return array_of(pa.float64(), numbers, slot.present)


def booleans(slot: Slot) -> pa.Array:
    """Return a slot of 0 and 1."""
    return pa.array(slot.numbers.astype(bool), mask=slot.present == 0)


def texts(slot: Slot) -> pa.Array:
    """Return a slot of UTF-8 texts, as a dictionary where they repeat.

    Raises
    ------
    NotReadableError
        When some are not UTF-8.
    """
    try:
        return texts_at(slot.data, slot.numbers, slot.present)
    except pa.ArrowInvalid:
        rows = np.flatnonzero(slot.present).tolist()
        bad = [row for row in rows if not is_utf8(_bytes_at(slot, row))]
        raise NotReadableError(dict.fromkeys(bad, "text that is not UTF-8")) from None


def named(slot: Slot, name_of: Callable[[int], str]) -> pa.Array:
    """Return a slot of integers as the text that `name_of` makes of each, a dictionary.

    Raises
    ------
    NotReadableError
        When it makes none of some.
    """
    present = slot.present.astype(bool)
    used, codes = np.unique(np.where(present, slot.numbers, 0), return_inverse=True)
    found = np.zeros(len(used), bool)
    found[codes[present]] = True
    indices = pa.array((np.cumsum(found) - 1)[codes].astype(np.int32), mask=~present)
    words = _each(used[found].tolist(), indices, name_of)
    return pa.DictionaryArray.from_arrays(indices, pa.array(words, pa.string()))


def _distinct(slot: Slot) -> tuple[list[bytes], pa.Array]:
    """Return the different bytes in a slot, and which of them each record has (int32)."""
    rows = np.flatnonzero(slot.present)
    found: dict[bytes, int] = {}
    codes = np.zeros(len(slot.present), np.int32)
    for row in rows.tolist():
        codes[row] = found.setdefault(_bytes_at(slot, row), len(found))
    return list(found), pa.array(codes, mask=slot.present == 0)


def converted(slot: Slot, convert: Callable[[bytes], Any], kind: pa.DataType) -> pa.Array:
    """Return a slot of bytes, each as what `convert` makes of it."""
    values, codes = _distinct(slot)
    made = pa.array(_each(values, codes, convert), kind)
    return made.take(codes) if len(values) else pa.nulls(len(slot.present), kind)


def objects(slot: Slot, name: str, convert: Callable[[bytes], dict[str, Any]]) -> Columns:
    """Return a slot of bytes, each of which `convert` makes an object of, as dotted columns."""
    values, codes = _distinct(slot)
    made = _each(values, codes, convert)
    table = records_to_columns([{name: value} if name else value for value in made])
    return {n: table[n].combine_chunks().take(codes) for n in table.column_names}


def _each(values: list[Any], codes: pa.Array, convert: Callable[[Any], Any]) -> list[Any]:
    made, failed = [], {}
    for number, value in enumerate(values):
        try:
            made.append(convert(value))
        except (ValueError, OverflowError, ArithmeticError, LookupError, EOFError) as error:
            failed[number] = str(error) or type(error).__name__
    if failed:
        numbers = codes.to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(
            np.isin(numbers, list(failed)) & codes.is_valid().to_numpy(zero_copy_only=False)
        )
        raise NotReadableError({row: failed[numbers[row]] for row in rows.tolist()})
    return made


def _bytes_at(slot: Slot, row: int) -> bytes:
    begin, length = int(slot.numbers[row]) >> 32, int(slot.numbers[row]) & 0xFFFF_FFFF
    return slot.data[begin : begin + length].tobytes()


def with_one_column_a_name(columns: Iterable[Columns], rows: int) -> Columns:
    """Return columns in which a name occurs once, without those that are all null.

    Where a name occurs twice, as in the branches of a union, each record has at most one of them.
    """
    found: dict[str, list[pa.Array]] = {}
    for some in columns:
        for name, column in some.items():
            if column.null_count < rows:
                found.setdefault(name, []).append(column)
    return {n: c[0] if len(c) == 1 else _one_of(c, rows) for n, c in found.items()}


def _one_of(columns: Sequence[pa.Array], rows: int) -> pa.Array:
    present = [np.flatnonzero(c.is_valid().to_numpy(zero_copy_only=False)) for c in columns]
    tables = [pa.table({"": c.take(pa.array(p))}) for c, p in zip(columns, present, strict=True)]
    places = np.full(rows, -1, np.int64)
    for begin, at in zip(np.cumsum([0, *map(len, present)]).tolist(), present, strict=False):
        places[at] = np.arange(begin, begin + len(at))
    together = concat(tables)[""].combine_chunks()
    return together.take(pa.array(places, mask=places < 0))


@compiled
def _copy(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    offsets: NDArray[np.int32],
    content: NDArray[np.uint8],
) -> None:
    for row in range(len(starts)):
        begin, to, end = starts[row], offsets[row], offsets[row + 1]
        content[to:end] = data[begin : begin + end - to]
