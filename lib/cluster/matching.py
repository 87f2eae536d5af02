"""Two topics that a cluster holds with all their fields, matched.

1. Events are cut by a hash of their key into parts that have all events of their keys, of both
   topics, and each part is matched as whole topics are (`lib.analysis.matching.pair_up`).
2. The places of the first and last matched event of each partition go from all parts to all.
3. The pairs of each partition here are brought together: what of them was reordered, and the events
   of the way. Of a pair that takes some 100 bytes of one worker.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from operator import getitem
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from lib.analysis.matching import (
    Fate,
    FateCounts,
    Kind,
    Matching,
    as_text,
    counted,
    matched_bounds,
    only_in_one,
    pair_up,
    reordered,
    told_apart,
    widest,
    with_ends,
)
from lib.analysis.two_topics import (
    Comparable,
    Difference,
    differing_at,
    ignored_fields,
    listed,
)
from lib.analysis.way import broker_times, pairs_of, way_events
from lib.cluster.asking import ask
from lib.cluster.blocks import brought_together, cut_up
from lib.core.blockwise import Answer, Pool, added, as_it_is, first_of, together
from lib.core.columns import ARRIVAL, CLIENT, KEY, PARTITION, SEQUENCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from distributed import Client, Future
    from numpy.typing import NDArray

    from lib.analysis.kernels import Ints
    from lib.analysis.matching import Bounds, Paired
    from lib.analysis.two_topics import Both
    from lib.cluster.topic import HeldTopic
    from lib.core.blockwise import Question

Hashes = np.ndarray[tuple[int], np.dtype[np.uint64]]
_TwoBounds = tuple["Bounds", "Bounds"]

_HERE: Final = "PlaceHere"
_ORDER: Final = ("Order", "Place")  # what rows of events that differ are sorted by
_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no part of a hash is lost


def comparable(held: HeldTopic) -> Comparable:
    """Return what decides what a topic can be matched by."""
    topic = held.topic
    return Comparable(
        topic.report.topic,
        tuple(held.kinds),
        bool(held.kinds.get(SEQUENCE)),
        topic.fields,
        topic.sources,
        topic.contents.rejected,
        topic.report.may_lack_records,
        topic.report.capped,
    )


@dataclass(frozen=True, eq=False)
class MatchedPart:
    """All events of some keys, of both topics in arrival order there, paired."""

    here: pd.DataFrame
    there: pd.DataFrame
    paired: Paired


@dataclass(frozen=True)
class Matched:
    """Two topics matched.

    Attributes
    ----------
    parts
        Futures of `MatchedPart`.
    counts, apart
        How many events became what; `lib.analysis.matching.told_apart` here and there.
    bounds
        Places of matched events, here and there.
    moved
        Places there of the pairs that were reordered, rising.
    ways
        Futures of the events of the way, of a partition here each, in arrival order there.
    fields
        Fields that only the first topic has, and that only the second has.
    """

    parts: Sequence[Future]
    counts: FateCounts
    apart: tuple[tuple[int, int], tuple[int, int]]
    bounds: _TwoBounds
    moved: Ints
    ways: Sequence[Future]
    fields: tuple[tuple[str, ...], tuple[str, ...]]


def matched(
    client: Client,
    here: HeldTopic,
    there: HeldTopic,
    key: Sequence[str],
    both: Both,
) -> Matched:
    """Return two topics, held with every field, matched by the columns of a key.

    `both` is what `comparable` returns of each.
    """
    ignored = ignored_fields(both)
    parts = _parts(client, here, there, key, ignored)
    found: Mapping[str, Any] = ask(client, partial(_counts, key=tuple(key)), parts)
    partitions = sorted(found["bounds"][0])
    sent = [client.submit(_by_partition, part, partitions, pure=False) for part in parts]
    numbered = both[1].all_read
    ways = [
        client.submit(
            _way,
            [client.submit(getitem, each, at, pure=False) for each in sent],
            numbered,
            pure=False,
        )
        for at in range(len(partitions))
    ]
    moved = [client.submit(getitem, way, 1, pure=False) for way in ways]
    places = np.sort(np.concatenate([np.empty(0, np.int64), *client.gather(moved)]))
    counts: FateCounts = replace(found["counts"], reordered=len(places))
    events = [client.submit(getitem, way, 0, pure=False) for way in ways]
    left_out = (*key, *ignored, *({KEY} - {*key}))
    fields = only_in_one(both[0].columns, both[1].columns, left_out)
    return Matched(parts, counts, found["apart"], found["bounds"], places, events, fields)


def _parts(
    client: Client, here: HeldTopic, there: HeldTopic, key: Sequence[str], ignored: Sequence[str]
) -> list[Future]:
    """Return futures of parts that have all events of their keys, paired."""
    n = max(len(here.by_client), len(there.by_client))
    forms = {name: _form(here.kinds[name] | there.kinds[name]) for name in key}
    cut = partial(_cut, forms=forms, n=n)
    pieces = [
        [client.submit(cut, table, pure=False) for table in held.by_client]
        for held in (here, there)
    ]
    pair = partial(_paired, key=tuple(key), ignored=tuple(ignored))
    return [
        client.submit(
            pair,
            *([client.submit(getitem, each, k, pure=False) for each in side] for side in pieces),
            pure=False,
        )
        for k in range(n)
    ]


def _form(kinds: frozenset[Kind]) -> Kind:
    """Return as what the values of a column of both topics are compared, as `match` does."""
    if kinds <= {Kind.INTEGER}:
        return Kind.INTEGER
    return Kind.NUMBER if kinds <= {Kind.INTEGER, Kind.NUMBER} else Kind.TEXT


def _cut(table: pd.DataFrame, forms: Mapping[str, Kind], n: int) -> list[pd.DataFrame]:
    """Return a table in `n` parts by the hash of its keys; without the records' keys otherwise."""
    hashes = np.zeros(len(table), np.uint64)
    for name, form in forms.items():
        hashes = (hashes ^ _hashes(table[name], form)) * _FACTOR
    part = ((hashes >> np.uint64(32)) % np.uint64(n)).astype(np.uint16)
    return cut_up(table if KEY in forms else table.drop(columns=KEY, errors="ignore"), part, n)


def _hashes(column: pd.Series[Any], form: Kind) -> Hashes:
    """Return a hash of each value, equal for those that are compared as equal."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        labels = _hashed(column.cat.categories.to_series(), form)
        return np.append(labels, np.uint64(0))[column.cat.codes.to_numpy()]
    return _hashed(column, form)


def _hashed(values: pd.Series[Any], form: Kind) -> Hashes:
    if form == Kind.INTEGER:
        plain: Any = values.to_numpy(np.int64, na_value=0)
    elif form == Kind.NUMBER:
        plain = values.to_numpy(np.float64, na_value=0.0) + 0.0  # 0 and −0 are one
    else:
        plain = values.map(as_text, na_action="ignore").astype(object).fillna("").to_numpy()
    hashes: Hashes = pd.util.hash_array(plain, categorize=False)
    return hashes


def _paired(
    here: Sequence[pd.DataFrame],
    there: Sequence[pd.DataFrame],
    key: Sequence[str],
    ignored: Sequence[str],
) -> MatchedPart:
    tables = brought_together(here), brought_together(there)
    plain = [table.drop(columns=ARRIVAL) for table in tables]
    return MatchedPart(*tables, pair_up(plain[0], plain[1], key, ignored=ignored))


def _counts(part: MatchedPart, key: Sequence[str]) -> Question[dict[str, Any]]:
    """Ask how many events became what but reordered, whether the key tells them apart, and bounds.

    Returns
    -------
    `counts`, `apart`, `bounds`, as in `Matched`.
    """
    paired, sides = part.paired, _sides(part)
    own = tuple(matched_bounds(table, fate, places) for table, fate, places in sides)
    bounds: _TwoBounds = yield Pool(own, _widest)
    here, there = (
        counted(with_ends(table, fate, places, each))
        for (table, fate, places), each in zip(sides, bounds, strict=True)
    )
    changed = int(np.count_nonzero(paired.changed))
    counts = FateCounts(len(paired.at_here), here, there, 0, changed, paired.changes)
    apart = np.array([told_apart(table, key) for table, _, _ in sides])
    return together(
        {
            "counts": Answer(counts, added, as_it_is),
            "apart": Answer(apart, added, _as_pairs),
            "bounds": Answer(bounds, first_of, as_it_is),
        }
    )


def _as_pairs(apart: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    return tuple(map(tuple, apart.tolist()))


def _widest(one: _TwoBounds, other: _TwoBounds) -> _TwoBounds:
    return widest(one[0], other[0]), widest(one[1], other[1])


def _sides(part: MatchedPart) -> list[tuple[pd.DataFrame, NDArray[np.int8], Ints]]:
    """Return events, fates and places in arrival order, here and there."""
    fates = part.paired.fate_here, part.paired.fate_there
    return [
        (table, fate, table[ARRIVAL].to_numpy())
        for table, fate in zip((part.here, part.there), fates, strict=True)
    ]


def _by_partition(part: MatchedPart, partitions: Sequence[int]) -> list[tuple[pd.DataFrame, Ints]]:
    """Return the pairs of each partition here, and the places here of what has no partner."""
    paired = part.paired
    (here, fate, places), (_, _, places_there) = _sides(part)
    pairs = pairs_of(part.here, part.there, paired.at_here, paired.at_there)
    pairs = pairs.assign(**{_HERE: places[paired.at_here], ARRIVAL: places_there[paired.at_there]})
    missing = fate == Fate.MISSING
    of_missing, without = here[PARTITION].to_numpy()[missing], places[missing]
    return [
        (pairs[pairs[CLIENT] == number], without[of_missing == number]) for number in partitions
    ]


def _way(pieces: Sequence[tuple[pd.DataFrame, Ints]], numbered: bool) -> tuple[pd.DataFrame, Ints]:
    """Return the events of the way from a partition here, and the places there of those moved."""
    pairs = pd.concat([pairs for pairs, _ in pieces]).sort_values(ARRIVAL, ignore_index=True)
    of_here, of_there, places = (pairs[name].to_numpy() for name in (CLIENT, PARTITION, _HERE))
    moved = reordered(of_here, of_there, places)
    due = np.concatenate([places, *(without for _, without in pieces)])
    due = np.sort(due[(due >= places.min()) & (due <= places.max())])
    numbers = np.searchsorted(due, places, side="right") if numbered else None
    return way_events(pairs.drop(columns=_HERE), numbers), pairs[ARRIVAL].to_numpy()[moved]


def differing(
    client: Client, found: Matched, kind: str, names: tuple[str, str], most: int
) -> pd.DataFrame:
    """Return the first rows of `lib.analysis.two_topics.differing`."""
    put = partial(
        _differing, bounds=found.bounds, moved=found.moved[:most], kind=kind, names=names, most=most
    )
    rows: pd.DataFrame = ask(client, put, found.parts)
    return rows


def _differing(
    part: MatchedPart, bounds: _TwoBounds, moved: Ints, kind: str, names: tuple[str, str], most: int
) -> Question[pd.DataFrame]:
    yield from ()  # a question without a round
    paired, sides = part.paired, _sides(part)
    fates = [
        with_ends(table, fate, places, each)
        for (table, fate, places), each in zip(sides, bounds, strict=True)
    ]
    match = Matching(
        at_here=paired.at_here,
        at_there=paired.at_there,
        fate_here=fates[0],
        fate_there=fates[1],
        reordered=np.isin(sides[1][2][paired.at_there], moved),
        changed=paired.changed,
        changes=paired.changes,
        fields_here=(),
        fields_there=(),
    )
    at_here, at_there = (at[:most] for at in differing_at(part.here, part.there, match, kind))
    rows = listed(part.here, part.there, at_here, at_there, kind, names)
    order = zip(_ORDER, _order(kind, part, at_here, at_there), strict=True)
    rows = rows.assign(**dict(order))
    return Answer(rows, partial(_first_rows, most=most), _without_order)


def _order(
    kind: str, part: MatchedPart, at_here: Ints, at_there: Ints
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return by what events that differ are sorted: two numbers each, the second a place."""
    (here, _, of_here), (there, _, of_there) = _sides(part)
    alone = at_here < 0
    places = np.where(at_there < 0, of_here[at_here], of_there[at_there])
    if kind != Difference.SLOWEST:
        return alone.astype(np.int64), places
    return broker_times(here)[at_here] - broker_times(there)[at_there], places


def _first_rows(one: pd.DataFrame, other: pd.DataFrame, most: int) -> pd.DataFrame:
    both = [rows for rows in (one, other) if len(rows)] or [one]
    return pd.concat(both).sort_values([*_ORDER], kind="stable").head(most)


def _without_order(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns=[*_ORDER]).reset_index(drop=True)
