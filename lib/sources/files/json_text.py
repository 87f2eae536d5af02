"""JSON text cut into its values, and objects into their members, as the bytes that they are.

A compiled walk over brackets and strings: nothing is parsed, so that every value comes out as it
was written, and hostile text costs no more than its length. What is cut wrongly because it is not
JSON is no JSON either; whoever decodes it says so.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from lib.core.jit import compiled, inlined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Integers = NDArray[np.int64]

DEEPEST: Final = 64
"""Brackets inside brackets up to here are known by their kind; deeper ones are only counted."""

_QUOTE, _BACKSLASH, _COMMA, _COLON, _NEWLINE = b'"\\,:\n'
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = b"{}[]"
_HASH, _SLASH = b"#/"
_UNFINISHED: Final = -1
_RECORD_SEPARATOR: Final = 0x1E  # RFC 7464


def cut(
    text: bytes, *, within: bool, final: bool, whole: bool = True
) -> tuple[pa.BinaryArray, int, bool]:
    """Return the values that stand one behind the other in a text, or in the arrays that it has.

    What parts them, white space, commas or other marks before a bracket, belongs to none, nor do
    comments, from `//` or `#` to the end of their line. Objects and arrays end with their bracket,
    or where another object begins that JSON does not allow there; anything else ends with its line.

    Parameters
    ----------
    within
        Whether the text begins inside an array.
    final
        Whether nothing comes behind it: then an unfinished value is one too.
    whole
        Whether to go on behind the end of the array in which the text begins.

    Returns
    -------
    The values, how many bytes of the text they took, and whether these end inside an array.
    """
    data = np.frombuffer(text, np.uint8)
    starts, ends, taken, inside = _cut(data, within, final, whole)
    return gathered(data, starts, ends), int(taken), bool(inside)


def members(
    objects: pa.BinaryArray, names: Sequence[str]
) -> tuple[list[pa.Array], NDArray[np.bool_]]:
    """Return members of JSON objects as they are written; null where an object lacks them.

    Parameters
    ----------
    objects
        Bytes without nulls.

    Returns
    -------
    An array of bytes for each name, and which values are objects; what others have is null.
    """
    starts, ends, whole = places_of_members(objects, names)
    data, _ = _buffers(objects)
    columns = [gathered(data, starts[i], ends[i]) for i in range(len(names))]
    return columns, whole


def places_of_members(
    objects: pa.BinaryArray, names: Sequence[str]
) -> tuple[Integers, Integers, NDArray[np.bool_]]:
    """Return where members of JSON objects begin and end, a row a name; -1 where one is lacking.

    Places are those in the array's buffer. The rest is as `members` has it.
    """
    data, bounds = _buffers(objects)
    wanted = list(map(_as_written, names))
    ends_of_names = np.cumsum([0, *map(len, wanted)])
    together = np.frombuffer(b"".join(wanted) or b"\0", np.uint8)
    starts, ends, whole = _members(data, bounds, together, ends_of_names)
    return starts, ends, whole


def _as_written(name: str) -> bytes:
    text = json.dumps(name, ensure_ascii=False)[1:-1]
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON has as an escape
        return text.encode("utf-8", "replace")


def unquoted(values: pa.BinaryArray) -> tuple[pa.BinaryArray, NDArray[np.bool_]]:
    """Return what JSON values stand for: the bytes of a text, null, or else what is written.

    Returns
    -------
    The bytes, and which values are texts that JSON does not allow; those are null.
    """
    texts = pc.fill_null(pc.starts_with(values, b'"'), False)
    if pc.all(texts).as_py():
        return _unescaped(values)
    found = pc.if_else(pc.equal(values, b"null"), pa.scalar(None, pa.binary()), values)
    bad = np.zeros(len(values), bool)
    if not pc.any(texts).as_py():
        return found, bad
    quoted = found.filter(texts)
    plain, broken = _unescaped(quoted)
    bad[texts.to_numpy(zero_copy_only=False)] = broken
    return pc.replace_with_mask(found, texts, plain), bad


def _unescaped(quoted: pa.BinaryArray) -> tuple[pa.BinaryArray, NDArray[np.bool_]]:
    none = np.zeros(len(quoted), bool)
    if not pc.any(pc.match_substring(quoted, b"\\")).as_py():
        return pc.binary_slice(quoted, 1, -1), none
    lines = pc.binary_join_element_wise(b'{"v":', quoted, b"}\n", b"")
    _, bounds = _buffers(lines)
    together = lines.buffers()[2].slice(int(bounds[0]), int(bounds[-1] - bounds[0]))
    kind = pj.ParseOptions(explicit_schema=pa.schema([("v", pa.binary())]))
    whole = pj.ReadOptions(block_size=together.size + 1, use_threads=False)
    try:
        table = pj.read_json(pa.BufferReader(together), whole, kind)
    except pa.ArrowInvalid:
        table = None
    if table is not None and table.num_rows == len(quoted):
        return table["v"].combine_chunks(), none
    each = [_text(value) for value in quoted.to_pylist()]
    return pa.array(each, pa.binary()), np.array([value is None for value in each])


def _text(quoted: bytes) -> bytes | None:
    try:
        text = json.loads(quoted.decode("utf-8", "surrogateescape"))
        return str(text).encode("utf-8", "surrogateescape")
    except ValueError:  # not JSON, or half a surrogate pair
        return None


def gathered(data: Bytes, starts: Integers, ends: Integers) -> pa.BinaryArray:
    """Return pieces of some bytes; null where a piece starts before the first."""
    there = starts >= 0
    offsets = np.concatenate([[0], np.cumsum(np.where(there, ends - starts, 0))])
    if offsets[-1] > np.iinfo(np.int32).max:
        raise OverflowError("more than 2 GB of bytes in a block")
    out = np.empty(int(offsets[-1]), np.uint8)
    _copy(data, starts, ends, out)
    bitmap = None if there.all() else pa.array(there).buffers()[1]
    return pa.Array.from_buffers(
        pa.binary(),
        len(starts),
        [bitmap, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(out)],
    )


def _buffers(values: pa.BinaryArray) -> tuple[Bytes, NDArray[np.int32]]:
    """Return the bytes of an array, and where in them its values lie."""
    _, bounds, data = values.buffers()
    offsets = np.frombuffer(bounds, np.int32)[values.offset : values.offset + len(values) + 1]
    bytes_ = np.frombuffer(data or b"", np.uint8)
    for array in (offsets, bytes_):
        array.flags.writeable = False  # a loop is compiled for what can be written, and what cannot
    return bytes_, offsets


@compiled
def _copy(data: Bytes, starts: Integers, ends: Integers, out: Bytes) -> None:
    at = 0
    for i in range(len(starts)):
        if starts[i] >= 0:
            size = ends[i] - starts[i]
            out[at : at + size] = data[starts[i] : ends[i]]
            at += size


@inlined
def _is_space(byte: int) -> bool:
    return byte in (0x20, _NEWLINE, 0x09, 0x0D)


@inlined
def _end_of_text(data: Bytes, i: int, stop: int) -> int:
    """Return where a text that begins at `i` ends, behind its quote; `_UNFINISHED` if nowhere.

    JSON has no new line in a text: an object that begins on it shows that the text was cut off.
    """
    i += 1
    while i < stop:
        byte = data[i]
        if byte == _QUOTE:
            return i + 1
        if byte == _NEWLINE and i + 1 < stop and data[i + 1] == _OPEN_OBJECT:
            return i + 1
        i += 2 if byte == _BACKSLASH else 1
    return _UNFINISHED


@inlined
def _end_of_brackets(data: Bytes, i: int, stop: int, kinds: Bytes) -> int:  # noqa: C901
    """Return where what begins with a bracket at `i` ends; `_UNFINISHED` if nowhere.

    Parameters
    ----------
    kinds
        Room for `DEEPEST` brackets.
    """
    depth, last = 0, 0
    while i < stop:
        byte = data[i]
        if byte == _QUOTE:
            i = _end_of_text(data, i, stop)
            if i == _UNFINISHED:
                return i
            last = byte
            continue
        if byte in (_OPEN_OBJECT, _OPEN_ARRAY):
            if byte == _OPEN_OBJECT and 0 < depth <= DEEPEST:
                in_object = kinds[depth - 1] == _OPEN_OBJECT
                if (in_object and last != _COLON) or (
                    not in_object and last != _COMMA and last != _OPEN_ARRAY
                ):
                    return i  # JSON has no object there: another value begins
            if depth < DEEPEST:
                kinds[depth] = byte
            depth += 1
        elif byte in (_CLOSE_OBJECT, _CLOSE_ARRAY):
            depth -= 1
            if depth == 0:
                return i + 1
        if not _is_space(byte):
            last = byte
        i += 1
    return _UNFINISHED


@inlined
def _end_of_scalar(data: Bytes, i: int, stop: int) -> int:
    """Return where a text, a number or a word that begins at `i` ends."""
    if data[i] == _QUOTE:
        return _end_of_text(data, i, stop)
    while i < stop:
        byte = data[i]
        if byte in (_COMMA, _CLOSE_ARRAY, _CLOSE_OBJECT) or _is_space(byte):
            return i
        i += 1
    return _UNFINISHED


@inlined
def _end_of_line(data: Bytes, i: int, stop: int) -> int:
    while i < stop:
        if data[i] == _NEWLINE:
            return i
        i += 1
    return _UNFINISHED


@inlined
def _after_space(data: Bytes, i: int, stop: int) -> int:
    while i < stop and _is_space(data[i]):
        i += 1
    return i


@inlined
def _is_comment(data: Bytes, i: int, stop: int, within: bool) -> bool:
    """Return whether `//` or `#` is where a value would be: outside of arrays, begins a line."""
    slashes = data[i] == _SLASH and i + 1 < stop and data[i + 1] == _SLASH
    if data[i] != _HASH and not slashes:
        return False
    before = i - 1
    while before >= 0 and data[before] != _NEWLINE and _is_space(data[before]):
        before -= 1
    return within or before < 0 or data[before] == _NEWLINE


@inlined
def _after_comments(data: Bytes, i: int, stop: int) -> int:
    """Return what follows white space and comments that begin at `i`; `stop` if nothing does."""
    i = _after_space(data, i, stop)
    while i < stop and _is_comment(data, i, stop, True):
        end = _end_of_line(data, i, stop)
        i = stop if end == _UNFINISHED else _after_space(data, end, stop)
    return i


@inlined
def _opens_array(data: Bytes, i: int, stop: int, final: bool) -> int:
    """Return where the first object is of an array that begins at `i`.

    `_UNFINISHED` if that is not to be seen yet, and `i` if it begins with something else.
    """
    inner = _after_comments(data, i + 1, stop)
    if inner == stop:
        return i if final else _UNFINISHED
    return inner if data[inner] == _OPEN_OBJECT else i


@inlined
def _end_of(data: Bytes, i: int, stop: int, within: bool, kinds: Bytes) -> int:
    """Return where the value ends that begins at `i`, inside an array or not."""
    byte = data[i]
    if byte == _OPEN_OBJECT or (within and byte == _OPEN_ARRAY):
        return _end_of_brackets(data, i, stop, kinds)
    if not within:
        return _end_of_line(data, i, stop)
    return i + 1 if byte == _CLOSE_OBJECT else _end_of_scalar(data, i, stop)


@inlined
def _after_marks(data: Bytes, i: int, stop: int, final: bool) -> int:
    """Return where an object or an array begins behind nothing but marks that begin at `i`.

    `i` if other text follows; `_UNFINISHED` if that is not to be seen yet.
    """
    first = i
    while i < stop:
        byte = data[i]
        if byte in (_OPEN_OBJECT, _OPEN_ARRAY):
            return i
        is_letter = 0x30 <= byte <= 0x39 or 0x41 <= byte <= 0x5A or 0x61 <= byte <= 0x7A
        if is_letter or byte in (_QUOTE, _CLOSE_OBJECT, _CLOSE_ARRAY) or byte > 0x7E:
            return first
        i += 1
    return stop if final else _UNFINISHED


@inlined
def _after_others(data: Bytes, i: int, stop: int, within: bool, final: bool) -> int:
    """Return where a comment or marks end that begin at `i`; else as `_after_marks`."""
    if _is_comment(data, i, stop, within):
        end = _end_of_line(data, i, stop)
        return stop if end == _UNFINISHED and final else end
    return i if within else _after_marks(data, i, stop, final)


@compiled
def _cut(
    data: Bytes, within: bool, final: bool, whole: bool
) -> tuple[Integers, Integers, int, bool]:
    stop = len(data)
    starts, ends = np.empty(stop // 2 + 2, np.int64), np.empty(stop // 2 + 2, np.int64)
    kinds = np.empty(DEEPEST, np.uint8)
    found, i = 0, 0
    while i < stop:
        byte = data[i]
        if _is_space(byte) or byte in (_COMMA, _RECORD_SEPARATOR):
            i += 1
        elif within and byte == _CLOSE_ARRAY:
            within, i = False, i + 1
            if not whole:
                break
        else:
            begins = _after_others(data, i, stop, within, final)
            if begins == _UNFINISHED:
                break
            if begins > i:
                i = begins
                continue
            inner = i if within or byte != _OPEN_ARRAY else _opens_array(data, i, stop, final)
            if inner == _UNFINISHED:
                break
            if inner > i:
                within, i = True, inner
                continue
            end = _end_of(data, i, stop, within, kinds)
            if end == _UNFINISHED and not final:
                break
            end = stop if end == _UNFINISHED else end
            starts[found], ends[found] = i, end
            found, i = found + 1, end
    return starts[:found], ends[:found], i, within


@inlined
def _same(data: Bytes, start: int, end: int, names: Bytes, first: int, last: int) -> bool:
    if end - start != last - first:
        return False
    for i in range(end - start):  # noqa: SIM110 (numba has no generators here)
        if data[start + i] != names[first + i]:
            return False
    return True


@inlined
def _end_of_value(data: Bytes, i: int, stop: int, kinds: Bytes) -> int:
    if data[i] in (_OPEN_OBJECT, _OPEN_ARRAY):
        return _end_of_brackets(data, i, stop, kinds)
    return _end_of_scalar(data, i, stop)


@inlined
def _value_of_member(data: Bytes, key_end: int, stop: int) -> int:
    """Return where the value begins behind a key that ends at `key_end`; `stop` if nowhere."""
    i = _after_space(data, key_end, stop)
    return _after_space(data, i + 1, stop) if i < stop and data[i] == _COLON else stop


@inlined
def _next_member(data: Bytes, end: int, stop: int) -> int:
    """Return where the next key is, or the bracket that closes; `stop` if there is neither."""
    i = _after_space(data, end, stop)
    if i < stop and data[i] == _COMMA:
        return _after_space(data, i + 1, stop)
    return i if i < stop and data[i] == _CLOSE_OBJECT else stop


@compiled
def _members(
    data: Bytes, bounds: NDArray[np.int32], names: Bytes, ends_of_names: Integers
) -> tuple[Integers, Integers, NDArray[np.bool_]]:
    rows, wanted = len(bounds) - 1, len(ends_of_names) - 1
    starts, ends = np.full((wanted, rows), -1), np.full((wanted, rows), -1)
    whole = np.zeros(rows, np.bool_)
    kinds = np.empty(DEEPEST, np.uint8)
    for row in range(rows):
        stop = bounds[row + 1]
        i = _after_space(data, bounds[row], stop)
        i = _after_space(data, i + 1, stop) if i < stop and data[i] == _OPEN_OBJECT else stop
        while i < stop and data[i] == _QUOTE:
            key, key_end = i + 1, _end_of_text(data, i, stop)
            start = stop if key_end == _UNFINISHED else _value_of_member(data, key_end, stop)
            end = start if start == stop else _end_of_value(data, start, stop, kinds)
            if end <= start:
                i = stop
                break
            for k in range(wanted):
                if _same(data, key, key_end - 1, names, ends_of_names[k], ends_of_names[k + 1]):
                    starts[k, row], ends[k, row] = start, end
            i = _next_member(data, end, stop)
        whole[row] = i < stop and _after_space(data, i + 1, stop) == stop
        if not whole[row]:
            starts[:, row] = -1
    return starts, ends, whole


def warm_up() -> None:
    """Compile what is compiled, or load it from numba's cache, so that the first load is fast."""
    members(cut(b"{}", within=False, final=True)[0], ["a"])
