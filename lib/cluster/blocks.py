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

import time
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial, reduce
from itertools import pairwise
from operator import add
from typing import TYPE_CHECKING, Any, Final

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from lib.core.blockwise import stacked
from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
    RECEIVED_TIME_TYPE,
    RECORD_TIME,
    SENT_TIME,
    SEQUENCE,
    SESSION,
)
from lib.core.errors import SkewlineError
from lib.core.times.reading import FAR_MS
from lib.decoding.merge import concat
from lib.decoding.rejected import REJECTED
from lib.events.derived_sessions import derive_sessions
from lib.events.fields import TIME_ROLES
from lib.events.table import block_of_events, build_events
from lib.loading.contents import Contents, contents_of
from lib.loading.reading import UNWATCHED, known_from, read_plan
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

OFFSETS: Final = 500_000
"""Offsets of a span at most."""

FIRST_ROWS: Final = 20_000
"""Records from which decoder, fields and forms of times are learned."""

_MARKS: Final = 64  # places of a block whose received time is told
_REACHED: Final = "Reached"
_ARRIVAL: Final = "Arrival"
_ROLES: Final = (
    EVENT_TIME, RECEIVED_TIME, CLIENT, SESSION, SEQUENCE, PARTITION, OFFSET, RECEIVED_TIME_TYPE,
    SENT_TIME, RECORD_TIME,
)  # fmt: skip
_NAMES: Final = frozenset({"int64", "str", "nothing"})
"""What clients and sessions may be; sessions that are derived are nothing yet."""

_NEVER: Final = np.iinfo(np.int64).min


@dataclass(frozen=True, eq=False)
class Beginning:
    """The first blocks of a topic, with what was chosen by hand: all that is to be learned from."""

    token: str
    origin: Origin
    blocks: tuple[pa.RecordBatch, ...] = field(repr=False)  # no values in a log
    chosen: FieldChoice

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

    @property
    def reached(self) -> int:
        """The largest received time, epoch ms."""
        return int(self.marks[-1]) if len(self.marks) else _NEVER


def cut(plan: Plan, offsets: int = OFFSETS) -> list[Span]:
    """Return the spans of a plan cut into equal ones of at most so many offsets."""
    found = []
    for span in plan.filled:
        edges = np.linspace(span.start, span.end, -(-span.size // offsets) + 1).astype(int)
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
    table = slim(events.table)
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
        {str(name): _kind(table[name]) for name in table},
    )
    return table, report


def slim(table: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of an events table that have a role."""
    return table[[name for name in _ROLES if name in table]]


def _kind(column: pd.Series[Any]) -> str:
    is_named = isinstance(column.dtype, pd.CategoricalDtype)
    return str(column.cat.categories.dtype if is_named else column.dtype)


def _first(pair: tuple[pd.DataFrame, BlockReport]) -> pd.DataFrame:
    return pair[0]


def _second(pair: tuple[pd.DataFrame, BlockReport]) -> BlockReport:
    return pair[1]


def _as_it_is(beginning: Beginning) -> Beginning:
    return beginning


def read_in_blocks(
    client: Client, beginning: Beginning, plan: Plan, offsets: int = OFFSETS
) -> tuple[list[Future], list[Future]]:
    """Return futures of the events of each span of a plan, and of what was read."""
    shared = client.submit(_as_it_is, beginning, pure=False)
    pairs = [
        client.submit(_read_block, shared, replace(plan, spans=(span,)), pure=False)
        for span in cut(plan, offsets)
    ]
    tables = [client.submit(_first, pair, pure=False) for pair in pairs]
    return tables, [client.submit(_second, pair, pure=False) for pair in pairs]


def in_arrival_order(
    client: Client, tables: list[Future], reports: Sequence[BlockReport]
) -> list[Future]:
    """Return futures of events tables that follow one another in arrival order.

    Of one partition those are its spans. Of several, stretches of received time: each partition's
    running maximum rises along its offsets, so that a stretch is a piece of each.
    """
    carries = _carries(reports)
    if len({each.span.partition for each in reports}) == 1:
        return [t for t, r in zip(tables, reports, strict=True) if r.contents.events] or tables[:1]
    edges = _edges(reports, carries)
    found = []
    for low, high in pairwise(edges):
        pieces = [
            client.submit(_piece, table, carry, low, high, pure=False)
            for table, carry, report in zip(tables, carries, reports, strict=True)
            if len(report.marks)
            and max(carry, int(report.marks[0])) < high
            and max(carry, report.reached) >= low
        ]
        found.append(client.submit(_in_order, pieces, pure=False))
    return found or tables[:1]


def _carries(reports: Sequence[BlockReport]) -> list[int]:
    """Return the largest received time of each span's partition before it."""
    reached: dict[int, int] = {}
    found = []
    for report in reports:
        before = reached.get(report.span.partition, _NEVER)
        found.append(before)
        reached[report.span.partition] = max(before, report.reached)
    return found


def _edges(reports: Sequence[BlockReport], carries: Sequence[int]) -> list[int]:
    """Return where stretches of about as many events as spans have begin, and the end."""
    marks = np.concatenate(
        [np.maximum(r.marks, carry) for r, carry in zip(reports, carries, strict=True)]
    )
    if not len(marks):
        return []
    weights = np.concatenate(
        [np.full(len(r.marks), r.contents.events / max(len(r.marks), 1)) for r in reports]
    )
    order = np.argsort(marks, kind="stable")
    along = np.cumsum(weights[order])
    shares = np.arange(1, len(reports)) / len(reports) * along[-1]
    inner = marks[order][np.searchsorted(along, shares)]
    return [_NEVER, *np.unique(inner[inner > marks.min()]).tolist(), int(marks.max()) + 1]


def _piece(table: pd.DataFrame, carry: int, low: int, high: int) -> pd.DataFrame:
    """Return the events of one span whose partition's running maximum is from `low` to `high`."""
    reached = np.maximum.accumulate(np.maximum(table[RECEIVED_TIME].to_numpy(), carry))
    first, last = np.searchsorted(reached, (low, high)).tolist()
    return _compact(table.iloc[first:last]).assign(**{_REACHED: reached[first:last]})


def _compact(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table without the categories that it does not use."""
    named = table.select_dtypes("category").columns
    used = {name: table[name].cat.remove_unused_categories() for name in named}
    return table.reset_index(drop=True).assign(**{n: c.array for n, c in used.items()})


def _in_order(pieces: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return pieces, of each partition in the order of its offsets, merged into arrival order."""
    table = pieces[0]
    for each in pieces[1:]:
        table = stacked(table, each)
    order = np.lexsort((table[PARTITION].to_numpy(), table[_REACHED].to_numpy()))
    return table.iloc[order].drop(columns=_REACHED).reset_index(drop=True)


def by_client(
    client: Client, in_order: Sequence[Future], fields: Fields, blocks: int
) -> list[Future]:
    """Return futures of events tables that have all events of their clients each.

    In arrival order; sessions are derived where the topic has none.
    """
    finish = partial(_of_clients, fields=fields)
    if len(in_order) == 1:
        one = client.submit(_numbered, in_order[0], 0, pure=False)
        return [client.submit(finish, one, pure=False)]
    sizes = client.gather([client.submit(len, each, pure=False) for each in in_order])
    starts = (np.cumsum(sizes) - sizes).tolist()
    numbered = [
        client.submit(_numbered, each, start, pure=False)
        for each, start in zip(in_order, starts, strict=True)
    ]
    meta = client.submit(_empty, numbered[0], pure=False).result()
    with dask.config.set({"dataframe.shuffle.method": "p2p"}):
        frame = dd.from_delayed(numbered, meta=meta, verify_meta=False)
        shuffled = frame.shuffle(on=CLIENT, npartitions=blocks)
        parts = client.compute(shuffled.to_delayed())
    return [client.submit(finish, part, pure=False) for part in parts]


def _empty(table: pd.DataFrame) -> pd.DataFrame:
    return table.head(0)


def _numbered(table: pd.DataFrame, start: int) -> pd.DataFrame:
    """Return a table with each event's place in the arrival order."""
    return table.assign(**{_ARRIVAL: np.arange(start, start + len(table))})


def _of_clients(table: pd.DataFrame, fields: Fields) -> pd.DataFrame:
    """Return the events table of some clients, from `_numbered` rows in any order."""
    table = table.sort_values(_ARRIVAL, ignore_index=True).drop(columns=_ARRIVAL)
    clients = _sorted(table[CLIENT])
    if fields.session is None:
        times = table[EVENT_TIME].to_numpy()
        sessions = derive_sessions(clients, times, fields.session_gap_s)
    else:
        sessions = _sorted(table[SESSION])
    return table.assign(**{CLIENT: clients, SESSION: sessions})


def _sorted(column: pd.Series[Any]) -> pd.Categorical[Any]:
    """Return a column with the categories that it uses, sorted."""
    used = column.cat.remove_unused_categories()
    return union_categoricals([used], sort_categories=True)


def check_blocks(reports: Sequence[BlockReport], fields: Fields) -> None:
    """Check that blocks were read as one machine reads the whole.

    Raises
    ------
    SkewlineError
        When they may have been read otherwise: then nothing is told.
    """
    filled = [report for report in reports if report.contents.events]
    for name in _ROLES:
        found = {report.dtypes.get(name, "nothing") for report in filled}
        if len(found) > 1 or (name in (CLIENT, SESSION) and found - _NAMES):
            kinds = " and ".join(sorted(found))
            raise SkewlineError(
                f"On a cluster, where each block is read by itself, {name} cannot be {kinds}.",
                "Report without --cluster.",
            )
    _check_times(reports, fields)


def _check_times(reports: Sequence[BlockReport], fields: Fields) -> None:
    whole = reduce(add, [each.contents for each in reports])
    for role, note in whole.notes.items():
        forms = {tuple(r.contents.notes[role].forms.items()) for r in reports if r.contents.events}
        unclear = note.unreadable and getattr(fields, role).form is None
        if unclear or note.other_forms or len(forms) > 1:
            raise SkewlineError(
                f"{note.unreadable:,} records have another {role.replace('_', ' ')} than the "
                "others: on a cluster it is not searched for which clients write which form.",
                f"Choose it: --fields {TIME_ROLES[role][0]}=….",
            )
    if whole.event is not None and whole.event[1] - whole.event[0] > FAR_MS:
        raise SkewlineError(
            "Event times are more than 20 years apart: on a cluster it is not searched for which "
            "of them are wrong.",
            "Report without --cluster.",
        )
