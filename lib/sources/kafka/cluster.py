"""Which topics a cluster has, which offsets a range means, and reading them through failures."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from kafka import KafkaAdminClient, TopicPartition
from kafka import errors as kafka_errors
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.protocol.consumer import OffsetForLeaderEpochRequest

from lib.core.errors import (
    BrokerUnreachableError,
    SkewlineError,
    SourceError,
    TopicMissingError,
)
from lib.core.masking import NOTHING_MASKED
from lib.core.schemas import NoSchemas
from lib.sources.base import (
    Between,
    Everything,
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
from lib.sources.kafka.clients import admin_client
from lib.sources.kafka.errors import changed, explained
from lib.sources.kafka.librdkafka.bindings import NoLibraryError, library
from lib.sources.kafka.listing import newest_ms, sizes, time_spans
from lib.sources.kafka.progress import LastProgress, OffsetsGoneError
from lib.sources.kafka.settings import KERBEROS
from lib.sources.records import expired, waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import pyarrow as pa

    from lib.core.schemas import SchemaSource
    from lib.sources.kafka.settings import KafkaSettings

_TIMESTAMP_KIND: Final = "message.timestamp.type"
_CLEANUP: Final = "cleanup.policy"
_NO_ID: Final = UUID(int=0)


_FETCH_BYTES: Final = (kafka_python.FETCH_BYTES, 1024 * 1024, 64 * 1024)
"""Bytes of one answer of a broker at most: less where none has come whole in time."""

_BROKERS_DOWN: Final = 2
"""Brokers of a cluster that may be down without being asked in vain."""

_PAUSE_S: Final = 0.25
"""Seconds between a client that brought nothing and the next: it may have failed at once."""

_SHOWN_S: Final = 2.0
"""Seconds of silence after which it is told that something is waited for."""


def _librdkafka(*arguments: Any) -> Iterator[pa.RecordBatch]:  # noqa: ANN401 (as the other's)
    from lib.sources.kafka.librdkafka import reader  # noqa: PLC0415 (may not be installed)

    return reader.read(*arguments)


_READERS: Final = {"librdkafka": _librdkafka, "kafka-python": kafka_python.read}


@dataclass(frozen=True)
class KafkaTopics:
    """The topics of one cluster, as a `lib.sources.base.TopicSource`.

    Building it opens no connection; every call opens its own and closes it, so that one instance
    serves any number of threads. Every method raises a `SkewlineError` when the cluster fails.
    """

    settings: KafkaSettings
    schemas: SchemaSource = field(default_factory=NoSchemas)
    cluster: str = ""
    """What the settings call the cluster, where there are several."""

    masking = NOTHING_MASKED

    @property
    def name(self) -> str:
        """What the sidebar calls the cluster."""
        return f"Kafka{self.cluster and ' ' + self.cluster} at {self.settings.bootstrap_servers}"

    @property
    def identity(self) -> str:
        """The cluster, who reads it, and which records count: what decides what is read."""
        settings = self.settings
        who = ":".join(
            (
                settings.security_protocol,
                settings.sasl_username,
                settings.oauth_client_id,
                settings.oauth_token_file,
                settings.ssl_certfile,
            )
        )
        where = f"{self.cluster}:{settings.bootstrap_servers}"
        return f"kafka:{where}:{who}:{settings.isolation_level}"

    @property
    def reader(self) -> Reader:
        """The client that reads records: "librdkafka", or "kafka-python" where it is not there.

        Only this machine is asked, never the cluster.
        """
        if self.settings.reader == "kafka-python":
            return Reader("kafka-python")
        if self.settings.sasl_mechanism == KERBEROS:
            return Reader("kafka-python", "librdkafka is installed without Kerberos")
        try:
            library()
        except NoLibraryError as error:
            return Reader("kafka-python", str(error))
        return Reader("librdkafka")

    def topics(self) -> list[TopicInfo]:
        """Return the topics of the cluster, sorted by name.

        Partitions without a leader, or whose leader does not answer, are told as unavailable.
        """
        with explained(self.settings), admin_client(self.settings) as admin:
            described = list(_asked(admin.describe_topics))
            kinds = _configs(admin, [t["name"] for t in described])
            log = _log_of(admin, described, self.settings)
            times, bytes_ = time_spans(admin, log, self.settings), sizes(admin, log)
        records: dict[str, int] = defaultdict(int)
        for partition, span in log.items():
            records[partition.topic] += span.size
        found = []
        for topic in described:
            name = topic["name"]
            first, last = times.get(name, (None, None))
            found.append(
                TopicInfo(
                    name,
                    len(topic["partitions"]),
                    records[name],
                    kinds.get(name, {}).get(_TIMESTAMP_KIND, ""),
                    is_internal=topic["is_internal"] or name.startswith("_"),
                    bytes=bytes_.get(name),
                    first_ms=first,
                    last_ms=last,
                    unavailable=tuple(tp.partition for tp in _partitions(topic) if tp not in log),
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
        with explained(self.settings, topic), admin_client(self.settings) as admin:
            described = _described(admin, topic)
            log = _log_of(admin, [described], self.settings)
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
            cleanup = _configs(admin, [topic]).get(topic, {}).get(_CLEANUP, "")
        return Plan(
            topic,
            wanted,
            tuple(spans),
            tuple(log.values()),
            _id_of(described),
            _epochs_of(described),
            tuple(tp.partition for tp in _partitions(described) if tp not in log),
            compacted=not cleanup or "compact" in cleanup,
            partitions=len(described["partitions"]),
        )

    def read(
        self, plan: Plan, wants_headers: Callable[[], bool] = always
    ) -> Iterator[pa.RecordBatch]:
        """Yield the records of `plan` with the client that `reader` names.

        A client that fails is followed by another, which goes on where the first one ended, until
        nothing has come for `KafkaSettings.patience_s`.

        Raises
        ------
        SkewlineError
            When reading cannot go on; what came before has been yielded.
        """
        if not plan.size:
            return
        progress, attempt = LastProgress.towards(plan.filled), 0
        while not progress.done:
            left = progress.left
            yield from self._attempt(plan, progress, wants_headers, _FETCH_BYTES[attempt])
            if progress.left == left:
                attempt = min(attempt + 1, len(_FETCH_BYTES) - 1)
                time.sleep(_PAUSE_S)
        if not self.still_holds(plan, self._now(plan), progress.positions):
            raise changed(plan.topic, self.settings)

    def still_holds(self, before: Plan, now: Plan, positions: Mapping[int, int]) -> bool:
        """Return whether what was read is still what the topic has, or had before it expired.

        It is not where the topic has another id, where a log ends before what was read from it,
        and where a leader that knew less than another made it end there (KIP-101, KIP-320).
        """
        if before.generation and now.generation and before.generation != now.generation:
            return False
        ends = {span.partition: span.end for span in now.log}
        if any(position > ends[p] for p, position in positions.items() if p in ends):
            return False
        older = {
            p: epoch
            for p, epoch in before.epochs.items()
            if p in positions and p not in now.unavailable and now.epochs.get(p, epoch) != epoch
        }
        if any(now.epochs[p] < epoch for p, epoch in older.items()):
            return False
        if not older:
            return True
        with explained(self.settings, now.topic), admin_client(self.settings) as admin:
            try:
                return all(
                    end < 0 or positions[p] <= end for p, end in _ends_of(admin, now.topic, older)
                )
            except kafka_errors.UnsupportedVersionError:  # not everything that speaks Kafka can
                return True

    def _now(self, plan: Plan) -> Plan:
        """Return what tells whether a topic is still the one of a plan, and nothing else.

        An id tells it, with the epochs; without one, from a broker older than 2.8, the logs' ends.
        """
        if not plan.generation:
            return self.plan(plan.topic, Everything())
        with explained(self.settings, plan.topic), admin_client(self.settings) as admin:
            described = _described(admin, plan.topic)
        leaderless = (p["partition_index"] for p in described["partitions"] if p["leader_id"] < 0)
        generation, epochs = _id_of(described), _epochs_of(described)
        return replace(
            plan, log=(), generation=generation, epochs=epochs, unavailable=tuple(leaderless)
        )

    def _attempt(
        self,
        plan: Plan,
        progress: LastProgress,
        wants_headers: Callable[[], bool],
        fetch_bytes: int,
    ) -> Iterator[pa.RecordBatch]:
        """Yield what one client brings before it fails, if another one may bring more."""
        read = _READERS[self.reader.name]
        try:
            for block in read(self.settings, plan.topic, progress, wants_headers, fetch_bytes):
                if block.num_rows:
                    yield block
                elif progress.silent_s > _SHOWN_S:
                    yield waiting(self._waits(progress))
        except OffsetsGoneError as error:
            yield from self._passed_over(plan, progress, error)
        except (BrokerUnreachableError, SourceError, TopicMissingError) as error:
            self._check_topic(plan, error)
            if progress.silent_s > self.settings.patience_s:
                raise
            yield waiting(self._waits(progress))

    def _passed_over(
        self, plan: Plan, progress: LastProgress, error: OffsetsGoneError
    ) -> Iterator[pa.RecordBatch]:
        """Move on to where logs begin now, and say which offsets expired unread.

        Raises
        ------
        TopicChangedError
            When no offset expired: the log is another one.
        """
        now = self.plan(plan.topic, Everything())
        begins = {span.partition: span.start for span in now.log}
        gone = [
            Span(s.partition, s.start, min(begins[s.partition], s.end))
            for s in progress.spans
            if s.start < begins.get(s.partition, 0)
        ]
        if not gone or not self.still_holds(plan, now, progress.positions):
            raise changed(plan.topic, self.settings, str(error))
        for span in gone:
            progress.move_to(span.partition, span.end)
            yield expired(span)

    def _check_topic(self, plan: Plan, error: SkewlineError) -> None:
        """Raise that the topic is gone or another, where it is that which makes reading fail."""
        try:
            now = self._now(plan)
        except (BrokerUnreachableError, SourceError):
            return
        if now.generation != plan.generation:
            raise changed(plan.topic, self.settings, error.said)

    def _waits(self, progress: LastProgress) -> str:
        return (
            f"Nothing has come from Kafka for {progress.silent_s:.0f} s. Reading goes on as soon "
            f"as it answers, and ends after {self.settings.patience_s:g} s (patience_s)."
        )


def _asked(ask: Callable[[], Any]) -> Any:  # noqa: ANN401 (kafka-python is untyped)
    """Return an answer of any broker: one that is down is asked once, and then left alone."""
    for _ in range(_BROKERS_DOWN):
        try:
            return ask()
        except (kafka_errors.KafkaConnectionError, kafka_errors.NodeNotReadyError):
            continue
    return ask()


def _described(admin: KafkaAdminClient, topic: str) -> Mapping[str, Any]:
    # Asking for one topic by name never creates it: kafka-python's admin client says so.
    described: Mapping[str, Any] = _asked(lambda: admin.describe_topics([topic]))[0]
    if described["error_code"]:
        raise kafka_errors.for_code(described["error_code"])
    return described


def _id_of(described: Mapping[str, Any]) -> str:
    """Return a topic's id, which no other making of it has; "" from a broker older than 2.8."""
    found = UUID(str(described.get("topic_id") or _NO_ID))
    return str(found) if found != _NO_ID else ""


def _epochs_of(described: Mapping[str, Any]) -> dict[int, int]:
    return {p["partition_index"]: p["leader_epoch"] for p in described["partitions"]}


def _partitions(described: Mapping[str, Any]) -> list[TopicPartition]:
    indexes = sorted(p["partition_index"] for p in described["partitions"])
    return [TopicPartition(described["name"], index) for index in indexes]


def _log_of(
    admin: KafkaAdminClient, described: Iterable[Mapping[str, Any]], settings: KafkaSettings
) -> dict[TopicPartition, Span]:
    """Return the beginning and end of each partition's log that has a leader which answers."""
    by_leader: dict[int, list[TopicPartition]] = defaultdict(list)
    for topic in described:
        for p in topic["partitions"]:
            by_leader[p["leader_id"]].append(TopicPartition(topic["name"], p["partition_index"]))
    by_leader.pop(-1, None)
    begin: dict[TopicPartition, int] = {}
    end: dict[TopicPartition, int] = {}
    silent: list[Exception] = []
    for partitions in by_leader.values():
        try:
            found = _offsets_there(admin, partitions, OffsetSpec.EARLIEST, settings)
            end |= _offsets_there(admin, list(found), OffsetSpec.LATEST, settings)
        except (kafka_errors.KafkaConnectionError, kafka_errors.RequestTimedOutError) as error:
            silent.append(error)
            continue
        begin |= found
    if silent and len(silent) == len(by_leader):
        raise silent[-1]
    return {tp: Span(tp.partition, begin[tp], end[tp]) for tp in sorted(end)}


def _offsets_there(
    admin: KafkaAdminClient,
    partitions: list[TopicPartition],
    at: OffsetSpec,
    settings: KafkaSettings,
) -> dict[TopicPartition, int]:
    """Return offsets without those of partitions that cannot be asked for now, found by halving."""
    if not partitions:
        return {}
    try:
        return _offsets(admin, partitions, at, settings)
    except (
        kafka_errors.InvalidMetadataError,
        kafka_errors.OffsetNotAvailableError,
        kafka_errors.NodeNotReadyError,
        kafka_errors.UnknownBrokerIdError,
        kafka_errors.AuthorizationError,
    ):
        half = len(partitions) // 2
        if not half:
            return {}
        return {
            **_offsets_there(admin, partitions[:half], at, settings),
            **_offsets_there(admin, partitions[half:], at, settings),
        }


def _ends_of(
    admin: KafkaAdminClient, topic: str, epochs: Mapping[int, int]
) -> Iterator[tuple[int, int]]:
    """Yield partitions with the offset at which the leader's epoch `epochs` ended; -1: unknown."""
    leaders = {p["partition_index"]: p["leader_id"] for p in _described(admin, topic)["partitions"]}
    of_topic = OffsetForLeaderEpochRequest.OffsetForLeaderTopic
    of_partition = of_topic.OffsetForLeaderPartition
    for partition, epoch in epochs.items():
        asked = of_partition(partition=partition, current_leader_epoch=-1, leader_epoch=epoch)
        request = OffsetForLeaderEpochRequest(
            replica_id=-1, topics=[of_topic(topic=topic, partitions=[asked])]
        )
        # The admin client has no public way to ask; `run` and `send` are its manager's.
        manager = admin._manager  # noqa: SLF001
        answer = manager.run(manager.send, request, leaders[partition])
        yield partition, answer.topics[0].partitions[0].end_offset


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
    """Return the offsets that Kafka answers.

    Raises
    ------
    kafka.errors.KafkaError
        When one of them cannot be had.
    """
    found = _asked(
        lambda: admin.list_partition_offsets(
            dict.fromkeys(partitions, at),
            isolation_level=settings.isolation_level,
            timeout_ms=round(1000 * settings.timeout_s),
        )
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


def _configs(admin: KafkaAdminClient, topics: list[str]) -> dict[str, dict[str, str]]:
    """Return topics with the settings that matter here, where one may ask for them."""
    wanted = {_TIMESTAMP_KIND: None, _CLEANUP: None}
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic, wanted) for topic in topics]
    if not resources:
        return {}
    try:
        described: dict[str, Any] = _asked(
            lambda: admin.describe_configs(resources, config_filter="all")
        )
    except kafka_errors.UnsupportedVersionError:
        return {}
    except (kafka_errors.AuthorizationError, kafka_errors.UnknownTopicOrPartitionError):
        half = len(topics) // 2
        if not half:
            return {}
        return {**_configs(admin, topics[:half]), **_configs(admin, topics[half:])}
    return {
        topic: {name: config.get("value", "") for name, config in configs.items()}
        for topic, configs in described.get("topic", {}).items()
    }
