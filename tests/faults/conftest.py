"""What the faults have in common: a table of what happened, printed at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS: list[tuple[str, ...]] = []


@pytest.fixture
def record() -> Callable[..., None]:
    """Keep a row of the table: fault, reader, seconds, events, what was said."""
    return lambda *row: ROWS.append(tuple(map(str, row)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, as the documentation has it."""
    lines = [("fault", "reader", "seconds", "events", "said"), ("---",) * 5, *sorted(ROWS)]
    for line in lines:
        terminalreporter.write_line(f"| {' | '.join(line)} |")
