"""One setting after the other: what each drops and breaks, and how late its results come."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd

from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.outcome import SessionFates, session_fates
from lib.replay.registry import Setting, replay
from lib.replay.windows import NO_INDEX, SessionWindow, TumblingWindow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from lib.replay.input import ReplayInput
    from lib.replay.windows import Replay


AnySetting = TypeVar("AnySetting", bound=Setting)


@dataclass(frozen=True)
class Outcome:
    """What a setting does to a topic, in numbers.

    Attributes
    ----------
    events, dropped
        Numbers of events.
    sessions
        What became of the true sessions, or None where the topic has none.
    latency_median_ms, latency_p95_ms
        Of the final results (see `lib.replay.outcome.result_latency`), or None without any.
    unclosed
        Number of windows without a final result by the end of the topic.
    """

    events: int
    dropped: int
    sessions: SessionFates | None
    latency_median_ms: float | None
    latency_p95_ms: float | None
    unclosed: int

    @property
    def dropped_share(self) -> float:
        """Share of the events dropped, 0 to 1."""
        return self.dropped / self.events if self.events else 0.0


def outcome_of(
    replayed: Replay, true_session: NDArray[np.integer] | None = None, begin: int = 0
) -> Outcome:
    """Return a replay in numbers.

    Parameters
    ----------
    replayed
        What the engine made of the topic.
    true_session
        As for `lib.replay.outcome.session_fates`, or None where the topic has no true session.
    begin
        Index of the first event that counts; of the final results, those count that came out then
        or later.
    """
    results = replayed.closed_at >= begin
    latency = (replayed.closed_ms - replayed.last)[results]
    median, p95 = np.quantile(latency, [0.5, 0.95]).tolist() if len(latency) else (None, None)
    return Outcome(
        events=len(replayed.kept) - begin,
        dropped=int(np.count_nonzero(~replayed.kept[begin:])),
        sessions=None if true_session is None else session_fates(replayed, true_session),
        latency_median_ms=median,
        latency_p95_ms=p95,
        unclosed=int(np.count_nonzero(replayed.closed_at == NO_INDEX)),
    )


def length_ms(setting: Setting) -> int:
    """Return the session gap, or the size of tumbling windows, in milliseconds."""
    window = setting.window
    return window.gap_ms if isinstance(window, SessionWindow) else window.size_ms


def delay_ms(setting: Setting) -> int:
    """Return the watermark delay, or the grace of Kafka Streams, in milliseconds."""
    return setting.grace_ms if isinstance(setting, KafkaStreamsSetting) else setting.delay_ms


def with_gap(setting: AnySetting, gap_ms: int) -> AnySetting:
    """Return the setting with another session gap or window size."""
    other = (
        SessionWindow(gap_ms)
        if isinstance(setting.window, SessionWindow)
        else TumblingWindow(gap_ms)
    )
    return replace(setting, window=other)


def with_delay(setting: AnySetting, delay_ms: int) -> AnySetting:
    """Return the setting with another watermark delay, or grace for Kafka Streams."""
    if isinstance(setting, KafkaStreamsSetting):
        return replace(setting, grace_ms=delay_ms)
    return replace(setting, delay_ms=delay_ms)


def curve(
    arrivals: ReplayInput,
    settings: Iterable[Setting],
    true_session: NDArray[np.integer] | None = None,
) -> pd.DataFrame:
    """Return what each setting does to the topic.

    Parameters
    ----------
    arrivals
        The events.
    settings
        For example `[with_gap(setting, gap) for gap in gaps]`.
    true_session
        As for `lib.replay.outcome.session_fates`, or None.

    Returns
    -------
    DataFrame
        One row a setting: `GapMs` (of tumbling windows the size), `DelayMs` (of Kafka Streams the
        grace), int64; `Dropped` int64 and `DroppedShare` float64, 0 to 1; `LatencyMedianMs` and
        `LatencyP95Ms`, float64, NaN without a result; `Unclosed`, int64. With true sessions also
        `Exact`, `Incomplete`, `Split`, `Merged`, `Mixed`, int64, and `ExactShare`, float64.
    """
    return pd.DataFrame([_row(arrivals, setting, true_session) for setting in settings])


def grid(
    arrivals: ReplayInput,
    setting: Setting,
    gaps_ms: Sequence[int],
    delays_ms: Sequence[int],
    true_session: NDArray[np.integer] | None = None,
) -> pd.DataFrame:
    """Return the `curve` over every pair of a gap and a delay, gap by gap."""
    settings = [with_delay(with_gap(setting, gap), delay) for gap in gaps_ms for delay in delays_ms]
    return curve(arrivals, settings, true_session)


def _row(
    arrivals: ReplayInput, setting: Setting, true_session: NDArray[np.integer] | None
) -> dict[str, float]:
    judged = outcome_of(replay(arrivals, setting), true_session)
    row = {
        "GapMs": length_ms(setting),
        "DelayMs": delay_ms(setting),
        "Dropped": judged.dropped,
        "DroppedShare": judged.dropped_share,
        "LatencyMedianMs": _or_nan(judged.latency_median_ms),
        "LatencyP95Ms": _or_nan(judged.latency_p95_ms),
        "Unclosed": judged.unclosed,
    }
    sessions = judged.sessions
    if sessions is not None:
        row |= {
            "Exact": sessions.exact,
            "Incomplete": sessions.incomplete,
            "Split": sessions.split,
            "Merged": sessions.merged,
            "Mixed": sessions.mixed,
            "ExactShare": 1 - sessions.broken_share,
        }
    return row


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
