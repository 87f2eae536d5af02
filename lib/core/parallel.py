"""Work on several processors at once, where NumPy and Arrow let go of the GIL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Name = TypeVar("Name")
Result = TypeVar("Result")

_THREADS: Final = 4


def in_parallel(
    work: Mapping[Name, Callable[[], Result]], *, worth_while: bool = True
) -> dict[Name, Result]:
    """Return what each of several functions returns, by name.

    They run at the same time, if that is worth while, else one after another.

    Raises
    ------
    Exception
        The first that one of them raises, in their order.
    """
    if not worth_while:
        return {name: one() for name, one in work.items()}
    with ThreadPoolExecutor(_THREADS) as threads:
        results = {name: threads.submit(one) for name, one in work.items()}
        return {name: result.result() for name, result in results.items()}
