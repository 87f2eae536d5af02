"""How quickly the Comparison page follows the window slider, from 10,000 to 10,000,000 events.

`python -m benchmarks.pages` simulates topics of each size, starts the app on them, and drives it in
Chromium. The baseline is the smallest topic, measured in the same run. Columns:

- load: from opening the page to its chart;
- move: from pressing Page Down on the slider to the new chart, the median of several;
- server: the run of the script behind one such move, in this process (Streamlit's AppTest);
- chart: bytes of data that are sent for the chart;
- bytes an event: memory of the app's process above that with a sample topic, with two viewers.
"""

from __future__ import annotations

import argparse
import os
import re
import runpy
import statistics
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from streamlit import config
from streamlit.runtime.scriptrunner import script_runner
from streamlit.testing.v1 import AppTest

from lib.simulate import Scenario, simulate
from lib.sources.files.kcat import write_recorded
from lib.sources.open import FOLDER_VARIABLE
from tests.support.app import REPOSITORY, running_app
from tests.support.chromium import running_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as BrowserPage

SIZES: Final = (10_000, 100_000, 1_000_000, 10_000_000)
MOVES: Final = 7
TIMEOUT_S: Final = 120

_CAPTION: Final = "[data-testid=stMain] [data-testid=stCaptionContainer] >> text=/events of/"
_CHART: Final = "[data-testid=stVegaLiteChart]"


@dataclass(frozen=True)
class Row:
    """What was measured for one size: seconds, and bytes."""

    events: int
    load: float
    move: float
    server: float
    chart: int
    memory: float


def main() -> None:
    """Measure every size and print the table."""
    parser = argparse.ArgumentParser(description="Time the Comparison page.")
    parser.add_argument("--most", type=int, default=SIZES[-1], help="largest number of events")
    sizes = [size for size in SIZES if size <= parser.parse_args().most]
    with tempfile.TemporaryDirectory(prefix="skewline-pages-") as name:
        folder = Path(name)
        os.environ[FOLDER_VARIABLE] = name
        os.environ["SKEWLINE_MAX_EVENTS"] = str(2 * SIZES[-1])
        for size in sizes:
            _write_topic(folder, size)
        with running_chromium() as browser:
            rows = [_measure(folder, browser, size) for size in sizes]
    _print(rows)


def _write_topic(folder: Path, events: int) -> None:
    sessions = max(10, events // 100)
    scenario = Scenario(
        events=events, clients=min(1_000, sessions), sessions=sessions, partitions=4
    )
    topic = f"events-{events}"
    write_recorded(folder / f"{topic}.jsonl", topic, simulate(scenario).batches())


def _measure(folder: Path, browser: Browser, events: int) -> Row:
    with running_app(folder, {}) as url:
        pid = _server_pid(url)
        _open(browser, f"{url}/comparison?source=Samples").close()
        before = _resident_bytes(pid)
        link = f"{url}/comparison?source=Files&topic=events-{events}"
        started = time.perf_counter()
        page = _open(browser, link)
        load = time.perf_counter() - started
        second = _open(browser, link)
        move = statistics.median(_move_slider(page, number) for number in range(MOVES))
        memory = (_resident_bytes(pid) - before) / events
        page.close()
        second.close()
    server, chart = _server_part(folder, events)
    return Row(events, load, move, server, chart, memory)


def _open(browser: Browser, link: str) -> BrowserPage:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(link)
    page.wait_for_selector(_CAPTION, timeout=1000 * TIMEOUT_S)
    page.wait_for_selector(
        "[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg"
    )
    return page


def _move_slider(page: BrowserPage, number: int) -> float:
    """Move the window's upper end by a tenth; return the seconds until the chart follows."""
    caption = page.locator(_CAPTION).first
    old = caption.inner_text()
    thumb = page.get_by_role("slider", name=re.compile("window.*end"))
    thumb.focus()
    started = time.perf_counter()
    thumb.press("PageDown")
    page.wait_for_function(
        "([selector, old]) => [...document.querySelectorAll(selector)]"
        ".some(e => /events of/.test(e.innerText) && e.innerText !== old)",
        arg=["[data-testid=stMain] [data-testid=stCaptionContainer]", old],
        timeout=1000 * TIMEOUT_S,
        polling=20,
    )
    seconds = time.perf_counter() - started
    page.wait_for_timeout(300 if number else 1_000)
    return seconds


def _server_part(folder: Path, events: int) -> tuple[float, int]:
    """Return the seconds that the script takes after a move, and the bytes of the chart's data."""
    config.set_option("secrets.files", [str(folder / "secrets.toml")])
    # Else AppTest takes the folder pages/ for Streamlit's older way of making pages.
    setattr(script_runner, "_mpa_v1", partial(runpy.run_path, run_name="__main__"))  # noqa: B010
    at = AppTest.from_file(str(REPOSITORY / "streamlit_app.py"), default_timeout=TIMEOUT_S)
    at.query_params["source"], at.query_params["topic"] = "Files", f"events-{events}"
    at.run()
    at.switch_page("pages/comparison.py").run()
    deadline = time.monotonic() + TIMEOUT_S
    while not at.get("vega_lite_chart") and time.monotonic() < deadline:
        at.run()
    seconds = []
    for move in range(1, MOVES + 1):
        slider = at.sidebar.slider(key="window")
        low, high = slider.min, slider.max
        slider.set_value((low, high - move * (high - low) / 100))
        started = time.perf_counter()
        at.run()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), _chart_bytes(at)


def _chart_bytes(at: AppTest) -> int:
    chart: Any = at.get("vega_lite_chart")[0].proto
    return len(chart.spec) + sum(len(part.data.data) for part in chart.datasets)


def _server_pid(url: str) -> int:
    """Return the process that listens on the port of `url`."""
    port = int(url.rpartition(":")[2])
    for process in Path("/proc").iterdir():
        command = process / "cmdline"
        if process.name.isdecimal() and f"--server.port={port}".encode() in command.read_bytes():
            return int(process.name)
    raise LookupError(f"no process listens on {port}")


def _resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _print(rows: list[Row]) -> None:
    head = ("events", "load", "move", "of 10k", "server", "chart", "bytes an event")
    print("".join(f"{name:>15}" for name in head))
    for row in rows:
        cells = (
            f"{row.events:,}",
            f"{row.load:.1f} s",
            f"{row.move * 1000:.0f} ms",
            f"{row.move / rows[0].move:.1f}x",
            f"{row.server * 1000:.0f} ms",
            f"{row.chart / 1000:.0f} kB",
            f"{row.memory:,.0f}",
        )
        print("".join(f"{cell:>15}" for cell in cells))


if __name__ == "__main__":
    main()
