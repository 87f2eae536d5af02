"""Bytes that stand for numbers and texts, as Avro and Protobuf write them."""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Final


def hex_lines(value: bytes) -> str:
    r"""Return bytes as programs for them show them: place, hexadecimal, and what is ASCII.

    Examples
    --------
    >>> hex_lines(b"\x00Hi")
    '00000000  00 48 69                                         .Hi'
    """
    lines = []
    for start in range(0, len(value), 16):
        some = value[start : start + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in some)
        lines.append(f"{start:08x}  {some.hex(' '):<47}  {text}")
    return "\n".join(lines)


def is_utf8(value: bytes) -> bool:
    """Return whether bytes are text in UTF-8."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def text_of_bytes(value: bytes) -> str:
    r"""Return bytes as text, as a key is shown: UTF-8, what is not as `\xff`."""
    return value.decode(errors="backslashreplace")


def decimal_text(value: bytes, scale: int) -> str:
    """Return a decimal number, the bytes of an integer divided by 10 to the `scale`.

    Raises
    ------
    ValueError
        When it has more than 600 digits.
    """
    if len(value) > _LONGEST_DECIMAL or abs(scale) > _LARGEST_SCALE:
        raise ValueError("a decimal has too many digits")
    number = Decimal(int.from_bytes(value, "big", signed=True))
    return f"{number.scaleb(-scale, _EVERY_DIGIT):f}"


_EVERY_DIGIT: Final = Context(prec=2_000, Emin=MIN_EMIN, Emax=MAX_EMAX)
_LONGEST_DECIMAL: Final = 256
_LARGEST_SCALE: Final = 600
