"""What runs in a thread while pages look at how far it is."""

from __future__ import annotations

from concurrent.futures import wait
from typing import TYPE_CHECKING, Any

from lib.core.errors import SkewlineError

if TYPE_CHECKING:
    from concurrent.futures import Future


class InThread:
    """What a `future` stands for that raises `SkewlineError` alone."""

    future: Future[Any]

    @property
    def is_running(self) -> bool:
        """Whether its thread is at work."""
        return not self.future.done()

    @property
    def error(self) -> SkewlineError | None:
        """Why it failed; None while it runs and when it did not."""
        failure = None if self.is_running else self.future.exception()
        assert failure is None or isinstance(failure, SkewlineError)
        return failure

    def settle(self, seconds: float) -> None:
        """Wait up to `seconds` for the end."""
        wait([self.future], timeout=seconds)
