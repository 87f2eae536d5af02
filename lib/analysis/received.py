"""Events that have a received time: all others are left out of what needs one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from lib.analysis import kernels
from lib.core.blockwise import Pool
from lib.core.columns import MISSING_TIME, RECEIVED_TIME
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


def find_span(times: Ints) -> Steps[tuple[int, int]]:
    """Find the first and the last of some times of all blocks, epoch ms."""
    part = np.array([-times.min(initial=_LATEST), times.max(initial=-_LATEST)])
    before, last = yield Pool(part, np.maximum)
    return -int(before), int(last)
