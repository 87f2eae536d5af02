"""What the engines read of an events table."""

from __future__ import annotations

import pandas as pd
import pytest

from lib.replay.engine import replay
from lib.replay.engines.flink import FlinkSetting
from lib.replay.input import default_partitions, grouping_columns, replay_input_of
from lib.replay.windows import SessionWindow
from tests.replay.sequences import windows_of


@pytest.fixture
def events():
    """Two clients with a screen and a version each time; the last event lacks the screen."""
    return pd.DataFrame(
        {
            "Timestamp": [0, 1, 2, 3, 60],
            "KafkaTimestamp": [5, 6, 7, 8, 65],
            "ClientID": pd.Categorical(["a", "b", "a", "b", "a"]),
            "EventID": [1, 1, 2, 2, 3],
            "KafkaPartition": [0, 1, 0, 1, 0],
            "KafkaOffset": [0, 0, 1, 1, 2],
            "Screen": pd.Categorical(["in", "in", "out", "out", None]),
            "Version": [1, 1, 2, 1, 2],
            "Battery": [0.5, 0.5, 0.5, 0.4, 0.4],
            "Unique": pd.Categorical(["p", "q", "r", "s", "t"]),
        }
    )


def test_events_are_grouped_by_client(events):
    assert replay_input_of(events).key.tolist() == [0, 1, 0, 1, 0]


def test_sessions_can_be_those_of_another_key(events):
    topic = replay_input_of(events, "Screen")

    replayed = replay(topic, FlinkSetting(SessionWindow(10)))

    assert windows_of(replayed) == {
        (0, 0, 11, (0, 1)),
        (1, 2, 13, (2, 3)),
        (2, 60, 70, (4,)),
    }


def test_a_key_goes_where_its_text_goes(events):
    by_version = replay_input_of(events, "Version")

    expected = default_partitions(["1", "2", "null"], 2).tolist()
    assert by_version.partition_of_key.tolist() == expected


def test_keys_to_choose_from_repeat_and_are_no_measure_time_or_place(events):
    assert grouping_columns(events) == ["ClientID", "KafkaPartition", "Screen", "Version"]
