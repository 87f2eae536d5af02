"""Whose fault dropped events are: of which client or partition, and because of which.

An event is dropped *of* the client that sent it, and *because of* the client whose own events moved
the engine's clock too far: replayed without that client's events, it would have been kept. Clients
and partitions alike are *groups* of events here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pandas as pd

from lib.core.blockwise import Answer, Carry, added, answered, as_it_is
from lib.core.columns import EVENTS
from lib.core.jit import compiled
from lib.replay.engine import Setting, with_delay
from lib.replay.input import replay_input
from lib.replay.replays import ReplaysHere
from lib.replay.stretches import bounds, missed_question
from lib.replay.windows import NEVER, NO_INDEX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.core.blockwise import Question
    from lib.replay.input import ReplayInput
    from lib.replay.outcome import TrueSessions
    from lib.replay.partitions import PartitionSkew
    from lib.replay.replays import OfReplay, Replays
    from lib.replay.stretches import Highest
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
_REPARTITIONED: Final = "repartitioned"
"""What settings of engines call that events are sent to partitions by their keys."""


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


@dataclass(frozen=True, eq=False)
class Fault:
    """Whose fault the dropped events of a topic are.

    Attributes
    ----------
    clients, partitions
        Because of which clients, and of which partitions, they are dropped.
    names
        The clients, in the order of their codes.
    skew
        How far the partitions are apart.
    """

    clients: Blame
    partitions: Blame
    names: pd.Index[Any]
    skew: PartitionSkew


def blame(
    events: ReplayInput,
    setting: Setting,
    replayed: Replay,
    group: NDArray[np.integer],
    most_dropped: float,
) -> Blame:
    """Return whose fault the dropped events are: see `blame_on`.

    Parameters
    ----------
    replayed
        What the engine makes of the events with the setting.
    group
        The group of each event, codes from 0: its client's or its partition's.
    """
    here = ReplaysHere(replace(events, group=group), None, {setting: replayed})
    return blame_on(here, setting, np.arange(group.max(initial=-1) + 1), most_dropped)


def blame_on(
    replays: Replays, setting: Setting, groups: NDArray[np.integer], most_dropped: float
) -> Blame:
    """Return whose fault the dropped events of a topic are, wherever its events are.

    Only groups that were ahead of all others, in the topic or in a partition, are left out in
    turn, and of these no more than some millions of events can be replayed for: the cost is linear
    in the events and bounded in the groups.

    Parameters
    ----------
    replays
        The events, told apart in groups.
    setting
        The setting.
    groups
        The number of each group; its code is its place here.
    most_dropped
        The share of events that may be dropped, for `NeedWithoutMs`.
    """
    by_key = getattr(setting, _REPARTITIONED, False)
    found = replays.of_missed(setting, partial(leads_question, by_key=by_key))
    found = found.set_index(GROUP).reindex(groups, fill_value=0).reset_index(drop=True)
    of, lead = found[DROPPED_OF].to_numpy(), found[LEAD_MS].to_numpy()
    dropped, candidates = int(of.sum()), _candidates(found)
    most = int(np.clip(_MOST_EVENTS // max(1, replays.events), _LEAST_REPLAYS, _MOST_REPLAYS))
    tried = candidates[:most] if dropped else candidates[:0]
    table = pd.DataFrame(
        {
            GROUP: np.arange(len(groups)),
            EVENTS: found[EVENTS],
            DROPPED_OF: of,
            DROPPED_WITHOUT: _each_without(replays, setting, groups, tried, dropped_question),
            LEAD_MS: pd.Series(lead).astype("Int64").where(lead > 0),
        }
    )
    table[DROPPED_BECAUSE] = dropped - table[DROPPED_OF] - table[DROPPED_WITHOUT]
    concerned = (table[DROPPED_OF] > 0) | (table[DROPPED_BECAUSE].fillna(0) != 0)
    guilt = table[DROPPED_BECAUSE].fillna(0)  # of those not left out in turn, too
    order = np.lexsort((-table[DROPPED_OF], -guilt.astype("int64")))
    table = table.iloc[order[concerned.to_numpy()[order]]].head(MOST_ROWS)
    guilty = table[GROUP][table[DROPPED_BECAUSE].fillna(0) > 0].head(_WITH_NEED).to_numpy()
    ask = partial(_need_question, cuts=bounds(replays.events, 1), share=most_dropped)
    need = _each_without(replays, with_delay(setting, 0), groups, guilty, ask)
    table[NEED_WITHOUT_MS] = need.loc[table.index]
    return Blame(table.reset_index(drop=True), dropped, len(candidates), len(tried))


def _each_without(
    replays: Replays,
    setting: Setting,
    groups: NDArray[np.integer],
    codes: NDArray[np.integer],
    question: OfReplay,
) -> pd.Series[Any]:
    """Return the answers to a question to replays without each of some groups, Int64 by code."""
    found = replays.of_each([setting] * len(codes), question, groups[codes].tolist())
    return pd.Series(found, index=codes, dtype="Int64").reindex(range(len(groups)))


def dropped_question(_: ReplayInput, replayed: Replay, __: TrueSessions | None) -> Question[int]:
    """Ask how many events are dropped."""
    yield from ()  # a question without a round
    return Answer(replayed.dropped, added, as_it_is)


def _need_question(
    events: ReplayInput,
    undelayed: Replay,
    sessions: TrueSessions | None,
    cuts: NDArray[np.int64],
    share: float,
) -> Question[int]:
    """Ask for a delay with which the events keep the goal, of a replay without any."""
    missed = yield from missed_question(events, undelayed, sessions, cuts, share)
    return Answer(missed.part, missed.merge, _need_ms)


def _need_ms(missed: Highest) -> int:
    return int(missed.upper[0])


def _candidates(found: pd.DataFrame) -> NDArray[np.int64]:
    """Return the places of the groups that led, the guiltiest first."""
    guilt, led = (found[names].to_numpy().max(axis=1) for names in (_GUILT, _LED))
    order = np.lexsort((-found[LEAD_MS].to_numpy(), -led, -guilt))
    return order[found[_EVER].to_numpy()[order] > 0]


@dataclass(frozen=True)
class _Ahead:
    """Which group is ahead, its newest event time, and that of all others; `NEVER` for none."""

    group: int
    newest: int
    next_newest: int

    def and_then(self, other: _Ahead) -> _Ahead:
        """Return it after further events, of which `other` is."""
        if self.group == other.group:
            next_newest = max(self.next_newest, other.next_newest)
            return _Ahead(self.group, max(self.newest, other.newest), next_newest)
        first, second = (self, other) if self.newest >= other.newest else (other, self)
        return replace(first, next_newest=max(first.next_newest, second.newest))


def leads_question(
    events: ReplayInput, missed: NDArray[np.int64], *, by_key: bool
) -> Question[pd.DataFrame]:
    """Ask what the leads of groups over all others did, of events in **arrival order**.

    An engine's clock is that of the topic, of a partition, or of the partition to which Kafka
    Streams sends the key, so all kinds of lead count.

    Parameters
    ----------
    missed
        By how much the engine dropped each event, ms; 0 where it kept it.
    by_key
        Whether it has a clock for each partition to which keys are sent.

    Returns
    -------
    DataFrame
        One row a group, int64: `Group`, its number; `Events`; `DroppedOf`; `LeadMs`, its largest
        lead when an event of another group was dropped; whether it ever led; and, by each kind of
        clock, how many events of others missed by no more than its lead, and how many were dropped
        while it led.
    """
    codes, numbers = pd.factorize(events.groups)
    kinds = [np.zeros(len(events), dtype=np.int32), events.partition]
    if by_key:
        kinds.append(events.partition_of_key[events.key])
    kept = np.zeros(len(events), dtype=np.int64)
    own = [_led(events, codes, numbers, kind, kept, {})[1] for kind in kinds]
    before = yield Carry(own, _and_then, [{} for _ in kinds])
    leaders = [ahead.group for each in before for ahead in each.values()]
    others = np.setdiff1d(np.array(leaders, dtype=np.int64), numbers)
    numbers = np.concatenate((numbers.astype(np.int64), others))
    found = pd.DataFrame({GROUP: numbers})
    found[EVENTS] = np.bincount(codes, minlength=len(numbers))
    found[DROPPED_OF] = np.bincount(codes[missed > 0], minlength=len(numbers))
    found[[LEAD_MS, _EVER, *_GUILT, *_LED]] = 0
    for kind, (scope, ahead) in enumerate(zip(kinds, before, strict=True)):
        (lead, ever, guilt, led), _ = _led(events, codes, numbers, scope, missed, ahead)
        found[LEAD_MS] = np.maximum(found[LEAD_MS], lead)
        found[_EVER] = np.maximum(found[_EVER], ever)
        found[_GUILT[kind]], found[_LED[kind]] = guilt, led
    return Answer(found, _of_both, as_it_is)


_KINDS: Final = 3
_EVER: Final = "Ever"
_GUILT: Final = [f"Guilt{kind}" for kind in range(_KINDS)]
_LED: Final = [f"Led{kind}" for kind in range(_KINDS)]


def _of_both(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    largest = dict.fromkeys((LEAD_MS, _EVER), "max")
    rules = dict.fromkeys(one.columns.drop(GROUP), "sum") | largest
    return pd.concat((one, other)).groupby(GROUP, as_index=False).agg(rules)


def _and_then(
    one: list[dict[int, _Ahead]], other: list[dict[int, _Ahead]]
) -> list[dict[int, _Ahead]]:
    """Return who is ahead in each scope, of each kind, after the events of both."""
    return [
        {**before, **then, **{s: before[s].and_then(then[s]) for s in before.keys() & then.keys()}}
        for before, then in zip(one, other, strict=True)
    ]


_Leads: TypeAlias = (
    "tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]"
)


def _led(
    events: ReplayInput,
    codes: NDArray[np.integer],
    numbers: NDArray[np.integer],
    scope: NDArray[np.integer],
    missed: NDArray[np.int64],
    before: dict[int, _Ahead],
) -> tuple[_Leads, dict[int, _Ahead]]:
    """Return what `_leads` returns, and who is ahead then in each scope that has an event.

    `before` is who was ahead of the events, one of the groups with these numbers.
    """
    of, scopes = pd.factorize(scope)
    known = [before.get(each, _Ahead(NO_INDEX, NEVER, NEVER)) for each in scopes.tolist()]
    leader = pd.Index(numbers).get_indexer([each.group for each in known]).astype(np.int32)
    leader[[each.newest == NEVER for each in known]] = NO_INDEX
    newest = np.array([each.newest for each in known], dtype=np.int64)
    next_newest = np.array([each.next_newest for each in known], dtype=np.int64)
    leads = _leads(
        events.event_time,
        codes.astype(np.int32),
        of.astype(np.int32),
        missed,
        leader,
        newest,
        next_newest,
        len(numbers),
    )
    ahead = zip(numbers[leader].tolist(), newest.tolist(), next_newest.tolist(), strict=True)
    return leads, {s: _Ahead(*each) for s, each in zip(scopes.tolist(), ahead, strict=True)}


@compiled
def _leads(
    event_time: NDArray[np.int64],
    group: NDArray[np.int32],
    scope: NDArray[np.int32],
    missed: NDArray[np.int64],
    leader: NDArray[np.int32],
    newest: NDArray[np.int64],
    next_newest: NDArray[np.int64],
    groups: int,
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Return of each group what its lead over all others, the newest of its scope, did.

    Its largest lead when an event of another group was dropped; whether it ever led; how many
    events of others missed by no more than its lead; how many were dropped while it led. Of each
    scope `leader`, `newest` and `next_newest`, of all groups but the leader, are as before the
    events, and become as after them.
    """
    lead = np.zeros(groups, np.int64)
    ever = np.zeros(groups, np.bool_)
    guilt = np.zeros(groups, np.int64)
    led = np.zeros(groups, np.int64)
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
    two = np.zeros(2, dtype=np.int64)
    answered(leads_question(replay_input(two, two), two, by_key=True))
