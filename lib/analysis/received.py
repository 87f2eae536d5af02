"""Events that have a received time: all others are left out of what needs one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.analysis import kernels
from lib.core.blockwise import Pool
from lib.core.columns import CLIENT, MISSING_TIME, RECEIVED_TIME
from lib.sources.records import NO_TIMESTAMP

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from lib.analysis.kernels import Ints
    from lib.core.blockwise import Steps

_LATEST: Final = np.iinfo(np.int64).max


def has_received_time(events: pd.DataFrame) -> npt.NDArray[np.bool_] | None:
    """Return which events have a received time; None if all of them do."""
    received = kernels.ints(events[RECEIVED_TIME])
    if received.min(initial=0) >= 0:
        return None
    known: npt.NDArray[np.bool_] = (received != MISSING_TIME) & (received != NO_TIMESTAMP)
    return None if known.all() else known


def with_received_time(events: pd.DataFrame) -> pd.DataFrame:
    """Return the events that have a received time, in their order."""
    known = has_received_time(events)
    return events if known is None else events[known]


@dataclass(frozen=True)
class Unreceived:
    """Events without a received time, and when each was received by its place among the records.

    Attributes
    ----------
    events
        Those of the events table.
    earliest, latest
        The largest received time of its client before it, and the smallest after it, in arrival
        order, epoch ms; where times do not rise, `earliest` is no more than `latest`.
    """

    events: pd.DataFrame
    earliest: Ints
    latest: Ints


def unreceived(events: pd.DataFrame) -> Unreceived | None:
    """Return the events of a table in **arrival order** without a received time; None if all have.

    Without those of clients of which no event has one.
    """
    known = has_received_time(events)
    if known is None or not known.any():
        return None
    received, client = kernels.ints(events[RECEIVED_TIME]), kernels.group_by(events, CLIENT).codes
    low, high = received[known].min(), received[known].max()
    before, after = np.where(known, received, low), np.where(known, -received, -high)[::-1]
    earliest = before + kernels.behind_running_max(client, before)
    latest = -(after + kernels.behind_running_max(client[::-1], after))[::-1]
    rows = ~known & (kernels.counts(client[known], int(client.max()) + 1) > 0)[client]
    return Unreceived(events[rows], np.minimum(earliest, latest)[rows], latest[rows])


def find_span(times: Ints) -> Steps[tuple[int, int]]:
    """Find the first and the last of some times of all blocks, epoch ms."""
    part = np.array([-times.min(initial=_LATEST), times.max(initial=-_LATEST)])
    before, last = yield Pool(part, np.maximum)
    return -int(before), int(last)
