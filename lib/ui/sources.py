"""Which sources this installation has, and the one that the viewer chose."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.topics.files import UPLOADS, FileTopics, UploadedTopic, samples
from lib.ui.connection import KafkaConnection, is_kafka_configured

if TYPE_CHECKING:
    from lib.topics.source import TopicInfo, TopicSource

KAFKA: Final = "kafka"
FILES: Final = "files"
SAMPLES: Final = "samples"
UPLOAD: Final = "upload"

LABELS: Final = {KAFKA: "Kafka", FILES: "Files", SAMPLES: "Samples", UPLOAD: "Upload"}
"""Name of a source → how the sidebar and the URL call it."""

FOLDER_VARIABLE: Final = "SKEWLINE_FILES"
"""Environment variable with the folder of files; in the secrets, `folder` under `[files]`."""


@dataclass(frozen=True)
class OpenSource:
    """A source that topics can be read from, and what tells it from every other in caches."""

    identity: str
    source: TopicSource


def available_sources() -> list[str]:
    """Return the sources to choose from: what was configured first."""
    names = [SAMPLES, UPLOAD]
    if _folder():
        names.insert(0, FILES)
    if is_kafka_configured(_secrets("connections"), os.environ):
        names.insert(0, KAFKA)
    return names


def open_source(name: str) -> OpenSource | None:
    """Return the source of that name; None while no file has been uploaded.

    Raises
    ------
    SettingsError
        When its settings cannot be used.
    """
    if name == KAFKA:
        connection: KafkaConnection = st.connection("kafka", type=KafkaConnection)
        return OpenSource(KAFKA, connection.source)
    if name == FILES:
        return OpenSource(FILES, FileTopics(Path(_folder())))
    if name == UPLOAD:
        return _uploaded()
    return OpenSource(SAMPLES, samples())


@st.cache_data(ttl="5m", max_entries=20, show_spinner="Asking for the topics…")
def topics_of(identity: str, _source: TopicSource) -> list[TopicInfo]:  # noqa: ARG001
    """Return the topics of a source; asked again after five minutes, or on refresh."""
    return _source.topics()


def _uploaded() -> OpenSource | None:
    file = st.file_uploader(
        "A file of events",
        type=[ending.removeprefix(".") for ending in UPLOADS],
        key="upload",
        help="JSON Lines, CSV or Parquet, plain or compressed with gzip or zstd; what kcat -C -J "
        "or kafka-console-consumer wrote; or a topic downloaded from Skewline.",
    )
    if file is None:
        return None
    content = file.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    return OpenSource(f"{UPLOAD}:{file.name}:{digest}", UploadedTopic(file.name, content))


def _folder() -> str:
    return str(_secrets("files").get("folder") or os.environ.get(FOLDER_VARIABLE, ""))


def _secrets(section: str) -> dict[str, object]:
    if not st.secrets.load_if_toml_exists():
        return {}
    return dict(st.secrets.get(section, {}))
