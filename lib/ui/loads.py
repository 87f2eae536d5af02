"""Loads shared by all viewers: one thread a load, never one a rerun."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from traceback import clear_frames
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.core.errors import SkewlineError
from lib.core.formatting import visible_text
from lib.core.memory import give_back_memory
from lib.loading.load import LoadedTopic, Progress, Watch, load, reload
from lib.ui.failures import UnforeseenError, unforeseen

if TYPE_CHECKING:
    from lib.loading.load import FieldChoice
    from lib.sources.base import Range, TopicSource

KEPT_TOPICS: Final = 8
KEPT_EVENTS: Final = 10_000_000
"""What the server holds of other topics than the one asked for; the longest not viewed go first."""

_THREADS: Final = 4

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadKey:
    """What distinguishes one load from another."""

    source: str
    topic: str
    wanted: Range
    chosen: FieldChoice
    cap: int


@dataclass(frozen=True)
class Opened:
    """Where a topic is read from, and what of it."""

    source: TopicSource
    key: LoadKey


@dataclass
class Load:
    """One load, written by its thread and read by any number of script runs."""

    before: LoadedTopic | None = None
    progress: Progress = field(default_factory=Progress)
    stopping: threading.Event = field(default_factory=threading.Event)
    future: Future[LoadedTopic] = field(default_factory=Future)

    @property
    def is_running(self) -> bool:
        """Whether its thread is at work."""
        return not self.future.done()

    @property
    def error(self) -> SkewlineError | None:
        """Why it failed; None while it runs and when it did not."""
        failure = None if self.is_running else self.future.exception()
        assert failure is None or isinstance(failure, SkewlineError)  # `_run` raises nothing else
        return failure

    @property
    def loaded(self) -> LoadedTopic | None:
        """The topic; where the load runs or failed, the last good one before it."""
        return self.before if self.is_running or self.error else self.future.result()

    @property
    def size(self) -> int:
        """Number of events that it holds."""
        return 0 if self.loaded is None else len(self.loaded.events.table)

    def settle(self, seconds: float) -> None:
        """Wait up to `seconds` for the end."""
        wait([self.future], timeout=seconds)

    def show(self, progress: Progress) -> None:
        """Take note of how far the load is."""
        self.progress = progress


@dataclass(frozen=True)
class _Shelf:
    loads: OrderedDict[LoadKey, Load] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_THREADS, thread_name_prefix="load")
    )


@st.cache_resource
def _shelf() -> _Shelf:
    return _Shelf()


def load_of(source: TopicSource, key: LoadKey) -> Load:
    """Return the load of `key`, started if there is none yet. Never reads a topic twice."""
    shelf = _shelf()
    with shelf.lock:
        if key not in shelf.loads:
            shelf.loads[key] = _started(shelf, source, key, before=None)
        shelf.loads.move_to_end(key)
        _make_room(shelf)
        return shelf.loads[key]


def _make_room(shelf: _Shelf) -> None:
    """Drop what has not been viewed for longest, beyond what the server is to hold."""
    *others, _ = shelf.loads
    held = 0
    for place, key in enumerate(reversed(others), start=2):
        load = shelf.loads[key]
        held += load.size
        if (place > KEPT_TOPICS or held > KEPT_EVENTS) and not load.is_running:
            del shelf.loads[key]
            held -= load.size


def reload_of(source: TopicSource, key: LoadKey) -> None:
    """Start to read what is new in the topic of `key`, unless a load is under way.

    What was there stays until the load has succeeded. After an error that nobody foresaw the topic
    is read from its beginning: what was there may be what the error comes from.
    """
    shelf = _shelf()
    with shelf.lock:
        present = shelf.loads.get(key)
        if present is not None and not present.is_running:
            anew = isinstance(present.error, UnforeseenError)
            shelf.loads[key] = _started(shelf, source, key, before=present.loaded, anew=anew)


def _started(
    shelf: _Shelf,
    source: TopicSource,
    key: LoadKey,
    *,
    before: LoadedTopic | None,
    anew: bool = False,
) -> Load:
    started = Load(before)
    watch = Watch(started.show, started.stopping.is_set)
    started.future = shelf.threads.submit(_run, source, key, None if anew else before, watch)
    return started


def _run(
    source: TopicSource, key: LoadKey, before: LoadedTopic | None, watch: Watch
) -> LoadedTopic:
    """Load, or read only what is new where a load has been."""
    try:
        if before is not None:
            return reload(source, before, cap=key.cap, watch=watch)
        return load(source, key.topic, key.wanted, chosen=key.chosen, cap=key.cap, watch=watch)
    except SkewlineError as error:
        _log.warning("Loading %s failed: %s", *map(visible_text, (key.topic, error.what)))
        clear_frames(error.__traceback__)  # the shelf keeps the error, not what it came from
        raise
    except Exception as error:
        told = unforeseen(f"loading {visible_text(key.topic)}")
        clear_frames(error.__traceback__)
        raise told from error
    finally:
        give_back_memory()


def is_known(key: LoadKey) -> bool:
    """Whether the topic is loaded, or on its way."""
    return key in _shelf().loads
