"""What charts ask of events, block by block: few enough are drawn one by one, more are counted.

Nothing here draws, so that whoever has a block need not load what does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from lib.core.columns import (
    ARRIVAL,
    CLIENT,
    EVENT_TIME,
    LEFT,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
    SEQUENCE,
    SESSION,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

MOST_POINTS: Final = 5_000
"""Events drawn one by one; beyond, they are counted."""

COLUMNS: Final = 1_000
"""Cells across: a panel is about as many pixels wide."""

_TOLD: Final = (CLIENT, SESSION, EVENT_TIME, RECEIVED_TIME, SEQUENCE, PARTITION, OFFSET)


def left_of(table: pd.DataFrame) -> NDArray[np.int64] | slice:
    """Return the positions of the events of a block that are seen: all, without a column `Left`."""
    return np.flatnonzero(table[LEFT]) if LEFT in table else slice(None)


def one_by_one(
    table: pd.DataFrame,
    rows: NDArray[np.int64] | NDArray[np.bool_] | slice,
    **columns: NDArray[np.generic],
) -> pd.DataFrame:
    """Return what charts tell of the events at `rows` of a block, with further `columns` of them.

    And their places in the arrival order: `Arrival`, or else that of the rows.
    """
    told = table[[name for name in (*_TOLD, ARRIVAL) if name in table]].iloc[rows]
    if ARRIVAL not in told:
        told = told.assign(**{ARRIVAL: np.arange(len(table))[rows]})
    return told.assign(**columns).reset_index(drop=True)


def ends_of(values: NDArray[np.int64]) -> tuple[int, int]:
    """Return the smallest and the largest of some values; 0 twice without any."""
    return (int(values.min()), int(values.max())) if len(values) else (0, 0)


def in_arrival_order(points: pd.DataFrame) -> pd.DataFrame:
    """Return events one by one in the order in which they are drawn."""
    return points.sort_values(ARRIVAL, ignore_index=True).drop(columns=ARRIVAL)


def cell_counts(
    row: NDArray[np.integer], column: NDArray[np.integer], shape: tuple[int, int]
) -> NDArray[np.int64]:
    """Return how many events fall on each cell, an array of `shape`."""
    flat: NDArray[np.int64] = np.bincount(
        row.astype(np.int64) * shape[1] + column, minlength=shape[0] * shape[1]
    )
    return flat.reshape(shape)
