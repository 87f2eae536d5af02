"""Spark Structured Streaming: a watermark that moves between micro-batches only.

Rules read from Spark 4.3 (`WatermarkTracker`, `IncrementalExecution`, `session_window`) and
confirmed by running it: see `docs/engines.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.replay.assignment import assign_sessions, assign_tumbling, exclusive_bounds, replay_of
from lib.replay.code import Names, Program, python_literals
from lib.replay.engine import Engine, Number, Setting
from lib.replay.engine_clock import newest_so_far
from lib.replay.windows import NO_INDEX, Replay, SessionWindow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.replay.input import ReplayInput


@dataclass(frozen=True)
class SparkSetting(Setting):
    """How a Spark query is set. Durations are milliseconds.

    Attributes
    ----------
    window
        `session_window` or `window`.
    delay_ms
        `withWatermark`'s.
    batch_records
        Number of records a micro-batch (`maxOffsetsPerTrigger`).
    batch_ends
        Number of events that had arrived at the end of each batch, rising, in place of
        `batch_records`; what follows the last is one more batch.
    """

    delay_ms: int = 0
    batch_records: int = 1_000
    batch_ends: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.delay_ms < 0:
            raise ValueError(f"delay_ms must be at least 0, not {self.delay_ms}")
        if self.batch_records < 1:
            raise ValueError(f"batch_records must be at least 1, not {self.batch_records}")
        if any(b <= a for a, b in zip((0, *self.batch_ends), self.batch_ends, strict=False)):
            raise ValueError("batch_ends must be at least 1 and rise")

    @property
    def engine(self) -> Engine[SparkSetting]:
        """Spark."""
        return SPARK


def replay_spark(events: ReplayInput, setting: SparkSetting) -> Replay:
    """Return what Spark would have made of the events, in append mode.

    An event is judged on its own window, by the watermark of the batch before its own: the newest
    event up to two batches back. A result comes out at the end of a batch; the last batch is
    followed by an empty one, as Spark does when no data is waiting.
    """
    ends = _batch_ends(len(events), setting)
    clock, emitted = _watermarks(events, ends, setting.delay_ms)
    window = setting.window
    if isinstance(window, SessionWindow):
        assignment = assign_sessions(
            events,
            clock,
            held_from=clock - window.gap_ms + 1,
            reach_ms=window.gap_ms,
            late_ms=window.gap_ms,
            joins_first=False,
        )
    else:
        assignment = assign_tumbling(events, clock, size_ms=window.size_ms, late_ms=0)
    bounds = exclusive_bounds(assignment, window)
    batch = np.searchsorted(emitted, bounds[1])
    # The empty batch has no events: its results come out with the last event's batch.
    closed_at = np.append(np.append(ends, ends[-1:]) - 1, NO_INDEX)[batch]
    closed_ms = np.where(closed_at == NO_INDEX, NO_INDEX, events.received[closed_at])
    return replay_of(assignment, clock, bounds, (closed_at, closed_ms))


def _batch_ends(total: int, setting: SparkSetting) -> NDArray[np.int64]:
    """Return how many events had arrived at the end of each batch; the last is `total`."""
    ends = (
        np.asarray(setting.batch_ends, dtype=np.int64)
        if setting.batch_ends
        else np.arange(setting.batch_records, total, setting.batch_records, dtype=np.int64)
    )
    return np.append(ends[ends < total], total) if total else ends[:0]


def _watermarks(
    events: ReplayInput, ends: NDArray[np.int64], delay_ms: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what each event is judged by, and what each batch closes windows by.

    The second has one element more than there are batches, for the empty batch at the end.
    """
    seen = newest_so_far(events.event_time)[ends - 1]
    after_batch = np.maximum(seen - delay_ms, 0)
    closes_by = np.concatenate([np.zeros(1, dtype=np.int64), after_batch])
    judged_by = np.concatenate([np.zeros(1, dtype=np.int64), closes_by])[: len(ends)]
    return np.repeat(judged_by, np.diff(ends, prepend=0)), closes_by


def spark_programs(setting: SparkSetting, names: Names) -> tuple[Program, ...]:
    """Return a Python program for Spark Structured Streaming (4.x)."""
    text = _PYTHON_TEMPLATE.substitute(
        python_literals(names),
        function="session_window" if isinstance(setting.window, SessionWindow) else "window",
        length=setting.window.length_ms,
        delay=setting.delay_ms,
        records=setting.batch_records,
    )
    return (Program("Python", "python", text),)


_PYTHON_TEMPLATE = Template("""\
from pyspark.sql import SparkSession
from pyspark.sql import functions as F


def count_events(values):
    \"\"\"Count per key and window; `values` has JSON objects in its column `value`.\"\"\"
    key = F.get_json_object("value", "$$." + $key)
    time = F.get_json_object("value", "$$." + $time)
    return (
        values.select(key.alias("key"), F.timestamp_millis(time.cast("bigint")).alias("time"))
        .withWatermark("time", "$delay milliseconds")
        .groupBy("key", F.$function("time", "$length milliseconds").alias("window"))
        .count()
    )


if __name__ == "__main__":
    spark = SparkSession.builder.getOrCreate()
    values = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", $servers)
        .option("subscribe", $topic)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", $records)
        .load()
        .selectExpr("CAST(value AS STRING) AS value")
    )
    query = count_events(values).writeStream.outputMode("append").format("console").start()
    query.awaitTermination()
""")

SPARK: Final = Engine(
    label="Spark",
    new_setting=SparkSetting,
    replay=replay_spark,
    programs=spark_programs,
    parameters=(
        Number(
            name="batch_records",
            title="Records a micro-batch",
            link="batch",
            engine_default="no limit",
            least=1,
        ),
    ),
)
