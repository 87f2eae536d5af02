"""Reading records with kafka-python: pure Python, installed everywhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from kafka import KafkaConsumer, TopicPartition
from kafka import errors as kafka_errors
from kafka.consumer.fetcher import ConsumerRecord

from lib.sources.base import always
from lib.sources.kafka.blocks import POLL_RECORDS, in_blocks
from lib.sources.kafka.clients import consumer_client
from lib.sources.kafka.errors import explained, of_silent_cluster
from lib.sources.kafka.progress import OffsetsGoneError
from lib.sources.records import RECORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from lib.sources.kafka.blocks import Columns
    from lib.sources.kafka.progress import LastProgress
    from lib.sources.kafka.settings import KafkaSettings

FETCH_BYTES: Final = 52_428_800
"""Bytes of one answer at most: the library's own default."""

_POLL_MS: Final = 200


def read(
    settings: KafkaSettings,
    topic: str,
    progress: LastProgress,
    wants_headers: Callable[[], bool] = always,
    fetch_bytes: int = FETCH_BYTES,
) -> Iterator[pa.RecordBatch]:
    """Yield what `progress` leaves to read as blocks of schema `RECORDS`, and move it on.

    Ends by position: a partition is done when the position stands at or behind the planned end,
    which transaction markers and compaction holes move as records do. A block is empty where
    nothing has come for a while.

    Raises
    ------
    SkewlineError
        When the cluster fails or stays silent for the configured time.
    OffsetsGoneError
        When the log does not have the offset that is next.
    """
    spans = progress.spans
    with explained(settings, topic, "Read"), consumer_client(settings, fetch_bytes) as consumer:
        consumer.assign([TopicPartition(topic, span.partition) for span in spans])
        for span in spans:
            consumer.seek(TopicPartition(topic, span.partition), span.start)
        yield from in_blocks(_poll_to(consumer, topic, progress, settings, wants_headers))


def _poll_to(
    consumer: KafkaConsumer,
    topic: str,
    progress: LastProgress,
    settings: KafkaSettings,
    wants_headers: Callable[[], bool],
) -> Iterator[Columns]:
    left = {TopicPartition(topic, span.partition): span.end for span in progress.spans}
    ends = dict(left)
    connected = time.monotonic()
    while left:
        try:
            polled = consumer.poll(timeout_ms=_POLL_MS, max_records=POLL_RECORDS)
        except kafka_errors.OffsetOutOfRangeError as error:
            raise OffsetsGoneError(str(error)) from error
        for tp, records in polled.items():
            planned = _before(records, ends[tp])
            if planned and tp in left:
                yield _columns(planned, headers=wants_headers())
        for tp, end in list(left.items()):
            position = consumer.position(tp, timeout_ms=_POLL_MS)
            progress.move_to(tp.partition, position)
            if position >= end:
                del left[tp]
                consumer.pause(tp)
        if progress.silent_since(connected) > settings.silence_s:
            raise of_silent_cluster(settings)
        if not polled:
            yield _NOTHING


def _before(records: list[ConsumerRecord], end: int) -> list[ConsumerRecord]:
    if records[-1].offset < end:
        return records
    return [record for record in records if record.offset < end]


_NOTHING: Final[Columns] = tuple(() for _ in RECORDS)


def _columns(records: list[ConsumerRecord], *, headers: bool) -> Columns:
    fields = dict(zip(ConsumerRecord._fields, zip(*records, strict=True), strict=True))
    if not headers:
        fields["headers"] = (None,) * len(records)
    return tuple(fields[name] for name in RECORDS.names)
