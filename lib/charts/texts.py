"""Names in the data of a chart: each sent once, and never so long that the chart gets large."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.charts.rows import shown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_TEXT_BYTES: Final = 200_000
"""Names in one chart, UTF-8: 5,000 UUIDs fit as they are."""


def drawn_names(*columns: pd.Series) -> list[pd.Categorical]:
    """Return columns of clients or sessions as the texts that a chart shows.

    Categories, so that a name travels once, not once an event. Where the names of all columns
    take more than `MOST_TEXT_BYTES`, the longest of them are cut.

    Parameters
    ----------
    *columns
        Categorical columns; a missing value becomes an empty text.
    """
    seen = [column.cat.remove_unused_categories().cat for column in columns]
    names = [[shown_name(name) for name in each.categories] for each in seen]
    limit = _longest(names)
    return [
        pd.Categorical(np.array([*(_cut(n, limit) for n in some), ""], object)[each.codes])
        for each, some in zip(seen, names, strict=True)
    ]


def _longest(names: Sequence[Sequence[str]]) -> int:
    """Return the bytes that each name may have."""
    sizes = [len(name.encode()) for some in names for name in some]
    return max(sizes, default=0) if sum(sizes) <= MOST_TEXT_BYTES else MOST_TEXT_BYTES // len(sizes)


def _cut(name: str, limit: int) -> str:
    if len(name.encode()) <= limit:
        return name
    return name.encode()[: limit - len("…".encode())].decode(errors="ignore") + "…"
