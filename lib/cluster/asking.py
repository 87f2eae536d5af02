"""A question put to the blocks of a topic that a cluster holds.

Each round advances the question over every block to what it asks next; the parts are merged on the
workers, and the whole goes to the blocks with the next round. All are tasks of Dask, which decides
where they run, and runs them again where a worker was lost. The next rounds are submitted before
it is known what this one asks: workers wait for one another, and not for the client.

A round begins where the one before it ended: the question is kept in the worker meanwhile, while
there is room for it. It is only kept: whoever does not have it puts the question anew, with the
replies so far. What a long question goes on with is a result of Dask's, which is spilled to disk
and comes back: nothing before it is asked again.
"""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass
from functools import reduce
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar
from uuid import uuid4

from dask.sizeof import sizeof
from distributed import get_worker

from lib.core.blockwise import Answer, Carry, Pool, Then, Whole, answer_of
from lib.core.errors import NotInBlocksError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from distributed import Client, Future

    from lib.core.blockwise import Asks, LongQuestion, Merge

    Put = Callable[[Any], LongQuestion[Any]]

Result = TypeVar("Result")

_AT_ONCE: Final = 8  # parts that one task merges, at most

_AHEAD: Final = 3  # rounds that are submitted behind the last of which the answer is known

_UNEVEN: Final = 1.2  # times its share of the blocks that a worker may be asked about

ROOM: Final = 0.75
"""Share of a worker's memory up to which it keeps questions.

Dask spills from 0.7 on what was not used for longest, as the events in arrival order while clients
are asked about: sooner than a question is put anew. From 0.8 on it waits for memory.
"""


@dataclass(frozen=True)
class _Carried:
    """Parts of blocks that follow one another: the reply to each is that of those before it."""

    parts: list[Any]
    merge: Merge
    first: Any

    def before(self, number: int) -> Any:  # noqa: ANN401 (what each question pools)
        return reduce(self.merge, self.parts[:number], self.first)


@dataclass(frozen=True)
class _GoesOn:
    """What every block says where a long question goes on."""


@dataclass(frozen=True)
class _Answered:
    """What all blocks say that answer: whoever wants it puts it together."""


_Said: TypeAlias = "Pool | _Carried | Whole | Answer[Any] | _GoesOn | _Answered | None"
"""What a block asks, or answers; None behind its last."""


def ask(
    client: Client,
    question: Callable[[Any], LongQuestion[Result]] | Future,
    blocks: Sequence[Future],
) -> Result:
    """Return the answer to a question that is put to blocks, at least one.

    Parameters
    ----------
    question
        Returns the question to a block; a function of a module, a `partial` of one, or a future of
        either.
    blocks
        In arrival order, where the question needs that.

    Raises
    ------
    NotInBlocksError
        When it needs all events in one block.
    """
    if len(blocks) == 1:
        found: Result = answer(client, question, blocks).result()
    else:  # put together here: an answer has to fit in one machine, and a worker may be smaller
        found = _finished(client.gather(_answers(client, question, blocks)))
    return found


def answer(client: Client, question: Put | Future, blocks: Sequence[Future]) -> Future:
    """Return a future of what `ask` returns, which stays on the cluster."""
    if len(blocks) == 1:
        return client.submit(answer_of, question, blocks[0], pure=False)
    return client.submit(_finished, _answers(client, question, blocks), pure=False)


def _answers(client: Client, question: Put | Future, blocks: Sequence[Future]) -> list[Future]:
    """Return the answers of some blocks each, which make the answer to a question."""
    for block in blocks:
        _wait_for(block)
    questions: Sequence[Put | Future] = [question] * len(blocks)
    while True:
        answers, questions = _gone_on(client, questions, blocks)
        if not questions:
            return answers


def _gone_on(
    client: Client, questions: Sequence[Put | Future], blocks: Sequence[Future]
) -> tuple[list[Future], list[Future]]:
    """Return the answers to a question to each block, or what each of them goes on with."""
    token, places = uuid4().hex, _places(client, blocks)
    said: list[Future] = []
    parts: dict[int, list[Future]] = {}  # of the rounds of which it is not known what they ask

    def of_each(what: Callable[..., Any], replies: list[Future]) -> list[Future]:
        return [
            client.submit(
                what,
                *(question, block, replies, (token, number)),
                pure=False,
                workers=place,
                allow_other_workers=place is not None,  # that one may be lost
            )
            for number, (question, block, place) in enumerate(
                zip(questions, blocks, places, strict=True)
            )
        ]

    try:
        for known in count():
            while len(said) <= known + _AHEAD:
                merged = _merged(client, of_each(_advanced, said.copy()))
                parts[len(said)] = merged
                said.append(client.submit(_of_all, merged, pure=False))
            kind = _kind(client, said[known])
            own = parts.pop(known)
            if kind is _Answered:
                return own, []
            if kind is _GoesOn:
                going_on = of_each(_going_on, said[:known])
                for each in going_on:
                    _wait_for(each)
                return own, going_on
            if kind is Whole:
                raise NotInBlocksError(said[known].result().why, "Ask it on one machine.")
    finally:
        client.run(_forget, token, on_error="ignore")
    raise AssertionError  # a question ends


def _places(client: Client, blocks: Sequence[Future]) -> list[str | None]:
    """Return which worker keeps the question of each block."""
    holders = client.who_has(blocks)
    return shared_out([holders.get(block.key, ()) for block in blocks], client.nthreads())


def shared_out(holders: Sequence[Iterable[str]], threads: Mapping[str, int]) -> list[str | None]:
    """Return which worker keeps the question of each block: one that holds it, if it is no busier.

    After a worker was lost, another one may hold most blocks: each round would wait for that one.
    None where there are no workers now.

    Parameters
    ----------
    holders
        Of each block, the addresses of the workers that hold it.
    threads
        Those of all workers, by address.
    """
    if not threads:
        return [None] * len(holders)
    every, load = sum(threads.values()), dict.fromkeys(threads, 0)
    most = {
        worker: math.ceil(_UNEVEN * len(holders) * own / every) for worker, own in threads.items()
    }
    found: list[str | None] = []
    for those in holders:
        free = [worker for worker in those if worker in load and load[worker] < most[worker]]
        place = min(free or load, key=lambda worker: load[worker] / threads[worker])
        load[place] += 1
        found.append(place)
    return found


def _kind(client: Client, said: Future) -> type:
    _wait_for(said)
    # The scheduler tells it with the news that the task is done; if not, a task is asked.
    kind: type = said.type or client.submit(type, said, pure=False).result()
    return kind


def _wait_for(future: Future) -> None:
    # By the future's own client: `distributed.wait` takes the newest one, whose loop is another.
    # An event of one loop that is set in another wakes nobody before that loop's next heartbeat.
    if not future.done():
        future.exception()


def _merged(client: Client, parts: list[Future]) -> list[Future]:
    """Return what merges parts in their order, some at once, as a tree, until few are left."""
    while len(parts) > _AT_ONCE:
        size = min(_AT_ONCE, math.ceil(len(parts) / _AT_ONCE))  # so that some are left, and small
        groups = [parts[n : n + size] for n in range(0, len(parts), size)]
        parts = [client.submit(_both, group, pure=False) for group in groups]
    return parts


_KEPT: Final[dict[tuple[str, int], tuple[int, Any]]] = {}
"""Of this worker: a question and block → how many replies it has had, and where it is.

That is the question, or what it goes on with."""


def _advanced(
    question: Put,
    block: Any,  # noqa: ANN401 (whatever the question is put to)
    replies: Sequence[_Said],
    place: tuple[str, int],
) -> _Said:
    """Return what a question asks of a block next, after some replies; in the end, its answer."""
    if replies and not isinstance(replies[-1], Pool | _Carried):
        return None
    asked, steps = _stepped(question, block, replies, place)
    # Blocks take turns: to drop another's question instead would drop the one that is needed next.
    if not isinstance(asked, Answer) and _has_room():
        _KEPT[place] = (len(replies), steps)
    match asked:
        case Carry(part=part, merge=merge, first=first):
            return _Carried([part], merge, first)
        case Then():
            return _GoesOn()
        case _:
            return asked


def _going_on(
    question: Put,
    block: Any,  # noqa: ANN401
    replies: Sequence[_Said],
    place: tuple[str, int],
) -> Then:
    """Return what a question goes on with, after all replies."""
    had, kept = _KEPT.pop(place, (-1, None))
    if had == len(replies):
        then: Then = kept
    else:
        _, then = _stepped(question, block, replies, place)
    return then


def _stepped(
    question: Put,
    block: Any,  # noqa: ANN401
    replies: Sequence[_Said],
    place: tuple[str, int],
) -> tuple[Asks | Answer[Any] | Then, Any]:
    """Return what a question says after some replies, and where it is then."""
    had, steps = _KEPT.pop(place, (-1, None))
    known = [*replies[-1:]]
    if steps is None or had != len(replies) - 1:
        steps, known = question(block), [None, *replies]
    *before, last = (_reply(reply, place[1]) for reply in known)
    try:
        for reply in before:
            steps.send(reply)
        asked: Asks = steps.send(last)
    except StopIteration as done:
        return done.value, done.value
    return asked, steps


def _has_room() -> bool:
    worker = get_worker()
    limit = worker.memory_manager.memory_limit
    return not limit or worker.monitor.get_process_memory() < ROOM * limit


@sizeof.register(Then)  # type: ignore[untyped-decorator]
def _bytes_of(then: Then) -> int:
    """Return what Dask has to count as memory of it: no more is known to Dask of our own types."""
    arrays: list[pickle.PickleBuffer] = []
    rest = pickle.dumps(then, protocol=5, buffer_callback=arrays.append)
    return len(rest) + sum(each.raw().nbytes for each in arrays)


def _reply(said: _Said, number: int) -> Any:  # noqa: ANN401 (what each question pools)
    match said:
        case None:
            return None  # before the first round
        case Pool(part=part):
            return part
        case _Carried():
            return said.before(number)
        case _:
            raise AssertionError(said)  # a question goes on after what it asks


def _both(parts: Sequence[Any]) -> _Said:
    """Return what several blocks say as one; where whole blocks are asked for, the first."""
    first = parts[0]
    if first is None or isinstance(first, Whole | _GoesOn):
        return first
    if isinstance(first, _Carried):
        return _Carried([part for each in parts for part in each.parts], first.merge, first.first)
    merged = _folded(first.merge, [each.part for each in parts])
    if isinstance(first, Pool):
        return Pool(merged, first.merge)
    return Answer(merged, first.merge, first.finish)


def _of_all(parts: Sequence[_Said]) -> _Said:
    """Return what parts say as one; of answers, that they are some."""
    return _Answered() if isinstance(parts[0], Answer) else _both(parts)


def _folded(merge: Merge, parts: Sequence[Any]) -> Any:  # noqa: ANN401 (what a question pools)
    """Return parts merged in their order, as a tree: none is copied for each behind it."""
    while len(parts) > 1:
        pairs = [parts[n : n + 2] for n in range(0, len(parts), 2)]
        parts = [reduce(merge, pair) for pair in pairs]
    return parts[0]


def _finished(answers: Sequence[Answer[Result]]) -> Result:
    """Return the answer of all blocks, from those of some each."""
    first = answers[0]
    return first.finish(_folded(first.merge, [each.part for each in answers]))


def _forget(token: str) -> None:
    for place in [place for place in _KEPT if place[0] == token]:
        _KEPT.pop(place, None)
