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

FAINTEST: Final = 0.45
"""Opacity of a cell of one event; that of the fullest is 1."""

_SHADES: Final = 12
"""Opacities in an image: eyes tell no more, and the image stays small."""


def image(cells: NDArray[np.int64], colour: Sequence[str], most: int) -> str:
    """Return counts as a picture, a pixel a cell: an address that an image mark takes.

    Parameters
    ----------
    cells
        Counts, the upper row first.
    colour
        Of each row, as "#rrggbb"; the more events, the more opaque.
    most
        The count that is opaque.
    """
    share = np.log(np.maximum(cells, 1)) / np.log(max(most, 2))
    opacity = FAINTEST + (1 - FAINTEST) * np.round(share * _SHADES) / _SHADES
    pixels = np.zeros((*cells.shape, 4), np.uint8)
    pixels[..., :3] = np.array([_rgb(each) for each in colour], np.uint8)[:, np.newaxis]
    pixels[..., 3] = np.where(cells > 0, np.round(255 * opacity), 0)
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
    scale = alt.Scale(type="log", domain=[1, max(most, 2)], range=[FAINTEST, 1])
    chart: alt.Chart = (
        alt.Chart(pd.DataFrame({"events": [1]}))
        .mark_square(size=0, color=colours.NEUTRAL)
        .encode(
            opacity=alt.Opacity(
                field="events",
                type="quantitative",
                title="Events in a cell",
                scale=scale,
                legend=alt.Legend(
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
