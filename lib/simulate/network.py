"""How events travel: held back, queued, delayed, overtaken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lib.simulate.draw import generator, segmented_cummax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.simulate.scenario import Scenario

LOMAX_SHAPE = 2.5
"""Of "pareto" delays: heavy-tailed, with a mean and a variance."""


def deliver(
    scenario: Scenario,
    session: NDArray[np.int64],
    time: NDArray[np.float64],
    held_until: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return when each event is received, ms since the scenario's start.

    Events are ordered by session, then time. `held_until` is the end of the outage that holds an
    event back, NaN where none does. A session sends its events in order, each as soon as it can
    and no faster than the flush rate.
    """
    ready = np.fmax(time, held_until)
    queue = np.arange(len(ready)) * (1000 / scenario.flush_rate)
    sent = np.maximum(segmented_cummax(ready - queue, session) + queue, ready)
    received = sent + _delays(scenario, len(sent))
    if scenario.in_order:
        received = segmented_cummax(received, session)
    return received + _overtaken(scenario, np.isfinite(held_until))


def _delays(scenario: Scenario, size: int) -> NDArray[np.float64]:
    rng = generator(scenario, "delays")
    shapes = {  # each with mean 1
        "uniform": lambda: rng.uniform(0, 2, size),
        "gamma": lambda: rng.gamma(2, 1 / 2, size),
        "lognormal": lambda: rng.lognormal(-1 / 2, 1, size),
        "pareto": lambda: rng.pareto(LOMAX_SHAPE, size) * (LOMAX_SHAPE - 1),
    }
    jitter = shapes[scenario.jitter]()
    return scenario.delay_ms + np.minimum(jitter * scenario.jitter_ms, scenario.jitter_max_ms)


def _overtaken(scenario: Scenario, held: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Extra delay of the events that later ones overtake; a flushed buffer stays in order."""
    rng = generator(scenario, "disorder")
    chosen = rng.random(len(held)) < scenario.disorder_share
    extra = rng.exponential(scenario.disorder_ms, len(held))
    return np.where(chosen & ~held, extra, 0.0)
