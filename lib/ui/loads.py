"""Loads shared by all viewers: one thread a load, never one a rerun.

Small loads wait for nobody; of large ones, a few are read at once. A load that nobody looks at any
more stops.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from traceback import clear_frames
from typing import TYPE_CHECKING, Final

import streamlit as st
from streamlit import runtime
from streamlit.runtime import RuntimeState
from streamlit.runtime.scriptrunner import get_script_run_ctx

from lib.core.errors import SkewlineError, TooLargeError
from lib.core.formatting import size, visible_text
from lib.core.memory import give_back_memory, held_bytes
from lib.loading.load import LoadedTopic, Progress, Watch, load, reload
from lib.ui.answers import analyse_ahead
from lib.ui.failures import UnforeseenError, unforeseen
from lib.ui.held import drop, held, hold, room
from lib.ui.in_thread import InThread

if TYPE_CHECKING:
    from lib.loading.load import FieldChoice
    from lib.sources.base import Range, TopicSource

LARGE: Final = 100_000
"""Records from which a load is large."""

LARGE_AT_ONCE: Final = 2
_THREADS: Final = 32

WHILE_READ: Final = 3
"""How many times the memory of its decoded records a load takes until it has ended."""

_UNWATCHED_S: Final = 5.0
"""How long a load goes on that nobody looks at: a browser may be about to connect again."""

_WAIT_S: Final = 0.2

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
class Load(InThread):
    """One load, written by its thread and read by any number of script runs."""

    before: LoadedTopic | None = None
    progress: Progress = field(default_factory=Progress)
    stopping: threading.Event = field(default_factory=threading.Event)
    future: Future[LoadedTopic] = field(default_factory=Future)
    is_abandoned: bool = False
    unwatched_since: float | None = None
    is_large: bool = False

    @property
    def loaded(self) -> LoadedTopic | None:
        """The topic; where the load runs or failed, the last good one before it."""
        return self.before if self.is_running or self.error else self.future.result()


@dataclass(frozen=True)
class _Loads:
    lock: threading.Lock = field(default_factory=threading.Lock)
    watching: dict[str, set[LoadKey]] = field(default_factory=dict)
    """Session → the loads that it looks at."""
    large: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(LARGE_AT_ONCE))
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_THREADS, thread_name_prefix="load")
    )


@st.cache_resource(show_spinner=False)
def _loads() -> _Loads:
    return _Loads()


def load_of(source: TopicSource, key: LoadKey, *, beside: bool = False) -> Load:
    """Return the load of `key`, started if there is none yet. Never reads a topic twice.

    The session looks at this load from now on, and at no other unless this one is `beside` it.
    """
    loads = _loads()
    with loads.lock:
        if (context := get_script_run_ctx()) is not None:
            others = loads.watching.get(context.session_id, set()) if beside else set()
            loads.watching[context.session_id] = {*others, key}
        present: Load | None = held(key)
        if present is None or present.is_abandoned:
            return _started(loads, source, key, None if present is None else present.before)
        return present


def reload_of(source: TopicSource, key: LoadKey) -> None:
    """Start to read what is new in the topic of `key`, unless a load is under way.

    What was there stays until the load has succeeded. After an error that nobody foresaw the topic
    is read from its beginning: what was there may be what the error comes from.
    """
    loads = _loads()
    with loads.lock:
        present: Load | None = held(key)
        if present is not None and not present.is_running:
            anew = isinstance(present.error, UnforeseenError)
            _started(loads, source, key, present.loaded, anew=anew)


def is_loaded_or_on_its_way(key: LoadKey) -> bool:
    """Whether the topic is loaded, or on its way."""
    return held(key) is not None


def _started(
    loads: _Loads,
    source: TopicSource,
    key: LoadKey,
    before: LoadedTopic | None,
    *,
    anew: bool = False,
) -> Load:
    for session in [each for each in loads.watching if not _is_open(each)]:
        del loads.watching[session]
    started = Load(before)
    hold(key, started, held_bytes(before), stays=True)
    started.future = loads.threads.submit(_run, loads, source, key, started, anew)
    return started


def _run(
    loads: _Loads, source: TopicSource, key: LoadKey, running: Load, anew: bool
) -> LoadedTopic:
    """Load as `_read` does; whatever fails is told as an error of Skewline's own."""
    try:
        return _read(loads, source, key, running, anew)
    except SkewlineError as error:
        _log.warning("Loading %s failed: %s", *map(visible_text, (key.topic, error.what)))
        clear_frames(error.__traceback__)  # what is held is the error, not what it came from
        raise
    except Exception as error:
        if _server_ends():  # Python starts no thread any more, and a load needs some
            raise SkewlineError("The server ends.", "Open the page again.") from None
        told = unforeseen(f"loading {visible_text(key.topic)}")
        clear_frames(error.__traceback__)
        raise told from error
    finally:
        give_back_memory()


def _read(
    loads: _Loads, source: TopicSource, key: LoadKey, running: Load, anew: bool
) -> LoadedTopic:
    """Load, or read only what is new where a load has been."""
    kept, before = running.before, None if anew else running.before
    try:
        own = held_bytes(kept)
        watch = Watch(
            lambda progress: _follow(loads, key, running, own, progress),
            lambda: _should_stop(loads, key, running),
        )
        if before is None:
            kept = load(source, key.topic, key.wanted, chosen=key.chosen, cap=key.cap, watch=watch)
        else:
            kept = reload(source, before, cap=key.cap, watch=watch)
        # All pages ask for it, and none runs yet. Where it fails, they tell.
        loads.threads.submit(analyse_ahead, kept)
        return kept
    finally:
        if running.is_large:
            loads.large.release()
        _leave(loads, key, running, kept)


def _leave(loads: _Loads, key: LoadKey, ended: Load, kept: LoadedTopic | None) -> None:
    """Hold what a load leaves: where nobody looked at it any more, what was there before."""
    with loads.lock:
        if held(key) is not ended:
            return  # abandoned, and started anew since
        if not ended.is_abandoned:
            hold(key, ended, held_bytes(kept))
        elif ended.before is None:
            drop(key)
        else:
            as_before = Load(ended.before)
            as_before.future.set_result(ended.before)
            hold(key, as_before, held_bytes(ended.before))


def _follow(loads: _Loads, key: LoadKey, running: Load, own: int, progress: Progress) -> None:
    """Take note of how far a load is; wait where too many large ones run; end what is too large.

    Raises
    ------
    TooLargeError
        When the first records tell that all of them would not fit.
    SkewlineError
        When there is no room for more.
    """
    is_first = progress.decoded > 0 and not running.progress.decoded
    running.progress = progress
    if is_first:
        _refuse_too_large(key, own, progress)
    if hold(key, running, own + WHILE_READ * progress.decoded_bytes, stays=True):
        raise SkewlineError(
            f"The memory that is to be used, {size(max(0, room()))}, is full.",
            "Read fewer records: the newest, a shorter time or some partitions. The setting "
            "SKEWLINE_MEMORY allows for more.",
        )
    if not running.is_large and max(progress.expected, progress.records) > LARGE:
        running.is_large = _turn_came(loads, key, running)


def _refuse_too_large(key: LoadKey, own: int, progress: Progress) -> None:
    each = WHILE_READ * progress.decoded_bytes / progress.decoded
    whole, left = own + each * progress.expected, room()
    if whole > left:
        raise TooLargeError(
            f"Reading this of {key.topic} takes about {size(round(whole))} of memory, and "
            f"{size(max(0, left))} are to be used.",
            "Read fewer records: the newest, a shorter time or some partitions. The setting "
            "SKEWLINE_MEMORY allows for more.",
            rounded(max(0, left - own) / each),
        )


def rounded(number: float) -> int:
    """Return the number with one digit before the zeros, rounded down, at least 1."""
    whole = max(1, int(number))
    ten: int = 10 ** (len(str(whole)) - 1)
    return whole // ten * ten


def _turn_came(loads: _Loads, key: LoadKey, running: Load) -> bool:
    """Wait until one of the large loads has ended; return False if this one is to stop."""
    while not loads.large.acquire(timeout=_WAIT_S):
        running.progress = replace(
            running.progress,
            waiting=f"{LARGE_AT_ONCE} large loads run. This one goes on when one has ended.",
        )
        if _should_stop(loads, key, running):
            return False
    return True


def _should_stop(loads: _Loads, key: LoadKey, running: Load) -> bool:
    return running.stopping.is_set() or _server_ends() or _abandoned(loads, key, running)


def _abandoned(loads: _Loads, key: LoadKey, running: Load) -> bool:
    """Return whether nobody has looked at a load for a while: who did went, or looks elsewhere."""
    with loads.lock:
        if running.is_abandoned:  # for good: who comes back has started another
            return True
        if not runtime.exists() or any(
            key in keys and _is_open(session) for session, keys in loads.watching.items()
        ):
            running.unwatched_since = None
            return False
        now = time.monotonic()
        running.unwatched_since = running.unwatched_since or now
        running.is_abandoned = now - running.unwatched_since > _UNWATCHED_S
        return running.is_abandoned


def _is_open(session: str) -> bool:
    """Return whether a browser is connected to a session."""
    return runtime.exists() and runtime.get_instance().is_active_session(session)


def _server_ends() -> bool:
    ends = (RuntimeState.STOPPING, RuntimeState.STOPPED)
    return runtime.exists() and runtime.get_instance().state in ends
