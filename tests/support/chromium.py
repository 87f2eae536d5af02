"""Where Chromium is, and how it is started where nothing outside may be reached."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext

PATIENCE_MS: Final = 180_000
"""For a busy machine; nothing waits longer than it has to."""

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_WITHOUT: Final = (
    # Pages of the address bar: each new window draws two, which takes 0.8 s of a processor.
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    # What Playwright goes without: the last such list is the one that counts.
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
)
_FLAGS: Final = [
    f"--disable-features={','.join(_WITHOUT)}",
    "--no-sandbox",
    "--disable-gpu",
    "--in-process-gpu",  # which draws nothing faster for being a process of its own
    "--js-flags=--min-semi-space-size=32",  # of MB: a page of Streamlit's is soon more than 1 MB
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str | None:
    """Return the path of Chromium, or None where it is not installed."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def browsing(browser: Browser, **options: object) -> Iterator[BrowserContext]:
    """Open a context of a browser, with nothing stored in it, for the length of the block.

    It waits as long as a busy machine may take; `options` are Playwright's of `new_context`.
    """
    with browser.new_context(**options) as context:  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        yield context


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Run a Chromium with a new, empty profile for the length of the block.

    Raises
    ------
    LookupError
        If there is none on this machine; the text says what to install.
    """
    executable = find_chromium()
    if executable is None:
        raise LookupError(
            "There is no Chromium on this machine: install it, for example the package chromium."
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=_FLAGS)
        yield browser
        browser.close()
