"""What stands around a record: in its partition by offset, in its session by event time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lib.core.blockwise import Answer, Pool, stacked, together
from lib.core.columns import ARRIVAL, EVENT_TIME, OFFSET, PARTITION, SESSION

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.core.blockwise import Question


_Event = tuple[int, int, Any]
"""The place in arrival order, the event time and the session of an event; no session is None."""


def neighbours_question(
    table: pd.DataFrame, partition: int, offset: int, beside: int
) -> Question[dict[str, pd.DataFrame]]:
    """Ask for the events around a record, `beside` of them before it and so many behind it.

    Returns
    -------
    `partition`, rows of the events table by offset, of the record's partition; and, where the
    record is an event of a session, `session`: rows around it by event time, then arrival. Where a
    record holds several events, they are around the first.
    """
    arrival = table[ARRIVAL].to_numpy() if ARRIVAL in table else np.arange(len(table))
    own = table[PARTITION].to_numpy() == partition
    offsets = table[OFFSET].to_numpy()
    event = yield Pool(_first_event(table, arrival, own & (offsets == offset)), _earlier)
    found = {"partition": _around(table, arrival, own, OFFSET, (offset, -1), beside)}
    if event is not None and event[2] is not None:
        arrived, time, session = event
        mine = table[SESSION].cat.codes.to_numpy() == _code(table[SESSION], session)
        found["session"] = _around(table, arrival, mine, EVENT_TIME, (time, arrived), beside)
    return together(found)


def _first_event(
    table: pd.DataFrame, arrival: NDArray[np.int64], which: NDArray[np.bool_]
) -> _Event | None:
    at = np.flatnonzero(which)[:1]
    if not len(at):
        return None
    row = int(at[0])
    code = table[SESSION].cat.codes.iloc[row]
    session = table[SESSION].cat.categories[code] if code >= 0 else None
    return int(arrival[row]), int(table[EVENT_TIME].iloc[row]), session


def _earlier(one: _Event | None, other: _Event | None) -> _Event | None:
    if one is None or other is None:
        return one or other
    return one if one[0] < other[0] else other


def _code(names: pd.Series[Any], name: object) -> int:
    """Return the code of a name, one that no event has where it is not there."""
    place = int(names.cat.categories.get_indexer(pd.Index([name]))[0])
    return place if place >= 0 else -2


def _around(
    table: pd.DataFrame,
    arrival: NDArray[np.int64],
    which: NDArray[np.bool_],
    by: str,
    place: tuple[int, int],
    beside: int,
) -> Answer[pd.DataFrame]:
    """Ask for the rows of some events around a place, by a column, then by arrival."""
    rows = np.flatnonzero(which)
    near = rows[_nearest(table[by].to_numpy()[rows], arrival[rows], place, beside)]
    found = table.iloc[near].assign(**{ARRIVAL: arrival[near]})
    return Answer(found, partial(_nearest_of_both, by=by, place=place, beside=beside), _bare)


def _nearest(
    values: NDArray[np.int64], arrival: NDArray[np.int64], place: tuple[int, int], beside: int
) -> NDArray[np.intp]:
    """Return the positions of `beside` pairs before a place, of what is there, and behind it."""
    value, arrived = place
    before = (values < value) | ((values == value) & (arrival < arrived))
    at = int(np.count_nonzero(before))
    return np.lexsort((arrival, values))[max(0, at - beside) : at + beside + 1]


def _nearest_of_both(
    one: pd.DataFrame, other: pd.DataFrame, by: str, place: tuple[int, int], beside: int
) -> pd.DataFrame:
    both = stacked(one, other)
    values, arrival = (both[name].to_numpy() for name in (by, ARRIVAL))
    return both.iloc[_nearest(values, arrival, place, beside)]


def _bare(found: pd.DataFrame) -> pd.DataFrame:
    return found.drop(columns=ARRIVAL)
