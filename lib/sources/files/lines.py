"""Lines of a file, and JSON values in it, as Arrow arrays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from lib.core.errors import UnreadableFileError
from lib.sources.files.encodings import pieces_of
from lib.sources.files.json_text import cut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lib.sources.files.input_file import InputFile

BLOCK_BYTES: Final = 4 << 20
"""Bytes of a file read at once."""

LONGEST_LINE: Final = 64 << 20

_BOM: Final = b"\xef\xbb\xbf"
_PADDING: Final = re.compile(rb"(?m)^(?:\0|\xef\xbb\xbf)+(?=[{\[])|(?<=[}\]])\0+$")
"""Files that were put one behind the other have a mark in the middle; cut off ones have NULs."""

_STATUS: Final = b"% Reached end of topic "
_INTO_A_LINE: Final = re.compile(rb"([^\n]+?)(% Reached end of topic [^\n]+)\n([^\n]*)")
"""JSON has no line break in a text: what ends a line so was printed beside it, to the terminal."""


def lines_of(file: InputFile) -> Iterator[pa.BinaryArray]:
    """Yield the lines of a file that are not blank, in blocks.

    Raises
    ------
    UnreadableFileError
        When the file cannot be read to its end, or has a line longer than `LONGEST_LINE`.
    """
    rest = b""
    for piece in pieces_of(file, BLOCK_BYTES):
        head, newline, tail = piece.rpartition(b"\n")
        if newline:
            yield split_lines(rest + head)
            rest = tail
        else:
            rest += tail
        _check_length(file, rest, "line")
    if rest:
        yield split_lines(rest)


def split_lines(text: bytes) -> pa.BinaryArray:
    """Return the lines of a text that are not blank; what kcat printed into one stands behind."""
    # A byte is looked for many times as fast as several.
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").removesuffix(b"\r")
    if b"\0" in text or (_BOM[:1] in text and _BOM in text):
        text = _PADDING.sub(b"", text)
    if _STATUS in text:
        text = _INTO_A_LINE.sub(_behind, text)
    lines = pc.split_pattern(pa.array([text]), "\n").flatten()
    return lines.filter(pc.invert(pc.match_substring_regex(lines, r"^[ \t\r]*$")))


def _behind(found: re.Match[bytes]) -> bytes:
    before, status, after = found.groups()
    whole = before.endswith(b"}") and after.startswith((b"{", b"%"))
    return b"\n".join([before, status, after] if whole else [before + after, status])


def values_of(file: InputFile, start: int | None = None) -> Iterator[pa.BinaryArray]:
    """Yield the JSON values that stand in a file one behind the other or in arrays, in blocks.

    Parameters
    ----------
    start
        Where the one array begins whose values are meant; None: all of the file.

    Raises
    ------
    UnreadableFileError
        When the file cannot be read to its end, or has a value longer than `LONGEST_LINE`.
    """
    rest, within = b"", start is not None
    for piece in _pieces_from(file, 0 if start is None else start + 1):
        values, taken, inside = cut(rest + piece, within=within, final=False, whole=start is None)
        rest = (rest + piece)[taken:]
        yield values
        if start is not None and not inside:
            return
        within = inside
        _check_length(file, rest, "JSON value")
    if rest:
        yield cut(rest, within=within, final=True, whole=start is None)[0]


def _pieces_from(file: InputFile, start: int) -> Iterator[bytes]:
    """Yield the text of a file from a byte on."""
    at = 0
    for piece in pieces_of(file, BLOCK_BYTES):
        if at + len(piece) > start:
            yield piece[max(0, start - at) :]
        at += len(piece)


def _check_length(file: InputFile, rest: bytes, what: str) -> None:
    if len(rest) > LONGEST_LINE:
        raise UnreadableFileError(
            f"The file {file.name} has a {what} longer than {LONGEST_LINE >> 20} MB.",
            "Give a file with one record a line.",
        )
