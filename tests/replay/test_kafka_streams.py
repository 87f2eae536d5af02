"""Kafka Streams, at literal times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lib.replay.engine import replay
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.input import default_partitions, replay_input
from lib.replay.windows import NO_INDEX, HoppingWindow, SessionWindow, TumblingWindow
from tests.replay.sequences import dropped_by, one_key, windows_of

SETTING = KafkaStreamsSetting(
    SessionWindow(30_000), grace_ms=5_000, commit_ms=0, repartitioned=False
)
UNCACHED = replace(SETTING, caching=False)


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


def test_no_hopping_window_begins_before_1970():
    # Given an event that is in two of three windows, and one of 1970's first second.
    topic = one_key(1_500, 0, 9_000)

    # When they hop from 1970 on.
    replayed = replay(topic, replace(UNCACHED, window=HoppingWindow(3_000, 3)))

    # Then there are only those from 1970 on, and none that is missing was missed.
    assert {window[:3] for window in windows_of(replayed) if window[2] < 9_000} == {
        (0, 0, 3_000),
        (0, 1_000, 4_000),
    }
    assert replayed.missed_windows.tolist() == [0, 0, 0]
    assert dropped_by(replayed) == {}


@pytest.mark.parametrize(("newest", "dropped"), [(1_099, {}), (1_100, {1: 1})])
def test_a_tumbling_window_takes_events_while_stream_time_is_within_grace(newest, dropped):
    setting = KafkaStreamsSetting(TumblingWindow(1_000), grace_ms=100)

    assert dropped_by(replay(one_key(newest, 5), setting)) == dropped


def test_a_repartitioned_key_has_its_sessions_on_one_partition():
    topic = replay_input(np.array([0, 1]), np.array([0, 0]), np.array([0, 1]))

    replayed = replay(topic, replace(SETTING, repartitioned=True))

    assert windows_of(replayed) == {(0, 0, 1, (0, 1))}


def test_repartitioned_stream_time_is_that_of_the_partition_the_key_goes_to():
    # Of three partitions, "1" goes to another than "0" and "2".
    topic = replay_input(np.array([900_000, 0, 0]), np.array([0, 1, 2]), np.array([0, 1, 2]))
    assert topic.partition_of_key.tolist() == [2, 0, 2]

    assert replay(topic, SETTING).dropped == 0
    assert dropped_by(replay(topic, replace(SETTING, repartitioned=True))) == {2: 865_000}


@pytest.mark.parametrize(
    ("key", "partition"),
    # As `Utils.toPositive(Utils.murmur2(key)) % 7` of Kafka's clients has it.
    [("", 2), ("a", 5), ("ab", 0), ("abc", 4), ("abcd", 5), ("Client 12", 5), ("x" * 103, 6)],
)
def test_keys_go_where_kafkas_default_partitioner_sends_them(key, partition):
    assert default_partitions([key], 7).tolist() == [partition]


HOUR = 3_600_000


def test_an_event_more_than_an_hour_ahead_of_the_broker_stops_the_application():
    topic = replay_input(
        np.array([0, 1_000, HOUR + 2_001, 3_000]), np.zeros(4), received=np.arange(4) * 1_000
    )

    replayed = replay(topic, SETTING)

    assert replayed.stopped_at == 2
    assert replayed.stopped_because.startswith("Kafka Streams stops at event 3 in arrival order:")
    assert "by default 1 h since Kafka 4.0, before that no limit" in replayed.stopped_because
    assert windows_of(replayed) == {(0, 0, 1_000, (0, 1))}
    assert replayed.kept.tolist() == [True, True, False, False]
    assert replayed.dropped == 0


@pytest.mark.parametrize(
    ("setting", "time"),
    [(SETTING, HOUR + 2_000), (replace(SETTING, most_ahead_ms=None), 9 * HOUR)],
)
def test_an_event_not_so_far_ahead_does_not(setting, time):
    topic = replay_input(np.array([0, time]), np.zeros(2), received=np.array([0, 2_000]))

    assert replay(topic, setting).stopped_at == NO_INDEX


def test_with_a_cache_results_come_out_at_commits():
    topic = replay_input(
        np.array([0, 35_000, 35_000]), np.zeros(3), received=np.array([7, 100, 20_000])
    )

    replayed = replay(topic, replace(SETTING, commit_ms=10_000))

    assert replayed.closed_at.tolist() == [1, NO_INDEX]
    assert replayed.closed_ms.tolist() == [10_007, NO_INDEX]
