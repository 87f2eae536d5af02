"""From settings to sources, without Streamlit: the secrets come first, then the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.core.errors import SettingsError
from lib.core.schemas import NoSchemas
from lib.sources.access import OPERATOR, Viewer
from lib.sources.files.folder import FileTopics, samples
from lib.sources.kafka import KafkaSettings, KafkaTopics
from lib.sources.newest import DEFAULT_CAP
from lib.sources.open import (
    FILES,
    KAFKA,
    KINDS,
    SAMPLES,
    UPLOAD,
    available_sources,
    cap_on_events,
    label_of,
    open_source,
    preset_fields,
    read_secrets,
    schemas_for_files,
    settings_faults,
)

CLUSTER = {"connections": {"kafka": {"bootstrap_servers": "a:1"}}}
FOLDER = {"files": {"folder": "/of/secrets"}}


@pytest.mark.parametrize(
    ("secrets", "environment", "names"),
    [
        ({}, {}, [SAMPLES, UPLOAD]),
        (CLUSTER, {}, [KAFKA, SAMPLES, UPLOAD]),
        ({"connections": {"other": {}}}, {}, [SAMPLES, UPLOAD]),
        ({}, {"KAFKA_BOOTSTRAP_SERVERS": "a:1"}, [KAFKA, SAMPLES, UPLOAD]),
        (FOLDER, {}, [FILES, SAMPLES, UPLOAD]),
        ({}, {"SKEWLINE_FILES": "/data"}, [FILES, SAMPLES, UPLOAD]),
        ({}, {"SKEWLINE_FILES": "", "KAFKA_BOOTSTRAP_SERVERS": ""}, [SAMPLES, UPLOAD]),
        (CLUSTER | FOLDER, {}, [KAFKA, FILES, SAMPLES, UPLOAD]),
    ],
)
def test_what_is_configured_can_be_chosen_and_comes_first(secrets, environment, names):
    assert available_sources(secrets, environment) == names
    assert set(names) <= KINDS.keys()


@pytest.mark.parametrize(
    ("name", "secrets", "environment", "source"),
    [
        (SAMPLES, {}, {}, samples()),
        (KAFKA, CLUSTER, {}, KafkaTopics(KafkaSettings("a:1"))),
        (KAFKA, {}, {"KAFKA_BOOTSTRAP_SERVERS": "b:2"}, KafkaTopics(KafkaSettings("b:2"))),
        (
            KAFKA,
            CLUSTER,
            {"KAFKA_BOOTSTRAP_SERVERS": "b:2", "SKEWLINE_KAFKA_READER": "kafka-python"},
            KafkaTopics(KafkaSettings("a:1", reader="kafka-python")),
        ),
        (FILES, {}, {"SKEWLINE_FILES": "/of/environment"}, FileTopics(Path("/of/environment"))),
        (FILES, FOLDER, {"SKEWLINE_FILES": "/of/environment"}, FileTopics(Path("/of/secrets"))),
    ],
)
def test_a_source_is_opened_by_name(name, secrets, environment, source):
    assert open_source(name, secrets, environment, OPERATOR) == source


@pytest.mark.parametrize(
    ("name", "secrets", "said"),
    [
        ("pulsar", {}, "no source 'pulsar' here. Choose one of samples, upload"),
        (FILES, {}, "no source 'files' here"),
        (KAFKA, {}, "No Kafka broker is configured"),
        (KAFKA, {"connections": {"kafka": {"servers": "a:1"}}}, "unknown settings: servers"),
    ],
)
def test_a_source_that_cannot_be_opened_says_why(name, secrets, said):
    with pytest.raises(SettingsError, match=said):
        open_source(name, secrets, {}, OPERATOR)


CLUSTERS = {
    "clusters": {
        "staging": {
            "bootstrap_servers": "s:1",
            "schema_registry": {"url": "http://registry:8081"},
        },
        "production": {"bootstrap_servers": ["p:1", "p:2"]},
    }
}


def test_several_clusters_are_sources_by_their_names_each_with_its_registry():
    # Given two clusters beside the one that the environment gives
    environment = {"KAFKA_BOOTSTRAP_SERVERS": "a:1", "SCHEMA_REGISTRY_URL": "http://other:8081"}

    names = available_sources(CLUSTERS, environment)

    assert names == [KAFKA, "production", "staging", SAMPLES, UPLOAD]
    assert label_of("staging") == "staging"
    staging = open_source("staging", CLUSTERS, environment, OPERATOR)
    production = open_source("production", CLUSTERS, environment, OPERATOR)
    assert staging.settings == KafkaSettings("s:1")
    assert staging.schemas.settings.url == "http://registry:8081"
    assert production.settings == KafkaSettings("p:1,p:2")
    assert production.schemas == NoSchemas()
    assert (
        len({open_source(name, CLUSTERS, environment, OPERATOR).identity for name in names[:3]})
        == 3
    )


def test_the_records_of_files_have_the_schemas_of_the_cluster_without_a_name():
    environment = {"SCHEMA_REGISTRY_URL": "http://registry:8081"}

    files = open_source(FILES, FOLDER, environment, OPERATOR)

    assert files.schemas.settings.url == "http://registry:8081"
    assert files.schemas is schemas_for_files(CLUSTERS, environment, OPERATOR)
    assert schemas_for_files(CLUSTERS, {}, OPERATOR) == NoSchemas()


def test_who_may_read_no_topic_of_the_cluster_gets_no_schemas_for_an_upload():
    environment = {"SCHEMA_REGISTRY_URL": "http://registry:8081"}
    rules = {"auth": {}, "access": [{"people": ["ann@example.com"], "sources": [KAFKA]}]}

    schemas = [
        schemas_for_files(rules, environment, Viewer({"email": email}))
        for email in ("ann@example.com", "bob@example.com")
    ]

    assert [one == NoSchemas() for one in schemas] == [False, True]


@pytest.mark.parametrize(
    ("secrets", "environment", "said"),
    [
        (CLUSTERS | CLUSTER | FOLDER, {}, []),
        ({"clusters": {"a": {"bootstrap_servers": "a"}}}, {}, ["'a' of bootstrap_servers has no"]),
        ({"clusters": {"a": "x"}}, {}, ["[clusters.a] is no table"]),
        ({"clusters": {"a": {"servers": "a:1"}}}, {}, ["[clusters.a] has unknown settings"]),
        ({"clusters": {"Files": {}}}, {}, ["A cluster is called 'Files'"]),
        ({"files": {"folder": 1}}, {}, ["folder in [files] is 1"]),
        ({"files": {"folder": "/x", "recursiv": True}}, {}, ["unknown setting: recursiv"]),
        ({}, {"SKEWLINE_MAX_EVENTS": "many"}, ["SKEWLINE_MAX_EVENTS is 'many'"]),
        ({}, {"SKEWLINE_MEMORY": "much"}, ["SKEWLINE_MEMORY is 'much'"]),
        (
            {"connections": {"kafka": {"bootstrap_servers": "a", "schema_registry": {"url": "r"}}}},
            {"SKEWLINE_MAX_EVENTS": "0"},
            ["no address that begins with http", "SKEWLINE_MAX_EVENTS is '0'"],
        ),
    ],
)
def test_settings_are_looked_at_as_a_whole(secrets, environment, said):
    faults = [str(fault) for fault in settings_faults(secrets, environment)]

    assert len(faults) == len(said)
    for fault, words in zip(faults, said, strict=True):
        assert words in fault


@pytest.mark.parametrize(
    ("environment", "cap"),
    [
        ({}, DEFAULT_CAP),
        ({"SKEWLINE_MAX_EVENTS": ""}, DEFAULT_CAP),
        ({"SKEWLINE_MAX_EVENTS": "7"}, 7),
    ],
)
def test_the_cap_is_set_by_the_environment(environment, cap):
    assert cap_on_events(environment) == cap


@pytest.mark.parametrize("given", ["0", "-1", "many", "1.5", "1e6"])
def test_a_cap_that_is_no_number_of_events_is_refused(given):
    with pytest.raises(SettingsError, match="SKEWLINE_MAX_EVENTS is"):
        cap_on_events({"SKEWLINE_MAX_EVENTS": given})


def test_fields_are_preset_by_topic():
    secrets = {"fields": {"rides": {"event_time": "t", "unit": "s"}}}

    assert preset_fields(secrets, "rides") == {"event_time": "t", "unit": "s"}
    assert preset_fields(secrets, "other") == preset_fields({}, "rides") == {}


class TestSecrets:
    def test_those_of_the_working_folder_come_before_those_of_the_home(self, tmp_path):
        for name, text in (
            ("home", "a = 1\nb = 1\n[fields.t]\nclient = 'x'"),
            ("work", "b = 2"),
        ):
            (tmp_path / name / ".streamlit").mkdir(parents=True)
            (tmp_path / name / ".streamlit/secrets.toml").write_text(text)
        folders = [tmp_path / "home", tmp_path / "work", tmp_path / "nowhere"]
        assert read_secrets(folders) == {"a": 1, "b": 2, "fields": {"t": {"client": "x"}}}

    def test_a_file_that_is_no_toml_is_said_without_a_line_of_it(self, tmp_path):
        (tmp_path / ".streamlit").mkdir()
        (tmp_path / ".streamlit/secrets.toml").write_text("password = hunter2")
        with pytest.raises(SettingsError, match=r"secrets\.toml cannot be read") as raised:
            read_secrets([tmp_path])
        assert "hunter2" not in f"{raised.value}{raised.value.said}"

    def test_fields_of_a_topic_that_are_a_list_are_taken_in_order(self):
        secrets = {"fields": {"t": {"event_time": ["a", "b"], "client": "c"}}}
        assert preset_fields(secrets, "t") == {"event_time": ("a", "b"), "client": "c"}
