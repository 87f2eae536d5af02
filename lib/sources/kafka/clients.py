"""kafka-python's clients: connected once, and closed whatever happens.

kafka-python tries a failed connection again and again until its time is over, which locks
accounts, and leaves a thread and sockets behind when building a client fails. Here what is for good
(a refused log-in, a certificate) ends the attempt at once, and what was opened is closed.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from kafka import KafkaAdminClient, KafkaConsumer
from kafka import errors as kafka_errors
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from lib.sources.kafka.client_config import client_config, consumer_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lib.sources.kafka.settings import KafkaSettings

HOPELESS_S: Final = 1.0
"""Seconds after which an address that nobody listens at, or that hangs up, counts as wrong."""

_FOR_GOOD: Final = (
    kafka_errors.SaslAuthenticationFailedError,
    kafka_errors.UnsupportedSaslMechanismError,
    kafka_errors.IllegalSaslStateError,
    kafka_errors.AuthorizationError,
    kafka_errors.KafkaConfigurationError,
    kafka_errors.KafkaProtocolError,
)
_OF_TLS: Final = ("Handshake failed", "[SSL:")
_ANSWERLESS: Final = (kafka_errors.KafkaTimeoutError, kafka_errors.RequestTimedOutError)


@contextmanager
def admin_client(settings: KafkaSettings) -> Iterator[KafkaAdminClient]:
    """Connect an admin client for the length of the block."""
    with _closed(KafkaAdminClient, client_config(settings)) as client:
        yield client


@contextmanager
def consumer_client(settings: KafkaSettings, fetch_bytes: int) -> Iterator[KafkaConsumer]:
    """Connect a consumer without a group for the length of the block."""
    with _closed(KafkaConsumer, consumer_config(settings, fetch_bytes)) as client:
        yield client


@contextmanager
def _closed(kind: type[Any], config: dict[str, Any]) -> Iterator[Any]:
    made: list[KafkaNetClient] = []

    def connected(**configs: Any) -> KafkaNetClient:  # noqa: ANN401 (kafka-python is untyped)
        net = NetworkSelector(**configs)
        made.append(KafkaNetClient(net=net, manager=_Manager(net, **configs)))
        return made[-1]

    try:
        yield kind(**config, kafka_client=connected)
    finally:
        for client in made:
            _close(client)


def _close(client: KafkaNetClient) -> None:
    """Close connections where their thread is, then end the thread and free what it waits with."""
    client._net.run(client._manager.close)  # noqa: SLF001 (it has no public name)
    client._net.close()  # noqa: SLF001


class _Manager(KafkaConnectionManager):  # type: ignore[misc]  # kafka-python is untyped
    """Connections that are not tried again where that cannot help."""

    def __init__(self, net: NetworkSelector, **configs: Any) -> None:  # noqa: ANN401
        super().__init__(net, **configs)
        self._began = time.monotonic()
        self._refusal: BaseException | None = None
        self._failed: set[object] = set()

    def get_connection(self, node_id: object, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        if self._refusal is not None and not self.bootstrapped:
            raise self._refusal
        known = self._conns.get(node_id)
        connection = super().get_connection(node_id, *arguments, **named)
        if connection is not known:

            def note(error: BaseException) -> None:
                self._note(node_id, error)

            connection.init_future.add_errback(note)
            connection.close_future.add_errback(note)
        return connection

    async def _build_transport(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        transport = await super()._build_transport(*arguments, **named)
        transport._sock_recv = _data_first(transport._sock_recv)  # noqa: SLF001
        return transport

    def _note(self, node_id: object, error: BaseException) -> None:
        """Take note of a failed connection; of all that fail, the first cause that is for good."""
        if isinstance(error, _ANSWERLESS) or self.closed:
            return
        self._failed.add(node_id)
        of_tls = self.ssl_enabled and any(words in str(error) for words in _OF_TLS)
        everywhere = len(self._failed) >= len(self.cluster.bootstrap_brokers())
        hopeless = everywhere and time.monotonic() - self._began > HOPELESS_S
        if isinstance(error, _FOR_GOOD) or of_tls or hopeless:
            self._refusal = self._refusal or error


def _data_first(receive: Callable[[], tuple[bytes, Exception | None]]) -> Callable[[], object]:
    """Return how to receive what came before a connection was closed.

    kafka-python drops it, and with it the broker's reason to close.
    """
    errors: list[Exception] = []

    def receive_data() -> tuple[bytes, Exception | None]:
        if errors:
            return b"", errors[-1]
        data, error = receive()
        if not (data and error):
            return data, error
        errors.append(error)
        return data, None

    return receive_data
