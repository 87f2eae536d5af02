"""What other settings would do: one replay after the other, a row each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lib.core.columns import (
    DELAY_MS,
    DROPPED_SHARE,
    EXACT_SHARE,
    GAP_MS,
    LATENCY_MEDIAN_MS,
)
from lib.replay.engine import delay_ms, replay
from lib.replay.outcome import outcome_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from lib.replay.engine import Setting
    from lib.replay.input import ReplayInput


def curve(
    events: ReplayInput,
    settings: Iterable[Setting],
    true_session: NDArray[np.integer] | None = None,
) -> pd.DataFrame:
    """Return what each setting does to the topic.

    Parameters
    ----------
    events
        The events.
    settings
        For example `[with_length(setting, gap) for gap in gaps]`.
    true_session
        As for `lib.replay.outcome.session_fates`, or None.

    Returns
    -------
    DataFrame
        One row a setting. `GapMs`: int64, of tumbling windows the size. `DelayMs`: int64, of Kafka
        Streams the grace. `DroppedShare`: float64, of the events, 0 to 1. `LatencyMedianMs`:
        float64, of the final results, NaN without any. With true sessions also `ExactShare`:
        float64, of the sessions, 0 to 1.
    """
    return pd.DataFrame([_row(events, setting, true_session) for setting in settings])


def _row(
    events: ReplayInput, setting: Setting, true_session: NDArray[np.integer] | None
) -> dict[str, float]:
    outcome = outcome_of(replay(events, setting), true_session)
    latency = outcome.latency_median_ms
    row = {
        GAP_MS: setting.window.length_ms,
        DELAY_MS: delay_ms(setting),
        DROPPED_SHARE: outcome.dropped_share,
        LATENCY_MEDIAN_MS: np.nan if latency is None else latency,
    }
    if outcome.sessions is not None:
        row[EXACT_SHARE] = 1 - outcome.sessions.broken_share
    return row
