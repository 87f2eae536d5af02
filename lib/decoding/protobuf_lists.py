"""Repeated fields and maps of Protobuf messages as columns, whole blocks at a time.

The walk notes where each element lies (`lib.decoding.protobuf_walk`). A list of numbers, texts or
flat messages is JSON text, as any list; a map has a column a key. Others are read by `protobuf`
itself.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.jit import compiled
from lib.decoding import protobuf_walk as walk
from lib.decoding.merge import FEW_FIELDS
from lib.decoding.slots import Columns, NotReadableError, Slot, Values, check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Integers = NDArray[np.int64]
    Make = Callable[[Slot], pa.Array]

_KEY, _VALUE = "key", "value"


@dataclass(frozen=True)
class Occurrences:
    """Where the elements of one field lie, in the order of the records.

    Attributes
    ----------
    records
        int64, of which record each is a part.
    values
        The bytes of each: of an element, or of several that are packed.
    packed
        Which are several.
    """

    records: Integers
    values: Values
    packed: NDArray[np.bool_]


def list_column(found: Occurrences, kind: int, make: Make, rows: int) -> pa.Array:
    """Return what a repeated field of numbers or texts has in each record, as JSON text.

    Raises
    ------
    NotReadableError
        When some elements are not what they should be.
    """
    data, starts, stops = found.values.data, found.values.starts, found.values.stops
    if kind == walk.TEXT:
        numbers, of = starts << 32 | (stops - starts), found.records
    else:
        room = int((stops - starts).sum())
        numbers, places = np.empty(room, np.int64), np.empty(room, np.int64)
        status = np.empty(len(starts), np.uint8)
        count = _elements(data, starts, stops, found.packed, kind, numbers, places, status)
        with by_records(found.records):
            check(status, walk.WHY)
        numbers, of = numbers[:count], found.records[places[:count]]
    with by_records(of):
        elements = make(Slot(data, numbers, np.ones(len(numbers), np.uint8)))
    return _lists(_as_json(elements), of, rows)


def message_column(found: Occurrences, fields: Columns, rows: int) -> pa.Array:
    """Return what a repeated message has in each record, as JSON text.

    Parameters
    ----------
    fields
        The columns of its elements; null where a field is not written.
    """
    parts = [
        pc.binary_join_element_wise(f"{json.dumps(name)}: ", _as_json(column), "")
        for name, column in fields.items()
    ]
    nothing = pa.array([""] * len(found.records))
    inside = pc.binary_join_element_wise(*parts, ", ", null_handling="skip") if parts else nothing
    return _lists(pc.binary_join_element_wise("{", inside, "}", ""), found.records, rows)


def _lists(elements: pa.Array, of: Integers, rows: int) -> pa.Array:
    """Return JSON lists of elements, each written as JSON, and of which record each is."""
    offsets = np.zeros(rows + 1, np.int32)
    np.cumsum(np.bincount(of, minlength=rows), out=offsets[1:])
    texts = pc.binary_join(pa.ListArray.from_arrays(offsets, elements), ", ")
    lists = pc.binary_join_element_wise("[", texts, "]", "")
    return pc.if_else(pa.array(np.diff(offsets) > 0), lists, pa.scalar(None, pa.string()))


def map_columns(found: Occurrences, name: str, entries: Columns, rows: int) -> Columns | None:
    """Return a map's values in each record, a column a key; None where the keys are very many.

    Parameters
    ----------
    entries
        The columns of its entries, each a message with a key and a value.
    """
    keys = _as_text(entries[_KEY]).dictionary_encode()
    if len(keys.dictionary) > FEW_FIELDS:
        return None
    codes, columns = keys.indices.to_numpy(), {}
    for code, key in enumerate(keys.dictionary.to_pylist()):
        at = np.flatnonzero(codes == code)
        places = np.full(rows, -1)
        places[found.records[at]] = at  # of a key that comes twice the last counts
        columns[f"{name}.{key}"] = entries[_VALUE].take(pa.array(places, mask=places < 0))
    return columns


@contextmanager
def by_records(records: Integers) -> Iterator[None]:
    """Tell what cannot be read by the records of elements, not by their own positions."""
    try:
        yield
    except NotReadableError as fault:
        reasons = {int(records[at]): why for at, why in fault.reasons.items()}
        raise NotReadableError(reasons) from None


def _as_json(elements: pa.Array) -> pa.Array:
    """Return numbers, truth values or texts as JSON, each; null stays."""
    if pa.types.is_integer(elements.type):
        return elements.cast(pa.string())
    if pa.types.is_floating(elements.type) or pa.types.is_boolean(elements.type):
        texts = json.dumps(elements.to_pylist())[1:-1].split(", ") if len(elements) else []
        return pc.if_else(elements.is_valid(), pa.array(texts, pa.string()), pa.scalar(None))
    encoded = elements if pa.types.is_dictionary(elements.type) else elements.dictionary_encode()
    words = [json.dumps(word, ensure_ascii=False) for word in encoded.dictionary.to_pylist()]
    return pa.array(words, pa.string()).take(encoded.indices)


def _as_text(keys: pa.Array) -> pa.Array:
    return keys.dictionary_decode() if pa.types.is_dictionary(keys.type) else keys.cast(pa.string())


@compiled
def _elements(
    data: Bytes,
    starts: Integers,
    stops: Integers,
    packed: NDArray[np.bool_],
    kind: int,
    numbers: Integers,
    places: Integers,
    status: Bytes,
) -> int:
    """Fill in the numbers of elements and of which occurrence each is; return how many they are."""
    count = 0
    for row in range(len(starts)):
        at, stop = starts[row], stops[row]
        while at >= 0:
            if packed[row] and at == stop:
                break
            value, at = walk.scalar(kind, data, at, stop)
            if at >= 0:
                numbers[count], places[count] = value, row
                count += 1
            if not packed[row]:
                break
        status[row] = -at if at < 0 else walk.GOOD
    return count


def warm_up() -> None:
    """Compile what is compiled, or load it from numba's cache."""
    one = Occurrences(
        np.zeros(1, np.int64), Values.of(pa.array([b"\x01"], pa.binary())), np.zeros(1, np.bool_)
    )
    list_column(one, walk.VARINT, lambda slot: pa.array(slot.numbers), 1)
