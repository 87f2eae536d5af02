"""A connection to a Dask cluster, or one started on this machine."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

import dask
from distributed import Client, LocalCluster

from lib import __version__
from lib.cluster.settings import LOCAL
from lib.core.errors import BrokerUnreachableError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOOPBACK: Final = "127.0.0.1"
_PATIENCE_S: Final = 30


@contextmanager
def connected(address: str, *, workers: int | None = None) -> Iterator[Client]:
    """Yield a client of the cluster at an address; of `LOCAL`, of one that ends with the block.

    Parameters
    ----------
    workers
        Of `LOCAL`: how many, each with one thread and its share of the memory; None: one for each
        processor.

    Raises
    ------
    BrokerUnreachableError
        When no scheduler answers.
    SettingsError
        When it has no workers, or those run another version of Skewline.
    """
    with ExitStack() as stack:
        # What the first of several workers to die had asked of it is asked of another.
        stack.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": 10}))
        target: str | LocalCluster = address
        if address == LOCAL:
            target = stack.enter_context(_local(workers or len(os.sched_getaffinity(0))))
        try:
            client = stack.enter_context(Client(target, timeout=_PATIENCE_S))
        except OSError as fault:
            raise BrokerUnreachableError(
                f"No Dask scheduler answers at {address}.",
                "Check the address, and that the scheduler runs.",
                type(fault).__name__,
            ) from None
        _check(client)
        yield client


def _local(workers: int) -> LocalCluster:
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        host=_LOOPBACK,
        scheduler_port=0,
        dashboard_address=f"{_LOOPBACK}:0",
        worker_dashboard_address=f"{_LOOPBACK}:0",
        silence_logs=logging.ERROR,
    )


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
