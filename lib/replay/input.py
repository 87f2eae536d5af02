"""The events of a topic as plain arrays, in the order in which the engine would read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from lib.core.columns import CLIENT, EVENT_TIME, PARTITION, RECEIVED_TIME

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

Integer = TypeVar("Integer", bound="np.integer")


@dataclass(frozen=True, eq=False)
class ReplayInput:
    """Events in arrival order, one array element an event.

    Attributes
    ----------
    event_time
        int64, epoch milliseconds.
    key
        int32, codes 0, 1, … of what the engine groups by (the client).
    partition
        int32, the Kafka partition.
    received
        int64, epoch milliseconds: the received times as a clock, so never falling.
    """

    event_time: NDArray[np.int64]
    key: NDArray[np.int32]
    partition: NDArray[np.int32]
    received: NDArray[np.int64]

    def __post_init__(self) -> None:
        lengths = {len(self.event_time), len(self.key), len(self.partition), len(self.received)}
        if len(lengths) != 1:
            raise ValueError(f"the arrays must have one length, not {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.event_time)

    def first(self, events: int) -> ReplayInput:
        """Return the first events, at most so many."""
        return ReplayInput(
            event_time=self.event_time[:events],
            key=self.key[:events],
            partition=self.partition[:events],
            received=self.received[:events],
        )

    @property
    def keys(self) -> int:
        """Number of key codes: the largest one plus 1."""
        return int(self.key.max()) + 1 if len(self) else 0


def replay_input(
    event_time: NDArray[np.integer],
    key: NDArray[np.integer],
    partition: NDArray[np.integer] | None = None,
    received: NDArray[np.integer] | None = None,
) -> ReplayInput:
    """Return arrays in arrival order as `ReplayInput`.

    Parameters
    ----------
    event_time
        Epoch milliseconds.
    key
        Codes from 0; none may be negative.
    partition
        All of one partition by default.
    received
        Epoch milliseconds. Where they fall (a `CreateTime` topic's can) the running maximum takes
        their place, since an engine's clock does not go back. By default, an event is received
        when the newest event so far happened.

    Raises
    ------
    ValueError
        When a key is negative or the arrays differ in length.
    """
    if len(key) and key.min() < 0:
        raise ValueError("a key code is negative: events without a key are to be left out")
    if partition is None:
        partition = np.zeros(len(event_time), dtype=np.int32)
    clock = np.asarray(event_time if received is None else received, dtype=np.int64)
    return ReplayInput(
        event_time=_read_only(event_time, np.int64),
        key=_read_only(key, np.int32),
        partition=_read_only(partition, np.int32),
        received=_read_only(np.maximum.accumulate(clock) if len(clock) else clock, np.int64),
    )


def _read_only(array: NDArray[np.integer], dtype: type[Integer]) -> NDArray[Integer]:
    # A loop is compiled for arrays that can be written and for those that cannot: these never can.
    view = np.ascontiguousarray(array, dtype=dtype).view()
    view.flags.writeable = False
    return view


def replay_input_of(events: pd.DataFrame) -> ReplayInput:
    """Return the events table's events, grouped by client.

    Parameters
    ----------
    events
        An events table (see `lib.events.table`) in arrival order, every row with a client.
    """
    return replay_input(
        events[EVENT_TIME].to_numpy(),
        events[CLIENT].cat.codes.to_numpy(),
        events[PARTITION].to_numpy(),
        events[RECEIVED_TIME].to_numpy(),
    )
