"""What other settings would do: a replay of the whole topic each, side by side, a row each."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.core.columns import (
    DELAY_MS,
    DROPPED_SHARE,
    EXACT_SHARE,
    GAP_MS,
    LATENCY_MEDIAN_MS,
)
from lib.core.parallel import in_parallel
from lib.replay.engine import (
    DELAYS_S,
    GAPS_S,
    Setting,
    delay_ms,
    replay,
    with_delay,
    with_length,
)
from lib.replay.outcome import outcome_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from lib.replay.input import ReplayInput
    from lib.replay.outcome import Outcome

LATENESS: Final = "allowed_lateness_ms"
"""What the settings of engines call an allowed lateness, of those that have one."""

IDLE: Final = "idle_ms"
"""What they call the time after which a silent partition is idle, of those that have one."""

PER_PARTITION: Final = "per_partition"
"""What they call the choice of a watermark per partition, of those that have it."""

IDLES_MS: Final = (10_000, 60_000, 300_000)

LATENESS_MS: Final = "LatenessMs"

MOST_EVENTS: Final = 12_000_000
"""Events replayed for one curve, in all settings together."""

_LEAST: Final = 8
_LENGTHS: Final = (0.5, 1.0, 2.0)
_LATENESSES_MS: Final = (0, 30_000, 300_000)


def curve(
    events: ReplayInput,
    settings: Sequence[Setting],
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
        One row a setting, in their order. `GapMs`: int64, of tumbling windows the size. `DelayMs`:
        int64, of Kafka Streams the grace. `LatenessMs`: int64, the allowed lateness, 0 in engines
        that have none. `DroppedShare`: float64, of the events, 0 to 1. `LatencyMedianMs`: float64,
        of the final results, NaN without any. With true sessions also `ExactShare`: float64, of
        the sessions, 0 to 1.
    """
    tried = {
        n: partial(outcome_with, events, each, true_session) for n, each in enumerate(settings)
    }
    return curve_of(settings, in_parallel(tried).values())


def curve_of(settings: Iterable[Setting], outcomes: Iterable[Outcome]) -> pd.DataFrame:
    """Return what `curve` does of settings, from what each has come to."""
    return pd.DataFrame([_row(*each) for each in zip(settings, outcomes, strict=True)])


def outcome_with(
    events: ReplayInput, setting: Setting, true_session: NDArray[np.integer] | None
) -> Outcome:
    """Return what a setting does to events; their true sessions as for `outcome_of`."""
    return outcome_of(replay(events, setting), true_session)


def _row(setting: Setting, outcome: Outcome) -> dict[str, float]:
    latency = outcome.latency_median_ms
    row = {
        GAP_MS: setting.window.length_ms,
        DELAY_MS: delay_ms(setting),
        LATENESS_MS: getattr(setting, LATENESS, 0),
        DROPPED_SHARE: outcome.dropped_share,
        LATENCY_MEDIAN_MS: np.nan if latency is None else latency,
    }
    if outcome.sessions is not None:
        row[EXACT_SHARE] = 1 - outcome.sessions.broken_share
    return row


def thinned(choices: Sequence[int], events: int, *, curves: int = 1) -> list[int]:
    """Return as many of the choices, first and last among them, as a topic can be replayed with.

    Parameters
    ----------
    choices
        In their order.
    events
        Number of events of the topic.
    curves
        How many curves share the budget.
    """
    most = max(_LEAST, MOST_EVENTS // max(1, events) // curves)
    places = np.unique(np.linspace(0, len(choices) - 1, min(most, len(choices))).round())
    return [choices[int(place)] for place in places]


def curve_settings(
    setting: Setting, events: int, advised_ms: int | None
) -> tuple[list[Setting], list[Setting]]:
    """Return the settings of the curve over the gap, and of that over the delay.

    Parameters
    ----------
    events
        Number of events of the topic.
    advised_ms
        A delay that is among those tried; None: none.
    """
    advised = set() if advised_ms is None else {advised_ms}
    gaps, delays = (
        sorted(marked | {1000 * s for s in thinned(choices, events, curves=2)})
        for marked, choices in (
            ({setting.window.length_ms}, GAPS_S),
            ({delay_ms(setting)} | advised, DELAYS_S),
        )
    )
    over_gap = [with_length(setting, gap) for gap in gaps]
    return over_gap, [with_delay(setting, delay) for delay in delays]


def tradeoff_settings(setting: Setting, events: int) -> list[Setting]:
    """Return settings that trade latency for completeness, around one.

    Delays from 0 to an hour, for the setting's gap or size, its half and its double; for the
    setting's own also with other allowed latenesses, where the engine has one. The setting itself
    is among them.

    Parameters
    ----------
    setting
        The setting in the middle.
    events
        Number of events of the topic: of a large one fewer delays are tried.
    """
    around = [
        with_length(setting, max(1, round(setting.window.length_ms * factor)))
        for factor in _LENGTHS
    ]
    if any(parameter.name == LATENESS for parameter in setting.engine.parameters):
        own = getattr(setting, LATENESS)
        others = (lateness for lateness in _LATENESSES_MS if lateness != own)
        around += [_with_lateness(setting, lateness) for lateness in others]
    delays = sorted({*thinned(DELAYS_S, events, curves=len(around))})
    tried = [with_delay(each, 1000 * delay) for each in around for delay in delays]
    return tried if setting in tried else [*tried, setting]


def takes_minimum(setting: Setting) -> bool:
    """Return whether the watermark is the smallest of the partitions'."""
    return bool(getattr(setting, PER_PARTITION, False))


def idle_settings(setting: Setting) -> dict[int | None, Setting]:
    """Return the setting with other idle timeouts, ms, by these; None: no partition is ever idle.

    None at all where a silent partition changes nothing, or cannot be idle in this engine.
    """
    idle = next((each for each in setting.engine.parameters if each.name == IDLE), None)
    if idle is None or not takes_minimum(setting):
        return {}
    if idle.needs is not None and not getattr(setting, idle.needs):
        return {}
    timeouts = {None, *IDLES_MS, getattr(setting, IDLE)}
    in_order = sorted(timeouts, key=lambda ms: -1 if ms is None else ms)
    return {ms: replace(setting, **{IDLE: ms}) for ms in in_order}


def _with_lateness(setting: Setting, lateness_ms: int) -> Setting:
    lateness: dict[str, int] = {LATENESS: lateness_ms}
    return replace(setting, **lateness)  # type: ignore[arg-type]
