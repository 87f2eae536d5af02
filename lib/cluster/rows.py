"""The events of a topic that a cluster holds, brought to this process bit by bit."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from lib.cluster.blocks import stretch
from lib.core.columns import ARRIVAL
from lib.events.table import with_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from distributed import Client, Future

    from lib.cluster.topic import HeldTopic

ROWS: Final = 500_000
"""Events that are brought at once."""

_AHEAD: Final = 2  # stretches that workers put together meanwhile


def events_of(client: Client, held: HeldTopic) -> Iterator[pd.DataFrame]:
    """Yield the events of a topic in arrival order, at least one table, of at most `ROWS` each.

    Each is a piece of the events table that one machine has, but for fields without a role. Of a
    part of a topic it has the events that are left, and may have none.
    """
    topic = held.topic.contents
    coming: deque[Future] = deque()
    for first in range(0, max(topic.events, 1), ROWS):
        coming.append(stretch(client, held.by_client, first, first + ROWS))
        if len(coming) > _AHEAD:
            yield _as_events(coming.popleft(), topic.zero_ms)
    while coming:
        yield _as_events(coming.popleft(), topic.zero_ms)


def _as_events(coming: Future, zero_ms: int | None) -> pd.DataFrame:
    table: pd.DataFrame = coming.result()
    return with_seconds(table.drop(columns=ARRIVAL), zero_ms or 0)
