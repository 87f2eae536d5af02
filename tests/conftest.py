"""What every test can ask for: a broker, topics, the running app, a browser, a clean AppTest."""

from __future__ import annotations

import os
import runpy
from contextlib import ExitStack, closing
from functools import partial
from typing import TYPE_CHECKING, NoReturn
from uuid import uuid4

import pytest
import streamlit as st
from hypothesis import settings
from kafka import KafkaConsumer
from playwright.sync_api import sync_playwright
from streamlit import config
from streamlit.runtime.scriptrunner import script_runner
from streamlit.runtime.secrets import secrets_singleton

from tests.support import broker as kafka_broker
from tests.support.app import running_app
from tests.support.broker import Record
from tests.support.chromium import CHROMIUM_FLAGS, find_chromium
from tests.support.registry import RegistryMissingError, running_registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.support.broker import Broker
    from tests.support.registry import Registry

# How long an example takes says nothing on a busy machine.
settings.register_profile("skewline", deadline=None)
settings.load_profile("skewline")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by what they need, so that `-m "not kafka"` leaves out all of a kind."""
    for item in items:
        needs = getattr(item, "fixturenames", ())
        if "broker" in needs:
            item.add_marker("kafka")
        if "chromium" in needs:
            item.add_marker("browser")


def skip_or_fail(missing: str) -> NoReturn:
    """Skip the test on somebody's machine, fail it where everything has to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """A real Kafka broker, one for all tests: each test makes topics of its own."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(kafka_broker.running_broker())
        except kafka_broker.KafkaMissingError as missing:
            skip_or_fail(str(missing))
        yield running


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    """A real schema registry, one for all tests: each test makes subjects of its own."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(running_registry())
        except RegistryMissingError as missing:
            skip_or_fail(str(missing))
        yield running


@pytest.fixture(scope="session")
def broker_with_groups(broker: Broker) -> Broker:
    """The broker after a consumer group has been formed, as on any cluster in use."""
    with closing(KafkaConsumer(bootstrap_servers=broker.bootstrap_servers, group_id="any")) as user:
        kafka_broker.create_topic(broker.bootstrap_servers, "used-by-a-group")
        user.subscribe(["used-by-a-group"])
        user.poll(timeout_ms=5000)
    return broker


@pytest.fixture
def make_topic(broker: Broker) -> Callable[..., str]:
    """Create a topic of the test's own, with `partitions` and `config`, and return its name."""

    def make(*, partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        topic = f"test-{uuid4()}"
        kafka_broker.create_topic(
            broker.bootstrap_servers, topic, partitions=partitions, config=config
        )
        return topic

    return make


@pytest.fixture
def produce(broker: Broker) -> Callable[..., None]:
    """Write records to a topic; see `tests.support.broker.produce`."""
    return partial(kafka_broker.produce, broker.bootstrap_servers)


@pytest.fixture
def compacted_topic(
    broker: Broker, make_topic: Callable[..., str], produce: Callable[..., None]
) -> str:
    """Return a topic whose log goes from 0 to 5 and has records at 2, 3 and 4 only.

    2 is a value, 3 a tombstone, 4 a value in the newest segment.
    """
    topic = make_topic(config=kafka_broker.COMPACTED)
    first_ms = 1_545_230_000_000
    old_segment = [
        Record(b'{"n": 0}', key=b"a", timestamp_ms=first_ms),
        Record(b'{"n": 1}', key=b"b", timestamp_ms=first_ms + 1),
        Record(b'{"n": 2}', key=b"a", timestamp_ms=first_ms + 2),
        Record(None, key=b"b", timestamp_ms=first_ms + 3),
    ]
    produce(topic, old_segment)
    produce(topic, [Record(b'{"n": 4}', key=b"c", timestamp_ms=first_ms + 60_000)])
    kafka_broker.wait_for_compaction(broker.bootstrap_servers, topic, offset=0)
    return topic


@pytest.fixture
def start_app(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Start the app with the given environment variables and return its URL.

    What the app printed is shown below a failed test.
    """
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(running_app(tmp_path, settings))
    for log in sorted(tmp_path.glob("streamlit-*.log")):
        print(log.read_text(errors="replace"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A Chromium with a new, empty profile."""
    executable = find_chromium()
    if executable is None:
        skip_or_fail(
            "There is no Chromium on this machine: install it, for example the package chromium."
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, headless=True, args=CHROMIUM_FLAGS
        )
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """An empty page that shares no cookies or storage with any other test's."""
    with chromium.new_context(viewport={"width": 1280, "height": 900}) as context:
        yield context.new_page()


@pytest.fixture
def app_isolation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep an AppTest from what other tests cached and from the developer's own secrets.

    Returns the path of the only secrets file that the app sees. It is not there until the test
    writes it.
    """
    secrets = tmp_path / "secrets.toml"
    # AppTest takes the folder pages/ for Streamlit's older way of making pages, and would run a
    # page without the entrypoint.
    monkeypatch.setattr(script_runner, "_mpa_v1", partial(runpy.run_path, run_name="__main__"))
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    files = config.get_option("secrets.files")
    config.set_option("secrets.files", [str(secrets)])
    _forget()
    yield secrets
    config.set_option("secrets.files", files)
    _forget()


def _forget() -> None:
    secrets_singleton._reset()  # Streamlit has no public way to read the secrets again.
    st.cache_data.clear()
    st.cache_resource.clear()
