"""Loading a topic into its events table, and reading on where a load ended."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import pyarrow as pa

from lib.core.errors import SkewlineError, TopicChangedError
from lib.core.part import part_in
from lib.decoding.rejected import REJECTED
from lib.events.table import EventsTable, append_events, build_events, keep_newest
from lib.loading.contents import contents_of
from lib.loading.reading import (
    UNWATCHED,
    FieldChoice,
    Known,
    Progress,
    Read,
    Watch,
    progress_of,
    read_plan,
)
from lib.sources.base import Everything, Latest, Plan, Range, Span
from lib.sources.newest import DEFAULT_CAP, limit_of, newest_part, parts_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lib.core.part import Part
    from lib.decoding.base import Decoder
    from lib.events.fields import Fields
    from lib.events.recognition import Recognition
    from lib.loading.contents import Contents
    from lib.sources.base import Reader, TopicSource
    from lib.sources.newest import NewestPart

__all__ = [
    "DEFAULT_CAP",
    "UNWATCHED",
    "FieldChoice",
    "LoadReport",
    "LoadedTopic",
    "Progress",
    "Watch",
    "load",
    "reload",
]

_TRIES: Final = 3
"""How often a topic is read that is made anew while it is read."""

_CHANGED: Final = (
    "The topic is not the one that was read before: it was made anew, cut back or overwritten. "
    "It was read from its beginning."
)
_CHANGED_MEANWHILE: Final = (
    "The topic was made anew or overwritten while it was read. It was read again from its "
    "beginning."
)
_EXPIRED: Final = "Records expired before they were read, so the topic was read from its beginning."

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadReport:
    """What one load did.

    Attributes
    ----------
    topic, wanted
        What was asked for.
    read
        How much came, in how many seconds. After a reload: only what was new.
    total_records
        Records read over all loads of this topic: good and rejected.
    in_log
        Offsets that the topic held when the read began.
    capped
        Whether the cap on events kept older records out.
    stopped
        Whether the read was stopped before its end.
    timestamp_types
        Records per kind of record timestamp (`lib.sources.records`).
    reader
        What read them, and why that one if another was asked for.
    notes
        Sentences on how a file was read.
    failure
        Why reading ended before it had everything; None where it did not.
    missing
        Partition → offsets that were planned and have not been reached; empty unless reading was
        stopped or failed.
    expired
        Partition → offsets that expired before they were read, or with what had been read of them:
        none of their records is shown.
    unavailable
        Partitions that could not be read at all, for want of a leader.
    holes
        Offsets that were read and have no record, where compaction may have removed one.
    anew
        Why a reload read the topic from its beginning; "" where it did not.
    partitions
        How many the topic has, those without a record, and not read, too; 0 where it is not known.
    empty
        The partitions that had no record when the read began.
    """

    topic: str
    wanted: Range
    read: Progress
    total_records: int
    in_log: int
    capped: bool
    stopped: bool
    timestamp_types: Mapping[int, int]
    reader: Reader
    notes: tuple[str, ...] = ()
    failure: SkewlineError | None = None
    missing: Mapping[int, int] = field(default_factory=dict)
    expired: Mapping[int, int] = field(default_factory=dict)
    unavailable: tuple[int, ...] = ()
    holes: int = 0
    anew: str = ""
    partitions: int = 0
    empty: tuple[int, ...] = ()

    @property
    def may_lack_records(self) -> bool:
        """Whether the topic has, or had, records that are not here: then no number tells a loss."""
        part = self.part
        return bool(
            self.stopped
            or self.failure
            or self.expired
            or self.unavailable
            or self.holes
            or (part is not None and part.is_cut)
        )

    @property
    def part(self) -> Part | None:
        """Which part of a topic a file says that it is; None where it does not."""
        return part_in(self.notes)


@dataclass(frozen=True)
class LoadedTopic:
    """A topic in memory: shared by all viewers, never changed.

    Attributes
    ----------
    source
        `TopicSource.identity` of where it was read from.
    decoder
        What reads its records, chosen by the first of them; None where there was none.
    events
        The events table.
    undecoded
        Records whose value could not be read, schema `lib.decoding.rejected.REJECTED`.
    fields
        Which fields are what.
    recognition
        What they were recognised as, before anything was chosen by hand, and what else they could
        be.
    chosen
        What was chosen by hand.
    sources
        What can be chosen as a field: the value's fields, the key, headers, the partition.
    report
        What the load did.
    positions
        The next offset to read of each partition; empty where only reading anew completes it.
    plan
        What was planned last; None where nothing was.
    corrected
        The clients whose event times have been corrected (`lib.analysis.client_clocks`), not as
        they were read.
    token
        Of what was read: no other load has it, but a reload that brought nothing new.
    """

    source: str
    decoder: Decoder | None
    events: EventsTable
    undecoded: pa.Table
    fields: Fields
    recognition: Recognition
    chosen: FieldChoice
    sources: tuple[str, ...]
    report: LoadReport
    positions: Mapping[int, int]
    plan: Plan | None = None
    corrected: tuple[object, ...] = ()
    token: str = field(default_factory=lambda: uuid4().hex)

    @cached_property
    def contents(self) -> Contents:
        """What it holds, in numbers."""
        return contents_of(self.events, self.undecoded)

    @property
    def rejected(self) -> pa.Table:
        """Every record that is no event, with partition, offset, reason and excerpt."""
        both = [self.undecoded, self.events.rejected]
        return pa.concat_tables(both, promote_options="permissive")

    @property
    def version(self) -> tuple[object, ...]:
        """What tells this state of the topic from any other: the key of caches."""
        return (self.source, self.report.topic, self.token, self.corrected)


def load(
    source: TopicSource,
    topic: str,
    wanted: Range,
    *,
    chosen: FieldChoice = (),
    cap: int = DEFAULT_CAP,
    watch: Watch = UNWATCHED,
) -> LoadedTopic:
    """Read `wanted` of a topic into an events table, and log what came, or the error.

    Parameters
    ----------
    chosen
        Fields chosen by hand, as pairs of an attribute of `Fields` and its value; what is not
        chosen is recognised from the first block of records.
    cap
        Events to keep at most; the newest ones stay.
    watch
        Who is told how far the load is, and may stop it.

    Raises
    ------
    SkewlineError
        When the source fails, or no record has a chosen field.
    """
    return _logged(source, topic, partial(_load, source, topic, wanted, chosen, cap, watch))


def reload(
    source: TopicSource,
    before: LoadedTopic,
    *,
    cap: int = DEFAULT_CAP,
    watch: Watch = UNWATCHED,
) -> LoadedTopic:
    """Return `before` with what has been written to the topic since; only that is read.

    A topic that is not what it was any more (made anew, cut back, overwritten), or of which records
    expired before they were read, is loaded whole, and the report says so. So is one that was
    empty, one that has got more than is to be kept, and one whose new records cannot be appended
    for a reason that nobody foresaw.

    Raises
    ------
    SkewlineError
        When the source fails.
    """
    return _logged(source, before.report.topic, partial(_reload, source, before, cap, watch))


def _load(
    source: TopicSource,
    topic: str,
    wanted: Range,
    chosen: FieldChoice,
    cap: int,
    watch: Watch,
    anew: str = "",
) -> LoadedTopic:
    """Load a topic; again, where it was made anew meanwhile, so that no two are mixed."""
    for _ in range(_TRIES - 1):
        try:
            return _loaded(source, topic, wanted, chosen, cap, watch, anew)
        except TopicChangedError:
            anew = _CHANGED_MEANWHILE
    return _loaded(source, topic, wanted, chosen, cap, watch, anew)


def _loaded(
    source: TopicSource,
    topic: str,
    wanted: Range,
    chosen: FieldChoice,
    cap: int,
    watch: Watch,
    anew: str,
) -> LoadedTopic:
    limit, started = limit_of(wanted, cap), time.monotonic()
    known, part, reads, lost = _read_back(source, topic, wanted, limit, chosen, watch, started)
    events = build_events([block for read in reads for block in read.columns], known.fields)
    capped = _asks_for_more(wanted, limit) and (not part.whole or len(events.table) > limit)
    last = lost or reads[0]
    report = LoadReport(
        topic=topic,
        wanted=wanted,
        read=progress_of(reads, started),
        total_records=sum(read.records for read in reads),
        in_log=sum(span.size for span in part.plan.log),
        capped=capped,
        stopped=last.stopped,
        timestamp_types=dict(sum((read.timestamp_types for read in reads), Counter[int]())),
        reader=source.reader,
        notes=tuple(dict.fromkeys(note for read in reads for note in read.notes)),
        failure=last.failure,
        missing=last.missing if last.ended_early else {},
        expired=summed(read.expired for read in reads),
        unavailable=part.plan.unavailable,
        holes=sum(read.holes for read in reads),
        anew=anew,
        partitions=part.plan.partitions,
        empty=part.plan.empty,
    )
    return LoadedTopic(
        source=source.identity,
        decoder=known.decoder,
        events=keep_newest(events, limit),
        undecoded=_concat_rejected([block for read in reads for block in read.undecoded]),
        fields=known.fields,
        recognition=known.recognition,
        chosen=known.chosen,
        sources=known.sources,
        report=report,
        positions={}
        if lost
        else {p: end for read in reads for p, end in read.next_positions.items()},
        plan=part.plan,
    )


def _read_back(
    source: TopicSource,
    topic: str,
    wanted: Range,
    limit: int,
    chosen: FieldChoice,
    watch: Watch,
    started: float,
) -> tuple[Known, NewestPart, list[Read], Read | None]:
    """Read a topic from its end backwards until there are enough records.

    Returns
    -------
    What is known of the topic, the part that was read last, what was read from the oldest records
    to the newest, and what ended early and is therefore left out.
    """
    known = Known.nothing(chosen)
    reads: list[Read] = []
    for part in parts_back(source, topic, wanted, limit):
        known, older = read_plan(source, part.plan, known, watch, reads, started)
        if older.ended_early and reads:  # what lies between it and the newer records is missing
            return known, part, reads, older
        if older.records or older.expired or not reads:
            reads.insert(0, older)
        if older.ended_early or sum(read.records for read in reads) >= limit:
            break
    return known, part, reads, None


def _reload(source: TopicSource, before: LoadedTopic, cap: int, watch: Watch) -> LoadedTopic:
    topic, wanted = before.report.topic, before.report.wanted
    anew = partial(_load, source, topic, wanted, before.chosen, cap, watch)
    plan = newest_part(source, topic, wanted, limit_of(wanted, cap)).plan
    positions = before.positions
    if before.plan is not None and not source.still_holds(before.plan, plan, positions):
        return anew(_CHANGED)
    if expired := _expired(before, plan):
        return _with_expired(anew(_EXPIRED), expired)
    if not positions or _skips(plan, positions):
        return anew()
    try:
        grown = _grown(source, before, _behind(plan, positions), cap, watch)
    except TopicChangedError:
        return anew(_CHANGED_MEANWHILE)
    except SkewlineError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is, reading anew may do without it)
        _log.warning("%s, topic %r: read anew after %s", source.name, topic, _where(error))
        return anew()
    if grown.report.expired != before.report.expired:  # a hole behind what was there
        return _with_expired(anew(_EXPIRED), grown.report.expired)
    return grown


def _grown(
    source: TopicSource, before: LoadedTopic, plan: Plan, cap: int, watch: Watch
) -> LoadedTopic:
    """Return `before` with the records of `plan`."""
    started, limit = time.monotonic(), limit_of(plan.range, cap)
    known = Known(before.decoder, before.fields, before.recognition, before.chosen, before.sources)
    _, read = read_plan(source, plan, known, watch, [], started)
    events = append_events(before.events, read.columns, known.fields)
    too_many = _asks_for_more(plan.range, limit) and len(events.table) > limit
    kept = keep_newest(events, limit)
    old = before.report
    report = replace(
        old,
        read=progress_of([read], started),
        total_records=old.total_records + read.records,
        in_log=sum(span.size for span in plan.log),
        capped=old.capped or too_many,
        stopped=read.stopped,
        timestamp_types=dict(Counter(old.timestamp_types) + read.timestamp_types),
        failure=read.failure,
        missing=read.missing if read.ended_early else {},
        expired=summed([old.expired, read.expired]),
        unavailable=plan.unavailable,
        holes=old.holes + read.holes,
        notes=tuple(dict.fromkeys([*old.notes, *read.notes])),
        anew="",
        partitions=plan.partitions,
        empty=plan.empty,
    )
    is_new = bool(read.records) or kept is not before.events or _tells_more(report, old)
    return replace(
        before,
        events=kept,
        undecoded=_concat_rejected([before.undecoded, *read.undecoded]),
        report=report,
        positions={**before.positions, **read.next_positions},
        plan=plan,
        token=uuid4().hex if is_new else before.token,
    )


def _tells_more(report: LoadReport, old: LoadReport) -> bool:
    """Return whether another answer may follow from the same events.

    Whether losses are told changes so, and where an engine brings the events of a key.
    """
    return (report.may_lack_records, report.partitions) != (old.may_lack_records, old.partitions)


def _logged(source: TopicSource, topic: str, read: Callable[[], LoadedTopic]) -> LoadedTopic:
    """Return what `read` returns, with one line in the log: no values, no words of the broker."""
    try:
        loaded = read()
    except SkewlineError as error:
        kind = type(error).__name__
        _log.warning("%s, topic %r: %s: %r", source.name, topic, kind, error.what)
        raise
    except Exception as error:
        _log.error("%s, topic %r: %s", source.name, topic, _where(error))
        raise
    done = loaded.report.read
    _log.info(
        "%s, topic %r: %d records, %d bytes in %.2f s; %d events, %d rejected",
        *(source.name, topic, done.records, done.bytes, done.seconds),
        *(len(loaded.events.table), loaded.rejected.num_rows),
    )
    return loaded


def _where(error: Exception) -> str:
    """Return the kind of an error and the line that raised it: its message may hold values."""
    frame = extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"


def _asks_for_more(wanted: Range, limit: int) -> bool:
    return not isinstance(wanted, Latest) or wanted.count > limit


def _behind(plan: Plan, positions: Mapping[int, int]) -> Plan:
    """Return what `plan` has behind what was read."""
    spans = (
        Span(s.partition, max(s.start, positions.get(s.partition, s.start)), s.end)
        for s in plan.spans
    )
    return replace(plan, spans=tuple(spans))


def _expired(before: LoadedTopic, plan: Plan) -> dict[int, int]:
    """Return how many offsets of each partition were wanted and expired behind what was read.

    Of everything, each that came; of other ranges, those that had been planned and not reached.
    """
    planned = {span.partition: span.end for span in before.plan.spans} if before.plan else {}
    expired = {}
    for log in plan.log:
        position = before.positions.get(log.partition, log.start)
        wanted = planned.get(log.partition, position)
        end = log.start if isinstance(plan.range, Everything) else min(log.start, wanted)
        if end > position:
            expired[log.partition] = end - position
    return expired


def _with_expired(loaded: LoadedTopic, expired: Mapping[int, int]) -> LoadedTopic:
    report = replace(loaded.report, expired=summed([loaded.report.expired, expired]))
    return replace(loaded, report=report)


def summed(counts: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """Return the sum of counts by their keys."""
    return dict(sum((Counter(dict(each)) for each in counts), Counter[int]()))


def _skips(plan: Plan, positions: Mapping[int, int]) -> bool:
    """Return whether records lie between what was read and `plan` that are wanted as well.

    Of the newest also such as have expired meanwhile: what is shown is to have no hole.
    """
    newest = isinstance(plan.range, Latest)
    begin = {} if newest else {log.partition: log.start for log in plan.log}
    return any(
        s.start > max(positions[s.partition], begin.get(s.partition, 0))
        for s in plan.spans
        if s.partition in positions
    )


def _concat_rejected(tables: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables([REJECTED.empty_table(), *tables], promote_options="permissive")
