"""Tables in one style: no index, numbers with separators, nothing where a value is missing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from lib.analysis import delays
from lib.analysis.client_clocks import CASE
from lib.core.spreadsheets import safe_cells

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

_QUANTILE: Final = re.compile(r"min|max|p[0-9.]+")

_HEADS: Final = {
    delays.SCOPE: "Of",
    delays.EVENTS: "Events",
    delays.OUT_OF_ORDER: "Out of order",
    delays.NEGATIVE: "Received before it happened",
    CASE: "Case",
}
_SCOPES: Final = {"topic": "the whole topic", "partitions": "per-partition watermarks"}


def show_table(
    table: pd.DataFrame,
    *,
    alt: str,
    config: Mapping[str, Any] | None = None,
    **options: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Show a table and return what `st.dataframe` returns; a viewer may keep it as CSV.

    Parameters
    ----------
    alt
        What it shows, for those who do not see it.
    config
        How single columns are written, over the style of all.
    options
        More of `st.dataframe`.
    """
    numbers = st.column_config.NumberColumn(format="localized")
    columns = dict.fromkeys(table.select_dtypes("number").columns, numbers)
    return st.dataframe(
        safe_cells(table),
        hide_index=True,
        placeholder="",
        alt=alt,
        column_config={**columns, **(config or {})},
        **options,
    )


def quantiles_in_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of quantiles (`delays.quantile_name`, ms) in seconds, its columns in words."""
    quantiles = [name for name in table.columns if _QUANTILE.fullmatch(name)]
    shown = table.assign(**{name: table[name] / 1000 for name in quantiles})
    if delays.SCOPE in shown:
        shown[delays.SCOPE] = shown[delays.SCOPE].replace(_SCOPES)
    return shown.rename(columns={name: _in_words(name) for name in quantiles} | _HEADS)


def _in_words(quantile: str) -> str:
    if quantile in ("min", "max"):
        return f"{'Smallest' if quantile == 'min' else 'Largest'} (s)"
    return f"{quantile.removeprefix('p')} % within (s)"


def yes(column: pd.Series) -> pd.Series:
    """Return truth values as words; a column of boxes would look like one to tick."""
    return column.map({True: "yes", False: ""})
