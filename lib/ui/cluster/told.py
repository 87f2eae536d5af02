"""What a Dask cluster tells of a topic that it holds, each answer found once for all viewers.

Dask is imported by what asks a cluster alone, so only where one is set.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import uuid4

from lib.analysis.neighbours import neighbours_question
from lib.core.columns import CLIENT
from lib.replay.goal import Goal
from lib.ui.held import answer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd
    from distributed import Client

    from lib.analysis.delay_parts import DelayParts
    from lib.charts.comparison_data import ComparisonData, Group, RowOrder
    from lib.charts.skew_data import SkewData
    from lib.cluster.topic import HeldTopic
    from lib.core.blockwise import Question
    from lib.replay.blame import Fault
    from lib.replay.counted import Counted
    from lib.replay.engine import Setting
    from lib.replay.outcome import Outcome
    from lib.replay.processing_time import OnReceived
    from lib.report.drawn import DrawnReplay
    from lib.report.report import Asked, Replayed, Report

Found = TypeVar("Found")

DRAWN: Final = ("html",)
"""The output of a report that has what its charts draw."""


@dataclass(frozen=True)
class OnCluster:
    """A topic that a cluster holds, and what it told of it.

    Attributes
    ----------
    clients
        Names of clients to choose from, those with the most events.
    whole
        All events of the topic, of which this is a part; None: it is no part.
    """

    client: Client
    held: HeldTopic
    report: Report
    clients: tuple[str, ...] = ()
    whole: OnCluster | None = None
    token: str = field(default_factory=lambda: uuid4().hex)

    @property
    def of_all(self) -> OnCluster:
        """What is told of all events, whatever is seen of them."""
        return self if self.whole is None else self.whole

    def replayed(self, asked: Asked) -> tuple[Replayed, DrawnReplay | None]:
        """Return what an engine would have made of the topic, and what is drawn of that.

        It is asked once for all viewers.

        Raises
        ------
        SkewlineError
            When that cannot be told on a cluster, or the cluster was lost.
        """
        if asked == self.report.asked and self.report.replayed is not None:
            drawn = self.report.drawn
            return self.report.replayed, None if drawn is None else drawn.replay
        from lib.report.on_cluster import replayed_on_held  # noqa: PLC0415 (imports Dask)

        return self._found(
            ("replayed", asked),
            lambda: replayed_on_held(self.client, self.held, asked, outputs=DRAWN),
            "Replaying on the cluster…",
        )

    def drawn(self, asked: Asked) -> DrawnReplay:
        """Return what is drawn of a replay alone; raises as `replayed`."""
        from lib.report.on_cluster import drawn_on_held  # noqa: PLC0415 (imports Dask)

        asked = replace(asked, goal=Goal())  # on which it does not depend
        return self._found(
            ("drawn", asked),
            lambda: drawn_on_held(self.client, self.held, asked),
            "Replaying on the cluster…",
        )

    def tried(self, asked: Asked, settings: Sequence[Setting]) -> list[Outcome]:
        """Return what an engine would have made of the topic by some settings of its own.

        Raises as `replayed`.
        """
        from lib.report.on_cluster import outcomes_on_held  # noqa: PLC0415 (imports Dask)

        return self._found(
            ("tried", asked.key, tuple(settings)),
            lambda: outcomes_on_held(self.client, self.held, asked, settings),
            "Trying other settings on the cluster…",
        )

    def skew(self, delay_ms: int) -> SkewData:
        """Return what the skew plot draws by a watermark so far behind; raises as `replayed`."""
        from lib.report.chosen_on_cluster import skew_on_held  # noqa: PLC0415 (imports Dask)

        return self._found(
            ("skew", delay_ms), lambda: skew_on_held(self.client, self.held, delay_ms)
        )

    def distribution(self) -> pd.DataFrame:
        """Return how the delay of each client is distributed; raises as `replayed`."""
        from lib.report.chosen_on_cluster import distribution_on_held  # noqa: PLC0415

        return self._found(("distribution",), lambda: distribution_on_held(self.client, self.held))

    def parts(self) -> DelayParts | None:
        """Return what delay is made of, None where it is not told; raises as `replayed`."""
        from lib.report.chosen_on_cluster import parts_on_held  # noqa: PLC0415 (imports Dask)

        return self._found(("parts",), lambda: parts_on_held(self.client, self.held))

    def effect(self, client: object) -> pd.DataFrame:
        """Return what a client's clock does to the out-of-orderness; raises as `replayed`."""
        from lib.cluster.correcting import clock_effect  # noqa: PLC0415 (imports Dask)

        assert self.report.analysis is not None  # or no clock were told
        clocks = self.report.analysis.clocks
        clock = clocks[clocks[CLIENT] == client]
        return self._found(("effect", client), lambda: clock_effect(self.client, self.held, clock))

    def comparison(
        self,
        most_lanes: int,
        order: RowOrder,
        outages: pd.DataFrame | None,
        group: Group | None,
    ) -> ComparisonData:
        """Return what the picture of both clocks draws; raises as `replayed`."""
        from lib.report.chosen_on_cluster import comparison_on_held  # noqa: PLC0415

        return self._found(
            ("comparison", most_lanes, order, group),
            lambda: comparison_on_held(
                *(self.client, self.held),
                most_lanes=most_lanes,
                order=order,
                outages=outages,
                group=group,
            ),
        )

    def outages(self, sensitivity: float) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return outages and limits, at a multiple of each client's; raises as `replayed`."""
        from lib.report.chosen_on_cluster import outages_on_held  # noqa: PLC0415 (imports Dask)

        return self._found(
            ("outages", sensitivity),
            lambda: outages_on_held(self.client, self.held, sensitivity),
            "Looking for outages on the cluster…",
        )

    def on_received(self, asked: Asked) -> OnReceived:
        """Return what the same windows make of received times; raises as `replayed`."""
        from lib.report.on_cluster import received_on_held  # noqa: PLC0415 (imports Dask)

        asked = replace(asked, goal=Goal())  # on which it does not depend
        return self._found(
            ("received", asked),
            lambda: received_on_held(self.client, self.held, asked),
            "Replaying on the cluster…",
        )

    def gaps(self, asked: Asked) -> Counted:
        """Return how far apart the events of a key are; raises as `replayed`."""
        from lib.report.on_cluster import gaps_on_held  # noqa: PLC0415 (imports Dask)

        return self._found(("gaps", asked.key), lambda: gaps_on_held(self.client, self.held, asked))

    def fault(self, asked: Asked, idle_ms: int) -> Fault:
        """Return whose fault it is that events are dropped; raises as `replayed`.

        A partition is silent where it has sent nothing for longer than `idle_ms`.
        """
        from lib.report.on_cluster import fault_on_held  # noqa: PLC0415 (imports Dask)

        return self._found(
            ("fault", asked, idle_ms),
            lambda: fault_on_held(self.client, self.held, asked, idle_ms),
            "Replaying without each client in turn on the cluster…",
        )

    def latest_sessions(self, most: int) -> pd.DataFrame:
        """Return the sessions with the largest delay; raises as `replayed`."""
        from lib.cluster.topic import latest_sessions  # noqa: PLC0415 (imports Dask)

        return self._found(
            ("sessions", most), lambda: latest_sessions(self.client, self.held, most)
        )

    def first(self, most: int) -> pd.DataFrame:
        """Return the first events seen, in arrival order; raises as `replayed`."""
        from lib.cluster.questions import first_of_left  # noqa: PLC0415 (imports Dask)

        return self._asked(partial(first_of_left, most=most), ("first", most))

    def session(self, name: str) -> pd.DataFrame:
        """Return all events of a session in arrival order; raises as `replayed`.

        Of a part with `Left`: whether an event is seen.
        """
        from lib.cluster.questions import of_session  # noqa: PLC0415 (imports Dask)

        return self._asked(partial(of_session, name=name), ("session", name))

    def events(self) -> Iterator[pd.DataFrame]:
        """Yield the events seen in arrival order, as pieces of an events table.

        They have the fields with a role. Raises as `replayed`.
        """
        from lib.cluster.connection import faults_told  # noqa: PLC0415 (imports Dask)
        from lib.cluster.rows import events_of  # noqa: PLC0415

        with faults_told():
            yield from events_of(self.client, self.held)

    def dropped(self, asked: Asked) -> pd.DataFrame:
        """Return every event that a replay drops, in arrival order; raises as `replayed`."""
        from lib.cluster.connection import faults_told  # noqa: PLC0415 (imports Dask)
        from lib.report.on_cluster import dropped_on_held  # noqa: PLC0415

        with faults_told():
            return dropped_on_held(self.client, self.held, asked)

    def clients_called(self, names: Sequence[str]) -> dict[str, object]:
        """Return the clients of these names, by name; raises as `replayed`."""
        from lib.cluster.questions import clients_called  # noqa: PLC0415 (imports Dask)

        typed = tuple(names)
        return self._asked(partial(clients_called, names=typed), ("called", typed))

    def around(self, partition: int, offset: int, beside: int) -> dict[str, pd.DataFrame]:
        """Return what `lib.analysis.neighbours` tells of a record; raises as `replayed`."""
        question = partial(neighbours_question, partition=partition, offset=offset, beside=beside)
        return self._asked(question, ("around", partition, offset, beside))

    def ask(self, question: partial[Question[Found]]) -> Found:
        """Return the answer to a question that is put to the events of clients.

        Raises as `replayed`.
        """
        from lib.cluster.asking import ask  # noqa: PLC0415 (imports Dask)
        from lib.cluster.connection import faults_told  # noqa: PLC0415

        with faults_told():
            return ask(self.client, question, self.held.by_client)

    def _asked(self, question: partial[Question[Found]], what: tuple[object, ...]) -> Found:
        return self._found(what, lambda: self.ask(question))

    def _found(
        self,
        what: tuple[object, ...],
        find: Callable[[], Found],
        spinner: str = "Asking the cluster…",
    ) -> Found:
        return found_once((self.token, *what), find, spinner)

    def keys(self) -> list[str]:
        """Return the columns that windows can be grouped by."""
        from lib.report.on_cluster import keys_of  # noqa: PLC0415 (imports Dask)

        return keys_of(self.held)


def found_once(
    key: tuple[object, ...], find: Callable[[], Found], spinner: str = "Asking the cluster…"
) -> Found:
    """Return what the cluster answers, found once for all viewers; raises as `OnCluster.replayed`.

    `key` tells it from all other answers.
    """
    from lib.cluster.connection import faults_told  # noqa: PLC0415 (imports Dask)

    def told() -> Found:
        with faults_told():
            return find()

    return answer_of(key, told, spinner=spinner)
