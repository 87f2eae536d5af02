"""Replays of a loaded topic, as pages and reports ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.core.columns import SESSION
from lib.replay.advisor import Advice, advise
from lib.replay.engine import Setting, replay
from lib.replay.input import replay_input_of
from lib.replay.outcome import Outcome, outcome_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lib.loading.load import LoadedTopic
    from lib.replay.goal import Goal
    from lib.replay.input import ReplayInput
    from lib.replay.windows import Replay


def true_sessions(topic: LoadedTopic) -> NDArray[np.integer] | None:
    """Return the session code of every event; None where the topic itself has no sessions."""
    if topic.fields.session is None:
        return None
    codes: NDArray[np.integer] = topic.events.table[SESSION].cat.codes.to_numpy()
    return codes


def input_of(topic: LoadedTopic, key: str) -> ReplayInput:
    """Return the events of a topic, grouped by a column: `lib.replay.input.replay_input_of`."""
    return replay_input_of(topic.events.table, key, topic.report.partitions)


def replayed_with(
    topic: LoadedTopic,
    events: ReplayInput,
    setting: Setting,
    left: NDArray[np.bool_] | None = None,
) -> tuple[Replay, Outcome]:
    """Return what the engine would have made of the whole topic, and that in numbers.

    Parameters
    ----------
    events
        `input_of` the topic.
    left
        Which events a filter leaves; None: all. The numbers are of these.
    """
    replayed = replay(events, setting)
    return replayed, outcome_of(replayed, true_sessions(topic), left)


def advice_on(
    topic: LoadedTopic, events: ReplayInput, setting: Setting, goal: Goal
) -> Advice | None:
    """Return what `lib.replay.advisor.advise` finds on the whole topic; None of one event."""
    return advise(events, setting, goal, true_sessions(topic)) if len(events) > 1 else None
