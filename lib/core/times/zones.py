"""Local times, and the instants that they name in a zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from lib.core.errors import FieldsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

WHATEVER_IS_WRITTEN: Final = "!"
"""Behind the name of a zone: times that name another one are read on its clocks as well."""

_OFFSET: Final = re.compile(r"([+-])(\d\d):?(\d\d)")
_FIRST_MS: Final = -5_364_662_400_000  # 1800
_LAST_MS: Final = 7_258_118_400_000  # 2200


@dataclass(frozen=True)
class Instants:
    """The instants that local times name.

    Attributes
    ----------
    ms
        int64, epoch ms. An ambiguous time is the earlier of its two instants; one that the clocks
        skipped is counted on with the offset before the change (as PEP 495 and Java do).
    ambiguous, nonexistent
        bool: the time was twice on the clocks, when they were set back; or never, when they were
        set forward.
    """

    ms: NDArray[np.int64]
    ambiguous: NDArray[np.bool_]
    nonexistent: NDArray[np.bool_]


def find_zone(name: str) -> tzinfo:
    """Return the IANA zone or the fixed offset, such as +05:30, called `name`.

    `WHATEVER_IS_WRITTEN` behind the name is passed over.

    Raises
    ------
    FieldsError
        When there is none.
    """
    name = name.removesuffix(WHATEVER_IS_WRITTEN)
    offset = _OFFSET.fullmatch(name)
    if offset:
        size = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        if size < timedelta(days=1):
            return timezone(-size if offset[1] == "-" else size)
    elif is_zone(name):
        return ZoneInfo(name)
    raise FieldsError(
        f"“{name}” is no time zone.", "Choose one such as Europe/Berlin, UTC or +01:00."
    )


def is_zone(name: str) -> bool:
    """Return whether there is an IANA zone of this name."""
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return False
    return True


def to_instants(local_ms: NDArray[np.int64], zone: tzinfo) -> Instants:
    """Return the instants of local times.

    Parameters
    ----------
    local_ms
        What a clock on the wall showed, as epoch ms of UTC.
    zone
        Where the clock hung. Before 1800 and from 2200 on it is taken as UTC.
    """
    ms = local_ms.copy()
    ambiguous, nonexistent = np.zeros(len(ms), bool), np.zeros(len(ms), bool)
    near = np.flatnonzero((ms >= _FIRST_MS) & (ms < _LAST_MS))
    clocks = pd.DatetimeIndex(ms[near].astype("datetime64[ms]"))
    found = clocks.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    doubtful = found.isna()
    ms[near] = np.where(doubtful, 0, found.as_unit("ms").asi8)
    rows = near[doubtful]
    for value in np.unique(local_ms[rows]):  # the few kinds of time around a change of the clocks
        same = rows[local_ms[rows] == value]
        clock = datetime(1970, 1, 1) + timedelta(milliseconds=int(value))  # noqa: DTZ001 - local
        before, after = (_offset(zone, clock.replace(fold=fold)) for fold in (0, 1))
        ms[same] = value - before // timedelta(milliseconds=1)
        (ambiguous if before > after else nonexistent)[same] = True
    return Instants(ms, ambiguous, nonexistent)


def _offset(zone: tzinfo, clock: datetime) -> timedelta:
    return zone.utcoffset(clock) or timedelta(0)
