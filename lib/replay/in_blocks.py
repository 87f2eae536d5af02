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
import pandas as pd

from lib.core.blockwise import Answer, Carry, Pool, added, in_step, joined, together
from lib.core.columns import (
    ARRIVAL,
    CLIENT,
    EVENT_TIME,
    HOME_HASH,
    KEY_HASH,
    LEFT,
    MISSING_TIME,
    PARTITION,
    RECEIVED_TIME,
    SESSION,
)
from lib.replay.engine_clock import EngineClock, rising
from lib.replay.input import key_hashes, partitions_of_hashes, replay_input, replay_input_of
from lib.replay.outcome import TrueSessions, find_counts
from lib.replay.windows import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from lib.core.blockwise import Merge, Question, Steps
    from lib.replay.engine import Setting
    from lib.replay.input import ReplayInput
    from lib.replay.outcome import Counts, Outcome
    from lib.replay.replays import OfEvents, OfMissed, OfReplay, OfSessions
    from lib.replay.windows import Replay


@dataclass(frozen=True)
class Job:
    """What an engine has to do with a topic.

    Attributes
    ----------
    settings
        Those that are replayed, all of one engine.
    key
        The column that windows are grouped by.
    has_sessions
        Whether the topic itself has sessions.
    order_only
        Whether events are replayed in the order of their records, without received times.
    without
        Of each setting, the group whose events are left out, as if they were not there; None: none
        is. Without any, so it is of all settings.
    group
        The column by which events are told apart in groups: of the partition, or of the client.
    with_table
        Whether who asks of a replay is given the rows of the events table, too, as `table`.
    sessions_are_apart
        Whether a block that has all events of its keys has all events of its sessions, too.
    partitions
        How many the topic has; where it is not known, fewer than its events show.
    """

    settings: tuple[Setting, ...]
    key: str
    has_sessions: bool
    order_only: bool = False
    without: tuple[int | None, ...] = ()
    group: str = PARTITION
    with_table: bool = False
    sessions_are_apart: bool = True
    partitions: int = 0

    @property
    def cases(self) -> list[tuple[Setting, int | None]]:
        """The settings, each with the group that is left out."""
        return [*zip(self.settings, self.without or [None] * len(self.settings), strict=True)]

    def timed(self, table: pd.DataFrame) -> NDArray[np.bool_]:
        """Return which events can be replayed."""
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
        The answers to the engine's own `clock`, one a setting.
    """

    partitions: int
    received: EngineClock | None
    engine: list[Any]


def clocks_question(table: pd.DataFrame, job: Job) -> Question[Clocks]:
    """Ask for the clocks; `table` is a block of an events table, in **arrival order**.

    Of its columns, those are needed that are times, `KafkaPartition`, `KeyHash` of the client, and
    `HomeHash` of the key where that is another.
    """
    events, partitions, falls = yield from _find_input(table, job)
    each = yield from _in_step(
        setting.engine.clock(_read(events, without), setting) for setting, without in job.cases
    )
    clock = rising(events, events.received) if falls else None
    return Answer(
        Clocks(partitions, clock, each.part),
        partial(_both, each.merge),
        partial(_finished, each.finish),
    )


def _read(events: ReplayInput, without: int | None) -> ReplayInput:
    """Return what is replayed of events where those of a group are left out."""
    if without is None:
        return events
    return events.only(np.flatnonzero(events.groups != without))


def _in_step(questions: Iterable[Question[Any]]) -> Question[list[Any]]:
    """Ask several questions that need nothing of each other in the same rounds."""
    numbered = {str(number): question for number, question in enumerate(questions)}
    each = together((yield from in_step(numbered)))
    return Answer(each.part, each.merge, partial(_listed, each.finish))


def _listed(finish: Callable[[Any], dict[str, Any]], part: Any) -> list[Any]:  # noqa: ANN401
    return [*finish(part).values()]


def in_order_question(
    table: pd.DataFrame, job: Job, question: Callable[[ReplayInput], Question[Any]]
) -> Question[Any]:
    """Ask a question of events in arrival order; `table` is a block of such."""
    events, _, _ = yield from _find_input(table, job)
    return (yield from question(events))


@dataclass(frozen=True, eq=False)
class Missed:
    """The events that an engine dropped: `place` in arrival order, and `by_ms`; both int64."""

    place: NDArray[np.int64]
    by_ms: NDArray[np.int64]

    def __add__(self, other: Missed) -> Missed:
        """Return those of both, in any order."""
        return Missed(joined(self.place, other.place), joined(self.by_ms, other.by_ms))

    def in_order(self) -> Missed:
        """Return them in arrival order."""
        order = np.argsort(self.place)
        return Missed(self.place[order], self.by_ms[order])

    def of(self, events: ReplayInput) -> NDArray[np.int64]:
        """Return by how much each of some events missed, ms; 0 where it was kept."""
        found = np.zeros(len(events), dtype=np.int64)
        begin, end = events.place(np.array([0, len(events) - 1])).tolist()
        own = slice(*np.searchsorted(self.place, (begin, end + 1)).tolist())
        found[events.arrived(self.place[own])] = self.by_ms[own]
        return found


def missed_question(
    events: ReplayInput, replayed: Replay, _: TrueSessions | None
) -> Question[Missed]:
    """Ask for the events that a replay drops."""
    yield from ()  # a question without a round
    late = np.flatnonzero(replayed.late)
    return Answer(Missed(events.place(late), replayed.missed_by_ms[late]), added, Missed.in_order)


def missed_in_order_question(
    table: pd.DataFrame, job: Job, missed: Missed, question: OfMissed
) -> Question[Any]:
    """Ask a question of events in arrival order, with by how much each missed; `table` as above."""
    events, _, _ = yield from _find_input(table, job)
    return (yield from question(events, missed.of(events)))


def _find_input(table: pd.DataFrame, job: Job) -> Steps[tuple[ReplayInput, int, bool]]:
    """Find the events that can be replayed, how many partitions there are, whether times fall."""
    heard = table[job.timed(table)]
    stated = job.received(heard)
    last = int(stated.max(initial=NEVER))
    start, before = yield Carry((len(heard), last), _and_then, (0, NEVER))
    received = np.maximum(np.maximum.accumulate(stated), before)
    own = max(job.partitions, int(heard[PARTITION].max()) + 1 if len(heard) else 1)
    partitions, falls = yield Pool((own, bool((received != stated).any())), _largest)
    # Of keys, clocks know no more than where Kafka's default partitioner sends them.
    of_client = heard[KEY_HASH].to_numpy()
    of_key = heard[HOME_HASH].to_numpy() if HOME_HASH in heard else of_client
    home = partitions_of_hashes(of_key, partitions)
    events = replay_input(heard[EVENT_TIME].to_numpy(), home, heard[PARTITION].to_numpy(), received)
    events = replace(
        events,
        partition_of_key=np.arange(partitions, dtype=np.int32),
        arrival=start + np.arange(len(heard)),
        group=of_client if job.group == CLIENT else None,
    )
    return events, partitions, falls


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


def replay_question(
    table: pd.DataFrame, job: Job, clocks: Clocks, question: OfReplay
) -> Question[list[Any]]:
    """Ask a question of the events, each replay and the true sessions of some keys.

    `table` is a block that has all events of its keys. Its column `Arrival`, int64, says which of
    the topic's events that can be replayed each is; it rises. With a column `Left` the question is
    given that, too.
    """
    heard = table[job.timed(table)]
    events, received = _of_keys(heard, job, clocks.partitions), job.received(heard)
    if clocks.received is not None:
        received = np.maximum(clocks.received.seen_by(events), received)
    events = replace(events, received=received)
    sessions = _sessions(heard, job) if job.has_sessions else None
    if LEFT in heard:
        question = partial(question, left=heard[LEFT].to_numpy())
    if job.with_table:
        question = partial(question, table=heard)
    answer = yield from _in_step(
        _of_replay(events, case, clock, sessions, question)
        for case, clock in zip(job.cases, clocks.engine, strict=True)
    )
    return answer


def _of_replay(
    events: ReplayInput,
    case: tuple[Setting, int | None],
    clock: Any,  # noqa: ANN401 (the engine's own)
    sessions: TrueSessions | None,
    question: OfReplay,
) -> Question[Any]:
    # Not before its turn: a replay takes more memory than the events.
    setting, without = case
    if without is not None and sessions is not None:
        sessions = sessions.of(events.groups != without)
    events = _read(events, without)
    replayed = setting.engine.replay(events, setting, clock)
    return (yield from question(events, replayed, sessions))


def of_sessions_question(table: pd.DataFrame, job: Job, question: OfSessions) -> Question[Any]:
    """Ask a question of the events and true sessions of some keys; `table` as above."""
    heard = table[job.timed(table)]
    return (yield from question(_of_keys(heard, job, 1), _sessions(heard, job)))


def of_keys_question(table: pd.DataFrame, job: Job, question: OfEvents) -> Question[Any]:
    """Ask a question of the events of some keys; `table` as above."""
    return (yield from question(_of_keys(table[job.timed(table)], job, 1)))


def _of_keys(heard: pd.DataFrame, job: Job, partitions: int) -> ReplayInput:
    return replace(
        replay_input_of(heard, job.key, partitions),
        arrival=heard[ARRIVAL].to_numpy(),
        group=key_hashes(heard[CLIENT]) if job.group == CLIENT else None,
    )


def _sessions(heard: pd.DataFrame, job: Job) -> TrueSessions:
    named = heard[SESSION].cat
    if job.sessions_are_apart:
        return TrueSessions(named.codes.to_numpy())
    hashes = pd.util.hash_array(np.asarray(named.categories), categorize=False)
    return TrueSessions(named.codes.to_numpy(), hashes, heard[ARRIVAL].to_numpy())


def outcome_question(
    _: ReplayInput,
    replayed: Replay,
    sessions: TrueSessions | None,
    left: NDArray[np.bool_] | None = None,
) -> Question[Outcome]:
    """Ask for the outcome of a replay, of the events that are left; None: of all."""
    return Answer((yield from find_counts(replayed, sessions, left)), added, _outcome)


def _outcome(counts: Counts) -> Outcome:
    return counts.outcome
