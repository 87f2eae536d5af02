"""Session windows and watermarks as Flink, Kafka Streams, Spark and Beam do them."""

from __future__ import annotations

from lib.replay.engines.beam import BeamSetting
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.input import ReplayInput, replay_input, replay_input_of
from lib.replay.registry import Setting, replay, warm_up
from lib.replay.windows import NEVER, NO_INDEX, Replay, SessionWindow, TumblingWindow, Window

__all__ = [
    "NEVER",
    "NO_INDEX",
    "BeamSetting",
    "FlinkSetting",
    "KafkaStreamsSetting",
    "Replay",
    "ReplayInput",
    "SessionWindow",
    "Setting",
    "SparkSetting",
    "TumblingWindow",
    "Window",
    "replay",
    "replay_input",
    "replay_input_of",
    "warm_up",
]
