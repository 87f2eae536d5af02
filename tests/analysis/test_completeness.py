import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.analysis import completeness as module
from lib.analysis.completeness import are_sequence_numbers, number_steps, numbering_start
from lib.core.columns import OFFSET
from tests.support.tables import events_table


def numbered(sequence, session="s", **more):
    times = [1000 * n for n in range(len(sequence))]
    return events_table(times, times, sequence=sequence, session=session, **more)


def completeness(events, start=None):
    return module.completeness(events, number_steps(events), start)


def has_numbers(events):
    return are_sequence_numbers(number_steps(events))


def counts(events, **more):
    table = completeness(events, **more)
    return table[["Lost", "Duplicates"]].to_numpy().tolist()


def test_a_number_between_two_that_arrived_is_lost():
    assert counts(numbered([1, 2, 5])) == [[2, 0]]


def test_a_number_that_arrives_again_is_a_duplicate():
    assert counts(numbered([1, 2, 2, 2, 3])) == [[0, 2]]


def test_order_of_arrival_does_not_matter():
    assert counts(numbered([3, 1, 2])) == [[0, 0]]


def test_numbers_before_the_first_are_unknown_unless_numbering_is_known_to_start():
    assert counts(numbered([4, 5])) == [[0, 0]]
    assert counts(numbered([4, 5]), start=1) == [[3, 0]]


def test_sessions_are_counted_apart():
    events = numbered([1, 1, 3, 2, 2], session=["a", "b", "a", "b", "b"], client=list("xyxyy"))
    table = completeness(events)
    assert table["SessionID"].tolist() == ["a", "b"]
    assert table["ClientID"].tolist() == ["x", "y"]
    assert table["Lost"].tolist() == [1, 0]
    assert table["Duplicates"].tolist() == [0, 1]


def test_events_without_a_number_are_counted_but_tell_nothing():
    table = completeness(numbered([1, None, 3]))
    assert table["Events"].item() == 3
    assert table["Numbered"].item() == 2
    assert table["Lost"].item() == 1


def test_nothing_is_known_of_a_session_without_numbers():
    table = completeness(numbered([None, 1], session=["a", "b"]))
    assert table["Lost"].isna().tolist() == [True, False]
    assert table["Events"].tolist() == [1, 1]


def test_steps_tell_repeats_from_successors_and_from_gaps():
    events = numbered([1, 7, None, 2, 1, 5], session=["a", "b", "a", "a", "a", "a"])
    assert number_steps(events).tolist() == [-1, -1, -1, 1, 0, 3]


def test_sequence_numbers_are_recognised():
    assert has_numbers(numbered([1, 2, 3, 7]))
    assert not has_numbers(numbered([8811, 23, 97_313]))
    assert not has_numbers(numbered([None, None, None]))
    assert not has_numbers(events_table([0], [0]))


def test_numbering_starts_where_most_sessions_start():
    events = numbered([1, 1, 5], session=["a", "b", "c"])
    assert numbering_start(events) == 1


def test_numbering_starts_nowhere_if_sessions_start_anywhere():
    assert numbering_start(numbered([4, 9, 5], session=["a", "b", "c"])) is None


def test_numbering_start_is_unknown_if_the_log_was_cut_off():
    events = numbered([1, 1], session=["a", "b"])
    assert numbering_start(events.assign(**{OFFSET: [1, 2]})) is None


def test_an_empty_topic_has_no_sessions():
    empty = events_table([], [], sequence=[])
    assert completeness(empty).empty
    assert numbering_start(empty) is None
    assert not has_numbers(empty)


sessions = st.lists(
    st.tuples(st.sampled_from("ab"), st.one_of(st.none(), st.integers(1, 30))), min_size=1
)


@settings(deadline=None)
@given(sessions)
def test_what_arrived_and_what_was_lost_fill_the_range(pairs):
    events = numbered([n for _, n in pairs], session=[s for s, _ in pairs])
    table = completeness(events, start=1).dropna()
    present = table["Numbered"] - table["Duplicates"]
    assert (present + table["Lost"] == table["Last"]).all()


@settings(deadline=None)
@given(sessions)
def test_steps_and_sessions_agree_on_what_is_lost(pairs):
    events = numbered([n for _, n in pairs], session=[s for s, _ in pairs])
    missing = np.maximum(number_steps(events) - 1, 0).sum()
    assert missing == completeness(events)["Lost"].sum()


@settings(deadline=None)
@given(sessions)
def test_repeats_and_sessions_agree(pairs):
    events = numbered([n for _, n in pairs], session=[s for s, _ in pairs])
    assert (number_steps(events) == 0).sum() == completeness(events)["Duplicates"].sum()


@given(st.lists(st.integers(-1, 4)))
def test_numbers_are_sequence_numbers_if_their_median_step_forward_is_one(steps):
    forward = [step for step in steps if step > 0]
    assert are_sequence_numbers(np.array(steps, np.int64)) == (
        bool(forward) and int(np.median(forward)) == 1
    )
