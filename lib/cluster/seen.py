"""What a viewer looks at of a topic on a cluster, in words that do without Dask."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from lib.events.table import TimeWindow


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
