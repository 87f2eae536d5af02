"""A topic in blocks that workers read themselves: in arrival order, and by client.

1. The offsets of a plan are cut into spans of one partition each. A worker reads and decodes a span
   with the reader that one machine has, and keeps the columns that roles have.
2. *In arrival order*: each partition's running maximum of the received time goes from block to
   block; stretches of it are cut out of the blocks of all partitions, and merged.
3. *By client*: Dask's shuffle brings the events of a client together, in arrival order.

What workers read with (addresses, credentials) is in no task: they are told the name of the source
and read their own settings. What is in the topic (decoder, fields) they learn from its first
blocks, the same ones everywhere.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial, reduce
from itertools import pairwise
from operator import add, getitem
from typing import TYPE_CHECKING, Any, Final

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from lib.analysis.matching import Kind, as_text, value_kind
from lib.cluster.kept_fields import ROLES
from lib.core.blockwise import as_it_is, compact, used_names
from lib.core.columns import (
    ARRIVAL,
    CLIENT,
    EVENT_TIME,
    EVENT_TIME_0,
    KEY_HASH,
    LEFT,
    MISSING_TIME,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
    RECEIVED_TIME_0,
    SESSION,
)
from lib.core.errors import SettingsError, SkewlineError
from lib.core.formatting import size
from lib.core.times.reading import FAR_MS
from lib.decoding.merge import concat
from lib.decoding.rejected import REJECTED
from lib.events.derived_sessions import derive_sessions
from lib.events.fields import RECORD_TIME_FIELD, TIME_ROLES
from lib.events.table import block_of_events, build_events
from lib.loading.contents import Contents, bounds_of, contents_of
from lib.loading.reading import UNWATCHED, known_from, read_plan
from lib.replay.input import key_hashes
from lib.sources.base import Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from distributed import Client, Future
    from numpy.typing import NDArray

    from lib.cluster.origin import Origin
    from lib.events.fields import Fields
    from lib.events.time_columns import TimeNotes
    from lib.loading.reading import FieldChoice, Known
    from lib.sources.base import Plan, TopicSource

_EACH: Final = 3  # blocks that a thread has, so that none waits long for the slowest
_LEAST: Final = 100_000  # offsets of a block: of fewer, rounds take longer than the questions
_MOST: Final = 4_000_000
PACKAGES: Final = 500 << 20  # bytes that Python and the packages take of a worker's memory
_PAUSES: Final = 0.8  # share of a worker's memory beyond which Dask lets it wait
_BYTES: Final = 1_000  # that an event may take of the block that is read or asked: 300 are usual

FEW_PARTS: Final = 4_096
"""Parts of blocks that tasks of their own bring together; more are left to Dask's shuffle."""

FIRST_ROWS: Final = 20_000
"""Records from which decoder, fields and forms of times are learned."""

_MARKS: Final = 64  # places of a block whose received time is told
_REACHED: Final = "Reached"
_NAMES: Final = frozenset({"int64", "str", "nothing"})
"""What clients and sessions may be; sessions that are derived are nothing yet."""

_NEVER: Final = np.iinfo(np.int64).min


@dataclass(frozen=True, eq=False)
class Beginning:
    """The first blocks of a topic, with what was chosen by hand: all that is to be learned from.

    `also` are the fields without a role that events keep; None: all.
    """

    token: str
    origin: Origin
    blocks: tuple[pa.RecordBatch, ...] = field(repr=False)  # no values in a log
    chosen: FieldChoice
    also: tuple[str, ...] | None = ()

    def __hash__(self) -> int:
        return hash(self.token)

    def __eq__(self, other: object) -> bool:
        """Return whether it is the same, by its token: caches do not look at records."""
        return isinstance(other, Beginning) and other.token == self.token


@dataclass(frozen=True)
class BlockReport:
    """What the read of one span did, as `lib.loading.load.LoadReport` and `Contents` say it.

    Attributes
    ----------
    marks
        Received times, running maxima, at equally many events from one another, int64 epoch ms.
    dtypes
        Of the columns: "int64", "str", …; of those with categories, theirs.
    rejected_from
        Partition → the first offset of the records that are no events.
    kinds
        Where fields without a role are kept: the columns, with the kind of their values; None
        without any.
    """

    span: Span
    contents: Contents
    records: int
    bytes: int
    timestamp_types: Mapping[int, int]
    positions: Mapping[int, int]
    holes: int
    notes: tuple[str, ...]
    marks: NDArray[np.int64]
    dtypes: Mapping[str, str]
    rejected_from: Mapping[int, int]
    kinds: Mapping[str, Kind | None]

    @property
    def reached(self) -> int:
        """The largest received time, epoch ms."""
        return int(self.marks[-1]) if len(self.marks) else _NEVER


def block_offsets(workers: Sequence[Mapping[str, Any]], plan: Plan) -> int:
    """Return how many offsets a block has: as many as there is memory for, and work for all.

    Parameters
    ----------
    workers
        `lib.cluster.connection.workers_of` the cluster.

    Raises
    ------
    SettingsError
        When a worker has too little memory for any.
    """
    threads = sum(worker["nthreads"] for worker in workers)
    memory = min((w["memory_limit"] or sys.maxsize) / w["nthreads"] for w in workers)
    most = (_PAUSES * memory - PACKAGES) / _BYTES
    if most < _LEAST:
        raise SettingsError(
            f"A worker has {size(int(memory))} of memory a thread, which is too little.",
            f"Give it at least {size(int((PACKAGES + _LEAST * _BYTES) / _PAUSES))}.",
        )
    return int(min(max(plan.size / threads / _EACH, _LEAST), most, _MOST))


def cut(plan: Plan, offsets: int) -> list[Span]:
    """Return the spans of a plan cut into equal ones of at most about so many offsets."""
    found = []
    for span in plan.filled:
        n = max(-(-span.size // offsets), 1)
        edges = np.linspace(span.start, span.end, n + 1).astype(int)
        pairs = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        found += [Span(span.partition, start, end) for start, end in pairs]
    return found


@lru_cache(maxsize=4)
def _learned(beginning: Beginning) -> tuple[TopicSource, Known, Mapping[str, TimeNotes]]:
    """Return the source and what is known of its topic, once in each process."""
    source = beginning.origin.opened()
    known, decoded = known_from(beginning.blocks, beginning.chosen, source)
    return source, known, forms_of(decoded, known)


def forms_of(decoded: Sequence[Any], known: Known) -> dict[str, TimeNotes]:
    """Return in which forms the times of each role are written, and nothing else of them."""
    notes = build_events([each.columns for each in decoded], known.fields).notes
    return {
        role: replace(type(note)(), forms=note.forms, other_forms=note.other_forms)
        for role, note in notes.items()
    }


def _read_block(beginning: Beginning, plan: Plan) -> tuple[pd.DataFrame, BlockReport]:
    """Return the events of one span, and what was read."""
    source, known, notes = _learned(beginning)
    _, read = read_plan(source, plan, known, UNWATCHED, [], time.monotonic())
    if read.failure is not None:
        raise read.failure
    if read.expired:
        raise SkewlineError("Records expired while they were read.", "Report again.")
    events = block_of_events(read.columns, known.fields, notes)
    undecoded = concat([REJECTED.empty_table(), *read.undecoded])
    table = kept(events.table, beginning.also)
    if known.fields.session is None:
        table = table.drop(columns=SESSION)
    reached = np.maximum.accumulate(table[RECEIVED_TIME].to_numpy())
    places = np.linspace(0, len(table) - 1, min(len(table), _MARKS)).astype(int)
    (span,) = plan.spans
    report = BlockReport(
        span,
        contents_of(events, undecoded),
        read.records,
        read.bytes,
        dict(read.timestamp_types),
        dict(read.next_positions),
        read.holes,
        tuple(read.notes),
        reached[places],
        {name: _kind(table[name]) for name in ROLES if name in table},
        contents_of(replace(events, table=events.table.head(0)), undecoded).first_offsets,
        {} if beginning.also == () else kinds_in(table),
    )
    return table, report


def kept(table: pd.DataFrame, also: Sequence[str] | None = ()) -> pd.DataFrame:
    """Return the columns of an events table that a cluster keeps: those with a role, and some.

    `also` are those; None: all.
    """
    if also is None:
        return table.drop(columns=[EVENT_TIME_0, RECEIVED_TIME_0])
    wanted = dict.fromkeys((*ROLES, ARRIVAL, *also))
    return table[[name for name in wanted if name in table]]


def kinds_in(table: pd.DataFrame) -> dict[str, Kind | None]:
    """Return the columns of a table, with the kind of their values; None without any."""
    return {
        str(name): value_kind(table[name]) if table[name].notna().any() else None for name in table
    }


def kinds_of_all(reports: Sequence[BlockReport]) -> dict[str, frozenset[Kind]]:
    """Return the columns that blocks have, with the kinds of their values.

    Raises
    ------
    SkewlineError
        When one has values of kinds that one machine, which reads the whole, would make one.
    """
    found: dict[str, frozenset[Kind]] = {}
    for report in reports:
        for name, kind in report.kinds.items():
            found[name] = found.get(name, frozenset()) | ({kind} if kind is not None else set())
    for name, kinds in found.items():
        if len(kinds) > 1 and not kinds <= {Kind.INTEGER, Kind.NUMBER}:
            said = " and ".join(sorted(kinds))
            raise SkewlineError(
                f"On a cluster, where each block is read by itself, {name} cannot be {said}.",
                "Ask it on one machine.",
            )
    return found


_OF_KIND: Final[Mapping[Kind, Any]] = {
    Kind.INTEGER: "Int64",
    Kind.NUMBER: "Float64",
    Kind.BOOL: "boolean",
    Kind.TEXT: "category",
    Kind.OTHER: "category",
}
"""The type that a field has in all blocks. Of what is none of these, the texts are kept, as which
it is compared."""


def with_columns(
    client: Client, tables: Sequence[Future], kinds: Mapping[str, frozenset[Kind]]
) -> list[Future]:
    """Return futures of blocks that all have these columns, of types that can be joined."""
    return [client.submit(_with_columns, table, kinds, pure=False) for table in tables]


def _with_columns(table: pd.DataFrame, kinds: Mapping[str, frozenset[Kind]]) -> pd.DataFrame:
    return pd.DataFrame({name: _typed(table, name, of) for name, of in kinds.items()})


def _typed(table: pd.DataFrame, name: str, kinds: frozenset[Kind]) -> pd.Series[Any]:
    """Return a column as the type that it has in all blocks."""
    if name in ROLES and name in table:
        return table[name]
    kind = Kind.NUMBER if len(kinds) > 1 else next(iter(kinds), Kind.OTHER)
    if name not in table or not table[name].notna().any():
        column: pd.Series[Any] = pd.Series([None] * len(table), table.index, "str")
    elif kind == Kind.OTHER:
        column = table[name].map(as_text, na_action="ignore").astype("str")
    else:
        column = table[name]
    is_named = isinstance(column.dtype, pd.CategoricalDtype)
    return column if is_named and kind == Kind.TEXT else column.astype(_OF_KIND[kind])


def _kind(column: pd.Series[Any]) -> str:
    is_named = isinstance(column.dtype, pd.CategoricalDtype)
    return str(column.cat.categories.dtype if is_named else column.dtype)


def read_in_blocks(
    client: Client, beginning: Beginning, plan: Plan, offsets: int
) -> tuple[list[Future], list[Future]]:
    """Return futures of the events of each span of a plan, and of what was read."""
    shared = client.submit(as_it_is, beginning, pure=False)
    pairs = [
        client.submit(_read_block, shared, replace(plan, spans=(span,)), pure=False)
        for span in cut(plan, offsets)
    ]
    tables = [client.submit(getitem, pair, 0, pure=False) for pair in pairs]
    return tables, [client.submit(getitem, pair, 1, pure=False) for pair in pairs]


def filled(
    tables: Sequence[Future], reports: Sequence[BlockReport]
) -> tuple[list[Future], list[BlockReport]]:
    """Return the blocks that have events, and what their reads did; the first where none has."""
    some = [pair for pair in zip(tables, reports, strict=True) if pair[1].contents.events]
    some = some or [(tables[0], reports[0])]
    return [table for table, _ in some], [report for _, report in some]


def in_arrival_order(
    client: Client,
    tables: Sequence[Future],
    reports: Sequence[BlockReport],
    columns: Sequence[str],
    rows: int,
) -> tuple[list[Future], list[Future]]:
    """Return futures of tables that follow one another in arrival order, and of the blocks.

    The former have some columns, the latter all of theirs, with each event's place in that order.
    Of one partition, the former are its spans. Of several, stretches of received time with about so
    many `rows`: each partition's running maximum rises along its offsets, so that a stretch is a
    piece of each.
    """
    events = np.array([report.contents.events for report in reports])
    if len({report.span.partition for report in reports}) == 1:
        in_order = [client.submit(_some, table, columns, pure=False) for table in tables]
        starts = (np.cumsum(events) - events).tolist()
        pairs = zip(tables, starts, strict=True)
        return in_order, [client.submit(_numbered, *pair, pure=False) for pair in pairs]
    carries = _carries(reports)
    in_order, sizes = [], []
    places: list[list[tuple[int, Future]]] = [[] for _ in tables]
    for low, high in pairwise(_edges(reports, carries, max(round(events.sum() / rows), 1))):
        inside = [
            number
            for number, (carry, report) in enumerate(zip(carries, reports, strict=True))
            if max(carry, int(report.marks[0])) < high and max(carry, report.reached) >= low
        ]
        pieces = [
            client.submit(_piece, tables[n], carries[n], low, high, columns, pure=False)
            for n in inside
        ]
        merged = client.submit(_merged, pieces, pure=False)
        in_order.append(client.submit(getitem, merged, 0, pure=False))
        sizes.append(client.submit(len, in_order[-1], pure=False))
        for piece, number in enumerate(inside, 1):
            place = client.submit(getitem, merged, piece, pure=False)
            places[number].append((len(in_order) - 1, place))
    starts = np.cumsum([0, *client.gather(sizes)]).tolist()
    numbered = [
        client.submit(
            *(_placed, table, [starts[stretch] for stretch, _ in of_table]),
            [place for _, place in of_table],
            pure=False,
        )
        for table, of_table in zip(tables, places, strict=True)
    ]
    return in_order, numbered


def _carries(reports: Sequence[BlockReport]) -> list[int]:
    """Return the largest received time of each span's partition before it."""
    reached: dict[int, int] = {}
    found = []
    for report in reports:
        before = reached.get(report.span.partition, _NEVER)
        found.append(before)
        reached[report.span.partition] = max(before, report.reached)
    return found


def _edges(reports: Sequence[BlockReport], carries: Sequence[int], n: int) -> list[int]:
    """Return where about `n` stretches of about as many events begin, and the end."""
    marks = np.concatenate(
        [np.maximum(r.marks, carry) for r, carry in zip(reports, carries, strict=True)]
    )
    weights = np.concatenate(
        [np.full(len(r.marks), r.contents.events / len(r.marks)) for r in reports]
    )
    order = np.argsort(marks, kind="stable")
    along = np.cumsum(weights[order])
    shares = np.arange(1, n) / n * along[-1]
    inner = marks[order][np.searchsorted(along, shares)]
    return [_NEVER, *np.unique(inner[inner > marks.min()]).tolist(), int(marks.max()) + 1]


def _some(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    if KEY_HASH in columns:
        table = table.assign(**{KEY_HASH: key_hashes(table[CLIENT])})
    return table[[name for name in columns if name in table]]


def _piece(
    table: pd.DataFrame, carry: int, low: int, high: int, columns: Sequence[str]
) -> pd.DataFrame:
    """Return the events of one span whose partition's running maximum is from `low` to `high`."""
    reached = np.maximum.accumulate(np.maximum(table[RECEIVED_TIME].to_numpy(), carry))
    first, last = np.searchsorted(reached, (low, high)).tolist()
    return _some(table, columns).iloc[first:last].assign(**{_REACHED: reached[first:last]})


def _merged(pieces: Sequence[pd.DataFrame]) -> tuple[pd.DataFrame | NDArray[np.int32], ...]:
    """Return pieces, of each partition in the order of its offsets, merged into arrival order.

    And, of each piece, the places of its events in the result.
    """
    table = pd.concat(pieces, ignore_index=True)
    order = np.lexsort((table[PARTITION].to_numpy(), table[_REACHED].to_numpy()))
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    table = table.drop(columns=_REACHED).iloc[order].reset_index(drop=True)
    return table, *np.split(place, np.cumsum([len(piece) for piece in pieces])[:-1])


def _placed(
    table: pd.DataFrame, starts: Sequence[int], places: Sequence[NDArray[np.int32]]
) -> pd.DataFrame:
    """Return a table with each event's place in the arrival order, from its places in stretches."""
    pairs = zip(starts, places, strict=True)
    return table.assign(
        **{ARRIVAL: np.concatenate([start + place.astype(np.int64) for start, place in pairs])}
    )


def _numbered(table: pd.DataFrame, start: int) -> pd.DataFrame:
    """Return a table whose events follow one another in the arrival order with their places."""
    return table.assign(**{ARRIVAL: np.arange(start, start + len(table))})


def newest(
    client: Client,
    in_order: Sequence[Future],
    tables: Sequence[Future],
    reports: Sequence[BlockReport],
    count: int,
) -> tuple[list[Future], list[Future], list[BlockReport]]:
    """Return what `in_arrival_order` returned, and the reports, of the newest `count` events."""
    drop = sum(report.contents.events for report in reports) - count
    if drop <= 0:
        return [*in_order], [*tables], [*reports]
    sizes = client.gather([client.submit(len, each, pure=False) for each in in_order])
    ends = np.cumsum(sizes).tolist()
    ordered = [
        client.submit(_without_first, table, drop - end + size, pure=False)
        for table, size, end in zip(in_order, sizes, ends, strict=True)
        if end > drop
    ]
    left = [client.submit(_from_place, table, drop, pure=False) for table in tables]
    told = [
        client.submit(_of_left, table, report, pure=False)
        for table, report in zip(left, reports, strict=True)
    ]
    return ordered, left, client.gather(told)


def _without_first(table: pd.DataFrame, rows: int) -> pd.DataFrame:
    return table.iloc[max(rows, 0) :].reset_index(drop=True)


def _from_place(table: pd.DataFrame, first: int) -> pd.DataFrame:
    """Return the events from a place in the arrival order on; it is the first one now."""
    left = table[table[ARRIVAL] >= first].reset_index(drop=True)
    return compact(left.assign(**{ARRIVAL: left[ARRIVAL] - first}))


def _of_left(table: pd.DataFrame, report: BlockReport) -> BlockReport:
    """Return the report on a block of which those events are left."""
    begins = dict(report.rejected_from)
    if len(table):  # of one partition, and in the order of its offsets
        partition, offset = int(table[PARTITION].iloc[0]), int(table[OFFSET].iloc[0])
        begins[partition] = min(begins.get(partition, offset), offset)
    contents = replace(
        report.contents,
        events=len(table),
        without_received=int((table[RECEIVED_TIME] == MISSING_TIME).sum()),
        event=bounds_of(table[EVENT_TIME].to_numpy()),
        received=bounds_of(table[RECEIVED_TIME].to_numpy()),
        first_offsets=begins,
    )
    return replace(report, contents=contents)


def by_client(
    client: Client,
    tables: Sequence[Future],
    reports: Sequence[BlockReport],
    fields: Fields,
    rows: int,
    *,
    fits: bool,
) -> list[Future]:
    """Return futures of events tables that have all events of their clients each.

    In arrival order, each with about so many `rows`; sessions are derived where the topic has none.
    Where each client is in one partition, as in a topic keyed by client, a table is some whole
    partitions; else events are brought together by client.

    Parameters
    ----------
    tables
        The blocks, with the place of each event in the arrival order.
    fits
        Whether the workers' memory holds the topic.
    """
    finish = partial(_of_clients, fields=fields)
    if len(tables) == 1:
        return [client.submit(finish, list(tables), pure=False)]
    together = _whole_partitions(reports, rows)
    if len(together) > 1 and _are_apart(client, tables, reports):
        parts = [[tables[at] for at in group] for group in together]
    else:
        n = max(round(sum(report.contents.events for report in reports) / rows), 2)
        parts = _shuffled(client, tables, n, fits=fits)
    return [client.submit(finish, each, pure=False) for each in parts]


def _whole_partitions(reports: Sequence[BlockReport], rows: int) -> list[list[int]]:
    """Return the places of blocks, together those of some partitions that have about `rows`.

    None where a partition has many more.
    """
    sizes = np.array([report.contents.events for report in reports])
    partitions = np.array([report.span.partition for report in reports])
    found: list[list[int]] = []
    room = 0
    for partition in np.unique(partitions):
        own = np.flatnonzero(partitions == partition)
        size = int(sizes[own].sum())
        if size > 2 * rows:
            return []
        if size > room:
            found.append([])
            room = rows
        found[-1] += own.tolist()
        room -= size
    return found


def _are_apart(client: Client, tables: Sequence[Future], reports: Sequence[BlockReport]) -> bool:
    """Return whether no client has events in two partitions."""
    of_partitions: dict[int, list[Future]] = {}
    for table, report in zip(tables, reports, strict=True):
        names = client.submit(_names_in, table, pure=False)
        of_partitions.setdefault(report.span.partition, []).append(names)
    each = [client.submit(_united, names, pure=False) for names in of_partitions.values()]
    apart: bool = client.submit(_have_none_twice, each, pure=False).result()
    return apart


def _names_in(table: pd.DataFrame) -> NDArray[np.uint64]:
    """Return hashes of the clients of a table, each once; of those without a name, as of none."""
    names = table[CLIENT].cat
    used = np.unique(names.codes.to_numpy())
    none = np.zeros(np.count_nonzero(used < 0), np.uint64)
    return np.append(_hashes(names.categories)[used[used >= 0]], none)


def _hashes(names: pd.Index[Any]) -> NDArray[np.uint64]:
    return pd.util.hash_array(np.asarray(names), categorize=False)


def _united(names: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    return np.unique(np.concatenate(names))


def _have_none_twice(names: Sequence[NDArray[np.uint64]]) -> bool:
    return len(_united(names)) == sum(map(len, names))


def _shuffled(
    client: Client, tables: Sequence[Future], n: int, column: str = CLIENT, *, fits: bool
) -> list[list[Future]]:
    """Return the parts of `n` tables that have all events of a column's values each."""
    # Of a block that was spilled, every part would be read with all others.
    if fits and len(tables) * n <= FEW_PARTS:
        split = [client.submit(_split, table, n, column, pure=False) for table in tables]
        return [[client.submit(getitem, each, k, pure=False) for each in split] for k in range(n)]
    plain = [client.submit(_plain, table, pure=False) for table in tables]
    empty = client.submit(pd.DataFrame.head, tables[0], 0, pure=False).result()
    with dask.config.set({"dataframe.shuffle.method": "p2p"}):
        frame = dd.from_delayed(plain, meta=_plain(empty), verify_meta=False)
        parts = client.compute(frame.shuffle(on=column, npartitions=n).to_delayed())
    kinds = {name: empty[name].cat.categories.dtype for name in _named_columns(empty)}
    return [[client.submit(_named, part, kinds, pure=False)] for part in parts]


def _named_columns(table: pd.DataFrame) -> list[str]:
    return [str(name) for name in table.select_dtypes("category")]


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose names are values, not categories.

    Arrow refuses to join dictionaries that together need a larger type, as two of 100 names do.
    """
    return table.assign(**{name: _values(table[name]) for name in _named_columns(table)})


def _values(names: pd.Series[Any]) -> pd.Series[Any]:
    kind = names.cat.categories.dtype
    return names.astype("Int64" if pd.api.types.is_integer_dtype(kind) else "str")


def _named(table: pd.DataFrame, kinds: Mapping[str, Any]) -> pd.DataFrame:
    """Return a table whose names are categories again, of these types."""
    found = {name: table[name].astype("category") for name in kinds}
    return table.assign(
        **{
            n: each.cat.set_categories(each.cat.categories.astype(kinds[n]), rename=True)
            for n, each in found.items()
        }
    )


def _split(table: pd.DataFrame, n: int, column: str) -> list[pd.DataFrame]:
    """Return a table in `n` parts, by a column."""
    names = table[column].astype("category").cat
    of_names = np.append(_hashes(names.categories) % np.uint64(n), 0).astype(np.uint16)
    return cut_up(table, of_names[names.codes.to_numpy()], n)  # the last one: without a name


def cut_up(table: pd.DataFrame, part: NDArray[np.uint16], n: int) -> list[pd.DataFrame]:
    """Return a table in `n` parts, given the part of each row."""
    order = np.argsort(part, kind="stable")
    bounds = np.searchsorted(part[order], np.arange(n + 1)).tolist()
    return [compact(table.iloc[order[low:high]]) for low, high in pairwise(bounds)]


def by_key(client: Client, tables: Sequence[Future], column: str, *, fits: bool) -> list[Future]:
    """Return futures of as many events tables that have all events of a column's values each.

    `fits` is whether the workers' memory holds the topic.
    """
    parts = _shuffled(client, tables, len(tables), column, fits=fits)
    return [client.submit(brought_together, each, pure=False) for each in parts]


def by_partition(
    client: Client, tables: Sequence[Future], partitions: Sequence[int]
) -> list[Future]:
    """Return futures of events tables that have all events of a partition each, from any blocks."""
    return [
        client.submit(
            brought_together,
            [client.submit(_of_partition, table, number, pure=False) for table in tables],
            pure=False,
        )
        for number in partitions
    ]


def stretch(client: Client, tables: Sequence[Future], first: int, behind: int) -> Future:
    """Return a future of events whose places in arrival order are from `first` to `behind`.

    In that order, `behind` left out; of a part of a topic, those that are left.
    """
    pieces = [client.submit(_between, table, first, behind, pure=False) for table in tables]
    return client.submit(brought_together, pieces, pure=False)


def _between(table: pd.DataFrame, first: int, behind: int) -> pd.DataFrame:
    low, high = np.searchsorted(table[ARRIVAL].to_numpy(), (first, behind)).tolist()
    found = table.iloc[low:high]
    return compact(found[found[LEFT]].drop(columns=LEFT) if LEFT in found else found)


def _of_partition(table: pd.DataFrame, number: int) -> pd.DataFrame:
    return compact(table[table[PARTITION] == number])


def brought_together(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the events of parts in any order in arrival order."""
    table = pd.DataFrame({name: _joined([part[name] for part in parts]) for name in parts[0]})
    order = np.argsort(table[ARRIVAL].to_numpy(), kind="stable")  # quick where parts are in order
    return table.iloc[order].reset_index(drop=True)


def _of_clients(parts: Sequence[pd.DataFrame], fields: Fields) -> pd.DataFrame:
    """Return the events table of some clients, from parts in any order."""
    table = brought_together(parts)
    if fields.session is None:
        clients, times = table[CLIENT].array, table[EVENT_TIME].to_numpy()
        table[SESSION] = derive_sessions(clients, times, fields.session_gap_s)
    return table


def _joined(columns: Sequence[pd.Series[Any]]) -> pd.Series[Any]:
    """Return columns behind one another; of names, with the categories that they use, sorted."""
    if not isinstance(columns[0].dtype, pd.CategoricalDtype):
        return pd.concat(columns, ignore_index=True)
    return pd.Series(union_categoricals([*map(used_names, columns)], sort_categories=True))


def check_blocks(reports: Sequence[BlockReport], fields: Fields) -> None:
    """Check that blocks were read as one machine reads the whole.

    Raises
    ------
    SkewlineError
        When they may have been read otherwise: then nothing is told.
    """
    for name in ROLES:
        found = {r.dtypes.get(name, "nothing") for r in reports if r.contents.events}
        if len(found) > 1 or (name in (CLIENT, SESSION) and found - _NAMES):
            kinds = " and ".join(sorted(found))
            raise SkewlineError(
                f"On a cluster, where each block is read by itself, {name} cannot be {kinds}.",
                "Ask it on one machine.",
            )
    _check_times(reports, fields)


def _check_times(reports: Sequence[BlockReport], fields: Fields) -> None:
    whole = reduce(add, [each.contents for each in reports])
    for role, note in whole.notes.items():
        if note.unclear_zone:
            raise SkewlineError(
                f"{note.unclear_zone:,} records have an abbreviation behind their "
                f"{role.replace('_', ' ')} that does not name one zone.",
                f"Choose it: --fields {TIME_ROLES[role][1]}=….",
            )
        # A field that a block has in no record has no form there.
        known = [r.contents.notes[role].forms for r in reports if r.contents.events]
        forms = {item for each in known for item in each.items()}
        several = note.other_forms or note.single_forms or len(forms) > len(dict(forms))
        if several or (note.unreadable and getattr(fields, role).form is None):
            count = note.unreadable + sum(note.single_forms.values())
            choose = f"Choose it: --fields {TIME_ROLES[role][0]}=…."
            raise SkewlineError(
                f"{f'{count:,}' if count else 'Some'} records have another "
                f"{role.replace('_', ' ')} than the "
                "others: on a cluster it is not searched for which clients write which form.",
                "Ask it on one machine." if note.single_forms else choose,
            )
    in_fields = whole.received if fields.received_time != RECORD_TIME_FIELD else None
    for called, bounds in (("Event", whole.event), ("Received", in_fields)):
        if bounds is not None and bounds[1] - bounds[0] > FAR_MS:
            raise SkewlineError(
                f"{called} times are more than 20 years apart: on a cluster it is not searched for "
                "which of them are wrong.",
                "Ask it on one machine.",
            )
