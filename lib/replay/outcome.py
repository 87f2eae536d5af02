"""What a setting is judged by: sessions kept whole, events dropped, how late results come."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from lib.core.blockwise import Pool, alone
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

    from lib.core.blockwise import Steps
    from lib.replay.windows import Replay

EXACT, INCOMPLETE, SPLIT, MERGED, MIXED = range(5)

_LOST, _CUT, _SHARES, _HELD, _LEFT = (1 << bit for bit in range(5))
"""What the events of a session show: some dropped, several windows, one with others; a window at
all; an event that a filter leaves."""


@dataclass(frozen=True, eq=False)
class TrueSessions:
    """The true session of each of some events.

    Attributes
    ----------
    codes
        From 0; a negative one means that the event is of no session that counts (a window that
        holds such an event is shared).
    hashes
        uint64, one a code: a number of the session that no other has. None where all events of
        each session are among these.
    places
        Where there are hashes: which of the topic's events each is, int64.
    """

    codes: NDArray[np.integer]
    hashes: NDArray[np.uint64] | None = None
    places: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        assert (self.hashes is None) == (self.places is None)

    def of(self, which: NDArray[np.bool_] | NDArray[np.integer] | slice) -> TrueSessions:
        """Return those of some of the events."""
        places = None if self.places is None else self.places[which]
        return TrueSessions(self.codes[which], self.hashes, places)

    @classmethod
    def here(cls, codes: NDArray[np.integer] | None) -> TrueSessions | None:
        """Return sessions all of whose events are here, by their codes; None without any."""
        return None if codes is None else cls(codes)

    @property
    def last(self) -> NDArray[np.int64]:
        """The largest place of each session, one a code; `NO_INDEX` where it has no event here."""
        assert self.hashes is not None
        assert self.places is not None
        found = np.full(len(self.hashes), NO_INDEX, np.int64)
        counts = self.codes >= 0
        np.maximum.at(found, self.codes[counts], self.places[counts])
        return found


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
        `TrueSessions.codes`.
    """
    return alone(find_fates(replay, TrueSessions(true_session)))


def find_fates(
    replay: Replay, sessions: TrueSessions, left: NDArray[np.bool_] | None = None
) -> Steps[SessionFates]:
    """Find what became of each true session: of those of which an event is left, None: of all.

    A session that has events in other blocks, too, is told by the one that has the last of them.
    """
    shown, seen = _shown(replay, sessions.codes, left)
    if sessions.hashes is not None:
        here = np.flatnonzero(seen)
        own = _Shown(sessions.hashes[here], shown[here], sessions.last[here])
        every = yield Pool(own.merged(), _Shown.__add__)
        at = np.searchsorted(every.hashes, own.hashes)
        shown[here] = every.shown[at]
        seen[here] = every.last[at] == own.last
    if left is not None:
        seen = seen & (shown & _LEFT > 0)
    lost, cut, shares = (shown & bit > 0 for bit in (_LOST, _CUT, _SHARES))
    kind = np.select(
        [~seen, cut & shares, cut, shares, lost],
        [NO_INDEX, MIXED, SPLIT, MERGED, INCOMPLETE],
        default=EXACT,
    )
    return SessionFates(kind.astype(np.int8))


@dataclass(frozen=True, eq=False)
class _Shown:
    """What events show of sessions, by their hashes, and the place of the last of each."""

    hashes: NDArray[np.uint64]
    shown: NDArray[np.uint8]
    last: NDArray[np.int64]

    def __add__(self, other: _Shown) -> _Shown:
        """Return what the events of both show, which have no window in common."""
        pairs = ((getattr(each, f.name) for each in (self, other)) for f in fields(self))
        return _Shown(*map(np.concatenate, map(tuple, pairs))).merged()

    def merged(self) -> _Shown:
        """Return it with each hash once, rising."""
        if not len(self.hashes):
            return self
        order = np.argsort(self.hashes, kind="stable")
        hashes = self.hashes[order]
        first = np.flatnonzero(np.append(True, np.diff(hashes) > 0))
        shown = np.bitwise_or.reduceat(self.shown[order], first)
        several = np.add.reduceat((self.shown[order] & _HELD > 0).astype(np.int64), first) > 1
        shown[several] |= _CUT
        return _Shown(hashes[first], shown, np.maximum.reduceat(self.last[order], first))


def _shown(
    replay: Replay, true_session: NDArray[np.integer], left: NDArray[np.bool_] | None
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return what the events of each session code show, and whether it has any."""
    codes = np.array(
        true_session, dtype=np.int32
    )  # a copy: loops are compiled for what is writable
    sessions = int(codes.max(initial=-1)) + 1
    shared = _shared_windows(replay.window, codes, len(replay.key))
    seen, lost, cut, shares, held = _fates(replay.window, codes, shared, sessions)
    shown = np.zeros(sessions, np.uint8)
    for bit, is_so in ((_LOST, lost), (_CUT, cut), (_SHARES, shares), (_HELD, held)):
        shown[is_so] |= bit
    if left is not None:
        shown[codes[left & (codes >= 0)]] |= _LEFT
    return shown, seen


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
) -> tuple[
    NDArray[np.bool_],
    NDArray[np.bool_],
    NDArray[np.bool_],
    NDArray[np.bool_],
    NDArray[np.bool_],
]:
    """Return of each session whether it is there, lost an event, was cut, shares, has a window."""
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
    return seen, lost, cut, shares, home != NO_INDEX


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
    return alone(find_counts(replay, TrueSessions.here(true_session), left)).outcome


def find_counts(
    replay: Replay, sessions: TrueSessions | None, left: NDArray[np.bool_] | None = None
) -> Steps[Counts]:
    """Find what `outcome_of` is made of, which can be added up over the events of keys."""
    stopped = replay.stopped_at != NO_INDEX
    windows = windows_left(replay, left)
    results = windows[replay.closed_at[windows] != NO_INDEX]
    latency = (replay.closed_ms - replay.last)[results]
    events = replay.stopped_at if stopped else len(replay.kept)
    late = replay.late if left is None else replay.late & left
    return Counts(
        events if left is None else int(np.count_nonzero(left[:events])),
        int(np.count_nonzero(late)),
        None if sessions is None else (yield from find_fates(replay, sessions, left)),
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
