"""The source that the viewer chose, its upload if it is one, and its topics as last known."""

from __future__ import annotations

import logging
import math
import os
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.cluster.settings import cluster_settings
from lib.core.errors import SettingsError, SkewlineError
from lib.core.formatting import escaped_markdown
from lib.sources.access import topics_for
from lib.sources.open import (
    UPLOAD,
    available_sources,
    guarded,
    label_of,
    open_source,
    require_source,
    schemas_for_files,
    settings_faults,
)
from lib.ui import parameters
from lib.ui.inputs.sign_in import viewer
from lib.ui.inputs.upload import uploaded
from lib.ui.secrets import secrets

if TYPE_CHECKING:
    from concurrent.futures import Future

    from lib.sources.base import TopicInfo, TopicSource

_log: Final = logging.getLogger(__name__)

_FRESH_S: Final = 300.0
_RETRY_S: Final = 15.0
_PATIENCE_S: Final = 2.5


@st.cache_resource(show_spinner=False)
def check_settings() -> None:
    """Write what is wrong with the settings to the log, once, when the server starts."""
    faults = settings_faults(secrets(), os.environ)
    try:
        cluster_settings(secrets(), os.environ)
    except SettingsError as fault:
        faults.append(fault)
    for each in faults:
        _log.error("Settings: %s", each)


def offered_sources(linked: str | None) -> dict[str, str]:
    """Return the sources to choose from, what each is called → its name: those that are open.

    And the one that a link has, so that opening it says that it is not open.
    """
    names = {label_of(name): name for name in available_sources(secrets(), os.environ)}
    return {n: name for n, name in names.items() if n == linked or _is_open(name)} or names


def _is_open(name: str) -> bool:
    """Return whether a viewer may look at any topic of a source; where that cannot be told, yes."""
    try:
        return bool(topics_for(viewer(), name, secrets()))
    except SettingsError:
        return True  # opening it says what is wrong with the settings


def chosen_source(
    name: str, key: str = parameters.UPLOAD, held_as: str = parameters.UPLOADED_FILE
) -> TopicSource | None:
    """Return the source of that name, as this viewer may see it; None while nothing is uploaded.

    `key` and `held_as` are where the session keeps what is uploaded.

    Raises
    ------
    SettingsError
        When its settings cannot be used.
    NotAllowedError
        When it is not for this viewer.
    """
    if name != UPLOAD:
        return open_source(name, secrets(), os.environ, viewer())
    require_source(name, secrets(), viewer())
    file = uploaded(schemas_for_files(secrets(), os.environ, viewer()), key, held_as)
    return file and guarded(file, name, secrets(), os.environ, viewer())


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
        with st.spinner("Asking for the topics…"), ThreadPoolExecutor(1) as thread:
            asked = thread.submit(_ask, source, known)
            _say_if_slow(asked, source)
            known = listings[source.identity] = asked.result()
    return known


def _say_if_slow(asked: Future[Listing], source: TopicSource) -> None:
    """Say that a source is away before it is given up, which takes the timeout of its settings."""
    place = st.empty()
    if wait([asked], timeout=_PATIENCE_S).not_done:
        place.warning(
            f"{escaped_markdown(source.name)} has not answered for {_PATIENCE_S:g} s. Still "
            "waiting.",
            icon=":material/cloud_off:",
        )
        wait([asked])
    place.empty()


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
