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

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def events_table(
    event_time: Sequence[int],
    received: Sequence[int],
    *,
    client: Sequence[str] | str = "1",
    session: Sequence[str] | str | None = None,
    sequence: Sequence[int | None] | None = None,
    partition: Sequence[int] | int = 0,
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
