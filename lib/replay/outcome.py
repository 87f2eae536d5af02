"""What a setting is judged by: sessions kept whole, events dropped, how late results come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    MISSED_BY_MS,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
    SESSION,
)
from lib.core.jit import compiled
from lib.replay.counted import Counted
from lib.replay.windows import NO_INDEX

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from lib.replay.windows import Replay

EXACT, INCOMPLETE, SPLIT, MERGED, MIXED = range(5)


@dataclass(frozen=True, eq=False)
class SessionFates:
    """What became of each true session.

    Attributes
    ----------
    kind
        int8, one element a session code: `NO_INDEX` where no event has the code, else

        - `EXACT`: one window holds exactly its events;
        - `INCOMPLETE`: the same, but events of it were dropped, perhaps all;
        - `SPLIT`: several windows hold it and nothing else;
        - `MERGED`: one window holds it and others;
        - `MIXED`: several windows hold it, and others with it.
    """

    kind: NDArray[np.int8]

    def _number(self, kind: int) -> int:
        return int(np.count_nonzero(self.kind == kind))

    @property
    def exact(self) -> int:
        """Number of sessions that one window holds exactly."""
        return self._number(EXACT)

    @property
    def incomplete(self) -> int:
        """Number of sessions in a window of their own, or in none, with events dropped."""
        return self._number(INCOMPLETE)

    @property
    def split(self) -> int:
        """Number of sessions cut into several windows."""
        return self._number(SPLIT)

    @property
    def merged(self) -> int:
        """Number of sessions that share their one window."""
        return self._number(MERGED)

    @property
    def mixed(self) -> int:
        """Number of sessions cut into several windows of which they share some."""
        return self._number(MIXED)

    @property
    def sessions(self) -> int:
        """Number of sessions."""
        return len(self.kind) - self._number(NO_INDEX)

    @property
    def broken_share(self) -> float:
        """Share of sessions not exact, 0 to 1; 0 where there is no session."""
        return 1 - self.exact / self.sessions if self.sessions else 0.0


def session_fates(replay: Replay, true_session: NDArray[np.integer]) -> SessionFates:
    """Return what became of each true session.

    Parameters
    ----------
    replay
        What the engine made of the topic.
    true_session
        Codes from 0, one element an event; a negative one means that the event is of no session
        that counts (a window that holds such an event is shared).
    """
    codes = np.array(
        true_session, dtype=np.int32
    )  # a copy: loops are compiled for what is writable
    sessions = int(codes.max(initial=-1)) + 1
    shared = _shared_windows(replay.window, codes, len(replay.key))
    seen, lost, cut, shares = _fates(replay.window, codes, shared, sessions)
    kind = np.select(
        [~seen, cut & shares, cut, shares, lost],
        [NO_INDEX, MIXED, SPLIT, MERGED, INCOMPLETE],
        default=EXACT,
    )
    return SessionFates(kind.astype(np.int8))


@compiled
def _shared_windows(
    window: NDArray[np.int32], session: NDArray[np.int32], windows: int
) -> NDArray[np.bool_]:
    """Return for each window whether it holds events of several sessions."""
    unseen = -2
    owner = np.full(windows, unseen, np.int32)
    shared = np.zeros(windows, np.bool_)
    for i in range(len(window)):
        w = window[i]
        if w == NO_INDEX:
            continue
        if owner[w] == unseen:
            owner[w] = session[i]
        elif owner[w] != session[i]:
            shared[w] = True
    return shared


@compiled
def _fates(
    window: NDArray[np.int32],
    session: NDArray[np.int32],
    shared: NDArray[np.bool_],
    sessions: int,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return for each session whether it is there, lost an event, was cut, shares a window."""
    home = np.full(sessions, NO_INDEX, np.int32)
    seen = np.zeros(sessions, np.bool_)
    lost = np.zeros(sessions, np.bool_)
    cut = np.zeros(sessions, np.bool_)
    shares = np.zeros(sessions, np.bool_)
    for i in range(len(window)):
        w, s = window[i], session[i]
        if s < 0:
            continue
        seen[s] = True
        if w == NO_INDEX:
            lost[s] = True
            continue
        cut[s] = cut[s] or (home[s] != NO_INDEX and home[s] != w)
        home[s] = w
        shares[s] = shares[s] or shared[w]
    return seen, lost, cut, shares


@dataclass(frozen=True)
class Outcome:
    """What a setting does to a topic, in numbers.

    Attributes
    ----------
    events, dropped
        Numbers of events; where the engine stopped, of those before.
    sessions
        What became of the true sessions, or None where the topic has none.
    windows
        Number of windows.
    latency_median_ms, latency_p95_ms
        How late the final results came: from a window's last event, by its event time, to the
        received time at which the final result came out. Negative where a client's clock ran
        ahead; None without a final result.
    unclosed
        Number of windows without a final result by the end of the topic.
    stopped_because
        Why the engine stopped before the end of the topic, as a sentence; empty where it did not.
    """

    events: int
    dropped: int
    sessions: SessionFates | None
    windows: int
    latency_median_ms: float | None
    latency_p95_ms: float | None
    unclosed: int
    stopped_because: str = ""

    @property
    def stopped(self) -> bool:
        """Whether the engine stopped before the end of the topic."""
        return bool(self.stopped_because)

    @property
    def dropped_share(self) -> float:
        """Share of the events dropped, 0 to 1."""
        return self.dropped / self.events if self.events else 0.0


@dataclass(frozen=True, eq=False)
class Counts:
    """What an outcome is made of: of the events of some keys.

    Attributes as in `Outcome`; `latency` has the result latencies, ms.
    """

    events: int
    dropped: int
    sessions: SessionFates | None
    windows: int
    latency: Counted
    stopped_because: str

    def __add__(self, other: Counts) -> Counts:
        """Return that of the events of both, which have no key and no session in common."""
        sessions = None
        if self.sessions is not None and other.sessions is not None:
            sessions = SessionFates(np.concatenate((self.sessions.kind, other.sessions.kind)))
        return Counts(
            self.events + other.events,
            self.dropped + other.dropped,
            sessions,
            self.windows + other.windows,
            self.latency + other.latency,
            self.stopped_because or other.stopped_because,
        )

    @property
    def outcome(self) -> Outcome:
        """They as an outcome."""
        latency = np.repeat(self.latency.value, self.latency.times)
        median, p95 = np.quantile(latency, [0.5, 0.95]).tolist() if len(latency) else (None, None)
        return Outcome(
            events=self.events,
            dropped=self.dropped,
            sessions=self.sessions,
            windows=self.windows,
            latency_median_ms=median,
            latency_p95_ms=p95,
            unclosed=self.windows - len(latency),
            stopped_because=self.stopped_because,
        )


def outcome_of(
    replay: Replay,
    true_session: NDArray[np.integer] | None = None,
    left: NDArray[np.bool_] | None = None,
) -> Outcome:
    """Return a replay in numbers.

    Parameters
    ----------
    replay
        What the engine made of the topic.
    true_session
        As for `session_fates`, or None where the topic has no true session.
    left
        Which events a filter leaves; None: all. Then events are these, and sessions and windows
        those that hold one of them, each with all its events: the engine reads all.
    """
    return counts_of(replay, true_session, left).outcome


def counts_of(
    replay: Replay,
    true_session: NDArray[np.integer] | None = None,
    left: NDArray[np.bool_] | None = None,
) -> Counts:
    """Return what `outcome_of` is made of, which can be added up over the events of keys."""
    stopped = replay.stopped_at != NO_INDEX
    windows = windows_left(replay, left)
    results = windows[replay.closed_at[windows] != NO_INDEX]
    latency = (replay.closed_ms - replay.last)[results]
    events = replay.stopped_at if stopped else len(replay.kept)
    late = replay.late if left is None else replay.late & left
    return Counts(
        events if left is None else int(np.count_nonzero(left[:events])),
        int(np.count_nonzero(late)),
        None if true_session is None else _fates_left(replay, true_session, left),
        len(windows),
        Counted.of(latency),
        replay.stopped_because,
    )


def windows_left(replay: Replay, left: NDArray[np.bool_] | None) -> NDArray[np.integer]:
    """Return the numbers, rising, of the windows that hold an event that a filter leaves."""
    if left is None:
        return np.arange(len(replay.key))
    event, window = replay.members
    return np.unique(window[left[event]])


def _fates_left(
    replay: Replay, true_session: NDArray[np.integer], left: NDArray[np.bool_] | None
) -> SessionFates:
    fates = session_fates(replay, true_session)
    if left is None:
        return fates
    held = np.zeros(len(fates.kind), bool)
    held[true_session[left & (true_session >= 0)]] = True
    return SessionFates(np.where(held, fates.kind, np.int8(NO_INDEX)))


def dropped_events(events: pd.DataFrame, replay: Replay) -> pd.DataFrame:
    """Return the dropped events: which, whose, by how much.

    Parameters
    ----------
    events
        The events table that the replay is of.
    replay
        What the engine made of it.

    Returns
    -------
    DataFrame
        The rows of `events` in arrival order, its columns `ClientID`, `SessionID` if there,
        `KafkaPartition`, `KafkaOffset`, `Timestamp`, `KafkaTimestamp`, and `MissedByMs`, int64:
        the further delay, lateness or grace that would have kept the event.
    """
    wanted = [CLIENT, SESSION, PARTITION, OFFSET, EVENT_TIME, RECEIVED_TIME]
    columns = [column for column in wanted if column in events]
    dropped = events.loc[replay.late, columns]
    return dropped.assign(**{MISSED_BY_MS: replay.missed_by_ms[replay.late]})
