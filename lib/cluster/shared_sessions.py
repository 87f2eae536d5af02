"""Clients that share sessions, brought together: their blocks have all events of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from lib.cluster.blocks import by_key
from lib.core.columns import CLIENT, EVENTS, SESSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distributed import Client, Future
    from numpy.typing import NDArray

_LINKED: Final = "LinkedClients"
_NAMELESS: Final = np.uint64(0)


def with_sessions_together(
    client: Client, tables: Sequence[Future], most: int, *, fits: bool
) -> list[Future] | None:
    """Return futures of as many events tables that have all events of their clients and sessions.

    None where sessions link clients that have more than `most` events together, one by one.

    Parameters
    ----------
    tables
        Events tables that have all events of their clients each.
    fits
        Whether the workers' memory holds the topic.
    """
    pairs = [client.submit(_pairs, table, pure=False) for table in tables]
    linked = client.submit(_linked, pairs, pure=False)
    if client.submit(_largest, linked, pure=False).result() > most:
        return None
    named = [client.submit(_with_links, table, linked, pure=False) for table in tables]
    parts = by_key(client, named, _LINKED, fits=fits)
    return [client.submit(_without_links, table, pure=False) for table in parts]


def _pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Return which clients have events of which sessions, by hashes, and how many events."""
    pairs = pd.DataFrame({name: _hashes(table[name]) for name in (CLIENT, SESSION)})
    return pairs.value_counts(sort=False).rename(EVENTS).reset_index()


def _hashes(names: pd.Series[Any]) -> NDArray[np.uint64]:
    """Return a number of each event's name that no other name has; `_NAMELESS` without one."""
    of_names = pd.util.hash_array(np.asarray(names.cat.categories), categorize=False)
    found: NDArray[np.uint64] = np.append(of_names, _NAMELESS)[names.cat.codes.to_numpy()]
    return found


def _with_links(table: pd.DataFrame, linked: pd.DataFrame) -> pd.DataFrame:
    """Return events with the number of whom their client is linked with."""
    at = np.searchsorted(linked[CLIENT].to_numpy(), _hashes(table[CLIENT]))
    return table.assign(**{_LINKED: linked[_LINKED].to_numpy()[at]})


def _without_links(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns=_LINKED)


def _largest(linked: pd.DataFrame) -> int:
    """Return how many events the clients have that are linked and have the most."""
    each = linked.groupby(_LINKED)[EVENTS].agg(["size", "sum"])
    return int(each["sum"][each["size"] > 1].max())


def _linked(pairs: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the clients, by their hashes, rising, with who is linked, and the events of each.

    Clients have the same number where sessions link them.
    """
    every = pd.concat(pairs, ignore_index=True)
    clients, client = np.unique(every[CLIENT].to_numpy(), return_inverse=True)
    sessions, session = np.unique(every[SESSION].to_numpy(), return_inverse=True)
    links = every[SESSION].to_numpy() != _NAMELESS  # what has no session shares none
    nodes = len(clients) + len(sessions)
    number = components(client[links], len(clients) + session[links], nodes)
    events = np.bincount(client, weights=every[EVENTS]).astype(np.int64)
    return pd.DataFrame({CLIENT: clients, _LINKED: number[: len(clients)], EVENTS: events})


def components(one: NDArray[np.int64], other: NDArray[np.int64], nodes: int) -> NDArray[np.int64]:
    """Return the smallest node that each of some nodes is connected with, by edges of two nodes."""
    found = np.arange(nodes)
    while True:
        low = np.minimum(found[one], found[other])
        before = found.copy()
        for end in (one, other):
            np.minimum.at(found, before[end], low)
        while (found[found] != found).any():
            found = found[found]
        if (found == before).all():
            return found
