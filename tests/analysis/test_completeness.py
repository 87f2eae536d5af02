"""What is missing from each session, and what came again."""

from hypothesis import given
from hypothesis import strategies as st

from lib.analysis import completeness as module
from lib.analysis.sequence_numbers import sequence_numbers
from tests.support.tables import events_table


def numbered(sequence, session="s", **more):
    times = more.pop("event_time", [1000 * n for n in range(len(sequence))])
    return events_table(times, times, sequence=sequence, session=session, **more)


def completeness(events):
    return module.completeness(events, sequence_numbers(events).steps)


def counts(events):
    return completeness(events)[["Lost", "Duplicates"]].to_numpy().tolist()


def test_a_number_between_two_that_arrived_is_lost():
    assert counts(numbered([1, 2, 5, 6])) == [[2, 0]]


def test_an_event_that_arrives_again_is_a_duplicate():
    assert counts(numbered([1, 2, 2, 2, 3], event_time=[0, 5, 5, 5, 9])) == [[0, 2]]


def test_order_of_arrival_does_not_matter():
    assert counts(numbered([3, 1, 2], event_time=[9, 0, 5])) == [[0, 0]]


def test_numbers_before_the_first_are_unknown():
    assert counts(numbered([4, 5])) == [[0, 0]]


def test_sessions_are_counted_apart():
    events = numbered(
        [1, 1, 3, 2, 2],
        session=["a", "b", "a", "b", "b"],
        client=list("xyxyy"),
        event_time=[0, 1, 2, 3, 3],
    )
    table = completeness(events)
    assert table["SessionID"].tolist() == ["a", "b"]
    assert table["ClientID"].tolist() == ["x", "y"]
    assert table["Lost"].tolist() == [1, 0]
    assert table["Duplicates"].tolist() == [0, 1]


def test_a_number_missing_between_two_sessions_of_a_counter_is_the_later_ones():
    events = numbered([1, 2, 3, 5, 6, 7], session=list("aaabbb"), client="x")
    steps = sequence_numbers(events, sessions_are_derived=True).steps
    assert module.completeness(events, steps)["Lost"].tolist() == [0, 1]


def test_events_without_a_number_are_counted_but_tell_nothing():
    table = completeness(numbered([1, None, 2, 4]))
    assert table["Events"].item() == 4
    assert table["Numbered"].item() == 3
    assert table["Lost"].item() == 1


def test_nothing_is_known_of_a_session_without_numbers():
    table = completeness(numbered([None, 1, 2], session=["a", "b", "b"]))
    assert table["Lost"].isna().tolist() == [True, False]
    assert table["Events"].tolist() == [1, 2]


arrived = st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=3, max_size=60)


@given(arrived)
def test_what_arrived_and_what_was_lost_fill_the_range(pairs):
    """Each event happened at its number's moment; some came again; any order of arrival."""
    sequence = [number for number, again in pairs for _ in range(1 + again)]
    events = numbered(sequence, event_time=[1000 * n for n in sequence])
    numbers = sequence_numbers(events)
    if numbers is not None:
        (row,) = module.completeness(events, numbers.steps).to_dict("records")
        present = row["Numbered"] - row["Duplicates"]
        assert present + row["Lost"] == row["Last"] - row["First"] + 1
        assert present == len(set(sequence))
