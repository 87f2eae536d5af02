"""The app asks nobody but its own server for anything."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.support.app import running_app

PAGES = ["", "comparison", "sessions", "delay", "outages", "windows"]


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with running_app(tmp_path_factory.mktemp("app")) as url:
        yield url


def host(url):
    parts = urlsplit(url)
    return parts.netloc if parts.scheme in ("http", "https", "ws", "wss") else ""


@pytest.mark.parametrize("path", PAGES)
def test_a_page_makes_no_request_to_another_host(page, app, path):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.goto(f"{app}/{path}")
    title = {"": "Skewline"}.get(path, path.capitalize())
    expect(page.get_by_role("heading", level=1, name=title)).to_be_visible()
    shown = page.get_by_test_id("stVegaLiteChart" if path else "stDataFrame").first
    expect(shown).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    assert app in {url.split("/_stcore")[0].replace("ws:", "http:") for url in asked}
    assert {host(url) for url in asked} - {""} == {host(app)}


def test_the_icon_is_the_apps_own_from_a_servers_first_visit_on(page, tmp_path):
    # A browser without a window fetches few icons: the addresses tell whom another one would ask.
    page.add_init_script(
        """
        window.icons = new Set()
        const note = () => document.querySelectorAll("link[rel~=icon]").forEach(
            link => window.icons.add(link.href))
        new MutationObserver(note).observe(
            document, {subtree: true, childList: true, attributes: true})
        """
    )
    with running_app(tmp_path) as app:
        page.goto(f"{app}/windows")
        expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
        icons = page.evaluate("[...window.icons]")
    assert icons
    assert {host(icon) for icon in icons} <= {"", host(app)}
    assert any(icon.startswith("data:image/svg+xml") for icon in icons)
