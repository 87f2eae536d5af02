"""The event times of wrong clocks corrected, of a topic that a cluster holds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lib.analysis.client_clocks import correct
from lib.cluster import questions
from lib.cluster.asking import answer
from lib.core.columns import ARRIVAL, CLIENT, EVENT_TIME

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client
    from numpy.typing import NDArray

    from lib.cluster.topic import HeldTopic

    Moved = tuple[NDArray[np.int64], NDArray[np.int64]]


def corrected(client: Client, held: HeldTopic) -> HeldTopic:
    """Return a topic with the event times that right clocks would have given; zero stays."""
    wrong = answer(client, questions.wrong_clocks, held.by_client)
    clients = client.submit(_clients, wrong, pure=False).result()
    topic = replace(held.topic, corrected=clients)
    if not clients:
        return replace(held, topic=topic)
    sizes = client.gather([client.submit(len, each, pure=False) for each in held.in_order])
    starts = (np.cumsum(sizes) - sizes).tolist()
    moved = [client.submit(_moved, each, wrong, pure=False) for each in held.by_client]
    return replace(
        held,
        topic=topic,
        in_order=[
            client.submit(_with_moved, table, start, moved, pure=False)
            for table, start in zip(held.in_order, starts, strict=True)
        ],
        by_client=[client.submit(_corrected, each, wrong, pure=False) for each in held.by_client],
    )


def _clients(wrong: pd.DataFrame) -> tuple[object, ...]:
    return tuple(wrong[CLIENT].tolist())


def _corrected(table: pd.DataFrame, wrong: pd.DataFrame) -> pd.DataFrame:
    """Return events of some clients corrected; `wrong` has rows of others, too."""
    clients = wrong[CLIENT]
    own = clients.isin(table[CLIENT].cat.categories) | clients.isna()
    return correct(table, wrong[own])


def _moved(table: pd.DataFrame, wrong: pd.DataFrame) -> Moved:
    """Return the places in arrival order of the events that are corrected, and their new times."""
    times = _corrected(table, wrong)[EVENT_TIME].to_numpy()
    which = np.flatnonzero(times != table[EVENT_TIME].to_numpy())
    return table[ARRIVAL].to_numpy()[which], times[which]


def _with_moved(table: pd.DataFrame, start: int, moved: list[Moved]) -> pd.DataFrame:
    """Return a stretch of the arrival order, which begins at `start`, with the new times."""
    times = table[EVENT_TIME].to_numpy().copy()
    for places, new in moved:
        first, last = np.searchsorted(places, [start, start + len(times)]).tolist()
        times[places[first:last] - start] = new[first:last]
    return table.assign(**{EVENT_TIME: times})
