"""Engines as somebody would add one: a file, to be named in a line of the registry.

They never call an event late. The second has a parameter of each kind.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.core.blockwise import Answer, as_it_is, first_of
from lib.replay.assignment import assign_aligned, assign_sessions, exclusive_bounds, replay_of
from lib.replay.code import Program
from lib.replay.engine import Delay, Duration, Engine, Number, Setting, Switch
from lib.replay.windows import NEVER, NO_INDEX, SessionWindow


@dataclass(frozen=True)
class ToySetting(Setting):
    patience_ms: int = 0
    caching: bool = True

    @property
    def engine(self):
        return TOY


@dataclass(frozen=True)
class TunableSetting(ToySetting):
    wait_ms: int = 10_000
    limit: int | None = None

    @property
    def engine(self):
        return TUNABLE


def no_clock(_, __):
    yield from ()  # a question without a round
    return Answer(None, first_of, as_it_is)


def replay_toy(events, setting, _):
    never = np.full(len(events), NEVER)
    if isinstance(setting.window, SessionWindow):
        gap = setting.window.gap_ms
        assignment = assign_sessions(
            events, never, held_from=never, reach_ms=gap, late_ms=0, joins_first=False
        )
    else:
        assignment = assign_aligned(events, never, setting.window, late_ms=0)
    no_result = np.full(len(assignment.key), NO_INDEX)
    bounds = exclusive_bounds(assignment, setting.window)
    return replay_of(assignment, never, bounds, (no_result, no_result))


def toy_programs(setting, names):
    return (Program("Toy", "text", f"{names.topic} {setting.patience_ms}"),)


CACHING = Switch(
    name="caching",
    title="Toy cache",
    link="toy_caching",
    engine_default="on",
    help="Does nothing.",
    windows=(SessionWindow,),
)
TOY = Engine(
    name="toy",
    label="Toy",
    new_setting=ToySetting,
    clock=no_clock,
    replay=replay_toy,
    programs=toy_programs,
    delay=Delay(name="patience_ms", title="Patience"),
    parameters=(CACHING,),
)
TUNABLE = Engine(
    name="tunable-toy",
    label="Tunable toy",
    new_setting=TunableSetting,
    clock=no_clock,
    replay=replay_toy,
    programs=toy_programs,
    delay=Delay(name="patience_ms", title="Patience"),
    parameters=(
        CACHING,
        Duration(
            name="wait_ms",
            title="Wait",
            link="toy_wait",
            engine_default="10 s",
            help="Does nothing.",
        ),
        Number(
            name="limit",
            title="Limit",
            link="toy_limit",
            engine_default="none",
            help="Does nothing.",
            group="More",
            zero_is_none=True,
            needs="wait_ms",
        ),
    ),
)
