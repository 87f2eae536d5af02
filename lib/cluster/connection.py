"""A connection to a Dask cluster, or one started on this machine."""

from __future__ import annotations

import atexit
import gc
import logging
import os
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import spawn
from typing import TYPE_CHECKING, Any, Final

import dask
from distributed import Client, KilledWorker, LocalCluster, WorkerPlugin
from distributed.client import ClosedClientError, FutureCancelledError
from tornado.ioloop import PeriodicCallback

from lib import __version__
from lib.cluster.settings import LOCAL
from lib.core.errors import BrokerUnreachableError, SettingsError, SkewlineError
from lib.core.memory import give_back_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_LOOPBACK: Final = "127.0.0.1"
_SHORT: Final = 0.6  # of a worker's memory: from here on Dask spills what it manages
_GIVES_BACK_MS: Final = 1_000
_PATIENCE_S: Final = 30.0
_SETTINGS: Final = {
    "distributed.scheduler.allowed-failures": 10,
    "distributed.scheduler.work-stealing": False,
    "distributed.worker.memory.spill-compression": False,
}
"""Of a cluster that is started here; docs/dask.md advises them for others, and says why."""


@contextmanager
def connected(
    address: str,
    *,
    workers: int | None = None,
    memory: str | None = None,
    patience_s: float = _PATIENCE_S,
) -> Iterator[Client]:
    """Yield a client of the cluster at an address; of `LOCAL`, of one that ends with the block.

    Parameters
    ----------
    workers, memory
        Of `LOCAL`: how many, each with one thread, and the memory of each, as 4GB; None: one for
        each processor, and its share of the memory.
    patience_s
        How long an answer is waited for.

    Raises
    ------
    BrokerUnreachableError
        When no scheduler answers.
    SettingsError
        When it has no workers, or those run another version of Skewline.
    """
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(_SETTINGS))
        target: str | LocalCluster = address
        if address == LOCAL:
            target = stack.enter_context(_local(workers or len(os.sched_getaffinity(0)), memory))
        try:
            client = Client(target, timeout=patience_s)
        except OSError as fault:
            raise BrokerUnreachableError(
                f"No Dask scheduler answers at {address}.",
                "Check the address, and that the scheduler runs.",
                type(fault).__name__,
            ) from None
        stack.callback(client.close)
        with faults_told():
            _check(client)
            client.register_plugin(_GivesBackMemory())
            if address == LOCAL:
                client.register_plugin(_EndsAtOnce())
            yield client


def another(client: Client) -> Client:
    """Return another client of the same scheduler: whatever it holds goes when it is closed."""
    return Client(client.scheduler.address, timeout=_PATIENCE_S, set_as_default=False)


@contextmanager
def faults_told() -> Iterator[None]:
    """Raise what Dask says of a cluster that fails as a `SkewlineError`, with Dask's own words."""
    try:
        yield
    except KilledWorker as fault:
        raise SkewlineError(
            "Workers of the Dask cluster died again and again.",
            "Give them more memory, or ask for fewer records; their logs say more.",
            str(fault),
        ) from None
    except (ClosedClientError, FutureCancelledError, OSError, TimeoutError) as fault:
        raise SkewlineError(
            "The Dask cluster was lost, and what it held.",
            "Check that its scheduler runs, and ask again.",
            f"{type(fault).__name__}: {fault}",
        ) from None


def workers_of(client: Client) -> list[Mapping[str, Any]]:
    """Return what the scheduler knows of each worker: `memory_limit`, `nthreads` and more.

    What `Client.scheduler_info` returns may have none: it is replaced every two seconds.
    """
    return list(client.sync(client.scheduler.identity, n_workers=-1)["workers"].values())


class _GivesBackMemory(WorkerPlugin):  # type: ignore[misc]
    """Has a worker give back memory that its libraries hold, and no longer use, when it runs short.

    A worker that waits for memory runs nothing that would let Arrow give back any: without this it
    waited for ever, with 280 MB of Arrow's of 1 GB, after everything else had been spilled.
    """

    name = "gives-back-memory"

    def setup(self, worker: Any) -> None:  # noqa: ANN401 (Dask's, which is untyped)
        def give_back() -> None:
            limit = worker.memory_manager.memory_limit
            if limit and worker.monitor.get_process_memory() > _SHORT * limit:
                give_back_memory()

        self._callback = PeriodicCallback(give_back, _GIVES_BACK_MS)
        worker.loop.add_callback(self._callback.start)

    def teardown(self, worker: Any) -> None:  # noqa: ANN401, ARG002
        self._callback.stop()


class _EndsAtOnce(WorkerPlugin):  # type: ignore[misc]
    """Lets a worker's process end without a look at everything that it holds: that takes 4 s."""

    name = "ends-at-once"

    def setup(self, worker: object) -> None:  # noqa: ARG002 (of the interface)
        atexit.register(gc.freeze)


@contextmanager
def _local(workers: int, memory: str | None) -> Iterator[LocalCluster]:
    prepares = spawn.get_preparation_data
    spawn.get_preparation_data = partial(_without_main, prepares)
    try:
        with LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=memory or "auto",
            host=_LOOPBACK,
            scheduler_port=0,
            dashboard_address=f"{_LOOPBACK}:0",
            worker_dashboard_address=f"{_LOOPBACK}:0",
            silence_logs=logging.ERROR,
        ) as cluster:
            yield cluster
    finally:
        spawn.get_preparation_data = prepares


def _without_main(prepares: Callable[[str], dict[str, Any]], name: str) -> dict[str, Any]:
    """Return what a new process begins with: not `__main__`, which in a server is the last page."""
    begins = prepares(name)
    return {what: begins[what] for what in begins if not what.startswith("init_main")}


def _check(client: Client) -> None:
    versions = set(client.run(_version).values())
    if not versions:
        raise SettingsError("The Dask cluster has no workers.", "Start some, or scale it up.")
    if versions != {__version__}:
        others = ", ".join(sorted(versions - {__version__}))
        raise SettingsError(
            f"Workers run Skewline {others}, and this is {__version__}.",
            "Start them from the same version.",
        )


def _version() -> str:
    return __version__
