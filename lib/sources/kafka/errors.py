"""What a broker or a client library says in, the sentence that a user needs out."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

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
    from collections.abc import Iterator

    from lib.sources.kafka.settings import KafkaSettings


@contextmanager
def explained(settings: KafkaSettings, topic: str = "") -> Iterator[None]:
    """Turn kafka-python's errors inside the block into a `SkewlineError` that keeps their words.

    Raises
    ------
    SkewlineError
        Of the kind that `explain` finds.
    """
    try:
        yield
    # kafka-python asserts that a codec is there.
    except (kafka_errors.KafkaError, OSError, AssertionError) as error:
        raise explain(error, settings, topic) from error


def explain(error: Exception, settings: KafkaSettings, topic: str) -> SkewlineError:
    """Return the error for what kafka-python raised."""
    said = ": ".join(filter(None, (str(error), getattr(error, "description", ""))))
    match error:
        case (
            kafka_errors.UnknownTopicOrPartitionError()
            | kafka_errors.UnknownTopicIdError()
            | kafka_errors.InvalidTopicError()
        ):
            return missing(topic, settings, said)
        case (
            kafka_errors.AuthorizationError()
            | kafka_errors.SaslAuthenticationFailedError()
            | kafka_errors.UnsupportedSaslMechanismError()
        ):
            return refused(settings, said)
        case (
            kafka_errors.UnsupportedCodecError()
            | kafka_errors.CorruptRecordError()
            | kafka_errors.UnsupportedCompressionTypeError()
            | AssertionError()
        ):
            return unreadable(topic, said)
        case (
            kafka_errors.KafkaConnectionError()
            | kafka_errors.KafkaTimeoutError()
            | kafka_errors.NodeNotReadyError()
            | kafka_errors.MetadataEmptyBrokerList()
            | kafka_errors.RequestTimedOutError()
            | kafka_errors.NetworkExceptionError()
            | kafka_errors.BrokerNotAvailableError()
            | OSError()
        ):
            return unreachable(settings, said)
        case _:
            return failed(settings, said)


def unreachable(settings: KafkaSettings, said: str = "") -> BrokerUnreachableError:
    """Return the error for a cluster that does not answer."""
    return BrokerUnreachableError(
        f"No Kafka broker answers at {settings.bootstrap_servers} "
        f"({settings.security_protocol}) within {settings.timeout_s:g} s.",
        "Check that the broker is up and that bootstrap_servers and security_protocol are right.",
        said,
    )


def silent(settings: KafkaSettings) -> BrokerUnreachableError:
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


def refused(settings: KafkaSettings, said: str) -> AccessError:
    """Return the error for a cluster that answers and says no."""
    return AccessError(
        f"The Kafka broker at {settings.bootstrap_servers} refused access.",
        "Check user, password, certificate and the permissions (describe and read on the topic).",
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
