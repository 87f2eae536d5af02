"""kafka-python's configuration, from ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lib.sources.kafka.settings import KafkaSettings


def client_config(settings: KafkaSettings) -> dict[str, Any]:
    """Return what every kafka-python client needs to reach the cluster."""
    config: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers.split(","),
        "client_id": "skewline",
        "security_protocol": settings.security_protocol,
        "bootstrap_timeout_ms": round(1000 * settings.timeout_s),
    }
    optional = {
        "sasl_mechanism": settings.sasl_mechanism,
        "sasl_plain_username": settings.sasl_username,
        "sasl_plain_password": settings.sasl_password,
        "ssl_cafile": settings.ssl_cafile,
        "ssl_certfile": settings.ssl_certfile,
        "ssl_keyfile": settings.ssl_keyfile,
        "ssl_password": settings.ssl_password,
    }
    return config | {name: value for name, value in optional.items() if value}


def consumer_config(settings: KafkaSettings, fetch_bytes: int) -> dict[str, Any]:
    """Return the configuration of a consumer without a group, a commit or a topic created.

    It never goes on from another offset than it was told: who asks for one that is gone is told.
    """
    return client_config(settings) | {
        "group_id": None,
        "enable_auto_commit": False,
        "allow_auto_create_topics": False,
        "auto_offset_reset": "none",
        "isolation_level": settings.isolation_level,
        "metrics_enabled": False,
        "fetch_max_wait_ms": 100,
        "fetch_max_bytes": fetch_bytes,
        "max_partition_fetch_bytes": min(fetch_bytes, 16 * 1024 * 1024),
        "max_poll_records": 500,
    }
