"""Reading records with librdkafka's C API: the fast reader. Import it only where `library` loads.

It reads with the API that librdkafka calls simple: partitions are read from offsets, without a
consumer group and so without looking for a group's coordinator. Reading leaves no trace.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.core.errors import AccessError, SkewlineError
from lib.sources.base import always
from lib.sources.kafka.blocks import BLOCK_BYTES, BLOCK_RECORDS, BLOCK_SECONDS
from lib.sources.kafka.errors import unreachable
from lib.sources.kafka.librdkafka import batch
from lib.sources.kafka.librdkafka.bindings import library, new_consumer
from lib.sources.kafka.librdkafka.client_config import config, explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from lib.sources.base import Plan, Span
    from lib.sources.kafka.settings import KafkaSettings

_POLL_RECORDS: Final = 5_000
"""Messages taken at once: few beside a block, so that a read ends soon behind its last record."""

_POLL_MS: Final = 20
"""How long a poll waits to be full."""


def read(
    settings: KafkaSettings, plan: Plan, wants_headers: Callable[[], bool] = always
) -> Iterator[pa.RecordBatch]:
    """Yield the records of `plan` as blocks of schema `RECORDS`, partitions interleaved.

    Ends by position: a partition is done at the first record at or behind the planned end, or
    when librdkafka reports its end, which it does behind markers and compaction holes too.

    Raises
    ------
    SkewlineError
        When the cluster fails or stays silent for the configured time.
    """
    spans = plan.filled
    if not spans:
        return
    with _consumer(settings, plan.topic, spans) as consumer:
        progress = _Progress.towards(spans)
        while not progress.done:
            block = _gather_block(consumer, progress, headers=wants_headers())
            if block.num_rows:
                yield block


@dataclass
class _Consumer:
    """A client of librdkafka that reads partitions of one topic into one queue.

    `waiting` are the addresses of messages that came, and that no block has had room for yet;
    `trouble` is what the client reported last.
    """

    settings: KafkaSettings
    topic: str
    functions: batch.Functions
    queue: int
    events: int
    waiting: NDArray[np.intp]
    trouble: SkewlineError | None = None

    def poll(self, size: int) -> None:
        """Have at most `size` messages waiting, if there are none."""
        if len(self.waiting):
            return
        addresses = np.empty(size, np.intp)
        lib = self.functions.library
        came = lib.rd_kafka_consume_batch_queue(self.queue, _POLL_MS, addresses.ctypes.data, size)
        if came < 0:
            raise self.failure(lib.rd_kafka_last_error())
        self.waiting = addresses[:came]

    def take(self, count: int) -> NDArray[np.intp]:
        """Return the first of the messages that wait; they are to be destroyed."""
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken

    def drop_waiting(self) -> None:
        batch.destroy(self.take(len(self.waiting)), self.functions)

    def failure(self, code: int) -> SkewlineError:
        said = self.functions.library.rd_kafka_err2str(code).decode()
        return explain(code, said, self.settings, self.topic)

    def check_silence(self, since: float) -> None:
        """Raise what keeps messages from coming, if that is for good or has lasted too long."""
        lib = self.functions.library
        while event := lib.rd_kafka_queue_poll(self.events, 0):
            code = lib.rd_kafka_event_error(event)
            said = lib.rd_kafka_event_error_string(event).decode(errors="replace")
            lib.rd_kafka_event_destroy(event)
            self.trouble = explain(code, said, self.settings, self.topic)
            if isinstance(self.trouble, AccessError):
                raise self.trouble
        if time.monotonic() - since > self.settings.timeout_s:
            raise self.trouble or unreachable(self.settings)


@contextmanager
def _consumer(settings: KafkaSettings, topic: str, spans: Sequence[Span]) -> Iterator[_Consumer]:
    """Read `spans` of a topic for the length of the block, then free everything."""
    lib = library()
    with ExitStack() as freed:
        client = new_consumer(lib, config(settings) | {"auto.commit.enable": "false"})
        freed.callback(lib.rd_kafka_destroy, client)
        events = lib.rd_kafka_queue_get_main(client)
        freed.callback(lib.rd_kafka_queue_destroy, events)
        queue = lib.rd_kafka_queue_new(client)
        freed.callback(lib.rd_kafka_queue_destroy, queue)
        handle = lib.rd_kafka_topic_new(client, topic.encode(), None)
        freed.callback(lib.rd_kafka_topic_destroy, handle)
        functions, none = batch.functions_of(lib), np.empty(0, np.intp)
        consumer = _Consumer(settings, topic, functions, queue, events, none)
        freed.callback(consumer.drop_waiting)
        for span in spans:
            if lib.rd_kafka_consume_start_queue(handle, span.partition, span.start, queue) != 0:
                raise consumer.failure(lib.rd_kafka_last_error())
            freed.callback(lib.rd_kafka_consume_stop, handle, span.partition)
        yield consumer


@dataclass
class _Progress:
    """How far a read is, and when it last got further."""

    reach: batch.Reach
    last: float = field(default_factory=time.monotonic)

    @classmethod
    def towards(cls, spans: Sequence[Span]) -> _Progress:
        ends = np.zeros(1 + max(span.partition for span in spans), np.int64)
        positions = np.zeros_like(ends)
        for span in spans:
            positions[span.partition], ends[span.partition] = span.start, span.end
        return cls(batch.Reach(positions, ends))

    @property
    def left(self) -> int:
        """Offsets still to come."""
        return int(np.maximum(self.reach.ends - self.reach.positions, 0).sum())

    @property
    def done(self) -> bool:
        return not self.left

    @property
    def wanted(self) -> int:
        """How many messages to take at once: what is left, unless later ones are among them."""
        brings_later_ones = (self.reach.positions > self.reach.ends).any()
        return _POLL_RECORDS if brings_later_ones else min(_POLL_RECORDS, self.left)


def _gather_block(consumer: _Consumer, progress: _Progress, *, headers: bool) -> pa.RecordBatch:
    """Return the next records as a block; of none, if none came for `BLOCK_SECONDS`.

    Raises
    ------
    SkewlineError
        When librdkafka reports an error, or when nothing comes.
    """
    began, rows, functions = time.monotonic(), 0, consumer.functions
    room = batch.room_for(BLOCK_RECORDS, _bytes_for(consumer))
    held: list[NDArray[np.intp]] = []
    try:
        while not progress.done and time.monotonic() - began < BLOCK_SECONDS:
            consumer.poll(progress.wanted)
            left = progress.left
            rows, taken, error = batch.fill(
                room, rows, consumer.waiting, progress.reach, functions, headers=headers
            )
            held.append(consumer.take(taken))
            if error:
                raise consumer.failure(error)
            if len(consumer.waiting):  # the block is full
                break
            if progress.left < left:
                progress.last = time.monotonic()
            else:
                consumer.check_silence(progress.last)
        return batch.block(room, rows, functions)
    finally:
        for addresses in held:  # a message has its headers until the block is made
            batch.destroy(addresses, functions)


def _bytes_for(consumer: _Consumer) -> int:
    """Return the bytes that a block has room for: at least for the message that is next."""
    following = consumer.waiting[:1].tolist()
    return max(BLOCK_BYTES, *map(batch.bytes_of, following), 0)
