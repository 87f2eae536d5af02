"""Spark, at literal times."""

from __future__ import annotations

import pytest

from lib.replay.engine import replay
from lib.replay.engines.spark import SparkSetting
from lib.replay.windows import NO_INDEX, SessionWindow, TumblingWindow
from tests.replay.sequences import dropped_by, one_key, windows_of

EACH = SparkSetting(SessionWindow(30_000), delay_ms=5_000, batch_records=1)


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
    one_batch = SparkSetting(SessionWindow(30_000), batch_records=3)

    assert replay(one_key(100_000, 900_000, 0), one_batch).dropped == 0


def test_batches_end_where_they_are_told_to():
    setting = SparkSetting(SessionWindow(1_000), batch_ends=(1, 3))

    assert replay(one_key(9_000, 8_000, 7_000, 6_000), setting).clock.tolist() == [0, 0, 0, 9_000]


def test_a_result_comes_out_with_the_batch_after_the_one_that_moved_the_watermark():
    replayed = replay(one_key(0, 35_000, 35_001), EACH)

    assert replayed.closed_at.tolist() == [2, NO_INDEX]


def test_an_empty_batch_follows_the_last():
    assert replay(one_key(0, 35_000), EACH).closed_at.tolist() == [1, NO_INDEX]


@pytest.mark.parametrize(("newest", "dropped"), [(1_099, {}), (1_100, {2: 1})])
def test_a_tumbling_window_is_dropped_once_its_end_is_at_the_watermark(newest, dropped):
    setting = SparkSetting(TumblingWindow(1_000), delay_ms=100, batch_records=1)

    assert dropped_by(replay(one_key(newest, newest, 5), setting)) == dropped


def test_batch_ends_have_to_rise():
    with pytest.raises(ValueError, match="rise"):
        SparkSetting(SessionWindow(1), batch_ends=(3, 3))
