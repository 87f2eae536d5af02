"""Two topics matched: injected faults are counted exactly."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.analysis.matching import (
    FIELD,
    Fate,
    key_columns,
    match,
    told_apart,
)
from lib.core.columns import CLIENT, EVENT_TIME, PARTITION, RECEIVED_TIME, SEQUENCE, SESSION
from tests.support.tables import events_table

KEY = (CLIENT, SESSION, SEQUENCE)


def topic(events=60, clients=3, partitions=1):
    """A topic of `clients` that take turns, a number a client, a field `value` of its own."""
    client = [f"c{i % clients}" for i in range(events)]
    return events_table(
        [1_000 * i for i in range(events)],
        [1_000 * i + 50 for i in range(events)],
        client=client,
        sequence=[i // clients for i in range(events)],
        partition=[i % clients % partitions for i in range(events)],
        extra={"value": np.arange(events)},
    )


def mirror(here, rows):
    """The topic whose records are some of another's, in this order."""
    return here.take(list(rows)).reset_index(drop=True)


def fates(fate):
    return {kind.name: int(np.count_nonzero(fate == kind)) for kind in Fate if (fate == kind).any()}


def test_a_topic_and_itself_are_the_same():
    here = topic()
    found = match(here, here, KEY)
    assert found.pairs == 60
    assert fates(found.fate_here) == fates(found.fate_there) == {"IN_BOTH": 60}
    assert not found.reordered.any()
    assert not found.changed.any()


def test_what_was_dropped_in_the_middle_is_missing_there():
    here = topic()
    found = match(here, mirror(here, [i for i in range(60) if i not in (20, 21, 40)]), KEY)
    assert fates(found.fate_here) == {"IN_BOTH": 57, "MISSING": 3}
    assert np.flatnonzero(found.fate_here == Fate.MISSING).tolist() == [20, 21, 40]


def test_what_nothing_surrounds_is_at_an_end():
    here = topic()
    found = match(here, mirror(here, range(5, 50)), KEY)
    assert fates(found.fate_here) == {"IN_BOTH": 45, "AT_AN_END": 15}


def test_a_partition_that_lags_behind_has_lost_nothing():
    here = topic(partitions=2)  # c0 and c2 are in partition 0, c1 in 1
    lagging = [i for i in range(60) if i % 3 != 1 or i < 30]
    found = match(here, mirror(here, lagging), KEY)
    assert fates(found.fate_here) == {"IN_BOTH": 50, "AT_AN_END": 10}


def test_a_copy_is_repeated_and_a_stranger_is_only_there():
    here = topic()
    there = mirror(here, [*range(30), 7, 7, *range(30, 60)])
    there[SEQUENCE] = there[SEQUENCE].mask(there.index == 40, 999)
    found = match(here, there, KEY)
    assert fates(found.fate_there) == {"IN_BOTH": 59, "REPEATED": 2, "MISSING": 1}
    assert fates(found.fate_here) == {"IN_BOTH": 59, "MISSING": 1}


def test_a_copy_that_a_pipeline_took_out_is_repeated_here():
    here = mirror(topic(), [*range(30), 7, *range(30, 60)])
    found = match(here, topic(), KEY)
    assert fates(found.fate_here) == {"IN_BOTH": 60, "REPEATED": 1}


@pytest.mark.parametrize(
    ("order", "moved"),
    [
        ([0, 1, 3, 4, 5, 2, 6], 1),  # one came later
        ([0, 5, 1, 2, 3, 4, 6], 1),  # one came earlier
        ([0, 4, 2, 3, 1, 5, 6], 2),  # two changed places
        ([6, 5, 4, 3, 2, 1, 0], 6),
    ],
)
def test_reordered_are_the_fewest_that_would_have_to_be_moved(order, moved):
    here = topic(7)
    found = match(here, mirror(here, order), KEY)
    assert np.count_nonzero(found.reordered) == moved


def test_between_partitions_there_is_no_order():
    here = topic(partitions=3)
    by_client = [i for first in (2, 0, 1) for i in range(first, 60, 3)]
    assert not match(here, mirror(here, by_client), KEY).reordered.any()


def test_changed_fields_are_counted_and_new_ones_named():
    here = topic().assign(text=pd.Categorical(["a", "b"] * 30), old=1.0)
    there = here.drop(columns="old").assign(new=True)
    there.loc[[3, 4], "value"] = -1
    there.loc[[4], "text"] = "b"
    found = match(here, there, KEY)
    assert {name: count for name, count in found.changes.items() if count} == {
        "value": 2,
        "text": 1,
    }
    assert np.count_nonzero(found.changed) == 2
    assert (found.fields_here, found.fields_there) == (("old",), ("new",))
    assert not match(here, there, KEY, ignored=["value", "text"]).changed.any()


@pytest.mark.parametrize(
    ("before", "after", "differs"),
    [
        (pd.array([1, None], "Int64"), [1.0, np.nan], [False, False]),
        (pd.array([1, None], "Int64"), [1, 2], [False, True]),
        (["a", "b"], pd.Categorical(["a", "c"]), [False, True]),
        ([1, 2], ["1", "2"], [True, True]),
        ([True, False], pd.array([True, None], "boolean"), [False, True]),
        (pd.Categorical([1, 2]), pd.Categorical([2, 1]), [True, True]),
        ([[1], [2]], [[1], [3]], [False, True]),
    ],
    ids=str,
)
def test_values_are_compared_whatever_their_columns_types_are(before, after, differs):
    here, there = (topic(2).assign(field=pd.Series(values)) for values in (before, after))
    assert match(here, there, KEY).changed.tolist() == differs


def test_a_number_and_a_text_that_are_written_alike_are_one_key():
    here = topic(9).assign(id=np.arange(9))
    there = here.assign(id=[str(i) for i in range(9)])
    assert match(here, there, ["id"]).pairs == 9
    assert match(here, here.assign(id=np.arange(9.0)), ["id"]).pairs == 9


def test_events_that_lack_the_key_are_counted_apart():
    here = topic()
    there = here.assign(**{SEQUENCE: here[SEQUENCE].mask(here.index == 5)})
    found = match(here, there, KEY)
    assert fates(found.fate_there) == {"IN_BOTH": 59, "WITHOUT_KEY": 1}
    assert fates(found.fate_here) == {"IN_BOTH": 59, "MISSING": 1}


def test_place_and_times_of_receipt_are_no_keys():
    here = topic()
    chosen = key_columns(here.columns, here.columns)
    assert set(KEY) <= {*chosen}
    assert not {PARTITION, RECEIVED_TIME} & {*chosen}


def test_a_client_does_not_tell_events_apart_and_copies_do_no_harm():
    here = topic()
    copies = mirror(here, [*range(60), *range(60)])
    assert told_apart(copies, KEY) == (60, 0)
    assert told_apart(here, [CLIENT]) == (3, 57)
    assert told_apart(here.assign(**{SEQUENCE: pd.NA}), [SEQUENCE]) == (0, 0)


def test_topics_without_events_match_nothing():
    here = topic()
    found = match(here, here.head(0), KEY)
    assert fates(found.fate_here) == {"AT_AN_END": 60}
    assert found.pairs == 0
    assert match(here.head(0), here.head(0), KEY).pairs == 0


@given(
    st.integers(40, 200),
    st.integers(1, 3),
    st.integers(0, 6),
    st.integers(0, 6),
    st.integers(0, 6),
    st.integers(0, 6),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_injected_faults_are_counted_exactly(
    events, partitions, dropped, repeated, delayed, changed, random
):
    # Given a topic, and a mirror of it with faults in events that are not the first or last three
    here = topic(events, partitions=partitions)
    inner = random.sample(range(3, events - 3), dropped + repeated + delayed + changed)
    drops = set(inner[:dropped])
    copies = inner[dropped : dropped + repeated]
    late = inner[dropped + repeated : dropped + repeated + delayed]
    wrong = inner[dropped + repeated + delayed :]
    order = [i for i in range(events - 3) if i not in drops and i not in late]
    order += [*sorted(late, reverse=True), *range(events - 3, events), *copies]
    there = mirror(here, order)
    there["value"] = there["value"].mask(there["value"].isin(wrong), -1)
    # When they are matched
    found = match(here, there, KEY)
    # Then each fault is counted, and nothing else
    assert np.count_nonzero(found.fate_here == Fate.MISSING) == dropped
    assert np.count_nonzero(found.fate_there == Fate.REPEATED) == repeated
    assert np.count_nonzero(found.changed) == changed
    assert found.pairs == events - dropped
    assert np.count_nonzero(found.reordered) == fewest_moves(here, there, found)


def fewest_moves(here, there, found):
    """How many pairs are not of the longest rising part of each partition, plainly counted."""
    moves = 0
    for partition in here[PARTITION].unique():
        positions = [
            at
            for at, to in zip(found.at_here, found.at_there, strict=True)
            if here[PARTITION].iloc[at] == partition == there[PARTITION].iloc[to]
        ]
        longest = [1] * len(positions)
        for i, value in enumerate(positions):
            for j in range(i):
                if positions[j] < value:
                    longest[i] = max(longest[i], longest[j] + 1)
        moves += len(positions) - max(longest, default=0)
    return moves


def test_event_times_that_a_pipeline_changed_are_changed_events():
    here = topic()
    there = here.assign(**{EVENT_TIME: here[EVENT_TIME] + (here.index == 9)})
    found = match(here, there, KEY)
    assert found.counts.changed_fields[FIELD].tolist() == [EVENT_TIME]
