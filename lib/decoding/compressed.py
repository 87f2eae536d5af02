"""Values that are compressed, back to what they were; never to more than a bound."""

from __future__ import annotations

import io
import threading
import zlib
from typing import TYPE_CHECKING, Final

import snappy
import zstandard

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES: Final = 64 << 20
"""A value may decompress to as much, but to no more than `MAX_RATIO` times its size."""

MAX_RATIO: Final = 300

ALWAYS: Final = 64 << 10
"""Bytes to which any value may decompress, however small it is."""

TOO_LARGE: Final = (
    f"decompresses to more than {MAX_RATIO} times its size, or than {MAX_BYTES >> 20} MB"
)

XERIAL: Final = b"\x82SNAPPY\0"
FRAMED: Final = b"\xff\x06\0\0sNaPpY"
_XERIAL_HEADER: Final = 16
_LENGTH: Final = 4
_LONGEST_VARINT: Final = 5
_OF_THREAD: Final = threading.local()
_GZIP_ALONE: Final = 16 + zlib.MAX_WBITS
_GZIP: Final = b"\x1f\x8b\x08"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
ZLIB: Final = (b"x\x01", b"x^", b"x\x9c", b"x\xda")
_ZLIB_OR_TEXT: Final = b"x^"
_MAP_OR_ARRAY: Final = (*range(0x80, 0xA0), *range(0xDC, 0xE0))  # of MessagePack
_BEGINNINGS: Final = (
    *(b"{", b"[", b'"', b" ", b"\n", b"\0", b"\xef\xbb\xbf", _GZIP, _ZSTD, XERIAL, FRAMED),
    *(bytes([byte]) for byte in _MAP_OR_ARRAY),
)
"""What raw snappy, which says nothing of itself, has to hold to be taken for it."""


class UnpackError(Exception):
    """Why a value that is packed cannot be unpacked, for the load report."""


def gunzip(value: bytes) -> bytes | None:
    """Return what gzip holds, of all its members; None if it is none.

    Raises
    ------
    UnpackError
        As the others here: if it is damaged, or holds more than is allowed.
    """
    if not value.startswith(_GZIP):
        return None
    most, found, rest = _most(value), b"", value
    while rest:
        member = zlib.decompressobj(_GZIP_ALONE)
        try:
            found += member.decompress(rest, most + 1 - len(found))
        except zlib.error as error:
            raise UnpackError("damaged gzip") from error
        _check(len(found), most)
        if not member.eof:
            raise UnpackError("damaged gzip")
        rest = member.unused_data.lstrip(b"\0")  # some writers fill up a block
    return found


def unzlib(value: bytes) -> bytes | None:
    """Return what zlib holds; None if it is none, or damaged where it may be text."""
    if not value.startswith(ZLIB):
        return None
    most = _most(value)
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(value, most + 1)
    except zlib.error as error:
        if value.startswith(_ZLIB_OR_TEXT):
            return None
        raise UnpackError("damaged zlib") from error
    _check(len(found), most)
    if not stream.eof:
        raise UnpackError("damaged zlib")
    return found


def unzstd(value: bytes) -> bytes | None:
    """Return what zstd holds, of all its frames; None if it is none."""
    if not value.startswith(_ZSTD):
        return None
    most = _most(value)
    try:
        if 0 < zstandard.get_frame_parameters(value).content_size <= most:
            return _decompressor().decompress(value, allow_extra_data=False)
    except zstandard.ZstdError:
        pass  # several frames, or damaged: the reader below tells
    frames = _decompressor().stream_reader(io.BytesIO(value), read_across_frames=True)
    try:
        found = frames.read(most + 1)
    except zstandard.ZstdError as error:
        raise UnpackError("damaged zstd") from error
    _check(len(found), most)
    return found


def _decompressor() -> zstandard.ZstdDecompressor:
    """Return this thread's, which costs more to make than most values to decompress."""
    if not hasattr(_OF_THREAD, "zstd"):
        _OF_THREAD.zstd = zstandard.ZstdDecompressor(max_window_size=2 * MAX_BYTES)
    found: zstandard.ZstdDecompressor = _OF_THREAD.zstd
    return found


def unsnappy(value: bytes) -> bytes | None:
    """Return what snappy holds: raw, in the framing format, or in xerial's blocks; None if none."""
    most = _most(value)
    try:
        if value.startswith(XERIAL):
            return _joined((_raw(block, most) for block in _blocks(value)), most)
        if value.startswith(FRAMED):
            # A chunk of the format holds 64 KiB at most, which the library checks.
            chunks = (value[i : i + ALWAYS] for i in range(0, len(value), ALWAYS))
            frames = snappy.StreamDecompressor()
            found = _joined((frames.decompress(chunk) for chunk in chunks), most)
            frames.flush()
            return found
    except (snappy.UncompressError, ValueError, OSError) as error:
        raise UnpackError("damaged snappy") from error
    try:
        found = _raw(value, most)
    except (snappy.UncompressError, ValueError, OSError, UnpackError):
        return None
    return found if found.startswith(_BEGINNINGS) else None


def _blocks(value: bytes) -> Iterator[bytes]:
    at = _XERIAL_HEADER
    while at < len(value):
        size = int.from_bytes(value[at : at + _LENGTH], "big")
        at += _LENGTH
        if at + size > len(value):
            raise ValueError("a block that ends early")
        yield value[at : at + size]
        at += size


def _raw(value: bytes, most: int) -> bytes:
    """Return what raw snappy holds; the size that it says is looked at before it is believed."""
    size = 0
    for i, byte in enumerate(value[:_LONGEST_VARINT]):
        size |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            break
    _check(size, most)
    return bytes(snappy.uncompress(value))


def _joined(pieces: Iterator[bytes], most: int) -> bytes:
    found = bytearray()
    for piece in pieces:
        found += piece
        _check(len(found), most)
    return bytes(found)


def _most(value: bytes) -> int:
    return min(MAX_BYTES, max(ALWAYS, MAX_RATIO * len(value)))


def _check(size: int, most: int) -> None:
    if size > most:
        raise UnpackError(TOO_LARGE)
