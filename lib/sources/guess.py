"""What bytes that cannot be read may be: a guess, and what to do."""

from __future__ import annotations

import json
import re
from typing import Final

_REGISTRY: Final = "set a schema registry"
_CONFLUENT: Final = "use one with Confluent's API, or write JSON"
_UNPACK: Final = "unpack it, or use gzip, zlib, zstd or snappy"
_CSV: Final = "CSV; give the file the ending .csv, or write JSON"
_CUT_OFF: Final = "JSON over several lines, cut off or with a fault; write an object a line (jq -c)"
_NO_OBJECT: Final = "JSON, but no object; write an object with names for each event"
_BYTES: Final = "bytes that are no text; write JSON, or Avro or Protobuf with a schema registry"
_EXPORT: Final = "export the table as CSV, or a row of JSON a line"
_BEGINNINGS: Final = (
    (b"\xff\xfe", "UTF-16; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16; save it as UTF-8"),
    (b"\x1f\x8b", "compressed with gzip; give it the ending .gz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; give it the ending .zst"),
    (b"BZh", "compressed with bzip2; give it the ending .bz2"),
    (b"\x04\x22\x4d\x18", f"compressed with lz4; {_UNPACK}"),
    (b"\xfd7zXZ", f"compressed with xz; {_UNPACK}"),
    (b"\xff\x06\x00\x00sNaPpY", f"compressed with snappy; {_UNPACK}"),
    (b"\x82SNAPPY", f"compressed with snappy; {_UNPACK}"),
    (b"PK\x03\x04", "a zip archive or a workbook of Excel; unpack it, or save a sheet as CSV"),
    (b"PAR1", "Parquet; give it the ending .parquet"),
    (b"ARROW1", "Arrow; give it the ending .arrow"),
    (b"Obj\x01", "an Avro file; give it the ending .avro"),
    (b"FEA1", "Feather of version 1; write it anew as version 2"),
    (b"ORC", "ORC; write it anew as Parquet"),
    (b"%PDF-", "a PDF; write its records as JSON or CSV"),
    (b"SQLite format 3", "a SQLite database; write its records as JSON or CSV"),
    (
        b"\xc3\x01",
        f"Avro with a fingerprint of its schema (single-object encoding); {_REGISTRY}",
    ),
    (
        b"\x03\x00",
        f"a header of AWS Glue's schema registry; {_CONFLUENT}",
    ),
    (b"INSERT INTO ", f"a dump of SQL; {_EXPORT}"),
    (b"CREATE TABLE ", f"a dump of SQL; {_EXPORT}"),
    (b"-- MySQL dump", f"a dump of SQL; {_EXPORT}"),
)
_SYSLOG: Final = re.compile(rb"<\d{1,3}>")
_LINE_PROTOCOL: Final = re.compile(
    rb"[\w.-]+(?:(?:,[\w.-]+=[^\s,]+)+ [\w.-]+=\S+(?: \d+)?| [\w.-]+=\S+ \d{10,19})(?:\s.*)?",
    re.DOTALL,
)
_LABELLED: Final = re.compile(rb"(?:- )?[A-Za-z_][\w.-]*: *[^{\s]")
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
    if not first_bytes.strip(b"\0"):
        return "NUL bytes alone, as where a file was not written to its end; copy it again"
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
        is_text = _is_whole(text)
        return "text in quotes; write an object for each event" if is_text else _CUT_OFF
    if _SYSLOG.match(text):
        return "syslog; write JSON, as Fluent Bit, Vector, rsyslog and syslog-ng can"
    if text[:1] == b"<":
        return "XML or HTML; write its records as JSON or CSV"
    if text[:2] in (b"{'", b"['"):
        return "objects as Python prints them; write them with json.dumps"
    if text[:1] and text[:1] in _JSON_BEGINS:
        if not _is_whole(text):
            return _CUT_OFF
        return _NO_OBJECT if text.startswith(b"[") else ""
    if _LINE_PROTOCOL.fullmatch(text):
        return 'InfluxDB\'s line protocol; write JSON (in Telegraf, data_format = "json")'
    if _LABELLED.match(text):
        return "YAML, or other text of names and values; write JSON"
    at = text.find(b"{")
    if at > 0:
        return "JSON behind other text, such as a key or a line of a log; write the JSON alone"
    words = (
        b"=" in text and b" " in text,
        "key=value text behind other words; write the pairs alone, or JSON",
    )
    commas = (max(text.count(mark) for mark in (b",", b";", b"\t", b"|")) > 1, _CSV)
    return next(
        (form for fits, form in (words, commas) if fits),
        "plain text; write an object for each event",
    )


def _is_whole(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _of_binary(first: bytes) -> str:
    if 0x80 <= first[0] <= 0x8F or first[0] in (0xDE, 0xDF):
        return "MessagePack that is cut off, or other bytes that are no text; write JSON"
    if first[:1] == b"\x0a" or first[:1] == b"\x08":
        return "Protobuf without the id of its schema; write it with a schema registry"
    try:
        first.decode("cp1252")
    except UnicodeDecodeError:
        return _BYTES
    letters = sum(chr(byte).isalnum() or byte in b" .,;:{}\"'-\t\r\n" for byte in first)
    if letters * 10 > 9 * len(first) and b"\0" not in first:
        return "text in an encoding such as Windows-1252; save it as UTF-8"
    return _BYTES
