"""Prints what the warm-up left to be compiled: `python -m tests.replay.compiled_late`.

To be run in a process of its own: in a shared one, something else may have compiled it before.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import product

import numpy as np
from numba.core.dispatcher import Dispatcher

from lib.replay import registry
from lib.replay.engine import Duration, Number, Switch, replay
from lib.replay.input import replay_input
from lib.replay.outcome import outcome_of
from lib.replay.processing_time import replay_processing_time
from lib.replay.windows import SessionWindow

WINDOW = SessionWindow(5)


def signatures():
    """What each compiled loop of `lib.replay` is compiled for, so far."""
    return {
        f"{module}.{name}": tuple(value.signatures)
        for module in sorted(sys.modules)
        if module.startswith("lib.replay")
        for name, value in vars(sys.modules[module]).items()
        if isinstance(value, Dispatcher)
    }


def settings(engine):
    """Every combination of two values of each parameter."""
    parameters = {parameter.name: parameter for parameter in engine.parameters}
    for values in product(*map(two_values, parameters.values())):
        chosen = dict(zip(parameters, values, strict=True))
        if all(chosen[p.needs] or not chosen[p.name] for p in parameters.values() if p.needs):
            yield replace(engine.setting(WINDOW, 3), **chosen)


def two_values(parameter):
    match parameter:
        case Switch():
            return False, True
        case Number(zero_is_none=True) | Duration(zero_is_none=True):
            return None, 5
        case Number(least=least):
            return least, least + 5
        case _:
            return 0, 5


def main():
    registry.warm_up()
    warm = signatures()
    codes = (np.arange(40) % 3).astype(np.int8)
    events = replay_input(np.arange(40) * 7 % 50, codes, codes.astype(np.int32), np.arange(40))
    for engine in registry.ENGINES:
        for setting in settings(engine):
            outcome_of(replay(events, setting), codes)
    replay_processing_time(events, WINDOW)
    late = [name for name, compiled in signatures().items() if compiled != warm[name]]
    print(f"{len(warm)} loops, compiled after the warm-up: {late}")


if __name__ == "__main__":
    main()
