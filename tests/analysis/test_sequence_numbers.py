"""What sequence numbers count, and that nothing is called lost or a duplicate that is not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.analysis.completeness import completeness, losses
from lib.analysis.sequence_numbers import Numbering, RejectedRecords, sequence_numbers
from tests.support.tables import events_table

READ_IN_PART = "records of the topic are not here."


def topic(*rows, **more):
    """An events table of rows (client, session, number, event time in s, …), as they arrived."""
    client, session, number, time = zip(*rows, strict=True)
    ms = [round(1000 * t) for t in time]
    return events_table(ms, ms, client=client, session=session, sequence=number, **more)


def lost(events, **more):
    numbers = sequence_numbers(events, **more)
    return int(np.maximum(numbers.steps - 1, 0).sum())


def duplicates(events):
    return int((sequence_numbers(events).steps == 0).sum())


def one_client(numbers, times=None, client="a"):
    times = range(len(numbers)) if times is None else times
    return topic(*((client, "s", n, t) for n, t in zip(numbers, times, strict=True)))


# What they count


def test_they_count_a_sessions_events_where_each_session_begins_anew():
    rows = [("a", f"s{k}", n, 100 * k + n) for k in range(3) for n in range(1, 6)]
    numbers = sequence_numbers(topic(*rows))
    assert numbers.numbering is Numbering.SESSION
    assert (numbers.steps > 1).sum() == 0


def test_they_count_a_clients_events_where_they_go_on_from_session_to_session():
    rows = [(c, f"{c}/{n > 3}", n, 5 * n + 65 * (n > 3)) for n in range(1, 7) for c in "ab"]
    assert sequence_numbers(topic(*rows)).numbering is Numbering.CLIENT


def test_they_count_a_partitions_events_where_clients_take_turns():
    rows = [(f"c{n % 3}", f"s{n % 3}", n // 2, n) for n in range(60)]
    events = topic(*rows, partition=[n % 2 for n in range(60)])
    assert sequence_numbers(events).numbering is Numbering.PARTITION


def test_they_count_the_topics_events_where_partitions_take_turns():
    rows = [(f"c{n % 3}", f"s{n % 3}", n, n) for n in range(60)]
    events = topic(*rows, partition=[n % 2 for n in range(60)])
    assert sequence_numbers(events).numbering is Numbering.TOPIC


def test_without_a_client_field_no_client_counts():
    rows = [("all", f"all/{n > 3}", n, n + 65 * (n > 3)) for n in range(1, 7)]
    assert sequence_numbers(topic(*rows)).numbering is Numbering.TOPIC


def test_derived_sessions_count_nothing():
    rows = [("a", f"a/{n > 3}", n, n + 65 * (n > 3)) for n in (1, 2, 3, 5, 6)]
    numbers = sequence_numbers(topic(*rows), sessions_are_derived=True)
    assert numbers.numbering is Numbering.CLIENT
    assert (numbers.steps > 1).sum() == 1


def test_two_clients_whose_numbers_follow_by_chance_are_two_counters():
    rows = [row for n in range(1, 7) for row in (("a", "a", n, n), ("b", "b", n + 6, n))]
    assert sequence_numbers(topic(*rows)).numbering is Numbering.SESSION


@pytest.mark.parametrize("numbering", Numbering)
def test_each_way_of_counting_is_said_in_words(numbering):
    assert numbering.sentence.startswith("Sequence numbers count ")
    assert str(numbering) in numbering.sentence


# What is none


@pytest.mark.parametrize(
    "numbers",
    [
        [8811, 23, 97_313, 4],
        [None, None, None],
        [7] * 20,
        [20, 21, 20, 20, 21, 22, 21, 20, 21, 22, 22, 21, 20],
    ],
)
def test_keys_constants_and_measured_values_are_no_sequence_numbers(numbers):
    assert sequence_numbers(one_client(numbers)) is None


def test_without_the_column_there_are_none():
    assert sequence_numbers(events_table([0], [0])) is None
    assert sequence_numbers(events_table([], [], sequence=[])) is None


# Nothing is lost


def test_nothing_is_lost_because_a_client_was_quiet():
    rows = [(c, f"{c}/{n > 3}", n, 5 * n + 65 * (n > 3)) for n in range(1, 7) for c in "ab"]
    assert lost(topic(*rows)) == lost(topic(*rows), sessions_are_derived=True) == 0


def test_nothing_is_lost_because_a_client_was_first_heard_late():
    rows = [("a", "a", n, n) for n in range(1, 20)]
    rows += [("b", "b", n, n) for n in range(15, 20)]
    assert lost(topic(*rows)) == 0


@pytest.mark.parametrize(
    "numbers",
    [
        [*range(1, 9), *range(1, 6)],
        [10, 11, 12, 1, 2, 3],
        [65_534, 65_535, 0, 1, 2],
        [*range(5, 12), *range(1, 4), *range(1, 8)],
    ],
)
def test_nothing_is_lost_or_a_duplicate_because_a_counter_restarted(numbers):
    events = one_client(numbers)
    assert (lost(events), duplicates(events)) == (0, 0)


def test_nothing_is_lost_because_two_devices_count_under_one_name():
    fast = [("a", "s", n, n) for n in range(1, 400)]
    slow = [("a", "s", n, 7.3 * n + 0.1) for n in range(1, 50) if n not in (20, 21)]
    assert lost(topic(*sorted(fast + slow, key=lambda row: row[3]))) == 0


def test_nothing_is_lost_because_a_counter_goes_on_with_its_next_thousand():
    numbers = [*range(1, 41), *range(1001, 1041), 1043]
    assert lost(one_client(numbers)) == 2


def test_what_is_lost_before_and_after_a_restart_is_lost():
    assert lost(one_client([1, 2, 4, 5, 1, 2, 3, 5, 6, 7])) == 2


def test_events_that_arrive_newest_first_are_no_restarts():
    assert lost(one_client([1, 2, 6, 5, 3, 7, 8], times=[1, 2, 6, 5, 3, 7, 8])) == 1


def test_a_late_event_of_the_run_before_loses_nothing():
    """The counter restarts at once; what it gave before arrives last."""
    assert lost(one_client([0, 1, 2, 3, 4171], times=[1, 2, 3, 4, 0])) == 0


def test_events_of_a_clock_that_was_set_back_are_no_restart():
    times = [1, 2, 3, 4, 5, 2, 3, 4, 5, 6, 7]
    events = one_client([*range(1, 12)], times=times)
    assert (lost(events), duplicates(events)) == (0, 0)


def test_numbers_that_change_places_at_one_moment_are_no_restart():
    assert lost(one_client([3, 1, 2, 4, 5, 7, 6, 8], times=[1, 1, 1, 2, 3, 4, 4, 5])) == 0


@pytest.mark.parametrize(
    ("numbers", "times"),
    [
        ([*range(10), 8, *range(10, 20)], None),
        ([*range(10), 9, 10, 11, 12], [*range(10), 9.5, 9.4, 11, 12]),
        ([*range(20), 5, 9, 17, 18, *range(20, 40)], None),
        ([*range(20), 15, 16, 17, 20, 21, 22], None),
        ([*range(20), 17, 17, 17, 20, 21, 22], None),
        ([*range(20), 18, 11], None),
    ],
)
def test_nothing_is_lost_because_a_number_was_sent_again_with_another_time(numbers, times):
    events = one_client(numbers, times)
    assert (lost(events), duplicates(events)) == (0, 0)


@given(
    st.lists(st.booleans(), min_size=4, max_size=80),
    st.dictionaries(st.integers(0, 79), st.integers(1, 8), max_size=20),
)
def test_what_is_sent_again_with_another_time_loses_no_more_than_was(run, again):
    """Each number that is sent again is so within eight of the client's intervals."""
    rows, inner, _ = told([run])
    more = [(n, t + 0.5 + again[place]) for place, (n, t) in enumerate(rows) if place in again]
    rows = sorted(rows + more, key=lambda row: row[1])
    events = topic(*(("a", "s", n, t) for n, t in rows)) if rows else None
    if events is not None and sequence_numbers(events) is not None:
        assert lost(events) <= inner


# What clients share, and what is in doubt


def received_in_turn(missing, *, clients=3, events=400):
    """A collector gives numbers as events arrive; every other one was overtaken by the next."""
    rows = [
        (f"c{n % clients}", f"s{n % clients}", n, n + 2 * (n % 2))
        for n in range(events)
        if n not in missing
    ]
    return topic(*rows, partition=[row[2] % 2 for row in rows])


def test_what_is_missing_from_a_counter_of_arrivals_is_lost_whenever_events_happened():
    missing = range(40, 360, 5)
    numbers = sequence_numbers(received_in_turn(missing))
    assert numbers.numbering is Numbering.TOPIC
    assert int(np.maximum(numbers.steps - 1, 0).sum()) == len(missing)
    assert (numbers.doubtful, numbers.doubt) == (0, "")


def test_the_events_around_a_gap_of_a_shared_counter_are_known():
    events = received_in_turn([100, 101, 102, 200])
    numbers = sequence_numbers(events)
    below, above = (events["EventID"].to_numpy()[at].tolist() for at in numbers.gaps)
    assert (below, above) == ([99, 199], [103, 201])
    assert losses(events, numbers)["Lost"].tolist() == [3, 1]
    assert completeness(events, numbers.steps, of_clients=False)["Lost"].isna().all()


def test_what_clients_count_is_their_own():
    events = one_client([1, 2, 4, 5, 6])
    numbers = sequence_numbers(events)
    assert (numbers.gaps, losses(events, numbers)) == (None, None)
    assert numbers.own(np.zeros(5, np.int32), np.array([True])).tolist() == numbers.steps.tolist()


def test_a_client_lacks_nothing_of_a_shared_counter_nor_a_session_of_its_clients():
    shared = sequence_numbers(received_in_turn([100]))
    assert shared.own(np.zeros(399, np.int32), np.array([False])).max() == 1
    rows = [("a", f"a/{n % 2}", n, n) for n in range(40) if n != 20]
    rows += [("b", f"b/{n % 2}", n, n) for n in range(40)]
    of_clients = sequence_numbers(topic(*rows), sessions_are_derived=True)
    assert of_clients.own(np.zeros(79, np.int32), np.array([False])).max() == 2
    assert of_clients.own(np.zeros(79, np.int32), np.array([True])).max() == 1


def test_what_is_missing_where_several_devices_count_is_in_doubt():
    fast = [("a", "s", n, n) for n in range(1, 400) if n not in (300, 301)]
    slow = [("a", "s", n, 7.3 * n + 0.1) for n in range(1, 50)]
    numbers = sequence_numbers(topic(*sorted(fast + slow, key=lambda row: row[3])))
    assert (numbers.steps.max(), numbers.doubtful) == (1, 2)
    assert numbers.doubt.startswith("2 numbers are missing, which need not be lost: ")


def test_what_is_missing_where_records_were_not_read_is_in_doubt():
    rejected = RejectedRecords(others=True)
    numbers = sequence_numbers(one_client([1, 2, 4, 5, 6]), rejected=rejected)
    assert (numbers.steps.max(), numbers.doubtful) == (1, 1)
    assert numbers.doubt.endswith("1 number is missing, which need not be lost: " + READ_IN_PART)


def test_what_a_partition_had_before_it_begins_is_in_doubt():
    """Its first records have expired: the collector gave them the numbers that are missing."""
    missing = [*range(1, 200, 2), 300]
    events = received_in_turn(missing)
    assert (lost(events), sequence_numbers(events).doubtful) == (101, 0)
    later = events.assign(KafkaOffset=events["KafkaOffset"] + 100 * (events["KafkaPartition"] == 1))
    numbers = sequence_numbers(later)
    assert (lost(later), numbers.doubtful) == (1, 100)
    assert numbers.doubt.endswith(READ_IN_PART)
    assert losses(later, numbers)["Lost"].tolist() == [1]


def test_a_loss_beside_numbers_that_are_sent_again_with_another_time_is_lost():
    again = list(range(0, 200, 9))
    missing = {n + 1 for n in again[::4]}
    rows = [(n, n) for n in range(200) if n not in missing] + [(n, n + 4.5) for n in again]
    numbers, times = zip(*sorted(rows, key=lambda row: row[1]), strict=True)
    assert lost(one_client(numbers, times)) == len(missing)


# Duplicates


def test_the_same_number_of_another_event_is_no_duplicate():
    assert duplicates(one_client([1, 2, 3, 1, 2, 3])) == 0
    assert duplicates(one_client([1, 2, 3, 1, 2, 3], times=[1, 2, 3, 1, 2, 3])) == 3


def test_steps_tell_repeats_from_successors_and_from_gaps():
    rows = [("x", "a", 1, 0), ("x", "b", 7, 1), ("x", "a", None, 2), ("x", "b", 8, 2.5)]
    rows += [("x", "a", 2, 3), ("x", "a", 1, 0), ("x", "a", 5, 5), ("x", "a", 6, 6)]
    assert sequence_numbers(topic(*rows)).steps.tolist() == [-1, -1, -1, 1, 1, 0, 3, 1]


# Rejected records


def test_numbers_of_rejected_records_are_not_missing():
    events = one_client([1, 2, 5, 6, 7, 9, 10])
    numbers = sequence_numbers(events, rejected=RejectedRecords(2, np.array([3, 4])))
    assert numbers.in_rejected == 2
    assert int(np.maximum(numbers.steps - 1, 0).sum()) == 1


def test_without_their_numbers_rejected_records_explain_nothing():
    events = one_client([1, 2, 5, 6, 7])
    numbers = sequence_numbers(events, rejected=RejectedRecords(2))
    assert (numbers.in_rejected, lost(events, rejected=RejectedRecords(2))) == (0, 2)


# Events without a number


@pytest.mark.parametrize("every", [2, 3, 5])
def test_what_arrived_without_its_number_is_not_lost(every):
    numbers = [None if n % every == 1 else n for n in range(1, 40)]
    events = one_client(numbers)
    assert sequence_numbers(events).numbering is Numbering.SESSION
    assert lost(events) == 0


def test_events_that_are_never_numbered_hide_no_loss():
    numbers = [n // 2 if n % 2 else None for n in range(40)]
    del numbers[20:26]
    assert lost(one_client(numbers)) == 3


@given(st.lists(st.sampled_from(["numbered", "without", "lost"]), min_size=4, max_size=60))
def test_whatever_is_without_a_number_no_more_is_lost_than_was(fates):
    rows = [
        ("a", "s", None if fate == "without" else n, n)
        for n, fate in enumerate(fates)
        if fate != "lost"
    ]
    if rows and sequence_numbers(topic(*rows)) is not None:
        assert lost(topic(*rows)) <= fates.count("lost")


# Whatever happens

counters = st.lists(st.lists(st.booleans(), min_size=4, max_size=30), min_size=1, max_size=4)
"""Runs of a client's counter, each from number 1 on: whether the event was lost."""


def told(runs):
    """What arrived of runs, in order: number and moment; and how many inner ones, and first ones
    of a run, did not."""
    rows, inner, first, moment = [], 0, 0, 0
    for run in runs:
        there = [n for n, is_lost in enumerate(run, start=1) if not is_lost]
        if len(there) < 3:
            continue
        rows += [(n, moment + n) for n in there]
        inner += there[-1] - there[0] + 1 - len(there)
        first += there[0] - 1
        moment += 100
    return rows, inner, first


@given(counters, st.dictionaries(st.integers(0, 119), st.integers(0, 150)))
def test_no_more_is_lost_than_was_whatever_is_overtaken(runs, delays):
    rows, inner, first = told(runs)
    late = [t + delays.get(place, 0) for place, (_, t) in enumerate(rows)]
    rows = [row for _, row in sorted(zip(late, rows, strict=True))]
    events = topic(*(("a", "s", n, t) for n, t in rows)) if rows else None
    if events is not None and sequence_numbers(events) is not None:
        # Where a run's first numbers are lost, the others may go on above those of the run before.
        assert lost(events) <= inner + first
        assert duplicates(events) == 0


@given(st.lists(st.booleans(), min_size=4, max_size=60), st.randoms())
def test_of_one_run_exactly_what_was_lost_is_in_any_order_of_arrival(run, rng):
    rows, missing, _ = told([run])
    rng.shuffle(rows)
    events = topic(*(("a", "s", n, t) for n, t in rows)) if rows else None
    if events is not None and sequence_numbers(events) is not None:
        assert lost(events) == missing


@given(counters, st.lists(st.integers(0, 200), max_size=20))
def test_copies_change_no_loss_and_each_is_a_duplicate(runs, copied):
    rows, _, _ = told(runs)
    if not rows or sequence_numbers(topic(*(("a", "s", n, t) for n, t in rows))) is None:
        return
    copies = [rows[c % len(rows)] for c in copied]
    events, more = (topic(*(("a", "s", n, t) for n, t in some)) for some in (rows, rows + copies))
    assert lost(more) == lost(events)
    assert duplicates(more) == len(copies)


@given(counters, st.sets(st.integers(1, 30)))
def test_steps_and_sessions_agree(runs, some):
    rows, _, _ = told(runs)
    if not rows:
        return
    events = topic(*(("a", f"s{n in some}", n, t) for n, t in rows))
    numbers = sequence_numbers(events)
    if numbers is not None:
        table = completeness(events, numbers.steps)
        assert table["Lost"].sum() == np.maximum(numbers.steps - 1, 0).sum()
        assert table["Duplicates"].sum() == (numbers.steps == 0).sum()
