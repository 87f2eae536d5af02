"""What `docs/engines.md` says of the engines is what they say of themselves."""

from __future__ import annotations

import pytest

from lib.core.durations import written_ms
from lib.replay import registry
from lib.replay.engine import INITIAL_DELAY_MS, Duration, Number, Switch
from lib.replay.windows import SessionWindow
from lib.ui.parameters import DELAY
from tests.support.app import REPOSITORY

ENGINES_MD = (REPOSITORY / "docs/engines.md").read_text()


def rows_under(heading):
    """The rows of the first table under a heading, each a tuple of its cells, without the head."""
    section = ENGINES_MD.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[2:]]


def shown(parameter, value):
    """A setting's value as its control shows it."""
    match parameter:
        case Switch():
            return "on" if value else "off"
        case Duration():
            return written_ms(value or 0)
        case Number():
            return str(value or 0)


def expected_rows():
    for engine in registry.ENGINES:
        delay = engine.delay
        yield (
            engine.label,
            delay.title,
            f"`{DELAY.name}`",
            delay.engine_default,
            written_ms(INITIAL_DELAY_MS),
        )
        initial = engine.setting(SessionWindow(1))
        for parameter in engine.parameters:
            first = shown(parameter, getattr(initial, parameter.name))
            link = f"`{parameter.link}`"
            yield engine.label, parameter.title, link, parameter.engine_default, first


def test_the_settings_of_every_engine_are_documented_with_their_defaults():
    assert rows_under("What can be set") == list(expected_rows())


@pytest.mark.parametrize("engine", registry.ENGINES, ids=lambda e: e.label)
def test_the_rules_of_every_engine_are_documented(engine):
    assert any(row[0].split(",")[0] == engine.label for row in rows_under("The rules"))
