"""Two topics that a cluster holds with every field, compared as `two_topics.compared` does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from lib.analysis.delays import quantile_table
from lib.analysis.of_topic import by_diagnosis, why_no_delay
from lib.analysis.outages import outages_and_rhythm, outages_and_rhythm_question
from lib.analysis.received import with_received_time
from lib.analysis.sequence_numbers import NONE_REJECTED
from lib.analysis.side_by_side import beside, bins_of, find_stretches, moved
from lib.analysis.tally import NO_VALUES, Tally
from lib.analysis.time_notices import diagnosis_question
from lib.analysis.timestamp_quality import assess_order, order_question, own_backwards
from lib.analysis.two_topics import (
    MatchedTopics,
    caveats,
    key_of,
    names_of,
    none_in_both,
    why_not_apart,
)
from lib.analysis.way import (
    Way,
    is_by_broker,
    same_times,
    told_of_way,
    why_withheld,
    with_broker_times,
)
from lib.charts.delay_data import over_time_question
from lib.cluster.asking import ask
from lib.cluster.matching import comparable, matched
from lib.core.blockwise import Answer, added, as_it_is, first_of, in_step, together
from lib.core.columns import EVENT_TIME, RECEIVED_TIME
from lib.report.against import document_of_matched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    from distributed import Client, Future

    from lib.analysis.timestamp_quality import OwnBackwards, ReceivedOrder, Verdict
    from lib.analysis.two_topics import Both
    from lib.charts.delay_data import DelayOverTime
    from lib.cluster.matching import Matched
    from lib.cluster.topic import Doing, HeldTopic
    from lib.core.blockwise import Question
    from lib.core.times.diagnosis import Diagnosis
    from lib.events.time_columns import TimeNotes
    from lib.report.against import Document


@dataclass(frozen=True)
class ComparedOnCluster:
    """Two topics compared.

    Attributes
    ----------
    told
        What can be told of them.
    matched
        Their events, on the cluster; None where they are not matched.
    over_time
        The delay of the way over time; None where it is not told.
    """

    told: MatchedTopics
    matched: Matched | None = None
    over_time: DelayOverTime | None = None


def compared_on_held(
    client: Client, here: HeldTopic, there: HeldTopic, by: str | None, *, doing: Doing
) -> ComparedOnCluster:
    """Return two topics matched by one of `two_topics.keys_to_choose`; None: by numbers."""
    both = comparable(here), comparable(there)
    key, why_not = key_of(both, by)
    if why_not:
        return ComparedOnCluster(MatchedTopics(why_not))
    doing("Matching")
    found = matched(client, here, there, key, both)
    if why_not := why_not_apart(key, found.apart, both):
        return ComparedOnCluster(MatchedTopics(why_not))
    if not found.counts.pairs:
        return ComparedOnCluster(MatchedTopics(none_in_both(key, both)))
    doing("Looking at the way between them")
    way, over_time = _way(client, here, there, found.ways, both)
    said = caveats(key, found.counts, found.apart, both)
    told = MatchedTopics("", key, found.counts, found.fields, way, said)
    return ComparedOnCluster(told, found, over_time)


def against_on_held(
    client: Client, here: HeldTopic, there: HeldTopic, by: str | None, *, doing: Doing
) -> Document:
    """Return what `lib.report.against.against_of` returns, of topics held with every field."""
    found = compared_on_held(client, here, there, by, doing=doing)
    first, second = here.topic, there.topic
    names = names_of(first.report.topic, second.report.topic)
    return document_of_matched(found.told, names, (first.contents.events, second.contents.events))


def _way(
    client: Client, here: HeldTopic, there: HeldTopic, ways: Sequence[Future], both: Both
) -> tuple[Way, DelayOverTime | None]:
    """Return how long matched events took, as `lib.analysis.way.way_between` does."""
    counts: Mapping[str, int] = ask(client, _same, ways)
    by_broker: bool = ask(client, _by_broker, there.in_order)
    verdicts = _verdicts(client, here, there)
    names = names_of(both[0].name, both[1].name)
    withheld = why_withheld(counts["events"], counts["same"], verdicts, names, by_broker=by_broker)
    if withheld:
        nothing, _ = client.submit(_of_none, ways[0], pure=False).result()
        return Way(withheld, quantile_table(NO_VALUES), told_of_way(nothing)), None
    found: Mapping[str, Any] = ask(client, _told, ways)
    outages, _ = found["outages"]
    way = Way("", quantile_table(found["delays"]), told_of_way(outages))
    return way, found["over_time"]


def _same(events: pd.DataFrame) -> Question[dict[str, int]]:
    yield from ()  # a question without a round
    counts = {"events": len(events), "same": same_times(events)}
    return together({name: Answer(count, added, as_it_is) for name, count in counts.items()})


def _by_broker(table: pd.DataFrame) -> Question[bool]:
    yield from ()  # a question without a round
    return Answer(is_by_broker(table), _both, as_it_is)


def _both(one: bool, other: bool) -> bool:
    return one and other


def _verdicts(client: Client, *topics: HeldTopic) -> Iterator[Verdict]:
    """Yield what the times of each topic's broker are worth."""
    for held in topics:
        order: ReceivedOrder = ask(client, _order, held.in_order)
        own: OwnBackwards = ask(client, _own, held.by_client)
        yield assess_order(order, own, held.topic.contents.events)


def tells_delay(client: Client, held: HeldTopic) -> bool:
    """Return whether the received times of a topic tell a delay."""
    if not held.topic.contents.events:
        return False
    order: ReceivedOrder = ask(client, _received_order, held.in_order)
    own: OwnBackwards = ask(client, _own_received, held.by_client)
    notes = held.topic.contents.notes
    diagnosis: Diagnosis | None = None
    if notes:
        diagnosis = ask(client, partial(_diagnosis, notes=notes), held.by_client)
    assessed = assess_order(order, own, held.topic.contents.events)
    return not why_no_delay(by_diagnosis(assessed, diagnosis) if order.events else None)


def _received_order(table: pd.DataFrame) -> Question[ReceivedOrder]:
    return (yield from order_question(with_received_time(table)))


def _own_received(table: pd.DataFrame) -> Question[OwnBackwards]:
    yield from ()  # a question without a round
    return Answer(own_backwards(with_received_time(table)), added, as_it_is)


def _diagnosis(table: pd.DataFrame, notes: Mapping[str, TimeNotes]) -> Question[Diagnosis | None]:
    return (yield from diagnosis_question(with_received_time(table), notes))


def _order(table: pd.DataFrame) -> Question[ReceivedOrder]:
    return (yield from _received_order(with_broker_times(table)))


def _own(table: pd.DataFrame) -> Question[OwnBackwards]:
    return (yield from _own_received(with_broker_times(table)))


def _of_none(events: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return outages_and_rhythm(events.head(0))


def _told(events: pd.DataFrame) -> Question[dict[str, Any]]:
    """Ask for `outages`, `over_time` and `delays`, a tally, of the events of a way."""
    found = yield from in_step(
        {
            "outages": outages_and_rhythm_question(
                events, sensitivity=1.0, sessions_are_derived=False, rejected=NONE_REJECTED
            ),
            "over_time": over_time_question(events),
        }
    )
    delays = (events[RECEIVED_TIME] - events[EVENT_TIME]).to_numpy()
    return together({**found, "delays": Answer(Tally.of(delays), added, as_it_is)})


def side_by_side_on_held(
    client: Client, here: HeldTopic, there: HeldTopic, *, move_ms: int, with_delay: Sequence[bool]
) -> tuple[pd.DataFrame, list[tuple[int, int]]]:
    """Return `lib.analysis.side_by_side.side_by_side`, and each topic's first and last event time.

    Parameters
    ----------
    move_ms
        What the second topic is moved by, ms.
    with_delay
        Of each, whether its received times tell a delay.
    """
    spans: list[tuple[int, int]] = []
    for held, move in ((here, 0), (there, move_ms)):
        assert held.topic.contents.event is not None  # a topic that is shown has events
        first, last = held.topic.contents.event
        spans.append((first + move, last + move))
    between = min(first for first, _ in spans), max(last for _, last in spans)
    bins = bins_of(max(held.topic.contents.events for held in (here, there)))
    found: list[pd.DataFrame] = []
    for held, move, told in zip((here, there), (0, move_ms), with_delay, strict=True):
        put = partial(_stretches, move_ms=move, bins=bins, between=between, with_delay=told)
        found.append(ask(client, put, held.in_order))
    return beside(found), spans


def _stretches(
    table: pd.DataFrame, move_ms: int, bins: int, between: tuple[int, int], *, with_delay: bool
) -> Question[pd.DataFrame]:
    found = yield from find_stretches(moved(table, move_ms), bins, between, with_delay=with_delay)
    return Answer(found, first_of, as_it_is)
