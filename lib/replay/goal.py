"""What a setting has to achieve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lib.replay.outcome import Outcome


@dataclass(frozen=True)
class Goal:
    """What a setting has to achieve.

    Attributes
    ----------
    most_dropped
        Largest share of the events that may be dropped, 0 to 1.
    most_broken
        Largest share of the true sessions that may not be exact, 0 to 1, or None: any.
    """

    most_dropped: float = 0.001
    most_broken: float | None = None

    def allows(self, dropped_share: float, broken_share: float | None) -> bool:
        """Return whether these shares meet it; a share of sessions that is None does."""
        return dropped_share <= self.most_dropped and (
            self.most_broken is None or broken_share is None or broken_share <= self.most_broken
        )

    def is_met_by(self, outcome: Outcome) -> bool:
        """Return whether a setting with this outcome meets it; none with which the engine stops."""
        fates = outcome.sessions
        return not outcome.stopped and self.allows(
            outcome.dropped_share, None if fates is None else fates.broken_share
        )
