"""One record as it stands in the log: read again from its source, which the events table is not."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lib.core.columns import KAFKA_COLUMNS
from lib.core.errors import RecordMissingError
from lib.decoding.json_value import parse_object
from lib.decoding.masking import masked_record
from lib.decoding.registry import decode_block
from lib.sources.base import Everything, Span

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    import pyarrow as pa

    from lib.core.masking import Masking
    from lib.decoding.base import Decoder
    from lib.sources.base import Plan, TopicSource


@dataclass(frozen=True)
class Record:
    """A record as it stands in the log.

    Attributes
    ----------
    partition, offset
        Its place.
    timestamp_ms, timestamp_type
        Its timestamp, epoch ms, -1 where it has none, and of which kind (`lib.sources.records`).
    key, value, headers
        Its bytes; None where there are none. The row of a table has no value, only `fields`.
    fields
        What it was decoded to, nested again: one object, or one for each event that it holds.
    reasons
        Why it is no event, if it is none.
    withheld
        What is not shown, for it may hold a masked field: "value", `@key`, `@header:NAME`.
    """

    partition: int
    offset: int
    timestamp_ms: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    fields: tuple[Mapping[str, Any], ...]
    reasons: tuple[str, ...]
    withheld: tuple[str, ...] = ()


def read_record(
    source: TopicSource, topic: str, decoder: Decoder | None, partition: int, offset: int
) -> Record:
    """Return the record at an offset, read from its source now. Reading leaves no trace there.

    Parameters
    ----------
    decoder
        What reads the topic's records; None where that is not known.

    Raises
    ------
    RecordMissingError
        When the topic has no such record, or no longer: the sentence says why.
    SkewlineError
        When the source fails.
    """
    plan = source.plan(topic, Everything())
    _check_place(plan, partition, offset)
    one = replace(plan, spans=(Span(partition, offset, offset + 1),))
    with closing(_blocks(source, one)) as blocks:  # it need not be read to its end
        block = next((block for block in blocks if block.num_rows), None)
    if block is None:
        raise RecordMissingError(
            f"Offset {offset:,} of partition {partition} has no record.",
            "Compaction removed it, or it is a marker of a transaction: look at its neighbours.",
        )
    return _record(block.slice(0, 1), decoder, source.masking)


def _check_place(plan: Plan, partition: int, offset: int) -> None:
    log = {span.partition: span for span in plan.log}
    if partition in plan.unavailable:
        raise RecordMissingError(f"Partition {partition} has no leader now.", "Try again later.")
    if partition not in log:
        known = f"0 to {max(log)}" if len(log) == max(log, default=-1) + 1 else f"{sorted(log)}"
        raise RecordMissingError(f"There is no partition {partition}.", f"There is {known}.")
    begin, end = log[partition].start, log[partition].end
    there = f"Partition {partition} has offsets {begin:,} to {end - 1:,}."
    if begin == end:
        there = f"Partition {partition} is empty: its next offset is {end:,}."
    if offset < begin:
        raise RecordMissingError(
            f"Offset {offset:,} of partition {partition} is gone: it has expired or was deleted.",
            there,
        )
    if offset >= end:
        raise RecordMissingError(
            f"Offset {offset:,} of partition {partition} is not there yet.", there
        )


def _blocks(source: TopicSource, plan: Plan) -> Generator[pa.RecordBatch]:
    yield from source.read(plan)


def _record(block: pa.RecordBatch, decoder: Decoder | None, masking: Masking) -> Record:
    """Return the record of a block of one: the only place where raw records come out."""
    [row] = block.to_pylist()
    raw = row["value"] if isinstance(row["value"], bytes) else None
    fields, reasons = _decoded(block, decoder, masking)
    shown = masked_record(masking, row["key"], raw, tuple(row["headers"] or ()))
    parsed = None if shown.value is None else parse_object(shown.value)[0]
    return Record(
        row["partition"],
        row["offset"],
        row["timestamp"],
        row["timestamp_type"],
        shown.key,
        shown.value,
        shown.headers,
        fields if parsed is None else (parsed,),
        reasons,
        shown.withheld,
    )


def _decoded(
    block: pa.RecordBatch, decoder: Decoder | None, masking: Masking
) -> tuple[tuple[Mapping[str, Any], ...], tuple[str, ...]]:
    if decoder is None:
        return (), ()
    decoded = decode_block(block, decoder, masking)
    names = [name for name in decoded.columns.column_names if name not in KAFKA_COLUMNS]
    rows = decoded.columns.select(names).to_pylist()
    reasons = decoded.rejected["reason"].to_pylist()
    return tuple(_nested(row) for row in rows), tuple(reasons)


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with dots in their names as objects in objects; what is missing is left out.

    Examples
    --------
    >>> _nested({"a": 1, "b.c": 2, "b.d": None})
    {'a': 1, 'b': {'c': 2}}
    """
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        if value is None:
            continue
        *outer, last = name.split(".")
        inside = nested
        for part in outer:
            inside = inside.setdefault(part, {})
            if not isinstance(inside, dict):  # a field has the name of an object, too
                inside, last = nested, name
                break
        inside[last] = value
    return nested
