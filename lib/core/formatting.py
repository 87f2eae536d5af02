"""How figures are written in sentences."""

from __future__ import annotations


def duration(ms: float) -> str:
    """Return a duration in the unit that suits it, for example 12 ms, 65.2 s or 3.4 h."""
    for unit, size, least in (
        ("d", 86_400_000, 2),
        ("h", 3_600_000, 2),
        ("min", 60_000, 2),
        ("s", 1000, 1),
    ):
        if abs(ms) >= size * least:
            return f"{round(ms / size, 1):,g} {unit}"
    return f"{ms:,.0f} ms"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, for example 1 client or 2,428 events."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(of_bytes: float) -> str:
    """Return a number of bytes in the unit that suits it, for example 35 kB or 1.2 GB."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if of_bytes >= least:
            return f"{of_bytes / least:,.3g} {unit}"
    return f"{of_bytes:,.0f} B"
