"""Topics that a Dask cluster reads and is asked about, shared by all viewers as loads are.

Each has a client of its own: closing it stops what runs, and lets go of what the cluster holds.
Dask is imported by what asks a cluster alone, so only where one is set.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from traceback import clear_frames
from typing import TYPE_CHECKING, Any, Final, TypeVar

import streamlit as st

from lib.cluster.origin import Origin
from lib.cluster.settings import cluster_settings
from lib.core.columns import CLIENT, EVENTS
from lib.core.errors import SettingsError, SkewlineError
from lib.core.formatting import visible_text
from lib.core.memory import held_bytes
from lib.events.client_names import written
from lib.report.report import Asked
from lib.sources.access import OPERATOR
from lib.sources.open import open_source
from lib.ui.cluster.told import DRAWN, OnCluster
from lib.ui.failures import unforeseen
from lib.ui.held import drop, hold
from lib.ui.in_thread import InThread
from lib.ui.inputs.client_filter import LISTED_CLIENTS, listed_names
from lib.ui.secrets import secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    import pandas as pd
    from distributed import Client

    from lib.cluster.kept_fields import KeptFields
    from lib.cluster.seen import Seen
    from lib.cluster.settings import ClusterSettings
    from lib.cluster.topic import ClusterEstimate, HeldTopic
    from lib.sources.base import TopicSource
    from lib.ui.loads import LoadKey

_AT_ONCE: Final = 4
"""Topics that are read or asked about at once; others wait."""

_PATIENCE_S: Final = 8.0
"""How long a page waits for a scheduler."""

_MOST_PARTS: Final = 4
"""Parts of a topic, of which the cluster keeps what it told."""

_STEPS: Final = 10
"""What is done for a topic, one after the other: connecting, then what `hold` and a report do."""

_HELD: Final = "on cluster"
"""What the server holds of a topic on the cluster counts as other answers do, until it is let go.
"""

Found = TypeVar("Found")

_log: Final = logging.getLogger(__name__)


class _LetGoError(SkewlineError):
    """Nobody wants to know any more."""


@dataclass(eq=False)
class ClusterTask(InThread):
    """What a cluster does for viewers; written by its thread, read by script runs.

    Attributes
    ----------
    doing, since, steps
        What is done now, since when, as `time.monotonic` says, and the number of the step.
    dashboard
        Where Dask shows what its workers do.
    """

    doing: str = "Waiting for others"
    since: float = field(default_factory=time.monotonic)
    dashboard: str = ""
    steps: int = 0
    is_let_go: bool = False
    future: Future[Any] = field(default_factory=Future)

    @property
    def share(self) -> float:
        """The share of the steps that are done."""
        return min(max(self.steps - 1, 0) / _STEPS, 1.0)

    def does(self, what: str) -> None:
        """Take note of what is done now; stop where it is let go."""
        if self.is_let_go:
            raise _LetGoError("It was stopped.", "Ask again.")
        self.doing, self.since, self.steps = what, time.monotonic(), self.steps + 1

    def let_go(self) -> None:
        """Stop at the next step."""
        self.is_let_go = True
        self.future.cancel()  # where it has not begun


@dataclass(eq=False)
class Asking(ClusterTask):
    """What a cluster is asked of a topic.

    `parts` is what it is asked of what is held then, with clocks corrected or of a part; those used
    last at the end.
    """

    parts: dict[tuple[Asked, Seen], Asking] = field(default_factory=dict)

    @property
    def told(self) -> OnCluster | None:
        """What the cluster told; None until it has, and when it failed."""
        return None if self.is_running or self.error else self.future.result()

    def let_go(self) -> None:
        """Stop at the next step, and so do the parts."""
        super().let_go()
        for part in self.parts.values():
            part.let_go()


@dataclass(eq=False, kw_only=True)
class Holding(ClusterTask):
    """What takes memory of a cluster.

    `key` tells it from others, and `bytes` is what it takes of the workers' memory.
    """

    key: Hashable
    bytes: int
    client: Client | None = None


@dataclass(eq=False, kw_only=True)
class ClusterLoad(Asking, Holding):
    """A topic on its way to the cluster or held there.

    Attributes
    ----------
    origin
        How workers open its source.
    keep
        Which fields without a role are kept.
    """

    key: LoadKey
    origin: Origin
    keep: KeptFields


@dataclass
class _Shared:
    """What all viewers share: the connection, and what is held, that used last at the end."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    address: str = ""
    client: Client | None = None
    stack: ExitStack = field(default_factory=ExitStack)
    loads: dict[Hashable, Holding] = field(default_factory=dict)
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="cluster")
    )


def _release(shared: _Shared) -> None:
    for load in shared.loads.values():
        _close(load)
    shared.stack.close()


@st.cache_resource(show_spinner=False, on_release=_release)
def _shared() -> _Shared:
    return _Shared()


def settings() -> ClusterSettings | None:
    """Return the settings of the cluster; None where none is set.

    Raises
    ------
    SettingsError
        When they cannot be used.
    """
    return cluster_settings(secrets(), os.environ)


def look_at(
    source: TopicSource, key: LoadKey, address: str, keep: KeptFields
) -> ClusterEstimate | SkewlineError:
    """Return what a topic would take of the cluster, or why it cannot be read there."""
    try:
        from lib.cluster.connection import faults_told  # noqa: PLC0415 (imports Dask)
        from lib.cluster.topic import look  # noqa: PLC0415
    except ModuleNotFoundError as fault:
        return SettingsError(
            "A Dask cluster is set, and Dask is not installed here.",
            "Run: pip install -r requirements-cluster.txt",
            str(fault),
        )
    try:
        client = _connection(address)
        with faults_told():
            wanted = key.topic, key.wanted, key.chosen
            return look(client, source, *wanted, keep)
    except SkewlineError as error:
        return error


def ask_cluster(
    source: TopicSource, key: LoadKey, name: str, keep: KeptFields, takes: ClusterEstimate
) -> None:
    """Have the cluster read a topic and tell what a report tells, unless it does already.

    Topics that have not been looked at for longest go where the memory is not enough for all.

    Parameters
    ----------
    name
        Of the source, as workers open it.
    keep
        Which fields without a role are kept.
    """
    cluster = settings()
    if cluster is not None:
        load = ClusterLoad(key=key, keep=keep, bytes=takes.bytes, origin=origin_of(name))
        begin_to_hold(load, key.topic, partial(_told, load, source, cluster.address), takes.memory)


def origin_of(name: str) -> Origin:
    """Return how workers open a source that is set."""
    # What a viewer may read is planned with the viewer's own source; workers open it as a whole.
    return Origin.of(open_source(name, secrets(), os.environ, OPERATOR), name)


def begin_to_hold(load: Holding, topic: str, tell: Callable[[], object], memory: int) -> None:
    """Do what takes memory of the cluster in a thread, unless it is done or on its way.

    Parameters
    ----------
    topic
        What a log calls it.
    tell
        Does it, and returns its result.
    memory
        Of the workers, for events. What was not used for longest goes where it is not enough.
    """
    shared = _shared()
    with shared.lock:
        if load.key in shared.loads:
            return
        beyond = sum(each.bytes for each in shared.loads.values()) + load.bytes - memory
        for key, other in list(shared.loads.items()):
            if beyond > 0 and not other.is_running:
                beyond -= other.bytes
                _close(shared.loads.pop(key))
        shared.loads[load.key] = load
        load.future = shared.threads.submit(_run, load, topic, tell)


def cluster_load_of(key: LoadKey) -> ClusterLoad | None:
    """Return the topic on its way to the cluster or held there, as used now; None without one."""
    load = holding_of(key)
    assert load is None or isinstance(load, ClusterLoad)
    return load


def holding_of(key: Hashable) -> Holding | None:
    """Return what the cluster holds or is to hold, as used now; None without it."""
    shared = _shared()
    with shared.lock:
        load = shared.loads.pop(key, None)
        if load is not None:
            shared.loads[key] = load  # the last one
        return load


def let_go(key: Hashable) -> None:
    """Stop what the cluster does for a topic, also beside others, and free what it holds of it."""
    shared = _shared()
    with shared.lock:
        keys = [each for each in shared.loads if key == each or _is_in(key, each)]
        loads = [shared.loads.pop(each) for each in keys]
    for load in loads:
        _close(load)


def _is_in(key: Hashable, other: Hashable) -> bool:
    return isinstance(other, tuple) and key in other


def part_of(of: Asking, asked: Asked, seen: Seen) -> Asking:
    """Return what the cluster is asked of what it told of: with clocks corrected, or of a part.

    It is begun unless it has been, and those that were not used for longest go.
    """
    shared, told, key = _shared(), of.future.result(), (asked, seen)
    with shared.lock:
        part = of.parts.pop(key, None)
        if part is None or part.is_let_go:
            part = Asking(dashboard=of.dashboard)
            tell = partial(_told_of_part, part, told, asked, seen)
            part.future = shared.threads.submit(_run, part, told.report.whole.report.topic, tell)
        of.parts[key] = part  # the last one
        for other in [*of.parts][:-_MOST_PARTS]:
            of.parts.pop(other).let_go()
        return part


def _close(load: Holding) -> None:
    load.let_go()
    drop((_HELD, load.key))
    if load.client is not None:
        load.client.close()


def _run(asking: ClusterTask, topic: str, tell: Callable[[], Found]) -> Found:
    """Ask about a topic; whatever fails is told as an error of Skewline's own."""
    try:
        return tell()
    except SkewlineError as error:
        if not asking.is_let_go:
            _log.warning("Asking the cluster of %s: %s", *map(visible_text, (topic, error)))
        _free(asking)
        clear_frames(error.__traceback__)
        raise
    except Exception as error:
        _free(asking)
        unknown = unforeseen(f"asking the cluster of {visible_text(topic)}")
        clear_frames(error.__traceback__)
        raise unknown from error


def _free(failed: ClusterTask) -> None:
    if isinstance(failed, Holding) and not failed.is_let_go:
        _close(failed)  # a topic that failed holds no memory


@contextmanager
def client_for(load: Holding, address: str) -> Iterator[Client]:
    """Connect what takes memory, with a client of its own, and tell faults of the cluster."""
    from lib.cluster.connection import another, faults_told  # noqa: PLC0415 (imports Dask)

    load.does("Connecting")
    with faults_told():
        client = load.client = another(_connection(address))
        if load.is_let_go:
            client.close()
        load.dashboard = client.dashboard_link
        with client.as_current():  # Dask's shuffle takes the client from there
            yield client


def keep_told(load: Holding, told: object, size: int) -> None:
    """Count what the server holds of what a cluster told, until that is let go."""
    if not load.is_let_go:
        hold((_HELD, load.key), told, size, stays=True)


def _told(load: ClusterLoad, source: TopicSource, address: str) -> OnCluster:
    from lib.cluster.topic import hold as hold_topic  # noqa: PLC0415
    from lib.report.on_cluster import report_on_held  # noqa: PLC0415

    key = load.key
    with client_for(load, address) as client:
        held = hold_topic(
            *(client, source, load.origin, key.topic, key.wanted, key.chosen),
            doing=load.does,
            keep=load.keep,
        )
        report = report_on_held(client, held, Asked(), doing=load.does, outputs=DRAWN)
        load.does("Looking for the clients with the most events")
        told = OnCluster(client, held, report, _largest_clients(client, held))
    keep_told(load, told, held_bytes((told.report, told.held.names)))
    return told


def _largest_clients(client: Client, held: HeldTopic) -> tuple[str, ...]:
    from lib.cluster.asking import ask  # noqa: PLC0415 (imports Dask)
    from lib.cluster.questions import largest_clients  # noqa: PLC0415

    if not held.topic.contents.events:
        return ()
    found: pd.DataFrame = ask(client, partial(largest_clients, most=LISTED_CLIENTS), held.by_client)
    order = (-found[EVENTS].to_numpy()).argsort(kind="stable")
    return listed_names(order, [written(name) for name in found[CLIENT].iloc[order]])


def _told_of_part(part: Asking, of: OnCluster, asked: Asked, seen: Seen) -> OnCluster:
    from lib.cluster.connection import faults_told  # noqa: PLC0415 (imports Dask)
    from lib.report.on_cluster import as_asked, report_on_held  # noqa: PLC0415

    client, before = of.client, of.report.asked
    every = replace(before, correct=before.correct or asked.correct, where=asked.where)
    with faults_told(), client.as_current():
        is_part = bool(asked.where) or not seen.is_everything
        held = as_asked(client, of.held, asked, doing=part.does, seen=seen)
        report = report_on_held(
            client,
            held,
            every,
            doing=part.does,
            outputs=DRAWN,
            seen=seen if is_part else None,
        )
    return OnCluster(client, held, report, of.clients, of if is_part else None)


def _connection(address: str) -> Client:
    """Return a client of the cluster that is set, which lives as long as the server.

    Raises
    ------
    SkewlineError
        When it cannot be reached or used.
    """
    from lib.cluster.connection import connected  # noqa: PLC0415 (imports Dask)

    shared = _shared()
    with shared.lock:
        known = shared.client
        if known is None or known.status != "running" or shared.address != address:
            shared.stack.close()
            shared.client = None
            shared.client = shared.stack.enter_context(connected(address, patience_s=_PATIENCE_S))
            shared.address = address
        assert shared.client is not None
        return shared.client
