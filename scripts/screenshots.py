"""Take the screenshots of the documentation again: `make screenshots`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))

from lib.report.__main__ import main as report  # noqa: E402 (the repository is no package)
from tests.support.app import running_app  # noqa: E402
from tests.support.chromium import running_chromium  # noqa: E402

IMAGES: Final = REPOSITORY / "docs" / "images"

SHOWN: Final = "[data-testid=stMain] :is([data-testid=stVegaLiteChart], [data-testid=stDataFrame])"

VIEWS: Final = {
    "comparison": ("comparison", 1000),
    "overview": ("?topic=sessions-100", 1000),
    "session": ("sessions", 1430),
    "delay": ("delay", 760),
    "outages": ("outages?topic=sessions-100", 800),
    "windows": ("windows?topic=sessions-100", 1500),
}
"""Name of the picture → path and parameters of the view, and the height of the browser's window."""


def main() -> None:
    """Write a picture of every view, in the light theme."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, running_app(Path(directory), {}) as url:
        _take_all(url)
        _take_report(Path(directory) / "report.html")


def _take_report(path: Path) -> None:
    verdict = ["--fail-if", "dropped > 0.1%", "--fail-if", "outages > 5"]
    report(["--source", "samples", "--topic", "sessions-10", "--html", str(path), *verdict])
    with running_chromium() as browser:
        page = browser.new_page(viewport={"width": 1000, "height": 1000})
        page.goto(path.as_uri())
        page.wait_for_selector(".chart svg.marks")
        page.screenshot(path=IMAGES / "report.png")


def _take_all(url: str) -> None:
    with running_chromium() as browser:
        for name, (path, height) in VIEWS.items():
            page = browser.new_page(viewport={"width": 1400, "height": height})
            page.goto(f"{url}/{path}")
            page.wait_for_selector(SHOWN, timeout=60_000)
            page.wait_for_selector("[data-test-script-state=notRunning]", timeout=60_000)
            page.wait_for_timeout(1500)  # Charts fade in.
            page.screenshot(path=IMAGES / f"{name}.png")
            page.close()


if __name__ == "__main__":
    main()
