"""The events of a topic as plain arrays, in the order in which the engine would read them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from pandas.api.types import is_integer_dtype

from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    EVENT_TIME_0,
    OFFSET,
    PARTITION,
    PLACE,
    RECEIVED_TIME,
    RECEIVED_TIME_0,
    RECEIVED_TIME_TYPE,
    RECORD_TIME,
    SENT_TIME,
    SEQUENCE,
)
from lib.core.jit import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ReplayInput:
    """Events in arrival order, one array element an event.

    Attributes
    ----------
    event_time
        int64, epoch milliseconds.
    key
        int32, codes 0, 1, … of what the engine groups by, such as the client.
    partition
        int32, the Kafka partition.
    received
        int64, epoch milliseconds: the received times as a clock, so never falling.
    partition_of_key
        int32, one element a key code: the partition to which Kafka's default partitioner sends the
        key's text, of as many as the topic is known to have.
    arrival
        int64, rising: of a part of a topic, which of the topic's events each is, from 0. None: they
        are the whole topic.
    """

    event_time: NDArray[np.int64]
    key: NDArray[np.int32]
    partition: NDArray[np.int32]
    received: NDArray[np.int64]
    partition_of_key: NDArray[np.int32]
    arrival: NDArray[np.int64] | None = None
    group: NDArray[np.integer] | None = None

    def __post_init__(self) -> None:
        # A loop is compiled for arrays that can be written and for those that cannot: these never
        # can, however they came to be.
        for field in fields(self):
            if (given := getattr(self, field.name)) is None:
                continue
            view = given.view()
            view.flags.writeable = False
            object.__setattr__(self, field.name, view)
        lengths = {len(self.event_time), len(self.key), len(self.partition), len(self.received)}
        if len(lengths) != 1:
            raise ValueError(f"the arrays must have one length, not {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.event_time)

    def first(self, events: int) -> ReplayInput:
        """Return the first events, at most so many."""
        return self.taken(slice(events))

    def taken(self, which: slice | NDArray[np.integer]) -> ReplayInput:
        """Return some of the events, or all in another order; received times may then fall."""
        return replace(
            self,
            event_time=self.event_time[which],
            key=self.key[which],
            partition=self.partition[which],
            received=self.received[which],
            arrival=None if self.arrival is None else self.arrival[which],
            group=None if self.group is None else self.group[which],
        )

    def only(self, which: NDArray[np.int64]) -> ReplayInput:
        """Return some of the events, by their rising indices, as a part of the topic."""
        return replace(self.taken(which), arrival=self.place(which))

    def arrived(self, of_topic: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many of these are among the first so many events of the topic."""
        return of_topic if self.arrival is None else np.searchsorted(self.arrival, of_topic)

    def reached(self, events: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many events of the topic had come when so many of these had."""
        if self.arrival is None:
            return events
        return np.append(self.arrival, self.arrival[-1:] + 1)[events]

    def place(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which of the topic's events some of these are; `NO_INDEX` stays."""
        return index if self.arrival is None else np.append(self.arrival, -1)[index]

    @property
    def groups(self) -> NDArray[np.integer]:
        """The group of each event: the partition, unless events are told apart otherwise."""
        return self.partition if self.group is None else self.group

    @property
    def keys(self) -> int:
        """Number of key codes: the largest one plus 1."""
        return int(self.key.max()) + 1 if len(self) else 0


def replay_input(
    event_time: NDArray[np.integer],
    key: NDArray[np.integer],
    partition: NDArray[np.integer] | None = None,
    received: NDArray[np.integer] | None = None,
    key_texts: Sequence[str] | None = None,
    partitions: int = 0,
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
    key_texts
        What the keys are written as, one a code; by default their codes.
    partitions
        How many the topic has; where it is not known, 0, as many as the events show.

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
    if key_texts is None:
        key_texts = [str(code) for code in range(int(key.max(initial=-1)) + 1)]
    return ReplayInput(
        event_time=np.ascontiguousarray(event_time, dtype=np.int64),
        key=np.ascontiguousarray(key, dtype=np.int32),
        partition=np.ascontiguousarray(partition, dtype=np.int32),
        received=np.maximum.accumulate(clock) if len(clock) else clock,
        partition_of_key=default_partitions(
            key_texts, partitions or int(partition.max(initial=0)) + 1
        ),
    )


def replay_input_of(events: pd.DataFrame, key: str = CLIENT, partitions: int = 0) -> ReplayInput:
    """Return the events table's events, grouped by client or by another column.

    Parameters
    ----------
    events
        An events table (see `lib.events.table`) in arrival order, every row with a client.
    key
        What to group by, one of `grouping_columns`. Rows without it are of one key, `null`.
    partitions
        How many the topic has; where it is not known, 0, as many as these events show.
    """
    column = events[key].astype("category")
    texts = [str(text) for text in column.cat.categories]
    codes = column.cat.codes.to_numpy()
    return replay_input(
        events[EVENT_TIME].to_numpy(),
        np.where(codes < 0, len(texts), codes),
        events[PARTITION].to_numpy(),
        events[RECEIVED_TIME].to_numpy(),
        [*texts, "null"],
        partitions,
    )


_NO_KEYS: Final = frozenset(
    {CLIENT, SEQUENCE}
    | {EVENT_TIME, EVENT_TIME_0, SENT_TIME, RECEIVED_TIME, RECEIVED_TIME_0, RECORD_TIME}
    | {OFFSET, PLACE, RECEIVED_TIME_TYPE}
)


def grouping_columns(events: pd.DataFrame) -> list[str]:
    """Return the columns that events can be grouped by, the client first.

    Those of text or whole numbers that are no time and no place in the log, and of which a value
    has at least two events on average.
    """
    found = [
        name
        for name in events.columns
        if name not in _NO_KEYS
        and (isinstance(events[name].dtype, pd.CategoricalDtype) or is_integer_dtype(events[name]))
        and events[name].nunique() * 2 <= len(events)
    ]
    return [CLIENT, *found]


def default_partitions(keys: Sequence[str], partitions: int) -> NDArray[np.int32]:
    """Return where Kafka's default partitioner sends keys, by their UTF-8 and murmur2.

    Returns
    -------
    ndarray
        int32, one element a key.
    """
    found: NDArray[np.int32] = _hashes(keys) % np.int32(partitions)
    return found


def key_hashes(keys: pd.Series) -> NDArray[np.int64]:
    """Return a number for each event's key that no other has, the same in every part of a topic.

    Its lowest 31 bits are what `default_partitions` takes modulo partitions, those above another
    hash. Events that lack a key have the former of `null`, and 0 above.
    """
    column = keys.astype("category")
    names = column.cat.categories
    of_kafka = _hashes([*map(str, names), "null"]).astype(np.int64)
    other = pd.util.hash_array(np.asarray(names), categorize=False) >> np.uint64(33)
    each = of_kafka | np.append(other, np.uint64(0)).astype(np.int64) << 31
    return each[column.cat.codes.to_numpy()]


def partitions_of_hashes(hashes: NDArray[np.int64], partitions: int) -> NDArray[np.int32]:
    """Return where Kafka's default partitioner sends keys, by their `key_hashes`."""
    return ((hashes & 0x7FFFFFFF) % partitions).astype(np.int32)


def _hashes(keys: Sequence[str]) -> NDArray[np.int32]:
    encoded = [key.encode() for key in keys]
    ends = np.cumsum([len(key) for key in encoded], dtype=np.int64)
    found = np.empty(len(encoded), dtype=np.int32)
    if encoded:
        text = np.frombuffer(b"".join(encoded), np.uint8).astype(np.int64)
        _hash_each(text, ends, found)
    return found


@compiled
def _hash_each(text: NDArray[np.int64], ends: NDArray[np.int64], found: NDArray[np.int32]) -> None:
    begin = 0
    for key in range(len(ends)):
        found[key] = _murmur2(text[begin : ends[key]]) & 0x7FFFFFFF
        begin = ends[key]


@compiled
def _murmur2(text: NDArray[np.int64]) -> int:
    """Return `org.apache.kafka.common.utils.Utils.murmur2`, as an unsigned number."""
    mask, mix = 0xFFFFFFFF, 0x5BD1E995
    n = len(text)
    hashed: int = (0x9747B28C ^ n) & mask
    for at in range(0, n - 3, 4):
        word = text[at] | text[at + 1] << 8 | text[at + 2] << 16 | text[at + 3] << 24
        word = (word * mix) & mask
        word = ((word ^ (word >> 24)) * mix) & mask
        hashed = ((hashed * mix) & mask) ^ word
    for byte in range(n % 4):
        hashed ^= int(text[n // 4 * 4 + byte]) << (8 * byte)
    if n % 4:
        hashed = (hashed * mix) & mask
    hashed = ((hashed ^ (hashed >> 13)) * mix) & mask
    return hashed ^ (hashed >> 15)
