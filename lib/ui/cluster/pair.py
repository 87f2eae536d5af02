"""Two topics that a Dask cluster compares: both held with every field, for all viewers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from lib.analysis.two_topics import names_of
from lib.cluster.kept_fields import KeptFields
from lib.core.errors import SkewlineError
from lib.core.memory import held_bytes
from lib.ui.cluster.loads import (
    Holding,
    begin_to_hold,
    client_for,
    holding_of,
    keep_told,
    look_at,
    settings,
)
from lib.ui.cluster.told import found_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from distributed import Client

    from lib.analysis.two_topics import Both
    from lib.cluster.origin import Origin
    from lib.cluster.topic import ClusterEstimate, HeldTopic
    from lib.report.against_on_cluster import ComparedOnCluster
    from lib.ui.loads import Opened


@dataclass(frozen=True)
class OnWorkers:
    """A topic as it is opened here, and how workers open its source."""

    opened: Opened
    origin: Origin


@dataclass(frozen=True)
class PairOnCluster:
    """Two topics that a cluster holds with every field.

    `with_delay` is whether the received times of each tell a delay.
    """

    client: Client
    here: HeldTopic
    there: HeldTopic
    both: Both
    with_delay: tuple[bool, bool]
    token: str = field(default_factory=lambda: uuid4().hex)

    @property
    def names(self) -> tuple[str, str]:
        """What they are called."""
        return names_of(self.both[0].name, self.both[1].name)

    @property
    def zeros_ms(self) -> tuple[int, int]:
        """The event time of the first record of each, epoch ms."""
        first, second = (held.topic.contents.zero_ms or 0 for held in (self.here, self.there))
        return first, second

    def compared(self, by: str | None) -> ComparedOnCluster:
        """Return what became of their events, matched by one of `keys_to_choose`.

        Raises
        ------
        SkewlineError
            When that cannot be told on a cluster, or the cluster was lost.
        """
        from lib.report.against_on_cluster import compared_on_held  # noqa: PLC0415

        return found_once(
            (self.token, "compared", by),
            lambda: compared_on_held(self.client, self.here, self.there, by, doing=lambda _: None),
            "Matching events on the cluster…",
        )

    def listed(self, by: str | None, kind: str, most: int) -> pd.DataFrame:
        """Return the first events of a kind of `two_topics.Difference`; raises as `compared`."""
        from lib.cluster.matching import differing  # noqa: PLC0415 (imports Dask)

        found = self.compared(by).matched
        assert found is not None  # or nothing would be listed
        return found_once(
            (self.token, "listed", by, kind, most),
            lambda: differing(self.client, found, kind, self.names, most),
        )

    def side_by_side(self, move_ms: int) -> tuple[pd.DataFrame, Sequence[tuple[int, int]]]:
        """Return both in stretches, the second moved, and their spans; raises as `compared`."""
        from lib.report.against_on_cluster import side_by_side_on_held  # noqa: PLC0415

        return found_once(
            (self.token, "side by side", move_ms),
            lambda: side_by_side_on_held(
                self.client, self.here, self.there, move_ms=move_ms, with_delay=self.with_delay
            ),
        )


@dataclass(eq=False, kw_only=True)
class PairLoad(Holding):
    """Two topics on their way to the cluster, to be compared, or held there."""

    @property
    def told(self) -> PairOnCluster | None:
        """The two; None until they are held, and when that failed."""
        return None if self.is_running or self.error else self.future.result()


def look_at_both(here: Opened, there: Opened, address: str) -> ClusterEstimate | SkewlineError:
    """Return what comparing two topics would take of the cluster, or why it cannot be done."""
    from lib.cluster.topic import ClusterEstimate  # noqa: PLC0415 (imports Dask)

    found = []
    for each in (here, there):
        takes = look_at(each.source, each.key, address, KeptFields(every=True))
        if isinstance(takes, SkewlineError):
            return takes
        found.append(takes)
    first, second = found
    return ClusterEstimate(
        first.bytes + second.bytes,
        second.memory,
        first.offsets + second.offsets,
        second.workers,
        second.threads,
    )


def compare_on_cluster(here: OnWorkers, there: OnWorkers, takes: ClusterEstimate) -> None:
    """Have the cluster read two topics with every field, unless it does or has already."""
    cluster = settings()
    if cluster is not None:
        key = here.opened.key, there.opened.key
        load = PairLoad(key=key, bytes=takes.bytes)
        tell = partial(_told, load, here, there, cluster.address)
        begin_to_hold(load, there.opened.key.topic, tell, takes.memory)


def pair_of(here: Opened, there: Opened) -> PairLoad | None:
    """Return two topics on their way to the cluster or held there; None without them."""
    load = holding_of((here.key, there.key))
    assert load is None or isinstance(load, PairLoad)
    return load


def _told(load: PairLoad, here: OnWorkers, there: OnWorkers, address: str) -> PairOnCluster:
    from lib.cluster.matching import comparable  # noqa: PLC0415 (imports Dask)
    from lib.cluster.topic import hold  # noqa: PLC0415
    from lib.report.against_on_cluster import tells_delay  # noqa: PLC0415

    with client_for(load, address) as client:
        first, second = (
            hold(
                client,
                *(each.opened.source, each.origin, each.opened.key.topic),
                *(each.opened.key.wanted, each.opened.key.chosen),
                doing=load.does,
                keep=KeptFields(every=True),
            )
            for each in (here, there)
        )
        load.does("Looking at the received times")
        with_delay = tells_delay(client, first), tells_delay(client, second)
        both = comparable(first), comparable(second)
    pair = PairOnCluster(client, first, second, both, with_delay)
    keep_told(load, pair, held_bytes((first.names, second.names)))
    return pair
