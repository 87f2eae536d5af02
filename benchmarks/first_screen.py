"""How soon the first screen answers, on a Kafka topic of 1,000,000 events.

`python -m benchmarks.first_screen [--events 1000000] [--runs 5]` starts a broker and the app,
drives the app in Chromium, and prints the seconds beside the bars; the baseline is the same on
10,000 events. A bar is for the median of the runs, each with servers of its own: the slowest run,
printed beside it, is as often the machine's. Rows:

- Streamlit: from opening a page of one title and nothing else, cold and warm, to that title;
- cold: from opening the Overview page of a server that has just started; its first figure, its
  picture (which outages are shaded in once they are found), and what stands out;
- warm: the same in another tab of that browser, the topic being loaded;
- chosen: from choosing the topic in the list, on a server that has drawn another on two pages;
- windows: from turning to the Windows page, once the first one is drawn, to what the engine would
  have dropped; and again in another tab, where all that the page tells is known and drawn at once;
- shift: what moves on the first screen after it has its title, as browsers add it up.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from confluent_kafka import Producer
from playwright.sync_api import expect

from lib.simulate import Scenario, simulate
from tests.support.app import running_app
from tests.support.broker import create_topic, running_broker
from tests.support.browser import SHIFTS, choose_topic, expect_idle, metric
from tests.support.chromium import running_chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

SMALL: Final = 10_000
TIMEOUT_S: Final = 120
_LOOK_MS: Final = 20
"""How often a page is looked at: what Playwright expects it looks for once a second, at last."""
_SEEN: Final = """
    const drawn = what => [...document.querySelectorAll(`[data-stale="false"] ${what}`)]
        .filter(each => each.checkVisibility());
    const figure = (label, text) => drawn("[data-testid=stMetric]").some(each =>
        each.textContent.includes(label) &&
        each.querySelector("[data-testid=stMetricValue]")?.textContent.includes(text));
    const said = text => drawn("[data-testid=stMarkdownContainer]").some(each =>
        each.textContent.includes(text));
    const picture = () => drawn("[data-testid=stVegaLiteChart] :is(canvas, svg)").some(each =>
        !each.dataset.before && each.clientHeight > 0);
"""
BARS: Final = {
    "cold, picture": 5.0,
    "warm, picture": 2.0,
    "chosen, what stands out": 3.0,
    "windows, dropped": 1.0,
    "windows again, dropped": 1.0,
    "shift": 0.1,
}


def main() -> None:
    """Measure both sizes and print them beside the bars."""
    parser = argparse.ArgumentParser(description="Time the first screen.")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    events: int = arguments.events
    expect.set_options(timeout=1000 * TIMEOUT_S)
    with (
        running_broker() as broker,
        tempfile.TemporaryDirectory(prefix="skewline-first-") as folder,
        running_chromium() as browser,
    ):
        address = broker.bootstrap_servers
        for size in (SMALL, events):
            _fill(address, size)
        runs = [
            {
                0: _plain(browser, Path(folder)),
                SMALL: _measure(browser, Path(folder), address, SMALL, other=events),
                events: _measure(browser, Path(folder), address, events, other=SMALL),
            }
            for _ in range(arguments.runs)
        ]
    for name in runs[0][0]:
        print(f"{name:28}{median(run[0][name] for run in runs):12.2f}")
    print(f"{'':28}{SMALL:>12,}{events:>12,}     slowest   bar")
    for name in runs[0][events]:
        small, large = ([run[size][name] for run in runs] for size in (SMALL, events))
        bar, typical = BARS.get(name), median(large)
        said = "" if bar is None else f"{bar:4}  {'holds' if typical <= bar else 'MISSED'}"
        print(f"{name:28}{median(small):12.2f}{typical:12.2f}{max(large):12.2f}   {said}")


def _topic(events: int) -> str:
    return f"events-{events}"


def _fill(broker: str, events: int) -> None:
    """Write a topic in which some clients were cut off."""
    create_topic(broker, _topic(events), partitions=4)
    sessions = max(10, events // 100)
    scenario = Scenario(
        events=events,
        clients=min(1_000, sessions),
        sessions=sessions,
        partitions=4,
        outage_share=0.001 if events > SMALL else 0.1,
    )
    producer = Producer({"bootstrap.servers": broker, "linger.ms": 50})
    for block in simulate(scenario).batches(20_000):
        columns = (block[name].to_pylist() for name in ("partition", "timestamp", "key", "value"))
        for partition, time_ms, key, value in zip(*columns, strict=True):
            producer.produce(_topic(events), value, key, partition, timestamp=time_ms)
        producer.flush()


def _plain(browser: Browser, folder: Path) -> dict[str, float]:
    """Return how long a page takes that has a title and nothing else, in seconds."""
    script = folder / "plain.py"
    script.write_text("import streamlit as st\nst.title('Plain')\n")
    found = {}
    with running_app(folder, script=script) as url, _viewer(browser) as viewer:
        for name in ("cold", "warm"):
            with closing(viewer.new_page()) as page:
                began = time.perf_counter()
                page.goto(url)
                found[f"Streamlit, {name}"] = _seconds_until(page, "drawn('h1').length", began)
    return found


def _measure(
    browser: Browser, folder: Path, broker: str, events: int, *, other: int
) -> dict[str, float]:
    found: dict[str, float] = {}
    settings = {"KAFKA_BOOTSTRAP_SERVERS": broker}
    link = f"?source=Kafka&topic={_topic(events)}"
    with running_app(folder, settings) as url, _viewer(browser) as viewer:
        for name in ("cold", "warm"):
            with closing(viewer.new_page()) as page:
                page.add_init_script(SHIFTS)
                began = time.perf_counter()
                page.goto(f"{url}/{link}")
                found |= {f"{name}, {what}": s for what, s in _answers(page, events, began)}
                expect_idle(page)
                found["shift"] = page.evaluate("shifted")
        for name in ("windows", "windows again"):
            with closing(viewer.new_page()) as page:
                page.goto(f"{url}/{link}")
                _seconds_until(page, "picture()", time.perf_counter())
                _seconds_until(page, "said(text)", time.perf_counter(), "was silent for")
                expect_idle(page)
                turned = time.perf_counter()
                page.get_by_role("link", name="Windows", exact=True).click()
                found[f"{name}, dropped"] = _seconds_until(page, "figure('Dropped', text)", turned)
                expect_idle(page)
    with running_app(folder, settings) as url, _viewer(browser) as viewer:
        page = viewer.new_page()
        for part in ("windows", ""):  # a server in use: what it compiles in the background is there
            page.goto(f"{url}/{part}?source=Kafka&topic={_topic(other)}")
            page.get_by_text("Shown:").first.wait_for()
            expect_idle(page)
        expect(metric(page, "Events")).to_have_text(f"{other:,}")
        page.evaluate("document.querySelectorAll('canvas').forEach(e => { e.dataset.before = 1; })")
        began = time.perf_counter()
        choose_topic(page, _topic(events))
        found |= {f"chosen, {what}": s for what, s in _answers(page, events, began)}
    return found


def _viewer(browser: Browser) -> BrowserContext:
    """Return a browser that has opened nothing yet."""
    return browser.new_context(viewport={"width": 1400, "height": 1000})


def _answers(page: Page, events: int, began: float) -> Iterator[tuple[str, float]]:
    """Yield when the first figure, the picture and what stands out are there, in seconds."""
    yield "figure", _seconds_until(page, "figure('Events', text)", began, f"{events:,}")
    yield "picture", _seconds_until(page, "picture()", began)
    yield "what stands out", _seconds_until(page, "said(text)", began, "was silent for")


def _seconds_until(page: Page, seen: str, began: float, text: str = "") -> float:
    """Return the seconds from `began` until something of `_SEEN` is there."""
    page.wait_for_function(
        f"text => {{ {_SEEN} return {seen}; }}",
        arg=text,
        polling=_LOOK_MS,
        timeout=1000 * TIMEOUT_S,
    )
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
