"""Two topics compared: what can be told of them, in figures and sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import pandas as pd

from lib.analysis import matching
from lib.analysis.matching import Fate, FateCounts, Matching, key_columns, told_apart
from lib.analysis.way import Way, broker_times, way_between
from lib.core.columns import CLIENT, EVENT_TIME, KEY, OFFSET, PARTITION, SEQUENCE, SESSION
from lib.core.formatting import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from lib.analysis.kernels import Ints
    from lib.events.fields import Fields
    from lib.loading.load import LoadedTopic

NUMBERS: Final = "numbers"
"""Matched by client, session and sequence number."""

TOLD_APART: Final = 0.9
"""Share of the events, at least, that a key tells apart."""

NO_NUMBERS: Final = (
    "{names} without sequence numbers: choose what tells the events apart, a field that both "
    "topics have."
)
NO_FIELD: Final = "There is no {field} in both topics: choose another field."
NOT_APART: Final = (
    "{field} does not tell the events of {name} apart: about {each:,.0f} of them have the same. "
    "Choose another field."
)
NONE_IN_BOTH: Final = (
    "No event of {first} is in {second}, by {key}. Two stretches of one topic have no event in "
    "common; of a mirror, choose the same stretch, or another field."
)


class Difference:
    """The kinds of events that differ, as links call them."""

    ONLY_IN_ONE: Final = "Only in one"
    REPEATED: Final = "Repeated"
    REORDERED: Final = "Reordered"
    CHANGED: Final = "Changed"
    SLOWEST: Final = "Slowest"
    ALL: Final = (ONLY_IN_ONE, REPEATED, REORDERED, CHANGED, SLOWEST)


# Columns of the table of events that differ.
WHAT: Final = "What"
SENT_HERE: Final = "ReceivedHere"
RECEIVED_THERE: Final = "ReceivedThere"
TOOK: Final = "Took"
HERE, THERE = " here", " there"


@dataclass(frozen=True)
class MatchedTopics:
    """Two topics matched.

    Attributes
    ----------
    why_not
        Why they are not matched, as a sentence; "" if they are.
    key, counts, fields
        The columns of the key; how many events became what; the fields that only the first has,
        and that only the second has.
    way
        How long matched events took.
    caveats
        What else has to be said, as sentences.
    """

    why_not: str = ""
    key: tuple[str, ...] = ()
    counts: FateCounts | None = None
    fields: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    way: Way | None = None
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compared:
    """Two loaded topics compared; `matching` and the events of the way are None if not matched."""

    told: MatchedTopics
    matching: Matching | None = None
    way_events: pd.DataFrame | None = None


@dataclass(frozen=True)
class Comparable:
    """What of a topic decides what it can be matched by, and what has to be said of it.

    Attributes
    ----------
    name
        Of the topic.
    columns
        Of its events table.
    has_numbers
        Whether some event has a sequence number.
    fields, sources, rejected
        As in `lib.loading.load.LoadedTopic`; how many records were rejected.
    may_lack, cut
        Whether records may be missing of it because they could not be read; or were left out.
    """

    name: str
    columns: tuple[str, ...]
    has_numbers: bool
    fields: Fields
    sources: Collection[str]
    rejected: int
    may_lack: bool
    cut: bool

    @property
    def all_read(self) -> bool:
        """Whether every record of it is an event that is known."""
        return not (self.rejected or self.may_lack)


Both: TypeAlias = tuple[Comparable, Comparable]


def comparable(topic: LoadedTopic) -> Comparable:
    """Return what decides what a loaded topic can be matched by."""
    table = topic.events.table
    return Comparable(
        topic.report.topic,
        tuple(map(str, table.columns)),
        SEQUENCE in table and bool(table[SEQUENCE].notna().any()),
        topic.fields,
        topic.sources,
        topic.rejected.num_rows,
        topic.report.may_lack_records,
        topic.report.capped,
    )


def names_of(first: str, second: str) -> tuple[str, str]:
    """Return what two topics are called, told apart where they have one name."""
    if first != second:
        return first, second
    return f"{first} (first)", f"{second} (second)"


def keys_to_choose(here: Comparable, there: Comparable) -> list[str]:
    """Return what two topics can be matched by, the best first: `NUMBERS`, `@key`, fields."""
    numbers = [NUMBERS] if _numbered(here, there) else []
    by_key = [KEY] if KEY in here.sources and KEY in there.sources else []
    others = key_columns(here.columns, there.columns)
    return [*numbers, *by_key, *(name for name in others if name != KEY)]


def compared(here: LoadedTopic, there: LoadedTopic, by: str | None) -> Compared:
    """Return two topics matched by one of `keys_to_choose`; None: by numbers.

    `@key` needs both topics to have been loaded with it (`lib.events.fields.KEPT`).
    """
    both = comparable(here), comparable(there)
    key, why_not = key_of(both, by)
    if why_not:
        return Compared(MatchedTopics(why_not))
    tables = here.events.table, there.events.table
    apart = [told_apart(table, key) for table in tables]
    if why_not := why_not_apart(key, apart, both):
        return Compared(MatchedTopics(why_not))
    found = matching.match(*tables, key, ignored=ignored_fields(both))
    if not found.pairs:
        return Compared(MatchedTopics(none_in_both(key, both)))
    names = names_of(both[0].name, both[1].name)
    events, way = way_between(*tables, found, names=names, all_read=both[1].all_read)
    fields = found.fields_here, found.fields_there
    said = caveats(key, found.counts, apart, both)
    return Compared(MatchedTopics("", key, found.counts, fields, way, said), found, events)


def none_in_both(key: Sequence[str], both: Both) -> str:
    """Return the sentence that two topics have no event in common."""
    first, second = names_of(both[0].name, both[1].name)
    return NONE_IN_BOTH.format(first=first, second=second, key=key_in_words(key))


def key_in_words(key: Sequence[str]) -> str:
    """Return the columns of a key as a sentence names them."""
    words = {CLIENT: "client", SESSION: "session", SEQUENCE: "sequence number", KEY: "key"}
    said = [words.get(name, name) for name in key]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"


def differing(
    here: pd.DataFrame,
    there: pd.DataFrame,
    match: Matching,
    kind: str,
    names: tuple[str, str],
    most: int | None = None,
) -> tuple[pd.DataFrame, int]:
    """Return the first `most` events of a kind of `Difference.ALL`, and how many there are.

    They are in arrival order, those only here before those only there; the slowest come first.

    Returns
    -------
    pd.DataFrame
        `What` says what became of each; client, session, sequence number and event time as here,
        of what is only there as there; partition and offset, and when each broker received it,
        Int64, missing where it is not; `Took` Int64 ms.
    """
    at_here, at_there = differing_at(here, there, match, kind)
    return listed(here, there, at_here[:most], at_there[:most], kind, names), len(at_here)


def differing_at(
    here: pd.DataFrame, there: pd.DataFrame, match: Matching, kind: str
) -> tuple[Ints, Ints]:
    """Return the positions of the events of a kind, in the order of `differing`; −1: not there."""
    if kind not in _ALONE:
        order = _chosen(here, there, match, kind)
        return match.at_here[order], match.at_there[order]
    _, fates = _ALONE[kind]
    of_each = [np.flatnonzero(np.isin(f, fates)) for f in (match.fate_here, match.fate_there)]
    none = [np.full(len(at), -1) for at in of_each]
    return np.r_[of_each[0], none[1]], np.r_[none[0], of_each[1]]


def listed(
    here: pd.DataFrame,
    there: pd.DataFrame,
    at_here: Ints,
    at_there: Ints,
    kind: str,
    names: tuple[str, str],
) -> pd.DataFrame:
    """Return the events at `differing_at` as rows of `differing`."""
    if kind in _ALONE:
        called = [f"{_ALONE[kind][0]} {name}" for name in names]
    else:
        called = ["in both" if kind == Difference.SLOWEST else kind.lower()] * 2
    rows = _listed(here, there, at_here, at_there)
    rows.insert(0, WHAT, np.where(at_here < 0, called[1], called[0]))
    return rows


_ALONE: Final = {
    Difference.ONLY_IN_ONE: ("only in", (Fate.MISSING, Fate.AT_AN_END)),
    Difference.REPEATED: ("repeated in", (Fate.REPEATED,)),
}
"""Kinds of events that have no partner: what each is called, and their fates."""


def _chosen(here: pd.DataFrame, there: pd.DataFrame, match: Matching, kind: str) -> Ints:
    """Return the pairs of a kind, in the order in which they are listed."""
    if kind == Difference.SLOWEST:
        took = broker_times(there)[match.at_there] - broker_times(here)[match.at_here]
        return np.argsort(-took, kind="stable")
    return np.flatnonzero(match.changed if kind == Difference.CHANGED else match.reordered)


def _listed(here: pd.DataFrame, there: pd.DataFrame, at_here: Ints, at_there: Ints) -> pd.DataFrame:
    """Return pairs of positions as rows; −1: not in that topic."""
    known = {side: at >= 0 for side, at in ((HERE, at_here), (THERE, at_there))}
    own = [
        name for name in (CLIENT, SESSION, SEQUENCE, EVENT_TIME) if name in here or name in there
    ]
    columns = {}
    for name in own:
        first, second = (
            _cells(table, name, at) for table, at in ((here, at_here), (there, at_there))
        )
        columns[name] = first.where(known[HERE], second)
    for name in (SEQUENCE, EVENT_TIME):
        columns |= {name: columns[name].astype("Int64")} if name in columns else {}
    times, places = {}, {}
    for side, table, at in ((HERE, here, at_here), (THERE, there, at_there)):
        for name in (PARTITION, OFFSET):
            places[f"{name}{side}"] = _cells(table, name, at).astype("Int64")
        time = broker_times(table)[at] if len(table) else np.zeros(len(at), np.int64)
        times[side] = pd.Series(pd.arrays.IntegerArray(time, ~known[side] | (time < 0)))
    columns |= {SENT_HERE: times[HERE], RECEIVED_THERE: times[THERE]}
    columns |= {TOOK: times[THERE] - times[HERE], **places}
    return pd.DataFrame(columns)


def _cells(table: pd.DataFrame, name: str, at: Ints) -> pd.Series:
    """Return the values of a column at positions, as objects; none at −1, and without it."""
    cells = np.full(len(at), None, object)
    if name in table:
        cells[at >= 0] = table[name].take(at[at >= 0]).astype(object).to_numpy()
    return pd.Series(cells)


def _numbered(here: Comparable, there: Comparable) -> tuple[str, ...]:
    """Return the key of client, session and sequence number; () where numbers are missing.

    Sessions that were derived, in one topic or both, follow from what was read: they are no part.
    """
    if not (here.has_numbers and there.has_numbers):
        return ()
    return (CLIENT, SEQUENCE) if _are_derived(here, there) else (CLIENT, SESSION, SEQUENCE)


def _are_derived(here: Comparable, there: Comparable) -> bool:
    return here.fields.session is None or there.fields.session is None


def key_of(both: Both, by: str | None) -> tuple[tuple[str, ...], str]:
    """Return the columns to match by, and why there are none."""
    here, there = both
    if by in (None, NUMBERS):
        key = _numbered(here, there)
        names = names_of(here.name, there.name)
        without = [name for name, of in zip(names, both, strict=True) if not of.has_numbers]
        said = " and ".join(without) + (" are" if len(without) == 2 else " is")
        return key, "" if key else NO_NUMBERS.format(names=said)
    assert by is not None
    # A key that plays a role has the name of its role's column.
    roles = {KEY: {here.fields.client: CLIENT, here.fields.session: SESSION}.get(KEY, KEY)}
    column = roles.get(by, by)
    if column not in here.columns or column not in there.columns:
        return (), NO_FIELD.format(field=key_in_words([by]))
    return (column,), ""


def why_not_apart(key: Sequence[str], apart: Sequence[tuple[int, int]], both: Both) -> str:
    """Return why a key does not tell events apart, as a sentence; "" if it does.

    `apart` is `matching.told_apart` of both topics.
    """
    names = names_of(both[0].name, both[1].name)
    for counted_apart, name in zip(apart, names, strict=True):
        if (share := _share(counted_apart)) < TOLD_APART:
            return _not_apart(key, name, share)
    return ""


def _share(apart: tuple[int, int]) -> float:
    """Return how many keys there are for each event that is no copy of another, up to 1."""
    keys, others = apart
    return keys / (keys + others) if keys else 0.0


def _not_apart(key: Sequence[str], name: str, share: float) -> str:
    if not share:
        return f"No event of {name} has a {key_in_words(key)}: choose another field."
    field = key_in_words(key)
    return NOT_APART.format(field=field[:1].upper() + field[1:], name=name, each=1 / share)


def ignored_fields(both: Both) -> list[str]:
    """Return the columns that follow from what was read, not from the records."""
    return [SESSION] if _are_derived(*both) else []


def caveats(
    key: Sequence[str], counts: FateCounts, apart: Sequence[tuple[int, int]], both: Both
) -> tuple[str, ...]:
    """Return what else has to be said of matched topics; `apart` as in `why_not_apart`."""
    said = []
    names = names_of(both[0].name, both[1].name)
    for topic, name, other, count in zip(
        both, names, reversed(names), (counts.here, counts.there), strict=True
    ):
        if rejected := topic.rejected:
            said.append(
                f"{counted(rejected, 'record')} of {name} could not be read: what is only in "
                f"{other} may be among them."
            )
        if topic.may_lack or topic.cut:
            said.append(
                f"Not every record of {name} was read, or is still there: what is only in {other} "
                "may be among those."
            )
        if ends := count[Fate.AT_AN_END]:
            said.append(
                f"Of what is only in {name}, matched events of the same partition do not surround "
                f"{counted(ends, 'event')}: {other} may not have been read so far, or may not have "
                f"{'it' if ends == 1 else 'them'} yet."
            )
        if without := count[Fate.WITHOUT_KEY]:
            said.append(
                f"{counted(without, 'event')} of {name} {'lacks' if without == 1 else 'lack'} "
                f"{key_in_words(key)}, and {'is' if without == 1 else 'are'} not matched."
            )
    if min(map(_share, apart)) < 1:
        said.append(
            f"Some events of a topic share {key_in_words(key)} though they are not the same; "
            "they are matched in their order."
        )
    return tuple(said)
