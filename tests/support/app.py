"""Skewline itself, as a user starts it, on a free loopback port."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

from tests.support.processes import PATIENCE_S, free_port, running, tail_of

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping

REPOSITORY = Path(__file__).parents[2]

_SETTINGS = ("KAFKA_", "SCHEMA_REGISTRY_", "SKEWLINE_", "STREAMLIT_")


@contextmanager
def running_app(
    directory: Path,
    settings: Mapping[str, str] | None = None,
    *,
    script: Path = REPOSITORY / "streamlit_app.py",
) -> Iterator[str]:
    """Run the app for the length of the block and yield its URL: see `app_process`."""
    with app_process(directory, settings, script=script) as (url, _):
        yield url


@contextmanager
def app_process(
    directory: Path,
    settings: Mapping[str, str] | None = None,
    *,
    script: Path = REPOSITORY / "streamlit_app.py",
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run the app for the length of the block and yield its URL and its process.

    It sees none of the secrets and settings of the person who runs the tests, only `settings`, and
    waits for a broker as long as a busy machine may take.

    Parameters
    ----------
    directory
        Gets the app's log, `streamlit-<port>.log`, and its empty secrets file.
    settings
        Environment variables for the app, such as KAFKA_BOOTSTRAP_SERVERS.
    script
        The Streamlit script to run.

    Raises
    ------
    ServerStartError
        If the app does not start; its log's tail is in the text.

    Whatever the block raises has the log's tail as a note.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    secrets = directory / "secrets.toml"
    secrets.touch()
    options = {
        "server.address": "127.0.0.1",
        "server.port": str(port),
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "secrets.files": str(secrets),
    }
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    command += [f"--{name}={value}" for name, value in options.items()]
    log = directory / f"streamlit-{port}.log"
    with running(
        command,
        ready=lambda: _is_healthy(url),
        log=log,
        env={
            **{name: value for name, value in os.environ.items() if not is_setting(name)},
            "KAFKA_TIMEOUT_S": str(PATIENCE_S),
            **(settings or {}),
        },
    ) as process:
        try:
            yield url, process
        except Exception as error:
            error.add_note(f"The app's log ends with:\n{tail_of(log)}")
            raise


def is_setting(variable: str) -> bool:
    """Whether an environment variable is a setting of the app or of Streamlit."""
    return variable.startswith(_SETTINGS)


def _is_healthy(url: str) -> bool:
    try:
        with urlopen(f"{url}/_stcore/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, TimeoutError):
        return False
