"""The rows of a chart: one for each client while they fit, else some for groups of clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.core.formatting import visible_text
from lib.core.jit import compiled
from lib.events.client_names import called

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
    known = codes if not len(codes) or codes.min() >= 0 else codes[codes >= 0]
    present = np.flatnonzero(np.bincount(known, minlength=len(clients)))
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


def shown_name(client: object) -> str:
    """Return how a client or session is shown: as `called`, on one line, every character seen."""
    return visible_text(called(client))


def lanes_in(height: int) -> int:
    """Return how many rows of clients can be read in a panel of some px."""
    return max(4, height // ROW_PX)


def count_cells(
    lanes: Lanes,
    codes: NDArray[np.integer],
    times_ms: NDArray[np.int64],
    *,
    start_ms: int,
    width_ms: int,
    columns: int,
) -> NDArray[np.int64]:
    """Return how many events each lane has in each time bin: an array of lanes × `columns`.

    Parameters
    ----------
    codes, times_ms
        Client code and time of every event, epoch ms; one without a lane, without a time, or
        outside the bins does not count.
    start_ms, width_ms
        Where the first bin begins, and the width of every bin.
    """
    cells = np.zeros((len(lanes.labels), columns), np.int64)
    times = np.ascontiguousarray(times_ms, np.int64).view()
    times.flags.writeable = False  # one type of array, compiled once
    _count(codes.astype(np.int32, copy=False), times, lanes.of_client, start_ms, width_ms, cells)
    return cells


@compiled
def _count(
    codes: NDArray[np.int32],
    times_ms: NDArray[np.int64],
    of_client: NDArray[np.int32],
    start_ms: int,
    width_ms: int,
    cells: NDArray[np.int64],
) -> None:
    """Count in one go, and without the GIL, so that many viewers move their charts at once."""
    end_ms, bins_a_ms = start_ms + width_ms * cells.shape[1], 1.0 / width_ms
    for place in range(len(codes)):
        code, time = codes[place], times_ms[place]
        if code >= 0 and start_ms <= time < end_ms and of_client[code] >= 0:
            since = time - start_ms
            column = np.int64(since * bins_a_ms)  # a division would take most of the time
            rest = since - column * width_ms
            column += (rest >= width_ms) - (rest < 0)  # rounded to the bin beside its own
            cells[of_client[code], column] += 1


def filled_bins(cells: NDArray[np.int64], *, start_ms: int, width_ms: int) -> pd.DataFrame:
    """Return the cells that have events, of the result of `count_cells`.

    Returns
    -------
    Columns `lane` int64, `start` and `end` int64 (epoch ms, end exclusive), `events` int64.
    """
    lane, column = np.nonzero(cells)
    start = start_ms + column * width_ms
    return pd.DataFrame(
        {LANE: lane, START: start, END: start + width_ms, EVENTS: cells[lane, column]}
    )


def warm_up() -> None:
    """Compile what counts, or load it from numba's cache."""
    lanes = client_lanes(pd.Index(["a"]), np.zeros(1, np.int8))
    count_cells(
        lanes, np.zeros(1, np.int8), np.zeros(1, np.int64), start_ms=0, width_ms=1, columns=1
    )


def bin_width(span_ms: int, most: int) -> int:
    """Return the least of 1, 2, 5, 10, … ms that cuts `span_ms` into at most `most` bins."""
    width = 1
    while True:
        for step in (1, 2, 5):
            if span_ms // (width * step) < most:
                return width * step
        width *= 10
