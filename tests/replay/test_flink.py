"""Flink, at literal times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lib.replay.engine import replay
from lib.replay.engines.flink import FlinkSetting
from lib.replay.input import replay_input
from lib.replay.windows import NEVER, NO_INDEX, HoppingWindow, SessionWindow, TumblingWindow
from tests.replay.sequences import dropped_by, one_key, windows_of

SQL = FlinkSetting(SessionWindow(30_000), delay_ms=5_000, api="sql", emission_ms=0)
DATASTREAM = FlinkSetting(SessionWindow(30_000), delay_ms=5_000, emission_ms=0)
CATCHING_UP = replace(DATASTREAM, catching_up=True, fetch_records=2)
LATENESS = replace(DATASTREAM, allowed_lateness_ms=700)


def test_windows_of_a_topic_with_one_event_too_late():
    topic = one_key(0, 1_000, 2_000, 40_000, 1_500, 41_000, 9_000, 100_000)

    replayed = replay(topic, SQL)

    assert windows_of(replayed) == {
        (0, 0, 32_000, (0, 1, 2)),
        (0, 9_000, 39_000, (6,)),
        (0, 40_000, 71_000, (3, 5)),
        (0, 100_000, 130_000, (7,)),
    }
    assert dropped_by(replayed) == {4: 3_502}


def test_events_exactly_the_gap_apart_share_a_session():
    assert windows_of(replay(one_key(0, 30_000), SQL)) == {(0, 0, 60_000, (0, 1))}


def test_events_further_apart_than_the_gap_do_not():
    assert len(replay(one_key(0, 30_001), SQL).key) == 2


@pytest.mark.parametrize(
    ("setting", "newest", "dropped"),
    [
        (SQL, 34_998, {}),
        (SQL, 34_999, {1: 1}),
        (DATASTREAM, 34_999, {}),
        (DATASTREAM, 35_000, {1: 1}),
        (LATENESS, 35_699, {}),
        (LATENESS, 35_700, {1: 1}),
    ],
)
def test_a_lone_event_is_dropped_from_delay_gap_and_lateness_on(setting, newest, dropped):
    assert dropped_by(replay(one_key(newest, 0), setting)) == dropped


def test_a_late_event_that_meets_an_open_session_is_kept():
    replayed = replay(one_key(40_000, 12_000, 4_000), SQL)

    assert windows_of(replayed) == {(0, 4_000, 70_000, (0, 1, 2))}


def test_an_event_bridges_two_open_sessions_into_one():
    replayed = replay(one_key(0, 40_000, 20_000), FlinkSetting(SessionWindow(30_000), 60_000))

    assert windows_of(replayed) == {(0, 0, 70_000, (0, 1, 2))}


def test_a_closed_session_is_not_reopened():
    topic = replay_input(np.array([0, 40_000, 20_000]), np.array([0, 1, 0]))

    replayed = replay(topic, SQL)

    assert windows_of(replayed) == {
        (0, 0, 30_000, (0,)),
        (0, 20_000, 50_000, (2,)),
        (1, 40_000, 70_000, (1,)),
    }


def test_a_clock_in_the_future_makes_every_other_client_late():
    topic = replay_input(np.array([0, 900_000, 1_000, 2_000]), np.array([0, 1, 0, 0]))

    assert dropped_by(replay(topic, SQL)) == {2: 864_002, 3: 863_002}


def test_the_result_comes_out_with_the_event_that_moves_the_watermark_past_the_end():
    topic = replay_input(
        np.array([0, 34_998, 34_999]), np.array([0, 1, 1]), received=np.array([5, 35_003, 35_004])
    )

    replayed = replay(topic, SQL)

    assert replayed.closed_at.tolist() == [2, NO_INDEX]
    assert replayed.closed_ms.tolist() == [35_004, NO_INDEX]


def test_a_late_event_within_the_allowed_lateness_makes_a_new_final_result():
    setting = FlinkSetting(SessionWindow(10), allowed_lateness_ms=20, emission_ms=0)

    replayed = replay(one_key(0, 15, 0), setting)

    assert replayed.closed_at[replayed.window[0]] == 2


def test_the_watermark_moves_at_emissions_only():
    topic = replay_input(
        np.array([0, 50_000, 0, 0]), np.zeros(4), received=np.array([0, 100, 199, 200])
    )

    replayed = replay(topic, FlinkSetting(SessionWindow(1_000)))

    assert replayed.clock.tolist() == [NEVER, NEVER, NEVER, 49_999]
    assert dropped_by(replayed) == {3: 49_001}


def test_the_slowest_partition_holds_the_watermark_back():
    topic = replay_input(np.array([0, 50_000, 60_000]), np.zeros(3), np.array([0, 1, 1]))

    replayed = replay(topic, FlinkSetting(SessionWindow(1_000), emission_ms=0))

    assert replayed.clock.tolist() == [NEVER, NEVER, -1]


def test_an_idle_partition_does_not_hold_the_watermark_back():
    topic = replay_input(
        np.array([0, 50_000, 60_000, 70_000]),
        np.zeros(4),
        np.array([0, 1, 1, 1]),
        received=np.array([0, 10, 450, 550]),
    )
    setting = FlinkSetting(SessionWindow(1_000), emission_ms=100, idle_ms=200)

    # Seen at 100, quiet from 200, silent for longer than 200 ms at 500.
    assert replay(topic, setting).clock.tolist() == [NEVER, NEVER, -1, 59_999]


def test_while_every_partition_is_idle_the_watermark_is_the_largest_of_theirs():
    topic = replay_input(
        np.array([0, 50_000, 55_000]),
        np.zeros(3),
        np.array([0, 1, 0]),
        received=np.array([0, 10, 1_000]),
    )
    setting = FlinkSetting(SessionWindow(1_000), emission_ms=100, idle_ms=200)

    assert replay(topic, setting).clock.tolist() == [NEVER, NEVER, 49_999]


def test_one_watermark_for_all_is_that_of_the_newest_event():
    topic = replay_input(np.array([0, 50_000, 60_000]), np.zeros(3), np.array([0, 1, 1]))

    replayed = replay(topic, replace(DATASTREAM, per_partition=False))

    assert replayed.clock.tolist() == [NEVER, -5_001, 44_999]


def test_a_watermark_goes_out_once_more_after_the_last_event():
    setting = FlinkSetting(SessionWindow(10))

    replayed = replay(one_key(0, 20), setting)

    assert (replayed.closed_at.tolist(), replayed.closed_ms.tolist()) == (
        [1, NO_INDEX],
        [200, NO_INDEX],
    )


def test_catching_up_partitions_are_read_a_fetch_each_in_turn():
    # Of partition 0 the events at 0 to 3 min, of partition 1 the same: live in the order of time.
    minutes = np.repeat(np.arange(4) * 60_000, 2)
    topic = replay_input(minutes, np.zeros(8), np.tile([0, 1], 4))
    one_for_all = replace(CATCHING_UP, per_partition=False)

    assert replay(topic, replace(one_for_all, catching_up=False)).dropped == 0
    assert np.flatnonzero(replay(topic, one_for_all).late).tolist() == [1, 5]
    assert replay(topic, CATCHING_UP).dropped == 0


def test_catching_up_nothing_is_late_that_is_read_before_the_first_watermark():
    topic = one_key(900_000, 0)

    assert replay(topic, replace(DATASTREAM, catching_up=False)).dropped == 1
    assert replay(topic, FlinkSetting(SessionWindow(1_000), catching_up=True)).dropped == 0


def test_sql_has_a_watermark_per_partition():
    with pytest.raises(ValueError, match="per partition"):
        FlinkSetting(SessionWindow(1), api="sql", per_partition=False)


def test_a_hopping_window_closes_before_the_next_one_that_has_the_event():
    setting = FlinkSetting(HoppingWindow(1_000, 2), api="sql", emission_ms=0)

    replayed = replay(one_key(700, 1_100, 600), setting)

    assert windows_of(replayed) == {
        (0, 0, 1_000, (0,)),
        (0, 500, 1_500, (0, 1, 2)),
        (0, 1_000, 2_000, (1,)),
    }
    assert replayed.missed_windows.tolist() == [0, 0, 1]
    assert replayed.dropped == 0


def test_a_tumbling_window_is_dropped_from_the_watermark_at_its_end():
    setting = FlinkSetting(TumblingWindow(1_000), delay_ms=100, api="sql", emission_ms=0)

    assert dropped_by(replay(one_key(1_098, 5), setting)) == {}
    assert dropped_by(replay(one_key(1_099, 5), setting)) == {1: 1}


def test_sql_has_no_allowed_lateness():
    with pytest.raises(ValueError, match="no allowed lateness"):
        FlinkSetting(SessionWindow(1), allowed_lateness_ms=1, api="sql")


def test_idle_partitions_are_found_at_emissions():
    with pytest.raises(ValueError, match="emission_ms"):
        FlinkSetting(SessionWindow(1), idle_ms=1, emission_ms=0)


def test_an_empty_topic_has_no_window():
    empty = one_key()

    for setting in (SQL, FlinkSetting(SessionWindow(1)), CATCHING_UP):
        assert len(replay(empty, setting).key) == 0
