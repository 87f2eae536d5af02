"""A question put to the blocks of a topic that a cluster holds.

Each round advances the question over every block to what it asks next; the parts are merged on the
workers, pair by pair, and the whole goes to the blocks with the next round. All are tasks of Dask,
which decides where they run, and runs them again where a worker was lost.

A round begins where the one before it ended: the question is kept in the worker meanwhile. It is
only kept: whoever does not have it puts the question anew, with the replies so far.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import uuid4

from distributed import wait

from lib.core.blockwise import Answer, Asks, Carry, Pool, Whole
from lib.core.errors import SkewlineError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distributed import Client, Future

    from lib.core.blockwise import Question

Result = TypeVar("Result")

_AT_ONCE: Final = 8  # parts that one task merges


class NotInBlocksError(SkewlineError):
    """A question needs all events in one block, and a topic is in several."""


def ask(
    client: Client, question: Callable[[Any], Question[Result]], blocks: Sequence[Future]
) -> Result:
    """Return the answer to a question that is put to blocks, at least one.

    Parameters
    ----------
    question
        Returns the question to a block; a function of a module, or a `partial` of one.
    blocks
        In arrival order, where the question needs that.

    Raises
    ------
    NotInBlocksError
        When it needs all events in one block.
    """
    token = uuid4().hex
    replies: list[list[Future]] = [[] for _ in blocks]
    wait(blocks)
    # Whoever holds a block keeps its question; a worker that is free may take it over.
    holders = client.who_has(blocks)
    places = [list(holders.get(block.key, ())) or None for block in blocks]
    try:
        while True:
            asked = [
                client.submit(
                    _advanced,
                    *(question, block, list(own), (token, number)),
                    pure=False,
                    workers=place,
                    allow_other_workers=place is not None,  # of a lost block nobody is the holder
                )
                for number, (block, own, place) in enumerate(
                    zip(blocks, replies, places, strict=True)
                )
            ]
            whole = _merged(client, asked)
            kind: type = client.submit(type, whole, pure=False).result()
            if kind is Answer:
                found: Result = client.submit(_finished, whole, pure=False).result()
                return found
            for own, reply in zip(replies, _replies(client, kind, asked, whole), strict=True):
                own.append(reply)
    finally:
        client.run(_forget, token, on_error="ignore")


def _replies(client: Client, kind: type, asked: Sequence[Future], whole: Future) -> list[Future]:
    if kind is Pool:
        return [whole] * len(asked)
    if kind is Carry:
        before = client.submit(_nothing_before, asked[0], pure=False)
        found = [before]
        for each in asked[:-1]:
            found.append(client.submit(_carried, found[-1], each, pure=False))
        return found
    if len(asked) > 1:
        why: Whole = asked[0].result()
        raise NotInBlocksError(why.why, "Ask it on one machine.")
    return list(asked)


def _merged(client: Client, parts: Sequence[Future]) -> Future:
    """Return what merges parts in their order, some at once, as a tree."""
    while len(parts) > 1:
        groups = [list(parts[n : n + _AT_ONCE]) for n in range(0, len(parts), _AT_ONCE)]
        parts = [client.submit(_both, group, pure=False) for group in groups]
    return parts[0]


_KEPT: Final[dict[tuple[str, int], tuple[int, Question[Any]]]] = {}
"""Of this worker: a question and block → how many replies it has had, and where it is."""


def _advanced(
    question: Callable[[Any], Question[Any]],
    block: Any,  # noqa: ANN401 (whatever the question is put to)
    replies: Sequence[Pool | Carry | Whole],
    place: tuple[str, int],
) -> Asks | Answer[Any]:
    """Return what a question asks of a block next, after some replies; in the end, its answer."""
    had, steps = _KEPT.pop(place, (-1, None))
    if steps is None or had != len(replies) - 1:
        steps = question(block)
        known = [None, *map(_reply, replies)]
    else:
        known = [_reply(replies[-1])]
    try:
        for reply in known[:-1]:
            steps.send(reply)
        asked = steps.send(known[-1])
    except StopIteration as done:
        answer: Answer[Any] = done.value
        return answer
    _KEPT[place] = (len(replies), steps)
    return asked


def _reply(asked: Pool | Carry | Whole) -> Any:  # noqa: ANN401 (what each question pools)
    return None if isinstance(asked, Whole) else asked.part


def _both(parts: Sequence[Any]) -> Any:  # noqa: ANN401 (`Pool` or `Answer`)
    """Return several parts as one; where whole blocks are asked for, the first."""
    if isinstance(parts[0], Whole):
        return parts[0]
    merged = parts[0].part
    for each in parts[1:]:
        merged = parts[0].merge(merged, each.part)
    if isinstance(parts[0], Pool):
        return Pool(merged, parts[0].merge)
    if isinstance(parts[0], Carry):
        return Carry(merged, parts[0].merge, parts[0].first)
    return Answer(merged, parts[0].merge, parts[0].finish)


def _nothing_before(asked: Carry) -> Carry:
    return Carry(asked.first, asked.merge, asked.first)


def _carried(before: Carry, asked: Carry) -> Carry:
    return Carry(asked.merge(before.part, asked.part), asked.merge, asked.first)


def _finished(answer: Answer[Result]) -> Result:
    return answer.finish(answer.part)


def _forget(token: str) -> None:
    for place in [place for place in _KEPT if place[0] == token]:
        _KEPT.pop(place, None)
