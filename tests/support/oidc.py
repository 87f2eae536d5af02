"""A real OpenID Connect provider on loopback, and who signs in with it."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.processes import is_listening, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

_FOLDER = Path(__file__).parents[1] / "oidc"


class ProviderMissingError(RuntimeError):
    """The provider is not installed."""


def auth_table(port: int) -> str:
    """Return the table `[auth]` for the provider at a port, which has to be running by then."""
    return f"""
[auth]
redirect_uri = "http://127.0.0.1:{{port}}/oauth2callback"
cookie_secret = "a secret of the tests, which is long enough"
client_id = "skewline"
client_secret = "a secret of the tests, which is long enough"
server_metadata_url = "http://127.0.0.1:{port}/.well-known/openid-configuration"
client_kwargs = {{ prompt = "login" }}
"""


@contextmanager
def running_provider(port: int, app: str, directory: Path) -> Iterator[None]:
    """Run the provider for the length of the block, for the app at a URL.

    Raises
    ------
    ProviderMissingError
        If Node.js or the provider is not installed.
    """
    node = shutil.which("node")
    if node is None or not (_FOLDER / "node_modules/oidc-provider").exists():
        raise ProviderMissingError("Node.js or the provider is missing: run `make oidc`.")
    command = [node, str(_FOLDER / "provider.js"), str(port), f"{app}/oauth2callback"]
    address = f"127.0.0.1:{port}"
    with running(command, ready=lambda: is_listening(address), log=directory / "oidc.log"):
        yield


def sign_in(page: Page, email: str) -> None:
    """Sign in from the app's first page: with that address, and any password."""
    page.get_by_role("button", name="Sign in").click()
    page.get_by_placeholder("Enter any login").fill(email)
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()
