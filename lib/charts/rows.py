"""The rows of a chart: one for each client while they fit, else some for groups of clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.core.formatting import visible_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

LANE: Final = "lane"
START: Final = "start"
END: Final = "end"
EVENTS: Final = "events"

ROW_PX: Final = 12
"""The least height of a row whose name can be read."""

MOST_LANES: Final = 40
"""Rows of a chart where nothing else is said."""


@dataclass(frozen=True)
class Lanes:
    """How clients share the rows of a chart.

    Attributes
    ----------
    labels
        One a lane.
    of_client
        int32, one a client code of the events table: its lane, or -1 where it has no event here.
    first, last
        Client code of the first and the last client of each lane. Of those between them, some may
        have a lane of their own.
    clients
        Number of clients with events here.
    """

    labels: list[str]
    of_client: NDArray[np.int32]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    clients: int

    @property
    def sizes(self) -> NDArray[np.intp]:
        """Number of clients in each lane."""
        return np.bincount(self.of_client[self.of_client >= 0], minlength=len(self.labels))

    @property
    def are_clients(self) -> bool:
        """Whether every lane is one client."""
        return self.clients == len(self.labels)

    def of(self, codes: NDArray[np.integer]) -> NDArray[np.int32]:
        """Return the lane of each client code; -1 for -1, no client."""
        lanes: NDArray[np.int32] = np.append(self.of_client, np.int32(-1))[codes]
        return lanes

    def named(self, lanes: NDArray[np.integer]) -> pd.Categorical:
        """Return the label of each lane; missing for -1."""
        return pd.Categorical(np.array([*self.labels, None], object)[lanes])


def client_lanes(
    clients: pd.Index,
    codes: NDArray[np.integer],
    most: int = MOST_LANES,
    weights: NDArray[np.float64] | None = None,
) -> Lanes:
    """Return the lanes for the events whose client codes are `codes`.

    Parameters
    ----------
    clients
        The categories of the events table's clients, in their order.
    codes
        Client code of every visible event; -1 (no client) has no lane.
    most
        Lanes at most, at least 2. Where there are more clients, those with the largest weights
        have half of the lanes, each its own; the others share the rest, neighbours together.
    weights
        One a client: lanes are in falling order of it, and in the order of the clients where it is
        the same. None: in the order of the clients.
    """
    present = np.flatnonzero(np.bincount(codes[codes >= 0], minlength=len(clients)))
    ranked = present
    if weights is not None:
        ranked = present[np.argsort(-weights[present], kind="stable")]
    alone, rest = ranked, present[:0]
    if len(present) > most:
        own = 0 if weights is None else min(most // 2, int(np.count_nonzero(weights[present] > 0)))
        alone, rest = ranked[:own], np.sort(ranked[own:])
    groups = min(most - len(alone), len(rest))
    starts = np.arange(groups) * len(rest) // max(1, groups)
    first = np.concatenate((alone, rest[starts]))
    last = np.concatenate((alone, rest[np.append(starts[1:], len(rest))[:groups] - 1]))
    of_client = np.full(len(clients), -1, np.int32)
    of_client[alone] = np.arange(len(alone))
    if groups:
        of_client[rest] = len(alone) + np.searchsorted(rest[starts], rest, side="right") - 1
    ends = zip(clients[first], clients[last], strict=True)
    labels = [shown_name(a) if a == b else f"{shown_name(a)} – {shown_name(b)}" for a, b in ends]
    return Lanes(labels, of_client, first, last, len(present))


def written(client: object) -> str:
    """Return how a client is written in a link or a file: a whole number without decimals."""
    if isinstance(client, float) and client.is_integer():
        return str(int(client))
    return str(client)


def shown_name(client: object) -> str:
    """Return how a client or session is shown: as `written`, on one line, every character seen."""
    return visible_text(written(client))


def client_at(clients: pd.Index, text: str) -> int | None:
    """Return the place of the client that `written` writes as `text`; None if there is none."""
    wanted: object = text
    if pd.api.types.is_bool_dtype(clients.dtype):
        wanted = {"True": True, "False": False}.get(text)
    elif pd.api.types.is_numeric_dtype(clients.dtype):
        try:
            wanted = clients.dtype.type(text)
        except (ValueError, OverflowError):
            return None
    place = int(clients.get_indexer(pd.Index([wanted]))[0])
    return place if place >= 0 else None


def count_bins(
    lanes: NDArray[np.integer], times_ms: NDArray[np.int64], *, start_ms: int, width_ms: int
) -> pd.DataFrame:
    """Return how many events each lane has in each time bin; empty bins are left out.

    Parameters
    ----------
    lanes
        Lane of every event; events of lane -1 are not counted.
    times_ms
        Time of every event, epoch ms.
    start_ms, width_ms
        Where the first bin begins, and the width of every bin.

    Returns
    -------
    Columns `lane` int64, `start` and `end` int64 (epoch ms, end exclusive), `events` int64.
    """
    counted = lanes >= 0
    bins = (times_ms[counted] - start_ms) // width_ms
    number = int(bins.max()) + 1 if len(bins) else 1
    counts = np.bincount(lanes[counted].astype(np.int64) * number + bins)
    filled = np.flatnonzero(counts)
    start = start_ms + (filled % number) * width_ms
    return pd.DataFrame(
        {
            LANE: filled // number,
            START: start,
            END: start + width_ms,
            EVENTS: counts[filled],
        }
    )


def bin_width(span_ms: int, most: int) -> int:
    """Return the least of 1, 2, 5, 10, … ms that cuts `span_ms` into at most `most` bins."""
    width = 1
    while True:
        for step in (1, 2, 5):
            if span_ms // (width * step) < most:
                return width * step
        width *= 10
