"""A topic or a partition stands still, and what no client's own events tell of it."""

import numpy as np
import pytest

from lib.analysis.analyse import analyse
from lib.analysis.stalls import TOPIC, stalls, stalls_question
from lib.core.columns import EVENT_TIME, PARTITION, RECEIVED_TIME
from tests.support.rounds import answered_in_blocks
from tests.support.tables import events_table

MINUTE = 60_000
BEGIN, END = 30 * MINUTE, 40 * MINUTE


def visitors(arrives, *, partitions=4, minutes=120, seed=1):
    """Visitors who send one event each, to any partition, 20 of them a minute.

    `arrives` is when what is on its way at some moments arrives, ms, by those and partitions.
    """
    rng = np.random.default_rng(seed)
    happened = np.sort(rng.uniform(0, minutes * MINUTE, 20 * minutes))
    partition = rng.integers(partitions, size=len(happened))
    arrived = np.rint(arrives(happened + rng.gamma(2, 100, len(happened)), partition))
    order = np.argsort(arrived, kind="stable")
    client = [f"v{number}" for number in order.tolist()]
    return events_table(
        happened[order].astype(int),
        arrived[order].astype(int),
        client=client,
        partition=partition[order],
    )


def held_up(at, partition, *, of=None, drained_in=5_000):
    """What is due between `BEGIN` and `END` comes afterwards, in order, in so many ms."""
    later = END + (at - BEGIN) / (END - BEGIN) * drained_in
    waits = (at > BEGIN) & (at < END) & ((partition == of) | (of is None))
    return np.where(waits, later, at)


def sentences(events):
    return [f.sentence for f in analyse(events).findings]


def test_a_stall_is_told_where_each_visitor_is_heard_once():
    (sentence,) = sentences(visitors(held_up))
    assert sentence.startswith("No event was received for 10.1 min, ")
    assert sentence.endswith(" events that had been due in that time.")


def test_a_stall_counts_what_was_due_in_it():
    events = visitors(held_up)
    (stall,) = stalls(events)
    was_due = (events[EVENT_TIME] + 168 > stall.last) & (events[EVENT_TIME] + 168 < stall.back)
    late = events[RECEIVED_TIME] >= stall.back
    assert stall.partition == TOPIC
    assert stall.held == pytest.approx((was_due & late).sum(), abs=2)
    assert abs(stall.last - BEGIN) < 0.2 * MINUTE
    assert abs(stall.back - END) < 0.2 * MINUTE


def test_a_partition_that_stalls_is_named_where_clients_send_to_any():
    events = visitors(lambda at, partition: held_up(at, partition, of=2))
    (sentence,) = sentences(events)
    assert sentence.startswith("No event was received in partition 2 for ")
    assert ", while others went on, and then came " in sentence


def clock_set_forward(at, _partition):
    return np.where(at > BEGIN, at + END - BEGIN, at)


def every_quarter_hour(at, _partition):
    return np.ceil(at / (15 * MINUTE)) * 15 * MINUTE + at % 1_000


@pytest.mark.parametrize("way", [clock_set_forward, every_quarter_hour])
def test_no_stall_is_told_of(way):
    assert stalls(visitors(way)) == []


def test_no_stall_is_told_where_nothing_happened():
    events = visitors(lambda at, _partition: at)
    idle = events[EVENT_TIME].between(BEGIN, END)
    assert stalls(events[~idle].reset_index(drop=True)) == []


def test_what_clients_outages_tell_is_not_told_again():
    at = np.arange(0, 120 * MINUTE, 2_000)
    arrived = np.rint(held_up(at + np.arange(len(at)) % 7 * 20, at * 0)).astype(int)
    events = events_table(np.repeat(at, 2), np.repeat(arrived, 2), client=["a", "b"] * len(at))
    assert len(stalls(events)) == 1
    (finding,) = analyse(events).findings
    assert finding.kind == "shared outage"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_few_events_tell_nothing(count):
    assert stalls(events_table(range(count), range(count))) == []


@pytest.mark.parametrize("blocks", [2, 7])
@pytest.mark.parametrize("of", [None, 2])
def test_stalls_are_the_same_in_blocks(blocks, of):
    events = visitors(lambda at, partition: held_up(at, partition, of=of))
    parts = [events.iloc[each::blocks] for each in range(blocks)]
    found = answered_in_blocks([stalls_question(part) for part in parts])
    assert found == stalls(events) != []


def test_others_went_on_only_where_they_did():
    # Given a partition that stalls while nothing happens that others would have received
    events = visitors(lambda at, partition: held_up(at, partition, of=0), partitions=3)
    quiet = (events[PARTITION] != 0) & events[EVENT_TIME].between(BEGIN - 2_000, END)
    # Then it is not told that they received something
    assert not any("others went on" in said for said in sentences(events[~quiet]))
    assert any("others went on" in said for said in sentences(events))
