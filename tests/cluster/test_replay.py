"""Engines replayed on a Dask cluster, against those of this process."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from pandas.testing import assert_frame_equal

from lib.cluster.origin import Origin
from lib.cluster.replaying import ReplaysOnCluster, outcomes_on
from lib.cluster.topic import hold
from lib.core.blockwise import answered
from lib.core.columns import CLIENT, PARTITION, SESSION
from lib.core.errors import NotInBlocksError
from lib.loading.load import load
from lib.replay.blame import blame
from lib.replay.engine import replay
from lib.replay.engines.beam import BeamSetting
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.gaps import gaps_question
from lib.replay.goal import Goal
from lib.replay.in_blocks import Job
from lib.replay.input import replay_input_of
from lib.replay.of_topic import replayed_with, true_sessions
from lib.replay.outcome import TrueSessions
from lib.replay.partitions import partition_skew
from lib.replay.processing_time import on_received_question
from lib.replay.registry import ENGINES
from lib.replay.windows import HoppingWindow, SessionWindow, TumblingWindow
from lib.report.__main__ import main
from lib.report.on_cluster import (
    fault_on_held,
    gaps_on_held,
    outcomes_on_held,
    received_on_held,
)
from lib.report.report import Asked
from lib.sources.base import Everything
from lib.sources.files.folder import OneFile
from tests.cluster.same import assert_same

GAP, MINUTE = SessionWindow(30_000), TumblingWindow(60_000)
SETTINGS = [
    *(engine.setting(GAP, 500) for engine in ENGINES),
    FlinkSetting(MINUTE, 200, allowed_lateness_ms=5_000, per_partition=False),
    FlinkSetting(GAP, 200, emission_ms=1_000, idle_ms=3_000),
    FlinkSetting(HoppingWindow(60_000, 4), emission_ms=0),
    KafkaStreamsSetting(MINUTE, 200, caching=False, repartitioned=False, most_ahead_ms=None),
    KafkaStreamsSetting(GAP, most_ahead_ms=0),
    SparkSetting(MINUTE, trigger_ms=10_000),
    SparkSetting(GAP, waiting=True),
    BeamSetting(GAP, allowed_lateness_ms=2_000, per_partition=False),
]


@pytest.fixture(scope="module")
def topic(files):
    path = files / "unkeyed.jsonl"
    return load(OneFile(path), "unkeyed", Everything())


@pytest.fixture(scope="module")
def held(client, files):
    return held_in_blocks(client, files / "unkeyed.jsonl", 1_600)


def held_in_blocks(client, path, offsets):
    source = OneFile(path)
    origin = Origin.of(source, "file", str(path))
    return hold(
        client, source, origin, path.stem, Everything(), (), doing=lambda _: None, offsets=offsets
    )


def told(outcome):
    fates = outcome.sessions
    return replace(outcome, sessions=None), fates.exact, fates.sessions, fates.merged, fates.mixed


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.engine.name)
def test_an_engine_makes_the_same_of_a_topic(client, topic, held, setting):
    job = Job((setting,), CLIENT, has_sessions=True)
    _, outcome = replayed_with(topic, replay_input_of(topic.events.table), setting)

    (found,) = outcomes_on(ReplaysOnCluster(client, held, job))

    assert len(held.by_client) > 1
    assert told(found) == told(outcome)
    assert found.windows


def test_whose_fault_it_is_is_the_same(client, topic, held):
    setting, goal = FlinkSetting(GAP, 500), Goal(0.01)
    table, events = topic.events.table, replay_input_of(topic.events.table)
    replayed = replay(events, setting)
    clients = blame(events, setting, replayed, table[CLIENT].cat.codes.to_numpy(), 0.01)
    partitions = blame(events, setting, replayed, events.partition, 0.01)
    skew = partition_skew(events, 0.01, 10_000)

    found = fault_on_held(client, held, Asked(setting=setting, goal=goal), 10_000)

    assert [*found.names] == [*table[CLIENT].cat.categories]
    for one, other in ((clients, found.clients), (partitions, found.partitions)):
        assert_frame_equal(one.table, other.table)
        assert (one.dropped, one.ahead, one.replayed) == (
            other.dropped,
            other.ahead,
            other.replayed,
        )
        assert one.replayed > 2
    assert_frame_equal(skew.table, found.skew.table)
    assert_frame_equal(skew.timeline, found.skew.timeline)
    assert (skew.within_ms, skew.merged_ms) == (found.skew.within_ms, found.skew.merged_ms)


@pytest.mark.parametrize("window", [GAP, MINUTE], ids=lambda window: window.kind)
def test_windows_on_received_time_are_the_same(client, topic, held, window):
    setting, events = FlinkSetting(window, 500), replay_input_of(topic.events.table)
    sessions = TrueSessions.here(true_sessions(topic))
    question = on_received_question(events, replay(events, setting), sessions, window)

    found = received_on_held(client, held, Asked(setting=setting))

    expected = answered(question)
    assert told(found.outcome) == told(expected.outcome)
    assert (found.kept, found.elsewhere) == (expected.kept, expected.elsewhere)


def test_gaps_are_the_same(client, topic, held):
    gaps = answered(gaps_question(replay_input_of(topic.events.table)))

    found = gaps_on_held(client, held, Asked())

    assert (found.value.tolist(), found.times.tolist()) == (
        gaps.value.tolist(),
        gaps.times.tolist(),
    )


@pytest.mark.parametrize(
    "setting", [SparkSetting(GAP, batch_records=100), FlinkSetting(GAP, catching_up=True)]
)
def test_what_all_that_waits_decides_is_not_told(client, held, setting):
    job = Job((setting,), CLIENT, has_sessions=True)

    with pytest.raises(NotInBlocksError, match="On a cluster that is not replayed"):
        outcomes_on(ReplaysOnCluster(client, held, job))


def test_nor_where_one_block_has_the_arrival_order_and_several_have_the_clients(client, files):
    held = held_in_blocks(client, files / "unkeyed.jsonl", 5_000)
    job = Job((SparkSetting(GAP, batch_records=100),), CLIENT, has_sessions=True)

    assert len(held.in_order) == 1 < len(held.by_client)
    with pytest.raises(NotInBlocksError, match="On a cluster that is not replayed"):
        outcomes_on(ReplaysOnCluster(client, held, job))


def test_the_document_says_it(client, both, files):
    path = files / "keyed.jsonl"
    windows = ("--key", "session", "--window", "tumbling", "--size", "1m")
    address = client.scheduler.address

    documents = both("--file", path, "--engine", "spark", *windows, address=address, offsets=3_000)

    assert_same(documents)
    assert documents[1]["replay"]["grouped_by"] == SESSION


@pytest.mark.parametrize("key", [SESSION, PARTITION])
@pytest.mark.parametrize("setting", [FlinkSetting(GAP, 0), KafkaStreamsSetting(GAP, 0)])
def test_windows_of_other_keys_are_the_same(client, topic, held, key, setting):
    _, outcome = replayed_with(topic, replay_input_of(topic.events.table, key), setting)
    asked = Asked(setting=setting, key=key)

    (found,) = outcomes_on_held(client, held, asked, [setting])

    assert told(found) == told(outcome)
    assert found.dropped
    assert (outcome.sessions.mixed > 0) == (key == PARTITION)  # whose sessions are in several


def test_records_in_order_are_replayed_without_received_times(client, both, tmp_path):
    times = [1_704_164_650_000 + 700 * n - 40_000 * (n % 50 == 7) for n in range(900)]
    lines = [{"ts": time, "client": "abcd"[n % 4]} for n, time in enumerate(times)]
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))

    arguments = ("--arrival-order", "--gap", "10s")
    documents = both("--file", path, *arguments, address=client.scheduler.address, offsets=300)

    assert_same(documents)
    assert documents[1]["replay"]["order_only"]
    assert documents[1]["replay"]["dropped"]


@pytest.mark.parametrize(("engine", "name"), [("flink", "unkeyed"), ("kafka-streams", "keyed")])
def test_what_to_set_is_the_same_where_some_events_have_no_received_time(
    client, files, both, tmp_path, engine, name
):
    lot, path = random.Random(6), tmp_path / "x.jsonl"
    records = [json.loads(line) for line in (files / f"{name}.jsonl").read_text().splitlines()]
    for record in records:
        if lot.random() < 0.3 or (record["partition"] == 0 and record["offset"] < 400):
            del record["ts"]
    path.write_text("\n".join(map(json.dumps, records)))

    arguments = ("--file", path, "--engine", engine, "--delay", "0s", "--drop-at-most", "5%")
    documents = both(*arguments, address=client.scheduler.address, offsets=700, and_page=True)

    assert_same(documents)
    assert documents[1]["without_received"] > 1_000
    assert documents[1]["advice"]["refused_because"] != "too_short"


def test_dropped_events_and_windows_are_written_from_there(client, files, tmp_path):
    windows = ("--window", "hopping", "--size", "20s", "--parts", "2", "--delay", "0s")
    written = []
    for cluster in ((), ("--cluster", client.scheduler.address)):
        paths = [tmp_path / f"{name}{len(written)}.csv" for name in ("dropped", "windows")]
        outputs = ("--dropped", str(paths[0]), "--windows", str(paths[1]))
        assert main(["--file", str(files / "keyed.jsonl"), *windows, *outputs, *cluster]) == 0
        written.append([path.read_text() for path in paths])

    assert written[0] == written[1]
    assert all(len(text.splitlines()) > 10 for text in written[0])
