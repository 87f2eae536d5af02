"""Bytes that stand for numbers and texts, as Avro and Protobuf write them."""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Final


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
