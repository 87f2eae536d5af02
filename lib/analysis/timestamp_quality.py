"""Whether a topic's received times are times at which a broker or gateway received something.

With LogAppendTime the broker stamps a record when it appends it. With CreateTime the record's
timestamp is whatever the producer said: a gateway's time of receipt, a copy of the event time, or
what a mirror carried over from the topic that it read. Received time may be a field instead, which
a collector wrote. Only what the records show is judged: `order_question` counts it over the
topic, `verdict_of` says what it means.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.analysis import kernels
from lib.analysis.delays import largest_of_each
from lib.analysis.received import find_span, with_received_time
from lib.analysis.tally import Tally, find_median
from lib.core.blockwise import Answer, Carry, added, answered, as_it_is, in_step
from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    PARTITION,
    RECEIVED_TIME,
    RECEIVED_TIME_TYPE,
    RECORD_TIME,
)
from lib.core.formatting import counted, duration, percent
from lib.core.jit import compiled
from lib.core.moments import is_of_our_age
from lib.sources.records import CREATE_TIME, LOG_APPEND_TIME

if TYPE_CHECKING:
    import pandas as pd

    from lib.analysis.kernels import Codes, Ints
    from lib.core.blockwise import Question, Steps

    _Reached = tuple[dict[int, int], dict[int, int], dict[int, int]]

CONSTANT_SHARE: Final = 0.9
"""With at least this share of one and the same delay, a received time is a copy."""
CARRIED_OVER: Final = 4
"""At most one record in so many is below the one just before it where a mirror wrote in batches."""


FEW: Final = 10
"""Of fewer records one received time for all is no reason for doubt: one batch, one clock."""
_NEVER: Final = np.iinfo(np.int64).min
_LATEST: Final = np.iinfo(np.int64).max


class Trust(StrEnum):
    """How much received time means."""

    RECEIVED = "received"
    """Stamped by the broker on append, and the records agree."""
    STATED = "stated"
    """Stated by producers, by a field or by whom is unknown; nothing speaks against it."""
    LITTLE = "little"
    """It means little: no delay can be read off it."""
    NONE = "none"
    """No event has one."""


class Stamp(StrEnum):
    """Who set the received times, as far as the values tell."""

    BROKER = "broker"
    PRODUCER = "producer"
    BOTH = "broker and producers"
    FIELD = "field"
    COPY = "copy"
    MIRROR = "mirror"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Verdict:
    """What the received times of a topic are worth.

    Attributes
    ----------
    trust
        How much they mean.
    sentence
        Why, and what can be told by them, in plain words with their numbers.
    events
        Number of events that it was judged by.
    stamp
        Who set them.
    missing
        Events without a received time: left out of what needs one.
    in_order
        Whether offsets follow the order of receipt. Where not, lateness is that of another order.
    of_event_times
        Whether it is the event times that are worth nothing, so that the received ones do not help.
    """

    trust: Trust
    sentence: str
    events: int
    stamp: Stamp = Stamp.UNKNOWN
    missing: int = 0
    in_order: bool = True
    of_event_times: bool = False

    @property
    def usable(self) -> bool:
        """Whether a delay can be read off them: if not, what needs a received time is withheld."""
        return self.trust in (Trust.RECEIVED, Trust.STATED)


@dataclass(frozen=True)
class TimestampCounts:
    """What the received times of a topic show, pooled over all events.

    Attributes
    ----------
    events
        Number of events with a received time.
    missing
        Number of events without.
    from_field
        Whether received time is a field, not the record's timestamp.
    create_time, log_append_time
        Events whose record has that kind of timestamp; the rest is of unknown kind.
    commonest_delay, commonest_share
        The delay that most events have, ms, and the share of the events that have it, 0 to 1.
    backwards
        Events with a received time below an earlier one of their partition.
    falls
        Events with a received time below that just before it in their partition.
    out_of_order_events
        Events with an event time below an earlier one of their partition.
    own_backwards
        Events with a received time below an earlier one of their client and partition.
    clients
        Number of clients.
    furthest_back, mean_back
        The largest step of `backwards`, and the mean over all events (0 for those that rise), ms.
    typical_delay
        Median size of a delay, whatever its sign, ms; 0 where no timestamp runs backwards.
    first
        The first received time, epoch ms.
    misdated
        Whether received times are not of our age (1990 to 2100) although event times are.
    after_the_one
        Events that happened after the one received time that all have; 0 where there are several.
    """

    events: int
    missing: int
    from_field: bool
    create_time: int
    log_append_time: int
    commonest_delay: int
    commonest_share: float
    backwards: int
    falls: int
    out_of_order_events: int
    own_backwards: int
    clients: int
    furthest_back: int
    mean_back: float
    typical_delay: float
    first: int
    misdated: bool
    after_the_one: int

    @property
    def out_of_order(self) -> bool:
        """Whether times run backwards, on average, by as much as the typical size of a delay."""
        return self.backwards > 0 and self.mean_back >= self.typical_delay

    @property
    def carried_over(self) -> bool:
        """Whether they do so only from batch to batch, and never for a client."""
        in_batches = CARRIED_OVER * self.falls <= self.events
        return self.out_of_order and in_batches and self.clients > 1 and not self.own_backwards

    @property
    def stamped(self) -> bool:
        """Whether the records are Kafka's, not rows of a file in whatever order."""
        return self.create_time + self.log_append_time > 0

    @property
    def by_event_time(self) -> bool:
        """Whether rows of a file are sorted by event time, and not by received time."""
        in_order = not self.stamped and not self.out_of_order_events
        return in_order and self.backwards > 0 and self.events >= FEW


def assess_timestamps(events: pd.DataFrame) -> Verdict:
    """Return what the received times of an events table, in **arrival order**, are worth."""
    heard = with_received_time(events)
    order = answered(order_question(heard))
    return assess_order(order, own_backwards(heard) if order.backwards else NO_OWN, len(events))


def assess_order(order: ReceivedOrder, own: OwnBackwards, events: int) -> Verdict:
    """Return the result of `assess_timestamps` of so many events from what they show."""
    if not events:
        return Verdict(Trust.STATED, "There are no events to judge received time by.", 0)
    if not order.events:
        return Verdict(Trust.NONE, _NONE, 0, missing=events)
    return verdict_of(order.counts(own, events - order.events))


@dataclass(frozen=True)
class OwnBackwards:
    """Events received before an earlier one of their client and partition; and the clients."""

    events: int
    clients: int

    def __add__(self, other: OwnBackwards) -> OwnBackwards:
        """Return that of the events of both, which have no client in common."""
        return OwnBackwards(self.events + other.events, self.clients + other.clients)


NO_OWN: Final = OwnBackwards(0, 0)


@dataclass(frozen=True, eq=False)
class ReceivedOrder:
    """What the order of received times in their partitions shows, and how often each delay occurs.

    Attributes as in `TimestampCounts`; `back` is the sum over all events of how far they run
    backwards, ms, and `received` the smallest and the largest received time, epoch ms.
    """

    events: int
    from_field: bool
    create_time: int
    log_append_time: int
    backwards: int
    falls: int
    out_of_order_events: int
    furthest_back: int
    back: int
    delays: Tally
    received: tuple[int, int]
    first: int | None
    misdated: bool

    def __add__(self, other: ReceivedOrder) -> ReceivedOrder:
        """Return that of the events of both, which follow one another."""
        return ReceivedOrder(
            self.events + other.events,
            self.from_field or other.from_field,
            self.create_time + other.create_time,
            self.log_append_time + other.log_append_time,
            self.backwards + other.backwards,
            self.falls + other.falls,
            self.out_of_order_events + other.out_of_order_events,
            max(self.furthest_back, other.furthest_back),
            self.back + other.back,
            self.delays + other.delays,
            (
                min(self.received[0], other.received[0]),
                max(self.received[1], other.received[1]),
            ),
            other.first if self.first is None else self.first,
            self.misdated,
        )

    def counts(self, own: OwnBackwards, missing: int) -> TimestampCounts:
        """Return what is counted over the topic; `own` only matters where times run backwards."""
        commonest = int(self.delays.count.argmax())
        return TimestampCounts(
            events=self.events,
            missing=missing,
            from_field=self.from_field,
            create_time=self.create_time,
            log_append_time=self.log_append_time,
            commonest_delay=int(self.delays.value[commonest]),
            commonest_share=float(self.delays.count[commonest] / self.events),
            backwards=self.backwards,
            falls=self.falls if self.backwards else 0,
            out_of_order_events=self.out_of_order_events,
            own_backwards=own.events if self.backwards else 0,
            clients=own.clients if self.backwards else 0,
            furthest_back=self.furthest_back,
            mean_back=self.back / self.events,
            typical_delay=self.delays.sizes.median if self.backwards else 0.0,
            first=self.received[0] if self.first is None else self.first,
            misdated=self.misdated,
            after_the_one=self.delays.below(0) if self.received[0] == self.received[1] else 0,
        )


def order_question(heard: pd.DataFrame) -> Question[ReceivedOrder]:
    """Ask what the order of received times shows, of blocks that follow one another.

    `heard` are the block's events that have a received time, in **arrival order**.
    """
    received, happened = (kernels.ints(heard[name]) for name in (RECEIVED_TIME, EVENT_TIME))
    misdated = yield from _find_misdated(received, happened)
    each = kernels.group_by(heard, PARTITION)
    numbers = [int(number) for number in each.labels]
    reached, ended, latest = (np.full(each.n, _NEVER) for _ in range(3))
    _reach(each.codes, received, happened, reached, ended, latest)
    own = (dict(zip(numbers, of.tolist(), strict=True)) for of in (reached, ended, latest))
    before = yield Carry(tuple(own), _and_then, ({}, {}, {}))
    reached, ended, latest = (
        np.array([of.get(number, _NEVER) for number in numbers], np.int64) for of in before
    )
    backwards, falls, out_of_order, furthest, back = _count_backwards(
        each.codes, received, happened, reached, ended, latest
    )
    kinds = heard.get(RECEIVED_TIME_TYPE)
    found = ReceivedOrder(
        events=len(heard),
        from_field=RECORD_TIME in heard,
        create_time=0 if kinds is None else int(np.count_nonzero(kinds == CREATE_TIME)),
        log_append_time=0 if kinds is None else int(np.count_nonzero(kinds == LOG_APPEND_TIME)),
        backwards=backwards,
        falls=falls,
        out_of_order_events=out_of_order,
        furthest_back=furthest,
        back=back,
        delays=Tally.of(received - happened),
        received=(int(received.min(initial=_LATEST)), int(received.max(initial=_NEVER))),
        first=int(received[0]) if len(received) else None,
        misdated=misdated,
    )
    return Answer(found, added, as_it_is)


def _find_misdated(received: Ints, happened: Ints) -> Steps[bool]:
    """Find whether events happened in our age, in the median, and received times are of another."""
    if all(map(is_of_our_age, (yield from find_span(received)))):
        return False
    medians = yield from in_step(
        {"event": find_median(happened), "received": find_median(received)}
    )
    return is_of_our_age(medians["event"]) and not is_of_our_age(medians["received"])


def _and_then(one: _Reached, other: _Reached) -> _Reached:
    return (
        largest_of_each(one[0], other[0]),
        {**one[1], **other[1]},
        largest_of_each(one[2], other[2]),
    )


@compiled
def _reach(
    codes: Codes, received: Ints, happened: Ints, reached: Ints, ended: Ints, latest: Ints
) -> None:
    """Find each partition's largest and last received time, and its latest event time."""
    for event in range(len(codes)):
        code = codes[event]
        reached[code] = max(reached[code], received[event])
        latest[code] = max(latest[code], happened[event])
        ended[code] = received[event]


@compiled
def _count_backwards(
    codes: Codes, received: Ints, happened: Ints, reached: Ints, ended: Ints, latest: Ints
) -> tuple[int, int, int, int, int]:
    """Count what runs backwards in its partition, of which it is known what `_reach` finds so far.

    Events received before an earlier one; before the one just before them; that happened before an
    earlier one. And by how much the first are below the largest so far: the most, and the sum, ms.
    """
    backwards = falls = out_of_order = furthest = total = 0
    for event in range(len(codes)):
        code, at = codes[event], received[event]
        reached[code] = max(reached[code], at)
        latest[code] = max(latest[code], happened[event])
        back = reached[code] - at
        backwards += back > 0
        furthest = max(furthest, back)
        total += back
        falls += at < ended[code]
        ended[code] = at
        out_of_order += happened[event] < latest[code]
    return backwards, falls, out_of_order, furthest, total


def own_backwards(heard: pd.DataFrame) -> OwnBackwards:
    """Return how many events run backwards in their client and partition, in **arrival order**."""
    client, partition = kernels.group_by(heard, CLIENT), kernels.group_by(heard, PARTITION)
    own = client.codes.astype(np.int64) * partition.n + partition.codes
    codes = np.unique(own, return_inverse=True)[1].astype(np.int32)
    back = kernels.behind_running_max(codes, kernels.ints(heard[RECEIVED_TIME]))
    return OwnBackwards(int(np.count_nonzero(back)), client.n)


def verdict_of(counts: TimestampCounts) -> Verdict:
    """Return what the received times are worth.

    They mean *little* where they are not of our age although event times are. Also, unless the
    broker stamped them: where at least `CONSTANT_SHARE` of them have the same delay; where all are
    the same and most events happened after it; or where they run backwards in their partitions, on
    average over all records, by as much as the typical size of a delay: then they are wrong by as
    much as they would tell. Unless they do so from batch to batch only: a mirror carried them over.
    Rows of a file that are sorted by event time are said to be.
    """
    by_broker = not counts.from_field and counts.log_append_time == counts.events
    trust, stamp, sentence, in_order = Trust.STATED, *_stated(counts), True
    if counts.misdated:
        trust, sentence = Trust.LITTLE, _misdated(counts)
    elif by_broker:
        trust, stamp, sentence = Trust.RECEIVED, Stamp.BROKER, _received(counts)
    elif counts.commonest_share >= CONSTANT_SHARE and counts.events > 1:
        trust, stamp, sentence = Trust.LITTLE, Stamp.COPY, _copied(counts)
    elif counts.events >= FEW and 2 * counts.after_the_one > counts.events:
        trust, sentence = Trust.LITTLE, _all_the_same(counts)
    elif counts.carried_over:
        stamp, sentence, in_order = Stamp.MIRROR, _carried_over(counts), False
    elif counts.out_of_order:
        trust, sentence, in_order = Trust.LITTLE, _disordered(counts), False
    elif counts.by_event_time:
        sentence, in_order = _by_event_time(counts), False
    if counts.missing:
        whole = counted(counts.events + counts.missing, "event")
        has, is_ = ("has", "is") if counts.missing == 1 else ("have", "are")
        sentence += f" {counts.missing:,} of {whole} {has} no received time and {is_} left out."
    return Verdict(trust, sentence, counts.events, stamp, counts.missing, in_order)


_NONE: Final = (
    "No event has a received time: no delay, outage, clock error or lateness can be told. Choose "
    "the field that holds it."
)


def _received(counts: TimestampCounts) -> str:
    if not counts.backwards:
        return (
            "The broker stamped every record when it appended it (LogAppendTime): a delay is all "
            "that an event took until then, and its client's clock."
        )
    return (
        f"The broker stamped every record (LogAppendTime), yet {counts.backwards:,} timestamps run "
        f"backwards in their partition, by up to {_furthest(counts)}: a broker's clock was "
        "set back, and delays around it are wrong by as much."
    )


def _copied(counts: TimestampCounts) -> str:
    delay = counts.commonest_delay
    same = "the event time itself" if delay == 0 else f"the event time {delay:+,} ms"
    by_producer = counts.create_time and not counts.from_field
    who = "the producer copied it" if by_producer else "it is a copy"
    return (
        f"Received time means little here: for {percent(counts.commonest_share, 0)} of the "
        f"records it is {same}, so {who} and no delay can be seen."
    )


def _misdated(counts: TimestampCounts) -> str:
    return (
        f"Received time means little here: it begins at {_written(counts.first)}, and event times "
        "are dates of our age. A clock was not set, the unit is another, or it is no time of "
        "receipt. Choose the field that holds it."
    )


def _all_the_same(counts: TimestampCounts) -> str:
    return (
        f"Received time means little here: all {counts.events:,} records have the same, "
        f"{_written(counts.first)}, and {counts.after_the_one:,} of the events happened after it."
    )


def _written(ms: int) -> str:
    return f"{np.datetime64(ms, 'ms')}".replace("T", " ") + " UTC"


def _carried_over(counts: TimestampCounts) -> str:
    how = (
        f"Received times run backwards in their partition, by up to {_furthest(counts)}, but never"
    )
    cannot = "which event came before another client's, and lateness, cannot be told."
    if not counts.stamped:
        return (
            f"{how} for a client: the rows are sorted by client, or a mirror carried the times of "
            f"several partitions over, or clients stamped them. In this order {cannot}"
            f"{_OTHER_ORDER}"
        )
    return (
        f"{how} for a client: a mirror wrote batches of several partitions and carried their "
        "timestamps over, or clients stamped them. A delay ends where the first broker or client "
        f"stamped it; {cannot}"
    )


def _furthest(counts: TimestampCounts) -> str:
    return duration(counts.furthest_back)


def _by_event_time(counts: TimestampCounts) -> str:
    return (
        f"The rows are sorted by event time: {counts.backwards:,} of {counts.events:,} received "
        f"times run backwards, by up to {_furthest(counts)}. In this order no event is late: how "
        "far they come out of order, and what an engine drops, is told once the rows are sorted by "
        "received time."
    )


def _disordered(counts: TimestampCounts) -> str:
    what = "record timestamps" if counts.stamped and not counts.from_field else "received times"
    where, or_else = ("here", "") if counts.stamped else ("in this order", _OTHER_ORDER)
    return (
        f"Received time means little {where}: {counts.backwards:,} of {counts.events:,} {what} run "
        f"backwards in their partition, by up to {_furthest(counts)}, as much as delays are "
        f"long.{or_else}"
    )


_OTHER_ORDER: Final = (
    " If the rows of the file are not in the order in which they came, as those of a query need "
    "not be, sort them by it."
)


def _stated(counts: TimestampCounts) -> tuple[Stamp, str]:
    order = "it rises" if not counts.backwards else f"all but {counts.backwards:,} records rise"
    rises = f"in every partition {order} as times of receipt would"
    if counts.from_field:
        return Stamp.FIELD, (
            f"Received time is a field; {rises}. A delay ends where a collector wrote it; the "
            "record's timestamp tells what lies behind."
        )
    if counts.log_append_time:
        return Stamp.BOTH, (
            f"The broker stamped {counts.log_append_time:,} records, producers the others; {rises}."
        )
    if counts.create_time:
        return Stamp.PRODUCER, (
            f"Producers stated the received time (CreateTime); {rises}. Where a gateway stamped "
            "it, or the source of a mirror, a delay ends there; where clients did, no network is "
            "in it."
        )
    return Stamp.UNKNOWN, f"Who stamped the received time is unknown; {rises}."
