"""What a load will bring, told before it starts."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from lib.decoding.registry import decode_block, decoder_for
from lib.sources.base import Plan, Span
from lib.sources.newest import DEFAULT_CAP, limit_of, newest_part
from lib.sources.records import payload_bytes

if TYPE_CHECKING:
    from collections.abc import Generator

    import pyarrow as pa

    from lib.decoding.base import Decoder
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

    The newest records of every partition are read and decoded; their size, their speed, and how
    many of the offsets hold one, stand for all.

    Raises
    ------
    SkewlineError
        When the source fails.
    """
    plan = newest_part(source, topic, wanted, limit_of(wanted, cap)).plan
    sample = _thinned(plan, SAMPLE)
    decoder: Decoder | None = None
    rows: list[int] = []
    waits: list[float] = []
    size, decoded_bytes, decoding = 0, 0, 0.0
    with closing(_blocks(source, sample)) as blocks:
        asked = time.monotonic()
        for block in blocks:
            if not block.num_rows:
                continue
            came = time.monotonic()
            decoder = decoder or decoder_for(block, source.schemas)
            decoded = decode_block(block, decoder, source.masking)
            decoded_bytes += decoded.columns.nbytes + decoded.rejected.nbytes
            waits.append(came - asked)
            asked = time.monotonic()
            decoding += asked - came
            rows.append(block.num_rows)
            size += payload_bytes(block)
    if not rows:
        return Estimate(0, 0, 0.0)
    times = plan.size / sample.size
    # Fetch and decode overlap in a load: the slower one sets the pace. The first block's wait has
    # the time to connect, which comes once.
    fetching = sum(waits[1:]) / sum(rows[1:]) if len(rows) > 1 else waits[0] / rows[0]
    records = round(sum(rows) * times)
    seconds = waits[0] + records * max(fetching, decoding / sum(rows))
    return Estimate(records, round(size * times), seconds, round(decoded_bytes * times))


def _thinned(plan: Plan, size: int) -> Plan:
    """Return the newest offsets of each partition, `size` in all, in proportion to its share."""
    share = min(1.0, size / plan.size) if plan.size else 1.0
    spans = (Span(s.partition, s.end - round(s.size * share), s.end) for s in plan.spans)
    return replace(plan, spans=tuple(spans))


def _blocks(source: TopicSource, plan: Plan) -> Generator[pa.RecordBatch]:
    yield from source.read(plan, lambda: False)
