"""How far apart the events of a key are, and where a session gap suggests itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.core.columns import EVENTS, FROM_MS, SHARE_BELOW, TO_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.replay.input import ReplayInput


BINS: Final = 60
"""Of the histogram of gaps."""


def inter_event_gaps(events: ReplayInput) -> NDArray[np.int64]:
    """Return the milliseconds between neighbouring events of each key, by event time, sorted."""
    order = np.lexsort((events.event_time, events.key))
    same_key = np.diff(events.key[order]) == 0
    return np.sort(np.diff(events.event_time[order])[same_key])


def gap_distribution(gaps_ms: NDArray[np.int64]) -> pd.DataFrame:
    """Return a histogram of the gaps, with at most `BINS` bins that grow by a factor.

    Short gaps share a bin of 1 ms.

    Parameters
    ----------
    gaps_ms
        From `inter_event_gaps`.

    Returns
    -------
    DataFrame
        `FromMs`, `ToMs`: int64, inclusive and exclusive bound. `Events`: int64, gaps in the bin.
        `ShareBelow`: float64, share of all gaps below `ToMs`, 0 to 1.
    """
    longest = gaps_ms.max(initial=-1)
    edges = np.unique(np.geomspace(1, longest + 2, BINS + 1).round().astype(np.int64)) - 1
    below = np.searchsorted(gaps_ms, edges)
    return pd.DataFrame(
        {
            FROM_MS: edges[:-1],
            TO_MS: edges[1:],
            EVENTS: np.diff(below),
            SHARE_BELOW: below[1:] / len(gaps_ms) if len(gaps_ms) else np.empty(0),
        }
    )


def knee_ms(gaps_ms: NDArray[np.int64]) -> int | None:
    """Return the gap at the knee of the distribution, in milliseconds.

    The point of the cumulative distribution over the logarithm of the gap that lies furthest above
    the line from its beginning to its end (Satopää et al., "Finding a 'Kneedle' in a Haystack",
    2011): a longer session gap joins few further events. None with fewer than two distinct gaps.

    Parameters
    ----------
    gaps_ms
        From `inter_event_gaps`: sorted.
    """
    if not len(gaps_ms) or gaps_ms[0] == gaps_ms[-1]:
        return None
    length = np.log1p(gaps_ms)
    along = (length - length[0]) / (length[-1] - length[0])
    share = np.searchsorted(gaps_ms, gaps_ms, side="right") / len(gaps_ms)
    return int(gaps_ms[np.argmax(share - along)])
