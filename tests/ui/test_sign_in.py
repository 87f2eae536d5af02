"""Signing in with a real provider, in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.conftest import skip_or_fail
from tests.support.app import running_app
from tests.support.oidc import ProviderMissingError, auth_table, running_provider, sign_in
from tests.support.processes import free_port

RULES = """
[[access]]
groups = ["team"]
sources = ["samples"]
topics = ["sessions-10"]
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("app"), free_port()
    (folder / "secrets.toml").write_text(auth_table(port) + RULES)
    with running_app(folder) as url:
        try:
            with running_provider(port, url, folder):
                yield url
        except ProviderMissingError as missing:
            skip_or_fail(str(missing))


def test_somebody_of_the_group_gets_in_and_out_again(app, page):
    page.goto(app)
    sign_in(page, "ann.team@example.com")
    expect(page.get_by_text("Signed in as ann.team@")).to_be_visible()
    expect(page.get_by_role("heading", name="What stands out")).to_be_visible()

    page.goto(f"{app}/?source=Samples&topic=sessions-100")
    expect(page.get_by_text("“sessions-100” of Samples is not open to you")).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Yes, sign me out").click()  # of the provider, too
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.url.startswith(app)


def test_somebody_else_is_told_that_they_are_on_no_list(app, page):
    page.goto(f"{app}/delay?source=Samples&topic=sessions-10")
    sign_in(page, "eve@example.com")
    expect(page.get_by_text("is not on the list of those who may look")).to_be_visible()
    expect(page.get_by_role("heading", name="What stands out")).to_have_count(0)
