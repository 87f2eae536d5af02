"""Avro object container files: their records as JSON, in blocks.

The format: https://avro.apache.org/docs/1.12.0/specification/#object-container-files. Blocks are
taken apart here, not by `fastavro`, so that a hostile one is refused before it takes memory: it is
decompressed up to a limit, and walked over before it is read.
"""

from __future__ import annotations

import bz2
import io
import json
import lzma
import zlib
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import snappy
import zstandard

from lib.core import avro_walk as walk
from lib.core.avro_schemas import parsed, program_of, reader_of
from lib.core.errors import SchemaError, UnreadableFileError
from lib.core.schemas import Schema
from lib.sources.files.input_file import content_of
from lib.sources.files.lines import BLOCK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lib.sources.files.input_file import InputFile

MAGIC: Final = b"Obj\x01"
"""What such a file begins with."""

_LARGEST_BLOCK: Final = 32 << 20
"""Bytes of a block, also when it is decompressed. Writers make them of 16 KB to a few MB."""

_MOST_ENTRIES: Final = 1_000
"""Entries of the metadata."""

_SYNC_BYTES: Final = 16
_LONGEST_NUMBER: Final = 10


class _FaultError(Exception):
    """What is wrong with a file, as the end of a sentence."""


def values_of(file: InputFile) -> Iterator[pa.BinaryArray]:
    """Yield the records of an Avro file as JSON objects, in blocks, in the file's order.

    A record that is none, such as a number, is yielded as it is, so that it is counted. Logical
    types are as `lib.decoding.avro` has them.

    Raises
    ------
    UnreadableFileError
        When the file is no Avro file, or is truncated, damaged or larger than allowed; blocks
        before the fault have been yielded by then.
    """
    try:
        with content_of(file) as stream:
            yield from _gathered(_blocks(stream))
    except _FaultError as fault:
        raise UnreadableFileError(
            f"The file {file.name} cannot be read as Avro: {fault}.", "Copy or write it again."
        ) from fault
    except SchemaError as fault:
        raise UnreadableFileError(
            f"The file {file.name} cannot be read. {fault.what}", "Write it again."
        ) from fault


def _gathered(blocks: Iterator[pa.BinaryArray]) -> Iterator[pa.BinaryArray]:
    """Join neighbouring blocks: writers make them of 16 KB, and each costs readers the same."""
    waiting: list[pa.BinaryArray] = []
    size = 0
    try:
        for block in blocks:
            waiting.append(block)
            size += block.nbytes
            if size >= BLOCK_BYTES:
                yield pa.concat_arrays(waiting)
                waiting, size = [], 0
    except (_FaultError, SchemaError):
        if waiting:
            yield pa.concat_arrays(waiting)
        raise
    if waiting:
        yield pa.concat_arrays(waiting)


def _blocks(stream: pa.NativeFile) -> Iterator[pa.BinaryArray]:
    if stream.read(len(MAGIC)) != MAGIC:
        raise _FaultError("it does not begin as such a file does")
    metadata = _metadata(stream)
    decompress = _CODECS.get(metadata.get("avro.codec", b"null").decode(errors="replace"))
    if decompress is None:
        raise _FaultError(f"its codec is {metadata['avro.codec']!r}")
    read = _reader(metadata.get("avro.schema", b""))
    sync = _read(stream, _SYNC_BYTES)
    while (count := _number(stream, at_end=True)) is not None:
        size = _number(stream)
        if size is None or not 0 <= size <= _LARGEST_BLOCK or count < 0:
            raise _FaultError(f"a block has {size} bytes")
        content = _decompressed(_read(stream, size), decompress)
        if _read(stream, _SYNC_BYTES) != sync:
            raise _FaultError("a block does not end where it should")
        yield pa.array([json.dumps(one).encode() for one in read(count, content)], pa.binary())


def _reader(text: bytes) -> Callable[[int, bytes], list[object]]:
    """Return what reads a number of records from the bytes of a block."""
    try:
        schema = Schema("AVRO", json.dumps({"type": "array", "items": json.loads(text)}))
    except (ValueError, RecursionError) as error:
        raise _FaultError("its schema is not JSON") from error
    program, (tree, named) = program_of(schema), parsed(schema)
    read_array = reader_of(tree, named)

    def read(count: int, content: bytes) -> list[object]:
        # Records behind each other, with their number before and 0 behind, are an array.
        array = _written(count) + content + b"\0" if count else b"\0" + content
        data = np.frombuffer(array, np.uint8)
        *_, status = program.walk(data, np.zeros(1, np.int64), np.array([len(data)]))
        if status[0]:
            raise _FaultError(f"in a block {walk.WHY[int(status[0])]}")
        try:
            found: list[object] = read_array(array)
        except (ValueError, ArithmeticError, LookupError, EOFError) as error:
            raise _FaultError(f"a value cannot be read: {error}") from error
        return found

    return read


def _metadata(stream: pa.NativeFile) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    while count := _number(stream):
        if count < 0:  # then the bytes of the entries follow, for those who skip them
            _number(stream)
        for _ in range(abs(count)):
            if len(found) > _MOST_ENTRIES:
                raise _FaultError("its metadata goes on and on")
            name = _sized(stream).decode(errors="replace")
            found[name] = _sized(stream)
    return found


def _sized(stream: pa.NativeFile) -> bytes:
    size = _number(stream)
    if size is None or not 0 <= size <= _LARGEST_BLOCK:
        raise _FaultError(f"an entry of its metadata has {size} bytes")
    return _read(stream, size)


def _read(stream: pa.NativeFile, size: int) -> bytes:
    found: bytes = stream.read(size)
    if len(found) < size:
        raise _FaultError("it ends too early")
    return found


def _number(stream: pa.NativeFile, *, at_end: bool = False) -> int | None:
    """Return the next number; None, where that is allowed, at the end of the file."""
    value = 0
    for place in range(_LONGEST_NUMBER):
        byte: bytes = stream.read(1)
        if not byte:
            if at_end and not place:
                return None
            raise _FaultError("it ends too early")
        value |= (byte[0] & 0x7F) << (7 * place)
        if byte[0] < 0x80:
            return (value >> 1) ^ -(value & 1)
    raise _FaultError("a number has too many bytes")


def _written(number: int) -> bytes:
    rest, found = number << 1, b""
    while rest > 0x7F:
        found += bytes([rest & 0x7F | 0x80])
        rest >>= 7
    return found + bytes([rest])


# Codecs: each gives at most one byte more than is allowed


def _decompressed(content: bytes, decompress: Callable[[bytes, int], bytes]) -> bytes:
    try:
        found = decompress(content, _LARGEST_BLOCK + 1)
    except (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, ValueError) as error:
        raise _FaultError(f"a block cannot be decompressed: {error}") from error
    if len(found) > _LARGEST_BLOCK:
        raise _FaultError(f"a block holds more than {_LARGEST_BLOCK >> 20} MB")
    return found


def _snappy(content: bytes, most: int) -> bytes:
    """Decompress what four bytes of a checksum follow; it begins with its decompressed size."""
    size = 0
    for place, byte in enumerate(content[:5]):
        size |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            break
    if size > most:
        return bytes(most)
    try:
        return bytes(snappy.uncompress(content[:-4]))
    except snappy.UncompressError as error:
        raise ValueError(str(error)) from error


_CODECS: Final[Mapping[str, Callable[[bytes, int], bytes]]] = {
    "null": lambda content, _: content,
    "deflate": lambda content, most: zlib.decompressobj(-15).decompress(content, most),
    "bzip2": lambda content, most: bz2.BZ2Decompressor().decompress(content, most),
    "xz": lambda content, most: lzma.LZMADecompressor().decompress(content, most),
    "zstandard": lambda content, most: (
        zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content)).read(most)
    ),
    "snappy": _snappy,
}
