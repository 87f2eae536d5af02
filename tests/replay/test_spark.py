"""Spark, at literal times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lib.replay.engine import replay
from lib.replay.engines.spark import SparkSetting, micro_batches
from lib.replay.input import replay_input
from lib.replay.windows import NO_INDEX, SessionWindow, TumblingWindow
from tests.replay.sequences import dropped_by, one_key, windows_of

EACH = SparkSetting(SessionWindow(30_000), delay_ms=5_000, waiting=True, batch_records=1)
LIVE = SparkSetting(SessionWindow(30_000))


def test_events_exactly_the_gap_apart_share_a_session():
    assert windows_of(replay(one_key(0, 30_000), EACH)) == {(0, 0, 60_000, (0, 1))}


def test_late_events_are_judged_by_the_newest_event_two_batches_back():
    replayed = replay(one_key(100_000, 200_000, 0), EACH)

    assert replayed.clock.tolist() == [0, 0, 95_000]


@pytest.mark.parametrize(("newest", "dropped"), [(134_999, {}), (135_000, {2: 1})])
def test_a_lone_event_is_dropped_once_its_end_is_at_the_watermark(newest, dropped):
    assert dropped_by(replay(one_key(newest, newest, 100_000), EACH)) == dropped


def test_a_late_event_is_dropped_although_it_meets_an_open_session():
    replayed = replay(one_key(100_000, 129_000, 150_000, 150_000, 70_000), EACH)

    assert dropped_by(replayed) == {4: 45_001}


def test_events_of_one_batch_are_judged_alike():
    one_batch = SparkSetting(SessionWindow(30_000), waiting=True, batch_records=3)

    assert replay(one_key(100_000, 900_000, 0), one_batch).dropped == 0


def test_batches_end_where_they_are_told_to():
    setting = SparkSetting(SessionWindow(1_000), waiting=True, batch_ends=(1, 3))

    assert replay(one_key(9_000, 8_000, 7_000, 6_000), setting).clock.tolist() == [0, 0, 0, 9_000]


def test_a_result_comes_out_with_the_batch_after_the_one_that_moved_the_watermark():
    replayed = replay(one_key(0, 35_000, 35_001), EACH)

    assert replayed.closed_at.tolist() == [2, NO_INDEX]


def test_an_empty_batch_follows_the_last():
    assert replay(one_key(0, 35_000), EACH).closed_at.tolist() == [1, NO_INDEX]


@pytest.mark.parametrize(("newest", "dropped"), [(1_099, {}), (1_100, {2: 1})])
def test_a_tumbling_window_is_dropped_once_its_end_is_at_the_watermark(newest, dropped):
    setting = SparkSetting(TumblingWindow(1_000), 100, waiting=True, batch_records=1)

    assert dropped_by(replay(one_key(newest, newest, 5), setting)) == dropped


def received_at(event_times, received, partition=None):
    """Events of one client."""
    key = np.zeros(len(event_times), np.int32)
    partition = key if partition is None else np.array(partition)
    return replay_input(np.array(event_times), key, partition, np.array(received))


def test_live_an_event_is_judged_by_the_newest_event_one_batch_back():
    replayed = replay(received_at([0, 40_000, 5], [0, 1, 2]), LIVE)

    assert dropped_by(replayed) == {2: 9_996}
    assert windows_of(replayed) == {(0, 0, 30_000, (0,)), (0, 40_000, 70_000, (1,))}


def test_live_events_received_at_once_are_one_batch():
    assert replay(received_at([0, 40_000, 5], [0, 1, 1]), LIVE).dropped == 0


def test_all_waiting_the_same_event_is_kept():
    assert replay(received_at([0, 40_000, 5], [0, 1, 2]), replace(LIVE, waiting=True)).dropped == 0


@pytest.mark.parametrize(("received", "dropped"), [(2_500, {}), (3_000, {2: 9_996})])
def test_with_a_trigger_interval_a_batch_without_data_needs_an_interval_without_events(
    received, dropped
):
    every_second = replace(LIVE, trigger_ms=1_000)

    replayed = replay(received_at([0, 40_000, 5], [500, 1_500, received]), every_second)

    assert dropped_by(replayed) == dropped


def test_with_a_trigger_interval_results_come_out_at_its_multiples():
    every_second = replace(LIVE, trigger_ms=1_000)

    replayed = replay(received_at([0, 40_000], [500, 600]), every_second)

    assert replayed.closed_ms.tolist() == [2_000, NO_INDEX]


def test_of_more_than_a_batch_may_have_each_partition_gives_its_share():
    # Of six and two waiting, four records are three and one; then of three and one, the same.
    topic = received_at([0] * 8, [0] * 8, partition=[0, 0, 0, 0, 0, 0, 1, 1])

    batches = micro_batches(topic, replace(LIVE, batch_records=4))

    assert batches.of_event.tolist() == [0, 0, 0, 1, 1, 1, 0, 1]
    assert batches.rested.tolist() == [True, False]


def test_batch_ends_have_to_rise():
    with pytest.raises(ValueError, match="rise"):
        SparkSetting(SessionWindow(1), batch_ends=(3, 3))
