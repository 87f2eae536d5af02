"""Loads in a running server: who waits for whom, what ends when its viewers go, how all ends."""

import os
import signal
import socket
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import streamlit

from tests.support.app import REPOSITORY, app_process, running_app
from tests.support.processes import free_port, running
from tests.support.viewer import viewer

SCRIPT = Path(__file__).parents[1] / "support/endless_app.py"
ROOT = {"PYTHONPATH": str(Path(__file__).parents[2])}
PATIENCE_S = 60

STATIC = Path(streamlit.__file__).parent / "static"
LARGE = (
    "/static/"
    + max(
        (path.stat().st_size, path.relative_to(STATIC / "static").as_posix())
        for path in STATIC.rglob("*.js")
    )[1]
)
"""The largest file that every page asks for."""


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with running_app(tmp_path_factory.mktemp("endless"), ROOT, script=SCRIPT) as url:
        yield url


def opened(url, **query):
    """Return a viewer who has opened a page, and what it says."""
    tab = viewer(url, **query)
    tab.run()
    return tab, *[text for text in tab.texts if text not in ("", "Endless")]


def said_in_time(url, wanted, **query):
    """Open a page until it says what is wanted."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        tab, said = opened(url, **query)
        tab.close()
        if said == wanted:
            return True
    return False


def test_small_loads_pass_large_ones(url):
    # Given more large loads than are read at once, each with its viewer
    tabs = [opened(url, topic=f"large-{number}") for number in range(5)]
    assert [said for _, said in tabs] == ["reading"] * 5
    # When somebody opens a small topic
    tab, said = opened(url, topic="small-1")
    # Then it is there
    assert said == "50 events"
    for open_tab in (tab, *(large for large, _ in tabs)):
        open_tab.close()


def test_a_load_stops_when_its_last_viewer_goes(url):
    one, _ = opened(url, topic="large-watched")
    other, _ = opened(url, topic="large-watched")
    one.close()
    assert opened(url, held="large-watched")[1] == "reading"
    other.close()
    assert said_in_time(url, "nothing", held="large-watched")


def test_a_load_stops_when_its_viewer_opens_another_topic(url):
    tab, _ = opened(url, topic="large-left")
    tab.query = {"topic": "small-2"}
    tab.run()
    assert said_in_time(url, "nothing", held="large-left")
    tab.close()


def test_a_viewer_can_look_at_two_loads(url):
    tab, _ = opened(url, topic="large-one", beside="large-other")
    left, _ = opened(url, topic="large-gone")
    left.close()
    assert said_in_time(url, "nothing", held="large-gone")  # so the others had time to stop, too
    assert opened(url, held="large-one")[1] == "reading"
    assert opened(url, held="large-other")[1] == "reading"
    tab.close()


@pytest.mark.parametrize(
    "busy", [{}, {"topic": "large-1"}, {"compute": "1"}], ids=["idle", "loading", "computing"]
)
def test_sigterm_ends_the_server_whatever_it_does(busy, tmp_path):
    with app_process(tmp_path, ROOT, script=SCRIPT) as (url, server):
        # Given a server with loads, or computations, under way
        tabs = [viewer(url, **busy) for _ in range(3)]
        for tab in tabs:
            tab.start()
        # When it is told to end
        server.send_signal(signal.SIGTERM)
        # Then it does, without an error
        assert server.wait(timeout=PATIENCE_S) == 0
    assert "Traceback" not in next(tmp_path.glob("*.log")).read_text()


def test_ctrl_c_ends_the_server_though_a_browser_does_not_take_its_answer(tmp_path):
    with app_process(tmp_path) as (url, server):
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port)) as slow:
            # Given a browser that asks for more than fits on the way, and takes nothing
            slow.sendall(f"GET {LARGE} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode() * 30)
            assert slow.recv(100).startswith(b"HTTP/1.1 200")
            # When the server is interrupted
            server.send_signal(signal.SIGINT)
            # Then it ends, without an error
            assert server.wait(timeout=PATIENCE_S) == 0
    assert "Traceback" not in next(tmp_path.glob("*.log")).read_text()


def test_the_server_opens_a_browser_where_there_is_a_screen(tmp_path):
    # Given a browser that notes down what it is to open
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\necho $1 > {opened}.new && mv {opened}.new {opened}\n")
    browser.chmod(0o755)
    # When the server starts where windows can be shown
    port = free_port()
    options = (
        "--server.headless=false",
        "--server.showEmailPrompt=false",
        f"--server.port={port}",
        "--server.address=127.0.0.1",
    )
    with running(
        [sys.executable, "-m", "streamlit", "run", str(REPOSITORY / "streamlit_app.py"), *options],
        ready=opened.exists,
        log=tmp_path / "log",
        env={**os.environ, "BROWSER": f"{browser} %s"},
    ):
        # Then it opens the app
        assert opened.read_text().strip() == f"http://127.0.0.1:{port}/"
