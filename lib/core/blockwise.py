"""Questions put to events block by block: what is pooled over the blocks, and what is made of it.

A question is a generator, a *pass* over a block of events. Where it needs to know something of all
events it yields the block's part of that, with how two parts make one, and is sent the whole. In
the end it returns the block's part of the answer, how two of those make one, and what finishes the
last. One block is the one-machine case: `alone` sends each part back as the whole.

A long question may return the next one instead, with what that needs to know of the block: where
there are more blocks than memory holds, nothing else of it has to be kept, or found anew.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

Result = TypeVar("Result")
Merge: TypeAlias = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Pool:
    """A block's part of what is pooled: the reply is that of all blocks, merged in their order."""

    part: Any
    merge: Merge


@dataclass(frozen=True)
class Carry:
    """A block's part of what goes from block to block: the reply is that of the blocks before.

    Attributes
    ----------
    part, merge
        As in `Pool`; blocks follow one another in arrival order.
    first
        The reply to the first block.
    """

    part: Any
    merge: Merge
    first: Any


@dataclass(frozen=True)
class Whole:
    """All events are needed in one block; `why` says for what, should they be in several."""

    why: str


@dataclass(frozen=True)
class Answer(Generic[Result]):
    """A block's part of an answer, how two parts make one, and what finishes the last."""

    part: Any
    merge: Merge
    finish: Callable[[Any], Result]


@dataclass(frozen=True)
class Then:
    """What goes on with a question: `question` of the same block, and of what is found of it."""

    question: Callable[..., LongQuestion[Any]]
    found: tuple[Any, ...]

    def __call__(self, block: Any) -> LongQuestion[Any]:  # noqa: ANN401 (whatever is asked)
        """Return the question to the block."""
        return self.question(block, *self.found)


Asks: TypeAlias = Pool | Carry | Whole
Steps: TypeAlias = Generator[Asks, Any, Result]
"""What takes replies on its way to a result of a block."""
Question: TypeAlias = Generator[Asks, Any, Answer[Result]]
LongQuestion: TypeAlias = Generator[Asks, Any, Answer[Result] | Then]


def alone(steps: Steps[Result]) -> Result:
    """Return the result of steps over one block that has all events."""
    reply = None
    while True:
        try:
            asked = steps.send(reply)
        except StopIteration as done:
            result: Result = done.value
            return result
        reply = _reply(asked)


def answered(question: Question[Result]) -> Result:
    """Return the answer to a question over one block that has all events."""
    last = alone(question)
    return last.finish(last.part)


def answer_of(question: Callable[[Any], LongQuestion[Result]], block: Any) -> Result:  # noqa: ANN401
    """Return the answer to a question, long or not, to one block that has all events."""
    last = alone(question(block))
    while isinstance(last, Then):
        last = alone(last(block))
    return last.finish(last.part)


def _reply(asked: Asks) -> Any:  # noqa: ANN401 (what each question pools)
    match asked:
        case Pool(part=part):
            return part
        case Carry(first=first):
            return first
        case _:
            return None


def in_step(steps: Mapping[str, Steps[Any]]) -> Steps[dict[str, Any]]:
    """Find the results of steps that need nothing of each other: a round asks for all of them."""
    found: dict[str, Any] = dict.fromkeys(steps)
    asked: dict[str, Asks] = {}

    def go_on(replies: Mapping[str, Any]) -> None:
        for name, reply in replies.items():
            asked.pop(name, None)
            try:
                asked[name] = steps[name].send(reply)
            except StopIteration as done:
                found[name] = done.value

    go_on(found.copy())
    while asked:
        if whole := next((n for n, each in asked.items() if isinstance(each, Whole)), None):
            go_on({whole: (yield asked[whole])})
        elif pools := {n: each for n, each in asked.items() if isinstance(each, Pool)}:
            go_on((yield from pooled(pools)))
        else:
            carries = {n: each for n, each in asked.items() if isinstance(each, Carry)}
            parts = {name: each.part for name, each in carries.items()}
            firsts = {name: each.first for name, each in carries.items()}
            go_on((yield Carry(parts, _each_merged(carries), firsts)))
    return found


def pooled(pools: Mapping[str, Pool]) -> Steps[dict[str, Any]]:
    """Find what several parts are over all blocks, by name, in one round."""
    parts = {name: each.part for name, each in pools.items()}
    whole: dict[str, Any] = yield Pool(parts, _each_merged(pools))
    return whole


def added(one: Any, other: Any) -> Any:  # noqa: ANN401 (numbers or arrays)
    """Return the sum of two parts."""
    return one + other


def joined(one: Any, other: Any) -> Any:  # noqa: ANN401 (arrays of any type)
    """Return the elements of two arrays, one behind the other."""
    return np.concatenate((one, other))


def as_it_is(part: Any) -> Any:  # noqa: ANN401 (of any kind)
    """Return what finishes an answer whose last part is the answer."""
    return part


def first_of(one: Any, other: Any) -> Any:  # noqa: ANN401 (of any kind, or None)
    """Return the first of two parts, or the other where it is None."""
    return other if one is None else one


def around(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """Return the first and the last of what lies between the ends of one part or the other."""
    return min(one[0], other[0]), max(one[1], other[1])


def stacked(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of two tables of the same columns, one behind the other.

    Categories of both are those of the result, sorted.
    """
    both = {name: _stacked(one[name], other[name]) for name in one.columns}
    return pd.DataFrame(both)


def _stacked(one: pd.Series, other: pd.Series) -> pd.Series:
    if not isinstance(one.dtype, pd.CategoricalDtype) or one.dtype == other.dtype:
        return pd.concat([one, other], ignore_index=True)
    if not len(one.cat.categories) or not len(other.cat.categories):
        known = one.dtype if len(one.cat.categories) else other.dtype
        return pd.concat([one.astype(known), other.astype(known)], ignore_index=True)
    return pd.Series(union_categoricals([one, other], sort_categories=True))


def compact(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table without the categories that it does not use: they would be pooled, too."""
    named = table.select_dtypes("category").columns
    return table.assign(**{name: used_names(table[name]) for name in named})


def used_names(column: pd.Series[Any]) -> pd.Categorical[Any]:
    """Return names with the categories that they use; pandas sorts to find them."""
    names, codes = column.cat.categories, column.cat.codes.to_numpy()
    count = np.bincount(codes.astype(np.intp) + 1, minlength=len(names) + 1)
    used = np.flatnonzero(count[1:])
    place = np.full(len(names) + 1, -1, np.int32)  # the last one: without a name
    place[used] = np.arange(len(used), dtype=np.int32)
    return pd.Categorical.from_codes(place[codes], categories=names[used], validate=False)


def either(one: bool, other: bool) -> bool:
    """Return whether one of two parts is true."""
    return one or other


def together(answers: dict[str, Answer[Any]]) -> Answer[dict[str, Any]]:
    """Return the answers to several questions as one, by name."""
    parts = {name: answer.part for name, answer in answers.items()}
    finishes = {name: answer.finish for name, answer in answers.items()}
    return Answer(parts, _each_merged(answers), partial(_finish_each, finishes))


def _each_merged(of: Mapping[str, Pool | Carry | Answer[Any]]) -> Merge:
    return partial(_merge_each, {name: each.merge for name, each in of.items()})


def _merge_each(
    merges: dict[str, Callable[[Any, Any], Any]], one: dict[str, Any], other: dict[str, Any]
) -> dict[str, Any]:
    return {name: merge(one[name], other[name]) for name, merge in merges.items()}


def _finish_each(
    finishes: dict[str, Callable[[Any], Any]], parts: dict[str, Any]
) -> dict[str, Any]:
    return {name: finish(parts[name]) for name, finish in finishes.items()}
