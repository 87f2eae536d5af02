"""Tables that a spreadsheet opens: no cell of theirs is taken for a formula."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Hashable

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # wide ones count
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?(?: ?(?:%|ms|s|min|h))?")
"""A number, with its unit or none, is no formula."""


def safe_cell(text: str) -> str:
    """Return a text with an apostrophe in front where a spreadsheet would take it for a formula.

    Examples
    --------
    >>> safe_cell("=1+1"), safe_cell("a=1"), safe_cell("-5")
    ("'=1+1", 'a=1', '-5')
    """
    is_formula = text.startswith(_FORMULA) and not _NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text


def safe_cells(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts, names of columns too, are no formulas (`safe_cell`)."""
    safe = {str(name): _safe(column) for name, column in table.items() if _may_be_text(column)}
    return table.assign(**safe).rename(columns=_safe_value)


def csv_of(table: pd.DataFrame, *, with_names: bool = True) -> str:
    r"""Return a table as CSV (RFC 4180) that is safe to open in a spreadsheet.

    Lines end with CR LF: so texts with either are quoted, and none of them begins a line. The
    first has the columns' names, unless it is `with_names` false.
    """
    return str(safe_cells(table).to_csv(index=False, header=with_names, lineterminator="\r\n"))


def _may_be_text(column: pd.Series) -> bool:
    kind = column.dtype
    if isinstance(kind, pd.CategoricalDtype):
        return not pd.api.types.is_numeric_dtype(kind.categories.dtype)
    return bool(pd.api.types.is_object_dtype(kind) or pd.api.types.is_string_dtype(kind))


def _safe(column: pd.Series) -> pd.Series:
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return column.map(_safe_value)
    safe = np.array([*map(_safe_value, column.cat.categories), None], object)  # None: code -1
    return pd.Series(safe[column.cat.codes.to_numpy()], column.index, name=column.name)


def _safe_value(value: Hashable) -> Hashable:
    return safe_cell(value) if isinstance(value, str) else value
