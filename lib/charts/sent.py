"""A chart as a browser gets it: a spec that names its tables, and the tables as Arrow."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import altair as alt
import pandas as pd
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PARTS: Final = ("layer", "vconcat", "hconcat", "concat")


@dataclass(frozen=True)
class SentChart:
    """A Vega-Lite spec whose data has names, and the tables of those names, Arrow streams."""

    spec: Mapping[str, Any]
    tables: Mapping[str, bytes]


def sent(chart: alt.TopLevelMixin) -> SentChart:
    """Return a chart as a browser gets it, not checked.

    Streamlit would make it again in every run, under a lock that all viewers share. A table is
    called by what is in it, so that one that changes is another one to the browser.
    """
    tables: dict[str, bytes] = {}

    def name_of(frame: pd.DataFrame) -> str:
        table = pa.Table.from_pandas(frame)
        written = BytesIO()
        with pa.ipc.new_stream(written, table.schema) as stream:
            stream.write_table(table)
        name = blake2b(written.getbuffer(), digest_size=16).hexdigest()
        tables[name] = written.getvalue()
        return name

    spec = with_named_tables(chart, name_of).to_dict(validate=False)
    return SentChart({name: part for name, part in spec.items() if name != "config"}, tables)


def with_named_tables(chart: Any, name_of: Callable[[pd.DataFrame], str], width: int = 0) -> Any:  # noqa: ANN401
    """Return a chart in which tables are names, and each panel `width` px wide; 0: as it is.

    Altair's own way to data goes through a setting of the whole process, which threads change.
    """
    copied = chart.copy(deep=False)
    if isinstance(copied.data, pd.DataFrame):
        copied.data = alt.NamedData(name=name_of(copied.data))
    parts = [name for name in _PARTS if isinstance(chart._kwds.get(name), list)]  # noqa: SLF001
    for name in parts:
        inner = 0 if name == "layer" else width  # layers have the width of the whole
        copied[name] = [with_named_tables(part, name_of, inner) for part in chart[name]]
    if width and not isinstance(chart, (alt.VConcatChart, alt.HConcatChart, alt.ConcatChart)):
        copied.width = width
    return copied
