"""How far a load is, on a terminal; nothing where the standard error is none."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lib.core.formatting import size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lib.loading.load import Progress


@dataclass(frozen=True)
class Listeners:
    """Who is told how far a report is: of the load, what is done after it, and what stays."""

    load: Callable[[Progress], None] = lambda _: None
    doing: Callable[[str], None] = lambda _: None
    note: Callable[[str], None] = lambda _: None


@contextmanager
def progress_shown() -> Iterator[Listeners]:
    """Show a bar for the length of the block; yield who is told how far the report is."""
    if not sys.stderr.isatty():
        yield Listeners()
        return
    from rich.console import Console  # noqa: PLC0415 (only a terminal needs it, as the bar)
    from rich.progress import Progress as Bar  # noqa: PLC0415

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Reading", total=None)

        def load(progress: Progress) -> None:
            text = f"{progress.records:,} records, {size(progress.bytes)}"
            bar.update(task, completed=progress.records, total=progress.expected, description=text)

        def doing(what: str) -> None:
            bar.reset(task, total=None, description=what)

        yield Listeners(load, doing, bar.console.print)
