"""Which sources this installation has, and the one that the viewer chose."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.core.errors import SkewlineError
from lib.sources.files.folder import FileTopics, samples
from lib.ui.connection import KafkaConnection, is_kafka_configured
from lib.ui.upload import uploaded

if TYPE_CHECKING:
    from lib.sources.base import TopicInfo, TopicSource

KAFKA: Final = "kafka"
FILES: Final = "files"
SAMPLES: Final = "samples"
UPLOAD: Final = "upload"

LABELS: Final = {KAFKA: "Kafka", FILES: "Files", SAMPLES: "Samples", UPLOAD: "Upload"}
"""Name of a source → how the sidebar and the URL call it."""

FOLDER_VARIABLE: Final = "SKEWLINE_FILES"
"""Environment variable with the folder of files; in the secrets, `folder` under `[files]`."""

_FRESH_S: Final = 300.0
_RETRY_S: Final = 15.0


def available_sources() -> list[str]:
    """Return the sources to choose from: what was configured first."""
    names = [SAMPLES, UPLOAD]
    if _folder():
        names.insert(0, FILES)
    if is_kafka_configured(_secrets("connections"), os.environ):
        names.insert(0, KAFKA)
    return names


def open_source(name: str) -> TopicSource | None:
    """Return the source of that name; None while no file has been uploaded.

    Raises
    ------
    SettingsError
        When its settings cannot be used.
    """
    if name == KAFKA:
        connection: KafkaConnection = st.connection("kafka", type=KafkaConnection)
        return connection.source
    if name == FILES:
        return FileTopics(Path(_folder()))
    if name == UPLOAD:
        return uploaded()
    return samples()


@dataclass(frozen=True)
class Listing:
    """The topics of a source as they were last known, and why they could not be asked for again."""

    topics: list[TopicInfo]
    error: SkewlineError | None
    asked_at: float

    @property
    def is_fresh(self) -> bool:
        """Whether it need not be asked for again yet."""
        age = time.monotonic() - self.asked_at
        return age < (_FRESH_S if self.error is None else _RETRY_S)


def topics_of(source: TopicSource) -> Listing:
    """Return the topics of a source, asked for now and then or after `forget_topics`.

    Where the source fails, the last known topics stay.
    """
    listings = _listings()
    known = listings.get(source.identity)
    if known is None or not known.is_fresh:
        with st.spinner("Asking for the topics…"):
            known = listings[source.identity] = _ask(source, known)
    return known


def forget_topics() -> None:
    """Have every source asked for its topics again when they are needed next."""
    listings = _listings()
    for identity, known in list(listings.items()):
        listings[identity] = replace(known, asked_at=-math.inf)


def _ask(source: TopicSource, known: Listing | None) -> Listing:
    try:
        return Listing(source.topics(), None, time.monotonic())
    except SkewlineError as error:
        return Listing(known.topics if known else [], error, time.monotonic())


@st.cache_resource
def _listings() -> dict[str, Listing]:
    return {}


def _folder() -> str:
    return str(_secrets("files").get("folder") or os.environ.get(FOLDER_VARIABLE, ""))


def _secrets(section: str) -> dict[str, object]:
    if not st.secrets.load_if_toml_exists():
        return {}
    return dict(st.secrets.get(section, {}))
