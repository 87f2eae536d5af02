"""All engines. A new one is a file in `lib/replay/engines/` and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lib.replay.engine import replay
from lib.replay.engines import beam, flink, kafka_streams, spark
from lib.replay.input import replay_input
from lib.replay.outcome import session_fates
from lib.replay.windows import SessionWindow

if TYPE_CHECKING:
    from lib.replay.engine import Engine

ENGINES: tuple[Engine[Any], ...] = (
    flink.DATASTREAM,
    flink.SQL,
    kafka_streams.KAFKA_STREAMS,
    spark.SPARK,
    beam.BEAM,
)
"""In the order in which they are offered. Engines with one class of settings are APIs of one
product; the last of them stands for it beside other products."""


def warm_up() -> None:
    """Compile what is compiled, or load it from numba's cache, so that the first replay is fast."""
    two = replay_input(np.array([0, 1]), np.array([0, 0]), np.array([0, 1]))
    for engine in ENGINES:
        for setting in (engine.setting(SessionWindow(1)), *engine.warm_up):
            session_fates(replay(two, setting), two.key)
