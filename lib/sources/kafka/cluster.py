"""Which topics a cluster has, and which offsets a range means."""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import for_code

from lib.core.errors import BrokerUnreachableError
from lib.core.schemas import NoSchemas
from lib.sources.base import (
    Between,
    FromOffset,
    LastMinutes,
    Latest,
    Plan,
    Range,
    Reader,
    Span,
    TopicInfo,
    always,
)
from lib.sources.kafka import kafka_python
from lib.sources.kafka.client_config import client_config
from lib.sources.kafka.errors import explained
from lib.sources.kafka.librdkafka.bindings import NoLibraryError, library
from lib.sources.kafka.listing import newest_ms, sizes, time_spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import pyarrow as pa

    from lib.core.schemas import SchemaSource
    from lib.sources.kafka.settings import KafkaSettings

_TIMESTAMP_KIND: Final = "message.timestamp.type"


def _librdkafka(
    settings: KafkaSettings, plan: Plan, wants_headers: Callable[[], bool]
) -> Iterator[pa.RecordBatch]:
    from lib.sources.kafka.librdkafka import reader  # noqa: PLC0415 (may not be installed)

    return reader.read(settings, plan, wants_headers)


_READERS: Final = {"librdkafka": _librdkafka, "kafka-python": kafka_python.read}


@dataclass(frozen=True)
class KafkaTopics:
    """The topics of one cluster, as a `lib.sources.base.TopicSource`.

    Building it opens no connection; every call opens its own and closes it, so that one instance
    serves any number of threads. Every method raises a `SkewlineError` when the cluster fails.
    """

    settings: KafkaSettings
    schemas: SchemaSource = field(default_factory=NoSchemas)

    @property
    def name(self) -> str:
        """What the sidebar calls the cluster."""
        return f"Kafka at {self.settings.bootstrap_servers}"

    @property
    def identity(self) -> str:
        """The cluster, who reads it, and which records count: what decides what is read."""
        settings = self.settings
        who = f"{settings.security_protocol}:{settings.sasl_username}"
        return f"kafka:{settings.bootstrap_servers}:{who}:{settings.isolation_level}"

    @property
    def reader(self) -> Reader:
        """The client that reads records: "librdkafka", or "kafka-python" where it is not there.

        Only this machine is asked, never the cluster.
        """
        if self.settings.reader == "kafka-python":
            return Reader("kafka-python")
        try:
            library()
        except NoLibraryError as error:
            return Reader("kafka-python", str(error))
        return Reader("librdkafka")

    def topics(self) -> list[TopicInfo]:
        """Return the topics of the cluster, sorted by name."""
        with explained(self.settings), closing(_admin(self.settings)) as admin:
            described = list(admin.describe_topics())
            kinds = _timestamp_kinds(admin, [t["name"] for t in described])
            log = _log_of(admin, [tp for t in described for tp in _partitions(t)], self.settings)
            times, bytes_ = time_spans(admin, log, self.settings), sizes(admin, log)
        records: dict[str, int] = defaultdict(int)
        for partition, span in log.items():
            records[partition.topic] += span.size
        found = []
        for topic in described:
            name = topic["name"]
            is_internal = topic["is_internal"] or name.startswith("_")
            count, (first, last) = len(topic["partitions"]), times.get(name, (None, None))
            found.append(
                TopicInfo(
                    *(name, count, records[name], kinds[name], is_internal),
                    *(bytes_.get(name), first, last),
                )
            )
        return sorted(found, key=lambda info: info.name)

    def plan(self, topic: str, wanted: Range) -> Plan:
        """Return the offsets that `wanted` means now.

        `Latest` finds the time from which at least `count` offsets are left by bisection, since
        only time orders records across partitions; the spans may so hold somewhat more than asked.
        `Between` has Kafka's own meaning: each partition from its first record at or after the
        start to its first record at or after the end, and so has `LastMinutes`.
        """
        with explained(self.settings, topic), closing(_admin(self.settings)) as admin:
            log = _log_of(admin, _partitions(_described(admin, topic)), self.settings)
            if isinstance(wanted, Latest):
                starts = _starts_of_latest(admin, log, wanted.count, self.settings)
                spans = [Span(s.partition, starts[tp], s.end) for tp, s in log.items()]
            elif isinstance(wanted, Between):
                starts = _offsets_at(admin, log, wanted.start_ms, self.settings)
                ends = _offsets_at(admin, log, wanted.end_ms, self.settings)
                spans = [Span(s.partition, starts[tp], ends[tp]) for tp, s in log.items()]
            elif isinstance(wanted, FromOffset):
                spans = [span.beginning_at(wanted.offset) for span in log.values()]
            elif isinstance(wanted, LastMinutes):
                newest = newest_ms(admin, log, self.settings)
                since = wanted.start_ms(round(1000 * time.time()) if newest is None else newest)
                starts = _offsets_at(admin, log, since, self.settings)
                spans = [Span(s.partition, starts[tp], s.end) for tp, s in log.items()]
            else:
                spans = list(log.values())
        return Plan(topic, wanted, tuple(spans), tuple(log.values()))

    def read(
        self, plan: Plan, wants_headers: Callable[[], bool] = always
    ) -> Iterator[pa.RecordBatch]:
        """Yield the records of `plan` with the client that `reader` names."""
        try:
            yield from _READERS[self.reader.name](self.settings, plan, wants_headers)
        except BrokerUnreachableError:
            with suppress(BrokerUnreachableError):
                self.plan(plan.topic, Latest(1))  # says so where it is the topic that is gone
            raise


def _admin(settings: KafkaSettings) -> KafkaAdminClient:
    return KafkaAdminClient(**client_config(settings))


def _described(admin: KafkaAdminClient, topic: str) -> Mapping[str, Any]:
    # Asking for one topic by name never creates it: kafka-python's admin client says so.
    described: Mapping[str, Any] = admin.describe_topics([topic])[0]
    if described["error_code"]:
        raise for_code(described["error_code"])
    return described


def _partitions(described: Mapping[str, Any]) -> list[TopicPartition]:
    indexes = sorted(p["partition_index"] for p in described["partitions"])
    return [TopicPartition(described["name"], index) for index in indexes]


def _log_of(
    admin: KafkaAdminClient, partitions: list[TopicPartition], settings: KafkaSettings
) -> dict[TopicPartition, Span]:
    begin = _offsets(admin, partitions, OffsetSpec.EARLIEST, settings)
    end = _offsets(admin, partitions, OffsetSpec.LATEST, settings)
    return {tp: Span(tp.partition, begin[tp], end[tp]) for tp in partitions}


def _offsets_at(
    admin: KafkaAdminClient,
    log: dict[TopicPartition, Span],
    time_ms: int,
    settings: KafkaSettings,
) -> dict[TopicPartition, int]:
    """Return each partition's first offset whose record timestamp is at least `time_ms`."""
    found = _offsets(admin, log, max(0, time_ms), settings)
    return {
        # Kafka answers -1 where there is none.
        tp: min(max(found[tp], span.start), span.end) if found[tp] >= 0 else span.end
        for tp, span in log.items()
    }


def _offsets(
    admin: KafkaAdminClient,
    partitions: Iterable[TopicPartition],
    at: OffsetSpec | int,
    settings: KafkaSettings,
) -> dict[TopicPartition, int]:
    found = admin.list_partition_offsets(
        dict.fromkeys(partitions, at),
        isolation_level=settings.isolation_level,
        timeout_ms=round(1000 * settings.timeout_s),
    )
    return {tp: there.offset for tp, there in found.items()}


def _starts_of_latest(
    admin: KafkaAdminClient,
    log: dict[TopicPartition, Span],
    count: int,
    settings: KafkaSettings,
) -> dict[TopicPartition, int]:
    """Return starts that leave at least `count` offsets, cut at one moment in every partition."""
    if sum(span.size for span in log.values()) <= count:
        return {tp: span.start for tp, span in log.items()}
    if len(log) == 1:
        return {tp: max(span.start, span.end - count) for tp, span in log.items()}
    early, late = 0, round(1000 * time.time()) + 86_400_000
    starts = {tp: span.start for tp, span in log.items()}
    while late - early > 1:
        middle = (early + late) // 2
        offsets = _offsets_at(admin, log, middle, settings)
        if sum(span.end - offsets[tp] for tp, span in log.items()) >= count:
            early, starts = middle, offsets
        else:
            late = middle
    return starts


def _timestamp_kinds(admin: KafkaAdminClient, topics: list[str]) -> dict[str, str]:
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, topic, {_TIMESTAMP_KIND: None}) for topic in topics
    ]
    described: dict[str, Any] = (
        admin.describe_configs(resources, config_filter="all") if resources else {}
    )
    by_topic = described.get("topic", {})
    return {
        topic: by_topic.get(topic, {}).get(_TIMESTAMP_KIND, {}).get("value", "") for topic in topics
    }
