"""How far apart the events of a key are, and where a session gap suggests itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.core.blockwise import Answer, added, as_it_is
from lib.core.columns import EVENTS, FROM_MS, SHARE_BELOW, TO_MS
from lib.replay.counted import Counted

if TYPE_CHECKING:
    from lib.core.blockwise import Question
    from lib.replay.input import ReplayInput


BINS: Final = 60
"""Of the histogram of gaps."""


def gaps_question(events: ReplayInput) -> Question[Counted]:
    """Ask for the ms between neighbouring events of each key, by event time."""
    yield from ()  # a question without a round
    order = np.lexsort((events.event_time, events.key))
    same_key = np.diff(events.key[order]) == 0
    gaps = Counted.of(np.diff(events.event_time[order])[same_key])
    return Answer(gaps, added, as_it_is)


def gap_distribution(gaps: Counted) -> pd.DataFrame:
    """Return a histogram of the gaps, with at most `BINS` bins that grow by a factor.

    Short gaps share a bin of 1 ms.

    Parameters
    ----------
    gaps
        From `gaps_question`.

    Returns
    -------
    DataFrame
        `FromMs`, `ToMs`: int64, inclusive and exclusive bound. `Events`: int64, gaps in the bin.
        `ShareBelow`: float64, share of all gaps below `ToMs`, 0 to 1.
    """
    longest = gaps.value.max(initial=-1)
    edges = np.unique(np.geomspace(1, longest + 2, BINS + 1).round().astype(np.int64)) - 1
    so_far = np.concatenate(([0], np.cumsum(gaps.times)))
    below = so_far[np.searchsorted(gaps.value, edges)]
    return pd.DataFrame(
        {
            FROM_MS: edges[:-1],
            TO_MS: edges[1:],
            EVENTS: np.diff(below),
            SHARE_BELOW: below[1:] / so_far[-1] if so_far[-1] else np.empty(0),
        }
    )


def knee_ms(gaps: Counted) -> int | None:
    """Return the gap at the knee of the distribution, in milliseconds.

    The point of the cumulative distribution over the logarithm of the gap that lies furthest above
    the line from its beginning to its end (Satopää et al., "Finding a 'Kneedle' in a Haystack",
    2011): a longer session gap joins few further events. None with fewer than two distinct gaps.

    Parameters
    ----------
    gaps
        From `gaps_question`.
    """
    if len(gaps.value) < 2:
        return None
    length = np.log1p(gaps.value)
    along = (length - length[0]) / (length[-1] - length[0])
    share = np.cumsum(gaps.times) / len(gaps)
    return int(gaps.value[np.argmax(share - along)])
