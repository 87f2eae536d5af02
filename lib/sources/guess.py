"""What bytes that cannot be read may be: a guess, and what to do."""

from __future__ import annotations

import json
from typing import Final

_BEGINNINGS: Final = (
    (b"\xff\xfe", "UTF-16; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16; save it as UTF-8"),
    (b"\x1f\x8b", "compressed with gzip; give it the ending .gz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; give it the ending .zst"),
    (b"BZh", "compressed with bzip2; give it the ending .bz2"),
    (b"\x04\x22\x4d\x18", "compressed with lz4"),
    (b"\xfd7zXZ", "compressed with xz"),
    (b"\xff\x06\x00\x00sNaPpY", "compressed with snappy"),
    (b"\x82SNAPPY", "compressed with snappy"),
    (b"PK\x03\x04", "a zip archive or a workbook of Excel"),
    (b"PAR1", "Parquet; give it the ending .parquet"),
    (b"ARROW1", "Arrow; give it the ending .arrow"),
    (b"Obj\x01", "an Avro file; give it the ending .avro"),
    (b"FEA1", "Feather of version 1; write it anew as version 2"),
    (b"ORC", "ORC"),
    (b"%PDF-", "a PDF"),
    (b"SQLite format 3", "a SQLite database"),
    (b"\xc3\x01", "Avro with a fingerprint of its schema (single-object encoding)"),
    (b"\x03\x00", "a header of AWS Glue's schema registry"),
    (b"<", "XML or HTML"),
)
_MOST_IDS: Final = 1 << 24
_JSON_BEGINS: Final = b'{["'


def guess_of(first_bytes: bytes) -> str:
    r"""Return what a value or a file that cannot be read may be; "" if nothing comes to mind.

    Parameters
    ----------
    first_bytes
        How it begins; some 100 bytes tell enough.

    Examples
    --------
    >>> guess_of(b"\x00\x00\x00\x00\x11\x0adev-a")
    'begins with 0 and schema id 17: Avro or Protobuf; set a schema registry'
    """
    wire = _wire_format(first_bytes)
    if wire:
        return wire
    named = next((form for mark, form in _BEGINNINGS if first_bytes.startswith(mark)), "")
    if named or not first_bytes:
        return named
    if b"\x1b[" in first_bytes and _is_text(first_bytes.replace(b"\x1b", b"")):
        return "text with the colours of a terminal; write it without them (jq -M)"
    if _is_utf16(first_bytes):
        return "UTF-16 without a byte order mark; save it as UTF-8"
    return _of_text(first_bytes) if _is_text(first_bytes) else _of_binary(first_bytes)


def _wire_format(first: bytes) -> str:
    if len(first) < 6 or first[0]:
        return ""
    number = int.from_bytes(first[1:5])
    if not 0 < number < _MOST_IDS:
        return ""
    is_json = first[5:6] in (b"{", b"[")
    form = "JSON behind it" if is_json else "Avro or Protobuf; set a schema registry"
    return f"begins with 0 and schema id {number}: {form}"


def _is_utf16(first: bytes) -> bool:
    even, odd = first[::2].count(0), first[1::2].count(0)
    return max(even, odd) * 3 > len(first) and min(even, odd) * 8 < len(first)


def _is_text(first: bytes) -> bool:
    try:
        text = first.decode()
    except UnicodeDecodeError as fault:
        if fault.end < len(first) - 1:
            return False
        text = first[: fault.start].decode()  # cut off inside a character
    return all(c.isprintable() or c in "\t\r\n" for c in text)


def _of_text(first: bytes) -> str:
    text = first.strip()
    if text[:1] == b'"':
        return "JSON text that holds JSON, or text in quotes"
    if text[:2] in (b"{'", b"['"):
        return "objects as Python prints them; write them with json.dumps"
    if text[:1] and text[:1] in _JSON_BEGINS:
        return "JSON over several lines, or cut off" if not _is_whole(text) else "JSON, no object"
    at = text.find(b"{")
    if at > 0:
        return "JSON behind other text, such as a key or a line of a log"
    words = (b"=" in text and b" " in text, "key=value text (logfmt)")
    commas = (max(text.count(mark) for mark in (b",", b";", b"\t", b"|")) > 1, "CSV")
    return next((form for fits, form in (words, commas) if fits), "plain text")


def _is_whole(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _of_binary(first: bytes) -> str:
    if 0x80 <= first[0] <= 0x8F or first[0] in (0xDE, 0xDF):
        return "MessagePack, or other bytes that are no text"
    if first[:1] == b"\x0a" or first[:1] == b"\x08":
        return "Protobuf without a schema registry, or other bytes that are no text"
    try:
        first.decode("cp1252")
    except UnicodeDecodeError:
        return "bytes that are no text"
    letters = sum(chr(byte).isalnum() or byte in b" .,;:{}\"'-\t\r\n" for byte in first)
    if letters * 10 > 9 * len(first) and b"\0" not in first:
        return "text in an encoding such as Windows-1252; save it as UTF-8"
    return "bytes that are no text"
