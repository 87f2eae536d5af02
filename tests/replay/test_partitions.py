"""Which partition holds the minimum back, at literal times."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from lib.core.blockwise import answered
from lib.core.columns import FROM_MS, SILENT, TO_MS
from lib.replay.input import replay_input
from lib.replay.partitions import (
    BEHIND_MS,
    HOLDS_BACK_MS,
    LONGEST_SILENCE_MS,
    PARTITION,
    SILENT_MS,
    partition_skew,
    slowest_question,
)
from tests.replay.sequences import topics


def of(rows, **options):
    """Partition, event time and received time of each event."""
    partition, times, received = np.array(rows).T
    return partition_skew(
        replay_input(times, np.zeros(len(times)), partition, received), 0.0, **options
    )


def test_a_silent_partition_holds_the_minimum_back_until_it_sends_again():
    # Partition 7 sends at 0 and at 100, partition 2 every 10.
    rows = [(7, 0, 0), *((2, t, t) for t in range(10, 100, 10)), (7, 100, 100), (2, 110, 110)]

    table = of(rows, idle_timeout_ms=30).table.set_index(PARTITION)

    assert table.loc[7, HOLDS_BACK_MS] == 90  # from 10, when partition 2 went ahead
    assert table.loc[7, BEHIND_MS] == 90
    assert table.loc[7, SILENT_MS] == 70  # from 30 on
    assert table.loc[7, LONGEST_SILENCE_MS] == 100
    assert table.loc[2, HOLDS_BACK_MS] == 10  # 90 against 100
    assert table.loc[2, SILENT_MS] == 0


def test_the_timeline_names_who_is_furthest_behind_and_by_how_much():
    timeline = of([(0, 0, 0), (1, 50, 10), (0, 60, 20), (1, 61, 30)]).timeline

    behind = timeline[timeline[BEHIND_MS] > 0]
    assert behind[[PARTITION, BEHIND_MS]].to_numpy().tolist() == [
        *[[0, 50]] * 10,
        *[[1, 10]] * 10,
        [0, 1],
    ]


def test_the_timeline_has_no_hole_where_nothing_comes_and_says_who_is_silent():
    timeline = of([(0, 0, 0), (1, 5, 1), (1, 6, 1_000)], idle_timeout_ms=500).timeline

    assert timeline[FROM_MS].to_list()[1:] == timeline[TO_MS].to_list()[:-1]
    assert timeline.loc[timeline[FROM_MS] < 500, SILENT].sum() == 0
    assert timeline.loc[timeline[FROM_MS] > 500, SILENT].all()
    assert timeline[BEHIND_MS].to_list()[1:] == [5] * (len(timeline) - 2) + [6]


def test_the_slowest_partition_holds_the_minimum_back_longest():
    topic = replay_input(*np.array([(0, 0), (50, 0), (60, 0), (61, 0)]).T, np.array([3, 1, 3, 1]))

    assert answered(slowest_question(topic, 4)) == 3
    assert answered(slowest_question(topic, 1)) is None


def test_partitions_that_run_apart_are_late_only_when_merged():
    skew = of([(0, 0, 0), (1, 100, 1), (0, 1, 2), (1, 101, 3)])

    assert (skew.within_ms, skew.merged_ms) == (0, 99)


@given(topics())
def test_no_longer_is_held_back_than_the_topic_lasts(topic):
    if not len(topic):
        return
    skew = partition_skew(topic, 0.1, idle_timeout_ms=3)

    lasts = topic.received[-1] - topic.received[0]
    assert skew.table[HOLDS_BACK_MS].sum() <= lasts
    assert (skew.table[SILENT_MS] <= skew.table[HOLDS_BACK_MS]).all()
    assert skew.within_ms <= skew.merged_ms
    assert (skew.timeline[TO_MS] >= skew.timeline[FROM_MS]).all()
