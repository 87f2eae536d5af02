"""Reading records with kafka-python: pure Python, installed everywhere."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from lib.sources.base import always
from lib.sources.kafka.blocks import POLL_RECORDS, in_blocks
from lib.sources.kafka.client_config import consumer_config
from lib.sources.kafka.errors import explained, unreachable
from lib.sources.records import RECORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from lib.sources.base import Plan
    from lib.sources.kafka.blocks import Columns
    from lib.sources.kafka.settings import KafkaSettings


def read(
    settings: KafkaSettings, plan: Plan, wants_headers: Callable[[], bool] = always
) -> Iterator[pa.RecordBatch]:
    """Yield the records of `plan` as blocks of schema `RECORDS`.

    Ends by position: a partition is done when the position stands at or behind the planned end,
    which transaction markers and compaction holes move as records do.

    Raises
    ------
    SkewlineError
        When the cluster fails or stays silent for the configured time.
    """
    ends = {TopicPartition(plan.topic, s.partition): s.end for s in plan.filled}
    if not ends:
        return
    with (
        explained(settings, plan.topic),
        closing(KafkaConsumer(**consumer_config(settings))) as consumer,
    ):
        consumer.assign(list(ends))
        for span in plan.filled:
            consumer.seek(TopicPartition(plan.topic, span.partition), span.start)
        yield from in_blocks(_poll_to(consumer, ends, settings, wants_headers))


def _poll_to(
    consumer: KafkaConsumer,
    ends: dict[TopicPartition, int],
    settings: KafkaSettings,
    wants_headers: Callable[[], bool],
) -> Iterator[Columns]:
    left = dict(ends)
    reached = dict.fromkeys(ends, -1)
    last_progress = time.monotonic()
    while left:
        polled = consumer.poll(timeout_ms=200, max_records=POLL_RECORDS)
        for tp, records in polled.items():
            planned = _before(records, ends[tp])
            if planned and tp in left:
                yield _columns(planned, headers=wants_headers())
        for tp in list(left):
            position = consumer.position(tp)
            if position > reached[tp]:
                reached[tp], last_progress = position, time.monotonic()
            if position >= left[tp]:
                del left[tp]
                consumer.pause(tp)
        if time.monotonic() - last_progress > settings.timeout_s:
            raise unreachable(settings)


def _before(records: list[ConsumerRecord], end: int) -> list[ConsumerRecord]:
    if records[-1].offset < end:
        return records
    return [record for record in records if record.offset < end]


def _columns(records: list[ConsumerRecord], *, headers: bool) -> Columns:
    fields = dict(zip(ConsumerRecord._fields, zip(*records, strict=True), strict=True))
    if not headers:
        fields["headers"] = (None,) * len(records)
    return tuple(fields[name] for name in RECORDS.names)
