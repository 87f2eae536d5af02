"""Which sources this installation has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.topics.files import samples
from lib.ui.connection import KafkaConnection, is_kafka_configured

if TYPE_CHECKING:
    from lib.topics.source import TopicInfo, TopicSource

SAMPLES: Final = "samples"
KAFKA: Final = "kafka"

LABELS: Final = {SAMPLES: "Sample topics", KAFKA: "Kafka"}
"""Name of a source in the URL → how the sidebar calls it."""


def available_sources() -> list[str]:
    """Return the sources to choose from, the configured cluster first."""
    secrets = st.secrets if st.secrets.load_if_toml_exists() else {}
    connections = secrets.get("connections", {})
    return [KAFKA, SAMPLES] if is_kafka_configured(connections, os.environ) else [SAMPLES]


def open_source(name: str) -> TopicSource:
    """Return the source of that name.

    Raises
    ------
    SettingsError
        When its settings cannot be used.
    """
    if name == KAFKA:
        connection: KafkaConnection = st.connection("kafka", type=KafkaConnection)
        return connection.source
    return samples()


@st.cache_data(ttl="5m", show_spinner="Asking for the topics…")
def topics_of(name: str) -> list[TopicInfo]:
    """Return the topics of a source; asked again after five minutes, or on refresh."""
    return open_source(name).topics()
