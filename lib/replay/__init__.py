"""Session windows and watermarks as Flink, Kafka Streams, Spark and Beam do them."""

from __future__ import annotations

from lib.whatif.arrivals import Arrivals, arrivals, arrivals_of
from lib.whatif.beam import BeamSetting
from lib.whatif.engines import Setting, replay, warm_up
from lib.whatif.flink import FlinkSetting
from lib.whatif.kafka_streams import KafkaStreamsSetting
from lib.whatif.spark import SparkSetting
from lib.whatif.windows import NEVER, NONE, Replay, SessionWindow, TumblingWindow, Window

__all__ = [
    "NEVER",
    "NONE",
    "Arrivals",
    "BeamSetting",
    "FlinkSetting",
    "KafkaStreamsSetting",
    "Replay",
    "SessionWindow",
    "Setting",
    "SparkSetting",
    "TumblingWindow",
    "Window",
    "arrivals",
    "arrivals_of",
    "replay",
    "warm_up",
]
