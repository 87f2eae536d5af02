"""Reading records with librdkafka's C API: the fast reader. Import it only where `library` loads.

It reads with the API that librdkafka calls simple: partitions are read from offsets, without a
consumer group and so without looking for a group's coordinator. Reading leaves no trace.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.core.errors import AccessError, SkewlineError
from lib.sources.base import always
from lib.sources.kafka.blocks import BLOCK_BYTES, BLOCK_RECORDS, BLOCK_SECONDS
from lib.sources.kafka.errors import of_silent_cluster
from lib.sources.kafka.librdkafka import batch
from lib.sources.kafka.librdkafka.bindings import TOKEN_EVENT, library, new_consumer, set_token
from lib.sources.kafka.librdkafka.client_config import GONE, config, explain_code
from lib.sources.kafka.progress import OffsetsGoneError
from lib.sources.kafka.settings import AWS_MSK_IAM, OAUTHBEARER
from lib.sources.kafka.tokens import token_of

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from lib.sources.base import Span
    from lib.sources.kafka.progress import LastProgress
    from lib.sources.kafka.settings import KafkaSettings

FETCH_BYTES: Final = 52_428_800
"""Bytes of one answer at most: the library's own default."""

_POLL_RECORDS: Final = 5_000
"""Messages taken at once: few beside a block, so that a read ends soon behind its last record."""

_POLL_MS: Final = 20
"""How long a poll waits to be full."""


def read(
    settings: KafkaSettings,
    topic: str,
    progress: LastProgress,
    wants_headers: Callable[[], bool] = always,
    fetch_bytes: int = FETCH_BYTES,
) -> Iterator[pa.RecordBatch]:
    """Yield what `progress` leaves to read as blocks of schema `RECORDS`, and move it on.

    Ends by position: a partition is done at the first record at or behind the planned end, or
    when librdkafka reports its end, which it does behind markers and compaction holes too. A block
    is empty where nothing has come for a while.

    Raises
    ------
    SkewlineError
        When the cluster fails or stays silent for the configured time.
    OffsetsGoneError
        When the log does not have the offset that is next.
    """
    with _consumer(settings, topic, progress.spans, fetch_bytes) as consumer:
        while not progress.done:
            yield _gather_block(consumer, progress, headers=wants_headers())


@dataclass
class _Consumer:
    """A client of librdkafka that reads partitions of one topic into one queue.

    `waiting` are the addresses of messages that came, and that no block has had room for yet;
    `trouble` is what the client reported last, `failed` an error that ends the read.
    """

    settings: KafkaSettings
    topic: str
    client: int
    functions: batch.Functions
    queue: int
    events: int
    waiting: NDArray[np.intp]
    connected: float
    trouble: SkewlineError | None = None
    failed: Exception | None = None

    def poll(self, size: int) -> None:
        """Have at most `size` messages waiting, if there are none."""
        if len(self.waiting):
            return
        addresses = np.empty(size, np.intp)
        lib = self.functions.library
        came = lib.rd_kafka_consume_batch_queue(self.queue, _POLL_MS, addresses.ctypes.data, size)
        if came < 0:
            self.failed = self.failure(lib.rd_kafka_last_error())
        self.waiting = addresses[: max(0, came)]

    def take(self, count: int) -> NDArray[np.intp]:
        """Return the first of the messages that wait; they are to be destroyed."""
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken

    def drop_waiting(self) -> None:
        batch.destroy(self.take(len(self.waiting)), self.functions)

    def failure(self, code: int) -> Exception:
        said = self.functions.library.rd_kafka_err2str(code).decode()
        if code in GONE:
            return OffsetsGoneError(said)
        return explain_code(code, said, self.settings, self.topic)

    def check_events(self) -> None:
        """Take note of what the client reports; fail of what is for good."""
        lib = self.functions.library
        while event := lib.rd_kafka_queue_poll(self.events, 0):
            code = lib.rd_kafka_event_error(event)
            said = (lib.rd_kafka_event_error_string(event) or b"").decode(errors="replace")
            needs_token = lib.rd_kafka_event_type(event) == TOKEN_EVENT
            lib.rd_kafka_event_destroy(event)
            if needs_token:
                _give_token(lib, self.client, self.settings)
                continue
            self.trouble = explain_code(code, said, self.settings, self.topic)
            if isinstance(self.trouble, AccessError):
                self.failed = self.trouble

    def check_silence(self, seconds: float) -> None:
        """Fail of silence that has lasted too long."""
        self.check_events()
        if seconds > self.settings.silence_s and self.failed is None:
            self.failed = self.trouble or of_silent_cluster(self.settings)


def _give_token(lib: ctypes.CDLL, client: int, settings: KafkaSettings) -> None:
    if settings.sasl_mechanism not in (OAUTHBEARER, AWS_MSK_IAM):
        return
    token = token_of(settings)
    pairs = [text for pair in settings.oauth_extensions.items() for text in pair]
    set_token(lib, client, token.value, round(1000 * token.expires_s), token.principal, pairs)


@contextmanager
def _consumer(
    settings: KafkaSettings, topic: str, spans: Sequence[Span], fetch_bytes: int
) -> Iterator[_Consumer]:
    """Read `spans` of a topic for the length of the block, then free everything."""
    lib = library()
    with ExitStack() as freed:
        client = new_consumer(lib, config(settings, fetch_bytes) | {"auto.commit.enable": "false"})
        freed.callback(lib.rd_kafka_destroy, client)
        _give_token(lib, client, settings)
        events = lib.rd_kafka_queue_get_main(client)
        freed.callback(lib.rd_kafka_queue_destroy, events)
        queue = lib.rd_kafka_queue_new(client)
        freed.callback(lib.rd_kafka_queue_destroy, queue)
        handle = lib.rd_kafka_topic_new(client, topic.encode(), None)
        freed.callback(lib.rd_kafka_topic_destroy, handle)
        functions, none = batch.functions_of(lib), np.empty(0, np.intp)
        consumer = _Consumer(
            settings, topic, client, functions, queue, events, none, time.monotonic()
        )
        freed.callback(consumer.drop_waiting)
        for span in spans:
            if lib.rd_kafka_consume_start_queue(handle, span.partition, span.start, queue) != 0:
                raise consumer.failure(lib.rd_kafka_last_error())
            freed.callback(lib.rd_kafka_consume_stop, handle, span.partition)
        yield consumer


def _wanted(progress: LastProgress) -> int:
    """Return how many messages to take at once: what is left, unless later ones are among them."""
    reach = progress.reach
    brings_later_ones = (reach.positions > reach.ends).any()
    return _POLL_RECORDS if brings_later_ones else min(_POLL_RECORDS, progress.left)


def _gather_block(consumer: _Consumer, progress: LastProgress, *, headers: bool) -> pa.RecordBatch:
    """Return the next records as a block; of none, if none came for `BLOCK_SECONDS`.

    An error is raised when what came before it has been returned.
    """
    if consumer.failed is not None:
        raise consumer.failed
    consumer.check_events()
    began, rows, functions = time.monotonic(), 0, consumer.functions
    room = batch.room_for(BLOCK_RECORDS, _bytes_for(consumer))
    held: list[NDArray[np.intp]] = []
    try:
        while not (progress.done or consumer.failed) and time.monotonic() - began < BLOCK_SECONDS:
            consumer.poll(_wanted(progress))
            left = progress.left
            rows, taken, error = batch.fill(
                room, rows, consumer.waiting, progress.reach, functions, headers=headers
            )
            held.append(consumer.take(taken))
            if progress.left < left:
                progress.moved()
            else:
                consumer.check_silence(progress.silent_since(consumer.connected))
            if error:
                consumer.failed = consumer.failure(error)
            elif len(consumer.waiting):  # the block is full
                break
        return batch.block(room, rows, functions)
    finally:
        for addresses in held:  # a message has its headers until the block is made
            batch.destroy(addresses, functions)


def _bytes_for(consumer: _Consumer) -> int:
    """Return the bytes that a block has room for: at least for the message that is next."""
    following = consumer.waiting[:1].tolist()
    return max(BLOCK_BYTES, *map(batch.bytes_of, following), 0)
