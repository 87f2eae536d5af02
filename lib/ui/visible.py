"""What a page shows: the events of a topic that the sidebar's choices leave."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from lib.analysis import outages
from lib.analysis.sessions import session_table
from lib.core.columns import CLIENT
from lib.ui.held import answer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from lib.charts.times import TimeScale
    from lib.core.moments import Times
    from lib.events.table import TimeDomain, TimeWindow
    from lib.loading.load import LoadedTopic
    from lib.ui.loads import Opened

_PICTURE_BYTES: Final = 1_000_000
"""What a chart and its data take at most."""

Found = TypeVar("Found")


@dataclass(frozen=True)
class Visible:
    """What a page shows: the loaded topic, and which of its events are inside the window.

    `rows` are positions in `table`, which is shared by all viewers: never change it.
    """

    topic: LoadedTopic
    whole: LoadedTopic
    """The topic with its events without a received time, too: what analyses are of."""
    window: TimeWindow
    rows: NDArray[np.int64] | slice
    scale: TimeScale
    times: Times
    clients: Sequence[object]
    order_only: bool = False
    """Whether only the order of arrival is known, and received times are stand-ins for it."""
    delays_tell: bool = True
    """Whether a delay can be read off the received times."""
    where: Sequence[str] = ()
    """The conditions of the filter."""
    key: str = CLIENT
    """The column that windows are grouped by, where a page replays."""
    opened: Opened | None = None
    """Where the topic is read from."""

    @property
    def table(self) -> pd.DataFrame:
        """The events table of the whole topic."""
        return self.topic.events.table

    @property
    def version(self) -> tuple[object, str]:
        """What a replay is of: the topic's version, and what is grouped by."""
        return self.topic.version, self.key

    @property
    def zero_ms(self) -> int:
        """The topic's zero, epoch ms."""
        return self.topic.events.zero_ms

    @property
    def count(self) -> int:
        """Number of visible events."""
        return len(self.table) if isinstance(self.rows, slice) else len(self.rows)

    def columns(self, *names: str) -> pd.DataFrame:
        """Return some columns of the visible events."""
        some = self.table[list(names)]
        return some if isinstance(self.rows, slice) else some.take(self.rows)

    @property
    def is_everything(self) -> bool:
        """Whether neither window, clients nor filter leave an event out."""
        return not self.clients and not self.where and math.isinf(self.window.start_s)

    def found(self, of: tuple[object, ...], find: Callable[[], Found]) -> Found:
        """Return what `find` finds of the visible events; for all who open the page, found once.

        What is found of a part of the topic is its viewer's own. `of` is what it depends on, too.
        """
        if not self.is_everything or not isinstance(self.rows, slice):
            return find()
        key = (of, self.topic.version, len(self.table), self.scale, self.delays_tell)
        return answer_of(key, find, size=_PICTURE_BYTES)

    def stretch(self, clock: TimeDomain) -> tuple[int, int]:
        """Return the first and last time of the visible events on a clock, epoch ms."""
        times = self.table[clock.milliseconds].to_numpy()[self.rows]
        return int(times.min()), int(times.max()) + 1

    def sessions(self) -> pd.DataFrame:
        """Return the sessions with visible events: `lib.analysis.sessions.session_table`."""
        shown = (self.window, tuple(self.clients), tuple(self.where))
        return answer_of(
            ("sessions", self.topic.version, *shown), lambda: session_table(self.table, self.rows)
        )

    def outages(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of an outage table that touch the window, of the clients shown.

        Outages are found on all events, whatever a filter leaves out: of a client that it leaves an
        event of, all are shown.
        """
        inside = outages.touching(table, self.window, self.zero_ms)
        if self.clients:
            inside &= table[CLIENT].isin(list(self.clients))
        if self.where:
            inside &= table[CLIENT].isin(self.columns(CLIENT)[CLIENT].unique())
        return table[inside]

    def first(self, count: int) -> pd.DataFrame:
        """Return the first `count` visible events in arrival order."""
        if isinstance(self.rows, slice):
            return self.table.head(count)
        return self.table.take(self.rows[:count])
