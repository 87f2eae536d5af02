"""What every chart has in common: its finding in words, how it is read, and how it moves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import altair as alt
import numpy as np
import pandas as pd

from lib.charts.rows import bin_width
from lib.charts.sent import SentChart, sent
from lib.charts.times import TimeScale
from lib.core.columns import OFFSET, PARTITION
from lib.core.durations import written_ms
from lib.core.formatting import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altair.vegalite.v6.schema._typing import SingleDefUnitChannel_T

ZOOM: Final = "zoom"
"""The name of the selection that follows what a chart shows of its axes."""

RECORD: Final = "record"
"""The name of the selection of the event that was clicked, by its place in the log."""

TIME: Final = "time"
"""The field of the time across."""

_WHEEL: Final = "wheel![event.ctrlKey || event.metaKey]"
"""Zooms; a wheel without a key is the page's, which it scrolls."""

_DRAG: Final = "[pointerdown[{}], window:pointerup] > window:pointermove!"

EXTENT_PX: Final = 55
"""Of the axes up of panels that are to stand in one line."""

OVER_TIME_PX: Final = 240
"""Height of a chart of delays over time."""

FIT: Final = alt.AutoSizeParams(type="fit-x", contains="padding")
"""As wide as the page; the height is that of what is drawn, titles and axes come on top."""

_MOST_LETTERS: Final = 22  # of a name beside its row
_LIKE: Final = 3  # letters that a shortened name keeps of what all names have in common

ABOVE: Final[dict[str, Any]] = {
    "orient": "top",
    "columns": alt.ExprRef("width < 500 ? 2 : 0"),  # on a phone one row would be cut
}
"""A legend above what it explains."""

TITLE: Final[dict[str, Any]] = {"anchor": "start", "fontSize": 14, "offset": 10}


@dataclass(frozen=True)
class Picture:
    """A chart and its words.

    Attributes
    ----------
    chart
        What is drawn.
    alt
        What it shows, with the figures, for those who do not see it.
    reading
        How it is read, in a line or two.
    are_records
        Whether its marks are events, which can be clicked (`RECORD`).
    """

    chart: alt.Chart | alt.LayerChart | alt.VConcatChart
    alt: str
    reading: str
    are_records: bool = False

    @cached_property
    def sent(self) -> SentChart:
        """The chart as a browser gets it; made once."""
        return sent(self.chart)


def places(events: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the columns of a chart's data that say where its events stand, as narrow as can be."""
    return {
        name: pd.to_numeric(events[name].reset_index(drop=True), downcast="unsigned")
        for name in (PARTITION, OFFSET)
    }


def picked() -> alt.Parameter:
    """Return the selection of the event that is clicked; its data have `places`."""
    return alt.selection_point(name=RECORD, fields=[PARTITION, OFFSET], on="click", empty=False)


def zoom(*encodings: SingleDefUnitChannel_T, brushes: bool = False) -> alt.Parameter:
    """Return what moves a chart: ctrl and wheel zoom, dragging pans, a double click resets.

    Parameters
    ----------
    encodings
        The axes that move.
    brushes
        Whether dragging with shift is something else's.
    """
    drag = _DRAG.format("!event.shiftKey" if brushes else "true")
    return alt.selection_interval(
        name=ZOOM,
        bind="scales",
        encodings=list(encodings),
        on=drag,
        translate=drag,
        zoom=_WHEEL,
    )


def of_views(selection: alt.Parameter, views: Sequence[str]) -> alt.TopLevelSelectionParameter:
    """Return a selection of some views of a chart of several, by their names.

    Added to one of them, it would have Altair find these names: by copying and checking all of the
    chart, several times.
    """
    param: Any = selection.param
    return alt.TopLevelSelectionParameter(
        name=param.name, select=param.select, bind=param.bind, views=list(views)
    )


def plain(layer: alt.Chart) -> alt.Chart:
    """Return a layer whose parts are plain dicts.

    Altair copies a layer seven times on its way into a chart of several panels; of its own objects,
    that took half of the time of a run.
    """
    bare = layer.copy(deep=False)
    bare.data = alt.Undefined
    spec = bare.to_dict(validate=False, context={"top_level": False})
    encoding = alt.FacetedEncoding(**spec["encoding"])
    return alt.Chart(**(spec | {"data": layer.data, "encoding": encoding}))


def stacked(
    panels: Sequence[alt.Chart | alt.LayerChart],
    *,
    spacing: int = 24,
    **channels: Literal["shared", "independent"],
) -> alt.VConcatChart:
    """Return panels of `plain` layers below one another, as wide as the page, with one axis across.

    Streamlit would not fit panels of several layers to the page.
    """
    chart: alt.VConcatChart = alt.vconcat(
        *panels, spacing=spacing, autosize=FIT, resolve=scales(x="shared", **channels)
    )
    return chart


def scales(**channels: Literal["shared", "independent"]) -> alt.Resolve:
    """Return which scales the parts of a chart share; `resolve_scale` would copy all of it."""
    return alt.Resolve(scale=alt.ScaleResolveMap(**channels))


def brush(name: str) -> alt.Parameter:
    """Return the selection of a stretch of a panel: dragged with shift."""
    return alt.selection_interval(
        name=name, encodings=["x"], on=_DRAG.format("event.shiftKey"), translate=False, zoom=False
    )


def along(field: str, scale: TimeScale) -> alt.X:
    """Return the channel of a time `field` in a layer that shares another one's axis."""
    return alt.X(field=field, type="quantitative" if scale is TimeScale.ZERO else "temporal")


def gridless(channel: alt.X) -> alt.X:
    """Return a channel whose axis draws no grid over the data."""
    made = channel.copy()
    if made["axis"] is alt.Undefined:
        made["axis"] = alt.Axis()
    made["axis"]["grid"] = False
    return made


_STEPS: Final = (
    *((value / 1000, f"{value:g} ms") for value in (1, 10, 100)),
    *((value, f"{value} s") for value in (1, 10, 30)),
    *((60 * value, f"{value} min") for value in (1, 5, 10, 30)),
    *((3600 * value, f"{value} h") for value in (1, 6)),
    *((86_400 * value, f"{value} d") for value in (1, 7, 30, 365)),
)
"""Durations that ticks fall on, s, and how they are written."""


_FEWEST_TICKS: Final = 2
"""With fewer, nobody reads how long anything is between them."""

_EVEN_STEPS: Final = (
    *(value / 1000 for value in (1, 2, 5, 10, 20, 50, 100, 200, 500)),
    *(1, 2, 5, 10, 20, 30),
    *(60 * value for value in (1, 2, 5, 10, 20, 30)),
    *(3600 * value for value in (1, 2, 6, 12)),
    *(86_400 * value for value in (1, 2, 7, 14, 28, 91, 365)),
)
"""Durations that ticks of a linear axis are apart, s."""

_LABEL_PX: Final = 17
"""How far apart labels on an axis up are, at least."""


def duration_axis(low_s: float, high_s: float, *, zero_at: float | None = None) -> alt.Axis:
    """Return the log axis of durations in s: ticks where people would put them.

    Parameters
    ----------
    low_s, high_s
        What it shows, from the least to the largest; ticks outside are left out.
    zero_at
        The end of the axis at which 0 is drawn; None: nowhere.
    """
    told = {seconds: words for seconds, words in _STEPS if low_s <= seconds <= high_s}
    if len(told) < _FEWEST_TICKS:
        told = {seconds: written_ms(round(1000 * seconds)) for seconds in _evenly(low_s, high_s)}
    if zero_at is not None:
        told = {s: words for s, words in told.items() if s > 1.5 * zero_at}
        told[zero_at] = "0"
    return _ticks(told, labelOverlap="greedy")


def delays_up(
    low_s: float, high_s: float, px: int, *, linear_s: float = 0.01, grid: bool = True
) -> dict[str, Any]:
    """Return scale and axis of delays in s that go up, of either sign, on as many pixels.

    Linear within ± `linear_s` and logarithmic beyond. 0 is always told, and from there on what is
    far enough apart to be read. Where all is within ± `linear_s`, ticks are equally far apart.
    """

    def place(seconds: float) -> float:
        return float(np.sign(seconds) * np.log1p(abs(seconds) / linear_s))

    apart = _LABEL_PX * (place(high_s) - place(low_s)) / px
    told = {0.0: "0"}
    for sign, words in ((1, ""), (-1, "−")):
        last = 0.0
        for seconds, name in _STEPS:
            at = place(seconds)
            if seconds >= linear_s and low_s <= sign * seconds <= high_s and at - last >= apart:
                told[sign * seconds] = words + name
                last = at
    if len(told) < _FEWEST_TICKS:
        told |= {seconds: duration(1000 * seconds) for seconds in _evenly(low_s, high_s) if seconds}
    return {"scale": symlog((low_s, high_s), linear_s), "axis": _ticks(told, grid=grid)}


def durations_up(high_s: float, low_s: float = 0.0) -> dict[str, Any]:
    """Return scale and axis of durations in s, linear, with a few ticks.

    They go up from 0, or from `low_s` where that is below it.
    """
    low_s, high_s = min(low_s, 0.0), max(high_s, 0.0)
    if low_s == high_s:
        high_s = 1.0
    told = {seconds: duration(1000 * seconds) for seconds in _evenly(low_s, high_s)}
    told[0.0] = "0"
    return {"scale": alt.Scale(domain=[low_s, high_s], nice=False), "axis": _ticks(told)}


def _evenly(low_s: float, high_s: float) -> list[float]:
    """Return where a few ticks of durations, s, are equally far apart."""
    wide_s = high_s - low_s
    if not wide_s:
        return [high_s]
    step = next((step for step in _EVEN_STEPS if wide_s / step <= 4), wide_s / 4)
    return [step * n for n in range(math.ceil(low_s / step), math.floor(high_s / step) + 1)]


def counts_axis(low: float, high: float, ticks: int = 6, **style: Any) -> alt.Axis:  # noqa: ANN401
    """Return the axis of counts from `low` to `high`, with a tick at some whole numbers, no other.

    Vega's least step of ticks does not keep it from ticks at halves, which are written as wholes.
    """
    step = bin_width(int(high - low), ticks)
    first = int(-(-low // step)) * step
    return alt.Axis(values=list(range(first, int(high) + 1, step)), format=",d", **style)


def share_axis(shares: Sequence[float], *, zero_at: float = 0.0) -> alt.Axis:
    """Return the axis of shares with these ticks, as percentages; 0 is drawn at `zero_at`."""
    told = {share: f"{100 * share:g} %" for share in shares if share > zero_at}
    told[zero_at] = "0 %"
    return _ticks(told)


def _ticks(told: dict[float, str], **options: Any) -> alt.Axis:  # noqa: ANN401
    """Return the axis with ticks at these values, written so.

    With the number of ticks said, or Vega leaves out every other one of more than it would make.
    """
    style = {"labelOverlap": False, **options}
    return alt.Axis(values=sorted(told), tickCount=len(told), labelExpr=_written(told), **style)


def _written(told: dict[float, str]) -> str:
    """Return the expression that labels each of these values with its words."""
    cases = "".join(
        f"abs(datum.value - {v!r}) < {abs(v) / 1e6!r} ? '{w}' : " for v, w in told.items()
    )
    return f"{cases}datum.value == 0 ? '{told.get(0.0, '')}' : ''"


def symlog(domain: tuple[float, float], constant: float) -> alt.Scale:
    """Return a scale that is linear within ± `constant` and logarithmic beyond."""
    return alt.Scale(type="symlog", constant=constant, domain=list(domain), nice=False, zero=False)


def rows_axis(names: Sequence[str]) -> alt.Axis:
    """Return the axis of the rows of clients.

    Names that are too long are cut in the middle, and before that of most of the beginning and end
    that all have in common: what is left tells them apart.
    """
    begin, end = _in_common(names) if len(names) > 1 else (0, 0)
    apart = f"slice(datum.label, {begin}, length(datum.label) - {end})"
    apart = f"truncate({apart}, {_MOST_LETTERS - 2}, 'center')"
    short = f"'{'…' if begin else ''}' + {apart} + '{'…' if end else ''}'"
    return alt.Axis(
        labelExpr=f"length(datum.label) > {_MOST_LETTERS} ? {short} : datum.label",
        labelLimit=140,
        labelFlush=False,
        labelOverlap=False,
        grid=False,
        ticks=False,
    )


def _in_common(names: Sequence[str]) -> tuple[int, int]:
    """Return how much of the beginning and of the end of all names may be left out, in letters."""
    begin = _first_that_differs(names)
    end = min(_first_that_differs([name[::-1] for name in names]), min(map(len, names)) - begin)
    return max(begin - _LIKE, 0), max(end - _LIKE, 0)


def _first_that_differs(names: Sequence[str]) -> int:
    """Return the place of the first letter that not all names have in common."""
    low, high = min(names), max(names)  # what these have in common, those between them have, too
    differs = (n for n, (one, other) in enumerate(zip(low, high, strict=False)) if one != other)
    return next(differs, min(len(low), len(high)))
