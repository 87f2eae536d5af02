"""How to reach a cluster: settings are checked where they are built, secrets come first."""

from __future__ import annotations

import re

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


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("kafka", "'kafka' of bootstrap_servers has no port"),
        ("http://kafka:9092", "is written as a URL. Write it without http://"),
        ("PLAINTEXT://kafka:9092/", "for example kafka:9092"),
        ("kafka:9092/topic", "is no host and port"),
        ("kafka:0", "is no host and port"),
        ("kafka:99999", "is no host and port"),
        ("kafka:port", "is no host and port"),
        ("kafka 9092", "has no port"),
        ("a:1,kafka", "'kafka' of bootstrap_servers has no port"),
    ],
)
def test_an_address_that_is_none_says_what_is_wrong_with_it(address: str, said: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(said)):
        KafkaSettings(address)


@pytest.mark.parametrize("address", ["a:1", "a:1, b:2", "[::1]:9092", "10.0.0.1:9092", "a-b.c_d:1"])
def test_addresses_may_be_names_and_numbers(address: str) -> None:
    assert KafkaSettings(address).addresses


SASL = {"bootstrap_servers": "a:1", "security_protocol": "SASL_SSL"}
WITH_PASSWORD = {"sasl_username": "ann", "sasl_password": "x"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (SASL | {"sasl_mechanism": "plain"}, "sasl_mechanism is 'plain'"),
        (SASL | {"sasl_mechanism": "PLAIN"}, "PLAIN is configured without a sasl_username"),
        (SASL | {"sasl_mechanism": "PLAIN", "sasl_username": "u"}, "without a sasl_password"),
        (SASL | {"sasl_mechanism": "OAUTHBEARER"}, "either an oauth_token_url or an"),
        (SASL | {"sasl_mechanism": "AWS_MSK_IAM"}, "without an aws_region"),
        ({"bootstrap_servers": "a:1", "sasl_mechanism": "PLAIN"}, "PLAINTEXT logs nobody in"),
        ({"bootstrap_servers": "a:1", "ssl_cafile": "ca.pem"}, "PLAINTEXT uses no TLS"),
        (SASL | {"ssl_ca": "x", "ssl_cafile": "y"}, "Both ssl_cafile and ssl_ca are set"),
        (SASL | {"ssl_ca": "/etc/ca.pem"}, "ssl_ca is no PEM text"),
        (SASL | {"ssl_keyfile": "key.pem"}, "A key is set without its certificate"),
        ({"bootstrap_servers": "a:1", "patience_s": -1}, "patience_s is -1"),
        ({"bootstrap_servers": "a:1", "client": {"group.id": "x"}}, "group.id is not passed"),
        (
            {"bootstrap_servers": "a:1", "client": {"plugin.library.paths": "x"}},
            "plugin.library.paths is not passed",
        ),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused(wrong: dict, said: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(said)):
        KafkaSettings(**wrong)


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        KafkaSettings("kafka", security_protocol="TLS", reader="java", timeout_s=0)

    for what in ("has no port", "security_protocol is", "reader is", "timeout_s is"):
        assert what in caught.value.what


# Where settings come from


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_a_setting_of_the_secrets_wins_over_the_environment(name: str) -> None:
    # Given a setting that both give
    secrets = VALUES | {name: OF_SECRETS[name]}
    environment = {ENVIRONMENT[each]: str(value) for each, value in VALUES.items()}

    # Then that of the secrets is used
    assert getattr(settings_from(secrets, environment), name) == OF_SECRETS[name]


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_what_the_secrets_lack_is_taken_from_the_environment(name: str) -> None:
    secrets = {other: value for other, value in VALUES.items() if other != name}

    settings = settings_from(secrets, {ENVIRONMENT[name]: str(OF_SECRETS[name])})

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
        ({"timeout_s": "8"}, "timeout_s is '8'.*Set timeout_s to a number, without quotes"),
        ({"timeout_s": True}, "timeout_s is True"),
        ({"ssl_check_hostname": "no"}, "ssl_check_hostname is 'no'.*true or false"),
        ({"sasl_password": 1234}, "sasl_password in .connections.kafka. is no text"),
        ({"client": "x"}, "client is 'x'.*a table of its own"),
        ({"bootstrap_servers": ["a:1", 2]}, "bootstrap_servers in .connections.kafka. is no text"),
        ({"sasl_user": "x"}, "sasl_user may be meant as sasl_username"),
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
    "timeout_s": 1,
    "patience_s": 2,
    "reader": "librdkafka",
}
OF_SECRETS = {
    "bootstrap_servers": "b:2",
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "SCRAM-SHA-512",
    "sasl_username": "bob",
    "sasl_password": "two",
    "ssl_cafile": "two.pem",
    "timeout_s": 3,
    "patience_s": 4,
    "reader": "kafka-python",
}
