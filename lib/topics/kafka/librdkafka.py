"""Reading records with librdkafka's C API: the fast reader. Import it only where it is installed.

It reads with the API that librdkafka calls simple: partitions are read from offsets, without a
consumer group and so without looking for a group's coordinator. Reading leaves no trace.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lib.topics.kafka import gather
from lib.topics.kafka.blocks import BLOCK_BYTES, BLOCK_RECORDS, BLOCK_SECONDS
from lib.topics.kafka.failures import unreachable
from lib.topics.kafka.native import library, new_consumer
from lib.topics.kafka.rdkafka import ENDED, REFUSED, config, explain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from lib.topics.kafka.settings import KafkaSettings
    from lib.topics.source import Plan, Span

_POLL_RECORDS: Final = 5_000
"""Messages taken at once: few beside a block, so that large ones do not make it much larger."""

_POLL_MS: Final = 20
"""How long a poll waits to be full."""


def read(settings: KafkaSettings, plan: Plan) -> Iterator[pa.RecordBatch]:
    """Yield the records of `plan` as blocks of schema `RECORDS`, partitions interleaved.

    Ends by position: a partition is done at the first record at or behind the planned end, or
    when librdkafka reports its end, which it does behind markers and compaction holes too.

    Raises
    ------
    SkewlineError
        When the cluster fails or stays silent for the configured time.
    """
    spans = [span for span in plan.spans if span.size]
    if not spans:
        return
    with _consumer(settings, plan.topic, spans) as consumer:
        progress = _Progress.towards(spans)
        while not progress.done:
            with ExitStack() as held:
                records = np.concatenate(list(_polls(consumer, progress, held)))
                block = gather.block(records, consumer.functions)
            if block.num_rows:
                yield block


@dataclass(frozen=True)
class _Consumer:
    """A client of librdkafka that reads partitions of one topic into one queue."""

    settings: KafkaSettings
    topic: str
    functions: gather.Functions
    queue: int
    events: int

    def poll(self, size: int) -> NDArray[np.intp]:
        """Return the addresses of at most `size` messages, which are to be destroyed."""
        addresses = np.empty(size, np.intp)
        lib = self.functions.library
        came = lib.rd_kafka_consume_batch_queue(self.queue, _POLL_MS, addresses.ctypes.data, size)
        if came < 0:
            raise self.failure(lib.rd_kafka_last_error())
        return addresses[:came]

    def failure(self, code: int) -> Exception:
        said = self.functions.library.rd_kafka_err2str(code).decode()
        return explain(code, said, self.settings, self.topic)

    def check(self, codes: NDArray[np.int32]) -> None:
        """Raise the first of the errors that messages have, but for a partition's end."""
        failed = codes[(codes != 0) & (codes != ENDED)]
        if len(failed):
            raise self.failure(int(failed[0]))

    def check_silence(self, since: float) -> None:
        """Raise what keeps messages from coming, if that is known or has lasted too long."""
        lib = self.functions.library
        while event := lib.rd_kafka_queue_poll(self.events, 0):
            code = lib.rd_kafka_event_error(event)
            lib.rd_kafka_event_destroy(event)
            if code in REFUSED:
                raise self.failure(code)
        if time.monotonic() - since > self.settings.timeout_s:
            raise unreachable(self.settings)


@contextmanager
def _consumer(settings: KafkaSettings, topic: str, spans: Sequence[Span]) -> Iterator[_Consumer]:
    """Read `spans` of a topic for the length of the block, then free everything."""
    lib = library()
    assert lib is not None  # `KafkaTopics.reader` has looked
    with ExitStack() as freed:
        client = new_consumer(lib, config(settings) | {"auto.commit.enable": "false"})
        freed.callback(lib.rd_kafka_destroy, client)
        events = lib.rd_kafka_queue_get_main(client)
        freed.callback(lib.rd_kafka_queue_destroy, events)
        queue = lib.rd_kafka_queue_new(client)
        freed.callback(lib.rd_kafka_queue_destroy, queue)
        handle = lib.rd_kafka_topic_new(client, topic.encode(), None)
        freed.callback(lib.rd_kafka_topic_destroy, handle)
        consumer = _Consumer(settings, topic, gather.functions_of(lib), queue, events)
        for span in spans:
            if lib.rd_kafka_consume_start_queue(handle, span.partition, span.start, queue) != 0:
                raise consumer.failure(lib.rd_kafka_last_error())
            freed.callback(lib.rd_kafka_consume_stop, handle, span.partition)
        yield consumer


@dataclass
class _Progress:
    """How far a read is, by partition: `positions` on the way to `ends`, `last` when it moved."""

    ends: NDArray[np.int64]
    positions: NDArray[np.int64]
    last: float = field(default_factory=time.monotonic)

    @classmethod
    def towards(cls, spans: Sequence[Span]) -> _Progress:
        ends = np.zeros(1 + max(span.partition for span in spans), np.int64)
        positions = np.zeros_like(ends)
        for span in spans:
            positions[span.partition], ends[span.partition] = span.start, span.end
        return cls(ends, positions)

    @property
    def left(self) -> int:
        """Offsets still to come."""
        return int(np.maximum(self.ends - self.positions, 0).sum())

    @property
    def done(self) -> bool:
        return not self.left

    @property
    def wanted(self) -> int:
        """How many messages to take at once: what is left, unless later ones are among them."""
        brings_later_ones = (self.positions > self.ends).any()
        return _POLL_RECORDS if brings_later_ones else min(_POLL_RECORDS, self.left)

    def add(self, messages: NDArray[Any]) -> NDArray[np.bool]:
        """Take in what came and return which of it are records before the end."""
        partition, offset, err = messages["partition"], messages["offset"], messages["err"]
        np.maximum.at(self.positions, partition, offset + 1)
        ended = partition[err == ENDED]
        self.positions[ended] = self.ends[ended]
        planned: NDArray[np.bool] = (err == 0) & (offset < self.ends[partition])
        if len(ended) or planned.any():
            self.last = time.monotonic()
        return planned


def _polls(consumer: _Consumer, progress: _Progress, held: ExitStack) -> Iterator[NDArray[Any]]:
    """Yield the records of a block, poll by poll; what they point to lives as long as `held`.

    Raises
    ------
    SkewlineError
        When an error is among them, or when nothing comes.
    """
    began, records, size = time.monotonic(), 0, 0
    while True:
        addresses = consumer.poll(progress.wanted)
        held.callback(gather.destroy, addresses, consumer.functions)
        polled = gather.describe(addresses, consumer.functions)
        messages = polled["message"]
        consumer.check(messages["err"])
        planned = progress.add(messages)
        if not planned.any():
            consumer.check_silence(progress.last)
        yield polled if planned.all() else polled[planned]
        records += len(messages)
        size += int(messages["len"].sum())
        is_full = records >= BLOCK_RECORDS or size >= BLOCK_BYTES
        if is_full or progress.done or time.monotonic() - began > BLOCK_SECONDS:
            return
