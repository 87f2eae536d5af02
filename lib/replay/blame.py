"""Whose fault dropped events are: of which client or partition, and because of which.

An event is dropped *of* the client that sent it, and *because of* the client whose own events moved
the engine's clock too far: replayed without that client's events, it would have been kept. Clients
and partitions alike are *groups* of events here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.core.columns import EVENTS
from lib.core.jit import compiled
from lib.core.parallel import in_parallel
from lib.replay.engine import Setting, replay, with_delay
from lib.replay.stretches import bounds, needs_ms
from lib.replay.windows import NEVER, NO_INDEX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.replay.input import ReplayInput
    from lib.replay.windows import Replay

GROUP: Final = "Group"
DROPPED_OF: Final = "DroppedOf"
DROPPED_BECAUSE: Final = "DroppedBecause"
DROPPED_WITHOUT: Final = "DroppedWithout"
LEAD_MS: Final = "LeadMs"
NEED_WITHOUT_MS: Final = "NeedWithoutMs"

MOST_ROWS: Final = 50
_MOST_EVENTS: Final = 6_000_000
"""Events replayed at most, in all replays together, but for `_LEAST_REPLAYS`."""
_LEAST_REPLAYS: Final = 4
_MOST_REPLAYS: Final = 40
_WITH_NEED: Final = 3
"""Groups for which the delay is looked for that the rest needs."""


@dataclass(frozen=True, eq=False)
class Blame:
    """Whose fault dropped events are.

    Attributes
    ----------
    table
        One row a group that had events dropped or without which events are dropped that are now
        not, or the other way round; at most 50, those first because of which most are dropped.
        `Group` int64, its code; `Events` int64; `DroppedOf` int64; `DroppedBecause` Int64: events
        of *other* groups dropped with it less those dropped without it (below 0: it saved some),
        missing where it was not replayed; `DroppedWithout` Int64, events dropped in all without it;
        `LeadMs` Int64, by how much its newest event was ahead of all others' when an event of
        another group was dropped, at most, missing where it never was; `NeedWithoutMs` Int64, the
        delay with which the rest alone keeps the goal, of the first three.
    dropped
        Number of events dropped.
    ahead
        Number of groups that were ahead of all others at some time: only their events can have
        moved the clock.
    replayed
        How many of these were left out in turn: those that led when most events were dropped.
    """

    table: pd.DataFrame
    dropped: int
    ahead: int
    replayed: int


def blame(
    events: ReplayInput,
    setting: Setting,
    replayed: Replay,
    group: NDArray[np.integer],
    most_dropped: float,
) -> Blame:
    """Return whose fault the dropped events are.

    Only groups that were ahead of all others, in the topic or in a partition, are left out in
    turn, and of these no more than some millions of events can be replayed for: the cost is linear
    in the events and bounded in the groups.

    Parameters
    ----------
    events
        The events.
    setting
        The setting.
    replayed
        What the engine makes of them with it.
    group
        The group of each event, codes from 0: its client's or its partition's.
    most_dropped
        The share of events that may be dropped, for `NeedWithoutMs`.
    """
    codes = np.ascontiguousarray(group, dtype=np.int32)
    groups = int(codes.max(initial=-1)) + 1
    of = np.bincount(codes[replayed.missed_by_ms > 0], minlength=groups)
    lead, candidates = _candidates(events, replayed, codes, groups)
    most = int(np.clip(_MOST_EVENTS // max(1, len(events)), _LEAST_REPLAYS, _MOST_REPLAYS))
    tried = candidates[:most].tolist() if replayed.dropped else []
    without = in_parallel({g: partial(_dropped_without, events, setting, codes, g) for g in tried})
    table = pd.DataFrame(
        {
            GROUP: np.arange(groups),
            EVENTS: np.bincount(codes, minlength=groups),
            DROPPED_OF: of,
            DROPPED_WITHOUT: pd.Series(without, dtype="Int64").reindex(range(groups)),
            LEAD_MS: pd.Series(lead).astype("Int64").where(lead > 0),
        }
    )
    table[DROPPED_BECAUSE] = replayed.dropped - table[DROPPED_OF] - table[DROPPED_WITHOUT]
    concerned = (table[DROPPED_OF] > 0) | (table[DROPPED_BECAUSE].fillna(0) != 0)
    guilt = table[DROPPED_BECAUSE].fillna(0)  # of those not left out in turn, too
    order = np.lexsort((-table[DROPPED_OF], -guilt.astype("int64")))
    table = table.iloc[order[concerned.to_numpy()[order]]]
    table = table.head(MOST_ROWS).reset_index(drop=True)
    guilty = table[GROUP][table[DROPPED_BECAUSE].fillna(0) > 0].head(_WITH_NEED).tolist()
    need = in_parallel(
        {g: partial(_need_without, events, setting, codes, g, most_dropped) for g in guilty}
    )
    table[NEED_WITHOUT_MS] = table[GROUP].map(need).astype("Int64")
    return Blame(table, replayed.dropped, len(candidates), len(tried))


def without(events: ReplayInput, codes: NDArray[np.integer], group: int) -> ReplayInput:
    """Return the events of all other groups."""
    return events.taken(np.flatnonzero(codes != group))


def _dropped_without(
    events: ReplayInput, setting: Setting, codes: NDArray[np.int32], group: int
) -> int:
    return replay(without(events, codes, group), setting).dropped


def _need_without(
    events: ReplayInput, setting: Setting, codes: NDArray[np.int32], group: int, share: float
) -> int:
    """Return a delay with which the rest keeps the goal."""
    undelayed = replay(without(events, codes, group), with_delay(setting, 0))
    return int(needs_ms(undelayed, bounds(len(undelayed.kept), 1), share)[0])


def _candidates(
    events: ReplayInput, replayed: Replay, codes: NDArray[np.int32], groups: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each group's largest lead at a drop, and the groups that led, the guiltiest first.

    An engine's clock is that of the topic, of a partition, or of the partition to which Kafka
    Streams sends the key, so all kinds of lead count.
    """
    lead = np.zeros(groups, dtype=np.int64)
    ever = np.zeros(groups, dtype=bool)
    guilt = np.zeros(groups, dtype=np.int64)
    led = np.zeros(groups, dtype=np.int64)
    whole = np.zeros(len(events), dtype=np.int32)
    for scope in (whole, events.partition, events.partition_of_key[events.key]):
        scopes = int(scope.max(initial=-1)) + 1
        of_scope = _leads(events.event_time, codes, scope, scopes, groups, replayed.missed_by_ms)
        lead, ever = np.maximum(lead, of_scope[0]), ever | of_scope[1]
        guilt, led = np.maximum(guilt, of_scope[2]), np.maximum(led, of_scope[3])
    order = np.lexsort((-lead, -led, -guilt))
    return lead, order[ever[order]]


@compiled
def _leads(
    event_time: NDArray[np.int64],
    group: NDArray[np.int32],
    scope: NDArray[np.int32],
    scopes: int,
    groups: int,
    missed: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Return of each group what its lead over all others, the newest of its scope, did.

    Its largest lead when an event of another group was dropped; whether it ever led; how many
    events of others missed by no more than its lead; how many were dropped while it led.
    """
    lead = np.zeros(groups, np.int64)
    ever = np.zeros(groups, np.bool_)
    guilt = np.zeros(groups, np.int64)
    led = np.zeros(groups, np.int64)
    leader = np.full(scopes, NO_INDEX, np.int32)
    newest = np.full(scopes, NEVER, np.int64)
    next_newest = np.full(scopes, NEVER, np.int64)  # of all groups but the leader
    for i in range(len(event_time)):
        t, g, s = event_time[i], group[i], scope[i]
        ahead = leader[s]
        if missed[i] > 0 and NO_INDEX != ahead != g:
            by = newest[s] - next_newest[s] if next_newest[s] != NEVER else newest[s] - t
            lead[ahead] = max(lead[ahead], by)
            led[ahead] += 1
            guilt[ahead] += by >= missed[i]
        if g == ahead:
            newest[s] = max(newest[s], t)
        elif t > newest[s]:
            next_newest[s], newest[s], leader[s] = newest[s], t, g
            ever[g] = True
        else:
            next_newest[s] = max(next_newest[s], t)
    return lead, ever, guilt, led


def warm_up() -> None:
    """Compile what is compiled, or load it from numba's cache."""
    two, codes = np.zeros(2, dtype=np.int64), np.zeros(2, dtype=np.int32)
    _leads(two, codes, codes, 1, 1, two)
