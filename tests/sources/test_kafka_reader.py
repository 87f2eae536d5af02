"""Which client reads a cluster, and what the load report says of it."""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING

import pytest

from lib.loading.load import load
from lib.sources.base import Everything, Reader
from lib.sources.kafka import KafkaSettings, KafkaTopics
from lib.sources.kafka.librdkafka import bindings
from tests.support.broker import Record
from tests.support.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.broker import Broker


@pytest.fixture
def no_librdkafka(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Make Python find no confluent-kafka; gives what is said then."""
    monkeypatch.setitem(sys.modules, "confluent_kafka.cimpl", None)
    bindings.library.cache_clear()
    return "confluent-kafka, which brings librdkafka, is not installed"


@pytest.mark.parametrize(
    ("wanted", "reader"),
    [
        ("auto", "librdkafka"),
        ("librdkafka", "librdkafka"),
        ("kafka-python", "kafka-python"),
    ],
)
def test_the_reader_that_is_asked_for_reads_and_nothing_more_is_said(wanted, reader):
    # Given an address where nobody would answer: the choice asks nobody
    source = KafkaTopics(KafkaSettings(f"127.0.0.1:{free_port()}", reader=wanted))

    assert source.reader == Reader(reader)


@pytest.mark.parametrize("wanted", ["auto", "librdkafka"])
def test_kafka_python_reads_where_librdkafka_is_not_installed(wanted, no_librdkafka):
    source = KafkaTopics(KafkaSettings("a:1", reader=wanted))

    assert source.reader == Reader("kafka-python", no_librdkafka)


@pytest.mark.usefixtures("no_librdkafka")
def test_who_asks_for_kafka_python_is_told_nothing_of_librdkafka():
    source = KafkaTopics(KafkaSettings("a:1", reader="kafka-python"))

    assert source.reader == Reader("kafka-python")


def test_kafka_python_reads_where_the_library_lacks_a_function(monkeypatch):
    # Given a library that loads and is not librdkafka, which is how it looks on Windows
    monkeypatch.setattr(bindings.ctypes, "CDLL", lambda _: ctypes.pythonapi)
    bindings.library.cache_clear()

    reader = KafkaTopics(KafkaSettings("a:1")).reader

    assert reader.name == "kafka-python"
    assert reader.reason.startswith("librdkafka cannot be loaded: ")
    assert "rd_kafka_conf_new" in reader.reason


def test_the_load_report_says_why_another_reader_read(
    broker: Broker, make_topic: Callable, produce: Callable, no_librdkafka: str
) -> None:
    topic = make_topic()
    produce(topic, [Record(b'{"Timestamp":1,"ClientID":1,"SessionID":"a"}')])
    source = KafkaTopics(broker.settings(reader="librdkafka"))

    loaded = load(source, topic, Everything())

    assert len(loaded.events.table) == 1
    assert loaded.report.reader == Reader("kafka-python", no_librdkafka)
