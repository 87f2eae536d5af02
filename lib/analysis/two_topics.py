"""Two loaded topics compared: what can be told of them, in figures and sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.analysis import matching
from lib.analysis.matching import Fate, Matching, key_columns, numbered_key, share_told_apart
from lib.analysis.way import Way, broker_times, way_between
from lib.core.columns import CLIENT, EVENT_TIME, KEY, OFFSET, PARTITION, SEQUENCE, SESSION
from lib.core.formatting import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lib.analysis.kernels import Ints
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
    matching, way
        What became of the events, and of the way; None where that cannot be told.
    why_not
        Why they are not matched, as a sentence; "" if they are.
    caveats
        What else has to be said, as sentences.
    """

    matching: Matching | None
    way: Way | None
    why_not: str = ""
    caveats: tuple[str, ...] = ()


def names_of(here: LoadedTopic, there: LoadedTopic) -> tuple[str, str]:
    """Return what two topics are called, told apart where they have one name."""
    first, second = here.report.topic, there.report.topic
    if first != second:
        return first, second
    return f"{first} (first)", f"{second} (second)"


def keys_to_choose(here: LoadedTopic, there: LoadedTopic) -> list[str]:
    """Return what two topics can be matched by, the best first: `NUMBERS`, `@key`, fields."""
    numbers = [NUMBERS] if _numbered(here, there) else []
    by_key = [KEY] if KEY in here.sources and KEY in there.sources else []
    return [*numbers, *by_key, *key_columns(here.events.table, there.events.table)]


def compared(here: LoadedTopic, there: LoadedTopic, by: str | None) -> MatchedTopics:
    """Return two topics matched by one of `keys_to_choose`; None: by numbers.

    `@key` needs both topics to have been loaded with it (`lib.events.fields.KEPT`).
    """
    names = names_of(here, there)
    key, why_not = _key(here, there, by, names)
    if why_not:
        return MatchedTopics(None, None, why_not)
    tables = here.events.table, there.events.table
    apart = [share_told_apart(table, key) for table in tables]
    for share, name in zip(apart, names, strict=True):
        if share < TOLD_APART:
            return MatchedTopics(None, None, _not_apart(key, name, share))
    found = matching.match(*tables, key, ignored=_ignored(here, there))
    if not found.pairs:
        words = NONE_IN_BOTH.format(first=names[0], second=names[1], key=key_in_words(key))
        return MatchedTopics(None, None, words)
    all_read = not (there.rejected.num_rows or there.report.may_lack_records)
    way = way_between(*tables, found, names=names, all_read=all_read)
    return MatchedTopics(found, way, caveats=_caveats((here, there), names, found, min(apart)))


def key_in_words(key: Sequence[str]) -> str:
    """Return the columns of a key as a sentence names them."""
    words = {CLIENT: "client", SESSION: "session", SEQUENCE: "sequence number", KEY: "key"}
    said = [words.get(name, name) for name in key]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"


def differing(
    here: pd.DataFrame,
    there: pd.DataFrame,
    found: MatchedTopics,
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
    match = found.matching
    assert match is not None
    alone = {
        Difference.ONLY_IN_ONE: ("only in", (Fate.MISSING, Fate.AT_AN_END)),
        Difference.REPEATED: ("repeated in", (Fate.REPEATED,)),
    }
    if kind in alone:
        said, fates = alone[kind]
        of_each = [np.flatnonzero(np.isin(f, fates)) for f in (match.fate_here, match.fate_there)]
        none = [np.full(len(at), -1) for at in of_each]
        at_here, at_there = np.r_[of_each[0], none[1]], np.r_[none[0], of_each[1]]
        called = [f"{said} {name}" for name in names]
    else:
        order = _chosen(here, there, match, kind)
        at_here, at_there = match.at_here[order], match.at_there[order]
        called = ["in both" if kind == Difference.SLOWEST else kind.lower()] * 2
    rows = _listed(here, there, at_here[:most], at_there[:most])
    rows.insert(0, WHAT, np.where(at_here[:most] < 0, called[1], called[0]))
    return rows, len(at_here)


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


def _numbered(here: LoadedTopic, there: LoadedTopic) -> tuple[str, ...]:
    derived = here.fields.session is None or there.fields.session is None
    tables = here.events.table, there.events.table
    return numbered_key(*tables, sessions_are_derived=derived)


def _key(
    here: LoadedTopic, there: LoadedTopic, by: str | None, names: tuple[str, str]
) -> tuple[tuple[str, ...], str]:
    """Return the columns to match by, and why there are none."""
    if by in (None, NUMBERS):
        key = _numbered(here, there)
        without = [
            name
            for name, topic in zip(names, (here, there), strict=True)
            if SEQUENCE not in topic.events.table or not topic.events.table[SEQUENCE].notna().any()
        ]
        said = " and ".join(without) + (" are" if len(without) == 2 else " is")
        return key, "" if key else NO_NUMBERS.format(names=said)
    assert by is not None
    # A key that plays a role has the name of its role's column.
    roles = {KEY: {here.fields.client: CLIENT, here.fields.session: SESSION}.get(KEY, KEY)}
    column = roles.get(by, by)
    if column not in here.events.table or column not in there.events.table:
        return (), NO_FIELD.format(field=key_in_words([by]))
    return (column,), ""


def _not_apart(key: Sequence[str], name: str, share: float) -> str:
    if not share:
        return f"No event of {name} has a {key_in_words(key)}: choose another field."
    field = key_in_words(key)
    return NOT_APART.format(field=field[:1].upper() + field[1:], name=name, each=1 / share)


def _ignored(here: LoadedTopic, there: LoadedTopic) -> list[str]:
    """Return the columns that follow from what was read, not from the records."""
    derived = here.fields.session is None or there.fields.session is None
    return [SESSION] if derived else []


def _caveats(
    topics: tuple[LoadedTopic, LoadedTopic],
    names: tuple[str, str],
    found: Matching,
    apart: float,
) -> tuple[str, ...]:
    said = []
    for topic, name, other, fate in zip(
        topics, names, reversed(names), (found.fate_here, found.fate_there), strict=True
    ):
        if rejected := topic.rejected.num_rows:
            said.append(
                f"{counted(rejected, 'record')} of {name} could not be read: what is only in "
                f"{other} may be among them."
            )
        if topic.report.may_lack_records or topic.report.capped:
            said.append(
                f"Not every record of {name} was read, or is still there: what is only in {other} "
                "may be among those."
            )
        if ends := int(np.count_nonzero(fate == Fate.AT_AN_END)):
            said.append(
                f"Of what is only in {name}, matched events of the same partition do not surround "
                f"{counted(ends, 'event')}: {other} may not have been read so far, or may not have "
                f"{'it' if ends == 1 else 'them'} yet."
            )
        if without := int(np.count_nonzero(fate == Fate.WITHOUT_KEY)):
            said.append(
                f"{counted(without, 'event')} of {name} {'lacks' if without == 1 else 'lack'} "
                f"{key_in_words(found.key)}, and {'is' if without == 1 else 'are'} not matched."
            )
    if apart < 1:
        said.append(
            f"Some events of a topic share {key_in_words(found.key)} though they are not the same; "
            "they are matched in their order."
        )
    return tuple(said)
