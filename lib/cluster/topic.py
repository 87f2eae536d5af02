"""A topic on a cluster: read once into blocks, asked, and told in what one machine can hold."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from itertools import accumulate, chain
from operator import add
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import numpy as np
import pandas as pd

from lib.analysis.matching import Kind
from lib.analysis.sequence_numbers import RejectedRecords
from lib.analysis.summary import summary_of
from lib.cluster import questions
from lib.cluster.asking import ask
from lib.cluster.blocks import (
    FIRST_ROWS,
    PACKAGES,
    Beginning,
    BlockReport,
    block_offsets,
    by_client,
    check_blocks,
    filled,
    in_arrival_order,
    kept,
    kinds_of_all,
    newest,
    read_in_blocks,
    with_columns,
)
from lib.cluster.client_questions import of_clients
from lib.cluster.connection import workers_of
from lib.cluster.kept_fields import ROLES, KeptFields, without_role
from lib.cluster.shared_sessions import with_sessions_together
from lib.core.columns import KEY, SESSION
from lib.core.errors import NotInBlocksError, SkewlineError, SourceError
from lib.core.formatting import size
from lib.events.fields import KEPT
from lib.events.table import build_events
from lib.loading.load import LoadReport, summed
from lib.loading.reading import Progress, first_blocks, known_from
from lib.sources.base import Latest
from lib.sources.newest import parts_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from distributed import Client, Future
    from numpy.typing import NDArray

    from lib.analysis.summary import Summary
    from lib.cluster.origin import Origin
    from lib.cluster.questions import NameCounts
    from lib.decoding.base import Decoder
    from lib.events.fields import Fields
    from lib.events.recognition import Recognition
    from lib.loading.contents import Contents
    from lib.loading.reading import FieldChoice, Known
    from lib.sources.base import Plan, Range, TopicSource

    Doing = Callable[[str], None]

_COPIES: Final = 4.2  # of an event: by client, its times in order, and what questions keep of it
_THREAD_S: Final = 11e-6  # that a thread takes for an event, read and asked: see docs/dask.md
_START_S: Final = 5.0  # that a topic of few events takes: some 25 rounds, and the first records
_MOST_LINKED: Final = 2  # times as many events as a block has offsets, of clients in one block
NO_OTHERS: Final = KeptFields()

SHARED_SESSIONS: Final = (
    "Sessions that several clients share link clients with more events than a block of the cluster "
    "holds: one machine tells it."
)


@dataclass(frozen=True)
class ClusterTopic:
    """What is known of a topic whose events are on a cluster.

    Attributes as in `lib.loading.load.LoadedTopic`, as far as they need no event.
    """

    decoder: Decoder | None
    fields: Fields
    recognition: Recognition
    contents: Contents
    report: LoadReport
    positions: Mapping[int, int]
    chosen: FieldChoice
    sources: tuple[str, ...]
    corrected: tuple[object, ...] = ()


@dataclass(frozen=True)
class HeldTopic:
    """A topic that a cluster holds, in blocks.

    Attributes
    ----------
    topic
        What is known of it.
    in_order
        Events tables that follow one another in arrival order, with `questions.ORDER_COLUMNS`.
    by_client
        Events tables that have all events of their clients each, in arrival order, with the place
        of each event in that of the topic.
    names
        How many clients and sessions it has.
    kinds
        Where fields without a role are kept: the columns, with the kinds of their values.
    fits
        Whether the workers' memory holds it.
    by_keys
        It as `lib.cluster.replaying.with_keys_together` returned it last, by the key.
    """

    topic: ClusterTopic
    in_order: Sequence[Future]
    by_client: Sequence[Future]
    names: NameCounts
    kinds: Mapping[str, frozenset[Kind]] = field(default_factory=dict)
    fits: bool = True
    by_keys: dict[str, HeldTopic] = field(init=False, default_factory=dict, compare=False)


@dataclass(frozen=True)
class ClusterEstimate:
    """What a topic will take on a cluster, from its first records.

    Attributes
    ----------
    bytes
        Of the workers' memory.
    memory
        What they have of it for events, in all.
    offsets
        Of the topic.
    workers, threads
        How many there are.
    others
        Fields that have no role, of which some may be kept.
    """

    bytes: int
    memory: int
    offsets: int
    workers: int
    threads: int
    others: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether the workers' memory holds it."""
        return self.bytes <= self.memory

    @property
    def fitting(self) -> int:
        """How many of its offsets fit."""
        return self.offsets if self.fits else self.offsets * self.memory // self.bytes

    @property
    def seconds(self) -> float:
        """How long reading and asking take, where it fits."""
        return self.offsets * _THREAD_S / self.threads + _START_S

    @property
    def said(self) -> str:
        """What it takes of the memory that there is, without a full stop."""
        return f"About {size(self.bytes)} of the workers' {size(self.memory)} of memory for events"

    @property
    def sentence(self) -> str:
        """It in words; where it is too much, how many records would fit."""
        if self.fits:
            return f"{self.said}."
        return (
            f"{self.said}: what they cannot hold they spill to disk, which takes longer. About "
            f"{self.fitting:,} records would fit: --latest chooses them, or --from and --to."
        )


def estimate(
    client: Client,
    plan: Plan,
    first: pd.DataFrame,
    also: Sequence[str] | None = (),
) -> ClusterEstimate:
    """Return what a topic will take whose first events are these; `also` as `kept` says."""
    table = kept(first, also)
    each = table.memory_usage(index=False, deep=True).sum() / max(len(table), 1)
    workers = workers_of(client)
    # Dask begins to spill at 70 %.
    memory = sum(
        max(0.7 * (worker["memory_limit"] or sys.maxsize) - PACKAGES, 0) for worker in workers
    )
    return ClusterEstimate(
        int(each * plan.size * _COPIES),
        int(memory),
        plan.size,
        len(workers),
        sum(worker["nthreads"] for worker in workers),
    )


def look(
    client: Client,
    source: TopicSource,
    topic: str,
    wanted: Range,
    chosen: FieldChoice,
    keep: KeptFields = NO_OTHERS,
) -> ClusterEstimate:
    """Return what `hold` with the same arguments will take, from the first records.

    Raises
    ------
    SkewlineError
        When the source fails, or `hold` would refuse.
    """
    plan = next(_parts(source, topic, wanted))
    begun = _begun(source, plan, chosen, keep)
    block_offsets(workers_of(client), plan)
    found = estimate(client, plan, begun.events, begun.also)
    return replace(found, others=tuple(without_role([*map(str, begun.events)])))


@dataclass(frozen=True)
class _Begun:
    """The first records of a topic, and what they tell: their events, and what is kept of all."""

    first: Sequence[pa.RecordBatch]
    known: Known
    events: pd.DataFrame
    also: tuple[str, ...] | None


def _begun(source: TopicSource, plan: Plan, chosen: FieldChoice, keep: KeptFields) -> _Begun:
    if not plan.filled:
        raise SourceError(f"{plan.topic} has no records to report on.", "Choose others.")
    first = first_blocks(source, plan, FIRST_ROWS)
    if keep.every:
        chosen = tuple(sorted({**dict(chosen), KEPT: (KEY,)}.items()))
    known, decoded = known_from(first, chosen, source)
    if not known.sources:
        raise SourceError(
            f"None of the first records of {plan.topic} can be read.", "One machine tells why."
        )
    events = build_events([each.columns for each in decoded], known.fields).table
    return _Begun(first, known, events, keep.of(events, known.fields))


def hold(
    client: Client,
    source: TopicSource,
    origin: Origin,
    topic: str,
    wanted: Range,
    chosen: FieldChoice,
    *,
    doing: Doing,
    note: Doing = lambda _: None,
    offsets: int | None = None,
    keep: KeptFields = NO_OTHERS,
) -> HeldTopic:
    """Read a topic into the memory of a cluster.

    Parameters
    ----------
    source, origin
        The source as it is opened here, and how workers open it.
    doing, note
        Are told what is done, and what is worth knowing of it.
    offsets
        Of a block, at most; None: as many as the workers' memory and their number tell.
    keep
        Which fields without a role are kept.

    Raises
    ------
    SkewlineError
        When the source fails, or blocks cannot be read as one machine reads the whole.
    """
    parts = _parts(source, topic, wanted)
    plan = next(parts)
    doing("Reading the first records")
    begun = _begun(source, plan, chosen, keep)
    known = begun.known
    takes = estimate(client, plan, begun.events, begun.also)
    note(takes.sentence)
    beginning = Beginning(uuid4().hex, origin, tuple(begun.first), known.chosen, begun.also)
    known = replace(known, chosen=chosen)
    offsets = offsets or block_offsets(workers_of(client), plan)
    tables, reports = _read(client, beginning, chain([plan], parts), wanted, offsets, doing)
    check_blocks(reports, known.fields)
    tables, kinds = _with_fields(client, tables, reports, keep)
    doing("Bringing events into arrival order")
    some, of_some = filled(tables, reports)
    columns = questions.ORDER_COLUMNS
    ordered, some = in_arrival_order(client, some, of_some, columns, offsets)
    if isinstance(wanted, Latest):
        ordered, some, of_some = newest(client, ordered, some, of_some, wanted.count)
    doing("Bringing the events of each client together")
    grouped = by_client(client, *filled(some, of_some), known.fields, offsets, fits=takes.fits)
    names: NameCounts = ask(client, questions.names_of_clients, grouped)
    if len(grouped) > 1 and not names.are_apart:
        doing("Bringing clients together that share sessions")
        linked = with_sessions_together(client, grouped, _MOST_LINKED * offsets, fits=takes.fits)
        if linked is not None:
            grouped, names = linked, replace(names, of_blocks=names.sessions)
    left = {report.span: report for report in of_some}
    reports = [left.get(report.span, report) for report in reports]
    found = _topic(source, plan, known, reports, names)
    if found.contents.events and found.contents.has_event_time:
        zero: int | None = ask(client, questions.zero_question, ordered)
        found = replace(found, contents=replace(found.contents, zero_ms=zero))
    return HeldTopic(found, ordered, grouped, names, kinds, takes.fits)


def _read(
    client: Client,
    beginning: Beginning,
    parts: Iterable[Plan],
    wanted: Range,
    offsets: int,
    doing: Doing,
) -> tuple[list[Future], list[BlockReport]]:
    """Return the blocks of as many parts as are needed, each before the last, and what was read."""
    tables: list[Future] = []
    reports: list[BlockReport] = []
    for part in parts:
        doing(f"Reading {part.size:,} offsets on the cluster")
        older, told = read_in_blocks(client, beginning, part, offsets)
        tables, reports = [*older, *tables], [*client.gather(told), *reports]
        if isinstance(wanted, Latest) and sum(r.records for r in reports) >= wanted.count:
            break
    return tables, reports


def _with_fields(
    client: Client, tables: list[Future], reports: Sequence[BlockReport], keep: KeptFields
) -> tuple[list[Future], Mapping[str, frozenset[Kind]]]:
    """Return blocks that have the same columns where fields without a role are kept, and which."""
    kinds = kinds_of_all(reports)
    if not kinds:
        return tables, kinds
    if not keep.every:  # a list, or an object, is text on a cluster, and no text elsewhere
        kinds = {name: of for name, of in kinds.items() if Kind.OTHER not in of}
    # A topic that names no sessions has some, too.
    derived = kinds.get(SESSION, frozenset({Kind.TEXT}))
    return with_columns(client, tables, kinds), {**kinds, SESSION: derived}


def narrowed(client: Client, held: HeldTopic, keep: KeptFields) -> HeldTopic:
    """Return a topic that was held with every field as it is with fewer.

    Raises as `KeptFields.of`.
    """
    empty = client.submit(pd.DataFrame.head, held.by_client[0], 0, pure=False).result()
    also = keep.of(empty, held.topic.fields)
    kinds = {name: of for name, of in held.kinds.items() if name != KEY and Kind.OTHER not in of}
    if also is not None:
        kinds = {name: of for name, of in kinds.items() if name in {*also, *ROLES}} if also else {}
    slim = partial(kept, also=without_role([*kinds]))
    tables = [client.submit(slim, table, pure=False) for table in held.by_client]
    return replace(held, by_client=tables, kinds=kinds)


def _parts(source: TopicSource, topic: str, wanted: Range) -> Iterator[Plan]:
    """Yield what is to be read: of the newest records, what lies before it, too, if need be."""
    if isinstance(wanted, Latest):
        yield from (part.plan for part in parts_back(source, topic, wanted, wanted.count))
    else:
        yield source.plan(topic, wanted)


def _topic(
    source: TopicSource, plan: Plan, known: Known, reports: Sequence[BlockReport], names: NameCounts
) -> ClusterTopic:
    contents: Contents = reduce(add, [each.contents for each in reports])
    ends = {span.partition: span.end for span in plan.spans}
    records = sum(each.records for each in reports)
    report = LoadReport(
        topic=plan.topic,
        wanted=plan.range,
        read=Progress(records, sum(each.bytes for each in reports), plan.size),
        total_records=records,
        in_log=sum(span.size for span in plan.log),
        capped=False,
        stopped=False,
        timestamp_types=summed([each.timestamp_types for each in reports]),
        reader=source.reader,
        notes=tuple(dict.fromkeys(note for each in reports for note in each.notes)),
        unavailable=plan.unavailable,
        holes=sum(each.holes for each in reports),
        partitions=plan.partitions,
        empty=plan.empty,
    )
    return ClusterTopic(
        known.decoder,
        known.fields,
        known.recognition,
        replace(contents, clients=names.clients, sessions=names.sessions),
        report,
        {p: max(end, ends[p]) for each in reports for p, end in each.positions.items()},
        known.chosen,
        known.sources,
    )


def latest_sessions(client: Client, held: HeldTopic, most: int) -> pd.DataFrame:
    """Return what `lib.analysis.sessions.latest_question` asks of a topic, or what a filter leaves.

    Raises
    ------
    SkewlineError
        When sessions are shared by too many clients.
    """
    if len(held.by_client) > 1 and not held.names.are_apart:
        raise SkewlineError(SHARED_SESSIONS, "Read less of it, without the cluster.")
    found: pd.DataFrame = ask(client, partial(questions.latest_of_left, most=most), held.by_client)
    return found


def starts_of(client: Client, held: HeldTopic) -> list[int]:
    """Return the place in arrival order of the first event of each block that is in that order."""
    sizes = client.gather([client.submit(len, each, pure=False) for each in held.in_order])
    return [*accumulate(sizes[:-1], initial=0)]


def inside(places: NDArray[np.int64], start: int, rows: int) -> tuple[slice, NDArray[np.int64]]:
    """Return which of some rising places are in a stretch of the arrival order, and where in it.

    `start` is the place of its first event, `rows` how many it has.
    """
    own = slice(*np.searchsorted(places, [start, start + rows]).tolist())
    return own, places[own] - start


def rejected_of(topic: ClusterTopic) -> RejectedRecords:
    """Return what is known of records of a topic that are no events, or were not read."""
    return RejectedRecords(topic.contents.rejected_records, others=topic.report.may_lack_records)


@dataclass(frozen=True)
class Answers:
    """What a cluster answered.

    Attributes
    ----------
    order, clients
        What `questions.in_arrival_order` and `client_questions.of_clients` return.
    summary
        Headline figures.
    no_numbers
        Why nothing is told that needs sequence numbers; "" if it is.
    """

    order: Mapping[str, Any]
    clients: Mapping[str, Any]
    summary: Summary
    no_numbers: str


def answers_of(
    client: Client, held: HeldTopic, rejected: RejectedRecords, *, doing: Doing
) -> Answers:
    """Return the answers to what a report asks of at least one event that has an event time."""
    doing("Asking what needs the arrival order")
    order: Mapping[str, Any] = ask(client, questions.in_arrival_order, held.in_order)
    doing("Asking what needs all events of a client")
    put = partial(
        of_clients,
        notes=held.topic.contents.notes,
        sessions_are_derived=held.topic.fields.session is None,
        rejected=rejected,
    )
    several = len(held.by_client) > 1
    why = SHARED_SESSIONS if several and not held.names.are_apart else ""
    clients: Mapping[str, Any] | None = None
    if not why:
        try:
            clients = ask(client, partial(put, with_numbers=True), held.by_client)
        except NotInBlocksError as fault:
            why = f"{fault.what} On a cluster that is not looked at."
    if clients is None:
        clients = ask(client, partial(put, with_numbers=False), held.by_client)
    summary = summary_of(order["extremes"], held.names.clients, held.names.sessions)
    return Answers(order, clients, summary, why)
