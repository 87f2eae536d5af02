"""A client library's exception in, the sentence that a user needs out."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from kafka import errors as kafka_errors

from lib.core.errors import (
    AccessError,
    BrokerUnreachableError,
    SettingsError,
    SkewlineError,
    TopicMissingError,
    UnreadableTopicError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lib.sources.kafka.settings import KafkaSettings


@contextmanager
def explained(settings: KafkaSettings, topic: str = "") -> Iterator[None]:
    """Turn kafka-python's errors inside the block into a `SkewlineError`.

    Raises
    ------
    BrokerUnreachableError, AccessError, TopicMissingError, UnreadableTopicError
    """
    try:
        yield
    except kafka_errors.KafkaError as error:
        raise _explain(error, settings, topic) from error
    except (OSError, AssertionError) as error:  # kafka-python asserts that a codec is there
        raise _explain(error, settings, topic) from error


def unreachable(settings: KafkaSettings) -> BrokerUnreachableError:
    """Return the error for a cluster that does not answer."""
    return BrokerUnreachableError(
        f"No Kafka broker answers at {settings.bootstrap_servers} "
        f"({settings.security_protocol}) within {settings.timeout_s:g} s.",
        "Check that the broker is up and that bootstrap_servers and security_protocol are right.",
    )


def missing(topic: str, settings: KafkaSettings) -> TopicMissingError:
    """Return the error for a topic that is not on the cluster."""
    return TopicMissingError(
        f"There is no topic {topic!r} on {settings.bootstrap_servers}.",
        "Choose another topic; if it was created just now, refresh the list of topics.",
    )


def refused(what: str, settings: KafkaSettings) -> AccessError:
    """Return the error for a cluster that answers and says no."""
    return AccessError(
        f"The Kafka broker at {settings.bootstrap_servers} refused access: {what}.",
        "Check user, password, certificate and the permissions (describe and read on the topic).",
    )


def not_accepted(what: str) -> SettingsError:
    """Return the error for settings that a client library does not accept."""
    return SettingsError(
        f"librdkafka does not accept the Kafka settings: {what}.",
        "Check the mechanism, and that the certificates are where the settings say.",
    )


def unreadable(topic: str, what: str) -> UnreadableTopicError:
    """Return the error for records that came and cannot be read."""
    return UnreadableTopicError(
        f"Topic {topic!r} cannot be read: {what}.",
        "Run pip install -r requirements.txt, which brings every codec that Kafka has; "
        "if the records are corrupt, choose a range without them.",
    )


def _explain(error: Exception, settings: KafkaSettings, topic: str) -> SkewlineError:
    said = str(error) or type(error).__name__
    match error:
        case kafka_errors.UnknownTopicOrPartitionError() | kafka_errors.InvalidTopicError():
            return missing(topic, settings)
        case (
            kafka_errors.AuthorizationError()
            | kafka_errors.SaslAuthenticationFailedError()
            | kafka_errors.UnsupportedSaslMechanismError()
        ):
            return refused(said, settings)
        case (
            kafka_errors.UnsupportedCodecError()
            | kafka_errors.CorruptRecordError()
            | kafka_errors.UnsupportedCompressionTypeError()
            | AssertionError()
        ):
            return unreadable(topic, said)
        case _:
            return unreachable(settings)
