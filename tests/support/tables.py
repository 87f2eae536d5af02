"""Small events tables for tests, written as what happened and when it arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    EVENT_TIME_0,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
    RECEIVED_TIME_0,
    SEQUENCE,
    SESSION,
)
from lib.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from lib.simulate import Scenario

    Whole = Sequence[int] | NDArray[np.int64]


def events_table(
    event_time: Whole,
    received: Whole,
    *,
    client: Sequence[str] | str = "1",
    session: Sequence[str] | str | None = None,
    sequence: Sequence[int | None] | Whole | None = None,
    partition: Whole | int = 0,
    extra: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """The events table of records in the order in which they stand here; times in ms."""
    n = len(event_time)
    clients = [client] * n if isinstance(client, str) else list(client)
    named = session if session is not None else [f"session of {one}" for one in clients]
    sessions = [named] * n if isinstance(named, str) else list(named)
    table = pd.DataFrame(
        {
            EVENT_TIME: np.array(event_time, np.int64),
            RECEIVED_TIME: np.array(received, np.int64),
            CLIENT: pd.Categorical(clients),
            SESSION: pd.Categorical(sessions),
            PARTITION: np.array([partition] * n if isinstance(partition, int) else partition),
        }
    ).astype({PARTITION: "int32"})
    table[OFFSET] = table.groupby(PARTITION).cumcount().astype("int64")
    if sequence is not None:
        table[SEQUENCE] = pd.array(sequence, dtype="Int64")
    zero = table[EVENT_TIME].iloc[0] if n else 0
    table[EVENT_TIME_0] = (table[EVENT_TIME] - zero) / 1000
    table[RECEIVED_TIME_0] = (table[RECEIVED_TIME] - zero) / 1000
    return table.assign(**(extra or {}))


def simulated_table(scenario: Scenario) -> pd.DataFrame:
    """Return the events of a scenario, its clients named c0, c1, and so on."""
    simulation = simulate(scenario)
    log = simulation.events
    return events_table(
        log.timestamp,
        log.received,
        client=[f"c{client}" for client in log.client],
        session=[simulation.session_ids[number] for number in log.session],
        sequence=log.event_id,
        partition=log.partition,
    )
