"""What a load will bring, told before it starts."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from lib.decoding.registry import decode_block
from lib.events.table import build_events
from lib.loading.reading import Known, learned
from lib.sources.base import Plan, Span
from lib.sources.newest import DEFAULT_CAP, limit_of, newest_part
from lib.sources.records import payload_bytes

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    import pyarrow as pa

    from lib.events.fields import Fields
    from lib.sources.base import Range, TopicSource

SAMPLE: Final = 50_000
"""Offsets that an estimate reads at most."""


@dataclass(frozen=True)
class Estimate:
    """What a load will bring: records, bytes of keys and values, and the seconds it will take.

    `decoded_bytes` is the memory that the decoded records take.
    """

    records: int
    bytes: int
    seconds: float
    decoded_bytes: int = 0


def estimate(source: TopicSource, topic: str, wanted: Range, *, cap: int = DEFAULT_CAP) -> Estimate:
    """Estimate what `lib.loading.load.load` with the same arguments will bring, from a few records.

    The newest records of every partition are read, decoded and made a table; their size, their
    speed, and how many of the offsets hold one, stand for all.

    Raises
    ------
    SkewlineError
        When the source fails.
    """
    plan = newest_part(source, topic, wanted, limit_of(wanted, cap)).plan
    sample = _thinned(plan, SAMPLE)
    known = Known.nothing(())
    columns: list[pa.Table] = []
    rows: list[int] = []
    waits: list[float] = []
    size, decoded_bytes, decoding = 0, 0, 0.0
    with closing(_blocks(source, sample)) as blocks:
        asked = time.monotonic()
        for block in blocks:
            if not block.num_rows:
                continue
            waits.append(time.monotonic() - asked)
            known = known if known.sources else learned(block, known, source)
            came = time.monotonic()  # what is learned is learned once
            found = decode_block(block, known.decoder, source.masking, extras=known.fields.extras)
            columns.append(found.columns)
            decoded_bytes += found.columns.nbytes + found.rejected.nbytes
            asked = time.monotonic()
            decoding += asked - came
            rows.append(block.num_rows)
            size += payload_bytes(block)
    if not rows:
        return Estimate(0, 0, 0.0)
    times = plan.size / sample.size
    building = min(_time_to_build(columns, known.fields) for _ in range(2)) / sum(rows)
    records = round(sum(rows) * times)
    decoded = records * decoding / sum(rows)
    # The table is made behind both, the slower of which sets the pace: they overlap in a load.
    seconds = _reading(source, waits, rows, records, decoded) + records * building
    return Estimate(records, round(size * times), seconds, round(decoded_bytes * times))


def _reading(
    source: TopicSource, waits: Sequence[float], rows: Sequence[int], records: int, decoded: float
) -> float:
    """Return the seconds that reading and decoding take, from those waited for a sample's blocks.

    `decoded` are the seconds of decoding alone.
    """
    if not source.reader.seeks:
        return max(sum(waits), decoded)  # what stands before the newest records has been read, too
    # The first block's wait has the time to connect. More is fetched while a block is decoded:
    # what is waited for the others is too little by that much at most.
    fetching = sum(waits[1:]) / sum(rows[1:]) if len(rows) > 1 else waits[0] / rows[0]
    return max(waits[0], records * fetching + decoded)


def _time_to_build(columns: Sequence[pa.Table], fields: Fields) -> float:
    """Return the seconds that a table takes; the first in a process loads compiled code, too."""
    began = time.monotonic()
    build_events(columns, fields)
    return time.monotonic() - began


def _thinned(plan: Plan, size: int) -> Plan:
    """Return the newest offsets of each partition, `size` in all, in proportion to its share."""
    share = min(1.0, size / plan.size) if plan.size else 1.0
    spans = (Span(s.partition, s.end - round(s.size * share), s.end) for s in plan.spans)
    return replace(plan, spans=tuple(spans))


def _blocks(source: TopicSource, plan: Plan) -> Generator[pa.RecordBatch]:
    yield from source.read(plan, lambda: False)
