"""Texts that stand for bytes: base64, hexadecimal digits, lists of bytes as Node and Java have."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

Decode = Callable[[bytes], bytes | None]
"""Returns the bytes that a text stands for; None if it is no such text."""

_SAMPLE: Final = 64
_JSON: Final = re.compile(rb"\s*[{\[]")
_MARKS: Final = (
    *(b"\0", b"\xc3\x01", b"\x03\0", b"\x03\x05"),  # what names a schema: `decoding.wire_format`
    *(b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x82SNAPPY\0", b"\xff\x06\0\0sNaPpY"),
    *(b"x\x01", b"x\x9c", b"x\xda"),  # zlib
)
_HEX: Final = re.compile(rb"(?:0x|\\x)?((?:[0-9a-fA-F]{2})+)")
_LETTER: Final = re.compile(rb"[a-fA-F]")
_LIST: Final = re.compile(rb"\s*(?:\[|\{\s*\"type\"\s*:\s*\"Buffer\")")


def looks_coded(content: bytes) -> bool:
    """Return whether bytes begin as JSON objects do, or as what a decoder takes apart."""
    return _JSON.match(content) is not None or content.startswith(_MARKS)


def of_base64(text: bytes) -> bytes | None:
    """Return the bytes that base64 stands for."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def _of_hex(text: bytes) -> bytes | None:
    found = _HEX.fullmatch(text)
    return None if found is None else bytes.fromhex(found[1].decode())


def _of_list(text: bytes) -> bytes | None:
    if not _LIST.match(text):
        return None
    try:
        found = json.loads(text)
        numbers = found["data"] if isinstance(found, dict) else found
        return bytes(number % 256 for number in numbers)  # Java's bytes have a sign
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def coding_of(values: pa.BinaryArray) -> Decode | None:
    """Return what decodes most values to what is known; None if they stand for themselves."""
    some = values.drop_null()[:_SAMPLE].to_pylist()
    codings = [of_base64, _of_list]
    if any(map(_LETTER.search, some)):  # else numbers
        codings.append(_of_hex)
    return next((decode for decode in codings if _decodes(decode, some)), None)


def _decodes(decode: Decode, some: Sequence[bytes]) -> bool:
    found = [decode(value) for value in some]
    return sum(looks_coded(content or b"") for content in found) * 2 > len(some)


def decoded(values: pa.BinaryArray, decode: Decode) -> pa.BinaryArray:
    """Return the bytes that values stand for; as they are where they are none of these texts."""
    each = [None if v is None else decode(v) for v in values.to_pylist()]
    return pc.coalesce(pa.array(each, pa.binary()), values)


def decoded_text(values: pa.BinaryArray, decode: Decode) -> pa.BinaryArray:
    """Return values decoded where they stand for text; others as they are."""
    return decoded(values, lambda value: _if_text(decode(value)))


def _if_text(content: bytes | None) -> bytes | None:
    try:
        return content if content and content.decode().isprintable() else None
    except UnicodeDecodeError:
        return None
