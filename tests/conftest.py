"""What every test can ask for: a broker, topics, the running app, a browser, a clean AppTest."""

from __future__ import annotations

import gc
import os
import runpy
import signal
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, NoReturn
from uuid import uuid4

import pytest
import streamlit as st
from hypothesis import HealthCheck, settings
from playwright.sync_api import Page, expect
from streamlit import config
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.runtime.scriptrunner import script_runner
from streamlit.runtime.secrets import secrets_singleton

from lib.simulate.produce import produce as produce_simulation
from lib.simulate.samples import SAMPLES
from tests.support import broker as kafka_broker
from tests.support.app import is_setting, running_app
from tests.support.broker import Record
from tests.support.chromium import PATIENCE_MS, browsing, running_chromium
from tests.support.processes import PATIENCE_S
from tests.support.registry import RegistryMissingError, running_registry

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.support.broker import Broker
    from tests.support.registry import Registry

IS_CI = os.environ.get("CI") == "true"

SERVERS = {"broker", "chromium", "client"}
"""Fixtures that start servers: a broker, a browser, the workers of a cluster."""

# How long an example takes, or its making, says nothing on a busy machine. In CI the examples are
# the same in every run.
TIMELESS = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ci", derandomize=True, print_blob=True, **TIMELESS)
settings.register_profile("default", settings.get_profile("default"), **TIMELESS)
settings.load_profile("ci" if IS_CI else "default")

expect.set_options(timeout=PATIENCE_MS)


def pytest_configure() -> None:
    """End the servers of a test run that is terminated, by a time-out for example, as on Ctrl+C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show below a failed test what its page said."""
    report = yield
    page = getattr(item, "funcargs", {}).get("page")
    if report.when == "call" and report.failed and isinstance(page, Page):
        report.sections.append(("The page", f"{page.url}\n{page.inner_text('body')}"))
    return report


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: what was compressed or zipped just now has the time in it."""
    return argname if isinstance(val, bytes) else None


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say at the end, too, how to have the tests in the same order again."""
    seed = config.getoption("randomly_seed", None)
    if seed is not None:
        terminalreporter.write_line(f"For this order again: pytest --randomly-seed={seed}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Mark tests by what they need, so that `-m "not kafka"` leaves out all of a kind.

    Files that start servers come first, in whatever order: else one of them is often the last, and
    all but one processor wait for it.
    """
    for item in items:
        needs = getattr(item, "fixturenames", ())
        if "broker" in needs:
            item.add_marker("kafka")
        if "chromium" in needs:
            item.add_marker("browser")
    yield
    slow = {item.path for item in items if SERVERS & {*getattr(item, "fixturenames", ())}}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays anyway: all modules, and the tests themselves."""
    gc.collect()
    gc.freeze()


def skip_or_fail(missing: str) -> NoReturn:
    """Skip the test on somebody's machine, fail it where everything has to be there."""
    if IS_CI:
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test from the settings of the person who runs it; a busy broker is awaited."""
    for name in filter(is_setting, [*os.environ]):
        monkeypatch.delenv(name)
    monkeypatch.setenv("KAFKA_TIMEOUT_S", str(PATIENCE_S))


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
def samples_on_broker(broker: Broker) -> str:
    """Fill the broker with the sample topics, under their names; return its address."""
    for topic, simulation in SAMPLES.items():
        produce_simulation(simulation(), broker.bootstrap_servers, topic)
    return broker.bootstrap_servers


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    """A real schema registry, one for all tests: each test makes subjects of its own."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(running_registry())
        except RegistryMissingError as missing:
            skip_or_fail(str(missing))
        yield running


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
    with ExitStack() as stack:
        try:
            running = stack.enter_context(running_chromium())
        except LookupError as missing:
            skip_or_fail(str(missing))
        yield running


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """An empty page that shares no cookies or storage with any other test's."""
    with browsing(chromium, viewport={"width": 1280, "height": 900}) as context:
        yield context.new_page()


@pytest.fixture(scope="session")
def samples_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the app without settings, one for all tests that only look at the samples."""
    with running_app(tmp_path_factory.mktemp("app")) as url:
        yield url


@pytest.fixture(scope="session")
def kafka_app(samples_on_broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the app on the broker, one for all tests: each looks at topics of its own."""
    settings = {"KAFKA_BOOTSTRAP_SERVERS": samples_on_broker}
    with running_app(tmp_path_factory.mktemp("app"), settings) as url:
        yield url


@pytest.fixture
def own_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let an AppTest run the app as `streamlit run` does, and not with the developer's secrets.

    Returns the path of the only secrets file that the app sees. It is not there until the test
    writes it.
    """
    secrets = tmp_path / "secrets.toml"
    # AppTest takes the folder pages/ for Streamlit's older way of making pages, and would run a
    # page without the entrypoint.
    monkeypatch.setattr(script_runner, "_mpa_v1", partial(runpy.run_path, run_name="__main__"))
    # It looks through all installed packages for components, 0.1 s a test; the app has none.
    monkeypatch.setattr(BidiComponentManager, "discover_and_register_components", _find_none)
    files = config.get_option("secrets.files")
    config.set_option("secrets.files", [str(secrets)])
    secrets_singleton._reset()  # Streamlit has no public way to read the secrets again.
    yield secrets
    config.set_option("secrets.files", files)
    secrets_singleton._reset()


def _find_none(_: BidiComponentManager, *, start_file_watching: bool) -> None:
    """Register no component."""


@pytest.fixture
def app_isolation(own_secrets: Path) -> Iterator[Path]:
    """Keep an AppTest from what other tests cached, and others from what it caches."""
    _forget()
    yield own_secrets
    _forget()


@pytest.fixture(scope="module")
def forgotten() -> Iterator[None]:
    """Keep a module's AppTests from what those of others cached."""
    _forget()
    yield
    _forget()


@pytest.fixture
def viewer(own_secrets: Path, forgotten: None) -> Path:  # noqa: ARG001 (which forgets)
    """Let an AppTest be one of many viewers of the samples: what another loaded is there.

    A test that changes what the app is made of or where its topics come from asks for
    `app_isolation` as well.
    """
    return own_secrets


def _forget() -> None:
    st.cache_data.clear()
    st.cache_resource.clear()
