"""Clocks that were set beside a queue in which all events wait."""

import numpy as np
import pandas as pd
import pytest

from lib.analysis.analyse import analyse
from lib.analysis.client_clocks import sent_times
from lib.analysis.clock_steps import find_steady
from lib.core.blockwise import Answer, answered, stacked
from tests.support.rounds import answered_in_blocks, compact
from tests.support.tables import events_table

MINUTE = 60_000
QUEUES = {
    "grows, stops and is flushed": lambda m: np.where(m < 40, (m - 20) * 30, 600 - (m - 40) * 60),
    "grows and is drained": lambda m: np.where(m < 30, (m - 20) * 30, 300 - (m - 30) * 30),
    "is there at once and drained": lambda m: np.where(m < 20, 0, 300 - (m - 20) * 10),
    "comes and goes": lambda m: 20 * np.abs(np.sin(m / 3)),
}
"""Seconds that events wait in a queue, by the minute."""


def topic(queue, *, stepped=(), step_s=0, at_min=50, every_ms=2_000, seed=1):
    """An hour of twelve clients; the clocks of some are set forward by `step_s` at a minute."""
    rng = np.random.default_rng(seed)
    rows = []
    for client in range(12):
        happened = np.cumsum(rng.exponential(every_ms, 60 * MINUTE // every_ms))
        waited = 1_000 * np.maximum(0, queue(happened / MINUTE))
        received = happened + waited + rng.lognormal(np.log(150), 0.5, len(happened))
        shown = happened + 1_000 * step_s * ((client in stepped) & (happened > at_min * MINUTE))
        rows += [(int(r), int(e), f"c{client}") for r, e in zip(received, shown, strict=True)]
    received, shown, client = zip(*sorted(rows), strict=True)
    return events_table(shown, received, client=client)


def set_clocks(events):
    return [f.sentence for f in analyse(events).findings if "set " in f.sentence]


@pytest.mark.parametrize("queue", QUEUES)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_queue_sets_no_clock(queue, seed):
    assert set_clocks(topic(QUEUES[queue], seed=seed)) == []


@pytest.mark.parametrize("step_s", [-20, 3_600])
def test_beside_a_queue_that_is_drained_a_clock_that_is_set_is_told(step_s):
    events = topic(QUEUES["grows and is drained"], stepped={3}, step_s=step_s)
    (sentence,) = set_clocks(events)
    assert sentence.startswith("Client c3's clock was set ")


@pytest.mark.parametrize("step_s", [-3_600, 3_600])
def test_clocks_of_all_clients_that_are_set_at_once_are_told(step_s):
    (sentence,) = set_clocks(topic(lambda m: 0 * m, stepped=set(range(12)), step_s=step_s))
    assert sentence.startswith("The times of 12 clients were set ")


def steps_in(events):
    sent = sent_times(events)
    steps, _, _, _ = yield from find_steady(events, sent)
    return Answer(steps.table(sent), stacked, lambda found: found.sort_values("ClientID"))


@pytest.mark.parametrize("queue", QUEUES)
def test_it_is_the_same_in_blocks(queue):
    events = topic(QUEUES[queue], stepped={3, 4}, step_s=-20, at_min=10)
    codes = events["ClientID"].cat.codes.to_numpy()
    blocks = [steps_in(compact(events[codes % 5 == number])) for number in range(5)]
    one, other = answered(steps_in(events)), answered_in_blocks(blocks)
    for table in (one, other):
        table["ClientID"] = table["ClientID"].astype(object)
    pd.testing.assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True))
    assert queue == "comes and goes" or one["ClientID"].tolist() == ["c3", "c4"]
