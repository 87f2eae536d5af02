"""Reading records with librdkafka through confluent-kafka, a Python object a record.

For where librdkafka cannot be called directly. Import it only where it is installed.
"""

from __future__ import annotations

import time
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING, Final

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from lib.sources.base import always
from lib.sources.kafka.blocks import POLL_RECORDS, in_blocks
from lib.sources.kafka.errors import not_accepted, unreachable
from lib.sources.kafka.librdkafka.bindings import ENDED
from lib.sources.kafka.librdkafka.client_config import config, explain
from lib.sources.records import CREATE_TIME, LOG_APPEND_TIME, NO_TIMESTAMP_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from lib.sources.base import Plan
    from lib.sources.kafka.blocks import Columns
    from lib.sources.kafka.settings import KafkaSettings

# librdkafka numbers the kinds of timestamp differently from the protocol.
_TIMESTAMP_TYPES: Final = (NO_TIMESTAMP_TYPE, CREATE_TIME, LOG_APPEND_TIME)

_GROUP: Final = "skewline"
"""The client insists on a name; no group is formed, since partitions are assigned by hand."""

_FILL_S: Final = 0.02
"""How long a poll waits to be full; the last one of a read never is."""


def read(
    settings: KafkaSettings, plan: Plan, wants_headers: Callable[[], bool] = always
) -> Iterator[pa.RecordBatch]:
    """Yield the records of `plan`; blocks, end and errors as `librdkafka.reader.read`."""
    spans = plan.filled
    if not spans:
        return
    with closing(_consumer(settings)) as consumer:
        consumer.assign([TopicPartition(plan.topic, s.partition, s.start) for s in spans])
        ends = {span.partition: span.end for span in spans}
        yield from in_blocks(_consume_to(consumer, ends, settings, plan.topic, wants_headers))


def _consumer(settings: KafkaSettings) -> Consumer:
    try:
        return Consumer(config(settings) | {"group.id": _GROUP})
    except KafkaException as error:
        raise not_accepted(error.args[0].str()) from error


def _consume_to(
    consumer: Consumer,
    ends: dict[int, int],
    settings: KafkaSettings,
    topic: str,
    wants_headers: Callable[[], bool],
) -> Iterator[Columns]:
    left = set(ends)
    last_progress = time.monotonic()
    while left:
        messages = consumer.consume(POLL_RECORDS, timeout=_FILL_S)
        if messages:
            last_progress = time.monotonic()
        elif time.monotonic() - last_progress > settings.timeout_s:
            raise unreachable(settings)
        if any(map(Message.error, messages)):
            left -= _ended(messages, settings, topic)
            messages = [message for message in messages if message.error() is None]
        last = dict(
            zip(map(Message.partition, messages), map(Message.offset, messages), strict=True)
        )
        reached = {partition for partition, offset in last.items() if offset + 1 >= ends[partition]}
        if reached:
            messages = [m for m in messages if m.offset() < ends[m.partition()]]
            left -= reached
        yield _columns(messages, headers=wants_headers())


def _columns(messages: list[Message], *, headers: bool) -> Columns:
    """Return the columns of `RECORDS`; one call for each value, since there are millions."""
    stamps = list(chain.from_iterable(map(Message.timestamp, messages)))
    return (
        map(Message.partition, messages),
        map(Message.offset, messages),
        stamps[1::2],
        map(_TIMESTAMP_TYPES.__getitem__, stamps[::2]),
        map(Message.key, messages),
        map(Message.value, messages),
        map(Message.headers, messages) if headers else [None] * len(messages),
    )


def _ended(messages: list[Message], settings: KafkaSettings, topic: str) -> set[int]:
    """Return the partitions whose end is reported among `messages`; raise what else is."""
    ended = set()
    for message in messages:
        error = message.error()
        if error is None:
            continue
        if error.code() != ENDED:
            raise explain(error.code(), error.str(), settings, topic)
        ended.add(message.partition())
    return ended
