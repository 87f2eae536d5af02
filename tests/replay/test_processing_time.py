"""Session windows on received time, at literal times."""

from __future__ import annotations

import numpy as np

from lib.replay.input import replay_input
from lib.replay.processing_time import replay_processing_time
from lib.replay.windows import NO_INDEX, HoppingWindow, SessionWindow, TumblingWindow
from tests.replay.sequences import one_key, windows_of


def test_processing_time_makes_two_sessions_of_one_with_an_outage():
    happened, received = np.array([0, 5, 10, 15]), np.array([1, 6, 30, 31])
    topic = replay_input(happened, np.zeros(4), received=received)

    assert windows_of(replay_processing_time(topic, SessionWindow(10))) == {
        (0, 1, 16, (0, 1)),
        (0, 30, 41, (2, 3)),
    }


def test_a_processing_time_result_comes_out_when_the_clock_reaches_its_end():
    topic = replay_input(np.array([0, 50]), np.zeros(2), received=np.array([0, 50]))

    replayed = replay_processing_time(topic, SessionWindow(10))

    assert (replayed.closed_at.tolist(), replayed.closed_ms.tolist()) == (
        [0, NO_INDEX],
        [9, NO_INDEX],
    )


def test_a_windows_last_event_is_by_event_time():
    topic = replay_input(np.array([40, 5]), np.zeros(2), received=np.array([50, 52]))

    assert replay_processing_time(topic, SessionWindow(10)).last.tolist() == [40]


def test_tumbling_windows_are_filled_by_received_time():
    happened, received = np.array([0, 5, 15]), np.array([1, 12, 16])
    topic = replay_input(happened, np.zeros(3), received=received)

    assert windows_of(replay_processing_time(topic, TumblingWindow(10))) == {
        (0, 0, 10, (0,)),
        (0, 10, 20, (1, 2)),
    }


def test_hopping_windows_are_filled_by_received_time():
    topic = replay_input(np.array([0]), np.zeros(1), received=np.array([12]))

    assert windows_of(replay_processing_time(topic, HoppingWindow(10, 2))) == {
        (0, 5, 15, (0,)),
        (0, 10, 20, (0,)),
    }


def test_an_empty_topic_has_no_window():
    assert len(replay_processing_time(one_key(), SessionWindow(10)).key) == 0
