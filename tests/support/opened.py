"""The app opened by a link, without a browser, for tests: Streamlit's AppTest."""

import json
import time

import pyarrow as pa
from streamlit.testing.v1 import AppTest

from tests.support.app import REPOSITORY

OVERVIEW, COMPARISON, SESSIONS = "pages/overview.py", "pages/comparison.py", "pages/sessions.py"
DELAY, OUTAGES, WINDOWS = "pages/delay.py", "pages/outages.py", "pages/windows.py"
PATIENCE_S = 120
"""For a busy machine; nothing waits longer than it has to."""

PAGES = [OVERVIEW, COMPARISON, SESSIONS, DELAY, OUTAGES, WINDOWS]


def settled(at):
    """Run the app until nothing is being read any more; what a browser's timer does."""
    deadline = time.monotonic() + PATIENCE_S
    while at.progress and time.monotonic() < deadline:
        at.run()
    assert not at.progress, "still reading"
    assert not at.exception
    return at


def open_app(page=OVERVIEW, **query):
    """Open a page by a link with the given parameters."""
    at = AppTest.from_file(str(REPOSITORY / "streamlit_app.py"), default_timeout=PATIENCE_S)
    for name, value in query.items():
        at.query_params[name] = value
    settled(at.run())
    return at if page == OVERVIEW else settled(at.switch_page(page).run())


def go_to(at, page):
    return settled(at.switch_page(page).run())


def metrics(at):
    return {metric.label: metric.value for metric in at.metric}


def chart(at, number=0):
    """Return the spec of a chart, the first unless said otherwise, and its data sets by name."""
    drawn = at.get("vega_lite_chart")[number]
    data = {
        each.name: pa.ipc.open_stream(each.data.data).read_pandas() for each in drawn.proto.datasets
    }
    return json.loads(drawn.proto.spec), data


def choose(at, key, option):
    """Choose in one of the sidebar's switches, as the option is called there."""
    control = at.get_by_key(key)
    return settled(control.set_value(option).run())


def press(at, label):
    """Press the button of that label."""
    [button] = [button for button in at.button if button.label == label]
    return settled(button.click().run())


def captions(at):
    return "\n".join(caption.value for caption in at.caption)


def parameters(at):
    """Return the parameters of the app's URL, of each the first value."""
    every = {name: at.query_params[name] for name in at.query_params}
    return {name: each if isinstance(each, str) else each[0] for name, each in every.items()}


def files_of(folder, monkeypatch):
    """Make a folder the app's source of files."""
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("SKEWLINE_FILES", str(folder))
    return folder
