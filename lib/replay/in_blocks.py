"""A topic replayed in blocks: see `lib.core.blockwise`.

First the engine's clock is asked of blocks that follow one another in arrival order. Then what the
engine made of the events is asked of blocks that have all events of their keys, each with that
clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from lib.core.blockwise import Answer, Carry, Pool, added
from lib.core.columns import ARRIVAL, EVENT_TIME, MISSING_TIME, PARTITION, RECEIVED_TIME, SESSION
from lib.replay.engine_clock import EngineClock, rising
from lib.replay.input import replay_input_of
from lib.replay.outcome import counts_of
from lib.replay.windows import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import NDArray

    from lib.core.blockwise import Merge, Question
    from lib.replay.engine import Setting
    from lib.replay.outcome import Counts, Outcome


@dataclass(frozen=True)
class Job:
    """What an engine has to do with a topic.

    Attributes
    ----------
    setting
        The engine's.
    key
        The column that windows are grouped by.
    has_sessions
        Whether the topic itself has sessions.
    order_only
        Whether events are replayed in the order of their records, without received times.
    """

    setting: Setting
    key: str
    has_sessions: bool
    order_only: bool = False

    def timed(self, table: pd.DataFrame) -> NDArray[np.bool_]:
        """Return which events are replayed."""
        if self.order_only:
            return np.ones(len(table), dtype=np.bool_)
        known: NDArray[np.bool_] = table[RECEIVED_TIME].to_numpy() != MISSING_TIME
        return known

    def received(self, heard: pd.DataFrame) -> NDArray[np.int64]:
        """Return when those events were received, as they say it."""
        stated: NDArray[np.int64]
        stated = heard[EVENT_TIME if self.order_only else RECEIVED_TIME].to_numpy()
        return stated


@dataclass(frozen=True, eq=False)
class Clocks:
    """What all events of a topic say of the replay of a part of them.

    Attributes
    ----------
    partitions
        How many the topic has.
    received
        The received time as a clock; None where it never falls.
    engine
        The answer to the engine's own `clock`.
    """

    partitions: int
    received: EngineClock | None
    engine: Any


def clocks_question(table: pd.DataFrame, job: Job) -> Question[Clocks]:
    """Ask for the clocks; `table` is a block of an events table, in **arrival order**."""
    timed = job.timed(table)
    heard = table[timed]
    stated = job.received(heard)
    last = int(stated.max(initial=NEVER))
    start, before = yield Carry((len(table), last), _and_then, (0, NEVER))
    received = np.maximum(np.maximum.accumulate(stated), before)
    own = int(heard[PARTITION].max()) + 1 if len(heard) else 1
    partitions, falls = yield Pool((own, bool((received != stated).any())), _largest)
    events = replay_input_of(heard, job.key, partitions)
    events = replace(events, received=received, arrival=start + np.flatnonzero(timed))
    answer = yield from job.setting.engine.clock(events, job.setting)
    clock = rising(events, received) if falls else None
    return Answer(
        Clocks(partitions, clock, answer.part),
        partial(_both, answer.merge),
        partial(_finished, answer.finish),
    )


def _and_then(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], max(one[1], other[1])


def _largest(one: tuple[int, bool], other: tuple[int, bool]) -> tuple[int, bool]:
    return max(one[0], other[0]), one[1] or other[1]


def _both(merge: Merge, one: Clocks, other: Clocks) -> Clocks:
    received = None
    if one.received is not None and other.received is not None:
        received = one.received.and_then(other.received)
    return Clocks(one.partitions, received, merge(one.engine, other.engine))


def _finished(finish: Callable[[Any], Any], clocks: Clocks) -> Clocks:
    return replace(clocks, engine=finish(clocks.engine))


def outcome_question(table: pd.DataFrame, job: Job, clocks: Clocks) -> Question[Outcome]:
    """Ask for the outcome; `table` is a block that has all events of its keys and sessions.

    Its column `Arrival`, int64, says which of the topic's events each is; it rises.
    """
    yield from ()  # a question without a round
    heard = table[job.timed(table)]
    events = replay_input_of(heard, job.key, clocks.partitions)
    events = replace(events, arrival=heard[ARRIVAL].to_numpy())
    if clocks.received is not None:
        received = np.maximum(clocks.received.seen_by(events), job.received(heard))
        events = replace(events, received=received)
    replayed = job.setting.engine.replay(events, job.setting, clocks.engine)
    sessions = heard[SESSION].cat.codes.to_numpy() if job.has_sessions else None
    return Answer(counts_of(replayed, sessions), added, _outcome)


def _outcome(counts: Counts) -> Outcome:
    return counts.outcome
