"""Which offsets a load reads: the newest that hold as many records as are wanted."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from lib.sources.base import Between, Latest, Plan, Range, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lib.sources.base import TopicSource

DEFAULT_CAP: Final = 5_000_000
"""Events that one load keeps at most, newest first, unless configured otherwise."""

_FURTHER_BACK: Final = (4, 16, 64)
"""How many times as many offsets are looked at where too few of them held records."""


@dataclass(frozen=True)
class NewestPart:
    """The newest part of a range; `whole` where it leaves nothing of the range out."""

    plan: Plan
    whole: bool


def limit_of(wanted: Range, cap: int) -> int:
    """Return how many events of `wanted` to keep at most."""
    return min(cap, wanted.count) if isinstance(wanted, Latest) else cap


def newest_part(source: TopicSource, topic: str, wanted: Range, size: int) -> NewestPart:
    """Return the newest part of `wanted` that has at least `size` offsets, cut at one moment.

    What `Latest` wants is not bounded by its count here: `size` is what counts.

    Raises
    ------
    SkewlineError
        When the source fails.
    """
    if isinstance(wanted, Latest):
        plan = source.plan(topic, Latest(size))
        whole = plan.size >= sum(span.size for span in plan.log)
        return NewestPart(replace(plan, range=wanted), whole)
    plan = source.plan(topic, wanted)
    if plan.size <= size:
        return NewestPart(plan, whole=True)
    if isinstance(wanted, Between):
        newest = _newest_between(source, plan, wanted, size)
    else:
        newest = _common(plan, source.plan(topic, Latest(size)))
    return NewestPart(newest, whole=newest.size >= plan.size)


def parts_back(source: TopicSource, topic: str, wanted: Range, count: int) -> Iterator[NewestPart]:
    """Yield the newest part of `wanted` that has `count` offsets, then what lies before it.

    Compaction and transaction markers leave offsets without a record, so a part may bring too few:
    go on until `count` records came. The parts reach back 4, 16 and 64 times as far, the last one
    to the beginning.

    Raises
    ------
    SkewlineError
        When the source fails.
    """
    part = newest_part(source, topic, wanted, count)
    yield part
    for size in (*(count * times for times in _FURTHER_BACK), sys.maxsize):
        if part.whole:
            return
        wider = newest_part(source, topic, wanted, size)
        yield replace(wider, plan=_before(wider.plan, part.plan))
        part = wider


def _newest_between(source: TopicSource, plan: Plan, wanted: Between, size: int) -> Plan:
    early, late = wanted.start_ms, wanted.end_ms
    while late - early > 1:
        middle = (early + late) // 2
        shorter = source.plan(plan.topic, Between(middle, wanted.end_ms))
        if shorter.size >= size:
            early, plan = middle, shorter
        else:
            late = middle
    return replace(plan, range=wanted)


def _common(plan: Plan, other: Plan) -> Plan:
    """Return the offsets of a plan that another one has too, to their end."""
    starts = {span.partition: span.start for span in other.spans}
    spans = (s.beginning_at(starts.get(s.partition, s.start)) for s in plan.spans)
    return replace(plan, spans=tuple(spans))


def _before(wider: Plan, plan: Plan) -> Plan:
    """Return what `wider` has in front of `plan`."""
    starts = {span.partition: span.start for span in plan.spans}
    spans = (Span(s.partition, s.start, starts.get(s.partition, s.end)) for s in wider.spans)
    return replace(wider, spans=tuple(spans))
