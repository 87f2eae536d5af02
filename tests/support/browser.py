"""What tests do and see in a browser that shows the app.

A page follows what was done to it a moment later, and a chart follows the page: never assert on
what was read from a page at once, `expect` it or try it `until_holds`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Error, expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator, Page

Found = TypeVar("Found")

SOON_MS: Final = 2_000
"""How long a step inside `until_holds` waits for what it expects before all is tried again."""

SHIFTS: Final = """
    window.shifted = 0;
    let begun = Infinity;
    const seen = new MutationObserver(() => {
        const filled = document.querySelector("[data-testid=stSidebarUserContent] [role=slider]");
        if (!filled || !document.querySelector("h1")) return;
        seen.disconnect();
        requestAnimationFrame(() => requestAnimationFrame(() => { begun = performance.now(); }));
    });
    seen.observe(document, {subtree: true, childList: true});
    new PerformanceObserver(list => {
        for (const shift of list.getEntries())
            if (shift.startTime > begun && !shift.hadRecentInput) shifted += shift.value;
    }).observe({type: "layout-shift"});
"""
"""Adds up what moves once a page has its title and its sidebar, whose coming is Streamlit's own."""


def until_holds(page: Page, check: Callable[[], Found], *, timeout_s: float = 180) -> Found:
    """Return what `check` returns once it asserts nothing in vain any more.

    Raises
    ------
    AssertionError, playwright.sync_api.Error
        What it raised last, when `timeout_s` seconds are over.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return check()
        except (AssertionError, Error):
            if time.monotonic() > deadline:
                raise
        page.wait_for_timeout(100)  # and not sleep: the page's events come in meanwhile


def expect_idle(page: Page) -> None:
    """Wait until the page has been drawn to its end and nothing is being read any more."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_test_id("stProgress")).to_have_count(0)
    expect(page.locator('[data-stale="true"]')).to_have_count(0)


def metric(page: Page, label: str) -> Locator:
    """Return the value of a metric that this run has drawn."""
    # While a run goes on, what it has not drawn yet is still there, marked as stale.
    drawn = page.locator('[data-stale="false"]').get_by_test_id("stMetric")
    return drawn.filter(has_text=label).get_by_test_id("stMetricValue")


def choose_topic(page: Page, topic: str) -> None:
    """Choose a topic in the sidebar."""
    page.get_by_role("combobox", name="Topic").click()
    page.get_by_role("option", name=topic, exact=True).click()


def chart(page: Page) -> Locator:
    """Return the page's first chart."""
    return page.get_by_test_id("stVegaLiteChart").first


def circles(page: Page, panel: str) -> Locator:
    """Return the points of a panel of the Comparison chart: "event" or "received"."""
    return chart(page).locator(f"g.{panel}_group g.mark-symbol.role-mark path")


def ticks(page: Page, panel: str) -> list[str]:
    """Return the labels of a panel's time axis."""
    axes = chart(page).locator(f"g.{panel}_group .role-axis-label")
    return axes.first.locator("text").all_text_contents()


def window_of(link: str) -> tuple[float, float]:
    """Return the window that a link is for, seconds since zero.

    Raises
    ------
    AssertionError
        When it has none.
    """
    ends = parse_qs(urlsplit(link).query).get("window", [])
    assert len(ends) == 2, f"{link} has no window"
    return float(ends[0]), float(ends[1])


def window_end(page: Page) -> Locator:
    """Return the handle of the window's end in the sidebar."""
    return page.get_by_role("slider", name="window").and_(page.get_by_role("slider", name="end"))


def drag(page: Page, handle: Locator, *, by: float) -> None:
    """Drag the handle of a slider sideways, as many pixels as asked for."""
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()  # of an unseen input that begins at the middle of the handle
    assert box is not None
    x, y = box["x"], box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + by, y, steps=10)
    page.mouse.up()


def expect_tooltip(page: Page, point: Locator, *said: str) -> None:
    """Hover over a point of a chart until its tooltip says all that is asked for.

    A chart that is drawn anew under a pointer that rests shows no tooltip.
    """

    def says_all() -> None:
        page.mouse.move(0, 0)
        point.hover(timeout=SOON_MS)
        for text in said:
            expect(page.locator("#vg-tooltip-element")).to_contain_text(text, timeout=SOON_MS)

    until_holds(page, says_all)


def table_rows(page: Page, rows: int, columns: int) -> list[list[Locator]]:
    """Return the cells of the first rows and columns of the page's first table.

    Its rows can be selected: the box for that is column 0.
    """
    table = page.get_by_test_id("stDataFrame").first
    return [
        [table.get_by_test_id(f"glide-cell-{column}-{row}") for column in range(1, columns + 1)]
        for row in range(rows)
    ]
