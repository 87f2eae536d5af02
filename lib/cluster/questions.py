"""What a report asks of a topic in blocks: of those in arrival order, and of those by client."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial, reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from lib.analysis import completeness as sessions_of
from lib.analysis import delay_parts
from lib.analysis.client_clocks import WRONG, clocks_of, find_envelopes, sent_times
from lib.analysis.clock_steps import find_steady, steady_of_first_arrivals
from lib.analysis.completeness import completeness
from lib.analysis.delays import disorder_question
from lib.analysis.falling_behind import falling_behind_question
from lib.analysis.gone import gone_question
from lib.analysis.impossible import impossible_times
from lib.analysis.outages import outage_question
from lib.analysis.received import has_received_time, with_received_time
from lib.analysis.sequence_numbers import Numbering, RejectedRecords, find_numbers
from lib.analysis.sessions import latest_question
from lib.analysis.summary import extremes_of
from lib.analysis.tally import Tally
from lib.analysis.time_notices import diagnosis_question
from lib.analysis.timestamp_quality import order_question, own_backwards
from lib.core.blockwise import Answer, Pool, added, either, in_step, stacked, together
from lib.core.columns import (
    ARRIVAL,
    CLIENT,
    EVENT_TIME,
    EVENTS,
    KEY_HASH,
    LEFT,
    LOST,
    PARTITION,
    RECEIVED_TIME,
    RECEIVED_TIME_TYPE,
    RECORD_TIME,
    SENT_TIME,
    SESSION,
)
from lib.events.client_names import client_at
from lib.events.filters import leaves_gaps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lib.analysis.client_clocks import ClientTimes, LowerEnvelopes
    from lib.analysis.delay_parts import EventParts
    from lib.analysis.sequence_numbers import SequenceNumbers
    from lib.core.blockwise import Question, Steps
    from lib.events.time_columns import TimeNotes

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
        found["delays_left"] = Answer(Tally.of(delays), added, _as_it_is)
        found["extremes_left"] = Answer(extremes_of(table[table[LEFT]]), added, _as_it_is)
    return together({**found, "extremes": Answer(extremes_of(table), added, _as_it_is)})


def zero_question(table: pd.DataFrame) -> Question[int | None]:
    """Ask for the first event time of blocks in **arrival order**, epoch ms; None without any."""
    yield from ()  # a question without a round
    zero = int(table[EVENT_TIME].iloc[0]) if len(table) else None
    return Answer(zero, _first, _as_it_is)


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
    hashes = np.unique(pd.util.hash_array(np.asarray(sessions), categorize=False))
    yield from ()  # a question without a round
    return Answer(NameCounts(len(clients), len(sessions), hashes), added, _as_it_is)


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
    return Answer(merge(found), merge, _by_client)


def _largest(*tables: pd.DataFrame, most: int) -> pd.DataFrame:
    every = _by_client(reduce(stacked, tables))
    return every.sort_values(EVENTS, ascending=False, kind="stable").head(most)


def clients_called(table: pd.DataFrame, names: Sequence[str]) -> Question[dict[str, object]]:
    """Ask which clients have some names, as `written` writes them: name → client."""
    yield from ()  # a question without a round
    clients = table[CLIENT].cat.categories
    places = {name: client_at(clients, name) for name in names}
    found = {name: clients[place] for name, place in places.items() if place is not None}
    return Answer(found, or_, _as_it_is)


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
    cut = leaves_gaps(table, table[LEFT].to_numpy())
    return together(
        {
            "names": names,
            "clients": Answer(clients, stacked, _as_it_is),
            "is_cut": Answer(cut, either, _as_it_is),
        }
    )


def _used(column: pd.Series[Any]) -> pd.Index[Any]:
    used: pd.Index[Any] = column.cat.remove_unused_categories().cat.categories
    return used


def of_clients(
    table: pd.DataFrame,
    *,
    notes: TimeNotes | None,
    sessions_are_derived: bool,
    rejected: RejectedRecords,
    with_numbers: bool,
) -> Question[dict[str, Any]]:
    """Ask what needs all events of a client together.

    Parameters
    ----------
    notes
        How event times were read.
    with_numbers
        Whether sequence numbers, and what they make of silences, are asked for.

    Returns
    -------
    `own`, `diagnosis`, `clocks`, `gone`, `behind`, `steps`, `impossible` as the functions of those
    names say; and `outages`, `numbering`, `sessions` (those that lost events, or have some twice),
    `parts` and `of_outages` (where there are times for them), if asked for.
    """
    known = has_received_time(table)
    heard = table if known is None else table[known]
    sent = sent_times(heard)
    first: dict[str, Steps[Any]] = {
        "gone": gone_question(heard),
        "behind": falling_behind_question(heard),
    }
    if notes is not None:
        first["diagnosis"] = diagnosis_question(heard, notes)
    if with_numbers:
        first["numbers"] = find_numbers(
            table, sessions_are_derived=sessions_are_derived, rejected=rejected
        )
    if with_numbers and {SENT_TIME, RECORD_TIME} & set(table.columns):
        first["taken_apart"] = delay_parts.find_parts(table)
    answers = yield from in_step({**first, "steady": find_steady(heard, sent)})
    taken_apart, _ = answers.pop("taken_apart", (None, None))
    numbers: SequenceNumbers | None = answers.pop("numbers", None)
    of_heard = numbers if numbers is None or known is None else numbers.of(known)
    found = answers.pop("steady")
    if with_numbers:
        found = yield from steady_of_first_arrivals(heard, of_heard, found)
    set_clocks, any_set, steady, envelopes = found
    is_other = any_set or sent.shown is not sent.event_time
    last: dict[str, Steps[Any]] = {"clocks": _clocks_of(sent, None if is_other else envelopes)}
    if with_numbers:
        last["outages"] = outage_question(steady, envelopes, of_heard)
        answers |= _of_numbers(table, numbers)
    del numbers, of_heard, found  # or they would be kept for every block until the last round
    answers |= yield from in_step(last)
    if taken_apart is not None:
        answers |= yield from _of_parts(table, taken_apart, answers["outages"])
    answers["own"] = Answer(own_backwards(heard), added, _as_it_is)
    answers["steps"] = Answer(set_clocks.table(sent), stacked, _by_client)
    impossible = impossible_times(heard, answers["clocks"].part)
    impossible = impossible.assign(**{ARRIVAL: heard.loc[impossible.index, ARRIVAL]})
    answers["impossible"] = Answer(impossible.reset_index(drop=True), stacked, _in_order)
    return together(answers)


def _of_parts(
    table: pd.DataFrame, parts: EventParts, outages: Answer[tuple[pd.DataFrame, pd.DataFrame]]
) -> Steps[dict[str, Answer[Any]]]:
    found = {"parts": (yield from delay_parts.quantiles_question(table, parts))}
    if delay_parts.DelayPart.NETWORK in parts.rows:
        of_all, _ = outages.finish((yield Pool(outages.part, outages.merge)))
        waited = delay_parts.parts_of_outages(table, parts, of_all)
        found["of_outages"] = Answer(waited, delay_parts.of_either, _as_it_is)
    return found


def _in_order(events: pd.DataFrame) -> pd.DataFrame:
    return events.sort_values(ARRIVAL, ignore_index=True).drop(columns=ARRIVAL)


def _clocks_of(sent: ClientTimes, envelopes: LowerEnvelopes | None) -> Question[pd.DataFrame]:
    if envelopes is None:
        envelopes = yield from find_envelopes(sent)
    clocks = yield from clocks_of(sent, envelopes)
    return Answer(clocks, stacked, _by_client)


def wrong_clocks(table: pd.DataFrame) -> Question[pd.DataFrame]:
    """Ask for the rows of `lib.analysis.client_clocks.clocks` of clocks that are wrong."""
    clocks = yield from _clocks_of(sent_times(with_received_time(table)), None)
    return Answer(clocks.part[clocks.part[WRONG]], stacked, _by_client)


def _of_numbers(table: pd.DataFrame, numbers: SequenceNumbers | None) -> Mapping[str, Answer[Any]]:
    numbering: Numbering | None = None
    if numbers is not None and len(table):
        numbering = numbers.numbering
    sessions = None
    if numbers is not None:
        sessions = completeness(table, numbers.steps)
        faults = sessions[[LOST, sessions_of.DUPLICATES]].fillna(0).any(axis=1)
        if LEFT in table:
            faults &= sessions[SESSION].isin(table.loc[table[LEFT], SESSION].unique())
        sessions = sessions[faults].reset_index(drop=True)
    return {
        "numbering": Answer(numbering, _first, _as_it_is),
        "sessions": Answer(sessions, _stacked_if_any, _as_it_is),
    }


def _stacked_if_any(one: pd.DataFrame | None, other: pd.DataFrame | None) -> pd.DataFrame | None:
    return stacked(one, other) if one is not None and other is not None else None


def _by_client(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values(CLIENT, kind="stable", na_position="first", ignore_index=True)


def _first(one: Any, other: Any) -> Any:  # noqa: ANN401 (of any kind, or None)
    return other if one is None else one


def _as_it_is(found: Any) -> Any:  # noqa: ANN401 (of any kind)
    return found
