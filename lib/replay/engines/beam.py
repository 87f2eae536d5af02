"""Beam: a watermark that stays a fixed delay behind the newest event.

Beam leaves the watermark to source and runner; a fixed delay is what its timestamp policies for
Kafka amount to. Rules read from Beam 2.77 and confirmed by running it: see `docs/engines.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from lib.replay.assignment import (
    assign_aligned,
    assign_sessions,
    exclusive_bounds,
    final_results,
    replay_of,
)
from lib.replay.code import Names, Program, python_literals
from lib.replay.engine import Delay, Duration, Engine, Setting
from lib.replay.engine_clock import newest_so_far, rising
from lib.replay.windows import NEVER, Replay, SessionWindow

if TYPE_CHECKING:
    from lib.replay.input import ReplayInput


@dataclass(frozen=True)
class BeamSetting(Setting):
    """How a Beam pipeline is set. Durations are milliseconds.

    Attributes
    ----------
    window
        `Sessions` or `FixedWindows`.
    delay_ms
        How far the source's watermark stays behind the newest event time.
    allowed_lateness_ms
        How long after its end a window still takes late events, with a new pane for each.
    runner
        "java": as the runners in Java do. "python": the in-process runner of Beam's Python SDK,
        which drops events one millisecond later and never forgets a session.
    """

    delay_ms: int = 0
    allowed_lateness_ms: int = 0
    runner: Literal["java", "python"] = "java"

    def __post_init__(self) -> None:
        if min(self.delay_ms, self.allowed_lateness_ms) < 0:
            raise ValueError("delay_ms and allowed_lateness_ms must be at least 0")

    @property
    def engine(self) -> Engine[BeamSetting]:
        """Beam."""
        return BEAM


def replay_beam(events: ReplayInput, setting: BeamSetting) -> Replay:
    """Return what Beam would have made of the events.

    An event is judged on its own window before that merges, and two events exactly the gap apart
    are two sessions. With allowed lateness the final result is the last pane.
    """
    watermark = rising(newest_so_far(events.event_time) - setting.delay_ms, events.received)
    clock = watermark.seen_by(len(events))
    window, lateness = setting.window, setting.allowed_lateness_ms
    spared = 0 if setting.runner == "java" else 1
    if isinstance(window, SessionWindow):
        held = window.gap_ms + lateness
        forgets = setting.runner == "java"
        assignment = assign_sessions(
            events,
            clock,
            held_from=clock - held + 1 if forgets else np.full(len(events), NEVER),
            reach_ms=window.gap_ms - 1,
            late_ms=held + spared,
            joins_first=False,
        )
    else:
        assignment = assign_aligned(events, clock, window, late_ms=lateness + spared)
    bounds = exclusive_bounds(assignment, window)
    closed = final_results(watermark.reaches(bounds[1]), assignment, events)
    return replay_of(assignment, clock, bounds, closed)


def beam_programs(setting: BeamSetting, names: Names) -> tuple[Program, ...]:
    """Return a Python program for Beam (2.x).

    Beam's Kafka source for Python has no watermark delay to set, and its watermark follows the
    records' own timestamps. Delay and allowed lateness drop the same events, so here both are
    allowed lateness; results come out sooner, and again.
    """
    text = _PYTHON_TEMPLATE.substitute(
        python_literals(names),
        windows="Sessions" if isinstance(setting.window, SessionWindow) else "FixedWindows",
        length=setting.window.length_ms,
        lateness=setting.delay_ms + setting.allowed_lateness_ms,
    )
    return (Program("Python", "python", text),)


_PYTHON_TEMPLATE = Template("""\
import json

import apache_beam as beam
from apache_beam.io.kafka import ReadFromKafka
from apache_beam.transforms import trigger, window
from apache_beam.utils.timestamp import Duration, Timestamp


def parse(value):
    event = json.loads(value)
    return window.TimestampedValue(
        (str(event[$key]), 1), Timestamp(micros=int(event[$time]) * 1_000)
    )


def count_events(values):
    \"\"\"Count per key and window; `values` are JSON objects, as bytes.\"\"\"
    return (
        values
        | beam.Map(parse)
        | beam.WindowInto(
            window.$windows(Duration(micros=${length}_000)),
            trigger=trigger.AfterWatermark(late=trigger.AfterCount(1)),
            accumulation_mode=trigger.AccumulationMode.ACCUMULATING,
            allowed_lateness=Duration(micros=${lateness}_000),
        )
        | beam.CombinePerKey(sum)
    )


if __name__ == "__main__":
    with beam.Pipeline() as pipeline:
        records = pipeline | ReadFromKafka(
            consumer_config={"bootstrap.servers": $servers, "auto.offset.reset": "earliest"},
            topics=[$topic],
            timestamp_policy=ReadFromKafka.create_time_policy,
        )
        count_events(records | beam.Values()) | beam.Map(print)
""")

BEAM: Final = Engine(
    label="Beam",
    new_setting=BeamSetting,
    replay=replay_beam,
    programs=beam_programs,
    delay=Delay(engine_default="up to the source"),
    parameters=(
        Duration(
            name="allowed_lateness_ms",
            title="Allowed lateness",
            link="lateness",
            engine_default="0",
        ),
    ),
    joins_at_gap=False,
)
