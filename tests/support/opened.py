"""The app opened by a link, without a browser, for tests: Streamlit's AppTest."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from streamlit.testing.v1 import AppTest

from lib.core.errors import UNFORESEEN
from lib.ui.parameters import (
    CODE_OPEN,
    FIELDS_OPEN,
    FIRST_RECORDS_OPEN,
    LINK_POPOVER,
    LOAD_REPORT_OPEN,
    MORE_FINDINGS,
    STRETCHES_OPEN,
    ticket_key,
)
from tests.support.app import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd
    import pytest

OVERVIEW, COMPARISON, SESSIONS = "pages/overview.py", "pages/comparison.py", "pages/sessions.py"
DELAY, OUTAGES, WINDOWS = "pages/delay.py", "pages/outages.py", "pages/windows.py"
RECORDS, LIVE, TWO_TOPICS = "pages/records.py", "pages/live.py", "pages/topics.py"
GLOSSARY = "pages/glossary.py"
FOLDED = (
    *(FIELDS_OPEN, MORE_FINDINGS, LINK_POPOVER),
    *(FIRST_RECORDS_OPEN, LOAD_REPORT_OPEN),
    *(STRETCHES_OPEN, CODE_OPEN),
)
PATIENCE_S = 120
"""For a busy machine; nothing waits longer than it has to."""

PAGES = [OVERVIEW, COMPARISON, SESSIONS, DELAY, OUTAGES, WINDOWS, RECORDS, LIVE, TWO_TOPICS]


def settled(at: AppTest) -> AppTest:
    """Run the app until nothing is being read any more; what a browser's timer does."""
    deadline = time.monotonic() + PATIENCE_S
    while at.progress and time.monotonic() < deadline:
        at.run()
    assert not at.progress, "still reading"
    assert not at.exception
    assert not [error.proto.title for error in at.error if UNFORESEEN in error.proto.title]
    for drawn in at.get("vega_lite_chart"):
        json.loads(drawn.proto.spec, parse_constant=_no_json)
    return at


def _no_json(constant: str) -> None:
    """Refuse NaN and the like, which Python writes into a chart's spec and no browser reads."""
    raise AssertionError(f"A chart has {constant} in its spec")


def open_app(page: str = OVERVIEW, **query: str | list[str]) -> AppTest:
    """Open a page by a link with the given parameters; with what the sidebar hides, opened."""
    at = AppTest.from_file(str(REPOSITORY / "streamlit_app.py"), default_timeout=PATIENCE_S)
    for name, value in query.items():
        at.query_params[name] = value
    for opened in FOLDED:
        at.session_state[opened] = True
    return go_to(at, page)


def go_to(at: AppTest, page: str) -> AppTest:
    """Change to another page."""
    return settled(at.switch_page(page).run())


def each_page(**query: str | list[str]) -> Iterator[tuple[str, AppTest]]:
    """Open the first page by a link, then change to every other; yield each with its app."""
    first, *others = PAGES
    at = open_app(first, **query)
    yield first, at
    for page in others:
        yield page, go_to(at, page)


def metrics(at: AppTest) -> dict[str, str]:
    """Return the value of each metric, by its label."""
    return {metric.label: metric.value for metric in at.metric}


def chart(at: AppTest, number: int = 0) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Return the spec of a chart, the first unless said otherwise, and its data sets by name."""
    drawn: Any = at.get("vega_lite_chart")[number]
    data = {
        each.name: pa.ipc.open_stream(each.data.data).read_pandas() for each in drawn.proto.datasets
    }
    return json.loads(drawn.proto.spec), data


def choose(at: AppTest, key: str, option: object) -> AppTest:
    """Choose in one of the sidebar's switches, as the option is called there."""
    control: Any = at.get_by_key(key)
    return settled(control.set_value(option).run())


def press(at: AppTest, label: str) -> AppTest:
    """Press the button of that label."""
    [button] = [button for button in at.button if button.label == label]
    return settled(button.click().run())


def tickets(at: AppTest) -> list[str]:
    """Return what can be copied on a page, Markdown and plain text in turn."""
    for of in (*range(5), "outage", "advice"):
        at.session_state[ticket_key(str(of))] = True
    settled(at.run())
    return [code.value for code in at.code if "?" in code.value and "\n" in code.value]


def captions(at: AppTest) -> str:
    """Return the text of all captions."""
    return "\n".join(caption.value for caption in at.caption)


def parameters(at: AppTest) -> dict[str, str]:
    """Return the parameters of the app's URL, of each the first value."""
    every = {name: at.query_params[name] for name in at.query_params}
    return {name: each if isinstance(each, str) else each[0] for name, each in every.items()}


def files_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder the app's source of files."""
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("SKEWLINE_FILES", str(folder))
    return folder
