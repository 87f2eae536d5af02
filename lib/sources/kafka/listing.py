"""What a list of topics tells of a cluster's topics beside their records: times and bytes.

A cluster may refuse to say either; then the list does without.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from kafka.admin import OffsetSpec
from kafka.errors import KafkaError

if TYPE_CHECKING:
    from collections.abc import Collection

    from kafka import KafkaAdminClient, TopicPartition

    from lib.sources.kafka.settings import KafkaSettings

_log: Final = logging.getLogger(__name__)


def time_spans(
    admin: KafkaAdminClient, partitions: Collection[TopicPartition], settings: KafkaSettings
) -> dict[str, tuple[int, int]]:
    """Return the first record's timestamp and the largest, epoch ms, of topics that have some."""
    firsts = _timestamps(admin, partitions, 0, settings)
    lasts = _timestamps(admin, partitions, OffsetSpec.MAX_TIMESTAMP, settings)
    both = firsts.keys() & lasts.keys()
    return {topic: (min(firsts[topic]), max(lasts[topic])) for topic in both}


def newest_ms(
    admin: KafkaAdminClient, partitions: Collection[TopicPartition], settings: KafkaSettings
) -> int | None:
    """Return the largest timestamp of some partitions, epoch ms; None where there is none."""
    lasts = _timestamps(admin, partitions, OffsetSpec.MAX_TIMESTAMP, settings)
    if not lasts:
        return newest_by_halving(admin, partitions, settings)
    return max(time for times in lasts.values() for time in times)


def newest_by_halving(
    admin: KafkaAdminClient, partitions: Collection[TopicPartition], settings: KafkaSettings
) -> int | None:
    """Return what `newest_ms` does, from a broker of any age: before Kafka 3.0 it was not told."""
    if not _timestamps(admin, partitions, 0, settings):
        return None
    there, beyond = 0, 1 << 62
    while beyond - there > 1:
        middle = (there + beyond) // 2
        if _timestamps(admin, partitions, middle, settings):
            there = middle
        else:
            beyond = middle
    return there


def _timestamps(
    admin: KafkaAdminClient,
    partitions: Collection[TopicPartition],
    at: OffsetSpec | int,
    settings: KafkaSettings,
) -> dict[str, list[int]]:
    try:
        found = admin.list_partition_offsets(
            dict.fromkeys(partitions, at), timeout_ms=round(1000 * settings.timeout_s)
        )
    except KafkaError as error:  # a broker from before Kafka 3.0 knows no largest timestamp
        _log.info("The cluster does not say when its topics' records are: %s", type(error).__name__)
        found = {}
    times: dict[str, list[int]] = defaultdict(list)
    for partition, there in found.items():
        if there.offset >= 0 and there.timestamp is not None and there.timestamp >= 0:
            times[partition.topic].append(there.timestamp)
    return times


def sizes(admin: KafkaAdminClient, partitions: Collection[TopicPartition]) -> dict[str, int]:
    """Return how many bytes each topic has on its brokers' disks, one replica of each partition."""
    wanted: dict[str, list[int]] = defaultdict(list)
    for partition in partitions:
        wanted[partition.topic].append(partition.partition)
    try:
        brokers: list[dict[str, Any]] = admin.describe_log_dirs(wanted)
    except KafkaError as error:  # asks for a right on the cluster itself
        _log.info("The cluster does not say how large its topics are: %s", type(error).__name__)
        brokers = []
    largest: dict[tuple[str, int], int] = {}
    for broker in brokers:
        for folder in broker["log_dirs"]:
            for topic in folder["topics"]:
                for part in topic["partitions"]:
                    place = topic["name"], part["partition_index"]
                    largest[place] = max(largest.get(place, 0), part["partition_size"])
    found: dict[str, int] = defaultdict(int)
    for (name, _), size in largest.items():
        found[name] += size
    return found
