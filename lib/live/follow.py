"""Following a topic: from its last minutes on, each refresh reads what is new.

What is kept does not grow with the topic: counts, what is known of the clients heard last, and the
events that are not judged yet. Events are judged (`lib.live.late`) in arrival order: one waits
until each partition has gone on beyond it, as far as partitions go on at all.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.core.columns import CLIENT, EVENT_TIME, PARTITION, RECEIVED_TIME
from lib.core.errors import SkewlineError, TopicChangedError
from lib.core.moments import are_dates
from lib.decoding.rejected import REJECTED
from lib.events.table import EventsTable, append_events
from lib.live import silence
from lib.live.counts import LiveCounts, no_counts, with_drops, with_further
from lib.live.late import NO_EVENTS, Batch, Late, judge, renumbered, why_not_followed
from lib.live.silence import NOBODY, Silence, heard
from lib.loading.reading import UNWATCHED, Known, read_plan
from lib.replay.windows import NO_INDEX
from lib.sources.base import Everything, LastMinutes, Plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from lib.loading.load import LoadedTopic
    from lib.replay.engine import Setting
    from lib.sources.base import TopicSource

MOST_BEHIND: Final = 2_000_000
"""Records that a refresh catches up with; if there are more, following begins anew."""

MOST_CLIENTS: Final = 200_000
"""Of more clients, half are forgotten: those not heard for longest."""

SEED: Final = 200
"""Events of which the form of times is told."""

_NO_PARTITION: Final = -1
"""Of the events of the seed: they are of no partition that is read."""

_PIECES: Final = 50
_STALLED_MS: Final = 10_000
"""A partition that is so far behind the newest event holds no other event back."""

_ANEW: Final = "{why} Following began anew with the last {minutes} minutes."
_CHANGED: Final = (
    "The topic does not hold what was read of it: it was made anew or overwritten, or it is a file "
    "that changed."
)
_EXPIRED: Final = "Records expired before they were read."
_BEHIND: Final = "More records had come than a refresh catches up with."


@dataclass(frozen=True, eq=False)
class Pattern:
    """How a topic's records are read, without its events.

    Attributes
    ----------
    topic
        Its name.
    known, seed
        How its records are decoded, and a few events, in whose form times are read.
    """

    topic: str
    known: Known
    seed: EventsTable


def pattern_of(loaded: LoadedTopic) -> Pattern:
    """Return how the records of a loaded topic, with at least one event, are read."""
    return pattern_from(loaded, loaded.events)


def pattern_from(topic: LoadedTopic, events: EventsTable) -> Pattern:
    """Return how the records of a topic are read, of which these are some events, at least one.

    `topic` is asked for what it has without its events.
    """
    head = events.table.tail(SEED).reset_index(drop=True).copy()
    head[PARTITION] = np.full(len(head), _NO_PARTITION, np.int32)
    return Pattern(
        topic.report.topic,
        Known(topic.decoder, topic.fields, topic.recognition, topic.chosen, topic.sources),
        replace(events, table=head, rejected=REJECTED.empty_table()),
    )


@dataclass(frozen=True, eq=False)
class Followed:
    """A topic as far as it has been followed.

    Attributes
    ----------
    pattern, minutes
        How its records are read, and how much of it there was before the first refresh.
    clients
        The names of clients, by their codes.
    plan, begins, positions
        The last plan; of each partition the first offset that counts, and the next one to read.
    counts, silence, late
        What was counted, what is known of each client, and what the engine made of it.
    waiting, reached
        Events that are not judged yet; the running maximum of each partition's received times.
    heard_at
        The `time.monotonic` of the refresh that brought the newest event; of what was there before
        the first, when it was received by this machine's clock.
    forgotten
        How many clients are no longer remembered.
    anew
        Why following began anew, as a sentence; "" where it did not.
    failure
        Why the last refresh could not read everything; None where it could.
    """

    pattern: Pattern
    minutes: int
    clients: pd.Index
    plan: Plan
    begins: Mapping[int, int]
    positions: Mapping[int, int]
    counts: LiveCounts
    silence: Silence
    late: Late
    waiting: Batch
    reached: Mapping[int, int]
    heard_at: float
    forgotten: int = 0
    anew: str = ""
    failure: SkewlineError | None = None

    def now_ms(self, monotonic: float) -> int | None:
        """Return the time of the topic: the newest received time and what has passed since."""
        newest = self.counts.newest_ms
        return None if newest is None else newest + round(1000 * (monotonic - self.heard_at))


def follow(
    source: TopicSource, pattern: Pattern, minutes: int, setting: Setting, *, anew: str = ""
) -> Followed:
    """Begin to follow a topic: return its last minutes.

    Parameters
    ----------
    pattern
        How its records are read.
    setting
        The engine whose drops are counted, its windows a client's.

    Raises
    ------
    SkewlineError
        When the source fails.
    """
    plan = source.plan(pattern.topic, LastMinutes(minutes))
    begins = {span.partition: span.start for span in plan.spans}
    begun = Followed(
        pattern=pattern,
        minutes=minutes,
        clients=pd.Index([]),
        plan=plan,
        begins=begins,
        positions=begins,
        counts=no_counts(minutes),
        silence=NOBODY,
        late=Late(setting),
        waiting=NO_EVENTS,
        reached={},
        heard_at=time.monotonic(),
        anew=anew and _ANEW.format(why=anew, minutes=minutes),
    )
    found = _read(source, begun, plan)
    return replace(found, heard_at=time.monotonic() - _age_s(found.counts.newest_ms))


def _age_s(newest_ms: int | None) -> float:
    """Return how long ago the end of a topic was received, s; 0 where its times are no dates."""
    if newest_ms is None or not are_dates(newest_ms, newest_ms):
        return 0.0
    return max(0.0, time.time() - newest_ms / 1000)


def refreshed(source: TopicSource, before: Followed) -> Followed:
    """Return a followed topic with what is new; the cost is that of the new records.

    Raises
    ------
    SkewlineError
        When the source fails before anything has come.
    """
    plan = source.plan(before.pattern.topic, Everything())
    starts = {span.partition: span.start for span in plan.spans}
    behind = replace(
        plan, spans=tuple(s.beginning_at(before.positions.get(s.partition, 0)) for s in plan.spans)
    )
    why = ""
    if not source.still_holds(before.plan, plan, before.positions):
        why = _CHANGED
    elif any(starts.get(p, 0) > position for p, position in before.positions.items()):
        why = _EXPIRED
    elif behind.size > MOST_BEHIND:
        why = _BEHIND
    if not why:
        try:
            return _read(source, before, behind)
        except TopicChangedError:
            why = _CHANGED
    return follow(source, before.pattern, before.minutes, before.late.setting, anew=why)


def _read(source: TopicSource, before: Followed, plan: Plan) -> Followed:
    """Return a followed topic with the records of a plan."""
    begins = {**{span.partition: span.start for span in plan.spans}, **before.begins}
    after = replace(before, plan=plan, begins=begins, failure=None)
    if not plan.size:
        return _judged(after, every=True)
    pattern = before.pattern
    known, read = read_plan(source, plan, pattern.known, UNWATCHED, [], time.monotonic())
    events = append_events(pattern.seed, read.columns, known.fields)
    new = events.table[events.table[PARTITION].to_numpy() != _NO_PARTITION]
    rejected = events.rejected.num_rows + sum(table.num_rows for table in read.undecoded)
    after = replace(
        after,
        positions={**before.positions, **read.next_positions},
        failure=read.failure,
    )
    if read.records:
        after = replace(after, heard_at=time.monotonic())
    return _counted(after, new, rejected)


def _counted(before: Followed, new: pd.DataFrame, rejected: int) -> Followed:
    """Return a followed topic with rows of the events table counted."""
    clients, codes = _coded(before.clients, new[CLIENT])
    received = new[RECEIVED_TIME].to_numpy()
    timed = received >= 0
    batch = Batch(
        new[EVENT_TIME].to_numpy()[timed],
        codes[timed],
        new[PARTITION].to_numpy()[timed].astype(np.int32),
        received[timed],
    )
    counts = with_further(
        before.counts,
        batch,
        untimed=int(np.count_nonzero(~timed)),
        rejected=rejected,
    )
    batch, reached = _as_they_arrived(batch, before.reached)
    after = replace(
        before,
        clients=clients,
        counts=counts,
        silence=_heard(before.silence, batch, len(clients)),
        waiting=before.waiting.and_then(batch),
        reached=reached,
    )
    return _bounded(_judged(after, every=not len(batch)))


def _bounded(before: Followed) -> Followed:
    """Return a followed topic with as many clients as are remembered, their codes from 0 on."""
    every = len(before.clients)
    if every <= MOST_CLIENTS:
        return before
    late, waiting, ended = before.late, before.waiting, before.silence.ended
    kept = np.zeros(every, bool)
    kept[np.argsort(before.silence.heard)[-MOST_CLIENTS // 2 :]] = True
    for keys in (late.summary.key, late.recent.key, waiting.key):
        kept[keys[keys >= 0]] = True
    kept[[each.client for each in ended]] = True
    number = np.where(kept, np.cumsum(kept) - 1, NO_INDEX).astype(np.int32)
    return replace(
        before,
        clients=before.clients[kept],
        silence=silence.renumbered(before.silence, number),
        late=renumbered(late, number),
        waiting=waiting.renumbered(number),
        forgotten=before.forgotten + every - int(np.count_nonzero(kept)),
    )


def _heard(before: Silence, batch: Batch, clients: int) -> Silence:
    """Return what is known of clients; of the first events piece by piece, to learn from them."""
    pieces = 1 if len(before.heard) else _PIECES
    for some in np.array_split(np.arange(len(batch)), pieces):
        before = heard(before, batch.taken(some), clients)
    return before


def _coded(clients: pd.Index, column: pd.Series) -> tuple[pd.Index, NDArray[np.int32]]:
    """Return the names of clients, new ones behind, and the code of each row's."""
    seen = column.cat.remove_unused_categories().cat
    names = seen.categories
    if clients.empty:
        return pd.Index(names), seen.codes.to_numpy().astype(np.int32)
    codes = clients.get_indexer(names).astype(np.int32)
    new = codes == NO_INDEX
    codes[new] = len(clients) + np.arange(np.count_nonzero(new))
    return clients.append(names[new]) if new.any() else clients, codes[seen.codes]


def _as_they_arrived(batch: Batch, reached: Mapping[int, int]) -> tuple[Batch, Mapping[int, int]]:
    """Return events whose received times are the running maximum of their partition."""
    received, after = batch.received.copy(), dict(reached)
    for partition in np.unique(batch.partition).tolist():
        own = batch.partition == partition
        so_far = np.maximum.accumulate(received[own])
        received[own] = np.maximum(so_far, after.get(partition, so_far[0]))
        after[partition] = int(received[own][-1])
    return replace(batch, received=received), after


def _judged(before: Followed, *, every: bool) -> Followed:
    """Return a followed topic with the events judged that nothing can come before any more."""
    waiting, setting = before.waiting, before.late.setting
    if not len(waiting) or why_not_followed(setting):
        return replace(before, waiting=NO_EVENTS)
    order = np.lexsort((waiting.partition, waiting.received))
    waiting = waiting.taken(order)
    newest = max(before.reached.values())
    horizon = min(r for r in before.reached.values() if r >= newest - _STALLED_MS)
    ready = len(waiting) if every else int(np.searchsorted(waiting.received, horizon))
    now = waiting.taken(slice(ready))
    partitions = 1 + max(span.partition for span in before.plan.log)
    late, dropped = judge(before.late, now, before.clients, partitions)
    return replace(
        before,
        late=late,
        counts=with_drops(before.counts, now.received[dropped]),
        waiting=waiting.taken(slice(ready, None)),
    )
