"""kafka-python's configuration, from ours."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.net.sasl.oauth import AbstractTokenProvider

from lib.core.errors import SettingsError
from lib.sources.kafka.settings import AWS_MSK_IAM, KERBEROS, OAUTHBEARER
from lib.sources.kafka.tls import tls_context
from lib.sources.kafka.tokens import token_of

if TYPE_CHECKING:
    from lib.sources.kafka.settings import KafkaSettings


def client_config(settings: KafkaSettings) -> dict[str, Any]:
    """Return what every kafka-python client needs to reach the cluster.

    Raises
    ------
    SettingsError
        When a certificate or key cannot be used.
    AccessError
        When no token can be had.
    """
    config: dict[str, Any] = {
        **_passed_through(settings, KafkaAdminClient.DEFAULT_CONFIG),
        "bootstrap_servers": settings.addresses,
        "client_id": "skewline",
        "security_protocol": settings.security_protocol,
        "bootstrap_timeout_ms": round(1000 * settings.timeout_s),
        # A broker that restarts is back before the default, thirty seconds, is over.
        "reconnect_backoff_max_ms": 1000,
        "request_timeout_ms": round(1000 * settings.timeout_s),
        # The library wants it above any request's time-out; the default is nine minutes.
        "connections_max_idle_ms": 540_000
        + round(1000 * (settings.timeout_s + settings.patience_s)),
    }
    if settings.uses_tls:
        config["ssl_context"] = tls_context(settings)
    if not settings.logs_in:
        return config
    if settings.sasl_mechanism in (OAUTHBEARER, AWS_MSK_IAM):
        token_of(settings)  # what is wrong with it is told before anything is connected
        return config | {
            "sasl_mechanism": OAUTHBEARER,
            "sasl_oauth_token_provider": _Tokens(settings),
        }
    if settings.sasl_mechanism == KERBEROS and find_spec("gssapi") is None:
        raise SettingsError(
            "Kerberos (GSSAPI) needs a library that is not installed.",
            "Install Kerberos' headers and run pip install gssapi.",
        )
    return config | {
        "sasl_mechanism": settings.sasl_mechanism,
        "sasl_plain_username": settings.sasl_username or None,
        "sasl_plain_password": settings.sasl_password or None,
        "sasl_kerberos_service_name": settings.kerberos_service,
    }


def consumer_config(settings: KafkaSettings, fetch_bytes: int) -> dict[str, Any]:
    """Return the configuration of a consumer without a group, a commit or a topic created.

    It never goes on from another offset than it was told: who asks for one that is gone is told.
    """
    return {
        **_passed_through(settings, KafkaConsumer.DEFAULT_CONFIG),
        **client_config(settings),
        "group_id": None,
        "enable_auto_commit": False,
        "allow_auto_create_topics": False,
        "auto_offset_reset": "none",
        "isolation_level": settings.isolation_level,
        "metrics_enabled": False,
        # An answer that comes slowly has to end: a read itself says how long silence may last.
        "request_timeout_ms": round(1000 * max(30.0, settings.patience_s)),
        "fetch_max_wait_ms": 100,
        "fetch_max_bytes": fetch_bytes,
        "max_partition_fetch_bytes": min(fetch_bytes, 16 * 1024 * 1024),
        "max_poll_records": 500,
    }


def _passed_through(settings: KafkaSettings, known: dict[str, Any]) -> dict[str, Any]:
    """Return the settings passed through that kafka-python has, too, under a like name."""
    named = {name.replace(".", "_"): value for name, value in settings.client.items()}
    return {name: value for name, value in named.items() if name in known}


class _Tokens(AbstractTokenProvider):  # type: ignore[misc]  # kafka-python is untyped
    """kafka-python's way to ask for a token."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings

    def token(self) -> str:
        return token_of(self._settings).value

    def extensions(self) -> dict[str, str]:
        return dict(self._settings.oauth_extensions)
