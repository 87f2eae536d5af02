"""Run a server as a child process for as long as a `with` block."""

from __future__ import annotations

import secrets
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_LOG_LINES: Final = 40

_PORTS: Final = range(20_000, 32_000)
"""Below those that systems give to connections, one of which could take a port found free."""
_given: Final[set[int]] = set()

PATIENCE_S: Final = 60.0
"""How long a client waits for a server on a busy machine."""


class ServerStartError(RuntimeError):
    """A server ended or stayed silent while it should have come up; ends with its log's tail."""


def free_port() -> int:
    """Return a loopback TCP port that nobody listens on right now, another at each call."""
    while True:
        port = secrets.choice(_PORTS)
        if port in _given:
            continue  # a server that is given two needs both
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            _given.add(port)
            return port


def is_listening(address: str) -> bool:
    """Whether somebody takes connections at "host:port"."""
    host, _, port = address.rpartition(":")
    with suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
        return True
    return False


@contextmanager
def running(
    command: Sequence[str],
    *,
    ready: Callable[[], bool],
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_s: float = 300,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` for the length of the block, entered with its process once `ready()` is true.

    Parameters
    ----------
    command
        The program and its arguments.
    ready
        Called a few times a second until it returns true.
    log
        File that gets what the process prints.
    env
        The whole environment of the process; the caller's own if left out.
    cwd
        Its folder; the caller's own if left out.
    timeout_s
        Seconds that the process has to become ready.

    Raises
    ------
    ServerStartError
        If the process ends, or is not ready in time.
    """
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
        ) as process,
    ):
        try:
            _wait_until_ready(process, ready, log, timeout_s)
            yield process
        finally:
            # All that these servers keep is thrown away with them: no need for a slow, clean end.
            process.kill()


def _wait_until_ready(
    process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path, timeout_s: float
) -> None:
    deadline = time.monotonic() + timeout_s
    while not ready():
        if process.poll() is not None:
            raise _start_error(f"ended with status {process.returncode} while starting", log)
        if time.monotonic() > deadline:
            raise _start_error(f"was not ready within {timeout_s:.0f} s", log)
        time.sleep(0.1)


def _start_error(what: str, log: Path) -> ServerStartError:
    return ServerStartError(f"The server {what}. Its log ends with:\n{tail_of(log)}")


def tail_of(log: Path) -> str:
    """Return the last lines of what a server has printed."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_LINES:])
