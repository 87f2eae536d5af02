"""A load is of one topic, whole or with a count of what is missing, whatever happens meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lib.analysis.analyse import analyse
from lib.analysis.notices import About, notices
from lib.analysis.sequence_numbers import RejectedRecords
from lib.core.errors import TopicChangedError
from lib.loading.load import load, reload
from lib.sources.base import Between, Everything, Latest
from lib.sources.kafka import KafkaTopics
from tests.support.broker import Record, create_topic, delete_records, delete_topic

if TYPE_CHECKING:
    from collections.abc import Callable

    from lib.loading.load import LoadedTopic
    from tests.support.broker import Broker

FIRST_MS = 1_545_230_000_000


@pytest.fixture(params=["kafka-python", "librdkafka"])
def source(broker: Broker, request: pytest.FixtureRequest) -> KafkaTopics:
    return KafkaTopics(broker.settings(reader=request.param))


class Meanwhile:
    """A source to which something happens between a plan and its first read."""

    def __init__(self, source: KafkaTopics, happens: Callable[[], None]) -> None:
        self.source, self.happens = source, [happens]

    def __getattr__(self, name: str) -> object:
        return getattr(self.source, name)

    def read(self, *arguments: object) -> object:
        while self.happens:
            self.happens.pop()()
        return self.source.read(*arguments)


def events(first: int, count: int, *, partition: int = 0) -> list[Record]:
    """Return numbered events of one client, a second apart."""
    value = b'{"Timestamp": %d, "ClientID": 1, "SessionID": "s", "EventID": %d}'
    return [
        Record(value % (FIRST_MS + 1000 * n, n), partition=partition, timestamp_ms=FIRST_MS + n)
        for n in range(first, first + count)
    ]


def numbers(loaded: LoadedTopic) -> list[int]:
    return sorted(loaded.events.table["EventID"].tolist())


def said(loaded: LoadedTopic, about: About) -> str:
    return next(n.sentence for n in notices(loaded, None) if n.about is about)


def test_what_expires_before_it_is_read_is_counted_by_partition_and_no_loss(
    source: KafkaTopics, broker: Broker, make_topic: Callable, produce: Callable
) -> None:
    # Given a topic of which one partition loses 60 records between the plan and the read
    topic = make_topic(partitions=2)
    produce(topic, [*events(0, 100), *events(100, 50, partition=1)])
    expire = Meanwhile(source, lambda: delete_records(broker.bootstrap_servers, topic, 60))

    # When it is loaded
    loaded = load(expire, topic, Everything())

    # Then the rest is there, the others are counted, and nothing is told of them
    assert numbers(loaded) == list(range(60, 150))
    assert loaded.report.expired == {0: 60}
    assert loaded.report.total_records == 90
    assert "60 offsets expired while the topic was read (by partition: 0: 60)" in said(
        loaded, About.EXPIRED
    )
    assert no_losses(loaded)


def no_losses(loaded: LoadedTopic) -> bool:
    analysis = analyse(
        loaded.events.table,
        rejected=RejectedRecords(others=loaded.report.may_lack_records),
    )
    return not any("never arrived" in f.sentence for f in analysis.findings)


def test_what_expires_before_a_reload_is_counted_and_the_topic_read_anew(
    source: KafkaTopics, broker: Broker, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic()
    produce(topic, events(0, 10))
    before = load(source, topic, Everything())
    produce(topic, events(10, 10))
    delete_records(broker.bootstrap_servers, topic, 15)

    after = reload(source, before)

    assert numbers(after) == list(range(15, 20))
    assert after.report.expired == {0: 5}
    assert no_losses(after)


def test_what_has_expired_after_it_was_read_stays(
    source: KafkaTopics, broker: Broker, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic()
    produce(topic, events(0, 10))
    before = load(source, topic, Everything())
    delete_records(broker.bootstrap_servers, topic, 10)
    produce(topic, events(10, 5))

    after = reload(source, before)

    assert numbers(after) == list(range(15))
    assert not after.report.expired


def test_a_stretch_of_time_that_was_read_whole_stays_when_it_has_expired(
    source: KafkaTopics, broker: Broker, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic()
    produce(topic, events(0, 20))
    before = load(source, topic, Between(FIRST_MS + 5, FIRST_MS + 10))
    delete_records(broker.bootstrap_servers, topic, 15)

    after = reload(source, before)

    assert numbers(after) == list(range(5, 10))
    assert not after.report.expired
    assert not after.report.anew


def test_the_newest_have_no_hole_where_others_expired(
    source: KafkaTopics, broker: Broker, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic()
    produce(topic, events(0, 10))
    before = load(source, topic, Latest(100))
    produce(topic, events(10, 10))
    delete_records(broker.bootstrap_servers, topic, 15)

    assert numbers(reload(source, before)) == list(range(15, 20))


@pytest.mark.parametrize("later", [5, 10, 30], ids=["smaller", "as large", "larger"])
def test_a_topic_made_anew_before_it_is_read_is_no_mixture(
    source: KafkaTopics, broker: Broker, make_topic: Callable, produce: Callable, later: int
) -> None:
    # Given a topic that is deleted and made anew between the plan and the read, which is noticed
    # when nothing has come for a while
    source = KafkaTopics(replace(source.settings, timeout_s=3))
    topic = make_topic()
    produce(topic, events(0, 10))
    address = broker.bootstrap_servers
    plan = source.plan(topic, Everything())
    remade = Meanwhile(source, lambda: remake(address, topic, produce, events(1000, later)))

    # Then a load has the new one and says so
    loaded = load(remade, topic, Everything())
    assert numbers(loaded) == list(range(1000, 1000 + later))
    assert "made anew" in said(loaded, About.ANEW)
    # And a read of the old plan fails
    with pytest.raises(TopicChangedError):
        list(source.read(plan))


@pytest.mark.parametrize("later", [5, 10, 30], ids=["smaller", "as large", "larger"])
def test_a_topic_made_anew_before_a_reload_is_read_anew_and_says_so(
    source: KafkaTopics, broker: Broker, make_topic: Callable, produce: Callable, later: int
) -> None:
    topic = make_topic()
    produce(topic, events(0, 10))
    before = load(source, topic, Everything())
    remake(broker.bootstrap_servers, topic, produce, events(1000, later))

    after = reload(source, before)

    assert numbers(after) == list(range(1000, 1000 + later))
    assert "made anew" in said(after, About.ANEW)
    # And the next reload has nothing to say
    assert not reload(source, after).report.anew


def remake(address: str, topic: str, produce: Callable, records: list[Record]) -> None:
    delete_topic(address, topic)
    create_topic(address, topic)
    produce(topic, records)


def test_compacted_records_are_no_loss(source: KafkaTopics, compacted_topic: str) -> None:
    loaded = load(source, compacted_topic, Everything())

    assert loaded.report.holes == 2
    assert loaded.report.may_lack_records


def test_transaction_markers_hide_no_loss(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic()
    produce(topic, events(0, 10), transaction="commit")
    produce(topic, events(20, 10), transaction="commit")

    loaded = load(source, topic, Everything())

    assert not loaded.report.may_lack_records
    assert not no_losses(loaded)
