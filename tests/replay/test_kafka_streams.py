"""Kafka Streams, at literal times."""

from __future__ import annotations

import numpy as np
import pytest

from lib.replay.engine import replay
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.input import replay_input
from lib.replay.windows import NO_INDEX, SessionWindow, TumblingWindow
from tests.replay.sequences import dropped_by, one_key, windows_of

SETTING = KafkaStreamsSetting(SessionWindow(30_000), grace_ms=5_000)
UNCACHED = KafkaStreamsSetting(SessionWindow(30_000), grace_ms=5_000, caching=False)


def test_a_session_ends_with_its_last_event():
    assert windows_of(replay(one_key(0, 1_000), SETTING)) == {(0, 0, 1_000, (0, 1))}


def test_events_exactly_the_gap_apart_share_a_session():
    assert windows_of(replay(one_key(0, 30_000), SETTING)) == {(0, 0, 30_000, (0, 1))}


@pytest.mark.parametrize(
    ("newest", "dropped", "boundary"),
    [
        (34_999, {}, [False, False]),
        (35_000, {}, [False, True]),
        (35_001, {1: 1}, [False, False]),
    ],
)
def test_a_lone_event_is_dropped_after_gap_and_grace(newest, dropped, boundary):
    replayed = replay(one_key(newest, 0), SETTING)

    assert dropped_by(replayed) == dropped
    assert replayed.boundary.tolist() == boundary


def test_stream_time_is_of_the_partition():
    topic = replay_input(np.array([900_000, 0]), np.array([0, 1]), np.array([0, 1]))

    assert replay(topic, SETTING).dropped == 0


def test_a_key_on_two_partitions_has_sessions_on_both():
    topic = replay_input(np.array([0, 1]), np.array([0, 0]), np.array([0, 1]))

    assert windows_of(replay(topic, SETTING)) == {(0, 0, 0, (0,)), (0, 1, 1, (1,))}


def test_a_closed_session_in_the_cache_is_joined():
    assert windows_of(replay(one_key(0, 60_000, 30_000), SETTING)) == {(0, 0, 60_000, (0, 1, 2))}


def test_a_closed_session_is_not_joined_without_a_cache():
    assert windows_of(replay(one_key(0, 60_000, 30_000), UNCACHED)) == {
        (0, 0, 0, (0,)),
        (0, 30_000, 60_000, (1, 2)),
    }


def test_an_event_that_would_only_join_what_closed_is_dropped():
    assert dropped_by(replay(one_key(0, 60_000, 20_000), SETTING)) == {2: 5_000}


def test_the_final_result_comes_out_when_stream_time_is_gap_and_grace_past_the_last_event():
    topic = replay_input(np.array([0, 34_999, 35_000]), np.array([0, 1, 1]))

    assert replay(topic, SETTING).closed_at.tolist() == [2, NO_INDEX]


@pytest.mark.parametrize(("newest", "dropped"), [(1_099, {}), (1_100, {1: 1})])
def test_a_tumbling_window_takes_events_while_stream_time_is_within_grace(newest, dropped):
    setting = KafkaStreamsSetting(TumblingWindow(1_000), grace_ms=100)

    assert dropped_by(replay(one_key(newest, 5), setting)) == dropped
