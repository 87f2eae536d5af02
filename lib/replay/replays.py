"""Replays of a topic that is asked again and again, wherever its events are."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from lib.core.blockwise import Answer, answered, as_it_is, joined
from lib.core.parallel import in_parallel
from lib.replay.engine import delay_ms, replay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from lib.core.blockwise import Question
    from lib.replay.engine import Setting
    from lib.replay.input import ReplayInput
    from lib.replay.outcome import TrueSessions
    from lib.replay.windows import Replay

    Sessions = TrueSessions | None
    OfEvents = Callable[[ReplayInput], Question[Any]]
    OfMissed = Callable[[ReplayInput, NDArray[np.int64]], Question[Any]]
    OfReplay = Callable[..., Question[Any]]  # of ReplayInput, Replay, Sessions
    OfSessions = Callable[[ReplayInput, TrueSessions], Question[Any]]


class Replays(Protocol):
    """A topic whose replays can be asked.

    Attributes
    ----------
    events, sessions
        How many events it has, and true sessions; None where it has no such.
    """

    @property
    def events(self) -> int: ...  # noqa: D102

    @property
    def sessions(self) -> int | None: ...  # noqa: D102

    def in_order(self, question: OfEvents) -> Any:  # noqa: ANN401 (what the question says)
        """Return the answer to a question to events in **arrival order**."""

    def of_missed(self, setting: Setting, question: OfMissed) -> Any:  # noqa: ANN401
        """Return the answer to a question to events in **arrival order**, and what they missed by.

        That is, with a setting, `missed_by_ms` of `lib.replay.windows.Replay`.
        """

    def of_sessions(self, question: OfSessions) -> Any:  # noqa: ANN401
        """Return the answer to a question to the events and true sessions of some keys."""

    def of_each(
        self,
        settings: Sequence[Setting],
        question: OfReplay,
        without: Sequence[int | None] = (),
    ) -> list[Any]:
        """Return the answers to a question to the events, replay and true sessions of some keys.

        One a setting, which are all of one engine. With `without`, of each setting as if the events
        of that group were not there: of a partition, unless events are told apart otherwise.
        """


@dataclass(frozen=True, eq=False)
class ReplaysHere:
    """A topic whose events are here: one block.

    Attributes
    ----------
    topic
        Its events.
    true_session
        Their true sessions, if they have any.
    known
        Replays that are known.
    """

    topic: ReplayInput
    true_session: Sessions
    known: dict[Setting, Replay] = field(default_factory=dict)

    @property
    def events(self) -> int:
        """How many events there are."""
        return len(self.topic)

    @property
    def sessions(self) -> int | None:
        """How many true sessions there are."""
        if self.true_session is None:
            return None
        codes = self.true_session.codes
        return len(np.unique(codes[codes >= 0]))

    def in_order(self, question: OfEvents) -> Any:  # noqa: ANN401
        """Return the answer to a question."""
        return answered(question(self.topic))

    def of_sessions(self, question: OfSessions) -> Any:  # noqa: ANN401
        """Return the answer to a question."""
        assert self.true_session is not None
        return answered(question(self.topic, self.true_session))

    def of_missed(self, setting: Setting, question: OfMissed) -> Any:  # noqa: ANN401
        """Return the answer to a question."""
        return answered(question(self.topic, self._replay(setting).missed_by_ms))

    def of_each(
        self,
        settings: Sequence[Setting],
        question: OfReplay,
        without: Sequence[int | None] = (),
    ) -> list[Any]:
        """Return the answers to a question."""
        cases = zip(settings, without or [None] * len(settings), strict=True)
        work = {n: partial(self._of, each, question, rest) for n, (each, rest) in enumerate(cases)}
        return [*in_parallel(work).values()]

    def _of(self, setting: Setting, question: OfReplay, without: int | None) -> Any:  # noqa: ANN401
        if without is None:
            return answered(question(self.topic, self._replay(setting), self.true_session))
        rest = np.flatnonzero(self.topic.groups != without)
        events = self.topic.only(rest)
        sessions = None if self.true_session is None else self.true_session.of(rest)
        return answered(question(events, replay(events, setting), sessions))

    def _replay(self, setting: Setting) -> Replay:
        found = self.known.get(setting)
        if found is None:
            found = replay(self.topic, setting)
        if not delay_ms(setting):  # which is asked several times
            self.known[setting] = found
        return found


def received_question(
    events: ReplayInput, places: NDArray[np.int64]
) -> Question[NDArray[np.int64]]:
    """Ask when events of the topic were received, epoch ms, by their indices in arrival order."""
    yield from ()  # a question without a round
    index = np.minimum(events.arrived(places), len(events) - 1)
    is_here = (events.place(index) == places) & (index >= 0)
    received = events.received if len(events) else np.zeros(1, np.int64)
    found = np.where(is_here, received[index], np.iinfo(np.int64).min)
    return Answer(found, np.maximum, as_it_is)


def lasts_question(events: ReplayInput) -> Question[int]:
    """Ask how long it took to receive the topic, of at least one event, ms."""
    yield from ()  # a question without a round
    ends = events.received[[0, -1]] if len(events) else events.received
    return Answer(ends, joined, _span_ms)


def _span_ms(ends: NDArray[np.int64]) -> int:
    return int(np.ptp(ends))
