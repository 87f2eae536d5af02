"""The code to paste. That it compiles and runs is for the oracles to say."""

from __future__ import annotations

import ast

import pytest

from lib.replay.code import Names
from lib.replay.engines.beam import BeamSetting
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.windows import SessionWindow, TumblingWindow

NAMES = Names(topic="it's", key="Client`ID", time='Time"stamp')
WINDOWS = [SessionWindow(30_001), TumblingWindow(30_001)]


def programs(setting):
    """The programs for a setting, by language."""
    return {program.language: program.text for program in setting.engine.programs(setting, NAMES)}


@pytest.mark.parametrize("window", WINDOWS)
def test_sql_has_gap_and_delay_to_the_millisecond(window):
    sql = programs(FlinkSetting(window, delay_ms=5_250))["sql"]

    assert "INTERVAL '0 00:00:30.001' DAY TO SECOND(3)" in sql
    assert "event_time - INTERVAL '0 00:00:05.250' DAY TO SECOND(3)" in sql


def test_sql_quotes_names():
    sql = programs(FlinkSetting(WINDOWS[0]))["sql"]

    assert "'topic' = 'it''s'" in sql
    assert "`Client``ID` STRING" in sql


def test_allowed_lateness_has_java_only():
    assert set(programs(FlinkSetting(WINDOWS[0], allowed_lateness_ms=1))) == {"java"}


def test_kafka_streams_has_gap_and_grace():
    java = programs(KafkaStreamsSetting(WINDOWS[0], grace_ms=700))["java"]

    assert "Duration.ofMillis(30001L), Duration.ofMillis(700L)" in java


@pytest.mark.parametrize("setting", [SparkSetting(WINDOWS[0]), BeamSetting(WINDOWS[0])])
def test_python_programs_are_python(setting):
    program = ast.parse(programs(setting)["python"])

    assert any(isinstance(part, ast.FunctionDef) for part in program.body)


def test_beam_has_the_delay_as_allowed_lateness():
    program = programs(BeamSetting(WINDOWS[0], 5_000, 700))["python"]

    assert "allowed_lateness=Duration(micros=5700_000)" in program
