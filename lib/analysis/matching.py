"""The events of two topics matched: which are in both, and what happened to the others.

Topics are called *here* and *there*: there may be a mirror of here, what a pipeline made of it, or
the same topic at another time. Events are matched by a *key*: columns that together tell events
apart, such as client, session and sequence number. Of a key that comes several times, the first
event here is matched with the first there, the second with the second, and so on.

An event without a partner is *missing* on the other side if matched events of its own partition
surround it, as a sequence number is lost that others surround; *at an end* if not: the other topic
may not have been read so far, or it may still be on its way. A key that is in the other topic, but
less often, makes the event *repeated*.

What becomes of an event is told in parts, so that topics can be matched piece by piece: `pair_up`
needs all events of some keys, `with_ends` the places of the first and last matched event of each
partition, and `reordered` all pairs of a partition here.

Order is that inside a partition. Events are *reordered* if they are not of the longest part of a
partition that kept its order: they are the fewest that would have to be moved (the longest
increasing subsequence, found in n log n steps: Fredman 1975).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_bool_dtype, is_integer_dtype, is_numeric_dtype

from lib.analysis import kernels
from lib.analysis.kernels import Groups
from lib.core.blockwise import around
from lib.core.columns import (
    EVENT_TIME,
    EVENT_TIME_0,
    EVENTS,
    KAFKA_COLUMNS,
    PARTITION,
    RECEIVED_TIME_0,
    RECORD_TIME,
)
from lib.core.jit import compiled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lib.analysis.kernels import Ints

Bools = npt.NDArray[np.bool_]
Fates = npt.NDArray[np.int8]

FIELD: Final = "Field"

_OF_PLACE: Final = frozenset({*KAFKA_COLUMNS, RECORD_TIME, EVENT_TIME_0, RECEIVED_TIME_0})
"""Columns that say where and when a record is, not what."""

_LARGEST: Final = np.iinfo(np.int64).max
_COUNTED: Final = 1 << 40  # whole numbers in a wider range are numbered first
_WITHOUT: Final = -1


class Fate(IntEnum):
    """What became of an event, seen from its own topic."""

    IN_BOTH = 0
    MISSING = 1
    AT_AN_END = 2
    REPEATED = 3
    WITHOUT_KEY = 4


@dataclass(frozen=True, eq=False)
class FateCounts:
    """How many events of two topics became what.

    Attributes
    ----------
    here, there
        `Fate` → events.
    changes
        Field that both topics have → pairs whose values of it differ.
    """

    pairs: int
    here: Mapping[Fate, int]
    there: Mapping[Fate, int]
    reordered: int
    changed: int
    changes: Mapping[str, int]

    def __add__(self, other: FateCounts) -> FateCounts:
        """Return those of both, which have no key in common."""
        return FateCounts(
            self.pairs + other.pairs,
            {fate: self.here[fate] + other.here[fate] for fate in Fate},
            {fate: self.there[fate] + other.there[fate] for fate in Fate},
            self.reordered + other.reordered,
            self.changed + other.changed,
            {name: count + other.changes[name] for name, count in self.changes.items()},
        )

    @property
    def changed_fields(self) -> pd.DataFrame:
        """In which fields pairs differ: `Field` and `Events`, those that do, most first."""
        table = pd.DataFrame({FIELD: list(self.changes), EVENTS: list(self.changes.values())})
        table = table[table[EVENTS] > 0].sort_values(EVENTS, ascending=False, kind="stable")
        return table.reset_index(drop=True)


@dataclass(frozen=True, eq=False)
class Paired:
    """The events of two topics paired by their keys.

    Attributes as in `Matching`, but that all events without a partner are missing, and that
    `changes` has the fields in which no pair differs, too.
    """

    at_here: Ints
    at_there: Ints
    fate_here: Fates
    fate_there: Fates
    changed: Bools
    changes: Mapping[str, int]


@dataclass(frozen=True)
class Matching:
    """The events of two topics matched.

    Attributes
    ----------
    at_here, at_there
        Positions of the matched events, int64, in arrival order there.
    fate_here, fate_there
        The `Fate` of every event, int8, in arrival order.
    reordered, changed
        Of each pair: whether its order differs, and whether the value of a field that both topics
        have.
    changes
        Field that both topics have → how many pairs differ in it.
    fields_here, fields_there
        Fields that only one of the topics has; none of them counts as changed.
    """

    at_here: Ints
    at_there: Ints
    fate_here: Fates
    fate_there: Fates
    reordered: Bools
    changed: Bools
    changes: Mapping[str, int]
    fields_here: tuple[str, ...]
    fields_there: tuple[str, ...]

    @property
    def pairs(self) -> int:
        """How many events are in both topics."""
        return len(self.at_here)

    @property
    def counts(self) -> FateCounts:
        """How many events became what."""
        return FateCounts(
            self.pairs,
            counted(self.fate_here),
            counted(self.fate_there),
            int(np.count_nonzero(self.reordered)),
            int(np.count_nonzero(self.changed)),
            self.changes,
        )


def counted(fates: Fates) -> dict[Fate, int]:
    """Return how many events have which fate."""
    count = np.bincount(fates, minlength=len(Fate)).tolist()
    return {fate: count[fate] for fate in Fate}


def key_columns(here: Sequence[str], there: Sequence[str]) -> list[str]:
    """Return the columns that both topics have and that say what a record is."""
    return [name for name in here if name in there and name not in _OF_PLACE]


def told_apart(events: pd.DataFrame, key: Sequence[str]) -> tuple[int, int]:
    """Return how many keys events have, and how many share theirs with one of another time.

    Copies of an event have its key and its event time. A key that events of other times have, too,
    does not tell events apart. Of parts of a topic that have all events of their keys, the sums
    are those of the topic.
    """
    codes, _ = _joint_codes(events, events.head(0), key)
    codes, times = codes[codes >= 0], kernels.ints(events[EVENT_TIME])[codes >= 0]
    if not len(codes):
        return 0, 0
    first = np.empty(int(codes.max()) + 1, np.int64)
    first[codes[::-1]] = times[::-1]  # the last assignment to an element stays
    used = np.zeros(len(first), np.bool_)
    used[codes] = True
    return int(np.count_nonzero(used)), int(np.count_nonzero(times != first[codes]))


def match(
    here: pd.DataFrame, there: pd.DataFrame, key: Sequence[str], *, ignored: Sequence[str] = ()
) -> Matching:
    """Return two topics' events matched by a key.

    Parameters
    ----------
    here, there
        Events tables, in **arrival order**.
    key
        Columns that both have. Events that lack one of them are not matched. A text and a number
        that are written alike are the same.
    ignored
        Columns in which events may differ without being changed.
    """
    left_out = (*key, *ignored)
    paired = pair_up(here, there, key, ignored=ignored)
    fates = [
        with_ends(events, fate, places, matched_bounds(events, fate, places))
        for events, fate in ((here, paired.fate_here), (there, paired.fate_there))
        for places in [np.arange(len(events))]
    ]
    fields_here, fields_there = only_in_one(here.columns, there.columns, left_out)
    return Matching(
        at_here=paired.at_here,
        at_there=paired.at_there,
        fate_here=fates[0],
        fate_there=fates[1],
        reordered=reordered(
            here[PARTITION].to_numpy()[paired.at_here],
            there[PARTITION].to_numpy()[paired.at_there],
            paired.at_here,
        ),
        changed=paired.changed,
        changes=paired.changes,
        fields_here=fields_here,
        fields_there=fields_there,
    )


def only_in_one(
    here: Iterable[str], there: Iterable[str], left_out: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which of the columns in which events can differ are only here, and only there."""
    of_here, of_there = (_fields_of(columns, left_out) for columns in (here, there))
    return (
        tuple(name for name in of_here if name not in of_there),
        tuple(name for name in of_there if name not in of_here),
    )


def _fields_of(columns: Iterable[str], left_out: Sequence[str]) -> list[str]:
    """Return the columns in which events can differ: those that say what a record is."""
    return [name for name in columns if name not in _OF_PLACE and name not in left_out]


def pair_up(
    here: pd.DataFrame, there: pd.DataFrame, key: Sequence[str], *, ignored: Sequence[str] = ()
) -> Paired:
    """Return the events of two topics paired by their keys; parameters as of `match`.

    The tables may be parts of topics that have all events of their keys.
    """
    codes_here, codes_there = _joint_codes(here, there, key)
    at_here, at_there, found_here, found_there = _pairs(codes_here, codes_there)
    of_both = [name for name in _fields_of(here.columns, (*key, *ignored)) if name in there.columns]
    changed, changes = _changes(here, there, at_here, at_there, of_both)
    return Paired(
        at_here,
        at_there,
        _fates(codes_here, codes_there, found_here),
        _fates(codes_there, codes_here, found_there),
        changed,
        changes,
    )


def _joint_codes(here: pd.DataFrame, there: pd.DataFrame, key: Sequence[str]) -> tuple[Ints, Ints]:
    """Return a number from 0 for each event's key, the same in both; `_WITHOUT` where one lacks."""
    found = np.zeros(len(here) + len(there), np.int64)
    size, without = 1, np.zeros(len(found), np.bool_)
    for name in key:
        codes, n = _codes_of(here[name], there[name])
        without |= codes < 0
        if size > _LARGEST // max(n, 1):
            found, labels = pd.factorize(found)
            size = len(labels)
        found = found * n + codes
        size *= n
    if len(key) != 1 or size > 2 * len(found):
        found, _ = pd.factorize(found)
    found[without] = _WITHOUT
    return found[: len(here)], found[len(here) :]


def _codes_of(here: pd.Series, there: pd.Series) -> tuple[Ints, int]:
    """Return a number for each value of two columns, equal for equal ones, −1 for a missing one."""
    if all(is_integer_dtype(column.dtype) for column in (here, there)):
        missing = np.concatenate([column.isna().to_numpy() for column in (here, there)])
        values = np.concatenate([_filled(column) for column in (here, there)])
        known = values[~missing] if missing.any() else values
        low = int(known.min()) if len(known) else 0
        n = (int(known.max()) if len(known) else 0) - low + 1
        if n <= _COUNTED:
            return np.where(missing, _WITHOUT, values - low), n
    if all(isinstance(column.dtype, pd.CategoricalDtype) for column in (here, there)):
        labels = [column.cat.categories.to_series() for column in (here, there)]
        of_labels, unique = pd.factorize(_alike(*labels))
        first = len(labels[0])
        return np.concatenate([
            _renumbered(here, of_labels[:first]), _renumbered(there, of_labels[first:])
        ]), len(unique)  # fmt: skip
    codes, unique = pd.factorize(_alike(_plain(here), _plain(there)))
    return codes.astype(np.int64), len(unique)


def _filled(column: pd.Series) -> Ints:
    """Return whole numbers as int64, missing ones as 0."""
    if column.hasnans:
        return column.to_numpy(np.int64, na_value=0)
    return np.asarray(column.array, np.int64)


def _renumbered(column: pd.Series, of_labels: npt.NDArray[np.intp]) -> Ints:
    numbers = np.append(of_labels, _WITHOUT).astype(np.int64)
    return kernels.taken(numbers, column.cat.codes.to_numpy().astype(np.int32) % len(numbers))


def _plain(column: pd.Series) -> pd.Series:
    """Return a column without categories, as its values are."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.astype(column.cat.categories.dtype)
    return column


def _alike(here: pd.Series, there: pd.Series) -> pd.Series:
    """Return both columns in one; as texts where they are of two types, or hold lists."""
    both = [here, there]
    if _kind(here) != _kind(there) or Kind.OTHER in map(_kind, both):
        both = [column.map(as_text, na_action="ignore").astype("str") for column in both]
    return pd.concat(both, ignore_index=True)


class Kind(StrEnum):
    """What the values of a column are."""

    INTEGER = "whole numbers"
    NUMBER = "numbers"
    BOOL = "true or false"
    TEXT = "text"
    OTHER = "values of other kinds"


def value_kind(column: pd.Series) -> Kind:
    """Return what the values of a column are, or its categories."""
    kind = column.dtype
    kind = kind.categories.dtype if isinstance(kind, pd.CategoricalDtype) else kind
    if is_bool_dtype(kind):
        return Kind.BOOL
    if is_numeric_dtype(kind):
        return Kind.INTEGER if is_integer_dtype(kind) else Kind.NUMBER
    return Kind.TEXT if isinstance(kind, pd.StringDtype) else Kind.OTHER


def _kind(column: pd.Series) -> Kind:
    """Return as what a column's values are compared: whole numbers as others."""
    kind = value_kind(column)
    return Kind.NUMBER if kind == Kind.INTEGER else kind


def as_text(value: object) -> str:
    """Return a value as it is compared with those of another kind."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def _partition(events: pd.DataFrame) -> Groups:
    return kernels.group_by(events, PARTITION)


def _pairs(here: Ints, there: Ints) -> tuple[Ints, Ints, Bools, Bools]:
    """Return the positions of the pairs, in the order there, and which events have a partner."""
    n = int(max(here.max(initial=-1), there.max(initial=-1))) + 2  # the last one: without a key
    group_here, group_there = (_grouped(codes, n) for codes in (here, there))
    copy_here, copy_there = _copies(group_here), _copies(group_there)
    found_here = (here >= 0) & (copy_here < group_there.sizes[group_here.codes])
    found_there = (there >= 0) & (copy_there < group_here.sizes[group_there.codes])
    positions = kernels.together(group_here, np.arange(len(here)))
    at_there = np.flatnonzero(found_there)
    code, copy = group_there.codes[at_there], copy_there[at_there]
    return positions[group_here.bounds[code] + copy], at_there, found_here, found_there


def _grouped(codes: Ints, n: int) -> Groups:
    return Groups(np.where(codes < 0, n - 1, codes).astype(np.int32), pd.RangeIndex(n))


def _copies(groups: Groups) -> Ints:
    """Return which copy of its key each event is, from 0, in arrival order."""
    first = np.repeat(groups.bounds[:-1], groups.sizes)
    return kernels.apart(groups, np.arange(len(groups.codes)) - first)


def _fates(codes: Ints, others: Ints, found: Bools) -> Fates:
    """Return the fate of each event of a topic by its key, given which of them have a partner."""
    fate = np.where(found, Fate.IN_BOTH, Fate.MISSING).astype(np.int8)
    in_other = np.zeros(int(max(codes.max(initial=0), others.max(initial=0))) + 2, np.bool_)
    in_other[others] = True  # that of `_WITHOUT` is the last, which no event has
    fate[~found & in_other[codes]] = Fate.REPEATED
    fate[codes < 0] = Fate.WITHOUT_KEY
    return fate


Bounds: TypeAlias = "Mapping[int, tuple[int, int]]"
"""Partition → places in arrival order of its first and its last matched event."""


def matched_bounds(events: pd.DataFrame, fate: Fates, places: Ints) -> Bounds:
    """Return the bounds of the matched events of each partition that has some.

    `places` are those of the events in arrival order.
    """
    partition, found = _partition(events), fate == Fate.IN_BOTH
    matched = Groups(partition.codes[found], partition.labels)
    both = zip(*kernels.bounds_within(matched, places[found]), strict=True)
    return {
        int(number): (int(first), int(last))
        for number, (first, last) in zip(partition.labels, both, strict=True)
        if first <= last
    }


def widest(one: Bounds, other: Bounds) -> Bounds:
    """Return the bounds of the matched events of both."""
    shared = one.keys() & other.keys()
    of_shared = {p: around(one[p], other[p]) for p in shared}
    return {**one, **other, **of_shared}


def with_ends(events: pd.DataFrame, fate: Fates, places: Ints, bounds: Bounds) -> Fates:
    """Return fates where what matched events of its partition do not surround is at an end."""
    partition = _partition(events)
    nothing = (_LARGEST, -1)
    ends = [bounds.get(int(number), nothing) for number in partition.labels]
    first, last = np.array(ends, np.int64).reshape(-1, 2).T
    outside = (places < first[partition.codes]) | (places > last[partition.codes])
    return np.where((fate == Fate.MISSING) & outside, Fate.AT_AN_END, fate).astype(np.int8)


def reordered(of_here: Ints, of_there: Ints, places: Ints) -> Bools:
    """Return which pairs are not of the longest part, of partition to partition, in order.

    Parameters
    ----------
    of_here, of_there
        The partitions of each pair, in arrival order there.
    places
        In arrival order here.
    """
    numbers = kernels.group_by(pd.DataFrame({PARTITION: of_there}), PARTITION)
    ways = of_here.astype(np.int64) * max(numbers.n, 1) + numbers.codes
    codes, labels = pd.factorize(ways)
    groups = Groups(codes.astype(np.int32), pd.RangeIndex(len(labels)))
    moved = np.ones(len(places), np.bool_)
    _longest_in_order(groups.bounds, kernels.together(groups, places), moved)
    return kernels.apart(groups, moved.astype(np.int32)) > 0


@compiled
def _longest_in_order(bounds: Ints, values: Ints, moved: Bools) -> None:
    """Unmark the longest rising part of each group; values differ from one another."""
    ends, before = np.empty(len(values), np.int32), np.empty(len(values), np.int32)
    for group in range(len(bounds) - 1):
        length = 0  # of the longest part; `ends[k]`: where the one of length k + 1 ends lowest
        for at in range(bounds[group], bounds[group + 1]):
            low, high = 0, length
            if length and values[ends[length - 1]] < values[at]:
                low = length
            while low < high:
                middle = (low + high) // 2
                if values[ends[middle]] < values[at]:
                    low = middle + 1
                else:
                    high = middle
            before[at] = ends[low - 1] if low else -1
            ends[low] = at
            length = max(length, low + 1)
        at = ends[length - 1] if length else -1
        while at >= 0:
            moved[at] = False
            at = before[at]


def _changes(
    here: pd.DataFrame, there: pd.DataFrame, at_here: Ints, at_there: Ints, names: Sequence[str]
) -> tuple[Bools, dict[str, int]]:
    """Return which pairs differ, and in each of the named columns how many."""
    changed, found = np.zeros(len(at_here), np.bool_), {}
    for name in names:
        differ = _differ(here[name].take(at_here), there[name].take(at_there))
        changed |= differ
        found[name] = int(np.count_nonzero(differ))
    return changed, found


def _differ(here: pd.Series, there: pd.Series) -> Bools:
    """Return in which rows two columns differ; a missing value is equal to a missing one."""
    both = (here.dtype, there.dtype)
    if all(isinstance(kind, pd.CategoricalDtype) for kind in both) and _kind(here) == _kind(there):
        codes, _ = _codes_of(here, there)
        return np.not_equal(codes[: len(here)], codes[len(here) :])
    left, right = _plain(here), _plain(there)
    missing = left.isna().to_numpy(), right.isna().to_numpy()
    if _kind(left) != _kind(right):
        return ~(missing[0] & missing[1])
    if _kind(left) == Kind.OTHER:
        left, right = (column.map(as_text, na_action="ignore") for column in (left, right))
    known = ~missing[0] & ~missing[1]
    differ: Bools = missing[0] != missing[1]
    differ[known] = np.asarray(left.array[known] != right.array[known], np.bool_)
    return differ


def warm_up() -> None:
    """Compile the loop, or load it from numba's cache."""
    _longest_in_order(np.array([0, 2]), np.array([1, 0]), np.ones(2, np.bool_))
