"""The code to paste. That it compiles, and what it prints, is for the oracles to say."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace

import pytest

from lib.core.times.forms import FORMS
from lib.events.fields import RECORD_TIME_FIELD, Fields, TimeField
from lib.replay import registry
from lib.replay.code import Names, names_of
from lib.replay.engines.beam import BeamSetting
from lib.replay.engines.flink import _OWN_COLUMNS, FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.windows import HoppingWindow, SessionWindow, TumblingWindow

NAMES = Names(topic="it's", key="Client`ID", time='Time"stamp')
SESSION = SessionWindow(30_001)
WINDOWS = [SESSION, TumblingWindow(30_001), HoppingWindow(30_000, 2)]
FLINK = FlinkSetting(SESSION, delay_ms=5_250)
STREAMS = KafkaStreamsSetting(SESSION, grace_ms=700)
SPARK = SparkSetting(SESSION)


def programs(setting, names=NAMES):
    """The programs for a setting, by language."""
    return {program.language: program.text for program in setting.engine.programs(setting, names)}


@pytest.mark.parametrize("window", WINDOWS)
def test_sql_has_gap_and_delay_to_the_millisecond(window):
    sql = programs(replace(FLINK, window=window))["sql"]

    length = "INTERVAL '0 00:00:30.001'" if window.length_ms % 2 else "INTERVAL '0 00:00:30.000'"
    assert f"{length} DAY TO SECOND(3)" in sql
    assert "event_time - INTERVAL '0 00:00:05.250' DAY TO SECOND(3)" in sql


def test_sql_quotes_names():
    sql = programs(FLINK)["sql"]

    assert "'topic' = 'it''s'" in sql
    assert "`Client``ID` STRING" in sql


@pytest.mark.parametrize(
    "change",
    [{"allowed_lateness_ms": 1}, {"per_partition": False}, {"delay_ms": 100 * 86_400_000}],
    ids=lambda c: next(iter(c)),
)
def test_what_sql_cannot_do_has_java_only(change):
    assert set(programs(replace(FLINK, **change))) == {"java"}


def test_times_that_sql_cannot_read_have_java_only():
    assert set(programs(FLINK, replace(NAMES, form="compact"))) == {"java"}


@pytest.mark.parametrize(
    ("change", "sql", "java"),
    [
        ({}, "'pipeline.auto-watermark-interval' = '200 ms'", "setAutoWatermarkInterval(200L)"),
        ({"emission_ms": 0}, "'scan.watermark.emit.strategy' = 'on-event'", "new AfterEveryEvent"),
        ({"idle_ms": 7}, "idle-timeout' = '7 ms'", ".withIdleness(Duration.ofMillis(7L))"),
        ({}, "'scan.startup.mode' = 'latest-offset'", "OffsetsInitializer.latest()"),
        ({"catching_up": True}, "'earliest-offset'", "OffsetsInitializer.earliest()"),
        ({}, "WATERMARK FOR event_time", "env.fromSource(source, watermarks"),
    ],
)
def test_every_choice_of_flink_is_in_both_programs(change, sql, java):
    found = programs(replace(FLINK, **change))

    assert sql in found["sql"]
    assert java in found["java"]


def test_one_watermark_for_all_is_given_after_the_source():
    java = programs(replace(FLINK, per_partition=False))["java"]

    assert "env.fromSource(source, WatermarkStrategy.noWatermarks()" in java
    assert ".assignTimestampsAndWatermarks(watermarks)" in java


def test_kafka_streams_has_gap_and_grace():
    java = programs(STREAMS)["java"]

    assert "Duration.ofMillis(30001L), Duration.ofMillis(700L)" in java
    assert "COMMIT_INTERVAL_MS_CONFIG, 30000L" in java


def test_kafka_streams_makes_what_it_groups_by_the_key_only_where_it_is_not():
    assert ".process(SetKey::new)" in programs(STREAMS)["java"]
    assert "SetKey" not in programs(replace(STREAMS, repartitioned=False))["java"]


@pytest.mark.parametrize(
    ("change", "has"),
    [
        ({}, '.option("startingOffsets", "latest")'),
        ({"waiting": True}, ".trigger(availableNow=True)"),
        ({"trigger_ms": 7}, '.trigger(processingTime="7 milliseconds")'),
        ({"batch_records": 7}, '.option("maxOffsetsPerTrigger", 7)'),
    ],
)
def test_every_choice_of_spark_is_in_the_program(change, has):
    assert has in programs(replace(SPARK, **change))["python"]


def test_beam_has_the_delay_in_its_policy_and_the_lateness_in_its_window():
    program = programs(BeamSetting(SESSION, 5_000, 700))["java"]

    assert "minus(5000L)" in program
    assert ".withAllowedLateness(org.joda.time.Duration.millis(700L))" in program


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_spark_reads_every_form(form, zone):
    program = ast.parse(programs(SPARK, replace(NAMES, form=form, zone=zone))["python"])

    assert any(isinstance(part, ast.FunctionDef) for part in program.body)


@pytest.mark.parametrize(
    ("names", "java"),
    [
        (Names("t", "Data.Client"), 'text(value, "Data.Client")'),
        (Names("t", "@key"), "new String(key, StandardCharsets.UTF_8)"),
        (Names("t", "@header:who"), 'header(headers, "who")'),
        (Names("t", "@partition"), "Integer.toString(partition)"),
        (Names("t", None), 'return "all"'),
        (Names("t", time=None), "return timestamp"),
        (Names("t", form="us"), "movePointLeft(3)"),
        (Names("t", form="iso"), "private static final List<Pattern> PATTERNS"),
        (Names("t", form="iso", zone="Europe/Berlin"), 'ZoneId.of("Europe/Berlin")'),
        (Names("t", avro='{"type": "record"}'), "GenericDatumReader"),
        (Names("t"), "found.isMissingNode() || found.isNull()"),
        (Names("t", zone="+01:00"), 'atZone(ZoneId.of("+01:00"))'),
    ],
)
@pytest.mark.parametrize("engine", registry.ENGINES, ids=lambda e: e.label)
def test_java_reads_a_topic_as_it_is_written(names, java, engine):
    found = programs(engine.setting(SESSION, 1), names)

    assert java in found.get("java", java)


@pytest.mark.parametrize("name", [*_OWN_COLUMNS, "events", "placed", "window_start"])
def test_no_column_of_the_sql_is_called_as_a_field_is(name):
    sql = programs(FLINK, Names("t", name, f"{name}_.at"))["sql"]
    declared = re.findall(r"^  (`?\w+`?) [A-Z]", sql, re.MULTILINE)

    assert len({column.strip("`") for column in declared}) == len(declared)
    assert f"`{name}` STRING" in sql


def test_sql_takes_a_null_for_no_event():
    sql = programs(FLINK)["sql"]

    assert "WHERE client IS NOT NULL AND event_time IS NOT NULL" in sql
    assert "TABLE placed" in sql
    assert "TRY_CAST(" in sql


def test_sql_says_which_times_it_leaves_out():
    iso, _ = FLINK.engine.programs(FLINK, replace(NAMES, form="iso"))
    ms, java = FLINK.engine.programs(FLINK, NAMES)

    assert "Events whose time is written otherwise" in iso.remark
    assert not ms.remark
    assert not java.remark


@pytest.mark.parametrize(
    "change",
    [{"zone": "Europe/Berlin"}, {"form": "iso", "zone": "+01:00!"}, {"form": "gps_s"}],
    ids=str,
)
def test_sql_does_not_read_times_that_it_would_misread(change):
    assert set(programs(FLINK, replace(NAMES, **change))) == {"java"}


def test_a_dot_is_looked_for_between_objects_and_in_names():
    names = Names("t", "a.b.c", "time")

    assert names.paths("a.b.c") == [["a", "b", "c"], ["a.b", "c"], ["a", "b.c"], ["a.b.c"]]
    assert replace(names, avro="{}").paths("a.b.c") == [["a", "b", "c"]]
    assert names.paths(".a") == [[".a"]]
    assert len(names.paths("a" + ".b" * 99)) == 16


def test_sql_declares_every_way_to_a_field():
    sql = programs(FLINK, Names("t", "device.id", "device.id.at"))["sql"]

    assert "`device` ROW<`id` STRING, `id.at` STRING>" in sql
    assert "`device.id` STRING" in sql
    assert "`device.id.at` STRING" in sql
    assert "COALESCE(CAST(`device`.`id` AS STRING), CAST(`device.id` AS STRING))" in sql


@pytest.mark.parametrize(
    ("name", "python"),
    [
        ("a[0]", "F.get_json_object(value, \"$['a[0]']\")"),
        ("*", """F.from_json(value, "map<string, string>").getItem('*')"""),
        ("it's", """F.from_json(value, "map<string, string>").getItem("it's")"""),
        (
            "a.b",
            """F.get_json_object(value, "$['a']['b']"), F.get_json_object(value, "$['a.b']")""",
        ),
    ],
)
def test_spark_reads_a_field_of_any_name(name, python):
    assert python in programs(SPARK, Names("t", name))["python"]


@pytest.mark.parametrize("engine", registry.ENGINES, ids=lambda e: e.label)
def test_java_has_a_schema_only_where_values_are_avro(engine):
    java = programs(engine.setting(SESSION, 1), Names("t", "TABLE_SCHEMA")).get("java", "")

    assert "Schema.Parser" not in java


def test_a_schema_of_any_length_is_in_pieces_that_java_compiles():
    fields = [{"name": f"field_{i}", "type": "string", "doc": "ü" * 30} for i in range(1_000)]
    schema = json.dumps({"type": "record", "name": "E", "fields": fields}, ensure_ascii=False)
    java = programs(FLINK, Names("t", "field_1", "field_2", avro=schema))["java"]
    written = java.partition("parse(")[2].partition(");\n")[0].strip()
    pieces = json.loads("[" + written.removeprefix("String.join(").removesuffix(")") + "]")

    assert "".join(pieces) == schema
    assert max(len(piece.encode()) for piece in pieces) < 65_536


def test_the_names_of_a_topic_are_its_fields():
    fields = Fields(TimeField(("Data.At", "At"), zone="+01:00"), client="@key")

    names = names_of("t", fields, {"Data.At": "iso"})

    assert names == Names("t", "@key", "Data.At", "iso", "+01:00")


def test_a_program_reads_the_timestamp_of_the_record_where_that_is_the_event_time():
    assert names_of("t", Fields(RECORD_TIME_FIELD), {}).time is None


@pytest.mark.parametrize(
    ("setting", "key", "says"),
    [
        (FLINK, "id", "Live: events are read as they were received."),
        (replace(FLINK, catching_up=True), "id", "Catching up: the job starts at the earliest"),
        (STREAMS, "id", "Grouped by “id”, which is not the record key"),
        (STREAMS, None, "Grouped by no field, so all events as one"),
        (STREAMS, "@key", "Grouped by the record key"),
        (
            replace(STREAMS, repartitioned=False),
            "id",
            "The replay groups by “id”: it is right only where",
        ),
    ],
)
def test_what_has_to_be_said_of_a_setting_is_said(setting, key, says):
    assert says in setting.engine.remark(setting, Names("t", key))


def test_nothing_is_said_where_the_record_key_is_what_is_grouped_by():
    setting = replace(STREAMS, repartitioned=False)

    assert setting.engine.remark(setting, Names("t", "@key")) == ""
