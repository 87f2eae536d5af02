"""Reading the records of a plan into decoded columns: fetch and decode overlap."""

from __future__ import annotations

import time
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from lib.core.columns import HEADER, KAFKA_COLUMNS, KEY, OFFSET, PARTITION
from lib.core.errors import SkewlineError, TooLargeError, TopicChangedError
from lib.decoding.registry import decode_block, decoder_for
from lib.decoding.rejected import MAX_EXCERPTS
from lib.events.fields import FROM_PARTITION, RECORD_TIMESTAMP, WRAPPERS, Fields, with_choices
from lib.events.recognition import NOTHING, Recognition, recognise
from lib.sources.base import always
from lib.sources.records import expired_in, header_names, note_of, payload_bytes, waiting_in

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from concurrent.futures import Future

    from lib.core.masking import Masking
    from lib.decoding.base import Decoded, Decoder
    from lib.sources.base import Plan, TopicSource

_BLOCKS_IN_FLIGHT: Final = 3

FieldChoice = tuple[tuple[str, Any], ...]
"""What was chosen by hand: names of `lib.events.fields.CHOICES` with their values."""


@dataclass(frozen=True)
class Progress:
    """How far a read is."""

    records: int = 0
    bytes: int = 0
    expected: int = 0
    seconds: float = 0.0
    waiting: str = ""
    """A sentence on what is waited for, where nothing comes."""
    decoded: int = 0
    decoded_bytes: int = 0
    """Records that have been decoded, and the memory that they take."""

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds if self.seconds > 0 else 0.0

    @property
    def share(self) -> float:
        """Share of the expected records that has come, 0 to 1."""
        return min(1.0, self.records / self.expected) if self.expected else 1.0

    @property
    def seconds_left(self) -> float:
        """Seconds until the end at the present rate."""
        return max(0, self.expected - self.records) / self.rate if self.rate else float("inf")


@dataclass(frozen=True)
class Watch:
    """Who follows a load: `on_progress` is called after every block, then `should_stop` is asked.

    A load that is stopped keeps what has come, and so does one that `on_progress` ends by a
    `SkewlineError`, unless that is a `TooLargeError`.
    """

    on_progress: Callable[[Progress], None] = lambda _: None
    should_stop: Callable[[], bool] = lambda: False


UNWATCHED: Final = Watch()


@dataclass(frozen=True)
class Known:
    """What is known of a topic's format and fields: see `LoadedTopic`."""

    decoder: Decoder | None
    fields: Fields
    recognition: Recognition
    chosen: FieldChoice
    sources: tuple[str, ...]

    @classmethod
    def nothing(cls, chosen: FieldChoice) -> Known:
        """Return what is known before the first record."""
        return cls(None, with_choices(NOTHING.fields, dict(chosen)), NOTHING, chosen, ())

    @property
    def wants_headers(self) -> bool:
        """Whether headers are needed: to learn what can be chosen, or because one was."""
        if self.decoder is None or self.decoder.needs_headers or not self.sources:
            return True
        return any(source.startswith(HEADER) for source in self.fields.extras)


def learned(first: pa.RecordBatch, known: Known, source: TopicSource) -> Known:
    """Return what the first block with a good record tells; what is chosen wins."""
    chosen = known.chosen
    layers = dict(chosen).get(WRAPPERS)
    layers = (layers,) if isinstance(layers, str) else layers
    decoder = known.decoder or decoder_for(first, source.schemas, layers)
    if decoder is None:
        return known
    headers = tuple(f"{HEADER}{name}" for name in header_names(first))
    sample = decode_block(first, decoder, source.masking, extras=(KEY, *headers)).columns
    if not sample.num_rows:
        return replace(known, decoder=decoder)
    recognition = recognise(sample)
    fields = with_choices(recognition.fields, dict(chosen))
    of_values = (name for name in sample.column_names if name not in KAFKA_COLUMNS)
    sources = (*of_values, RECORD_TIMESTAMP, FROM_PARTITION)
    return Known(decoder, fields, recognition, chosen, sources)


def first_blocks(source: TopicSource, plan: Plan, rows: int) -> list[pa.RecordBatch]:
    """Return the first blocks of a plan that have some records, at least so many if there are.

    Raises
    ------
    SkewlineError
        When the source fails.
    """
    found: list[pa.RecordBatch] = []
    with closing(_blocks(source, plan, always)) as blocks:
        for block in blocks:
            if block.num_rows:
                found.append(block)
            if sum(each.num_rows for each in found) >= rows:
                break
    return found


def known_from(
    blocks: Sequence[pa.RecordBatch], chosen: FieldChoice, source: TopicSource
) -> tuple[Known, list[Decoded]]:
    """Return what a load learns that begins with some blocks, and those blocks decoded."""
    known = Known.nothing(chosen)
    for block in blocks:
        if not known.sources:
            known = learned(block, known, source)
    return known, [_decoded(block, known, source.masking, 0) for block in blocks]


def read_plan(
    source: TopicSource,
    plan: Plan,
    known: Known,
    watch: Watch,
    newer: Sequence[Read],
    started: float,
) -> tuple[Known, Read]:
    """Read and decode the records of a plan, the next block being fetched while one is decoded.

    Parameters
    ----------
    known
        What is known of the topic; where that is nothing, it is learned from the first block.
    newer, started
        What the load has read before, and when it began (`time.monotonic`): counted as progress.

    Returns
    -------
    What is known of the topic then, and what was read: where the source failed, what came before.

    Raises
    ------
    SkewlineError
        When the source fails before anything has come.
    TopicChangedError
        When the topic was made anew meanwhile.
    """
    read = Read(plan, notes=[_masked(source.masking)] if source.masking else [])
    waiting: deque[Future[Decoded]] = deque()
    with (
        closing(_blocks(source, plan, lambda: known.wants_headers)) as blocks,
        ThreadPoolExecutor(1) as thread,
    ):
        try:
            for block in blocks:
                if block.num_rows:
                    if not known.sources:
                        known = learned(block, known, source)
                    waiting.append(
                        thread.submit(_decoded, block, known, source.masking, read.excerpts)
                    )
                    if len(waiting) > _BLOCKS_IN_FLIGHT:
                        read.keep(waiting.popleft().result())
                read.count(block)
                watch.on_progress(progress_of([*newer, read], started, waiting_in(block)))
                if watch.should_stop():
                    read.stopped = True
                    break
        except (TopicChangedError, TooLargeError):
            raise  # what came may be of two topics, or is not wanted
        except SkewlineError as error:
            if not read.records and not newer:
                raise
            read.failure = error
        for decoding in waiting:
            read.keep(decoding.result())
    read.leave_out_expired()
    # Blocks made in one thread and freed in another stay with the allocator: give them back.
    pa.default_memory_pool().release_unused()
    return known, read


def _masked(masking: Masking) -> str:
    named = ", ".join(masking.fields)
    return f"Masked where a record has it: {named}. How rejected records begin is withheld."


def _blocks(
    source: TopicSource, plan: Plan, wants_headers: Callable[[], bool]
) -> Generator[pa.RecordBatch]:
    yield from source.read(plan, wants_headers)


def _decoded(block: pa.RecordBatch, known: Known, masking: Masking, excerpts: int) -> Decoded:
    extras = known.fields.extras
    return decode_block(block, known.decoder, masking, extras=extras, excerpts=excerpts)


@dataclass
class Read:
    """What has been read of one plan.

    Attributes
    ----------
    plan
        What was to be read.
    failure
        Why reading ended before the plan did.
    expired
        Partition → planned offsets that are in the topic no more, for they expired while it was
        read: none of them is in `columns`.
    records, bytes, timestamp_types, positions
        Of the records that have come: see `Progress`, `LoadReport`, `LoadedTopic`.
    columns, undecoded
        Of each block that has been decoded.
    decoded, decoded_bytes
        Records in them, and the memory that they take.
    excerpts
        How many more rejected records may keep an excerpt.
    notes
        Sentences on how a file was read.
    """

    plan: Plan
    records: int = 0
    bytes: int = 0
    stopped: bool = False
    failure: SkewlineError | None = None
    expired: dict[int, int] = field(default_factory=dict)
    begins: dict[int, int] = field(default_factory=dict)
    timestamp_types: Counter[int] = field(default_factory=Counter)
    positions: dict[int, int] = field(default_factory=dict)
    columns: list[pa.Table] = field(default_factory=list)
    undecoded: list[pa.Table] = field(default_factory=list)
    decoded: int = 0
    decoded_bytes: int = 0
    excerpts: int = MAX_EXCERPTS
    notes: list[str] = field(default_factory=list)

    def keep(self, decoded: Decoded) -> None:
        """Take a decoded block."""
        self.notes += [part.note for part in decoded.parts]
        self.decoded += decoded.columns.num_rows + decoded.rejected.num_rows
        self.decoded_bytes += decoded.columns.nbytes + decoded.rejected.nbytes
        self.columns.append(decoded.columns)
        self.undecoded.append(decoded.rejected)
        self.excerpts = max(0, self.excerpts - decoded.rejected.num_rows)

    def count(self, block: pa.RecordBatch) -> None:
        """Count the records of a block, or the offsets that it says are gone."""
        if gone := expired_in(block):
            planned = {span.partition: span.start for span in self.plan.spans}
            self.expired[gone.partition] = gone.end - planned[gone.partition]
            self.begins[gone.partition] = self.positions[gone.partition] = gone.end
        if not block.num_rows:
            return
        self.records += block.num_rows
        if note := note_of(block):
            self.notes.append(note)
        self.bytes += payload_bytes(block)
        kinds = block.column("timestamp_type").to_numpy()
        if (kinds == kinds[0]).all():  # as nearly always; called for every block, so it counts
            self.timestamp_types[int(kinds[0])] += len(kinds)
        else:
            self.timestamp_types.update(kinds.tolist())
        partitions, offsets = block["partition"].to_numpy(), block["offset"].to_numpy()
        reached = np.zeros(int(partitions.max()) + 1, np.int64)
        reached[partitions] = offsets + 1  # of each partition, the last counts
        for partition in np.flatnonzero(reached).tolist():
            self.positions[partition] = int(reached[partition])

    @property
    def ended_early(self) -> bool:
        """Whether it was stopped, or failed."""
        return self.stopped or self.failure is not None

    @property
    def next_positions(self) -> dict[int, int]:
        """Partition → the next offset to read, of those that had records."""
        if self.ended_early:
            return self.positions
        ends = {span.partition: span.end for span in self.plan.spans}
        return {p: max(reached, ends.get(p, 0)) for p, reached in self.positions.items()}

    @property
    def holes(self) -> int:
        """How many offsets that were passed may have had a record that compaction removed."""
        if not self.plan.compacted:
            return 0
        passed = sum(
            min(self.next_positions.get(s.partition, s.start if self.ended_early else s.end), s.end)
            - self.begins.get(s.partition, s.start)
            for s in self.plan.filled
        )
        return max(0, passed - self.records)

    @property
    def missing(self) -> dict[int, int]:
        """Partition → planned offsets that were not reached, and have not expired."""
        reached = (
            (s.partition, self.positions.get(s.partition, s.start), s.end) for s in self.plan.spans
        )
        return {p: end - position for p, position, end in reached if position < end}

    def leave_out_expired(self) -> None:
        """Leave out what was read of a partition before offsets of it expired unread.

        A hole in the middle would look like silence and loss. What was read before it has expired
        as well, so what is left is what the topic has.
        """
        if not self.begins:
            return
        self.columns = [_from(self.begins, table) for table in self.columns]
        self.undecoded = [_from(self.begins, table) for table in self.undecoded]
        self.records = sum(table.num_rows for table in (*self.columns, *self.undecoded))


def _from(begins: Mapping[int, int], table: pa.Table) -> pa.Table:
    """Return the rows of a table that do not lie before where their partition begins."""
    partitions, offsets = table[PARTITION], table[OFFSET]
    stays = np.ones(table.num_rows, np.bool_)
    for partition, begin in begins.items():
        stays &= (partitions.to_numpy() != partition) | (offsets.to_numpy() >= begin)
    return table if stays.all() else table.filter(pa.array(stays))


def progress_of(reads: Sequence[Read], started: float, waiting: str = "") -> Progress:
    """Return how far a load is that has read these and began at `started` (`time.monotonic`)."""
    return Progress(
        sum(read.records for read in reads),
        sum(read.bytes for read in reads),
        sum(read.plan.size for read in reads),
        time.monotonic() - started,
        waiting,
        sum(read.decoded for read in reads),
        sum(read.decoded_bytes for read in reads),
    )
