"""A view's parameters as one short text, for links that would be too long."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_BYTES: Final = 1 << 18
MOST_VALUES: Final = 950
"""What a text may unpack to: anybody can write a link, and of 1,000 values Streamlit takes none."""


def packed(values: Mapping[str, Sequence[str]]) -> str:
    """Return every value of parameters, compressed, in letters that an address may have."""
    written = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(zlib.compress(written.encode(), 9)).decode().rstrip("=")


def unpacked(text: str) -> dict[str, list[str]] | None:
    """Return what `packed` was given; None of a text that is damaged or cut off."""
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        inflate = zlib.decompressobj()
        written = inflate.decompress(content, MOST_BYTES)
        values = json.loads(written) if inflate.eof else None
    except (binascii.Error, zlib.error, ValueError, RecursionError):
        return None
    return values if _are_parameters(values) else None


def _are_parameters(values: object) -> bool:
    return (
        isinstance(values, dict)
        and all(
            isinstance(every, list) and every and all(isinstance(each, str) for each in every)
            for every in values.values()
        )
        and sum(map(len, values.values())) <= MOST_VALUES
    )
