"""MessagePack as JSON, which the readers of JSON then take."""

from __future__ import annotations

import json
from typing import Any, Final

import msgpack
import orjson

from lib.core.binary_values import text_of_bytes
from lib.decoding.compressed import UnpackError

MAX_BYTES: Final = 16 << 20
"""In memory, a hostile value takes many times its size."""


def json_of(value: bytes) -> bytes | None:
    """Return a MessagePack map, or an array, as JSON; None for what does not begin as one.

    Bytes, and those of extensions, are text as `text_of_bytes` has it; a timestamp is ns since
    1970.

    Raises
    ------
    UnpackError
        If it is not MessagePack behind its beginning, or holds what JSON cannot.
    """
    if not value or not (0x80 <= value[0] <= 0x9F or 0xDC <= value[0] <= 0xDF):
        return None
    if len(value) > MAX_BYTES:
        raise UnpackError(f"more than {MAX_BYTES >> 20} MB of MessagePack")
    try:
        plain = msgpack.unpackb(value, strict_map_key=False, ext_hook=_bytes_alone)
        return orjson.dumps(plain, default=_plain)
    except (ValueError, TypeError, RecursionError, MemoryError):
        pass  # damaged; or with keys that are no texts, or deeper than it goes
    try:
        found = msgpack.unpackb(
            value, strict_map_key=False, object_pairs_hook=_with_texts, ext_hook=_bytes_alone
        )
        return _WRITTEN.encode(found).encode()
    except (ValueError, TypeError, RecursionError, MemoryError) as error:
        # Its own errors are all of `ValueError`; `TypeError`: a key that is a map or a list.
        raise UnpackError("not MessagePack") from error


def _with_texts(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    return {text_of_bytes(k) if isinstance(k, bytes) else k: value for k, value in pairs}


def _bytes_alone(_: int, content: bytes) -> bytes:
    return content


def _plain(value: bytes | msgpack.Timestamp) -> str | int:
    """Return what JSON has not as what it has."""
    return text_of_bytes(value) if isinstance(value, bytes) else value.to_unix_nano()


_WRITTEN: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain)
