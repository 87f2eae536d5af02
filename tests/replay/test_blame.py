"""Whose fault: against replays with each client's, or partition's, records deleted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from hypothesis import given, settings

from lib.replay.blame import (
    DROPPED_BECAUSE,
    DROPPED_OF,
    DROPPED_WITHOUT,
    GROUP,
    LEAD_MS,
    NEED_WITHOUT_MS,
    blame,
)
from lib.replay.engine import replay, with_delay
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.input import replay_input
from lib.replay.windows import NO_INDEX, SessionWindow
from tests.replay.sequences import settings_of_all_engines, topics

FLINK = FlinkSetting(SessionWindow(10), 5, emission_ms=0, per_partition=False)


def deleted(events, group, code):
    rest = group != code
    fewer = replay_input(
        events.event_time[rest], events.key[rest], events.partition[rest], events.received[rest]
    )
    return replace(fewer, partition_of_key=events.partition_of_key)  # of as many partitions


def blamed(events, setting, group):
    return blame(events, setting, replay(events, setting), group, 0)


def ahead_client():
    """Three clients in turn, a time unit apart; the clock of the third is 1,000 ahead."""
    client = np.arange(30) % 3
    times = np.arange(30) + np.where(client == 2, 1_000, 0)
    return replay_input(times, client, received=np.arange(30))


@settings(max_examples=200, deadline=None)
@given(topics(), settings_of_all_engines)
def test_numbers_are_those_of_a_replay_without_the_client(topic, setting):
    base = replay(topic, setting)

    found = blamed(topic, setting, topic.key)

    assert found.dropped == base.dropped
    for row in found.table.to_dict("records"):
        code = row[GROUP]
        of = int(np.count_nonzero(base.late[topic.key == code]))
        assert row[DROPPED_OF] == of
        if pd.notna(row[DROPPED_WITHOUT]):
            without = replay(deleted(topic, topic.key, code), setting).dropped
            assert row[DROPPED_WITHOUT] == without
            assert row[DROPPED_BECAUSE] == base.dropped - of - without


@settings(max_examples=200, deadline=None)
@given(topics(), settings_of_all_engines)
def test_numbers_are_those_of_a_replay_without_the_partition(topic, setting):
    table = blamed(topic, setting, topic.partition).table

    for row in table.dropna(subset=[DROPPED_WITHOUT]).to_dict("records"):
        without = replay(deleted(topic, topic.partition, row[GROUP]), setting).dropped
        assert row[DROPPED_WITHOUT] == without


@settings(max_examples=200, deadline=None)
@given(topics(), settings_of_all_engines)
def test_without_a_client_that_never_led_as_many_of_the_others_events_are_dropped(topic, setting):
    if isinstance(setting, SparkSetting) or getattr(setting, "emission_ms", 0):
        return  # There a record less moves the ends of batches, or when watermarks are emitted.
    base = replay(topic, setting)
    if base.stopped_at != NO_INDEX:
        return  # Without another client's event the engine may stop elsewhere.
    found = blamed(topic, setting, topic.key)
    replayed = set(found.table[GROUP][found.table[DROPPED_WITHOUT].notna()])
    leaders = set()
    scopes = [np.zeros(len(topic)), topic.partition]
    if getattr(setting, "repartitioned", False):
        scopes.append(topic.partition_of_key[topic.key])
    for scope in scopes:
        for part in np.unique(scope):
            rows = np.flatnonzero(scope == part)
            newest = np.maximum.accumulate(topic.event_time[rows])
            leads = np.diff(newest, prepend=-1) > 0
            leaders |= set(topic.key[rows[leads]].tolist())
    assert found.ahead == len(leaders)
    assert replayed <= leaders
    for code in set(topic.key.tolist()) - leaders:
        others = topic.key != code
        without = replay(deleted(topic, topic.key, code), setting).dropped
        assert without == np.count_nonzero(~base.kept[others])


@settings(max_examples=100, deadline=None)
@given(topics(), settings_of_all_engines)
def test_with_the_delay_that_the_rest_needs_the_rest_drops_nothing(topic, setting):
    table = blamed(topic, setting, topic.key).table

    for row in table.dropna(subset=[NEED_WITHOUT_MS]).to_dict("records"):
        rest = deleted(topic, topic.key, row[GROUP])
        assert replay(rest, with_delay(setting, int(row[NEED_WITHOUT_MS]))).dropped == 0


def test_a_clock_that_is_ahead_is_first():
    events = ahead_client()

    found = blamed(events, FLINK, events.key)

    first = found.table.iloc[0]
    assert first[GROUP] == 2
    assert (first[DROPPED_OF], first[DROPPED_WITHOUT]) == (0, 0)
    assert first[DROPPED_BECAUSE] == found.dropped == 18
    assert first[LEAD_MS] == 1_000 + 2 - 1
    assert first[NEED_WITHOUT_MS] == 0


def test_a_partition_has_a_stream_time_of_its_own_in_kafka_streams():
    client = np.arange(30) % 3
    events = replay_input(ahead_client().event_time, client, client, np.arange(30))

    assert (
        blamed(
            events, KafkaStreamsSetting(SessionWindow(10), 5, repartitioned=False), client
        ).dropped
        == 0
    )


def test_where_nothing_is_dropped_there_is_nobody_to_blame():
    events = replay_input(np.arange(10), np.arange(10) % 2)

    found = blamed(events, FLINK, events.key)

    assert found.table.empty
    assert (found.dropped, found.replayed) == (0, 0)


def test_with_many_clients_only_some_are_replayed_and_that_is_said():
    rng = np.random.default_rng(3)
    times = np.arange(20_000) * 10 - rng.integers(0, 20_000, 20_000)
    events = replay_input(times, rng.integers(0, 2_000, 20_000))

    found = blamed(events, FLINK, events.key)

    assert found.replayed == 40 < found.ahead
    assert len(found.table) == 50
