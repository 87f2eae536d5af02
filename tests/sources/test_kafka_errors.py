"""What Kafka and its clients report, as our sentence and with their words."""

from __future__ import annotations

import pickle

import pytest
from confluent_kafka import KafkaError
from kafka import errors as python

from lib.core.errors import (
    AccessError,
    BrokerUnreachableError,
    SourceError,
    TopicMissingError,
    UnreadableTopicError,
)
from lib.sources.kafka import KafkaSettings
from lib.sources.kafka.errors import explain, explained
from lib.sources.kafka.librdkafka import client_config as librdkafka

SETTINGS = KafkaSettings("kafka.example:9092", timeout_s=3)
SECURED = KafkaSettings(
    "kafka.example:9092",
    security_protocol="SASL_SSL",
    sasl_mechanism="PLAIN",
    sasl_username="ann",
    sasl_password="of ann",
)
WORDS = "these are the words of the broker"
SENTENCES = {
    BrokerUnreachableError: "No Kafka broker answers at kafka.example:9092 (PLAINTEXT) within 3 s.",
    TopicMissingError: "There is no topic 'rides' on kafka.example:9092.",
    UnreadableTopicError: "Topic 'rides' cannot be read.",
    SourceError: "Reading from Kafka at kafka.example:9092 failed.",
}

OF_KAFKA_PYTHON = [
    (python.UnknownTopicOrPartitionError, TopicMissingError),
    (python.UnknownTopicIdError, TopicMissingError),
    (python.InvalidTopicError, TopicMissingError),
    (python.UnsupportedCodecError, UnreadableTopicError),
    (python.CorruptRecordError, UnreadableTopicError),
    (python.UnsupportedCompressionTypeError, UnreadableTopicError),
    (AssertionError, UnreadableTopicError),
    (python.KafkaConnectionError, BrokerUnreachableError),
    (python.KafkaTimeoutError, BrokerUnreachableError),
    (python.NodeNotReadyError, BrokerUnreachableError),
    (python.RequestTimedOutError, BrokerUnreachableError),
    (ConnectionResetError, BrokerUnreachableError),
    (python.LeaderNotAvailableError, SourceError),
    (python.UnsupportedVersionError, SourceError),
    (python.KafkaStorageError, SourceError),
    (python.OffsetOutOfRangeError, SourceError),
    (python.ThrottlingQuotaExceededError, SourceError),
    (python.for_code(9_999), SourceError),
]
OF_LIBRDKAFKA = [
    (KafkaError.UNKNOWN_TOPIC_OR_PART, TopicMissingError),
    (KafkaError.UNKNOWN_TOPIC_ID, TopicMissingError),
    (KafkaError.TOPIC_EXCEPTION, TopicMissingError),
    (KafkaError._UNKNOWN_TOPIC, TopicMissingError),
    (KafkaError._UNKNOWN_PARTITION, TopicMissingError),
    (KafkaError.INVALID_MSG, UnreadableTopicError),
    (KafkaError._BAD_MSG, UnreadableTopicError),
    (KafkaError._BAD_COMPRESSION, UnreadableTopicError),
    (KafkaError._NOT_IMPLEMENTED, UnreadableTopicError),
    (KafkaError._TRANSPORT, BrokerUnreachableError),
    (KafkaError._ALL_BROKERS_DOWN, BrokerUnreachableError),
    (KafkaError._RESOLVE, BrokerUnreachableError),
    (KafkaError.REQUEST_TIMED_OUT, BrokerUnreachableError),
    (KafkaError.LEADER_NOT_AVAILABLE, SourceError),
    (KafkaError.UNSUPPORTED_VERSION, SourceError),
    (KafkaError.KAFKA_STORAGE_ERROR, SourceError),
    (KafkaError._SSL, BrokerUnreachableError),
    (KafkaError._FATAL, SourceError),
    (9_999, SourceError),
]


@pytest.mark.parametrize(("raised", "kind"), OF_KAFKA_PYTHON)
def test_what_kafka_python_raises_is_a_sentence_beside_its_words(raised, kind):
    with pytest.raises(kind) as caught, explained(SETTINGS, "rides"):
        raise raised(WORDS)

    assert type(caught.value) is kind
    assert caught.value.what == SENTENCES[kind]
    assert WORDS in caught.value.said


@pytest.mark.parametrize(("code", "kind"), OF_LIBRDKAFKA)
def test_what_librdkafka_reports_is_a_sentence_beside_its_words(code, kind):
    error = librdkafka.explain_code(code, WORDS, SETTINGS, "rides")

    assert type(error) is kind
    assert (error.what, error.said) == (SENTENCES[kind], WORDS)


WHO_MAY_NOT = [
    (
        python.TopicAuthorizationFailedError(),
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        "user 'ann' lacks the right Read on the topic 'rides'",
    ),
    (
        python.ClusterAuthorizationFailedError(),
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        "user 'ann' lacks the right to use the cluster",
    ),
    (
        python.SaslAuthenticationFailedError("no"),
        KafkaError.SASL_AUTHENTICATION_FAILED,
        "refused the log-in of user 'ann' by PLAIN",
    ),
    (
        python.SaslAuthenticationFailedError("no"),
        KafkaError._AUTHENTICATION,
        "refused the log-in of user 'ann' by PLAIN",
    ),
]


@pytest.mark.parametrize(("raised", "code", "sentence"), WHO_MAY_NOT)
def test_both_clients_have_one_sentence_for_who_may_not(raised, code, sentence):
    errors = [
        explain(raised, SECURED, "rides", "Read"),
        librdkafka.explain_code(code, "no", SECURED, "rides"),
    ]

    assert all(isinstance(error, AccessError) and sentence in error.what for error in errors)


# As librdkafka and Python's ssl write them, from tests/sources/kafka/test_secured.py and the field.
OF_TLS = [
    (
        "SSL handshake failed: certificate verify failed: broker certificate could not be verified",
        "of an authority that is not trusted",
    ),
    ("certificate verify failed: certificate has expired", "that has expired"),
    ("certificate verify failed: Hostname mismatch, certificate is not valid for 'k'", "host name"),
    ("tlsv13 alert certificate required", "asks for a client certificate"),
    ("sslv3 alert bad certificate", "asks for a client certificate"),
    ("tlsv1 alert unknown ca", "does not accept the certificate"),
    ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "does not speak TLS"),
    (
        "SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?",
        "hangs up on",
    ),
]


@pytest.mark.parametrize(("words", "sentence"), OF_TLS)
def test_what_openssl_says_has_a_sentence(words, sentence):
    assert sentence in librdkafka.explain_code(KafkaError._SSL, words, SECURED, "rides").what


def test_an_error_without_a_text_says_its_name_and_what_kafka_means_by_it():
    said = explain(python.KafkaStorageError(), SETTINGS, "rides").said

    assert "KafkaStorageError" in said
    assert "Disk error" in said


def test_errors_travel_between_processes():
    error = explain(python.LeaderNotAvailableError(WORDS), SETTINGS, "rides")

    again = pickle.loads(pickle.dumps(error))

    assert (str(again), again.said) == (str(error), error.said)
