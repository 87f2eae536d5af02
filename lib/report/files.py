"""What a report leaves as tables: events, windows and dropped events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.charts.rows import written
from lib.core.columns import (
    EVENT_TIME,
    MISSED_BY_MS,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
)
from lib.replay.outcome import dropped_events, windows_left
from lib.replay.windows import NO_INDEX

if TYPE_CHECKING:
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
    replay = replayed.replay
    event, window = replay.members
    first = np.full(len(replay.key), np.iinfo(np.int64).max)
    np.minimum.at(first, window, replayed.events.event_time[event])
    keys = replayed.topic.events.table[replayed.key].astype("category").cat.categories
    names = np.array([*map(written, keys), "null"], dtype=object)
    closed = pd.array(replay.closed_ms, dtype="Int64")
    closed[(replay.closed_at == NO_INDEX) | replayed.order_only] = pd.NA
    columns = (
        names[replay.key], replay.start, replay.end, first, replay.last, replay.count, closed,
    )  # fmt: skip
    found = pd.DataFrame(dict(zip(WINDOWS, columns, strict=True)))
    return found.take(windows_left(replay, replayed.left))


def dropped_of(replayed: ReplayedEvents) -> pd.DataFrame:
    """Return the dropped events of a replay, a row each, in arrival order.

    Columns `DROPPED`: place in the log; the key, object; event and received time, and by how
    much longer a delay the event would have been kept, int64. Received times, Int64, are missing
    where they are not known. With a filter, those that it leaves.
    """
    dropped = dropped_events(replayed.topic.events.table, replayed.replay)
    if replayed.left is not None:
        dropped = dropped[replayed.left[replayed.replay.late]]
    received = dropped[RECEIVED_TIME].astype("Int64")
    keys = replayed.topic.events.table[replayed.key].loc[dropped.index].astype(object)
    columns = (
        dropped[PARTITION],
        dropped[OFFSET],
        keys.map(written).where(keys.notna(), "null"),
        dropped[EVENT_TIME],
        received.mask(np.full(len(received), replayed.order_only)),
        dropped[MISSED_BY_MS],
    )
    return pd.DataFrame(dict(zip(DROPPED, columns, strict=True)))
