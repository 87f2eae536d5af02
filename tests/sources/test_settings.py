"""How to reach a cluster: settings are checked where they are built, secrets come first."""

from __future__ import annotations

import pytest

from lib.core.errors import SettingsError
from lib.sources.kafka import KafkaSettings
from lib.sources.kafka.settings import ENVIRONMENT, settings_from


def test_password_is_not_in_the_settings_text() -> None:
    settings = KafkaSettings(
        "localhost:9092",
        security_protocol="SASL_SSL",
        sasl_mechanism="PLAIN",
        sasl_username="ann",
        sasl_password="hunter2",
    )

    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bootstrap_servers": ""}, "No Kafka broker is configured"),
        ({"bootstrap_servers": "a:1", "security_protocol": "TLS"}, "security_protocol is 'TLS'"),
        ({"bootstrap_servers": "a:1", "reader": "java"}, "reader is 'java'"),
        ({"bootstrap_servers": "a:1", "reader": "confluent-kafka"}, "Set reader to librdkafka"),
        ({"bootstrap_servers": "a:1", "timeout_s": 0}, "timeout_s is 0"),
        ({"bootstrap_servers": "a:1", "security_protocol": "SASL_SSL"}, "without a sasl_mechanism"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_where_they_are_built(
    wrong: dict, said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        KafkaSettings(**wrong)


# Where settings come from


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_a_setting_of_the_secrets_wins_over_the_environment(name: str) -> None:
    # Given a setting that both give
    secrets = VALUES | {name: OF_SECRETS[name]}
    environment = {ENVIRONMENT[each]: value for each, value in VALUES.items()}

    # Then that of the secrets is used
    assert getattr(settings_from(secrets, environment), name) == OF_SECRETS[name]


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_what_the_secrets_lack_is_taken_from_the_environment(name: str) -> None:
    secrets = {other: value for other, value in VALUES.items() if other != name}

    settings = settings_from(secrets, {ENVIRONMENT[name]: OF_SECRETS[name]})

    assert getattr(settings, name) == OF_SECRETS[name]


def test_an_empty_variable_is_none() -> None:
    settings = settings_from({"bootstrap_servers": "a:1"}, {"SKEWLINE_KAFKA_READER": ""})

    assert settings.reader == "auto"


def test_several_servers_may_be_a_list() -> None:
    assert settings_from({"bootstrap_servers": ["a:1", "b:2"]}, {}).bootstrap_servers == "a:1,b:2"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bootstrap_server": "a:1"}, "unknown settings: bootstrap_server"),
        ({"timeout_s": "soon"}, "timeout_s is 'soon'"),
        ({"timeout_s": None}, "timeout_s is None"),
    ],
)
def test_secrets_that_cannot_be_used_are_refused(wrong: dict, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings_from({"bootstrap_servers": "a:1"} | wrong, {})


VALUES = {
    "bootstrap_servers": "a:1",
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "PLAIN",
    "sasl_username": "ann",
    "sasl_password": "one",
    "ssl_cafile": "one.pem",
    "reader": "librdkafka",
}
OF_SECRETS = {
    "bootstrap_servers": "b:2",
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "SCRAM-SHA-512",
    "sasl_username": "bob",
    "sasl_password": "two",
    "ssl_cafile": "two.pem",
    "reader": "kafka-python",
}
