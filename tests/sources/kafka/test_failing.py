"""A cluster that fails while it is read: slow, cut, away, back; the short ones."""

from __future__ import annotations

import gc
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lib.analysis.notices import About, notices
from lib.core.errors import SkewlineError
from lib.loading.load import Watch, load, reload
from lib.sources.base import Everything
from lib.sources.kafka import KafkaSettings, KafkaTopics
from tests.conftest import skip_or_fail
from tests.support import broker as kafka
from tests.support.processes import PATIENCE_S, free_port
from tests.support.proxy import Proxy, running_proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lib.loading.load import LoadedTopic
    from lib.loading.reading import Progress

READERS = ["kafka-python", "librdkafka"]
PARTITIONS, EVENTS, BYTES = 2, 6_000, 1_000


@dataclass(frozen=True)
class Failing:
    """A broker that clients reach through a proxy only; topic `events` has 6 MB."""

    proxy: Proxy
    direct: str

    def source(self, reader: str, **settings: float) -> KafkaTopics:
        address = f"127.0.0.1:{self.proxy.port}"
        return KafkaTopics(KafkaSettings(address, reader=reader, **settings))


@pytest.fixture(scope="module")
def failing() -> Iterator[Failing]:
    port = free_port()
    with ExitStack() as stack:
        try:
            stored = stack.enter_context(
                kafka.stored_broker(
                    {"PROXIED": "PLAINTEXT"}, advertised={"PROXIED": f"127.0.0.1:{port}"}
                )
            )
        except kafka.KafkaMissingError as missing:
            skip_or_fail(str(missing))
        broker = stack.enter_context(stored.running())
        proxy = stack.enter_context(running_proxy(broker.listeners["PROXIED"], port))
        fill(broker.bootstrap_servers)
        yield Failing(proxy, broker.bootstrap_servers)


def fill(address: str, events: int = EVENTS, size: int = BYTES) -> None:
    """Write events of so many bytes, numbered, to the partitions of the topic `events` in turn."""
    kafka.create_topic(address, "events", partitions=PARTITIONS)
    padding = b"x" * (size - 90)
    value = b'{"Timestamp": %d, "ClientID": 1, "SessionID": "s", "EventID": %d, "Padding": "%s"}'
    kafka.produce(
        address,
        "events",
        (
            kafka.Record(value % (1_545_230_000_000 + n, n, padding), partition=n % PARTITIONS)
            for n in range(events)
        ),
    )


@pytest.fixture(autouse=True)
def mended(failing: Failing) -> Iterator[None]:
    """Let the proxy pass everything again behind each test."""
    yield
    proxy = failing.proxy
    proxy.bytes_per_s = proxy.reset_after = None
    proxy.holds = proxy.refuses = False


def numbers(loaded: LoadedTopic) -> list[int]:
    return sorted(loaded.events.table["EventID"].tolist())


def said(loaded: LoadedTopic, about: About) -> str:
    return next(n.sentence for n in notices(loaded, None) if n.about is about)


@pytest.mark.parametrize("reader", READERS)
def test_connections_that_are_reset_again_and_again_are_made_again(failing, reader):
    # Given a connection that is reset every 1.5 MB, a quarter of the topic
    failing.proxy.reset_after = 1_500_000

    loaded = load(failing.source(reader, timeout_s=2), "events", Everything())

    assert numbers(loaded) == list(range(EVENTS))
    assert loaded.report.failure is None


@pytest.mark.parametrize("reader", READERS)
def test_a_slow_answer_is_awaited_as_long_as_some_come(failing, reader):
    # Given a connection on which a whole answer takes longer than silence may last
    failing.proxy.bytes_per_s = 1_500_000

    loaded = load(failing.source(reader, timeout_s=1, patience_s=20), "events", Everything())

    assert numbers(loaded) == list(range(EVENTS))


@pytest.mark.parametrize("reader", READERS)
def test_what_came_before_silence_is_kept_and_reload_completes_it(failing, reader):
    # Given a broker that stops to send when some of the topic has come
    told: list[Progress] = []

    def hold(progress: Progress) -> None:
        told.append(progress)
        failing.proxy.holds = bool(progress.records)

    failing.proxy.bytes_per_s = 4_000_000
    source = failing.source(reader, timeout_s=1, patience_s=3)

    # When it is loaded
    loaded = load(source, "events", Everything(), watch=Watch(on_progress=hold))

    # Then what came is there, what is missing is said, and that something was awaited
    came = len(numbers(loaded))
    assert 0 < came < EVENTS
    assert came + sum(loaded.report.missing.values()) == EVENTS
    assert f"{EVENTS - came:,} records" in said(loaded, About.FAILED)
    assert any("ends after 3 s" in progress.waiting for progress in told)

    # And when the broker sends again, Reload completes it
    failing.proxy.holds, failing.proxy.bytes_per_s = False, None
    after = reload(source, loaded)
    assert numbers(after) == list(range(EVENTS))
    assert after.report.failure is None


@pytest.mark.parametrize("reader", READERS)
def test_waiting_can_be_stopped(failing, reader):
    # Given a broker that sends nothing more, and somebody who stops the load while it waits
    awaited: list[bool] = []

    def hold(progress: Progress) -> None:
        failing.proxy.holds = bool(progress.records)
        awaited.append(bool(progress.waiting and progress.records))

    failing.proxy.bytes_per_s = 4_000_000
    watch = Watch(on_progress=hold, should_stop=lambda: awaited[-1])

    loaded = load(
        failing.source(reader, timeout_s=1, patience_s=600), "events", Everything(), watch=watch
    )

    assert loaded.report.stopped
    assert numbers(loaded)


def test_no_thread_and_no_descriptor_is_left_of_failed_calls(failing):
    # Given calls that fail in every way
    def refused(source: KafkaTopics) -> None:
        failing.proxy.refuses = True
        source.topics()

    def held(source: KafkaTopics) -> None:
        failing.proxy.holds = True
        source.topics()

    def missing(source: KafkaTopics) -> None:
        source.plan("not-there", Everything())

    def read_while_held(source: KafkaTopics) -> None:
        plan = source.plan("events", Everything())
        failing.proxy.holds = True
        list(source.read(plan))

    def fail(call: object, reader: str) -> None:
        with pytest.raises(SkewlineError):
            call(failing.source(reader, timeout_s=0.3, patience_s=0.3))
        failing.proxy.refuses = failing.proxy.holds = False

    calls = [refused, held, missing, read_while_held]
    for call in calls:
        fail(call, "librdkafka")
    failing.proxy.wait_until_idle()
    before = threads_and_descriptors()

    # When each has failed with each reader
    for reader, call in product(READERS, calls):
        fail(call, reader)

    # Then nothing is left of them, once the proxy has taken and ended what they had begun
    deadline = time.monotonic() + PATIENCE_S
    while is_more(threads_and_descriptors(), before) and time.monotonic() < deadline:
        time.sleep(0.1)
    threads, descriptors = threads_and_descriptors()
    assert threads == before[0]
    assert descriptors <= before[1]


def is_more(now: tuple[list[str], int], before: tuple[list[str], int]) -> bool:
    return now[0] != before[0] or now[1] > before[1]


def threads_and_descriptors() -> tuple[list[str], int]:
    """Return the threads of clients in this process, and how many files it has open."""
    gc.collect()
    names = sorted(t.name for t in threading.enumerate() if "kafka" in t.name)
    tasks = [*Path("/proc/self/task").iterdir()]
    native = sorted(name for name in map(name_of_thread, tasks) if name.startswith("rdk:"))
    return names + native, len(list(Path("/proc/self/fd").iterdir()))


def name_of_thread(task: Path) -> str:
    """Return what a thread is called; "" where it has ended just now."""
    try:
        return (task / "comm").read_text().strip()
    except OSError:
        return ""
