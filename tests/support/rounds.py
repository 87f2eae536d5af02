"""Questions put to blocks of one process: see `lib.core.blockwise`."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

from lib.core.blockwise import Carry, Pool, Whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from lib.core.blockwise import Answer, Asks, Question


def answered_in_blocks(questions: Sequence[Question[Any]]) -> Any:
    """Return the answer of several blocks, each asked the same question."""
    replies: list[Any] = [None] * len(questions)
    last: list[Answer[Any]] = []
    while not last:
        asked = []
        for question, reply in zip(questions, replies, strict=True):
            try:
                asked.append(question.send(reply))
            except StopIteration as done:
                last.append(done.value)
        replies = list(replies_to(asked)) if asked else []
    assert len(last) == len(questions)
    return last[0].finish(reduce(last[0].merge, [each.part for each in last]))


def replies_to(asked: Sequence[Asks]) -> Iterator[Any]:
    parts = [getattr(each, "part", None) for each in asked]
    for number, each in enumerate(asked):
        match each:
            case Pool(merge=merge):
                yield reduce(merge, parts)
            case Carry(merge=merge, first=first):
                yield reduce(merge, parts[:number], first)
            case Whole(why=why):
                raise AssertionError(why)


def compact(block: pd.DataFrame) -> pd.DataFrame:
    block = block.reset_index(drop=True)
    names = block.select_dtypes("category").columns
    return block.assign(**{name: block[name].cat.remove_unused_categories() for name in names})
