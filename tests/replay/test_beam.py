"""Beam, at literal times."""

from __future__ import annotations

import pytest

from lib.replay.engine import replay
from lib.replay.engines.beam import BeamSetting
from lib.replay.windows import NO_INDEX, SessionWindow, TumblingWindow
from tests.replay.sequences import dropped_by, one_key, windows_of

SETTING = BeamSetting(SessionWindow(30_000), delay_ms=5_000)
PYTHON = BeamSetting(SessionWindow(30_000), delay_ms=5_000, runner="python")


def test_events_exactly_the_gap_apart_are_two_sessions():
    assert len(replay(one_key(0, 30_000), SETTING).key) == 2


def test_events_closer_than_the_gap_share_a_session():
    assert windows_of(replay(one_key(0, 29_999), SETTING)) == {(0, 0, 59_999, (0, 1))}


@pytest.mark.parametrize(
    ("setting", "newest", "dropped"),
    [
        (SETTING, 34_999, {}),
        (SETTING, 35_000, {1: 1}),
        (BeamSetting(SessionWindow(30_000), 5_000, 700), 35_699, {}),
        (BeamSetting(SessionWindow(30_000), 5_000, 700), 35_700, {1: 1}),
        (PYTHON, 35_000, {}),
        (PYTHON, 35_001, {1: 1}),
    ],
)
def test_a_lone_event_is_dropped_from_delay_gap_and_lateness_on(setting, newest, dropped):
    assert dropped_by(replay(one_key(newest, 0), setting)) == dropped


def test_a_late_event_is_dropped_although_it_meets_an_open_session():
    assert dropped_by(replay(one_key(40_000, 12_000, 4_000), SETTING)) == {2: 1_001}


def test_the_python_runner_lets_closed_sessions_be_joined():
    times = (0, 60_000, 29_000)

    assert len(replay(one_key(*times), SETTING).key) == 3
    assert windows_of(replay(one_key(*times), PYTHON)) == {
        (0, 0, 59_000, (0, 2)),
        (0, 60_000, 90_000, (1,)),
    }


def test_the_result_comes_out_when_the_watermark_is_at_the_end():
    assert replay(one_key(0, 34_999, 35_000), SETTING).closed_at.tolist() == [2, NO_INDEX]


@pytest.mark.parametrize(("newest", "dropped"), [(1_099, {}), (1_100, {1: 1})])
def test_a_tumbling_window_is_dropped_once_its_end_is_at_the_watermark(newest, dropped):
    setting = BeamSetting(TumblingWindow(1_000), delay_ms=100)

    assert dropped_by(replay(one_key(newest, 5), setting)) == dropped
