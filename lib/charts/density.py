"""Counts of a great many events as one image: a cell is about a pixel, and none is left out."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import TYPE_CHECKING, Final

import altair as alt
import numpy as np
import pandas as pd
from PIL import Image

from lib.charts import colours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_ENDS: Final = {"light": ((0, 0, 0), 0.45), "dark": ((255, 255, 255), 0.45)}
"""Page → what a colour goes to where there are many events, and how much of that the fullest cell
has. A cell of one event has the colour itself, which stands out from either page."""

_SHADES: Final = 12
"""Shades of a colour in an image: eyes tell no more, and the image stays small."""


def images(cells: NDArray[np.int64], colour: Sequence[str], most: int) -> dict[str, list[str]]:
    """Return counts as pictures, a pixel a cell, one for each page: columns of a table of one row.

    Parameters
    ----------
    cells
        Counts, the upper row first.
    colour
        Of each row, as "#rrggbb"; the more events, the more it stands out from the page.
    most
        The count that does most.
    """
    share = np.log(np.maximum(cells, 1)) / np.log(max(most, 2))
    share = np.round(share * _SHADES)[..., np.newaxis] / _SHADES
    base = np.array([_rgb(each) for each in colour], float)[:, np.newaxis]
    found = {}
    for page, (end, most_of_it) in _ENDS.items():
        pixels = np.zeros((*cells.shape, 4), np.uint8)
        pixels[..., :3] = np.round(base + (np.array(end) - base) * share * most_of_it)
        pixels[..., 3] = np.where(cells > 0, 255, 0)
        found[page] = [_address(pixels)]
    return found


def url() -> alt.Url:
    """Return the channel of an image mark that takes the picture for the page it is on."""
    on_light = {"test": colours.ON_LIGHT, "value": {"expr": "datum.light"}}
    return alt.Url(field="dark", type="nominal", condition=on_light)


def _address(pixels: NDArray[np.uint8]) -> str:
    """Return an image as an address that holds all of it."""
    written = BytesIO()
    Image.fromarray(pixels, "RGBA").quantize(256, method=Image.Quantize.FASTOCTREE).save(
        written, "png"
    )
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def legend(most: int) -> alt.Chart:
    """Return the layer that draws nothing but the legend: how many events a shade stands for."""
    levels = [float(10**power) for power in range(len(str(max(most // 2, 1))))]
    fullest = {page: _mixed(colours.NEUTRAL, *end) for page, end in _ENDS.items()}
    of_page = {"expr": f"{colours.ON_LIGHT} ? '{fullest['light']}' : '{fullest['dark']}'"}
    scale = alt.Scale(type="log", domain=[1, max(most, 2)], range=[colours.NEUTRAL, of_page])
    chart: alt.Chart = (
        alt.Chart(pd.DataFrame({"events": [1]}))
        .mark_square(size=0, opacity=1)
        .encode(
            fill=alt.Fill(  # not `color`, which means something else in these charts
                field="events",
                type="quantitative",
                title="Events in a cell",
                scale=scale,
                legend=alt.Legend(
                    type="symbol",
                    orient="top",
                    titleOrient="left",
                    values=[*levels, float(most)] if most > levels[-1] else levels,
                    symbolStrokeWidth=0,
                    symbolType="square",
                    symbolSize=180,
                    format=",d",
                ),
            )
        )
    )
    return chart


def _mixed(colour: str, end: Sequence[int], share: float) -> str:
    parts = (round(b + (e - b) * share) for b, e in zip(_rgb(colour), end, strict=True))
    return "#" + "".join(f"{part:02x}" for part in parts)
