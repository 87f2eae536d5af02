"""How figures are written in sentences."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pandas as pd

from lib.core.durations import HOUR_MS, MINUTE_MS, YEAR_MS

if TYPE_CHECKING:
    from collections.abc import Iterable

_LEAST_SHARE: Final = 1e-5
"""Smaller shares are not told apart."""

_ALL_DIGITS: Final = 15
"""So many digits of a number are written before its exponent would be."""


def duration(ms: float) -> str:
    """Return a duration as people write it: 12 ms, 65.2 s, 10.6 min, 2 h 5 min, 3 d 4 h, 8.1 years.

    Of a negative one, the same behind a minus sign.
    """
    if round(ms) < 0:
        return f"−{duration(-ms)}"
    if round(ms) < 1000:
        return f"{abs(ms):.0f} ms"
    if ms < 2 * MINUTE_MS and round(ms / 1000, 1) != 60:
        return f"{round(ms / 1000, 1):g} s"
    if round(ms / MINUTE_MS, 1) < 60:
        return f"{round(ms / MINUTE_MS, 1):g} min"
    if round(ms / MINUTE_MS) < 48 * 60:
        return _in_two(round(ms / MINUTE_MS), 60, "h", "min")
    if ms < 2 * YEAR_MS:
        return _in_two(round(ms / HOUR_MS), 24, "d", "h")
    return f"{round(ms / YEAR_MS, 1):,.{_ALL_DIGITS}g} years"


def rough_duration(ms: float) -> str:
    """Return what is only known to a factor of two: "a few seconds", "about 20 s", "about 4 h"."""
    if ms < 700:
        return "less than a second"
    if ms < 1500:
        return "about a second"
    if ms < 7000:
        return "a few seconds"
    unit = next(unit for unit in (HOUR_MS, MINUTE_MS, 1000) if round(ms / unit) > 1)
    return f"about {duration(float(f'{ms / unit:.1g}') * unit)}"


def _in_two(smaller: int, in_larger: int, larger_unit: str, smaller_unit: str) -> str:
    larger, rest = divmod(smaller, in_larger)
    return f"{larger:,} {larger_unit}" + (f" {rest} {smaller_unit}" if rest else "")


def delay_text(ms: float) -> str:
    """Return a delay: a duration, or by how much an event's clock was ahead: "1 h ahead"."""
    return duration(ms) if round(ms) >= 0 else f"{duration(-ms)} ahead"


def percent(share: float, decimals: int = 2) -> str:
    """Return a share, 0 to 1, as percent with so many decimals: 4.31 %.

    What is not nothing is never written 0 %, what is not all never 100 %: "less than 0.01 %".
    """
    least = 10.0**-decimals
    if share > 0 and round(100 * share, decimals) < least:
        return f"less than {least:.{decimals}f} %"
    if share < 1 and round(100 * share, decimals) >= 100:
        return f"more than {100 - least:.{decimals}f} %"
    return f"{100 * share:.{decimals}f} %"


def share_text(share: float) -> str:
    """Return a share, 0 to 1, as percent with up to three digits: 0.1 %.

    From 99 % on three digits of what lacks: 99.95 %. What is not nothing is never written 0 %, what
    is not all never 100 %: "less than 0.001 %".
    """
    rest = 1 - share
    if 0 < share < _LEAST_SHARE or 0 < rest < _LEAST_SHARE:
        return percent(share, 3)
    shown = 100 - float(f"{100 * rest:.3g}") if 0 < rest < 0.01 else float(f"{100 * share:.3g}")
    return f"{shown:g} %"


def share_texts(shares: Iterable[float]) -> list[str]:
    """Return the text of each of some shares, as `share_text`; none of one that is not known."""
    return ["" if share != share else share_text(share) for share in shares]  # NaN


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, for example 1 client or 2,428 events."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def moment_text(epoch_ms: int, zone: str = "UTC") -> str:
    """Return a moment with date and zone: 2018-10-28 11:34:46 UTC."""
    time = pd.Timestamp(epoch_ms, unit="ms", tz="UTC").tz_convert(zone)
    return f"{time:%Y-%m-%d %H:%M:%S} {zone}"


def size(of_bytes: float) -> str:
    """Return a number of bytes in the unit that suits it, for example 35 kB or 1.2 GB."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if of_bytes >= least:
            return f"{float(f'{of_bytes / least:.3g}'):,.{_ALL_DIGITS}g} {unit}"
    return f"{of_bytes:,.0f} B"


def visible_text(text: object) -> str:
    """Return a text on one line in which every character shows.

    Control, zero-width and direction characters, line ends, unusual spaces and halves of surrogate
    pairs are replaced by their code points, as ⟨U+200B⟩.
    """
    written = str(text)
    if written.isprintable():
        return written
    return "".join(c if c.isprintable() else f"⟨U+{ord(c):04X}⟩" for c in written)


_JOINER: Final = "\u2060"
"""Takes no room and breaks no line."""

# Streamlit replaces these after it has parsed the Markdown, so a backslash does not keep them:
# arrows and dashes, icons and emoji shortcodes, web and mail addresses.
_REPLACED: Final = re.compile(
    r"(?<!\S)[-<>~](?=[->=]{1,2}(?!\S))"
    r"|:(?=//|[A-Za-z_+-]|\d+(?:[A-Za-z_:+-]|$))"
    r"|www(?=\.)"
    r"|(?<=[\w.+-])@(?=[\w-])",
    re.ASCII | re.IGNORECASE,
)
_SPECIAL: Final = re.compile(r"[\\`*\[\]<&~$]|(?<![^\W_])_|_(?![^\W_])")
_BLOCK: Final = re.compile(r"^(\s*)([-+#>])|^(\s*\d+)([.)](?!\S))")


def escaped_markdown(text: object) -> str:
    r"""Return Markdown that Streamlit shows as `text`, letter by letter, on one line.

    Nothing in it is a link, an image, HTML, emphasis, code, a heading, a list, a formula, a
    directive (`:red[…]`), an icon (`:material/…:`) or an emoji shortcode. It may stand between
    other Markdown. Characters that do not show are written as by `visible_text`.

    Examples
    --------
    >>> print(escaped_markdown("![x](y) *a* <b> $c$"))
    !\[x\](y) \*a\* \<b> \$c\$
    """
    shown = _REPLACED.sub(rf"\g<0>{_JOINER}", visible_text(text))
    shown = _SPECIAL.sub(r"\\\g<0>", shown)
    return _BLOCK.sub(r"\1\3\\\2\4", shown)


def code_span(text: object) -> str:
    """Return Markdown that Streamlit shows as `text` in a code span; line ends become spaces."""
    shown = visible_text(" ".join(str(text).split())).replace(":material/", f":{_JOINER}material/")
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    space = " " if "`" in shown[:1] + shown[-1:] else ""
    return f"{fence}{space}{shown}{space}{fence}"
