"""Replays of a loaded topic: what its log tells an engine beside its events."""

from __future__ import annotations

import json

from lib.core.columns import CLIENT
from lib.loading.load import load, reload
from lib.replay.input import default_partitions
from lib.replay.of_topic import input_of
from lib.sources.base import Everything
from tests.support.memory import MemoryTopic

CLIENTS = [f"c{number}" for number in range(8)]


def topic_of(partitions: int) -> MemoryTopic:
    """Return a topic with records on its first partition alone."""
    topic = MemoryTopic(partitions)
    for client in CLIENTS * 2:
        topic.write(json.dumps({"client_id": client, "timestamp": 10**12}).encode())
    return topic


def test_a_key_goes_to_one_of_all_partitions_also_where_the_last_has_no_record():
    loaded = load(topic_of(partitions=4), "topic", Everything())

    homes = input_of(loaded, CLIENT).partition_of_key[: len(CLIENTS)]

    assert homes.tolist() == default_partitions(CLIENTS, 4).tolist()


def test_a_key_goes_elsewhere_once_the_topic_has_more_partitions():
    before = load(topic_of(partitions=4), "topic", Everything())

    after = reload(topic_of(partitions=5), before)

    homes = input_of(after, CLIENT).partition_of_key[: len(CLIENTS)]
    assert after.version != before.version
    assert homes.tolist() == default_partitions(CLIENTS, 5).tolist()


def test_a_partition_is_empty_until_it_has_a_record():
    topic = topic_of(partitions=3)
    before = load(topic, "topic", Everything())
    topic.write(b"no event", partition=1)

    after = reload(topic, before)

    assert before.report.empty == (1, 2)
    assert after.report.empty == (2,)
