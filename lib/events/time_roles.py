"""Which of the fields that hold times is the event, the received and the sent time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from lib.core.columns import EVENT_TIME, MISSING_TIME, OFFSET, PARTITION, PLACE
from lib.core.durations import DAY_MS
from lib.events.field_names import (
    EVENT_NAMES,
    may_tell_of_event,
    rank,
    role_of_name,
    tells_of_event,
    tells_of_its_start,
    tells_of_receipt,
)
from lib.events.sample import has_record_times
from lib.events.time_candidates import (
    can_be_receipt,
    correlation,
    follows,
    has_a_tail,
    is_later,
    lag_of,
    lags_of,
    move_together,
    stamps,
)
from lib.events.time_columns import record_times

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from lib.events.time_candidates import TimeCandidate

NEARLY_ALL: Final = 0.5
"""The share of the records that must have a field for it to be taken for the event time."""

COMPLEMENTED: Final = 0.05
"""From which share of records on that lack the event time another field is asked about."""


def could_be_event_time(candidate: TimeCandidate) -> bool:
    """Return whether its name does not say that it is the time of something else."""
    return role_of_name(candidate.name) in ("event", "")


def event_score(candidate: TimeCandidate, sample: pa.Table) -> float:
    """Return how much a field looks like the event time.

    Its name, that it moves with the record timestamps, that it is not far from them, and that
    nearly all records have it.
    """
    place = rank(candidate.name, EVENT_NAMES)
    named = 2 - place / len(EVENT_NAMES) if place < len(EVENT_NAMES) else 0.0
    role = role_of_name(candidate.name)
    named += {"event": 0.4, "received": -1.5, "sent": -1.0, "": 0.0}.get(role, -2.0)
    records = record_times(sample, candidate.ms)
    both = (candidate.ms != MISSING_TIME) & (records != MISSING_TIME)
    near = moves = 0.0
    if both.any():
        ms, record = candidate.ms[both], records[both]
        near = 0.5 * (float(np.median(np.abs(ms - record))) < DAY_MS)
        moves = correlation(ms, record)
    constant = np.ptp(candidate.present) == 0 and len(candidate.present) > 1
    dates = candidate.step_ms % DAY_MS == 0
    return float(1 + named + moves + near + candidate.share - 3.0 * (constant or dates))


def event_time(
    candidates: Sequence[TimeCandidate], sample: pa.Table, known: str | None
) -> TimeCandidate | None:
    """Return the likeliest event time; None where most records lack it or the form is unclear.

    Also where another field is the time of those that lack it: which of both comes first is for
    people to say.
    """
    for name in (EVENT_TIME, known):
        exact = next((c for c in candidates if c.name == name), None)
        if exact is not None:
            return exact
    able = _of_single_events([c for c in candidates if could_be_event_time(c)], sample)
    best = max(able, key=lambda c: event_score(c, sample), default=None)
    best = next(_by_other_names(candidates), None) if best is None else best
    if best is None:
        return None
    by_records = has_record_times(sample, best.ms)
    best = next((c for c in candidates if _is_receipt_of(best, c, by_records=by_records)), best)
    if best.share <= NEARLY_ALL or best.recognised.form is None:
        return None
    lacking = best.ms == MISSING_TIME
    stand_ins = (c for c in able if c is not best and (c.ms[lacking] != MISSING_TIME).mean() > 0.5)
    return None if lacking.mean() > COMPLEMENTED and any(stand_ins) else best


def received_time(
    candidates: Sequence[TimeCandidate],
    event: TimeCandidate | None,
    known: str | None,
) -> TimeCandidate | None:
    """Return the field that behaves as a time of receipt, by name first."""
    others = [c for c in candidates if event is None or c.name != event.name]
    exact = next((c for c in others if c.name == known), None)
    if exact is not None:
        return exact
    named = [c for c in others if _is_called_receipt_of(c, event)]
    if named:
        return min(
            named,
            key=lambda c: (not tells_of_receipt(c.name), c.name.count("."), lag_of(c, event)),
        )
    behaving = [c for c in others if could_be_event_time(c) and stamps(c, event)]
    return min(behaving, key=lambda c: lag_of(c, event), default=None)


def sent_time(
    candidates: Sequence[TimeCandidate],
    event: TimeCandidate | None,
    received: TimeCandidate | None,
    known: str | None,
) -> TimeCandidate | None:
    """Return the field that says when an event was sent: by name, and never before the event."""
    taken = {c.name for c in (event, received) if c is not None}
    others = [c for c in candidates if c.name not in taken]
    exact = next((c for c in others if c.name == known), None)
    if exact is not None or event is None:
        return exact
    named = [c for c in others if role_of_name(c.name) == "sent" and follows(c, event)]
    return min(named, key=lambda c: lag_of(c, event), default=None)


def _of_single_events(able: list[TimeCandidate], sample: pa.Table) -> list[TimeCandidate]:
    """Return those that differ between the events of a record, where some do in most records.

    What all events of a record share is when they were sent together, or read.
    """
    if PLACE not in sample.column_names:
        return able
    partition, offset = (sample[name].to_numpy() for name in (PARTITION, OFFSET))
    same = (np.diff(partition) == 0) & (np.diff(offset) == 0)

    def differs(c: TimeCandidate) -> bool:
        both = same & (c.ms[1:] != MISSING_TIME) & (c.ms[:-1] != MISSING_TIME)
        return 2 * int((both & (np.diff(c.ms) != 0)).sum()) > int(same.sum())

    return [c for c in able if differs(c)] or able


def _by_other_names(candidates: Sequence[TimeCandidate]) -> Iterator[TimeCandidate]:
    """Yield what may be the event time although its name alone does not say so.

    When it was observed or published, where another field is the time of receipt; when it began.
    """
    received = [c for c in candidates if role_of_name(c.name) == "received"]
    for candidate in received:
        after = (other for other in received if is_later(other, candidate))
        if may_tell_of_event(candidate.name) and any(after):
            yield candidate
    for candidate in candidates:
        each_its_own = 2 * len(np.unique(candidate.present)) >= len(candidate.present)
        if tells_of_its_start(candidate.name) and each_its_own:
            yield candidate


def _is_called_receipt_of(candidate: TimeCandidate, event: TimeCandidate | None) -> bool:
    """Return whether a time can be the receipt of an event, by its name or by the event's."""
    sure = tells_of_receipt(candidate.name)
    if role_of_name(candidate.name) == "received":
        return can_be_receipt(candidate, event, sure=sure)
    return event is not None and _comes_after(candidate, event)


def _comes_after(candidate: TimeCandidate, event: TimeCandidate) -> bool:
    """Return whether what was collected, observed or published comes before another time.

    Then that is when it was reported, whatever it is called: no delay is negative, and those of
    what was held back are long.
    """
    either = may_tell_of_event(event.name) and role_of_name(candidate.name) == ""
    return either and is_later(candidate, event) and has_a_tail(lags_of(candidate, event))


def _is_receipt_of(candidate: TimeCandidate, event: TimeCandidate, *, by_records: bool) -> bool:
    """Return whether what may be the event time is when a server wrote down another.

    It rises from record to record, where the other, which it follows closely, does not; or it
    comes after what may be the event time by its name, too.
    """
    if candidate is event or tells_of_event(candidate.name):
        return False
    if by_records or event.rises or not could_be_event_time(event):
        return _comes_after(candidate, event)
    return move_together(candidate, event) and stamps(candidate, event)
