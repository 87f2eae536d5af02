"""What a viewer looks at of a topic on a cluster, in words that do without Dask."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from lib.analysis.outages import touching
from lib.core.columns import CLIENT
from lib.events.client_names import written
from lib.events.table import TimeWindow

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Seen:
    """The events of some clients inside a time window.

    `clients` are their names as `lib.events.client_names.written` writes them; none: all.
    """

    window: TimeWindow = field(default_factory=TimeWindow)
    clients: tuple[str, ...] = ()

    @property
    def is_everything(self) -> bool:
        """Whether it leaves no event out."""
        return self.window.is_whole and not self.clients


EVERYTHING: Final = Seen()


def outages_seen(
    found: pd.DataFrame, seen: Seen, clients: pd.Series[Any] | None, zero_ms: int
) -> pd.DataFrame:
    """Return the rows of an outage table that touch a window, of the clients seen.

    Parameters
    ----------
    clients
        Those that a filter leaves an event of; None without one.
    """
    inside = touching(found, seen.window, zero_ms)
    if clients is not None:
        inside &= found[CLIENT].isin(clients)
    if seen.clients:
        inside &= found[CLIENT].astype(object).map(written).isin(seen.clients)
    return found[inside]
