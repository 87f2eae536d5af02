"""Which events a filter, a time window and some clients leave, of a topic on a cluster."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lib.cluster.questions import cut_question
from lib.cluster.seen import EVERYTHING
from lib.cluster.topic import inside, starts_of
from lib.core.columns import ARRIVAL, CLIENT, LEFT, MISSING_TIME
from lib.core.errors import FilterError
from lib.events.client_names import client_at
from lib.events.filters import filtered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distributed import Client
    from numpy.typing import NDArray

    from lib.cluster.seen import Seen
    from lib.cluster.topic import HeldTopic
    from lib.core.blockwise import Question
    from lib.events.fields import Fields
    from lib.events.table import TimeWindow


def with_left(
    client: Client, held: HeldTopic, conditions: Sequence[str], seen: Seen = EVERYTHING
) -> HeldTopic:
    """Return a topic whose blocks have the column `Left`: whether an event is seen.

    It is where it fulfils every condition, and is one of those that are looked at.

    Raises
    ------
    FilterError
        When a condition cannot be understood, or is of a field that is not kept.
    """
    mark = partial(
        _marked,
        conditions=tuple(conditions),
        fields=held.topic.fields,
        seen=seen,
        zero_ms=held.topic.contents.zero_ms or 0,
    )
    empty = client.submit(pd.DataFrame.head, held.by_client[0], 0, pure=False).result()
    try:
        mark(empty)
    except FilterError as fault:
        remedy = (
            "On a cluster, conditions know the fields that have a role, and those that it was "
            "asked to keep."
        )
        raise FilterError(fault.what, f"{fault.remedy} {remedy}", fault.said) from None
    by_client = [client.submit(mark, each, pure=False) for each in held.by_client]
    places = [client.submit(_places, each, pure=False) for each in by_client]
    in_order = [
        client.submit(_with_places, table, start, places, pure=False)
        for table, start in zip(held.in_order, starts_of(client, held), strict=True)
    ]
    return replace(held, in_order=in_order, by_client=by_client)


def _marked(
    table: pd.DataFrame, conditions: Sequence[str], fields: Fields, seen: Seen, zero_ms: int
) -> pd.DataFrame:
    kept = filtered(table.drop(columns=ARRIVAL), conditions, fields)
    if not seen.window.is_whole:
        kept &= _inside(table[seen.window.clock.milliseconds].to_numpy(), seen.window, zero_ms)
    if seen.clients:
        names = table[CLIENT].cat.categories
        places = [client_at(names, name) for name in seen.clients]
        kept &= np.isin(table[CLIENT].cat.codes, [each for each in places if each is not None])
    return table.assign(**{LEFT: kept})


def cut_by_question(
    table: pd.DataFrame, conditions: Sequence[str], fields: Fields
) -> Question[bool]:
    """Ask whether conditions leave some events of a client or session and not the others."""
    kept = filtered(table.drop(columns=ARRIVAL), conditions, fields)
    return (yield from cut_question(table, kept))


def _inside(times: NDArray[np.int64], window: TimeWindow, zero_ms: int) -> NDArray[np.bool_]:
    seconds = (times - zero_ms) / 1000
    known = times != MISSING_TIME
    inside: NDArray[np.bool_] = known & (seconds >= window.start_s) & (seconds <= window.end_s)
    return inside


def _places(table: pd.DataFrame) -> NDArray[np.int64]:
    """Return the places in arrival order of the events that are left."""
    places: NDArray[np.int64] = table[ARRIVAL].to_numpy()[table[LEFT].to_numpy()]
    return places


def _with_places(table: pd.DataFrame, start: int, places: Sequence[Any]) -> pd.DataFrame:
    """Return a stretch of the arrival order, which begins at `start`, with what is left of it."""
    left = np.zeros(len(table), dtype=np.bool_)
    for each in places:
        _, rows = inside(each, start, len(left))
        left[rows] = True
    return table.assign(**{LEFT: left})
