"""Which fields without a role a cluster keeps of events; nothing here imports Dask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lib.core.columns import (
    ARRIVAL,
    CLIENT,
    EVENT_TIME,
    EVENT_TIME_0,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
    RECEIVED_TIME_0,
    RECEIVED_TIME_TYPE,
    RECORD_TIME,
    SENT_TIME,
    SEQUENCE,
    SESSION,
)
from lib.events.filters import columns_of

if TYPE_CHECKING:
    import pandas as pd

    from lib.events.fields import Fields

ROLES: Final = (
    EVENT_TIME, RECEIVED_TIME, CLIENT, SESSION, SEQUENCE, PARTITION, OFFSET, RECEIVED_TIME_TYPE,
    SENT_TIME, RECORD_TIME,
)  # fmt: skip
"""Columns of an events table that are kept always."""

_NO_FIELDS: Final = frozenset({*ROLES, ARRIVAL, EVENT_TIME_0, RECEIVED_TIME_0})


@dataclass(frozen=True)
class KeptFields:
    """Fields without a role that are kept.

    Attributes
    ----------
    every
        Whether all are, and the records' keys, too.
    named
        Those that are kept by their names.
    where
        Conditions: the fields are kept that they look at.
    """

    every: bool = False
    named: tuple[str, ...] = ()
    where: tuple[str, ...] = ()

    def of(self, table: pd.DataFrame, fields: Fields) -> tuple[str, ...] | None:
        """Return the columns that are kept beside `ROLES`, by the first events; None for all.

        Raises
        ------
        FilterError
            When a condition cannot be understood, or is of a field that no first event has.
        """
        looked_at = columns_of(table.head(0), self.where, fields)
        if self.every or looked_at is None:
            return None
        return tuple(without_role([*self.named, *sorted(looked_at)]))


def without_role(names: list[str]) -> list[str]:
    """Return those columns of an events table that are fields without a role, each once."""
    return [name for name in dict.fromkeys(names) if name not in _NO_FIELDS]
