"""Tables in one style: no index, numbers with separators, nothing where a value is missing.

A browser gets the first rows of a large one, and all of it as a file when it asks for it.
"""

from __future__ import annotations

import re
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import pandas as pd
import streamlit as st

from lib.analysis import delays
from lib.analysis.client_clocks import CASE
from lib.core.columns import EVENTS
from lib.core.errors import SkewlineError
from lib.core.spreadsheets import csv_of, safe_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streamlit.elements.lib.column_types import ColumnConfig

    from lib.analysis.analyse import Analysis

Made = TypeVar("Made")

MOST_ROWS: Final = 1_000
MOST_BYTES: Final = 250_000
"""What a browser gets of a table at most: a page has few that are large, and sends 2 MB at most."""

_ROW_PX: Final = 35
_MOST_DECIMALS: Final = 3

_MOST_TEXT: Final = 256
"""Characters of a cell that are shown."""

_AMOUNT: Final = re.compile(r"[−-]?[0-9][0-9,.]*( ?%| (ms|s|min|h|d|years)\b)")
_NO_AMOUNTS: Final = {"", "none"}
_QUANTILE: Final = re.compile(r"min|max|p[0-9.]+")

_HEADS: Final = {
    delays.SCOPE: "Of",
    EVENTS: "Events",
    delays.OUT_OF_ORDER: "Out of order",
    delays.NEGATIVE: "Received before it happened",
    CASE: "Case",
}
_SCOPES: Final = {"topic": "the whole topic", "partitions": "per-partition watermarks"}


@dataclass(frozen=True)
class WholeTable:
    """All of a table, to download.

    Attributes
    ----------
    what, file
        What the button calls it, "the outages"; the name of the file.
    rows
        How many there are.
    make
        Makes it, when it is asked for. The page keeps this as long as it is open: see `weakly`.
    """

    what: str
    file: str
    rows: int
    make: Callable[[], pd.DataFrame]


def weakly(make: Callable[..., Made], *held: object) -> Callable[[], Made]:
    """Return what calls `make` with what is held elsewhere, and does not hold it itself.

    A page keeps its downloads for minutes after its tab was closed: they must not keep topics.

    Raises
    ------
    SkewlineError
        When called after one of them was dropped.
    """
    known = [weakref.ref(each) for each in held]

    def made() -> Made:
        present = [each() for each in known]
        if any(each is None for each in present):
            raise SkewlineError(
                "The server has dropped the topic to make room for others.",
                "Reload the page, then download again.",
            )
        return make(*present)

    return made


def show_table(
    table: pd.DataFrame,
    *,
    alt: str,
    whole: WholeTable | None = None,
    order: str = "",
    config: Mapping[str, Any] | None = None,
    height: int | None = None,
    **options: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Show the first rows of a table and return what `st.dataframe` returns.

    A viewer may keep them as CSV: no cell is taken for a formula.

    Parameters
    ----------
    alt
        What it shows, for those who do not see it.
    whole
        All of it, as a file; where it has more rows than `table`, `table` are the first.
    order
        Which rows come first, for the sentence that counts them: "the largest first".
    config
        How single columns are written, over the style of all.
    height
        What it takes at most, px; None: ten rows.
    options
        More of `st.dataframe`.
    """
    shown = first_rows(table)
    numbers = shown.select_dtypes("number").columns
    columns: dict[Any, Any] = {name: number_column(shown[name]) for name in numbers}
    right = st.column_config.Column(alignment="right")
    texts = (name for name in shown if name not in columns and _are_amounts(shown[name]))
    columns |= dict.fromkeys(texts, right)
    if height is not None and len(shown) < height // _ROW_PX - 1:
        height = None  # as high as its rows: no empty ones
    chosen = st.dataframe(
        safe_cells(shown),
        hide_index=True,
        placeholder="",
        alt=alt,
        column_config={**columns, **(config or {})},
        height=height or "auto",
        **options,
    )
    every = len(table) if whole is None else whole.rows
    if len(shown) < every:
        which = f"The first {len(shown):,} of {every:,}{', ' if order else ''}{order}"
        st.caption(f"{which}{'.' if whole is None else '; all in the download.'}")
    if whole is not None:
        make = whole.make
        st.download_button(
            f"Download {whole.what}",
            lambda: csv_of(make()).encode(errors="replace"),
            file_name=whole.file,
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
    return chosen


def _are_amounts(column: pd.Series) -> bool:
    """Return whether a column has texts that are numbers with a unit, such as 65.2 s or 0.1 %."""
    return len(column) > 0 and all(
        isinstance(value, str) and (_AMOUNT.match(value) or value in _NO_AMOUNTS)
        for value in column
    )


def number_column(column: pd.Series) -> ColumnConfig:
    """Return how numbers are written: separators, and all with as many decimals, three at most."""
    values = column.to_numpy("float64", na_value=np.nan)
    known = values[np.isfinite(values)]
    decimals = (n for n in range(_MOST_DECIMALS) if (np.round(known, n) == known).all())
    return st.column_config.NumberColumn(format=f"%,.{next(decimals, _MOST_DECIMALS)}f")


def first_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return as many of the first rows as a browser is to get, long texts cut.

    A category column is sent with all its categories: those that are not there go.
    """
    rows = table.head(MOST_ROWS)
    rows = rows.apply(_cut) if len(rows) else rows
    sizes = sum((_sizes(rows[name]) for name in rows), pd.Series(0, rows.index))
    fitting = int((sizes.cumsum() <= MOST_BYTES).sum())
    return rows.head(max(1, fitting))


def _is_plain(column: pd.Series) -> bool:
    """Return whether the values of a column have a fixed size: numbers, times, truth values."""
    kind = column.dtype
    return not isinstance(kind, pd.CategoricalDtype) and (
        pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind)
    )


def _cut(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if _is_plain(column):
        return column
    return column.map(lambda value: f"{value[:_MOST_TEXT]}…" if _is_long(value) else value)


def _is_long(value: object) -> bool:
    return isinstance(value, str) and len(value) > _MOST_TEXT


def _sizes(column: pd.Series) -> pd.Series:
    """Return about how many bytes each value takes on its way."""
    if _is_plain(column):
        return pd.Series(8, column.index)
    return column.map(lambda value: len(str(value).encode(errors="replace")))


def quantiles(answers: Analysis) -> None:
    """Show the quantiles of delay and out-of-orderness of a topic."""
    st.markdown("**Delay**: how long events were under way, in the whole topic")
    show_table(quantiles_in_words(answers.delay), alt="Quantiles of delay, s")
    st.markdown("**Out-of-orderness**: how long a watermark must wait, in the whole topic")
    show_table(
        quantiles_in_words(answers.out_of_orderness),
        alt="Quantiles of out-of-orderness over the topic and per partition, s",
    )
    st.caption(
        "A watermark delay of “99 % within” is long enough for 99 % of the events. Where every "
        "partition has a watermark of its own, as in Flink's Kafka source, take the row "
        "“per-partition watermarks”."
    )


def quantiles_in_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of quantiles (`delays.quantile_name`, ms) in seconds, its columns in words.

    Without the least out-of-orderness: it is 0, the first event's.
    """
    if delays.OUT_OF_ORDER in table:
        table = table.drop(columns="min")
    quantiles = [name for name in table.columns if _QUANTILE.fullmatch(name)]
    shown = table.assign(**{name: table[name] / 1000 for name in quantiles})
    if delays.SCOPE in shown:
        shown[delays.SCOPE] = shown[delays.SCOPE].replace(_SCOPES)
    return shown.rename(columns={name: _in_words(name) for name in quantiles} | _HEADS)


def _in_words(quantile: str) -> str:
    if quantile in ("min", "max"):
        return f"{'Smallest' if quantile == 'min' else 'Largest'} (s)"
    return f"{quantile.removeprefix('p')} % within (s)"


def by_session(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of a topic that names no client, with the session in the client's place."""
    return table[["Session", *table.columns.drop(["Client", "Session"])]]


def yes(column: pd.Series) -> pd.Series:
    """Return truth values as words; a column of boxes would look like one to tick."""
    return column.map({True: "yes", False: ""})
