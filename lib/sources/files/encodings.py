"""The text of files as UTF-8, however they are encoded."""

from __future__ import annotations

import codecs
import io
import re
import unicodedata
from typing import TYPE_CHECKING, Final

import pyarrow as pa
from charset_normalizer import from_bytes

from lib.core.binary_values import is_utf8
from lib.sources.files.input_file import check_form, content_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lib.sources.files.input_file import InputFile

BEGINNING_BYTES: Final = 1 << 20
"""Bytes by which a file is recognised."""

UTF_8: Final = "utf-8"
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BESIDE_LETTERS: Final = re.compile(rb"[A-Za-z][\x80-\xff]|[\x80-\xff][A-Za-z]|[\xc0-\xff]{3}")
_NO_TEXT: Final = re.compile(rb"[\0-\x08\x0e-\x1f]|\\u00[01][0-9a-fA-F]")
_HIGH: Final = re.compile(rb"[\x80-\xff]")
_IN_UTF_8: Final = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)

_LETTERS: Final = ("Lu", "Ll", "Lo")
_TOLD_FROM: Final = 1 << 16
_ESCAPE: Final = b"\x1b["
_COLOURS: Final = re.compile(rb"\x1b\[[0-9;]*[mK]")
_LONGEST_ESCAPE: Final = 16
_CUT_OFF: Final = re.compile(rb"\x1b(?:\[[0-9;]*)?\Z")
_OTHER_SCRIPTS: Final = frozenset(
    (
        *("cp1251", "koi8_r", "mac_cyrillic", "cp866", "cp1253", "cp1255", "cp1256", "shift_jis"),
        *("cp932", "euc_jp", "gb18030", "gbk", "gb2312", "big5", "euc_kr", "cp949", "cp874"),
    )
)
"""Encodings that are believed when they are found; of Latin letters few bytes tell too little."""


def encoding_of(beginning: bytes) -> str:
    """Return the encoding of a text by its byte order mark or its zeros; else UTF-8.

    Parameters
    ----------
    beginning
        The first bytes of the text.
    """
    marked = next((name for mark, name in _MARKS if beginning.startswith(mark)), None)
    if marked is not None:
        return marked
    some = beginning[:2_000]
    even, odd = some[::2].count(0), some[1::2].count(0)
    if odd * 4 > len(some) and even * 8 < len(some):
        return "utf-16-le"
    return "utf-16-be" if even * 4 > len(some) and odd * 8 < len(some) else UTF_8


def read_as(encoding: str) -> str:
    """Return what a reader of the page should know of a text from before Unicode."""
    return f"Read as {encoding}: it is not UTF-8."


def old_encoding_of(beginning: bytes) -> str | None:
    """Return the encoding of text from before Unicode, such as Windows-1252; None if it is UTF-8.

    A stray byte makes no text: what is not UTF-8 must stand beside letters in all lines that have
    it, or in some and be letters itself.
    """
    lines = [line for line in beginning.split(b"\n")[:-1] or [beginning] if not is_utf8(line)]
    beside = sum(_BESIDE_LETTERS.search(line) is not None for line in lines)
    if not beside:
        return None
    text = b"\n".join(lines)
    best = from_bytes(text[:_TOLD_FROM]).best()
    found = best.encoding if best is not None and best.encoding in _OTHER_SCRIPTS else "cp1252"
    return found if beside == len(lines) or _is_of_letters(text, found) else None


def _is_of_letters(text: bytes, encoding: str) -> bool:
    """Return whether nearly all characters of a text that are not ASCII are letters, no accents."""
    high = [c for c in text.decode(encoding, "replace") if not c.isascii()]
    return sum(unicodedata.category(c) in _LETTERS for c in high) * 10 >= 9 * len(high)


def old_encoding_of_json(beginning: bytes) -> str | None:
    """Return `old_encoding_of` of text with JSON, in which other bytes may stand for what they are.

    Only letters count, where no character is in UTF-8 and nothing shows that values are no text.
    """
    lines = [line for line in beginning.split(b"\n")[:-1] or [beginning] if not line.isascii()]
    found = old_encoding_of(b"\n".join([*lines, b""]))
    if found is None or any(map(is_utf8, lines)) or any(map(_NO_TEXT.search, lines)):
        return None
    together = b"\n".join(lines)
    in_utf8 = sum(map(len, _IN_UTF_8.findall(together)))
    if in_utf8 * 3 > len(_HIGH.findall(together)):
        return None  # UTF-8, and bytes beside it
    return found if _is_of_letters(b"\n".join(lines), found) else None


def beginning_of(file: InputFile, form: str = "text") -> bytes:
    """Return how a file's text begins, in UTF-8 if it is in UTF-16 or UTF-32, without colours.

    Raises
    ------
    UnreadableFileError
        When the file cannot be read, or is of another form than its name says.
    """
    with content_of(file) as stream:
        beginning: bytes = stream.read(BEGINNING_BYTES)
    check_form(file, beginning, form)
    encoding = file.encoding or encoding_of(beginning)
    if encoding != UTF_8:
        beginning = codecs.getincrementaldecoder(encoding)("replace").decode(beginning).encode()
    return _COLOURS.sub(b"", beginning) if _ESCAPE in beginning else beginning


def pieces_of(file: InputFile, size: int, encoding: str | None = None) -> Iterator[bytes]:
    """Yield the text of a file as UTF-8, in pieces; without a byte order mark or colours.

    Parameters
    ----------
    size
        Bytes that are read at once.
    encoding
        How it is encoded; None: as it begins.

    Raises
    ------
    UnreadableFileError
        When the file cannot be read to its end, or is no text.
    """
    with content_of(file) as stream:
        piece = stream.read(size)
        check_form(file, piece, "text")
        encoding = encoding or file.encoding or encoding_of(piece)
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        rest = b""
        while piece:
            text = rest + (piece if encoding == UTF_8 else decoder.decode(piece).encode())
            cut = _CUT_OFF.search(text, len(text) - _LONGEST_ESCAPE)
            rest = text[cut.start() :] if cut else b""
            text = text.removesuffix(rest)
            yield _COLOURS.sub(b"", text) if _ESCAPE in text else text
            piece = stream.read(size)
        if rest:
            yield rest


def as_stream(pieces: Iterator[bytes]) -> pa.NativeFile:
    """Return pieces of bytes as a stream, to be read from its beginning to its end."""
    return pa.PythonFile(_Pieces(pieces), mode="r")


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size or size < 0:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._rest += piece
        given = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(given) :]
        return given
