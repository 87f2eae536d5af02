"""What the server holds for all viewers in one budget of bytes: topics, analyses, replays, answers.

What has not been used for longest goes first.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

import streamlit as st
from streamlit import runtime
from streamlit.runtime.stats import CacheStat

from lib.core.memory import give_back_memory, held_bytes
from lib.sources.open import memory_budget

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

Answer = TypeVar("Answer")


@dataclass
class _Entry:
    value: Any
    bytes: int
    stays: bool


@dataclass(frozen=True)
class _Shelf:
    entries: OrderedDict[Hashable, _Entry] = field(default_factory=OrderedDict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    asked: WeakValueDictionary[Hashable, Any] = field(default_factory=WeakValueDictionary)
    """A lock for each answer that is being found."""


@st.cache_resource(show_spinner=False)
def _shelf() -> _Shelf:
    return _Shelf()


@st.cache_resource(show_spinner=False)
def budget() -> int:
    """Return how many bytes the server may hold.

    Raises
    ------
    SettingsError
        When `SKEWLINE_MEMORY` is no size.
    """
    return memory_budget(os.environ)


def room() -> int:
    """Return how many bytes of the budget are left beside the files that viewers have uploaded."""
    if not runtime.exists():
        return budget()
    files = chain(*runtime.get_instance().uploaded_file_mgr.get_stats().values())
    return budget() - sum(each.byte_length for each in files if isinstance(each, CacheStat))


def held(key: Hashable) -> Any | None:  # noqa: ANN401
    """Return what is held under a key, as used now; None where nothing is."""
    shelf = _shelf()
    with shelf.lock:
        return _used(shelf, key) if key in shelf.entries else None


def hold(key: Hashable, value: object, size: int, *, stays: bool = False) -> int:
    """Hold a value of `size` bytes, as used now, and drop others that are too much.

    Parameters
    ----------
    stays
        Whether it is not to be dropped: until it is held again without.

    Returns
    -------
    By how many bytes that which stays, and the value itself, are beyond the budget; 0 if they fit.
    """
    shelf = _shelf()
    with shelf.lock:
        shelf.entries[key] = _Entry(value, size, stays)
        shelf.entries.move_to_end(key)
        beyond = sum(entry.bytes for entry in shelf.entries.values()) - room()
        for other, entry in list(shelf.entries.items()):
            if beyond <= 0:
                return 0
            if not entry.stays and other != key:
                del shelf.entries[other]
                beyond -= entry.bytes
        return max(0, beyond)


def drop(key: Hashable) -> None:
    """Hold nothing under a key any more."""
    shelf = _shelf()
    with shelf.lock:
        shelf.entries.pop(key, None)


def answer_of(
    key: Hashable,
    find: Callable[[], Answer],
    *,
    size: int | None = None,
    spinner: str = "",
) -> Answer:
    """Return the answer to a question, found by the first who asks it while the others wait.

    All of it counts, what it shares with its topic, too: it may outlive that.

    Parameters
    ----------
    key
        The question and what it is of.
    find
        Finds the answer. It is shared: nobody may change it.
    size
        Bytes that the answer takes, where `held_bytes` does not tell.
    spinner
        What those are told who wait for it.
    """
    shelf = _shelf()
    with shelf.lock:
        if key in shelf.entries:
            known: Answer = _used(shelf, key)
            return known
        lock = shelf.asked.setdefault(key, threading.Lock())
    with st.spinner(spinner) if spinner else nullcontext(), lock:
        with shelf.lock:
            if key in shelf.entries:
                found: Answer = _used(shelf, key)
                return found
        found = find()
        hold(key, found, held_bytes(found) if size is None else size)
    give_back_memory()  # finding it took many times what it takes
    return found


def _used(shelf: _Shelf, key: Hashable) -> Any:  # noqa: ANN401
    """Return what is held under a key, as used now."""
    shelf.entries.move_to_end(key)
    return shelf.entries[key].value
