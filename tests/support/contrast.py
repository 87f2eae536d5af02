"""How far two colours stand apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def linear(colour: str) -> NDArray[np.float64]:
    """Return the linear RGB of a colour such as #2f7de1."""
    share = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """Return WCAG's contrast ratio of two colours."""
    darker, lighter = sorted(
        float(linear(each) @ [0.2126, 0.7152, 0.0722]) for each in (one, other)
    )
    return (lighter + 0.05) / (darker + 0.05)


def over(colour: str, background: str, opacity: float) -> str:
    """Return a colour that lets a background through."""
    parts = (
        round(opacity * int(colour[p : p + 2], 16) + (1 - opacity) * int(background[p : p + 2], 16))
        for p in (1, 3, 5)
    )
    return "#" + "".join(f"{part:02x}" for part in parts)
