"""Values that hold several events, JSON arrays or objects one behind the other, cut into them.

A compiled walk over brackets and strings, for all values of a block at once; the events stay the
bytes that they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from lib.core.jit import compiled, inlined
from lib.decoding.slots import Values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Integers = NDArray[np.int64]

NO_ARRAY: Final = -1
"""No array, or one object alone: what is not cut."""
NOT_OF_EVENTS: Final = -2
"""Not JSON, or with elements that are neither objects, nor arrays, nor texts of some."""

_QUOTE, _BACKSLASH, _COMMA, _OPEN, _CLOSE = b'"\\,[]'
_OPEN_OBJECT, _CLOSE_OBJECT, _SPACE = b"{} "


def element_counts(values: Values, *, in_arrays: bool = True) -> NDArray[np.int64]:
    """Return how many elements each value has as an array, or `NO_ARRAY`, `NOT_OF_EVENTS`.

    Parameters
    ----------
    in_arrays
        False: how many objects each has, one behind the other, where those are several.
    """
    none = np.empty(0, np.int64)
    counts = np.empty(len(values), np.int64)
    walk = _cut if in_arrays else _cut_objects
    walk(_read_only(values.data), values.starts, values.stops, counts, none, none)
    return counts


def elements(values: Values, counts: NDArray[np.int64], *, in_arrays: bool = True) -> Values:
    """Return the elements of values that hold several, as `element_counts` has counted them."""
    starts, stops = np.empty((2, counts.sum()), np.int64)
    walk = _cut if in_arrays else _cut_objects
    walk(_read_only(values.data), values.starts, values.stops, counts, starts, stops)
    return Values(values.data, starts, stops)


def _read_only(data: Bytes) -> Bytes:
    # A loop is compiled for arrays that can be written and for those that cannot.
    view = data.view()
    view.flags.writeable = False
    return view


@inlined
def _after_space(data: Bytes, i: int, stop: int) -> int:
    while i < stop and data[i] in (0x20, 0x0A, 0x09, 0x0D):
        i += 1
    return i


@inlined
def _end_of(data: Bytes, i: int, stop: int) -> int:
    """Return where the object, array or text ends that begins at `i`; behind `stop` if nowhere."""
    depth, in_text = 0, False
    while i < stop:
        byte = data[i]
        if in_text and byte == _BACKSLASH:
            i += 1
        elif byte == _QUOTE:
            in_text = not in_text
        elif not in_text and byte in (_OPEN, _OPEN_OBJECT):
            depth += 1
        elif not in_text and byte in (_CLOSE, _CLOSE_OBJECT):
            depth -= 1
        i += 1
        if depth == 0 and not in_text:
            return i
    return stop + 1


@inlined
def _may_hold_events(data: Bytes, i: int, stop: int) -> bool:
    if data[i] == _QUOTE and i + 1 < stop:
        # A text that may hold JSON, perhaps behind white space.
        return data[i + 1] in (_OPEN, _OPEN_OBJECT, _BACKSLASH, _SPACE)
    return data[i] in (_OPEN, _OPEN_OBJECT)


@compiled
def _cut(
    data: Bytes,
    begins: Integers,
    ends: Integers,
    counts: Integers,
    starts: Integers,
    stops: Integers,
) -> None:
    """Count the elements of each value, and note where they are if there is room for all."""
    total = 0
    for row in range(len(begins)):
        stop = ends[row]
        i = _after_space(data, begins[row], stop)
        if i == stop or data[i] != _OPEN:
            counts[row] = NO_ARRAY
            continue
        counts[row] = 0
        i = _after_space(data, i + 1, stop)
        more = i < stop and data[i] != _CLOSE
        while more:
            if not _may_hold_events(data, i, stop):
                counts[row] = NOT_OF_EVENTS
                break
            end = _end_of(data, i, stop)
            if total < len(starts):
                starts[total], stops[total] = i, end
            total += 1
            counts[row] += 1
            i = _after_space(data, end, stop)
            more = i < stop and data[i] == _COMMA
            if more:
                i = _after_space(data, i + 1, stop)
                more = i < stop
        if counts[row] >= 0 and (
            i >= stop or data[i] != _CLOSE or _after_space(data, i + 1, stop) != stop
        ):
            counts[row] = NOT_OF_EVENTS


@compiled
def _cut_objects(
    data: Bytes,
    begins: Integers,
    ends: Integers,
    counts: Integers,
    starts: Integers,
    stops: Integers,
) -> None:
    """Count the objects that each value has one behind the other, as `_cut` does of arrays."""
    total = 0
    for row in range(len(begins)):
        first, stop = total, ends[row]
        i = _after_space(data, begins[row], stop)
        while i < stop and data[i] == _OPEN_OBJECT:
            end = _end_of(data, i, stop)
            if end > stop:
                break
            if total < len(starts):
                starts[total], stops[total] = i, end
            total += 1
            i = _after_space(data, end, stop)
        counts[row] = total - first
        if i < stop or counts[row] < 2:  # other bytes behind them are for who decodes the value
            total, counts[row] = first, NO_ARRAY


def warm_up() -> None:
    """Compile what is compiled, or load it from numba's cache, so that the first load is fast."""
    start = np.zeros(1, np.int64)
    for in_arrays in (True, False):
        element_counts(
            Values(np.frombuffer(b"[]", np.uint8), start, start + 2), in_arrays=in_arrays
        )
