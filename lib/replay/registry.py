"""All engines behind one function."""

from __future__ import annotations

import numpy as np

from lib.replay.engines.beam import BeamSetting, replay_beam
from lib.replay.engines.flink import FlinkSetting, replay_flink
from lib.replay.engines.kafka_streams import KafkaStreamsSetting, replay_kafka_streams
from lib.replay.engines.spark import SparkSetting, replay_spark
from lib.replay.input import ReplayInput, replay_input
from lib.replay.outcome import session_fates
from lib.replay.windows import Replay, SessionWindow

Setting = FlinkSetting | KafkaStreamsSetting | SparkSetting | BeamSetting


def replay(events: ReplayInput, setting: Setting) -> Replay:
    """Return what the engine that `setting` is for would have made of the events."""
    match setting:
        case FlinkSetting():
            return replay_flink(events, setting)
        case KafkaStreamsSetting():
            return replay_kafka_streams(events, setting)
        case SparkSetting():
            return replay_spark(events, setting)
        case BeamSetting():
            return replay_beam(events, setting)


def warm_up() -> None:
    """Compile what is compiled, or load it from numba's cache, so that the first replay is fast."""
    two = replay_input(np.array([0, 1]), np.array([0, 0]), np.array([0, 1]))
    window = SessionWindow(1)
    replay(two, FlinkSetting(window, per_partition=True))
    replayed = replay(two, FlinkSetting(window, per_partition=True, emission_ms=1, idle_ms=1))
    session_fates(replayed, two.key)
    replay(two, KafkaStreamsSetting(window))
