"""What a report asks of a topic in blocks: of those in arrival order, and of those by client."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial, reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from lib.analysis.delays import disorder_question
from lib.analysis.received import with_received_time
from lib.analysis.sessions import latest_question
from lib.analysis.summary import extremes_of
from lib.analysis.tally import Tally
from lib.analysis.timestamp_quality import order_question
from lib.core.blockwise import Answer, added, as_it_is, first_of, in_step, stacked, together
from lib.core.columns import (
    ARRIVAL,
    CLIENT,
    EVENT_TIME,
    EVENTS,
    KEY_HASH,
    LEFT,
    PARTITION,
    RECEIVED_TIME,
    RECEIVED_TIME_TYPE,
    RECORD_TIME,
    SESSION,
)
from lib.events.client_names import client_at
from lib.events.filters import cuts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lib.core.blockwise import Question

ORDER_COLUMNS: Final = (
    EVENT_TIME, RECEIVED_TIME, PARTITION, RECEIVED_TIME_TYPE, RECORD_TIME, KEY_HASH,
)  # fmt: skip
"""Columns that `in_arrival_order` and engines' clocks look at."""


def in_arrival_order(table: pd.DataFrame) -> Question[dict[str, Any]]:
    """Ask what needs the arrival order.

    Returns
    -------
    `disorder`, `order`, `extremes` as `disorder_question`, `order_question` and `extremes_of` say;
    of a part, `disorder` is of the events that are left; and so are `delays_left`, a tally, and
    `extremes_left`.
    """
    heard = with_received_time(table)
    left = heard[LEFT].to_numpy() if LEFT in heard else None
    found = yield from in_step(
        {"disorder": disorder_question(heard, left=left), "order": order_question(heard)}
    )
    if left is not None:
        delays = (heard[RECEIVED_TIME] - heard[EVENT_TIME]).to_numpy()[left]
        found["delays_left"] = Answer(Tally.of(delays), added, as_it_is)
        found["extremes_left"] = Answer(extremes_of(table[table[LEFT]]), added, as_it_is)
    return together({**found, "extremes": Answer(extremes_of(table), added, as_it_is)})


def zero_question(table: pd.DataFrame) -> Question[int | None]:
    """Ask for the first event time of blocks in **arrival order**, epoch ms; None without any."""
    yield from ()  # a question without a round
    zero = int(table[EVENT_TIME].iloc[0]) if len(table) else None
    return Answer(zero, first_of, as_it_is)


@dataclass(frozen=True, eq=False)
class NameCounts:
    """How many clients some blocks have, and sessions each, and the sessions' hashes, rising."""

    clients: int
    of_blocks: int
    hashes: np.ndarray[tuple[int], np.dtype[np.uint64]]

    def __add__(self, other: NameCounts) -> NameCounts:
        """Return those of both, which have no client in common."""
        return NameCounts(
            self.clients + other.clients,
            self.of_blocks + other.of_blocks,
            np.union1d(self.hashes, other.hashes),
        )

    @property
    def sessions(self) -> int:
        """Number of sessions."""
        return len(self.hashes)

    @property
    def are_apart(self) -> bool:
        """Whether no two blocks have events of one session."""
        return self.of_blocks == self.sessions


def names_of_clients(table: pd.DataFrame) -> Question[NameCounts]:
    """Ask how many clients and sessions there are."""
    clients, sessions = (_used(table[name]) for name in (CLIENT, SESSION))
    yield from ()  # a question without a round
    found = NameCounts(len(clients), len(sessions), _hashes(table[SESSION]))
    return Answer(found, added, as_it_is)


def values_of(table: pd.DataFrame, column: str) -> Question[int]:
    """Ask how many values a column has, of blocks that have all events of its values each."""
    yield from ()  # a question without a round
    return Answer(table[column].nunique(), added, as_it_is)


def largest_clients(table: pd.DataFrame, most: int) -> Question[pd.DataFrame]:
    """Ask for the clients with the most events, at most so many.

    Returns
    -------
    One row a client, rising by client: `ClientID`, and how many events it has.
    """
    yield from ()  # a question without a round
    counts = table[CLIENT].cat.remove_unused_categories().value_counts(sort=False)
    found = pd.DataFrame({CLIENT: pd.Categorical(counts.index), EVENTS: counts.to_numpy()})
    merge = partial(_largest, most=most)
    return Answer(merge(found), merge, rows_by_client)


def _largest(*tables: pd.DataFrame, most: int) -> pd.DataFrame:
    every = rows_by_client(reduce(stacked, tables))
    return every.sort_values(EVENTS, ascending=False, kind="stable").head(most)


def clients_called(table: pd.DataFrame, names: Sequence[str]) -> Question[dict[str, object]]:
    """Ask which clients have some names, as `written` writes them: name → client."""
    yield from ()  # a question without a round
    clients = table[CLIENT].cat.categories
    places = {name: client_at(clients, name) for name in names}
    found = {name: clients[place] for name, place in places.items() if place is not None}
    return Answer(found, or_, as_it_is)


def latest_of_left(table: pd.DataFrame, most: int) -> Question[pd.DataFrame]:
    """Ask what `latest_question` asks, of the events that are left where a filter was applied."""
    left = table[table[LEFT]] if LEFT in table else table
    return (yield from latest_question(left, most))


def first_of_left(table: pd.DataFrame, most: int) -> Question[pd.DataFrame]:
    """Ask for the first events in arrival order, of those that are left; at most so many."""
    yield from ()  # a question without a round
    merge = partial(_first_rows, most=most)
    left = table[table[LEFT]] if LEFT in table else table
    return Answer(merge(left), merge, _bare)


def of_session(table: pd.DataFrame, name: str) -> Question[pd.DataFrame]:
    """Ask for the events of a session in arrival order; with `Left` where a filter was applied."""
    yield from ()  # a question without a round
    place = client_at(table[SESSION].cat.categories, name)
    found = table[table[SESSION].cat.codes == (-2 if place is None else place)]
    return Answer(found, stacked, _in_arrival_order)


def _first_rows(*tables: pd.DataFrame, most: int) -> pd.DataFrame:
    return reduce(stacked, tables).sort_values(ARRIVAL).head(most)


def _in_arrival_order(events: pd.DataFrame) -> pd.DataFrame:
    return _bare(events.sort_values(ARRIVAL))


def _bare(events: pd.DataFrame) -> pd.DataFrame:
    """Return events without what a cluster alone knows of them, but for which are left."""
    return events.drop(columns=[ARRIVAL, KEY_HASH], errors="ignore").reset_index(drop=True)


def of_left(table: pd.DataFrame) -> Question[dict[str, Any]]:
    """Ask of the clients and sessions of the events that are left.

    Returns
    -------
    `names` as `names_of_clients` says; `clients`, each once, in a table; `is_cut` as
    `lib.events.filters.leaves_gaps` says.
    """
    left = table[table[LEFT]]
    names = yield from names_of_clients(left)
    clients = left[[CLIENT]].drop_duplicates(ignore_index=True)
    return together(
        {
            "names": names,
            "clients": Answer(clients, stacked, as_it_is),
            "is_cut": (yield from cut_question(table, table[LEFT].to_numpy())),
        }
    )


def cut_question(table: pd.DataFrame, kept: NDArray[np.bool_]) -> Question[bool]:
    """Ask for `lib.events.filters.leaves_gaps`; a session may have events in several blocks."""
    yield from ()  # a question without a round
    left, others = (_hashes(table[SESSION][which]) for which in (kept, ~kept))
    return Answer(_Cut(cuts(table[CLIENT], kept), left, others), added, _Cut.finish)


@dataclass(frozen=True, eq=False)
class _Cut:
    """Whether clients are cut, and the hashes of the sessions that have events left, and others."""

    clients: bool
    left: NDArray[np.uint64]
    others: NDArray[np.uint64]

    def __add__(self, other: _Cut) -> _Cut:
        return _Cut(
            self.clients or other.clients,
            np.union1d(self.left, other.left),
            np.union1d(self.others, other.others),
        )

    def finish(self) -> bool:
        """Return whether clients or sessions are cut."""
        return self.clients or len(np.intersect1d(self.left, self.others)) > 0


def _hashes(names: pd.Series[Any]) -> NDArray[np.uint64]:
    """Return a number of each name that no other has, rising."""
    return np.unique(pd.util.hash_array(np.asarray(_used(names)), categorize=False))


def _used(column: pd.Series[Any]) -> pd.Index[Any]:
    used: pd.Index[Any] = column.cat.remove_unused_categories().cat.categories
    return used


def rows_by_client(table: pd.DataFrame) -> pd.DataFrame:
    """Return rows rising by client, in their order for each; those without a client first."""
    return table.sort_values(CLIENT, kind="stable", na_position="first", ignore_index=True)
