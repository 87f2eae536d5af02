"""Lines of a file as Arrow arrays; whole lines of JSON objects as columns, safely."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from lib.core.errors import UnreadableFileError
from lib.sources.files.input_file import check_form, content_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lib.sources.files.input_file import InputFile

BLOCK_BYTES: Final = 4 << 20
"""Bytes of a file read at once."""

LONGEST_LINE: Final = 64 << 20
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def lines_of(file: InputFile) -> Iterator[pa.BinaryArray]:
    """Yield the lines of a file that are not blank, in blocks; without a byte order mark.

    Raises
    ------
    UnreadableFileError
        When the file cannot be read to its end, or has a line longer than `LONGEST_LINE`.
    """
    with content_of(file) as stream:
        rest = b""
        first = True
        while piece := stream.read(BLOCK_BYTES):
            if first:
                check_form(file, piece, "text")
                piece = piece.removeprefix(_BYTE_ORDER_MARK)
                first = False
            head, newline, tail = piece.rpartition(b"\n")
            if newline:
                yield _split(rest + head)
                rest = tail
            else:
                rest += tail
            if len(rest) > LONGEST_LINE:
                raise UnreadableFileError(
                    f"The file {file.name} has a line longer than {LONGEST_LINE >> 20} MB.",
                    "Give a file with one record a line.",
                )
        if rest:
            yield _split(rest)


def _split(text: bytes) -> pa.BinaryArray:
    text = text.replace(b"\r\n", b"\n").removesuffix(b"\r")
    lines = pc.split_pattern(pa.array([text]), "\n").flatten()
    return lines.filter(pc.invert(pc.match_substring_regex(lines, r"^[ \t\r]*$")))
