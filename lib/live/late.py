"""Late events as an engine drops them, judged as they come.

A replay of a whole topic would take longer with every refresh. What an engine does with an event
follows from its clock and from the sessions that the event may join, so events of long ago can be
*summed up*: the newest event of each partition and task, and the sessions that are not closed for
long. The engine's own replay then reads this summary and the events behind it, and decides as if
it had read the topic from where it is followed. Sessions are summed up as events half a gap apart,
which an engine joins to the same sessions.

The summary is cut at a moment at which the engine's clock moves on (an emission, a trigger), so
that the clock is the same to the millisecond. What depends on more than that is not followed:
`why_not_followed`.

Drops are those of a replay of everything, but for two limits that bound the memory: of all
sessions together at most `MOST_SUMMED_UP` events are kept (of 1,000 sessions with a gap of 30 s,
the last 50 minutes of each), and Kafka Streams' cache forgets what closed an hour ago. An event
that is later still may count as dropped where it would have joined such a session.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.replay.engine import Setting, delay_ms, replay
from lib.replay.input import ReplayInput, default_partitions
from lib.replay.windows import NEVER, NO_INDEX, SessionWindow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lib.replay.windows import Replay

    Int64s = NDArray[np.int64]
    Int32s = NDArray[np.int32]

_OVERLAP_MS: Final = 1_000
"""Of received time: how much is read again, beside three emissions or triggers."""

_CACHED_MS: Final = 3_600_000
"""How long ago, by the engine's clock, a session closed that a record cache still has."""

MOST_SUMMED_UP: Final = 200_000
"""Events that stand for sessions, at most: of more, the oldest are left out."""

_UNFOLLOWED: Final = {
    "idle_ms": "an idle timeout",
    "batch_records": "a limit of records a micro-batch",
    "catching_up": "catching up",
    "waiting": "events that all wait already",
}


@dataclass(frozen=True, eq=False)
class Batch:
    """Events in arrival order, an array element each, as in `lib.replay.input.ReplayInput`."""

    event_time: Int64s
    key: Int32s
    partition: Int32s
    received: Int64s

    def __len__(self) -> int:
        return len(self.event_time)

    def taken(self, which: NDArray[np.bool_] | Int64s | slice) -> Batch:
        """Return some of the events."""
        return Batch(*(getattr(self, name)[which] for name in _COLUMNS))

    def renumbered(self, number: Int32s) -> Batch:
        """Return the same with codes of keys `number`, by their old codes; those below 0 stay."""
        return replace(self, key=np.where(self.key < 0, self.key, number[self.key]))

    def and_then(self, other: Batch) -> Batch:
        """Return both, `other` behind."""
        return Batch(
            *(np.concatenate((getattr(self, name), getattr(other, name))) for name in _COLUMNS)
        )


_COLUMNS: Final = ("event_time", "key", "partition", "received")
NO_EVENTS: Final = Batch(
    np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int64)
)


@dataclass(frozen=True, eq=False)
class Late:
    """What an engine has made of a followed topic so far.

    Attributes
    ----------
    setting
        The engine's.
    judged, dropped
        Events that were read and those of them that no window took.
    clock
        The engine's clock as the last event met it, epoch ms; None before it shows a time.
    stopped
        Why nothing more is judged, as a sentence; "" while it is.
    first_ms, summary, recent
        The first received time; events that stand for all before those of `recent`. In the
        summary, key −1 − n stands for a key of no other event, at home in partition n.
    home
        The partition of each key, by Kafka's default partitioner.
    """

    setting: Setting
    judged: int = 0
    dropped: int = 0
    clock: int | None = None
    stopped: str = ""
    first_ms: int | None = None
    summary: Batch = NO_EVENTS
    recent: Batch = NO_EVENTS
    home: Int32s = field(default_factory=lambda: np.empty(0, np.int32))


def why_not_followed(setting: Setting) -> str:
    """Return why late events of a setting cannot be judged as they come; "" if they can."""
    for name, words in _UNFOLLOWED.items():
        if getattr(setting, name, None):
            return f"Late events are not followed with {words}: the Windows page replays it."
    return ""


def judge(
    before: Late, new: Batch, keys: Sequence[object] | pd.Index, partitions: int
) -> tuple[Late, NDArray[np.bool_]]:
    """Return what an engine makes of further events, and which of them it drops.

    Parameters
    ----------
    before
        What it made of the events before.
    new
        Further events, behind those in arrival order; codes of keys stay the same.
    keys
        All keys so far, by their codes.
    partitions
        How many partitions the topic has.
    """
    nothing = np.zeros(len(new), np.bool_)
    if before.stopped or not len(new):
        return before, nothing
    setting = before.setting
    texts = [str(key) for key in keys[len(before.home) :]]
    home = np.concatenate((before.home, default_partitions(texts, partitions)))
    recent = before.recent.and_then(new)
    recent = replace(recent, received=np.maximum.accumulate(recent.received))
    if _begins_a_partition(setting, before, new):
        # Until each partition has had an event the watermark stays where it began.
        before = replace(before, dropped=0)
    every = before.summary.and_then(recent)
    replayed = replay(_input(every, home, partitions), setting)
    if replayed.stopped_at != NO_INDEX:
        why = "The application would have stopped: an event is too far ahead of the broker's clock."
        return replace(before, stopped=why), nothing
    dropped = replayed.window[len(every) - len(new) :] == NO_INDEX
    first = int(recent.received[0]) if before.first_ms is None else before.first_ms
    clock = int(replayed.clock[-1])
    after = replace(
        before,
        judged=before.judged + len(new),
        dropped=before.dropped + int(np.count_nonzero(dropped)),
        clock=None if clock <= NEVER else clock,
        first_ms=first,
        recent=recent,
        home=home,
    )
    return _summed_up(after, partitions), dropped


def renumbered(late: Late, number: Int32s) -> Late:
    """Return the same with codes of keys `number`, by their old codes; −1 drops a key unused."""
    return replace(
        late,
        summary=late.summary.renumbered(number),
        recent=late.recent.renumbered(number),
        home=late.home[number[: len(late.home)] != NO_INDEX],
    )


def _begins_a_partition(setting: Setting, before: Late, new: Batch) -> bool:
    """Return whether the smallest of the partitions' clocks gets a further one."""
    if not getattr(setting, "per_partition", False) or not before.judged:
        return False
    known = np.concatenate((before.summary.partition, before.recent.partition))
    return not np.isin(new.partition, known).all()


def _input(batch: Batch, home: Int32s, partitions: int) -> ReplayInput:
    key = np.where(batch.key < 0, len(home) - 1 - batch.key, batch.key).astype(np.int32)
    home = np.concatenate((home, np.arange(partitions, dtype=np.int32)))
    return ReplayInput(batch.event_time, key, batch.partition, batch.received, home)


def _summed_up(late: Late, partitions: int) -> Late:
    """Return the same with as many events summed up as can be."""
    setting, recent, first = late.setting, late.recent, late.first_ms
    assert first is not None
    every = getattr(setting, "emission_ms", 0) or getattr(setting, "trigger_ms", 0)
    step = every or 1
    newest = int(recent.received[-1])
    cut = first + (newest - 3 * every - _OVERLAP_MS - first) // step * step
    old = recent.received < cut
    if cut <= first or not old.any():
        return late
    read = late.summary.and_then(recent.taken(old))
    replayed = replay(_input(read, late.home, partitions), setting)
    task = np.where(read.key < 0, -1 - read.key, late.home[np.maximum(read.key, 0)])
    times, keys, of = _newest(read, task)
    if isinstance(setting.window, SessionWindow):
        sessions = _of_sessions(replayed, read, task, setting, len(late.home))
        times = np.concatenate((times, sessions[0]))
        keys, of = (np.concatenate(both) for both in ((keys, sessions[1]), (of, sessions[2])))
    order = np.argsort(times, kind="stable")  # none of them is late, whatever the clock is
    received = np.full(len(order), cut - step, np.int64)
    summary = Batch(times[order], keys[order], of[order], received)
    return replace(late, summary=summary, recent=recent.taken(~old))


def _newest(read: Batch, task: Int32s) -> tuple[Int64s, Int32s, Int32s]:
    """Return time, key and partition of the newest event of each partition and each task.

    Their keys are such as no other event has: they move clocks on and join no session.
    """
    order = np.argsort(read.event_time, kind="stable")
    found = []
    for group in (read.partition, task):
        last = np.full(int(group.max()) + 1, NO_INDEX)
        last[group[order]] = order  # the last assignment to an element stays
        found.append(last[last != NO_INDEX])
    at = np.unique(np.concatenate(found))
    return read.event_time[at], (-1 - task[at]).astype(np.int32), read.partition[at]


def _of_sessions(
    replayed: Replay, read: Batch, task: Int32s, setting: Setting, keys: int
) -> tuple[Int64s, Int32s, Int32s]:
    """Return time, key and partition of events that stand for the sessions not long closed."""
    assert isinstance(setting.window, SessionWindow)
    gap_ms = setting.window.gap_ms
    event, window = replayed.members
    newest = np.empty(len(replayed.key), np.int64)
    order = np.argsort(read.event_time[event], kind="stable")
    newest[window[order]] = event[order]  # the last assignment to an element stays
    partition, key = read.partition[newest], replayed.key
    clock = np.minimum(
        *(_last_seen(of, replayed.clock)[of[newest]] for of in (read.partition, task))
    )
    held_ms = 2 * gap_ms + delay_ms(setting) + getattr(setting, "allowed_lateness_ms", 0)
    if getattr(setting, "caching", False):
        held_ms += _CACHED_MS
    first, last = replayed.start, replayed.last
    kept = (key < keys) & (last + held_ms >= clock)
    # A key has sessions of its own on each partition where partitions are tasks.
    apart = np.zeros_like(partition) if getattr(setting, "repartitioned", True) else partition
    kept &= ~_forgotten(key, apart, first, last, gap_ms)
    at = np.flatnonzero(kept)
    at = at[np.argsort(last[at], kind="stable")[-MOST_SUMMED_UP:]]
    step, most = max(gap_ms // 2, 1), max(MOST_SUMMED_UP // max(len(at), 1) - 1, 1)
    first, last = np.maximum(first[at], last[at] - most * step), last[at]
    many = (last - first + step - 1) // step + 1
    which = np.repeat(np.arange(len(first)), many)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(many) - many, many)
    times = np.minimum(first[which] + nth * step, last[which])
    return times, key[at][which], partition[at][which]


def _last_seen(group: Int32s, clock: Int64s) -> Int64s:
    """Return the clock as the last event of each group met it."""
    found = np.full(int(group.max()) + 1, NEVER)
    found[group] = clock
    return found


def _forgotten(
    key: Int32s, apart: Int32s, first: Int64s, last: Int64s, gap_ms: int
) -> NDArray[np.bool_]:
    """Return the sessions that a newer one would have joined, had the engine still held them."""
    table = pd.DataFrame({"key": key, "apart": apart, "first": first})
    table = table.iloc[np.argsort(last, kind="stable")[::-1]]  # the newest first
    of = table.groupby(["key", "apart"], sort=False)["first"]
    begins = of.cummin().groupby([table["key"], table["apart"]], sort=False).shift()
    found = begins.sort_index().to_numpy() - last <= gap_ms  # NaN where none is newer
    return np.asarray(found, np.bool_)
