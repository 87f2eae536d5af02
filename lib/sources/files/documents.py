"""One JSON document with an array of events somewhere inside: which array it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.core.jit import compiled
from lib.sources.files.encodings import pieces_of
from lib.sources.files.json_text import DEEPEST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from lib.sources.files.input_file import InputFile

    Bytes = NDArray[np.uint8]
    Integers = NDArray[np.int64]

_PIECE_BYTES: Final = 4 << 20
_LONGEST_NAME: Final = 80
_QUOTE, _BACKSLASH, _COLON = b'"\\:'
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = b"{}[]"
_DEPTH, _IN_TEXT, _ESCAPED, _AT, _NAME, _VALUES, _BEST, _BEST_DEPTH, _BEST_AT, _ARRAYS = range(10)


@dataclass(frozen=True)
class EventArray:
    """An array of objects inside a document.

    Attributes
    ----------
    path
        Names of the fields that lead to it, with dots.
    start
        Where it begins, in bytes of the text in UTF-8.
    objects
        How many objects it has.
    others
        How many other arrays of objects the document has, in objects alone.
    """

    path: str
    start: int
    objects: int
    others: int

    @property
    def sentence(self) -> str:
        """What a reader of the page should know of it."""
        text = f"The file is one JSON document; its records are the {self.objects:,} of {self.path}"
        left = f", its longest array; other arrays not read: {self.others}" if self.others else ""
        return f"{text}{left}."


def longest_array(file: InputFile) -> EventArray | None:
    """Return the longest array of objects of a file that is one document; None if it is not.

    Only arrays that are not inside arrays themselves count.

    Raises
    ------
    UnreadableFileError
        When the file cannot be read to its end.
    """
    return longest_array_in(pieces_of(file, _PIECE_BYTES))


def longest_array_in(pieces: Iterable[bytes]) -> EventArray | None:
    """Return `longest_array` of a text in pieces."""
    walk = _Walk()
    for piece in pieces:
        walk.on(piece)
    return walk.result()


class _Walk:
    """What a walk over a document's brackets knows."""

    def __init__(self) -> None:
        self.state = np.zeros(10, np.int64)
        self.kinds = np.zeros(DEEPEST, np.uint8)
        self.starts, self.objects = np.zeros(DEEPEST, np.int64), np.zeros(DEEPEST, np.int64)
        self.names = np.zeros((DEEPEST + 1, _LONGEST_NAME), np.uint8)
        self.best = np.zeros((DEEPEST + 1, _LONGEST_NAME), np.uint8)

    @property
    def _all(self) -> tuple[Integers, Bytes, Integers, Integers, Bytes, Bytes]:
        return self.state, self.kinds, self.starts, self.objects, self.names, self.best

    def on(self, piece: bytes) -> None:
        """Go on with the next piece of the text."""
        data = np.frombuffer(piece, np.uint8)
        _walk(data, *self._all)

    def result(self) -> EventArray | None:
        """Return the longest array; one that is cut off with the document counts too."""
        for depth in range(min(int(self.state[_DEPTH]), DEEPEST), 0, -1):
            if self.kinds[depth - 1] == _OPEN_ARRAY:
                _close(
                    depth, self.state, self.kinds, self.starts, self.objects, self.names, self.best
                )
        state = self.state
        if state[_VALUES] != 1 or not state[_BEST]:
            return None
        names = [bytes(name).rstrip(b"\0") for name in self.best[: state[_BEST_DEPTH]]]
        path = ".".join(name.decode(errors="replace") for name in names)
        return EventArray(path, int(state[_BEST_AT]), int(state[_BEST]), int(state[_ARRAYS]) - 1)


@compiled
def _close(
    depth: int,
    state: Integers,
    kinds: Bytes,
    starts: Integers,
    objects: Integers,
    names: Bytes,
    best: Bytes,
) -> None:
    """Take the array that ends at a depth for the longest, if it is."""
    level = depth - 1
    for above in range(level):
        if kinds[above] == _OPEN_ARRAY:
            return
    if level == 0 or objects[level] == 0:
        return
    state[_ARRAYS] += 1
    if objects[level] > state[_BEST]:
        state[_BEST], state[_BEST_AT], state[_BEST_DEPTH] = objects[level], starts[level], level
        best[:level] = names[:level]


@compiled
def _walk(  # noqa: C901 (one step a byte; calls would cost more than it)
    data: Bytes,
    state: Integers,
    kinds: Bytes,
    starts: Integers,
    objects: Integers,
    names: Bytes,
    best: Bytes,
) -> None:
    depth, in_text, escaped = state[_DEPTH], state[_IN_TEXT], state[_ESCAPED]
    size = state[_NAME]  # of the text last read, kept behind the names
    for i in range(len(data)):
        byte = data[i]
        if in_text:
            if escaped:
                escaped = 0
            elif byte == _BACKSLASH:
                escaped = 1
            elif byte == _QUOTE:
                in_text = 0
                continue
            if size < _LONGEST_NAME:
                names[DEEPEST, size] = byte
                size += 1
        elif byte == _QUOTE:
            in_text, size = 1, 0
        elif byte == _COLON and 0 < depth <= DEEPEST:
            names[depth - 1] = 0
            names[depth - 1, :size] = names[DEEPEST, :size]
        elif byte in (_OPEN_OBJECT, _OPEN_ARRAY):
            if depth == 0:
                state[_VALUES] += 1
            elif byte == _OPEN_OBJECT and depth <= DEEPEST and kinds[depth - 1] == _OPEN_ARRAY:
                objects[depth - 1] += 1
            if depth < DEEPEST:
                kinds[depth], starts[depth], objects[depth] = byte, state[_AT] + i, 0
            depth += 1
        elif byte in (_CLOSE_OBJECT, _CLOSE_ARRAY) and depth > 0:
            if depth <= DEEPEST and kinds[depth - 1] == _OPEN_ARRAY:
                _close(depth, state, kinds, starts, objects, names, best)
            depth -= 1
    state[_DEPTH], state[_IN_TEXT], state[_ESCAPED] = depth, in_text, escaped
    state[_NAME], state[_AT] = size, state[_AT] + len(data)
