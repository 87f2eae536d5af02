"""What compiled loops find of arrivals and waits, against plain loops that say what is meant."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lib.analysis import silences
from lib.analysis.client_clocks import client_times, lower_envelopes
from lib.analysis.sequence_numbers import sequence_numbers
from lib.analysis.silences import NOT_WAITING, find_stragglers, find_waits
from lib.core.blockwise import alone
from tests.support.tables import events_table

sent = st.lists(
    st.tuples(
        st.integers(0, 60),  # event time
        st.integers(0, 20),  # delay
        st.sampled_from("ab"),  # client
        st.integers(0, 1),  # session of the client
        st.integers(1, 30),  # number
    ),
    min_size=1,
    max_size=40,
)


def topic(rows):
    rows = sorted(rows, key=lambda row: row[0] + row[1])
    return events_table(
        [row[0] for row in rows],
        [row[0] + row[1] for row in rows],
        client=[row[2] for row in rows],
        session=[f"{row[2]}{row[3]}" for row in rows],
        sequence=[row[4] for row in rows],
    )


def find_arrivals(events, **more):
    envelopes = lower_envelopes(client_times(events))
    numbers = sequence_numbers(events, **more)
    derived = more.get("sessions_are_derived", False)
    found = silences.find_arrivals(events, envelopes, numbers, sessions_are_derived=derived)
    return alone(found)


def units(arrivals):
    """Yield where the arrivals of each unit stand."""
    for begin, end in zip(arrivals.bounds[:-1], arrivals.bounds[1:], strict=True):
        if begin < end:
            yield range(begin, end)


@settings(deadline=None)
@given(sent)
def test_arrivals_are_the_events_by_unit_and_received_time(rows):
    events = topic(rows)
    arrivals = find_arrivals(events)
    own = events.iloc[arrivals.row]
    assert len(set(arrivals.row.tolist())) == len(arrivals.row)
    assert own["Timestamp"].tolist() == arrivals.event_time.tolist()
    assert own["KafkaTimestamp"].tolist() == arrivals.received.tolist()
    assert own["ClientID"].tolist() == list(arrivals.clients[arrivals.client])
    for unit in units(arrivals):
        stand = [(arrivals.received[at], arrivals.row[at]) for at in unit]
        assert stand == sorted(stand)
        assert [bool(arrivals.opens[at]) for at in unit] == [True] + [False] * (len(unit) - 1)


@settings(deadline=None)
@given(sent)
@example([(0, 0, "a", 0, 1), (0, 0, "a", 0, 2)])
def test_news_are_newer_than_all_that_their_unit_sent_before(rows):
    events = topic(rows)
    arrivals = find_arrivals(events)
    session = events["SessionID"].tolist()
    for unit in units(arrivals):
        # Of times without seconds nothing tells which of a minute is the later.
        without_seconds = not (arrivals.event_time[unit.start : unit.stop] % 60_000).any()
        for at in unit:
            before = arrivals.event_time[unit[0] : at]
            newest = before.max(initial=arrivals.event_time[at] - 1)
            is_as_new = without_seconds and arrivals.event_time[at] == newest
            news = arrivals.event_time[at] > newest or is_as_new
            assert arrivals.is_news[at] == news
            same = at > unit[0] and session[arrivals.row[at]] == session[arrivals.row[at - 1]]
            assert arrivals.continues[at] == (news and same)


@settings(deadline=None)
@given(sent)
def test_intervals_are_those_between_events_as_they_happened(rows):
    arrivals = find_arrivals(topic(rows))
    for unit in units(arrivals):
        happened = np.sort(arrivals.event_time[unit.start : unit.stop])
        intervals = np.sort(arrivals.interval[unit.start : unit.stop])
        assert intervals.tolist() == sorted(np.diff(happened, prepend=happened[0]).tolist())


def in_bursts(numbers_of_session):
    """Return a client's events in ten bursts of twenty, of two sessions in turn, 60 s apart."""
    rows = []
    for burst in range(10):
        session = burst % 2
        for at in range(20):
            number = numbers_of_session(burst // 2, at)
            rows.append((60_000 * burst + 100 * at, 10, "a", session, number))
    return topic(rows)


def test_sessions_in_bursts_are_at_once_where_their_numbers_go_on():
    arrivals = find_arrivals(in_bursts(lambda turn, at: 20 * turn + at + 1))
    assert arrivals.several_at_once.tolist() == [True]


def test_names_that_come_again_are_not_sessions_at_once():
    arrivals = find_arrivals(in_bursts(lambda _turn, at: at + 1))
    assert arrivals.several_at_once.tolist() == [False]


def test_where_most_clients_have_sessions_at_once_all_with_several_may():
    """Of the last client one session was cut off, and came when the other was over."""
    rows = []
    for client in "abc":
        for session in (0, 1):
            rows += [(1_000 * at + 500 * session, 10, client, session, at + 1) for at in range(9)]
    for session in (0, 1):
        cut_off = 60_000 if session == 0 else 0
        begin = 30_000 * session
        rows += [
            (begin + 1_000 * at, 10 + cut_off * (at > 3), "d", session, at + 1) for at in range(9)
        ]
    rows += [(1_000 * at, 10, "e", 0, at + 1) for at in range(9)]
    assert find_arrivals(topic(rows)).several_at_once.tolist() == [True] * 4 + [False]
    derived = find_arrivals(topic(rows), sessions_are_derived=True)
    assert not derived.several_at_once.any()


@settings(deadline=None)
@given(sent)
def test_an_event_waits_for_the_first_news_since_it_was_due(rows):
    arrivals = find_arrivals(topic(rows))
    waits = find_waits(arrivals)
    longest = np.full(len(arrivals.row), float(NOT_WAITING))
    for unit in units(arrivals):
        for at in unit:
            since = [
                news
                for news in range(unit[0], at + 1)
                if arrivals.is_news[news] and arrivals.received[news] >= arrivals.due[at]
            ]
            assert waits.ended_by[at] == (since[0] if since else NOT_WAITING)
            if since:
                wait = arrivals.received[since[0]] - arrivals.due[at]
                longest[since[0]] = max(longest[since[0]], wait)
    assert waits.longest.tolist() == longest.tolist()


@settings(deadline=None)
@given(sent)
def test_stragglers_are_news_that_were_due_before_their_unit_was_last_heard(rows):
    arrivals = find_arrivals(topic(rows))
    found, wait = find_stragglers(arrivals)
    expected = {
        at: arrivals.received[at] - arrivals.received[at - 1]
        for unit in units(arrivals)
        for at in unit[1:]
        if arrivals.is_news[at] and arrivals.due[at] <= arrivals.received[at - 1]
    }
    assert dict(zip(found.tolist(), wait.tolist(), strict=True)) == expected


@settings(deadline=None)
@given(sent)
def test_no_event_arrives_before_it_was_due(rows):
    arrivals = find_arrivals(topic(rows))
    assert (arrivals.due <= arrivals.received).all()


def test_a_client_with_few_values_is_drawn_to_what_is_typical_of_all():
    client = np.repeat(np.arange(3, dtype=np.int32), [1_000, 2, 0])
    typical = silences.typical_of_clients(client, np.full(1_002, 80.0), 4, of_all=5.0)
    assert typical[0] > 75
    assert 5 < typical[1] < 10
    assert typical[2:] == pytest.approx([5, 5])


def test_nothing_is_typical_of_no_values():
    assert alone(silences.typical_of_all(np.empty(0))) == 1
