"""What holds of every page, each opened once: whom it asks, what it logs, who can read it.

The pages are of one sample, with a record and another topic chosen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.support.browser import expect_idle
from tests.support.chromium import browsing
from tests.support.contrast import contrast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page

PAGES = {
    "": "Skewline",
    **{name: name.capitalize() for name in ("comparison", "sessions", "delay", "outages")},
    **{name: name.capitalize() for name in ("windows", "records", "live", "glossary")},
    "topics": "Two topics",
}
CHOSEN = "topic=sessions-100&record=1:5&other_topic=sessions-10"
WIDTHS = [1400, 1024, 420]
CHART_TEXTS = """
    () => [...document.querySelectorAll("[data-testid=stVegaLiteChart] svg text")]
        .filter(text => getComputedStyle(text).stroke === "none")  // and is no halo
        .map(text => [
            text.textContent,
            getComputedStyle(text).fill,
            getComputedStyle(document.querySelector("[data-testid=stApp]")).backgroundColor,
        ])
"""
"""Texts of charts, which axe passes over: each with its colour and that of the page."""
CARDS = """
    () => [...document.querySelectorAll("[data-testid=stMetric]")].map(card => card.offsetWidth)
"""


@dataclass(frozen=True)
class Visit:
    """A page that is open, and what came of opening it."""

    page: Page
    asked: list[str]
    logged: list[str]


@pytest.fixture(scope="module", params=PAGES)
def visit(chromium: Browser, samples_app: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Open a page by its own address, in a browser that has opened nothing before."""
    asked: list[str] = []
    logged: list[str] = []
    with browsing(chromium, viewport={"width": 1400, "height": 1000}) as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        page.on("console", lambda said: logged.append(said.text) if is_ours(said) else None)
        page.on("pageerror", lambda error: logged.append(str(error)))
        page.goto(f"{samples_app}/{request.param}?{CHOSEN}")
        title = PAGES[request.param]
        expect(page.get_by_role("heading", level=1, name=title, exact=True)).to_be_visible()
        expect_drawn(page)
        yield Visit(page, asked, logged)


def is_ours(said: ConsoleMessage) -> bool:
    """Whether it is an error, and not Streamlit's, which tries its server by several paths."""
    return said.type == "error" and "/_stcore/" not in said.location.get("url", "")


def expect_drawn(page: Page) -> None:
    """Wait until every chart shows its marks."""
    expect_idle(page)
    for drawn in page.get_by_test_id("stVegaLiteChart").all():
        expect(drawn.locator("svg.marks, canvas")).to_be_visible()


def host(url: str) -> str:
    parts = urlsplit(url)
    return parts.netloc if parts.scheme in ("http", "https", "ws", "wss") else ""


def test_it_asks_nobody_but_its_own_server(visit: Visit) -> None:
    assert {host(url) for url in visit.asked} - {""} == {host(visit.page.url)}
    assert any(url.startswith("ws://") for url in visit.asked)


def test_its_charts_have_names(visit: Visit) -> None:
    for drawn in visit.page.get_by_test_id("stVegaLiteChart").all():
        expect(drawn).to_have_accessible_name(re.compile(r"\w+ \w+"))


@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_the_screen(visit: Visit, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 1000})
    expect_drawn(visit.page)
    visit.page.wait_for_function(
        "[...document.querySelectorAll('[data-testid=stMain]')]"
        ".every(main => main.scrollWidth <= main.clientWidth)"
    )


def test_no_figure_is_stretched_over_a_phone_alone(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 420, "height": 1000})
    expect_drawn(visit.page)
    assert all(width <= 210 for width in visit.page.evaluate(CARDS))


def is_readable(text: tuple[str, str, str]) -> bool:
    _, colour, background = text
    return contrast(as_hex(colour), as_hex(background)) >= 4.5


def as_hex(rgb: str) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", rgb)[:3])


def test_axe_finds_nothing_serious(visit: Visit) -> None:
    # Given a page that was opened light, which is Playwright's own
    visit.page.set_viewport_size({"width": 1400, "height": 1000})
    expect(visit.page.get_by_test_id("stApp")).to_have_css("color-scheme", "light")
    assert serious(visit.page) == []
    # When it is opened dark: code blocks keep the colours of the theme that they were drawn in
    visit.page.emulate_media(color_scheme="dark")
    visit.page.reload()
    expect(visit.page.get_by_test_id("stApp")).to_have_css("color-scheme", "dark")
    # Then its other colours are as readable
    assert serious(visit.page, "color-contrast") == []


def serious(page: Page, *rules: str) -> list[tuple[str, list[str]]]:
    """Return what axe finds serious by some of its rules, or by all: the rule, and where."""
    expect_drawn(page)
    if (code := page.get_by_text("The code to paste")).count():
        code.click()
        expect(page.locator(".token.keyword").first).to_be_visible()
    assert [text for text in page.evaluate(CHART_TEXTS) if not is_readable(text)] == []
    # Vega gives a brush a role and no name; the chart that it is in has one.
    context = {"exclude": [["g[class*='_brush']"]]}
    options = {"resultTypes": ["violations"]} | ({"runOnly": [*rules]} if rules else {})
    found = Axe().run(page, context=context, options=options)
    assert found.response["passes"]
    return [
        (each["id"], [node["html"][:120] for node in each["nodes"]])
        for each in found.response["violations"]
        if each["impact"] in ("serious", "critical")
    ]


def test_it_raises_and_logs_no_error(visit: Visit) -> None:
    expect(visit.page.get_by_test_id("stException")).to_have_count(0)
    assert visit.logged == []
