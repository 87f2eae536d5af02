"""Charts as plain JSON, for a page without Streamlit: a spec, and its tables as columns."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import vl_convert

from lib.charts.sent import with_named_tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    import altair as alt

    from lib.charts.picture import Picture

_PX: Final = 900
"""Width of a picture's panels."""

_CHARACTERS: Final = 150
"""In a line of words as wide as that."""

Columns = dict[str, Any]
"""Name → values, or `{"names": …, "codes": …}` where texts repeat; times are epoch ms."""


@dataclass(frozen=True)
class EmbeddedChart:
    """A Vega-Lite spec whose data has names, and the tables of those names by column."""

    spec: Mapping[str, Any]
    tables: Mapping[str, Columns]


def embedded(chart: alt.TopLevelMixin, *, width: int) -> EmbeddedChart:
    """Return a chart, each of its panels `width` px wide, as JSON.

    It can be zoomed and panned; brushes, which lead elsewhere in the app, are left out.
    """
    frames: dict[int, tuple[str, pd.DataFrame]] = {}

    def name_of(frame: pd.DataFrame) -> str:
        return frames.setdefault(id(frame), (f"table{len(frames)}", frame))[0]

    spec = with_named_tables(chart, name_of, width).to_dict()
    tables = {name: columns_of(frame) for name, frame in frames.values()}
    if "params" in spec:
        spec["params"] = [_by_hand(each) for each in spec["params"] if each.get("bind") == "scales"]
    return EmbeddedChart(spec, tables)


def svg_of(picture: Picture) -> bytes:
    """Return a chart with its title and words, as a picture that can be scaled; takes a second."""
    svg: str = vl_convert.vegalite_to_svg(_with_words(picture))
    return svg.encode()


def png_of(picture: Picture) -> bytes:
    """Return a chart with its title and words, as pixels, two of them a px; takes a second."""
    png: bytes = vl_convert.vegalite_to_png(_with_words(picture), scale=2)
    return png


def _with_words(picture: Picture) -> dict[str, Any]:
    """Return the spec of a chart that stands alone: title, what it shows, how it is read."""
    found = embedded(picture.chart, width=_PX)
    titled = found.spec.get("title")
    own = titled.get("text") if isinstance(titled, dict) else titled
    said = [line for text in (picture.alt, picture.reading) for line in wrap(text, _CHARACTERS)]
    title = {
        "text": own or said[:1],
        "subtitle": said if own else said[1:],
        "anchor": "start",
        "frame": "bounds",
        "offset": 12,
    }
    datasets = {name: _rows_of(columns) for name, columns in found.tables.items()}
    return {**found.spec, "title": title, "datasets": datasets, "background": "white"}


def _rows_of(columns: Columns) -> list[dict[str, Any]]:
    """Return a table by rows, which is how Vega takes it."""
    values = [_repeated(column) for column in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]


def _repeated(column: Any) -> list[Any]:  # noqa: ANN401
    if isinstance(column, dict):
        return [None if code < 0 else column["names"][code] for code in column["codes"]]
    values: list[Any] = column
    return values


def _by_hand(zoom: Mapping[str, Any]) -> dict[str, Any]:
    """Return a zoom that leaves the wheel to the page, unless Ctrl is held."""
    select = zoom["select"]
    said = {"type": select} if isinstance(select, str) else select
    return {**zoom, "select": {**said, "zoom": "wheel![event.ctrlKey]"}}


def columns_of(frame: pd.DataFrame) -> Columns:
    """Return the columns of a table as JSON has them; what is missing is null."""
    return {str(name): _column(frame[name]) for name in frame.columns}


def _column(column: pd.Series) -> Any:  # noqa: ANN401
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        ms = column.dt.as_unit("ms").astype("int64").tolist()
        return [None if gone else v for v, gone in zip(ms, column.isna(), strict=True)]
    if isinstance(column.dtype, pd.CategoricalDtype):
        names = [str(name) for name in column.cat.categories]
        return {"names": names, "codes": column.cat.codes.tolist()}
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = column.astype("float64").to_numpy()
        whole = np.isfinite(values) & (values == np.round(values))
        return [
            int(v) if is_whole else v if np.isfinite(v) else None
            for v, is_whole in zip(values.tolist(), whole, strict=True)
        ]
    return [None if pd.isna(value) else str(value) for value in column]
