"""The code to paste. That it compiles and runs is for the oracles to say."""

from __future__ import annotations

import ast

import pytest

from lib.replay import (
    BeamSetting,
    FlinkSetting,
    KafkaStreamsSetting,
    SessionWindow,
    SparkSetting,
    TumblingWindow,
)
from lib.replay.snippets import Names, snippets

NAMES = Names(topic="it's", key="Client`ID", time='Time"stamp')
WINDOWS = [SessionWindow(30_001), TumblingWindow(30_001)]


@pytest.mark.parametrize("window", WINDOWS)
def test_sql_has_gap_and_delay_to_the_millisecond(window):
    sql = snippets(FlinkSetting(window, delay_ms=5_250), NAMES)["sql"]

    assert "INTERVAL '0 00:00:30.001' DAY TO SECOND(3)" in sql
    assert "event_time - INTERVAL '0 00:00:05.250' DAY TO SECOND(3)" in sql


def test_sql_quotes_names():
    sql = snippets(FlinkSetting(WINDOWS[0]), NAMES)["sql"]

    assert "'topic' = 'it''s'" in sql
    assert "`Client``ID` STRING" in sql


def test_allowed_lateness_has_java_only():
    assert set(snippets(FlinkSetting(WINDOWS[0], allowed_lateness_ms=1), NAMES)) == {"java"}


def test_kafka_streams_has_gap_and_grace():
    java = snippets(KafkaStreamsSetting(WINDOWS[0], grace_ms=700), NAMES)["java"]

    assert "Duration.ofMillis(30001L), Duration.ofMillis(700L)" in java


@pytest.mark.parametrize("setting", [SparkSetting(WINDOWS[0]), BeamSetting(WINDOWS[0])])
def test_python_programs_are_python(setting):
    program = ast.parse(snippets(setting, NAMES)["python"])

    assert any(isinstance(part, ast.FunctionDef) for part in program.body)


def test_beam_has_the_delay_as_allowed_lateness():
    program = snippets(BeamSetting(WINDOWS[0], 5_000, 700), NAMES)["python"]

    assert "allowed_lateness=Duration(micros=5700_000)" in program
