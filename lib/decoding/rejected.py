"""Records that are no events: where they stand, why they were rejected, how they begin."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from lib.core.columns import OFFSET, PARTITION, RECEIVED_TIME
from lib.core.formatting import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_EXCERPTS: Final = 1_000

EXCERPT_BYTES: Final = 200

IS_FAR_AHEAD: Final = "is more than 20 years ahead of the topic's other times"
"""How the reason ends of a record that an engine reads all the same: then its clock jumps."""

IS_FAR_BEFORE: Final = "is far outside the topic's other times"
"""How it ends where the time is more than 20 years before the others."""

BEGINNING: Final = "beginning"
"""Column of `REJECTED`: the first bytes of the value as they are."""

REJECTED: Final = pa.schema(
    [
        pa.field(PARTITION, pa.int32()),
        pa.field(OFFSET, pa.int64()),
        pa.field(RECEIVED_TIME, pa.int64()),
        pa.field("reason", pa.dictionary(pa.int32(), pa.string())),
        pa.field("excerpt", pa.string()),
        pa.field(BEGINNING, pa.binary()),
    ]
)
"""Schema of the records that could not be read; the first of them keep how their value begins."""


def rejected_records(
    records: pa.RecordBatch, reasons: Mapping[int, str], excerpts: int
) -> pa.Table:
    """Return rows of a block, by position with their reasons, as a table of schema `REJECTED`.

    The first `excerpts` of them keep the beginning of their value, unless it is a table's row.
    """
    rows = pa.array(sorted(reasons), pa.int64())
    bad = records.take(rows)
    some = bad.column("value")[: max(0, excerpts)]
    if pa.types.is_struct(some.type):
        some = pa.nulls(len(some), pa.binary())
    starts = pc.binary_slice(some, 0, EXCERPT_BYTES).to_pylist()
    texts = [None if s is None else _printable(s) for s in starts]
    without: list[None] = [None] * (len(rows) - len(texts))
    return pa.table(
        [
            bad.column("partition"),
            bad.column("offset"),
            bad.column("timestamp"),
            pa.array([reasons[r] for r in rows.to_pylist()], pa.string()).dictionary_encode(),
            pa.array([*texts, *without], pa.string()),
            pa.array([*starts, *without], pa.binary()),
        ],
        schema=REJECTED,
    )


def far_ahead_sentence(far_ahead: int) -> str:
    """Return what an engine makes of so many records, 1 or more, that no replay has."""
    one = far_ahead == 1
    return (
        f"Left out {'is' if one else 'are'} {counted(far_ahead, 'record')} whose event time is "
        f"more than 20 years ahead: an engine reads {'it' if one else 'them'}, its clock jumps, "
        "and it may drop all that comes after, or stop. Filter such records out first."
    )


def far_before_sentence(far_before: int) -> str:
    """Return what an engine makes of so many records, 1 or more, from long before the others."""
    one = far_before == 1
    it = "it" if one else "them"
    return (
        f"Left out {'is' if one else 'are'} {counted(far_before, 'record')} whose event time is "
        f"more than 20 years before the others: an engine reads {it}, and mostly drops {it} as "
        "late. But one from the first minutes of 1970, as of a clock that was reset, can stop "
        "Kafka Streams where it has a session gap of 1 min or more and a record cache, its default."
    )


def _printable(start: bytes) -> str:
    return re.sub(
        r"[\x00-\x08\x0b-\x1f]", "\N{REPLACEMENT CHARACTER}", start.decode(errors="replace")
    )
