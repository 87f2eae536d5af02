"""Sessions: counts, durations, and the notebook's histogram."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.analysis.sessions import (
    count_histogram,
    latest_question,
    session_counts,
    session_table,
    sizes_question,
)
from lib.analysis.tally import Tally
from lib.core.blockwise import answered
from tests.support.rounds import answered_in_blocks, compact


def events_of(*rows: tuple[int, str, int, int]) -> pd.DataFrame:
    """Events from (client, session, event time, received time)."""
    frame = pd.DataFrame(rows, columns=["ClientID", "SessionID", "Timestamp", "KafkaTimestamp"])
    return frame.astype(
        {"ClientID": "category", "SessionID": "category", "Timestamp": "int64"}
        | {"KafkaTimestamp": "int64"}
    )


@pytest.fixture
def events() -> pd.DataFrame:
    return events_of(
        (2, "b", 1_000, 1_500),
        (1, "a", 2_000, 2_100),
        (2, "b", 500, 3_000),
        (2, "c", 4_000, 4_000),
        (2, "b", 3_000, 9_000),
    )


def test_counts_are_the_notebooks_smallest_first(events):
    counts = session_counts(events)

    assert counts["SessionID"].tolist() == ["a", "c", "b"]
    assert counts["counts"].tolist() == [1, 1, 3]


def test_of_blocks_by_client_the_sessions_with_the_largest_delay_are_those_of_the_whole(events):
    blocks = [compact(events[events["ClientID"] == client]) for client in (1, 2)]
    questions = [latest_question(block, most=2) for block in blocks]
    in_blocks, whole = answered_in_blocks(questions), answered(latest_question(events, most=2))

    pd.testing.assert_frame_equal(in_blocks, whole)
    assert whole["SessionID"].tolist() == ["b", "a"]


def test_a_session_lasts_from_its_first_to_its_last_event_on_each_clock(events):
    row = session_table(events).set_index("SessionID").loc["b"]

    assert (row["first_event"], row["last_event"], row["event_duration"]) == (500, 3_000, 2_500)
    assert (row["first_received"], row["last_received"]) == (1_500, 9_000)
    assert row["received_duration"] == 7_500
    assert row["largest_delay"] == 6_000
    assert row["events"] == 3


def test_a_session_that_the_window_does_not_hold_is_not_counted(events):
    rows = np.flatnonzero(events["Timestamp"] >= 2_000)

    counts = session_counts(events, rows)

    assert counts["SessionID"].tolist() == ["a", "b", "c"]
    assert counts["counts"].tolist() == [1, 1, 1]


def test_no_events_have_no_sessions():
    empty = events_of()

    assert session_table(empty).empty
    assert session_counts(empty).columns.tolist() == ["SessionID", "counts"]
    assert count_histogram(answered(sizes_question(empty)))["sessions"].sum() == 0


@given(
    st.lists(
        st.tuples(
            st.integers(1, 3), st.sampled_from("abcd"), st.integers(0, 99), st.integers(0, 99)
        ),
        min_size=1,
    )
)
def test_the_session_table_is_what_groupby_gives(rows):
    events = events_of(*rows)

    table = session_table(events).set_index("SessionID")

    groups = events.groupby("SessionID", observed=True)
    assert table["events"].to_dict() == groups.size().to_dict()
    assert table["ClientID"].to_dict() == groups["ClientID"].first().to_dict()
    for column, name, how in (
        ("first_event", "Timestamp", "min"),
        ("last_event", "Timestamp", "max"),
        ("first_received", "KafkaTimestamp", "min"),
        ("last_received", "KafkaTimestamp", "max"),
    ):
        assert table[column].to_dict() == groups[name].agg(how).to_dict()


def test_the_histogram_has_fifty_bins_from_the_smallest_to_the_largest_count():
    histogram = count_histogram(Tally.of(np.array([10, 20, 60])))

    assert len(histogram) == 50
    assert (histogram["start"].iloc[0], histogram["end"].iloc[-1]) == (10.0, 60.0)
    assert np.flatnonzero(histogram["sessions"]).tolist() == [0, 10, 49]
