"""A topic that a cluster holds, replayed: the clock in arrival order, then what clients have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pandas as pd

from lib.cluster.asking import answer, ask
from lib.cluster.blocks import by_key, by_partition
from lib.cluster.questions import names_of_clients
from lib.cluster.topic import inside, starts_of
from lib.core.blockwise import Answer, stacked
from lib.core.columns import ARRIVAL, CLIENT, HOME_HASH, PARTITION, SESSION
from lib.core.errors import NotInBlocksError
from lib.replay.blame import GROUP
from lib.replay.in_blocks import (
    clocks_question,
    in_order_question,
    missed_in_order_question,
    missed_question,
    of_keys_question,
    of_sessions_question,
    outcome_question,
    replay_question,
)
from lib.replay.input import key_hashes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distributed import Client, Future
    from numpy.typing import NDArray

    from lib.cluster.questions import NameCounts
    from lib.cluster.topic import HeldTopic
    from lib.core.blockwise import Question
    from lib.replay.engine import Setting
    from lib.replay.in_blocks import Clocks, Job, Missed
    from lib.replay.outcome import Outcome
    from lib.replay.replays import OfEvents, OfMissed, OfReplay, OfSessions

_AT_ONCE: Final = 4  # settings: workers hold the clocks of all of them


@dataclass(frozen=True)
class ReplaysOnCluster:
    """A topic that a cluster holds, as `lib.replay.replays.Replays` describes it.

    Attributes
    ----------
    job
        What an engine has to do with it, by the keys that the topic's blocks have all events of;
        `of_each` takes other settings.
    """

    client: Client
    held: HeldTopic
    job: Job

    @property
    def events(self) -> int:
        """How many events can be replayed."""
        contents = self.held.topic.contents
        return contents.events - (0 if self.job.order_only else contents.without_received)

    @property
    def sessions(self) -> int | None:
        """How many true sessions there are."""
        if not self.job.has_sessions:
            return None
        if self.events == self.held.topic.contents.events:
            return self.held.names.sessions
        put = partial(_names_of_heard, job=self.job)
        names: NameCounts = ask(self.client, put, self.held.by_client)
        return names.sessions

    @property
    def _stretches(self) -> Sequence[Future]:
        """The blocks in arrival order: several where those by client are.

        A clock that needs all events in one block would else be told to blocks that have a part.
        """
        in_order = self.held.in_order
        if len(in_order) > 1 or len(self.held.by_client) == 1:
            return in_order
        return [self.client.submit(pd.DataFrame.head, in_order[0], 0, pure=False), *in_order]

    def in_order(self, question: OfEvents) -> Any:  # noqa: ANN401 (what the question says)
        """Return the answer to a question."""
        put = partial(in_order_question, job=self.job, question=question)
        return ask(self.client, put, self.held.in_order)

    def of_sessions(self, question: OfSessions) -> Any:  # noqa: ANN401
        """Return the answer to a question."""
        put = partial(of_sessions_question, job=self.job, question=question)
        return ask(self.client, put, self.held.by_client)

    def of_keys(self, question: OfEvents) -> Any:  # noqa: ANN401
        """Return the answer to a question to the events of some keys."""
        put = partial(of_keys_question, job=self.job, question=question)
        return ask(self.client, put, self.held.by_client)

    def of_missed(self, setting: Setting, question: OfMissed) -> Any:  # noqa: ANN401
        """Return the answer to a question."""
        job = replace(self.job, settings=(setting,))
        missed = answer(self.client, self._put(job, missed_question), self.held.by_client)
        put = self.client.submit(_asking_of_missed, job, missed, question, pure=False)
        return ask(self.client, put, self.held.in_order)

    def of_each(
        self,
        settings: Sequence[Setting],
        question: OfReplay,
        without: Sequence[int | None] = (),
    ) -> list[Any]:
        """Return the answers to a question, to the replays of a few settings at once."""
        found = []
        for first in range(0, len(settings), _AT_ONCE):
            some = slice(first, first + _AT_ONCE)
            job = replace(self.job, settings=tuple(settings[some]), without=tuple(without[some]))
            found += self._of(job, question)
        return found

    def of_events(self, question: OfReplay) -> Any:  # noqa: ANN401
        """Return the answer to a question that is given the events table, too."""
        (found,) = self._of(replace(self.job, with_table=True), question)
        return found

    def _of(self, job: Job, question: OfReplay) -> list[Any]:
        answers: list[Any] = ask(self.client, self._put(job, question), self.held.by_client)
        return answers

    def _put(self, job: Job, question: OfReplay) -> Future:
        clocks = answer(self.client, partial(clocks_question, job=job), self._stretches)
        # The clocks stay on the cluster: who asks a block finds them there.
        return self.client.submit(_asking, job, clocks, question, pure=False)


def _names_of_heard(table: pd.DataFrame, job: Job) -> Question[NameCounts]:
    return (yield from names_of_clients(table[job.timed(table)]))


def _asking(job: Job, clocks: Clocks, question: OfReplay) -> Callable[..., Question[Any]]:
    return partial(replay_question, job=job, clocks=clocks, question=question)


def _asking_of_missed(
    job: Job, missed: list[Missed], question: OfMissed
) -> Callable[..., Question[Any]]:
    return partial(missed_in_order_question, job=job, missed=missed[0], question=question)


def clients_in(client: Client, held: HeldTopic) -> pd.DataFrame:
    """Return the clients, as one machine sorts them, and their numbers: `Group`, int64."""
    found: pd.DataFrame = ask(client, _clients_question, held.by_client)
    return found


def _clients_question(table: pd.DataFrame) -> Question[pd.DataFrame]:
    yield from ()  # a question without a round
    each = table[[CLIENT]].drop_duplicates(ignore_index=True)
    found = each.assign(**{GROUP: key_hashes(each[CLIENT])})
    return Answer(found, stacked, _sorted_clients)


def _sorted_clients(clients: pd.DataFrame) -> pd.DataFrame:
    return clients.drop_duplicates(GROUP).sort_values(CLIENT, ignore_index=True)


def with_keys_together(client: Client, held: HeldTopic, key: str) -> HeldTopic:
    """Return a topic whose blocks by client have all events of their keys instead.

    Those in arrival order know then where Kafka sends the keys. What the key before the last was
    is not kept.
    """
    if key == CLIENT:
        return held
    known = held.by_keys.get(key)
    if known is None:
        known = _by(client, held, key)
        held.by_keys.clear()
        held.by_keys[key] = known
    return known


def _by(client: Client, held: HeldTopic, key: str) -> HeldTopic:
    tables, names = held.by_client, held.names
    if len(tables) > 1 and not (key == SESSION and names.are_apart):
        if key == PARTITION:
            tables = by_partition(client, tables, sorted(held.topic.contents.first_offsets))
        else:
            tables = by_key(client, tables, key, fits=held.fits)
        names = ask(client, names_of_clients, tables)
    hashed = [client.submit(_homes, each, key, pure=False) for each in held.by_client]
    in_order = [
        client.submit(_with_homes, table, start, hashed, pure=False)
        for table, start in zip(held.in_order, starts_of(client, held), strict=True)
    ]
    return replace(held, in_order=in_order, by_client=tables, names=names)


def with_heard_places(client: Client, held: HeldTopic, job: Job) -> HeldTopic:
    """Return a topic whose events know their places among those that can be replayed.

    Of others `Arrival` means nothing then.
    """
    if job.order_only or not held.topic.contents.without_received:
        return held
    heard = [client.submit(_heard_bits, table, job, pure=False) for table in held.in_order]
    tables = [
        client.submit(_with_heard_places, table, heard, pure=False) for table in held.by_client
    ]
    return replace(held, by_client=tables)


_Bits: TypeAlias = "tuple[int, NDArray[np.uint8]]"


def _heard_bits(table: pd.DataFrame, job: Job) -> _Bits:
    """Return how many events a stretch of the arrival order has, and of each whether it counts.

    In bits: every block is told all of them.
    """
    return len(table), np.packbits(job.timed(table))


def _with_heard_places(table: pd.DataFrame, heard: Sequence[_Bits]) -> pd.DataFrame:
    places = table[ARRIVAL].to_numpy()
    found, start, before = np.empty(len(table), np.int64), 0, 0
    for rows, bits in heard:
        own, within = inside(places, start, rows)
        rank = np.cumsum(np.unpackbits(bits, count=rows), dtype=np.int64)
        found[own] = before - 1 + rank[within]
        start, before = start + rows, before + int(rank[-1:].sum())
    return table.assign(**{ARRIVAL: found})


_Homes: TypeAlias = "tuple[NDArray[np.int64], NDArray[np.int64]]"


def _homes(table: pd.DataFrame, key: str) -> _Homes:
    """Return the places in arrival order of events, and the hashes of their keys."""
    return table[ARRIVAL].to_numpy(), key_hashes(table[key])


def _with_homes(table: pd.DataFrame, start: int, hashed: Sequence[_Homes]) -> pd.DataFrame:
    """Return a stretch of the arrival order, which begins at `start`, with the hashes of keys."""
    found = np.empty(len(table), np.int64)
    for places, each in hashed:
        own, rows = inside(places, start, len(table))
        found[rows] = each[own]
    return table.assign(**{HOME_HASH: found})


def outcomes_on(replays: ReplaysOnCluster) -> list[Outcome]:
    """Return what the engine would have made of a topic, in numbers, by each setting of the job.

    Raises
    ------
    NotInBlocksError
        When the engine, so set, needs all events in one block.
    """
    try:
        found: list[Outcome] = replays.of_each(replays.job.settings, outcome_question)
    except NotInBlocksError as fault:
        what = f"{fault.what} On a cluster that is not replayed: one machine does."
        raise NotInBlocksError(what, fault.remedy) from None
    return found
