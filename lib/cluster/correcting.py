"""The event times of wrong clocks corrected, of a topic that a cluster holds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lib.analysis.client_clocks import correct, effect_question, set_back
from lib.cluster.asking import answer, ask
from lib.cluster.client_questions import wrong_clocks
from lib.cluster.topic import inside, starts_of
from lib.core.columns import ARRIVAL, CLIENT, EVENT_TIME

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client
    from numpy.typing import NDArray

    from lib.cluster.topic import HeldTopic
    from lib.core.blockwise import Question

    Moved = tuple[NDArray[np.int64], NDArray[np.int64]]
    _WithOwn = tuple[pd.DataFrame, NDArray[np.int64], NDArray[np.bool_]]


def corrected(client: Client, held: HeldTopic) -> HeldTopic:
    """Return a topic with the event times that right clocks would have given; zero stays."""
    wrong = answer(client, wrong_clocks, held.by_client)
    clients = client.submit(_clients, wrong, pure=False).result()
    topic = replace(held.topic, corrected=clients)
    if not clients:
        return replace(held, topic=topic)
    moved = [client.submit(_moved, each, wrong, pure=False) for each in held.by_client]
    return replace(
        held,
        topic=topic,
        in_order=[
            client.submit(_with_moved, table, start, moved, pure=False)
            for table, start in zip(held.in_order, starts_of(client, held), strict=True)
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
    times, _ = _new_times(table, start, moved)
    return set_back(table, table[EVENT_TIME].to_numpy() - times)


def _new_times(
    table: pd.DataFrame, start: int, moved: list[Moved]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the event times of a stretch of the arrival order, and which of them are new."""
    times = table[EVENT_TIME].to_numpy().copy()
    are_new = np.zeros(len(times), np.bool_)
    for places, new in moved:
        own, rows = inside(places, start, len(times))
        times[rows], are_new[rows] = new[own], True
    return times, are_new


def clock_effect(client: Client, held: HeldTopic, clock: pd.DataFrame) -> pd.DataFrame:
    """Return `lib.analysis.client_clocks.effect` of the client that a row of clocks is of."""
    own = [client.submit(_own, each, clock, pure=False) for each in held.by_client]
    blocks = [
        client.submit(_with_own, table, start, own, pure=False)
        for table, start in zip(held.in_order, starts_of(client, held), strict=True)
    ]
    found: pd.DataFrame = ask(client, _effect, blocks)
    return found


def _own(table: pd.DataFrame, clock: pd.DataFrame) -> Moved:
    """Return the places in arrival order of a client's events, and their times corrected."""
    own = table[(table[CLIENT] == clock[CLIENT].iloc[0]).to_numpy()]
    return own[ARRIVAL].to_numpy(), correct(own, clock)[EVENT_TIME].to_numpy()


def _with_own(table: pd.DataFrame, start: int, own: list[Moved]) -> _WithOwn:
    return table, *_new_times(table, start, own)


def _effect(block: _WithOwn) -> Question[pd.DataFrame]:
    table, corrected_times, own = block
    return (yield from effect_question(table, own, corrected_times))
