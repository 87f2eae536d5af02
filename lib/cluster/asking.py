"""A question put to the blocks of a topic that a cluster holds.

Each round advances the question over every block to what it asks next; the parts are merged on the
workers, and the whole goes to the blocks with the next round. All are tasks of Dask, which decides
where they run, and runs them again where a worker was lost. The next rounds are submitted before
it is known what this one asks: workers wait for one another, and not for the client.

A round begins where the one before it ended: the question is kept in the worker meanwhile, while
there is room for it. It is only kept: whoever does not have it puts the question anew, with the
replies so far.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar
from uuid import uuid4

from distributed import get_worker

from lib.core.blockwise import Answer, Carry, Pool, Whole, answered
from lib.core.errors import NotInBlocksError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distributed import Client, Future

    from lib.core.blockwise import Asks, Merge, Question

Result = TypeVar("Result")

_AT_ONCE: Final = 8  # parts that one task merges

_AHEAD: Final = 3  # rounds that are submitted behind the last of which the answer is known

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


_Said: TypeAlias = "Pool | _Carried | Whole | Answer[Any] | None"
"""What a block asks, or answers; None behind its answer."""


def ask(
    client: Client, question: Callable[[Any], Question[Result]] | Future, blocks: Sequence[Future]
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
    found: Result = answer(client, question, blocks).result()
    return found


def answer(
    client: Client, question: Callable[[Any], Question[Any]] | Future, blocks: Sequence[Future]
) -> Future:
    """Return a future of what `ask` returns, which stays on the cluster."""
    if len(blocks) == 1:
        return client.submit(_of_one, question, blocks[0], pure=False)
    token = uuid4().hex
    for block in blocks:
        _wait_for(block)
    # Whoever holds a block keeps its question; a worker that is free may take it over.
    holders = client.who_has(blocks)
    places = [list(holders.get(block.key, ())) or None for block in blocks]
    said: list[Future] = []
    try:
        for known in count():
            while len(said) <= known + _AHEAD:
                parts = [
                    client.submit(
                        _advanced,
                        *(question, block, said.copy(), (token, number)),
                        pure=False,
                        workers=place,
                        allow_other_workers=place is not None,  # a lost block has no holder
                    )
                    for number, (block, place) in enumerate(zip(blocks, places, strict=True))
                ]
                said.append(_merged(client, parts))
            kind = _kind(client, said[known])
            if kind is Answer:
                return client.submit(_finished, said[known], pure=False)
            if kind is Whole:
                raise NotInBlocksError(said[known].result().why, "Ask it on one machine.")
    finally:
        client.run(_forget, token, on_error="ignore")
    raise AssertionError  # a question ends


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


def _merged(client: Client, parts: Sequence[Future]) -> Future:
    """Return what merges parts in their order, some at once, as a tree."""
    while len(parts) > 1:
        groups = [list(parts[n : n + _AT_ONCE]) for n in range(0, len(parts), _AT_ONCE)]
        parts = [client.submit(_both, group, pure=False) for group in groups]
    return parts[0]


def _of_one(question: Callable[[Any], Question[Result]], block: Any) -> Result:  # noqa: ANN401
    return answered(question(block))


_KEPT: Final[dict[tuple[str, int], tuple[int, Question[Any]]]] = {}
"""Of this worker: a question and block → how many replies it has had, and where it is."""


def _advanced(
    question: Callable[[Any], Question[Any]],
    block: Any,  # noqa: ANN401 (whatever the question is put to)
    replies: Sequence[_Said],
    place: tuple[str, int],
) -> _Said:
    """Return what a question asks of a block next, after some replies; in the end, its answer."""
    if replies and not isinstance(replies[-1], Pool | _Carried):
        return None
    had, steps = _KEPT.pop(place, (-1, None))
    if steps is None or had != len(replies) - 1:
        steps = question(block)
        known = [None, *(_reply(each, place[1]) for each in replies)]
    else:
        known = [_reply(replies[-1], place[1])]
    try:
        for reply in known[:-1]:
            steps.send(reply)
        asked = steps.send(known[-1])
    except StopIteration as done:
        answer: Answer[Any] = done.value
        return answer
    # Blocks take turns: to drop another's question instead would drop the one that is needed next.
    if _has_room():
        _KEPT[place] = (len(replies), steps)
    return _said(asked)


def _has_room() -> bool:
    worker = get_worker()
    limit = worker.memory_manager.memory_limit
    return not limit or worker.monitor.get_process_memory() < ROOM * limit


def _said(asked: Asks) -> _Said:
    return _Carried([asked.part], asked.merge, asked.first) if isinstance(asked, Carry) else asked


def _reply(said: _Said, number: int) -> Any:  # noqa: ANN401 (what each question pools)
    match said:
        case Pool(part=part):
            return part
        case _Carried():
            return said.before(number)
        case _:
            raise AssertionError(said)  # a question goes on after what it asks


def _both(parts: Sequence[Any]) -> _Said:
    """Return what several blocks say as one; where whole blocks are asked for, the first."""
    first = parts[0]
    if first is None or isinstance(first, Whole):
        return first
    if isinstance(first, _Carried):
        return _Carried([part for each in parts for part in each.parts], first.merge, first.first)
    merged = _folded(first.merge, [each.part for each in parts])
    if isinstance(first, Pool):
        return Pool(merged, first.merge)
    return Answer(merged, first.merge, first.finish)


def _folded(merge: Merge, parts: Sequence[Any]) -> Any:  # noqa: ANN401 (what a question pools)
    """Return parts merged in their order, as a tree: none is copied for each behind it."""
    while len(parts) > 1:
        pairs = [parts[n : n + 2] for n in range(0, len(parts), 2)]
        parts = [reduce(merge, pair) for pair in pairs]
    return parts[0]


def _finished(answer: Answer[Result]) -> Result:
    return answer.finish(answer.part)


def _forget(token: str) -> None:
    for place in [place for place in _KEPT if place[0] == token]:
        _KEPT.pop(place, None)
