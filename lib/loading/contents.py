"""What a topic holds in numbers: all that is said of it before any question is asked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.blockwise import around
from lib.core.columns import CLIENT, EVENT_TIME, MISSING_TIME, OFFSET, PARTITION, RECEIVED_TIME
from lib.core.columns import SESSION as SESSION_COLUMN
from lib.decoding.rejected import BEGINNING, IS_FAR_AHEAD, IS_FAR_BEFORE, MAX_EXCERPTS
from lib.events.time_columns import TimeNotes
from lib.sources.files.csv import NAMES_AGAIN
from lib.sources.files.printed import SAID_BY_TOOLS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lib.events.table import EventsTable

Bounds = tuple[int, int] | None

_NO_RECORDS: Final = SAID_BY_TOOLS | {NAMES_AGAIN}


@dataclass(frozen=True)
class Contents:
    """What some records are; those of a topic are those of its blocks, added in their order.

    Attributes
    ----------
    events, without_received
        Number of events, and of those that have no received time.
    clients, sessions
        How many there are; of blocks, at least so many.
    zero_ms
        The event time of the first event, epoch ms; None without a field for it.
    columns
        Those of the events table.
    has_event_time
        Whether there is a field for the event time.
    event, received
        First and last time of each clock, epoch ms; None where no event has one.
    notes
        `EventsTable.notes`.
    undecoded, unread
        Reason → how many records were rejected for it, when they were decoded, or when their fields
        were read; in the order of their first.
    beginnings
        How the first undecoded records begin, with their reasons; at most `MAX_EXCERPTS`.
    first_offsets
        Partition → the first offset of its records.
    """

    events: int
    without_received: int
    clients: int
    sessions: int
    zero_ms: int | None
    columns: frozenset[str]
    has_event_time: bool
    event: Bounds
    received: Bounds
    notes: Mapping[str, TimeNotes] = field(default_factory=dict)
    undecoded: Mapping[str, int] = field(default_factory=dict)
    unread: Mapping[str, int] = field(default_factory=dict)
    beginnings: tuple[tuple[str, bytes], ...] = ()
    first_offsets: Mapping[int, int] = field(default_factory=dict)

    def __add__(self, other: Contents) -> Contents:
        """Return that of the records of both."""
        notes = {
            role: self.notes.get(role, TimeNotes()).and_then(other.notes.get(role, TimeNotes()))
            for role in {**self.notes, **other.notes}
        }
        offsets = {
            p: min(each.get(p, _LATEST) for each in (self.first_offsets, other.first_offsets))
            for p in {**self.first_offsets, **other.first_offsets}
        }
        return Contents(
            self.events + other.events,
            self.without_received + other.without_received,
            max(self.clients, other.clients),
            max(self.sessions, other.sessions),
            self.zero_ms if self.events else other.zero_ms,
            self.columns | other.columns,
            self.has_event_time and other.has_event_time,
            bounds_of_both(self.event, other.event),
            bounds_of_both(self.received, other.received),
            notes,
            Counter(self.undecoded) + Counter(other.undecoded),
            Counter(self.unread) + Counter(other.unread),
            (*self.beginnings, *other.beginnings)[:MAX_EXCERPTS],
            offsets,
        )

    @property
    def rejected(self) -> int:
        """Number of records that are no events."""
        return sum(self.undecoded.values()) + sum(self.unread.values())

    @property
    def rejected_records(self) -> int:
        """Number of those that may have been events, unlike lines in which a tool speaks."""
        return sum(n for reason, n in self.reasons.items() if reason not in _NO_RECORDS)

    @property
    def reasons(self) -> dict[str, int]:
        """Reason → how many records were rejected for it, the most frequent first."""
        return dict((Counter(self.undecoded) + Counter(self.unread)).most_common())

    @property
    def far_ahead(self) -> int:
        """Number of records rejected because their event time is years ahead of all others."""
        return self._unread(IS_FAR_AHEAD)

    @property
    def far_before(self) -> int:
        """Number of records rejected because their event time is years before all others."""
        return self._unread(IS_FAR_BEFORE)

    def _unread(self, reason: str) -> int:
        return sum(n for why, n in self.unread.items() if why.endswith(reason))

    @property
    def has_received_time(self) -> bool:
        """Whether any event has a received time."""
        return self.without_received < self.events


_LATEST: Final = np.iinfo(np.int64).max


def contents_of(events: EventsTable, undecoded: pa.Table) -> Contents:
    """Return what an events table and the records that could not be decoded are."""
    table = events.table
    partition, offset = (
        np.concatenate([each[name].to_numpy() for each in (table, undecoded, events.rejected)])
        for name in (PARTITION, OFFSET)
    )
    first = pd.Series(offset).groupby(partition).min()
    begin = undecoded.filter(undecoded[BEGINNING].is_valid()).slice(0, MAX_EXCERPTS)
    return Contents(
        events=len(table),
        without_received=events.without_received,
        clients=int(table[CLIENT].nunique()),
        sessions=int(table[SESSION_COLUMN].nunique()),
        zero_ms=events.zero_ms if events.has_event_time else None,
        columns=frozenset(table.columns),
        has_event_time=events.has_event_time,
        event=bounds_of(table[EVENT_TIME].to_numpy()),
        received=bounds_of(table[RECEIVED_TIME].to_numpy()),
        notes=events.notes,
        undecoded=_reasons(undecoded),
        unread=_reasons(events.rejected),
        beginnings=tuple(
            zip(begin["reason"].to_pylist(), begin[BEGINNING].to_pylist(), strict=True)
        ),
        first_offsets={int(number): int(first[number]) for number in first.index},
    )


def bounds_of(times: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Bounds:
    """Return the first and last of the times that are not missing; None without any."""
    known = times[times != MISSING_TIME]
    return (int(known.min()), int(known.max())) if len(known) else None


def bounds_of_both(one: Bounds, other: Bounds) -> Bounds:
    """Return the bounds of both."""
    if one is None or other is None:
        return one or other
    return around(one, other)


def _reasons(rejected: pa.Table) -> dict[str, int]:
    counts = pc.value_counts(rejected["reason"].cast(pa.string()))
    return dict(
        zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True)
    )
