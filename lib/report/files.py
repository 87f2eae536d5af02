"""What a report leaves as tables: events, windows and dropped events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.core.blockwise import Answer, answered
from lib.core.columns import (
    ARRIVAL,
    EVENT_TIME,
    MISSED_BY_MS,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
)
from lib.events.client_names import written
from lib.replay.outcome import dropped_events, windows_left
from lib.replay.windows import NO_INDEX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.core.blockwise import Question
    from lib.replay.input import ReplayInput
    from lib.replay.windows import Replay
    from lib.report.report import ReplayedEvents

WINDOWS: Final = ("key", "start_ms", "end_ms", "first_ms", "last_ms", "count", "closed_ms")
DROPPED: Final = ("partition", "offset", "key", "event_ms", "received_ms", "missed_by_ms")


def windows_of(replayed: ReplayedEvents) -> pd.DataFrame:
    """Return the windows of a replay, a row each, in the order of their first events.

    Columns `WINDOWS`: the key, object, `null` where events lack it; start and end as the engine
    reports them, event time of the oldest and the newest event, number of events, int64; the
    received time at which the final result came out, Int64, missing where none came, or where
    received times are not known. With a filter, those that hold an event that it leaves, each with
    all of its events, as the engine would report it.
    """
    return answered(
        windows_question(
            replayed.events,
            replayed.replay,
            None,
            replayed.left,
            table=replayed.topic.events.table,
            key=replayed.key,
            order_only=replayed.order_only,
        )
    )


def windows_question(
    events: ReplayInput,
    replay: Replay,
    _: object,
    left: NDArray[np.bool_] | None = None,
    *,
    table: pd.DataFrame,
    key: str,
    order_only: bool,
) -> Question[pd.DataFrame]:
    """Ask for `windows_of` of the events of some keys, which are those of `table`."""
    yield from ()  # a question without a round
    event, window = replay.members
    first = np.full(len(replay.key), np.iinfo(np.int64).max)
    np.minimum.at(first, window, events.event_time[event])
    begins = np.empty(len(replay.key), dtype=np.int64)
    begins[window[::-1]] = event[::-1]  # the last assignment to an element stays
    names = np.array([*map(written, table[key].astype("category").cat.categories), "null"], object)
    closed = pd.array(replay.closed_ms, dtype="Int64")
    closed[(replay.closed_at == NO_INDEX) | order_only] = pd.NA
    columns = (
        names[replay.key], replay.start, replay.end, first, replay.last, replay.count, closed,
    )  # fmt: skip
    found = pd.DataFrame(dict(zip(WINDOWS, columns, strict=True)))
    found = found.assign(**{ARRIVAL: events.place(begins)}).take(windows_left(replay, left))
    return Answer(found, _beneath, _in_order)


def dropped_of(replayed: ReplayedEvents) -> pd.DataFrame:
    """Return the dropped events of a replay, a row each, in arrival order.

    Columns `DROPPED`: place in the log; the key, object; event and received time, and by how
    much longer a delay the event would have been kept, int64. Received times, Int64, are missing
    where they are not known. With a filter, those that it leaves.
    """
    return answered(
        dropped_question(
            replayed.events,
            replayed.replay,
            None,
            replayed.left,
            table=replayed.topic.events.table,
            key=replayed.key,
            order_only=replayed.order_only,
        )
    )


def dropped_question(
    events: ReplayInput,
    replay: Replay,
    _: object,
    left: NDArray[np.bool_] | None = None,
    *,
    table: pd.DataFrame,
    key: str,
    order_only: bool,
) -> Question[pd.DataFrame]:
    """Ask for `dropped_of` of the events of some keys, which are those of `table`."""
    yield from ()  # a question without a round
    which = np.flatnonzero(replay.late if left is None else replay.late & left)
    dropped = dropped_events(table, replay)
    if left is not None:
        dropped = dropped[left[replay.late]]
    received = dropped[RECEIVED_TIME].astype("Int64")
    keys = table[key].iloc[which].astype(object)
    columns = (
        dropped[PARTITION],
        dropped[OFFSET],
        keys.map(written).where(keys.notna(), "null"),
        dropped[EVENT_TIME],
        received.mask(np.full(len(received), order_only)),
        dropped[MISSED_BY_MS],
    )
    found = pd.DataFrame(dict(zip(DROPPED, columns, strict=True)))
    return Answer(found.assign(**{ARRIVAL: events.place(which)}), _beneath, _in_order)


def _beneath(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([one, other], ignore_index=True)


def _in_order(found: pd.DataFrame) -> pd.DataFrame:
    return found.sort_values(ARRIVAL, kind="stable").drop(columns=ARRIVAL)


QUESTIONS: Final = {"windows": windows_question, "dropped": dropped_question}
"""What has these tables of a replay; the key and `order_only` are to be given."""
