"""What a broker or a client library says in, the sentence that a user needs out."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from kafka import errors as kafka_errors

from lib.core.errors import (
    AccessError,
    BrokerUnreachableError,
    SettingsError,
    SkewlineError,
    SourceError,
    TopicChangedError,
    TopicMissingError,
    UnreadableTopicError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lib.sources.kafka.settings import KafkaSettings


@contextmanager
def explained(settings: KafkaSettings, topic: str = "", right: str = "Describe") -> Iterator[None]:
    """Turn kafka-python's errors inside the block into a `SkewlineError` that keeps their words.

    Parameters
    ----------
    right
        The right on the topic that the block needs.

    Raises
    ------
    SkewlineError
        Of the kind that `explain` finds.
    """
    try:
        yield
    # kafka-python asserts that a codec is there.
    except (kafka_errors.KafkaError, OSError, AssertionError) as error:
        raise explain(error, settings, topic, right) from error


def explain(
    error: Exception, settings: KafkaSettings, topic: str, right: str = "Describe"
) -> SkewlineError:
    """Return the error for what kafka-python raised."""
    said = ": ".join(filter(None, (str(error), getattr(error, "description", ""))))
    match error:
        case (
            kafka_errors.UnknownTopicOrPartitionError()
            | kafka_errors.UnknownTopicIdError()
            | kafka_errors.InvalidTopicError()
        ):
            return missing(topic, settings, said)
        case kafka_errors.ClusterAuthorizationFailedError():
            return without_right("", "", settings, said)
        case kafka_errors.AuthorizationError():
            return without_right(right, topic, settings, said)
        case (
            kafka_errors.UnsupportedCodecError()
            | kafka_errors.CorruptRecordError()
            | kafka_errors.UnsupportedCompressionTypeError()
            | AssertionError()
        ):
            return unreadable(topic, said)
        case (
            kafka_errors.SaslAuthenticationFailedError()
            | kafka_errors.UnsupportedSaslMechanismError()
            | kafka_errors.IllegalSaslStateError()
            | kafka_errors.KafkaConnectionError()
            | kafka_errors.KafkaTimeoutError()
            | kafka_errors.KafkaProtocolError()
            | kafka_errors.NodeNotReadyError()
            | kafka_errors.MetadataEmptyBrokerList()
            | kafka_errors.RequestTimedOutError()
            | kafka_errors.NetworkExceptionError()
            | kafka_errors.BrokerNotAvailableError()
            | OSError()
        ):
            return why_no_connection(settings, said)
        case _:
            return failed(settings, said)


def why_no_connection(settings: KafkaSettings, said: str) -> SkewlineError:
    """Return the error for a connection that failed: by the words of whoever says so.

    Kafka's clients give TLS and SASL failures no codes of their own; OpenSSL's reasons and the
    broker's messages are the same in both.
    """
    of_broker = f"The Kafka broker at {settings.bootstrap_servers} "
    of_none = f"No Kafka broker answers at {settings.bootstrap_servers}: "
    for words, needs, kind, what, remedy in _REASONS:
        if needs(settings) and any(word in said.lower() for word in words):
            facts = {
                "who": _who(settings),
                "mechanism": settings.sasl_mechanism,
                "protocol": settings.security_protocol,
            }
            begins = of_none if kind is BrokerUnreachableError else of_broker
            return kind(f"{begins}{what.format(**facts)}.", remedy.format(**facts), said)
    return unreachable(settings, said)


def log_in_refused(settings: KafkaSettings, said: str) -> SkewlineError:
    """Return the error for a log-in that failed: by the words, or as refused."""
    found = why_no_connection(settings, said)
    if isinstance(found, AccessError):
        return found
    return why_no_connection(settings, f"Authentication failed: {said}")


def _who(settings: KafkaSettings) -> str:
    """Return who logs in, for a sentence."""
    if settings.sasl_username:
        return f"user {settings.sasl_username!r}"
    if settings.oauth_client_id:
        return f"client {settings.oauth_client_id!r}"
    return "this client"


def _always(_: KafkaSettings) -> bool:
    return True


def _plain(settings: KafkaSettings) -> bool:
    return not settings.uses_tls


def _shows_none(settings: KafkaSettings) -> bool:
    return settings.uses_tls and not (settings.ssl_certfile or settings.ssl_cert)


def _tls(settings: KafkaSettings) -> bool:
    return settings.uses_tls


_Reason = tuple[tuple[str, ...], "Callable[[KafkaSettings], bool]", type[SkewlineError], str, str]
_REASONS: Final[tuple[_Reason, ...]] = (
    (
        (
            "hostname mismatch",
            "ip address mismatch",
            "certificate is not valid for",
            "doesn't match",
        ),
        _tls,
        AccessError,
        "shows a certificate that is for another host name",
        "Set bootstrap_servers to the name in the certificate, or ssl_check_hostname to false.",
    ),
    (
        ("certificate has expired", "certificate is not yet valid"),
        _tls,
        AccessError,
        "shows a certificate that has expired or is not valid yet",
        "Have the broker's certificate renewed; check this machine's clock.",
    ),
    (
        ("certificate required", "bad certificate", "handshake failure"),
        _shows_none,
        AccessError,
        "asks for a client certificate, and none is configured",
        "Set ssl_certfile and ssl_keyfile.",
    ),
    (
        (
            *("alert unknown ca", "alert bad certificate", "alert certificate unknown"),
            *("alert certificate expired", "alert certificate revoked", "alert access denied"),
            *("alert unsupported certificate", "alert decrypt error"),
        ),
        _tls,
        AccessError,
        "does not accept the certificate that it was shown",
        "Set ssl_certfile to one that an authority has signed which the broker trusts.",
    ),
    (
        (
            "certificate verify failed",
            "certificate could not be verified",
            "self-signed certificate",
        ),
        _tls,
        AccessError,
        "shows a certificate of an authority that is not trusted",
        "Set ssl_cafile (or ssl_ca) to the authority that signed the broker's certificate.",
    ),
    (
        ("wrong version number", "record layer failure", "eof", "packet length too long"),
        _tls,
        AccessError,
        "does not speak TLS at that port",
        "Check the port and security_protocol: {protocol} needs a listener with TLS.",
    ),
    (
        ("unsupportedsaslmechanism", "unsupported sasl mechanism", "unsupported mechanism"),
        _always,
        AccessError,
        "has not enabled the mechanism {mechanism}",
        "Set sasl_mechanism to one that it has enabled.",
    ),
    (
        ("illegalsaslstate", "not valid given the current sasl", "request is not valid"),
        _always,
        AccessError,
        "asks for no log-in at that port",
        "Check the port, or set security_protocol to PLAINTEXT or SSL.",
    ),
    (
        (
            "authentication failed",
            "saslauthenticationfailed",
            "invalid credentials",
            "authentication error",
            "invalid_token",
        ),
        _always,
        AccessError,
        "refused the log-in of {who} by {mechanism}",
        "Check sasl_username and sasl_password (or the token), and sasl_mechanism.",
    ),
    (
        ("econnrefused", "connection refused"),
        _always,
        BrokerUnreachableError,
        "nothing listens there",
        "Check the port in bootstrap_servers, and that the broker is up.",
    ),
    (
        ("dns ", "failed to resolve", "name or service not known", "nodename nor"),
        _always,
        BrokerUnreachableError,
        "its host name is not known",
        "Check the host in bootstrap_servers.",
    ),
    (
        (
            "invalidreceive",
            "frame length",
            "message size",
            "correlation",
            "invalid response size",
            "protocolerror",
            "kafkaprotocol",
            "receive.message.max.bytes",
        ),
        _plain,
        AccessError,
        "does not answer as Kafka does without TLS",
        "Check the port, and security_protocol: SSL or SASL_SSL if the listener has TLS.",
    ),
    (
        (
            "socket disconnected",
            "connection reset",
            "broken pipe",
            "disconnected",
            "econnreset",
            "epipe",
        ),
        _always,
        BrokerUnreachableError,
        "what is there hangs up on {protocol}",
        "Check the port and security_protocol: the listener may want TLS or a log-in, or none.",
    ),
)
"""Words, lower case, of which one is said → for which settings, the error, its sentence."""


def unreachable(settings: KafkaSettings, said: str = "") -> BrokerUnreachableError:
    """Return the error for a cluster that does not answer."""
    return BrokerUnreachableError(
        f"No Kafka broker answers at {settings.bootstrap_servers} "
        f"({settings.security_protocol}) within {settings.timeout_s:g} s.",
        "Check that the broker is up and that bootstrap_servers and security_protocol are right.",
        said,
    )


def of_silent_cluster(settings: KafkaSettings) -> BrokerUnreachableError:
    """Return the error for a cluster that was connected to and sends nothing."""
    return BrokerUnreachableError(
        f"Kafka at {settings.bootstrap_servers} has stopped sending.",
        "Check that the brokers are up; a larger patience_s waits longer for them.",
    )


def changed(topic: str, settings: KafkaSettings, said: str = "") -> TopicChangedError:
    """Return the error for a topic that is another one than when the read began."""
    return TopicChangedError(
        f"The topic {topic!r} on {settings.bootstrap_servers} was made anew while it was read.",
        "Read it again.",
        said,
    )


def missing(topic: str, settings: KafkaSettings, said: str = "") -> TopicMissingError:
    """Return the error for a topic that is not on the cluster."""
    return TopicMissingError(
        f"There is no topic {topic!r} on {settings.bootstrap_servers}.",
        "Choose another topic; if it was created just now, refresh the list of topics.",
        said,
    )


def without_right(right: str, topic: str, settings: KafkaSettings, said: str) -> AccessError:
    """Return the error for a user that may not do what reading needs; `topic` "": the cluster."""
    on = f"{right} on the topic {topic!r}" if topic else "to use the cluster"
    return AccessError(
        f"On {settings.bootstrap_servers}, {_who(settings)} lacks the right {on}.",
        "Have Describe and Read on the topic allowed; reading needs no other right.",
        said,
    )


def not_accepted(said: str) -> SettingsError:
    """Return the error for settings that librdkafka does not accept."""
    return SettingsError(
        "librdkafka does not accept the Kafka settings.",
        "Check the mechanism, and that the certificates are where the settings say.",
        said,
    )


def unreadable(topic: str, said: str) -> UnreadableTopicError:
    """Return the error for records that came and cannot be read."""
    return UnreadableTopicError(
        f"Topic {topic!r} cannot be read.",
        "Run pip install -r requirements.txt, which brings every codec that Kafka has; "
        "if the records are corrupt, choose a range without them.",
        said,
    )


def failed(settings: KafkaSettings, said: str) -> SourceError:
    """Return the error for what has no sentence of its own: only Kafka's words say what it is."""
    return SourceError(
        f"Reading from Kafka at {settings.bootstrap_servers} failed.",
        "Try again; if it fails again, look up what Kafka reported.",
        said,
    )
