"""What a report asks of the blocks that have all events of their clients each.

A long question: each of its parts goes on with what the one before it found of the block.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lib.analysis import completeness as sessions_of
from lib.analysis import delay_parts
from lib.analysis.client_clocks import WRONG, clocks_of, find_envelopes, sent_times
from lib.analysis.clock_steps import find_steady, steady_of_first_arrivals
from lib.analysis.completeness import completeness, losses
from lib.analysis.falling_behind import falling_behind_question
from lib.analysis.gone import gone_question
from lib.analysis.impossible import impossible_times
from lib.analysis.outages import ended_question, find_long_waits
from lib.analysis.received import has_received_time, unreceived, with_received_time
from lib.analysis.sequence_numbers import RejectedRecords, find_numbers
from lib.analysis.stalls import stalls_question
from lib.analysis.time_notices import diagnosis_question
from lib.analysis.timestamp_quality import own_backwards
from lib.cluster.questions import rows_by_client
from lib.core.blockwise import (
    Answer,
    Pool,
    Then,
    added,
    as_it_is,
    compact,
    either,
    first_of,
    in_step,
    stacked,
    together,
)
from lib.core.columns import (
    ARRIVAL,
    EVENT_TIME,
    LEFT,
    LOST,
    RECORD_TIME,
    SENT_TIME,
    SESSION,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from lib.analysis.client_clocks import ClientTimes, LowerEnvelopes
    from lib.analysis.clock_steps import ClockSteps, Steady
    from lib.analysis.delay_parts import EventParts
    from lib.analysis.outages import LongWaits
    from lib.analysis.sequence_numbers import SequenceNumbers
    from lib.core.blockwise import LongQuestion, Question, Steps
    from lib.events.time_columns import TimeNotes


@dataclass(frozen=True)
class _Found:
    """What is known of a block's clients when a part of the question ends.

    Attributes
    ----------
    answers
        Those that are known.
    steps, envelopes
        When clocks were set; the lower envelopes of what the clocks would show if not.
    times
        The event times that they would show, int64 epoch ms; None where none was set.
    numbers, parts
        Of the events that have a received time, and of all; None without any.
    sessions_are_derived
        Whether sessions were derived by an inactivity gap.
    """

    answers: Mapping[str, Answer[Any]]
    steps: ClockSteps
    envelopes: LowerEnvelopes
    times: NDArray[np.int64] | None
    numbers: SequenceNumbers | None = None
    parts: EventParts | None = None
    sessions_are_derived: bool = False

    def steady(self, heard: pd.DataFrame) -> pd.DataFrame:
        """Return events as if no clock had been set."""
        return heard if self.times is None else heard.assign(**{EVENT_TIME: self.times})


def of_clients(
    table: pd.DataFrame,
    *,
    notes: Mapping[str, TimeNotes],
    sessions_are_derived: bool,
    rejected: RejectedRecords,
    with_numbers: bool,
) -> LongQuestion[dict[str, Any]]:
    """Ask what needs all events of a client together.

    Parameters
    ----------
    notes
        How times were read, by role.
    with_numbers
        Whether sequence numbers, and what they make of silences, are asked for.

    Returns
    -------
    `own`, `diagnosis`, `clocks`, `gone`, `behind`, `stalls`, `steps`, `impossible` as the functions
    of those names say; and `outages`, `numbering`, `doubtful` numbers and whether some are
    `unread`, `losses`, `sessions` (those that lost events, or have some twice), `parts` and
    `of_outages` (where there are times for them), if asked for.
    """
    known = has_received_time(table)
    heard = table if known is None else table[known]
    asked: dict[str, Steps[Any]] = {
        "gone": gone_question(heard),
        "behind": falling_behind_question(heard),
        "stalls": stalls_question(heard),
        "steady": find_steady(heard, sent_times(heard)),
    }
    if notes:
        asked["diagnosis"] = diagnosis_question(heard, notes)
    if with_numbers:
        asked["numbers"] = find_numbers(
            table, sessions_are_derived=sessions_are_derived, rejected=rejected
        )
    if with_numbers and {SENT_TIME, RECORD_TIME} & set(table.columns):
        asked["taken_apart"] = delay_parts.find_parts(table)
    answers = yield from in_step(asked)
    answers["own"] = Answer(own_backwards(heard), added, as_it_is)
    found = _Found(answers, **_clocks_in(answers.pop("steady")))
    if not with_numbers:
        return Then(_of_clocks, (found,))
    parts, _ = answers.pop("taken_apart", (None, None))
    numbers: SequenceNumbers | None = answers.pop("numbers")
    answers |= _of_numbers(table, numbers)
    of_heard = numbers if numbers is None or known is None else numbers.of(known)
    found = replace(found, numbers=of_heard, parts=parts, sessions_are_derived=sessions_are_derived)
    return Then(_of_first_arrivals, (found,))


def _of_first_arrivals(table: pd.DataFrame, found: _Found) -> LongQuestion[dict[str, Any]]:
    """Go on with the clocks, as the events show them that had not come before."""
    heard = with_received_time(table)
    so_far = found.steps, found.times is not None, found.steady(heard), found.envelopes
    steady = yield from steady_of_first_arrivals(heard, found.numbers, so_far)
    return Then(_of_silences, (replace(found, **_clocks_in(steady)),))


def _clocks_in(found: Steady) -> dict[str, Any]:
    """Return what `_Found` knows of clocks."""
    steps, any_set, steady, envelopes = found
    times = steady[EVENT_TIME].to_numpy() if any_set else None
    return {"steps": steps, "envelopes": envelopes, "times": times}


def _of_silences(table: pd.DataFrame, found: _Found) -> LongQuestion[dict[str, Any]]:
    """Go on with the clocks, and the silences in which events waited for too long."""
    heard = with_received_time(table)
    got = yield from in_step(
        {
            "clocks": _find_clocks(heard, found),
            "long": find_long_waits(
                found.steady(heard),
                found.envelopes,
                found.numbers,
                others=unreceived(table),
                sessions_are_derived=found.sessions_are_derived,
            ),
        }
    )
    answers = {**found.answers, **got["clocks"]}
    return Then(_of_outages, (answers, got["long"], found.parts))


def _of_clocks(table: pd.DataFrame, found: _Found) -> Question[dict[str, Any]]:
    """End with the clocks."""
    clocks = yield from _find_clocks(with_received_time(table), found)
    return together({**found.answers, **clocks})


def _find_clocks(heard: pd.DataFrame, found: _Found) -> Steps[dict[str, Answer[Any]]]:
    sent = sent_times(heard)
    is_other = found.times is not None or sent.shown is not sent.event_time
    clocks = yield from _clocks_of(heard, sent, None if is_other else found.envelopes)
    impossible = impossible_times(heard, clocks.part)
    impossible = impossible.assign(**{ARRIVAL: heard.loc[impossible.index, ARRIVAL]})
    return {
        "clocks": clocks,
        "steps": Answer(compact(found.steps.table(sent)), stacked, rows_by_client),
        "impossible": Answer(compact(impossible.reset_index(drop=True)), stacked, _in_order),
    }


def _of_outages(
    table: pd.DataFrame,
    answers: dict[str, Answer[Any]],
    long: LongWaits,
    parts: EventParts | None,
) -> Question[dict[str, Any]]:
    """End with the outages, and what the parts of the delay were in them."""
    outages = yield from ended_question(with_received_time(table), long)
    answers = {**answers, "outages": outages}
    if parts is not None:
        answers["parts"] = yield from delay_parts.quantiles_question(table, parts)
    if parts is not None and delay_parts.DelayPart.NETWORK in parts.rows:
        of_all, _ = outages.finish((yield Pool(outages.part, outages.merge)))
        waited = delay_parts.parts_of_outages(table, parts, of_all)
        answers["of_outages"] = Answer(waited, delay_parts.of_either, as_it_is)
    return together(answers)


def _clocks_of(
    heard: pd.DataFrame, sent: ClientTimes, envelopes: LowerEnvelopes | None
) -> Question[pd.DataFrame]:
    if envelopes is None:
        envelopes = yield from find_envelopes(sent)
    clocks = yield from clocks_of(heard, sent, envelopes)
    return Answer(clocks, stacked, rows_by_client)


def wrong_clocks(table: pd.DataFrame) -> Question[pd.DataFrame]:
    """Ask for the rows of `lib.analysis.client_clocks.clocks` of clocks that are wrong."""
    heard = with_received_time(table)
    clocks = yield from _clocks_of(heard, sent_times(heard), None)
    return Answer(clocks.part[clocks.part[WRONG]], stacked, rows_by_client)


def _of_numbers(table: pd.DataFrame, numbers: SequenceNumbers | None) -> Mapping[str, Answer[Any]]:
    numbering = None
    if numbers is not None and len(table):
        numbering = numbers.numbering
    sessions, lost = None, None
    if numbers is not None:
        lost = losses(table, numbers)
        sessions = completeness(table, numbers.steps, of_clients=lost is None)
        faults = sessions[[LOST, sessions_of.DUPLICATES]].fillna(0).any(axis=1)
        if LEFT in table:
            faults &= sessions[SESSION].isin(table.loc[table[LEFT], SESSION].unique())
        sessions = compact(sessions[faults].reset_index(drop=True))
    return {
        "numbering": Answer(numbering, first_of, as_it_is),
        "doubtful": Answer(0 if numbers is None else numbers.doubtful, added, as_it_is),
        "unread": Answer(numbers is not None and numbers.unread, either, as_it_is),
        "losses": Answer(lost, _stacked_if_any, as_it_is),
        "sessions": Answer(sessions, _stacked_if_any, as_it_is),
    }


def _stacked_if_any(one: pd.DataFrame | None, other: pd.DataFrame | None) -> pd.DataFrame | None:
    return stacked(one, other) if one is not None and other is not None else None


def _in_order(events: pd.DataFrame) -> pd.DataFrame:
    return events.sort_values(ARRIVAL, ignore_index=True).drop(columns=ARRIVAL)
