"""What librdkafka is told, its configuration, and what it says, its codes of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaError
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lib.sources.kafka.errors import (
    failed,
    log_in_refused,
    missing,
    unreadable,
    why_no_connection,
    without_right,
)
from lib.sources.kafka.settings import AWS_MSK_IAM, KERBEROS, OAUTHBEARER
from lib.sources.kafka.tls import own_certificate

if TYPE_CHECKING:
    from lib.core.errors import SkewlineError
    from lib.sources.kafka.settings import KafkaSettings

# Codes that librdkafka itself raises, not the broker, have names that begin with an underscore.
_MISSING: Final = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.UNKNOWN_TOPIC_ID,
    KafkaError.TOPIC_EXCEPTION,
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
}
_NO_LOG_IN: Final = {
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
    KafkaError.ILLEGAL_SASL_STATE,
    KafkaError._AUTHENTICATION,  # noqa: SLF001
}
_NO_CONNECTION: Final = {
    KafkaError._SSL,  # noqa: SLF001
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NETWORK_EXCEPTION,
    KafkaError.BROKER_NOT_AVAILABLE,
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
    KafkaError._TRANSPORT,  # noqa: SLF001
    KafkaError._RESOLVE,  # noqa: SLF001
    KafkaError._TIMED_OUT,  # noqa: SLF001
}
_UNREADABLE: Final = {
    KafkaError.INVALID_MSG,
    KafkaError.UNSUPPORTED_COMPRESSION_TYPE,
    KafkaError._BAD_MSG,  # noqa: SLF001
    KafkaError._BAD_COMPRESSION,  # noqa: SLF001
    KafkaError._NOT_IMPLEMENTED,  # noqa: SLF001
}


def explain_code(code: int, said: str, settings: KafkaSettings, topic: str) -> SkewlineError:
    """Return the error for what librdkafka says: its code and its words."""
    if code in _MISSING:
        return missing(topic, settings, said)
    if code == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        return without_right("Read", topic, settings, said)
    if code == KafkaError.CLUSTER_AUTHORIZATION_FAILED:
        return without_right("", "", settings, said)
    if code in _NO_LOG_IN:
        return log_in_refused(settings, said)
    if code in _UNREADABLE:
        return unreadable(topic, said)
    return (why_no_connection if code in _NO_CONNECTION else failed)(settings, said)


GONE: Final = {
    KafkaError.OFFSET_OUT_OF_RANGE,
    KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001
}
"""Codes of an offset that the log does not have."""


def config(settings: KafkaSettings, fetch_bytes: int) -> dict[str, str]:
    """Return the configuration of a client that reads, commits nothing and creates no topic.

    It never goes on from another offset than it was told: who asks for one that is gone is told.
    """
    config: dict[str, str] = {
        "bootstrap.servers": settings.bootstrap_servers,
        "client.id": "skewline",
        "security.protocol": settings.security_protocol,
        "enable.auto.commit": "false",
        "enable.auto.offset.store": "false",
        "allow.auto.create.topics": "false",
        "auto.offset.reset": "error",
        "enable.partition.eof": "true",
        "isolation.level": settings.isolation_level,
        "check.crcs": "true",
        "fetch.wait.max.ms": "100",
        "fetch.max.bytes": str(fetch_bytes),
        "fetch.message.max.bytes": str(min(fetch_bytes, 1024 * 1024)),
        # Else it would make `fetch.max.bytes` larger; it only bounds what is produced.
        "message.max.bytes": str(min(fetch_bytes, 1_000_000)),
        # A broker that restarts is back before the default, ten seconds, is over.
        "reconnect.backoff.max.ms": "1000",
        "queued.max.messages.kbytes": str(32 * 1024),
        # As many as are read at once while more come; further ones would only grow cold in memory.
        "queued.min.messages": "30000",
        # The default, a second, stalls whoever empties the queue sooner.
        "fetch.queue.backoff.ms": "5",
        "log_level": "2",
    }
    return {
        **{name: _text(value) for name, value in settings.client.items()},
        **config,
        **_tls(settings),
        **_log_in(settings),
    }


def _tls(settings: KafkaSettings) -> dict[str, str]:
    if not settings.uses_tls:
        return {}
    config = (
        {} if settings.ssl_check_hostname else {"ssl.endpoint.identification.algorithm": "none"}
    )
    if settings.ssl_cafile:
        config["ssl.ca.location"] = settings.ssl_cafile
    elif settings.ssl_ca:
        config["ssl.ca.pem"] = settings.ssl_ca
    if settings.ssl_certfile or settings.ssl_cert:
        certificate, key = own_certificate(settings)
        plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        config |= {"ssl.certificate.pem": certificate.decode(), "ssl.key.pem": plain.decode()}
    return config


def _log_in(settings: KafkaSettings) -> dict[str, str]:
    if not settings.logs_in:
        return {}
    if settings.sasl_mechanism in (OAUTHBEARER, AWS_MSK_IAM):
        return {"sasl.mechanism": OAUTHBEARER}  # the token is set when the client is there
    config = {"sasl.mechanism": settings.sasl_mechanism}
    if settings.sasl_mechanism == KERBEROS:
        return config | {"sasl.kerberos.service.name": settings.kerberos_service}
    return config | {
        "sasl.username": settings.sasl_username,
        "sasl.password": settings.sasl_password,
    }


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
