"""A TCP proxy in front of a broker that delays, throttles, cuts or holds what passes.

Examples
--------
>>> with running_proxy(broker.bootstrap_servers) as proxy:
...     proxy.bytes_per_s = 500_000
...     proxy.port  # advertise this one, so that clients stay behind the proxy
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_TICK_S: Final = 0.02
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: closing sends a reset


@dataclass
class Proxy:
    """What passes between clients and a broker; every attribute may be set while it runs.

    Attributes
    ----------
    bytes_per_s
        How fast each connection brings answers; None for as fast as it can.
    reset_after
        Bytes of answers after which a connection is reset; None for never.
    holds
        Whether nothing passes: connections stay open, and silent.
    refuses
        Whether connections are closed as soon as they are made.
    passed
        Bytes of answers that have passed.
    accepted
        Connections that were made.
    """

    target: tuple[str, int]
    server: socket.socket
    bytes_per_s: int | None = None
    reset_after: int | None = None
    holds: bool = False
    refuses: bool = False
    passed: int = 0
    accepted: int = 0
    open: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        """The port that clients connect to."""
        port: int = self.server.getsockname()[1]
        return port

    def serve(self) -> None:
        """Take connections until `ended`."""
        while not self.ended.is_set():
            with suppress(OSError):
                client, _ = self.server.accept()
                self.accepted += 1
                if self.refuses:
                    client.close()
                    continue
                with self.changed:
                    self.open += 1
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def wait_until_idle(self) -> None:
        """Wait until every connection has ended."""
        with self.changed:
            self.changed.wait_for(lambda: self.open == 0, timeout=60)

    def _pass(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(self.target) as broker:
            self._pump(client, broker)
        with self.changed:
            self.open -= 1
            self.changed.notify_all()

    def _pump(self, client: socket.socket, broker: socket.socket) -> None:
        answered = 0
        with selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, broker)
            ready.register(broker, selectors.EVENT_READ, client)
            while not self.ended.is_set():
                if self.holds:
                    time.sleep(_TICK_S)
                    continue
                for key, _ in ready.select(_TICK_S):
                    source, target = key.fileobj, key.data
                    assert isinstance(source, socket.socket)
                    data = source.recv(self._most(source is broker))
                    if not data:
                        return
                    target.sendall(data)
                    if source is broker:
                        answered += len(data)
                        self.passed += len(data)
                        if self.bytes_per_s:
                            time.sleep(len(data) / self.bytes_per_s)
                    if self.reset_after and answered > self.reset_after:
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                        return

    def _most(self, is_answer: bool) -> int:
        slow = self.bytes_per_s if is_answer else None
        return min(65_536, max(1, int(slow * _TICK_S))) if slow else 65_536


@contextmanager
def running_proxy(target: str, port: int = 0) -> Iterator[Proxy]:
    """Run a proxy to "host:port" for the length of the block, on a port of its own or a given."""
    host, _, at = target.rpartition(":")
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(0.2)
        proxy = Proxy((host, int(at)), server)
        thread = threading.Thread(target=proxy.serve, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.ended.set()
            thread.join()
